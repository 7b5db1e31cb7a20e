"""Texts that were filled into templates, and the templates that they were filled into.

Runs of tokens that many texts share, and the same texts share all of them, come from one template:
people do not write so much alike. A template holds those that a closer look finds inside it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from parity_eval.wire.text import SPACELESS

FIELDS = ("system_prompt", "user_prompt", "schema", "tool")
"""What the texts of a request are, in order."""
_USER = 1

_USUAL = 0.9
"""Share of texts from which a run is constant for all of them."""
_SAME = 0.4
"""Share of a template's constants in one message that its siblings have too, from which what is
left is a filled-in value: a language, a customer, a newer wording."""
_MOSTLY = 0.8
"""Share of a template's answers that are of one sort, which the others' answers seldom are."""
_LEAST_WORDS = 5
_SHORTEST = 3
_PHRASE = 8
"""Runs of what people type; longer ones come from a program."""
_UNANCHORED = 20
_COMMON = 0.03
"""Share of requests from which a short run counts, if it looks as if a program had put it there."""
_MOST_VARIANTS = 6
_LEAST_USERS = 20
_OFTEN = 0.1
"""Fewest requests, or share of all, from which a user's message may be a template."""
_MOST_UNSURE = 12
"""Templates beside each other that may be data as well: in users' messages, or in prompts that have
more in common."""
_MOST_TRIED = 2_000
"""Sets of documents looked at within one template."""
_HEAD = 400
"""Tokens looked at from both ends of a text."""

_TOKEN = re.compile(rf"[{SPACELESS}]|[^\W{SPACELESS}]+|[^\w\s]")
_OPENS = re.compile(r"[:\"'`({\[<>|=]\s*\Z|\n\s*\Z")
_TELLS = re.compile(
    r"\b(answer|analy[sz]e|assess|categori[sz]e|change|check|classify|compare|compose|convert|"
    r"correct|create|decide|describe|detect|determine|draft|edit|evaluate|explain|extract|fill|"
    r"find|fix|format|generate|give|grade|identify|improve|label|list|make|name|paraphrase|parse|"
    r"plan|produce|propose|provide|rank|rate|read|rephrase|reply|respond|return|review|rewrite|"
    r"score|select|shorten|simplify|sort|suggest|summari[sz]e|tag|tell|transcribe|translate|turn|"
    r"write|you are|your (?:task|job|role)|beantwort|erstell|fass|klassifizier|schreib|[uü]bersetz|"
    r"clasific|escrib|extra[ei]|responde|resum|traduc|traduis|r[ée]sum|[ée]cri)",
    re.IGNORECASE,
)
_CLOSES = re.compile(r"\A\s*[\"'`)}\]<|]|\A\s*\n")

Ints: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One distinct request, as far as templates go."""

    texts: tuple[str, ...]
    """Text of each of `FIELDS`; the last two as one text each."""
    nature: str = ""
    """What sort of answer it was given; helps where requests look alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Documents of one template."""

    members: tuple[int, ...]
    """Positions of the documents, ascending."""
    frame: tuple[int, ...]
    """Positions of all documents of the template, members of narrower ones included."""
    constants: tuple[tuple[str, ...], ...]
    """For each of `FIELDS` the texts that all of the frame have, in order."""
    variants: tuple[tuple[str, int], ...] = ()
    """Words of the system prompt that part all members into few groups, and how many have each;
    they are values, versions or features: nobody can tell from the texts."""


@dataclass(frozen=True, kw_only=True)
class _Tokens:
    """A text cut into tokens."""

    text: str
    is_prose: bool
    """Whether it is more than a name."""
    packed: Ints
    """Hash of each token with its two neighbours; ends of the text are tokens too."""

    @property
    def runs(self) -> list[int]:
        """The hashes as plain numbers: most are never looked at."""
        found: list[int] = self.packed.tolist()
        return found

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """Where each token stands."""
        return _spans(self.text, is_prose=self.is_prose)


@dataclass(slots=True)
class _Node:
    """Documents that share constants, while they are taken apart."""

    docs: Ints
    frame: set[int] = field(default_factory=set)
    """Runs that they share."""
    left: list[int] = field(default_factory=list)
    """Those that belong to nothing narrower."""
    variants: tuple[tuple[str, int], ...] = ()


def groups(documents: Sequence[Document], *, least: int) -> tuple[Group, ...]:
    """Find the templates of documents.

    Args:
        documents: Distinct requests; their order does not matter.
        least: Fewest documents of a group; smaller ones stay with what is around them.

    Returns:
        Every document in one group at most, largest first; what belongs to none has nothing in
        common with enough others. A group of all documents is only there if they have constants.
    """
    order = sorted(range(len(documents)), key=lambda i: documents[i].texts)
    miner = _Miner([documents[i] for i in order], least)
    found = [
        Group(
            members=tuple(sorted(order[i] for i in node.left)),
            frame=tuple(sorted(order[i] for i in node.docs.tolist())),
            constants=miner.constants(node.docs),
            variants=node.variants,
        )
        for node in miner.leaves(_Node(np.arange(len(order), dtype=np.int64)))
    ]
    found = [group for group in found if any(group.constants)]
    return tuple(sorted(found, key=lambda group: (-len(group.members), group.constants)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """Runs of some documents, and the documents that have each."""

    runs: Ints
    starts: Ints
    owners: Ints

    def having(self, i: int) -> Ints:
        """Return the documents that have a run."""
        found: Ints = self.owners[self.starts[i] : self.starts[i + 1]]
        return found

    def constant(self, least: float) -> set[int]:
        """Return the runs that at least so many documents have."""
        return set(self.runs[np.diff(self.starts) >= least].tolist())


class _Miner:
    """Takes documents apart, from what all share to what few do."""

    def __init__(self, documents: Sequence[Document], least: int) -> None:
        self._docs = documents
        self._least = least
        ids: dict[str, int] = {}
        self._tokens = [
            tuple(_tokens(text, place, ids) for place, text in enumerate(doc.texts))
            for doc in documents
        ]
        self._rows = [
            np.unique(np.concatenate([cut.packed for cut in tokens])) for tokens in self._tokens
        ]
        users = [tokens[_USER].packed for tokens in self._tokens]
        self._edges = {int(runs[i]) for runs in users if len(runs) for i in (0, -1)}

    def leaves(self, node: _Node) -> Iterable[_Node]:
        """Give the narrowest templates, and what wider ones have beside them."""
        shared = self._shared(node.docs)
        node.frame = shared.constant(_USUAL * len(node.docs))
        left = set(node.docs.tolist())
        candidates = self._candidates(node, shared)
        narrower: list[Ints] = []
        unsure: list[Ints] = []
        framed = {_field(run) for run in node.frame}
        for docs, own in candidates:
            inside = set(docs.tolist())
            if inside <= left and self._is_template(node, docs, own):
                left -= inside
                is_sure = not {_field(run) for run in own} <= framed | {_USER}
                (narrower if is_sure else unsure).append(docs)
        for docs in unsure:
            # So many are none: it is data that comes again and again, or one of many customers.
            if len(unsure) > _MOST_UNSURE and len(docs) < _OFTEN * len(node.docs):
                left |= set(docs.tolist())
            else:
                narrower.append(docs)
        for docs in narrower:
            yield from self.leaves(_Node(docs))
        if len(left) >= self._least:
            node.left = sorted(left)
            node.variants = self._variants(candidates, left)
            yield node

    def _variants(
        self, candidates: Sequence[tuple[Ints, set[int]]], docs: set[int]
    ) -> tuple[tuple[str, int], ...]:
        """Return what else parts documents by their system prompts; nothing if that is not all."""
        left = set(docs)
        found: list[tuple[str, int]] = []
        for having, own in candidates:
            cut = self._tokens[int(having[0])][0]
            inside = set(having.tolist())
            if sum(run in own for run in cut.runs) >= _LEAST_WORDS and inside <= left:
                left -= inside
                found.append((_longest(cut, own), len(inside)))
        is_all = len(left) <= (1 - _USUAL) * len(docs)
        return tuple(found) if is_all and 1 < len(found) <= _MOST_VARIANTS else ()

    def _shared(self, docs: Ints) -> "_Shared":
        """Return the runs of some documents, and which have each."""
        rows = [self._rows[i] for i in docs.tolist()]
        features = np.concatenate(rows) if rows else np.empty(0, dtype=np.int64)
        owners = np.repeat(docs, [len(row) for row in rows])
        order = np.argsort(features, kind="stable")
        runs, starts = np.unique(features[order], return_index=True)
        return _Shared(runs=runs, starts=np.append(starts, len(features)), owners=owners[order])

    def _candidates(self, node: _Node, shared: "_Shared") -> list[tuple[Ints, set[int]]]:
        """Return sets of documents with the runs that they alone share, what explains most first.

        Runs that exactly the same documents have belong together.
        """
        counts = np.diff(shared.starts)
        is_some = (counts >= self._least) & (counts < _USUAL * len(node.docs))
        sets: dict[bytes, list[int]] = {}
        for i in np.flatnonzero(is_some).tolist():
            sets.setdefault(shared.having(i).tobytes(), []).append(i)
        ranked = sorted(
            sets.values(),
            key=lambda at: (-len(at) * int(counts[at[0]]), int(shared.having(at[0])[0])),
        )
        worth = [
            at
            for at in ranked
            if len(at) >= _LEAST_WORDS or any(self._is_telling(int(shared.runs[i])) for i in at)
        ]
        return [
            (shared.having(at[0]), {int(shared.runs[i]) for i in at}) for at in worth[:_MOST_TRIED]
        ]

    def _is_telling(self, run: int) -> bool:
        """Whether a run counts alone: of what people type, only where messages begin or end."""
        return _field(run) != _USER or run in self._edges

    def _is_template(self, node: _Node, docs: Ints, own: set[int]) -> bool:
        """Whether documents that share runs were filled into a template of their own."""
        return any(self._is_own(node, docs, own, place) for place in range(len(FIELDS)))

    def _is_own(self, node: _Node, docs: Ints, own: set[int], place: int) -> bool:
        """Whether it shows in one field."""
        cut = self._tokens[int(docs[0])][place]
        n_new = sum(run in own for run in cut.runs)
        if place > _USER or not n_new:
            # Tools that come and go belong to one assistant; a schema is a task's own.
            return n_new > 0 and (FIELDS[place] == "schema" or not node.frame)
        n_frame = sum(run in node.frame for run in cut.runs)
        if n_frame > _SAME * (n_frame + n_new) and not self._answers_differ(node, docs):
            return False
        if place == _USER:
            return self._is_filled_in(node, docs, cut, own)
        is_anchored = cut.runs[0] in own or cut.runs[-1] in own
        is_whole = n_new + n_frame == len(cut.runs)
        if is_anchored:
            return is_whole or n_new >= _LEAST_WORDS
        return n_new >= _UNANCHORED and n_frame == 0

    def _is_filled_in(self, node: _Node, docs: Ints, cut: _Tokens, own: set[int]) -> bool:
        """Whether a program has put together what the user says, rather than repeated its data."""
        n_new = sum(run in own for run in cut.runs)
        is_opened, is_closed = cut.runs[0] in own, cut.runs[-1] in own
        is_edge = is_opened or is_closed
        n, n_all = len(docs), len(self._docs)
        if n < min(_LEAST_USERS, _OFTEN * n_all):
            return False
        # With its siblings it may share words that are as constant.
        constant = own | self._shared(docs).constant(_USUAL * n) if is_edge else own
        has_slot = sum(_covered(cut, constant)) >= _SHORTEST and _has_slot(cut, constant)
        if sum(_field(run) != _USER for run in node.frame) >= _LEAST_WORDS:
            # The system prompt says what is to be done; the user's message is mostly data.
            is_told = is_opened and _TELLS.search(_opening(cut, constant)) is not None
            is_apart = is_told or (is_edge and self._answers_differ(node, docs))
            return is_apart and (n_new >= _LEAST_WORDS or has_slot)
        if is_edge:
            return n_new >= _PHRASE or (has_slot and n >= _COMMON * n_all)
        # In the midst of a message, data that comes again is likelier.
        is_framed = any(run in node.frame for run in cut.runs)
        return n_new >= _UNANCHORED and n >= _OFTEN * n_all and not is_framed

    def _answers_differ(self, node: _Node, docs: Ints) -> bool:
        """Whether some documents are usually answered in a way that the others seldom are."""
        inside = [self._docs[i].nature for i in docs.tolist()]
        outside = [self._docs[i].nature for i in np.setdiff1d(node.docs, docs).tolist()]
        usual = max(sorted(set(inside)), key=inside.count)
        return (
            usual != ""
            and inside.count(usual) >= _MOSTLY * len(inside)
            and outside.count(usual) <= (1 - _MOSTLY) * len(outside)
        )

    def constants(self, docs: Ints) -> tuple[tuple[str, ...], ...]:
        """Return what the texts of all documents have in common, by field."""
        frame = self._shared(docs).constant(_USUAL * len(docs))
        first = self._tokens[int(docs[0])]
        texts = [self._docs[i].texts for i in docs.tolist()]
        return tuple(
            _common(cut, frame, [text[place] for text in texts]) for place, cut in enumerate(first)
        )


def _spans(text: str, *, is_prose: bool) -> list[tuple[int, int]]:
    if not is_prose:
        return [(0, len(text))] if text else []
    spans = [match.span() for match in _TOKEN.finditer(text)]
    return spans if len(spans) <= 2 * _HEAD else [*spans[:_HEAD], *spans[-_HEAD:]]


def _tokens(text: str, place: int, ids: dict[str, int]) -> _Tokens:
    is_prose = place <= _USER
    words = [text[start:end] for start, end in _spans(text, is_prose=is_prose)]
    codes = [-1 - place, *(ids.setdefault(word, len(ids)) for word in words), -1 - place]
    runs = [_run(place, *codes[i : i + 3]) for i in range(len(words))]
    return _Tokens(text=text, is_prose=is_prose, packed=np.array(runs, dtype=np.int64))


def _run(place: int, left: int, middle: int, right: int) -> int:
    """Return the hash of three tokens; its last two bits are the field that they are in."""
    code = ((left + 8) * 2_147_483_659 + middle + 8) * 2_305_843_009 + right + 8
    return ((code ^ (code >> 31)) % 2**60) * 4 + place


def _field(run: int) -> int:
    return run % 4


def _opening(cut: _Tokens, own: set[int]) -> str:
    """Return the constant words that a text begins with."""
    n = next((i for i, run in enumerate(cut.runs) if run not in own), len(cut.runs) - 1)
    return cut.text[: cut.spans[n][1]]


def _has_slot(cut: _Tokens, own: set[int]) -> bool:
    """Whether the place where constants end looks like one that a program fills."""
    covered = _covered(cut, own)
    for i, (here, after) in enumerate(pairwise(covered)):
        end, start = cut.spans[i][1], cut.spans[i + 1][0]
        if here and not after and _OPENS.search(cut.text[cut.spans[i][0] : start]):
            return True
        if after and not here and _CLOSES.search(cut.text[end : cut.spans[i + 1][1]]):
            return True
    return False


def _covered(cut: _Tokens, constant: set[int]) -> list[bool]:
    """Return for each token whether it is constant: a run is one token and both its neighbours."""
    is_in = [run in constant for run in cut.runs]
    return [any(is_in[max(0, i - 1) : i + 2]) for i in range(len(is_in))]


def _longest(cut: _Tokens, own: set[int]) -> str:
    """Return the longest text of a template's own words."""
    is_own = [run in own for run in cut.runs]
    edges = [i for i, is_in in enumerate([*is_own, False]) if not is_in]
    pieces = [
        cut.text[cut.spans[before + 1][0] : cut.spans[after - 1][1]]
        for before, after in pairwise([-1, *edges])
        if after - before > 1
    ]
    return max(pieces, key=len)


def _common(cut: _Tokens, frame: set[int], texts: Sequence[str]) -> tuple[str, ...]:
    """Return the runs of a text's tokens that stand in all texts, in order."""
    covered = _covered(cut, frame)
    pieces: list[str] = []
    begin: int | None = None
    for i, is_in in enumerate([*covered, False]):
        if is_in and begin is None:
            begin = i
        elif not is_in and begin is not None:
            piece = cut.text[cut.spans[begin][0] : cut.spans[i - 1][1]]
            pieces += _in_all(piece, texts)
            begin = None
    return tuple(pieces)


def _in_all(piece: str, texts: Sequence[str]) -> list[str]:
    """Return a piece, or those of its lines, that stand in all texts."""
    if all(piece in text for text in texts):
        return [piece]
    lines = [line for line in piece.splitlines() if line.strip()]
    if len(lines) > 1:
        return [line for line in lines if all(line in text for text in texts)]
    return []

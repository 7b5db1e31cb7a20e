"""The tasks of a log that nobody has configured: what the log names, else templates of requests.

Nothing is invented: requests that have nothing in common but their log are one group. A group is
what its rule matches, so that what is shown is what a configuration with the rule finds.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from glob import escape
from itertools import combinations, product

from parity_eval import tasks
from parity_eval.discovery import naming, templates
from parity_eval.discovery.sketch import NAMING_FIELDS, NAMING_KEYS, Sketch
from parity_eval.errors import ConfigError
from parity_eval.kinds import kind_from_answers, kind_from_requests, nature
from parity_eval.records import Kind, LogEntry, TaskName
from parity_eval.study import TaskSpec

_NAMED = 0.5
"""Share of requests that the log has to name a task for."""
_LEAST = 5
_LEAST_SHARE = 0.005
_MOST_NAMES = 200
_MOST_VALUES = 12
_SHORT_GLOB = 60
_TELLING = 20
"""Characters of a glob that people hardly type by chance."""
_MOST_TRIED = 8
"""Globs of a field that are tried together with those of others."""
_EXAMPLES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """A task that a log seems to hold."""

    name: TaskName
    match: Mapping[str, str]
    """Rule that finds its requests, as a task of a configuration has it."""
    n: int
    """Requests of the log; estimated where the log holds more distinct ones than are looked at."""
    share: float
    """Of the log's requests, in [0, 1]."""
    n_distinct: int
    """Distinct requests among those looked at."""
    examples: tuple[str, ...]
    """Ids of some requests."""
    template: str
    """What its requests have in common, one text; empty where that is nothing."""
    kind: Kind
    """A guess; a run makes its own from requests that it does not certify on."""
    why_kind: str
    why: str
    """Why these requests are taken for a task."""
    splits: tuple[str, ...] = ()
    """Metadata and wordings that could part it further, with sizes among those looked at."""


def discover(log: Sketch | Iterable[LogEntry]) -> tuple[Discovered, ...]:
    """Find the tasks of a log.

    Args:
        log: Its requests, or what a sketch has kept of them.

    Returns:
        Tasks whose rules part the log, largest first, the rest last. Empty for an empty log.
    """
    sketch = log if isinstance(log, Sketch) else _sketched(log)
    seen = sketch.requests()
    if not seen:
        return ()
    entries = [entry for entry, _ in seen]
    least = max(_LEAST, round(_LEAST_SHARE * len(seen)))
    drafts = _settled(
        _named(entries, NAMING_FIELDS, fewest=2) or _templated(entries, least), entries
    )
    if len(drafts) == 1 and (named := _named(entries, ("task",), fewest=1)):
        # One task by whatever name: by that which a run without a configuration gives it.
        drafts = _settled(named, entries)
    return tuple(_described(drafts, seen, sketch.n))


def recounted(found: Sequence[Discovered], entries: Iterable[LogEntry]) -> tuple[Discovered, ...]:
    """Return tasks with their sizes counted over a whole log, where those were estimated.

    Raises:
        ConfigError: a request that was not looked at before fits two of them.
    """
    specs = [TaskSpec(name=task.name, match=dict(task.match)) for task in found]
    sizes = Counter(tasks.assign(entry, specs) for entry in entries)
    n = max(1, sizes.total())
    return tuple(replace(task, n=sizes[task.name], share=sizes[task.name] / n) for task in found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A task before its requests are counted."""

    match: dict[str, str]
    why: str
    names: tuple[str, ...]
    """Texts to take a name from, best first."""
    template: str = ""
    variants: tuple[tuple[str, int], ...] = ()
    own_name: str = ""
    """What the log calls it."""


def _sketched(entries: Iterable[LogEntry]) -> Sketch:
    sketch = Sketch()
    for entry in entries:
        sketch.add(entry)
    return sketch


# --- Tasks that the log names -------------------------------------------------------------------


def _named(entries: Sequence[LogEntry], fields: Sequence[str], *, fewest: int) -> list[_Draft]:
    """Return tasks by a field that names at least so many; none where no field does."""
    for field in fields:
        values = [tasks.field_values(entry, field) for entry in entries]
        counts = Counter(value[0] for value in values if len(value) == 1 and value[0])
        n_named = counts.total()
        if n_named < _NAMED * len(entries) or not fewest <= len(counts) <= _MOST_NAMES:
            continue
        # A name of its own for each of many requests names no tasks, whatever it is called.
        is_short = field == "task" and len(counts) <= _MOST_VALUES
        if n_named < 2 * len(counts) and not is_short:
            continue
        drafts = [
            _Draft(
                match={field: _literal(value)},
                why=f"the log's {field}",
                names=(value,),
                own_name=value,
            )
            for value in sorted(counts)
        ]
        return [*drafts, _rest("requests without " + field)]
    return []


def _rest(why: str) -> _Draft:
    return _Draft(match={tasks.REST: "*"}, why=why, names=("other",))


# --- Tasks by template --------------------------------------------------------------------------


def _templated(entries: Sequence[LogEntry], least: int) -> list[_Draft]:
    """Return tasks by template, each with a rule that fits no other template's requests."""
    views = [_values(entry) for entry in entries]
    found = templates.groups(
        [
            templates.Document(
                texts=tuple("\n".join(view[field]) for field in templates.FIELDS),
                nature=nature(entry.response),
            )
            for view, entry in zip(views, entries, strict=True)
        ],
        least=least,
    )
    drafts: list[_Draft] = []
    ruled: list[set[int]] = []
    for group in sorted(found, key=lambda group: len(group.frame)):
        is_wide = any(inner < set(group.frame) for inner in ruled)
        draft = _ruled(group, found, views, is_wide=is_wide)
        if draft is not None:
            drafts.append(draft)
            ruled.append(set(group.frame))
    if not drafts:
        return [_Draft(match={tasks.REST: "*"}, why=_NOTHING, names=("all requests",))]
    return [*drafts, *_rests(entries, drafts, least)]


_NOTHING = "its requests have no text in common"


def _values(entry: LogEntry) -> dict[str, tuple[str, ...]]:
    found = {field: tasks.field_values(entry, field) for field in templates.FIELDS}
    return {**found, "tool": tuple(sorted(found["tool"]))}


def _rests(entries: Sequence[LogEntry], drafts: Sequence[_Draft], least: int) -> Iterator[_Draft]:
    """Give what no template fits: with tools and without, where there is enough of both."""
    specs = _specs(drafts)
    left = [entry for entry in entries if tasks.assign(entry, specs) is None]
    with_tools = [entry for entry in left if entry.request.body.get("tools")]
    if least <= len(with_tools) <= len(left) - least:
        yield _Draft(
            match={tasks.REST: "*", "tool": "?*"}, why=_NOTHING + " but tools", names=("tools",)
        )
    yield _rest(_NOTHING)


def _ruled(
    group: templates.Group,
    found: Sequence[templates.Group],
    views: Sequence[Mapping[str, tuple[str, ...]]],
    *,
    is_wide: bool,
) -> _Draft | None:
    """Return a template with the shortest rule that fits its requests and no others.

    A template that holds narrower ones takes what they leave.
    """
    rules = list(_rules(group.constants))
    inside = set(group.frame)
    in_others = {i for other in found if not set(other.members) <= inside for i in other.members}
    # Best is what fits nothing else; requests of no template may have to come along.
    for outside, match in product((set(range(len(views))) - inside, in_others), rules):
        if all(_fits(views[i], match) for i in group.frame) and not any(
            _fits(views[i], match) for i in outside
        ):
            texts = [text for pieces in group.constants for text in pieces]
            fields = sorted(match, key=templates.FIELDS.index, reverse=True)
            return _Draft(
                match={tasks.REST: "*", **match} if is_wide else match,
                why="the same " + " and ".join(_CALLED[field] for field in fields[::-1]),
                names=tuple(_said(match[field]) for field in fields),
                template=" ... ".join(texts),
                variants=group.variants,
            )
    return None


_CALLED = {
    "system_prompt": "system prompt",
    "user_prompt": "words in the first user message",
    "schema": "JSON Schema",
    "tool": "tools",
}


def _fits(view: Mapping[str, tuple[str, ...]], match: Mapping[str, str]) -> bool:
    return all(
        any(fnmatchcase(value, pattern) for value in view[field])
        for field, pattern in match.items()
    )


def _rules(constants: Sequence[Sequence[str]]) -> Iterator[dict[str, str]]:
    """Give rules, the clearest first: one field alone, then several together."""
    globs = {
        field: _globs(field, pieces)
        for field, pieces in zip(templates.FIELDS, constants, strict=True)
        if pieces
    }
    for field, patterns in globs.items():
        for pattern in patterns:
            yield {field: pattern}
    for n in range(2, len(globs) + 1):
        for fields in combinations(globs, n):
            for chosen in product(*(globs[field][:_MOST_TRIED] for field in fields)):
                yield dict(zip(fields, chosen, strict=True))


def _globs(field: str, pieces: Sequence[str]) -> list[str]:
    """Return globs for the constants of a field: their lines from the first to the last, then all.

    What is too short to be sure that nobody else says it comes later.
    """
    if field == "schema":
        return [_literal(pieces[0])]
    if field == "tool":
        return [_literal(name) for name in pieces[0].split("\n")]
    lines = [_clipped(line) for piece in pieces for line in piece.splitlines() if line.strip()]
    found = [f"{_literal(lines[0])}*", *(f"*{_literal(line)}*" for line in lines)]
    found.sort(key=lambda pattern: len(pattern) < _TELLING)
    whole = "*".join(map(_literal, pieces))
    return list(dict.fromkeys([*found, f"*{whole}*"]))


def _clipped(line: str) -> str:
    """Return the start of a line, to the end of a word."""
    line = line.strip()
    if len(line) <= _SHORT_GLOB:
        return line
    return line[:_SHORT_GLOB].rpartition(" ")[0] or line[:_SHORT_GLOB]


def _literal(text: str) -> str:
    """Return a glob for a text; what no file can hold may be anything."""
    return re.sub(r"[\ud800-\udfff]", "?", escape(text))


def _said(pattern: str) -> str:
    """Return the text of a glob."""
    return re.sub(r"\[(.)\]", r"\1", pattern.replace("*", " "))


# --- From drafts to what is shown ---------------------------------------------------------------


def _specs(drafts: Sequence[_Draft]) -> list[TaskSpec]:
    return [TaskSpec(name=TaskName(str(i)), match=draft.match) for i, draft in enumerate(drafts)]


def _settled(drafts: list[_Draft], entries: Sequence[LogEntry]) -> list[_Draft]:
    """Return drafts whose rules exclude each other; the smaller of two that meet is given up."""
    while True:
        specs = _specs(drafts)
        sizes = Counter[int]()
        meeting: set[int] = set()
        for entry in entries:
            try:
                name = tasks.assign(entry, specs)
            except ConfigError:
                meeting |= {
                    i for i, spec in enumerate(specs)
                    if spec.match.keys() - {tasks.REST} and tasks.matches(entry, spec.match)
                }  # fmt: skip
                continue
            if name is not None:
                sizes[int(name)] += 1
        if not meeting:
            return [draft for i, draft in enumerate(drafts) if sizes[i]]
        given_up = min(meeting, key=lambda i: (sizes[i], -i))
        drafts = [draft for i, draft in enumerate(drafts) if i != given_up]


def _described(
    drafts: Sequence[_Draft], seen: Sequence[tuple[LogEntry, int]], n: int
) -> list[Discovered]:
    specs = _specs(drafts)
    members: list[list[tuple[LogEntry, int]]] = [[] for _ in drafts]
    for entry, count in seen:
        name = tasks.assign(entry, specs)
        if name is not None:
            members[int(name)].append((entry, count))
    total = sum(count for _, count in seen)
    order = sorted(
        range(len(drafts)),
        key=lambda i: (
            drafts[i].match == {tasks.REST: "*"}, -sum(count for _, count in members[i]), i,
        ),
    )  # fmt: skip
    taken: set[str] = set()
    return [_one(drafts[i], members[i], n / total, n, taken) for i in order]


def _one(
    draft: _Draft, members: Sequence[tuple[LogEntry, int]], scale: float, n: int, taken: set[str]
) -> Discovered:
    entries = [entry for entry, _ in members]
    n_rows = round(scale * sum(count for _, count in members))
    kind, why_kind = kind_from_requests(entries) or kind_from_answers(entries)
    ids = sorted(
        (entry.request.id for entry in entries),
        key=lambda one: hashlib.sha256(one.encode("utf-8", "surrogatepass")).digest(),
    )
    return Discovered(
        name=TaskName(naming.own_or_unique(draft.own_name, draft.names, taken)),
        match=draft.match,
        n=n_rows,
        share=n_rows / n,
        n_distinct=len(entries),
        examples=tuple(ids[:_EXAMPLES]),
        template=draft.template,
        kind=kind,
        why_kind=why_kind,
        why=draft.why,
        splits=(*_splits(entries), *_wordings(draft.variants)),
    )


def _wordings(variants: Sequence[tuple[str, int]]) -> Iterator[str]:
    """Give the wordings of a system prompt that a group has."""
    if variants:
        shown = (f"{_clipped(max(text.splitlines(), key=len))!r} {n}" for text, n in variants)
        yield "words of its system prompt: " + ", ".join(shown)


def _splits(entries: Sequence[LogEntry]) -> Iterator[str]:
    """Give the metadata that could part a group: few values that all occur often."""
    keys = sorted({key for entry in entries for key in entry.metadata} - {"tags", *NAMING_KEYS})
    least = max(_LEAST, 0.02 * len(entries))
    for key in keys:
        counts = Counter(
            value
            for entry in entries
            if isinstance(value := entry.metadata.get(key), str) and value
        )
        is_few = 1 < len(counts) <= _MOST_VALUES and min(counts.values()) >= least
        if is_few and counts.total() >= 0.9 * len(entries):
            named = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
            yield f"metadata.{key}: " + ", ".join(f"{value} {n}" for value, n in named)

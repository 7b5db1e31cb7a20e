"""Verdicts that a judge gave elsewhere, read from a table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias, get_args

import msgspec

from parity_eval.errors import ConfigError, InputError, nearest
from parity_eval.judging import LOSS, TIE, WIN, Vote, score_of, settled_score
from parity_eval.lines import expand, read_lines
from parity_eval.records import Pair, Request, Response, Score, Unscored

Orders = Literal["both", "any"]
_Side = Literal["model_a", "model_b"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One verdict of the table."""

    first: str | None
    """Name of the model whose answer was shown first; None where nobody recorded it."""
    winner: str | None
    """Name of the preferred model; empty for a tie, None where the verdict could not be read."""


_Key: TypeAlias = tuple[str, str, str]
"""Request id and the two model names in alphabetical order."""


class _Line(msgspec.Struct):
    """One line of the table; further fields are ignored."""

    id: str
    judge: str
    model_a: str
    model_b: str
    preference: Literal["model_a", "model_b", "tie"] | None
    shown_first: _Side | None = None
    judge_model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedJudge:
    """Passes a pair whose candidate lost to the baseline in neither recorded order.

    Looked up by request id and the two model names, whichever of them is `model_a`. A pair that
    was not recorded, or not in both orders, is `Unscored`.
    """

    verdicts: Mapping[_Key, tuple[Recorded, ...]] = field(repr=False)
    """The table."""
    judge: str
    """Name of the judge in the table."""
    judge_models: tuple[str, ...] = ()
    """Models that the judge ran on, sorted; empty where the table does not say."""
    models: frozenset[str] = frozenset()
    """Names of the models with verdicts."""
    orders: Orders = "both"
    """`any` takes the verdicts that there are where an order is missing."""
    is_one_order: bool = False
    """Whether, with `orders: any`, some pairs are judged without both orders."""
    name: str = "judge"
    cost: int = 0

    version: ClassVar[int] = 1

    @classmethod
    def load(
        cls, path: str, judge: str | None = None, *, orders: Orders = "both"
    ) -> "RecordedJudge":
        """Read a table of verdicts.

        Args:
            path: JSON Lines file, plain or gzipped, or a glob over several.
            judge: Whose verdicts to take; None where the table holds only one judge's.
            orders: Whether both orders are required.

        Raises:
            ConfigError: `orders` is neither.
            InputError: A file that cannot be used (says which line), several judges where none is
                named, or none of the name.

        Example:
            `RecordedJudge.load("judgments/*.jsonl.gz", "panel-v2")`
        """
        if orders not in get_args(Orders):
            raise ConfigError(f"judge.orders == {orders!r}, must be 'both' or 'any'")
        table = _Table(judge)
        for file in expand(path, "a table of judge verdicts"):
            for number, line in read_lines(file):
                table.add(line, f"{file}, line {number}")
        return cls(
            verdicts={key: tuple(found) for key, found in table.verdicts.items()},
            judge=table.named(path),
            judge_models=tuple(sorted(table.judge_models)),
            models=frozenset(name for _, *names in table.verdicts for name in names),
            orders=orders,
            is_one_order=orders == "any" and not all(map(_has_both, table.verdicts.values())),
        )

    def questions(self, pair: Pair) -> tuple[Request, ...]:  # noqa: ARG002 - the table answers
        """Return nothing: the verdicts are on file."""
        return ()

    def score(self, pair: Pair, answers: tuple[Response, ...]) -> Score | Unscored:  # noqa: ARG002
        """Look the pair up."""
        clear = settled_score(self.name, pair)
        if clear is not None:
            return clear
        key = _key(pair.request.id, pair.baseline_name, pair.candidate_name)
        found = self.verdicts.get(key)
        if found is None:
            return self._unscored(
                f"not recorded: no verdict of {self.judge} on {pair.candidate_name} against "
                f"{pair.baseline_name} for this request",
                is_absent=True,
            )
        if self.orders == "both" and not _has_both(found):
            return self._unscored(
                f"{self.judge} judged it in one order only; `judge.orders: any` accepts that",
                is_absent=True,
            )
        votes = [_vote(verdict, pair) for verdict in found]
        readable = tuple(vote for vote in votes if vote is not None)
        if len(readable) < len(votes):
            return self._unscored(f"a verdict of {self.judge} could not be read")
        return score_of(self.name, readable)

    def _unscored(self, reason: str, *, is_absent: bool = False) -> Unscored:
        return Unscored(scorer=self.name, reason=reason, is_absent=is_absent)


class _Table:
    """Collects the lines of one judge."""

    def __init__(self, judge: str | None) -> None:
        self._wanted = judge
        self._judges: set[str] = set()
        self.verdicts: dict[_Key, list[Recorded]] = {}
        self.judge_models: set[str] = set()

    def add(self, line: bytes, where: str) -> None:
        try:
            row = _DECODER.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(
                f"{where}: {error}; expected a verdict such as "
                '{"id", "judge", "model_a", "model_b", "shown_first", "preference"}'
            ) from error
        if row.model_a == row.model_b:
            raise InputError(f"{where}: model_a and model_b are both {row.model_a!r}")
        self._judges.add(row.judge)
        if row.judge != (self._wanted or row.judge):
            return
        if row.judge_model is not None:
            self.judge_models.add(row.judge_model)
        self._keep(row, where)

    def named(self, path: str) -> str:
        """Return the judge whose verdicts were kept."""
        if not self._judges:
            raise InputError(f"{path}: holds no verdicts")
        if self._wanted is None and len(self._judges) > 1:
            names = ", ".join(sorted(self._judges))
            raise InputError(f"{path}: holds verdicts of several judges; name one of: {names}")
        judge = self._wanted or next(iter(self._judges))
        if judge not in self._judges:
            raise InputError(
                f"{path}: holds no verdicts of {judge!r}; {nearest(judge, self._judges)}"
            )
        return judge

    def _keep(self, row: _Line, where: str) -> None:
        sides = {"model_a": row.model_a, "model_b": row.model_b, "tie": "", None: None}
        new = Recorded(first=sides[row.shown_first], winner=sides[row.preference])
        known = self.verdicts.setdefault(_key(row.id, row.model_a, row.model_b), [])
        for old in known if new.first is not None and self._is_single() else ():
            if old.first == new.first and old != new:
                raise InputError(
                    f"{where}: contradicts an earlier verdict on {row.id!r} in the same order; "
                    "keep one verdict per pair and order"
                )
        if new.first is None or new not in known:
            known.append(new)

    def _is_single(self) -> bool:
        """Whether the verdicts kept so far are one judge's: two judges may differ."""
        return self._wanted is not None or len(self._judges) == 1


_DECODER = msgspec.json.Decoder(_Line)


def _key(request_id: str, one: str, other: str) -> _Key:
    return (request_id, one, other) if one < other else (request_id, other, one)


def _has_both(verdicts: tuple[Recorded, ...] | list[Recorded]) -> bool:
    return len({verdict.first for verdict in verdicts} - {None}) > 1


def _vote(verdict: Recorded, pair: Pair) -> Vote | None:
    if verdict.winner is None:
        return None
    points = WIN if verdict.winner == pair.candidate_name else LOSS
    is_first = None if verdict.first is None else verdict.first == pair.candidate_name
    return Vote(points=points if verdict.winner else TIE, is_candidate_first=is_first)

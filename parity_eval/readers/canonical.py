"""The canonical prompt log: one chat-completions request, with its response, per JSON line."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import ClassVar

from parity_eval.logged import fields
from parity_eval.logged.entries import BadRowError, read_each
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped


class Canonical:
    """Read `{"id", "request", "response"?, "task"?, "timestamp"?, ...}` rows.

    A request that a gateway cut, redacted or encrypted before it logged it is an entry that cannot
    be sent again, not a reject: it is part of the traffic that a certificate would speak of.
    """

    name: ClassVar[str] = "canonical"
    title: ClassVar[str] = "parity-eval prompt log"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits; logs of others may have what it needs, and more."""
        found = fields.fit(row, "id", "request")
        if found.score == 1 and "messages" not in (fields.obj(row, "request") or {"messages": 0}):
            return Fit(score=0.5, why="lacks `request.messages`")
        return replace(found, needs=1)

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each row as an entry or a reject."""
        return read_each(rows, _as_it_is, self.name)


def _as_it_is(row: JsonObject) -> Iterable[JsonObject]:
    # What was forgotten is a fault here: this is the format that users write themselves.
    if not isinstance(row.get("request"), (dict, str)):
        found = ", ".join(sorted(row)[:6]) or "nothing"
        raise BadRowError(f"no object `request`; the line has: {found}")
    return (row if "id" in row else {**row, "id": None},)

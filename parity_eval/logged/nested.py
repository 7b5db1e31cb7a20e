"""Spans inside of spans: of those around one model call only the innermost counts."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from parity_eval.logged import fields
from parity_eval.logged.entries import NotACallError, read_each
from parity_eval.records import JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_AHEAD = 200
"""Rows that are looked at before one is read: the spans of a trace stand near each other."""
_KEPT = 10_000
"""Outer spans that are remembered, for exports that list the newest first."""


def read_innermost(
    rows: Iterable[Row | Reject],
    translate: Callable[[JsonObject], Iterable[JsonObject]],
    source: str,
    outer: Callable[[JsonValue], Iterable[str]],
    own: str = "id",
) -> Iterator[LogEntry | Skipped | Reject]:
    """Yield what `entries.read_each` does, without the spans around model calls.

    Args:
        rows: Rows, one span each.
        translate: As in `read_each`.
        source: Name of the format.
        outer: Ids of the spans around a row that is a model call; none for other rows.
        own: Field with the id of a row as those name it.
    """
    around: dict[str, None] = {}

    def checked(row: JsonObject) -> Iterable[JsonObject]:
        if fields.text(row, own) in around:
            raise NotACallError("a span around a model call")
        return translate(row)

    return read_each(_ahead(rows, outer, around), checked, source)


def _ahead(
    rows: Iterable[Row | Reject],
    outer: Callable[[JsonValue], Iterable[str]],
    around: dict[str, None],
) -> Iterator[Row | Reject]:
    waiting: deque[Row | Reject] = deque()
    for row in rows:
        if isinstance(row, Row):
            around.update(dict.fromkeys(outer(row.value)))
        while len(around) > _KEPT:
            del around[next(iter(around))]
        waiting.append(row)
        if len(waiting) > _AHEAD:
            yield waiting.popleft()
    yield from waiting

"""Answers of list calls, which hold many rows, to those rows."""

from collections.abc import Iterable, Iterator

from parity_eval.records import JsonValue, Reject, Row


def first(value: JsonValue, *keys: str) -> JsonValue:
    """Return the first row of an envelope; the value itself where it is none.

    Args:
        value: What a file holds.
        keys: Under which the format's list calls put their rows.

    Example:
        >>> first({"data": [{"id": 1}], "meta": {}}, "data"), first({"id": 1}, "data")
        ({'id': 1}, {'id': 1})
    """
    rows = _rows(value, keys)
    return rows[0] if rows else value


def unwrapped(rows: Iterable[Row | Reject], *keys: str) -> Iterator[Row | Reject]:
    """Yield the rows that envelopes hold, numbered from 1, and every other row as it is."""
    for row in rows:
        held = None if isinstance(row, Reject) else _rows(row.value, keys)
        if isinstance(row, Reject) or held is None:
            yield row
            continue
        for number, value in enumerate(held, start=1):
            yield Row(path=row.path, number=number, value=value)


def _rows(value: JsonValue, keys: tuple[str, ...]) -> list[JsonValue] | None:
    if not isinstance(value, dict):
        return None
    found = (value.get(key) for key in keys)
    return next((rows for rows in found if isinstance(rows, list)), None)

"""Rows whose fields hold anything but what they should."""

from typing import Any

from logrows import read

from parity_eval import codec
from parity_eval.intake import content_digest
from parity_eval.protocols import Reader
from parity_eval.records import JsonValue, LogEntry, Reject, Skipped

ODD: list[JsonValue] = [
    *(None, 7, -1.5, True, 10**30, 1e308, "", "\u2028\x00", "{", "[1]", '{"a": 1e999}'),
    *('"\\ud800"', "null", '"weave:///x"'),
    [],
    {},
    [[]],
    [None],
    {"a": None},
    {"a": {"a": [{}]}},
]
_DEPTH = 6


def assert_accounted_for(reader: Reader, row: dict[str, Any]) -> int:
    """Read the row with each of its parts as something else: one item each, that can be kept.

    Returns:
        How many rows that were.
    """
    rows = [_with(row, path, value) for path in _paths(row, _DEPTH) for value in ODD]
    for each in rows:
        assert 0 <= reader.fit(each).score <= 1
        (found,) = read(reader, each)
        assert isinstance(found, LogEntry | Skipped | Reject)
        if isinstance(found, LogEntry):
            content_digest(found)
            codec.encode(found)
    return len(rows)


def _paths(value: JsonValue, depth: int) -> list[tuple[str | int, ...]]:
    if not depth or not isinstance(value, dict | list):
        return []
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    found: list[tuple[str | int, ...]] = []
    for key, inner in inside:
        found += [(key,), *((key, *rest) for rest in _paths(inner, depth - 1))]
    return found


def _with(value: Any, path: tuple[str | int, ...], new: JsonValue) -> Any:  # noqa: ANN401
    if not path:
        return new
    head, *rest = path
    inner = _with(value[head], tuple(rest), new)
    if isinstance(value, list):
        return [inner if at == head else item for at, item in enumerate(value)]
    return {**value, head: inner}

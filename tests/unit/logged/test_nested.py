from collections.abc import Iterable

import pytest

from parity_eval.logged import nested
from parity_eval.records import JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

ASKED: JsonValue = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def row(value: JsonValue) -> Row:
    return Row(path="f", number=1, value=value)


def translate(value: JsonObject) -> Iterable[JsonObject]:
    return ({"id": value["id"], "request": ASKED},)


def outer(value: JsonValue) -> Iterable[str]:
    around = value.get("in") if isinstance(value, dict) else None
    return (around,) if isinstance(around, str) else ()


def kept(rows: list[Row | Reject]) -> list[str]:
    """Return the ids of the calls; every other row must be skipped for the one reason."""
    found = list(nested.read_innermost(rows, translate, "x", outer))
    skipped = [each.reason for each in found if isinstance(each, Skipped)]
    calls = [each.request.id for each in found if isinstance(each, LogEntry)]
    assert set(skipped) <= {"a span around a model call"}
    assert len(skipped) + len(calls) == len(rows)
    return list(calls)


BETWEEN: list[Row | Reject] = [row({"id": f"x{n}"}) for n in range(150)]
AROUND, INNER = row({"id": "around"}), row({"id": "inner", "in": "around"})


@pytest.mark.parametrize(
    "rows",
    [
        [AROUND, INNER],
        [INNER, AROUND],
        [AROUND, *BETWEEN, INNER],
        [INNER, *BETWEEN, *BETWEEN, AROUND],
    ],
)
def test_of_spans_inside_of_each_other_the_innermost_counts(rows: list[Row | Reject]) -> None:
    found = kept(rows)
    assert "inner" in found
    assert "around" not in found
    assert len(found) == len(rows) - 1


def test_how_far_it_looks_is_bounded() -> None:
    rows: list[Row | Reject] = [AROUND, *BETWEEN, *BETWEEN, INNER]
    assert len(kept(rows)) == len(rows)


def test_rows_keep_their_order_and_rejects_pass() -> None:
    broken = Reject(path="f", line=2, reason="not JSON")
    found = list(nested.read_innermost([INNER, broken, AROUND], translate, "x", outer))
    assert [type(each) for each in found] == [LogEntry, Reject, Skipped]

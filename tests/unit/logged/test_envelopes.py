from parity_eval.logged import envelopes
from parity_eval.records import JsonValue, Reject, Row


def row(value: JsonValue, number: int = 1) -> Row:
    return Row(path="f", number=number, value=value)


def test_envelopes() -> None:
    broken = Reject(path="f", line=9, reason="not JSON")
    given: list[Row | Reject] = [
        row({"data": [{"a": 1}, 7]}, 4),
        broken,
        row({"data": {"a": 2}}, 5),
        row({"rows": []}, 6),
        row([1], 7),
    ]
    assert list(envelopes.unwrapped(given, "rows", "data")) == [
        row({"a": 1}, 1),
        row(7, 2),
        broken,
        row({"data": {"a": 2}}, 5),
        row([1], 7),
    ]
    assert envelopes.first({"data": []}, "data") == {"data": []}

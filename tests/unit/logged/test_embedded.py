import pytest

from parity_eval.logged.embedded import decoded
from parity_eval.records import JsonValue


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ('{"a": 1}', {"a": 1}),
        (' \n[1, "2"]', [1, "2"]),
        ('"{\\"a\\": 1}"', {"a": 1}),
        ('"\\"\\\\\\"x\\\\\\"\\""', '"x"'),
        ('"plain"', "plain"),
        ("plain", "plain"),
        ("7", "7"),
        ("", ""),
        ("{broken", "{broken"),
        ({"a": '{"b": 1}'}, {"a": '{"b": 1}'}),
        (7, 7),
        (None, None),
    ],
)
def test_json_in_text(value: JsonValue, found: JsonValue) -> None:
    assert decoded(value) == found


@pytest.mark.parametrize(
    "text",
    [
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": "\\ud800"}',
        '{"a": "\ud800"}',
        "[" * 5000 + "]" * 5000,
    ],
)
def test_what_no_journal_can_hold_stays_text(text: str) -> None:
    assert decoded(text) == text

import sys
from time import process_time

import pytest
from answer_pairs import calls, pair, text

from parity_eval.answers import (
    Document,
    Fault,
    NotJson,
    clipped,
    differences,
    fault,
    in_one_line,
    is_blank,
    parse_json,
    rendered,
    same_json,
    settled,
    settled_comparison,
    shown,
    without_fence,
)
from parity_eval.records import Finish, JsonValue, Response


@pytest.mark.parametrize(
    ("response", "found"),
    [
        (text("yes"), None),
        (calls(("f", "{}")), None),
        (text(""), Fault.EMPTY),
        (text(" \n\t"), Fault.EMPTY),
        (text("\u200b\ufeff\u00a0\u2060"), Fault.EMPTY),
        (text("\x00\x07"), Fault.EMPTY),
        (text("yes", Finish.LENGTH), Fault.CUT_OFF),
        (text("I cannot", Finish.REFUSED), Fault.REFUSED),
        (text("", Finish.REJECTED), Fault.REJECTED),
        (text("<html>", Finish.INVALID), Fault.INVALID),
    ],
)
def test_faults(response: Response, found: Fault | None) -> None:
    assert fault(response) is found


@pytest.mark.parametrize(
    ("baseline", "candidate", "is_same", "reason"),
    [
        (text("a", Finish.REFUSED), text("", Finish.REFUSED), True, "both answers are refusals"),
        (text("a"), text("", Finish.REFUSED), False, "the candidate's answer is a refusal"),
        (text("a"), text(""), False, "the candidate's answer is empty"),
        (text(""), text(""), False, "the candidate's answer is empty"),
        (text("a"), text("a", Finish.LENGTH), False, "the candidate's answer is cut off"),
        (
            text("a", Finish.LENGTH),
            text("a", Finish.LENGTH),
            False,
            "the candidate's answer is cut off",
        ),
        (text("a"), text("", Finish.INVALID), False, "the candidate's answer is not a chat"),
    ],
)
def test_settles_what_needs_no_look(
    baseline: Response,
    candidate: Response,
    is_same: bool,  # noqa: FBT001
    reason: str,
) -> None:
    found = settled(pair(baseline, candidate))
    assert found is not None
    assert found.is_same is is_same
    assert found.reason.startswith(reason)


def test_settles_with_the_endpoints_words() -> None:
    rejected = Response(text="", finish=Finish.REJECTED, detail="context_length\nexceeded")
    found = settled(pair("a", rejected))
    assert found is not None
    assert found.reason.endswith("by the endpoint ('context_length exceeded')")


def test_a_baseline_without_an_answer_leaves_nothing_to_compare() -> None:
    bad = pair(text("a", Finish.REFUSED), "a")
    assert settled(bad) is None
    found = settled_comparison(bad)
    assert found is not None
    assert not found.is_same
    assert found.reason == "the baseline's answer is a refusal, the candidate's is not"
    assert settled_comparison(pair("a", "b")) is None


@pytest.mark.parametrize("blank", ["", " ", "\n", "\u200b", "\x00", "\ud800"])
def test_blank(blank: str) -> None:
    assert is_blank(blank)


@pytest.mark.parametrize("visible", [".", "0", "\u200b.", "👍", "ß"])
def test_not_blank(visible: str) -> None:
    assert not is_blank(visible)


@pytest.mark.parametrize(
    ("given", "inner"),
    [
        ("```json\n{}\n```", "{}"),
        ("```\n{}\n```", "{}"),
        ("  ```json\n{}```\n\n", "{}"),
        ('```json\n{"a": "use ``` here"}\n```', '{"a": "use ``` here"}'),
        ("```\n```", ""),
    ],
)
def test_strips_one_fence(given: str, inner: str) -> None:
    assert without_fence(given) == (inner, True)


@pytest.mark.parametrize(
    "given",
    [
        "{}",
        "Here: ```json\n{}\n```",
        "```json\n{}\n``` as asked",
        "```json\n{}\n```\n```json\n{}\n```",
        "```json\n{}\n  ```\nand\n```",
        "```{}```",
        "```",
        "```json\n{}",
    ],
)
def test_leaves_what_is_not_one_fence_around_all(given: str) -> None:
    assert without_fence(given) == (given, False)


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ('{"a": [1, 2.5, "x", null, true]}', {"a": [1, 2.5, "x", None, True]}),
        (" [1]\r\n\t", [1]),
        ("12", 12),
        ('"\\ud83d\\ude00"', "😀"),
        ("[" * 100 + "]" * 100, None),
        ("[" + ", ".join(["[]"] * 500) + "]", [[]] * 500),
        ("1" * 400, int("1" * 400)),
        ('"' + "x" * 1_999_998 + '"', "x" * 1_999_998),
    ],
)
def test_reads_json(given: str, value: JsonValue) -> None:
    found = parse_json(given)
    assert isinstance(found, Document)
    if value is not None:
        assert found.value == value


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("", "Expecting value at line 1 column 1"),
        ("{'a': 1}", "Expecting property name enclosed in double quotes at line 1 column 2"),
        ("{}\n{}", "Extra data at line 2 column 1"),
        ('{"a": "line\nbreak"}', "Invalid control character at at line 1 column 12"),
        ('{"a": 1, "b": 2, "a": 3}', "the key 'a' occurs twice"),
        ("[NaN]", "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ("[1e999]", "1e999 is not a number that a double can hold"),
        ("1" * 1_000_000, "a number of 1,000,000 characters"),
        ("0." + "1" * 1_000_000, "0.111111111111111111… is not a number that a double can hold"),
        ("[" * 101 + "]" * 101, "nested more than 100 levels deep"),
        ('{"a":' * 10_000 + "1" + "}" * 10_000, "nested more than 100 levels deep"),
        ("[" * 10_000, "nested more than 100 levels deep"),
        ('"\\ud800"', "holds half a surrogate pair, which no Unicode text may"),
        ('{"\ud800": 1}', "holds half a surrogate pair, which no Unicode text may"),
        ('"' + "x" * 2_000_000 + '"', "longer than 2,000,000 characters"),
    ],
)
def test_refuses_json_that_a_strict_reader_would(given: str, reason: str) -> None:
    assert parse_json(given) == NotJson(reason=reason)


def test_a_deep_stack_is_no_excuse() -> None:
    def deeper(levels: int) -> object:
        return deeper(levels - 1) if levels else parse_json("[" * 90 + "]" * 90)

    assert isinstance(deeper(sys.getrecursionlimit() // 2), Document)


@pytest.mark.parametrize(
    ("left", "right", "is_same"),
    [
        ({"a": 1, "b": 2}, {"b": 2.0, "a": 1}, True),
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        ([1, [True]], [1, [1]], False),
        ({"a": {"b": False}}, {"a": {"b": 0}}, False),
        ("1", 1, False),
        (None, False, False),
        ([1, 2], [2, 1], False),
        ({"a": None}, {}, False),
        (10**30, 1e30, False),
        ("e\u0301", "\u00e9", False),
    ],
)
def test_same_json(left: JsonValue, right: JsonValue, is_same: bool) -> None:  # noqa: FBT001
    assert same_json(left, right) is is_same
    assert same_json(right, left) is is_same
    assert (not differences(left, right)) is is_same


@pytest.mark.parametrize(
    ("baseline", "candidate", "lines"),
    [
        ({"total": 12.0}, {"total": 12.5}, ("$.total: 12.5 instead of 12.0",)),
        ({"a": 1}, {}, ("$.a is missing",)),
        ({}, {"a": 1}, ("$.a is not in the baseline's answer",)),
        ({"a b": 1}, {"a b": "1"}, ("$['a b']: '1' instead of 1",)),
        ([1, 2], [1], ("$: 1 element instead of 2",)),
        ([1, [2]], [1, [3]], ("$[1][0]: 3 instead of 2",)),
        ({"a": 1}, [1], ("$: a list of 1 element instead of an object of 1 key",)),
        ({"a": True}, {"a": 1}, ("$.a: 1 instead of true",)),
        ({"a": "x" * 99}, {"a": "x" * 98}, ("$.a: another text that also begins",)),
        (
            {"a": 1, "b": {"c": 1}},
            {"a": 2, "b": {"c": 2}},
            ("$.a: 2 instead of 1", "$.b.c: 2 instead of 1"),
        ),
    ],
)
def test_differences(baseline: JsonValue, candidate: JsonValue, lines: tuple[str, ...]) -> None:
    found = differences(baseline, candidate)
    assert len(found) == len(lines)
    for line, start in zip(found, lines, strict=True):
        assert line.startswith(start)


def test_differences_are_cut_off_and_counted() -> None:
    many = differences(list(range(50)), list(range(1, 51)))
    assert len(many) == 20
    assert in_one_line(many) == "$[0]: 1 instead of 0 (and at least 19 more)"
    assert in_one_line(many[:3]) == "$[0]: 1 instead of 0 (and 2 more)"
    assert in_one_line(many[:1]) == "$[0]: 1 instead of 0"


def test_equal_wide_and_deep_documents_take_linear_time() -> None:
    wide: JsonValue = [1] * 20_000
    for _ in range(90):
        wide = [wide, *[0] * 100]
    started = process_time()
    assert same_json(wide, wide)
    assert not differences(wide, wide)
    assert process_time() - started < 2


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("a\nb", "'a b'"),
        ("a\x00b", "'a<U+0000>b'"),
        ("\ud800", "'<U+D800>'"),
        ("a\u200bb", "'a<U+200B>b'"),
        ("é👍", "'é👍'"),
        ("x" * 60, f"'{'x' * 60}'"),
        ("x" * 61, f"'{'x' * 60}…'"),
    ],
)
def test_shows_one_printable_line(given: str, line: str) -> None:
    assert shown(given) == line
    assert shown(given).isprintable()


def test_clipped_text_can_be_encoded() -> None:
    assert clipped("\ud800" * 10, 5).encode()


def test_renders_text_and_calls() -> None:
    both = calls(("find", '{"b":"\\u00e9","a":2}'), ("stop", "{oops"), beside=" On it. ")
    assert rendered(both) == 'On it.\n[calls find({"a": 2, "b": "é"})]\n[calls stop({oops)]'
    assert rendered(calls(("stop", " "))) == "[calls stop({})]"

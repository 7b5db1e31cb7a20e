from time import process_time

import pytest
from answer_pairs import calls, pair, text

from parity_eval.errors import ConfigError
from parity_eval.records import Finish, JsonObject, Response
from parity_eval.scorers.exact import Exact

TOOLS: JsonObject = {"tools": [{"type": "function", "function": {"name": "find"}}]}


@pytest.mark.parametrize(
    ("baseline", "candidate", "reason"),
    [
        ("refund", "refund", "identical text"),
        ("refund", "Refund", "same text, ignoring case"),
        ("refund", " refund\n", "same text, ignoring spaces"),
        ("refund", '"refund"', "same text, ignoring quotes and closing punctuation"),
        ("refund", "refund.", "same text, ignoring quotes and closing punctuation"),
        ("refund", "**Refund**.", "same text, ignoring quotes and closing punctuation, case"),
        ("refund", "```\nrefund\n```", "same text, ignoring a code fence"),
        ("two words", "two\n  words", "same text, ignoring spaces"),
        ("it's", "it\u2019s", "same text, ignoring Unicode form"),
        ("\u201crefund\u201d", "refund", "same text, ignoring Unicode form, quotes and closing p"),
        ("5\u20137", "5-7", "same text, ignoring Unicode form"),
        ("cafe\u0301", "caf\u00e9", "same text, ignoring Unicode form"),
        ("\uff11\uff12", "12", "same text, ignoring Unicode form"),
        ("ref\u200bund", "refund", "same text, ignoring Unicode form"),
        ("STRASSE", "straße", "same text, ignoring case"),
        ("1½", "1 1/2", "same text, ignoring Unicode form"),
    ],
)
def test_same_text(baseline: str, candidate: str, reason: str) -> None:
    for one, other in ((baseline, candidate), (candidate, baseline)):
        score = Exact().score(pair(one, other), ())
        assert score.passed
        assert score.value == 1.0
        assert score.reason.startswith(reason)


@pytest.mark.parametrize(
    ("baseline", "candidate", "reason"),
    [
        ("billing", "refund", "label 'refund' instead of 'billing'"),
        ("card arrival", "card", "text 'card' instead of 'card arrival'"),
        ("5", "-5", "label '-5' instead of '5'"),
        ("5", "+5", "label '+5' instead of '5'"),
        ("5", "$5", "label '$5' instead of '5'"),
        ("5", "5%", "label '5%' instead of '5'"),
        ("5", ".5", "label '.5' instead of '5'"),
        ("10²", "102", "label '102' instead of '10²'"),
        ("1½", "11/2", "label '11/2' instead of '1½'"),
        ("yes", "yes?", "label 'yes?' instead of 'yes'"),
        ("C", "C++", "label 'C++' instead of 'C'"),
        ("toxic", "not toxic", "text 'not toxic' instead of 'toxic'"),
        ("...", "!", "label '!' instead of '...'"),
        ("pay", "p\u0430y", "label 'pаy' instead of 'pay'"),  # noqa: RUF001 - a Cyrillic a
    ],
)
def test_other_text(baseline: str, candidate: str, reason: str) -> None:
    score = Exact().score(pair(baseline, candidate), ())
    assert not score.passed
    assert score.value == 0.0
    assert score.reason == reason


def test_shows_texts_of_up_to_forty_characters_whole() -> None:
    short, long = "x" * 39 + "y", "x" * 40 + "y"
    assert Exact().score(pair(short, "x"), ()).reason == f"label 'x' instead of '{short}'"
    assert Exact().score(pair(long, "x"), ()).reason.startswith("text differs from character 2 on")


def test_shows_where_long_texts_part() -> None:
    start = "The invoice of March was paid on the 3rd"
    score = Exact().score(pair(f"{start} by card.", f"{start} in cash."), ())
    assert score.reason == (
        "text differs from character 42 on: '…aid on the 3rd in cash' "
        "instead of '…aid on the 3rd by card'"
    )


@pytest.mark.parametrize(
    ("baseline", "candidate", "passed", "reason"),
    [
        (
            '{"a": 1, "b": [true]}',
            '{"b":[true],"a":1.0}',
            True,
            "same JSON; key order, spaces and number form are immaterial",
        ),
        ("[1]", "```json\n[1]\n```", True, "same JSON; key order, spaces and number form are imma"),
        ('{"total": 12.0}', '{"total": 12.5}', False, "$.total: 12.5 instead of 12.0"),
        ('{"a": true}', '{"a": 1}', False, "$.a: 1 instead of true"),
        ('{"a": "X"}', '{"a": "x"}', False, "$.a: 'x' instead of 'X'"),
        ('{"a": 1}', '{"a": 1, "b": 2}', False, "$.b is not in the baseline's answer"),
        ('{"a": 1}', "Sure: 1", False, "not JSON as the baseline's is: Expecting value at line 1"),
        ('{"a": 1}', '{"a": 1, "a": 1}', False, "not JSON as the baseline's is: the key 'a' occ"),
        ("[draft] Hello", "[Draft] hello", True, "same text, ignoring case"),
        ("hello", '{"a": 1}', False, "text '{\"a\": 1}' instead of 'hello'"),
    ],
)
def test_json(baseline: str, candidate: str, passed: bool, reason: str) -> None:  # noqa: FBT001
    score = Exact().score(pair(baseline, candidate), ())
    assert score.passed is passed
    assert score.reason.startswith(reason)


def test_says_that_a_fence_was_stripped() -> None:
    score = Exact().score(pair("```json\n[1]\n```", "[2]"), ())
    assert score.reason == "$[0]: 2 instead of 1; a code fence was stripped"
    score = Exact().score(pair("[1]", "[2]"), ())
    assert score.reason == "$[0]: 2 instead of 1"
    score = Exact().score(pair("```\n[draft] a\n```", "[draft] b"), ())
    assert score.reason == "text '[draft] b' instead of '``` [draft] a ```'"


@pytest.mark.parametrize(
    ("baseline", "candidate", "passed", "reason"),
    [
        (
            calls(("find", '{"a":1,"b":"x"}')),
            calls(("find", '{"b": "x", "a": 1.0}')),
            True,
            "same call of find",
        ),
        (
            calls(("find", '{"a":1}'), ("stop", "{}")),
            calls(("stop", ""), ("find", '{"a":1}')),
            True,
            "same calls of find, stop",
        ),
        (calls(("f", "{}"), beside="Let me look."), calls(("f", "{}")), True, "same call of f"),
        (calls(("f", "{oops")), calls(("f", "{oops")), True, "same call of f"),
        (calls(("find", "{}")), text("No."), False, "no tool call instead of call of find"),
        (text("No."), calls(("find", "{}")), False, "call of find instead of an answer in words"),
        (calls(("f", "{}")), calls(("g", "{}")), False, "call of g instead of call of f"),
        (calls(("f", "{}")), calls(("f", "{}"), ("f", "{}")), False, "calls of f, f instead of"),
        (calls(("f", '{"n":1}')), calls(("f", '{"n":2}')), False, "f: $.n: 2 instead of 1"),
        (calls(("f", '{"n":1}')), calls(("f", '{"n":true}')), False, "f: $.n: true instead of 1"),
        (calls(("f", "{}")), calls(("f", "{")), False, "f: arguments are not JSON (Expecting prop"),
        (calls(("f", "{")), calls(("f", "{}")), False, "f: the baseline's arguments are not JSON"),
        (
            calls(("f", '{"a":1,"b":2}'), ("f", '{"a":3}')),
            calls(("f", '{"a":3}'), ("f", '{"a":1,"b":5}')),
            False,
            "f: $.b: 5 instead of 2",
        ),
        (
            calls(("f", '{"a":1}'), ("g", '{"a":9}')),
            calls(("g", '{"a":1}'), ("f", '{"a":2}')),
            False,
            "f: $.a: 2 instead of 1",
        ),
        # One matching call does not stand for two.
        (
            calls(("f", '{"a":1}'), ("f", '{"a":1}')),
            calls(("f", '{"a":1}'), ("f", '{"a":2}')),
            False,
            "f: $.a: 2 instead of 1",
        ),
    ],
)
def test_tool_calls(
    baseline: Response,
    candidate: Response,
    passed: bool,  # noqa: FBT001
    reason: str,
) -> None:
    score = Exact().score(pair(baseline, candidate, TOOLS), ())
    assert score.passed is passed
    assert score.reason.startswith(reason)


def test_words_beside_offered_tools_may_be_left_out() -> None:
    words = pair("I cannot help with that.", "No tool fits.", TOOLS)
    assert not Exact().score(words, ()).passed
    lenient = Exact(compare_text=False)
    assert lenient.score(words, ()).reason == "neither answer calls a tool; texts not compared"
    assert lenient.score(words, ()).passed
    assert not lenient.score(pair("yes", "no"), ()).passed  # no tools on offer
    assert not lenient.score(pair("yes", calls(("find", "{}")), TOOLS), ()).passed
    assert not lenient.score(pair("yes", "", TOOLS), ()).passed


@pytest.mark.parametrize("finish", [Finish.LENGTH, Finish.REFUSED, Finish.INVALID, Finish.REJECTED])
def test_an_answer_that_is_none_fails(finish: Finish) -> None:
    assert not Exact().score(pair("same", text("same", finish)), ()).passed


def test_two_refusals_are_at_parity_and_two_empty_answers_are_not() -> None:
    refusal = text("No.", Finish.REFUSED)
    assert Exact().score(pair(refusal, text("I can't.", Finish.REFUSED)), ()).passed
    assert not Exact().score(pair("", ""), ()).passed
    assert not Exact().score(pair(refusal, "No."), ()).passed


def test_refuses_a_setting_that_is_no_boolean() -> None:
    with pytest.raises(ConfigError, match="compare_text == 'no', must be true or false"):
        Exact(compare_text="no")  # type: ignore[arg-type]


def test_the_name_in_the_rule_is_the_name_in_the_score() -> None:
    assert Exact(name="label").score(pair("a", "a"), ()).scorer == "label"


@pytest.mark.parametrize(
    "hostile",
    ["." * 300_000, ". " * 150_000, "'\"" * 150_000, "*" * 300_000, "{" * 300_000, "`" * 300_000],
)
def test_long_texts_take_linear_time(hostile: str) -> None:
    started = process_time()
    Exact().score(pair(f"a{hostile}", f"b{hostile}"), ())
    Exact().score(pair(f"{hostile}a", f"{hostile}b"), ())
    Exact().score(pair("{}", hostile), ())
    assert process_time() - started < 2

import json
from collections.abc import Mapping

import pytest
from answer_pairs import calls, pair, text

from parity_eval.errors import ConfigError, InputError
from parity_eval.records import Finish, JsonObject, JsonValue, Response, Score, Unscored
from parity_eval.scorers.schema import Schema

LABEL: JsonObject = {
    "type": "object",
    "required": ["label"],
    "properties": {"label": {"enum": ["refund", "billing"]}},
}
GOOD, BAD = '{"label": "refund"}', '{"label": "other"}'
ENUM = "$.label: 'other' is not one of ['refund', 'billing']"


def asks_for(schema: JsonObject | None) -> JsonObject:
    wanted: JsonValue = None if schema is None else dict(schema)
    return {"response_format": {"type": "json_schema", "json_schema": {"schema": wanted}}}


def offers(**parameters: JsonValue) -> JsonObject:
    tools: list[JsonValue] = [
        {"type": "function", "function": {"name": name, "parameters": schema}}
        for name, schema in parameters.items()
    ]
    return {"tools": tools}


CITY: JsonValue = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
WEATHER = offers(weather=CITY)


@pytest.mark.parametrize(
    ("answer", "passed", "reason"),
    [
        (GOOD, True, "fits the request's response_format"),
        (f"```json\n{GOOD}\n```", True, "fits the request's response_format; a code fence was st"),
        (BAD, False, ENUM),
        (f"```json\n{BAD}\n```", False, f"{ENUM}; a code fence was stripped"),
        ("refund", False, "not JSON: Expecting value at line 1 column 1"),
        (f"Sure!\n```json\n{GOOD}\n```", False, "not JSON: Expecting value at line 1 column 1"),
        ('{"label": "refund", "label": "refund"}', False, "not JSON: the key 'label' occurs twice"),
        ("", False, "the candidate's answer is empty"),
    ],
)
def test_checks_the_requests_own_schema(answer: str, passed: bool, reason: str) -> None:  # noqa: FBT001
    score = Schema().score(pair(GOOD, answer, asks_for(LABEL)), ())
    assert isinstance(score, Score)
    assert score.passed is passed
    assert score.value == float(passed)
    assert score.reason.startswith(reason)


def test_strict_takes_the_text_as_it_is() -> None:
    fenced = pair(GOOD, f"```json\n{GOOD}\n```", asks_for(LABEL))
    assert isinstance(score := Schema(strictness="strict").score(fenced, ()), Score)
    assert not score.passed
    assert isinstance(
        score := Schema(strictness="strict").score(pair("", f" {GOOD}\n", asks_for(LABEL)), ()),
        Score,
    )
    assert score.passed
    assert score.reason == "fits the request's response_format"


def test_a_schema_may_be_a_boolean() -> None:
    for schema in (True, False):
        score = Schema(schema=schema).score(pair(GOOD, GOOD), ())
        assert isinstance(score, Score)
        assert score.passed is schema


@pytest.mark.parametrize("schema", [LABEL, json.dumps(LABEL)])
def test_the_configured_schema_comes_first(schema: JsonObject | str) -> None:
    scorer = Schema(schema=schema)
    scorer.check()
    other = asks_for({"type": "array"})
    for body in ({}, other):
        for answer, passed in ((GOOD, True), (BAD, False), ("[]", False)):
            score = scorer.score(pair(GOOD, answer, body), ())
            assert isinstance(score, Score)
            assert score.passed is passed


@pytest.mark.parametrize(
    ("answer", "passed"), [("{}", True), ("[]", False), ("1", False), ("{", False)]
)
def test_json_object_mode_asks_for_an_object(answer: str, passed: bool) -> None:  # noqa: FBT001
    body: JsonObject = {"response_format": {"type": "json_object"}}
    score = Schema().score(pair("{}", answer, body), ())
    assert isinstance(score, Score)
    assert score.passed is passed


@pytest.mark.parametrize(
    ("candidate", "body", "passed", "reason"),
    [
        (
            calls(("weather", '{"city": "Rome"}')),
            WEATHER,
            True,
            "calls weather as the tools allow",
        ),
        (
            calls(("weather", '{"city": 5}')),
            WEATHER,
            False,
            "weather: $.city: 5 is not of type string",
        ),
        (calls(("weather", "")), WEATHER, False, "weather: $: 'city' is a required property"),
        (calls(("weather", "{city")), WEATHER, False, "weather: arguments are not JSON: Expecting"),
        (calls(("weather", "[]")), offers(weather={}), False, "weather: arguments are not a JSON"),
        (calls(("time", "{}")), WEATHER, False, "calls time; the request offers weather"),
        (
            calls(("weather", '{"city": "Rome"}'), ("weather", "{}")),
            WEATHER,
            False,
            "weather: $: 'city' is a required property",
        ),
        (calls(("weather", "{}")), offers(weather=None), True, "calls weather as the tools allow"),
        (
            calls(("weather", "{}")),
            {"functions": [{"name": "weather", "parameters": CITY}]},
            False,
            "weather: $: 'city' is a required property",
        ),
        (
            calls(("weather", "{}")),
            {"tools": [{"type": "function", "name": "weather", "parameters": CITY}]},
            False,
            "weather: $: 'city' is a required property",
        ),
        (text("No."), WEATHER, False, "no tool call, the baseline calls weather"),
    ],
)
def test_checks_tool_calls(
    candidate: Response,
    body: JsonObject,
    passed: bool,  # noqa: FBT001
    reason: str,
) -> None:
    baseline = calls(("weather", '{"city": "Rome"}'))
    score = Schema().score(pair(baseline, candidate, body), ())
    assert isinstance(score, Score)
    assert score.passed is passed
    assert score.reason.startswith(reason)


def test_keys_that_no_standard_knows_are_ignored() -> None:
    odd: JsonValue = {"type": "object", "requried": ["x"], "optional": ["y"], "properties": {}}
    score = Schema().score(pair("x", calls(("f", "{}")), offers(f=odd)), ())
    assert isinstance(score, Score)
    assert score.passed


def test_no_call_on_either_side_passes() -> None:
    score = Schema().score(pair("No.", "I can't.", WEATHER), ())
    assert isinstance(score, Score)
    assert score.passed
    assert score.reason == "no tool call, as the baseline makes none"


def test_a_call_where_no_tool_is_offered_fails() -> None:
    score = Schema().score(pair("No.", calls(("f", "{}"))), ())
    assert isinstance(score, Score)
    assert not score.passed


@pytest.mark.parametrize(
    ("baseline", "answer", "passed"),
    [
        (GOOD, BAD, True),
        (f"```json\n{GOOD}\n```", GOOD, True),
        (GOOD, "refund", False),
        (GOOD, "[]", False),
        ("[]", "[1]", True),
        ("[]", "{}", False),
    ],
)
def test_without_a_schema_the_baselines_json_is_the_measure(
    baseline: str,
    answer: str,
    passed: bool,  # noqa: FBT001
) -> None:
    score = Schema().score(pair(baseline, answer), ())
    assert isinstance(score, Score)
    assert score.passed is passed
    if passed:
        assert score.reason == "fits JSON as the baseline's; no schema is known"


@pytest.mark.parametrize(
    ("baseline", "candidate", "body", "reason"),
    [
        (text("refund"), text("refund"), {}, "no schema: neither the configuration nor the"),
        (text("{oops"), text("{}"), {}, "no schema: neither the configuration nor the"),
        (text("x"), text("{}"), asks_for(None), "no schema: neither the configuration nor"),
        (
            calls(("f", "{}")),
            calls(("f", "{}")),
            {},
            "the request, as logged, offers no tools to check calls by",
        ),
        (
            text("x"),
            calls(("f", "{}")),
            offers(f={"type": "dict"}),
            "the parameters of f: the schema cannot be used: $.type: 'dict' is no JSON type",
        ),
        (
            text("x"),
            text("{}"),
            asks_for({"$ref": "http://example.com/x"}),
            "the request's response_format: the schema cannot be used: $.$ref: 'http://example",
        ),
        (
            text("x"),
            text(json.dumps("a" * 60 + "b")),
            asks_for({"pattern": "^(a|aa)+$"}),
            "the request's response_format: the pattern '^(a|aa)+$' takes more than 0.5 s",
        ),
    ],
)
def test_says_so_where_it_cannot_judge(
    baseline: Response, candidate: Response, body: Mapping[str, JsonValue], reason: str
) -> None:
    found = Schema().score(pair(baseline, candidate, body), ())
    assert isinstance(found, Unscored)
    assert found.reason.startswith(reason)


def test_both_refuse() -> None:
    refusals = pair(text("", Finish.REFUSED), text("No.", Finish.REFUSED), asks_for(LABEL))
    assert isinstance(score := Schema().score(refusals, ()), Score)
    assert score.passed
    one = pair(text("", Finish.REFUSED), GOOD, asks_for(LABEL))
    assert isinstance(score := Schema().score(one, ()), Score)
    assert score.passed  # it is the candidate's answer that is checked


@pytest.mark.parametrize("schema", ["{oops", '{"type": "float"}', {"$ref": "#/none"}])
def test_check_refuses_a_configured_schema_that_is_none(schema: JsonObject | str) -> None:
    with pytest.raises(InputError, match="the configured schema: "):
        Schema(schema=schema).check()


def test_refuses_a_schema_that_cannot_be_one() -> None:
    with pytest.raises(ConfigError, match="schema == 7, must be a JSON Schema"):
        Schema(schema=7)  # type: ignore[arg-type]


def test_refuses_another_strictness() -> None:
    with pytest.raises(ConfigError, match="strictness == 'lenient'"):
        Schema(strictness="lenient")  # type: ignore[arg-type]

from dataclasses import replace

import pytest
from makers import entry, request

from parity_eval.errors import ConfigError
from parity_eval.records import JsonValue, LogEntry, Response, TaskName, ToolCall
from parity_eval.study import TaskSpec
from parity_eval.tasks import (
    assign,
    common_value,
    content_text,
    field_values,
    matches,
    schema_name,
    system_prompt,
    tool_names,
    user_prompt,
)

RICH = entry(
    "1",
    metadata={
        "feature": "triage",
        "deep": {"er": 1},
        "beta": True,
        "list": ["a", "b"],
        "tags": ["reply"],
    },
    body={"messages": [{"role": "system", "content": "Read the invoice."}]},
)


class TestAssign:
    @pytest.mark.parametrize(
        ("given", "name"),
        [
            (entry("1", task="triage"), "triage"),
            (entry("1", metadata={"task": "triage"}), "triage"),
            (entry("1", task="a", metadata={"task": "b"}), "a"),
            (entry("1", metadata={"task": 3}), "default"),
            (entry("1", task=""), "default"),
            (entry("1"), "default"),
        ],
    )
    def test_without_tasks_the_log_names_them(self, given: LogEntry, name: str) -> None:
        assert assign(given, []) == name

    @pytest.mark.parametrize(
        ("match", "is_match"),
        [
            ({"model": "b?g"}, True),
            ({"model": "BIG"}, False),
            ({"metadata.feature": "tri*"}, True),
            ({"metadata.deep.er": "1"}, True),
            ({"metadata.deep.er.est": "*"}, False),
            ({"metadata.beta": "true"}, True),
            ({"metadata.list": "b"}, True),
            ({"metadata.nothing": "*"}, False),
            ({"tag": "re*"}, True),
            ({"system_prompt": "*invoice*"}, True),
            ({"user": "*"}, False),
            ({"model": "big", "tag": "other"}, False),
        ],
    )
    def test_all_fields_must_match(self, match: dict[str, str], *, is_match: bool) -> None:
        found = assign(RICH, [TaskSpec(name=TaskName("t"), match=match)])
        assert (found == "t") is is_match

    def test_a_name_is_no_pattern(self) -> None:
        specs = [TaskSpec(name=TaskName("a [b]*"))]
        assert assign(entry("1", task="a [b]*"), specs) == "a [b]*"
        assert assign(entry("1", task="a bc"), specs) is None


def spec(name: str, **match: str) -> TaskSpec:
    return TaskSpec(name=TaskName(name), match=match)


class TestTheRest:
    ASKED = entry("1", "Translate: tree")
    OFFERED = entry("2", "Hello", body={"tools": [{"function": {"name": "search"}}]})

    def test_it_takes_what_no_other_task_matches(self) -> None:
        specs = [spec("other", rest="*"), spec("translate", user_prompt="Translate:*")]
        assert assign(self.ASKED, specs) == "translate"
        assert assign(self.OFFERED, specs) == "other"

    def test_the_more_conditions_the_sooner(self) -> None:
        specs = [spec("other", rest="*"), spec("agent", rest="*", tool="?*")]
        assert assign(self.OFFERED, specs) == "agent"
        assert assign(self.ASKED, specs) == "other"

    def test_its_other_conditions_hold(self) -> None:
        assert assign(self.ASKED, [spec("agent", rest="*", tool="?*")]) is None

    def test_two_that_match_are_as_wrong_as_ever(self) -> None:
        with pytest.raises(ConfigError, match="make their `match` rules disjoint"):
            assign(self.ASKED, [spec("one", rest="*"), spec("two", rest="*")])


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([{"role": "user", "content": "one"}, {"role": "user", "content": "two"}], "one"),
        ([{"role": "assistant", "content": "hi"}, {"role": "user", "content": ["x"]}], ""),
        ([3, {"role": "user", "content": [{"type": "text", "text": "parts"}]}], "parts"),
        ("nothing", ""),
    ],
)
def test_the_first_user_message(messages: JsonValue, text: str) -> None:
    assert user_prompt({"messages": messages}) == text


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ({"json_schema": {"name": "invoice", "schema": {"title": "Other"}}}, "invoice"),
        ({"json_schema": {"schema": {"title": "Invoice"}}}, "Invoice"),
        ({"json_schema": {"name": 3, "schema": []}}, ""),
        ({"type": "json_object"}, ""),
        (None, ""),
    ],
)
def test_the_name_of_a_schema(wanted: JsonValue, name: str) -> None:
    assert schema_name({"response_format": wanted}) == name


def test_the_names_of_tools() -> None:
    tools: list[JsonValue] = [
        {"type": "function", "function": {"name": "search"}},
        {"name": "plain"},
        {"function": {"name": 3}},
        {"function": "odd"},
        "odd",
    ]
    assert tool_names({"tools": tools}) == ("search", "plain")
    assert tool_names({"tools": "odd"}) == ()


def called(*names: str, text: str = "") -> Response:
    return Response(text=text, tool_calls=tuple(ToolCall(name=n, arguments="{}") for n in names))


class TestFieldValues:
    @pytest.mark.parametrize(
        ("field", "values"),
        [
            ("model", ("big",)),
            ("user", ()),
            ("session", ("s1",)),
            ("task", ("triage",)),
            ("tag", ("reply",)),
            ("system_prompt", ("Read the invoice.",)),
            ("metadata.feature", ("triage",)),
            ("metadata.list", ("a", "b")),
            ("metadata.beta", ("true",)),
            ("metadata.deep", ('{"er": 1}',)),
            ("metadata.deep.er", ("1",)),
            ("metadata.deep.er.est", ()),
            ("metadata.nothing", ()),
            ("answer", ("yes",)),
            ("user_prompt", ("",)),
            ("schema", ("",)),
            ("tool", ("",)),
        ],
    )
    def test_every_field(self, field: str, values: tuple[str, ...]) -> None:
        given = replace(RICH, session="s1", task="triage")
        assert field_values(given, field) == values

    @pytest.mark.parametrize(
        ("answer", "values"),
        [
            (" toxic\n", ("toxic",)),
            (called("refund", "close"), ("refund", "close")),
            (called("refund", text="Done. "), ("Done.", "refund")),
            (" ", ()),
            (None, ()),
        ],
    )
    def test_the_answer(self, answer: str | Response | None, values: tuple[str, ...]) -> None:
        assert field_values(entry("1", answer=answer), "answer") == values

    def test_a_field_that_no_entry_has(self) -> None:
        with pytest.raises(KeyError, match="colour"):
            field_values(RICH, "colour")


class TestMatches:
    @pytest.mark.parametrize(
        ("match", "is_match"),
        [
            ({}, True),
            ({"answer": "re*"}, True),
            ({"answer": "Refund"}, False),
            ({"answer": "Sure, *\nbye"}, True),
            ({"answer": "re*", "model": "small"}, False),
            ({"answer": "re*", "metadata.feature": "tri?ge"}, True),
        ],
    )
    def test_all_globs_must_fit_one_value(self, match: dict[str, str], *, is_match: bool) -> None:
        given = replace(RICH, response=called("close", "refund", text="Sure, done\nbye"))
        assert matches(given, match) is is_match


@pytest.mark.parametrize(
    ("session", "field", "value"),
    [
        ("s1", "session", "s1"),
        ("", "session", None),
        (None, "session", None),
        (None, "metadata.list", "a\x1fb"),
        (None, "metadata.nothing", None),
        (None, "metadata.deep.er", "1"),
    ],
)
def test_what_dependent_requests_have_in_common(
    session: str | None, field: str, value: str | None
) -> None:
    assert common_value(replace(RICH, session=session), field) == value


def test_system_prompt_joins_system_and_developer() -> None:
    body: dict[str, JsonValue] = {
        "messages": [
            {"role": "system", "content": "one"},
            {"role": "developer", "content": [{"type": "text", "text": "two"}, {"type": "image"}]},
            {"role": "user", "content": "three"},
        ]
    }
    assert system_prompt(body) == "one\ntwo"
    assert system_prompt(request("1").body) == ""


@pytest.mark.parametrize(
    ("content", "text"), [(None, ""), ("a", "a"), ([{"text": 1}], ""), (3, "")]
)
def test_content_text(content: JsonValue, text: str) -> None:
    assert content_text(content) == text

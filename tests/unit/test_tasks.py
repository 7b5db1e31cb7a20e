from dataclasses import replace

import pytest
from makers import entry, request

from parity_eval.records import Finish, JsonValue, Kind, LogEntry, Response, TaskName, ToolCall
from parity_eval.study import TaskSpec
from parity_eval.tasks import (
    assign,
    common_value,
    content_text,
    field_values,
    is_free_text,
    kind_from_answers,
    kind_from_requests,
    matches,
    system_prompt,
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


class TestKindFromRequests:
    def test_the_log_says_so(self) -> None:
        rows = [entry("1", metadata={"kind": "moderation"}), entry("2")]
        assert kind_from_requests(rows) == (Kind.MODERATION, "the log's metadata.kind")

    def test_a_tie_does_not_depend_on_the_order(self) -> None:
        rows = [entry("1", metadata={"kind": k}) for k in ("moderation", "extraction")]
        assert kind_from_requests(rows) == kind_from_requests(rows[::-1])

    @pytest.mark.parametrize("kind", ["poetry", ["moderation"], {"a": 1}, 3, None])
    def test_what_is_no_kind_says_nothing(self, kind: JsonValue) -> None:
        assert kind_from_requests([entry("1", metadata={"kind": kind})]) is None

    def test_tools(self) -> None:
        tools: list[JsonValue] = [{"type": "function"}]
        rows = [entry("1", body={"tools": tools}), entry("2", body={"tools": tools})]
        assert kind_from_requests(rows) == (Kind.TOOL_CALL, "every request has tools")
        assert kind_from_requests([*rows, entry("3")]) is None

    def test_requests_that_the_log_cut_do_not_tell(self) -> None:
        tools = entry("1", body={"tools": [{"type": "function"}]})
        cut = replace(entry("2"), unreplayable="the log cut its text")
        assert kind_from_requests([tools, cut]) == (Kind.TOOL_CALL, "every request has tools")
        assert kind_from_requests([cut]) is None

    @pytest.mark.parametrize("form", ["json_schema", "json_object"])
    def test_json(self, form: str) -> None:
        rows = [entry("1", body={"response_format": {"type": form}})]
        assert kind_from_requests(rows) == (Kind.STRUCTURED, "every request asks for JSON")

    def test_nothing(self) -> None:
        assert kind_from_requests([]) is None


class TestKindFromAnswers:
    def test_few_short_answers_are_labels(self) -> None:
        rows = [entry(str(i), answer=("spam ", "ham")[i % 2]) for i in range(4)]
        assert kind_from_answers(rows) == (
            Kind.CLASSIFICATION,
            "2 short answers repeat over 4 rows",
        )

    @pytest.mark.parametrize(
        "answers",
        [[], ["a"], ["a", "b", "c"], ["x" * 61] * 4, [None, None]],
    )
    def test_all_else_is_free_text(self, answers: list[str | None]) -> None:
        rows = [entry(str(i), answer=answer) for i, answer in enumerate(answers)]
        assert kind_from_answers(rows) == (Kind.GENERATION, "answers are free text")

    def test_answers_that_did_not_end_say_nothing(self) -> None:
        cut = Response(text="spam", finish=Finish.LENGTH)
        assert kind_from_answers([entry(str(i), answer=cut) for i in range(4)])[0] is (
            Kind.GENERATION
        )


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


def test_free_text() -> None:
    assert is_free_text(Kind.SUPPORT_REPLY)
    assert not is_free_text(Kind.CLASSIFICATION)

"""Plain tables: columns by their usual names, or as they are mapped."""

import json
from typing import Any

import pytest

from parity_eval.readers.plain import Plain
from parity_eval.records import LogEntry, Reject, Row, Usage

ASKED = {"role": "user", "content": "A ripe lemon?"}
ROW = {"prompt": "A ripe lemon?", "response": "yellow"}


def read(row: Any, **columns: Any) -> LogEntry | Any:  # noqa: ANN401 - JSON
    (found,) = Plain(columns).read([Row(path="t.csv", number=2, value=row)])
    return found


def entry(row: Any, **columns: Any) -> LogEntry:  # noqa: ANN401 - JSON
    found = read(row, **columns)
    assert isinstance(found, LogEntry), found
    return found


def reason(row: Any, **columns: Any) -> str:  # noqa: ANN401 - JSON
    found = read(row, **columns)
    assert isinstance(found, Reject), found
    return found.reason


def text(found: LogEntry) -> str:
    assert found.response is not None
    return found.response.text


@pytest.mark.parametrize("asked", ["prompt", "input", "Question", "query", "User Prompt"])
@pytest.mark.parametrize("given", ["response", "output", "ANSWER", "completion", "reply"])
def test_usual_names(asked: str, given: str) -> None:
    row: dict[str, Any] = {asked: "A ripe lemon?", given: "yellow"}
    assert Plain().fit(row).score == 1
    found = entry(row)
    assert found.request.body == {"messages": [ASKED]}
    assert text(found) == "yellow"
    assert (found.source, found.metadata) == ("plain", {})


def test_everything_that_a_table_may_say() -> None:
    found = entry(
        {
            **ROW,
            "system": "Name the colour.",
            "task": "colours",
            "id": 7,
            "model": "hue-2",
            "timestamp": "2026-05-04 08:00:00",
            "user_id": "u",
            "session": "s",
            "prompt_tokens": "11",
            "output_tokens": 1.0,
            "cached_tokens": 4,
            "latency_ms": "250",
            "cost": "0.5",
            "temperature": "0.5",
            "max_tokens": "9",
            "finish_reason": "stop",
            "language": "en",
            "empty": None,
        }
    )
    assert found.request.id == "7"
    assert found.request.body == {
        "messages": [{"role": "system", "content": "Name the colour."}, ASKED],
        "temperature": 0.5,
        "max_tokens": 9,
    }
    assert (found.model, found.task, found.user, found.session) == ("hue-2", "colours", "u", "s")
    assert found.timestamp == "2026-05-04T08:00:00Z"
    assert found.cost_usd == 0.5
    assert found.response is not None
    assert found.response.usage == Usage(input_tokens=11, output_tokens=1, cached_input_tokens=4)
    assert found.response.latency_s == 0.25
    assert found.metadata == {"language": "en"}


@pytest.mark.parametrize("column", ["latency_s", "latency", "duration_s"])
def test_latency_is_in_seconds_unless_its_name_says_otherwise(column: str) -> None:
    found = entry({**ROW, column: "1.5"}).response
    assert found is not None
    assert found.latency_s == 1.5


def test_unknown_is_absent() -> None:
    found = entry(
        {"prompt": "x", "response": None, "input_tokens": "many", "cost": "-", "id": None}
    )
    assert (found.response, found.cost_usd, found.timestamp, found.task) == (None, None, None, None)
    assert len(found.request.id) > 10  # of its content


@pytest.mark.parametrize("as_text", [True, False])
def test_json_in_columns_is_read(as_text: bool) -> None:  # noqa: FBT001 - a case
    tools = [{"type": "function", "function": {"name": "paint"}}]
    form = {"type": "json_schema", "json_schema": {"name": "c", "schema": {"type": "object"}}}
    parts: dict[str, Any] = {
        "messages": [{"role": "system", "content": "s"}, ASKED],
        "tools": tools,
        "response_format": form,
    }
    given = {name: json.dumps(part) if as_text else part for name, part in parts.items()}
    found = entry({**given, "system": "another", "response": '{"colour": "yellow"}'})
    assert found.request.body == parts
    assert text(found) == '{"colour": "yellow"}'


def test_messages_in_the_column_of_the_prompt() -> None:
    assert entry({**ROW, "prompt": json.dumps([ASKED])}).request.body == {"messages": [ASKED]}
    listed = '["a", "b"]'
    body = entry({**ROW, "prompt": listed}).request.body
    assert body == {"messages": [{"role": "user", "content": listed}]}


def test_a_whole_completion_in_the_column_of_the_response() -> None:
    choice = {"message": {"role": "assistant", "content": "red"}, "finish_reason": "length"}
    found = entry({"prompt": "x", "response": json.dumps({"choices": [choice]})})
    assert text(found) == "red"
    message = {"role": "assistant", "content": None, "tool_calls": [
        {"id": "1", "type": "function", "function": {"name": "paint", "arguments": "{}"}}
    ]}  # fmt: skip
    called = entry({"prompt": "x", "tools": [{}], "response": message}).response
    assert called is not None
    assert [call.name for call in called.tool_calls] == ["paint"]


class TestMapping:
    def test_columns_as_they_are_named(self) -> None:
        row = {"q": "A ripe lemon?", "a": "yellow", "area": "colours", "x": 1, "y": 2, "z": 3}
        found = entry(row, prompt="q", response="a", task="area", metadata=("x", "z"))
        assert found.request.body == {"messages": [ASKED]}
        assert (text(found), found.task) == ("yellow", "colours")
        assert found.metadata == {"x": 1, "z": 3}

    def test_dotted_names_lead_into_objects(self) -> None:
        row = {"in": {"text": "A ripe lemon?"}, "out": {"text": "yellow"}, "a.b": "t", "k": 1}
        found = entry(row, prompt="in.text", response="out.text", task="a.b")
        assert (text(found), found.task, found.metadata) == ("yellow", "t", {"k": 1})

    def test_a_mapped_column_is_not_taken_for_another_thing_too(self) -> None:
        row = {
            "input": "not asked",
            "question": "A ripe lemon?",
            "answer": "yellow",
            "output": "no",
        }
        found = entry(row, prompt="question", response="answer")
        assert (text(found), found.metadata) == ("yellow", {"input": "not asked", "output": "no"})
        swapped = entry({"prompt": "yellow", "response": "A ripe lemon?"},
                        prompt="response", response="prompt")  # fmt: skip
        assert swapped.request.body == {"messages": [ASKED]}
        other = entry({"output": "A ripe lemon?", "answer": "yellow"}, prompt="output")
        assert (other.request.body, text(other)) == ({"messages": [ASKED]}, "yellow")

    def test_a_column_that_is_not_there(self) -> None:
        assert reason(ROW, prompt="q") == "the column of the prompt is empty"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({**ROW, "prompt": None}, "the column of the prompt is empty"),
        ({**ROW, "prompt": {"a": 1}}, "`prompt` must be a text, not an object or a list"),
        ({**ROW, "task": ["a"]}, "`task` must be a text"),
        ({"messages": "hello", "response": "x"}, "`messages` must hold a list of messages"),
        ({"messages": [1], "response": "x"}, "each of `request.messages` must be an object"),
        ({**ROW, "response": [1]}, "`response` must be a text, a message or a chat completion"),
        ([], "a JSON object was expected, not a list"),
    ],
)
def test_what_cannot_be_used_says_why(row: Any, words: str) -> None:  # noqa: ANN401
    assert reason(row).startswith(words)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (
            {"prompt": "x"},
            "no column is called as a response usually is (map it with `log.columns`)",
        ),
        ({"a": 1}, "no column is called as a prompt or messages or a response usually is"),
        (3, "the row is not an object"),
    ],
)
def test_what_does_not_fit(row: Any, why: str) -> None:  # noqa: ANN401
    found = Plain().fit(row)
    assert found.score < 1
    assert found.why.startswith(why)
    assert found.needs == 0

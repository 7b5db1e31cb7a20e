import json
from typing import Any

import pytest
from logrows import answer, entry, read, reject, skipped
from oddrows import assert_accounted_for

from parity_eval.readers.langfuse import Langfuse
from parity_eval.records import Finish, JsonValue, LogEntry, Skipped

READER = Langfuse()
ASKED: list[JsonValue] = [
    {"role": "system", "content": "Name the bird."},
    {"role": "user", "content": "Small, red breast."},
]
SAID: JsonValue = {"role": "assistant", "content": "robin"}
TOOL: JsonValue = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {}}},
}
CALL: JsonValue = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
SCHEMA: JsonValue = {"type": "json_schema", "json_schema": {"name": "bird", "schema": {}}}

ROW: dict[str, Any] = {
    "id": "o1",
    "traceId": "t1",
    "type": "GENERATION",
    "parentObservationId": None,
    "startTime": "2026-05-01T10:00:00.000Z",
    "endTime": "2026-05-01T10:00:01.250Z",
    "name": "OpenAI-generation",
    "level": "DEFAULT",
    "statusMessage": None,
    "userId": "u1",
    "sessionId": "s1",
    "input": ASKED,
    "output": SAID,
    "metadata": {"team": "ornithology"},
    "providedModelName": "big-1",
    "modelParameters": {},
    "usageDetails": {"input": 5, "input_cached_tokens": 20, "output": 3, "total": 28},
    "totalCost": 0.002,
    "promptName": "birds",
    "tags": ["web"],
}
BLOB: dict[str, Any] = {
    "id": "o1",
    "trace_id": "t1",
    "type": "GENERATION",
    "parent_observation_id": "",
    "start_time": "2026-05-01 10:00:00.000",
    "end_time": "2026-05-01 10:00:01.250",
    "name": "name-birds",
    "level": "DEFAULT",
    "input": json.dumps(ASKED),
    "output": json.dumps(SAID),
    "metadata": {"team": "ornithology"},
    "provided_model_name": "big-1",
    "model_parameters": "{}",
    "usage_details": {"input": 25, "output": 3},
    "total_cost": 0.002,
    "prompt_name": "birds",
    "latency": 1250,
}
TABLE: dict[str, Any] = {
    "id": "o1",
    "type": "GENERATION",
    "name": "name-birds",
    "startTime": '"2026-05-01T10:00:00.000Z"',
    "endTime": '"2026-05-01T10:00:01.250Z"',
    "traceId": "t1",
    "parentObservationId": "",
    "level": "DEFAULT",
    "input": json.dumps(ASKED),
    "output": json.dumps(SAID),
    "metadata": '{"team": "ornithology"}',
    "model": "big-1",
    "modelParameters": "{}",
    "usageDetails": '{"input": 25, "output": 3}',
    "inputUsage": "99",
    "totalCost": "0.002",
    "promptName": "birds",
    "latency": "1.25",
    "traceTags": '["web"]',
    "userId": "u1",
}


@pytest.mark.parametrize("row", [ROW, BLOB, TABLE, {"data": [ROW], "meta": {}}])
def test_every_export_says_the_same(row: dict[str, Any]) -> None:
    assert READER.fit(row).score == 1
    found = entry(READER, row)
    assert (found.request.id, found.model, found.task) == ("o1", "big-1", "birds")
    assert found.timestamp == "2026-05-01T10:00:00Z"
    assert found.request.body == {"messages": ASKED}
    assert found.metadata["team"] == "ornithology"
    assert found.cost_usd == 0.002
    said = answer(READER, row)
    assert (said.text, said.latency_s) == ("robin", 1.25)
    assert said.usage is not None
    assert (said.usage.input_tokens, said.usage.output_tokens) == (25, 3)


def test_what_only_some_exports_hold() -> None:
    found = entry(READER, ROW)
    assert (found.user, found.session, found.metadata["tags"]) == ("u1", "s1", ["web"])
    assert entry(READER, TABLE).metadata["tags"] == ["web"]
    assert entry(READER, BLOB).user is None


def test_every_key_of_the_input_counts() -> None:
    usage = answer(READER, ROW).usage
    assert usage is not None
    assert (usage.input_tokens, usage.cached_input_tokens) == (25, 20)
    given = {"input": 1, "cache_read_input_tokens": 2, "cache_creation_input_tokens": 4}
    given |= {"output": 8, "output_reasoning_tokens": 16}
    usage = answer(READER, ROW | {"usageDetails": given}).usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens) == (7, 24, 2)


def test_what_was_not_counted_is_unknown() -> None:
    # The columns beside it hold numbers all the same.
    assert answer(READER, TABLE | {"usageDetails": "{}"}).usage is None


@pytest.mark.parametrize("latency", [1.25, 1250, None])
def test_latency_is_from_start_to_end_whatever_the_field_says(latency: float | None) -> None:
    assert answer(READER, ROW | {"latency": latency}).latency_s == 1.25
    assert answer(READER, ROW | {"latency": latency, "endTime": None}).latency_s is None


@pytest.mark.parametrize("kind", ["SPAN", "EVENT", "TOOL", "EMBEDDING", "AGENT", None])
def test_only_generations_are_calls(kind: str | None) -> None:
    assert skipped(READER, ROW | {"type": kind}) == f"an observation of the type {kind}"


def test_an_error_is_no_answer() -> None:
    said = answer(READER, ROW | {"level": "ERROR", "statusMessage": "HTTP 500", "output": None})
    assert said.finish is Finish.INVALID
    assert said.detail == "the body is an error: HTTP 500"
    partly = answer(READER, ROW | {"level": "ERROR", "statusMessage": None})
    assert partly.finish is Finish.INVALID


def test_files_overlap() -> None:
    first, again, other = read(READER, ROW, BLOB, ROW | {"id": "o2"})
    assert isinstance(first, LogEntry)
    assert isinstance(again, Skipped)
    assert again.reason == "repeats an observation of an earlier row"
    assert isinstance(other, LogEntry)


def test_an_unfinished_observation_does_not_stand_for_the_finished_one() -> None:
    begun = ROW | {"output": None, "endTime": None, "usageDetails": {}}
    open_, done = read(READER, begun, ROW)
    assert isinstance(open_, Skipped)
    assert open_.reason == "an unfinished observation"
    assert isinstance(done, LogEntry)


def test_of_generations_inside_of_each_other_the_innermost_counts() -> None:
    inner = ROW | {"id": "o2", "parentObservationId": "o1"}
    for rows in ([ROW, inner], [inner, ROW]):
        kept = [each for each in read(READER, *rows) if isinstance(each, LogEntry)]
        assert [each.request.id for each in kept] == ["o2"]
    around = ROW | {"type": "SPAN"}
    assert isinstance(read(READER, inner, around)[0], LogEntry)


def test_parameters_that_were_not_set_or_were_written_as_text() -> None:
    given = {"temperature": "0.5", "max_tokens": "inf", "top_p": 1, "seed": "3", "user": "x"}
    given |= {"response_format": json.dumps(SCHEMA), "tools": "", "n": None}
    body = entry(READER, ROW | {"modelParameters": given}).request.body
    assert body == {
        "messages": ASKED,
        "temperature": 0.5,
        "top_p": 1,
        "seed": 3,
        "response_format": SCHEMA,
    }


def test_tools_beside_the_messages() -> None:
    said = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    found = entry(READER, ROW | {"input": {"messages": ASKED, "tools": [TOOL]}, "output": said})
    assert found.request.body["tools"] == [TOOL]
    assert found.response is not None
    assert [call.name for call in found.response.tool_calls] == ["look"]


def test_tools_in_the_column_of_their_own() -> None:
    about = {"description": "", "parameters": json.dumps({"type": "object", "properties": {}})}
    said = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    row = BLOB | {"tool_definitions": {"look": json.dumps(about)}, "output": json.dumps(said)}
    found = entry(READER, row)
    assert found.request.body["tools"] == [TOOL]
    assert found.unreplayable is None


def test_a_call_of_tools_that_the_export_lacks() -> None:
    said = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    assert "tools" in str(entry(READER, ROW | {"output": said}).unreplayable)


@pytest.mark.parametrize("kept", ['{"bird": "robin"}', {"bird": "robin"}])
def test_an_answer_in_json_that_langfuse_parsed(kept: JsonValue) -> None:
    assert answer(READER, ROW | {"output": kept}).text == '{"bird": "robin"}'


@pytest.mark.parametrize(
    "kept", ["robin", [SAID], {"choices": [{"message": SAID}]}, [{"index": 0, "message": SAID}]]
)
def test_answers_in_other_shapes(kept: JsonValue) -> None:
    assert answer(READER, ROW | {"output": kept}).text == "robin"


def test_items_of_the_responses_api() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}
    said = answer(READER, ROW | {"output": [item]})
    assert [call.name for call in said.tool_calls] == ["look"]


def test_a_prompt_that_is_a_text() -> None:
    found = entry(READER, ROW | {"input": "Name a bird."})
    assert found.request.body["messages"] == [{"role": "user", "content": "Name a bird."}]


def test_an_export_without_inputs() -> None:
    nothing: tuple[JsonValue, ...] = (None, "", {})
    for kept in nothing:
        found = entry(READER, ROW | {"input": kept})
        assert found.unreplayable is not None
        assert "export the fields `input` and `output`" in found.unreplayable
        assert found.model == "big-1"


def test_media_that_langfuse_keeps() -> None:
    url = "@@@langfuseMedia:type=image/png|id=1|source=base64@@@"
    part = {"type": "image_url", "image_url": {"url": url}}
    found = entry(READER, ROW | {"input": [{"role": "user", "content": [part]}]})
    assert found.unreplayable == "it refers to media that Langfuse keeps"


@pytest.mark.parametrize(
    ("change", "task"),
    [
        ({"metadata": {"task": "own"}, "tags": ["task:tagged"]}, "own"),
        ({"metadata": '{"task": "own"}'}, "own"),
        ({"tags": ["task:tagged"]}, "tagged"),
        ({"name": "name-birds"}, "birds"),
        ({"name": "name-birds", "promptName": None}, "name-birds"),
        ({"promptName": None}, None),
    ],
)
def test_the_first_name_of_a_task_wins(change: dict[str, Any], task: str | None) -> None:
    assert entry(READER, ROW | change).task == task


@pytest.mark.parametrize("kept", [7, [7], {"rows": []}])
def test_an_input_without_messages(kept: JsonValue) -> None:
    assert reject(READER, ROW | {"input": kept}).startswith("its input ")


@pytest.mark.parametrize("row", [ROW, BLOB, TABLE])
def test_rows_that_hold_anything_are_still_one_each(row: dict[str, Any]) -> None:
    assert assert_accounted_for(READER, row) > 200

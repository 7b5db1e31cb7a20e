import json
from typing import Any

import pytest
from logrows import answer, entry, read, reject, skipped

from parity_eval.readers.openai_pairs import OpenAIPairs
from parity_eval.records import Finish, JsonValue, LogEntry

READER = OpenAIPairs()
ASKED: dict[str, Any] = {
    "model": "gpt-x",
    "messages": [{"role": "user", "content": "Name a tree."}],
    "metadata": {"task": "trees", "shop": "north"},
    "user": "u1",
}
GIVEN: dict[str, Any] = {
    "id": "chatcmpl-abcdef",
    "object": "chat.completion",
    "created": 1790000000,
    "model": "gpt-x-2026",
    "choices": [{"message": {"content": "Oak."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 6, "completion_tokens": 2},
}
ROW: dict[str, Any] = {"request": ASKED, "response": GIVEN}


def test_a_pair() -> None:
    found = entry(READER, ROW | {"timestamp": "2026-10-01T12:00:00+02:00", "latency_ms": 250})
    assert found.request.id == "chatcmpl-abcdef"
    assert found.request.body == {key: ASKED[key] for key in ("messages", "metadata", "user")}
    assert (found.model, found.task, found.user) == ("gpt-x", "trees", "u1")
    assert found.metadata == {"task": "trees", "shop": "north"}
    assert found.timestamp == "2026-10-01T10:00:00Z"
    assert found.source == "openai_pairs"
    assert found.response is not None
    assert (found.response.text, found.response.latency_s) == ("Oak.", 0.25)
    assert found.response.model_served == "gpt-x-2026"


def test_the_time_of_the_answer_stands_in_for_that_of_the_call() -> None:
    assert entry(READER, ROW).timestamp == "2026-09-21T14:13:20Z"


def test_an_envelope_says_more() -> None:
    found = entry(
        READER,
        ROW
        | {
            "id": 17,
            "start_time": "2026-10-01T12:00:00Z",
            "end_time": "2026-10-01T12:00:01.5Z",
            "task": "forest",
            "tags": ["a", "User-Agent: x"],
            "metadata": {"team": "blue"},
            "user_id": "u2",
            "conversation_id": "s1",
            "cost_usd": 0.002,
        },
    )
    assert (found.request.id, found.task, found.user, found.session) == ("17", "forest", "u2", "s1")
    assert found.timestamp == "2026-10-01T12:00:00Z"
    assert found.metadata == {"task": "trees", "shop": "north", "team": "blue", "tags": ["a"]}
    assert found.cost_usd == 0.002
    assert found.response is not None
    assert found.response.latency_s == 1.5


@pytest.mark.parametrize(
    ("more", "task"),
    [
        ({"tags": {"task": "forest"}}, "forest"),
        ({"tags": ["task:forest"]}, "trees"),
        ({"request": {**ASKED, "metadata": None}, "tags": ["task:forest"]}, "forest"),
        ({"request": {**ASKED, "metadata": None}}, None),
    ],
)
def test_where_the_task_is_named(more: dict[str, Any], task: str | None) -> None:
    assert entry(READER, ROW | more).task == task


@pytest.mark.parametrize(
    "row",
    [
        {"input": ASKED, "output": GIVEN},
        {"body": ASKED, "response": GIVEN},
        {"request": {"body": ASKED, "url": "/v1"}, "response": {"body": GIVEN, "status_code": 200}},
        {"request": {"body": json.dumps(ASKED)}, "response": {"body": json.dumps(GIVEN)}},
        {"request": json.dumps(ASKED), "response": json.dumps(GIVEN)},
        {"input": ASKED["messages"], "output": "Oak."},
        {"request": {**ASKED, "body": 3}, "response": {**GIVEN, "body": 3}},
        {"input": ASKED["messages"], "output": {"role": "assistant", "content": "Oak."}},
    ],
)
def test_where_the_bodies_stand(row: dict[str, Any]) -> None:
    found = entry(READER, row)
    assert found.request.body["messages"] == ASKED["messages"]
    assert found.response is not None
    assert (found.response.text, found.response.finish) == ("Oak.", Finish.STOP)
    assert READER.fit(row).score == 1


def test_a_pair_of_the_responses_api() -> None:
    row: dict[str, Any] = {
        "request": {"model": "gpt-x", "instructions": "Be terse.", "input": "Name a tree."},
        "response": {
            "id": "resp_a",
            "object": "response",
            "status": "completed",
            "created_at": 1790000000,
            "output": [{"type": "message", "content": [{"type": "output_text", "text": "Oak."}]}],
            "usage": {"input_tokens": 9, "output_tokens": 2},
        },
    }
    found = entry(READER, row)
    assert (found.request.id, found.timestamp) == ("resp_a", "2026-09-21T14:13:20Z")
    assert found.request.body["messages"] == [
        {"role": "system", "content": "Be terse."},
        {"role": "user", "content": "Name a tree."},
    ]
    assert found.response is not None
    assert found.response.text == "Oak."
    assert READER.fit(row).score == 1


@pytest.mark.parametrize(
    "row",
    [
        ROW | {"response": {"error": {"message": "down", "type": "server_error"}}},
        ROW | {"response": None, "error": "down"},
        ROW | {"response": {"status_code": 502, "body": "down"}},
        ROW | {"response": "down", "status_code": 502},
        ROW | {"response": '{"error": {"message": "down"}}'},
    ],
)
def test_an_error_is_the_answer(row: dict[str, Any]) -> None:
    found = answer(READER, row)
    assert found.finish is Finish.INVALID
    assert "down" in str(found.detail)


def test_the_status_is_said_where_the_body_says_nothing() -> None:
    found = answer(READER, ROW | {"response": {"status_code": 502, "body": {"a": 1}}})
    assert found.detail == "the body is an error: HTTP 502"


@pytest.mark.parametrize("body", ['{"choices": [{"mess', "<html><body>502</body></html>", ""])
def test_a_broken_body_is_no_answer(body: str) -> None:
    assert answer(READER, ROW | {"response": body}).finish is Finish.INVALID


@pytest.mark.parametrize("text", ["Oak.", '{"tree": "oak"}', '["oak"]', "42", "<b>Oak</b>"])
def test_a_text_that_is_no_body_is_the_answer_itself(text: str) -> None:
    found = answer(READER, ROW | {"response": text})
    assert (found.text, found.finish) == (text, Finish.STOP)


def test_chunks() -> None:
    chunks = [
        {"choices": [{"delta": {"content": "Oa"}}]},
        {"choices": [{"delta": {"content": "k."}, "finish_reason": "stop"}]},
    ]
    raw = "".join(f"data: {json.dumps(part)}\n\n" for part in chunks)
    for streamed in (chunks, raw):
        assert answer(READER, ROW | {"response": streamed}).text == "Oak."


def test_of_several_choices_the_first_counts() -> None:
    choices: JsonValue = [
        {"message": {"content": text}, "finish_reason": "stop"} for text in ("Oak", "Elm")
    ]
    row: JsonValue = {"request": {**ASKED, "n": 2}, "response": {**GIVEN, "choices": choices}}
    assert answer(READER, row).text == "Oak"


def test_a_refusal() -> None:
    message = {"content": None, "refusal": "I won't."}
    found = answer(READER, ROW | {"response": {"choices": [{"message": message}]}})
    assert (found.finish, found.detail) == (Finish.REFUSED, "I won't.")


@pytest.mark.parametrize("response", [{}, {"response": None}])
def test_a_request_alone(response: dict[str, Any]) -> None:
    assert entry(READER, {"request": ASKED, **response}).response is None


def test_an_id_that_stands_for_no_call_is_not_used() -> None:
    row = ROW | {"response": {**GIVEN, "id": "chatcmpl-77"}}
    found = [item.request.id for item in read(READER, row, row) if isinstance(item, LogEntry)]
    assert len(set(found)) == 2
    assert "chatcmpl-77" not in found


def test_a_request_that_the_log_cut_stays_traffic() -> None:
    found = entry(READER, {"id": "1", "request": '{"model": "gpt-x", "messages": [... [truncated]'})
    assert found.unreplayable == "the log cut its text"


def test_no_request() -> None:
    assert reject(READER, {"response": GIVEN, "id": "1"}) == (
        "no request with `messages` or `input`; the row has: id, response"
    )
    assert "`request.messages`" in reject(READER, {"request": {"model": "m"}, "id": "1"})


def test_a_call_of_another_kind() -> None:
    embedding: JsonValue = {"object": "list", "data": [{"embedding": [0.5]}]}
    row: JsonValue = {"request": {"model": "m", "input": "x"}, "response": embedding}
    assert skipped(READER, row) == "a call of an embedding, image or moderation model"


@pytest.mark.parametrize(
    "row",
    [
        {"id": "1", **ROW},
        {"request": {"model": "m"}, "response": {}},
        {"prompt": "x", "response": "y"},
        {"custom_id": "1", **ROW},
        {"model_group": "a", **ROW},
        {"request": {**ASKED, "system": "s"}, "response": GIVEN},
        {"request": ASKED, "response": {"type": "message", "content": []}},
        [ROW],
        None,
    ],
    ids=str,
)
def test_what_is_of_another_format(row: JsonValue) -> None:
    assert READER.fit(row).score < 1


@pytest.mark.parametrize(
    "mark",
    [
        *("custom_id", "model_group", "proxy_server_request", "request_created_at", "ai_org"),
        *("ai_provider", "dotted_order", "span_attributes", "op_name", "parentObservationId"),
        *("parent_observation_id", "traceTags", "RequestBody", "native_tokens_prompt", "spans"),
    ],
)
def test_pairs_in_the_export_of_a_tool_are_for_its_own_reader(mark: str) -> None:
    assert READER.fit({mark: None, **ROW}).score < 1


def test_odd_rows_are_told_with_a_reason() -> None:
    odd: list[JsonValue] = [
        None,
        [],
        {"request": 3},
        {"request": ASKED, "response": 3, "latency_ms": "x", "timestamp": {}, "tags": 3},
        {"request": {"messages": "x"}},
        {"request": {"messages": [3]}, "metadata": 3, "id": []},
        {"request": ASKED, "response": {"body": {"body": 3}}, "status_code": "many"},
    ]
    assert len(read(READER, *odd)) == len(odd)

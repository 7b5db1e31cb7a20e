import json
from typing import Any

import pytest
from logrows import answer, entry, read, skipped

from parity_eval.readers.litellm_spend import LiteLLMSpend
from parity_eval.records import Finish, JsonValue, LogEntry

READER = LiteLLMSpend()
ASKED: dict[str, Any] = {
    "model": "gpt-x",
    "messages": [{"role": "user", "content": "A tree?"}],
    "temperature": 0,
    "metadata": {"shop": "north"},
}
GIVEN: dict[str, Any] = {
    "id": "chatcmpl-a",
    "model": "gpt-x-2026",
    "choices": [{"message": {"content": "Oak."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 6, "completion_tokens": 2},
}
ROW: dict[str, Any] = {
    "request_id": "chatcmpl-a",
    "call_type": "acompletion",
    "spend": "0.0004",
    "prompt_tokens": "6",
    "completion_tokens": "2",
    "startTime": "2026-10-01 12:00:00.5+00",
    "endTime": "2026-10-01 12:00:01.25+00",
    "request_duration_ms": "750",
    "model": "openai/gpt-x",
    "model_group": "clever",
    "metadata": json.dumps(
        {
            "user_api_key_alias": "shop",
            "spend_logs_metadata": {"task": "trees"},
            "status": "success",
        }
    ),
    "cache_hit": "None",
    "request_tags": '["season:fall", "User-Agent: OpenAI"]',
    "end_user": "u1",
    "messages": "{}",
    "response": json.dumps(GIVEN),
    "session_id": "s1",
    "status": "success",
    "proxy_server_request": json.dumps(ASKED),
}


def sent(**more: JsonValue) -> dict[str, Any]:
    return ROW | {"proxy_server_request": json.dumps(ASKED | more)}


def test_a_row_of_a_table() -> None:
    found = entry(READER, ROW)
    assert found.request.id == "chatcmpl-a"
    assert found.request.body["messages"] == ASKED["messages"]
    assert (found.model, found.task, found.user, found.session) == ("gpt-x", "trees", "u1", "s1")
    assert found.timestamp == "2026-10-01T12:00:00Z"
    assert found.cost_usd == 0.0004
    assert found.metadata == {
        "shop": "north",
        "task": "trees",
        "user_api_key_alias": "shop",
        "tags": ["season:fall"],
    }
    assert found.response is not None
    assert (found.response.text, found.response.latency_s) == ("Oak.", 0.75)
    assert found.response.model_served == "gpt-x-2026"


def test_a_row_of_the_api_holds_objects() -> None:
    decoded = {
        "metadata": json.loads(ROW["metadata"]),
        "request_tags": ["season:fall"],
        "response": GIVEN,
        "proxy_server_request": ASKED,
        "spend": 0.0004,
    }
    assert entry(READER, ROW | decoded) == entry(READER, ROW)


def test_the_answer_of_the_list_call() -> None:
    listed: JsonValue = {"data": [ROW, ROW | {"request_id": "b"}], "total": 2}
    assert sum(isinstance(item, LogEntry) for item in read(READER, listed)) == 2
    assert READER.fit(listed).score == 1


@pytest.mark.parametrize(
    ("more", "task"),
    [
        ({"proxy_server_request": {**ASKED, "metadata": {"task": "forest"}}}, "forest"),
        ({"request_tags": '["task:forest"]'}, "forest"),
        ({}, None),
    ],
)
def test_where_the_task_is_named(more: dict[str, Any], task: str | None) -> None:
    assert entry(READER, ROW | {"metadata": "{}"} | more).task == task


@pytest.mark.parametrize("missing", ["{}", "", None, {}])
def test_prompts_are_there_only_if_the_operator_said_so(missing: JsonValue) -> None:
    found = entry(READER, ROW | {"proxy_server_request": missing, "response": "{}"})
    assert "store_prompts_in_spend_logs" in str(found.unreplayable)
    assert found.response is None


def test_the_column_messages_says_nothing() -> None:
    found = entry(READER, ROW | {"messages": '[{"role": "user", "content": "other"}]'})
    assert found.request.body["messages"] == ASKED["messages"]


CUT = "A ... (litellm_truncated skipped 12 chars. Truncation is a DB safeguard.) ... tree?"


def test_a_prompt_that_was_cut_cannot_be_sent_again() -> None:
    found = entry(READER, sent(messages=[{"role": "user", "content": CUT}]))
    assert found.unreplayable == "the log cut its text"


def test_a_schema_that_was_cut_cannot_be_sent_again() -> None:
    found = entry(READER, sent(response_format={"json_schema": {"description": CUT}}))
    assert found.unreplayable == "the log left out its tools or its schema"


@pytest.mark.parametrize(
    "message",
    [
        {"content": CUT},
        {"tool_calls": [{"function": {"name": "find", "arguments": CUT}}], "content": None},
    ],
)
def test_an_answer_that_was_cut_is_none(message: JsonValue) -> None:
    given = {**GIVEN, "choices": [{"message": message}]}
    tools: JsonValue = [{"type": "function", "function": {"name": "find"}}]
    found = entry(READER, sent(tools=tools) | {"response": json.dumps(given)})
    assert found.response is None
    assert found.unreplayable is None


@pytest.mark.parametrize(
    "more", [{"cache_hit": "True"}, {"cache_hit": True}, {"request_id": "a_cache_hit1790000000.2"}]
)
def test_a_cache_hit_keeps_its_prompt_and_leaves_cost_and_latency(more: dict[str, Any]) -> None:
    found = entry(READER, ROW | more)
    assert found.is_cache_hit
    assert found.cost_usd is None
    assert found.unreplayable is None
    assert found.response is not None
    assert (found.response.text, found.response.latency_s) == ("Oak.", None)


@pytest.mark.parametrize("said", ["False", "None", "", None, False])
def test_other_rows_are_no_cache_hits(said: JsonValue) -> None:
    assert not entry(READER, ROW | {"cache_hit": said}).is_cache_hit


def test_a_failure() -> None:
    information = {"error_message": "RateLimitError: slow", "error_code": "429"}
    about = json.dumps({"status": "failure", "error_information": information})
    more = {"status": None, "metadata": about, "response": "{}", "spend": "0", "prompt_tokens": "0"}
    found = entry(READER, ROW | more)
    assert found.cost_usd is None
    assert found.response is not None
    assert found.response.finish is Finish.INVALID
    assert found.response.detail == "the body is an error: RateLimitError: slow"


def test_the_alias_is_not_the_model() -> None:
    aliased = {"response": json.dumps(GIVEN | {"model": "clever"})}
    assert answer(READER, ROW | aliased).model_served == "openai/gpt-x"


def test_the_duration_stands_in_for_the_times() -> None:
    assert answer(READER, ROW | {"endTime": ""}).latency_s == 0.75


def test_what_has_the_name_of_a_secret_is_masked_and_not_sent() -> None:
    body = entry(READER, sent(prompt_cache_key="REDACTED_BY_LITELM")).request.body
    assert "prompt_cache_key" not in body


def test_the_anthropic_route() -> None:
    body = {
        "model": "claude",
        "max_tokens": 50,
        "system": [{"type": "text", "text": "Be terse."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "A tree?"}]}],
    }
    more = {"call_type": "anthropic_messages", "proxy_server_request": json.dumps(body)}
    assert entry(READER, ROW | more).request.body == {
        "max_tokens": 50,
        "messages": [
            {"role": "system", "content": "Be terse."},
            {"role": "user", "content": "A tree?"},
        ],
    }


def test_the_responses_route() -> None:
    body = {"model": "gpt-x", "input": "A tree?", "instructions": "Be terse."}
    output = [{"type": "message", "content": [{"type": "output_text", "text": "Oak."}]}]
    given = {"object": "response", "status": "completed", "output": output}
    found = entry(
        READER,
        ROW
        | {
            "call_type": "aresponses",
            "proxy_server_request": json.dumps(body),
            "response": json.dumps(given),
        },
    )
    assert found.request.body["messages"] == [
        {"role": "system", "content": "Be terse."},
        {"role": "user", "content": "A tree?"},
    ]
    assert found.response is not None
    assert found.response.text == "Oak."


def test_calls_of_other_kinds() -> None:
    assert skipped(READER, ROW | {"call_type": "aembedding"}) == "a call of type aembedding"


def test_what_is_of_this_format() -> None:
    assert READER.fit(ROW).score == 1
    assert READER.fit({"request_id": "a", "spend": 1}).score < 1


def test_odd_rows_are_told_with_a_reason() -> None:
    odd: list[JsonValue] = [
        None,
        dict.fromkeys(ROW),
        dict.fromkeys(ROW, 3),
        {key: [3] for key in ROW},
        {key: {"messages": 3} for key in ROW},
        dict.fromkeys(ROW, "x"),
        dict.fromkeys(ROW, "{"),
        ROW | {"response": json.dumps({"choices": [{"message": {"tool_calls": [3]}}]})},
    ]
    assert len(read(READER, *odd)) == len(odd)

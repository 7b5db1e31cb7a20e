import json
from typing import Any

import pytest
from logrows import answer, entry, read, reject, skipped

from parity_eval.readers.litellm_payload import LiteLLMPayload
from parity_eval.records import Finish, JsonValue

READER = LiteLLMPayload()
MESSAGES = [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "A tree?"}]
TOOL = {"type": "function", "function": {"name": "find"}}
GIVEN: dict[str, Any] = {
    "id": "chatcmpl-a",
    "model": "gpt-x-2026",
    "choices": [{"message": {"content": "Oak."}, "finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": 60,
        "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 50},
    },
}
ROW: dict[str, Any] = {
    "id": "chatcmpl-a",
    "trace_id": "tr-1",
    "session_id": "",
    "call_type": "acompletion",
    "stream": None,
    "status": "success",
    "status_fields": {"llm_api_status": "success"},
    "response_cost": 0.0004,
    "prompt_tokens": 60,
    "completion_tokens": 2,
    "startTime": 1790000000.25,
    "endTime": 1790000001.0,
    "response_time": 0.75,
    "model": "openai/gpt-x",
    "model_group": "clever",
    "metadata": {
        "user_api_key_alias": "shop",
        "user_api_key_team_alias": "support",
        "spend_logs_metadata": None,
        "requester_metadata": {"task": "trees", "headers": {"authorization": "secret"}},
    },
    "cache_hit": None,
    "request_tags": ["season:fall", "User-Agent: OpenAI", "User-Agent: OpenAI/Python 9"],
    "end_user": "u1",
    "messages": MESSAGES,
    "response": GIVEN,
    "error_str": None,
    "error_information": {"error_code": "", "error_message": ""},
    "model_parameters": {"temperature": 0, "tools": [TOOL], "user": "u1"},
}
FAILED: dict[str, Any] = ROW | {
    "status": "failure",
    "response": {},
    "response_cost": 0.0,
    "prompt_tokens": 0,
    "completion_tokens": 0,
    "model_parameters": {},
    "error_str": "InternalServerError: down",
    "error_information": {
        "error_code": "500",
        "error_class": "InternalServerError",
        "error_message": "InternalServerError: down",
    },
}


def test_a_call() -> None:
    found = entry(READER, ROW)
    assert found.request.id == "chatcmpl-a"
    assert found.request.body == {
        "messages": MESSAGES,
        "temperature": 0,
        "tools": [TOOL],
        "user": "u1",
    }
    assert (found.model, found.task, found.user, found.session) == ("clever", "trees", "u1", "tr-1")
    assert found.timestamp == "2026-09-21T14:13:20Z"
    assert found.cost_usd == 0.0004
    assert found.unreplayable is None
    assert found.response is not None
    assert (found.response.text, found.response.latency_s) == ("Oak.", 0.75)
    assert found.response.model_served == "gpt-x-2026"
    assert found.response.usage is not None
    assert found.response.usage.cached_input_tokens == 50


def test_metadata_is_what_callers_said() -> None:
    assert entry(READER, ROW).metadata == {
        "task": "trees",
        "user_api_key_alias": "shop",
        "user_api_key_team_alias": "support",
        "tags": ["season:fall"],
    }


@pytest.mark.parametrize(
    ("metadata", "tags", "task"),
    [
        ({"spend_logs_metadata": {"task": "forest"}}, [], "forest"),
        ({}, ["User-Agent: task:no", "task:forest"], "forest"),
        ({}, ["User-Agent: OpenAI"], None),
    ],
)
def test_where_the_task_is_named(metadata: JsonValue, tags: JsonValue, task: str | None) -> None:
    assert entry(READER, ROW | {"metadata": metadata, "request_tags": tags}).task == task


def test_a_session_of_its_own() -> None:
    assert entry(READER, ROW | {"session_id": "s1"}).session == "s1"


def test_a_failure_has_an_error_for_an_answer_and_no_parameters() -> None:
    found = entry(READER, FAILED)
    assert found.unreplayable == (
        "litellm logs no parameters, tools or schema of a call that failed or was cached"
    )
    assert found.cost_usd is None
    assert found.response is not None
    assert found.response.finish is Finish.INVALID
    assert found.response.detail == "the body is an error: InternalServerError: down"
    assert found.response.usage is None


def test_a_failure_may_have_parameters() -> None:
    found = entry(READER, FAILED | {"model_parameters": {"temperature": 0}})
    assert found.unreplayable is None


def test_a_cache_hit_leaves_cost_and_latency_and_has_no_parameters() -> None:
    found = entry(READER, ROW | {"cache_hit": True, "model_parameters": {}, "response_cost": 0.0})
    assert found.is_cache_hit
    assert "or was cached" in str(found.unreplayable)
    assert found.cost_usd is None
    assert found.response is not None
    assert (found.response.text, found.response.latency_s) == ("Oak.", None)


def test_a_call_without_parameters_is_one() -> None:
    found = entry(READER, ROW | {"model_parameters": {}})
    assert found.unreplayable is None
    assert not found.is_cache_hit


def test_no_price_is_not_free() -> None:
    assert entry(READER, ROW | {"response_cost": 0.0}).cost_usd is None


def test_a_stream_names_the_alias_and_times_its_first_token() -> None:
    more = {"stream": True, "response": {**GIVEN, "model": "clever"}, "response_time": 0.1}
    found = answer(READER, ROW | more)
    assert (found.model_served, found.latency_s) == ("openai/gpt-x", 0.75)
    assert answer(READER, ROW | more | {"endTime": None}).latency_s is None


def test_counts_of_the_row_stand_in_for_those_of_the_answer() -> None:
    found = answer(READER, ROW | {"response": {**GIVEN, "usage": None}})
    assert found.usage is not None
    assert (found.usage.input_tokens, found.usage.output_tokens) == (60, 2)


RESPONSES_GIVEN = {
    "object": "response",
    "status": "completed",
    "model": "gpt-x-2026",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "Oak."}]}],
    "usage": {"input_tokens": 60, "output_tokens": 2},
}


@pytest.mark.parametrize(
    "asked", ["A tree?", [{"role": "user", "content": [{"type": "input_text", "text": "A tree?"}]}]]
)
def test_the_responses_route(asked: JsonValue) -> None:
    found = entry(
        READER,
        ROW
        | {
            "call_type": "aresponses",
            "messages": asked,
            "response": RESPONSES_GIVEN,
            "model_parameters": {"instructions": "Be terse.", "max_output_tokens": 50},
        },
    )
    assert found.request.body == {"messages": MESSAGES, "max_completion_tokens": 50}
    assert found.response is not None
    assert found.response.text == "Oak."


CALL: dict[str, Any] = {"name": "find", "arguments": "{}"}


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (
            {"type": "function_call", "call_id": "c", **CALL},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c", "type": "function", "function": CALL}],
            },
        ),
        (
            {"role": "user", "content": [{"type": "input_text", "text": "A tree?"}]},
            {"role": "user", "content": "A tree?"},
        ),
    ],
)
def test_items_of_the_responses_api_are_known_on_any_route(
    item: JsonValue, message: JsonValue
) -> None:
    found = entry(READER, ROW | {"messages": [item], "call_type": ""})
    assert found.request.body["messages"] == [message]


@pytest.mark.parametrize("text", ['{"a": 1}', '["a"]'])
def test_a_text_of_the_responses_route_that_looks_like_json_stays_one(text: str) -> None:
    more = {"call_type": "responses", "messages": text, "response": RESPONSES_GIVEN}
    found = entry(READER, ROW | more | {"model_parameters": {}})
    assert found.request.body["messages"] == [{"role": "user", "content": text}]


def test_messages_may_be_json_text() -> None:
    found = entry(READER, ROW | {"messages": json.dumps(MESSAGES)})
    assert found.request.body["messages"] == MESSAGES


CLAUDE: dict[str, Any] = {
    "call_type": "anthropic_messages",
    "messages": [{"role": "user", "content": [{"type": "text", "text": "A tree?"}]}],
}


def test_the_system_prompt_of_the_anthropic_route_stands_among_the_parameters() -> None:
    parameters = {
        "instructions": "Be terse.",
        "max_output_tokens": 50,
        "tools": [{"type": "function", "name": "find"}],
    }
    found = entry(READER, ROW | CLAUDE | {"model_parameters": parameters})
    assert found.request.body == {
        "messages": [
            MESSAGES[0],
            {"role": "user", "content": [{"type": "text", "text": "A tree?"}]},
        ],
        "max_completion_tokens": 50,
        "tools": [TOOL],
    }
    assert found.unreplayable is None


def test_the_anthropic_route_in_its_own_words() -> None:
    result = {"type": "tool_result", "tool_use_id": "t", "content": "found"}
    found = entry(
        READER,
        ROW
        | CLAUDE
        | {
            "messages": [MESSAGES[0], {"role": "user", "content": [result]}],
            "model_parameters": {
                "max_tokens": 50,
                "stop_sequences": ["END"],
                "tools": [{"name": "find", "input_schema": {}}],
            },
            "response": {
                "type": "message",
                "model": "claude-x",
                "content": [{"type": "text", "text": "Oak."}],
                "stop_reason": "end_turn",
            },
        },
    )
    assert found.request.body == {
        "messages": [MESSAGES[0], {"role": "tool", "tool_call_id": "t", "content": "found"}],
        "max_tokens": 50,
        "stop": ["END"],
        "tools": [{"type": "function", "function": {"name": "find", "parameters": {}}}],
    }
    assert found.response is not None
    assert found.response.text == "Oak."


def test_a_system_prompt_of_blocks_is_not_in_the_log() -> None:
    found = entry(READER, ROW | CLAUDE | {"model_parameters": {"max_tokens": 50}})
    assert "its spend logs have it" in str(found.unreplayable)


def test_no_system_prompt_is_none_where_a_responses_endpoint_was_asked() -> None:
    found = entry(READER, ROW | CLAUDE | {"model_parameters": {"max_output_tokens": 50}})
    assert found.unreplayable is None


def test_images_that_the_log_cut() -> None:
    url = "data:image/png;base64,[base64_data truncated: 1.2KB]"
    parts = [{"type": "image_url", "image_url": {"url": url}}]
    found = entry(READER, ROW | {"messages": [{"role": "user", "content": parts}]})
    assert found.unreplayable == "litellm cut its images"


def test_texts_that_the_log_cut() -> None:
    cut = "A ... (litellm_truncated skipped 12 chars. Truncation is a DB safeguard.) ... tree?"
    found = entry(READER, ROW | {"messages": [{"role": "user", "content": cut}]})
    assert found.unreplayable == "the log cut its text"


def test_texts_that_the_operator_took_out() -> None:
    redacted = [{"role": "user", "content": "redacted-by-litellm"}]
    found = entry(READER, ROW | {"messages": redacted})
    assert found.unreplayable == "the log left its text out"


@pytest.mark.parametrize("messages", [None, [], "", {}])
def test_no_messages(messages: JsonValue) -> None:
    found = entry(READER, ROW | {"messages": messages})
    assert found.unreplayable == "litellm logged no messages"


@pytest.mark.parametrize("kind", ["aembedding", "moderation", "aimage_generation", "arerank"])
def test_calls_of_other_kinds(kind: str) -> None:
    assert skipped(READER, ROW | {"call_type": kind}) == f"a call of type {kind}"


def test_googles_own_api_is_refused() -> None:
    assert "Google's own API" in reject(READER, ROW | {"call_type": "agenerate_content"})


def test_what_is_of_this_format() -> None:
    assert READER.fit(ROW).score == 1
    assert READER.fit({"request": {}, "response": GIVEN, "model_group": "a"}).score < 1


def test_odd_rows_are_told_with_a_reason() -> None:
    odd: list[JsonValue] = [
        None,
        dict.fromkeys(ROW),
        dict.fromkeys(ROW, 3),
        {key: [3] for key in ROW},
        {key: {"messages": 3} for key in ROW},
        dict.fromkeys(ROW, "x"),
        ROW | {"metadata": {"requester_metadata": 3, "spend_logs_metadata": [3]}},
        ROW | {"messages": {"role": "user"}, "model_parameters": {"instructions": [3], "text": 3}},
    ]
    assert len(read(READER, *odd)) == len(odd)

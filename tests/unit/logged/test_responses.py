from typing import Any

import pytest

from parity_eval import wire
from parity_eval.logged import responses
from parity_eval.records import Finish, JsonValue

ASKED: dict[str, Any] = {"model": "gpt-x", "input": "Name a tree."}
USER: dict[str, JsonValue] = {"role": "user", "content": "Name a tree."}
GIVEN: dict[str, Any] = {
    "id": "resp_a",
    "object": "response",
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "model": "gpt-x-2026",
    "output": [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Oak."}],
        },
    ],
}


def asked(**more: JsonValue) -> dict[str, Any]:
    return responses.request(ASKED | more)


def given(**more: JsonValue) -> dict[str, Any]:
    return responses.response(GIVEN | more)


def test_a_text_is_the_users() -> None:
    assert asked() == {"model": "gpt-x", "messages": [USER]}


def test_instructions_come_first() -> None:
    found = asked(instructions="Be terse.")["messages"]
    assert found == [{"role": "system", "content": "Be terse."}, USER]


def test_parameters() -> None:
    found = asked(
        max_output_tokens=50,
        reasoning={"effort": "low", "summary": "auto"},
        text={"verbosity": "low", "format": {"type": "text"}},
        temperature=0,
        parallel_tool_calls=False,
        metadata={"task": "trees"},
        include=["reasoning.encrypted_content"],
        truncation="auto",
        background=False,
        max_tool_calls=3,
        context_management=[],
        prompt_cache_options={},
        prompt_cache_retention="24h",
    )
    assert found == {
        "model": "gpt-x",
        "messages": [USER],
        "max_completion_tokens": 50,
        "reasoning_effort": "low",
        "verbosity": "low",
        "temperature": 0,
        "parallel_tool_calls": False,
        "metadata": {"task": "trees"},
    }


def test_a_schema() -> None:
    form: JsonValue = {
        "type": "json_schema",
        "name": "tree",
        "strict": True,
        "schema": {"type": "object"},
    }
    assert asked(text={"format": form})["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "tree", "strict": True, "schema": {"type": "object"}},
    }
    assert asked(text={"format": {"type": "json_object"}})["response_format"] == {
        "type": "json_object"
    }


def test_tools() -> None:
    grammar: JsonValue = {"type": "grammar", "syntax": "lark", "definition": "start: /a/"}
    found = asked(
        tools=[
            {"type": "function", "name": "find", "parameters": {"type": "object"}, "strict": None},
            {"type": "custom", "name": "write", "format": grammar},
        ],
        tool_choice={"type": "function", "name": "find"},
    )
    rules = {"syntax": "lark", "definition": "start: /a/"}
    assert found["tools"] == [
        {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}},
        {
            "type": "custom",
            "custom": {"name": "write", "format": {"type": "grammar", "grammar": rules}},
        },
    ]
    assert found["tool_choice"] == {"type": "function", "function": {"name": "find"}}


def test_a_choice_among_allowed_tools() -> None:
    choice: JsonValue = {
        "type": "allowed_tools",
        "mode": "auto",
        "tools": [{"type": "function", "name": "f"}],
    }
    assert asked(tool_choice=choice)["tool_choice"] == {
        "type": "allowed_tools",
        "allowed_tools": {
            "mode": "auto",
            "tools": [{"type": "function", "function": {"name": "f"}}],
        },
    }


def test_items_of_a_conversation() -> None:
    found = asked(
        input=[
            {"role": "developer", "content": "Be terse."},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
            {"type": "reasoning", "id": "r", "encrypted_content": "x", "summary": []},
            {
                "type": "message",
                "role": "assistant",
                "id": "m",
                "status": "completed",
                "content": [{"type": "output_text", "text": "I look."}],
            },
            {"type": "function_call", "call_id": "c1", "name": "find", "arguments": "{}"},
            {"type": "function_call", "call_id": "c2", "name": "find", "arguments": '{"q":1}'},
            {"type": "function_call_output", "call_id": "c1", "output": "one"},
            {
                "type": "function_call_output",
                "call_id": "c2",
                "output": [{"type": "input_text", "text": "two"}],
            },
            {"type": "custom_tool_call", "call_id": "c3", "name": "write", "input": "free text"},
        ]
    )["messages"]
    assert found == [
        {"role": "developer", "content": "Be terse."},
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "find", "arguments": "{}"}},
                {
                    "id": "c2",
                    "type": "function",
                    "function": {"name": "find", "arguments": '{"q":1}'},
                },
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": "two"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c3", "type": "custom", "custom": {"name": "write", "input": "free text"}}
            ],
        },
    ]


def test_a_refusal_of_old_is_what_the_model_said() -> None:
    part: JsonValue = {"type": "refusal", "refusal": "I won't."}
    found = asked(input=[{"role": "assistant", "content": [part]}, USER])["messages"]
    assert found == [{"role": "assistant", "content": "I won't."}, USER]


def test_a_failure_is_recognised_without_output() -> None:
    assert responses.is_response({"object": "response", "status": "failed"})
    assert responses.is_response({"status": "completed", "output": []})
    assert not responses.is_response({"object": "chat.completion", "choices": [], "output": []})


def test_images_and_files() -> None:
    parts: JsonValue = [
        {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "low"},
        {
            "type": "input_file",
            "filename": "a.pdf",
            "file_data": "data:application/pdf;base64,QQ==",
        },
        {"type": "input_text", "text": "What is it?"},
    ]
    ((message),) = asked(input=[{"role": "user", "content": parts}])["messages"]
    assert message["content"] == [
        {"type": "image_url", "image_url": {"url": "https://x.test/a.png", "detail": "low"}},
        {
            "type": "file",
            "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QQ=="},
        },
        {"type": "text", "text": "What is it?"},
    ]


@pytest.mark.parametrize("part", [{"type": "input_image"}, {"type": "input_file"}])
def test_a_file_that_the_provider_keeps_is_told_as_such(part: dict[str, Any]) -> None:
    found = asked(input=[{"role": "user", "content": [part | {"file_id": "file_1"}]}])
    assert wire.why_unreplayable(found) == "it refers to a file that the provider keeps"


@pytest.mark.parametrize("name", ["previous_response_id", "conversation"])
def test_a_conversation_that_the_provider_keeps_is_told_as_such(name: str) -> None:
    found = wire.why_unreplayable(asked(**{name: "x_1"}))
    assert found == "it goes on from a conversation that the provider keeps"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"tools": [{"type": "web_search"}]}, "web_search"),
        ({"prompt": {"id": "pmpt_1"}}, "a prompt that the provider keeps"),
        ({"input": [{"type": "item_reference", "id": "m"}]}, "a conversation"),
        ({"input": [{"type": "mcp_call"}]}, "mcp_call"),
        ({"input": [{"type": {"odd": 1}}]}, "odd"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "u"}]}]},
            "a document at an address",
        ),
        ({"tools": [{"type": "function", "name": "find"}]}, None),
    ],
)
def test_what_exists_at_this_vendor_only(more: dict[str, Any], why: str | None) -> None:
    found = responses.why_bound(ASKED | more)
    assert found is None if why is None else why in str(found)


def test_an_answer() -> None:
    found = wire.parse_completion(given(usage={"input_tokens": 8, "output_tokens": 2}))
    assert (found.text, found.finish, found.model_served) == ("Oak.", Finish.STOP, "gpt-x-2026")
    assert found.usage is not None
    assert (found.usage.input_tokens, found.usage.output_tokens) == (8, 2)


def test_usage_has_its_parts() -> None:
    counts: JsonValue = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 80, "cache_write_tokens": 5},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 12},
    }
    assert given(usage=counts)["usage"] == {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "prompt_tokens_details": {"cached_tokens": 80, "cache_creation_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 12},
    }


def test_a_gateway_may_count_in_words_of_chat_completions() -> None:
    counts: JsonValue = {"prompt_tokens": 5, "completion_tokens": 1}
    assert given(usage=counts)["usage"] == counts


def test_a_call_of_a_tool() -> None:
    call: JsonValue = {
        "type": "function_call",
        "call_id": "c",
        "name": "find",
        "arguments": '{"q":1}',
    }
    found = wire.parse_completion(given(output=[call]))
    assert found.finish is Finish.TOOL_CALLS
    assert [(c.name, c.arguments) for c in found.tool_calls] == [("find", '{"q":1}')]


def test_words_beside_a_call() -> None:
    call: JsonValue = {"type": "function_call", "call_id": "c", "name": "find", "arguments": "{}"}
    found = wire.parse_completion(given(output=[*GIVEN["output"], call]))
    assert (found.text, len(found.tool_calls)) == ("Oak.", 1)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("max_output_tokens", Finish.LENGTH), ("content_filter", Finish.REFUSED)],
)
def test_an_answer_that_was_cut(reason: str, finish: Finish) -> None:
    body = given(status="incomplete", incomplete_details={"reason": reason})
    assert wire.parse_completion(body).finish is finish


def test_a_refusal() -> None:
    part: JsonValue = {"type": "refusal", "refusal": "I won't."}
    found = wire.parse_completion(given(output=[{"type": "message", "content": [part]}]))
    assert (found.finish, found.detail) == (Finish.REFUSED, "I won't.")


def test_a_failure() -> None:
    error: JsonValue = {"code": "server_error", "message": "down"}
    assert given(status="failed", error=error) == {"error": error}


@pytest.mark.parametrize("status", ["queued", "in_progress", "cancelled"])
def test_an_answer_that_nobody_waited_for_is_none(status: str) -> None:
    assert given(status=status, output=[]) == {"error": {"message": f"the response is {status}"}}


@pytest.mark.parametrize(
    ("body", "is_its"),
    [
        (ASKED, True),
        ({"input": [], "model": "m"}, True),
        ({"prompt": {"id": "p"}}, True),
        ({"prompt": "text"}, False),
        ({"messages": [], "input": "x"}, False),
        ({"input": 3}, False),
        (None, False),
    ],
)
def test_recognising_requests(body: JsonValue, is_its: bool) -> None:  # noqa: FBT001
    assert responses.is_request(body) is is_its

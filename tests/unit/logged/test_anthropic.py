import json
from typing import Any

import pytest

from parity_eval import wire
from parity_eval.logged import anthropic
from parity_eval.records import Finish, JsonValue

ASKED: dict[str, Any] = {
    "model": "claude-x",
    "max_tokens": 40,
    "messages": [{"role": "user", "content": "Name a tree."}],
}
GIVEN: dict[str, Any] = {
    "id": "msg_a",
    "type": "message",
    "role": "assistant",
    "model": "claude-x-2026",
    "content": [{"type": "text", "text": "Oak."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 9, "output_tokens": 3},
}


def asked(**more: JsonValue) -> dict[str, Any]:
    return anthropic.request(ASKED | more)


def turns(*messages: dict[str, Any]) -> list[Any]:
    found: list[Any] = asked(messages=[*messages])["messages"]
    return found


def given(**more: JsonValue) -> dict[str, Any]:
    return anthropic.response(GIVEN | more)


def test_a_plain_request_is_one_of_both_apis() -> None:
    assert asked() == ASKED


@pytest.mark.parametrize(
    "system",
    [
        "Be terse.\nIn English.",
        [
            {"type": "text", "text": "Be terse.", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "In English."},
        ],
    ],
)
def test_the_system_prompt_is_the_first_message(system: JsonValue) -> None:
    found = asked(system=system)
    assert found["messages"][0] == {"role": "system", "content": "Be terse.\nIn English."}
    assert "system" not in found


def test_an_empty_system_prompt_is_none() -> None:
    assert asked(system=[])["messages"] == ASKED["messages"]


def test_parameters() -> None:
    found = asked(
        stop_sequences=["END"],
        top_k=5,
        temperature=0,
        metadata={"user_id": "u1"},
        thinking={"type": "enabled", "budget_tokens": 1024},
        service_tier="standard_only",
        anthropic_beta=["b"],
        betas=["b"],
        cache_control={"type": "ephemeral"},
        context_management={"edits": []},
        inference_geo="eu",
        speed="fast",
        anthropic_version="2023-06-01",
        output_config={"effort": "low"},
    )
    assert found == ASKED | {
        "stop": ["END"],
        "top_k": 5,
        "temperature": 0,
        "user": "u1",
        "reasoning_effort": "low",
    }


@pytest.mark.parametrize("where", ["output_config", "output_format"])
def test_a_schema(where: str) -> None:
    schema: JsonValue = {"type": "object", "title": "tree", "properties": {}}
    form: JsonValue = {"type": "json_schema", "schema": schema}
    found = asked(**{where: {"format": form} if where == "output_config" else form})
    assert found["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "tree", "schema": schema},
    }


def test_tools() -> None:
    tool: dict[str, JsonValue] = {
        "name": "find",
        "description": "d",
        "input_schema": {"type": "object"},
    }
    found = asked(
        tools=[tool, {**tool, "type": "custom", "cache_control": {"type": "ephemeral"}}],
        tool_choice={"type": "tool", "name": "find", "disable_parallel_tool_use": True},
    )
    function = {"name": "find", "description": "d", "parameters": {"type": "object"}}
    assert found["tools"] == [{"type": "function", "function": function}] * 2
    assert found["tool_choice"] == {"type": "function", "function": {"name": "find"}}
    assert found["parallel_tool_calls"] is False


@pytest.mark.parametrize(("theirs", "ours"), [("auto", "auto"), ("any", "required"), ("none",) * 2])
def test_a_choice_of_tools(theirs: str, ours: str) -> None:
    assert asked(tool_choice={"type": theirs})["tool_choice"] == ours


def test_a_turn_with_tools() -> None:
    found = turns(
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "redacted_thinking", "data": "x"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "t1", "name": "find", "input": {"q": "ä"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "found", "is_error": False},
                {
                    "type": "tool_result",
                    "tool_use_id": "t2",
                    "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
                },
                {"type": "text", "text": "And now?"},
            ],
        },
    )
    call = {"name": "find", "arguments": '{"q": "ä"}'}
    assert found == [
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [{"id": "t1", "type": "function", "function": call}],
        },
        {"role": "tool", "tool_call_id": "t1", "content": "found"},
        {"role": "tool", "tool_call_id": "t2", "content": "a\nb"},
        {"role": "user", "content": "And now?"},
    ]


def test_results_alone_leave_no_empty_message() -> None:
    result = {"type": "tool_result", "tool_use_id": "t1", "content": []}
    found = turns({"role": "user", "content": [result]})
    assert found == [{"role": "tool", "tool_call_id": "t1", "content": ""}]


def test_images_and_documents() -> None:
    data = {"type": "base64", "media_type": "image/png", "data": "QUJD"}
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "QUJD"}
    ((message),) = turns(
        {
            "role": "user",
            "content": [
                {"type": "image", "source": data},
                {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}},
                {"type": "document", "title": "bill.pdf", "source": pdf},
                {"type": "document", "source": {"type": "text", "data": "plain"}},
                {
                    "type": "document",
                    "source": {"type": "content", "content": [{"type": "text", "text": "own"}]},
                },
                {"type": "text", "text": "What is it?"},
            ],
        }
    )
    assert message["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
        {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
        {
            "type": "file",
            "file": {"filename": "bill.pdf", "file_data": "data:application/pdf;base64,QUJD"},
        },
        {"type": "text", "text": "plain"},
        {"type": "text", "text": "own"},
        {"type": "text", "text": "What is it?"},
    ]


def test_a_file_that_the_provider_keeps_is_told_as_such() -> None:
    image: JsonValue = {"type": "image", "source": {"type": "file", "file_id": "file_1"}}
    found = asked(messages=[{"role": "user", "content": [image]}])
    assert wire.why_unreplayable(found) == "it refers to a file that the provider keeps"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "web_search_20250305"),
        ({"mcp_servers": [{"url": "https://x.test"}]}, "only its provider reaches"),
        ({"messages": [{"role": "user", "content": [{"type": "search_result"}]}]}, "search_result"),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "document", "source": {"type": "url", "url": "u"}}],
                    }
                ]
            },
            "a document at an address",
        ),
        ({"tools": [{"name": "find", "input_schema": {}}]}, None),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image", "source": {"type": "url", "url": "u"}}],
                    }
                ]
            },
            None,
        ),
    ],
)
def test_what_exists_at_this_vendor_only(more: dict[str, Any], why: str | None) -> None:
    found = anthropic.why_bound(ASKED | more)
    assert found is None if why is None else why in str(found)


@pytest.mark.parametrize(
    ("body", "is_its"),
    [
        (ASKED, False),
        (ASKED | {"system": "s"}, True),
        (ASKED | {"stop_sequences": []}, True),
        (ASKED | {"tools": [{"name": "find", "input_schema": {}}]}, True),
        (ASKED | {"tools": [{"type": "function", "function": {"name": "find"}}]}, False),
        (ASKED | {"tool_choice": {"type": "any"}}, True),
        (ASKED | {"tool_choice": "auto"}, False),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, False),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, True),
        ({"messages": [{"role": "user", "content": [{"type": ["odd"]}]}]}, False),
        ({"system": "s"}, False),
        ("text", False),
    ],
)
def test_recognising_requests(body: JsonValue, is_its: bool) -> None:  # noqa: FBT001
    assert anthropic.is_request(body) is is_its


@pytest.mark.parametrize(
    "body", [{"type": "message"}, {"content": []}, {"type": "error", "error": "x"}, [], None]
)
def test_what_is_no_answer_of_this_api(body: JsonValue) -> None:
    assert not anthropic.is_response(body)


def test_an_answer() -> None:
    found = wire.parse_completion(given())
    assert (found.text, found.finish, found.model_served) == ("Oak.", Finish.STOP, "claude-x-2026")
    assert found.usage is not None
    assert (found.usage.input_tokens, found.usage.output_tokens) == (9, 3)


def test_text_blocks_of_an_answer_are_joined_and_thinking_dropped() -> None:
    blocks: JsonValue = [
        {"type": "thinking", "thinking": "An oak, I think.", "signature": "s"},
        {"type": "text", "text": "It is "},
        {"type": "text", "text": "an oak.", "citations": []},
    ]
    assert wire.parse_completion(given(content=blocks)).text == "It is an oak."


def test_a_call_of_a_tool() -> None:
    block: JsonValue = {"type": "tool_use", "id": "t", "name": "find", "input": {"q": 1}}
    found = wire.parse_completion(given(content=[block], stop_reason="tool_use"))
    assert found.finish is Finish.TOOL_CALLS
    assert [(c.name, json.loads(c.arguments)) for c in found.tool_calls] == [("find", {"q": 1})]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", Finish.STOP),
        ("stop_sequence", Finish.STOP),
        ("max_tokens", Finish.LENGTH),
        ("model_context_window_exceeded", Finish.LENGTH),
        ("pause_turn", Finish.LENGTH),
        ("refusal", Finish.REFUSED),
    ],
)
def test_why_the_model_stopped(reason: str, finish: Finish) -> None:
    assert wire.parse_completion(given(stop_reason=reason)).finish is finish


def test_input_tokens_are_all_of_them() -> None:
    counts: JsonValue = {
        "input_tokens": 10,
        "cache_read_input_tokens": 900,
        "cache_creation_input_tokens": 90,
        "output_tokens": 4,
    }
    found = given(usage=counts)
    assert found["usage"]["prompt_tokens"] == 1000
    assert found["usage"]["prompt_tokens_details"] == {
        "cached_tokens": 900,
        "cache_creation_tokens": 90,
    }


def test_uncounted_tokens_are_unknown() -> None:
    assert "usage" not in given(usage=None)


def test_an_error() -> None:
    body: dict[str, JsonValue] = {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "busy"},
    }
    assert anthropic.is_response(body)
    assert anthropic.response(body) == {"error": body["error"]}

import json
from typing import Any

import pytest

from parity_eval.logged import langchain
from parity_eval.records import JsonValue


def lc(kind: str, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"lc": 1, "type": "constructor", "id": ["langchain", kind], "kwargs": kwargs}


@pytest.mark.parametrize(
    "given",
    [
        lc("HumanMessage", content="hi", type="human"),
        lc("HumanMessage", content="hi"),
        lc("HumanMessageChunk", content="hi"),
        {"type": "human", "content": "hi"},
        {"type": "human", "data": {"type": "human", "content": "hi"}},
        {"role": "user", "content": "hi", "additional_kwargs": {}},
        {"role": "user", "content": "hi"},
        ["human", "hi"],
        ["user", "hi"],
    ],
)
def test_a_message_in_any_shape(given: JsonValue) -> None:
    assert langchain.message(given) == {"role": "user", "content": "hi"}
    assert langchain.messages([given]) == [{"role": "user", "content": "hi"}]
    assert langchain.messages([[given]]) == [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize("given", [None, 7, "hi", [], {}, ["x", "y"], {"type": "odd"}, [[]]])
def test_what_is_no_message(given: JsonValue) -> None:
    assert langchain.message(given) is None
    assert langchain.messages([given]) is None


@pytest.mark.parametrize(
    ("kind", "kwargs", "role"),
    [
        ("SystemMessage", {}, "system"),
        ("SystemMessage", {"additional_kwargs": {"__openai_role__": "developer"}}, "developer"),
        ("AIMessageChunk", {"type": "AIMessageChunk"}, "assistant"),
        ("ToolMessage", {"tool_call_id": "c1"}, "tool"),
        ("ChatMessage", {"type": "chat", "role": "critic"}, "critic"),
    ],
)
def test_roles(kind: str, kwargs: dict[str, Any], role: str) -> None:
    found = langchain.message(lc(kind, content="x", **kwargs))
    assert found is not None
    assert found["role"] == role
    assert found.get("tool_call_id") == kwargs.get("tool_call_id")


def test_calls_of_tools() -> None:
    own = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    args = {"name": "f", "args": {"a": 1}, "id": "c1"}
    broken = {"name": "f", "args": '{"a":', "id": "c2"}
    as_sent = lc(
        "AIMessage", content="", tool_calls=[args], additional_kwargs={"tool_calls": [own]}
    )
    read = lc("AIMessage", content="", tool_calls=[args], invalid_tool_calls=[broken])
    found = langchain.message(as_sent)
    assert found is not None
    assert found["tool_calls"] == [own]
    found = langchain.message(read)
    assert found is not None
    calls: Any = found["tool_calls"]
    assert json.loads(calls[0]["function"]["arguments"]) == {"a": 1}
    assert calls[1]["function"]["arguments"] == '{"a":'


def test_thoughts_and_repeated_calls_are_no_content() -> None:
    parts = [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "hi"},
        {"type": "tool_use", "id": "c", "name": "f", "input": {}},
    ]
    found = langchain.message(lc("AIMessage", content=parts))
    assert found is not None
    assert found["content"] == [{"type": "text", "text": "hi"}]


def test_images() -> None:
    parts = [
        {"type": "image", "url": "https://example.com/a.png"},
        {"type": "image", "base64": "QQ==", "mime_type": "image/jpeg"},
    ]
    found = langchain.message(lc("HumanMessage", content=parts))
    assert found is not None
    assert found["content"] == [
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,QQ=="}},
    ]


def test_a_result() -> None:
    first: dict[str, JsonValue] = {"message": lc("AIMessage", content="one")}
    first["generation_info"] = {"finish_reason": "stop"}
    second: JsonValue = {"message": lc("AIMessage", content="two")}
    counted: JsonValue = {"prompt_tokens": 5, "completion_tokens": 1}
    found = langchain.completion(
        {
            "generations": [[first, second]],
            "llm_output": {"token_usage": counted, "model_name": "big"},
        }
    )
    assert found == {
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "one"},
                "finish_reason": "stop",
            }
        ],
        "model": "big",
        "usage": counted,
    }


@pytest.mark.parametrize("given", [{}, {"generations": []}, {"generations": [[]]}])
def test_a_result_without_an_answer(given: dict[str, JsonValue]) -> None:
    assert langchain.completion(given) is None


def test_counts_of_what_was_not_counted() -> None:
    assert langchain.counts({}) is None
    assert langchain.counts({"input_tokens": 3}) is None

from typing import Any

import pytest
from logrows import entry, read, reject

from parity_eval.readers.openai_stored import OpenAIStored
from parity_eval.records import JsonValue, LogEntry

READER = OpenAIStored()
ROW: dict[str, Any] = {
    "object": "chat.completion",
    "id": "chatcmpl-abcdef",
    "model": "gpt-x-2026",
    "created": 1790000000,
    "usage": {"prompt_tokens": 6, "completion_tokens": 2},
    "request_id": "req_a",
    "tools": None,
    "tool_choice": None,
    "seed": None,
    "temperature": 1.0,
    "top_p": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "response_format": None,
    "input_user": "u1",
    "metadata": {"task": "trees"},
    "choices": [{"message": {"content": "Oak."}, "finish_reason": "stop"}],
    "messages": [
        {
            "id": "a-0",
            "role": "user",
            "content": "Name a tree.",
            "name": None,
            "content_parts": None,
        }
    ],
}


def test_a_completion() -> None:
    found = entry(READER, ROW)
    assert found.request.id == "chatcmpl-abcdef"
    assert (found.task, found.user) == ("trees", "u1")
    assert found.timestamp == "2026-09-21T14:13:20Z"
    assert found.response is not None
    assert (found.response.text, found.response.model_served) == ("Oak.", "gpt-x-2026")
    assert found.response.usage is not None
    assert found.response.usage.input_tokens == 6


def test_the_model_that_was_asked_for_is_not_known() -> None:
    assert entry(READER, ROW).model is None


def test_messages_are_as_they_were_sent() -> None:
    assert entry(READER, ROW).request.body["messages"] == [
        {"role": "user", "content": "Name a tree."}
    ]


def test_parts_of_a_message() -> None:
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {}}]
    message = {"id": "a-0", "role": "user", "content": None, "content_parts": parts}
    found = entry(READER, ROW | {"messages": [message]})
    assert found.request.body["messages"] == [{"role": "user", "content": parts}]


def test_parameters_that_the_list_fills_in_were_not_sent() -> None:
    assert entry(READER, ROW).request.body.keys() == {"messages", "user"}


def test_parameters_that_were_sent_are() -> None:
    tool = {"type": "function", "function": {"name": "find"}}
    sent = {"temperature": 0, "top_p": 0.5, "seed": 7, "tools": [tool], "presence_penalty": 1.0}
    body = entry(READER, ROW | sent).request.body
    assert {name: body[name] for name in sent} == sent


@pytest.mark.parametrize("without", [{}, {"messages": None}, {"messages": []}])
def test_a_list_without_prompts_says_what_to_do(without: dict[str, Any]) -> None:
    row = {key: value for key, value in ROW.items() if key != "messages"} | without
    assert "/v1/chat/completions/{id}/messages" in reject(READER, row)
    assert READER.fit(row).score == 1


def test_the_answer_of_the_list_call() -> None:
    listed: JsonValue = {
        "object": "list",
        "data": [ROW, {**ROW, "id": "chatcmpl-b"}],
        "has_more": False,
    }
    assert sum(isinstance(item, LogEntry) for item in read(READER, listed)) == 2
    assert READER.fit(listed).score == 1


@pytest.mark.parametrize(
    "row",
    [
        {"request": {"messages": []}, "response": ROW},
        {"object": "chat.completion.chunk", "choices": [], "created": 1},
        {"object": "list", "data": [{"embedding": []}]},
        "x",
    ],
)
def test_what_is_of_another_format(row: JsonValue) -> None:
    assert READER.fit(row).score < 1


def test_odd_rows_are_told_with_a_reason() -> None:
    odd: list[JsonValue] = [None, {"messages": [3]}, {"messages": [{}], "choices": 3, "tools": 3}]
    assert not any(isinstance(item, LogEntry) for item in read(READER, *odd))

import json
from typing import Any

import pytest

from parity_eval import wire
from parity_eval.logged import shapes
from parity_eval.logged.entries import NotACallError
from parity_eval.records import JsonValue

MESSAGES: list[dict[str, Any]] = [{"role": "user", "content": "Name a tree."}]
CHAT: dict[str, Any] = {"model": "gpt-x", "messages": MESSAGES, "temperature": 0}
CHAT_ANSWER: dict[str, Any] = {
    "choices": [{"message": {"content": "Oak."}, "finish_reason": "stop"}]
}
RESPONSES: dict[str, Any] = {"model": "gpt-x", "input": "Name a tree.", "temperature": 0}
RESPONSES_ANSWER: dict[str, Any] = {
    "object": "response",
    "status": "completed",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "Oak."}]}],
}
CLAUDE: dict[str, Any] = {"model": "gpt-x", "messages": MESSAGES, "temperature": 0}
CLAUDE_ANSWER: dict[str, Any] = {
    "type": "message",
    "role": "assistant",
    "content": [{"type": "text", "text": "Oak."}],
    "stop_reason": "end_turn",
}


@pytest.mark.parametrize("is_text", [False, True])
@pytest.mark.parametrize(
    ("request_", "response"),
    [(CHAT, CHAT_ANSWER), (RESPONSES, RESPONSES_ANSWER), (CLAUDE, CLAUDE_ANSWER)],
    ids=["chat", "responses", "messages"],
)
def test_each_api(request_: JsonValue, response: JsonValue, is_text: bool) -> None:  # noqa: FBT001
    if is_text:
        request_, response = json.dumps(request_), json.dumps(response)
    asked, given = shapes.call(request_, response)
    assert asked == CHAT
    assert wire.parse_completion(given).text == "Oak."


def test_request_and_response_may_be_of_different_apis() -> None:
    # A gateway translates one into the other.
    asked, given = shapes.call({**CLAUDE, "system": "Be terse."}, CHAT_ANSWER)
    assert isinstance(asked, dict)
    assert asked["messages"] == [{"role": "system", "content": "Be terse."}, *MESSAGES]
    assert given == CHAT_ANSWER


def test_words_of_chat_completions_stay_beside_an_answer_of_another_api() -> None:
    tool: JsonValue = {"type": "function", "function": {"name": "find"}}
    body = {**CHAT, "tools": [tool], "tool_choice": "auto", "metadata": {"task": "trees"}}
    asked, _ = shapes.call(body, CLAUDE_ANSWER)
    assert asked == body


def test_an_answer_in_chunks() -> None:
    piece: dict[str, Any] = {"choices": [{"delta": {"content": "Oak."}, "finish_reason": "stop"}]}
    raw = f"data: {json.dumps(piece)}\n\n"
    ways: list[JsonValue] = [[piece], raw, json.dumps([piece])]
    for streamed in ways:
        _, given = shapes.call(CHAT, streamed)
        assert wire.parse_completion(given).text == "Oak."


def test_no_answer() -> None:
    assert shapes.row(CHAT, None) == {"request": CHAT}


def test_an_error_stays_one() -> None:
    error: JsonValue = {"error": {"message": "down"}}
    assert shapes.row(CHAT, error) == {"request": CHAT, "response": error}


def test_what_is_of_no_api_stays_as_it_is() -> None:
    assert shapes.call({"contents": []}, "Bad Gateway") == ({"contents": []}, "Bad Gateway")


def test_what_only_one_vendor_takes_cannot_be_sent_again() -> None:
    found = shapes.row({**RESPONSES, "tools": [{"type": "web_search"}]}, RESPONSES_ANSWER)
    assert found["unreplayable"] == "it uses a tool that only its provider has (web_search)"
    searched = shapes.row({**CHAT, "tools": [{"type": "web_search"}]}, CHAT_ANSWER)
    assert searched["unreplayable"] == found["unreplayable"]
    assert "unreplayable" not in shapes.row({**CHAT, "tools": [{"type": "function"}]}, CHAT_ANSWER)


def test_an_answer_that_was_begun_for_the_model_cannot_be_asked_for_again() -> None:
    begun: JsonValue = [*MESSAGES, {"role": "assistant", "content": "The"}]
    found = shapes.row({**CLAUDE, "messages": begun, "system": "s"}, CLAUDE_ANSWER)
    assert "only goes on from there" in str(found["unreplayable"])


@pytest.mark.parametrize(
    ("request_", "response"),
    [
        ({"model": "m", "input": "x"}, {"object": "list", "data": [{"embedding": [1.0]}]}),
        ({"model": "text-embedding-9", "input": "x"}, None),
        ({"model": "m", "input": ["x"], "dimensions": 8}, {"error": {"message": "down"}}),
        ({"model": "m", "input": "x", "voice": "v"}, None),
        ({"model": "m", "input": "x"}, {"id": "modr-1", "results": [{"flagged": False}]}),
        ({"model": "m", "prompt": "a cat"}, {"data": [{"url": "u"}]}),
        ({"model": "m", "prompt": "Once"}, {"object": "text_completion", "choices": []}),
        ({"model": "m", "prompt": "Once"}, None),
    ],
)
def test_calls_of_other_kinds(request_: JsonValue, response: JsonValue) -> None:
    with pytest.raises(NotACallError, match=r"a call (of|that)"):
        shapes.row(request_, response)


def test_an_input_that_was_answered_is_a_call_whatever_its_model_is_called() -> None:
    found = shapes.row({**RESPONSES, "model": "embed-chat"}, RESPONSES_ANSWER)
    assert "request" in found


@pytest.mark.parametrize(
    "odd",
    [
        {"messages": 3},
        {"messages": [None, 3, "x", {"content": [3, {"type": []}, {"type": "tool_use"}]}]},
        {"messages": [{"role": "assistant", "content": [{"type": "image", "source": 3}]}]},
        {"system": 3, "messages": [{"role": "user", "content": [{"type": "tool_result"}]}]},
        {"system": [3, {"type": "text"}], "messages": []},
        {"messages": [], "stop_sequences": [], "tools": [3, {"input_schema": 3}], "metadata": 3},
        {"messages": [], "output_config": {"format": {"type": "json_schema"}}, "tool_choice": 3},
        {"input": [3, None, {"type": "function_call"}, {"type": []}, {"content": 3}]},
        {"input": [{"content": [3, {"type": "input_image"}]}], "text": 3, "reasoning": "x"},
        {"input": "x", "tools": [3, {"type": "custom", "format": {"type": "grammar"}}]},
        {"input": "x", "tool_choice": {"type": "allowed_tools"}, "text": {"format": 3}},
        {"prompt": {"id": 3}},
    ],
)
@pytest.mark.parametrize(
    "response",
    [
        {"type": "message", "content": [3, {"type": "tool_use", "input": 3}], "usage": 3},
        {"object": "response", "output": [3, {"type": "message", "content": [3]}], "usage": []},
        [{"choices": [{"delta": {"tool_calls": [{"function": 3}, 3], "content": [3]}}]}],
        [{"type": "content_block_delta", "index": -1, "delta": 3}, {"type": []}],
        [{"type": "message_start", "message": 3}, {"type": "content_block_start", "index": "x"}],
        [{"type": "response.created", "response": 3}, {"type": "response.output_item.done"}],
        {"type": "error", "error": 3},
    ],
)
def test_odd_types_are_no_reason_to_crash(odd: JsonValue, response: JsonValue) -> None:
    found = shapes.row(odd, response)
    wire.parse_completion(found.get("response"))

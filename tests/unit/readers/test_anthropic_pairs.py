from typing import Any

import pytest
from logrows import answer, entry

from parity_eval.readers.anthropic_pairs import AnthropicPairs
from parity_eval.records import Finish, JsonValue

READER = AnthropicPairs()
ASKED: dict[str, Any] = {
    "model": "claude-x",
    "max_tokens": 50,
    "system": "Be terse.",
    "messages": [{"role": "user", "content": [{"type": "text", "text": "Name a tree."}]}],
    "metadata": {"user_id": "u1"},
}
GIVEN: dict[str, Any] = {
    "id": "msg_a",
    "type": "message",
    "role": "assistant",
    "model": "claude-x-2026",
    "content": [
        {"type": "thinking", "thinking": "An oak?", "signature": "s"},
        {"type": "text", "text": "Oak."},
    ],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 4, "cache_read_input_tokens": 96, "output_tokens": 12},
}
ROW: dict[str, Any] = {"request": ASKED, "response": GIVEN}


def test_a_pair() -> None:
    found = entry(
        READER,
        ROW | {"timestamp": "2026-10-01T12:00:00Z", "latency_ms": 900, "tags": {"task": "trees"}},
    )
    assert found.request.id == "msg_a"
    assert found.request.body["messages"] == [
        {"role": "system", "content": "Be terse."},
        {"role": "user", "content": "Name a tree."},
    ]
    assert (found.model, found.task, found.user) == ("claude-x", "trees", "u1")
    assert found.timestamp == "2026-10-01T12:00:00Z"
    assert found.response is not None
    assert (found.response.text, found.response.latency_s) == ("Oak.", 0.9)
    assert found.response.usage is not None
    assert found.response.usage.input_tokens == 100
    assert found.response.usage.cached_input_tokens == 96


def test_an_error() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    found = answer(READER, ROW | {"response": error})
    assert found.finish is Finish.INVALID
    assert "busy" in str(found.detail)


def test_a_prefill_makes_the_answer_a_continuation() -> None:
    messages = [*ASKED["messages"], {"role": "assistant", "content": "{"}]
    found = entry(READER, ROW | {"request": {**ASKED, "messages": messages}})
    assert "only goes on from there" in str(found.unreplayable)


def test_a_stream() -> None:
    events: list[JsonValue] = [
        {"type": "message_start", "message": {**GIVEN, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Elm"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
    ]
    row: dict[str, Any] = {
        "request": {"messages": [{"role": "user", "content": "x"}]},
        "response": events,
    }
    assert answer(READER, row).text == "Elm"
    assert READER.fit(row).score == 1


@pytest.mark.parametrize(
    "row",
    [
        ROW,
        {"request": ASKED},
        {"request": {"model": "c", "messages": ASKED["messages"]}, "response": GIVEN},
        {"input": ASKED, "output": GIVEN},
        {"request": ASKED, "response": {"type": "error", "error": {"message": "x"}}},
    ],
)
def test_what_is_of_this_format(row: JsonValue) -> None:
    assert READER.fit(row).score == 1


@pytest.mark.parametrize(
    "row",
    [
        {"request": {"messages": [{"role": "user", "content": "x"}]}, "response": {"choices": []}},
        {"custom_id": "1", **ROW},
        {"ai_org": "a", **ROW},
        {"prompt": "x"},
        3,
    ],
)
def test_what_is_of_another_format(row: JsonValue) -> None:
    assert READER.fit(row).score < 1

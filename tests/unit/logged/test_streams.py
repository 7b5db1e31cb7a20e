import json
from typing import Any

import pytest

from parity_eval import wire
from parity_eval.logged import anthropic, responses
from parity_eval.logged.streams import joined
from parity_eval.records import Finish, JsonValue, Response


def chunk(delta: dict[str, Any], finish: str | None = None, **more: JsonValue) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    head = {"id": "chatcmpl-a", "object": "chat.completion.chunk", "model": "gpt-x"}
    return head | {"choices": [choice]} | more


def piece(**fields: JsonValue) -> dict[str, Any]:
    return chunk({"tool_calls": [fields]})


def raw(*events: dict[str, Any], end: str = "data: [DONE]\n\n", name: bool = False) -> str:
    lines = [
        (f"event: {event['type']}\n" if name else "") + f"data: {json.dumps(event)}\n\n"
        for event in events
    ]
    return "".join(lines) + end


def read(value: JsonValue) -> Response:
    return wire.parse_completion(joined(value))


CHUNKS = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "An "}),
    chunk({"content": "oak."}),
    chunk({}, "stop"),
    chunk({}, choices=[], usage={"prompt_tokens": 7, "completion_tokens": 3}),
]


@pytest.mark.parametrize(
    "value",
    [
        CHUNKS,
        [json.dumps(part) for part in CHUNKS],
        [f"data: {json.dumps(part)}\n\n" for part in CHUNKS],
        raw(*CHUNKS),
        raw(*CHUNKS).replace("\n", "\r\n"),
        ": ping\n\n" + raw(*CHUNKS),
    ],
    ids=["objects", "texts", "lines", "raw", "crlf", "comment"],
)
def test_chunks(value: JsonValue) -> None:
    found = read(value)
    assert (found.text, found.finish, found.model_served) == ("An oak.", Finish.STOP, "gpt-x")
    assert found.usage is not None
    assert (found.usage.input_tokens, found.usage.output_tokens) == (7, 3)


def test_other_line_ends_inside_of_a_text() -> None:
    text = 'data: {"choices": [{"delta": {"content": "a\u2028b"}}]}\n\ndata: [DONE]\n'
    assert read(text).text == "a\u2028b"


def test_usage_may_be_missing() -> None:
    assert read([*CHUNKS[:-1]]).usage is None


def test_a_stream_that_broke_off_was_cut() -> None:
    assert read([*CHUNKS[:2]]).finish is Finish.LENGTH
    assert read(raw(*CHUNKS[:2], end='data: {"choices": [{"del')).finish is Finish.LENGTH


def test_a_stream_that_says_that_it_is_done_was_not() -> None:
    assert read(raw(*CHUNKS[:3])).finish is Finish.STOP


def test_tool_arguments_in_pieces() -> None:
    found = read(
        [
            piece(index=0, id="c1", type="function", function={"name": "find", "arguments": ""}),
            piece(index=0, function={"arguments": '{"q":'}),
            piece(index=1, id="c2", type="function", function={"name": "save", "arguments": "{}"}),
            piece(index=0, function={"arguments": "1}"}),
            chunk({}, "tool_calls"),
        ]
    )
    assert [(c.name, c.arguments) for c in found.tool_calls] == [
        ("find", '{"q":1}'),
        ("save", "{}"),
    ]
    assert found.finish is Finish.TOOL_CALLS


def test_tool_calls_that_are_not_numbered() -> None:
    found = read(
        [
            piece(id="c1", function={"name": "find", "arguments": "{}"}),
            piece(id="c2", function={"name": "save", "arguments": "{"}),
            piece(function={"arguments": "}"}),
            chunk({}, "stop"),
        ]
    )
    assert [(c.name, c.arguments) for c in found.tool_calls] == [("find", "{}"), ("save", "{}")]


def test_a_function_call_of_old() -> None:
    first = chunk({"function_call": {"name": "find", "arguments": "{"}})
    found = read([first, chunk({"function_call": {"arguments": "}"}}, "function_call")])
    assert [(c.name, c.arguments) for c in found.tool_calls] == [("find", "{}")]


def test_of_several_choices_the_first_counts() -> None:
    other: JsonValue = {"index": 1, "delta": {"content": "elm"}, "finish_reason": "length"}
    mixed = chunk({}, choices=[other, {"index": 0, "delta": {"content": "oak"}}])
    found = read([mixed, chunk({}, "stop"), chunk({}, choices=[other])])
    assert (found.text, found.finish) == ("oak", Finish.STOP)


def test_a_refusal_in_pieces() -> None:
    found = read([chunk({"refusal": "I "}), chunk({"refusal": "won't"}), chunk({}, "stop")])
    assert (found.finish, found.detail) == (Finish.REFUSED, "I won't")


def test_parts_in_place_of_a_text() -> None:
    parts: JsonValue = [{"type": "text", "text": "oak"}, {"type": "thinking", "thinking": []}]
    assert read([chunk({"content": parts}, "stop")]).text == "oak"


def test_an_error_in_the_middle() -> None:
    error: JsonValue = {"message": "down", "code": "server_error"}
    assert joined([CHUNKS[0], {"error": error}]) == {"error": error}


def test_an_endpoint_that_did_not_stream() -> None:
    body: JsonValue = {"error": {"message": "down"}}
    assert joined(f"data: {json.dumps(body)}\n\n") == body


@pytest.mark.parametrize(
    "value",
    [None, 3, "data", "a text\ndata: or so", {"a": 1}, [], [1, "x"], [{"role": "user"}]],
)
def test_what_is_no_stream_stays_as_it_is(value: JsonValue) -> None:
    assert joined(value) == value


EVENTS: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": {
            "id": "msg_a",
            "type": "message",
            "role": "assistant",
            "model": "claude-x",
            "content": [],
            "stop_reason": None,
            "usage": {"input_tokens": 5, "cache_read_input_tokens": 90, "output_tokens": 1},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta"}},
    {"type": "ping"},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "An "}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "oak."}},
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "t", "name": "find", "input": {}},
    },
    {
        "type": "content_block_delta",
        "index": 2,
        "delta": {"type": "input_json_delta", "partial_json": '{"q"'},
    },
    {
        "type": "content_block_delta",
        "index": 2,
        "delta": {"type": "input_json_delta", "partial_json": ": 1}"},
    },
    {"type": "content_block_stop", "index": 2},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 30}},
    {"type": "message_stop"},
]


@pytest.mark.parametrize("value", [EVENTS, raw(*EVENTS, end="", name=True)], ids=["list", "raw"])
def test_events_of_a_message(value: JsonValue) -> None:
    body = joined(value)
    assert isinstance(body, dict)
    assert anthropic.is_response(body)
    found = wire.parse_completion(anthropic.response(body))
    assert (found.text, found.finish) == ("An oak.", Finish.TOOL_CALLS)
    assert [(c.name, c.arguments) for c in found.tool_calls] == [("find", '{"q": 1}')]
    assert found.usage is not None
    assert (found.usage.input_tokens, found.usage.output_tokens) == (95, 30)
    assert found.usage.cached_input_tokens == 90


def test_a_message_that_broke_off_was_cut() -> None:
    body = joined([*EVENTS[:9]])
    assert isinstance(body, dict)
    found = wire.parse_completion(anthropic.response(body))
    assert (found.text, found.finish) == ("An oak.", Finish.LENGTH)
    # What there is of the arguments stays what it is.
    assert [c.arguments for c in found.tool_calls] == ['{"q"']


def test_an_error_in_the_middle_of_a_message() -> None:
    error: JsonValue = {"type": "overloaded_error", "message": "busy"}
    assert joined([EVENTS[0], {"type": "error", "error": error}]) == {
        "type": "error",
        "error": error,
    }


def spoken(text: str) -> dict[str, Any]:
    return {"type": "message", "content": [{"type": "output_text", "text": text}]}


def test_events_of_a_response() -> None:
    whole = {"object": "response", "status": "completed", "output": [spoken("oak")]}
    body = joined(
        raw(
            {"type": "response.created", "response": {"id": "resp_a", "status": "in_progress"}},
            {"type": "response.output_text.delta", "delta": "oak"},
            {"type": "response.completed", "response": whole},
            end="",
            name=True,
        )
    )
    assert body == {"id": "resp_a", **whole}


def test_a_response_that_broke_off_was_cut() -> None:
    body = joined(
        [
            {"type": "response.created", "response": {"id": "resp_a", "status": "in_progress"}},
            {"type": "response.output_item.done", "item": spoken("oak")},
        ]
    )
    assert isinstance(body, dict)
    found = wire.parse_completion(responses.response(body))
    assert (found.text, found.finish) == ("oak", Finish.LENGTH)


def test_an_error_in_the_middle_of_a_response() -> None:
    body = joined(
        [
            {"type": "response.created", "response": {"status": "in_progress"}},
            {"type": "error", "code": "server_error", "message": "down"},
        ]
    )
    assert body == {"error": {"type": "error", "code": "server_error", "message": "down"}}

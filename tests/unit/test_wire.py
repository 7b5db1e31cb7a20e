import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_eval import wire
from parity_eval.errors import ConfigError, IncompleteError
from parity_eval.records import (
    Answer,
    Finish,
    Hole,
    JsonObject,
    JsonValue,
    Missing,
    ModelName,
    ModelSpec,
    Prompt,
    Response,
    ToolCall,
    Usage,
)
from parity_eval.wire.text import MAX_DETAIL


def body(
    message: JsonValue = None, finish: JsonValue = "stop", **top: JsonValue
) -> dict[str, JsonValue]:
    return {"choices": [{"message": message, "finish_reason": finish}], **top}


def said(text: str, finish: JsonValue = "stop") -> Response:
    return wire.parse_completion(body({"role": "assistant", "content": text}, finish))


class TestParseCompletion:
    def test_reads_a_whole_completion(self) -> None:
        found = wire.parse_completion(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "model": "gpt-4o-2024-08-06",
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": "hi", "refusal": None},
                        "finish_reason": "stop",
                    },
                    {"index": 1, "message": {"role": "assistant", "content": "ho"}},
                ],
                "usage": {
                    "prompt_tokens": 10,
                    "completion_tokens": 2,
                    "prompt_tokens_details": {"cached_tokens": 4},
                },
            }
        )
        assert found == Response(
            text="hi",
            usage=Usage(input_tokens=10, output_tokens=2, cached_input_tokens=4),
            model_served="gpt-4o-2024-08-06",
        )

    @pytest.mark.parametrize(
        ("content", "text"),
        [
            (None, ""),
            ("", ""),
            ([], ""),
            ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab"),
            (["a", {"type": "output_text", "text": "b"}], "ab"),
            ([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "b"}], "b"),
            ("half a pair: \ud83d", "half a pair: �"),
            ("whole: 😀", "whole: 😀"),
        ],
    )
    def test_reads_content_in_every_form(self, content: JsonValue, text: str) -> None:
        assert wire.parse_completion(body({"content": content})).text == text

    @pytest.mark.parametrize(
        ("reason", "finish"),
        [
            ("stop", Finish.STOP),
            ("end_turn", Finish.STOP),
            ("STOP", Finish.STOP),
            ("COMPLETE", Finish.STOP),
            (None, Finish.STOP),
            ("length", Finish.LENGTH),
            ("max_tokens", Finish.LENGTH),
            ("MAX_TOKENS", Finish.LENGTH),
            ("model_context_window_exceeded", Finish.LENGTH),
            ("tool_calls", Finish.TOOL_CALLS),
            ("function_call", Finish.TOOL_CALLS),
            ("tool_use", Finish.TOOL_CALLS),
            ("content_filter", Finish.REFUSED),
            ("refusal", Finish.REFUSED),
            ("SAFETY", Finish.REFUSED),
            ("PROHIBITED_CONTENT", Finish.REFUSED),
        ],
    )
    def test_knows_how_vendors_spell_finish_reasons(
        self, reason: str | None, finish: Finish
    ) -> None:
        assert said("x", reason) == Response(text="x", finish=finish)

    def test_keeps_a_finish_reason_that_it_does_not_know(self) -> None:
        assert said("x", "MALFORMED_FUNCTION_CALL") == Response(
            text="x", detail="finish_reason MALFORMED_FUNCTION_CALL"
        )

    @pytest.mark.parametrize(
        "choice",
        [
            {"finish_reason": "stop", "native_finish_reason": "SAFETY"},
            {
                "finish_reason": "stop",
                "provider_specific_fields": {"native_finish_reason": "SAFETY"},
            },
        ],
    )
    def test_believes_the_upstream_vendor_more_than_the_gateway(
        self, choice: dict[str, JsonValue]
    ) -> None:
        found = wire.parse_completion({"choices": [{"message": {"content": ""}, **choice}]})
        assert found.finish is Finish.REFUSED

    @pytest.mark.parametrize(
        "message",
        [
            {"content": None, "refusal": "I can't help\nwith that"},
            {"content": [{"type": "refusal", "refusal": "I can't help with that"}]},
            {
                "content": None,
                "provider_specific_fields": {"refusal": "I can't help with that"},
            },
        ],
    )
    def test_reads_refusals(self, message: dict[str, JsonValue]) -> None:
        assert wire.parse_completion(body(message)) == Response(
            text="", finish=Finish.REFUSED, detail="I can't help with that"
        )

    @pytest.mark.parametrize(
        ("call", "expected"),
        [
            (
                {"function": {"name": "f", "arguments": '{"a": 1}'}},
                ToolCall(name="f", arguments='{"a": 1}'),
            ),
            (
                {"function": {"name": "f", "arguments": {"a": "é"}}},
                ToolCall(name="f", arguments='{"a": "é"}'),
            ),
            ({"function": {"name": "f", "arguments": "{"}}, ToolCall(name="f", arguments="{")),
            ({"function": {"name": "f", "arguments": None}}, ToolCall(name="f", arguments="")),
            ({"function": {"name": "f"}}, ToolCall(name="f", arguments="")),
            (
                {"type": "custom", "custom": {"name": "g", "input": "raw"}},
                ToolCall(name="g", arguments="raw"),
            ),
            ("odd", ToolCall(name="", arguments='"odd"')),
        ],
    )
    def test_reads_tool_calls(self, call: JsonValue, expected: ToolCall) -> None:
        found = wire.parse_completion(body({"content": None, "tool_calls": [call]}, "stop"))
        assert found == Response(text="", tool_calls=(expected,), finish=Finish.TOOL_CALLS)

    def test_keeps_several_tool_calls_in_order(self) -> None:
        calls: JsonValue = [{"function": {"name": n, "arguments": "{}"}} for n in ("a", "b", "a")]
        found = wire.parse_completion(body({"content": "so", "tool_calls": calls}, "tool_calls"))
        assert [call.name for call in found.tool_calls] == ["a", "b", "a"]
        assert found.text == "so"

    def test_reads_the_old_function_call(self) -> None:
        message: JsonValue = {"content": None, "function_call": {"name": "f", "arguments": "{}"}}
        assert wire.parse_completion(body(message, "function_call")) == Response(
            text="",
            tool_calls=(ToolCall(name="f", arguments="{}"),),
            finish=Finish.TOOL_CALLS,
        )

    @pytest.mark.parametrize(
        ("usage", "expected"),
        [
            (None, None),
            ({}, None),
            ("many", None),
            ({"prompt_tokens": 3}, None),
            ({"prompt_tokens": 0, "completion_tokens": 0}, None),
            ({"prompt_tokens": True, "completion_tokens": 1}, None),
            ({"prompt_tokens": -1, "completion_tokens": 1}, None),
            (
                {"prompt_tokens": 3, "completion_tokens": 0},
                Usage(input_tokens=3, output_tokens=0),
            ),
            (
                {"prompt_tokens": 3.0, "completion_tokens": 1},
                Usage(input_tokens=3, output_tokens=1),
            ),
            (
                {
                    "prompt_tokens": 3,
                    "completion_tokens": 1,
                    "prompt_tokens_details": {"cached_tokens": None},
                },
                Usage(input_tokens=3, output_tokens=1),
            ),
            (
                {"prompt_tokens": 3, "completion_tokens": 1, "prompt_cache_hit_tokens": 2},
                Usage(input_tokens=3, output_tokens=1, cached_input_tokens=2),
            ),
            (
                {
                    "prompt_tokens": 3,
                    "completion_tokens": 1,
                    "prompt_tokens_details": {"cached_tokens": 9},
                },
                Usage(input_tokens=3, output_tokens=1, cached_input_tokens=3),
            ),
            (
                {"prompt_tokens": 30, "completion_tokens": 3, "total_tokens": 533},
                Usage(input_tokens=30, output_tokens=503),
            ),
            (
                {
                    "prompt_tokens": 30,
                    "completion_tokens": 3,
                    "total_tokens": 533,
                    "completion_tokens_details": {"reasoning_tokens": 500},
                },
                Usage(input_tokens=30, output_tokens=503, reasoning_tokens=500),
            ),
            (
                {
                    "prompt_tokens": 30,
                    "completion_tokens": 3,
                    "completion_tokens_details": {"reasoning_tokens": 500},
                },
                Usage(input_tokens=30, output_tokens=503, reasoning_tokens=500),
            ),
            (
                {
                    "prompt_tokens": 30,
                    "completion_tokens": 520,
                    "completion_tokens_details": {"reasoning_tokens": 500},
                },
                Usage(input_tokens=30, output_tokens=520, reasoning_tokens=500),
            ),
            (
                {
                    "prompt_tokens": 30,
                    "completion_tokens": 3,
                    "prompt_tokens_details": {"cached_tokens": 10},
                    "cache_creation_input_tokens": 900,
                },
                Usage(
                    input_tokens=30, output_tokens=3, cached_input_tokens=10, cache_write_tokens=20
                ),
            ),
        ],
    )
    def test_reads_usage_and_never_makes_it_up(
        self, usage: JsonValue, expected: Usage | None
    ) -> None:
        assert wire.parse_completion(body({"content": "x"}, usage=usage)).usage == expected

    @pytest.mark.parametrize(
        ("given", "detail"),
        [
            (None, "the body is empty"),
            ("", "the body is empty"),
            ("  \n", "the body is empty"),
            ("<html>\n <b>502</b>", "the body is not JSON: <html> <b>502</b>"),
            ([1], "the body is not a JSON object: [1]"),
            (7, "the body is not a JSON object: 7"),
            ({}, "the body is not a chat completion: {}"),
            ({"choices": []}, 'the body is not a chat completion: {"choices": []}'),
            ({"choices": ["x"]}, 'the body is not a chat completion: {"choices": ["x"]}'),
            ({"choices": [{"text": "x"}]}, None),
            ({"choices": [{"message": {"content": 7}}]}, None),
            ({"choices": [{"message": "x"}]}, None),
            ({"error": {"message": "boom"}}, "the body is an error: boom"),
            ({"error": {"odd": 1}}, 'the body is an error: {"odd": 1}'),
            ({"error": "boom"}, "the body is an error: boom"),
            ({"detail": "Not Found"}, "the body is an error: Not Found"),
            ({"object": "error", "message": "boom", "code": 400}, "the body is an error: boom"),
            ([{"error": {"message": "boom"}}], "the body is an error: boom"),
        ],
    )
    def test_records_what_came_in_place_of_a_completion(
        self, given: JsonValue, detail: str | None
    ) -> None:
        found = wire.parse_completion(given)
        assert (found.finish, found.text, found.usage) == (Finish.INVALID, "", None)
        assert found.detail == detail or (detail is None and found.detail)

    def test_keeps_the_usage_of_a_completion_without_choices(self) -> None:
        found = wire.parse_completion(
            {
                "model": "m",
                "choices": [],
                "usage": {"prompt_tokens": 3, "completion_tokens": 1},
            }
        )
        assert (found.finish, found.model_served) == (Finish.INVALID, "m")
        assert found.usage == Usage(input_tokens=3, output_tokens=1)

    def test_shortens_what_it_keeps(self) -> None:
        detail = wire.parse_completion("<html>" + "x" * 10_000).detail
        assert detail is not None
        assert len(detail) == MAX_DETAIL == 500
        assert detail.endswith("…")

    @pytest.mark.parametrize(
        ("given", "expected"), [(1.5, 1.5), (2, 2.0), ("2", None), (-1, None), (math.inf, None)]
    )
    def test_reads_our_own_latency(self, given: JsonValue, expected: float | None) -> None:
        assert wire.parse_completion(body({"content": "x"}, latency_s=given)).latency_s == expected


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
LINE = st.text(
    st.characters(max_codepoint=0x2FF, exclude_categories=["Cc", "Zs"]), min_size=1, max_size=80
)
USAGES = st.builds(
    lambda cached, fresh, written, n_out, thought: Usage(
        input_tokens=cached + fresh + written,
        output_tokens=n_out + thought,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=thought,
    ),
    st.integers(0, 10**9),
    st.integers(1, 10**9),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
)


@st.composite
def responses(draw: st.DrawFn) -> Response:
    calls = draw(st.lists(st.builds(ToolCall, name=TEXT, arguments=TEXT), max_size=3))
    plain = Finish.TOOL_CALLS if calls else Finish.STOP
    others = [Finish.LENGTH, Finish.REFUSED, Finish.REJECTED, Finish.INVALID]
    return Response(
        text=draw(TEXT),
        tool_calls=tuple(calls),
        finish=draw(st.sampled_from([plain, *others])),
        usage=draw(st.none() | USAGES),
        model_served=draw(st.none() | LINE),
        latency_s=draw(st.none() | st.floats(0, 1e6)),
        detail=draw(st.none() | LINE),
        fingerprint=draw(st.none() | LINE),
    )


class TestCompletionBody:
    @given(responses(), LINE)
    def test_a_response_survives_being_written_and_read(
        self, response: Response, model: str
    ) -> None:
        written = json.loads(json.dumps(wire.completion_body(response, model)))
        expected = replace(response, model_served=response.model_served or model)
        assert wire.parse_completion(written) == expected

    def test_looks_like_openai(self) -> None:
        written = wire.completion_body(
            Response(
                text="",
                tool_calls=(ToolCall(name="f", arguments="{}"),),
                finish=Finish.TOOL_CALLS,
                usage=Usage(input_tokens=3, output_tokens=2, cached_input_tokens=1),
            ),
            "gpt",
        )
        assert written == {
            "object": "chat.completion",
            "model": "gpt",
            "choices": [
                {
                    "index": 0,
                    "message": {
                        "role": "assistant",
                        "content": None,
                        "tool_calls": [
                            {
                                "id": "call_0",
                                "type": "function",
                                "function": {"name": "f", "arguments": "{}"},
                            }
                        ],
                    },
                    "finish_reason": "tool_calls",
                }
            ],
            "usage": {
                "prompt_tokens": 3,
                "completion_tokens": 2,
                "total_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 1},
            },
        }


# Error bodies as vendors write them, one per line: name, status, body, and what it is.
ERRORS = [
    json.loads(line)
    for line in (Path(__file__).parent / "providers" / "error_bodies.jsonl")
    .read_text(encoding="utf-8")
    .split("\n")
    if line
]


def kind_of(answer: Answer) -> Finish | Hole:
    return answer.hole if isinstance(answer, Missing) else answer.finish


class TestReadAnswer:
    @pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in ERRORS])
    def test_tells_given_answers_from_missing_ones(self, case: dict[str, Any]) -> None:
        given = case["body"]
        raw = given.encode() if isinstance(given, str) else json.dumps(given).encode()
        answer = wire.read_answer(case["status"], raw)
        assert kind_of(answer) == case["is"]
        assert answer.detail
        if isinstance(answer, Response):
            assert (answer.text, answer.tool_calls) == ("", ())

    def test_reads_a_completion(self) -> None:
        raw = json.dumps(body({"content": "hi"})).encode()
        assert wire.read_answer(200, raw) == Response(text="hi")

    @pytest.mark.parametrize("raw", [b"", b" \n", b"\xff\xfe\x00", b"<html>", b"data: {}", b"7"])
    def test_what_is_not_a_completion_is_an_invalid_response(self, raw: bytes) -> None:
        assert kind_of(wire.read_answer(200, raw)) is Finish.INVALID

    @pytest.mark.parametrize("raw", [b"{", b' {"choices": [{"mess', b"[" * 100_000, b"{nonsense}"])
    def test_json_that_breaks_off_was_lost_on_the_way(self, raw: bytes) -> None:
        answer = wire.read_answer(200, raw)
        assert kind_of(answer) is Hole.NETWORK
        assert str(answer.detail).startswith("network: the body is broken JSON: ")

    @given(st.integers(100, 599), st.binary() | TEXT.map(lambda text: json.dumps(text).encode()))
    def test_never_raises(self, status: int, raw: bytes) -> None:
        assert wire.read_answer(status, raw).detail

    def test_names_status_code_and_words(self) -> None:
        answer = wire.classify_error(400, "context_length_exceeded", "x", "too\nlong")
        assert answer.detail == "HTTP 400 context_length_exceeded: too long"

    def test_says_how_to_leave_a_parameter_out(self) -> None:
        answer = wire.classify_error(400, "unsupported_parameter", None, "not this one")
        assert answer.detail is not None
        assert answer.detail.endswith("(to leave a parameter out: params: {drop: [NAME]})")
        assert wire.refused_parameters(answer) is None

    @pytest.mark.parametrize(
        ("body", "named"),
        [
            (
                {"message": "Unsupported value: 'temperature' does not support 0.", "param": "x_y"},
                "x_y",
            ),
            ({"message": "Unsupported parameter: 'max_tokens' is not supported"}, "max_tokens"),
            ({"message": "Unrecognized request argument supplied: seed"}, "seed"),
            ({"message": "Unrecognized request arguments supplied: seed, user"}, "seed"),
            ({"message": 'Invalid JSON payload received. Unknown name "seed": no'}, "seed"),
            (
                {"message": "Unknown parameter: 'logprobs'.", "code": "unknown_parameter"},
                "logprobs",
            ),
            ({"message": "no", "code": "unsupported_value", "param": "stop[0]"}, "stop"),
            ({"message": "no", "code": "unsupported_value", "param": "seed, user"}, "seed, user"),
        ],
    )
    def test_names_the_parameter_that_an_endpoint_refuses(
        self, body: dict[str, str], named: str
    ) -> None:
        answer = wire.read_answer(400, json.dumps({"error": body}).encode())
        assert kind_of(answer) is Finish.REJECTED
        assert wire.refused_parameters(answer) == named
        them = "them" if "," in named else "it"
        assert str(answer.detail).endswith(f"(to leave {them} out: params: {{drop: [{named}]}})")

    def test_names_the_parameter_of_a_validation_error(self) -> None:
        detail = [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]
        answer = wire.read_answer(422, json.dumps({"detail": detail}).encode())
        assert wire.refused_parameters(answer) == "seed"

    @pytest.mark.parametrize(
        "body",
        [
            {"message": "Unknown parameter: 'tools[0].strict'.", "code": "unknown_parameter"},
            {"message": "no", "code": "unsupported_value", "param": "messages[0].role"},
            {"message": "no", "code": "unsupported_parameter", "param": "response_format"},
            {"message": "This is too long", "code": "context_length_exceeded", "param": "messages"},
        ],
    )
    def test_never_advises_to_leave_out_what_was_asked(self, body: dict[str, str]) -> None:
        answer = wire.read_answer(400, json.dumps({"error": body}).encode())
        assert kind_of(answer) is Finish.REJECTED
        assert "drop" not in str(answer.detail)
        assert wire.refused_parameters(answer) is None

    @pytest.mark.parametrize(
        "answer",
        [
            Response(text="params: {drop: [seed]})"),
            Missing(hole=Hole.SERVER, detail="(to leave it out: params: {drop: [seed]})"),
            Response(text="", finish=Finish.REJECTED),
        ],
    )
    def test_other_answers_refuse_no_parameter(self, answer: Answer) -> None:
        assert wire.refused_parameters(answer) is None

    @pytest.mark.parametrize(
        ("code", "message", "hole"),
        [
            ("timeout", "no answer within 5 s", Hole.TIMEOUT),
            ("network", "ServerDisconnectedError: Server disconnected", Hole.NETWORK),
            (None, "Connection reset by peer", Hole.NETWORK),
            (None, "Request timed out.", Hole.TIMEOUT),
            (None, "who knows", Hole.SERVER),
            ("503", "", Hole.SERVER),
            ("1300", "Requests rate limit exceeded", Hole.RATE_LIMIT),
        ],
    )
    def test_classifies_errors_without_a_status(
        self, code: str | None, message: str, hole: Hole
    ) -> None:
        assert kind_of(wire.classify_error(None, code, None, message)) is hole


class TestRecordedError:
    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            (
                {"message": "Internal error occurred.", "type": "provider_error"},
                Hole.SERVER,
            ),
            (
                {
                    "message": 'Parsing error: {"candidates": [{"finishReason": "SAFETY", '
                    '"safetyRatings": []}], "usageMetadata": {"promptTokenCount": 105}}',
                    "type": "provider_error",
                },
                Finish.REFUSED,
            ),
            (
                {
                    "message": 'Invalid JSON payload received. Unknown name "optional" at '
                    "'tools.function_declarations[0].parameters': Cannot find field.",
                    "type": "provider_error",
                },
                Finish.REJECTED,
            ),
            ({"message": "x", "type": "invalid_request_error"}, Finish.REJECTED),
            ({"message": "slow down", "status": 429}, Hole.RATE_LIMIT),
            ("Rate limit reached", Hole.RATE_LIMIT),
            (None, Hole.SERVER),
        ],
    )
    def test_goes_through_the_same_classifier(
        self, error: JsonValue, expected: Finish | Hole
    ) -> None:
        assert kind_of(wire.recorded_error(error)) is expected


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ({}, None),
            ({"Retry-After": "7"}, 7.0),
            ({"retry-after": " 0.5 "}, 0.5),
            ({"Retry-After-Ms": "1500", "Retry-After": "2"}, 1.5),
            ({"Retry-After": "Thu, 01 Jan 1970 00:02:00 GMT"}, 20.0),
            ({"Retry-After": "Thu, 01 Jan 1970 00:01:00 GMT"}, 0.0),
            ({"Retry-After": "soon"}, None),
            ({"Retry-After": "-1"}, None),
            ({"Retry-After": "nan"}, None),
            ({"Retry-After": ""}, None),
        ],
    )
    def test_reads_both_forms(self, headers: dict[str, str], expected: float | None) -> None:
        assert wire.retry_after_s(headers, now_s=100.0) == expected


class TestAnnotate:
    def test_takes_keys_out_of_every_detail(self) -> None:
        for answer in (
            Missing(hole=Hole.SERVER, detail="keys sk-12345 and sk-67890, none"),
            Response(text="", finish=Finish.REJECTED, detail="keys sk-12345 and sk-67890, none"),
        ):
            done = wire.annotate(
                answer, secrets=["sk-12345", "none", "sk-67890"], key_source="", retry_after=None
            )
            assert done.detail == "keys *** and ***, none"

    def test_names_the_source_of_a_refused_key_only(self) -> None:
        source = wire.key_source("MY_KEY")
        refused = wire.annotate(
            Missing(hole=Hole.AUTH, detail="no"), secrets=(), key_source=source, retry_after=None
        )
        assert refused.detail == "no (key read from MY_KEY)"
        other = wire.annotate(
            Missing(hole=Hole.SERVER, detail="no"), secrets=(), key_source=source, retry_after=3.0
        )
        assert other == Missing(hole=Hole.SERVER, detail="no", retry_after_s=3.0)

    def test_leaves_a_plain_response_alone(self) -> None:
        plain = Response(text="sk-12345 is what the user wrote")
        assert wire.annotate(plain, secrets=["sk-12345"], key_source="", retry_after=1.0) is plain


class TestRequestBody:
    @pytest.mark.parametrize(
        ("logged", "params", "sent"),
        [
            ({"messages": [], "seed": 1}, {}, {"messages": [], "seed": 1}),
            ({"seed": 1, "top_p": 1}, {"drop": ["seed"]}, {"top_p": 1}),
            ({"temperature": 1}, {"temperature": 0}, {"temperature": 0}),
            ({"temperature": 1}, {"temperature": None}, {}),
            ({"temperature": None}, {}, {}),
            ({"max_tokens": 9}, {"drop": ["max_tokens"], "max_tokens": 5}, {"max_tokens": 5}),
            (
                {"model": "m", "stream": True, "stream_options": {}, "n": 3, "store": True},
                {},
                {},
            ),
            ({"metadata": {"feature": "triage"}}, {}, {}),
            ({}, {"metadata": {"a": "b"}}, {"metadata": {"a": "b"}}),
            ({"messages": [1]}, {"messages": [2], "model": "x", "n": 2}, {"messages": [1]}),
            ({"api_base": "http://elsewhere"}, {}, {"api_base": "http://elsewhere"}),
        ],
    )
    def test_is_the_logged_body_with_the_models_own_parameters(
        self,
        logged: dict[str, JsonValue],
        params: dict[str, JsonValue],
        sent: dict[str, JsonValue],
    ) -> None:
        before = json.dumps(logged)
        assert wire.request_body(logged, spec(params=params)) == sent
        assert json.dumps(logged) == before


def spec(
    api_base: str | None = None, params: JsonObject | None = None, prompt: Prompt | None = None
) -> ModelSpec:
    return ModelSpec(
        name=ModelName("mini"),
        model="openai/m",
        api_base=api_base,
        params=params or {},
        prompt=prompt,
    )


SYSTEM: JsonValue = {"role": "system", "content": "Be kind."}
DEVELOPER: JsonValue = {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]}
USER: JsonValue = {"role": "user", "content": "hi {text}"}
PICTURE: JsonValue = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}


class TestPrompt:
    def sent(self, prompt: Prompt, *messages: JsonValue) -> JsonValue:
        logged: dict[str, JsonValue] = {"messages": list(messages), "seed": 1}
        before = json.dumps(logged)
        body = wire.request_body(logged, spec(prompt=prompt))
        assert json.dumps(logged) == before
        assert body["seed"] == 1
        return body["messages"]

    def test_without_one_messages_are_sent_as_logged(self) -> None:
        logged: dict[str, JsonValue] = {"messages": [SYSTEM, USER]}
        assert wire.request_body(logged, spec())["messages"] is logged["messages"]

    @pytest.mark.parametrize(
        ("messages", "expected"),
        [
            ([SYSTEM, USER], [{"role": "system", "content": "New."}, USER]),
            ([DEVELOPER, USER], [{"role": "developer", "content": "New."}, USER]),
            ([SYSTEM, DEVELOPER, USER], [{"role": "system", "content": "New."}, USER]),
            ([USER], [{"role": "system", "content": "New."}, USER]),
            ([USER, SYSTEM], [{"role": "system", "content": "New."}, USER, SYSTEM]),
        ],
    )
    def test_system_stands_in_place_of_the_opening(
        self, messages: list[JsonValue], expected: list[JsonValue]
    ) -> None:
        assert self.sent(Prompt(system="New."), *messages) == expected

    @pytest.mark.parametrize(
        ("messages", "expected"),
        [
            ([SYSTEM, USER], [{"role": "system", "content": "Be kind.\n\nMore."}, USER]),
            (
                [SYSTEM, DEVELOPER, USER],
                [
                    SYSTEM,
                    {
                        "role": "developer",
                        "content": [
                            {"type": "text", "text": "Be brief."},
                            {"type": "text", "text": "More."},
                        ],
                    },
                    USER,
                ],
            ),
            ([USER], [{"role": "system", "content": "More."}, USER]),
            (
                [{"role": "system", "content": "", "name": "a"}, USER],
                [{"role": "system", "content": "More.", "name": "a"}, USER],
            ),
        ],
    )
    def test_append_system_is_added_to_it(
        self, messages: list[JsonValue], expected: list[JsonValue]
    ) -> None:
        assert self.sent(Prompt(append_system="More."), *messages) == expected

    def test_a_template_wraps_the_last_text_of_the_user(self) -> None:
        later: JsonValue = {"role": "user", "content": "and now?"}
        result: JsonValue = {"role": "tool", "tool_call_id": "1", "content": "4"}
        assert self.sent(Prompt(template="<{text}> {x}"), SYSTEM, USER, later, result) == [
            SYSTEM,
            USER,
            {"role": "user", "content": "<and now?> {x}"},
            result,
        ]

    def test_a_text_that_holds_the_placeholder_is_not_wrapped_twice(self) -> None:
        assert self.sent(Prompt(template="<{text}>"), USER) == [
            {"role": "user", "content": "<hi {text}>"}
        ]

    def test_of_several_parts_the_last_text_is_wrapped(self) -> None:
        first: JsonValue = {"type": "text", "text": "a"}
        last: JsonValue = {"type": "text", "text": "b"}
        parts: list[JsonValue] = [first, last, PICTURE]
        sent = self.sent(Prompt(template="<{text}>"), {"role": "user", "content": parts})
        assert sent == [
            {"role": "user", "content": [first, {"type": "text", "text": "<b>"}, PICTURE]}
        ]

    def test_all_at_once(self) -> None:
        assert self.sent(Prompt(system="New.", template="<{text}>"), SYSTEM, USER) == [
            {"role": "system", "content": "New."},
            {"role": "user", "content": "<hi {text}>"},
        ]

    @pytest.mark.parametrize(
        ("messages", "expected"),
        [
            ([USER], True),
            ([USER, SYSTEM], True),
            ([SYSTEM], False),
            ([], False),
            ([{"role": "user", "content": [PICTURE]}], False),
            ([{"role": "user", "content": [PICTURE, {"type": "text", "text": ""}]}], True),
            ([USER, {"role": "user", "content": None}], False),
            (None, False),
        ],
    )
    def test_whether_there_is_a_text_to_wrap(self, messages: JsonValue, *, expected: bool) -> None:
        assert wire.has_user_text(messages) is expected

    @pytest.mark.parametrize("template", ["", "no place", "{text} and {text}", "{ text }"])
    def test_a_template_has_one_place_for_the_text(self, template: str) -> None:
        assert "exactly once" in str(wire.template_problem(template))

    def test_a_good_template(self) -> None:
        assert wire.template_problem("{{ }} {text} {x}") is None


class TestReplayable:
    @pytest.mark.parametrize(
        "text",
        [
            "... (litellm_truncated skipped 30 chars. ) and so on",
            "the beginning [truncated]",
            "the beginning ...[TRUNCATED]\n",
            "the beginning... (truncated 1,204 characters)",
            "the beginning …(truncated)",
            "the beginning ...(truncated",
            "the beginning <truncated due to size exceeding limit>",
        ],
    )
    def test_a_text_that_the_log_cut(self, text: str) -> None:
        assert self.why({"role": "user", "content": text}) == "the log cut its text"
        assert self.why({"role": "user", "content": [{"type": "text", "text": text}]})
        assert wire.is_cut(text)

    @pytest.mark.parametrize(
        "text",
        ["[REDACTED]", " <redacted> ", "__redacted__", "***REDACTED***", "redacted-by-litellm"],
    )
    def test_a_text_that_the_log_left_out(self, text: str) -> None:
        assert self.why({"role": "system", "content": text}) == "the log left its text out"

    @pytest.mark.parametrize(
        "message",
        [
            {"role": "user", "content": "What does [truncated] mean?"},
            {"role": "user", "content": "Was this cut? ... [truncated] ... go on"},
            {"role": "user", "content": "Call [REDACTED] at once"},
            {"role": "user", "content": "redacted"},
            {"role": "tool", "content": "a long listing\n... [truncated]"},
            {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f"}}]},
            {"role": "user", "content": [{"type": "image_url", "image_url": "data:image/png;x"}]},
            {"role": "user", "content": [{"type": "file", "file": {"file_data": "x"}}]},
        ],
    )
    def test_what_an_application_may_send(self, message: dict[str, JsonValue]) -> None:
        assert self.why(message) is None

    @pytest.mark.parametrize(
        ("message", "words"),
        [
            ({"role": "tool", "content": "a (litellm_truncated skipped 9 chars)"}, "cut"),
            (
                {
                    "role": "assistant",
                    "tool_calls": [{"function": {"name": "f", "arguments": "litellm_truncated"}}],
                },
                "cut",
            ),
            (
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "[truncated]"}}],
                },
                "cut",
            ),
            (
                {"role": "user", "content": [{"type": "file", "file": {"file_id": "f-1"}}]},
                "a file that the provider keeps",
            ),
            (
                {"role": "user", "content": [{"type": "input_image", "file_id": "f-1"}]},
                "a file that the provider keeps",
            ),
            ({"role": "user", "content": {"key": "a", "iv": "b", "data": "c"}}, "encrypted"),
            ({"role": "user", "encrypted_content": "gAAA"}, "encrypted"),
            ("[REDACTED]", "left its text out"),
        ],
    )
    def test_messages_that_cannot_be_sent_again(self, message: JsonValue, words: str) -> None:
        assert words in str(self.why(message))

    @pytest.mark.parametrize(
        ("request_", "words"),
        [
            ({"messages": None}, "left its text out"),
            ({"messages": []}, "left its text out"),
            ({"messages": {}}, "left its text out"),
            ({"messages": "<redacted>"}, "left its text out"),
            ({"messages": {"ciphertext": "x"}}, "encrypted"),
            ({"key": "a", "iv": "b", "data": "c"}, "encrypted"),
            ({"messages": [USER], "previous_response_id": "r-1"}, "the provider keeps"),
            ({"messages": [USER], "conversation": {"id": "c-1"}}, "the provider keeps"),
            ({"messages": [USER], "tools": "[truncated]"}, "tools or its schema"),
            ({"messages": [USER], "tools": ["litellm_truncated"]}, "tools or its schema"),
            ({"messages": [USER], "response_format": {"a": "litellm_truncated"}}, "its schema"),
            ({"messages": [USER], "tool_choice": "required"}, "tools or its schema"),
        ],
    )
    def test_requests_that_cannot_be_sent_again(
        self, request_: dict[str, JsonValue], words: str
    ) -> None:
        assert words in str(wire.why_unreplayable(request_))

    def test_an_answer_that_calls_tools_was_given_to_a_request_with_some(self) -> None:
        calling = Response(text="", tool_calls=(ToolCall(name="f", arguments="{}"),))
        bare: dict[str, JsonValue] = {"messages": [USER]}
        assert wire.why_unreplayable(bare, calling) == "the log left out its tools or its schema"
        assert wire.why_unreplayable({**bare, "tools": [{"type": "function"}]}, calling) is None
        assert wire.why_unreplayable({**bare, "functions": [{"name": "f"}]}, calling) is None
        assert wire.why_unreplayable(bare, Response(text="hi")) is None
        assert wire.why_unreplayable({**bare, "tool_choice": "none"}) is None
        assert wire.why_unreplayable({**bare, "tool_choice": "auto"}) is not None
        assert wire.why_unreplayable({**bare, "tool_choice": "auto", "tools": []}) is None

    def why(self, message: JsonValue) -> str | None:
        return wire.why_unreplayable({"messages": [SYSTEM, message]})


class TestEndpoints:
    @pytest.mark.parametrize(
        ("api_base", "expected"),
        [
            ("http://localhost:8000/v1", ("localhost", 8000)),
            ("http://localhost/v1", ("localhost", 80)),
            ("https://gw.example.com/v1", ("gw.example.com", 443)),
            ("http://[::1]:9/v1", ("::1", 9)),
        ],
    )
    def test_finds_host_and_port(self, api_base: str, expected: tuple[str, int]) -> None:
        assert wire.address(spec(api_base=api_base)) == expected

    @pytest.mark.parametrize(
        "api_base", ["localhost:8000", "ftp://u:secret@x/", "http://", "http://x:port", "http://["]
    )
    def test_refuses_what_is_not_an_address_without_repeating_it(self, api_base: str) -> None:
        with pytest.raises(ConfigError, match=r"model 'mini': `api_base` is not") as caught:
            wire.address(spec(api_base=api_base))
        assert "secret" not in str(caught.value)

    def test_says_where_nothing_answers_and_what_to_do(self) -> None:
        error = wire.unreachable(
            spec(api_base="http://u:secret@localhost:1/v1"), ConnectionRefusedError(111, "refused")
        )
        assert isinstance(error, IncompleteError)
        assert str(error) == (
            "model 'mini': nothing answers at localhost:1 (refused); start the server, or correct "
            "`api_base`, then run the same command again"
        )

    def test_names_the_variables_of_a_missing_key(self) -> None:
        assert "GOOGLE_API_KEY or GEMINI_API_KEY" in str(
            wire.missing_key(spec(), ["GOOGLE_API_KEY", "GEMINI_API_KEY"])
        )

    @pytest.mark.parametrize(
        ("params", "words"),
        [
            ({"drop": "seed"}, "params.drop must be a list"),
            ({"drop": [1]}, "params.drop must be a list"),
            ({"stream": True}, "params.stream cannot be set"),
            ({"messages": []}, "params.messages cannot be set"),
            ({"n": 2}, "params.n cannot be set"),
            ({"tools": []}, "params.tools cannot be set"),
            ({"seed": None}, r"params.seed is null; .* name it: drop: \[seed\]"),
            ({"drop": ["tools"]}, "params.drop names 'tools': without it .* fails it"),
            ({"drop": ["messages"]}, "params.drop names 'messages'"),
            ({"drop": ["seed", "response_format"]}, "params.drop names 'response_format'"),
        ],
    )
    def test_refuses_parameters_that_cannot_be_set(
        self, params: dict[str, JsonValue], words: str
    ) -> None:
        with pytest.raises(ConfigError, match=words):
            wire.check_params(spec(params=params))

    def test_takes_other_parameters(self) -> None:
        wire.check_params(spec(params={"drop": ["seed"], "temperature": 0}))

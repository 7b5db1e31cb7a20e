"""One invented row per format, and rows damaged by chance."""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np

MESSAGES = [
    {"role": "system", "content": "Name the colour."},
    {"role": "user", "content": "A ripe lemon?"},
]
ASKED: dict[str, Any] = {"model": "hue-2", "messages": MESSAGES, "temperature": 0}
GIVEN: dict[str, Any] = {
    "id": "c-1",
    "object": "chat.completion",
    "created": 1_790_000_000,
    "model": "hue-2-may",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "yellow"},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 11, "completion_tokens": 1, "total_tokens": 12},
}
START, END = "2026-05-04T08:00:00Z", "2026-05-04T08:00:01Z"


def _otlp(attributes: dict[str, str]) -> dict[str, Any]:
    span = {
        "traceId": "0a" * 16,
        "spanId": "0b" * 8,
        "name": "chat",
        "startTimeUnixNano": "1790000000000000000",
        "endTimeUnixNano": "1790000001000000000",
        "attributes": [
            {"key": key, "value": {"stringValue": value}} for key, value in attributes.items()
        ],
    }
    return {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "s"}, "spans": [span]}]}]}


ROWS: dict[str, dict[str, Any]] = {
    "anthropic_batch": {
        "custom_id": "b-1",
        "params": {"model": "hue", "max_tokens": 9, "messages": MESSAGES[1:]},
    },
    "anthropic_pairs": {
        "timestamp": START,
        "request": {"model": "hue", "max_tokens": 9, "system": "x", "messages": MESSAGES[1:]},
        "response": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "hue",
            "content": [{"type": "text", "text": "yellow"}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 11, "output_tokens": 1},
        },
    },
    "braintrust": {
        "id": "bt",
        "span_id": "s",
        "root_span_id": "r",
        "span_parents": ["r"],
        "span_attributes": {"type": "llm", "name": "Chat"},
        "input": MESSAGES,
        "output": GIVEN["choices"],
        "metadata": {"model": "hue-2"},
        "metrics": {"start": 1.0, "end": 2.0, "prompt_tokens": 11, "completion_tokens": 1},
    },
    "canonical": {"id": "r-1", "request": ASKED, "response": GIVEN, "timestamp": START},
    "cloudflare": {
        "Gateway": "g",
        "Provider": "openai",
        "Model": "hue-2",
        "StatusCode": 200,
        "Cached": False,
        "Metadata": "{}",
        "RequestBody": json.dumps(ASKED),
        "ResponseBody": json.dumps(GIVEN),
    },
    "helicone": {
        "request_id": "h",
        "request_created_at": START,
        "delay_ms": 900,
        "response_status": 200,
        "request_body": ASKED,
        "response_body": GIVEN,
        "properties": {"task": "t"},
    },
    "inspect_eval": {
        "id": 1,
        "epoch": 1,
        "input": MESSAGES,
        "target": "yellow",
        "messages": [],
        "output": {"model": "hue", **GIVEN},
        "scores": {"match": {"value": "C"}},
        "events": [],
        "metadata": {},
        "model_usage": {},
    },
    "langfuse": {
        "id": "o",
        "traceId": "t",
        "parentObservationId": None,
        "type": "GENERATION",
        "startTime": START,
        "endTime": END,
        "input": MESSAGES,
        "output": {"role": "assistant", "content": "yellow"},
        "providedModelName": "hue-2",
        "usageDetails": {"input": 11, "output": 1},
    },
    "langsmith": {
        "id": "l",
        "run_type": "llm",
        "dotted_order": "d",
        "start_time": START,
        "end_time": END,
        "status": "success",
        "inputs": ASKED,
        "outputs": GIVEN,
        "extra": {"metadata": {}},
    },
    "litellm_payload": {
        "id": "p",
        "call_type": "acompletion",
        "model": "hue-2",
        "model_group": "front",
        "status": "success",
        "status_fields": {},
        "model_parameters": {"temperature": 0},
        "messages": MESSAGES,
        "response": GIVEN,
        "startTime": 1.79e9,
        "endTime": 1.79e9,
        "prompt_tokens": 11,
        "completion_tokens": 1,
        "metadata": {},
        "request_tags": [],
    },
    "litellm_spend": {
        "request_id": "s",
        "call_type": "acompletion",
        "spend": "0.1",
        "startTime": START,
        "endTime": END,
        "model": "hue-2",
        "messages": "{}",
        "metadata": "{}",
        "proxy_server_request": json.dumps(ASKED),
        "response": json.dumps(GIVEN),
    },
    "lm_eval": {
        "doc_id": 0,
        "doc": {"question": "A ripe lemon?"},
        "target": "yellow",
        "arguments": {"gen_args_0": {"arg_0": "A ripe lemon?", "arg_1": {"until": ["\n"]}}},
        "resps": [["yellow"]],
        "filtered_resps": ["yellow"],
        "exact_match": 1.0,
    },
    "mlflow": {
        "info": {"trace_id": "m", "request_time": START, "tags": {}, "trace_metadata": {}},
        "data": {
            "spans": [
                {
                    "span_id": "s",
                    "name": "Completions",
                    "start_time_unix_nano": 1_790_000_000_000_000_000,
                    "end_time_unix_nano": 1_790_000_001_000_000_000,
                    "status": {"code": "STATUS_CODE_OK"},
                    "attributes": {
                        "mlflow.spanType": '"CHAT_MODEL"',
                        "mlflow.spanInputs": json.dumps(ASKED),
                        "mlflow.spanOutputs": json.dumps(GIVEN),
                    },
                }
            ]
        },
    },
    "openai_batch": {
        "custom_id": "b",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": ASKED,
    },
    "openai_evals": {
        "id": "e",
        "eval_id": "v",
        "datasource_item_id": 1,
        "datasource_item": {"question": "A ripe lemon?"},
        "sample": {
            "input": MESSAGES,
            "output": [{"role": "assistant", "content": "yellow"}],
            "model": "hue-2",
            "finish_reason": "stop",
        },
        "results": [{"name": "g", "score": 1.0, "passed": True}],
    },
    "openai_pairs": {"timestamp": START, "latency_ms": 9, "request": ASKED, "response": GIVEN},
    "openai_stored": {**GIVEN, "messages": MESSAGES, "metadata": {}, "temperature": 0},
    "openinference": _otlp(
        {
            "openinference.span.kind": "LLM",
            "input.value": json.dumps(ASKED),
            "input.mime_type": "application/json",
            "output.value": json.dumps(GIVEN),
        }
    ),
    "openrouter": {
        "metadata": {
            "id": "g",
            "created_at": START,
            "model": "hue-2",
            "provider_name": "Palette",
            "native_tokens_prompt": 11,
            "native_tokens_completion": 1,
            "total_cost": 0.1,
            "latency": 9,
        },
        "content": {"input": {"messages": MESSAGES}, "output": {"completion": "yellow"}},
    },
    "otel_genai": _otlp(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "hue-2",
            "gen_ai.input.messages": json.dumps(
                [{"role": "user", "parts": [{"type": "text", "content": "A ripe lemon?"}]}]
            ),
            "gen_ai.output.messages": json.dumps(
                [{"role": "assistant", "parts": [{"type": "text", "content": "yellow"}]}]
            ),
        }
    ),
    "plain": {"prompt": "A ripe lemon?", "response": "yellow", "model": "hue-2", "latency_ms": "9"},
    "portkey": {
        "id": "k",
        "created_at": START,
        "request": ASKED,
        "response": GIVEN,
        "ai_org": "openai",
        "req_units": 11,
        "res_units": 1,
        "cost": 3,
        "response_time": 9,
        "response_status_code": 200,
        "metadata": {},
    },
    "promptfoo": {
        "promptIdx": 0,
        "testIdx": 0,
        "prompt": {"raw": json.dumps(MESSAGES), "label": "p"},
        "provider": {"id": "openai:hue-2"},
        "response": {"output": "yellow"},
        "score": 1,
        "success": True,
        "vars": {},
    },
    "vercel_ai": _otlp(
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.model.id": "hue-2",
            "ai.prompt.messages": json.dumps(MESSAGES),
            "ai.response.text": "yellow",
            "ai.response.finishReason": "stop",
        }
    ),
    "weave": {
        "id": "w",
        "project_id": "p",
        "trace_id": "t",
        "op_name": "weave:///p/op/openai.chat.completions.create:1",
        "started_at": START,
        "ended_at": END,
        "inputs": ASKED,
        "output": GIVEN,
        "summary": {},
        "attributes": {},
    },
}

_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 0.5, -0.0, 1e308, -1e308, 2**53, 2**63, 2**64, 2**70, -(2**70),
    math.nan, math.inf, "", " ", "\0", "\u2028", "\ud800", "\udfff x", "\ufeff", "é" * 300,
    "null", "NaN", "{", "[]", "{}", '{"a": 1}', '"[1]"', "[" * 60, "1e999", "9" * 400, "-5",
    "2026-13-45", "9999-12-31T23:59:59-12:00", "data: {}\n\ndata: [DONE]", "[REDACTED]",
    "x ...[truncated]", [], {}, [None], [[]], [{}], [[[[1]]]], {"": None}, {"a": {"b": [1]}},
    {"role": "user"}, {"error": None}, {"text": 3}, ["a", 1, None, {}],
)  # fmt: skip


def _nested(depth: int) -> Any:  # noqa: ANN401 - JSON
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def damaged(rng: np.random.Generator, value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a row with one to three of its parts replaced, removed, moved or repeated."""
    copy = json.loads(json.dumps(value))
    for _ in range(int(rng.integers(1, 4))):
        place, key = _some_place(rng, copy)
        if place is None:
            return _odd(rng)
        match int(rng.integers(0, 6)):
            case 0:
                del place[key]
            case 1 if isinstance(place, list):
                place.append(json.loads(json.dumps(place[key])))
            case 2:
                place[key] = json.dumps(place[key])
            case 3:
                place[key] = [place[key]]
            case _:
                place[key] = _odd(rng)
    return copy


def _odd(rng: np.random.Generator) -> Any:  # noqa: ANN401 - JSON
    if rng.random() < 0.05:
        return _nested(int(rng.choice([50, 200, 600])))
    # A copy: what is damaged once more must not damage the table.
    return json.loads(json.dumps(_ODD[int(rng.integers(len(_ODD)))]))


def _some_place(rng: np.random.Generator, value: Any) -> tuple[Any, Any]:  # noqa: ANN401 - JSON
    place: Any = None
    key: Any = None
    while isinstance(value, (dict, list)) and value:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        place, key = value, keys[int(rng.integers(len(keys)))]
        value = value[key]
        if rng.random() < 0.35:
            break
    return place, key


def _flip(rng: np.random.Generator, line: bytes) -> bytes:
    at = int(rng.integers(len(line)))
    return line[:at] + bytes([int(rng.integers(256))]) + line[at + 1 :]


_TEXT_DAMAGE: tuple[Callable[[np.random.Generator, bytes], bytes], ...] = (
    lambda rng, line: line[: int(rng.integers(1, max(len(line), 2)))],
    lambda rng, line: line[int(rng.integers(1, max(len(line), 2))) :],
    _flip,
    lambda _, line: b"\xef\xbb\xbf" + line,
    lambda _, line: line + b"\r",
    lambda _, line: line.replace(b" ", b"\xc2\x85", 1),
    lambda _, line: line.replace(b"e", b"\xe9", 1),
    lambda _, line: line.replace(b"e", "\u2028".encode(), 1),
    lambda _, line: line.replace(b'"', b'"\0', 1),
    lambda _, line: line.decode("utf-8", "replace").encode("utf-16-le").replace(b"\n", b""),
    lambda _, line: line + b",",
    lambda _, line: line + line,
    lambda _, line: b"[" * 3000 + line,
)


def damaged_line(rng: np.random.Generator, value: Any) -> bytes:  # noqa: ANN401 - JSON
    """Return a damaged row as one line that is never blank."""
    row = damaged(rng, value) if rng.random() < 0.8 else value
    text = json.dumps(row, ensure_ascii=bool(rng.random() < 0.5))
    line = text.encode("utf-8", "surrogatepass").replace(b"\n", b" ")
    if rng.random() < 0.25:
        line = _TEXT_DAMAGE[int(rng.integers(len(_TEXT_DAMAGE)))](rng, line)
    line = line.replace(b"\n", b" ")
    return line if line.strip(b" \t\r\xef\xbb\xbf") else b"{"

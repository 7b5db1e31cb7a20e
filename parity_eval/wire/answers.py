"""Bodies: what is sent, and what a chat completion becomes."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache

import msgspec

from parity_eval.records import (
    Answer,
    Finish,
    Hole,
    JsonObject,
    JsonValue,
    Missing,
    ModelSpec,
    Response,
    ToolCall,
    Usage,
)
from parity_eval.wire.errors import (
    as_answer,
    classify_error,
    error_fields,
    error_object,
    lost,
    recognise,
)
from parity_eval.wire.prompts import prompted
from parity_eval.wire.text import clean, count_or_none, dumps, mask, shorten, text_or_none

OURS = frozenset({"messages", "model", "stream", "stream_options", "n"})
"""Parts of a request that a model's own parameters must not replace."""
_NOT_SENT = (OURS - {"messages"}) | {"metadata", "store"}
"""How a logged answer was delivered and filed; it has no say in what the answer is."""
_CREDENTIAL = re.compile(
    r"(^|_)(api_?key|access_key(_id)?|secret|password|credentials?|authorization)(_|$)"
    r"|(^|_)(ad|api|auth|access|bearer|id|security|session)_token$"
    r"|^(extra_|default_)?headers$|^token$",
    re.IGNORECASE,
)
"""Arguments of a client that a gateway logs beside the body: another vendor must not see them."""
_NOT_SET = OURS | {"drop"}

_BROKEN_OFF = frozenset(
    {"error", "abort", "aborted", "cancelled", "canceled", "incomplete", "network_error"}
    | {"insufficient_system_resource", "server_error", "timeout"}
)
"""Finish reasons by which an endpoint says that it broke off; half an answer is no model's."""
_FINISHES: Mapping[str, Finish] = {
    **dict.fromkeys(("stop", "end_turn", "stop_sequence", "complete", "completed"), Finish.STOP),
    **dict.fromkeys(("eos", "eos_token"), Finish.STOP),
    **dict.fromkeys(("length", "max_tokens", "max_output_tokens"), Finish.LENGTH),
    **dict.fromkeys(("model_context_window_exceeded", "model_length"), Finish.LENGTH),
    **dict.fromkeys(("tool_calls", "function_call", "tool_use"), Finish.TOOL_CALLS),
    **dict.fromkeys(("content_filter", "content_filtered", "refusal", "refused"), Finish.REFUSED),
    **dict.fromkeys(("safety", "recitation", "blocklist", "spii"), Finish.REFUSED),
    **dict.fromkeys(("prohibited_content", "sensitive", "guardrail_intervened"), Finish.REFUSED),
    "rejected": Finish.REJECTED,
    "invalid": Finish.INVALID,
    **dict.fromkeys(_BROKEN_OFF, Finish.INVALID),
}
"""Finish reasons, in lower case, as vendors (and our own recordings) spell them."""

_REASONS: Mapping[Finish, str] = {
    Finish.STOP: "stop",
    Finish.LENGTH: "length",
    Finish.TOOL_CALLS: "tool_calls",
    Finish.REFUSED: "content_filter",
    Finish.REJECTED: "rejected",
    Finish.INVALID: "invalid",
}


_ONLY_TEXT = frozenset({"role", "content"})
_ORDINARY = frozenset({"index", "message", "finish_reason", "logprobs"})
_SUCCESS = 2  # of 2xx


def request_body(logged: JsonObject, spec: ModelSpec) -> dict[str, JsonValue]:
    """Return what to send: the logged body, with a model's own parameters and prompt in place.

    Args:
        logged: Chat-completions body as logged.
        spec: The model. Of its parameters `drop` lists logged ones to leave out; the others
            replace logged ones. A logged parameter that is null is left out too, as the API itself
            reads it.

    Returns:
        A new body: without the model's name, and without what says how the logged answer was
        delivered (`stream`, `n`) or filed (`metadata`, `store`), and without a client's keys and
        headers.

    Example:
        >>> from parity_eval.records import ModelName
        >>> own = {"drop": ["seed"], "top_p": 0.5}
        >>> spec = ModelSpec(name=ModelName("m"), model="m", params=own)
        >>> request_body({"seed": 1, "top_p": 1}, spec)
        {'top_p': 0.5}
    """
    drop = spec.params.get("drop")
    left_out = _NOT_SENT.union(map(str, drop)) if isinstance(drop, list) else _NOT_SENT
    body = {
        name: value
        for name, value in logged.items()
        if name not in left_out and not _is_credential(name)
    }
    body |= {name: value for name, value in spec.params.items() if name not in _NOT_SET}
    body = {name: value for name, value in body.items() if value is not None}
    if spec.prompt is not None and "messages" in body:
        body["messages"] = prompted(body["messages"], spec.prompt)
    return body


def parse_completion(body: JsonValue) -> Response:
    """Turn a chat-completion body, as logged or received, into a response.

    A body that is not a chat completion is a response too: `Finish.INVALID`, with what it was in
    `detail`. Of several choices the first counts.

    Args:
        body: Any JSON document; text where the endpoint's answer was not JSON.

    Returns:
        The response; with a latency where the body has our own top-level `latency_s`.

    Example:
        >>> parse_completion({"choices": [{"message": {"content": "hi"}}]}).text
        'hi'
    """
    top = body if isinstance(body, dict) else {}
    choice, message = _choice_and_message(top)
    calls = _tool_calls(message or {})
    text, refusal = _text_and_refusal(message or {})
    finish, remark = _finish(choice, is_calling=bool(calls))
    detail = refusal or text_or_none(top.get("detail")) or remark
    if message is None:
        finish, detail = Finish.INVALID, _describe(body)
    return Response(
        text=text,
        tool_calls=calls,
        finish=Finish.REFUSED if refusal else finish,
        usage=_usage(top.get("usage")),
        model_served=text_or_none(top.get("model")),
        latency_s=_seconds(top.get("latency_s")),
        detail=detail,
        fingerprint=text_or_none(top.get("system_fingerprint")),
    )


def read_completion(body: JsonValue) -> Answer:
    """Turn a chat-completion body that an endpoint sent into a response or a hole.

    As `parse_completion`, but what the endpoint itself says it broke off is missing.
    """
    word = _broken_off(body)
    if word is None:
        return parse_completion(body)
    detail = shorten(f"the endpoint broke off: finish_reason {word}")
    return Missing(hole=Hole.SERVER, detail=detail, may_be_billed=True)


def completion_body(response: Response, model: str) -> dict[str, JsonValue]:
    """Return the chat-completion body that `parse_completion` turns into this response.

    What OpenAI's format has no word for gets words of our own: the finish reasons `rejected` and
    `invalid`, and top-level `detail` and `latency_s`.

    Args:
        response: Any response.
        model: Name to write where the endpoint did not say what it used.

    Returns:
        A JSON document for a recording.
    """
    is_call = bool(response.tool_calls) and not response.text
    message: dict[str, JsonValue] = {
        "role": "assistant",
        "content": None if is_call else response.text,
    }
    if response.tool_calls:
        message["tool_calls"] = [
            {
                "id": f"call_{index}",
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for index, call in enumerate(response.tool_calls)
        ]
    body: dict[str, JsonValue] = {
        "object": "chat.completion",
        "model": response.model_served or model,
        "choices": [{"index": 0, "message": message, "finish_reason": _REASONS[response.finish]}],
    }
    if response.detail and response.finish is Finish.REFUSED:
        message["refusal"] = response.detail
    elif response.detail:
        body["detail"] = response.detail
    if response.latency_s is not None:
        body["latency_s"] = response.latency_s
    if response.fingerprint is not None:
        body["system_fingerprint"] = response.fingerprint
    if response.usage:
        body["usage"] = _usage_body(response.usage)
    return body


def read_answer(status: int, raw: bytes, secrets: Iterable[str] = ()) -> Answer:
    """Turn what an endpoint sent back into a response or a hole.

    Under status 200, an error body is what the error says it is; where it says nothing that we
    know, it is a response with `Finish.INVALID`, like every other body that is not a completion.
    JSON that breaks off was lost on the way: no model wrote that, so it is missing.

    Args:
        status: HTTP status.
        raw: Body as received.
        secrets: What must not be repeated of it in a `detail`, be it in full or cut off.

    Returns:
        The answer.
    """
    answer = _read(status, raw)
    if answer.detail is None or (masked := mask(raw, secrets)) == raw:
        return answer
    return replace(answer, detail=_read(status, masked).detail or "")


def _read(status: int, raw: bytes) -> Answer:
    body = _decode(raw)
    is_ok = status // 100 == _SUCCESS
    error = error_object(body)
    if error is None:
        if is_ok and isinstance(body, str) and body.lstrip().startswith(("{", "[")):
            said = f"the body is broken JSON: {body}"
            return lost(classify_error(None, "network", None, said))
        if is_ok:
            return read_completion(body)
        return classify_error(status, None, None, body if isinstance(body, str) else dumps(body))
    fields = error_fields(error)
    if not is_ok:
        return classify_error(status, fields.code, fields.type_, fields.message, fields.param)
    kind = recognise(None, fields)
    if kind is None:
        return parse_completion(body)
    answer = as_answer(kind, None, fields)
    # What fails after it chose its words has generated some.
    return lost(answer) if isinstance(body, dict) and body.get("choices") else answer


def recorded_error(error: JsonValue) -> Answer:
    """Return what an error in a recording stands for.

    Args:
        error: `{"message", "type"?, "code"?, "status"?}`, or text.
    """
    found: Mapping[str, JsonValue] = error if isinstance(error, dict) else {"message": error}
    fields = error_fields(found)
    status = count_or_none(found.get("status"))
    return classify_error(status, fields.code, fields.type_, fields.message, fields.param)


def _usage_body(usage: Usage) -> dict[str, JsonValue]:
    body: dict[str, JsonValue] = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_input_tokens},
    }
    if usage.cache_write_tokens:
        body["cache_creation_input_tokens"] = usage.cache_write_tokens
    if usage.reasoning_tokens:
        body["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return body


def _choice_and_message(
    top: dict[str, JsonValue],
) -> tuple[dict[str, JsonValue], dict[str, JsonValue] | None]:
    choices = top.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        return {}, None
    message = choice.get("message")
    if not isinstance(message, dict):
        return choice, None
    return choice, message if isinstance(message.get("content"), str | list | None) else None


def _describe(body: JsonValue) -> str:
    """Say what came in place of a chat completion."""
    error = error_object(body)
    if error is not None:
        return shorten(f"the body is an error: {error_fields(error).message or dumps(dict(error))}")
    if isinstance(body, dict):
        return shorten(f"the body is not a chat completion: {dumps(body)}")
    if body is None or (isinstance(body, str) and not body.strip()):
        return "the body is empty"
    if isinstance(body, str):
        return shorten(f"the body is not JSON: {body}")
    return shorten(f"the body is not a JSON object: {dumps(body)}")


def _text_and_refusal(message: Mapping[str, JsonValue]) -> tuple[str, str | None]:
    content = message.get("content")
    if isinstance(content, str) and message.keys() <= _ONLY_TEXT:
        return clean(content), None
    parts = content if isinstance(content, list) else [content]
    said = [part.get("text") if isinstance(part, dict) else part for part in parts]
    refusals = [
        message.get("refusal"),
        _vendor_field(message, "refusal"),
        *(part.get("refusal") for part in parts if isinstance(part, dict)),
    ]
    refusal = next((r for r in refusals if isinstance(r, str) and r), None)
    text = "".join(clean(part) for part in said if isinstance(part, str))
    return text, shorten(refusal) if refusal else None


def _tool_calls(message: Mapping[str, JsonValue]) -> tuple[ToolCall, ...]:
    calls, legacy = message.get("tool_calls"), message.get("function_call")
    if isinstance(calls, list) and calls:
        return tuple(_tool_call(call) for call in calls)
    return (_tool_call({"function": legacy}),) if isinstance(legacy, dict) else ()


def _tool_call(call: JsonValue) -> ToolCall:
    fields = call if isinstance(call, dict) else {}
    function = fields.get("function") or fields.get("custom")
    if not isinstance(function, dict):
        return ToolCall(name="", arguments=dumps(call))
    arguments = function.get("arguments", function.get("input"))
    if arguments is None:
        arguments = ""
    return ToolCall(
        name=clean(str(function.get("name") or "")),
        arguments=clean(arguments) if isinstance(arguments, str) else dumps(arguments),
    )


def _finish(choice: Mapping[str, JsonValue], *, is_calling: bool) -> tuple[Finish, str | None]:
    """Return why the model stopped, and a remark where the endpoint used a word that is not ours.

    The upstream vendor's own word, where a gateway passes it on, says more than the gateway's.
    """
    word = choice.get("finish_reason")
    if word == "stop" and not is_calling and choice.keys() <= _ORDINARY:
        return Finish.STOP, None
    words = _finish_words(choice)
    finish = next((_FINISHES[w.lower()] for w in words if w.lower() in _FINISHES), Finish.STOP)
    if finish is Finish.STOP and is_calling:
        finish = Finish.TOOL_CALLS
    is_known = not words or words[0].lower() in _FINISHES.keys() - _BROKEN_OFF
    return finish, None if is_known else shorten(f"finish_reason {words[0]}")


def _broken_off(body: JsonValue) -> str | None:
    """Return the word by which an endpoint says that it broke off."""
    choice, _ = _choice_and_message(body if isinstance(body, dict) else {})
    words = _finish_words(choice)
    known = next((word for word in words if word.lower() in _FINISHES), "")
    return known if known.lower() in _BROKEN_OFF else None


def _finish_words(choice: Mapping[str, JsonValue]) -> list[str]:
    native = choice.get("native_finish_reason") or _vendor_field(choice, "native_finish_reason")
    return [str(word) for word in (native, choice.get("finish_reason")) if word]


def _vendor_field(fields: Mapping[str, JsonValue], name: str) -> JsonValue:
    """Return a field that litellm moves out of the way of OpenAI's own."""
    vendor = fields.get("provider_specific_fields")
    return vendor.get(name) if isinstance(vendor, dict) else None


def _usage(usage: JsonValue) -> Usage | None:
    """Read token counts; zero input and zero output are what gateways write for `unknown`.

    Some endpoints leave what a model thought out of the completion, and count it in the total only,
    or beside both.
    """
    if not isinstance(usage, dict):
        return None
    n_input, n_output = (
        count_or_none(usage.get("prompt_tokens")),
        count_or_none(usage.get("completion_tokens")),
    )
    if n_input is None or n_output is None or not (n_input or n_output):
        return None
    cached = _detail(usage, "prompt_tokens_details", "cached_tokens")
    if cached is None:
        cached = count_or_none(usage.get("prompt_cache_hit_tokens"))
    written = count_or_none(usage.get("cache_creation_input_tokens"))
    if written is None:
        written = _detail(usage, "prompt_tokens_details", "cache_creation_tokens")
    thought = _detail(usage, "completion_tokens_details", "reasoning_tokens") or 0
    n_read = min(cached or 0, n_input)
    if thought > n_output:
        n_output += thought
    return Usage(
        input_tokens=n_input,
        output_tokens=max(n_output, (count_or_none(usage.get("total_tokens")) or 0) - n_input),
        cached_input_tokens=n_read,
        cache_write_tokens=min(written or 0, n_input - n_read),
        reasoning_tokens=thought,
    )


def _detail(usage: Mapping[str, JsonValue], part: str, name: str) -> int | None:
    details = usage.get(part)
    return count_or_none(details.get(name)) if isinstance(details, dict) else None


def _seconds(value: JsonValue) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if 0 <= value < math.inf else None


@lru_cache(maxsize=1024)
def _is_credential(name: str) -> bool:
    return _CREDENTIAL.search(name) is not None


def _decode(raw: bytes) -> JsonValue:
    """Read a body: JSON where it is JSON, else its text."""
    value: JsonValue
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass  # it is stricter than endpoints are
    else:
        return value
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return raw.decode("utf-8", "replace")
    return value

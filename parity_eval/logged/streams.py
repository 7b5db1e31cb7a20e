"""Streamed answers, in pieces as they came, to whole ones.

A stream that breaks off is an answer that was cut: it ends as one that reached its limit.
"""

from collections.abc import Sequence

from parity_eval.logged import fields
from parity_eval.logged.embedded import decoded
from parity_eval.records import JsonObject, JsonValue

_DATA = "data:"
_DONE = "[DONE]"
_EVENTS = frozenset({"message_start", "content_block_delta", "message_delta"})
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})
_HEAD = ("id", "created", "model", "system_fingerprint", "service_tier")
_GROWS = {"text_delta": ("text", "text"), "input_json_delta": ("partial_json", "input")}
"""Pieces of a block: where the piece stands, and what of the block it adds to."""


def joined(value: JsonValue) -> JsonValue:
    """Return the body that a stream adds up to, in its vendor's own shape.

    Args:
        value: A list of chunks or events (objects, JSON text or `data:` lines), or raw
            server-sent events as one text. Of OpenAI chat, OpenAI Responses, Anthropic Messages.

    Returns:
        The whole body; the value itself where it is no stream.

    Example:
        >>> piece = {"choices": [{"delta": {"content": "hi"}, "finish_reason": "stop"}]}
        >>> fields.get(joined([piece]), "choices")[0]["message"]["content"]
        'hi'
    """
    payloads = _payloads(value)
    pieces = [piece for payload in payloads if isinstance(piece := decoded(payload), dict)]
    if any(_is_chunk(piece) for piece in pieces):
        return _chat(pieces, is_done=_DONE in payloads)
    kinds = {kind for piece in pieces if (kind := fields.text(piece, "type"))}
    if not kinds.isdisjoint(_EVENTS):
        return _message(pieces)
    if any(kind.startswith("response.") for kind in kinds):
        return _response(pieces)
    # An endpoint that was asked for a stream may answer in one piece, or with an error.
    is_single = len(pieces) == 1 and isinstance(value, str)
    return pieces[0] if is_single else value


def _payloads(value: JsonValue) -> list[JsonValue]:
    """Return what the lines or elements of a stream carry; nothing where there is no stream."""
    if isinstance(value, list):
        return [part for item in value for part in (_data(item) or [item])]
    return _data(value)


def _data(text: JsonValue) -> list[JsonValue]:
    # Line ends of other kinds may stand inside of JSON text.
    lines = text.split("\n") if isinstance(text, str) and _DATA in text else []
    return [line.removeprefix(_DATA).strip() for line in lines if line.startswith(_DATA)]


def _is_chunk(piece: JsonObject) -> bool:
    is_named = piece.get("object") == "chat.completion.chunk"
    return is_named or any("delta" in choice for choice in _objects(piece.get("choices")))


def _objects(value: JsonValue) -> list[dict[str, JsonValue]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _chat(chunks: Sequence[JsonObject], *, is_done: bool) -> JsonValue:
    body: dict[str, JsonValue] = {"object": "chat.completion"}
    said: dict[str, str] = {}
    calls: dict[JsonValue, dict[str, JsonValue]] = {}
    finish: JsonValue = None
    for chunk in chunks:
        if chunk.get("error"):
            return {"error": chunk["error"]}
        body |= {key: value for key in _HEAD if key not in body and (value := chunk.get(key))}
        if chunk.get("usage"):
            body["usage"] = chunk["usage"]
        # Of several choices the first counts; their pieces come mixed.
        for choice in _objects(chunk.get("choices")):
            if choice.get("index", 0) == 0:
                _add_delta(fields.obj(choice, "delta"), said, calls)
                finish = choice.get("finish_reason") or finish
    message: dict[str, JsonValue] = {"role": "assistant", "content": None if calls else "", **said}
    if calls:
        message["tool_calls"] = [
            {"id": call.pop("id"), "type": "function", "function": call} for call in calls.values()
        ]
    finish = finish or ("stop" if is_done else "length")
    body["choices"] = [{"index": 0, "message": message, "finish_reason": finish}]
    return body


def _add_delta(
    delta: JsonObject, said: dict[str, str], calls: dict[JsonValue, dict[str, JsonValue]]
) -> None:
    for key in ("content", "refusal"):
        pieces = delta.get(key)
        texts = pieces if isinstance(pieces, list) else [pieces]
        texts = [fields.get(text, "text") if isinstance(text, dict) else text for text in texts]
        if any(isinstance(text, str) and (text or key == "content") for text in texts):
            more = "".join(text for text in texts if isinstance(text, str))
            said[key] = said.get(key, "") + more
    for piece in _objects(delta.get("tool_calls")):
        _add_call(piece, calls)
    if isinstance(legacy := delta.get("function_call"), dict):
        _add_call({"index": 0, "function": legacy}, calls)


def _add_call(piece: JsonObject, calls: dict[JsonValue, dict[str, JsonValue]]) -> None:
    """Add a piece of a tool call to the call that it belongs to."""
    # Some endpoints number no calls: a piece with no id of its own goes on with the last call.
    key: JsonValue = fields.count(piece, "index")
    if key is None:
        key = fields.text(piece, "id") or next(reversed(calls), 0)
    function = calls.setdefault(key, {"name": "", "arguments": ""})
    function["id"] = function.get("id") or piece.get("id")
    function["name"] = function["name"] or fields.text(piece, "function.name") or ""
    more = fields.get(piece, "function.arguments")
    if isinstance(more, str):
        function["arguments"] = f"{function['arguments']}{more}"


def _message(events: Sequence[JsonObject]) -> JsonValue:
    body: dict[str, JsonValue] = {"type": "message", "role": "assistant"}
    counted: dict[str, JsonValue] = {}
    blocks: dict[int, dict[str, JsonValue]] = {}
    for event in events:
        kind = event.get("type")
        if kind == "error":
            return {"type": "error", "error": event.get("error")}
        if kind == "message_start":
            body |= fields.obj(event, "message")
            counted |= fields.some(fields.obj(event, "message.usage"))
        elif kind == "content_block_start":
            blocks[fields.count(event, "index") or 0] = _opened(fields.obj(event, "content_block"))
        elif kind == "content_block_delta":
            _grow(blocks.get(fields.count(event, "index") or 0, {}), fields.obj(event, "delta"))
        elif kind == "message_delta":
            body |= fields.some(fields.obj(event, "delta"))
            counted |= fields.some(fields.obj(event, "usage"))
    body["content"] = [_closed(blocks[index]) for index in sorted(blocks)]
    body["stop_reason"] = body.get("stop_reason") or "max_tokens"
    if counted:
        body["usage"] = counted
    return body


def _opened(block: JsonObject) -> dict[str, JsonValue]:
    # The input of a tool call opens as an empty object and goes on as pieces of a text.
    return {**block, "input": ""} if block.get("type") == "tool_use" else dict(block)


def _grow(block: dict[str, JsonValue], delta: JsonObject) -> None:
    source, target = _GROWS.get(str(delta.get("type")), ("", ""))
    more, so_far = delta.get(source), block.get(target)
    if isinstance(more, str) and isinstance(so_far, str):
        block[target] = so_far + more


def _closed(block: dict[str, JsonValue]) -> JsonValue:
    return {**block, "input": decoded(block["input"]) or {}} if "input" in block else block


def _response(events: Sequence[JsonObject]) -> JsonValue:
    body: dict[str, JsonValue] = {"object": "response"}
    output: list[JsonValue] = []
    for event in events:
        kind = event.get("type")
        if kind == "error":
            return {"error": dict(fields.obj(event, "error") or event)}
        body |= fields.obj(event, "response")
        if fields.text(event, "type") in _ENDS:
            return body
        if kind == "response.output_item.done":
            output.append(event.get("item"))
    return {**body, "status": "incomplete", "output": output}

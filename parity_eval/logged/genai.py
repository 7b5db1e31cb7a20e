"""Messages and tools as the GenAI conventions of OpenTelemetry write them, to chat completions.

Three generations: lists of messages made of parts (as JSON text or structured), events of one
message each, and numbered attributes (OpenLLMetry).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from parity_eval.logged import fields, otlp
from parity_eval.logged.embedded import decoded
from parity_eval.records import JsonObject, JsonValue

_THOUGHTS = frozenset({"reasoning", "thinking", "redacted_thinking"})
_CHAT_PARTS = frozenset({"text", "image_url", "input_audio", "file"})
_FINISHES = {"tool_call": "tool_calls", "content-filter": "content_filter"}
_NO_FINISH = frozenset({"", "unknown", "other", "error"})


@dataclass(slots=True)
class Conversation:
    """Messages, and why they are not all that was said."""

    messages: list[JsonValue] = field(default_factory=list)
    """In the shape of chat completions."""
    why: str | None = None
    """Why they cannot be sent again; None where nothing is known to be missing."""


def from_parts(given: JsonValue, system: JsonValue = None) -> Conversation:
    """Return the messages of `gen_ai.input.messages` and of `gen_ai.system_instructions`.

    Args:
        given: List of messages, or its JSON text.
        system: List of parts, or its JSON text.
    """
    found = Conversation()
    messages, instructions = decoded(given), decoded(system)
    if isinstance(instructions, str) and instructions:
        instructions = [{"type": "text", "content": instructions}]
    if isinstance(instructions, list) and instructions:
        _add_parts(found, {"role": "system", "parts": instructions})
    if not isinstance(messages, list):
        found.why = "the log cut its messages: they are no whole JSON"
        return found
    for message in messages:
        _add_parts(found, message)
    return found


def from_events(events: Iterable[tuple[str, JsonValue]]) -> Conversation:
    """Return the messages of events such as `gen_ai.user.message`.

    Args:
        events: Name and body of each, in the order of the conversation.
    """
    found = Conversation()
    for name, body in events:
        role = name.removeprefix("gen_ai.").removesuffix(".message")
        said = {key: fields.get(body, key) for key in ("content", "tool_calls", "name")}
        message = {"role": fields.text(body, "role") or role, **fields.some(said)}
        if role == "tool":
            message |= fields.some({"tool_call_id": fields.get(body, "id")})
        if message.keys() <= {"role", "name"}:
            found.why = NO_CONTENT
        found.messages.append(message)
    return found


def from_numbered(given: JsonValue, n_dropped: int | None = None) -> Conversation:
    """Return the messages of attributes such as `gen_ai.prompt.0.content`.

    Args:
        given: Objects by number.
        n_dropped: Attributes that the tracer had no room for.
    """
    listed, is_whole = otlp.numbered(given)
    found = Conversation()
    if not is_whole or n_dropped:
        found.why = "the tracer dropped attributes: messages are missing"
    for one in listed:
        calls, _ = otlp.numbered(fields.get(one, "tool_calls"))
        content = _content(fields.get(one, "content"), found)
        message = fields.some({"role": fields.get(one, "role"), "content": content})
        if calls:
            message["tool_calls"] = [
                tool_call(fields.get(c, "id"), fields.get(c, "name"), fields.get(c, "arguments"))
                for c in calls
            ]
            message.setdefault("content", None)
        message |= fields.some({"tool_call_id": fields.get(one, "tool_call_id")})
        if message.keys() <= {"role"}:
            found.why = found.why or NO_CONTENT
        found.messages.append(message)
    return found


NO_CONTENT = "the log holds no messages: recording what was said was not turned on"


def tools(given: JsonValue) -> tuple[list[JsonValue], str | None]:
    """Return tools as chat completions take them, and why they are not all that was sent.

    Args:
        given: List of definitions, or its JSON text; each may be a JSON text too.
    """
    listed = decoded(given)
    if not isinstance(listed, list):
        return [], None if given is None else "the log cut its tools: they are no whole JSON"
    found: list[JsonValue] = []
    for one in map(decoded, listed):
        function = fields.obj(one, "function") or one
        schema = decoded(
            next((v for key in _SCHEMAS if (v := fields.get(function, key)) is not None), None)
        )
        described = {
            "name": fields.text(function, "name"),
            "description": fields.text(function, "description"),
            "parameters": schema,
        }
        found.append({"type": "function", "function": fields.some(described)})
        kind = fields.text(one, "type") or "function"
        if kind != "function":
            return found, f"a tool of its vendor's own, `{kind}`, cannot be sent to others"
    is_named_only = found and not any(fields.obj(t, "function.parameters") for t in found)
    return found, "the log left out the parameters of its tools" if is_named_only else None


_SCHEMAS = ("parameters", "inputSchema", "input_schema")


def tool_call(id_: JsonValue, name: JsonValue, arguments: JsonValue) -> dict[str, JsonValue]:
    """Return one tool call as chat completions have it, with its arguments as JSON text."""
    function = fields.some({"name": name, "arguments": as_text(arguments)})
    return fields.some({"id": id_, "type": "function", "function": function})


def json_schema(schema: JsonObject, name: str | None = None) -> dict[str, JsonValue]:
    """Return the `response_format` that asks for a schema.

    The API wants a name; where the log has none, the schema's own title stands in, or `answer`.
    """
    named = name or fields.text(schema, "title") or "answer"
    return {"type": "json_schema", "json_schema": {"name": named, "schema": dict(schema)}}


def as_text(value: JsonValue) -> str:
    """Return a text as it is, nothing as an empty text, and anything else as JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def finish(word: JsonValue) -> str | None:
    """Return a finish reason as chat completions spell it; None where it says nothing."""
    first = word[0] if isinstance(word, list) and word else word
    if not isinstance(first, str) or first in _NO_FINISH:
        return None
    known = _FINISHES.get(first, first)
    return known.replace("-", "_")


def completion(
    message: JsonValue, why_finished: JsonValue, *, model: str | None, usage: JsonObject | None
) -> dict[str, JsonValue]:
    """Return a chat completion of one choice.

    Args:
        message: The message.
        why_finished: Finish reason in anybody's spelling.
        model: Model that answered; None: unknown.
        usage: Tokens; None: unknown.
    """
    choice: dict[str, JsonValue] = {"index": 0, "message": message}
    choice |= fields.some({"finish_reason": finish(why_finished)})
    counted = None if usage is None else dict(usage)
    return {"choices": [choice], **fields.some({"model": model, "usage": counted})}


def _add_parts(found: Conversation, message: JsonValue) -> None:
    parts = fields.get(message, "parts")
    if not isinstance(message, dict) or not isinstance(parts, list):
        found.messages.append(message)  # some instrumentations write messages of OpenAI as they are
        return
    content: list[JsonValue] = []
    calls: list[JsonValue] = []
    n_results = 0
    for part in parts:
        kind = fields.text(part, "type") or "text"
        if kind == "tool_call":
            calls.append(tool_call(*(fields.get(part, k) for k in ("id", "name", "arguments"))))
        elif kind == "tool_call_response":
            n_results += 1
            found.messages.append(_result(part))
        elif (piece := _piece(kind, part)) is not None:
            content.append(piece)
        elif kind not in _THOUGHTS:
            found.why = f"a message has a part that cannot be sent to others, `{kind}`"
    if content or calls or not n_results:
        said: dict[str, JsonValue] = fields.some({"role": message.get("role")})
        said["content"] = _plain(content, has_calls=bool(calls))
        found.messages.append(said | ({"tool_calls": calls} if calls else {}))


def _result(part: JsonValue) -> JsonValue:
    response = fields.get(part, "response")
    given = fields.get(part, "result") if response is None else response
    called = fields.some({"tool_call_id": fields.get(part, "id")})
    return {"role": "tool", **called, "content": as_text(given)}


def _piece(kind: str, part: JsonValue) -> JsonValue:
    """Return a part of a message as chat completions have it; None where they have no such."""
    if kind == "text":
        text = part if isinstance(part, str) else fields.get(part, "content")
        return {"type": "text", "text": as_text(text)}
    is_image = fields.text(part, "modality") == "image"
    url = fields.text(part, "uri") if kind in ("uri", "file_data") else None
    if kind == "blob" and (data := fields.text(part, "content")):
        url = f"data:{fields.text(part, 'mime_type') or 'image/png'};base64,{data}"
    return {"type": "image_url", "image_url": {"url": url}} if is_image and url else None


def _plain(content: list[JsonValue], *, has_calls: bool) -> JsonValue:
    if not content:
        return None if has_calls else ""
    only = content[0] if len(content) == 1 else None
    return fields.get(only, "text") if fields.get(only, "type") == "text" else content


def _content(given: JsonValue, found: Conversation) -> JsonValue:
    """Return the content of a numbered message: text, or parts that were written as JSON text."""
    parts = decoded(given)
    if not isinstance(parts, list) or not parts:
        return given
    kinds = [fields.text(part, "type") for part in parts]
    if None in kinds:
        return given
    if not _CHAT_PARTS.issuperset(kinds):
        found.why = found.why or "a message has parts of its vendor's own"
        return given
    return parts

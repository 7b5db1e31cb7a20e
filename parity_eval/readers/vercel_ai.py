"""Traces of the Vercel AI SDK."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from parity_eval.logged import fields, genai, otlp, shapes, spans
from parity_eval.logged.embedded import decoded
from parity_eval.logged.entries import NotACallError
from parity_eval.logged.genai import Conversation
from parity_eval.logged.usage import usage
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_INNER = (".doGenerate", ".doStream")
_OBJECTS = ("ai.generateObject.", "ai.streamObject.")
_PARAMETERS = {
    "temperature": ("gen_ai.request.temperature", "ai.settings.temperature"),
    "top_p": ("gen_ai.request.top_p", "ai.settings.topP"),
    "top_k": ("gen_ai.request.top_k", "ai.settings.topK"),
    "max_tokens": (
        "gen_ai.request.max_tokens",
        "ai.settings.maxOutputTokens",
        "ai.settings.maxTokens",
    ),
    "frequency_penalty": ("gen_ai.request.frequency_penalty", "ai.settings.frequencyPenalty"),
    "presence_penalty": ("gen_ai.request.presence_penalty", "ai.settings.presencePenalty"),
    "stop": ("gen_ai.request.stop_sequences", "ai.settings.stopSequences"),
    "seed": ("ai.settings.seed",),
}
_KEPT = 100_000
"""Calls that wait for the span around them, and schemas that wait for their calls."""
_SCHEMA = "its_schema"


class VercelAi:
    """Read OTLP documents with spans of the Vercel AI SDK (`experimental_telemetry`).

    Each call has two spans; the inner one (`.doGenerate`, `.doStream`) is the call that the
    provider got, and the only one that counts. The schema of `generateObject` stands on the outer
    one and is fetched from there. What was said is recorded unless `recordInputs` or
    `recordOutputs` turned that off.

    The schema of `generateText` with an `output` is on neither span: such a request looks like one
    for free text.
    """

    name: ClassVar[str] = "vercel_ai"
    title: ClassVar[str] = "Vercel AI SDK traces"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits."""
        return spans.fit(row, self.name)

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each model call as an entry; other spans are skipped."""
        return spans.read_calls(_with_schemas(otlp.flat(rows)), _call, _is_call, self.name)


def _is_call(span: JsonObject) -> bool:
    return _operation(span).endswith(_INNER)


def _operation(span: JsonObject) -> str:
    return fields.text(span, "attributes.ai.operationId") or ""


def _with_schemas(rows: Iterable[Row | Reject]) -> Iterator[Row | Reject]:
    """Yield calls for objects with the schema that the span around them has."""
    schemas: dict[str, JsonValue] = {}
    waiting: dict[str, list[Row]] = {}
    for row in rows:
        if isinstance(row, Reject):
            yield row
            continue
        yield from _matched(row, schemas, waiting)
        if len(schemas) > _KEPT:
            del schemas[next(iter(schemas))]
        if len(waiting) > _KEPT:
            yield from waiting.pop(next(iter(waiting)))
    for inner in waiting.values():
        yield from inner


def _matched(
    row: Row, schemas: dict[str, JsonValue], waiting: dict[str, list[Row]]
) -> Iterator[Row]:
    operation = fields.text(row.value, "attributes.ai.operationId") or ""
    around, own = fields.text(row.value, "parent"), fields.text(row.value, "id")
    is_inner = operation.startswith(_OBJECTS) and operation.endswith(_INNER)
    if is_inner and around is not None and around not in schemas:
        waiting.setdefault(around, []).append(row)
    elif is_inner and around is not None:
        yield _asking(row, schemas[around])
    else:
        yield row
        if own is not None and f"{operation}." in _OBJECTS:
            schemas[own] = fields.get(row.value, "attributes.ai")
            yield from (_asking(inner, schemas[own]) for inner in waiting.pop(own, ()))


def _asking(row: Row, outer: JsonValue) -> Row:
    value = row.value if isinstance(row.value, dict) else {}
    kept = {
        "schema": otlp.leaf(outer, "schema"),
        "name": fields.get(outer, "schema.name"),
        "output": fields.get(outer, "settings.output"),
    }
    return Row(path=row.path, number=row.number, value={**value, _SCHEMA: fields.some(kept)})


def _call(span: JsonObject) -> Iterable[JsonObject]:
    if not _is_call(span):
        raise NotACallError(f"a span around a model call, or of another kind: {_operation(span)}")
    attributes = fields.obj(span, "attributes")
    asked = _conversation(fields.get(attributes, "ai.prompt.messages"))
    offered, why_tools = genai.tools(fields.get(attributes, "ai.prompt.tools"))
    format_, why_format = _format(span)
    request = {
        **_parameters(attributes),
        **fields.some(
            {
                "model": fields.first_text(attributes, "ai.model.id", "gen_ai.request.model"),
                "tools": offered or None,
                "tool_choice": _choice(fields.get(attributes, "ai.prompt.toolChoice")),
                "response_format": format_,
            }
        ),
        "messages": asked.messages,
    }
    called = shapes.row(request, spans.failure(span) or _answer(attributes))
    own = {**spans.own(span), **fields.obj(attributes, "ai.telemetry.metadata")}
    function = fields.text(attributes, "ai.telemetry.functionId")
    row: dict[str, JsonValue] = {
        **spans.envelope(span),
        **called,
        "task": fields.text(own, "task") or function or spans.task({"attributes": own}),
        "session": fields.first_text(own, "sessionId", "session_id", "session.id"),
        "user": fields.first_text(own, "userId", "user_id", "user.id"),
        "metadata": own,
        "unreplayable": asked.why or why_tools or why_format or called.get("unreplayable"),
    }
    return (fields.some(row),)


def _conversation(given: JsonValue) -> Conversation:
    found = Conversation()
    if given is None:
        found.why = genai.NO_CONTENT
        return found
    listed = decoded(given)
    if not isinstance(listed, list):
        found.why = "the log cut its messages: they are no whole JSON"
        return found
    for message in listed:
        _add(found, message)
    return found


def _add(found: Conversation, message: JsonValue) -> None:
    content = fields.get(message, "content")
    said: dict[str, JsonValue] = fields.some({"role": fields.get(message, "role")})
    if not isinstance(content, list):
        found.messages.append({**said, "content": content})
        return
    parts: list[JsonValue] = []
    calls: list[JsonValue] = []
    for part in content:
        kind = fields.text(part, "type") or ""
        if kind == "tool-call":
            calls.append(_tool_call(part))
        elif kind == "tool-result":
            found.messages.append(_result(part))
        elif (piece := _piece(kind, part)) is not None:
            parts.append(piece)
        elif kind not in ("reasoning", "redacted-reasoning"):
            found.why = f"a message has a part that cannot be sent to others, `{kind}`"
    if parts or calls or said.get("role") != "tool":
        found.messages.append({**said, **_said(parts, calls)})


def _said(parts: list[JsonValue], calls: list[JsonValue]) -> dict[str, JsonValue]:
    only = parts[0] if len(parts) == 1 else None
    plain = fields.get(only, "text") if fields.get(only, "type") == "text" else parts
    if not calls:
        return {"content": plain or ""}
    return {"content": plain or None, "tool_calls": calls}


def _tool_call(part: JsonValue) -> JsonValue:
    given = fields.get(part, "input")
    arguments = fields.get(part, "args") if given is None else given
    return genai.tool_call(fields.get(part, "toolCallId"), fields.get(part, "toolName"), arguments)


def _result(part: JsonValue) -> JsonValue:
    output = fields.get(part, "output")
    given = fields.get(part, "result") if output is None else fields.get(output, "value")
    called = fields.some({"tool_call_id": fields.get(part, "toolCallId")})
    return {"role": "tool", **called, "content": genai.as_text(given)}


def _piece(kind: str, part: JsonValue) -> JsonValue:
    if kind == "text":
        return {"type": "text", "text": fields.text(part, "text") or ""}
    media = fields.first_text(part, "mediaType", "mimeType") or ""
    if kind != "image" and not (kind == "file" and media.startswith("image/")):
        return None
    data = fields.first_text(part, "image", "data", "url")
    if data is None:
        return None
    is_address = data.startswith(("http://", "https://", "data:"))
    url = data if is_address else f"data:{media or 'image/png'};base64,{data}"
    return {"type": "image_url", "image_url": {"url": url}}


def _choice(given: JsonValue) -> JsonValue:
    choice = decoded(given)
    kind = fields.text(choice, "type")
    if kind == "tool":
        return {"type": "function", "function": {"name": fields.text(choice, "toolName")}}
    return kind if kind in ("auto", "none", "required") else None


def _format(span: JsonObject) -> tuple[JsonValue, str | None]:
    """Return the format that was asked for, and why it is not all that was sent."""
    if not _operation(span).startswith(_OBJECTS):
        return None, None
    schema = decoded(fields.get(span, f"{_SCHEMA}.schema"))
    if isinstance(schema, dict):
        return genai.json_schema(schema, fields.text(span, f"{_SCHEMA}.name")), None
    if fields.text(span, f"{_SCHEMA}.output") == "no-schema":
        return {"type": "json_object"}, None
    return None, "the log left out its schema, which stands on the span around it"


def _parameters(attributes: JsonObject) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for name, paths in _PARAMETERS.items():
        values = (fields.get(attributes, path) for path in paths)
        if (value := next((v for v in values if v is not None), None)) is not None:
            found[name] = value
    return found


def _answer(attributes: JsonObject) -> JsonValue:
    """Return the answer; None where the log does not hold what it said."""
    response = fields.obj(attributes, "ai.response")
    calls = decoded(fields.get(response, "toolCalls"))
    text = next((v for k in ("text", "object") if (v := fields.get(response, k)) is not None), None)
    if text is None and not isinstance(calls, list):
        return None
    message: dict[str, JsonValue] = {"role": "assistant", "content": genai.as_text(text)}
    if isinstance(calls, list) and calls:
        message["tool_calls"] = [_tool_call(call) for call in calls]
    return genai.completion(
        message,
        fields.get(response, "finishReason"),
        model=fields.text(response, "model"),
        usage=_usage(fields.obj(attributes, "ai.usage")),
    )


def _usage(counts: JsonObject) -> JsonObject | None:
    n_input = _count(counts, "inputTokens", "promptTokens")
    n_cached = _count(counts, "cachedInputTokens", "inputTokenDetails.cacheReadTokens")
    if n_input is not None and (n_cached or 0) > n_input:
        n_input += n_cached or 0  # some providers' packages count what came from the cache apart
    return usage(
        n_input,
        _count(counts, "outputTokens", "completionTokens"),
        n_cached=n_cached,
        n_cache_write=_count(counts, "inputTokenDetails.cacheWriteTokens"),
        n_reasoning=_count(counts, "reasoningTokens", "outputTokenDetails.reasoningTokens"),
    )


def _count(counts: JsonObject, *paths: str) -> int | None:
    found = (fields.count(counts, path) for path in paths)
    return next((count for count in found if count is not None), None)

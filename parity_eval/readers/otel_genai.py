"""Traces with model calls by the GenAI conventions of OpenTelemetry, in three generations."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from parity_eval.logged import fields, otlp, shapes, spans
from parity_eval.logged.embedded import decoded
from parity_eval.logged.entries import NotACallError
from parity_eval.logged.genai import (
    NO_CONTENT,
    Conversation,
    completion,
    from_events,
    from_numbered,
    from_parts,
    json_schema,
    tools,
)
from parity_eval.logged.spanjoins import with_records
from parity_eval.logged.usage import usage
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_CALLS = frozenset({"chat", "generate_content", "text_completion", "completion"})
_NOT_TEXT = frozenset({"image", "speech"})
_PARAMETERS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_tokens": "max_tokens",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "stop_sequences": "stop",
    "seed": "seed",
    "choice.count": "n",
}
"""Attributes below `gen_ai.request` to parameters of a chat completion."""
_SESSIONS = ("gen_ai.conversation.id", "session.id", "traceloop.association.properties.session_id")
_USERS = ("user.id", "enduser.id", "traceloop.association.properties.user_id")


class OtelGenai:
    """Read OTLP documents (files of one, or of one per line) and spans of the console exporter.

    What was said stands in `gen_ai.input.messages` and `gen_ai.output.messages` (as JSON text or
    structured, on the span or on its `gen_ai.client.inference.operation.details` event), in older
    traces in events or log records of one message each, which are put beside their span, in
    whatever file they come; in those of OpenLLMetry in numbered attributes. Recording it is
    opt-in: a call without it is an entry that cannot be sent again.

    Of several spans for one call the innermost counts. Older conventions have no place for tool
    definitions and schemas: where the answer calls a tool, or the span says that a schema was
    asked for, the request cannot be sent again.
    """

    name: ClassVar[str] = "otel_genai"
    title: ClassVar[str] = "OpenTelemetry GenAI traces"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits."""
        return spans.fit(row, self.name)

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each model call as an entry; other spans are skipped."""
        joined = with_records(otlp.flat(rows), _lacks_content)
        return spans.read_calls(joined, _call, _is_call, self.name)


def _is_call(span: JsonObject) -> bool:
    return "record" not in span and _not_a_call(span) is None


def _lacks_content(span: JsonObject) -> bool:
    """Whether a call of this convention has to wait for log records."""
    attributes = fields.obj(span, "attributes")
    is_ours = spans.dialect(span) == "otel_genai" and _is_call(span)
    return is_ours and not any(
        fields.get(attributes, path) is not None
        for path in ("gen_ai.input.messages", "gen_ai.prompt", "gen_ai.output.messages")
    )


def _not_a_call(span: JsonObject) -> str | None:
    attributes = fields.obj(span, "attributes")
    operation = _operation(attributes)
    if operation is not None and operation not in _CALLS:
        return f"a span of another kind, `{operation}`"
    if operation is None and fields.text(attributes, "traceloop.span.kind") is not None:
        return f"a span of another kind, `{fields.text(attributes, 'traceloop.span.kind')}`"
    if operation is None and fields.text(attributes, "gen_ai.request.model") is None:
        return "a span that is no model call"
    return None


def _operation(attributes: JsonObject) -> str | None:
    return fields.first_text(attributes, "gen_ai.operation.name", "llm.request.type")


def _call(span: JsonObject) -> Iterable[JsonObject]:
    if (why := _not_a_call(span)) is not None:
        raise NotACallError(why)
    attributes = fields.obj(span, "attributes")
    if (wanted := fields.text(attributes, "gen_ai.output.type")) in _NOT_TEXT:
        raise NotACallError(f"a call for another kind of answer, `{wanted}`")
    if _is_text_completion(span, attributes):
        raise NotACallError("a call that takes a bare prompt, not messages (text completion)")
    asked, given, finished = _said(span, attributes)
    offered, why_tools = _tools(attributes)
    format_, why_format = _format(attributes)
    model = fields.text(attributes, "gen_ai.request.model")
    request = {
        **_parameters(attributes),
        **fields.some({"model": model, "tools": offered or None, "response_format": format_}),
        "messages": asked.messages,
    }
    called = shapes.row(request, spans.failure(span) or _answer(attributes, given, finished))
    row: dict[str, JsonValue] = {
        **spans.envelope(span),
        **called,
        "task": spans.task(span, conventional=_operation(attributes)),
        "session": fields.first_text(attributes, *_SESSIONS),
        "user": fields.first_text(attributes, *_USERS),
        "metadata": spans.own(span),
        "cost_usd": fields.number(attributes, "gen_ai.usage.cost"),
        "unreplayable": asked.why
        or why_tools
        or why_format
        or _why_history(asked, offered)
        or called.get("unreplayable"),
    }
    return (fields.some(row),)


def _said(span: JsonObject, attributes: JsonObject) -> tuple[Conversation, JsonValue, JsonValue]:
    """Return what was asked, the message that came back, and why it ended."""
    finished = fields.get(attributes, "gen_ai.response.finish_reasons")
    if (given := fields.get(attributes, "gen_ai.input.messages")) is not None:
        asked = from_parts(given, fields.get(attributes, "gen_ai.system_instructions"))
        output = fields.get(attributes, "gen_ai.output.messages")
        first = next(iter(_listed(decoded(output))), None)
        answer = next(iter(from_parts([first]).messages), None) if first is not None else None
        return asked, answer, fields.get(first, "finish_reason") or finished
    if isinstance(fields.get(attributes, "gen_ai.prompt"), dict):
        n_dropped = fields.count(span, "n_dropped")
        asked = from_numbered(fields.get(attributes, "gen_ai.prompt"), n_dropped)
        outputs, _ = otlp.numbered(fields.get(attributes, "gen_ai.completion"))
        answers = from_numbered({"0": outputs[0]}).messages if outputs else []
        ended = fields.get(outputs[0], "finish_reason") if outputs else None
        return asked, next(iter(answers), None), ended or finished
    return _said_in_events(span, finished)


def _said_in_events(
    span: JsonObject, finished: JsonValue
) -> tuple[Conversation, JsonValue, JsonValue]:
    events = [(fields.text(e, "name") or "", _body(e)) for e in fields.items(span, "events")]
    told = [(name, body) for name, body in events if name.endswith(".message")]
    choices = [body for name, body in events if name == "gen_ai.choice"]
    choice = min(choices, key=lambda body: fields.count(body, "index") or 0, default=None)
    asked = from_events(told) if told else Conversation(why=NO_CONTENT)
    message = fields.obj(choice, "message")
    answer = {"role": "assistant", **message} if message.keys() - {"role"} else None
    return asked, answer, fields.get(choice, "finish_reason") or finished


def _body(event: JsonValue) -> JsonValue:
    """Return what an event says: a log record's body, or attributes of an event on the span."""
    if (body := fields.get(event, "body")) is not None:
        return body
    content = decoded(fields.get(event, "attributes.gen_ai.event.content"))
    return content if isinstance(content, dict) else fields.get(event, "attributes")


def _answer(attributes: JsonObject, message: JsonValue, finished: JsonValue) -> JsonValue:
    """Return the answer; None where the log does not hold what it said."""
    if not isinstance(message, dict) or not message.keys() - {"role"}:
        return None
    counts = fields.obj(attributes, "gen_ai.usage")
    return completion(
        message,
        finished,
        model=fields.text(attributes, "gen_ai.response.model"),
        usage=usage(
            _count(counts, "input_tokens", "prompt_tokens"),
            _count(counts, "output_tokens", "completion_tokens"),
            n_cached=_count(counts, "cache_read.input_tokens", "cache_read_input_tokens"),
            n_cache_write=_count(
                counts, "cache_creation.input_tokens", "cache_creation_input_tokens"
            ),
            n_reasoning=_count(counts, "reasoning.output_tokens", "reasoning_tokens"),
        ),
    )


def _count(counts: JsonObject, *paths: str) -> int | None:
    found = (fields.count({"at": otlp.leaf(counts, path)}, "at") for path in paths)
    return next((count for count in found if count is not None), None)


def _parameters(attributes: JsonObject) -> dict[str, JsonValue]:
    return {
        name: value
        for place in ("gen_ai.request", "gen_ai.openai.request")
        if (given := fields.obj(attributes, place))
        for path, name in _PARAMETERS.items()
        if (value := fields.get(given, path)) is not None
    }


def _tools(attributes: JsonObject) -> tuple[list[JsonValue], str | None]:
    given = fields.get(attributes, "gen_ai.tool.definitions")
    if given is None:
        functions, is_whole = otlp.numbered(fields.get(attributes, "llm.request.functions"))
        found, why = tools(functions or None)
        return found, why if is_whole else "the tracer dropped attributes: tools are missing"
    return tools(given)


def _format(attributes: JsonObject) -> tuple[JsonValue, str | None]:
    """Return the format that was asked for, and why it is not all that was sent."""
    schema = decoded(fields.get(attributes, "gen_ai.request.structured_output_schema"))
    if isinstance(schema, dict):
        return json_schema(schema), None
    named = fields.first_text(
        attributes, "gen_ai.openai.request.response_format", "gen_ai.output.type"
    )
    if schema is not None or named in ("json_schema", "json"):
        return None, "the log left out its schema"
    return ({"type": named}, None) if named == "json_object" else (None, None)


def _why_history(asked: Conversation, offered: list[JsonValue]) -> str | None:
    """Return why a conversation in which tools were called cannot go on without them."""
    has_calls = any(
        fields.items(message, "tool_calls") or fields.text(message, "role") == "tool"
        for message in asked.messages
    )
    return "the log left out its tools" if has_calls and not offered else None


def _is_text_completion(span: JsonObject, attributes: JsonObject) -> bool:
    # OpenLLMetry writes `completion` for chats of some vendors too.
    operation = _operation(attributes)
    is_named = (fields.text(span, "name") or "").endswith(".completion")
    return operation == "text_completion" or (operation == "completion" and is_named)


def _listed(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []

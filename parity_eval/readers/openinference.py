"""Traces by the OpenInference conventions, from any collector or from Phoenix."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from parity_eval import wire
from parity_eval.logged import fields, genai, observed, otlp, responses, shapes, spans
from parity_eval.logged.embedded import decoded
from parity_eval.logged.entries import BadRowError, NotACallError
from parity_eval.logged.names import own_tags
from parity_eval.logged.streams import joined
from parity_eval.logged.usage import usage
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_DROPPED = "the tracer dropped attributes: messages are missing"
_FILED = frozenset({"metadata", "tag"})


class OpenInference:
    """Read OTLP documents and Phoenix' spans (one per line, pages, or rows of its data frame).

    Only spans of the kind `LLM` are calls, and of several for one call the innermost. The request
    is `input.value` where that is a body, else the numbered `llm.input_messages`; settings stand in
    `llm.invocation_parameters`, which also has the model's name where a span failed. Tools come
    from `llm.tools`. Tracers drop attributes beyond a limit (128 unless told otherwise): a
    conversation with gaps cannot be sent again.
    """

    name: ClassVar[str] = "openinference"
    title: ClassVar[str] = "OpenInference traces (Phoenix, Arize)"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits."""
        return spans.fit(row, self.name)

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each model call as an entry; other spans are skipped."""
        return spans.read_calls(otlp.flat(rows), _call, _is_call, self.name)


def _is_call(span: JsonObject) -> bool:
    return _kind(span) == "LLM"


def _kind(span: JsonObject) -> str:
    return (fields.text(span, "attributes.openinference.span.kind") or "").upper()


def _call(span: JsonObject) -> Iterable[JsonObject]:
    if not _is_call(span):
        raise NotACallError(f"a span of another kind, `{_kind(span)}`")
    attributes = fields.obj(span, "attributes")
    body, why = _asked(span, attributes)
    called = shapes.row(body, spans.failure(span) or _answer(attributes))
    request = called.get("request")
    offered, why_tools = _tools(attributes)
    if isinstance(request, dict) and offered and not request.get("tools"):
        called["request"] = {**request, "tools": offered}
    elif isinstance(request, dict) and request.get("tools"):
        why_tools = None  # the body has them whole
    metadata = decoded(fields.get(attributes, "metadata"))
    told = metadata if isinstance(metadata, dict) else {}
    tags = own_tags(decoded(fields.get(attributes, "tag.tags")))
    row: dict[str, JsonValue] = {
        **spans.envelope(span),
        **called,
        "task": fields.text(told, "task") or spans.task(span),
        "session": fields.text(attributes, "session.id"),
        "user": fields.text(attributes, "user.id"),
        "metadata": _metadata(span, told, tags),
        "cost_usd": fields.number(attributes, "llm.cost.total"),
        "unreplayable": why or why_tools or called.get("unreplayable"),
    }
    return (fields.some(row),)


def _metadata(span: JsonObject, told: JsonObject, tags: list[str]) -> dict[str, JsonValue]:
    own = {key: value for key, value in spans.own(span).items() if key not in _FILED}
    return {**own, **told, **({"tags": list(tags)} if tags else {})}


def _asked(span: JsonObject, attributes: JsonObject) -> tuple[JsonValue, str | None]:
    """Return the body of the request, and why it is not all that was sent."""
    params = decoded(fields.get(attributes, "llm.invocation_parameters"))
    settings = params if isinstance(params, dict) else {}
    model = fields.text(settings, "model") or fields.text(attributes, "llm.model_name")
    named = {**fields.some({"model": model}), **settings}
    given = decoded(fields.get(attributes, "input.value"))
    if _is_body(given) and isinstance(given, dict):
        return {**named, **given}, None
    listed, is_whole = otlp.numbered(fields.get(attributes, "llm.input_messages"))
    if listed:
        is_whole = is_whole and not fields.count(span, "n_dropped")
        messages: list[JsonValue] = [_message(fields.get(one, "message")) for one in listed]
        return {**named, "messages": messages}, None if is_whole else _DROPPED
    if isinstance(given, str) and (why := wire.why_unreadable(given)):
        return named, why
    try:
        return observed.request(given, settings, model), _why_empty(given)
    except BadRowError:
        return named, "its input is of no vendor's shape that is known here"


def _why_empty(given: JsonValue) -> str | None:
    return genai.NO_CONTENT if given in (None, "", [], {}) else None


def _is_body(given: JsonValue) -> bool:
    """Whether an input is a request of a known API, and not what a framework made of it."""
    if responses.is_request(given):
        return True
    messages = fields.items(given, "messages")
    is_chat = all(isinstance(m, dict) and isinstance(m.get("role"), str) for m in messages)
    return bool(messages) and is_chat


def _message(flat: JsonValue) -> dict[str, JsonValue]:
    """Return a message that was written as attributes."""
    parts, _ = otlp.numbered(fields.get(flat, "contents"))
    content = [_part(fields.get(part, "message_content")) for part in parts]
    calls, _ = otlp.numbered(fields.get(flat, "tool_calls"))
    said = fields.some(
        {
            "role": fields.get(flat, "role"),
            "content": fields.get(flat, "content"),
            "name": fields.get(flat, "name"),
            "tool_call_id": fields.get(flat, "tool_call_id"),
        }
    )
    if content and "content" not in said:
        said["content"] = content
    if calls:
        said["tool_calls"] = [_tool_call(fields.get(call, "tool_call")) for call in calls]
        said.setdefault("content", None)
    return said


def _part(flat: JsonValue) -> JsonValue:
    url = fields.text(flat, "image.image.url")
    if url is not None:
        return {"type": "image_url", "image_url": {"url": url}}
    return {"type": "text", "text": fields.text(flat, "text") or ""}


def _tool_call(flat: JsonValue) -> JsonValue:
    name = fields.get(flat, "function.name")
    return genai.tool_call(fields.get(flat, "id"), name, fields.get(flat, "function.arguments"))


def _tools(attributes: JsonObject) -> tuple[list[JsonValue], str | None]:
    listed, is_whole = otlp.numbered(fields.get(attributes, "llm.tools"))
    schemas = [fields.get(one, "tool.json_schema") for one in listed]
    found, why = genai.tools(schemas or None)
    return found, why if is_whole else "the tracer dropped attributes: tools are missing"


def _answer(attributes: JsonObject) -> JsonValue:
    """Return the answer; None where the log does not hold what it said."""
    given = joined(decoded(fields.get(attributes, "output.value")))
    if _is_whole(given):
        return given
    listed, _ = otlp.numbered(fields.get(attributes, "llm.output_messages"))
    message = _message(fields.get(listed[0], "message")) if listed else {}
    if message.keys() - {"role"}:
        return _completion({"role": "assistant", **message}, attributes)
    if isinstance(given, str) and wire.why_unreadable(given):
        return None
    answer = observed.answer(fields.get(attributes, "output.value"))
    said = next(iter(fields.items(answer, "choices")), None)
    return _completion(fields.get(said, "message"), attributes) if said is not None else answer


def _is_whole(given: JsonValue) -> bool:
    """Whether an output is the body of an answer, and not an answer in JSON that looks like one."""
    if not shapes.is_answer(given) or fields.get(given, "error"):
        return False
    choices = fields.items(given, "choices")
    return not choices or bool(fields.obj(choices[0], "message"))


def _completion(message: JsonValue, attributes: JsonObject) -> JsonValue:
    counts = fields.obj(attributes, "llm.token_count")
    return genai.completion(
        message,
        fields.get(attributes, "llm.finish_reason"),
        model=fields.text(attributes, "llm.model_name"),
        usage=usage(
            _count(counts, "prompt"),
            _count(counts, "completion"),
            n_cached=_count(counts, "prompt_details.cache_read"),
            n_cache_write=_count(counts, "prompt_details.cache_write"),
            n_reasoning=_count(counts, "completion_details.reasoning"),
        ),
    )


def _count(counts: JsonObject, path: str) -> int | None:
    return fields.count({"at": otlp.leaf(counts, path)}, "at")

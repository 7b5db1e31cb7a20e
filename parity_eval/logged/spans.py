"""What spans of OpenTelemetry say about the model call that they stand for."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from parity_eval.logged import fields, otlp
from parity_eval.logged.entries import BadRowError, NotACallError
from parity_eval.logged.names import own_tags, task_name
from parity_eval.logged.nested import read_innermost
from parity_eval.logged.spannames import chosen
from parity_eval.logged.times import seconds_between
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_WORDS = """
    ai aws code error exception gen_ai graphql http input llm net network openai openinference
    operation otel output peer resource rpc server telemetry thread traceloop url
"""
_NOT_OWN = frozenset(_WORDS.split())
"""Where attributes of the conventions stand; all others were set by the application."""
_TRACELOOP = "traceloop.association.properties"
_OF_RESOURCE = ("service.name", "deployment.environment.name", "deployment.environment")

_LOOKED_AT = 10_000
"""Spans of one document by which its conventions are recognised."""

DIALECTS = {
    "vercel_ai": ("ai.operationId",),
    "openinference": ("openinference.span.kind",),
    "otel_genai": ("gen_ai", "llm.request.type", "traceloop.span.kind"),
}
"""Conventions by the reader that knows them, and what each is recognised by; first hit wins."""


def read_calls(
    rows: Iterable[Row | Reject],
    translate: Callable[[JsonObject], Iterable[JsonObject]],
    is_call: Callable[[JsonObject], bool],
    source: str,
) -> Iterator[LogEntry | Skipped | Reject]:
    """Yield the model calls among flat spans, the innermost where several stand for one.

    Args:
        rows: Flat spans and log records.
        translate: As in `entries.read_each`; gets spans of this reader's conventions only.
        is_call: Whether a span is a call of a model, whatever else it says.
        source: Name of the reader.
    """

    def translated(span: JsonObject) -> Iterable[JsonObject]:
        _refuse_others(span, source)
        return translate(span)

    def outer(span: JsonValue) -> Iterable[str]:
        parent = fields.text(span, "parent")
        is_inner = parent is not None and isinstance(span, dict) and is_call(span)
        return (parent,) if parent is not None and is_inner else ()

    return read_innermost(rows, translated, source, outer)


def dialect(span: object) -> str | None:
    """Return the name of the reader that knows the conventions of a span; None: nobody does."""
    attributes = fields.obj(span, "attributes")
    for name, marks in DIALECTS.items():
        if any(fields.get(attributes, mark) is not None for mark in marks):
            return name
    is_event = (fields.text(span, "record") or "").startswith("gen_ai.")
    return "otel_genai" if is_event else None


def fit(row: JsonValue, name: str) -> Fit:
    """Say how well a document or a span fits the conventions of one reader.

    A document without any model call fits them all: its neighbours decide.
    """
    if not isinstance(row, dict) or not otlp.is_trace(row):
        return Fit(score=0.0, needs=2, why="lacks `resourceSpans`, or a span's ids and attributes")
    try:
        found = [known for item in islice(otlp.items(row), _LOOKED_AT) if (known := dialect(item))]
    except (BadRowError, RecursionError):
        return Fit(score=0.0, needs=2, why="its `resourceSpans` is damaged")
    if not found and otlp.is_single(row):
        return Fit(score=0.4, needs=2, why=f"a span that lacks `{DIALECTS[name][0]}`")
    if not found:
        # Log records that name no model call may be those of older conventions.
        needs = 3 if name == "otel_genai" else 2
        return Fit(score=1.0, needs=needs, why="has spans, and no model call among them")
    commonest = max(DIALECTS, key=found.count)
    if commonest == name:
        return Fit(score=1.0, needs=2, why=f"has spans with `{DIALECTS[name][0]}`")
    return Fit(score=0.4, needs=2, why=f"its spans are of `{commonest}`")


def _refuse_others(span: JsonObject, name: str) -> None:
    """Raise where a flat span is not of this reader's conventions, with the reason."""
    if not span:
        raise NotACallError("a document without spans")
    if (fault := fields.text(span, "fault")) is not None:
        raise BadRowError(fault)
    if (skip := fields.text(span, "skip")) is not None:
        raise NotACallError(skip)
    known = dialect(span)
    if known is None and "record" in span:
        raise NotACallError("a log record that is no part of a model call")
    if known is None:
        raise NotACallError("a span that is no model call")
    if known != name:
        raise NotACallError(f"a span of other conventions; `--format {known}` reads those")


def envelope(span: JsonObject) -> dict[str, JsonValue]:
    """Return the fields of a canonical row that every span has: id, time and latency."""
    return fields.some(
        {
            "id": span.get("id"),
            "timestamp": span.get("start"),
            "latency_s": seconds_between(span.get("start"), span.get("end")),
        }
    )


def failure(span: JsonObject) -> dict[str, JsonValue] | None:
    """Return the error body of a failed span; None where it did not fail."""
    kind = fields.text(span, "attributes.error.type")
    if not span.get("is_failed") and kind is None:
        return None
    thrown = [
        obj
        for event in fields.items(span, "events")
        if (obj := fields.obj(event, "attributes.exception"))
    ]
    message = fields.text(span, "message") or next(
        (text for obj in thrown if (text := fields.text(obj, "message"))), None
    )
    kind = kind or next((text for obj in thrown if (text := fields.text(obj, "type"))), None)
    body = fields.some({"message": message or kind or "the span failed", "type": kind})
    return {"error": body}


def own(span: JsonObject) -> dict[str, JsonValue]:
    """Return what the application itself wrote on a span, and which service it was."""
    attributes = fields.obj(span, "attributes")
    found = {key: value for key, value in attributes.items() if key not in _NOT_OWN}
    resource = fields.obj(span, "resource")
    named = {path: value for path in _OF_RESOURCE if (value := fields.text(resource, path))}
    return {**otlp.tree(named), **fields.obj(attributes, _TRACELOOP), **found}


def task(
    span: JsonObject, *, prompt: str | None = None, conventional: str | None = None
) -> str | None:
    """Return the task that a span names.

    That is an attribute `task` of the application (before `app.task` and the like, in the order of
    their names), then the name of a prompt or function, then the name of the span where people
    chose it.

    Args:
        span: Flat span.
        prompt: Name of the prompt or function.
        conventional: What names of spans that nobody chose begin with.
    """
    attributes = fields.obj(span, "attributes")
    places = ("task", *(f"{key}.task" for key in sorted(attributes) if key not in _NOT_OWN))
    named = fields.first_text(attributes, *places, f"{_TRACELOOP}.task")
    tags = own_tags(fields.get(attributes, "tag.tags"))
    name = fields.text(span, "name") or ""
    is_chosen = conventional is None or not name.startswith(f"{conventional} ")
    return task_name(
        metadata=fields.some({"task": named}),
        tags=tags,
        prompt=prompt,
        span=chosen(name) if is_chosen else None,
    )

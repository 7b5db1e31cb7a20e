"""MLflow: traces with their spans."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from parity_eval.logged import (
    calls,
    envelopes,
    fields,
    observed,
    settings,
    spannames,
    times,
)
from parity_eval.logged.embedded import decoded
from parity_eval.logged.entries import BadRowError, NotACallError, read_each
from parity_eval.logged.names import task_name
from parity_eval.logged.usage import usage
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_MISSING = "the trace holds no inputs of the call"
_MODELS = frozenset({"CHAT_MODEL", "LLM"})
_ENVELOPE = "traces"


class MLflow:
    """Read the model calls of traces: of spans inside of each other the innermost.

    Attributes of spans are JSON text each. Both generations of traces are read, with times and
    states under their own names; the older one was not seen in an export.
    """

    name: ClassVar[str] = "mlflow"
    title: ClassVar[str] = "MLflow traces"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits."""
        head = envelopes.first(row, _ENVELOPE)
        return fields.fit(_trace(head), "info.trace_id|info.request_id", "data.spans")

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield the model calls of each trace as entries; a trace without any is skipped."""
        return read_each(envelopes.unwrapped(rows, _ENVELOPE), _calls, self.name)


def _trace(row: object) -> dict[str, JsonValue]:
    """Return a trace: a row, or what stands in the column `trace` of a table."""
    inner = decoded(fields.get(row, "trace"))
    found = inner if isinstance(inner, dict) else row
    return {name: decoded(fields.get(found, name)) for name in ("info", "data")}


def _calls(row: JsonObject) -> Iterable[JsonObject]:
    trace = _trace(row)
    spans = [_span(span) for span in fields.items(trace, "data.spans") if isinstance(span, dict)]
    if not spans:
        raise BadRowError("`data.spans` must be a list with at least one span")
    models = [span for span in spans if str(_attribute(span, "spanType")) in _MODELS]
    around = _around(spans, {str(_id(span)) for span in models})
    inner = [span for span in models if _id(span) not in around]
    finished = [span for span in inner if span.get("end")]
    if not finished:
        what = "with an unfinished model call only" if inner else "without a model call"
        raise NotACallError(f"a trace {what}")
    return [_call(trace, span) for span in finished]


def _span(span: JsonObject) -> JsonObject:
    """Return a span under one set of names, whatever its generation."""
    given = fields.obj(span, "attributes").items()
    attributes = {name: None if text == "null" else decoded(text) for name, text in given}
    return {
        **span,
        "attributes": attributes,
        "id": fields.first_text(span, "span_id", "context.span_id"),
        "parent": fields.first_text(span, "parent_span_id", "parent_id"),
        "start": span.get("start_time_unix_nano", span.get("start_time")),
        "end": span.get("end_time_unix_nano", span.get("end_time")),
        "state": fields.first_text(span, "status.code", "status_code") or "",
        "words": fields.first_text(span, "status.message", "status_message"),
    }


def _id(span: JsonObject) -> str | None:
    return fields.text(span, "id")


def _attribute(span: JsonObject, name: str) -> JsonValue:
    return fields.obj(span, "attributes").get(f"mlflow.{name}")


def _around(spans: list[JsonObject], models: set[str]) -> set[str]:
    """Return the ids of the spans that have a model call anywhere inside of them."""
    parents = {_id(span): fields.text(span, "parent") for span in spans}
    found: set[str] = set()
    for span in spans:
        above = parents.get(_id(span)) if _id(span) in models else None
        while above is not None and above not in found:
            found.add(above)
            above = parents.get(above)
    return found


def _call(trace: JsonObject, span: JsonObject) -> JsonObject:
    attributes = fields.obj(span, "attributes")
    failure = None
    if str(span["state"]).endswith("ERROR"):
        failure = calls.error(span["words"] or "no message")
    found = calls.called(
        _request(span, attributes),
        observed.answer(_attribute(span, "spanOutputs")),
        missing=_MISSING,
        usage=_usage(span),
        failure=failure,
    )
    return {**found, **_about(trace, span)}


def _request(span: JsonObject, attributes: JsonObject) -> JsonValue:
    given = attributes.get("invocation_params")
    params = settings.chat_params(given if isinstance(given, dict) else {})
    model = fields.text({"of": _attribute(span, "llm.model")}, "of")
    body = observed.request(_attribute(span, "spanInputs"), params, model)
    tools = _attribute(span, "chat.tools")
    if not tools or not isinstance(body, dict) or body.get("tools"):
        return body
    return {**body, "tools": tools}


def _usage(span: JsonObject) -> JsonObject | None:
    counted = _attribute(span, "chat.tokenUsage")
    return usage(
        fields.count(counted, "input_tokens"),
        fields.count(counted, "output_tokens"),
        n_cached=fields.count(counted, "cache_read_input_tokens"),
        n_cache_write=fields.count(counted, "cache_creation_input_tokens"),
    )


def _about(trace: JsonObject, span: JsonObject) -> dict[str, JsonValue]:
    info = fields.obj(trace, "info")
    system = fields.obj(info, "trace_metadata") or fields.obj(info, "request_metadata")
    metadata = {k: v for k, v in fields.obj(info, "tags").items() if not k.startswith("mlflow.")}
    trace_id = fields.first_text(info, "trace_id", "request_id")
    ids = [part for part in (trace_id, _id(span)) if part]
    cost = fields.obj(span, "attributes").get("mlflow.llm.cost")
    return {
        **calls.measured(
            cost_usd=fields.number(cost, "total_cost"),
            latency_s=times.seconds_between(span["start"], span["end"]),
        ),
        **fields.some(
            {
                "id": "/".join(ids) or None,
                "user": fields.text({"of": system.get("mlflow.trace.user")}, "of"),
                "session": fields.text({"of": system.get("mlflow.trace.session")}, "of"),
                "task": task_name(
                    metadata=metadata, span=spannames.chosen(fields.text(span, "name"))
                ),
            }
        ),
        "timestamp": span["start"],
        "metadata": metadata,
    }

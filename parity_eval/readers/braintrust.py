"""Braintrust: the spans of a project's logs."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from parity_eval.logged import calls, envelopes, fields, observed, settings, spannames
from parity_eval.logged.embedded import decoded
from parity_eval.logged.entries import NotACallError
from parity_eval.logged.names import task_name
from parity_eval.logged.nested import read_innermost
from parity_eval.logged.usage import usage
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_MISSING = "the export left its input out; export the fields `input` and `output` as well"
_ATTACHMENT = "it refers to an attachment that Braintrust keeps"
_TEXTS = ("span_attributes", "input", "metadata", "metrics", "span_parents", "tags")
"""Fields that a CSV or Parquet export holds as JSON text."""
_ENVELOPES = ("events", "data", "rows")
_MODEL = "llm"


class Braintrust:
    """Read spans of the type `llm`. Settings of the call stand between the other metadata."""

    name: ClassVar[str] = "braintrust"
    title: ClassVar[str] = "Braintrust logs"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits."""
        head = envelopes.first(row, *_ENVELOPES)
        return fields.fit(head, "span_attributes", "root_span_id", "span_parents|_xact_id|metrics")

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each model span as an entry or a reject; other spans are skipped."""
        listed = envelopes.unwrapped(rows, *_ENVELOPES)
        return read_innermost(_spans(listed), _call, self.name, _outer, "span_id")


def _spans(rows: Iterable[Row | Reject]) -> Iterator[Row | Reject]:
    for row in rows:
        if isinstance(row, Row) and isinstance(row.value, dict):
            read = {name: decoded(row.value[name]) for name in _TEXTS if name in row.value}
            yield Row(path=row.path, number=row.number, value={**row.value, **read})
        else:
            yield row


def _outer(value: JsonValue) -> Iterable[str]:
    if fields.get(value, "span_attributes.type") != _MODEL:
        return ()
    return [span for span in fields.items(value, "span_parents") if isinstance(span, str)]


def _call(row: JsonObject) -> Iterable[JsonObject]:
    kind = fields.text(row, "span_attributes.type")
    if kind != _MODEL:
        raise NotACallError(f"a span of the type {kind}")
    failure = calls.error(row.get("error"))
    output = observed.answer(row.get("output"))
    if output is None and failure is None and fields.number(row, "metrics.end") is None:
        raise NotACallError("an unfinished span")
    own = fields.obj(row, "metadata")
    params = settings.chat_params(own)
    found = calls.called(
        observed.request(row.get("input"), params, fields.text(own, "model")),
        output,
        missing=_MISSING,
        usage=_usage(row),
        failure=failure,
    )
    if observed.refers(row.get("input"), lambda text: text == "braintrust_attachment"):
        found["unreplayable"] = _ATTACHMENT
    return ({**found, **_about(row, set(params))},)


def _about(row: JsonObject, settings_: set[str]) -> dict[str, JsonValue]:
    given = {k: v for k, v in fields.obj(row, "metadata").items() if k not in settings_}
    metadata = calls.about(given, row.get("tags"))
    # What people made of an answer: scores by name, and the answer they expected.
    judged = {name: row[name] for name in ("expected", "scores") if row.get(name)}
    tags = [tag for tag in fields.items(metadata, "tags") if isinstance(tag, str)]
    start, end = fields.number(row, "metrics.start"), fields.number(row, "metrics.end")
    latency = None if start is None or end is None or end < start else end - start
    return {
        **calls.measured(cost_usd=fields.number(row, "metrics.estimated_cost"), latency_s=latency),
        **fields.some(
            {
                "id": fields.text(row, "id"),
                "user": fields.text(metadata, "user_id"),
                "session": fields.text(metadata, "session_id"),
                "task": task_name(
                    metadata=metadata,
                    tags=tags,
                    prompt=fields.text(metadata, "prompt.key"),
                    span=spannames.chosen(fields.text(row, "span_attributes.name")),
                ),
            }
        ),
        "timestamp": row.get("created") or start,
        "metadata": {**judged, **metadata},
    }


def _usage(row: JsonObject) -> JsonObject | None:
    return usage(
        fields.count(row, "metrics.prompt_tokens"),
        fields.count(row, "metrics.completion_tokens"),
        n_cached=fields.count(row, "metrics.prompt_cached_tokens"),
        n_cache_write=fields.count(row, "metrics.prompt_cache_creation_tokens"),
        n_reasoning=fields.count(row, "metrics.completion_reasoning_tokens"),
    )

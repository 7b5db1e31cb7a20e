"""LangSmith: runs, as its API lists them or its bulk export writes them."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from parity_eval.logged import (
    calls,
    envelopes,
    fields,
    langchain,
    observed,
    settings,
    spannames,
    times,
)
from parity_eval.logged.embedded import decoded
from parity_eval.logged.entries import NotACallError
from parity_eval.logged.names import task_name
from parity_eval.logged.nested import read_innermost
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_MISSING = "the export left its inputs out; export the field `inputs` as well"
_ELSEWHERE = "its body lies outside of the export (`inputs_s3_urls`); fetch it with the API"
_MODEL = "llm"
_TEXTS = ("inputs", "outputs", "extra", "tags", "inputs_s3_urls")
"""Fields that a Parquet export may hold as JSON text."""


class LangSmith:
    """Read runs of the type `llm`: of the wrapped clients of vendors, and of LangChain.

    LangSmith's `session_id` is its project; the session and user of a call are what `metadata`
    says. Tokens include those of the cache.
    """

    name: ClassVar[str] = "langsmith"
    title: ClassVar[str] = "LangSmith runs"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits."""
        return fields.fit(
            envelopes.first(row, "runs"),
            "run_type",
            "start_time",
            "dotted_order|parent_run_id|session_id",
        )

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each model run as an entry or a reject; other runs are skipped."""
        return read_innermost(envelopes.unwrapped(rows, "runs"), _call, self.name, _outer)


def _outer(value: JsonValue) -> Iterable[str]:
    if fields.get(value, "run_type") != _MODEL:
        return ()
    # `TIMEID.TIMEID.TIMEID`: every run from the root to this one.
    order = fields.text(value, "dotted_order") or ""
    above = [part.partition("Z")[2] for part in order.split(".")[:-1]]
    return filter(None, [*above, fields.text(value, "parent_run_id")])


def _call(row: JsonObject) -> Iterable[JsonObject]:
    kind = fields.text(row, "run_type")
    if kind != _MODEL:
        raise NotACallError(f"a run of the type {kind}")
    run: JsonObject = {**row, **{name: decoded(row.get(name)) for name in _TEXTS}}
    failure = calls.error(run.get("error"))
    if failure is None and fields.text(run, "status") == "error":
        failure = calls.error("no message")
    output = run.get("outputs")
    is_over = bool(output or failure or run.get("end_time"))
    if fields.text(run, "status") == "pending" or not is_over:
        raise NotACallError("an unfinished run")
    is_elsewhere = bool(fields.obj(run, "inputs_s3_urls")) and not run.get("inputs")
    params = settings.chat_params(fields.obj(run, "extra.invocation_params"))
    asked = observed.request(run.get("inputs"), params, _model(run))
    found = calls.called(
        asked,
        observed.answer(output),
        missing=_ELSEWHERE if is_elsewhere else _MISSING,
        usage=_usage(run),
        failure=failure,
    )
    return ({**found, **_about(run, found)},)


def _about(run: JsonObject, found: JsonObject) -> dict[str, JsonValue]:
    metadata = calls.about(fields.obj(run, "extra.metadata"), run.get("tags"))
    tags = [tag for tag in fields.items(metadata, "tags") if isinstance(tag, str)]
    start = run.get("start_time")
    return {
        **calls.measured(
            cost_usd=fields.number(run, "total_cost"),
            latency_s=times.seconds_between(start, run.get("end_time")),
        ),
        **fields.some(
            {
                "id": fields.text(run, "id"),
                "user": fields.text(metadata, "user_id") or fields.text(found, "request.user"),
                "session": fields.first_text(
                    metadata, "session_id", "thread_id", "conversation_id"
                ),
                "task": task_name(
                    metadata=metadata,
                    tags=tags,
                    prompt=fields.text(metadata, "lc_hub_repo"),
                    span=spannames.chosen(fields.text(run, "name")),
                ),
            }
        ),
        "timestamp": start,
        "metadata": metadata,
    }


def _model(run: JsonObject) -> str | None:
    return fields.first_text(
        run,
        "extra.invocation_params.model",
        "extra.invocation_params.model_name",
        "extra.metadata.ls_model_name",
    )


def _usage(run: JsonObject) -> JsonObject | None:
    counted = langchain.counts(fields.obj(run, "outputs.usage_metadata"))
    return counted or langchain.counts(run)

"""Portkey: the gateway's logs, as its export writes them."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from parity_eval.logged import calls, endpoints, envelopes, fields
from parity_eval.logged.embedded import decoded
from parity_eval.logged.entries import read_each
from parity_eval.logged.names import task_name
from parity_eval.logged.usage import usage
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_MISSING = "the export left its request out; request the fields `request` and `response` as well"
_BLOCKED = 446
_CENTS = 100


class Portkey:
    """Read logs of the gateway. Costs are in cents; a cost of 0 says that no price was known.

    A request that a guardrail blocked (446) got no answer. Bodies are objects or JSON text; a
    wrapper (`body` beside `headers` and `url`) is taken off. That wrapper, and the fields
    `cache_status` and `time_of_generation`, are read as the API's documentation names them; they
    were not seen in an export.
    """

    name: ClassVar[str] = "portkey"
    title: ClassVar[str] = "Portkey logs"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits."""
        return fields.fit(
            envelopes.first(row, "data"),
            "ai_org|ai_provider",
            "req_units|request_tokens|request",
            "response_status_code|status_code|response_time|cost",
        )

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each request as an entry or a reject."""
        return read_each(envelopes.unwrapped(rows, "data"), _call, self.name)


def _call(row: JsonObject) -> Iterable[JsonObject]:
    endpoints.refuse_others(fields.text(row, "request_url"))
    asked, given = _body(row.get("request")), _body(row.get("response"))
    found = calls.called(
        asked,
        given,
        missing=_MISSING,
        usage=_usage(row),
        failure=_failure(row, given),
    )
    return ({**found, **_about(row, asked)},)


def _body(value: JsonValue) -> JsonValue:
    found = decoded(value)
    is_wrapped = isinstance(found, dict) and "body" in found and "model" not in found
    return decoded(found["body"]) if isinstance(found, dict) and is_wrapped else found


def _failure(row: JsonObject, given: JsonValue) -> JsonObject | None:
    status = fields.number(row, "response_status_code")
    status = fields.number(row, "status_code") if status is None else status
    if status == _BLOCKED and not fields.obj(given, "error"):
        return calls.error("blocked by a guardrail of the gateway (446)")
    return calls.failed(status, given)


def _usage(row: JsonObject) -> JsonObject | None:
    n_input, n_output = fields.count(row, "req_units"), fields.count(row, "res_units")
    return usage(
        fields.count(row, "request_tokens") if n_input is None else n_input,
        fields.count(row, "response_tokens") if n_output is None else n_output,
    )


def _about(row: JsonObject, asked: JsonValue) -> dict[str, JsonValue]:
    cents = fields.number(row, "cost")
    milliseconds = fields.number(row, "response_time")
    own = calls.about(row.get("metadata"))
    metadata = {**fields.obj(asked, "metadata"), **own}
    return {
        **calls.measured(
            cost_usd=cents / _CENTS if cents else None,
            latency_s=None if milliseconds is None else milliseconds / 1000,
            is_cache_hit="HIT" in (fields.text(row, "cache_status") or "").upper(),
        ),
        **fields.some(
            {
                "id": fields.text(row, "id"),
                "user": fields.text(metadata, "_user") or fields.text(asked, "user"),
                "session": fields.text(metadata, "session_id"),
                "task": task_name(metadata=metadata, prompt=fields.text(row, "prompt_slug")),
            }
        ),
        "timestamp": fields.first_text(row, "created_at", "time_of_generation"),
        "metadata": metadata,
    }

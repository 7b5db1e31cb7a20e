"""LiteLLM: the proxy's table of spend logs (`LiteLLM_SpendLogs`), as CSV, Parquet or JSON."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from parity_eval.logged import calls, envelopes, fields, litellm
from parity_eval.logged.embedded import decoded
from parity_eval.logged.entries import read_each
from parity_eval.logged.names import task_name
from parity_eval.logged.times import seconds_between
from parity_eval.logged.usage import usage
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_MISSING = (
    "the proxy stored no prompts: set `general_settings: {store_prompts_in_spend_logs: true}`"
)
_MASKED = "REDACTED_BY_LITELM"
"""In place of whatever has the name of a secret, such as `prompt_cache_key`."""
_CACHED = "_cache_hit"


class LiteLLMSpend:
    """Read spend logs: the prompt is what the caller sent (`proxy_server_request`).

    The column `messages` is always empty. Long texts are cut in their middle: such a request
    cannot be sent again, and such an answer is none. Answers from the proxy's cache have an id
    that says so.
    """

    name: ClassVar[str] = "litellm_spend"
    title: ClassVar[str] = "LiteLLM spend logs"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits."""
        return fields.fit(
            envelopes.first(row, "data"),
            "proxy_server_request",
            "spend",
            "request_id",
            "call_type",
            "startTime",
        )

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each call as an entry or a reject."""
        return read_each(envelopes.unwrapped(rows, "data"), _call, self.name)


def _call(row: JsonObject) -> Iterable[JsonObject]:
    litellm.refuse_others(fields.text(row, "call_type"))
    about = decoded(row.get("metadata"))
    body = _request(decoded(row.get("proxy_server_request")))
    call = calls.called(
        body,
        decoded(row.get("response")) or None,
        missing=_MISSING,
        usage=usage(fields.count(row, "prompt_tokens"), fields.count(row, "completion_tokens")),
        failure=litellm.failure(
            fields.text(row, "status") or fields.text(about, "status"),
            fields.get(about, "error_information"),
            None,
        ),
    )
    metadata = {
        **fields.obj(body, "metadata"),
        **litellm.own_metadata(about, row.get("request_tags")),
    }
    return (fields.some({**call, **_about(row, call, metadata), "metadata": metadata}),)


def _request(body: JsonValue) -> JsonValue:
    if not isinstance(body, dict):
        return body or None
    return {name: value for name, value in body.items() if value != _MASKED} or None


def _about(row: JsonObject, call: JsonObject, metadata: JsonObject) -> dict[str, JsonValue]:
    tags = [tag for tag in fields.items(metadata, "tags") if isinstance(tag, str)]
    alias = fields.text(row, "model_group")
    aliases = (alias, fields.text(call, "request.model"))
    is_cached = _is_cached(row)
    return {
        "response": litellm.served(
            litellm.whole(call.get("response")), aliases=aliases, model=fields.text(row, "model")
        ),
        "id": fields.first_text(row, "request_id", "litellm_call_id"),
        "timestamp": row.get("startTime"),
        "task": task_name(metadata=metadata, tags=tags),
        "user": fields.text(row, "end_user"),
        "session": fields.text(row, "session_id"),
        **calls.measured(
            cost_usd=litellm.known_cost(fields.number(row, "spend")),
            latency_s=_latency_s(row),
            is_cache_hit=is_cached,
        ),
    }


def _is_cached(row: JsonObject) -> bool:
    said = row.get("cache_hit")
    return said in (True, "True", "true") or _CACHED in (fields.text(row, "request_id") or "")


def _latency_s(row: JsonObject) -> float | None:
    whole = seconds_between(row.get("startTime"), row.get("endTime"))
    milliseconds = fields.number(row, "request_duration_ms")
    return milliseconds / 1000 if whole is None and milliseconds is not None else whole

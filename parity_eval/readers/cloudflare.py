"""Cloudflare AI Gateway: Logpush files, and what its API lists."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from parity_eval.logged import calls, endpoints, envelopes, fields
from parity_eval.logged.embedded import decoded
from parity_eval.logged.entries import read_each
from parity_eval.logged.names import task_name
from parity_eval.logged.usage import usage
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_ENCRYPTED = (
    "its body is encrypted; decrypt the log with the RSA private key that belongs to the public"
    " key in the gateway's Logpush settings"
)
_LISTED = (
    "the API's list holds no bodies; add those of `/logs/ID/request` and `/logs/ID/response` as"
    " `request` and `response`, or read a Logpush export"
)
_LEFT_OUT = "the gateway logged no body; it was told not to store them"
_ENVELOPE = frozenset({"data", "iv", "key"})
_RATE_LIMITED = 429


class Cloudflare:
    """Read Logpush rows, whose bodies are encrypted until decrypted, and rows of the API's list.

    Logpush rows have neither an id nor a time of their own.
    """

    name: ClassVar[str] = "cloudflare"
    title: ClassVar[str] = "Cloudflare AI Gateway logs"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits."""
        head = envelopes.first(row, "result")
        pushed = fields.fit(head, "Gateway", "RequestBody", "StatusCode")
        listed = fields.fit(head, "tokens_in", "tokens_out", "status_code", "cached")
        return max(pushed, listed, key=lambda fit: fit.score)

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each request as an entry or a reject."""
        return read_each(envelopes.unwrapped(rows, "result"), _call, self.name)


def _call(row: JsonObject) -> Iterable[JsonObject]:
    return (_pushed(row) if "RequestBody" in row or "Gateway" in row else _listed(row),)


def _pushed(row: JsonObject) -> dict[str, JsonValue]:
    endpoints.refuse_others(fields.text(row, "Endpoint"))
    asked, given = decoded(row.get("RequestBody")), decoded(row.get("ResponseBody"))
    status = fields.number(row, "StatusCode")
    if fields.get(row, "RateLimited") is True:
        status = _RATE_LIMITED
    is_encrypted = _is_sealed(asked)
    found = calls.called(
        _named(None if is_encrypted else asked, fields.text(row, "Model")),
        None if _is_sealed(given) else given,
        missing=_ENCRYPTED if is_encrypted else _LEFT_OUT,
        failure=calls.failed(status, None if _is_sealed(given) else given),
    )
    sealed = decoded(row.get("Metadata"))
    return {
        **found,
        **calls.measured(
            cost_usd=None, latency_s=None, is_cache_hit=fields.get(row, "Cached") is True
        ),
        **_about(None if _is_sealed(sealed) else sealed, asked),
    }


def _listed(row: JsonObject) -> dict[str, JsonValue]:
    endpoints.refuse_others(fields.text(row, "path"))
    asked, given = decoded(row.get("request")), decoded(row.get("response"))
    found = calls.called(
        _named(asked, fields.text(row, "model")),
        given,
        missing=_LISTED,
        usage=usage(fields.count(row, "tokens_in"), fields.count(row, "tokens_out")),
        failure=calls.failed(fields.number(row, "status_code"), given),
    )
    milliseconds = fields.number(row, "duration")
    return {
        **found,
        **calls.measured(
            cost_usd=fields.number(row, "cost"),
            latency_s=None if milliseconds is None else milliseconds / 1000,
            is_cache_hit=fields.get(row, "cached") is True,
        ),
        **_about(row.get("metadata"), asked),
        **fields.some({"id": fields.text(row, "id")}),
        "timestamp": row.get("created_at"),
    }


def _about(own: JsonValue, asked: JsonValue) -> dict[str, JsonValue]:
    metadata = {**fields.obj(asked, "metadata"), **calls.about(own)}
    task = task_name(metadata=metadata)
    return {**fields.some({"task": task}), "metadata": metadata}


def _named(asked: JsonValue, model: str | None) -> JsonValue:
    """Add the model where the body does not name it: with some vendors it is in the address."""
    if asked and (not isinstance(asked, dict) or "model" in asked):
        return asked
    return {**(asked if isinstance(asked, dict) else {}), **fields.some({"model": model})}


def _is_sealed(body: JsonValue) -> bool:
    return isinstance(body, dict) and body.keys() == _ENVELOPE

"""Helicone: requests, as its API and export tool give them, or as CSV from its dashboard."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from parity_eval.logged import calls, endpoints, envelopes, fields, observed
from parity_eval.logged.embedded import decoded
from parity_eval.logged.entries import NotACallError, read_each
from parity_eval.logged.names import task_name
from parity_eval.logged.usage import usage, with_cache
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_MISSING = "the export left its body out; export again with `--include-body`"
_ASSET = "it refers to an image that Helicone keeps"
_NO_CACHE = "00000000-0000-0000-0000-000000000000"
_PENDING = -2
_NO_BODY = ("heliconeMessage", "helicone-message", "helicone_message")
_NO_MODEL = frozenset({"data", "tool", "vector_db"})
"""What else is logged with Helicone's own logger, by `_type` of the body."""


class Helicone:
    """Read requests of the proxy and of the gateway.

    The CSV of the dashboard holds no answers at all: its baseline must be replayed. A request was
    answered from Helicone's cache where `cache_reference_id` names another one.
    """

    name: ClassVar[str] = "helicone"
    title: ClassVar[str] = "Helicone requests"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits."""
        return fields.fit(
            envelopes.first(row, "data"),
            "request_created_at",
            "delay_ms|latency",
            "request_id|request_body|request_properties",
        )

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each request as an entry or a reject."""
        return read_each(envelopes.unwrapped(rows, "data"), _call, self.name)


def _call(row: JsonObject) -> Iterable[JsonObject]:
    endpoints.refuse_others(fields.first_text(row, "request_path", "target_url"))
    status = fields.number(row, "response_status")
    if status == _PENDING:
        raise NotACallError("an unfinished request")
    asked, given = _body(row.get("request_body")), _body(row.get("response_body"))
    kind = fields.text(asked, "_type")
    if kind in _NO_MODEL:
        raise NotACallError(f"a call of another kind ({kind})")
    found = calls.called(
        asked,
        given,
        missing=_MISSING,
        usage=_usage(row),
        failure=calls.failed(status, given),
    )
    if observed.refers(asked, lambda text: "<helicone-asset-id" in text):
        found["unreplayable"] = _ASSET
    return ({**found, **_about(row, asked)},)


def _about(row: JsonObject, asked: JsonValue) -> dict[str, JsonValue]:
    properties = decoded(row.get("properties") or row.get("request_properties"))
    metadata = calls.about({**fields.obj(asked, "metadata"), **_object(properties)})
    # Names of properties are as the client's headers spell them.
    lower = {name.lower(): value for name, value in metadata.items()}
    milliseconds = fields.number(row, "delay_ms" if "delay_ms" in row else "latency")
    return {
        **calls.measured(
            cost_usd=fields.number(row, "cost") or None,  # 0 where no price is known
            latency_s=None if milliseconds is None else milliseconds / 1000,
            is_cache_hit=_is_from_cache(row),
        ),
        **fields.some(
            {
                "id": fields.first_text(row, "request_id", "response_id"),
                "user": fields.first_text(row, "request_user_id", "helicone_user"),
                "session": fields.text(lower, "helicone-session-id"),
                "task": task_name(metadata=lower, prompt=fields.text(row, "prompt_id")),
            }
        ),
        "timestamp": row.get("request_created_at"),
        "metadata": metadata,
    }


def _body(value: JsonValue) -> JsonValue:
    found = decoded(value)
    is_note = isinstance(found, dict) and any(name in found for name in _NO_BODY)
    return None if is_note else found


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _is_from_cache(row: JsonObject) -> bool:
    return (fields.text(row, "cache_reference_id") or _NO_CACHE) != _NO_CACHE


def _usage(row: JsonObject) -> JsonObject | None:
    n_input = fields.count(row, "prompt_tokens")
    n_read = fields.count(row, "prompt_cache_read_tokens")
    n_written = fields.count(row, "prompt_cache_write_tokens")
    if fields.text(row, "provider") == "ANTHROPIC":
        n_input = with_cache(n_input, n_read, n_written)
    return usage(
        n_input,
        fields.count(row, "completion_tokens"),
        n_cached=n_read,
        n_cache_write=n_written,
    )

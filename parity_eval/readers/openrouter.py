"""OpenRouter: generation data with the stored content of the same generations."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from parity_eval.logged import calls, envelopes, fields
from parity_eval.logged.embedded import decoded
from parity_eval.logged.entries import BadRowError, read_each
from parity_eval.logged.names import task_name
from parity_eval.logged.usage import usage
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_MISSING = (
    "generation data hold no prompt; put what `/generation/content?id=ID` gives beside them as"
    " `content`"
)
_DAILY = (
    "the activity export holds daily totals, not requests; fetch `/generation?id=ID` and"
    " `/generation/content?id=ID` for each request"
)
_TOOLS = "OpenRouter does not store tools, nor the calls of them"
_MARK = "native_tokens_prompt"
_MARKS = (_MARK, "native_tokens_completion", "provider_name")
_PLACES = ("metadata.", "generation.", "data.", "")
"""Where generation data may stand in a row."""


class OpenRouter:
    """Read rows `{"metadata": GENERATION, "content": CONTENT, "request"?}`, one per request.

    Two calls of the API give the two parts. The content has messages and the text of the answer
    only: what else was sent (tools, a schema, settings) must come from `request`. Tokens are the
    `native_*` counts, which are what is billed. Of the dashboard's activity export the rows with
    an id of a generation are requests without content, the daily totals are none.
    """

    name: ClassVar[str] = "openrouter"
    title: ClassVar[str] = "OpenRouter generations"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits."""
        head = envelopes.first(row, "data")
        needed = ("|".join(f"{place}{name}" for place in _PLACES) for name in _MARKS)
        whole = fields.fit(head, *needed)
        activity = fields.fit(head, "byok_usage_inference", "model_permaslug", "provider_name")
        return max(whole, activity, key=lambda fit: fit.score)

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each generation as an entry or a reject."""
        return read_each(envelopes.unwrapped(rows, "data"), _call, self.name)


def _call(row: JsonObject) -> Iterable[JsonObject]:
    if "requests" in row and "date" in row:
        raise BadRowError(_DAILY)
    data = _generation(row)
    content = _content(row)
    given = fields.obj(content, "output")
    failure = calls.error(fields.get(content, "error"))
    if failure is None and data.get("cancelled") is True:
        failure = calls.error("the client broke it off")
    asked = _request(row, data, content)
    is_calling = fields.text(data, "finish_reason") == "tool_calls"
    found = calls.called(
        asked,
        None if is_calling or "output" not in content else _answer(given, data),
        missing=_MISSING,
        usage=_usage(data),
        failure=failure,
    )
    if is_calling and not fields.items(found, "request.tools"):
        found.setdefault("unreplayable", _TOOLS)
    return ({**found, **_about(row, data)},)


def _generation(row: JsonObject) -> JsonObject:
    places = (row.get(name) for name in ("metadata", "generation", "data"))
    return next((p for p in places if isinstance(p, dict) and _MARK in p), row)


def _content(row: JsonObject) -> JsonObject:
    found = decoded(row.get("content"))
    inner = fields.obj(found, "data")
    return inner or (found if isinstance(found, dict) else {})


def _request(row: JsonObject, data: JsonObject, content: JsonObject) -> JsonValue:
    sent = fields.obj(row, "request")
    model = fields.first_text(data, "model", "model_permaslug")
    body = {**fields.some({"model": model}), **sent}
    given = fields.get(content, "input")
    messages = fields.get(given, "messages")
    prompt = given if isinstance(given, str) else fields.get(given, "prompt")
    if not messages and isinstance(prompt, str):
        messages = [{"role": "user", "content": prompt}]
    if messages:
        return {**body, "messages": messages}
    return body if "messages" in sent else fields.some({"model": body.get("model")})


def _answer(given: JsonObject, data: JsonObject) -> JsonValue:
    message: JsonValue = {"role": "assistant", "content": fields.get(given, "completion")}
    choice: JsonValue = {
        "index": 0,
        "message": message,
        "finish_reason": data.get("finish_reason"),
        "native_finish_reason": data.get("native_finish_reason"),
    }
    return {"choices": [choice], **fields.some({"model": fields.text(data, "model")})}


def _usage(data: JsonObject) -> JsonObject | None:
    return usage(
        fields.count(data, _MARK),
        fields.count(data, "native_tokens_completion"),
        n_cached=fields.count(data, "native_tokens_cached"),
        n_reasoning=fields.count(data, "native_tokens_reasoning"),
    )


def _about(row: JsonObject, data: JsonObject) -> dict[str, JsonValue]:
    milliseconds = fields.number(data, "latency")
    cost = fields.number(data, "total_cost" if "total_cost" in data else "cost_total")
    upstream = fields.number(data, "upstream_inference_cost")
    if cost is not None and upstream is not None and data.get("is_byok") is True:
        # With a key of one's own the total is OpenRouter's fee, and the vendor bills the rest.
        cost += upstream
    metadata = dict(fields.obj(row, "request.metadata"))
    return {
        **calls.measured(
            cost_usd=cost,
            latency_s=None if milliseconds is None else milliseconds / 1000,
            is_cache_hit=bool(data.get("response_cache_source_id")),
        ),
        **fields.some(
            {
                "id": fields.first_text(data, "id", "generation_id"),
                "user": fields.text(data, "external_user"),
                "session": fields.text(data, "session_id"),
                "task": task_name(metadata=metadata, prompt=fields.text(data, "preset_id")),
            }
        ),
        "timestamp": data.get("created_at"),
        "metadata": metadata,
    }

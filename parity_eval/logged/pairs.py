"""Requests with their responses as people log them by themselves: a pair in an envelope."""

import re
from collections.abc import Iterable

from parity_eval.logged import fields, shapes
from parity_eval.logged.embedded import decoded
from parity_eval.logged.entries import BadRowError
from parity_eval.logged.names import own_tags, task_name
from parity_eval.logged.streams import joined
from parity_eval.logged.times import seconds_between
from parity_eval.records import JsonObject, JsonValue

_ASKED = ("request", "input", "body")
_GIVEN = ("response", "output", "completion")
_INSIDE = ("messages", "input", "prompt")
_FOREIGN = (
    *("custom_id", "model_group", "proxy_server_request", "request_created_at", "ai_org"),
    *("ai_provider", "dotted_order", "span_attributes", "op_name", "parentObservationId"),
    *("parent_observation_id", "traceTags", "RequestBody", "native_tokens_prompt", "spans"),
)
"""Fields by which exports of tools are known that have pairs in them as well."""
_SHORT_ID = re.compile(r"chatcmpl-\d{1,3}")
"""Ollama's: a random number below a thousand, which stands for no call in particular."""
_NO_ANSWER = ("{", "[", "data:", "event:", "<html", "<!doctype")
"""What a text starts with that is a broken body or an error page, and not what a model said."""
_FAILED = 400


def asked(row: object) -> dict[str, JsonValue] | None:
    """Return the request body of a row; None where it has none.

    It stands under `request`, `input` or `body`, as an object, as JSON text, or with a `body` of
    its own beside headers and the like. A list of messages alone is a request too.
    """
    found = (_opened(fields.get(row, key), _INSIDE) for key in _ASKED)
    for body in found:
        if isinstance(body, list) and body and fields.text(body[0], "role"):
            return {"messages": body}
        if isinstance(body, dict) and any(key in body for key in _INSIDE):
            return body
    return None


def given(row: object) -> JsonValue:
    """Return the response body of a row; None where it has none.

    A text that is no body is the answer itself, and a message alone is one too. What came under an
    HTTP status that says so is an error.
    """
    key = next((key for key in _GIVEN if fields.get(row, key) is not None), "response")
    logged = fields.get(row, key)
    body = _opened(logged, ("choices", "content", "output", "error"))
    status = fields.number(row, "status_code") or fields.number(logged, "status_code") or 0
    if body is None and (error := fields.get(row, "error")):
        return {"error": error if isinstance(error, dict) else {"message": error}}
    if status >= _FAILED and not fields.get(body, "error"):
        words = body if isinstance(body, str) and body else f"HTTP {int(status)}"
        return {"error": {"message": words, "code": str(int(status))}}
    if fields.get(body, "role") == "assistant" and not shapes.is_answer(body):
        return {"choices": [{"message": body}]}
    if isinstance(logged, str) and _is_said(logged, body):
        return {"choices": [{"message": {"role": "assistant", "content": logged}}]}
    return body


def foreign(row: object) -> str | None:
    """Return a field that only the export of a tool has; None where the pair is a user's own."""
    return next((name for name in _FOREIGN if isinstance(row, dict) and name in row), None)


def canonical(row: JsonObject) -> Iterable[JsonObject]:
    """Return a pair as rows of the canonical prompt log.

    Beside the pair an envelope may have `id`, `timestamp`, `latency_ms` (or `latency_s`, or
    `start_time` and `end_time`), `cost_usd`, `task`, `tags`, `metadata`, `user`, `session`.

    Raises:
        BadRowError: no request.
        NotACallError: a call of another kind.
    """
    request = asked(row) or decoded(row.get("request"))
    if not request:
        found = ", ".join(sorted(row)[:6]) or "nothing"
        raise BadRowError(f"no request with `messages` or `input`; the row has: {found}")
    call = shapes.row(request, given(row))
    tags, metadata = _about(row, fields.obj(call, "request.metadata"))
    answered = fields.obj(call, "response")
    timestamp = fields.first_text(row, "timestamp", "time", "created_at", "start_time")
    when = timestamp or fields.number(row, "timestamp")
    return (
        {
            **call,
            **fields.some(
                {
                    "id": _id(row, answered),
                    "timestamp": when or fields.number(answered, "created"),
                    "task": fields.text(row, "task") or task_name(metadata=metadata, tags=tags),
                    "user": fields.first_text(row, "user", "user_id")
                    or fields.text(call, "request.safety_identifier"),
                    "session": fields.first_text(row, "session", "session_id", "conversation_id"),
                    "latency_s": _latency_s(row),
                    "cost_usd": fields.number(row, "cost_usd"),
                    "cache_hit": row.get("cache_hit"),
                    "metadata": metadata,
                }
            ),
        },
    )


def _is_said(text: str, body: JsonValue) -> bool:
    """Whether a text is what the model said, not a body (or what is left of one)."""
    if isinstance(body, str):
        start = text.lstrip()[:9].lower()
        return bool(start) and not start.startswith(_NO_ANSWER)
    return not shapes.is_answer(joined(body))


def _opened(value: JsonValue, names: tuple[str, ...]) -> JsonValue:
    """Return a body, taken out of its text and of the message of HTTP that it came in."""
    body = decoded(value)
    if isinstance(body, dict) and "body" in body and not any(name in body for name in names):
        return decoded(body["body"])
    return body


def _about(row: JsonObject, sent: JsonObject) -> tuple[list[str], dict[str, JsonValue]]:
    """Return tags, and metadata: what was sent along, and what the envelope adds."""
    tags = row.get("tags")
    named = tags if isinstance(tags, dict) else {}
    metadata = {**sent, **fields.obj(row, "metadata"), **named}
    listed = own_tags(tags)
    return listed, {**metadata, "tags": [*listed]} if listed else metadata


def _id(row: JsonObject, answered: JsonObject) -> str | None:
    own = fields.first_text(row, "id", "request_id")
    of_answer = fields.text(answered, "id")
    if own is not None or of_answer is None or _SHORT_ID.fullmatch(of_answer):
        return own
    return of_answer


def _latency_s(row: JsonObject) -> float | None:
    seconds = fields.number(row, "latency_s")
    if seconds is not None:
        return seconds
    for name in ("latency_ms", "duration_ms"):
        if (milliseconds := fields.number(row, name)) is not None:
            return milliseconds / 1000
    return seconds_between(row.get("start_time"), row.get("end_time"))

"""What gateways and tracing tools say about a call to fields of a canonical row."""

from parity_eval.logged import fields, shapes
from parity_eval.logged.embedded import decoded
from parity_eval.logged.names import own_tags
from parity_eval.records import JsonObject, JsonValue

_OK = range(200, 300)
_GOOGLE = "it is in the shape of Google's own API (`contents`), which is not read"


def called(
    request: JsonValue,
    response: JsonValue,
    *,
    missing: str,
    usage: JsonObject | None = None,
    failure: JsonObject | None = None,
) -> dict[str, JsonValue]:
    """Return a call as fields of a canonical row.

    Args:
        request: Body in its vendor's shape; None, or nothing but the model's name, where the log
            does not have it.
        response: Body in its vendor's shape; None where the log does not have it.
        missing: Why there may be no request, and what to do about it.
        usage: What the log counted by itself; the body's own count wins.
        failure: The error that was the answer, if it was one.

    Raises:
        NotACallError: a call of another kind.
    """
    # In a table an empty cell is no answer.
    answer = (_whole(response) or None) if failure is None else dict(failure)
    is_missing = not request or (isinstance(request, dict) and request.keys() <= {"model"})
    found = dict(shapes.row({} if is_missing else request, answer))
    if is_missing:
        found |= {"request": request or {}, "unreplayable": missing}
    elif isinstance(request, dict) and "contents" in request and "messages" not in request:
        found |= {"response": answer if failure else None, "unreplayable": _GOOGLE}
    given = found.get("response")
    is_uncounted = isinstance(given, dict) and fields.count(given, "usage.prompt_tokens") is None
    if usage is not None and isinstance(given, dict) and "choices" in given and is_uncounted:
        found["response"] = {**given, "usage": dict(usage)}
    return found


def _whole(response: JsonValue) -> JsonValue:
    """Return the stream that gateways put into an object where they did not join it."""
    streamed = fields.get(response, "streamed_data")
    is_joined = fields.get(response, "choices") or fields.get(response, "content")
    return streamed if streamed and not is_joined else response


def measured(
    *, cost_usd: float | None, latency_s: float | None, is_cache_hit: bool = False
) -> dict[str, JsonValue]:
    """Return what a call cost and how long it took; of a gateway's cache only that it was that."""
    if is_cache_hit:
        return {"cache_hit": True}
    return fields.some({"cost_usd": cost_usd, "latency_s": latency_s})


def failed(status: float | None, response: JsonValue) -> JsonObject | None:
    """Return the error that an HTTP status stands for; None for success, or where none is known.

    Whatever stands in the body of such an answer, nobody was given it as an answer.

    Args:
        status: HTTP status; also a gateway's own codes below 0.
        response: Body as logged.
    """
    if status is None or int(status) in _OK:
        return None
    body = decoded(response)
    if isinstance(body, dict) and body.get("error"):
        return body
    words = body if isinstance(body, str) and body else f"HTTP {int(status)}"
    return {"error": {"message": words, "code": str(int(status))}}


def error(message: JsonValue) -> JsonObject | None:
    """Return the error that a tool noted as text (or as an object); None where it noted none."""
    if isinstance(message, dict) and message:
        return {"error": message}
    return {"error": {"message": message}} if isinstance(message, str) and message else None


def about(metadata: object, tags: JsonValue = None) -> dict[str, JsonValue]:
    """Return metadata, which may be JSON text, with the tags that people gave."""
    found = decoded(metadata) if isinstance(metadata, str) else metadata
    own: list[JsonValue] = [*own_tags(decoded(tags))]
    return {**(found if isinstance(found, dict) else {}), **({"tags": own} if own else {})}

"""Rows of the canonical prompt log, from whatever reader, to log entries."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from parity_eval import codec, wire
from parity_eval.logged.times import utc_time
from parity_eval.records import (
    JsonObject,
    JsonValue,
    LogEntry,
    Reject,
    Request,
    RequestId,
    Response,
    Row,
    Skipped,
)

# Transport, not content: how an answer was delivered changes nothing about what was asked.
_NOT_CONTENT = frozenset({"model", "stream", "stream_options"})


class BadRowError(ValueError):
    """A row that is of the format, and not a usable call."""


class NotACallError(ValueError):
    """A row that is no call of a chat model, and is not meant to be."""


def read_each(
    rows: Iterable[Row | Reject],
    translate: Callable[[JsonObject], Iterable[JsonObject]],
    source: str,
) -> Iterator[LogEntry | Skipped | Reject]:
    """Yield what the rows of a log say, each by itself.

    Args:
        rows: Rows of any format; rejects pass through.
        translate: Turns a row into rows of the canonical prompt log (DESIGN.md, section 5): `id`,
            `request`, `response`, `task`, `timestamp`, `user`, `session`, `metadata`, and
            `latency_s`, `cost_usd`, `cache_hit`, `unreplayable` (why the request cannot be sent
            again; `request` may then be missing). All but `request` may be missing: a row without
            `id` is known by what it says. Raises `BadRowError` or `NotACallError`,
            whose text is the reason.
        source: Name of the format.
    """
    nameless = Counter[str]()
    for row in rows:
        if isinstance(row, Reject):
            yield row
            continue
        try:
            if not isinstance(row.value, dict):
                raise BadRowError(f"a JSON object was expected, not {_KINDS[type(row.value)]}")  # noqa: TRY301
            for call in translate(row.value):
                yield _entry(call if "id" in call else _named(call, nameless), row, source)
        except NotACallError as error:
            yield Skipped(path=row.path, line=row.number, reason=str(error))
        except BadRowError as error:
            yield Reject(path=row.path, line=row.number, reason=str(error))
        except RecursionError:
            yield Reject(path=row.path, line=row.number, reason="nested too deeply")


def _named(call: JsonObject, nameless: Counter[str]) -> JsonObject:
    """Give a row an id that depends on what it says, not on where it stands.

    Of equal rows, which may well be two calls, each gets a number.
    """
    print_ = codec.digest(call)[:20]
    nameless[print_] += 1
    return {**call, "id": f"{print_}-{nameless[print_]}"}


_KINDS = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}


def _entry(row: JsonObject, origin: Row, source: str) -> LogEntry:
    response = _response(row)
    request, why = _request(row, response)
    metadata = row.get("metadata", {})
    if metadata is not None and not isinstance(metadata, dict):
        raise BadRowError(f"`metadata` must be an object, not {_KINDS[type(metadata)]}")
    return LogEntry(
        request=Request(
            id=RequestId(_id(row)),
            body={key: value for key, value in request.items() if key not in _NOT_CONTENT},
        ),
        response=response,
        model=_text(request, "model"),
        task=_text(row, "task"),
        timestamp=utc_time(row.get("timestamp")),
        user=_text(row, "user") or _text(request, "user"),
        session=_text(row, "session"),
        metadata=metadata or {},
        path=origin.path,
        line=origin.number,
        unreplayable=why,
        source=source,
        cost_usd=_cost(row.get("cost_usd")),
        is_cache_hit=row.get("cache_hit") is True,
    )


def _request(row: JsonObject, response: Response | None) -> tuple[JsonObject, str | None]:
    """Return the logged body, and why it cannot be sent again."""
    request = row.get("request")
    if given := _text(row, "unreplayable"):
        return request if isinstance(request, dict) else {}, given
    if isinstance(request, str) and (why := wire.why_unreadable(request)):
        return {}, why
    if not isinstance(request, dict):
        raise BadRowError(f"`request` must be an object, not {_KINDS[type(request)]}")
    if why := wire.why_unreplayable(request, response):
        return request, why
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRowError("`request.messages` must be a list with at least one message")
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise BadRowError("each of `request.messages` must be an object with a `role`")
    return request, None


def _response(row: JsonObject) -> Response | None:
    """Return the logged answer; None where there is none, or one that the log cut."""
    logged = row.get("response")
    if logged is None:
        return None
    response = wire.parse_completion(_timed(logged, row))
    return None if wire.is_cut(response.text) else response


def _id(row: JsonObject) -> str:
    given = row.get("id")
    if isinstance(given, bool) or not isinstance(given, (str, int)) or given == "":
        raise BadRowError("`id` must be a non-empty text or a whole number")
    return str(given)


def _text(row: JsonObject, key: str) -> str | None:
    value = row.get(key)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (dict, list)):
        raise BadRowError(f"`{key}` must be a text, not {_KINDS[type(value)]}")
    return str(value)


def _timed(response: JsonValue, row: JsonObject) -> JsonValue:
    latency = row.get("latency_s")
    if isinstance(response, dict) and latency is not None and "latency_s" not in response:
        return {**response, "latency_s": latency}
    return response


def _cost(value: JsonValue) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if value >= 0 else None

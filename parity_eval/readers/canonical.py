"""The canonical prompt log: one chat-completions request, with its response, per JSON line."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import ClassVar

import msgspec

from parity_eval import codec, wire
from parity_eval.lines import read_lines
from parity_eval.records import (
    JsonObject,
    JsonValue,
    LogEntry,
    Reject,
    Request,
    RequestId,
    Response,
)

# Transport, not content: how an answer was delivered changes nothing about what was asked.
_NOT_CONTENT = frozenset({"model", "stream", "stream_options"})
# Unix times of this century in seconds have ten digits, in milliseconds thirteen, and so on.
_SECONDS_END = 1e11


class Canonical:
    """Read `{"id", "request", "response"?, "task"?, "timestamp"?, ...}` lines (`.jsonl[.gz]`).

    A request that a gateway cut, redacted or encrypted before it logged it is an entry that cannot
    be sent again, not a reject: it is part of the traffic that a certificate would speak of.
    """

    name: ClassVar[str] = "canonical"

    def read(self, path: str) -> Iterator[LogEntry | Reject]:
        """Yield each line as an entry or a reject.

        Raises:
            InputError: the file cannot be read at all.
        """
        for number, line in read_lines(path):
            try:
                row = codec.parse(line)
                yield _entry(row, number)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                yield Reject(path=path, line=number, reason=f"not JSON: {error}")
            except _BadLineError as error:
                yield Reject(path=path, line=number, reason=str(error))


class _BadLineError(ValueError):
    """A line that is JSON, but not a logged call."""


_KINDS = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}


def _entry(row: JsonValue, number: int) -> LogEntry:
    if not isinstance(row, dict):
        raise _BadLineError(f"a JSON object was expected, not {_KINDS[type(row)]}")
    response = _response(row)
    request, why = _request(row, response)
    metadata = row.get("metadata", {})
    if metadata is not None and not isinstance(metadata, dict):
        raise _BadLineError(f"`metadata` must be an object, not {_KINDS[type(metadata)]}")
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
        line=number,
        unreplayable=why,
    )


def _request(row: JsonObject, response: Response | None) -> tuple[JsonObject, str | None]:
    """Return the logged body, and why it cannot be sent again."""
    request = row.get("request")
    if isinstance(request, str) and (why := wire.why_unreadable(request)):
        return {}, why
    if not isinstance(request, dict):
        found = ", ".join(sorted(row)[:6]) or "nothing"
        raise _BadLineError(f"no object `request`; the line has: {found}")
    if why := wire.why_unreplayable(request, response):
        return request, why
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        raise _BadLineError("`request.messages` must be a list with at least one message")
    if not all(isinstance(m, dict) and isinstance(m.get("role"), str) for m in messages):
        raise _BadLineError("each of `request.messages` must be an object with a `role`")
    return request, None


def _response(row: JsonObject) -> Response | None:
    """Return the logged answer; None where there is none, or one that the log cut."""
    logged = row.get("response")
    if logged is None:
        return None
    response = wire.parse_completion(_timed(logged, row))
    return None if wire.is_cut(response.text) else response


def utc_time(value: JsonValue) -> str | None:
    """Return a time as UTC, ISO 8601.

    Args:
        value: ISO 8601 text, without a zone in UTC; or Unix time, in seconds or finer.

    Returns:
        The time in whole seconds; None where the value is no time.

    Example:
        >>> utc_time("2026-03-01T09:30:00+01:00"), utc_time(1772353800123)
        ('2026-03-01T08:30:00Z', '2026-03-01T08:30:00Z')
    """
    try:
        if isinstance(value, str) and not value.strip().isdecimal():
            when = datetime.fromisoformat(value.strip().removesuffix(" UTC"))
            when = when.replace(tzinfo=when.tzinfo or UTC).astimezone(UTC)
        elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
            seconds = float(value)
            while abs(seconds) >= _SECONDS_END:
                seconds /= 1000
            when = datetime.fromtimestamp(seconds, tz=UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _id(row: JsonObject) -> str:
    given = row.get("id")
    if isinstance(given, bool) or not isinstance(given, (str, int)) or given == "":
        raise _BadLineError("`id` must be a non-empty text or a whole number")
    return str(given)


def _text(row: JsonObject, key: str) -> str | None:
    value = row.get(key)
    if value is None:
        return None
    if isinstance(value, (dict, list)):
        raise _BadLineError(f"`{key}` must be a text, not {_KINDS[type(value)]}")
    return str(value)


def _timed(response: JsonValue, row: JsonObject) -> JsonValue:
    latency = row.get("latency_s")
    if isinstance(response, dict) and latency is not None and "latency_s" not in response:
        return {**response, "latency_s": latency}
    return response

"""Times, as logs write them."""

import re
from datetime import UTC, datetime

from parity_eval.records import JsonValue

# Unix times of this century in seconds have ten digits, in milliseconds thirteen, and so on.
_SECONDS_END = 1e11
_FINER = ("milliseconds", "microseconds", "nanoseconds")
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_SHORT_ZONE = re.compile(r"[+-]\d\d$")


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
    when = _moment(value)
    if when is None:
        return None
    if isinstance(value, str) and _UTC.fullmatch(value):
        return value
    return when.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def seconds_between(start: JsonValue, end: JsonValue) -> float | None:
    """Return the seconds from one time to another; None where one is no time or they are reversed.

    Example:
        >>> seconds_between("2026-03-01T09:30:00.250Z", "2026-03-01 09:30:01+00")
        0.75
    """
    began, ended = _moment(start), _moment(end)
    if began is None or ended is None or ended < began:
        return None
    return (ended - began).total_seconds()


def _moment(value: JsonValue) -> datetime | None:
    try:
        if isinstance(value, str) and not value.strip().isdecimal():
            # Some exports quote their dates once more; `+00` is Postgres' way.
            text = value.strip().strip('"').removesuffix(" UTC")
            text = f"{text}:00" if _SHORT_ZONE.search(text) and ":" in text else text
            when = datetime.fromisoformat(text)
            if when.tzinfo is UTC:
                return when
            return when.replace(tzinfo=when.tzinfo or UTC).astimezone(UTC)
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            seconds = float(value)
            for _ in _FINER:
                if abs(seconds) >= _SECONDS_END:
                    seconds /= 1000
            return datetime.fromtimestamp(seconds, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None

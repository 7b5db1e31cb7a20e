"""What headers say of an endpoint's rate limits beside how long to wait."""

import re
from collections.abc import Mapping
from datetime import datetime

_DURATION = re.compile(r"(?=.)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)s)?(?:([\d.]+)ms)?")
_UNITS_S = (86_400.0, 3600.0, 60.0, 1.0, 0.001)
_EPOCH_S = 1e9
_EPOCH_MS = 1e12


def exhausted_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """Return the seconds until an endpoint takes calls again of which it says that none is left.

    Args:
        headers: Response headers, such as `x-ratelimit-remaining-requests` and
            `x-ratelimit-reset-requests`; names in any case.
        now_s: Current time, in seconds since 1970, to read a time against.

    Returns:
        The longest of them; None where something is left of everything, or nothing is said.

    Example:
        >>> said = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m2s"}
        >>> exhausted_s(said, now_s=0.0)
        62.0
    """
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    waits = [
        _seconds(lower.get(name.replace("remaining", "reset"), ""), now_s)
        for name, left in lower.items()
        if "ratelimit" in name and "remaining" in name and re.fullmatch(r"0(\.0*)?", left)
    ]
    return max((wait for wait in waits if wait is not None), default=None)


def _seconds(text: str, now_s: float) -> float | None:
    """Read a duration (`6m0s`, `17ms`), a number of seconds, or a time."""
    try:
        if re.fullmatch(r"\d{1,15}(\.\d*)?", text):
            number = float(text)
            if number >= _EPOCH_MS:
                number /= 1000
            return max(0.0, number - now_s) if number >= _EPOCH_S else number
        if text and (match := _DURATION.fullmatch(text)):
            parts = zip(match.groups(), _UNITS_S, strict=True)
            return sum(float(count) * unit for count, unit in parts if count)
        when = datetime.fromisoformat(text)
        return max(0.0, when.timestamp() - now_s) if when.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None

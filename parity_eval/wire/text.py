"""Text that a journal can hold and a terminal can show."""

import json

from parity_eval.records import JsonValue

MAX_DETAIL = 500
"""Characters kept of what an endpoint said."""


def clean(text: str) -> str:
    """Replace half surrogate pairs, which no journal can hold."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def dumps(value: JsonValue) -> str:
    """Write a JSON document on one line."""
    return clean(json.dumps(value, ensure_ascii=False))


def shorten(text: str) -> str:
    """Put text on one line of at most `MAX_DETAIL` characters."""
    line = " ".join(clean(text).split())
    return line if len(line) <= MAX_DETAIL else f"{line[: MAX_DETAIL - 1]}…"


def text_or_none(value: JsonValue) -> str | None:
    """Return non-empty text, None for anything else."""
    return clean(value) if isinstance(value, str) and value else None


def count_or_none(value: JsonValue) -> int | None:
    """Return a whole number of at least 0, None for anything else."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None

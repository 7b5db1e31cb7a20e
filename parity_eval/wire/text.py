"""Text that a journal can hold and a terminal can show."""

import json
from collections.abc import Iterable
from typing import AnyStr

from parity_eval.records import JsonValue

MAX_BODY = 64 * 2**20
"""Most bytes that are taken of an answer; no model writes as much."""
MAX_DETAIL = 500
"""Characters kept of what an endpoint said."""
SPACELESS = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3"
"""Characters of scripts without spaces, as a class of a regular expression: each may be a word."""
_SHORTEST_KEY = 8
_MASK = "***"


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


def mask(text: AnyStr, secrets: Iterable[str]) -> AnyStr:
    """Take keys out of a text, or out of a body as it was received.

    Args:
        text: What may repeat them.
        secrets: The keys; short ones are placeholders such as `none`, and stay.
    """
    for secret in secrets:
        if len(secret) < _SHORTEST_KEY:
            continue
        if isinstance(text, str):
            text = text.replace(secret, _MASK)
        else:
            text = text.replace(secret.encode(), _MASK.encode())
    return text


def text_or_none(value: JsonValue) -> str | None:
    """Return non-empty text, None for anything else."""
    return clean(value) if isinstance(value, str) and value else None


def count_or_none(value: JsonValue) -> int | None:
    """Return a whole number of at least 0, None for anything else."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and value >= 0 else None

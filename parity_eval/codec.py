"""Records to canonical JSON and back; digests.

Canonical means: UTF-8, keys sorted, no spaces, no NaN. Equal values give equal bytes.
"""

import hashlib
import math
from typing import Any, TypeVar

import msgspec

from parity_eval.errors import InputError, ParityError
from parity_eval.records import JsonValue

T = TypeVar("T")

_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER = msgspec.json.Decoder()


def encode(value: object) -> bytes:
    """Return canonical JSON.

    Raises:
        ParityError: a number that is not finite; JSON has no word for it.
    """
    data = msgspec.to_builtins(value)
    _refuse_non_finite(data)
    return _ENCODER.encode(data)


def decode(data: bytes, kind: type[T], where: str) -> T:
    """Read one value of our own formats.

    Args:
        data: JSON.
        kind: Type to read.
        where: File, for the message.

    Raises:
        InputError: the data does not hold that type.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{where}: {error}; the file is damaged or of another version") from error


def parse(data: bytes) -> JsonValue:
    """Read any JSON document.

    Raises:
        msgspec.DecodeError: not JSON (NaN and lone surrogates included).
    """
    parsed: JsonValue = _DECODER.decode(data)
    return parsed


def digest(value: object) -> str:
    """Return the SHA-256 of the canonical JSON, in hex."""
    return hashlib.sha256(encode(value)).hexdigest()


def builtins(value: object) -> dict[str, Any]:
    """Return a record as plain dictionaries and lists."""
    plain: dict[str, Any] = msgspec.to_builtins(value)
    return plain


def pretty(value: object) -> str:
    """Return sorted, indented JSON with a final newline, byte-stable for equal values."""
    return msgspec.json.format(encode(value), indent=2).decode() + "\n"


def _refuse_non_finite(data: object) -> None:
    # msgspec writes NaN and infinities as null without a word.
    stack = [data]
    while stack:
        item = stack.pop()
        if isinstance(item, float) and not math.isfinite(item):
            raise ParityError(f"{item} cannot be written as JSON")
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, (list, tuple)):
            stack.extend(item)

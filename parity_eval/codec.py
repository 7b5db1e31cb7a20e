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
    data = _ENCODER.encode(value)
    # msgspec writes NaN and infinities as null without a word.
    if b"null" in data:
        _refuse_non_finite(msgspec.to_builtins(value))
    return data


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


def sparse(record: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    """Return a record as a dictionary, for storing: without what is not there.

    Args:
        record: A dataclass. Fields are left out that are null, zero or empty by default, and are
            so here; reading gives the same record again.
    """
    kept = {}
    for name, field in record.__dataclass_fields__.items():
        value = getattr(record, name)
        if field.default or value != field.default:
            kept[name] = sparse(value) if hasattr(value, "__dataclass_fields__") else value
    return kept


def pretty(value: object) -> str:
    """Return sorted, indented JSON with a final newline, byte-stable for equal values."""
    return msgspec.json.format(encode(value), indent=2).decode() + "\n"


def _refuse_non_finite(data: object) -> None:
    """Look through plain values, level by level; this is done to every record with a null."""
    found: list[Any] = [(data,)]
    for values in found:  # which grows meanwhile
        for value in values:
            kind = type(value)
            if kind is float:
                if not math.isfinite(value):
                    raise ParityError(f"{value} cannot be written as JSON")
            elif kind is dict:
                found.append(value.values())
            elif kind is list or kind is tuple:
                found.append(value)

"""JSON that a log wrote as text, once or twice over."""

import msgspec

from parity_eval import codec
from parity_eval.records import JsonValue

_STARTS = ("{", "[", '"')
_DEPTH = 2


def decoded(value: JsonValue) -> JsonValue:
    """Return the JSON that a text holds, also where it is a text inside of a text.

    Only for fields that are known to hold JSON: a user's own words may look like it too.

    Args:
        value: Anything; what is no text is returned as it is.

    Returns:
        The document; the text itself where it is not JSON, or JSON that no journal can hold (half
        surrogate pairs, numbers out of range).

    Example:
        >>> decoded('"[1, 2]"'), decoded("[broken")
        ([1, 2], '[broken')
    """
    for _ in range(_DEPTH):
        if not isinstance(value, str) or not value.lstrip().startswith(_STARTS):
            return value
        try:
            value = codec.parse(value.encode())
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return value
    return value

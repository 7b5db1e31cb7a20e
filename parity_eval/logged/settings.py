"""Parameters of a model call that a tool logs apart from the messages."""

import math
from collections.abc import Mapping

from parity_eval.logged.embedded import decoded
from parity_eval.records import JsonObject, JsonValue

_NUMBERS = frozenset(
    {"frequency_penalty", "max_completion_tokens", "max_tokens", "n", "presence_penalty"}
    | {"seed", "temperature", "top_logprobs", "top_p"}
)
_DOCUMENTS = frozenset(
    {"function_call", "functions", "logit_bias", "reasoning", "response_format", "stop"}
    | {"stop_sequences", "text", "thinking", "tool_choice", "tools"}
)
_OTHERS = frozenset(
    {"instructions", "logprobs", "max_output_tokens", "modalities", "parallel_tool_calls"}
    | {"reasoning_effort", "top_k", "verbosity"}
)
_NOT_SENT = frozenset({"extra_body", "extra_headers", "extra_query", "self", "timeout"})


def chat_params(logged: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return those of the logged settings that a request for a chat completion has.

    Some tools write numbers as text, `inf` for a limit that was not set, and schemas and tools as
    JSON text.

    Args:
        logged: Names to values; may hold other things as well.

    Example:
        >>> chat_params({"temperature": "0.5", "max_tokens": "inf", "provider": "openai"})
        {'temperature': 0.5}
    """
    found: dict[str, JsonValue] = {}
    for name, value in logged.items():
        read = _read(name, value)
        if read is not None:
            found[name] = read
    return found


def body(arguments: JsonObject) -> dict[str, JsonValue]:
    """Return the request that a call of a vendor's client with these arguments sends.

    Example:
        >>> body({"model": "big", "timeout": 5, "extra_body": {"top_k": 3}})
        {'model': 'big', 'top_k': 3}
    """
    extra = arguments.get("extra_body")
    sent = {name: value for name, value in arguments.items() if name not in _NOT_SENT}
    return {**sent, **(extra if isinstance(extra, dict) else {})}


def _read(name: str, value: JsonValue) -> JsonValue:
    if name in _NUMBERS:
        return _number(value)
    if name in _DOCUMENTS:
        # An empty one, or one that was not set, is not a setting.
        return decoded(value) or None
    return value if name in _OTHERS else None


def _number(value: JsonValue) -> JsonValue:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(number):
        return None
    return value if not isinstance(value, str) else int(number) if number.is_integer() else number

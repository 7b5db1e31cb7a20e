"""What of a logged request is not what was sent, so that nobody can send it again."""

import re
from collections.abc import Iterator

from parity_eval.records import JsonObject, JsonValue, Response

_CUT_INSIDE = "litellm_truncated"
_CUT_AT_END = re.compile(
    r"(\[truncated\]|<truncated[^<>]{0,80}>"
    r"|(\.\.\.|…) ?[(\[<]truncated[^()\[\]<>]{0,80}[)\]>]?)\s*\Z",
    re.IGNORECASE,
)
_TAIL = 200
"""Characters that the longest mark of a cut, and spaces after it, take up."""
_REDACTED = re.compile(
    r"\s*(\[redacted\]|<redacted>|\(redacted\)|__redacted__|\*{3,} ?redacted ?\*{3,}"
    r"|redacted[-_ ]by[-_ ]\w+)\s*",
    re.IGNORECASE,
)
_SEALED = frozenset({"encrypted", "encrypted_content", "encrypted_data", "ciphertext"})
_ONLY_TEXT = frozenset({"role", "content"})
_ENVELOPE = frozenset({"key", "iv", "data"})
_KEPT = frozenset({"previous_response_id", "conversation", "conversation_id"})
_CUT, _GONE = "the log cut its text", "the log left its text out"
_ELSEWHERE = "it goes on from a conversation that the provider keeps"
_FILE = "it refers to a file that the provider keeps"
_ENCRYPTED = "it is encrypted"
_UNASKED = "the log left out its tools or its schema"
_PLACES = ("tools", "functions", "response_format")


def why_unreplayable(request: JsonObject, answer: Response | None = None) -> str | None:
    """Say why a logged request cannot be sent again as it was; None where nothing speaks against.

    A log is believed unless it says otherwise itself: a text that ends with the mark of a cut, or
    is nothing but the mark of something taken out. The same words inside of a text, or at the end
    of a tool's result, are what an application sends.

    Args:
        request: Chat-completions body as logged.
        answer: The answer given at the time; one that calls tools was given to a request with some.

    Example:
        >>> why_unreplayable({"messages": [{"role": "user", "content": "[REDACTED]"}]})
        'the log left its text out'
    """
    if not _KEPT.isdisjoint(request) and any(request.get(name) for name in _KEPT):
        return _ELSEWHERE
    messages = request.get("messages")
    if isinstance(messages, str):
        return why_unreadable(messages)
    if _is_encrypted(request) or _is_encrypted(messages):
        return _ENCRYPTED
    if not messages:
        return _GONE if "messages" in request else None
    if not isinstance(messages, list):
        return None
    why = None
    for message in messages:
        why = why or _why_message(message)
    return why or _why_tools(request, answer)


def why_unreadable(text: str) -> str | None:
    """Say what became of what was where a text stands; None where the text does not tell."""
    if _REDACTED.fullmatch(text):
        return _GONE
    return _CUT if is_cut(text) else None


def is_cut(text: str) -> bool:
    """Whether a text carries the mark of a log that cut it."""
    if _CUT_INSIDE in text:
        return True
    tail = text[-_TAIL:]
    # The search looks at each place of the tail; most texts say nothing of the kind.
    return "truncated" in tail.lower() and _CUT_AT_END.search(tail) is not None


def _why_tools(request: JsonObject, answer: Response | None) -> str | None:
    """Say what is wrong with what a request asks for beside its messages."""
    for name in _PLACES:
        value = request.get(name)
        # Schemas may be large: their text is searched faster than they are.
        if value and (isinstance(value, str) or _CUT_INSIDE in repr(value)):
            return _UNASKED
    has_tools = request.get("tools") is not None or request.get("functions") is not None
    choice = request.get("tool_choice") or request.get("function_call")
    needs_tools = choice not in (None, "none") or (answer is not None and answer.tool_calls)
    return _UNASKED if needs_tools and not has_tools else None


def _why_message(message: JsonValue) -> str | None:
    if not isinstance(message, dict):
        return why_unreadable(message) if isinstance(message, str) else None
    if message.keys() == _ONLY_TEXT and message["role"] not in ("tool", "function"):
        content = message["content"]  # nearly all of them hold a text and nothing else
        if isinstance(content, str):
            return why_unreadable(content)
    return _why_parts(message)


def _why_parts(message: JsonObject) -> str | None:
    if _is_encrypted(message) or _is_encrypted(message.get("content")):
        return _ENCRYPTED
    is_result = message.get("role") in ("tool", "function")
    for text in _texts(message):
        if _REDACTED.fullmatch(text):
            return _GONE
        if _CUT_INSIDE in text or (not is_result and is_cut(text)):
            return _CUT
    parts = [part for part in _list(message.get("content")) if isinstance(part, dict)]
    return _FILE if any(_is_kept_file(part) for part in parts) else None


def _texts(message: JsonObject) -> Iterator[str]:
    content = message.get("content")
    if isinstance(content, str):
        yield content
    for part in _list(content):
        for key in ("text", "image_url"):
            value = part.get(key) if isinstance(part, dict) else part
            value = value.get("url") if isinstance(value, dict) else value
            if isinstance(value, str):
                yield value
    for call in _list(message.get("tool_calls")):
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(text := function.get("arguments"), str):
            yield text


def _is_encrypted(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    is_marked = value.get("type") == "encrypted" or not _SEALED.isdisjoint(value)
    return is_marked or value.keys() == _ENVELOPE


def _is_kept_file(part: JsonObject) -> bool:
    inner = part.get("file")
    has_data = isinstance(inner, dict) and inner.get("file_data")
    return not has_data and bool(
        part.get("file_id") or (isinstance(inner, dict) and inner.get("file_id"))
    )


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []

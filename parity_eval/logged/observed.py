"""Input and output of a model call, as tracing tools keep them, to bodies.

A tool keeps what the code around the call handed it: a whole body, its messages or choices, a
single message or text, or objects of LangChain.
"""

import json
from collections.abc import Callable

from parity_eval.logged import fields, langchain, settings
from parity_eval.logged.embedded import decoded
from parity_eval.logged.entries import BadRowError
from parity_eval.logged.streams import joined
from parity_eval.records import JsonObject, JsonValue

_SHOWN = 6
_ITEMS = frozenset({"function_call", "function_call_output", "message", "reasoning"})
"""Types of the items that OpenAI's Responses API takes and gives."""


def request(given: JsonValue, params: JsonObject, model: str | None = None) -> JsonValue:
    """Return the request that an input stands for.

    Args:
        given: What was kept as the input.
        params: Settings that were kept apart; those beside the messages win.
        model: Name of the model, where the input does not have it.

    Returns:
        The body, in its vendor's shape; at most the model's name where no input was kept.

    Raises:
        BadRowError: an input that holds no messages.
    """
    found = decoded(given)
    named = fields.some({"model": model})
    if found in (None, "", [], {}):
        return named or None
    if isinstance(found, list | str) and _is_of_responses(found, params):
        return {**named, **params, "input": found}
    return {**named, **params, **_asked(found)}


def answer(given: JsonValue) -> JsonValue:
    """Return the body that an output stands for, in its vendor's shape; None where there is none.

    An object that is no answer of any API is what a model was asked for as JSON: it is the text of
    the answer, which the tool has parsed.
    """
    found = joined(decoded(given))
    if found in (None, "", [], {}):
        return None
    if isinstance(found, list):
        return _listed(found, given)
    if isinstance(found, dict):
        return _told(found, given)
    return _completion({"role": "assistant", "content": _text(found)})


def refers(value: JsonValue, is_reference: Callable[[str], bool]) -> bool:
    """Whether a text anywhere inside of a value refers to something that the tool keeps."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str) and is_reference(item):
            return True
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return False


def _is_of_responses(found: JsonValue, params: JsonObject) -> bool:
    """Whether an input stood beside settings, or is of items, that only that API has."""
    if not params.keys().isdisjoint({"instructions", "max_output_tokens", "text"}):
        return True
    tools = fields.items(params, "tools")
    is_flat = bool(tools) and all(fields.text(tool, "name") is not None for tool in tools)
    return _has_items(found) or (is_flat and fields.text(tools[0], "type") == "function")


def _has_items(found: JsonValue) -> bool:
    listed = found if isinstance(found, list) else []
    return any(fields.text(item, "type") in _ITEMS for item in listed)


def _asked(found: JsonValue) -> dict[str, JsonValue]:
    if isinstance(found, str):
        return {"messages": [{"role": "user", "content": found}]}
    if isinstance(found, list):
        messages = langchain.messages(found)
        if messages is not None:
            return {"messages": messages}
        raise BadRowError("its input is a list, but not of messages")
    if not isinstance(found, dict):
        raise BadRowError("its input holds no messages")
    return _asked_with(found)


def _asked_with(found: JsonObject) -> dict[str, JsonValue]:
    body = settings.body(found)
    for name in ("messages", "prompts", "prompt"):
        if name in body:
            given = body.pop(name)
            return {**body, "messages": _messages(given)}
    if "input" in body or "contents" in body:
        return body
    if (message := langchain.message(found)) is not None:
        return {"messages": [message]}
    names = ", ".join(sorted(found)[:_SHOWN])
    raise BadRowError(f"its input holds no messages; it has: {names}")


def _messages(given: JsonValue) -> JsonValue:
    found = decoded(given)
    if isinstance(found, list) and found and all(isinstance(item, str) for item in found):
        found = found[0]  # prompts in a batch: every run is of one
    if isinstance(found, str):
        return [{"role": "user", "content": found}]
    # What is no list of messages is said where it is checked.
    return langchain.messages(found) or found


def _listed(found: list[JsonValue], given: JsonValue) -> JsonValue:
    head = found[0]
    if isinstance(head, dict) and "message" in head:
        return {"choices": found}
    if _has_items(found):
        return {"object": "response", "status": "completed", "output": found}
    if isinstance(head, dict) and fields.text(head, "type") in ("text", "tool_use", "thinking"):
        return {"type": "message", "role": "assistant", "content": found}
    messages = langchain.messages(found)
    if messages is None:
        return _completion({"role": "assistant", "content": _as_json(found, given)})
    return _completion(messages[-1])


def _told(found: JsonObject, given: JsonValue) -> JsonValue:
    if _is_body(found):
        return dict(found)
    if "generations" in found:
        return langchain.completion(found)
    inner = found.get("message")
    message = langchain.message(inner) if isinstance(inner, dict) else langchain.message(found)
    if message is not None:
        return _completion(message)
    if (messages := langchain.messages(found.get("messages"))) is not None:
        return _completion(messages[-1])
    return _completion({"role": "assistant", "content": _as_json(found, given)})


def _is_body(found: JsonObject) -> bool:
    return (
        isinstance(found.get("choices"), list)
        or isinstance(found.get("error"), dict)
        or found.get("type") == "message"
        or found.get("object") in ("chat.completion", "response")
    )


def _completion(message: JsonValue) -> dict[str, JsonValue]:
    return {"choices": [{"index": 0, "message": message}]}


def _as_json(found: object, given: JsonValue) -> str:
    """Return the text that was parsed: as it was kept, where it was kept as text."""
    return given if isinstance(given, str) else json.dumps(found, ensure_ascii=False)


def _text(found: JsonValue) -> str:
    return found if isinstance(found, str) else json.dumps(found)

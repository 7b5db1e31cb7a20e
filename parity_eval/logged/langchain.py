"""LangChain's messages and results, in the shapes that its tracers write, to chat completions."""

import json
from collections.abc import Mapping

from parity_eval.logged import fields
from parity_eval.logged.usage import usage
from parity_eval.records import JsonObject, JsonValue

_ROLES: Mapping[str, str] = {
    "human": "user",
    "user": "user",
    "ai": "assistant",
    "assistant": "assistant",
    "system": "system",
    "developer": "developer",
    "tool": "tool",
    "function": "function",
}
# Parts of an answer that are no content: thoughts, and calls that stand in `tool_calls` as well.
_NOT_CONTENT = frozenset(
    {"function_call", "input_json_delta", "reasoning", "redacted_thinking", "thinking"}
    | {"tool_call", "tool_use", "tool_call_chunk"}
)
_PAIR = 2


def messages(given: JsonValue) -> list[JsonValue] | None:
    """Return messages as chat completions have them; None where these are none.

    Args:
        given: A list of messages, or a list that holds one such list (a batch of one): objects of
            LangChain (with `lc` and `kwargs`), what their `dict()` gives, role and text in a pair,
            or messages in OpenAI's shape, which stay as they are.
    """
    if isinstance(given, list) and given and isinstance(given[0], list) and not _is_pair(given[0]):
        given = given[0]
    if not isinstance(given, list) or not given:
        return None
    found = [message(item) for item in given]
    return None if any(item is None for item in found) else list(found)


def message(given: object) -> dict[str, JsonValue] | None:
    """Return one message as chat completions have it; None where it is none."""
    if _is_pair(given) and isinstance(given, list):
        role = _ROLES.get(str(given[0]))
        return None if role is None else {"role": role, "content": given[1]}
    if not isinstance(given, dict):
        return None
    own = _fields(given)
    if own is None:
        return dict(given) if isinstance(given.get("role"), str) else None
    role = _role(given, own)
    if role is None:
        return None
    found: dict[str, JsonValue] = {"role": role, "content": _content(own.get("content"))}
    if calls := _calls(own):
        found["tool_calls"] = calls
    for name in ("tool_call_id", "name"):
        if isinstance(value := own.get(name), str) and value:
            found[name] = value
    return found


def completion(result: JsonObject) -> dict[str, JsonValue] | None:
    """Return a result (`generations`) as a chat completion; None where it holds no answer.

    Of several answers to one prompt the first counts.
    """
    generation = _first(_first(result.get("generations")))
    if not isinstance(generation, dict):
        return None
    given = generation.get("message")
    answer = message(given)
    if answer is None:
        text = fields.get(generation, "text")
        answer = {"role": "assistant", "content": text if isinstance(text, str) else None}
    about = {"generation": generation, "message": _kwargs(given), "result": result}
    reason = fields.first_text(
        about,
        "generation.generation_info.finish_reason",
        "message.response_metadata.finish_reason",
        "message.response_metadata.stop_reason",
        "generation.generation_info.stop_reason",
    )
    model = fields.first_text(
        about,
        "message.response_metadata.model_name",
        "message.response_metadata.model",
        "result.llm_output.model_name",
    )
    counted = counts(fields.obj(about, "message.usage_metadata"))
    counted = counted or counts(fields.obj(about, "result.llm_output.token_usage"))
    choice: JsonValue = {"index": 0, "message": answer, "finish_reason": reason}
    found: dict[str, JsonValue] = {"choices": [choice], **fields.some({"model": model})}
    return found if counted is None else {**found, "usage": dict(counted)}


def counts(given: JsonObject) -> JsonObject | None:
    """Return token counts (`usage_metadata`, `token_usage`) as OpenAI writes them.

    LangChain counts the tokens of the cache as input.
    """
    n_input = fields.count(given, "input_tokens")
    n_output = fields.count(given, "output_tokens")
    return usage(
        fields.count(given, "prompt_tokens") if n_input is None else n_input,
        fields.count(given, "completion_tokens") if n_output is None else n_output,
        n_cached=fields.count(given, "input_token_details.cache_read"),
        n_cache_write=fields.count(given, "input_token_details.cache_creation"),
        n_reasoning=fields.count(given, "output_token_details.reasoning"),
    )


def _is_pair(given: object) -> bool:
    is_two = isinstance(given, list) and len(given) == _PAIR
    return is_two and isinstance(given, list) and all(isinstance(part, str) for part in given)


def _fields(given: JsonObject) -> JsonObject | None:
    """Return the fields of a LangChain message; None where it is in another shape."""
    if isinstance(given.get("lc"), int):
        return fields.obj(given, "kwargs")
    if isinstance(given.get("data"), dict) and "type" in given:
        return fields.obj(given, "data")
    if "role" in given:
        # Langfuse writes LangChain's messages with a role, and their calls apart.
        return given if "additional_kwargs" in given else None
    return given if "content" in given and isinstance(given.get("type"), str) else None


def _kwargs(given: JsonValue) -> JsonObject:
    return (_fields(given) or {}) if isinstance(given, dict) else {}


def _role(given: JsonObject, own: JsonObject) -> str | None:
    name = fields.first_text(own, "type", "role") or str(_last(given.get("id")) or "")
    word = name.removesuffix("Chunk").removesuffix("Message").lower()
    if word == "chat":
        return fields.text(own, "role")
    role = fields.text(own, "additional_kwargs.__openai_role__")
    return role or _ROLES.get(word)


def _content(content: JsonValue) -> JsonValue:
    if not isinstance(content, list):
        return content
    return [_part(part) for part in content if _type(part) not in _NOT_CONTENT]


def _part(part: JsonValue) -> JsonValue:
    """Return an image as OpenAI takes it, and every other part as it is."""
    if not isinstance(part, dict) or part.get("type") != "image" or "source" in part:
        return part
    url = fields.text(part, "url")
    data = fields.first_text(part, "base64", "data")
    if url is None and data is not None:
        url = f"data:{fields.text(part, 'mime_type') or 'image/png'};base64,{data}"
    return part if url is None else {"type": "image_url", "image_url": {"url": url}}


def _type(part: JsonValue) -> str | None:
    return fields.text(part, "type")


def _calls(own: JsonObject) -> list[JsonValue]:
    """Return the calls of tools: as the vendor wrote them, else as LangChain did."""
    if given := fields.items(own, "additional_kwargs.tool_calls"):
        return given
    listed = [*fields.items(own, "tool_calls"), *fields.items(own, "invalid_tool_calls")]
    return [_call(call) for call in listed]


def _call(call: JsonValue) -> JsonValue:
    if not isinstance(call, dict) or "function" in call:
        return call
    arguments = call.get("args")
    # The arguments of an invalid call are the text that could not be parsed.
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    function: JsonValue = {"name": call.get("name"), "arguments": text}
    return {"id": call.get("id"), "type": "function", "function": function}


def _first(value: JsonValue) -> JsonValue:
    return value[0] if isinstance(value, list) and value else None


def _last(value: JsonValue) -> JsonValue:
    return value[-1] if isinstance(value, list) and value else None

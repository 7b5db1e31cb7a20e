"""OpenAI's Responses API to chat completions."""

from collections.abc import Iterable

from parity_eval.logged import fields
from parity_eval.logged.usage import usage
from parity_eval.records import JsonObject, JsonValue

_OWN = frozenset(
    {
        *("input", "instructions", "text", "reasoning", "max_output_tokens", "tools"),
        *("tool_choice", "include", "background", "truncation", "max_tool_calls", "prompt"),
        *("context_management", "moderation", "prompt_cache_options", "prompt_cache_retention"),
    }
)
"""Fields that do not go over as they are."""
_MESSAGES = frozenset({"message", "reasoning", "function_call", "function_call_output"})
_CUSTOM = frozenset({"custom_tool_call", "custom_tool_call_output"})
_TAKEN = _MESSAGES | _CUSTOM
"""Items that chat completions have a word for, and reasoning, which is left out."""
_FINISHES = {"max_output_tokens": "length", "content_filter": "content_filter"}
_WHOLE = frozenset({"completed", "incomplete"})


def is_request(body: JsonValue) -> bool:
    """Whether a request has what only this API takes."""
    if not isinstance(body, dict) or "messages" in body:
        return False
    return isinstance(body.get("input"), (str, list)) or isinstance(body.get("prompt"), dict)


def is_response(body: JsonValue) -> bool:
    """Whether a body is an answer of this API."""
    if not isinstance(body, dict) or "choices" in body:
        return False
    return body.get("object") == "response" or isinstance(body.get("output"), list)


def why_bound(body: JsonObject) -> str | None:
    """Say what of a request exists at this vendor only; None where nothing does.

    Args:
        body: Responses request.
    """
    for tool in _objects(body.get("tools")):
        if tool.get("type", "function") not in ("function", "custom"):
            return f"it uses a tool that only its provider has ({tool.get('type')})"
    if body.get("prompt"):
        return "it refers to a prompt that the provider keeps"
    items = _objects(body.get("input"))
    return next((why for item in items if (why := _why_bound_item(item))), None)


def request(body: JsonObject) -> dict[str, JsonValue]:
    """Return a Responses request as a chat-completions request.

    The instructions become the first message, calls of tools belong to the message before them,
    and reasoning is dropped.
    """
    kept = {name: value for name, value in body.items() if name not in _OWN}
    messages: list[JsonValue] = []
    if instructions := fields.text(body, "instructions"):
        messages.append({"role": "system", "content": instructions})
    asked = body.get("input")
    if isinstance(asked, str):
        messages.append({"role": "user", "content": asked})
    elif isinstance(asked, list):
        messages += _messages(asked)
    return {
        **kept,
        **fields.some(
            {
                "messages": messages,
                "tools": _tools(body.get("tools")),
                "tool_choice": _choice(body.get("tool_choice")),
                "response_format": _schema(fields.obj(body, "text.format")),
                "verbosity": fields.text(body, "text.verbosity"),
                "reasoning_effort": fields.text(body, "reasoning.effort"),
                "max_completion_tokens": body.get("max_output_tokens"),
            }
        ),
    }


def response(body: JsonObject) -> dict[str, JsonValue]:
    """Return a response object as a chat completion, and one that failed as an error.

    A response that nobody waited for (`queued`, `in_progress`, `cancelled`) is an error too: there
    is no answer in it.
    """
    status = fields.text(body, "status") or "completed"
    if status not in _WHOLE:
        return {"error": body.get("error") or {"message": f"the response is {status}"}}
    message = _answer(fields.items(body, "output"))
    finish = "tool_calls" if message.get("tool_calls") else "stop"
    if status == "incomplete":
        finish = _FINISHES.get(fields.text(body, "incomplete_details.reason") or "", "length")
    return fields.some(
        {
            "id": body.get("id"),
            "object": "chat.completion",
            "created": body.get("created_at"),
            "model": body.get("model"),
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": _usage(fields.obj(body, "usage")),
        }
    )


def _why_bound_item(item: JsonObject) -> str | None:
    kind = str(item.get("type") or "message")
    if kind == "item_reference":
        return "it goes on from a conversation that the provider keeps"
    if kind not in _TAKEN:
        return f"it holds an item that only its provider takes ({kind})"
    if any(part.get("file_url") for part in _objects(item.get("content"))):
        return "it refers to a document at an address"
    return None


def _messages(items: list[JsonValue]) -> list[JsonValue]:
    found: list[JsonValue] = []
    for item in items:
        kind = fields.get(item, "type") or "message"
        if not isinstance(item, dict) or kind == "message":
            found.append(_message(item))
        elif kind in ("function_call", "custom_tool_call"):
            _add_call(found, _call(item))
        elif kind in ("function_call_output", "custom_tool_call_output"):
            found.append(_result(item))
    return found


def _message(item: JsonValue) -> JsonValue:
    if not isinstance(item, dict):
        return item
    kept = {name: value for name, value in item.items() if name in ("role", "name")}
    return {**kept, "content": _content(item.get("content"))}


def _add_call(messages: list[JsonValue], call: JsonValue) -> None:
    """Add a call to the model's turn that it is part of."""
    last = messages[-1] if messages else None
    if not isinstance(last, dict) or last.get("role") != "assistant":
        last = {"role": "assistant", "content": None}
        messages.append(last)
    calls = last.setdefault("tool_calls", [])
    if isinstance(calls, list):
        calls.append(call)


def _call(item: JsonObject) -> JsonValue:
    name = item.get("name")
    if item.get("type") == "custom_tool_call":
        custom: JsonValue = {"name": name, "input": item.get("input")}
        return {"id": item.get("call_id"), "type": "custom", "custom": custom}
    function: JsonValue = {"name": name, "arguments": item.get("arguments")}
    return {"id": item.get("call_id"), "type": "function", "function": function}


def _result(item: JsonObject) -> JsonValue:
    return {
        "role": "tool",
        "tool_call_id": item.get("call_id"),
        "content": _content(item.get("output")) or "",
    }


def _content(content: JsonValue) -> JsonValue:
    """Return the content of a message: one text where all of its parts are texts."""
    if not isinstance(content, list):
        return content
    parts = [_part(part) for part in content]
    texts = [fields.get(part, "text") for part in parts if fields.get(part, "type") == "text"]
    if len(texts) < len(parts) or not all(isinstance(text, str) for text in texts):
        return parts
    return "\n".join(str(text) for text in texts)


def _part(part: JsonValue) -> JsonValue:
    kind = fields.get(part, "type")
    if kind in ("input_text", "output_text", "text", "refusal"):
        said = fields.get(part, "refusal") if kind == "refusal" else fields.get(part, "text")
        return {"type": "text", "text": said}
    if kind == "input_image" and fields.get(part, "image_url") is None:
        return {"type": "file", "file": {"file_id": fields.get(part, "file_id")}}
    if kind == "input_image":
        url = fields.get(part, "image_url")
        detail = fields.get(part, "detail")
        return {"type": "image_url", "image_url": fields.some({"url": url, "detail": detail})}
    if kind == "input_file":
        names = ("filename", "file_data", "file_id")
        return {"type": "file", "file": fields.some({n: fields.get(part, n) for n in names})}
    return part


def _tools(tools: JsonValue) -> JsonValue:
    return [_tool(tool) for tool in tools] if isinstance(tools, list) else tools


def _tool(tool: JsonValue) -> JsonValue:
    kind = fields.get(tool, "type")
    if not isinstance(tool, dict) or kind not in ("function", "custom") or kind in tool:
        return tool
    inner = fields.some({name: value for name, value in tool.items() if name != "type"})
    grammar = fields.obj(inner, "format")
    if grammar.get("type") == "grammar" and "grammar" not in grammar:
        rules: JsonValue = {name: value for name, value in grammar.items() if name != "type"}
        inner["format"] = {"type": "grammar", "grammar": rules}
    return {"type": kind, str(kind): inner}


def _choice(choice: JsonValue) -> JsonValue:
    kind = fields.get(choice, "type")
    if not isinstance(choice, dict) or not isinstance(kind, str) or kind in choice:
        return choice
    if kind == "allowed_tools":
        tools: list[JsonValue] = [_choice(tool) for tool in fields.items(choice, "tools")]
        return {"type": kind, kind: {"mode": choice.get("mode"), "tools": tools}}
    if kind in ("function", "custom"):
        return {"type": kind, kind: {"name": choice.get("name")}}
    return choice


def _schema(asked: JsonObject) -> JsonValue:
    if asked.get("type") == "json_object":
        return {"type": "json_object"}
    if asked.get("type") != "json_schema":
        return None
    inner = fields.some({name: value for name, value in asked.items() if name != "type"})
    return {"type": "json_schema", "json_schema": inner}


def _answer(output: list[JsonValue]) -> dict[str, JsonValue]:
    calls: list[JsonValue] = []
    texts: list[str] = []
    refusals: list[str] = []
    for item in _objects(output):
        if item.get("type") in ("function_call", "custom_tool_call"):
            calls.append(_call(item))
        if item.get("type", "message") != "message":
            continue
        for part in _objects(item.get("content")):
            into, key = (refusals, "refusal") if part.get("type") == "refusal" else (texts, "text")
            if isinstance(said := part.get(key), str):
                into.append(said)
    said = "".join(texts)
    found: dict[str, JsonValue] = {"role": "assistant"}
    found["content"] = said if said or not calls else None
    if refusals:
        found["refusal"] = "".join(refusals)
    if calls:
        found["tool_calls"] = calls
    return found


def _usage(counted: JsonObject) -> JsonValue:
    if "prompt_tokens" in counted:
        return dict(counted)  # LiteLLM counts in words of chat completions
    found = usage(
        fields.count(counted, "input_tokens"),
        fields.count(counted, "output_tokens"),
        n_cached=fields.count(counted, "input_tokens_details.cached_tokens"),
        n_cache_write=fields.count(counted, "input_tokens_details.cache_write_tokens"),
        n_reasoning=fields.count(counted, "output_tokens_details.reasoning_tokens"),
    )
    return None if found is None else dict(found)


def _objects(value: JsonValue) -> Iterable[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []

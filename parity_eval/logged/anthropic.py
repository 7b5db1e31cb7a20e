"""Anthropic's Messages API to chat completions.

What changes nothing about what was asked is left out (marks for the cache, names of betas, an
error flag of a tool's result), and so is what says how the model was to think (`thinking`): no
other model takes it. A baseline that is asked again needs it among its own `params`.
"""

import json
from collections.abc import Iterable, Iterator

from parity_eval.logged import fields
from parity_eval.logged.usage import usage, with_cache
from parity_eval.records import JsonObject, JsonValue

_MARKS = (
    "system",
    "stop_sequences",
    "output_config",
    "output_format",
    "anthropic_version",
    "mcp_servers",
)
"""Fields of a request that no other API has."""
_OWN = frozenset(
    {
        *_MARKS,
        *("thinking", "anthropic_beta", "betas", "cache_control", "container", "speed"),
        *("context_management", "inference_geo", "metadata", "service_tier", "tool_choice"),
    }
)
"""Fields that do not go over as they are."""
_THOUGHTS = frozenset({"thinking", "redacted_thinking"})
_BLOCKS = frozenset({"image", "document", "tool_use", "tool_result"}) | _THOUGHTS
_TAKEN = _BLOCKS | {"text", "image_url", "input_audio", "file", "refusal"}
"""Blocks that chat completions have a word for, and its own words."""
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    # The model was to be asked to go on: not a whole answer.
    "pause_turn": "length",
    "refusal": "content_filter",
}


def is_request(body: JsonValue) -> bool:
    """Whether a request has what only this API takes."""
    if not isinstance(body, dict) or "messages" not in body:
        return False
    if any(name in body for name in _MARKS):
        return True
    if any("input_schema" in tool for tool in _objects(body.get("tools"))):
        return True
    choice = fields.text(body, "tool_choice.type")
    return choice in (*_CHOICES, "tool") or any(
        fields.text(block, "type") in _BLOCKS for block in _blocks(body)
    )


def is_response(body: JsonValue) -> bool:
    """Whether a body is an answer (a message) or an error of this API."""
    if not isinstance(body, dict):
        return False
    if body.get("type") == "error":
        return isinstance(body.get("error"), dict)
    return body.get("type") == "message" and isinstance(body.get("content"), list)


def why_bound(body: JsonObject) -> str | None:
    """Say what of a request exists at this vendor only; None where nothing does.

    Args:
        body: Messages request.
    """
    for tool in _objects(body.get("tools")):
        if tool.get("type", "custom") not in ("custom", "function", None):
            return f"it uses a tool that only its provider has ({tool['type']})"
    if body.get("mcp_servers") or body.get("container"):
        return "it uses tools that only its provider reaches"
    for block in _blocks(body):
        kind = fields.text(block, "type")
        if kind not in _TAKEN:
            return f"it holds a block that only its provider takes ({kind})"
        if kind == "document" and fields.text(block, "source.type") == "url":
            return "it refers to a document at an address"
    return None


def request(body: JsonObject) -> dict[str, JsonValue]:
    """Return a Messages request as a chat-completions request.

    The system prompt becomes the first message, results of tools become messages of their own, and
    text blocks of one message are joined. Thinking is dropped.
    """
    kept = {name: value for name, value in body.items() if name not in _OWN}
    messages = body.get("messages")
    if isinstance(messages, list):
        turns = [turn for message in messages for turn in _turns(message)]
        messages = [*_system(body.get("system")), *turns]
    choice = fields.obj(body, "tool_choice")
    own = {key: value for key, value in fields.obj(body, "metadata").items() if key != "user_id"}
    return {
        **kept,
        **fields.some(
            {
                "messages": messages,
                "stop": body.get("stop_sequences"),
                "tools": _tools(body.get("tools")),
                "tool_choice": _choice(body.get("tool_choice")),
                "parallel_tool_calls": False if choice.get("disable_parallel_tool_use") else None,
                "response_format": _schema(body),
                "reasoning_effort": fields.text(body, "output_config.effort"),
                "user": fields.text(body, "metadata.user_id"),
                "metadata": own or None,
            }
        ),
    }


def response(body: JsonObject) -> dict[str, JsonValue]:
    """Return a message as a chat completion, and an error as an error.

    Text blocks are joined as they are (a citation splits a sentence into several).
    """
    if body.get("type") == "error":
        return {"error": body.get("error")}
    reason = fields.text(body, "stop_reason")
    message = _assistant({}, fields.items(body, "content"))
    return fields.some(
        {
            "id": body.get("id"),
            "object": "chat.completion",
            "model": body.get("model"),
            "choices": [
                {
                    "index": 0,
                    "message": message,
                    "finish_reason": _FINISHES.get(reason or "", reason),
                }
            ],
            "usage": _usage(fields.obj(body, "usage")),
        }
    )


def _system(value: JsonValue) -> list[JsonValue]:
    if not value:
        return []
    content = _flat([_part(block) for block in value]) if isinstance(value, list) else value
    return [{"role": "system", "content": content}]


def _turns(message: JsonValue) -> Iterator[JsonValue]:
    """Yield the messages of chat completions that one message becomes."""
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(message, dict) or not isinstance(content, list):
        yield message
        return
    if message.get("role") == "assistant":
        yield _assistant(message, content)
        return
    rest: list[JsonValue] = []
    for block in content:
        if isinstance(block, dict) and block.get("type") == "tool_result":
            yield _result(block)
        else:
            rest.append(_part(block))
    if rest or not content:
        yield {**message, "content": _flat(rest)}


def _assistant(message: JsonObject, content: list[JsonValue]) -> dict[str, JsonValue]:
    calls: list[JsonValue] = list(fields.items(message, "tool_calls"))
    texts: list[str] = []
    for block in _objects(content):
        if block.get("type") == "tool_use":
            calls.append(_call(block))
        elif isinstance(text := block.get("text"), str):
            texts.append(text)
    said = "".join(texts)
    found: dict[str, JsonValue] = {**message, "role": "assistant"}
    found["content"] = said if said or not calls else None
    if calls:
        found["tool_calls"] = calls
    return found


def _call(block: JsonObject) -> dict[str, JsonValue]:
    given = block.get("input")
    arguments = given if isinstance(given, str) else json.dumps(given or {}, ensure_ascii=False)
    return {
        "id": block.get("id"),
        "type": "function",
        "function": {"name": block.get("name"), "arguments": arguments},
    }


def _result(block: JsonObject) -> dict[str, JsonValue]:
    content = block.get("content")
    said = _flat([_part(part) for part in content]) if isinstance(content, list) else content
    return {"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": said or ""}


def _part(block: JsonValue) -> JsonValue:
    """Return a block as a part of a message's content; as it is where it is none of this API."""
    if not isinstance(block, dict):
        return block
    kind, source = block.get("type"), fields.obj(block, "source")
    if kind == "text":
        return {"type": "text", "text": block.get("text")}
    if kind not in ("image", "document"):
        return block
    if source.get("type") == "file":
        return {"type": "file", "file": {"file_id": source.get("file_id")}}
    return _image(source) if kind == "image" else _document(block, source)


def _image(source: JsonObject) -> JsonValue:
    url = source.get("url") if source.get("type") == "url" else _data_url(source)
    return {"type": "image_url", "image_url": {"url": url}}


def _document(block: JsonObject, source: JsonObject) -> JsonValue:
    kind = source.get("type")
    if kind == "text":
        return {"type": "text", "text": source.get("data")}
    if kind == "content":
        inner = source.get("content")
        parts = [_part(part) for part in inner] if isinstance(inner, list) else []
        return {"type": "text", "text": _flat(parts) if parts else inner}
    name = fields.text(block, "title") or "document"
    return {"type": "file", "file": {"filename": name, "file_data": _data_url(source)}}


def _data_url(source: JsonObject) -> str:
    return f"data:{source.get('media_type')};base64,{source.get('data')}"


def _flat(parts: list[JsonValue]) -> JsonValue:
    """Return the parts as one text where they are all texts."""
    texts = [fields.get(part, "text") for part in parts if fields.get(part, "type") == "text"]
    if len(texts) < len(parts) or not all(isinstance(text, str) for text in texts):
        return parts
    return "\n".join(str(text) for text in texts)


def _tools(tools: JsonValue) -> JsonValue:
    if not isinstance(tools, list):
        return tools
    return [_tool(tool) for tool in tools]


def _tool(tool: JsonValue) -> JsonValue:
    if not isinstance(tool, dict) or "input_schema" not in tool:
        return tool
    function = {
        "name": tool.get("name"),
        "description": tool.get("description"),
        "parameters": tool.get("input_schema"),
        "strict": tool.get("strict"),
    }
    return {"type": "function", "function": fields.some(function)}


def _choice(choice: JsonValue) -> JsonValue:
    kind = fields.text(choice, "type")
    if kind == "tool":
        return {"type": "function", "function": {"name": fields.get(choice, "name")}}
    return _CHOICES.get(kind or "", choice)


def _schema(body: JsonObject) -> JsonValue:
    """Return what the answer has to look like; a beta had it at the top of the request."""
    asked = fields.obj(body, "output_config.format") or fields.obj(body, "output_format")
    if asked.get("type") != "json_schema":
        return None
    schema = asked.get("schema")
    name = fields.text(schema, "title") or "answer"
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}


def _usage(counted: JsonObject) -> JsonValue:
    n_read = fields.count(counted, "cache_read_input_tokens")
    n_written = fields.count(counted, "cache_creation_input_tokens")
    n_input = with_cache(fields.count(counted, "input_tokens"), n_read, n_written)
    n_output = fields.count(counted, "output_tokens")
    found = usage(n_input, n_output, n_cached=n_read, n_cache_write=n_written)
    return None if found is None else dict(found)


def _blocks(body: JsonObject) -> Iterator[JsonObject]:
    """Yield the blocks of all messages, those of tools' results included."""
    for message in _objects(body.get("messages")):
        for block in _objects(message.get("content")):
            yield block
            if block.get("type") == "tool_result":
                yield from _objects(block.get("content"))


def _objects(value: JsonValue) -> Iterable[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []

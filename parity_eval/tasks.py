"""Log entries to tasks: by the study's rules, else by what the log itself says."""

import json
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from glob import escape

from parity_eval.errors import ConfigError
from parity_eval.records import JsonObject, JsonValue, LogEntry, Response, TaskName
from parity_eval.study import TaskSpec

DEFAULT_TASK = TaskName("default")

REST = "rest"
"""Field of a task that takes what no other task matches."""


def assign(entry: LogEntry, specs: Sequence[TaskSpec]) -> TaskName | None:
    """Name the task that an entry belongs to.

    Args:
        entry: One log line.
        specs: Tasks of the study; empty: the log's own task names count.

    Returns:
        The task; None where the study has tasks and none matches.

    Raises:
        ConfigError: two tasks match the same request.
    """
    if not specs:
        return TaskName(_own_task(entry) or DEFAULT_TASK)
    # A task without `match` is matched by its own name, taken literally.
    found = [
        spec.name
        for spec in specs
        if REST not in spec.match and matches(entry, spec.match or {"task": escape(spec.name)})
    ]
    if not found and any(REST in spec.match for spec in specs):
        found = _of_the_rest(entry, specs)
    if len(found) > 1:
        raise ConfigError(
            f"request {entry.request.id!r} (line {entry.line}) matches the tasks "
            f"{' and '.join(map(repr, found))}; make their `match` rules disjoint"
        )
    return found[0] if found else None


def _of_the_rest(entry: LogEntry, specs: Sequence[TaskSpec]) -> list[TaskName]:
    """Name the tasks of the rest that match, among them only those with the most conditions."""
    fitting = [spec for spec in specs if REST in spec.match and matches(entry, spec.match)]
    most = max((len(spec.match) for spec in fitting), default=0)
    return [spec.name for spec in fitting if len(spec.match) == most]


def matches(entry: LogEntry, match: Mapping[str, str]) -> bool:
    """Whether an entry fits every glob.

    Args:
        entry: One log line.
        match: Field, as `field_values` knows it, to a glob that one of its values must fit; case
            counts. Empty: every entry fits. `rest` says when a task's turn comes, and fits all.

    Raises:
        KeyError: a field that no entry has.
    """
    return all(
        any(fnmatchcase(value, pattern) for value in field_values(entry, field))
        for field, pattern in match.items()
        if field != REST
    )


def field_values(entry: LogEntry, field: str) -> tuple[str, ...]:
    """Return the values of a field of a log line as texts.

    Args:
        entry: One log line.
        field: `task`, `model`, `user`, `session`, `tag`, `system_prompt`, `user_prompt` (the first
            message of a user), `schema` (the name of the JSON Schema that is asked for), `tool`
            (each tool that is offered), `metadata.KEY` (dots lead into nested objects), or
            `answer`: the text of the logged answer without spaces around it, and the name of each
            of its tool calls. Prompts, schema and tool are an empty text where there is none.

    Returns:
        Empty where the line does not have it; several for a list; JSON text for an object.

    Raises:
        KeyError: a field that no entry has.

    Example:
        `field_values(entry, "metadata.feature")` is `("triage",)`.
    """
    if field.startswith("metadata."):
        value: JsonValue = dict(entry.metadata)
        for part in field.split(".")[1:]:
            value = value.get(part) if isinstance(value, dict) else None
        return _texts(value)
    if field == "tag":
        return _texts(entry.metadata.get("tags"))
    if field in _OF_REQUESTS:
        return _OF_REQUESTS[field](entry.request.body)
    if field == "task":
        return _texts(_own_task(entry))
    if field == "answer":
        return _answer(entry.response)
    known: Mapping[str, str | None] = {
        "model": entry.model,
        "user": entry.user,
        "session": entry.session,
    }
    return _texts(known[field])


def common_value(entry: LogEntry, field: str) -> str | None:
    """Return the value that dependent requests have in common; None where an entry has none.

    Args:
        entry: One log line.
        field: As for `field_values`. An empty text is no value; of a list all count together.

    Raises:
        KeyError: a field that no entry has.
    """
    return "\x1f".join(value for value in field_values(entry, field) if value) or None


def _own_task(entry: LogEntry) -> str | None:
    named = entry.metadata.get("task")
    return entry.task or (named if isinstance(named, str) and named else None)


def _answer(response: Response | None) -> tuple[str, ...]:
    if response is None:
        return ()
    text = response.text.strip()
    return (*((text,) if text else ()), *(call.name for call in response.tool_calls))


def _texts(value: JsonValue) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple(text for item in value for text in _texts(item))
    if isinstance(value, dict):
        return (json.dumps(value, ensure_ascii=False),)
    return (str(value).lower() if isinstance(value, bool) else str(value),)


def system_prompt(body: JsonObject) -> str:
    """Return the text of the system (or developer) messages of a request."""
    messages = body.get("messages")
    parts = [
        content_text(message.get("content"))
        for message in (messages if isinstance(messages, list) else [])
        if isinstance(message, dict) and message.get("role") in ("system", "developer")
    ]
    return "\n".join(parts)


def user_prompt(body: JsonObject) -> str:
    """Return the text of the first message of a user."""
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else []:
        if isinstance(message, dict) and message.get("role") == "user":
            return content_text(message.get("content"))
    return ""


def schema_name(body: JsonObject) -> str:
    """Return the name (or else the title) of the JSON Schema that a request asks for."""
    wanted = body.get("response_format")
    described = wanted.get("json_schema") if isinstance(wanted, dict) else None
    if not isinstance(described, dict):
        return ""
    schema = described.get("schema")
    title = schema.get("title") if isinstance(schema, dict) else None
    return next((name for name in (described.get("name"), title) if isinstance(name, str)), "")


def tool_names(body: JsonObject) -> tuple[str, ...]:
    """Return the names of the tools that a request offers, in its order."""
    tools = body.get("tools")
    functions = [
        tool.get("function", tool)
        for tool in (tools if isinstance(tools, list) else [])
        if isinstance(tool, dict)
    ]
    names = [function.get("name") for function in functions if isinstance(function, dict)]
    return tuple(name for name in names if isinstance(name, str))


def content_text(content: JsonValue) -> str:
    """Return the text of a message's content, whether it is a text or a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [part.get("text") for part in content if isinstance(part, dict)]
    return "\n".join(text for text in parts if isinstance(text, str))


_OF_REQUESTS: Mapping[str, Callable[[JsonObject], tuple[str, ...]]] = {
    "system_prompt": lambda body: (system_prompt(body),),
    "user_prompt": lambda body: (user_prompt(body),),
    "schema": lambda body: (schema_name(body),),
    "tool": lambda body: tool_names(body) or ("",),
}

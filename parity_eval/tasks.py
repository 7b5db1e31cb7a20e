"""Log entries to tasks: by the study's rules, else by what the log itself says."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from glob import escape

from parity_eval.errors import ConfigError
from parity_eval.records import (
    Finish,
    JsonObject,
    JsonValue,
    Kind,
    LogEntry,
    Response,
    TaskName,
)
from parity_eval.study import TaskSpec

DEFAULT_TASK = TaskName("default")

_LABEL_LENGTH = 60
_FREE_TEXT = frozenset(
    {Kind.SUMMARIZATION, Kind.GENERATION, Kind.SUPPORT_REPLY, Kind.RAG_ANSWER, Kind.ENRICHMENT}
)


def is_free_text(kind: Kind) -> bool:
    """Whether two good answers of this kind usually differ in words."""
    return kind in _FREE_TEXT


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
        spec.name for spec in specs if matches(entry, spec.match or {"task": escape(spec.name)})
    ]
    if len(found) > 1:
        raise ConfigError(
            f"request {entry.request.id!r} (line {entry.line}) matches the tasks "
            f"{' and '.join(map(repr, found))}; make their `match` rules disjoint"
        )
    return found[0] if found else None


def matches(entry: LogEntry, match: Mapping[str, str]) -> bool:
    """Whether an entry fits every glob.

    Args:
        entry: One log line.
        match: Field, as `field_values` knows it, to a glob that one of its values must fit; case
            counts. Empty: every entry fits.

    Raises:
        KeyError: a field that no entry has.
    """
    return all(
        any(fnmatchcase(value, pattern) for value in field_values(entry, field))
        for field, pattern in match.items()
    )


def field_values(entry: LogEntry, field: str) -> tuple[str, ...]:
    """Return the values of a field of a log line as texts.

    Args:
        entry: One log line.
        field: `task`, `model`, `user`, `session`, `tag`, `system_prompt`, `metadata.KEY` (dots lead
            into nested objects), or `answer`: the text of the logged answer without spaces around
            it, and the name of each of its tool calls.

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
    if field == "system_prompt":
        return (system_prompt(entry.request.body),)
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


def content_text(content: JsonValue) -> str:
    """Return the text of a message's content, whether it is a text or a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [part.get("text") for part in content if isinstance(part, dict)]
    return "\n".join(text for text in parts if isinstance(text, str))


def kind_from_requests(entries: Iterable[LogEntry]) -> tuple[Kind, str] | None:
    """Say what sort of task the requests alone show, and why; None where they don't tell."""
    seen = list(entries)
    known = {str(kind) for kind in Kind}
    kinds = [kind for entry in seen if isinstance(kind := entry.metadata.get("kind"), str)]
    named = Counter(kind for kind in kinds if kind in known)
    if named:
        # Among equals the first by name, so that the order of the log plays no part.
        return Kind(min(named, key=lambda kind: (-named[kind], kind))), "the log's metadata.kind"
    bodies = [entry.request.body for entry in seen if entry.unreplayable is None]
    if bodies and all(body.get("tools") for body in bodies):
        return Kind.TOOL_CALL, "every request has tools"
    if bodies and all(_asks_json(body) for body in bodies):
        return Kind.STRUCTURED, "every request asks for JSON"
    return None


def kind_from_answers(entries: Iterable[LogEntry]) -> tuple[Kind, str]:
    """Say what sort of task the baseline's answers show, and why.

    Args:
        entries: A part of the task's log that is never certified on.
    """
    texts = [
        entry.response.text.strip()
        for entry in entries
        if entry.response and entry.response.finish is Finish.STOP
    ]
    if texts and max(map(len, texts)) <= _LABEL_LENGTH and len(set(texts)) <= len(texts) / 2:
        return Kind.CLASSIFICATION, f"{len(set(texts))} short answers repeat over {len(texts)} rows"
    return Kind.GENERATION, "answers are free text"


def _asks_json(body: JsonObject) -> bool:
    wanted = body.get("response_format")
    return isinstance(wanted, dict) and wanted.get("type") in ("json_schema", "json_object")

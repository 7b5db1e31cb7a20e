"""Plain tables: one request per row, its parts in columns that are called as people call them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from parity_eval.logged import fields
from parity_eval.logged.columns import USUAL
from parity_eval.logged.embedded import decoded
from parity_eval.logged.entries import BadRowError, read_each
from parity_eval.logged.usage import usage
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_NUMBERS = ("temperature", "top_p")
_COUNTS = ("max_tokens", "max_completion_tokens", "seed")
_JSON = ("tools", "tool_choice", "response_format", "stop")


@dataclass(frozen=True, slots=True)
class Plain:
    """Read rows with a prompt (or messages) and an answer in columns.

    Args:
        columns: What to its column, as a dotted path; `metadata` to a list of columns. What is not
            named is looked for under its usual names. All other columns become metadata.
    """

    columns: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)

    name: ClassVar[str] = "plain"
    title: ClassVar[str] = "table with columns for prompt and response"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits. Needs nothing that only this format has."""
        if not isinstance(row, dict):
            return Fit(score=0.0, why="the row is not an object", needs=0)
        names = {_plain(name) for name in row}
        lacking = [
            what
            for what, kinds in (
                ("a prompt or messages", ("prompt", "messages")),
                ("a response", ("response",)),
            )
            if not any(kind in self.columns or names & set(USUAL[kind]) for kind in kinds)
        ]
        if lacking:
            why = f"no column is called as {_or(lacking)}"
            return Fit(score=0.5 / len(lacking), why=why, needs=0)
        return Fit(score=1.0, why="has a prompt and a response", needs=0)

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each row as an entry or a reject."""
        return read_each(rows, lambda row: (self._call(row),), self.name)

    def _call(self, row: JsonObject) -> JsonObject:
        found, used = self._parts(row)
        given = self._metadata(row, used)
        inner = decoded(found.get("metadata"))
        metadata = {**(inner if isinstance(inner, dict) else {}), **given}
        latency = _number(found, "latency_s")
        in_ms = _number(found, "latency_ms")
        if latency is None and in_ms is not None:
            latency = in_ms / 1000
        call = {
            "id": found.get("id"),
            "request": {**_settings(found), "messages": _messages(found)},
            "response": _response(found),
            "task": _text(found, "task"),
            "timestamp": found.get("timestamp"),
            "user": _text(found, "user"),
            "session": _text(found, "session"),
            "metadata": metadata,
            "latency_s": latency,
            "cost_usd": _number(found, "cost_usd"),
        }
        return fields.some(call)

    def _parts(self, row: JsonObject) -> tuple[dict[str, JsonValue], set[str]]:
        """Return what the columns hold by its meaning, and the columns that were used."""
        by_name: dict[str, str] = {}
        mapped = {column for column in self.columns.values() if isinstance(column, str)}
        for name in row:
            if name not in mapped:
                by_name.setdefault(_plain(name), name)
        found: dict[str, JsonValue] = {}
        used: set[str] = set()
        for what, names in USUAL.items():
            given = self.columns.get(what)
            if what == "metadata" and given is not None:
                continue
            if isinstance(given, str):
                found[what] = row[given] if given in row else fields.get(row, given)
                used.add(given.split(".")[0] if given not in row else given)
                continue
            column = next((by_name[name] for name in names if name in by_name), None)
            if column is not None:
                found[what] = row[column]
                used.add(column)
        return found, used

    def _metadata(self, row: JsonObject, used: set[str]) -> dict[str, JsonValue]:
        wanted = self.columns.get("metadata")
        if wanted is None:
            return fields.some({name: value for name, value in row.items() if name not in used})
        names = (wanted,) if isinstance(wanted, str) else wanted
        return fields.some(
            {name: row[name] if name in row else fields.get(row, name) for name in names}
        )


def _plain(name: str) -> str:
    """Return a column's name as this module spells them."""
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _or(words: Iterable[str]) -> str:
    return " or ".join(words) + " usually is (map it with `log.columns`)"


def _messages(found: JsonObject) -> list[JsonValue]:
    given = decoded(found.get("messages"))
    if given is None:
        # Some tables hold the whole conversation where others hold the question.
        asked = decoded(found.get("prompt"))
        is_list = isinstance(asked, list) and all(
            isinstance(each, dict) and "role" in each for each in asked
        )
        given = asked if is_list and asked else None
    if given is not None:
        if not isinstance(given, list):
            raise BadRowError("`messages` must hold a list of messages")
        messages = list(given)
    else:
        messages = [{"role": "user", "content": _prompt(found)}]
    system = _text(found, "system")
    has_system = any(isinstance(m, dict) and m.get("role") == "system" for m in messages)
    return (
        [{"role": "system", "content": system}, *messages]
        if system and not has_system
        else messages
    )


def _prompt(found: JsonObject) -> str:
    text = _text(found, "prompt")
    if text is None:
        raise BadRowError("the column of the prompt is empty")
    return text


def _text(found: JsonObject, what: str) -> str | None:
    value = found.get(what)
    if value is None or value == "":
        return None
    if isinstance(value, (dict, list)):
        raise BadRowError(f"`{what}` must be a text, not an object or a list")
    return value if isinstance(value, str) else str(value)


def _number(found: JsonObject, what: str) -> float | None:
    return fields.number(found, what)


def _settings(found: JsonObject) -> dict[str, JsonValue]:
    numbers = {name: _number(found, name) for name in _NUMBERS}
    counts = {name: fields.count(found, name) for name in _COUNTS}
    parts = {name: decoded(found.get(name)) for name in _JSON}
    model = {"model": _text(found, "model")}
    return fields.some({**model, **numbers, **counts, **parts})


def _response(found: JsonObject) -> JsonValue:
    """Return the answer in chat-completions shape; a body that has it already is kept."""
    given = found.get("response")
    if given is None:
        return None
    body = decoded(given)
    if isinstance(body, dict) and (
        "choices" in body or (isinstance(given, dict) and "error" in body)
    ):
        return body
    if isinstance(body, dict) and body.get("role") == "assistant":
        message: JsonValue = body
    elif isinstance(given, str):
        message = {"role": "assistant", "content": given}
    else:
        raise BadRowError("`response` must be a text, a message or a chat completion")
    choice: JsonValue = fields.some(
        {"message": message, "finish_reason": _text(found, "finish_reason")}
    )
    counted: Any = usage(
        fields.count(found, "input_tokens"),
        fields.count(found, "output_tokens"),
        n_cached=fields.count(found, "cached_tokens"),
    )
    return fields.some({"choices": [choice], "model": found.get("model"), "usage": counted})

"""What is kept of a log to find its tasks: some distinct requests, whatever the log's length."""

import hashlib
import heapq
from dataclasses import replace

from parity_eval import tasks
from parity_eval.records import JsonValue, LogEntry, Request

SAMPLE = 4096
"""Distinct requests that are looked at."""

NAMING_KEYS = (
    "feature", "use_case", "usecase", "prompt_name", "promptName", "prompt_id", "function_id",
    "functionId", "operation", "workflow",
)  # fmt: skip
"""Metadata that names tasks, most telling first."""
NAMING_FIELDS = ("task", *(f"metadata.{key}" for key in NAMING_KEYS))
"""Fields that name tasks; what the log itself calls a task comes before all."""

_TEXT = 6_000
"""Characters kept of a prompt, from both ends."""
_ANSWER = 2_000
_VALUE = 200
_MOST_ITEMS = 12


class Sketch:
    """Distinct requests of a log: the same ones in whatever order the log is read.

    It holds the `SAMPLE` requests whose contents have the smallest digests and counts their
    repeats, so its memory depends on neither the length of the log nor its order.
    """

    def __init__(self, most: int = SAMPLE) -> None:
        self.n = 0
        """Requests seen."""
        self._most = most
        self._kept: dict[str, tuple[LogEntry, int]] = {}
        self._largest: list[tuple[int, str]] = []

    def add(self, entry: LogEntry) -> str:
        """Look at one request; return the digest of what tells it from others here."""
        self.n += 1
        key = _content(entry)
        if key in self._kept:
            first, count = self._kept[key]
            # Of equal requests the smallest id speaks for all.
            kept = _slim(entry) if entry.request.id < first.request.id else first
            self._kept[key] = (kept, count + 1)
            return key
        if len(self._kept) == self._most and key >= self._largest[0][1]:
            return key
        self._kept[key] = (_slim(entry), 1)
        heapq.heappush(self._largest, (-int(key, 16), key))
        if len(self._kept) > self._most:
            del self._kept[heapq.heappop(self._largest)[1]]
        return key

    @property
    def is_whole(self) -> bool:
        """Whether every distinct request is kept."""
        return sum(count for _, count in self._kept.values()) == self.n

    def requests(self) -> list[tuple[LogEntry, int]]:
        """Return the kept requests and how often each occurs, in an order of their own."""
        return [self._kept[key] for key in sorted(self._kept)]


def _content(entry: LogEntry) -> str:
    """Return the digest of what tells requests apart here."""
    body, metadata = entry.request.body, entry.metadata
    parts = (
        tasks.system_prompt(body),
        tasks.user_prompt(body),
        tasks.schema_name(body),
        "\x1e".join(tasks.tool_names(body)),
        *tasks.field_values(entry, "task"),
        *(f"{key}\x1e{metadata[key]}" for key in NAMING_KEYS if key in metadata),
    )
    text = "\x1f".join(parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _slim(entry: LogEntry) -> LogEntry:
    """Return an entry without what is not looked at: pictures, later turns, long texts."""
    body = entry.request.body
    messages: list[JsonValue] = [
        {"role": role, "content": _cut(text, _TEXT)}
        for role, text in (
            ("system", tasks.system_prompt(body)),
            ("user", tasks.user_prompt(body)),
        )
        if text
    ]
    slim: dict[str, JsonValue] = {"messages": messages}
    wanted = body.get("response_format")
    if isinstance(wanted, dict):
        named: JsonValue = {"name": tasks.schema_name(body)}
        slim["response_format"] = {"type": wanted.get("type"), "json_schema": named}
    if body.get("tools"):
        slim["tools"] = [
            {"type": "function", "function": {"name": name}} for name in tasks.tool_names(body)
        ] or [{}]
    answer = entry.response
    return replace(
        entry,
        request=Request(id=entry.request.id, body=slim),
        response=answer and replace(answer, text=_cut(answer.text, _ANSWER)),
        metadata={key: value for key, value in entry.metadata.items() if _is_plain(value)},
    )


def _is_plain(value: JsonValue) -> bool:
    if isinstance(value, list):
        return len(value) <= _MOST_ITEMS and all(
            isinstance(item, str) and len(item) <= _VALUE for item in value
        )
    return not isinstance(value, dict) and len(str(value)) <= _VALUE


def _cut(text: str, most: int) -> str:
    return text if len(text) <= 2 * most else text[:most] + "\n...\n" + text[-most:]

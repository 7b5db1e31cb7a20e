"""OpenAI's stored completions (`store: true`), with their messages beside them."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from parity_eval.logged import envelopes, fields, shapes
from parity_eval.logged.entries import BadRowError, read_each
from parity_eval.logged.names import task_name
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_ASKED = (
    *("tools", "tool_choice", "response_format", "seed", "temperature", "top_p"),
    *("presence_penalty", "frequency_penalty", "max_completion_tokens", "reasoning_effort"),
)
_FILLED_IN = {"temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0}
"""What the list says of a parameter that nobody gave: the same as leaving it out."""
_GIVEN = ("id", "object", "created", "model", "choices", "usage", "system_fingerprint")


class OpenAIStored:
    """Read completions as the API lists them, each with the messages of a second call.

    They name the model that answered, not the one that was asked for. How the dashboard's own
    download looks could not be confirmed; it is read where it has the same fields.
    """

    name: ClassVar[str] = "openai_stored"
    title: ClassVar[str] = "OpenAI stored completions"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits."""
        head = envelopes.first(row, "data")
        if fields.text(head, "object") not in ("chat.completion", None):
            return Fit(score=0.0, why="`object` is not `chat.completion`")
        return fields.fit(head, "object", "choices", "created")

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each completion as an entry or a reject."""
        return read_each(envelopes.unwrapped(rows, "data"), _call, self.name)


def _call(row: JsonObject) -> Iterable[JsonObject]:
    messages = fields.items(row, "messages") or fields.items(row, "messages.data")
    if not messages:
        raise BadRowError(
            "no `messages`: the list of stored completions has no prompts; get those of each from "
            "/v1/chat/completions/{id}/messages and put them beside it as `messages`"
        )
    request = {name: row[name] for name in _ASKED if row.get(name) is not None}
    request = {
        name: value
        for name, value in request.items()
        if name not in _FILLED_IN or value != _FILLED_IN[name]
    }
    request |= fields.some({"user": row.get("input_user")})
    metadata = dict(fields.obj(row, "metadata"))
    response = {name: row[name] for name in _GIVEN if name in row}
    return (
        {
            **shapes.row({**request, "messages": [_message(m) for m in messages]}, response),
            **fields.some(
                {
                    "id": fields.text(row, "id"),
                    "timestamp": fields.number(row, "created"),
                    "task": task_name(metadata=metadata),
                    "metadata": metadata,
                }
            ),
        },
    )


def _message(message: JsonValue) -> JsonValue:
    """Return a message as it was sent: without the store's own id, and in parts if it had some."""
    if not isinstance(message, dict):
        return message
    sent = fields.some({k: v for k, v in message.items() if k not in ("id", "content_parts")})
    content = message.get("content_parts") or message.get("content")
    return {**sent, "content": content}

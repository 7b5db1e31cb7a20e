"""Anthropic's Message Batches: the requests as they were sent, and the file of results."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from parity_eval.logged import envelopes, fields, joins, shapes
from parity_eval.logged.entries import read_each
from parity_eval.logged.names import task_name
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_REMEDY = (
    "results hold no prompts: read them along with the requests that the batch was made of "
    '(lines of {"custom_id": ..., "params": {...}}, or the body {"requests": [...]} that was sent)'
)
_UNASKED = frozenset({"expired", "canceled"})


class AnthropicBatch:
    """Read a batch: requests and results are joined on `custom_id`, in whatever order they come.

    A request that the batch left undone (`expired`, `canceled`) has no answer; one that `errored`
    has its error for an answer.
    """

    name: ClassVar[str] = "anthropic_batch"
    title: ClassVar[str] = "Anthropic message batch"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits."""
        asked = fields.fit(envelopes.first(row, "requests"), "custom_id", "params")
        given = fields.fit(row, "custom_id", "result.type")
        return max(asked, given, key=lambda fit: fit.score)

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each request, with its result where a file has it."""
        found = envelopes.unwrapped(rows, "requests")
        pairs = joins.paired(found, is_request=_is_request, remedy=_REMEDY)
        return read_each(pairs, _call, self.name)


def _is_request(row: JsonValue) -> bool:
    return isinstance(row, dict) and "params" in row and "result" not in row


def _call(row: JsonObject) -> Iterable[JsonObject]:
    asked = fields.obj(row, "asked")
    result = fields.obj(row, "given.result")
    call = shapes.row(asked.get("params"), _answer(result))
    metadata = {**fields.obj(asked, "metadata"), "api": "batch"}
    kind = fields.text(result, "type")
    if kind is not None and kind != "succeeded":
        metadata["batch_error"] = kind
    return (
        {
            **call,
            **fields.some(
                {
                    "id": fields.text(asked, "custom_id"),
                    "task": fields.text(asked, "task") or task_name(metadata=metadata),
                    "metadata": metadata,
                }
            ),
        },
    )


def _answer(result: JsonObject) -> JsonValue:
    kind = fields.text(result, "type")
    if kind == "succeeded":
        return result.get("message") or {}
    if kind is None or kind in _UNASKED:
        return None
    error = fields.obj(result, "error")
    inner = fields.obj(error, "error")
    return {"error": dict(inner or error) or {"message": kind}}

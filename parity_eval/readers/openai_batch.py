"""OpenAI's Batch API: the file of requests, and the files of results and of errors."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from parity_eval.logged import fields, joins, shapes
from parity_eval.logged.embedded import decoded
from parity_eval.logged.entries import read_each
from parity_eval.logged.names import task_name
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_REMEDY = "read the batch's input file (its `input_file_id`) along with its output"
_UNASKED = frozenset({"batch_expired", "batch_cancelled"})
"""Errors of a request that nobody worked on."""
_FAILED = 400


class OpenAIBatch:
    """Read a batch: its files are joined on `custom_id`, in whatever order they come.

    A request that the batch left undone (expired, cancelled) has no answer; one that failed has
    its error for an answer. Other vendors' batches have the same form.
    """

    name: ClassVar[str] = "openai_batch"
    title: ClassVar[str] = "OpenAI batch"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits."""
        asked = fields.fit(row, "custom_id", "url|method", "body")
        given = fields.fit(row, "custom_id", "response", "error|id")
        return max(asked, given, key=lambda fit: fit.score)

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each request, with its result where a file has it."""
        pairs = joins.paired(rows, is_request=_is_request, remedy=_REMEDY)
        return read_each(pairs, _call, self.name)


def _is_request(row: JsonValue) -> bool:
    return isinstance(row, dict) and "body" in row and "response" not in row


def _call(row: JsonObject) -> Iterable[JsonObject]:
    asked, given = fields.obj(row, "asked"), fields.obj(row, "given")
    call = shapes.row(decoded(asked.get("body")), _answer(given))
    metadata = {**fields.obj(call, "request.metadata"), "api": "batch"}
    if code := fields.text(given, "error.code"):
        metadata["batch_error"] = code
    return (
        {
            **call,
            **fields.some(
                {
                    "id": fields.text(asked, "custom_id"),
                    "task": task_name(metadata=metadata),
                    "timestamp": fields.number(call, "response.created"),
                    "metadata": metadata,
                }
            ),
        },
    )


def _answer(given: JsonObject) -> JsonValue:
    body = decoded(fields.get(given, "response.body"))
    status = fields.count(given, "response.status_code") or 0
    error = dict(fields.obj(given, "error"))
    if not body and error:
        return None if fields.text(error, "code") in _UNASKED else {"error": error}
    if status >= _FAILED and not fields.get(body, "error"):
        return {"error": {"message": f"HTTP {status}", "code": str(status)}}
    return body

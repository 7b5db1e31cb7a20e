"""Results of OpenAI's hosted Evals."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from parity_eval.logged import fields, graded, shapes
from parity_eval.logged.entries import BadRowError, read_each
from parity_eval.logged.envelopes import first, unwrapped
from parity_eval.logged.genai import completion
from parity_eval.logged.usage import usage
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_PARAMETERS = ("temperature", "top_p", "seed", "max_completion_tokens", "reasoning_effort")
_TARGETS = (
    "target",
    "reference",
    "reference_answer",
    "ground_truth",
    "expected",
    "expected_output",
    "ideal",
    "correct_label",
    "label",
    "answer",
)
"""Columns in which data sets keep the right answer, the least ambiguous first."""


class OpenaiEvals:
    """Read output items of runs of OpenAI's hosted Evals, one per line or as pages of the API.

    Each item is an entry: what the run asked its model (`sample`), with `metadata.score` (of the
    first grader), `metadata.scores`, `metadata.passed`, `metadata.item` (the row of the data set),
    `metadata.target` where that row has a column with a usual name for it (any other:
    `reference: metadata.item.COLUMN`), and `metadata.case`, which is equal for all runs of one
    evaluation. A study has one baseline: its run is `log.path`, and `logged.graded.recordings`,
    given the entries of both runs, turns the other model's answers into recordings of a candidate.

    The API's items hold no tools: a request that was answered with a tool call cannot be sent
    again. Not confirmed by a file: the download of the dashboard; it is taken to have the items of
    the API, with the data set's row under `datasource_item` or `item`.
    """

    name: ClassVar[str] = "openai_evals"
    title: ClassVar[str] = "OpenAI Evals output items"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits."""
        return fields.fit(first(row, "data"), "datasource_item|item", "sample", "results|grades")

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each output item as an entry or a reject."""
        return read_each(unwrapped(rows, "data"), _item, self.name)


def _item(item: JsonObject) -> Iterable[JsonObject]:
    sample = fields.obj(item, "sample")
    asked = fields.items(sample, "input")
    if not asked:
        raise BadRowError(
            "no `sample.input`: the run graded answers that stand in its data set; "
            "map its columns with `log.columns`"
        )
    parameters = {name: fields.get(sample, name) for name in (*_PARAMETERS, "model")}
    called = shapes.row({**fields.some(parameters), "messages": asked}, _response(sample))
    ids = (fields.text(item, "eval_id"), fields.text(item, "datasource_item_id"))
    case = ":".join(part for part in ids if part) if ids[1] else None
    source = fields.obj(item, "datasource_item") or fields.obj(item, "item")
    data = fields.obj(source, "item") or source
    row: dict[str, JsonValue] = {
        **called,
        "id": fields.text(item, "id"),
        "timestamp": item.get("created_at"),
        "task": fields.text(data, "task"),
        "metadata": _metadata(item, data, case),
    }
    return (fields.some(row),)


def _response(sample: JsonObject) -> JsonValue:
    message = fields.first_text(sample, "error.message")
    code = fields.text(sample, "error.code")
    if message is not None or code is not None:
        return {"error": fields.some({"message": message or code, "code": code})}
    said = next(iter(fields.items(sample, "output")), None)
    if not isinstance(said, dict):
        return None
    counts = fields.obj(sample, "usage")
    return completion(
        {"role": "assistant", "content": None, **said},
        fields.get(sample, "finish_reason"),
        model=fields.text(sample, "model"),
        usage=usage(
            fields.count(counts, "prompt_tokens"),
            fields.count(counts, "completion_tokens"),
            n_cached=fields.count(counts, "cached_tokens"),
        ),
    )


def _metadata(item: JsonObject, data: JsonObject, case: str | None) -> dict[str, JsonValue]:
    results = fields.items(item, "results") or fields.items(item, "grades")
    scores = {
        fields.text(result, "name") or f"grader {number}": fields.get(result, "score")
        for number, result in enumerate(results, start=1)
    }
    verdicts = [fields.get(result, "passed") for result in results]
    others: dict[str, JsonValue] = {
        "item": dict(data) or None,
        "run": fields.text(item, "run_id"),
        "passed": all(verdicts) if verdicts and None not in verdicts else None,
    }
    target = fields.first_text(data, *_TARGETS)
    return {**fields.some(others), **graded.marks(fields.some(scores), target, case)}

"""Samples that lm-evaluation-harness logs."""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import ClassVar

from parity_eval.logged import fields, graded
from parity_eval.logged.embedded import decoded
from parity_eval.logged.entries import BadRowError, NotACallError, read_each
from parity_eval.logged.genai import completion
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_FILE = re.compile(r"samples_(?P<task>.+?)(_\d{4}-\d\d-\d\dT[\d.:-]+)?\.jsonl?(\.\w+)?")
_ITS_TASK, _ITS_MODEL, _IS_AGAIN = "its_task", "its_model", "is_again"
_TEMPLATE = re.compile(r"<\|im_start\|>|<\|start_header_id\|>|\[INST\]|<start_of_turn>|<\|user\|>")
_PARAMETERS = {
    "max_gen_toks": "max_tokens",
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "seed": "seed",
    "until": "stop",
}
"""Arguments of a generation to parameters of a chat completion."""
_NOT_SCORES = frozenset(
    {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"}
    | {"doc_hash", "prompt_hash", "target_hash", "is_again", "its_task", "its_model"}
)


class LmEval:
    """Read `samples_TASK_TIME.jsonl` files, as `--log_samples` writes them.

    Each generation is an entry with `metadata.score` (the first metric), `metadata.scores`,
    `metadata.target`, `metadata.doc` and `metadata.case` (task and document), which is equal for
    all models. The task is in the file's name; the model is in no row: it is taken from the
    folder's name where that is a model's (`org__name`). A study has one baseline: its folder is
    `log.path`, and `logged.graded.recordings`, given the entries of both folders, turns the other
    model's answers into recordings of a candidate.

    A prompt that is a text is sent as one user message; one in the chat template of a model cannot
    be sent to others. Of several filters of one answer the first counts. Log-likelihood requests
    gave no answer and are skipped. Not confirmed by a file of a real run: repeats of a request,
    of which the first counts.
    """

    name: ClassVar[str] = "lm_eval"
    title: ClassVar[str] = "lm-evaluation-harness samples"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits."""
        return fields.fit(row, "doc_id", "arguments", "resps|filtered_resps", "target")

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each generation as an entry or a reject; log-likelihoods are skipped."""
        return read_each(_placed(rows), _sample, self.name)


def _placed(rows: Iterable[Row | Reject]) -> Iterator[Row | Reject]:
    """Yield rows with what only the path of their file says."""
    first: tuple[str, JsonValue] | None = None
    for row in rows:
        if isinstance(row, Reject) or not isinstance(row.value, dict):
            yield row
            continue
        path = PurePath(row.path)
        named = _FILE.fullmatch(path.name)
        folder = path.parent.name
        filter_ = row.value.get("filter")
        if first is None or first[0] != row.path:
            first = (row.path, filter_)
        about: dict[str, JsonValue] = fields.some(
            {
                _ITS_TASK: named["task"] if named else None,
                _ITS_MODEL: folder.replace("__", "/") if "__" in folder else None,
            }
        )
        value = {**row.value, **about, _IS_AGAIN: filter_ != first[1]}
        yield Row(path=row.path, number=row.number, value=value)


def _sample(sample: JsonObject) -> Iterable[JsonObject]:
    if sample.get(_IS_AGAIN) is True:
        raise NotACallError("another filter of an answer that was read before")
    prompt, arguments = _arguments(sample.get("arguments"))
    if prompt is None:
        raise BadRowError("`arguments` hold no prompt")
    if isinstance(arguments, str):
        raise NotACallError("a log-likelihood request: no answer was generated")
    messages, why = _messages(prompt)
    model, task = fields.text(sample, _ITS_MODEL), fields.text(sample, _ITS_TASK)
    parts = (task, fields.first_text(sample, "doc_id", "doc_hash"))
    case = ":".join(part for part in parts if part)
    request = {**_parameters(arguments), **fields.some({"model": model}), "messages": messages}
    row: dict[str, JsonValue] = {
        "id": f"{case}@{model}" if model and task else None,
        "request": request,
        "response": _response(sample),
        "task": task,
        "metadata": _metadata(sample, case),
        "unreplayable": why,
    }
    return (fields.some(row),)


def _arguments(given: JsonValue) -> tuple[JsonValue, JsonValue]:
    """Return the prompt of the first request, and what was asked of it."""
    if isinstance(given, dict):
        first = next(iter(given.values()), None)
        return _first(fields.get(first, "arg_0")), fields.get(first, "arg_1")
    first = given[0] if isinstance(given, list) and given else None
    if isinstance(first, list) and first:
        return _first(first[0]), first[1] if len(first) > 1 else None
    return None, None


def _first(value: JsonValue) -> JsonValue:
    """Return what a list of one holds: messages are written as text in such a list."""
    is_wrapped = isinstance(value, list) and len(value) == 1 and isinstance(value[0], str)
    return value[0] if is_wrapped and isinstance(value, list) else value


def _messages(prompt: JsonValue) -> tuple[list[JsonValue], str | None]:
    held = decoded(prompt)
    if isinstance(held, list) and held and all(fields.text(m, "role") for m in held):
        return held, None
    text = prompt if isinstance(prompt, str) else ""
    why = "its prompt is in the chat template of one model" if _TEMPLATE.search(text) else None
    return [{"role": "user", "content": text}], why


def _parameters(arguments: JsonValue) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for name, chat in _PARAMETERS.items():
        value = fields.get(arguments, name)
        if value not in (None, [], ""):
            found[chat] = value
    return found


def _response(sample: JsonObject) -> JsonValue:
    text: JsonValue = next(iter(fields.items(sample, "resps")), None)
    while isinstance(text, list):
        text = text[0] if text else None
    if not isinstance(text, str):
        return None
    message: dict[str, JsonValue] = {"role": "assistant", "content": text}
    return completion(message, None, model=None, usage=None)


def _metadata(sample: JsonObject, case: str) -> dict[str, JsonValue]:
    named = [name for name in fields.items(sample, "metrics") if isinstance(name, str)]
    metrics = named or [name for name in sample if name not in _NOT_SCORES]
    scores = fields.some({name: sample.get(name) for name in metrics})
    others: dict[str, JsonValue] = {
        "doc": dict(fields.obj(sample, "doc")) or None,
        "filter": fields.text(sample, "filter"),
        "filtered": next(iter(fields.items(sample, "filtered_resps")), None),
    }
    return {**fields.some(others), **graded.marks(scores, sample.get("target"), case)}

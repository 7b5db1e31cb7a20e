"""Logs of Inspect (`.eval` and `.json`)."""

import re
from collections.abc import Iterable, Iterator
from typing import ClassVar

from parity_eval.logged import fields, genai, graded, shapes
from parity_eval.logged.entries import NotACallError, read_each
from parity_eval.logged.genai import Conversation
from parity_eval.logged.usage import usage
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_SAMPLE = ("id", "epoch", "input", "target")
_ITS_EVAL = "its_eval"
_INSIDE = re.compile(r"/(samples|summaries|_journal)(/|\.json)|/(header|reductions|start)\.json")
_ATTACHED = "attachment://"
_REMOVED = "<base64-data-removed>"
_PARAMETERS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_tokens": "max_tokens",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "stop_seqs": "stop",
    "seed": "seed",
    "num_choices": "n",
    "reasoning_effort": "reasoning_effort",
    "parallel_tool_calls": "parallel_tool_calls",
    "logprobs": "logprobs",
    "top_logprobs": "top_logprobs",
}
"""Names of Inspect's configuration of a call to parameters of a chat completion."""


class InspectEval:
    """Read Inspect's logs: the JSON documents in a `.eval` archive, or a log as one JSON document.

    Each sample is an entry: the last call that the evaluated model got, with `metadata.score` (of
    the first scorer; `C`, `P` and `I` are 1, 0.5 and 0), `metadata.scores`, `metadata.target`,
    `metadata.n_calls` where the sample took several, and `metadata.case` (task, sample and epoch),
    which is equal for all models' logs of the same task. A study has one baseline: its log is
    `log.path`, and `logged.graded.recordings`, given the entries of both, turns the other models'
    answers into recordings of candidates. `tasks: {NAME: {reference: metadata.target}}` holds the
    answers against the target.

    All input tokens are total less output, for vendors differ in whether the others include the
    cache. Headers and summaries are skipped. Not confirmed by a log of a real run: logs whose
    events refer to a pool of messages; there the sample's own messages are taken.
    """

    name: ClassVar[str] = "inspect_eval"
    title: ClassVar[str] = "Inspect logs"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits."""
        kinds = (
            fields.fit(row, *_SAMPLE),
            fields.fit(row, "eval.task", "eval.model", "plan|version"),
            fields.fit(row, "scorer", "samples"),
        )
        return max(kinds, key=lambda fit: fit.score)

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each sample as an entry or a reject; what describes the log is skipped."""
        return read_each(_samples(rows), _sample, self.name)


def _samples(rows: Iterable[Row | Reject]) -> Iterator[Row | Reject]:
    """Yield samples with the description of their evaluation, and other rows as they are."""
    about: dict[str, JsonValue] = {}
    for row in rows:
        if isinstance(row, Reject) or not isinstance(row.value, dict):
            yield row
            continue
        log = _INSIDE.split(row.path)[0]
        if "eval" in row.value:
            kept = {key: fields.get(row.value, key) for key in ("eval", "plan")}
            about = {log: fields.some(kept)}  # logs come one after the other
        held = fields.get(row.value, "samples") if "eval" in row.value else None
        if not isinstance(held, list):
            yield _described(row, row.value, about.get(log))
            continue
        for number, value in enumerate(held, start=1):
            yield _described(Row(path=row.path, number=number, value=value), value, about[log])


def _described(row: Row, value: JsonValue, about: JsonValue) -> Row:
    if not isinstance(value, dict) or about is None or "eval" in value:
        return row
    return Row(path=row.path, number=row.number, value={**value, _ITS_EVAL: about})


def _sample(sample: JsonObject) -> Iterable[JsonObject]:
    if "output" not in sample and "messages" not in sample:
        raise NotACallError("what the log says about itself (header, summary)")
    model = fields.text(sample, f"{_ITS_EVAL}.eval.model")
    calls = _calls(sample, model)
    call = calls[-1] if calls else {}
    asked = _asked(sample, call)
    config = _config(sample, call)
    output = fields.obj(sample, "output")
    name = model or fields.first_text(call, "model") or fields.text(output, "model")
    request = {**config, **fields.some({"model": name}), "messages": asked.messages}
    called = shapes.row(request, _response(sample, output))
    task = fields.text(sample, f"{_ITS_EVAL}.eval.task")
    ids = (task, fields.text(sample, "id"), fields.text(sample, "epoch"))
    case = ":".join(part for part in ids if part)
    row: dict[str, JsonValue] = {
        **called,
        "id": fields.text(sample, "uuid") or f"{case}@{name}",
        "timestamp": fields.first_text(sample, "started_at")
        or fields.first_text(call, "timestamp")
        or fields.text(sample, f"{_ITS_EVAL}.eval.created"),
        "task": fields.text(sample, "metadata.task") or task,
        "latency_s": fields.number(output, "time"),
        "cache_hit": fields.text(call, "cache") == "read",
        "metadata": _metadata(sample, case, len(calls)),
        "unreplayable": asked.why or called.get("unreplayable"),
    }
    return (fields.some(row),)


def _calls(sample: JsonObject, model: str | None) -> list[JsonObject]:
    """Return the calls of the evaluated model: not those of models that grade."""
    found: list[JsonObject] = [
        event
        for event in fields.items(sample, "events")
        if isinstance(event, dict) and event.get("event") == "model" and not event.get("role")
    ]
    return [event for event in found if model in (None, event.get("model"))] or found


def _asked(sample: JsonObject, call: JsonObject) -> Conversation:
    """Return the messages before the last answer.

    Those of the sample are whole; long texts of events stand elsewhere.
    """
    listed = fields.items(sample, "messages")
    if listed and fields.text(listed[-1], "role") == "assistant":
        listed = listed[:-1]
    listed = listed or fields.items(call, "input")
    given = sample.get("input")
    if not listed and isinstance(given, str):
        listed = [{"role": "user", "content": given}]
    found = Conversation()
    for message in listed or (given if isinstance(given, list) else []):
        found.messages.append(_message(message, sample, found))
    return found


def _message(message: JsonValue, sample: JsonObject, found: Conversation) -> JsonValue:
    content = fields.get(message, "content")
    said: dict[str, JsonValue] = fields.some({"role": fields.get(message, "role")})
    said["content"] = _content(content, sample, found)
    if calls := fields.items(message, "tool_calls"):
        said["tool_calls"] = [_tool_call(call) for call in calls]
    if said.get("role") == "tool":
        said |= fields.some({"tool_call_id": fields.get(message, "tool_call_id")})
        said["content"] = said["content"] or fields.text(message, "error.message") or ""
    return said


def _content(content: JsonValue, sample: JsonObject, found: Conversation) -> JsonValue:
    if not isinstance(content, list):
        return _whole(content, sample, found)
    parts: list[JsonValue] = []
    for part in content:
        kind = fields.text(part, "type") or ""
        if kind == "text":
            parts.append({"type": "text", "text": _whole(fields.get(part, "text"), sample, found)})
        elif kind == "image":
            url = _whole(fields.get(part, "image"), sample, found)
            parts.append({"type": "image_url", "image_url": {"url": url}})
        elif kind != "reasoning":
            found.why = f"a message has a part that cannot be sent to others, `{kind}`"
    return parts


def _whole(text: JsonValue, sample: JsonObject, found: Conversation) -> JsonValue:
    """Return a text that the log may keep elsewhere in the sample."""
    if not isinstance(text, str):
        return text
    if text.startswith(_ATTACHED):
        kept = fields.obj(sample, "attachments").get(text.removeprefix(_ATTACHED))
        if isinstance(kept, str):
            return kept
        found.why = "the log left out what a message refers to"
    elif text == _REMOVED:
        found.why = "the log left out an image"
    return text


def _tool_call(call: JsonValue) -> JsonValue:
    name, arguments = fields.get(call, "function"), fields.get(call, "arguments")
    return genai.tool_call(fields.get(call, "id"), name, arguments)


def _config(sample: JsonObject, call: JsonObject) -> dict[str, JsonValue]:
    about = fields.obj(sample, _ITS_EVAL)
    config = {
        **fields.obj(about, "plan.config"),
        **fields.obj(about, "eval.model_generate_config"),
        **fields.obj(call, "config"),
    }
    found: dict[str, JsonValue] = {
        chat: value for name, chat in _PARAMETERS.items() if (value := config.get(name)) is not None
    }
    offered, _ = genai.tools(call.get("tools"))
    if offered:
        found["tools"] = [_described_tool(tool, sample) for tool in offered]
        found |= fields.some({"tool_choice": _choice(call.get("tool_choice"))})
    schema = fields.obj(config, "response_schema.json_schema")
    if schema:
        named = fields.text(config, "response_schema.name")
        found["response_format"] = genai.json_schema(schema, named)
    return found


def _described_tool(tool: JsonValue, sample: JsonObject) -> JsonValue:
    function = fields.obj(tool, "function")
    described = _whole(function.get("description"), sample, Conversation())
    texts = fields.some({"description": described})
    return {"type": "function", "function": {**function, **texts}}


def _choice(given: JsonValue) -> JsonValue:
    if named := fields.text(given, "name"):
        return {"type": "function", "function": {"name": named}}
    return {"any": "required"}.get(given, given) if isinstance(given, str) else None


def _response(sample: JsonObject, output: JsonObject) -> JsonValue:
    choices = fields.items(output, "choices")
    error = fields.first_text(output, "error") or fields.first_text(sample, "error.message")
    if not choices:
        return None if error is None else {"error": {"message": error}}
    counts = fields.obj(output, "usage")
    n_output = fields.count(counts, "output_tokens")
    total = fields.count(counts, "total_tokens")
    n_input = fields.count(counts, "input_tokens")
    if total is not None and n_output is not None and total >= n_output:
        n_input = total - n_output
    stopped = fields.text(choices[0], "stop_reason")
    return genai.completion(
        _message(fields.get(choices[0], "message"), sample, Conversation()),
        "length" if stopped == "model_length" else stopped,
        model=fields.text(output, "model"),
        usage=usage(
            n_input,
            n_output,
            n_cached=fields.count(counts, "input_tokens_cache_read"),
            n_cache_write=fields.count(counts, "input_tokens_cache_write"),
            n_reasoning=fields.count(counts, "reasoning_tokens"),
        ),
    )


def _metadata(sample: JsonObject, case: str, n_calls: int) -> dict[str, JsonValue]:
    scores = {
        name: fields.get(score, "value") for name, score in fields.obj(sample, "scores").items()
    }
    others = {
        "sample": sample.get("id"),
        "epoch": fields.count(sample, "epoch"),
        "choices": fields.items(sample, "choices") or None,
        "n_calls": n_calls if n_calls > 1 else None,
    }
    marks = graded.marks(fields.some(scores), sample.get("target"), case)
    return {**fields.obj(sample, "metadata"), **fields.some(others), **marks}

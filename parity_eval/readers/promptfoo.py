"""Results of promptfoo."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

import yaml

from parity_eval import codec
from parity_eval.logged import fields, genai, graded, settings, shapes
from parity_eval.logged.embedded import decoded
from parity_eval.logged.entries import BadRowError, read_each
from parity_eval.logged.usage import usage
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_ITS_EVAL, _ITS_TIME, _ITS_CONFIG = "its_eval", "its_time", "its_config"
_FAILED = 2
_FILE = "file://"


class Promptfoo:
    """Read what `promptfoo eval --output results.json` (or `.jsonl`) writes.

    Each answer of each provider is an entry: `model` is the provider's id, `metadata.score` the
    score of promptfoo, `metadata.scores` its named scores, `metadata.target` the value of an
    `equals` assertion, `metadata.vars` the variables, `metadata.case` equal for all providers that
    were asked the same. A study has one baseline: `logged.graded.recordings` turns the answers of
    the other providers into recordings of candidates, and the entries of the baseline are the log
    (`tasks: {NAME: {match: {model: PROVIDER}, reference: metadata.target}}`).

    Parameters of a provider come from the configuration in the file; JSON Lines have none. Answers
    that promptfoo parsed (JSON schemas) are written as JSON again, so not byte by byte as given.
    Answers from promptfoo's own cache tell no latency. Not confirmed by a file of a real run: where
    the rows of JSON Lines keep the id of their evaluation.
    """

    name: ClassVar[str] = "promptfoo"
    title: ClassVar[str] = "promptfoo results"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits."""
        if isinstance(fields.get(row, "results.results"), list):
            return fields.fit(row, "results.results", "results.stats|results.prompts|results.table")
        return fields.fit(row, "promptIdx", "testIdx", "prompt.raw", "provider", "score|success")

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each answer as an entry or a reject."""
        return read_each(_results(rows), _answer, self.name)


def _results(rows: Iterable[Row | Reject]) -> Iterator[Row | Reject]:
    for row in rows:
        held = None if isinstance(row, Reject) else fields.get(row.value, "results.results")
        if isinstance(row, Reject) or not isinstance(held, list):
            yield row
            continue
        shared = fields.some(
            {
                _ITS_EVAL: fields.get(row.value, "evalId"),
                _ITS_TIME: fields.get(row.value, "results.timestamp"),
                _ITS_CONFIG: dict(_configs(row.value)),
            }
        )
        for number, value in enumerate(held, start=1):
            whole = {**value, **shared} if isinstance(value, dict) else value
            yield Row(path=row.path, number=number, value=whole)


def _configs(document: JsonValue) -> JsonObject:
    """Return the configurations of providers by id and by label."""
    found: dict[str, JsonValue] = {}
    for provider in fields.items(document, "config.providers"):
        for key in (fields.text(provider, "id"), fields.text(provider, "label")):
            if key is not None:
                found[key] = fields.get(provider, "config")
    return found


def _answer(result: JsonObject) -> Iterable[JsonObject]:
    provider = fields.first_text(result, "provider.id", "provider")
    prompt = fields.get(result, "prompt.raw")
    if provider is None or not isinstance(prompt, str):
        raise BadRowError("no result of promptfoo: it lacks `provider` or `prompt.raw`")
    label = fields.text(result, "provider.label")
    config = fields.get(result, _ITS_CONFIG)
    given = next(
        (c for key in (label, provider) if key and isinstance(c := _at(config, key), dict)), {}
    )
    asked = {**settings.chat_params(given), "model": provider, **_body(prompt)}
    called = shapes.row(asked, _response(result))
    case = ":".join(
        part
        for part in (
            fields.first_text(result, _ITS_EVAL, "evalId"),
            fields.text(result, "testIdx"),
            codec.digest(prompt)[:12],
        )
        if part
    )
    is_cached = fields.get(result, "response.cached") is True
    latency = fields.number(result, "latencyMs")
    column = fields.text(result, "promptIdx") or label or provider
    row: dict[str, JsonValue] = {
        "id": f"{case}:{column}",
        **called,
        "timestamp": fields.get(result, _ITS_TIME),
        "task": fields.first_text(result, "testCase.metadata.task", "metadata.task"),
        "latency_s": None if latency is None or is_cached else latency / 1000,
        "cost_usd": None if is_cached else fields.number(result, "cost"),
        "cache_hit": is_cached,
        "metadata": _metadata(result, case),
        "unreplayable": _why_elsewhere(given) or called.get("unreplayable"),
    }
    return (fields.some(row),)


def _at(config: JsonValue, key: str) -> JsonValue:
    return config.get(key) if isinstance(config, dict) else None  # ids have dots


def _body(prompt: str) -> dict[str, JsonValue]:
    """Return the body that a prompt stands for: messages as JSON or YAML, or one text."""
    held = decoded(prompt)
    if isinstance(held, str) and held.lstrip().startswith("- role:"):
        held = _conversation(held)
    if isinstance(held, dict) and isinstance(held.get("messages"), list):
        return held
    if isinstance(held, list) and held and all(fields.text(m, "role") for m in held):
        return {"messages": held}
    return {"messages": [{"role": "user", "content": prompt}]}


def _conversation(prompt: str) -> JsonValue:
    """Return messages that are written as YAML; the prompt itself where it holds none."""
    try:
        found = yaml.safe_load(prompt)
    except (yaml.YAMLError, RecursionError, ValueError):
        return prompt
    is_plain = isinstance(found, list) and all(
        isinstance(m, dict) and all(isinstance(v, str) for v in (*m, *m.values())) for m in found
    )
    return found if is_plain else prompt


def _response(result: JsonObject) -> JsonValue:
    output = fields.get(result, "response.output")
    error = fields.first_text(result, "response.error")
    # Failed assertions are written to `error` too.
    if error is None and (fields.get(result, "failureReason") == _FAILED or output is None):
        error = fields.text(result, "error")
    if error is not None:
        return {"error": {"message": error}}
    if output is None:
        return None
    counts = fields.obj(result, "response.tokenUsage") or fields.obj(result, "tokenUsage")
    return genai.completion(
        _message(output, is_refusal=fields.get(result, "response.isRefusal") is True),
        fields.get(result, "response.finishReason"),
        model=None,
        usage=usage(fields.count(counts, "prompt"), fields.count(counts, "completion")),
    )


def _message(output: JsonValue, *, is_refusal: bool) -> JsonValue:
    listed = output if isinstance(output, list) else []
    if listed and all(fields.obj(call, "function") for call in listed):
        return {"role": "assistant", "content": None, "tool_calls": listed}
    text = genai.as_text(output)
    refusal = fields.some({"refusal": text if is_refusal else None})
    return {"role": "assistant", "content": text, **refusal}


def _metadata(result: JsonObject, case: str) -> dict[str, JsonValue]:
    own = {**fields.obj(result, "testCase.metadata"), **fields.obj(result, "metadata")}
    named = fields.obj(result, "namedScores")
    marks = graded.marks({"score": result.get("score"), **named}, _target(result), case)
    others: dict[str, JsonValue] = {
        "vars": dict(fields.obj(result, "vars") or fields.obj(result, "testCase.vars")) or None,
        "success": result.get("success"),
        "reason": fields.text(result, "gradingResult.reason"),
        "description": fields.text(result, "testCase.description"),
        "provider_label": fields.text(result, "provider.label"),
    }
    return {**own, **fields.some(others), **marks}


def _target(result: JsonObject) -> JsonValue:
    for assertion in fields.items(result, "testCase.assert"):
        value = fields.get(assertion, "value")
        if fields.text(assertion, "type") == "equals" and isinstance(value, str):
            return None if "{{" in value else value
    return None


def _why_elsewhere(config: JsonObject) -> str | None:
    """Say which part of a request stands in a file of its own."""
    for name in ("tools", "functions", "response_format"):
        value = config.get(name)
        if isinstance(value, str) and value.startswith(_FILE):
            return f"its `{name}` stands in a file that the results do not hold"
    return None

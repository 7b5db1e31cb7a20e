"""Weave (Weights & Biases): calls of operations."""

import re
from collections.abc import Iterable, Iterator
from typing import ClassVar

from parity_eval.logged import calls, envelopes, fields, observed, spannames, times
from parity_eval.logged.entries import NotACallError
from parity_eval.logged.names import task_name
from parity_eval.logged.nested import read_innermost
from parity_eval.logged.usage import usage, with_cache
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_MISSING = "the export left its inputs out; export the columns `inputs` and `output` as well"
_REFERS = "it refers to objects that Weave keeps (`weave:///`); export with references expanded"
_REFERENCE = re.compile(r"weave(-trace-internal)?:///\S+")
_OP = re.compile(r"^(?:weave(?:-trace-internal)?:///.*/op/)?(?P<name>[^:/]+)(?::[^/]*)?$")
_VENDORS = frozenset(
    {"anthropic", "bedrock", "cerebras", "cohere", "fireworks", "google", "groq", "litellm"}
    | {"huggingface_hub", "mistralai", "nvidia", "openai", "together", "vertexai", "xai"}
)
_OTHER_KINDS = frozenset(
    {"aembedding", "audio", "embed", "embedding", "embeddings", "files", "images"}
    | {"moderations", "rerank", "speech"}
)
_SENT = ("messages", "input", "prompt", "system", "instructions", "tools", "response_format")
"""Parts of a request that must not be references. The client object (`self`) may be one."""


class Weave:
    """Read calls of the vendors' clients, the innermost where one wraps another.

    Operations of people's own, tools and scorers are skipped.
    """

    name: ClassVar[str] = "weave"
    title: ClassVar[str] = "Weave calls"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits."""
        head = envelopes.first(row, "calls")
        return fields.fit(head, "op_name", "inputs", "started_at", "project_id|trace_id")

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each model call as an entry or a reject; other calls are skipped."""
        return read_innermost(envelopes.unwrapped(rows, "calls"), _call, self.name, _outer)


def _outer(value: JsonValue) -> Iterable[str]:
    around = fields.text(value, "parent_id")
    return (around,) if around and _is_model(_operation(value)) else ()


def _operation(value: object) -> str:
    found = _OP.match(fields.text(value, "op_name") or "")
    return found["name"] if found else ""


def _is_model(operation: str) -> bool:
    words = operation.lower().split(".")
    return words[0] in _VENDORS and len(words) > 1 and _OTHER_KINDS.isdisjoint(words)


def _call(row: JsonObject) -> Iterable[JsonObject]:
    operation = _operation(row)
    if not _is_model(operation):
        raise NotACallError(f"a call of {operation or 'no operation'}")
    if row.get("deleted_at"):
        raise NotACallError("a deleted call")
    failure = calls.error(row.get("exception"))
    output = row.get("output")
    if output is None and failure is None and not row.get("ended_at"):
        raise NotACallError("an unfinished call")
    inputs = row.get("inputs")
    is_reference = _refers(inputs)
    found = calls.called(
        None if isinstance(inputs, str) else observed.request(inputs, {}),
        None if _is_reference(output) else observed.answer(output),
        missing=_REFERS if is_reference else _MISSING,
        usage=_usage(row),
        failure=failure,
    )
    if is_reference:
        found["unreplayable"] = _REFERS
    return ({**found, **_about(row)},)


def _refers(inputs: JsonValue) -> bool:
    sent = [fields.get(inputs, name) for name in _SENT]
    return observed.refers([inputs] if isinstance(inputs, str) else sent, _is_reference)


def _is_reference(value: JsonValue) -> bool:
    return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None


def _about(row: JsonObject) -> dict[str, JsonValue]:
    own = {k: v for k, v in fields.obj(row, "attributes").items() if k != "weave"}
    metadata = calls.about(own, own.get("tags"))
    start = row.get("started_at")
    return {
        **calls.measured(
            cost_usd=_cost(row), latency_s=times.seconds_between(start, row.get("ended_at"))
        ),
        **fields.some(
            {
                "id": fields.text(row, "id"),
                "user": fields.text(metadata, "user_id"),
                "session": fields.text(row, "thread_id"),
                "task": task_name(
                    metadata=metadata,
                    tags=[tag for tag in fields.items(metadata, "tags") if isinstance(tag, str)],
                    span=spannames.chosen(fields.text(row, "display_name")),
                ),
            }
        ),
        "timestamp": start,
        "metadata": metadata,
    }


def _only(row: JsonObject, path: str) -> JsonObject:
    """Return what is summed up for the one model of a call; of several nobody knows."""
    per_model = list(fields.obj(row, path).values())
    found = per_model[0] if len(per_model) == 1 else None
    return found if isinstance(found, dict) else {}


def _cost(row: JsonObject) -> float | None:
    costs = _only(row, "summary.weave.costs")
    parts = [
        fields.number(costs, name)
        for name in ("prompt_tokens_total_cost", "completion_tokens_total_cost")
    ]
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _usage(row: JsonObject) -> JsonObject | None:
    counted = _only(row, "summary.usage")
    if fields.count(counted, "prompt_tokens") is not None:
        return usage(
            fields.count(counted, "prompt_tokens"), fields.count(counted, "completion_tokens")
        )
    n_read = fields.count(counted, "cache_read_input_tokens")
    n_written = fields.count(counted, "cache_creation_input_tokens")
    return usage(
        with_cache(fields.count(counted, "input_tokens"), n_read, n_written),
        fields.count(counted, "output_tokens"),
        n_cached=n_read,
        n_cache_write=n_written,
    )

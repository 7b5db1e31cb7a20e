"""Langfuse: observations from its API, from blob storage, or from a table in its UI."""

import re
from collections.abc import Iterable, Iterator
from typing import ClassVar

from parity_eval.logged import calls, envelopes, fields, observed, settings, spannames, times
from parity_eval.logged.embedded import decoded
from parity_eval.logged.entries import NotACallError
from parity_eval.logged.names import task_name
from parity_eval.logged.nested import read_innermost
from parity_eval.logged.usage import usage
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_MISSING = "the export left its input out; export the fields `input` and `output` as well"
_MEDIA = "it refers to media that Langfuse keeps"
_SNAKE = re.compile(r"_([a-z])")
_ELSEWHERE = {"model": "providedModelName", "traceTags": "tags"}
"""Names in the UI's export, and in older ones, to those of the API."""


class Langfuse:
    """Read observations of the type GENERATION.

    The three exports hold the same in different spellings: objects and `camelCase`, JSON text and
    `snake_case`, or JSON text in a CSV whose dates carry quotes of their own. Latency is taken from
    start and end: the field of that name is in seconds in some exports, in milliseconds in others.
    Files of scheduled exports overlap: what is repeated is skipped.
    """

    name: ClassVar[str] = "langfuse"
    title: ClassVar[str] = "Langfuse observations"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits."""
        return fields.fit(
            envelopes.first(row, "data"),
            "traceId|trace_id",
            "parentObservationId|parent_observation_id",
            "startTime|start_time",
        )

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each generation once, as an entry or a reject; other observations are skipped."""
        seen: set[str] = set()
        listed = envelopes.unwrapped(rows, "data")
        for item in read_innermost(listed, _call, self.name, _outer):
            if isinstance(item, LogEntry):
                if item.request.id in seen:
                    reason = "repeats an observation of an earlier row"
                    yield Skipped(path=item.path, line=item.line, reason=reason)
                    continue
                seen.add(item.request.id)
            yield item


def _outer(value: JsonValue) -> Iterable[str]:
    around = fields.first_text(value, "parentObservationId", "parent_observation_id")
    return (around,) if around and fields.get(value, "type") == "GENERATION" else ()


def _call(row: JsonObject) -> Iterable[JsonObject]:
    seen = _one_spelling(row)
    kind = fields.text(seen, "type")
    if kind != "GENERATION":
        raise NotACallError(f"an observation of the type {kind}")
    failure = None
    if fields.text(seen, "level") == "ERROR":
        failure = calls.error(fields.text(seen, "statusMessage") or "no message")
    start, end = seen.get("startTime"), seen.get("endTime")
    output = observed.answer(seen.get("output"))
    if output is None and failure is None and not end:
        raise NotACallError("an unfinished observation")
    asked = _request(seen)
    found = calls.called(asked, output, missing=_MISSING, usage=_usage(seen), failure=failure)
    if observed.refers(found.get("request"), _is_media):
        found["unreplayable"] = _MEDIA
    metadata = calls.about(seen.get("metadata"), seen.get("tags"))
    cost = fields.number(seen, "totalCost")
    total = fields.number({"of": decoded(seen.get("costDetails"))}, "of.total")
    return (
        {
            **found,
            **calls.measured(
                cost_usd=total if cost is None else cost,
                latency_s=times.seconds_between(start, end),
            ),
            **fields.some(
                {
                    "id": fields.text(seen, "id"),
                    "user": fields.text(seen, "userId"),
                    "session": fields.text(seen, "sessionId"),
                    "task": task_name(
                        metadata=metadata,
                        tags=_tags(metadata),
                        prompt=fields.text(seen, "promptName"),
                        span=spannames.chosen(fields.text(seen, "name")),
                    ),
                }
            ),
            "timestamp": start,
            "metadata": metadata,
        },
    )


def _one_spelling(row: JsonObject) -> JsonObject:
    camel = {_SNAKE.sub(lambda m: m[1].upper(), name): value for name, value in row.items()}
    return {_ELSEWHERE.get(name, name): value for name, value in camel.items()}


def _request(seen: JsonObject) -> JsonValue:
    given = decoded(seen.get("modelParameters"))
    params = settings.chat_params(given if isinstance(given, dict) else {})
    body = observed.request(seen.get("input"), params, fields.text(seen, "providedModelName"))
    tools = [_tool(name, text) for name, text in _definitions(seen).items()]
    if not tools or not isinstance(body, dict) or body.get("tools") or body.get("functions"):
        return body
    return {**body, "tools": tools}


def _definitions(seen: JsonObject) -> JsonObject:
    found = decoded(seen.get("toolDefinitions"))
    return found if isinstance(found, dict) else {}


def _tool(name: str, text: JsonValue) -> JsonValue:
    """Return a tool of the column that Langfuse fills where the input had tools elsewhere."""
    about = decoded(text)
    parameters = decoded(fields.get(about, "parameters"))
    function = fields.some(
        {
            "name": name,
            "description": fields.text(about, "description"),
            "parameters": parameters if isinstance(parameters, dict) else None,
        }
    )
    return {"type": "function", "function": function}


def _usage(seen: JsonObject) -> JsonObject | None:
    """Return all tokens: every key with `input` in it is a part of the input, and so on."""
    given = decoded(seen.get("usageDetails"))
    if not isinstance(given, dict):
        return usage(fields.count(seen, "promptTokens"), fields.count(seen, "completionTokens"))
    return usage(
        _sum(given, "input"),
        _sum(given, "output"),
        n_cached=_sum(given, "input", "cache_read", "cached"),
        n_cache_write=_sum(given, "input", "cache_creation", "cache_write"),
        n_reasoning=_sum(given, "output", "reasoning"),
    )


def _sum(given: JsonObject, side: str, *parts: str) -> int | None:
    names = [name for name in given if side in name.lower()]
    if parts:
        names = [name for name in names if any(part in name.lower() for part in parts)]
    found = [n for name in names if (n := fields.count({"of": given[name]}, "of")) is not None]
    return sum(found) if found else None


def _tags(metadata: JsonObject) -> list[str]:
    return [tag for tag in fields.items(metadata, "tags") if isinstance(tag, str)]


def _is_media(text: str) -> bool:
    return "@@@langfuseMedia:" in text

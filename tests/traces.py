"""Invented traces as OTLP writes them, and what a reader makes of rows."""

import json
from collections.abc import Mapping

from parity_eval.protocols import Reader
from parity_eval.records import JsonValue, LogEntry, Reject, Response, Row, Skipped

TRACE = "0" * 30 + "c1"
START = 1_772_357_400_000_000_000  # 2026-03-01T09:30:00Z
SECOND = 1_000_000_000


def rows(*values: JsonValue, path: str = "trace.jsonl") -> list[Row | Reject]:
    return [Row(path=path, number=n, value=value) for n, value in enumerate(values, start=1)]


def read(reader: Reader, *values: JsonValue) -> list[LogEntry | Skipped | Reject]:
    return list(reader.read(rows(*values)))


def entries(reader: Reader, *values: JsonValue) -> list[LogEntry]:
    return [item for item in read(reader, *values) if isinstance(item, LogEntry)]


def entry(reader: Reader, *values: JsonValue) -> LogEntry:
    (found,) = read(reader, *values)
    assert isinstance(found, LogEntry), found
    return found


def answer(reader: Reader, *values: JsonValue) -> Response:
    found = entry(reader, *values).response
    assert found is not None
    return found


def told(reader: Reader, *values: JsonValue) -> str:
    """Return why the only row is no entry."""
    (found,) = read(reader, *values)
    assert isinstance(found, Skipped | Reject), found
    return found.reason


def typed(value: JsonValue) -> JsonValue:
    """Write a value as OTLP does: 64-bit integers as text, lists and objects in wrappers."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [typed(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": pairs(value)}}
    return {"stringValue": value}


def pairs(attributes: Mapping[str, JsonValue]) -> list[JsonValue]:
    return [{"key": key, "value": typed(value)} for key, value in attributes.items()]


def span(
    attributes: Mapping[str, JsonValue], number: int = 1, parent: int | None = None
) -> dict[str, JsonValue]:
    return {
        "traceId": TRACE,
        "spanId": f"{number:016x}",
        "parentSpanId": "" if parent is None else f"{parent:016x}",
        "name": "chat big-1",
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": str(START + 3 * SECOND // 2),
        "attributes": pairs(attributes),
        "status": {},
    }


def document(*spans: JsonValue) -> dict[str, JsonValue]:
    resource: JsonValue = {"attributes": pairs({"service.name": "greenhouse", "host.name": "h1"})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}


def record(event: str, body: JsonValue = None, number: int = 1) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {
        "eventName": event,
        "traceId": TRACE,
        "spanId": f"{number:016x}",
        "timeUnixNano": str(START),
    }
    return found if body is None else {**found, "body": typed(body)}


def records(*found: JsonValue) -> dict[str, JsonValue]:
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": list(found)}]}]}


def text(value: JsonValue) -> str:
    """Write JSON as the text that an attribute holds."""
    return json.dumps(value)

"""Documents of OpenTelemetry, however they were exported, to flat spans and log records.

A flat span is an object with `id`, `trace_id`, `span_id`, `parent` (the id of the span around it),
`name`, `start`, `end`, `is_failed`, `message`, `n_dropped`, `attributes`, `events` and `resource`;
a flat log record has `record` (the name of its event), `id` (that of its span), `time`, `body`,
`attributes` and `resource`. Attributes are a tree: `llm.token_count.prompt` stands at that path,
numbered ones are objects with a key per number (see `numbered`), and a name that is both leaf and
branch has its own value under an empty key. What cannot be read is an object with a `fault`.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from parity_eval.logged import fields
from parity_eval.logged.entries import BadRowError
from parity_eval.records import JsonObject, JsonValue, Reject, Row

_RESOURCES = ("resourceSpans", "resource_spans", "batches")
_SCOPES = ("scopeSpans", "scope_spans", "instrumentationLibrarySpans")
_LOGS = ("resourceLogs", "resource_logs")
_LOG_SCOPES = ("scopeLogs", "scope_logs")
_METRICS = ("resourceMetrics", "resource_metrics")
_FAILED = frozenset({"2", "STATUS_CODE_ERROR", "ERROR"})
_HEX = re.compile(r"(0x)?([0-9a-fA-F]{16}|[0-9a-fA-F]{32})")
_LEVELS = 24
"""Dots of a name that lead deeper; hostile names have thousands."""
_INT_END = 2**63
_Names: TypeAlias = tuple[str, ...]


def flat(rows: Iterable[Row | Reject]) -> Iterator[Row | Reject]:
    """Yield each span and log record of the documents as a row of its own.

    Args:
        rows: OTLP documents (of spans or of log records, in camel or snake case), pages of them,
            or single spans as Phoenix and the console exporter write them.
    """
    for row in rows:
        if isinstance(row, Reject) or not isinstance(row.value, dict):
            yield row
            continue
        is_empty = True
        try:
            for value in items(row.value):
                is_empty = False
                yield Row(path=row.path, number=row.number, value=value)
        except BadRowError as error:
            yield Reject(path=row.path, line=row.number, reason=str(error))
        except RecursionError:
            yield Reject(path=row.path, line=row.number, reason="nested too deeply")
        else:
            if is_empty:
                yield Row(path=row.path, number=row.number, value={})


def items(document: JsonObject) -> Iterator[dict[str, JsonValue]]:
    """Yield the flat spans and log records of one row.

    Raises:
        BadRowError: neither documents nor spans of OpenTelemetry.
    """
    if not is_trace(document):
        raise BadRowError("no spans of OpenTelemetry: `resourceSpans`, or a span's `attributes`")
    for resource, span in _parts(document, _RESOURCES, _SCOPES, ("spans",)):
        yield _span(span, resource)
    for resource, record in _parts(document, _LOGS, _LOG_SCOPES, ("logRecords", "log_records")):
        yield _record(record, resource)
    if is_single(document):
        yield _span(dict(document), {})
    elif document.keys().isdisjoint((*_RESOURCES, *_LOGS)):
        for span in fields.items(document, "data"):
            yield _span(span, {})


def is_trace(row: JsonObject) -> bool:
    """Whether a row holds spans or log records."""
    if any(key in row for key in (*_RESOURCES, *_LOGS, *_METRICS)):
        return True
    page = fields.items(row, "data")
    return is_single(row) or (bool(page) and is_single(page[0]))


def numbered(value: JsonValue) -> tuple[list[JsonValue], bool]:
    """Return a list that was written as numbered attributes, and whether no number is missing.

    Tracers keep 128 attributes of a span unless told otherwise: long conversations have gaps.

    Example:
        >>> numbered({"1": "b", "0": "a"}), numbered({"3": "d"})
        ((['a', 'b'], True), (['d'], False))
    """
    if isinstance(value, list):
        return value, True
    if not isinstance(value, dict):
        return [], True
    keys = sorted((key for key in value if key.isdecimal() and key.isascii()), key=_order)
    return [value[key] for key in keys], keys == [str(i) for i in range(len(keys))]


def leaf(value: object, path: str) -> JsonValue:
    """Return the value at a path, also where other attributes continue its name."""
    found = fields.get(value, path)
    return found[""] if isinstance(found, dict) and "" in found else found


def tree(attributes: JsonObject) -> dict[str, JsonValue]:
    """Put attributes with dotted names, also those inside of values, where their dots lead.

    Example:
        >>> tree({"a.b": 1, "a.c.0": 2})
        {'a': {'b': 1, 'c': {'0': 2}}}
    """
    root: dict[str, JsonValue] = {}
    for name, value in attributes.items():
        place = root
        *parents, last = name.split(".", _LEVELS)
        for part in parents:
            inner = place.get(part)
            if not isinstance(inner, dict):
                inner = {} if inner is None else {"": inner}
                place[part] = inner
            place = inner
        _put(place, last, _expanded(value))
    return root


def is_single(row: object) -> bool:
    """Whether a row is one span."""
    has_id = any(
        fields.text(row, path) is not None for path in ("context.span_id", "span_id", "spanId")
    )
    is_frame = isinstance(row, dict) and "context.span_id" in row
    return is_frame or (has_id and isinstance(fields.get(row, "attributes"), dict | list))


def _parts(
    document: JsonObject, tops: _Names, inners: _Names, last: _Names
) -> Iterator[tuple[JsonObject, JsonValue]]:
    for part in _list(document, tops):
        resource = tree(_attributes(fields.get(part, "resource.attributes")))
        for scope in _list(part, inners):
            for item in _list(scope, last):
                yield resource, item


def _list(value: object, names: _Names) -> list[JsonValue]:
    for name in names:
        found = fields.get(value, name)
        if isinstance(found, list):
            return found
        if found is not None:
            raise BadRowError(f"`{name}` must be a list")
    return []


def _span(raw: JsonValue, resource: JsonObject) -> dict[str, JsonValue]:
    if not isinstance(raw, dict):
        return {"fault": "a span must be an object"}
    if "context.span_id" in raw:  # a row of Phoenix' data frame, with a column per attribute
        raw = tree(raw)
    given = fields.get(raw, "attributes")
    if given is not None and not isinstance(given, dict | list):
        return {"fault": "`attributes` of a span must be a list or an object"}
    attributes = tree(_attributes(given))
    kind = fields.text(raw, "span_kind")  # Phoenix; the console exporter writes `SpanKind.CLIENT`
    if kind is not None and "." not in kind and "openinference" not in attributes:
        attributes["openinference"] = {"span": {"kind": kind}}
    trace = _id(raw, "traceId", "trace_id", "context.trace_id")
    own = _id(raw, "spanId", "span_id", "context.span_id")
    status = fields.first_text(raw, "status.code", "status.status_code", "status_code") or ""
    return {
        "id": _joined(trace, own),
        "parent": _joined(trace, _id(raw, "parentSpanId", "parent_span_id", "parent_id")),
        "name": fields.text(raw, "name"),
        "start": _time(raw, "startTimeUnixNano", "start_time_unix_nano", "start_time"),
        "end": _time(raw, "endTimeUnixNano", "end_time_unix_nano", "end_time"),
        "is_failed": status.upper() in _FAILED,
        "message": fields.first_text(raw, "status.message", "status.description", "status_message"),
        "n_dropped": fields.count(raw, "droppedAttributesCount")
        or fields.count(raw, "dropped_attributes_count"),
        "attributes": attributes,
        "events": [_event(event) for event in fields.items(raw, "events")],
        "resource": dict(resource or tree(fields.obj(raw, "resource.attributes"))),
    }


def _event(raw: JsonValue) -> JsonValue:
    attributes = tree(_attributes(fields.get(raw, "attributes")))
    return {"name": fields.text(raw, "name"), "attributes": attributes}


def _record(raw: JsonValue, resource: JsonObject) -> dict[str, JsonValue]:
    if not isinstance(raw, dict):
        return {"fault": "a log record must be an object"}
    attributes = tree(_attributes(fields.get(raw, "attributes")))
    body = fields.get(raw, "body")
    return {
        "record": fields.first_text(raw, "eventName", "event_name")
        or fields.text(attributes, "event.name")
        or "",
        "id": _joined(_id(raw, "traceId", "trace_id"), _id(raw, "spanId", "span_id")),
        "time": _time(raw, "timeUnixNano", "time_unix_nano")
        or _time(raw, "observedTimeUnixNano", "observed_time_unix_nano"),
        "body": _value(body) if isinstance(body, dict) else body,
        "attributes": attributes,
        "resource": dict(resource),
    }


def _attributes(given: JsonValue) -> dict[str, JsonValue]:
    if isinstance(given, dict):
        return given
    found: dict[str, JsonValue] = {}
    for pair in given if isinstance(given, list) else []:
        if isinstance(pair, dict) and isinstance(key := pair.get("key"), str):
            found[key] = _value(pair.get("value"))
    return found


def _value(typed: JsonValue) -> JsonValue:
    """Return the value that OTLP wraps in the name of its type; 64-bit integers are texts there."""
    if not isinstance(typed, dict) or not typed:
        return None
    name, value = next(iter(typed.items()))
    kind = name.replace("_value", "Value")
    if kind == "arrayValue":
        return [_value(item) for item in fields.items(value, "values")]
    if kind == "kvlistValue":
        return _attributes(fields.get(value, "values"))
    if kind == "intValue":
        return _whole(value)
    if kind == "doubleValue":
        return fields.number(typed, name)  # without NaN, which JSON cannot say
    return value if kind in ("stringValue", "boolValue", "bytesValue") else None


def _whole(value: JsonValue) -> JsonValue:
    try:
        found = int(value) if isinstance(value, str | int) else None
    except ValueError:
        return None
    return found if found is None or abs(found) < _INT_END else None


def _time(raw: JsonValue, *names: str) -> JsonValue:
    """Return a time as it stands; 0 is how protocol buffers write none."""
    found = (fields.get(raw, name) for name in names)
    return next((value for value in found if value not in (None, "", 0, "0")), None)


def _id(raw: JsonValue, *names: str) -> str | None:
    """Return an id in lower-case hexadecimal digits, from these or from base64."""
    value = fields.first_text(raw, *names)
    if value is None:
        return None
    if plain := _HEX.fullmatch(value):
        return plain[2].lower()
    try:
        return base64.b64decode(value, validate=True).hex() or None
    except (binascii.Error, ValueError):
        return value


def _order(key: str) -> tuple[int, str]:
    return len(key), key


def _put(place: dict[str, JsonValue], name: str, value: JsonValue) -> None:
    there = place.get(name)
    if isinstance(there, dict):
        there.update(value if isinstance(value, dict) else {"": value})
    else:
        place[name] = value


def _expanded(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return tree(value)
    if isinstance(value, list):
        return [_expanded(item) for item in value]
    return value


def _joined(trace: str | None, span: str | None) -> str | None:
    return None if span is None else f"{trace}:{span}" if trace else span

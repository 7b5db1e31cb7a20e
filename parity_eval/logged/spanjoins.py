"""Log records of OpenTelemetry put beside the spans that they are of."""

from collections.abc import Callable, Iterable, Iterator

from parity_eval.logged import fields
from parity_eval.records import JsonObject, JsonValue, Reject, Row

_DETAILS = "gen_ai.client.inference.operation.details"
_CHOICE = "gen_ai.choice"
_KEPT = 100_000
"""Spans without records, and records without spans, that are kept until the others come."""
_ORPHAN = "log records of a model call whose span is not in the log; read them with their spans"
_LATE = "log records that say what their span says too"


def with_records(
    rows: Iterable[Row | Reject], lacks_content: Callable[[JsonObject], bool]
) -> Iterator[Row | Reject]:
    """Yield spans with the messages that stand in log records, in whatever file and order.

    Only what has no match yet is kept, and of that the newest; a span that waited in vain is
    yielded as it is.

    Args:
        rows: Flat spans and log records.
        lacks_content: Whether a span is a call whose messages may stand elsewhere.

    Yields:
        Spans, those with records with these as `events` or in their `attributes`; records that
        hold a whole call and have no span, as spans; for records that are of no use an object with
        the reason as `skip`; all other rows as they are.
    """
    waiting: dict[str, Row] = {}
    records: dict[str, list[Row]] = {}
    done: dict[str, None] = {}
    for row in rows:
        if isinstance(row, Reject) or not isinstance(row.value, dict):
            yield row
            continue
        key = fields.text(row.value, "id")
        is_record = (fields.text(row.value, "record") or "").startswith("gen_ai.")
        if key is None or not (is_record or lacks_content(row.value)):
            if key is not None and "record" not in row.value:
                done[key] = None
            yield row
        elif is_record and key in done:
            yield _skip(row, _LATE)
        else:
            if is_record:
                records.setdefault(key, []).append(row)
            else:
                waiting[key] = row
            if key in waiting and any(_is_last(record) for record in records.get(key, ())):
                done[key] = None
                yield _merged(waiting.pop(key), records.pop(key))
        yield from _evicted(waiting, records, done, _KEPT)
    yield from _evicted(waiting, records, done, 0)


def _evicted(
    waiting: dict[str, Row], records: dict[str, list[Row]], done: dict[str, None], most: int
) -> Iterator[Row]:
    """Yield the oldest of what is kept, until no more than so many are."""
    while len(done) > _KEPT:
        del done[next(iter(done))]
    while len(waiting) > most:
        key = next(iter(waiting))
        yield _merged(waiting.pop(key), records.pop(key, []))
    while len(records) > most:
        key = next(iter(records))
        yield _alone(records.pop(key), is_known=key in done)


def _merged(span: Row, records: list[Row]) -> Row:
    value = span.value if isinstance(span.value, dict) else {}
    attributes = dict(fields.obj(value, "attributes"))
    events = list(fields.items(value, "events"))
    for record in sorted((r.value for r in records), key=_time):
        if fields.text(record, "record") == _DETAILS:
            told = fields.obj(record, "attributes.gen_ai")
            attributes["gen_ai"] = {**told, **fields.obj(attributes, "gen_ai")}
        else:
            name, body = fields.get(record, "record"), fields.get(record, "body")
            events.append({"name": name, "body": body})
    merged = {**value, "attributes": attributes, "events": events}
    return Row(path=span.path, number=span.number, value=merged)


def _alone(records: list[Row], *, is_known: bool) -> Row:
    whole = next((r for r in records if fields.text(r.value, "record") == _DETAILS), None)
    if is_known or whole is None:
        return _skip(records[0], _LATE if is_known else _ORPHAN)
    kept = {key: fields.get(whole.value, key) for key in ("id", "attributes", "resource")}
    span = {**kept, "start": fields.get(whole.value, "time")}
    return Row(path=whole.path, number=whole.number, value=span)


def _skip(row: Row, reason: str) -> Row:
    return Row(path=row.path, number=row.number, value={"skip": reason})


def _is_last(record: Row) -> bool:
    """Whether a record comes last: of several choices the first counts, whichever comes first."""
    name = fields.text(record.value, "record")
    return name == _DETAILS or (name == _CHOICE and not fields.count(record.value, "body.index"))


def _time(record: JsonValue) -> tuple[int, str]:
    """Return what orders nanoseconds: as fractions they would not keep the order of messages."""
    written = fields.text(record, "time") or ""
    return len(written), written

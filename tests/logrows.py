"""Rows of a log as a reader sees them, without a file."""

from parity_eval.protocols import Reader
from parity_eval.records import JsonValue, LogEntry, Reject, Response, Row, Skipped


def rows(*values: JsonValue, path: str = "log.jsonl") -> list[Row | Reject]:
    return [Row(path=path, number=n, value=value) for n, value in enumerate(values, start=1)]


def read(reader: Reader, *values: JsonValue) -> list[LogEntry | Skipped | Reject]:
    return list(reader.read(rows(*values)))


def entry(reader: Reader, *values: JsonValue) -> LogEntry:
    (found,) = read(reader, *values)
    assert isinstance(found, LogEntry), found
    return found


def answer(reader: Reader, *values: JsonValue) -> Response:
    found = entry(reader, *values).response
    assert found is not None
    return found


def reject(reader: Reader, *values: JsonValue) -> str:
    (found,) = read(reader, *values)
    assert isinstance(found, Reject), found
    return found.reason


def skipped(reader: Reader, *values: JsonValue) -> str:
    (found,) = read(reader, *values)
    assert isinstance(found, Skipped), found
    return found.reason

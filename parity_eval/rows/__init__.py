"""Files to rows, whatever the rows mean. What a file holds is told by its content, not its name."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from io import BufferedReader

from parity_eval.lines import BOM, PARQUET, ZIP, Place, joined, opened, unpacked
from parity_eval.records import Reject, Row
from parity_eval.rows import archives, documents, tables

_HEAD = 2**18
"""Bytes that are looked at to tell what a text is."""


class Container(StrEnum):
    """How a file keeps its rows."""

    LINES = "JSON Lines"
    DOCUMENT = "JSON document"
    CSV = "CSV"
    PARQUET = "Parquet"
    ZIP = "ZIP archive"
    EMPTY = "empty file"


def read_rows(paths: Sequence[str]) -> Iterator[Row | Reject]:
    """Yield the rows of all files, one at a time.

    JSON Lines, JSON documents (an array is read element by element, any other document is one
    row), CSV, Parquet, and ZIP archives of the first three; text may be packed by gzip or zstd.

    Raises:
        InputError: a file that cannot be read at all, or not to its end.
    """
    for path in paths:
        yield from _rows(path)


def container(path: str) -> Container:
    """Tell how a file keeps its rows.

    Raises:
        InputError: a file that cannot be read at all.
    """
    with opened(path, Place()) as raw:
        if found := _packed(raw):
            return found
        with unpacked(raw, path) as stream:
            return _text_container(stream.read(_HEAD), path)


def _rows(path: str) -> Iterator[Row | Reject]:
    place = Place()
    with opened(path, place) as raw:
        packed = _packed(raw)
        if packed is None:
            with unpacked(raw, path) as stream:
                yield from _text_rows(stream, path, place)
    # Both are read from their end, and open the file themselves.
    if packed is Container.PARQUET:
        yield from tables.parquet_rows(path)
    if packed is Container.ZIP:
        for member, stream in archives.members(path):
            yield from _text_rows(stream, member, Place())


def _packed(raw: BufferedReader) -> Container | None:
    start = raw.peek(4)[:4]
    if start == PARQUET:
        return Container.PARQUET
    return Container.ZIP if start in ZIP else None


def _text_rows(stream: BufferedReader, path: str, place: Place) -> Iterator[Row | Reject]:
    head = stream.read(_HEAD).removeprefix(BOM)
    kind = _text_container(head, path)
    whole = joined(head, stream)
    if kind is Container.CSV:
        yield from tables.csv_rows(whole, path, place)
    elif kind is Container.DOCUMENT:
        yield from documents.document_rows(whole, path, place)
    else:
        yield from documents.line_rows(whole, path, place)


def _text_container(head: bytes, path: str) -> Container:
    documents.check(head, path)
    start = head.removeprefix(BOM)
    if not start.strip():
        return Container.EMPTY
    if documents.is_document(start):
        return Container.DOCUMENT
    return Container.LINES if documents.is_lines(start) else Container.CSV

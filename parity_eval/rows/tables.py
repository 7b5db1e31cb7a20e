"""CSV and Parquet to rows: an object per row with a key per column."""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from io import BufferedReader
from typing import Any

import msgspec

from parity_eval import codec
from parity_eval.errors import InputError
from parity_eval.lines import MOST_BYTES, TOO_LONG, Place, filesystem, is_remote
from parity_eval.records import JsonValue, Reject, Row

_SEPARATORS = ",;\t|"
_NAMED = re.compile(r"sep=(.)\r?\n?")
"""First line by which spreadsheets tell the separator."""
_QUOTED = re.compile(r'"[^"]*"?')
_BATCH = 256


def csv_rows(stream: BufferedReader, path: str, place: Place) -> Iterator[Row | Reject]:
    """Yield the rows of a CSV file; an empty cell is null: it may be an empty text or nothing.

    Raises:
        InputError: quotes that do not match, so that nobody knows where rows end; bad column names.
    """
    lines = _lines(stream, path)
    first = next(lines, "")
    named = _NAMED.fullmatch(first)
    header = next(lines, "") if named else first
    separator = named[1] if named else _separator(header)
    csv.field_size_limit(MOST_BYTES)
    reader = csv.reader(_again(header, lines), delimiter=separator, strict=True)
    n_before = int(named is not None)
    names: list[str] | None = None
    place.number = n_before + 1
    try:
        for cells in reader:
            number, place.number = place.number, reader.line_num + n_before + 1
            if not cells:
                continue
            if names is None:
                names = _column_names(cells, path)
                continue
            yield _csv_row(names, cells, path, number)
    except csv.Error as error:
        raise InputError(
            f"{path}:{place.number}: the row that begins here is no CSV ({error}); quotes inside "
            "of a quoted cell must be doubled, and every quote closed"
        ) from error


def _lines(stream: BufferedReader, path: str) -> Iterator[str]:
    """Yield lines; bytes that are not UTF-8 as half surrogates."""
    for number, raw in enumerate(iter(partial(stream.readline, MOST_BYTES), b""), start=1):
        if len(raw) == MOST_BYTES:
            raise InputError(f"{path}:{number}: {TOO_LONG}")
        yield raw.decode("utf-8", "surrogateescape")


def _again(header: str, lines: Iterator[str]) -> Iterator[str]:
    yield header
    yield from lines


def _separator(header: str) -> str:
    counts = Counter(_QUOTED.sub("", header))
    return max(_SEPARATORS, key=lambda separator: counts[separator])


def _column_names(cells: Sequence[str], path: str) -> list[str]:
    names = [name.strip() or f"column {n}" for n, name in enumerate(cells, start=1)]
    if not all(map(_is_text, names)):
        raise InputError(f"{path}: the names of its columns are not UTF-8; save it as UTF-8")
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise InputError(f"{path}: two columns are named {twice[0]!r}; give each its own name")
    return names


def _csv_row(names: Sequence[str], cells: Sequence[str], path: str, number: int) -> Row | Reject:
    if len(cells) != len(names):
        reason = f"{len(cells)} cells, but the header names {len(names)}"
        return Reject(path=path, line=number, reason=reason)
    if not all(map(_is_text, cells)):
        reason = "not UTF-8; save the file as UTF-8"
        return Reject(path=path, line=number, reason=reason)
    value: dict[str, JsonValue] = {
        name: cell or None for name, cell in zip(names, cells, strict=True)
    }
    return Row(path=path, number=number, value=value)


def _is_text(cell: str) -> bool:
    if cell.isascii():
        return True
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True


def parquet_rows(path: str) -> Iterator[Row | Reject]:
    """Yield the rows of a Parquet file.

    Times without a zone are UTC, as everywhere; NaN, which data frames write for nothing, is null.

    Raises:
        InputError: the file is damaged.
    """
    import duckdb

    options = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with duckdb.connect(config=options) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        source = path
        if is_remote(path):
            fs, inner = filesystem(path)
            connection.register_filesystem(fs)
            source = str(fs.unstrip_protocol(inner))
        try:
            # DuckDB knows best how its types are written as JSON.
            found = connection.execute(
                "SELECT to_json(row)::VARCHAR FROM read_parquet(?, binary_as_string = true) AS row",
                [source.translate(_LITERAL)],
            )
            number = 0
            while batch := found.fetchmany(_BATCH):
                for (text,) in batch:
                    number += 1
                    yield _parquet_row(text, path, number)
        except duckdb.Error as error:
            why = str(error).splitlines()[0]
            raise InputError(
                f"{path}: cannot be read as Parquet: {why}; fetch or write the file again"
            ) from error


_LITERAL = {ord(sign): f"[{sign}]" for sign in "*?["}
"""Signs of a glob, as themselves."""


def _parquet_row(text: str, path: str, number: int) -> Row | Reject:
    try:
        return Row(path=path, number=number, value=codec.parse(text.encode()))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    try:
        value: Any = json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        return Reject(path=path, line=number, reason=f"not JSON: {error}")
    return Row(path=path, number=number, value=value)

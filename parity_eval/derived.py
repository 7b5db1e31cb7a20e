"""The journal as DuckDB tables, for queries. Derived: it may be deleted at any time."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from parity_eval.errors import InputError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FILE = "run.duckdb"

_TABLES = {
    "requests": "task VARCHAR, id VARCHAR, weight BIGINT, body JSON, baseline JSON",
    "answers": (
        "key VARCHAR, purpose VARCHAR, task VARCHAR, model VARCHAR, request VARCHAR, "
        "sample BIGINT, usd DOUBLE, paid BOOLEAN, response JSON"
    ),
    "verdicts": (
        "task VARCHAR, candidate VARCHAR, position BIGINT, request VARCHAR, key VARCHAR, "
        "value DOUBLE, is_failure BOOLEAN, reason VARCHAR, scores JSON"
    ),
}
_TYPES: dict[str, Any] = {
    "VARCHAR": (str | None, None),
    "BIGINT": (int | None, None),
    "DOUBLE": (float | None, None),
    "BOOLEAN": (bool | None, None),
    "JSON": (msgspec.Raw, msgspec.Raw()),
}
"""How a column is read, and what stands for a field that a record does not have."""

# A verdict on a hole that was counted is followed by another once the hole is filled.
_ONLY_LAST = (
    "DELETE FROM verdicts WHERE rowid NOT IN "
    "(SELECT max(rowid) FROM verdicts GROUP BY task, candidate, position)"
)
_BYTES_AT_ONCE = 1 << 19
# Instead of DuckDB's 256 KiB, which most tables would not fill.
_BLOCK_BYTES = 1 << 14


class _Head(msgspec.Struct):
    kind: str


class _Line(msgspec.Struct):
    record: _Head


class _Table:
    """One table, and the rows of the journal that go into it."""

    def __init__(self, name: str, columns: str) -> None:
        kinds = dict(column.split(" ") for column in columns.split(", "))
        fields = [(column, *_TYPES[kind]) for column, kind in kinds.items()]
        row = msgspec.defstruct("Row", fields)
        picked = ", ".join(f"unnest(${column}::{kind}[])" for column, kind in kinds.items())
        self._columns = tuple(kinds)
        line: Any = msgspec.defstruct("Line", [("record", row)])
        self._decoder = msgspec.json.Decoder(line)
        self.create = f"CREATE TABLE {name} ({columns})"
        self.insert = f"INSERT INTO {name} SELECT {picked}"

    def values(self, lines: Sequence[bytes]) -> dict[str, list[object]]:
        """Return the columns of some lines; JSON as its text."""
        rows = [self._decoder.decode(line).record for line in lines]
        return {
            column: [
                bytes(value).decode() or None if isinstance(value, msgspec.Raw) else value
                for value in (getattr(row, column) for row in rows)
            ]
            for column in self._columns
        }


def write_tables(folder: Path) -> Path:
    """Write `run.duckdb` beside the journal.

    Raises:
        InputError: the journal cannot be read, or DuckDB cannot write the file.
    """
    import duckdb

    target = folder / FILE
    beside = folder / f".{FILE}"
    beside.unlink(missing_ok=True)
    try:
        with (
            (folder / "journal.jsonl").open("rb") as journal,
            duckdb.connect(config={"threads": 1}) as connection,
        ):
            name = str(beside).replace("'", "''")
            connection.execute(f"ATTACH '{name}' AS run (BLOCK_SIZE {_BLOCK_BYTES})")
            connection.execute("USE run")
            _fill(connection, journal)
        beside.replace(target)
    except (duckdb.Error, msgspec.DecodeError, OSError) as error:
        beside.unlink(missing_ok=True)
        raise InputError(f"{target}: {error}") from error
    return target


def _fill(connection: "DuckDBPyConnection", journal: BinaryIO) -> None:
    """Insert the journal bit by bit: DuckDB would read it with buffers of many megabytes."""
    tables = {name.removesuffix("s"): _Table(name, columns) for name, columns in _TABLES.items()}
    for table in tables.values():
        connection.execute(table.create)
    head = msgspec.json.Decoder(_Line)
    connection.begin()
    while lines := journal.readlines(_BYTES_AT_ONCE):
        by_kind: dict[str, list[bytes]] = {kind: [] for kind in tables}
        for line in lines:
            by_kind.get(head.decode(line).record.kind, []).append(line)
        for kind, found in by_kind.items():
            if found:
                connection.execute(tables[kind].insert, tables[kind].values(found))
    connection.execute(_ONLY_LAST)
    connection.commit()

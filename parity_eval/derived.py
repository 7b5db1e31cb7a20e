"""The journal as DuckDB tables, for queries. Derived: it may be deleted at any time."""

from pathlib import Path

from parity_eval.errors import InputError

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

# A verdict on a hole that was counted is followed by another once the hole is filled.
_LAST = {
    "verdicts": " QUALIFY row_number() OVER (PARTITION BY task, candidate, position "
    "ORDER BY line DESC) = 1"
}


def write_tables(folder: Path) -> Path:
    """Write `run.duckdb` beside the journal.

    Raises:
        InputError: DuckDB cannot read the journal or write the file.
    """
    import duckdb

    target = folder / FILE
    beside = folder / f".{FILE}"
    beside.unlink(missing_ok=True)
    try:
        with duckdb.connect(str(beside), config={"threads": 1}) as connection:
            connection.execute(
                "CREATE TEMP TABLE journal AS SELECT json->'$.record' AS record, "
                "row_number() OVER () AS line FROM read_ndjson_objects($path)",
                {"path": str(folder / "journal.jsonl")},
            )
            for name, columns in _TABLES.items():
                picked = ", ".join(_column(*column.split(" ")) for column in columns.split(", "))
                connection.execute(
                    f"CREATE TABLE {name} AS SELECT {picked} FROM journal "  # noqa: S608 - ours
                    f"WHERE record->>'$.kind' = $kind{_LAST.get(name, '')}",
                    {"kind": name.removesuffix("s")},
                )
        beside.replace(target)
    except duckdb.Error as error:
        beside.unlink(missing_ok=True)
        raise InputError(f"{target}: {error}") from error
    return target


def _column(name: str, kind: str) -> str:
    arrow = "->" if kind == "JSON" else "->>"
    return f"(record{arrow}'$.{name}')::{kind} AS {name}"

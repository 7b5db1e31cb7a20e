"""A million damaged log lines: `python -m tests.bench fuzz`; FUZZ_LINES asks for fewer.

Rows are those of the samples beside the folder that PARITY_EVAL_DATA names, if it is set, and the
invented ones of `tests/invented.py`, each damaged at random.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import invented
import numpy as np
from bench import measure

from parity_eval import codec, plugins
from parity_eval.intake import content_digest
from parity_eval.logged import envelopes
from parity_eval.protocols import Reader
from parity_eval.readers import READERS
from parity_eval.records import LogEntry, Reject, Row, Skipped
from parity_eval.rows import read_rows

N_LINES = 1_000_000
N_PER_FILE = 2_000
SEED = 20_261_121
_HEADER = (
    "format",
    "lines",
    "rows read",
    "lines that are no row",
    "entries",
    "skipped",
    "rejects",
    "s",
)


def measure_all(folder: Path) -> None:
    """Write reports/measured/fuzz.md; raises where a line is lost or something crashes."""
    wanted = int(os.environ.get("FUZZ_LINES", N_LINES))
    readers = {name: plugins.reader(name) for name in READERS}
    n_each = -(-wanted // len(readers))
    rng = np.random.default_rng(SEED)
    table = []
    totals = Counter[str]()
    for name, reader in readers.items():
        began = time.perf_counter()
        counts = _fuzzed(reader, _seeds(name, readers), n_each, rng, folder / f"{name}.log")
        totals += counts
        shown = [f"{counts[kind]:,}" for kind in _KINDS]
        table.append((name, *shown, f"{time.perf_counter() - began:.0f}"))
    table.append(("all", *(f"{totals[kind]:,}" for kind in _KINDS), ""))
    text = (
        "Each line is a row with one to three parts replaced, removed, moved or repeated, and one "
        "in four damaged as text (cut, flipped bytes, BOM, CR, NUL, U+2028, UTF-16, Latin-1, deep "
        "nesting). No crash, no hang; a line is a row or a reject, and each row gives at least one "
        "entry, skipped row or reject of its own line."
    )
    measure.write("fuzz", "Damaged logs", [text, measure.table(_HEADER, table)])


_KINDS = ("lines", "rows", "no rows", "LogEntry", "Skipped", "Reject")


def _seeds(name: str, readers: dict[str, Reader]) -> list[Any]:
    """Return whole rows of a format."""
    found: list[Any] = [invented.ROWS[name]]
    data = os.environ.get("PARITY_EVAL_DATA")
    for path in sorted((Path(data).parent / "formats" / "samples").glob("*.*")) if data else ():
        for row in read_rows([str(path)]):
            # Of the answer to a list call, one of the calls.
            value = envelopes.first(row.value, "data", "result") if isinstance(row, Row) else None
            found += [value] if readers[name].fit(value).score >= 1 else []
    return found


def _fuzzed(
    reader: Reader, seeds: list[Any], n_lines: int, rng: np.random.Generator, path: Path
) -> Counter[str]:
    counts = Counter[str]()
    while counts["lines"] < n_lines:
        n = min(N_PER_FILE, n_lines - counts["lines"])
        # The first line is whole: what a file is, is told by its beginning.
        lines = [codec.encode(seeds[0])]
        lines += [
            invented.damaged_line(rng, seeds[int(rng.integers(len(seeds)))]) for _ in range(n)
        ]
        path.write_bytes(b"\n".join(lines) + b"\n")
        rows = list(read_rows([str(path)]))[1:]
        numbers = [row.number if isinstance(row, Row) else row.line for row in rows]
        if numbers != list(range(2, n + 2)):
            raise RuntimeError(f"{path}: lines are lost or invented")
        counts["lines"] += n
        counts.update(type(item).__name__ for item in _items(reader, rows, path))
        counts["rows"] += sum(isinstance(row, Row) for row in rows)
        counts["no rows"] += sum(isinstance(row, Reject) for row in rows)
    return counts


def _items(
    reader: Reader, rows: list[Row | Reject], path: Path
) -> Iterator[LogEntry | Skipped | Reject]:
    for row in rows:
        number = row.number if isinstance(row, Row) else row.line
        found = list(reader.read([row]))
        if not found:
            raise RuntimeError(f"{path}: line {number} vanished")
        for item in found:
            if (item.path, item.line) != (str(path), number):
                raise RuntimeError(f"{path}: line {number} became line {item.line}")
            codec.encode(item)
            if isinstance(item, LogEntry):
                content_digest(item)
            yield item

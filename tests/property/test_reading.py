"""Damaged logs: nothing crashes or hangs, no row is invented, and every row is accounted for."""

import gzip
import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import invented
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity_eval import codec, plugins
from parity_eval.errors import InputError
from parity_eval.intake import Reading, Source, gather
from parity_eval.lines import Place
from parity_eval.protocols import Reader
from parity_eval.readers import READERS
from parity_eval.records import LogEntry, Reject, Row
from parity_eval.rows import documents, read_rows

ALL: dict[str, Reader] = {name: plugins.reader(name) for name in READERS}
N = 60
MANY_CALLS = {"mlflow", "openinference", "otel_genai", "vercel_ai"}
"""Formats of which a row may hold several calls, or none."""


@pytest.mark.parametrize("name", READERS)
def test_every_damaged_row_is_accounted_for(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(len(name))
    good = json.dumps(invented.ROWS[name]).encode()
    rows = [invented.damaged_line(rng, invented.ROWS[name]) for _ in range(N)]
    path = tmp_path / "log"
    path.write_bytes(b"\n".join([good, *rows]) + b"\n")
    reader = ALL[name]
    found = list(read_rows([str(path)]))
    # A damaged text may hold more than one value, but never less than one reject.
    assert len(found) == N + 1
    numbers = [row.number if isinstance(row, Row) else row.line for row in found]
    assert numbers == list(range(1, N + 2))
    for row in found:
        items = list(reader.read([row]))
        if name not in MANY_CALLS:
            assert len(items) == 1
        assert items, row
        for item in items:
            assert (item.path, item.line) == (str(path), numbers[found.index(row)])
            # Whatever was made of it can be written, and read back.
            assert codec.encode(item)
            if not isinstance(item, LogEntry):
                assert item.reason
        for other in ALL.values():
            if isinstance(row, Row):
                assert 0 <= other.fit(row.value).score <= 1


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_log_is_read_to_its_end(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(7)
    row = invented.ROWS[name]
    lines = [json.dumps(row).encode(), *(invented.damaged_line(rng, row) for _ in range(N))]
    (tmp_path / "log").write_bytes(b"\n".join(lines))
    source = Source(reader=ALL[name], paths=(str(tmp_path / "log"),))
    found = gather([source], Reading(max_rejects=1))
    usable = sum(map(len, found.by_task.values()))
    assert usable + len(found.rejects) + sum(found.skipped.values()) == found.n_lines


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


def document(text: bytes) -> list[Row | Reject]:
    return list(documents.document_rows(io.BufferedReader(io.BytesIO(text)), "x", Place()))


@given(rows=st.lists(json_values, max_size=6), indent=st.sampled_from([None, 0, 2]))
@settings(max_examples=150, deadline=None)
def test_an_array_is_read_as_its_elements(rows: list[Any], indent: int | None) -> None:
    found = document(json.dumps(rows, indent=indent).encode())
    assert [row.value for row in found if isinstance(row, Row)] == rows


@given(text=st.text('[]{}",:\\ 1an\n', max_size=40))
@settings(max_examples=300, deadline=None)
def test_whatever_looks_like_a_document_ends(text: str) -> None:
    try:
        found = document(text.encode())
    except InputError:
        return
    assert len(found) <= len(text)


@given(data=st.binary(max_size=200), packed=st.booleans())
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_rows_rejects_or_one_message(
    tmp_path_factory: pytest.TempPathFactory,
    data: bytes,
    packed: bool,  # noqa: FBT001 - drawn
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "log"
    path.write_bytes(gzip.compress(data)[: len(data)] if packed else data)
    with suppress(InputError):
        for row in read_rows([str(path)]):
            assert codec.encode(row)

"""`inspect` on damaged logs of every format: every row is accounted for, all can be shown."""

import io
from pathlib import Path

import invented
import numpy as np
import pytest
from rich.console import Console

from parity_eval import codec
from parity_eval.cli.inspect_table import census_table, next_line, suggested
from parity_eval.readers import READERS
from parity_eval.study import LogSpec
from parity_eval.workflows.inspect import inspect, page


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_damaged_log_is_counted_and_can_be_shown(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(5)
    lines = [invented.damaged_line(rng, invented.ROWS[name]) for _ in range(120)]
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"id": "0", "request": {"messages": []}}\n' + b"\n".join(lines) + b"\n")
    found = inspect(LogSpec(path=str(path), format=name), lambda _: None)
    unused = sum(reason.n for reason in (*found.skipped, *found.rejected))
    assert found.n_requests + unused == found.n_rows
    assert sum(task.volume.n for task in found.tasks) == found.n_requests
    text = codec.encode(found).decode() + page(found)
    console = Console(file=io.StringIO(), width=80, color_system=None)
    console.print(census_table(found), next_line(found), suggested(found))
    assert isinstance(console.file, io.StringIO)
    text += console.file.getvalue()
    assert "\x1b" not in text
    assert "\x00" not in text

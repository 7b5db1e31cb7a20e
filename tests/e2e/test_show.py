from pathlib import Path

import cli
import pytest
import summaries

from parity_eval import codec
from parity_eval.summary import RunSummary


def show(folder: Path, summary: RunSummary, *options: str) -> str:
    (folder / "summary.json").write_text(codec.pretty(summary), encoding="utf-8")
    done = cli.run("show", ".", *options, cwd=folder)
    assert (done.code, done.err) == (0, "")
    return done.out


def test_show_adds_what_the_table_has_no_room_for(tmp_path: Path) -> None:
    lines = show(tmp_path, summaries.gated()).splitlines()
    titles = ["Gates", "Judge against humans", "What each rule would have decided"]
    assert [line for line in lines if line in titles] == titles
    assert max(map(len, lines)) <= 80


def test_show_ends_with_what_was_spent_where_there_is_nothing_to_add(tmp_path: Path) -> None:
    out = show(tmp_path, summaries.believable())
    last = out[out.rindex("This run spent") :]
    assert last.startswith("This run spent $3.98 (limit $4.00).\nOf that: candidate ")
    assert "kappa" not in out


@pytest.mark.parametrize("summary", [summaries.gated(), summaries.believable()])
def test_show_as_json_is_the_summary(tmp_path: Path, summary: RunSummary) -> None:
    assert show(tmp_path, summary, "--json") == codec.pretty(summary)

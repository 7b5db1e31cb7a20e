"""Logs of other shapes through the real command line."""

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cli
import pytest

N = 60


def pair(n: int) -> dict[str, Any]:
    """Return a row as a gateway logs it: no id of its own, latency in milliseconds."""
    row = cli.entry(n)
    return {
        "timestamp": row["timestamp"],
        "latency_ms": 700,
        "request": {**row["request"], "metadata": {"task": "triage"}},
        "response": {**row["response"], "id": row["id"]},
    }


def plain(n: int) -> dict[str, Any]:
    row = cli.entry(n)
    return {"id": row["id"], "task": "triage", "q": cli.item(n), "a": cli.label(n), "lang": "en"}


def as_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("rows.json", json.dumps([cli.entry(n) for n in range(N)], indent=1))


def as_folder(path: Path) -> None:
    path.mkdir()
    cli.write_lines(path / "a.jsonl", [cli.entry(n) for n in range(N // 2)])
    lines = "".join(json.dumps(cli.entry(n)) + "\n" for n in range(N // 2 - 5, N))
    (path / "b.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    (path / "notes.md").write_text("nothing", encoding="utf-8")


def run(folder: Path, log: str, *more: str, command: str = "run") -> cli.Done:
    cli.recording(folder, N)
    return cli.run(
        command, "--log", log, "--baseline", "big", "--candidate", "tape.jsonl", *more, cwd=folder
    )


@pytest.mark.parametrize(("name", "write"), [("log.eval", as_zip), ("logs", as_folder)])
def test_the_container_changes_no_decision(
    tmp_path: Path, name: str, write: Callable[[Path], None]
) -> None:
    cli.write_lines(tmp_path / "log.jsonl", [cli.entry(n) for n in range(N)])
    write(tmp_path / name)
    done = run(tmp_path, "log.jsonl", "--out", "one")
    assert done.code == 0, done.told
    done = run(tmp_path, name, "--out", "other")
    assert done.code == 0, done.told
    one, other = cli.summary(tmp_path / "one"), cli.summary(tmp_path / "other")
    assert one["log_fingerprint"] == other["log_fingerprint"]
    assert cli.decisions(tmp_path / "one") == cli.decisions(tmp_path / "other")
    repeated = {"repeats an earlier row, with the same id and content": 5}
    assert other["skipped"] == (repeated if name == "logs" else {})
    if name == "logs":
        assert "1 files that are hidden or no logs (notes.md)" in done.err
        assert "5 log lines of 65 skipped, no fault" in " ".join(done.out.split())


def test_a_format_is_found_out_shown_and_forced(tmp_path: Path) -> None:
    cli.write_lines(tmp_path / "log.jsonl", [pair(n) for n in range(N)])
    told = run(tmp_path, "log.jsonl", command="plan")
    assert told.code == 0, told.told
    shown = "the log's files by format: OpenAI requests with responses (openai_pairs): 1"
    assert shown in " ".join(told.err.split())
    forced = run(tmp_path, "log.jsonl", "--format", "canonical")
    assert forced.code == 2
    assert "60 of 60 lines (100.0%) cannot be used" in forced.err
    wrong = run(tmp_path, "log.jsonl", "--format", "openai_pair")
    assert wrong.code == 2
    assert "no format is called 'openai_pair'; did you mean 'openai_pairs'?" in wrong.err


def test_a_table_is_mapped_as_the_message_says(tmp_path: Path) -> None:
    rows = [plain(n) for n in range(N)]
    text = "\n".join([";".join(rows[0]), *(";".join(map(str, row.values())) for row in rows)])
    (tmp_path / "log.csv").write_text(text, encoding="utf-8")
    done = run(tmp_path, "log.csv")
    assert done.code == 2
    assert "is of no known format. Seen: CSV with" in done.err
    assert "columns: {prompt: " in done.err
    (tmp_path / "parity.yaml").write_text(
        "version: 1\nlog: {path: log.csv, columns: {prompt: q, response: a}}\n"
        "baseline: {model: big}\ncandidates: [{model: recorded, path: tape.jsonl}]\n",
        encoding="utf-8",
    )
    done = cli.run("run", cwd=tmp_path)
    assert done.code == 0, done.told
    assert list(cli.decisions(tmp_path / "reports")) == ["triage/tape"]
    assert cli.summary(tmp_path / "reports")["formats"] == {"plain": N}


def test_a_log_without_answers(tmp_path: Path) -> None:
    cli.write_lines(tmp_path / "log.jsonl", [cli.entry(n, response=None) for n in range(N)])
    done = run(tmp_path, "log.jsonl")
    assert done.code == 2
    assert "none of 60 requests of the log has an answer; set `source: replay`" in done.err
    (tmp_path / "parity.yaml").write_text(
        "version: 1\nlog: {path: log.jsonl}\n"
        "baseline: {model: openai/big, source: replay, price: {input: 10, output: 30}}\n"
        "candidates: [{model: recorded, path: tape.jsonl}]\n"
        "tasks: {triage: {kind: classification}}\n",
        encoding="utf-8",
    )
    told = cli.run("plan", "--json", cwd=tmp_path)
    assert told.code == 0, told.told
    assert json.loads(told.out)["baseline"]["worst"] > 0

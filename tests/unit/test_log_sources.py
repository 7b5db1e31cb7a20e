"""From what a configuration says of a log to its files, formats and entries."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cli
import invented
import makers
import pytest

from parity_eval import plugins, prompt_log
from parity_eval.config import read
from parity_eval.errors import ConfigError, InputError, UsageError
from parity_eval.intake import Intake
from parity_eval.study import LogSpec, Study


def put(path: Path, *rows: Any) -> str:  # noqa: ANN401 - JSON
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def study(**log: Any) -> Study:  # noqa: ANN401 - parts of a log
    return replace(makers.study(), log=LogSpec(**log))


def sources(path: str | tuple[str, ...], **log: Any) -> tuple[dict[str, list[str]], list[str]]:  # noqa: ANN401
    notes: list[str] = []
    found = prompt_log.sources(LogSpec(path=path, **log), notes.append)
    return {s.reader.name: [Path(p).name for p in s.paths] for s in found}, notes


def intake(**log: Any) -> tuple[Intake, list[str]]:  # noqa: ANN401 - parts of a log
    notes: list[str] = []
    return prompt_log.intake(study(**log), notes.append), notes


def test_a_canonical_log_is_read_without_a_word(tmp_path: Path) -> None:
    path = put(tmp_path / "log.jsonl", cli.entry(1))
    assert sources(path) == ({"canonical": ["log.jsonl"]}, [])


def test_a_folder_of_several_formats_is_told(tmp_path: Path) -> None:
    put(tmp_path / "a.jsonl", invented.ROWS["openai_pairs"])
    put(tmp_path / "b.jsonl", invented.ROWS["langsmith"])
    put(tmp_path / "c.jsonl", invented.ROWS["openai_pairs"])
    put(tmp_path / "d.jsonl")
    put(tmp_path / "notes.txt")
    found, notes = sources(str(tmp_path))
    assert found == {"openai_pairs": ["a.jsonl", "c.jsonl"], "langsmith": ["b.jsonl"]}
    assert notes == [
        f"skipped {tmp_path}: 1 files that are hidden or no logs (notes.txt)",
        (
            "the log's files by format: OpenAI requests with responses (openai_pairs): 2; "
            f"{plugins.reader('langsmith').title} (langsmith): 1; empty: 1"
        ),
    ]


def test_a_format_may_be_forced(tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", invented.ROWS["openai_pairs"])
    assert sources(path, format="langsmith")[0] == {"langsmith": ["a.jsonl"]}
    with pytest.raises(UsageError, match="did you mean 'langsmith'"):
        sources(path, format="langsmit")


def test_columns_reach_the_reader(tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", {"q": "hi", "a": "ho"})
    with pytest.raises(InputError, match="is of no known format"):
        sources(path)
    found, _ = intake(path=path, format="plain", columns={"prompt": "q", "response": "a"})
    ((entry,),) = found.by_task.values()
    assert entry.request.body == {"messages": [{"role": "user", "content": "hi"}]}


def test_entries_of_all_formats_are_one_log(tmp_path: Path) -> None:
    one = put(tmp_path / "a.jsonl", invented.ROWS["openai_pairs"])
    other = put(tmp_path / "b.jsonl", invented.ROWS["canonical"])
    found, _ = intake(path=(one, other))
    assert found.formats == {"canonical": 1, "openai_pairs": 1}
    assert sum(map(len, found.by_task.values())) == 2
    assert found.fingerprint == intake(path=(other, one))[0].fingerprint


def test_what_was_not_used_is_told(tmp_path: Path) -> None:
    rows = [cli.entry(n) for n in range(200)]
    path = put(tmp_path / "log.jsonl", *rows, rows[0], {"id": "x"})
    notes = intake(path=path)[1]
    assert notes == [
        "1 of 202 log lines cannot be used",
        "1 of 202 log lines are skipped: repeats an earlier row, with the same id and content",
    ]


def test_a_log_without_answers_needs_a_baseline_that_is_asked(tmp_path: Path) -> None:
    rows = [{**cli.entry(n), "response": None} for n in range(3)]
    path = put(tmp_path / "log.jsonl", *rows)
    with pytest.raises(ConfigError) as caught:
        intake(path=path)
    assert str(caught.value) == (
        "parity.yaml: baseline: none of 3 requests of the log has an answer; set `source: replay`, "
        "so that the baseline is asked too, and let `parity-eval plan` say what that costs"
    )
    put(tmp_path / "log.jsonl", *rows, cli.entry(4))
    assert sum(map(len, intake(path=path)[0].by_task.values())) == 4


def test_reading_is_told_after_two_seconds_and_then_ever_more_rarely() -> None:
    now = 0.0
    told: list[str] = []
    notes = prompt_log.ReadingNotes(told.append, clock=lambda: now)
    for n_rows in range(1, 40 * 1024 + 1):
        now = n_rows / 1024 / 2
        notes(n_rows)
    assert told == [
        "reading the log: 4,096 rows so far, in 2 s",
        "reading the log: 8,192 rows so far, in 4 s",
        "reading the log: 16,384 rows so far, in 8 s",
        "reading the log: 32,768 rows so far, in 16 s",
    ]


GOOD = """\
version: 1
log: {path: a.jsonl, MORE}
baseline: {model: openai/big}
candidates: [{model: openai/small, price: {input: 1, output: 1}}]
"""


def configured(folder: Path, more: str) -> LogSpec:
    path = folder / "parity.yaml"
    path.write_text(GOOD.replace(", MORE", more), encoding="utf-8")
    return read(path, {}).log


def test_what_a_configuration_says_of_a_log(tmp_path: Path) -> None:
    plain = configured(tmp_path, "")
    assert plain == LogSpec(path=str(tmp_path / "a.jsonl"))
    found = configured(
        tmp_path, ", columns: {prompt: q, metadata: [a, b.c]}, task_from: [metadata.x, task]"
    )
    assert (found.format, found.task_from) == ("plain", ("metadata.x", "task"))
    assert found.columns == {"prompt": "q", "metadata": ("a", "b.c")}


def test_several_paths_and_addresses(tmp_path: Path) -> None:
    (tmp_path / "parity.yaml").write_text(
        GOOD.replace("path: a.jsonl, MORE", "path: [a.jsonl, 's3://b/*.jsonl']"), encoding="utf-8"
    )
    found = read(tmp_path / "parity.yaml", {}).log
    assert found.paths == (str(tmp_path / "a.jsonl"), "s3://b/*.jsonl")
    assert found.shown == f"{tmp_path}/a.jsonl, s3://b/*.jsonl"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            ", format: langsmit",
            "log.format: no format is called 'langsmit'; did you mean 'langsmith'",
        ),
        (", columns: {promt: q}", "log.columns.promt: nothing of a request is called 'promt'; did"),
        (", columns: {prompt: [a, b]}", "log.columns.prompt: one column, please"),
        (", columns: {prompt: q}, format: weave", "log.columns: only plain tables have columns"),
        (", task_from: [metadat.x]", "log.task_from.metadat.x: unknown field; did you mean"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, more: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(tmp_path, more)
    assert f"parity.yaml:2: {words}" in str(caught.value)


def test_no_path(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(GOOD.replace("a.jsonl, MORE", "[]"), encoding="utf-8")
    with pytest.raises(ConfigError, match="names no file"):
        read(path, {})

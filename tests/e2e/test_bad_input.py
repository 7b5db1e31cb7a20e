"""Each mistake: a clear message with file, line, field, remedy; no traceback, nothing written."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import cli
import pytest

CONFIG = (
    "version: 1\nlog: {path: log.jsonl}\nbaseline: {model: big}\n"
    "candidates: [{model: recorded, path: tape.jsonl}]\n"
)


def prepare(folder: Path, config: str = CONFIG) -> None:
    cli.log(folder, 100)
    cli.recording(folder, 100)
    (folder / "parity.yaml").write_text(config, encoding="utf-8")


def rows(folder: Path) -> list[str]:
    return (folder / "log.jsonl").read_text("utf-8").splitlines(keepends=True)


def no_log(folder: Path) -> None:
    (folder / "log.jsonl").unlink()


def empty_log(folder: Path) -> None:
    (folder / "log.jsonl").write_text("", encoding="utf-8")


def not_json(folder: Path) -> None:
    lines = rows(folder)
    lines[6:9] = ["{not json\n"] * 3
    cli.write_lines(folder / "log.jsonl", lines)


def duplicate_ids(folder: Path) -> None:
    others = [cli.entry(n + 1, id=f"t{n:04d}") for n in range(3)]
    cli.write_lines(folder / "log.jsonl", [*rows(folder), *others])


def mixed_shapes(folder: Path) -> None:
    other = [{"prompt": "hello", "completion": "there"}] * 50
    cli.write_lines(folder / "log.jsonl", [*rows(folder), *other])


def cut_short(folder: Path) -> None:
    data = gzip.compress((folder / "log.jsonl").read_bytes())
    (folder / "log.jsonl.gz").write_bytes(data[:-40])
    config = (folder / "parity.yaml").read_text("utf-8")
    (folder / "parity.yaml").write_text(config.replace("log.jsonl", "log.jsonl.gz"), "utf-8")


def a_directory(folder: Path) -> None:
    (folder / "log.jsonl").unlink()
    (folder / "log.jsonl").mkdir()


def recording_lacks_answers(folder: Path) -> None:
    cli.recording(folder, 90)


def recording_of_another_log(folder: Path) -> None:
    cli.write_lines(folder / "tape.jsonl", [{"id": "x", "response": cli.completion("refund")}])


def recording_not_json(folder: Path) -> None:
    (folder / "tape.jsonl").write_text('{"id": "t0000"\n', encoding="utf-8")


def no_recording(folder: Path) -> None:
    (folder / "tape.jsonl").unlink()


def config_unknown_key(folder: Path) -> None:
    (folder / "parity.yaml").write_text(CONFIG + "tests: {alpha: 0.1}\n", encoding="utf-8")


def labels_unknown_text(folder: Path) -> None:
    cli.write_lines(folder / "labels.jsonl", [{"id": "t0000", "model": "big", "label": "fine"}])
    (folder / "parity.yaml").write_text(CONFIG + "labels: {path: labels.jsonl}\n", encoding="utf-8")


def two_tasks_match(folder: Path) -> None:
    tasks = "tasks:\n  one: {match: {task: triage}}\n  two: {match: {model: big}}\n"
    (folder / "parity.yaml").write_text(CONFIG + tasks, encoding="utf-8")


def free_text_without_judge(folder: Path) -> None:
    task = "tasks: {triage: {kind: generation, parity: judge}}\n"
    (folder / "parity.yaml").write_text(CONFIG + task, encoding="utf-8")


def out_is_a_file(folder: Path) -> None:
    (folder / "blocked").write_text("", encoding="utf-8")
    (folder / "parity.yaml").write_text(CONFIG + "out: blocked\n", encoding="utf-8")


CASES: dict[Callable[[Path], None], list[str]] = {
    no_log: ["log.jsonl: no such file", "a prompt log was expected there"],
    empty_log: ["log.jsonl: is empty", "one JSON object per line"],
    not_json: ["3 of 100 lines (3.0%) cannot be used", "log.jsonl:7: not JSON", "max_rejects"],
    duplicate_ids: ["log.jsonl:101: duplicate id 't0000', with other content; first seen at"],
    mixed_shapes: ["50 of 150 lines", "log.jsonl:101: no object `request`", "completion, prompt"],
    cut_short: ["log.jsonl.gz: compressed data is damaged or cut short after line"],
    a_directory: ["log.jsonl: no file below it ends with one of .json, "],
    recording_lacks_answers: ["tape.jsonl: the recording of 'tape' lacks 10 of", "missing: fail"],
    recording_of_another_log: ["tape.jsonl", "its ids are not those of the log"],
    recording_not_json: ["tape.jsonl", "line 1", "not JSON"],
    no_recording: ["tape.jsonl", "no such file"],
    config_unknown_key: ["parity.yaml:5: tests: unknown key; did you mean 'test'?"],
    labels_unknown_text: ["labels.jsonl:1: label 'fine' has no value"],
    two_tasks_match: ["request 't0000'", "'one' and 'two'", "disjoint"],
    free_text_without_judge: ["tasks.triage: asks a judge, but the configuration has no `judge`"],
    out_is_a_file: ["blocked", "cannot be written"],
}


@pytest.mark.parametrize("mistake", CASES, ids=lambda case: case.__name__)
def test_a_mistake_is_told_and_nothing_is_written(
    tmp_path: Path, mistake: Callable[[Path], None]
) -> None:
    prepare(tmp_path)
    mistake(tmp_path)
    before = sorted(tmp_path.iterdir())
    done = cli.run("run", cwd=tmp_path)
    assert done.code == 2, done.told
    assert done.out == ""
    assert "Traceback" not in done.err
    for part in CASES[mistake]:
        assert part in done.err
    assert sorted(tmp_path.iterdir()) == before


def test_few_damaged_lines_are_counted_and_listed(tmp_path: Path) -> None:
    prepare(tmp_path)
    cli.log(tmp_path, 200)
    cli.recording(tmp_path, 200)
    lines = rows(tmp_path)
    lines[10] = '{"id": "broken\n'
    cli.write_lines(tmp_path / "log.jsonl", lines)
    done = cli.run("run", cwd=tmp_path)
    assert done.code == 0, done.told
    assert "1 of 200 log lines cannot be used" in done.err
    folder = cli.only_run(tmp_path / "reports")
    (reject,) = (folder / "rejects.jsonl").read_text("utf-8").splitlines()
    assert json.loads(reject)["line"] == 11
    assert json.loads(reject)["reason"].startswith("not JSON")
    assert cli.summary(tmp_path / "reports")["n_rejects"] == 1
    assert "rejects.jsonl" in (folder / "report.html").read_text("utf-8")


def test_a_missing_recording_can_be_counted_against_the_candidate(tmp_path: Path) -> None:
    prepare(tmp_path)
    cli.recording(tmp_path, 60)
    done = cli.run("run", "--missing", "fail", cwd=tmp_path)
    assert done.code == 0, done.told
    (decision,) = cli.decisions(tmp_path / "reports").values()
    assert decision["status"] != "certified"
    (arm,) = cli.summary(tmp_path / "reports")["tasks"][0]["arms"]
    assert any("missing answers counted" in text for text in arm["qualifications"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["report", "nowhere"], "nowhere: not a run folder"),
        (["show", "nowhere"], "nowhere: not a run folder"),
        (["ls", "--out", "nowhere"], "nowhere: no such folder"),
        (["export", "nowhere", "--to", "litellm"], "nowhere/manifest.json: No such file"),
        (["run", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["run"], "parity.yaml: no such file"),
        (["run", "--log", "x.jsonl"], "--baseline and --candidate must be given"),
        (["demo", "--dataset", "nowhere"], "nowhere/parity.yaml: no such file"),
    ],
)
def test_what_is_not_there_is_told(tmp_path: Path, arguments: list[str], told: str) -> None:
    done = cli.run(*arguments, cwd=tmp_path)
    assert done.code == 2
    assert told in done.err
    assert "Traceback" not in done.told
    assert list(tmp_path.iterdir()) == []


def test_other_terms_on_the_same_requests_are_refused(tmp_path: Path) -> None:
    prepare(tmp_path)
    assert cli.run("run", cwd=tmp_path).code == 0
    done = cli.run("run", "--bar", "0.8", cwd=tmp_path)
    assert done.code == 2
    assert "90 of 90 requests were shown to this candidate under other terms" in done.err
    assert "not be a proof" in done.err
    cli.log(tmp_path, 300)
    cli.recording(tmp_path, 300)
    done = cli.run("run", "--bar", "0.8", cwd=tmp_path)
    assert done.code == 0, done.told
    assert "are fresh" in done.err


def test_an_export_needs_to_know_what_a_recording_is(tmp_path: Path) -> None:
    prepare(tmp_path)
    assert cli.run("run", cwd=tmp_path).code == 0
    run = str(cli.only_run(tmp_path / "reports"))
    done = cli.run("export", run, "--to", "litelm", cwd=tmp_path)
    assert done.code == 2
    assert "unknown exporter 'litelm'; did you mean 'litellm'?" in done.err
    done = cli.run("export", run, "--to", "litellm", cwd=tmp_path)
    assert done.code == 2
    assert "--model tape=PROVIDER/MODEL" in done.err
    chosen = ("--model", "tape=openai/gpt-4o-mini", "--model", "big=openai/gpt-4o")
    done = cli.run("export", run, "--to", "litellm", *chosen, cwd=tmp_path)
    assert done.code == 0, done.told
    text = (tmp_path / "litellm.config.yaml").read_text("utf-8")
    assert "model_name: parity/triage\n  litellm_params:\n    model: openai/gpt-4o-mini" in text
    assert "parity/triage:\n    - parity/baseline" in text
    done = cli.run("export", run, "--to", "litellm", *chosen, cwd=tmp_path)
    assert done.code == 2
    assert "exists; --force replaces it" in done.err


def test_json_output_is_json_and_alone(tmp_path: Path) -> None:
    prepare(tmp_path)
    done = cli.run("run", "--json", cwd=tmp_path)
    assert done.code == 0
    assert json.loads(done.out)["state"] == "complete"
    shown = cli.run("show", str(cli.only_run(tmp_path / "reports")), "--json", cwd=tmp_path)
    assert json.loads(shown.out) == json.loads(done.out)

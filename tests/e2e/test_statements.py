"""Ways in which a statement could come out false, each through the real command line."""

from pathlib import Path

import cli
import pytest

CONFIG = (
    "version: 1\nname: study\nlog: {path: log.jsonl}\nbaseline: {model: big}\n"
    "candidates: [{model: recorded, path: tape.jsonl}]\n"
)


def prepare(folder: Path, config: str = CONFIG, n: int = 150) -> None:
    cli.log(folder, n)
    cli.recording(folder, n)
    (folder / "parity.yaml").write_text(config, encoding="utf-8")


def statuses(folder: Path) -> dict[str, str]:
    found = cli.decisions(folder / "reports")
    return {arm: str(decision["status"]) for arm, decision in found.items()}


def test_a_task_of_another_name_is_no_second_try(tmp_path: Path) -> None:
    prepare(tmp_path, CONFIG + "tasks: {one: {match: {task: triage}, kind: classification}}\n")
    assert cli.run("run", cwd=tmp_path).code == 0
    config = CONFIG + "tasks: {two: {match: {task: triage}, kind: classification}}\n"
    (tmp_path / "parity.yaml").write_text(config, encoding="utf-8")
    done = cli.run("run", "--alpha", "0.3", cwd=tmp_path)
    assert done.code == 2
    assert "150 of 150 requests were shown to this candidate under other terms" in done.err


def test_a_recording_of_another_name_is_no_second_try(tmp_path: Path) -> None:
    prepare(tmp_path)
    assert cli.run("run", cwd=tmp_path).code == 0
    (tmp_path / "tape.jsonl").rename(tmp_path / "other.jsonl")
    config = CONFIG.replace("tape.jsonl", "other.jsonl")
    (tmp_path / "parity.yaml").write_text(config, encoding="utf-8")
    done = cli.run("run", "--alpha", "0.3", cwd=tmp_path)
    assert done.code == 2
    assert "under other terms" in done.err


def test_a_recorded_baseline_faces_placebos_too(tmp_path: Path) -> None:
    n = 400
    rows = [cli.entry(i, response=None, metadata={"kind": "moderation"}) for i in range(n)]
    cli.write_lines(tmp_path / "log.jsonl", rows)
    truth = ["block" if i % 40 == 0 else "safe" for i in range(n)]
    for name, answers in (("base", truth), ("always", ["safe"] * n)):
        cli.write_lines(
            tmp_path / f"{name}.jsonl",
            [
                {"id": f"t{i:04d}", "response": cli.completion(answer)}
                for i, answer in enumerate(answers)
            ],
        )
    (tmp_path / "parity.yaml").write_text(
        "version: 1\nname: study\nlog: {path: log.jsonl}\n"
        "baseline: {model: recorded, path: base.jsonl}\n"
        "candidates: [{model: recorded, path: always.jsonl}]\n",
        encoding="utf-8",
    )
    done = cli.run("run", cwd=tmp_path)
    assert done.code == 0, done.told
    assert statuses(tmp_path) == {"triage/always": "not_measurable"}
    assert "commonest answer is not clearly below the bar" in " ".join(done.out.split())


@pytest.mark.parametrize("share", [0.12, 0.3])
def test_verdicts_that_nobody_recorded_are_missing_not_lost(tmp_path: Path, share: float) -> None:
    n = 200
    rows = [
        cli.entry(i, metadata={"kind": "support_reply"}, response=cli.completion(f"Answer {i}."))
        for i in range(n)
    ]
    cli.write_lines(tmp_path / "log.jsonl", rows)
    cli.write_lines(
        tmp_path / "tape.jsonl",
        [{"id": f"t{i:04d}", "response": cli.completion(f"Other {i}.")} for i in range(n)],
    )
    cli.write_lines(
        tmp_path / "verdicts.jsonl",
        [
            {"id": f"t{i:04d}", "judge": "wise", "model_a": "big", "model_b": "tape",
             "shown_first": first, "preference": "tie"}
            for i in range(n) if i % 100 >= share * 100
            for first in ("model_a", "model_b")
        ],
    )  # fmt: skip
    (tmp_path / "parity.yaml").write_text(
        CONFIG + "judge: {name: wise, model: recorded, path: verdicts.jsonl}\n", encoding="utf-8"
    )
    done = cli.run("run", cwd=tmp_path)
    assert done.code == 3
    assert statuses(tmp_path) == {"triage/tape": "open"}
    assert "no verdict of wise on tape" in " ".join(done.told.split())


@pytest.mark.parametrize(
    "schema", [{"type": "wat"}, {"$ref": "http://127.0.0.1:9/x.json"}, {"$ref": "#/definitions/no"}]
)
def test_a_yardstick_that_is_broken_says_nothing_of_the_candidate(
    tmp_path: Path, schema: dict[str, str]
) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    rows = []
    for i in range(60):
        row = cli.entry(i, response=cli.completion('{"a": 1}'))
        row["request"]["response_format"] = wanted
        rows.append(row)
    cli.write_lines(tmp_path / "log.jsonl", rows)
    cli.write_lines(
        tmp_path / "tape.jsonl",
        [{"id": f"t{i:04d}", "response": cli.completion('{"a": 1}')} for i in range(60)],
    )
    (tmp_path / "parity.yaml").write_text(CONFIG, encoding="utf-8")
    done = cli.run("run", cwd=tmp_path)
    assert statuses(tmp_path) == {"triage/tape": "not_measurable"}
    assert "the baseline's own answers do not pass the parity rule" in " ".join(done.out.split())


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_failing_request_with_a_third_of_the_traffic_blocks_the_route(
    tmp_path: Path, seed: int
) -> None:
    prepare(tmp_path, CONFIG + "tasks: {triage: {kind: classification}}\n", n=300)
    rows = [cli.entry(i) for i in range(300)]
    heavy = cli.entry(7)
    rows += [{**heavy, "id": f"u{i:04d}"} for i in range(150)]
    cli.write_lines(tmp_path / "log.jsonl", rows)
    cli.recording(tmp_path, 300, wrong=[7])
    done = cli.run("run", "--seed", str(seed), cwd=tmp_path)
    assert done.code == 0, done.told
    (task,) = cli.summary(tmp_path / "reports")["tasks"]
    (arm,) = task["arms"]
    assert arm["decision"]["status"] == "certified"
    assert arm["blocked_by"] == "t0007"
    assert not arm["is_route"]


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (CONFIG.replace("name: study", "name: ../../evil"), "name: at most 80 letters"),
        (CONFIG.replace("tape.jsonl", "log.jsonl"), "is the baseline itself"),
        (CONFIG + "test: {estimand: quality}\n", "quality needs the right answers in the log"),
        (CONFIG + "test: {estimand: preference}\n", "test.estimand: preference needs a `judge`"),
        (CONFIG + "test: {estimand: noise_floor}\n", "test.estimand: noise_floor needs second"),
        (CONFIG + "tasks: {'': {match: {task: triage}}}\n", "a task needs a name"),
        (CONFIG + "labels: {path: labels.jsonl}\n", "none of its ids is in the log"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_written(
    tmp_path: Path, config: str, told: str
) -> None:
    prepare(tmp_path, config)
    cli.write_lines(tmp_path / "labels.jsonl", [{"id": "zz", "model": "big", "label": 1}])
    done = cli.run("run", cwd=tmp_path)
    assert done.code == 2, done.told
    assert told in done.err
    assert not (tmp_path / "reports").exists()


def test_an_empty_key_is_a_missing_key(tmp_path: Path) -> None:
    cli.log(tmp_path)
    done = cli.run(
        "run", "--log", "log.jsonl", "--baseline", "big", "--candidate", "openai/gpt-4o-mini",
        "--max-cost", "1", cwd=tmp_path, env={"OPENAI_API_KEY": ""},
    )  # fmt: skip
    assert done.code == 2, done.told
    assert "OPENAI_API_KEY" in done.err
    assert not (tmp_path / "reports").exists()

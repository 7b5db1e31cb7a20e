from pathlib import Path

import pytest

from parity_eval.config import read
from parity_eval.errors import ConfigError
from parity_eval.records import TaskName
from parity_eval.study import RateLimit, RunSpec

STUDY = """\
version: 1
log: {path: log.jsonl}
baseline: {model: openai/big}
candidates:
  - {name: small, model: openai/small, price: {input: 0.1, output: 0.4}}
  - {name: own, model: openai/own, api_base: "http://gpu:8000/v1", price: {input: 0, output: 0}}
  - {name: tape, model: recorded, path: tape.jsonl}
"""


def load(folder: Path, text: str) -> RunSpec:
    path = folder / "parity.yaml"
    path.write_text(STUDY + text, encoding="utf-8")
    return read(path, {}).run


def test_limits_go_by_model_provider_or_host(tmp_path: Path) -> None:
    run = load(
        tmp_path,
        "replay:\n  max_wait_s: 5\n  read_timeout_s: 30\n  limits:\n    small: {rpm: 500}\n"
        "    openai: {tpm: 9000, rpm: 600}\n    'gpu:8000': {concurrency: 4}\n",
    )
    assert run.limits == {
        "small": RateLimit(rpm=500),
        "openai": RateLimit(rpm=600, tpm=9000),
        "gpu:8000": RateLimit(concurrency=4),
    }
    assert (run.max_wait_s, run.read_timeout_s) == (5.0, 30.0)


def test_what_is_not_said_is_no_limit(tmp_path: Path) -> None:
    run = load(tmp_path, "")
    assert (run.limits, run.max_wait_s, run.read_timeout_s) == ({}, 120.0, None)


def test_a_task_may_have_a_limit_of_its_own(tmp_path: Path) -> None:
    run = load(tmp_path, "tasks: {triage: {max_usd: 5}, replies: {}}\n")
    assert run.task_max_usd == {TaskName("triage"): 5.0}


def test_a_limit_of_a_task_can_be_raised_without_a_new_study(tmp_path: Path) -> None:
    path = tmp_path / "parity.yaml"
    specs = []
    for usd in (5, 50):
        path.write_text(STUDY + f"tasks: {{triage: {{max_usd: {usd}}}}}\n", encoding="utf-8")
        specs.append(read(path, {}))
    assert specs[0].tasks == specs[1].tasks


def test_max_wait_on_the_command_line_wins(tmp_path: Path) -> None:
    path = tmp_path / "parity.yaml"
    path.write_text(STUDY + "replay: {max_wait_s: 5}\n", encoding="utf-8")
    assert read(path, {("replay", "max_wait_s"): 1.0}).run.max_wait_s == 1.0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "replay: {limits: {smal: {rpm: 5}}}",
            "8: replay.limits.smal: no model or provider of this name; did you mean 'small'?",
        ),
        ("replay: {limits: {tape: {rpm: 5}}}", "8: replay.limits.tape: no model or provider"),
        (
            "replay: {limits: {small: {rmp: 5}}}",
            "8: replay.limits.small.rmp: unknown key; did you mean 'rpm'?",
        ),
        ("replay: {limits: {small: {rpm: 0}}}", "8: replay.limits.small.rpm: "),
        ("replay: {max_wait_s: -1}", "8: replay.max_wait_s: "),
        ("tasks: {triage: {max_usd: -1}}", "8: tasks.triage.max_usd: "),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text + "\n")
    assert told in str(caught.value)

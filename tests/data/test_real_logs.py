"""The examples on real logs, each decision held against the truth of the full data.

Needs the folder of public data sets that PARITY_EVAL_DATA names.
"""

import gzip
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cli
import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = os.environ.get("PARITY_EVAL_DATA")
MARGIN = 0.05

pytestmark = pytest.mark.skipif(not DATA, reason="PARITY_EVAL_DATA is not set")

QUALITY = {
    "tool-calls": ("bfcl-tools", "checker_accuracy_paired"),
    "intents": ("banking77-intents", "gold_accuracy_paired"),
    "moderation": ("toxicity-moderation", "gold_accuracy_paired"),
    "json-answers": ("gsm-json-answers", "gold_accuracy_paired"),
    "rag-answers": ("ragtruth-qa-a", "human_faithful_paired"),
    "summaries": ("faithbench-summaries", "human_no_unwanted_paired"),
}

SURE = {
    "intents": {"support-intent-classification/gpt-5-mini"},
    "moderation": {
        "moderation/en/gpt-4o-mini-2024-07-18",
        "moderation/en/llama3.1_70b",
        "moderation/es/llama3.1_70b",
    },
    "json-answers": {
        "json-answer/grade-school-math/gpt-4o-2024-05-13",
        "json-answer/grade-school-math/gpt-4o-mini-2024-07-18",
    },
    "tool-calls": {"tools/simple/gpt-4o-2024-08-06-FC", "tools/simple/gpt-4o-mini-2024-07-18-FC"},
    "rag-answers": set(),
    "summaries": set(),
}
"""Arms whose full-data difference is well above the bar on a log long enough for it."""


def truth(folder: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (Path(DATA or "") / folder / "truth.json").read_text("utf-8")
    )
    return found


def differences(folder: str, key: str) -> dict[str, float]:
    found = {}
    for task, row in truth(folder)["tasks"].items():
        for name, facts in row.get("candidates", {}).items():
            paired = facts.get(key)
            if isinstance(paired, Mapping) and "difference" in paired:
                found[f"{task}/{name}"] = float(paired["difference"])
    return found


def evaluate(example: str, folder: Path, file: str = "parity.yaml") -> dict[str, dict[str, Any]]:
    config = ROOT / "examples" / example / file
    done = cli.run("run", str(config), "--quiet", cwd=folder)
    assert done.code == 0, done.told
    return cli.decisions(folder / "reports")


@pytest.mark.parametrize("example", QUALITY)
def test_decisions_agree_with_the_full_data(tmp_path: Path, example: str) -> None:
    known = differences(*QUALITY[example])
    assert known
    decisions = evaluate(example, tmp_path)
    certified = {arm for arm, decision in decisions.items() if decision["status"] == "certified"}
    rejected = {arm for arm, decision in decisions.items() if decision["status"] == "rejected"}
    assert {arm for arm in certified if known.get(arm, 1.0) <= -MARGIN} == set()
    assert {arm for arm in rejected if known.get(arm, -1.0) > -MARGIN} == set()
    assert certified >= SURE[example]
    for arm in certified:
        assert decisions[arm]["low"] >= -MARGIN


@pytest.mark.parametrize("example", ["rag-answers", "summaries"])
def test_the_two_smallest_logs_are_too_short_for_any_certificate(
    tmp_path: Path, example: str
) -> None:
    statuses = {decision["status"] for decision in evaluate(example, tmp_path).values()}
    assert statuses <= {"rejected", "futile", "inconclusive"}
    assert "inconclusive" in statuses


@pytest.mark.parametrize("file", ["parity.yaml", "weighted.yaml"])
def test_a_judge_that_is_the_baseline_gives_no_unqualified_certificate(
    tmp_path: Path, file: str
) -> None:
    evaluate("judged-answers", tmp_path, file)
    for task in cli.summary(tmp_path / "reports")["tasks"]:
        for arm in task["arms"]:
            told = " ".join(arm["qualifications"])
            assert "the judge is itself a contestant (gpt-4-1106-preview)" in told
            assert "one order only" in told
            assert "not calibrated" in told


def test_a_judge_that_is_the_baseline_must_be_allowed_by_hand(tmp_path: Path) -> None:
    config = (ROOT / "examples/judged-answers/parity.yaml").read_text("utf-8")
    path = tmp_path / "parity.yaml"
    path.write_text(config.replace("  allow_self_preference: true\n", ""), encoding="utf-8")
    done = cli.run("run", str(path), cwd=tmp_path)
    assert done.code == 2
    assert "'gpt-4-1106-preview' is a contestant" in done.err
    assert not (tmp_path / "reports").exists()


def test_two_answers_in_random_places_are_a_draw(tmp_path: Path) -> None:
    decisions = evaluate("judge-calibration", tmp_path)
    decision = decisions["answers/answer-2"]
    assert decision["status"] == "inconclusive"
    share = 1 - truth("llmbar-judge-calibration")["gold_model_a_share"]
    assert decision["low"] < share < decision["high"]
    # The judge's own full-data mean over both orders, from the recorded verdicts.
    assert decision["mean"] == pytest.approx(0.4976, abs=5e-4)


@pytest.mark.parametrize("example", ["rag-answers", "summaries"])
def test_a_claim_about_the_log_holds_for_the_log(tmp_path: Path, example: str) -> None:
    """The log is asked nearly whole, so that its full data say whether each claim is true."""
    known = differences(*QUALITY[example])
    decisions = evaluate(example, tmp_path, "this-log.yaml")
    certified = {arm for arm, decision in decisions.items() if decision["status"] == "certified"}
    assert {arm for arm in certified if known[arm] <= -MARGIN} == set()
    sure = {"summarization/short-news/openai/GPT-3.5-Turbo"}  # full difference +1.25 points
    assert certified == (sure if example == "summaries" else set())
    for arm, decision in decisions.items():
        assert decision["low"] <= known[arm] <= decision["high"]


def test_gates_hold_in_the_full_data(tmp_path: Path) -> None:
    decisions = evaluate("moderation", tmp_path, "gates.yaml")
    certified = {
        arm.removeprefix("english/")
        for arm, decision in decisions.items()
        if decision["status"] == "certified"
    }
    assert "gpt-4o-mini-2024-07-18" in certified
    right: dict[tuple[str, str], bool] = {}
    said: dict[str, str] = {}
    folder = Path(DATA or "") / "toxicity-moderation"
    with gzip.open(folder / "labels" / "gold_toxicity.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            right[row["id"], row["model"]] = row["label"] == "correct"
    with gzip.open(folder / "log.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row["task"] == "moderation/en":
                answer = row["response"]["choices"][0]["message"]["content"]
                said[row["id"]] = answer.strip()
    base = "gpt-4o-2024-11-20"
    for model in certified:
        for answer, margin in ((None, 0.05), ("0", 0.1), ("1", 0.1)):
            ids = [i for i, text in said.items() if answer in (None, text)]
            found = [right.get((i, model), False) - right[i, base] for i in ids]
            assert sum(found) / len(found) > -margin, (model, answer)
        assert all(right[i, model] >= right[i, base] for i in ("tox-en-0000", "tox-en-0001"))


def test_human_verdicts_correct_the_judge(tmp_path: Path) -> None:
    decisions = evaluate("judge-calibration", tmp_path, "corrected.yaml")
    decision = decisions["answers/answer-2"]
    share = 1 - truth("llmbar-judge-calibration")["gold_model_a_share"]
    assert decision["status"] == "certified"
    assert decision["low"] < share < decision["high"]
    (arm,) = cli.summary(tmp_path / "reports")["tasks"][0]["arms"]
    assert arm["agreement"]["n"] < arm["labels_used"] <= decision["n"]
    assert 0.5 < arm["agreement"]["share"] < 1


def test_right_answers_in_the_log_need_no_labels(tmp_path: Path) -> None:
    """The same intents by the gold answers themselves: the decisions are those of the labels."""
    by_labels = evaluate("intents", tmp_path)
    folder = Path(DATA or "") / "banking77-intents"
    with gzip.open(folder / "labels" / "gold_intent.jsonl.gz", "rt", encoding="utf-8") as lines:
        gold = {row["id"]: row["gold"] for row in map(json.loads, lines)}
    with gzip.open(folder / "log.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    for row in rows:
        row["metadata"] = {"reference": gold[row["id"]]}
    cli.write_lines(tmp_path / "log.jsonl", rows)
    config = (ROOT / "examples/intents/parity.yaml").read_text("utf-8")
    config = re.sub(
        r"^log: .*$", f"log: {{path: {tmp_path / 'log.jsonl'}}}", config, flags=re.MULTILINE
    )
    config = re.sub(r"^labels: .*\n", "", config, flags=re.MULTILINE)
    path = tmp_path / "by-reference.yaml"
    config += "tasks: {support-intent-classification: {kind: classification}}\n"
    path.write_text(config, encoding="utf-8")
    done = cli.run("run", str(path), "--quiet", "--out", "other", cwd=tmp_path)
    assert done.code == 0, done.told
    (task,) = cli.summary(tmp_path / "other")["tasks"]
    assert task["estimand"]["why"] in ("auto: every request has a reference answer", "configured")
    for arm, decision in cli.decisions(tmp_path / "other").items():
        assert decision["status"] == by_labels[arm]["status"]
        assert decision["mean"] == pytest.approx(by_labels[arm]["mean"], abs=0.02)


def test_every_example_has_a_test() -> None:
    tested = {*QUALITY, "judged-answers", "judge-calibration"}
    assert {path.name for path in (ROOT / "examples").iterdir() if path.is_dir()} == tested

"""The demo log: what the generator promises, checked from the files and not by its own code."""

import gzip
import importlib
import importlib.util
import json
import math
import re
import shutil
import string
import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import numpy as np
import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "datasets" / "helpdesk"

N = 1000
BASELINE = "atlas-large"
SECOND = "atlas-large.second"
CANDIDATES = ("atlas-mini", "birch-7b", "swift-lite")
PROSE = ("kb-answers", "reply-drafts", "call-summaries")

PLANTED = {
    "ticket-triage": (0.99, 0.88, 0.988),
    "invoice-extraction": (0.99, 0.91, 0.85),
    "moderation": (0.992, 0.985, 0.99),
    "kb-answers": (0.99, 0.97, 0.82),
    "reply-drafts": (0.95, 0.99, 0.93),
    "call-summaries": (0.93, 0.9, 0.8),
}
EXPECTED = {
    "ticket-triage": ("certified", "not certified", "certified"),
    "invoice-extraction": ("certified", "not certified", "not certified"),
    "moderation": ("certified", "certified", "certified"),
    "kb-answers": ("certified", "either", "not certified"),
    "reply-drafts": ("not certified", "certified", "not certified"),
    "call-summaries": ("not certified", "not certified", "not certified"),
}
FLOOR = 0.985

ARMS = [
    pytest.param(task, candidate, rate, id=f"{task}.{candidate}")
    for task, rates in PLANTED.items()
    for candidate, rate in zip(CANDIDATES, rates, strict=True)
]

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """A data set, read back from its files."""

    log: dict[str, Row]
    recordings: dict[str, dict[str, Row]]
    judged: dict[tuple[str, str], list[Row]]
    truth: Row

    def of(self, task: str) -> list[Row]:
        return [row for row in self.log.values() if row["task"] == task]


def rows(path: Path) -> list[Row]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file.read().split("\n")[:-1]]


def read(folder: Path) -> Files:
    recordings = {
        name: {row["id"]: row for row in rows(folder / "recordings" / f"{name}.jsonl.gz")}
        for name in (SECOND, *CANDIDATES)
    }
    judged: dict[tuple[str, str], list[Row]] = {}
    for row in rows(folder / "judgments" / "quill-judge.jsonl.gz"):
        judged.setdefault((row["id"], row["model_b"]), []).append(row)
    return Files(
        log={row["id"]: row for row in rows(folder / "log.jsonl.gz")},
        recordings=recordings,
        judged=judged,
        truth=json.loads((folder / "truth.json").read_text(encoding="utf-8")),
    )


def text_of(row: Row) -> str:
    return str(row["response"]["choices"][0]["message"]["content"])


def folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip(string.whitespace + ".")


def parsed(text: str) -> object:
    """Read JSON, in a code fence or not; None where there is none."""
    fenced = re.fullmatch(r"```json\n(.*)\n```", text, flags=re.DOTALL)
    try:
        return json.loads(fenced.group(1) if fenced else text)
    except json.JSONDecodeError:
        return None


def is_valid(logged: Row, answer: str) -> bool:
    schema = logged["request"]["response_format"]["json_schema"]["schema"]
    return jsonschema.Draft202012Validator(schema).is_valid(parsed(answer))


def at_parity(files: Files, logged: Row, model: str) -> bool:
    """Compare two answers by the rules that the study names."""
    ours, theirs = text_of(logged), text_of(files.recordings[model][logged["id"]])
    if logged["task"] == "invoice-extraction":
        return is_valid(logged, theirs) and parsed(ours) == parsed(theirs)
    if folded(ours) == folded(theirs):
        return True
    if logged["task"] not in PROSE:
        return False
    verdicts = files.judged[logged["id"], model]
    assert sorted(each["shown_first"] for each in verdicts) == ["model_a", "model_b"]
    return all(each["preference"] != "model_a" for each in verdicts)


def rate_of(files: Files, task: str, model: str) -> float:
    logged = files.of(task)
    return sum(at_parity(files, row, model) for row in logged) / len(logged)


def four_errors(rate: float, n: int) -> float:
    return 4 * math.sqrt(rate * (1 - rate) / n)


@pytest.fixture(scope="module")
def files() -> Files:
    return read(FOLDER)


@pytest.fixture(scope="module")
def generate() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        spec = importlib.util.spec_from_file_location("helpdesk_generate", FOLDER / "generate.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def power(generate: ModuleType) -> ModuleType:
    return importlib.import_module("tidebox.power")


@pytest.fixture(scope="module")
def small(generate: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    generate.main(["--out", str(folder), "--requests", "150"])
    return folder


def unpacked(name: str, content: bytes) -> bytes:
    # What zlib makes of the same lines differs between its builds; the lines may not differ.
    return gzip.decompress(content) if name.endswith(".gz") else content


def test_the_committed_files_come_out_again(generate: ModuleType) -> None:
    built = generate.build(importlib.import_module("tidebox.plan").Plan())
    committed = {
        path.relative_to(FOLDER).as_posix(): path.read_bytes()
        for path in FOLDER.rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc", ".md"}
    }
    assert {
        name: sha256(unpacked(name, content)).hexdigest() for name, content in built.items()
    } == {name: sha256(unpacked(name, content)).hexdigest() for name, content in committed.items()}


def test_equal_arguments_give_equal_bytes(
    generate: ModuleType, small: Path, tmp_path: Path
) -> None:
    generate.main(["--out", str(tmp_path), "--requests", "150"])
    first = {path.relative_to(small): path.read_bytes() for path in small.rglob("*.*")}
    assert first == {
        path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.*")
    }
    assert len(first) == 9


def test_another_seed_gives_other_requests(
    generate: ModuleType, small: Path, tmp_path: Path
) -> None:
    generate.main(["--out", str(tmp_path), "--requests", "150", "--seed", "2"])
    ours, theirs = read(small), read(tmp_path)
    differing = [i for i in ours.log if ours.log[i]["request"] != theirs.log[i]["request"]]
    assert len(differing) > 890


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.gz")), ids=lambda path: path.name)
def test_archives_carry_neither_time_nor_name(path: Path) -> None:
    header = path.read_bytes()[:10]
    assert header[3] == 0  # no flags: no file name, no comment
    assert header[4:8] == b"\0\0\0\0"


def test_everything_fits_into_two_megabytes() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*.gz")) < 2_000_000


def test_ids_and_sessions_are_unique(files: Files) -> None:
    raw = rows(FOLDER / "log.jsonl.gz")
    assert len(raw) == 6 * N
    assert len({row["id"] for row in raw}) == 6 * N
    assert len({row["session"] for row in raw}) == 6 * N
    for name in files.recordings:
        lines = rows(FOLDER / "recordings" / f"{name}.jsonl.gz")
        assert sorted(row["id"] for row in lines) == sorted(files.log)


@pytest.mark.parametrize("task", PLANTED)
def test_requests_of_a_task_are_distinct(files: Files, task: str) -> None:
    logged = files.of(task)
    assert len(logged) == N
    assert len({json.dumps(row["request"], sort_keys=True) for row in logged}) == N


@pytest.mark.parametrize(("task", "candidate", "rate"), ARMS)
def test_realised_rates_are_near_the_planted_ones(
    files: Files, task: str, candidate: str, rate: float
) -> None:
    realised = rate_of(files, task, candidate)
    assert abs(realised - rate) <= four_errors(rate, N)
    arm = files.truth["tasks"][task]["candidates"][candidate]
    assert (arm["planted"], arm["realised"]) == (rate, pytest.approx(realised, abs=1e-12))


@pytest.mark.parametrize("task", ["ticket-triage", "moderation", "invoice-extraction"])
def test_the_baseline_repeats_itself_at_the_planted_floor(files: Files, task: str) -> None:
    realised = rate_of(files, task, SECOND)
    assert abs(realised - FLOOR) <= four_errors(FLOOR, N)
    if task != "invoice-extraction":
        floor = files.truth["tasks"][task]["floor"]
        assert floor == {"planted": FLOOR, "realised": pytest.approx(realised, abs=1e-12)}


@pytest.mark.parametrize("task", ["ticket-triage", "moderation"])
def test_candidate_and_second_sample_err_independently(files: Files, task: str) -> None:
    for candidate in CANDIDATES:
        both = [
            (at_parity(files, row, candidate), at_parity(files, row, SECOND))
            for row in files.of(task)
        ]
        candidate_errs = sum(not c for c, _ in both)
        second_errs = sum(not s for _, s in both)
        together = sum(not c and not s for c, s in both)
        mean = candidate_errs * second_errs / N
        assert together <= mean + 4 * math.sqrt(mean + 1)


@pytest.mark.parametrize("task", PLANTED)
def test_expectations_are_those_that_the_readme_states(files: Files, task: str) -> None:
    arms = files.truth["tasks"][task]["candidates"]
    assert tuple(arms) == CANDIDATES
    assert tuple(arm["expected"] for arm in arms.values()) == EXPECTED[task]


def test_every_good_arm_has_the_wanted_power(files: Files) -> None:
    arms = [arm for task in files.truth["tasks"].values() for arm in task["candidates"].values()]
    good = [arm for arm in arms if arm["expected"] == "certified"]
    assert len(good) == 8
    assert all(arm["planted"] >= 0.985 and arm["power"] >= 0.95 for arm in good)
    assert files.truth["strictest_level"] == pytest.approx(0.05 / 18)


def test_the_readme_shows_the_truth(files: Files) -> None:
    shown = re.findall(r"^\| `([\w-]+)` \| `([\w-]+)` \| (.*) \|$", readme(), flags=re.MULTILINE)
    wanted = []
    for task, terms in files.truth["tasks"].items():
        for candidate, arm in terms["candidates"].items():
            power = "-" if arm["power"] is None else f"{arm['power']:.4f}"
            figures = f"{arm['planted']:.3f} | {arm['threshold']:.3f} | {arm['realised']:.3f}"
            wanted.append((task, candidate, f"{figures} | {power} | {arm['expected']}"))
    assert shown == wanted
    assert "made up" in readme()


def readme() -> str:
    return (FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_baseline_gives_usable_answers(files: Files) -> None:
    for row in files.log.values():
        assert row["response"]["choices"][0]["finish_reason"] == "stop"
        assert text_of(row)
        if row["task"] == "invoice-extraction":
            assert is_valid(row, text_of(row))


def test_one_candidate_breaks_its_json_and_the_others_never_do(files: Files) -> None:
    broken = {
        candidate: {
            row["id"]
            for row in files.of("invoice-extraction")
            if not is_valid(row, text_of(files.recordings[candidate][row["id"]]))
        }
        for candidate in CANDIDATES
    }
    assert 80 <= len(broken["birch-7b"]) <= 100
    assert not broken["atlas-mini"]
    assert not broken["swift-lite"]
    answers = [text_of(files.recordings["birch-7b"][name]) for name in sorted(broken["birch-7b"])]
    is_json = Counter(parsed(answer) is not None for answer in answers)
    assert min(is_json[True], is_json[False]) > 20  # schema violations and broken JSON alike


def test_right_answers_are_not_always_the_same_bytes(files: Files) -> None:
    invoices = files.of("invoice-extraction")
    mini = [text_of(files.recordings["atlas-mini"][row["id"]]) for row in invoices]
    assert 200 <= sum(answer.startswith("```json\n") for answer in mini) <= 300
    for task, candidate in (("ticket-triage", "birch-7b"), ("moderation", "swift-lite")):
        right = [row for row in files.of(task) if at_parity(files, row, candidate)]
        other = [r for r in right if text_of(r) != text_of(files.recordings[candidate][r["id"]])]
        assert 0.1 < len(other) / len(right) < 0.3
    for task in PROSE:
        same = sum(
            text_of(row) == text_of(files.recordings["atlas-mini"][row["id"]])
            for row in files.of(task)
        )
        assert 0 < same < 0.2 * N


def test_weak_answers_fail_in_many_ways(files: Files) -> None:
    finishes = Counter(
        row["response"]["choices"][0]["finish_reason"]
        for row in files.recordings["swift-lite"].values()
    )
    assert finishes["length"] > 20
    assert set(finishes) == {"stop", "length"}
    answers = [text_of(row) for row in files.recordings["birch-7b"].values()]
    assert sum(answer == "" for answer in answers) >= 3
    assert sum("not able to assist" in answer for answer in answers) >= 3


def test_a_quarter_of_the_comments_is_blocked(files: Files) -> None:
    labels = Counter(text_of(row) for row in files.of("moderation"))
    assert set(labels) == {"allow", "block"}
    assert abs(labels["block"] / N - 0.25) <= four_errors(0.25, N)


def test_triage_uses_eight_labels_and_nothing_else(files: Files) -> None:
    labels = Counter(text_of(row) for row in files.of("ticket-triage"))
    assert len(labels) == 8
    assert min(labels.values()) > 90
    for row in files.of("ticket-triage"):
        assert set(labels) <= set(re.findall(r"\w+", row["request"]["messages"][0]["content"]))


def test_the_judge_sees_each_pair_in_both_orders(files: Files) -> None:
    asked = {row["id"] for task in PROSE for row in files.of(task)}
    assert set(files.judged) == {(name, candidate) for name in asked for candidate in CANDIDATES}
    for verdicts in files.judged.values():
        assert [row["shown_first"] for row in verdicts] == ["model_a", "model_b"]
        for row in verdicts:
            assert (row["judge"], row["judge_model"]) == ("quill-judge", "quill-judge")
            assert row["model_a"] == BASELINE
            assert row["preference"] in {"model_a", "model_b", "tie"}
            assert row["reason"]


def test_the_judge_is_sometimes_swayed_by_the_order(files: Files) -> None:
    flips = sum(
        len({row["preference"] for row in verdicts} & {"model_a", "tie"}) == 2
        for verdicts in files.judged.values()
    )
    assert 30 < flips < 200


def test_placebos_never_win(files: Files) -> None:
    verdicts = rows(FOLDER / "judgments" / "quill-judge.placebos.jsonl.gz")
    asked = Counter((row["id"], row["model_b"], row["shown_first"]) for row in verdicts)
    assert len(asked) == len(verdicts) == 3 * N * 3 * 2
    assert {row["preference"] for row in verdicts} == {"model_a"}
    assert {row["id"] for row in verdicts} == {name for name, _ in files.judged}


def test_usage_follows_the_stated_rule(files: Files) -> None:
    for name, logged in files.log.items():
        prompt = sum(len(message["content"]) for message in logged["request"]["messages"])
        for row in (logged, *(recording[name] for recording in files.recordings.values())):
            usage = row["response"]["usage"]
            assert usage["prompt_tokens"] == math.ceil(prompt / 4)
            assert usage["completion_tokens"] == math.ceil(len(text_of(row)) / 4)
            assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
            assert row["latency_s"] > 0


def test_answers_name_their_model(files: Files) -> None:
    for row in files.log.values():
        assert row["request"]["model"] == row["response"]["model"] == BASELINE
    for name, recording in files.recordings.items():
        wanted = BASELINE if name == SECOND else name
        assert {row["response"]["model"] for row in recording.values()} == {wanted}


def test_traffic_has_a_weekday_pattern_over_four_weeks() -> None:
    raw = rows(FOLDER / "log.jsonl.gz")
    times = [datetime.fromisoformat(row["timestamp"]) for row in raw]
    assert all(one <= two for one, two in pairwise(times))
    assert times[0] >= datetime(2026, 10, 19, tzinfo=UTC)
    assert times[-1] < datetime(2026, 11, 16, tzinfo=UTC)
    days = Counter(time.weekday() for time in times)
    assert min(days[day] for day in range(5)) > 1.5 * max(days[5], days[6])
    hours = Counter(time.hour for time in times)
    assert hours[10] > 10 * hours[3]


def test_the_study_names_files_that_exist(files: Files) -> None:
    study = yaml.safe_load((FOLDER / "parity.yaml").read_text(encoding="utf-8"))
    parts = [study["log"], study["baseline"]["second"], study["judge"], *study["candidates"]]
    assert all(list(FOLDER.glob(part["path"])) for part in parts)
    assert tuple(part["name"] for part in study["candidates"]) == CANDIDATES
    assert study["baseline"]["model"] == BASELINE
    assert study["test"]["alpha"] == files.truth["alpha"]
    assert list(study["tasks"]) == list(files.truth["tasks"])
    for task, terms in study["tasks"].items():
        assert terms["match"] == {"task": task}
        assert {row["metadata"]["kind"] for row in files.of(task)} == {terms["kind"]}
        assert terms["estimand"] == files.truth["tasks"][task]["estimand"]
    prices = [study["baseline"]["price"], *(part["price"] for part in study["candidates"])]
    assert all(one["input"] > two["input"] for one, two in pairwise(prices))
    assert all(one["output"] > two["output"] for one, two in pairwise(prices))


def changed_lines(one: Path, two: Path) -> set[tuple[str, str]]:
    """Name the (file, line) pairs in which two data sets differ."""
    found = set()
    for path in one.rglob("*.*"):
        name = path.relative_to(one).as_posix()
        lines = [
            unpacked(name, (folder / name).read_bytes()).decode().split("\n")
            for folder in (one, two)
        ]
        found |= {(name, text) for text in set(lines[0]) ^ set(lines[1])}
    return found


@pytest.mark.parametrize("rate", ["0.99", "0.5", "0"])
def test_a_plant_changes_its_arm_alone(
    generate: ModuleType, small: Path, tmp_path: Path, rate: str
) -> None:
    plant = f"kb-answers.swift-lite={rate}"
    generate.main(["--out", str(tmp_path), "--requests", "150", "--plant", plant])
    changed = changed_lines(small, tmp_path)
    assert {name for name, _ in changed} == {
        "recordings/swift-lite.jsonl.gz",
        "judgments/quill-judge.jsonl.gz",
        "truth.json",
    }
    answers = [json.loads(text) for name, text in changed if name.startswith("recordings")]
    assert all(row["id"].startswith("kb-") for row in answers)
    verdicts = [json.loads(text) for name, text in changed if name.startswith("judgments")]
    assert {row["model_b"] for row in verdicts} == {"swift-lite"}
    assert all(row["id"].startswith("kb-") for row in verdicts)
    realised = rate_of(read(tmp_path), "kb-answers", "swift-lite")
    assert abs(realised - float(rate)) <= four_errors(float(rate), 150)


def test_a_plant_changes_its_part_of_the_truth_alone(
    generate: ModuleType, small: Path, tmp_path: Path
) -> None:
    generate.main(
        ["--out", str(tmp_path), "--requests", "150", "--plant", "ticket-triage.birch-7b=0.99"]
    )
    one, two = read(small).truth, read(tmp_path).truth
    before = one["tasks"]["ticket-triage"]["candidates"].pop("birch-7b")
    after = two["tasks"]["ticket-triage"]["candidates"].pop("birch-7b")
    assert one == two
    assert (before["planted"], after["planted"]) == (0.88, 0.99)
    assert before["realised"] < after["realised"]


def test_a_higher_rate_only_turns_wrong_answers_into_right_ones(
    generate: ModuleType, small: Path, tmp_path: Path
) -> None:
    plants = ["reply-drafts.swift-lite=0.97", "invoice-extraction.birch-7b=0.97"]
    generate.main(["--out", str(tmp_path), "--requests", "150", "--plant", *plants])
    before, after = read(small), read(tmp_path)
    for task, candidate in (("reply-drafts", "swift-lite"), ("invoice-extraction", "birch-7b")):
        moves = Counter(
            (at_parity(before, row, candidate), at_parity(after, row, candidate))
            for row in before.of(task)
        )
        assert moves[True, False] == 0
        assert moves[False, True] > 0


def test_a_floor_changes_the_second_sample_alone(
    generate: ModuleType, small: Path, tmp_path: Path
) -> None:
    arguments = ["--requests", "150", "--floor", "moderation=0.9"]
    generate.main(["--out", str(tmp_path), *arguments])
    changed = changed_lines(small, tmp_path)
    assert {name for name, _ in changed} == {f"recordings/{SECOND}.jsonl.gz", "truth.json"}
    after = read(tmp_path)
    assert abs(rate_of(after, "moderation", SECOND) - 0.9) <= four_errors(0.9, 150)
    arms = after.truth["tasks"]["moderation"]["candidates"].values()
    assert {arm["threshold"] for arm in arms} == {0.85}


@pytest.mark.parametrize(
    ("task", "rate", "expected"),
    [
        ("kb-answers", 0.949, "not certified"),
        ("kb-answers", 0.95, "not certified"),
        ("kb-answers", 0.951, "either"),
        ("kb-answers", 0.975, "either"),
        ("kb-answers", 0.985, "certified"),
        ("kb-answers", 1.0, "certified"),
        ("moderation", 0.9, "not certified"),
        ("moderation", 0.935, "not certified"),
        ("moderation", 0.936, "either"),
        ("moderation", 0.97, "either"),
        ("moderation", 0.985, "certified"),
        ("moderation", 1.0, "certified"),
    ],
)
def test_expectations_flip_when_a_plant_crosses_the_bar(
    generate: ModuleType, task: str, rate: float, expected: str
) -> None:
    plan = importlib.import_module("tidebox.plan").Plan()
    truth = importlib.import_module("tidebox.truth")
    assert truth.outlook(plan, task, rate)[1] == expected


def test_expectations_flip_when_the_floor_moves(generate: ModuleType) -> None:
    plan = importlib.import_module("tidebox.plan").Plan()
    truth = importlib.import_module("tidebox.truth")
    assert truth.outlook(plan, "moderation", 0.93)[1] == "not certified"
    assert truth.outlook(plan.with_floor("moderation", 0.9), "moderation", 0.93)[1] == "certified"


def test_too_few_requests_leave_a_good_arm_open(generate: ModuleType) -> None:
    plan = importlib.import_module("tidebox.plan").Plan
    truth = importlib.import_module("tidebox.truth")
    assert truth.outlook(plan(requests=200), "kb-answers", 0.985)[1] == "either"
    assert truth.outlook(plan(requests=40), "kb-answers", 0.985) == (0.0, "either")
    assert truth.outlook(plan(requests=3), "moderation", 0.985) == (0.0, "either")


@pytest.mark.parametrize(
    ("rate", "alpha", "n_max", "expected"),
    [
        (0.95, 0.05, 300, 0.040497214819),
        (0.98, 0.05, 300, 0.659359855958),
        (0.97, 0.05, 500, 0.466738427639),
        (0.99, 0.01, 500, 0.993309328469),
        (1.0, 0.05, 50, 0.0),
    ],
)
def test_power_without_futility_meets_the_oracle(
    power: ModuleType, rate: float, alpha: float, n_max: int, expected: float
) -> None:
    design = power.Design(level=alpha, node_level=alpha, beta=0.1, n_max=n_max)
    assert power.parity_power(rate, 0.95, design, futility=False) == pytest.approx(
        expected, abs=1e-9
    )


@pytest.mark.parametrize(
    ("rate", "expected"), [(0.95, 0.0399272397094), (0.98, 0.644081996795), (0.99, 0.950251395018)]
)
def test_power_with_futility_meets_the_oracle(
    power: ModuleType, rate: float, expected: float
) -> None:
    # The oracle has no below-bar rule; that rule hardly ever stops a good arm first.
    design = power.Design(level=0.05, node_level=0.05, beta=0.1, n_max=300)
    assert power.smallest_promising_rate(0.95, design) == pytest.approx(0.9836715335, abs=1e-4)
    assert power.parity_power(rate, 0.95, design) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize(
    ("n", "ups", "downs", "expected"),
    [
        (1, 1, 0, 0.462427937751),
        (100, 7, 2, 4.11247423764),
        (200, 7, 2, 7.93378892324),
        (210, 11, 12, 0.952865496884),
        (420, 25, 17, 7.81091923558),
    ],
)
def test_noise_floor_wealth_meets_the_oracle(
    power: ModuleType, n: int, ups: int, downs: int, expected: float
) -> None:
    design = power.Design(level=0.05, node_level=0.05, beta=0.1, n_max=1000)
    rule = power.noise_floor_rules(0.05, design)[0]
    wealth = rule.log_wealth(n, np.array([float(ups)]), np.array([float(downs)]))
    assert wealth.item() == pytest.approx(expected, abs=1e-8)


def test_noise_floor_power_agrees_with_simulation(power: ModuleType) -> None:
    runs, n_max, rate, floor = 2000, 300, 0.985, 0.985
    design = power.Design(level=0.05, node_level=0.05, beta=0.1, n_max=n_max)
    rules = power.noise_floor_rules(0.05, design)
    rng = np.random.default_rng(20261116)
    wealth = [np.tile(rule.log_weights, (runs, 1)) for rule in rules]
    is_open, certified = np.ones(runs, dtype=bool), 0
    for n in range(1, n_max + 1):
        moves = (rng.random(runs) < rate).astype(int) - (rng.random(runs) < floor)
        for position, rule in enumerate(rules):
            growth = np.stack([rule.log_level, rule.log_up, rule.log_down])
            wealth[position] += growth[moves]
            total = np.log(np.exp(wealth[position]).sum(axis=1))
            stopped = is_open & (total >= rule.threshold) & (n >= rule.first_n)
            certified += int(stopped.sum()) if position == 0 else 0
            is_open &= ~stopped
    exact = power.noise_floor_power(rate, floor, 0.05, design)
    assert 0.5 < exact < 0.999
    assert abs(certified / runs - exact) <= four_errors(exact, runs)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--plant", "kb-answer.swift-lite=0.9"], "did you mean 'kb-answers'"),
        (["--plant", "kb-answers.swift=0.9"], "did you mean 'swift-lite'"),
        (["--plant", "kb-answers.swift-lite"], "TASK.CANDIDATE=RATE"),
        (["--plant", "kb-answers=0.9"], "TASK.CANDIDATE=RATE"),
        (["--plant", "kb-answers.swift-lite=1.1"], "must be from 0 to 1"),
        (["--plant", "kb-answers.swift-lite=many"], "is not a number"),
        (["--floor", "kb-answers=0.9"], "unknown task with a floor"),
        (["--requests", "0"], "number from 1 to 9999"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_written(
    generate: ModuleType,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: list[str],
    complaint: str,
) -> None:
    with pytest.raises(SystemExit) as stopped:
        generate.main(["--out", str(tmp_path / "new"), *arguments])
    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_the_script_runs_by_itself_and_writes_beside_itself(tmp_path: Path) -> None:
    shutil.copytree(FOLDER / "tidebox", tmp_path / "tidebox")
    script = shutil.copy(FOLDER / "generate.py", tmp_path)
    subprocess.run([sys.executable, "-B", script, "--requests", "5"], check=True, cwd=tmp_path)
    assert len(read(tmp_path).log) == 30
    imported = {
        name
        for path in tmp_path.rglob("*.py")
        for name in re.findall(r"^(?:from|import) (\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    assert imported - sys.stdlib_module_names == {"numpy", "tidebox"}

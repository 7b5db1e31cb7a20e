"""A task with more requests than are kept: what its test is made of, what is known of the rest."""

from collections.abc import Mapping
from pathlib import Path

import cli
import pytest

from parity_eval import prompt_log
from parity_eval.config import read
from parity_eval.records import Decision
from parity_eval.workflows.run import Prepared, prepare

N, KEPT, REPEATS = 600, 120, 40


class Notes:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def on_start(self, summary: str, arms: Mapping[str, int]) -> None: ...

    def on_progress(self, decision: Decision, spent_usd: float) -> None: ...

    def on_note(self, text: str) -> None:
        self.notes.append(text)


def prepared(folder: Path, extra: str = "") -> tuple[Prepared, list[str]]:
    rows = [cli.entry(n) for n in range(N)]
    # One request that many lines repeat, beside those that are asked once.
    rows += [{**cli.entry(N), "id": f"again-{n}"} for n in range(REPEATS)]
    cli.write_lines(folder / "log.jsonl", rows)
    cli.recording(folder, N + 1)
    path = folder / "parity.yaml"
    path.write_text(
        "version: 1\nlog: {path: log.jsonl}\nbaseline: {model: big}\n"
        "candidates: [{name: tape, model: recorded, path: tape.jsonl}]\nrecordings: partial\n"
        f"test: {{bar: 0.9, max_samples: 24{extra}}}\n"
        "tasks: {triage: {kind: classification}}\n",
        encoding="utf-8",
    )
    listener = Notes()
    return prepare(read(path, {}), listener), listener.notes


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_log, "_KEPT", KEPT)


def test_a_random_part_is_kept_and_the_rest_is_counted(tmp_path: Path) -> None:
    found, notes = prepared(tmp_path)
    (design,) = found.designs
    drawn = [unit for unit in design.sample.units if unit.is_drawn]
    assert len(drawn) == KEPT
    assert design.sample.n_lines == N + REPEATS
    assert design.sample.n_lines_of(design.sample.units) == N + REPEATS
    assert any("a random part of about" in note for note in notes)


def test_a_request_that_many_lines_repeat_is_there_and_comes_last(tmp_path: Path) -> None:
    found, _ = prepared(tmp_path)
    (design,) = found.designs
    heavy = [unit for unit in design.sample.units if unit.weight > 1]
    assert [unit.weight for unit in heavy] == [REPEATS]
    assert heavy[0].is_drawn or design.sample.units[-1] is heavy[0]


def test_a_claim_about_the_log_keeps_all_of_it(tmp_path: Path) -> None:
    found, notes = prepared(tmp_path, ", target: log")
    (design,) = found.designs
    assert len(design.sample.units) == N + 1
    assert all(unit.is_drawn for unit in design.sample.units)
    assert not any("a random part of about" in note for note in notes)


def test_the_part_does_not_depend_on_the_order_of_the_log(tmp_path: Path) -> None:
    found, _ = prepared(tmp_path)
    lines = (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "log.jsonl").write_text("".join(reversed(lines)), encoding="utf-8")
    again = prepare(read(tmp_path / "parity.yaml", {}), Notes())
    assert again.study_hash == found.study_hash
    ids = [[u.request.id for u in p.designs[0].sample.units if u.is_drawn] for p in (found, again)]
    assert ids[0] == ids[1]

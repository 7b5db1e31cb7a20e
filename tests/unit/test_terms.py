"""What a study's terms are, and which requests a candidate has seen under other ones."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from makers import arm, design, model, study, units

from parity_eval.records import ModelName, ModelSpec, Price, RequestId, TaskName
from parity_eval.rules import Ask
from parity_eval.study import (
    BaselineSpec,
    JudgeSpec,
    LabelSpec,
    RunSpec,
    Study,
    TaskSpec,
    TestSpec,
)
from parity_eval.terms import Orders, fresh_orders, identity, study_hash

PRINT = "ab" * 32
LIVE = model("small", (1.0, 2.0), is_live=True)
STUDY = study(LIVE, tasks=[TaskSpec(name=TaskName("triage"))])


def put(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


class TestStudyHash:
    def test_equal_terms_have_equal_hashes(self) -> None:
        assert study_hash(STUDY, PRINT) == study_hash(replace(STUDY), PRINT)
        assert len(study_hash(STUDY, PRINT)) == 64

    @pytest.mark.parametrize(
        "changed",
        [
            replace(STUDY, test=TestSpec(alpha=0.01)),
            replace(STUDY, test=TestSpec(seed=2)),
            replace(STUDY, test=TestSpec(margin=0.01)),
            replace(STUDY, test=TestSpec(min_n=1)),
            replace(STUDY, test=TestSpec(max_samples=9)),
            replace(STUDY, tasks=(TaskSpec(name=TaskName("triage"), bar=0.9),)),
            replace(STUDY, tasks=(TaskSpec(name=TaskName("triage"), rule=Ask("exact")),)),
            replace(STUDY, candidates=(replace(LIVE, params={"temperature": 0}),)),
            replace(STUDY, baseline=BaselineSpec(spec=LIVE, source="replay")),
            replace(STUDY, baseline=replace(STUDY.baseline, second=LIVE)),
            replace(STUDY, judge=JudgeSpec(spec=LIVE)),
            replace(STUDY, judge=JudgeSpec(spec=LIVE, rubric="terse")),
        ],
    )
    def test_terms_count(self, changed: Study) -> None:
        assert study_hash(changed, PRINT) != study_hash(STUDY, PRINT)

    def test_the_log_counts(self) -> None:
        assert study_hash(STUDY, "cd" * 32) != study_hash(STUDY, PRINT)

    @pytest.mark.parametrize(
        "changed",
        [
            replace(STUDY, run=RunSpec(out="elsewhere", max_cost_usd=1.0, missing="fail")),
            replace(STUDY, origin="other.yaml"),
            replace(STUDY, candidates=(replace(LIVE, price=Price(input=9, output=9)),)),
            replace(STUDY, candidates=(replace(LIVE, api_key_env="KEY"),)),
            replace(
                STUDY, tasks=(TaskSpec(name=TaskName("triage"), acknowledge=(RequestId("r"),)),)
            ),
        ],
    )
    def test_how_it_is_carried_out_does_not(self, changed: Study) -> None:
        assert study_hash(changed, PRINT) == study_hash(STUDY, PRINT)

    def test_files_count_by_content(self, tmp_path: Path) -> None:
        here, there = put(tmp_path / "a.jsonl", "one\n"), put(tmp_path / "b.jsonl", "one\n")
        labels = put(tmp_path / "labels.jsonl", "{}\n")

        def with_files(recording: str, table: str) -> str:
            spec = ModelSpec(name=ModelName("small"), model="recorded", path=recording)
            given = replace(
                STUDY,
                candidates=(spec,),
                judge=JudgeSpec(spec=spec),
                labels=LabelSpec(path=table, values={"ok": 1.0}),
            )
            return study_hash(given, PRINT)

        before = with_files(here, labels)
        assert with_files(there, labels) == before
        put(tmp_path / "b.jsonl", "two\n")
        assert with_files(there, labels) != before
        put(tmp_path / "labels.jsonl", "[]\n")
        assert with_files(here, labels) != before


class TestIdentity:
    def test_a_live_model_is_what_is_called(self) -> None:
        assert identity(LIVE) == identity(replace(LIVE, name=ModelName("another name")))
        assert identity(LIVE) != identity(replace(LIVE, params={"temperature": 0}))
        assert identity(LIVE) != identity(replace(LIVE, api_base="http://localhost"))

    def test_a_recording_goes_by_its_name(self) -> None:
        assert identity(model("a")) == identity(replace(model("a"), path="grown.jsonl"))
        assert identity(model("a")) != identity(model("b"))


class TestFreshOrders:
    of = units("abcdef")

    def orders(self, spent: Mapping[str, str], max_samples: int = 4) -> Orders:
        def used(task: str, who: str) -> Mapping[str, str]:
            assert (task, who) == ("triage", identity(LIVE))
            return spent

        return fresh_orders([design(self.of)], [LIVE], used, max_samples)

    def test_nothing_used_before(self) -> None:
        found = self.orders({})
        assert found.by_arm == {arm(): self.of}
        assert found.notes == ()
        # Only what the run may use is taken.
        assert found.to_register == {
            ("triage", identity(LIVE)): [unit.digest for unit in self.of[:4]]
        }

    def test_what_was_shown_is_refused_and_named(self) -> None:
        spent = {self.of[0].digest: "run-b", self.of[2].digest: "run-a", "f" * 64: "run-c"}
        found = self.orders(spent)
        assert found.by_arm == {arm(): tuple(self.of[i] for i in (1, 3, 4, 5))}
        (note,) = found.notes
        assert note == (
            "triage/small: 2 of 6 requests were shown to this candidate under other terms "
            "(run-a, run-b) and are refused; 4 are fresh"
        )
        assert found.to_register["triage", identity(LIVE)] == [
            self.of[i].digest for i in (1, 3, 4, 5)
        ]

    def test_all_used(self) -> None:
        found = self.orders({unit.digest: "run-a" for unit in self.of})
        assert found.by_arm == {arm(): ()}
        assert found.notes[0].endswith("are refused; 0 are fresh")

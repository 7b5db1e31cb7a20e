from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
from makers import design, estimand, model, study, unit, units

from parity_eval import codec, documents
from parity_eval.design import TaskDesign
from parity_eval.errors import InputError
from parity_eval.forecast import Forecast, forecast, planning_level
from parity_eval.records import Estimand, ModelSpec, TaskName
from parity_eval.stats.noise_floor import floor_subsample
from parity_eval.stats.planner import plan_parity
from parity_eval.stats.stopping import Terms
from parity_eval.study import (
    FamilyRule,
    GateSpec,
    JudgeSpec,
    LabelSpec,
    ScorerSpec,
    Study,
    TaskSpec,
    TestSpec,
)

LIVE = model("small", (1.0, 2.0), is_live=True)


def task(
    n: int, what: Estimand | None = None, *, name: str = "triage", why_closed: str | None = None
) -> TaskDesign:
    of = units(["yes"] * n)
    return design(of, what, spec=TaskSpec(name=TaskName(name)), why_closed=why_closed)


def planned(
    given: Study,
    designs: Sequence[TaskDesign],
    *live: ModelSpec,
    span_days: float | None = 28.0,
) -> Forecast:
    found = forecast(
        given,
        designs,
        {spec.name: spec for spec in live},
        n_lines=1000,
        span_days=span_days,
        next_command="parity-eval run",
    )
    documents.check(msgspec.json.decode(codec.encode(found)), "plan.v1.json", "the plan")
    return found


class TestLevel:
    @pytest.mark.parametrize(
        ("family", "n_tasks", "n_candidates", "n_open", "level"),
        [
            ("fdr", 1, 1, 1, 0.05),
            ("fwer", 1, 1, 1, 0.05),
            ("fdr", 1, 2, 1, 0.025),
            ("fdr", 6, 3, 6, 0.05 * 3 / 18),
            ("fdr", 5, 1, 5, 0.05 * 3 / 5),
            # One of five can be measured at all, so that at most one is certified.
            ("fdr", 5, 1, 1, 0.05 / 5),
            ("fdr", 5, 1, 0, 0.05 / 5),
            ("fwer", 6, 3, 6, 0.05 / 18),
        ],
    )
    def test_what_an_arm_is_planned_for(
        self, family: FamilyRule, n_tasks: int, n_candidates: int, n_open: int, level: float
    ) -> None:
        test = TestSpec(family=family)
        found, said = planning_level(test, n_tasks, n_candidates, n_open)
        assert found == pytest.approx(level)
        assert "0.05" in said

    def test_it_is_what_the_tests_are_planned_at(self) -> None:
        found = planned(study(LIVE), [task(400), task(400, name="b")], LIVE)
        assert found.level == 0.025
        assert found.tasks[0].prospects is not None
        exact = plan_parity(0.95, Terms(n_max=400, alpha=0.025))
        assert found.tasks[0].prospects.straight == exact.straight_passes
        assert [o.expected_n for o in found.tasks[0].prospects.outlooks] == [
            row.expected_n for row in exact.rows
        ]


class TestLengths:
    def planned_for(self, lengths: Sequence[int], what: Estimand | None = None) -> list[int]:
        designs = [task(n, what, name=f"t{n}") for n in lengths]
        found = planned(study(LIVE), designs)
        return [t.prospects.n_planned for t in found.tasks if t.prospects is not None]

    def test_few_lengths_are_exact(self) -> None:
        assert self.planned_for([215, 333, 417]) == [215, 333, 417]

    def test_many_are_rounded_down(self) -> None:
        lengths = [100, 199, 215, 333, 401, 418, 517, 612, 777, 999, 1234]
        assert self.planned_for(lengths) == [100, 199, 210, 330, 400, 410, 510, 610, 770, 990, 1200]

    def test_simulated_ones_more_coarsely(self) -> None:
        lengths = [199, 201, 215, 333, 400, 517, 612, 777, 1000, 1234]
        rounded = [199, 199, 199, 316, 398, 501, 501, 630, 1000, 1000]
        assert self.planned_for(lengths, estimand("quality", 0.1)) == rounded

    def test_rounding_never_makes_a_log_too_short(self) -> None:
        # At this bar and level 215 requests certify, and 210 do not.
        bar = estimand("parity", 0.982)
        lengths = [215, *range(1000, 1900, 100)]
        assert self.planned_for(lengths, bar)[0] == 215

    def test_max_samples_is_the_end(self) -> None:
        given = study(LIVE, test=TestSpec(max_samples=250))
        (only,) = planned(given, [task(400)]).tasks
        assert only.prospects is not None
        assert (only.n_available, only.prospects.n_planned) == (400, 250)


class TestNotes:
    def notes(self, given: Study, of: TaskDesign) -> tuple[str, ...]:
        return planned(given, [of]).tasks[0].notes

    def test_a_log_that_is_too_short_is_told_first(self) -> None:
        spec = TaskSpec(
            name=TaskName("triage"),
            gates=(GateSpec(name="valid", check="format"),),
            must_pass=(unit("r0").request.id,),
        )
        notes = self.notes(study(LIVE), replace(task(60), spec=spec))
        assert notes == (
            (
                "too short (60 requests): not even a candidate that always passes can be "
                "certified. It takes at least 61 requests, or a bar of at most 0.949, or a claim "
                "about this log only (`test.target: log`, 31 passes)"
            ),
            "gate 'valid' (format) adds to this",
            "must_pass (1) adds to this",
        )

    def test_or_max_samples_is(self) -> None:
        (note,) = self.notes(study(LIVE, test=TestSpec(max_samples=60)), task(400))
        assert note.startswith("max_samples == 60 is too small: not even")

    def test_a_small_chance_is_told(self) -> None:
        (note,) = self.notes(study(LIVE), task(60, estimand("quality", 0.05)))
        assert note.startswith(
            "too short (60 requests): a candidate as good as the baseline is certified with a "
            "chance of 1"
        )
        assert "about 230 requests in all give 80%" in note

    def test_a_long_log_needs_no_note(self) -> None:
        assert self.notes(study(LIVE), task(400)) == ()


class TestAssumptions:
    def said(self, given: Study, of: TaskDesign, *live: ModelSpec) -> str:
        return "\n".join(planned(given, [of], *live).assumptions)

    def test_what_was_assumed_is_said(self) -> None:
        assert self.said(study(LIVE), replace(task(99), scorers=())).startswith("tokens that")
        assert "4% of the pairs" in self.said(study(LIVE), task(99, estimand("quality", 0.1)))
        assert "40% of the pairs" in self.said(study(LIVE), task(99, estimand("preference", 0.1)))
        assert "noise floor" in self.said(study(LIVE), task(99, estimand("noise_floor", 0.1)))

    def test_what_is_not_forecast_is_said(self) -> None:
        judge = JudgeSpec(spec=model("judge", (1.0, 2.0), is_live=True))
        labelled = replace(judge, labels=LabelSpec(path="labels.jsonl"))
        asks = replace(task(99), scorers=(ScorerSpec(key="judge", scorer="judge"),))
        said = self.said(replace(study(LIVE), judge=labelled), asks, LIVE, judge.spec)
        assert "human labels" in said
        assert "an upper estimate" in said
        floor = task(99, estimand("noise_floor", 0.1))
        drawn = replace(floor, subsample=floor_subsample(chances=(1.0, 0.25)))
        assert "more pairs than shown" in self.said(study(LIVE), drawn)
        assert "more pairs than shown" not in self.said(study(LIVE), floor)
        of_log = study(LIVE, test=TestSpec(target="log"))
        assert "this log" in self.said(of_log, task(99, estimand("quality", 0.1)))
        assert "this log" not in self.said(of_log, task(99))


def test_a_claim_about_the_log_takes_fewer_pairs() -> None:
    of_traffic, of_log = (
        planned(study(LIVE, test=TestSpec(target=target)), [task(300)]).tasks[0].prospects
        for target in ("traffic", "log")
    )
    assert of_traffic is not None
    assert of_log is not None
    assert (of_traffic.straight, of_log.straight) == (75, 61)


def test_a_census_is_no_small_sample() -> None:
    given = study(LIVE, test=TestSpec(target="log"))
    (few,) = planned(given, [task(20, estimand("parity", 0.7))]).tasks
    assert few.prospects is not None
    assert few.prospects.straight == 20


def test_closed_tasks_count_in_the_family_and_cost_nothing() -> None:
    found = planned(study(LIVE), [task(300), task(300, name="b", why_closed="no judge")], LIVE)
    assert found.level == 0.025
    closed = found.tasks[1]
    assert (closed.prospects, closed.why_closed) == (None, "no judge")
    assert found.total.worst == found.tasks[0].candidates[0].usd.worst > 0


def test_sums_and_volume() -> None:
    other = model("other", (2.0, 4.0), is_live=True)
    found = planned(study(LIVE, other), [task(300), task(300, name="b")], LIVE, other)
    arms = [arm for t in found.tasks for arm in t.candidates]
    assert found.candidates.expected == pytest.approx(sum(arm.usd.expected for arm in arms))
    assert found.total == found.candidates
    assert found.is_paid
    # 300 lines in 28 days.
    assert found.tasks[0].requests_per_month == pytest.approx(300 / 28 * 365.25 / 12)
    assert planned(study(LIVE), [task(300)], span_days=None).tasks[0].requests_per_month is None


def test_the_schema_refuses_what_it_does_not_know() -> None:
    document = msgspec.json.decode(codec.encode(planned(study(LIVE), [task(99)])))
    document["tasks"][0]["prospects"]["outlooks"][0]["certified"] = 1.2
    with pytest.raises(InputError, match=r"\$\.tasks\[0\]\.prospects: "):
        documents.check(document, "plan.v1.json", "the plan")

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from makers import arm, design, model, study, unit

from parity_eval.certificate import Circumstances
from parity_eval.design import TaskDesign
from parity_eval.evaluation import Outcome
from parity_eval.intake import Intake
from parity_eval.records import Arm, Decision, PlaceboResult, Reject, RequestId, Status, TaskName
from parity_eval.study import JudgeSpec, ScorerSpec, Study, TaskSpec
from parity_eval.summarise import Results, by_price, circumstances, run_summary
from parity_eval.summary import ArmSummary, RunSummary

DEAR, CHEAP = model("dear", (2.0, 8.0)), model("cheap", (0.1, 0.4))
STUDY = study(DEAR, CHEAP)
UNITS = [unit("heavy", weight=30), *(unit(f"r{i}") for i in range(70))]


def outcome(request: str, value: float, weight: int = 1, usd: float | None = 0.001) -> Outcome:
    return Outcome(
        request=RequestId(request),
        weight=weight,
        value=value,
        is_failure=value < 1,
        is_hole=request.startswith("hole"),
        baseline_usd=0.004,
        candidate_usd=usd,
    )


def decision(candidate: str, status: Status = Status.CERTIFIED) -> Decision:
    return Decision(
        arm=arm(candidate=candidate),
        status=status,
        reason="",
        n=2,
        mean=0.5,
        low=0.1,
        high=0.9,
        level=0.05,
        log_e=3.0,
        log_e_needed=2.9957,
        p_value=0.05,
        path=(),
    )


def summary(
    decisions: Sequence[Decision],
    outcomes: Sequence[Outcome] = (),
    *,
    designed: TaskDesign | None = None,
    given: Study = STUDY,
    why_incomplete: str | None = None,
    beyond: Mapping[Arm, Sequence[Outcome]] | None = None,
) -> RunSummary:
    of = designed or design(UNITS)
    results = Results(
        designs=[of],
        placebos={},
        closed={TaskName("triage"): of.why_closed} if of.why_closed else {},
        decisions=decisions,
        outcomes={d.arm: outcomes for d in decisions},
        beyond=beyond or {},
        waste={d.arm: 3 for d in decisions},
        circumstances={d.arm: Circumstances() for d in decisions},
        ledger=(),
        spent_usd=0.0,
        why_incomplete=why_incomplete,
    )
    intake = Intake(
        by_task={},
        rejects=tuple(Reject(path="log", line=i, reason="bad") for i in range(30)),
        n_lines=130,
        skipped={},
        n_unassigned=2,
        fingerprint="ab" * 32,
        first_timestamp=None,
        last_timestamp=None,
    )
    return run_summary(given, intake, results, run_id="r", study_hash="cd" * 32)


def arms(found: RunSummary) -> dict[str, ArmSummary]:
    return {str(a.decision.arm.candidate): a for a in found.tasks[0].arms}


def test_duplicates_weigh_in_the_mean_by_traffic() -> None:
    found = summary([decision("cheap")], [outcome("heavy", 1.0, weight=30), outcome("r1", 0.0)])
    assert arms(found)["cheap"].mean_by_traffic == pytest.approx(30 / 31)
    assert arms(found)["cheap"].n_failed == 1


def test_no_outcome() -> None:
    found = arms(summary([decision("cheap", Status.INCONCLUSIVE)]))["cheap"]
    assert (found.mean_by_traffic, found.n_failed, found.money.saving_share) == (None, 0, None)


def test_a_heavy_failure_blocks_the_route_until_acknowledged() -> None:
    failed = [outcome("heavy", 0.0, weight=30), outcome("r1", 1.0)]
    found = arms(summary([decision("cheap")], failed))["cheap"]
    assert (found.blocked_by, found.is_route) == ("heavy", False)
    spec = TaskSpec(name=TaskName("triage"), acknowledge=(RequestId("heavy"),))
    accepted = summary([decision("cheap")], failed, designed=design(UNITS, spec=spec))
    found = arms(accepted)["cheap"]
    assert (found.blocked_by, found.is_route) == (None, True)


def test_a_heavy_failure_beyond_the_test_blocks_too() -> None:
    outcomes = [outcome("r1", 1.0)]
    beyond = {arm(candidate="cheap"): [outcome("heavy", 0.0, weight=30)]}
    found = arms(summary([decision("cheap")], outcomes, beyond=beyond))["cheap"]
    assert (found.blocked_by, found.is_route) == ("heavy", False)
    assert (found.n_failed, found.mean_by_traffic) == (0, 1.0)  # it is no part of the test


class TestRoute:
    good = (outcome("r1", 1.0), outcome("r2", 1.0))

    def test_the_cheapest_certified_candidate(self) -> None:
        found = arms(summary([decision("dear"), decision("cheap")], self.good))
        assert {name: a.is_route for name, a in found.items()} == {"cheap": True, "dear": False}
        assert list(found) == ["cheap", "dear"]

    def test_the_next_one_where_that_is_not_certified(self) -> None:
        found = arms(summary([decision("dear"), decision("cheap", Status.INCONCLUSIVE)], self.good))
        assert found["dear"].is_route

    def test_none(self) -> None:
        found = summary([decision("dear", Status.FUTILE), decision("cheap", Status.OPEN)])
        assert not any(a.is_route for a in found.tasks[0].arms)
        assert found.saving_usd_in_log is None


def test_savings_are_over_the_log_of_the_task() -> None:
    found = summary([decision("cheap")], [outcome("r1", 1.0), outcome("r2", 1.0, usd=None)])
    # 100 log lines, $0.004 on the baseline, $0.001 on the candidate.
    assert found.saving_usd_in_log == pytest.approx(0.3)
    assert found.baseline_usd_in_log == pytest.approx(0.4)


def test_the_run_in_numbers() -> None:
    found = summary([decision("cheap"), decision("dear")], why_incomplete="interrupted")
    assert (found.state, found.why_incomplete) == ("incomplete", "interrupted")
    assert (found.n_tasks, found.n_arms, found.n_lines, found.n_rejects) == (1, 2, 130, 30)
    assert len(found.rejects) == 20
    assert found.family_statement.endswith("(selected e-BH over 1 task, 2 arms).")
    (task,) = found.tasks
    assert (task.n_lines, task.n_units, task.n_certify, task.rule) == (100, 71, 71, "exact")
    assert arms(found)["cheap"].waste == 3


def test_a_closed_task_says_why() -> None:
    closed = design(UNITS, why_closed="no judge")
    found = summary([decision("cheap", Status.NOT_MEASURABLE)], designed=closed)
    assert found.tasks[0].why_not_measurable == "no judge"


def test_counted_holes_qualify_a_certificate() -> None:
    found = summary([decision("cheap")], [outcome("hole1", 0.0), outcome("r2", 1.0)])
    assert arms(found)["cheap"].qualifications == (
        "1 missing answer counted against the candidate",
    )


class TestByPrice:
    def test_cheapest_first_and_unknown_prices_last_in_their_order(self) -> None:
        unknown, other = model("unknown"), model("other")
        found = by_price([unknown, DEAR, other, CHEAP])
        assert [spec.name for spec in found] == ["cheap", "dear", "unknown", "other"]

    def test_three_input_tokens_for_one_output_token(self) -> None:
        long_in, long_out = model("in", (1.0, 1.0)), model("out", (0.1, 3.5))
        assert by_price([long_in, long_out])[0].name == "out"  # 3.8 against 4.0


class TestCircumstances:
    def found(self, given: Study, designed: TaskDesign, judge_is: str | None) -> Circumstances:
        placebo = PlaceboResult(name="empty", n=9, mean=0.0, is_below=True, note="")
        return circumstances(
            given,
            [designed],
            {TaskName("triage"): (placebo,)},
            judge_is=judge_is,
            n_units={arm(candidate=spec.name): 70 for spec in given.candidates},
        )[arm(candidate=given.candidates[0].name)]

    def test_a_judge_counts_where_the_rule_asks_it(self) -> None:
        judge = JudgeSpec(spec=model("J"), orders="any")
        given = replace(STUDY, judge=judge)
        judged = replace(design(UNITS), scorers=(ScorerSpec(key="judge", scorer="judge"),))
        found = self.found(given, judged, "dear")
        assert (found.judge, found.judge_is_contestant) == ("J", "dear")
        assert found.judge_saw_one_order
        unjudged = self.found(given, design(UNITS), "dear")
        assert (unjudged.judge, unjudged.judge_is_contestant) == (None, None)
        assert not unjudged.judge_saw_one_order

    def test_dropped_parameters_and_refused_requests(self) -> None:
        spec = replace(DEAR, params={"drop": ["seed", "logprobs"]})
        found = self.found(replace(STUDY, candidates=(spec,)), design(UNITS), None)
        assert found.dropped_params == ("seed", "logprobs")
        assert found.refused == 1
        assert [p.name for p in found.placebos] == ["empty"]

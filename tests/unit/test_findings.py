from dataclasses import replace

import pytest
import summaries
from hypothesis import given
from hypothesis import strategies as st
from summaries import AGREEMENT, PARITY, PREFERENCE, gate

from parity_eval import figures, findings
from parity_eval.records import (
    FLOOR_GATE,
    Decision,
    Estimand,
    GateDecision,
    ModelName,
    Purpose,
    Status,
    TaskName,
)
from parity_eval.stats.agreement import agreement
from parity_eval.summary import JudgeAgreement, LedgerLine, RunSummary, TaskSummary


@pytest.fixture
def run() -> RunSummary:
    return summaries.gated()


def gates_of(run: RunSummary, task: int, arm: int) -> tuple[findings.Gate, ...]:
    return findings.gates(run, run.tasks[task], run.tasks[task].arms[arm])


# The run


def test_an_ordinary_run_has_no_terms_of_its_own() -> None:
    run = summaries.believable()
    assert findings.terms(run) == ()
    assert findings.has_e_values(run)
    assert not findings.has_gates(run)
    assert findings.rejected_means(run) == "shown to be below the bar"


def test_the_usual_design_is_usual_in_the_words_of_a_run() -> None:
    words = "anytime-valid e-process, looked at after every request"
    assert findings.terms(replace(summaries.believable(), design=words)) == ()


def test_what_is_not_usual_is_named(run: RunSummary) -> None:
    found = dict(findings.terms(summaries.with_fixed_end(run)))
    assert list(found) == ["Target", "Unit", "Design"]
    assert found["Target"].endswith("not of other traffic")
    assert found["Unit"] == "one request per session"
    assert found["Design"] == summaries.FIXED


def test_a_design_with_a_fixed_end_has_no_e_value(run: RunSummary) -> None:
    assert findings.e_value(run, 4.094344562222100) == "60"
    fixed = summaries.with_fixed_end(run)
    assert findings.e_value(fixed, 4.094344562222100) == "none"
    assert {one.evidence for one in gates_of(fixed, 0, 0)} == {"none"}


def test_rejected_means_more_where_there_is_more_to_fail(run: RunSummary) -> None:
    words = findings.rejected_means(run)
    assert words.startswith("shown to be below the bar, or below the bar of a gate, or to fall")
    without = replace(run, tasks=tuple(replace(task, must_pass=()) for task in run.tasks))
    assert "must pass" not in findings.rejected_means(without)


def test_the_rules_keep_their_order_and_one_is_used(run: RunSummary) -> None:
    found = findings.rules(run)
    assert [rule.name for rule in found] == [
        "no correction",
        "Bonferroni",
        "e-Holm",
        "selected e-BH",
    ]
    assert [rule.is_used for rule in found] == [False, False, False, True]
    assert [len(rule.arms) for rule in found] == [3, 0, 1, 2]
    assert found[3].arms == ("ticket-triage/swift-lite", "replies/mini-8b")


# Gates


def test_a_gate_tells_its_demand_and_its_numbers(run: RunSummary) -> None:
    german = gates_of(run, 0, 0)[2]
    assert german.demand == run.tasks[0].gates["german"]
    assert german.short == "98.36 [87.13, 99.96]%"
    assert german.result == "98.36% (87.13% to 99.96%), n = 61"
    assert (german.outcome, german.evidence) == ("passed", figures.e_value(5.1))


def test_the_built_in_gate_has_a_sentence_of_its_own(run: RunSummary) -> None:
    (floor,) = gates_of(run, 1, 0)
    assert floor.demand == "the baseline agrees with itself on more than 80%"
    assert floor.name == FLOOR_GATE
    assert findings.demands(run.tasks[1]) == ((floor.name, floor.demand),)


def test_not_passed_is_not_shown_below(run: RunSummary) -> None:
    (floor,) = gates_of(run, 1, 0)
    assert (floor.outcome, floor.is_below) == ("not passed", False)
    worse = gates_of(run, 0, 1)[2]
    assert (worse.outcome, worse.is_below) == ("shown below its bar", True)


def test_a_gate_of_which_nothing_is_known(run: RunSummary) -> None:
    (valid,) = gates_of(run, 0, 2)
    assert valid.short == "nothing measured"
    assert valid.result == "nothing measured, n = 0"
    assert (valid.outcome, valid.evidence) == ("not tested", "none")


def test_a_gate_held_against_a_margin_is_a_difference() -> None:
    one = gate("slice", -0.1, (200, -0.03, -0.09964, 0.034195), 4.1)
    assert _shown(one).short == "-3.00 [-9.97, +3.42] pp"
    assert _shown(one).result == "-3.00 pp (-9.97 to +3.42 pp), n = 200"
    assert _shown(replace(one, null=0.0)).short.endswith(" pp")
    assert _shown(replace(one, name="other")).demand == "a mean above -10.00 pp"


@given(
    st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
    st.booleans(),
    st.sampled_from([0.5, 0.95]),
)
def test_bounds_are_rounded_outward(
    numbers: tuple[float, float, float],
    is_passed: bool,  # noqa: FBT001 - drawn
    null: float,
) -> None:
    low, mean, high = sorted(numbers)
    shown = _shown(gate("a", null, (9, mean, low, high), 0.0, is_passed=is_passed))
    lower, upper = (float(text) for text in shown.short.split("[")[1][:-2].split(", "))
    assert lower <= 100 * low + 1e-9
    assert upper >= 100 * high - 1e-9
    assert shown.is_below is (not is_passed and high < null)
    assert (shown.outcome == "passed") is is_passed


# Requests that must pass


@pytest.mark.parametrize(
    ("arm", "outcomes"),
    [
        (0, [("req-00017", "passed"), ("req-00317", "passed")]),
        (2, [("req-00317", "falls short"), ("req-00017", "not known")]),
    ],
)
def test_requests_that_must_pass(
    run: RunSummary, arm: int, outcomes: list[tuple[str, str]]
) -> None:
    task = run.tasks[0]
    found = findings.must_pass(task, task.arms[arm].decision)
    assert [(one.request, one.outcome) for one in found] == outcomes
    assert [one.is_failed for one in found] == [words == "falls short" for _, words in outcomes]


def test_nothing_is_known_before_the_test_begins(run: RunSummary) -> None:
    task = run.tasks[0]
    decision = replace(task.arms[2].decision, status=Status.OPEN, failed_on=None)
    assert {one.outcome for one in findings.must_pass(task, decision)} == {"not known"}


@pytest.mark.parametrize(
    ("arm", "high", "expected"),
    [(1, 0.97, "otherwise"), (1, 0.89, "below the bar"), (2, 1.0, "otherwise"), (0, 1.0, "not")],
)
def test_rejected_otherwise(run: RunSummary, arm: int, high: float, expected: str) -> None:
    task = run.tasks[0]
    decision = replace(task.arms[arm].decision, high=high)
    assert findings.is_rejected_otherwise(task, decision) is (expected == "otherwise")


def test_an_ordinary_rejection_is_never_otherwise() -> None:
    for task, decision in _decisions(summaries.believable()):
        assert not findings.is_rejected_otherwise(task, decision)


# Judge and humans


def test_agreement_in_words(run: RunSummary) -> None:
    found = findings.agreement(run.tasks[2], AGREEMENT)
    assert found.equal == "34 of 40 (85.00%)"
    assert (found.kappa, found.kappa_note) == ("0.77 [0.58, 0.95]", "interval at level 95%")
    assert found.verdicts == ("worse", "draw", "better")
    assert found.rows == AGREEMENT.confusion


@pytest.mark.parametrize(
    ("estimand", "words"), [(PARITY, ("fails", "passes")), (PREFERENCE, ("worse", "better"))]
)
def test_verdicts_have_names(run: RunSummary, estimand: Estimand, words: tuple[str, str]) -> None:
    task = replace(run.tasks[2], estimand=estimand)
    assert findings.agreement(task, _agreement([0, 0, 1, 1], [0, 1, 1, 1])).verdicts == words


def test_there_is_not_always_a_kappa(run: RunSummary) -> None:
    same = findings.agreement(run.tasks[2], _agreement([1, 1], [1, 1]))
    assert (same.kappa, same.equal) == ("undefined", "2 of 2 (100.00%)")
    assert "throughout" in same.kappa_note
    one_sided = findings.agreement(run.tasks[2], _agreement([1, 1, 1], [1, 0, 1]))
    assert one_sided.kappa == "0.00"
    assert one_sided.kappa_note.startswith("no interval")


# The ledger


def ledger_line(
    purpose: Purpose, *, paid_calls: int = 0, usd: float = 0.0, retries: int = 0, cached: int = 0
) -> LedgerLine:
    return LedgerLine(
        purpose=purpose,
        task=TaskName("t"),
        model=ModelName("m"),
        calls=paid_calls + cached,
        paid_calls=paid_calls,
        input_tokens=0,
        output_tokens=0,
        usd=usd,
        retries=retries,
        cached=cached,
    )


def test_what_was_paid_for_is_told_by_purpose_with_cached_answers_and_retries() -> None:
    run = replace(
        summaries.believable(),
        spent_usd=3.75,
        ledger=(
            ledger_line(Purpose.CANDIDATE, paid_calls=1_200, usd=2.0, retries=3),
            ledger_line(Purpose.CANDIDATE, paid_calls=34, usd=0.5, cached=7),
            ledger_line(Purpose.NOISE_FLOOR, paid_calls=1, usd=1.0),
            ledger_line(Purpose.BASELINE),
        ),
    )
    assert findings.ledger_line(run) == (
        "candidate $2.50 (1,234 answers, 7 cached); noise floor $1.00 (1 answer); 3 retries; "
        "$0.25 for calls that gave no answer"
    )
    assert findings.unanswered_usd(run) == pytest.approx(0.25)
    assert [total.purpose for total in findings.ledger(run)] == [
        "baseline", "candidate", "noise floor",
    ]  # fmt: skip


def test_a_run_that_paid_for_nothing_says_nothing_of_it() -> None:
    run = replace(summaries.believable(), spent_usd=0.0, ledger=(ledger_line(Purpose.CANDIDATE),))
    assert findings.ledger_line(run) is None


def test_cents_that_differ_by_rounding_only_are_no_loss() -> None:
    lines = tuple(ledger_line(Purpose.JUDGE, paid_calls=1, usd=0.1) for _ in range(3))
    run = replace(summaries.believable(), spent_usd=0.3, ledger=lines)
    assert findings.unanswered_usd(run) == 0


def _agreement(judge: list[float], human: list[float]) -> JudgeAgreement:
    found = agreement(judge, human, categories=sorted({*judge, *human}))
    low, high = found.interval or (None, None)
    return JudgeAgreement(
        n=found.n,
        share=found.share,
        kappa=found.kappa,
        low=low,
        high=high,
        categories=tuple(sorted({*judge, *human})),
        confusion=found.confusion,
    )


def _shown(one: GateDecision) -> findings.Gate:
    run = summaries.gated()
    task = replace(run.tasks[0], gates={"a": "b", "slice": "c"})
    arm = replace(task.arms[0], decision=replace(task.arms[0].decision, gates=(one,)))
    (shown,) = findings.gates(run, task, arm)
    return shown


def _decisions(run: RunSummary) -> list[tuple[TaskSummary, Decision]]:
    return [(task, arm.decision) for task in run.tasks for arm in task.arms]

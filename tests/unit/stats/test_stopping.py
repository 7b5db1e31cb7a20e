import math
from dataclasses import replace

import pytest

from parity_eval.stats.finite_log import parity_log_design
from parity_eval.stats.paired import paired_design, preference_design
from parity_eval.stats.planner import smallest_rate, straight_passes
from parity_eval.stats.stopping import ArmState, Stop, Terms, mean_design, parity_design, resume


def run(arm: ArmState, scores: list[float]) -> tuple[Stop | None, int]:
    for score in scores:
        arm = arm.update(score)
        if (stop := arm.check()) is not None:
            return stop, arm.n
    return None, arm.n


def test_a_bar_of_one_is_refused_with_what_can_be_certified() -> None:
    with pytest.raises(ValueError, match=r"300 passes in a row can certify at most 0\.9900"):
        parity_design(1.0, Terms(n_max=300))


def test_the_threshold_of_a_family_is_an_argument() -> None:
    arm = parity_design(0.95, Terms(n_max=500)).start()
    for _ in range(78):
        arm = arm.update(1.0)
    assert arm.check() is Stop.CERTIFIED
    assert arm.check(math.log(40)) is None
    assert arm.evidence() == arm.certify.max_log_e


def test_evidence_now_and_at_its_best_are_told_apart() -> None:
    arm = parity_design(0.95, Terms(n_max=500)).start()
    for score in [1.0] * 78 + [0.0]:
        arm = arm.update(score)
    assert arm.check() is Stop.CERTIFIED
    assert arm.check(running=False) is None
    assert arm.evidence(running=False) < arm.evidence()


def test_no_certificate_before_min_n_but_the_evidence_is_kept() -> None:
    arm = parity_design(0.5, Terms(n_max=100, min_n=30)).start()
    for score in [1.0] * 29:
        arm = arm.update(score)
        assert arm.check() is None
    assert arm.evidence() == -math.inf
    assert arm.update(0.0).check() is Stop.CERTIFIED


def test_an_arm_that_waits_for_min_n_is_not_curtailed() -> None:
    terms = Terms(n_max=40, min_n=30)
    arm = parity_design(0.5, terms).start()
    for score in [1.0] * 12 + [0.0] * 12:
        arm = arm.update(score)
        assert arm.check() is None


def test_a_budget_below_min_n_certifies_nothing() -> None:
    terms = Terms(n_max=20, min_n=30)
    assert straight_passes(0.5, terms) is None
    assert smallest_rate(0.5, terms) is None
    assert run(parity_design(0.5, terms).start(), [1.0] * 20) == (Stop.CURTAILED, 10)


def test_curtailment_waits_while_the_most_lenient_threshold_is_in_reach() -> None:
    terms = Terms(n_max=100)
    scores = [1.0] * 40 + [0.0] + [1.0] * 59
    alone = parity_design(0.95, terms).start()
    assert run(alone, scores) == (Stop.CURTAILED, 41)
    lenient = parity_design(0.95, terms, least_log_threshold=1.0).start()
    assert run(lenient, scores) == (Stop.EXHAUSTED, 100)


def test_differences_have_no_curtailment_and_are_exhausted() -> None:
    arm = paired_design(0.02, Terms(n_max=50)).start()
    assert run(arm, [0.0] * 50) == (Stop.EXHAUSTED, 50)


def test_losses_are_futile_before_they_are_below_the_bar() -> None:
    terms = Terms(n_max=500)
    losses = [-1.0 if i % 4 == 0 else 0.0 for i in range(500)]
    stop, n = run(paired_design(0.05, terms).start(), losses)
    assert stop is Stop.FUTILE
    shown, later = run(replace(paired_design(0.05, terms), futile=None).start(), losses)
    assert shown is Stop.BELOW_BAR
    assert later > n


def test_without_a_margin_there_is_no_futility_rule() -> None:
    assert paired_design(0.0, Terms(n_max=50)).futile is None
    assert preference_design(0.0, Terms(n_max=50)).futile is None
    futile = preference_design(0.05, Terms(n_max=50)).futile
    assert futile == mean_design(0.45, Terms(n_max=50), worth=0.5).futile


def test_a_saved_arm_must_fit_its_design() -> None:
    terms = Terms(n_max=100)
    saved = parity_design(0.9, terms, worth=0.95).start().to_dict()
    with pytest.raises(ValueError, match="futile in the saved state does not match the design"):
        resume(parity_design(0.9, terms), saved)


def test_a_log_that_passes_entirely_can_be_certified_entirely() -> None:
    arm = parity_log_design(1.0, Terms(n_max=60), size=60).start()
    assert run(arm, [1.0] * 60) == (Stop.CERTIFIED, 57)
    assert run(arm, [1.0] * 40 + [0.0] + [1.0] * 19) == (Stop.BELOW_BAR, 41)

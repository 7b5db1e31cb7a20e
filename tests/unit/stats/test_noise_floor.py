import numpy as np
import pytest

from parity_eval.stats.control_variate import draw_measured, subsample_terms
from parity_eval.stats.noise_floor import (
    AGREES,
    DIFFERS,
    floor_subsample,
    noise_floor_design,
    self_agreement_subsample,
)
from parity_eval.stats.paired import paired_design
from parity_eval.stats.stopping import Stop, Terms

TERMS = Terms(n_max=1000)


def test_all_second_answers_make_it_the_paired_arm() -> None:
    floor, paired = noise_floor_design(0.05, TERMS), paired_design(0.05, TERMS)
    assert floor.certify == paired.certify
    assert floor.below == paired.below
    assert floor.futile == paired.futile


def test_without_a_margin_there_is_no_futility_rule() -> None:
    assert noise_floor_design(0.0, TERMS, ratio=0.95).futile is None


def test_a_candidate_like_the_baseline_is_certified_with_a_quarter_of_the_second_answers() -> None:
    rng = np.random.default_rng(8)
    again = rng.random(1000) < 0.95
    agrees = np.where(rng.random(1000) < 0.02, ~again, again).astype(int)
    design = floor_subsample()
    is_bought = draw_measured(design, agrees, rng=rng)
    state, arm = design.start(), noise_floor_design(0.05, TERMS).start()
    while (stop := arm.check()) is None:
        i = arm.n
        term, state = state.update(int(agrees[i]), float(again[i]) if is_bought[i] else None)
        arm = arm.update(term.value, limits=(term.lower, term.upper))
    assert stop is Stop.CERTIFIED
    assert is_bought[: arm.n].mean() < 0.4


def test_a_candidate_far_below_the_floor_is_stopped() -> None:
    state, arm = floor_subsample().start(), noise_floor_design(0.05, TERMS).start()
    while (stop := arm.check()) is None:
        kind = AGREES if arm.n % 2 else DIFFERS
        term, state = state.update(kind, 1.0)
        arm = arm.update(term.value, limits=(term.lower, term.upper))
    assert stop in {Stop.BELOW_BAR, Stop.FUTILE}


def test_the_same_second_answers_estimate_the_floor() -> None:
    rng = np.random.default_rng(9)
    again = (rng.random(4000) < 0.9).astype(float)
    agrees = (rng.random(4000) < 0.85).astype(int)
    design = self_agreement_subsample()
    values = np.where(draw_measured(design, agrees, rng=rng), again, np.nan)
    terms = subsample_terms(design, agrees, values)
    assert terms.values.mean() == pytest.approx(0.9, abs=0.03)
    assert (terms.lowers <= 0).all()
    assert (terms.uppers >= 1).all()

import numpy as np
import pytest

from parity_eval.stats.control_variate import draw_measured
from parity_eval.stats.labels import estimate_labelled, label_subsample, labelled_design
from parity_eval.stats.stopping import Stop, Terms

TERMS = Terms(n_max=1500)


def test_a_good_candidate_is_certified_with_few_labels() -> None:
    rng = np.random.default_rng(3)
    truth = (rng.random(1500) < 0.98).astype(float)
    judged = np.where(rng.random(1500) < 0.02, 1 - truth, truth).astype(int)
    design = label_subsample()
    is_labelled = draw_measured(design, judged, rng=rng)
    state, arm = design.start(), labelled_design(0.9, TERMS).start()
    while (stop := arm.check()) is None:
        i = arm.n
        term, state = state.update(int(judged[i]), float(truth[i]) if is_labelled[i] else None)
        arm = arm.update(term.value, limits=(term.lower, term.upper))
    assert stop is Stop.CERTIFIED
    assert is_labelled[: arm.n].sum() < 0.35 * arm.n


def test_a_judge_that_passes_everything_certifies_nothing_by_itself() -> None:
    rng = np.random.default_rng(4)
    truth = (rng.random(1500) < 0.8).astype(float)
    judged = np.ones(1500, dtype=int)
    labels = np.where(draw_measured(label_subsample(), judged, rng=rng), truth, np.nan)
    found = estimate_labelled(label_subsample(), judged, labels, bar=0.9, terms=TERMS)
    assert found.upper < 0.9
    assert found.mean == pytest.approx(0.8, abs=0.05)


def test_five_levels_of_a_graded_judge() -> None:
    chances = (1.0, 1.0, 0.5, 0.5, 0.25)
    design = label_subsample(chances=chances, prior_means=(0.1, 0.3, 0.5, 0.8, 0.98))
    term, state = design.start().update(4, None)
    assert term.value == pytest.approx(0.98)
    assert term.lower == pytest.approx(0.98 * (1 - 1 / 0.25))
    term, _ = state.update(0, 1.0)
    assert term.value == 1.0


def test_nothing_judged_is_refused() -> None:
    with pytest.raises(ValueError, match=r"len\(judged\) == 0, must be >= 1"):
        estimate_labelled(label_subsample(), [], [], bar=0.9, terms=TERMS)

import math

import numpy as np
import pytest

from parity_eval.stats import simulated
from parity_eval.stats.finite_log import parity_log_design
from parity_eval.stats.kernel import certify_kernel
from parity_eval.stats.paired import not_worse_kernel, paired_design
from parity_eval.stats.simulated import Law, difference_law, quick_expected_n, simulate
from parity_eval.stats.stopping import ArmDesign, Stop, Terms, mean_design, parity_design


def test_identical_candidates_take_the_straight_way() -> None:
    law = difference_law(better=0, worse=0)
    design = paired_design(0.05, Terms(n_max=500))
    found = simulate(design, law, runs=5, rng=np.random.default_rng(1))
    kernel = not_worse_kernel(0.05, alpha=0.05, n_max=500)
    straight = next(
        n for n in range(1, 500) if kernel.log_e_after(kernel.begin(), 0, n) >= math.log(20)
    )
    assert found.stopped_at.tolist() == [straight] * 5
    assert found.share[Stop.CERTIFIED] == 1.0
    assert (found.mean_n, found.mean_n_error) == (straight, 0)


def test_equal_seeds_give_equal_runs() -> None:
    law = difference_law(better=0.05, worse=0.05)
    design = paired_design(0.05, Terms(n_max=300))
    first, second = (simulate(design, law, runs=50, rng=np.random.default_rng(4)) for _ in range(2))
    assert (first.stopped_at == second.stopped_at).all()


def test_a_graded_law_can_be_curtailed() -> None:
    design = parity_design(0.95, Terms(n_max=80))
    law = Law(scores=(0.0, 0.5, 1.0), chances=(0.0, 0.1, 0.9))
    found = simulate(design, law, runs=200, rng=np.random.default_rng(2))
    assert law.mean == pytest.approx(0.95)
    assert found.share[Stop.CURTAILED] > 0.9
    assert found.n_stopped(0.5) < 40


def test_the_rule_of_thumb_is_near_the_bound() -> None:
    kernel = certify_kernel(0.95, alpha=0.05, n_max=500)
    perfect = Law(scores=(0.0, 1.0), chances=(0.0, 1.0))
    needed = quick_expected_n(kernel, perfect, alpha=0.05)
    assert needed == pytest.approx((math.log(20) + 0.7) / -math.log(0.95), rel=1e-4)
    at_bar = Law(scores=(0.0, 1.0), chances=(0.05, 0.95))
    assert quick_expected_n(kernel, at_bar, alpha=0.05) == math.inf


PREFERENCES = Law(scores=(0.0, 0.5, 1.0), chances=(0.32, 0.4, 0.28))


@pytest.mark.parametrize(
    ("design", "law"),
    [
        (paired_design(0.05, Terms(n_max=400)), difference_law(better=0.02, worse=0.02)),
        (paired_design(0.05, Terms(n_max=400)), difference_law(better=0, worse=0.05)),
        (mean_design(0.45, Terms(n_max=400), worth=0.48), PREFERENCES),
        (mean_design(0.45, Terms(n_max=90, min_n=60, min_n_negative=50), worth=0.49), PREFERENCES),
        # Enough losses before the guard, and often none in the block that it falls into.
        (
            mean_design(-0.05, Terms(n_max=200, min_n_negative=20), worth=0.0, lower=-1.0),
            difference_law(better=0, worse=0.15),
        ),
        (
            mean_design(0.45, Terms(n_max=300), worth=0.48),
            Law(scores=(0.0, 0.3, 0.5, 0.8, 1.0), chances=(0.2,) * 5),
        ),
    ],
)
def test_runs_that_are_passed_over_could_not_have_stopped(
    design: ArmDesign, law: Law, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = simulate(design, law, runs=150, rng=np.random.default_rng(3))
    monkeypatch.setattr(
        simulated._Walk, "may_stop", lambda _self, paths, *_: np.ones(len(paths), dtype=bool)
    )
    slow = simulate(design, law, runs=150, rng=np.random.default_rng(3))
    assert (quick.stopped_at == slow.stopped_at).all()
    assert quick.share == slow.share


def test_finite_logs_are_not_simulated() -> None:
    design = parity_log_design(0.9, Terms(n_max=50), size=100)
    law = Law(scores=(0.0, 1.0), chances=(0.1, 0.9))
    with pytest.raises(TypeError, match="test is a FiniteCount, must be a Kernel"):
        simulate(design, law, runs=2, rng=np.random.default_rng(0))

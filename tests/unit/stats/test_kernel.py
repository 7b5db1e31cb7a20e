import math

import numpy as np
import pytest
from scipy.special import betainc, betaln

from parity_eval.stats.kernel import certify_kernel, log_e_from_counts, log_e_path, mirror_kernel
from parity_eval.stats.nodes import bet_nodes, smallest_fraction
from parity_eval.stats.state import from_dict, start


def test_a_budget_that_cannot_convince_leaves_one_bet() -> None:
    nodes = bet_nodes(0.95, alpha=0.05, n_max=40)
    assert nodes.is_all_in
    assert nodes.fractions == (1.0,)
    assert smallest_fraction(0.95, alpha=0.05, n_max=40) == 1.0
    assert not bet_nodes(0.95, alpha=0.05, n_max=500).is_all_in


def test_the_one_bet_is_lost_with_the_first_failure_for_good() -> None:
    kernel = certify_kernel(0.95, alpha=0.05, n_max=40)
    path = log_e_path(kernel, [1, 1, 0, 1])
    assert path[:2] == pytest.approx([-math.log(0.95), -2 * math.log(0.95)])
    assert (path[2:] == -math.inf).all()
    state = start(kernel).update(0.0).update(1.0)
    assert (state.log_e, state.max_log_e, state.p_value) == (-math.inf, -math.inf, 1.0)
    assert from_dict(kernel, state.to_dict()) == state


def test_smaller_fractions_for_larger_budgets() -> None:
    fractions = [smallest_fraction(0.95, alpha=0.05, n_max=n) for n in (100, 1000, 10_000)]
    assert fractions == sorted(fractions, reverse=True)
    assert smallest_fraction(0.95, alpha=0.05, n_max=None) == 0.0


def test_the_full_range_mixture_is_close_to_its_closed_form() -> None:
    kernel = certify_kernel(0.95, alpha=0.05, n_max=None)
    passes, fails = 300, 5
    exact = (
        betaln(passes + 1, fails + 1)
        + math.log(betainc(fails + 1, passes + 1, 0.05))
        - passes * math.log(0.95)
        - (fails + 1) * math.log(0.05)
    )
    assert log_e_from_counts(kernel, [0, 1], [fails, passes]) == pytest.approx(exact, abs=5e-4)


def test_the_maximum_begins_with_the_first_unit() -> None:
    state = start(certify_kernel(0.95, alpha=0.05, n_max=500)).update(0.0)
    assert state.max_log_e == state.log_e < 0


def test_a_mirrored_test_gains_from_failures() -> None:
    kernel = mirror_kernel(0.95, alpha=0.05, n_max=500)
    assert kernel.worst == 1.0
    assert log_e_path(kernel, [0.0])[-1] > 0 > log_e_path(kernel, [1.0])[-1]


def test_long_sequences_are_the_same_in_one_piece_and_in_many() -> None:
    kernel = certify_kernel(0.9, alpha=0.05, n_max=50_000)
    xs = (np.random.default_rng(1).random(40_000) < 0.9).astype(float)
    whole = start(kernel).update_many(xs)
    parts = start(kernel)
    for part in np.array_split(xs, 7):
        parts = parts.update_many(part)
    assert parts.log_e == pytest.approx(whole.log_e, rel=1e-10, abs=1e-10)
    assert parts.max_log_e == pytest.approx(whole.max_log_e, rel=1e-10, abs=1e-10)


def test_a_state_of_another_test_is_refused() -> None:
    state = start(certify_kernel(0.95, alpha=0.05, n_max=500))
    with pytest.raises(ValueError, match=r"len\(memory\) == 32, must be 1"):
        from_dict(certify_kernel(0.95, alpha=0.05, n_max=40), state.to_dict())

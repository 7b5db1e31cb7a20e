import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity_eval.stats.bounds import bound
from parity_eval.stats.kernel import log_e_path
from parity_eval.stats.paired import (
    not_better_kernel,
    not_worse_kernel,
    resume_equivalence,
    start_equivalence,
    summarize_pairs,
)

few = settings(max_examples=40, deadline=None)
differences = st.lists(
    st.sampled_from([-1.0, -0.5, 0.0, 0.0, 0.0, 0.25, 1.0]), min_size=1, max_size=80
)
margins = st.floats(0.01, 0.5)


@few
@given(margins, st.integers(1, 300))
def test_no_difference_is_an_all_pass_parity_test(margin: float, n: int) -> None:
    kernel = not_worse_kernel(margin, alpha=0.05, n_max=500)
    increment = margin / (1 - margin)
    growth = np.multiply.outer(np.arange(1, n + 1), np.log1p(kernel.nodes.c * increment))
    as_parity = kernel.nodes.log_mixture(growth)
    assert log_e_path(kernel, np.zeros(n)) == pytest.approx(as_parity, abs=1e-10)


@few
@given(margins, differences)
def test_swapping_the_models_swaps_the_two_sides(margin: float, ds: list[float]) -> None:
    forth = start_equivalence(margin, alpha=0.05, n_max=500)
    back = forth
    for d in ds:
        forth, back = forth.update(d), back.update(-d)
    assert forth.not_worse.log_e == pytest.approx(back.not_better.log_e, abs=1e-10)
    assert forth.not_better.log_e == pytest.approx(back.not_worse.log_e, abs=1e-10)
    assert forth.p_value == pytest.approx(back.p_value, abs=1e-12)


@few
@given(margins, differences)
def test_equivalence_is_the_weaker_of_its_sides(margin: float, ds: list[float]) -> None:
    state = start_equivalence(margin, alpha=0.05, n_max=500)
    for d in ds:
        state = state.update(d)
    assert state.log_e == min(state.not_worse.log_e, state.not_better.log_e)
    assert state.p_value == max(state.not_worse.p_value, state.not_better.p_value)
    for threshold in (0.1, 1.0, 3.0):
        sides = (state.not_worse, state.not_better)
        assert state.has_reached(threshold) == all(s.max_log_e >= threshold - 1e-9 for s in sides)
    fresh = start_equivalence(margin, alpha=0.05, n_max=500)
    saved = json.loads(json.dumps(state.to_dict(), allow_nan=False))
    assert resume_equivalence(fresh, saved) == state


@few
@given(margins, differences)
def test_bounds_of_the_mean_difference_lie_around_it(margin: float, ds: list[float]) -> None:
    lower = bound(not_worse_kernel(margin, alpha=0.05, n_max=500), ds, alpha=0.05)
    upper = bound(not_better_kernel(margin, alpha=0.05, n_max=500), ds, alpha=0.05)
    assert -1 <= lower <= np.mean(ds) + 1e-12
    assert np.mean(ds) - 1e-12 <= upper <= 1


@few
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30))
def test_summary_counts_pairs(pairs: list[tuple[float, float]]) -> None:
    candidate, baseline = zip(*pairs, strict=True)
    found = summarize_pairs(candidate, baseline)
    assert found.n == len(pairs)
    assert found.mean == pytest.approx(sum(a - b for a, b in pairs) / len(pairs), abs=1e-12)
    assert found.share_better == sum(a > b for a, b in pairs) / len(pairs)
    assert found.share_worse == sum(a < b for a, b in pairs) / len(pairs)

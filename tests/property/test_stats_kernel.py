import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import naive

from parity_eval.stats.bounds import bound, running_bounds, start_bound
from parity_eval.stats.kernel import (
    Kernel,
    certify_kernel,
    log_e_from_counts,
    log_e_path,
    mirror_kernel,
)
from parity_eval.stats.nodes import Prior, bet_nodes
from parity_eval.stats.state import from_dict, start

few = settings(max_examples=40, deadline=None)

outcomes = st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=60)
graded = st.lists(st.sampled_from([0.0, 0.25, 0.4, 0.5, 0.75, 1.0]), min_size=1, max_size=60)
scores = st.one_of(outcomes, graded)
bars = st.floats(0.05, 0.995)
alphas = st.sampled_from([0.01, 0.05, 0.1])
budgets = st.sampled_from([None, 40, 100, 500, 5000])


@st.composite
def kernels(draw: st.DrawFn) -> Kernel:
    make = draw(st.sampled_from([certify_kernel, mirror_kernel]))
    return make(draw(bars), alpha=draw(alphas), n_max=draw(budgets))


@few
@given(bars, alphas, budgets, st.sampled_from(["uniform", "loguniform"]))
def test_nodes_are_bets_that_sum_to_one(
    bar: float, alpha: float, n_max: int | None, prior: Prior
) -> None:
    nodes = bet_nodes(bar, alpha=alpha, n_max=n_max, prior=prior)
    fractions, weights = naive.nodes(bar, alpha, n_max, prior)
    assert nodes.fractions == pytest.approx(fractions, abs=1e-9)
    assert np.exp(nodes.log_weights) == pytest.approx(weights, rel=1e-6, abs=1e-12)
    assert math.fsum(np.exp(nodes.log_weights)) == pytest.approx(1, abs=1e-12)
    assert all(0 < c <= 1 for c in nodes.fractions)


@few
@given(kernels(), scores)
def test_log_e_is_the_plain_sum_of_products(kernel: Kernel, xs: list[float]) -> None:
    bets = list(kernel.nodes.fractions), np.exp(kernel.nodes.log_weights).tolist()
    expected = naive.log_e(xs, kernel.null, kernel.worst, bets)
    assert log_e_path(kernel, xs)[-1] == pytest.approx(expected, abs=1e-9)


@few
@given(kernels(), scores, st.integers(0, 60))
def test_stream_batches_counts_and_resumed_agree(kernel: Kernel, xs: list[float], cut: int) -> None:
    one_by_one = start(kernel)
    for x in xs:
        one_by_one = one_by_one.update(x)
    saved = json.loads(json.dumps(start(kernel).update_many(xs[:cut]).to_dict(), allow_nan=False))
    resumed = from_dict(kernel, saved).update_many(xs[cut:])
    path = log_e_path(kernel, xs)
    values, counts = np.unique(xs, return_counts=True)
    assert resumed.n == one_by_one.n == len(xs)
    assert resumed.log_e == pytest.approx(one_by_one.log_e, abs=1e-12, rel=1e-12)
    assert resumed.max_log_e == pytest.approx(one_by_one.max_log_e, abs=1e-12, rel=1e-12)
    assert path[-1] == pytest.approx(one_by_one.log_e, abs=1e-12, rel=1e-12)
    assert path.max() == pytest.approx(one_by_one.max_log_e, abs=1e-12, rel=1e-12)
    assert log_e_from_counts(kernel, values, counts) == pytest.approx(
        path[-1], abs=1e-12, rel=1e-12
    )


@few
@given(kernels(), scores)
def test_a_saved_state_comes_back_bit_for_bit(kernel: Kernel, xs: list[float]) -> None:
    state = start(kernel).update_many(xs)
    assert from_dict(kernel, json.loads(json.dumps(state.to_dict()))) == state


@few
@given(kernels(), scores, st.integers(0, 10_000))
def test_order_does_not_matter(kernel: Kernel, xs: list[float], seed: int) -> None:
    shuffled = np.random.default_rng(seed).permutation(xs)
    assert log_e_path(kernel, shuffled)[-1] == pytest.approx(log_e_path(kernel, xs)[-1], abs=1e-11)


@few
@given(kernels(), scores, st.data())
def test_better_scores_never_lower_evidence_or_bounds(
    kernel: Kernel, xs: list[float], data: st.DataObject
) -> None:
    i = data.draw(st.integers(0, len(xs) - 1))
    better = [*xs[:i], data.draw(st.floats(xs[i], 1.0)), *xs[i + 1 :]]
    direction = 1 if kernel.side == "above" else -1
    before, after = log_e_path(kernel, xs)[-1], log_e_path(kernel, better)[-1]
    assert direction * after >= direction * before - 1e-12
    alpha = 0.05
    assert bound(kernel, better, alpha=alpha) >= bound(kernel, xs, alpha=alpha) - 1e-10


@few
@given(kernels(), scores, st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_evidence_falls_as_the_null_moves_towards_what_is_shown(
    kernel: Kernel, xs: list[float], m1: float, m2: float
) -> None:
    low, high = sorted((m1, m2))
    easy, hard = (low, high) if kernel.side == "above" else (high, low)
    assert log_e_path(kernel.at(easy), xs)[-1] >= log_e_path(kernel.at(hard), xs)[-1] - 1e-10


@few
@given(bars, st.sampled_from([100, 500]), scores, st.sampled_from([0.05, 0.2, 0.5]))
def test_bound_passes_the_bar_exactly_when_the_test_certifies(
    bar: float, n_max: int | None, xs: list[float], alpha: float
) -> None:
    kernel = certify_kernel(bar, alpha=alpha, n_max=n_max)
    path = log_e_path(kernel, xs)
    margin = abs(path[-1] + math.log(alpha))
    if margin > 1e-7:
        assert (path[-1] >= -math.log(alpha)) == (bound(kernel, xs, alpha=alpha) >= bar)
    running = running_bounds(kernel, xs, alpha=alpha)
    reached = np.maximum.accumulate(path) >= -math.log(alpha) - 1e-9
    assert (reached == (running >= bar - 1e-9)).all()


@few
@given(kernels(), scores)
def test_upper_bound_mirrors_the_lower_bound(kernel: Kernel, xs: list[float]) -> None:
    other = Kernel(
        nodes=kernel.nodes,
        null=1 - kernel.null,
        side="below" if kernel.side == "above" else "above",
    )
    flipped = [1 - x for x in xs]
    assert bound(other, flipped, alpha=0.1) == pytest.approx(1 - bound(kernel, xs, alpha=0.1))
    assert log_e_path(other, flipped) == pytest.approx(log_e_path(kernel, xs), abs=1e-9)


@few
@given(kernels(), scores, alphas)
def test_running_bounds_only_tighten_and_equal_the_best_so_far(
    kernel: Kernel, xs: list[float], alpha: float
) -> None:
    path = running_bounds(kernel, xs, alpha=alpha)
    each = [bound(kernel, xs[: n + 1], alpha=alpha) for n in range(len(xs))]
    if kernel.side == "above":
        assert (np.diff(path) >= 0).all()
        assert path == pytest.approx(np.maximum.accumulate(each), abs=1e-9)
    else:
        assert (np.diff(path) <= 0).all()
        assert path == pytest.approx(np.minimum.accumulate(each), abs=1e-9)


@few
@given(kernels(), st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_rounding_a_histogram_only_loosens_the_bound(kernel: Kernel, xs: list[float]) -> None:
    exact, rounded = start_bound(kernel, alpha=0.2), start_bound(kernel, alpha=0.2, resolution=0.01)
    for x in xs:
        exact, rounded = exact.update(x), rounded.update(x)
    assert rounded.histogram.n == exact.histogram.n == len(xs)
    assert len(rounded.histogram.values) <= 101
    if kernel.side == "above":
        assert rounded.value <= exact.value + 1e-10
    else:
        assert rounded.value >= exact.value - 1e-10


@few
@given(bars, budgets, scores)
def test_with_fixed_nodes_a_smaller_alpha_never_certifies_sooner(
    bar: float, n_max: int | None, xs: list[float]
) -> None:
    state = start(certify_kernel(bar, alpha=0.05, n_max=n_max)).update_many(xs)
    assert state.has_reached(-math.log(0.05)) or not state.has_reached(-math.log(0.01))
    strict = bound(state.test, xs, alpha=0.01)
    assert strict <= bound(state.test, xs, alpha=0.05) + 1e-12


@pytest.mark.parametrize("n_max", [None, 40, 500])
def test_nothing_seen_says_nothing(n_max: int | None) -> None:
    state = start(certify_kernel(0.95, alpha=0.05, n_max=n_max))
    assert (state.n, state.log_e, state.max_log_e, state.p_value) == (0, 0.0, 0.0, 1.0)
    assert state.update_many([]) == state
    assert bound(state.test, [], alpha=0.05) == 0.0
    assert bound(mirror_kernel(0.95, alpha=0.05, n_max=n_max), [], alpha=0.05) == 1.0


@pytest.mark.parametrize("bar", [0.001, 0.5, 0.95, 0.999])
@pytest.mark.parametrize("alpha", [0.5, 0.05, 1e-12])
@pytest.mark.parametrize("passes", [0, 1, 500_000, 999_999, 1_000_000])
def test_a_million_units_stay_numbers(bar: float, alpha: float, passes: int) -> None:
    counts = [1_000_000 - passes, passes]
    for kernel in (
        certify_kernel(bar, alpha=alpha, n_max=1_000_000),
        mirror_kernel(bar, alpha=alpha, n_max=1_000_000),
    ):
        assert math.isfinite(log_e_from_counts(kernel, [0.0, 1.0], counts))
        edge = bound(kernel, [0.0, 1.0], counts, alpha=alpha)
        rate = passes / 1_000_000
        assert 0 <= edge <= rate if kernel.side == "above" else rate <= edge <= 1


@few
@given(st.lists(st.floats(-3, 0), min_size=2, max_size=30), st.data())
def test_own_limits_act_on_their_own_unit_only(limits: list[float], data: st.DataObject) -> None:
    kernel = certify_kernel(0.5, alpha=0.05, n_max=200)
    xs = [data.draw(st.floats(low, 2)) for low in limits]
    path = log_e_path(kernel, xs, limits=limits)
    bets = list(kernel.nodes.fractions), np.exp(kernel.nodes.log_weights).tolist()
    expected = naive.wealth(xs, 0.5, limits, bets)
    assert path[-1] == pytest.approx(math.log(expected), abs=1e-9)
    streamed = start(kernel)
    for x, low in zip(xs, limits, strict=True):
        streamed = streamed.update(x, limit=low)
    assert streamed.log_e == pytest.approx(path[-1], abs=1e-12)
    cut = len(xs) // 2
    other = [*xs[:cut], *[2.0] * (len(xs) - cut)]
    assert (log_e_path(kernel, other, limits=limits)[:cut] == path[:cut]).all()
    running = running_bounds(kernel, xs, alpha=0.3, limits=limits)
    each = [bound(kernel, xs[:n], alpha=0.3, limits=limits[:n]) for n in range(1, len(xs) + 1)]
    assert running == pytest.approx(np.maximum.accumulate(each), abs=1e-9)

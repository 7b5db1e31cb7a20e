import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import naive

from parity_eval.stats.bounds import bound
from parity_eval.stats.finite_count import FiniteCount
from parity_eval.stats.finite_log import log_count_test, mean_log_design, parity_log_design
from parity_eval.stats.finite_mean import FiniteMean
from parity_eval.stats.kernel import certify_kernel, log_e_from_counts
from parity_eval.stats.nodes import bet_nodes
from parity_eval.stats.state import from_dict, start
from parity_eval.stats.stopping import Stop, Terms, resume

few = settings(max_examples=30, deadline=None)
logs = st.lists(st.sampled_from([0, 1]), min_size=2, max_size=40)


@st.composite
def drawn_counts(draw: st.DrawFn) -> tuple[int, int, int, int]:
    size = draw(st.integers(2, 60))
    null = draw(st.integers(0, size - 1))
    passes = draw(st.integers(0, size))
    return size, null, passes, draw(st.integers(0, size - passes))


@few
@given(drawn_counts())
def test_evidence_is_the_ratio_of_whole_numbers(case: tuple[int, int, int, int]) -> None:
    size, null, passes, fails = case
    test = FiniteCount(size=size, null_count=null)
    expected = naive.finite_count(size, null, null + 1, passes, fails)
    found = test.log_e(passes, fails)
    if expected in (0, math.inf):
        assert found == (math.inf if expected else -math.inf)
    else:
        assert found == pytest.approx(math.log(expected), abs=1e-9)


@few
@given(drawn_counts())
def test_the_mirrored_test_is_the_test_of_failures(case: tuple[int, int, int, int]) -> None:
    size, null, passes, fails = case
    below = FiniteCount(size=size, null_count=size - null, side="below")
    above = FiniteCount(size=size, null_count=null)
    assert below.log_e(fails, passes) == above.log_e(passes, fails)
    upper = below.bound([0, 1], [passes, fails], alpha=0.1)
    assert upper == pytest.approx(1 - above.bound([0, 1], [fails, passes], alpha=0.1))


@few
@given(logs, st.floats(0.05, 1.0))
def test_a_census_is_certain_or_worthless(outcomes: list[int], bar: float) -> None:
    size = len(outcomes)
    test = log_count_test(bar, size=size, alpha=0.05, n_max=None)
    evidence = test.log_e(sum(outcomes), size - sum(outcomes))
    reached = sum(outcomes) >= bar * size - 1e-9
    assert evidence == (math.inf if reached else -math.inf)
    share = sum(outcomes) / size
    assert test.bound([0, 1], [size - sum(outcomes), sum(outcomes)], alpha=0.05) == share


@few
@given(logs, st.integers(0, 40))
def test_count_stream_equals_batch_and_resumes(outcomes: list[int], cut: int) -> None:
    test = FiniteCount(size=50, null_count=30, prior="loguniform")
    one_by_one = start(test)
    for outcome in outcomes:
        one_by_one = one_by_one.update(outcome)
    saved = json.loads(json.dumps(start(test).update_many(outcomes[:cut]).to_dict()))
    assert from_dict(test, saved).update_many(outcomes[cut:]) == one_by_one


@pytest.mark.parametrize(("size", "gap"), [(10**4, 0.2), (10**5, 0.02), (10**6, 0.002)])
def test_a_huge_log_is_like_endless_traffic(size: int, gap: float) -> None:
    endless = certify_kernel(0.95, alpha=0.05, n_max=None)
    expected = log_e_from_counts(endless, [0.0, 1.0], [5, 300])
    test = log_count_test(0.95, size=size, alpha=0.05, n_max=None)
    difference = test.log_e(300, 5) - expected
    assert gap / 20 < difference < gap


grades = st.lists(st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]), min_size=3, max_size=25)


@few
@given(grades, st.floats(0.1, 0.9))
def test_graded_evidence_follows_the_moving_null(xs: list[float], null: float) -> None:
    size = 3 * len(xs)
    nodes = bet_nodes(null, alpha=0.05, n_max=size)
    test = FiniteMean(size=size, nodes=nodes, null=null)
    bets = list(nodes.fractions), np.exp(nodes.log_weights).tolist()
    found = start(test).update_many(xs)
    if sum(xs) > size * null:
        assert found.log_e == math.inf
    elif size * null - sum(xs) > 1e-6:
        assert found.log_e == pytest.approx(naive.finite_mean(xs, size, null, bets), abs=1e-9)


@few
@given(grades, st.floats(0.1, 0.9), st.integers(0, 25))
def test_graded_stream_equals_batch_and_resumes(xs: list[float], null: float, cut: int) -> None:
    nodes = bet_nodes(null, alpha=0.05, n_max=len(xs))
    test = FiniteMean(size=len(xs), nodes=nodes, null=null)
    one_by_one = start(test)
    for x in xs:
        one_by_one = one_by_one.update(x)
    saved = json.loads(json.dumps(start(test).update_many(xs[:cut]).to_dict(), allow_nan=False))
    resumed = from_dict(test, saved).update_many(xs[cut:])
    assert resumed.log_e == pytest.approx(one_by_one.log_e, rel=1e-12, abs=1e-12)
    assert resumed.max_log_e == pytest.approx(one_by_one.max_log_e, rel=1e-12, abs=1e-12)


@few
@given(grades, st.floats(0.1, 0.9))
def test_graded_sides_mirror_each_other(xs: list[float], null: float) -> None:
    nodes = bet_nodes(null, alpha=0.05, n_max=len(xs))
    above = FiniteMean(size=2 * len(xs), nodes=nodes, null=null)
    below = FiniteMean(size=2 * len(xs), nodes=nodes, null=1 - null, side="below")
    flipped = [1 - x for x in xs]
    found = start(above).update_many(xs).log_e
    assert start(below).update_many(flipped).log_e == pytest.approx(found, rel=1e-6, abs=1e-6)


@few
@given(grades)
def test_graded_census_bounds_meet_at_the_mean(xs: list[float]) -> None:
    nodes = bet_nodes(0.5, alpha=0.05, n_max=len(xs))
    lower = bound(FiniteMean(size=len(xs), nodes=nodes, null=0.5), xs, alpha=0.05)
    above = FiniteMean(size=len(xs), nodes=nodes, null=0.5, side="below")
    upper = bound(above, xs, alpha=0.05)
    assert lower <= np.mean(xs) + 1e-6
    assert upper >= np.mean(xs) - 1e-6


def test_evidence_about_a_log_has_mean_at_most_one_over_all_orders() -> None:
    nodes = bet_nodes(0.5, alpha=0.1, n_max=6)
    log = [0.0, 0.2, 0.5, 0.5, 0.8, 1.0]
    test = FiniteMean(size=6, nodes=nodes, null=0.5)
    rng = np.random.default_rng(1)
    found = [start(test).update_many(rng.permutation(log)[:4]).log_e for _ in range(4000)]
    values = np.exp(found)
    assert values.mean() <= 1 + 4 * values.std() / math.sqrt(4000)


def test_a_log_is_certified_long_before_traffic_like_it() -> None:
    arm = parity_log_design(0.95, Terms(n_max=100), size=100, worth=0.99).start()
    while (stop := arm.check()) is None:
        arm = arm.update(1.0)
    assert (stop, arm.n) == (Stop.CERTIFIED, 41)
    assert resume(arm.design, json.loads(json.dumps(arm.to_dict()))) == arm


def test_six_failures_decide_a_log_of_a_hundred() -> None:
    arm = parity_log_design(0.95, Terms(n_max=100), size=100).start()
    for _ in range(6):
        arm = arm.update(0.0)
    assert arm.certify.log_e == -math.inf
    assert arm.below.log_e == math.inf
    for _ in range(4):
        assert arm.check() is None
        arm = arm.update(1.0)
    assert arm.check() is Stop.BELOW_BAR


def test_a_mean_over_a_log_can_be_certified() -> None:
    design = mean_log_design(-0.05, Terms(n_max=80), size=80, worth=0.0, lower=-1.0, upper=1.0)
    arm = design.start()
    while (stop := arm.check()) is None:
        arm = arm.update(0.0)
    assert stop is Stop.CERTIFIED
    assert arm.n < 87


@few
@given(logs, st.sampled_from([0.0, 1.0]), st.integers(0, 20))
def test_looking_ahead_equals_going_there(outcomes: list[int], score: float, times: int) -> None:
    tests = (
        certify_kernel(0.6, alpha=0.05, n_max=100),
        FiniteCount(size=60, null_count=36),
        FiniteMean(size=60, nodes=bet_nodes(0.6, alpha=0.05, n_max=60), null=0.6),
    )
    for test in tests:
        state = start(test).update_many(outcomes)
        ahead = state.update_many([score] * times).log_e
        assert state.log_e_after(score, times) == pytest.approx(ahead, abs=1e-9)

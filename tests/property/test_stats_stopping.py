import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import naive

from parity_eval.stats.boundaries import boundaries
from parity_eval.stats.fixed_designs import exact_budget_design
from parity_eval.stats.planner import operating, smallest_rate, straight_passes
from parity_eval.stats.simulated import Law, simulate
from parity_eval.stats.stopping import ArmDesign, Stop, Terms, mean_design, parity_design, resume

few = settings(max_examples=25, deadline=None)


@st.composite
def machines(draw: st.DrawFn, longest: int = 60) -> tuple[ArmDesign, naive.Machine]:
    bar = draw(st.sampled_from([0.3, 0.5, 0.7, 0.8]))
    worth = draw(st.sampled_from([None, (1 + bar) / 2, 0.95]))
    alpha, beta = draw(st.sampled_from([(0.05, 0.1), (0.2, 0.1), (0.3, 0.3)]))
    n_max = draw(st.integers(2, longest))
    min_n, min_n_negative = draw(st.tuples(st.integers(1, longest), st.integers(1, 12)))
    terms = Terms(n_max=n_max, alpha=alpha, beta=beta, min_n=min_n, min_n_negative=min_n_negative)
    twin = naive.Machine(bar, worth, (alpha, beta), (n_max, min_n, min_n_negative))
    return parity_design(bar, terms, worth=worth), twin


@few
@given(machines(), st.data())
def test_the_machine_decides_like_its_slow_twin(
    case: tuple[ArmDesign, naive.Machine], data: st.DataObject
) -> None:
    design, twin = case
    n_max = design.terms.n_max
    rate = data.draw(st.sampled_from([0.1, 0.5, 0.9, 1.0]))
    seed = data.draw(st.integers(0, 10_000))
    outcomes = (np.random.default_rng(seed).random(n_max) < rate).astype(int).tolist()
    arm = design.start()
    stop = None
    while stop is None:
        arm = arm.update(outcomes[arm.n])
        stop = arm.check()
    assert (stop.value, arm.n) == twin.run(outcomes)


@settings(max_examples=8, deadline=None)
@given(machines(longest=9), st.sampled_from([0.2, 0.5, 0.8, 1.0]))
def test_planned_chances_are_those_of_all_paths(
    case: tuple[ArmDesign, naive.Machine], rate: float
) -> None:
    design, twin = case
    (found,) = operating(boundaries(design), [rate])
    chances, mean = naive.all_ways(twin, rate)
    for stop in Stop:
        assert found.probability[stop] == pytest.approx(chances.get(stop.value, 0), abs=1e-10)
    assert found.expected_n == pytest.approx(mean, abs=1e-9)


@few
@given(machines(), st.lists(st.sampled_from([0.0, 0.5, 1.0]), max_size=40))
def test_a_resumed_arm_is_the_same_arm(
    case: tuple[ArmDesign, naive.Machine], xs: list[float]
) -> None:
    design, _ = case
    arm = design.start()
    for x in xs:
        arm = arm.update(x)
    assert resume(design, json.loads(json.dumps(arm.to_dict(), allow_nan=False))) == arm


@pytest.mark.parametrize("bar", [0.5, 0.8, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.1])
@pytest.mark.parametrize("n_max", [100, 400])
@pytest.mark.parametrize("min_n", [1, 30])
def test_size_is_at_most_alpha_and_futility_only_lowers_it(
    bar: float, alpha: float, n_max: int, min_n: int
) -> None:
    terms = Terms(n_max=n_max, alpha=alpha, min_n=min_n)
    worth = smallest_rate(bar, terms)
    with_all = boundaries(parity_design(bar, terms, worth=worth))
    (at_bar,) = operating(with_all, [bar])
    assert at_bar.probability[Stop.CERTIFIED] <= alpha
    assert sum(at_bar.probability.values()) == pytest.approx(1, abs=1e-12)
    if worth is None:
        assert straight_passes(bar, terms) is None
        return
    rates = [bar, worth, (1 + worth) / 2]
    plain = operating(boundaries(parity_design(bar, terms)), rates)
    for without, found in zip(plain, operating(with_all, rates), strict=True):
        assert found.probability[Stop.CERTIFIED] <= without.probability[Stop.CERTIFIED] + 1e-12
        assert found.expected_n <= without.expected_n + 1e-9
        if found.rate >= worth:
            assert found.probability[Stop.FUTILE] <= terms.beta
            lost = without.probability[Stop.CERTIFIED] - found.probability[Stop.CERTIFIED]
            assert lost <= terms.beta


@few
@given(
    st.sampled_from([0.5, 0.8, 0.95]),
    st.sampled_from([0.01, 0.05, 0.1]),
    st.integers(10, 150),
    st.sampled_from([1.0, 2.0]),
)
def test_exact_budget_spends_what_it_may(
    bar: float, alpha: float, n_max: int, power: float
) -> None:
    design = exact_budget_design(bar, alpha=alpha, n_max=n_max, power=power)
    (found,) = operating(design.boundaries(curtail=True), [bar])
    assert found.probability[Stop.CERTIFIED] == pytest.approx(design.size, abs=1e-12)
    assert design.size <= alpha
    for n, spent in enumerate(found.certified_by):
        assert spent <= alpha * (n / n_max) ** power + 1e-12


def test_simulated_runs_agree_with_the_exact_plan() -> None:
    terms = Terms(n_max=120)
    design = parity_design(0.8, terms, worth=0.92)
    (exact,) = operating(boundaries(design), [0.88])
    law = Law(scores=(0.0, 1.0), chances=(0.12, 0.88))
    found = simulate(design, law, runs=3000, rng=np.random.default_rng(3))
    assert found.mean_n == pytest.approx(exact.expected_n, abs=4 * found.mean_n_error)
    for stop in Stop:
        p = exact.probability[stop]
        assert found.share[stop] == pytest.approx(p, abs=4 * (p * (1 - p) / 3000) ** 0.5 + 1e-9)
    for share in (0.5, 0.9):
        assert found.n_stopped(share) == pytest.approx(exact.n_stopped(share), abs=8)


@few
@given(st.integers(0, 10_000))
def test_simulation_stops_where_the_machine_does(seed: int) -> None:
    design = mean_design(-0.1, Terms(n_max=60), worth=0.0, lower=-1.0, upper=1.0)
    law = Law(scores=(-1.0, 0.0, 1.0), chances=(0.1, 0.5, 0.4))
    found = simulate(design, law, runs=2, rng=np.random.default_rng(seed))
    first = np.random.default_rng(seed).choice(3, size=(2, 16), p=law.chances)
    ends = []
    for row in first.tolist():
        arm = design.start()
        stop = None
        for drawn in row:
            arm = arm.update(law.scores[drawn])
            stop = arm.check()
            if stop is not None:
                break
        ends.append(arm.n if stop is not None else None)
    early = sorted(n for n in ends if n is not None)
    assert [n for n in found.stopped_at.tolist() if n <= 16] == early


def test_a_hole_counts_against_in_one_test_and_for_in_the_others() -> None:
    arm = parity_design(0.9, Terms(n_max=200), worth=0.96).start()
    holed, failed, passed = arm.update(0.0, generous=1.0), arm.update(0.0), arm.update(1.0)
    assert holed.certify == failed.certify
    assert (holed.below, holed.futile) == (passed.below, passed.futile)

import json
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity_eval.stats.bounds import bound
from parity_eval.stats.fixed_designs import (
    SpendingDesign,
    SpendingTest,
    fixed_arm_boundaries,
    fixed_arm_design,
    named_design,
)
from parity_eval.stats.planner import operating
from parity_eval.stats.state import from_dict, start
from parity_eval.stats.stopping import Stop, Terms, resume

few = settings(max_examples=30, deadline=None)
NAMES = ("budget", "obrien_fleming", "pocock", "fixed")


@st.composite
def designs(draw: st.DrawFn, longest: int = 60) -> SpendingDesign:
    return named_design(
        draw(st.sampled_from(NAMES)),
        draw(st.sampled_from([0.3, 0.5, 0.7, 0.8])),
        alpha=draw(st.sampled_from([0.02, 0.05, 0.2, 0.3])),
        n_max=draw(st.integers(1, longest)),
        looks=draw(st.integers(1, 6)),
    )


@st.composite
def runs(draw: st.DrawFn) -> tuple[SpendingDesign, list[int]]:
    design = draw(designs())
    rate = draw(st.sampled_from([0.2, 0.5, 0.8, 0.95, 1.0]))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    return design, (rng.random(design.n_max) < rate).astype(int).tolist()


@few
@given(runs(), st.integers(0, 60), st.integers(1, 20))
def test_one_by_one_equals_in_batches_and_resumed(
    case: tuple[SpendingDesign, list[int]], cut: int, batch: int
) -> None:
    design, outcomes = case
    test = SpendingTest(design=design)
    one_by_one = start(test)
    for outcome in outcomes:
        one_by_one = one_by_one.update(outcome)
    data = json.loads(json.dumps(start(test).update_many(outcomes[:cut]).to_dict()))
    resumed = from_dict(test, data)
    for first in range(cut, len(outcomes), batch):
        resumed = resumed.update_many(outcomes[first : first + batch])
    assert resumed == one_by_one
    assert hash(test) == hash(SpendingTest(design=design))


@few
@given(runs())
def test_an_arm_decides_like_its_design(case: tuple[SpendingDesign, list[int]]) -> None:
    design, outcomes = case
    terms = Terms(n_max=design.n_max, alpha=0.999, min_n=1, min_n_negative=1)
    # At such a level the bar counts as missed too soon to learn anything of the other rules.
    arm_design = fixed_arm_design(terms, design)
    arm, stop, expected = arm_design.start(), None, None
    while stop is None:
        arm = arm.update(outcomes[arm.n])
        data = json.loads(json.dumps(arm.to_dict(), allow_nan=False))
        assert resume(arm_design, data) == arm
        failures = arm.n - sum(outcomes[: arm.n])
        expected, stop = design.check(arm.n, failures), arm.check(-np.log(design.alpha))
        if stop is Stop.BELOW_BAR:
            return
    assert stop is expected


@few
@given(runs(), st.sampled_from([0.0, 1.0]), st.data())
def test_what_would_come_after_equal_outcomes_comes(
    case: tuple[SpendingDesign, list[int]], score: float, data: st.DataObject
) -> None:
    design, outcomes = case
    cut = data.draw(st.integers(0, design.n_max))
    times = data.draw(st.integers(0, design.n_max - cut))
    now = start(SpendingTest(design=design)).update_many(outcomes[:cut])
    assert now.log_e_after(score, times) == now.update_many([score] * times).log_e


def shown_at_the_end(design: SpendingDesign) -> dict[tuple[int, ...], list[float]]:
    """Return, for every way the outcomes can come, the bound after each unit until it stops."""
    test = SpendingTest(design=design)
    found = {}
    for outcomes in product((0, 1), repeat=design.n_max):
        path: list[float] = []
        for n in range(1, design.n_max + 1):
            fails = n - sum(outcomes[:n])
            path.append(bound(test, [0, 1], [fails, n - fails], alpha=design.alpha))
            is_certified = design.check(n, fails) is Stop.CERTIFIED
            assert (path[-1] >= design.bar) == is_certified
            if is_certified:
                break
        found[outcomes] = path
    return found


@settings(max_examples=12, deadline=None)
@given(designs(longest=8))
def test_bounds_agree_with_decisions_and_keep_their_level(design: SpendingDesign) -> None:
    paths = shown_at_the_end(design)
    for rate in (*np.linspace(0.02, 0.98, 25), design.bar):
        wrong = sum(
            rate ** sum(outcomes) * (1 - rate) ** (design.n_max - sum(outcomes))
            for outcomes, path in paths.items()
            if max(path) > rate + 1e-12
        )
        assert wrong <= design.alpha + 1e-12


@pytest.mark.parametrize("name", NAMES)
def test_the_level_is_used_up_at_the_bounds_themselves(name: str) -> None:
    design = named_design(name, 0.6, alpha=0.2, n_max=8, looks=3)
    paths = shown_at_the_end(design)
    for rate in {round(path[-1], 12) for path in paths.values()} - {0.0}:
        wrong = sum(
            rate ** sum(outcomes) * (1 - rate) ** (8 - sum(outcomes))
            for outcomes, path in paths.items()
            if path[-1] >= rate - 1e-9
        )
        assert wrong == pytest.approx(0.2, abs=1e-6)


@settings(max_examples=10, deadline=None)
@given(designs(longest=9), st.integers(1, 10), st.integers(1, 5), st.floats(0.1, 0.9))
def test_planned_chances_are_those_of_all_paths(
    design: SpendingDesign, min_n: int, min_n_negative: int, rate: float
) -> None:
    terms = Terms(n_max=design.n_max, alpha=0.3, min_n=min_n, min_n_negative=min_n_negative)
    (found,) = operating(fixed_arm_boundaries(terms, design), [rate])
    chances = dict.fromkeys(Stop, 0.0)
    for outcomes in product((0, 1), repeat=design.n_max):
        arm = fixed_arm_design(terms, design).start()
        while (stop := arm.check()) is None:
            arm = arm.update(outcomes[arm.n])
        passes = sum(outcomes)
        chances[stop] += rate**passes * (1 - rate) ** (design.n_max - passes)
    for stop in Stop:
        assert found.probability[stop] == pytest.approx(chances[stop], abs=1e-10)

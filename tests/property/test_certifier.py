"""Laws of the certifier: what may not matter, what may only help, what may never happen."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import Table, arm, estimand, seen

from parity_eval.records import (
    Arm,
    Estimand,
    Hole,
    Missing,
    Observation,
    Status,
)
from parity_eval.stats.planner import smallest_rate
from parity_eval.stats.stopping import Terms
from parity_eval.study import TestSpec

FEW = settings(max_examples=25, deadline=None)
BAR = 0.7
ONLY = arm()
TESTS = st.builds(
    TestSpec,
    alpha=st.sampled_from([0.05, 0.2]),
    min_n=st.sampled_from([1, 12]),
    max_samples=st.sampled_from([25, 60]),
    family=st.sampled_from(["fdr", "fwer"]),
    max_excluded=st.sampled_from([0.05, 0.3]),
)
SLOW = Missing(hole=Hole.TIMEOUT, detail="60 s")


PARITY, QUALITY = estimand("parity", BAR), estimand("quality", 0.2)
NOISE, PREFERENCE = estimand("noise_floor", 0.2), estimand("preference", 0.2)
ALL = (PARITY, QUALITY, NOISE, PREFERENCE)


@st.composite
def tables(draw: st.DrawFn, *, whats: Sequence[Estimand] = ALL, is_whole: bool = False) -> Table:
    """Make a table of a few arms; `is_whole`: no holes, no requests passed over."""
    what = draw(st.sampled_from(whats))
    test = draw(TESTS)
    n_tasks, n_candidates = draw(st.sampled_from([(1, 1), (1, 2), (2, 1), (2, 2), (3, 1)]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    outcomes: dict[Arm, list[Observation | Missing | None]] = {}
    for task in range(n_tasks):
        for candidate in range(n_candidates):
            n = draw(st.integers(0, 60))
            rate = draw(st.sampled_from([0.3, 0.7, 0.9, 1.0]))
            row = [_observation(what, rate, rng) for _ in range(n)]
            outcomes[arm(f"t{task}", f"c{candidate}")] = (
                [*row] if is_whole else [_spoilt(o, rng) for o in row]
            )
    worth = 0.9 if what.name == "parity" else {"preference": 0.5}.get(what.name, 0.0)
    return Table(outcomes, what, test=test, worth=draw(st.sampled_from([None, worth])))


def _observation(what: Estimand, rate: float, rng: np.random.Generator) -> Observation:
    own, floor = float(rng.random() < rate), float(rng.random() < 0.95)
    if what.name == "preference":
        return seen(float(rng.choice([own, 0.5])))
    if what.name == "parity":
        return seen(own)
    return seen(own - floor, floor=floor if what.name == "noise_floor" else None)


def _spoilt(observation: Observation, rng: np.random.Generator) -> Observation | Missing | None:
    u = rng.random()
    if u < 0.02:
        return SLOW
    if u < 0.04:
        return None
    return observation


@FEW
@given(tables(), st.integers(1, 80), st.integers(0, 2**32 - 1))
def test_neither_arrival_nor_lookahead_matters(table: Table, lookahead: int, seed: int) -> None:
    assert table.decisions(lookahead=lookahead, shuffle=seed) == table.decisions(lookahead=1)


@FEW
@given(tables())
def test_bound_and_decision_never_contradict(table: Table) -> None:
    null = table.plans[0].parts[0].estimand.null
    for found in table.decisions().values():
        if found.status is Status.CERTIFIED:
            assert found.low >= null - 1e-9
            assert found.log_e >= found.log_e_needed - 1e-9
        if found.status is Status.REJECTED:
            assert found.high <= null + 1e-9
        if found.status is Status.INCONCLUSIVE and " used up " in found.reason[:24]:
            is_guarded = ";" in found.reason  # min_n, max_excluded or the noise floor
            assert is_guarded or found.low < null


@FEW
@given(tables(is_whole=True))
def test_certificates_only_grow_with_the_data(table: Table) -> None:
    before: dict[Arm, int] = {}
    for n in (10, 20, 30, 45, 60):
        now = {
            arm: found.n
            for arm, found in table.cut(n).decisions().items()
            if found.status is Status.CERTIFIED
        }
        assert before.items() <= now.items()  # with the same n: they are frozen
        before = now


@FEW
@given(tables(), st.integers(0, 60))
def test_what_has_stopped_stays_as_it_is(table: Table, n: int) -> None:
    final = table.decisions()
    for early in table.cut(n).decisions().values():
        if early.status in (Status.REJECTED, Status.FUTILE):
            late = final[early.arm]
            assert late.n == early.n
            assert late.status in (early.status, Status.CERTIFIED)


@FEW
@given(tables(whats=(PARITY, PREFERENCE)), st.integers(0, 2**32 - 1))
def test_a_hole_that_is_filled_takes_no_certificate_away(table: Table, seed: int) -> None:
    if table.test.family == "fwer":
        return  # the best so far counts there, and stays
    before = [d for d in table.decisions().values() if d.status is Status.CERTIFIED]
    rng = np.random.default_rng(seed)
    table.outcomes = {
        arm: [seen(float(rng.integers(2))) if o is SLOW else o for o in row]
        for arm, row in table.outcomes.items()
    }
    after = table.decisions()
    for certified in before:
        now = after[certified.arm]
        assert now.status is Status.CERTIFIED
        assert now.n <= certified.n


@FEW
@given(st.lists(st.sampled_from([0.0, 1.0, 1.0, 1.0]), min_size=1, max_size=60), TESTS, st.data())
def test_a_better_outcome_never_hurts(
    row: list[float], test: TestSpec, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(row) - 1))
    worse = Table({ONLY: row}, PARITY, test=test).decisions()[ONLY]
    better = Table({ONLY: [*row[:at], 1.0, *row[at + 1 :]]}, PARITY, test=test).decisions()[ONLY]
    if worse.status is Status.CERTIFIED:
        assert better.status is Status.CERTIFIED
        assert better.n <= worse.n
    elif better.n == worse.n:
        assert better.log_e >= worse.log_e - 1e-12
        assert better.low >= worse.low - 1e-12
        assert better.high >= worse.high - 1e-12


@FEW
@given(tables(is_whole=True), st.sampled_from(["t0", "t9"]))
def test_a_hopeless_candidate_never_makes_a_certificate(table: Table, task: str) -> None:
    before = table.certified()
    hopeless = arm(task, "hopeless")
    own = tuple(replace(part, size=60, n_max=60) for part in table.plans[0].parts)
    plan = replace(table.plans[0], arm=hopeless, price_rank=99, parts=own)
    worst = seen(plan.parts[0].estimand.low, floor=1.0)
    table.outcomes = {**table.outcomes, hopeless: [worst] * 60}
    table.plans = [*table.plans, plan]
    assert table.certified() <= before


def _passes(rate: float, rng: np.random.Generator) -> list[float]:
    found: list[float] = (rng.random(30) < rate).astype(float).tolist()
    return found


def test_false_certificates_at_the_bar() -> None:
    """Look at 2,000 lone arms exactly at the bar after every observation."""
    test = TestSpec(alpha=0.1, min_n=1, max_samples=30)
    rng = np.random.default_rng(20261101)
    what, worth = estimand("parity", 0.5), smallest_rate(0.5, Terms(n_max=30, alpha=0.1, min_n=1))
    n_false = sum(
        len(Table({ONLY: _passes(0.5, rng)}, what, test=test, worth=worth).certified())
        for _ in range(2000)
    )
    # The exact size is below 0.1; three standard errors of 2,000 runs are 0.02.
    assert 0.03 < n_false / 2000 <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / 2000)


def test_false_share_of_the_routing_table() -> None:
    """Certify three tasks with two candidates, two of the tasks exactly at the bar; 150 runs."""
    test = TestSpec(alpha=0.2, min_n=1, max_samples=30)
    rng = np.random.default_rng(20261102)
    rates = {"t0": 0.9, "t1": 0.5, "t2": 0.5}
    shares = []
    for _ in range(150):
        outcomes = {arm(t, c): _passes(rate, rng) for t, rate in rates.items() for c in "xy"}
        routed = {f.task for f in Table(outcomes, estimand("parity", 0.5), test=test).certified()}
        shares.append(len(routed - {"t0"}) / max(1, len(routed)))
    assert 0 < np.mean(shares) <= 0.2 + 3 * np.std(shares) / math.sqrt(150)

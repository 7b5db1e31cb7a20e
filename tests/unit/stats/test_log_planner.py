from itertools import combinations

import pytest

from parity_eval.stats.boundaries import boundaries, only_certify
from parity_eval.stats.finite_log import parity_log_design
from parity_eval.stats.log_planner import plan_log, smallest_log_rate, straight_log_passes
from parity_eval.stats.planner import operating
from parity_eval.stats.stopping import Stop, Terms


@pytest.mark.parametrize(
    ("size", "rate", "mean_n"),
    [(500, 0.97, 249), (500, 0.98, 154), (500, 1.0, 68), (1000, 0.97, 353), (2000, 0.97, 461)],
)
def test_a_log_takes_fewer_prompts_than_traffic(size: int, rate: float, mean_n: int) -> None:
    terms = Terms(n_max=size, min_n=1)
    rules = only_certify(boundaries(parity_log_design(0.95, terms, size=size)))
    (found,) = operating(rules, [rate], log_size=size)
    assert found.expected_n == pytest.approx(mean_n, abs=0.6)
    assert found.probability[Stop.CERTIFIED] == pytest.approx(1, abs=5e-3)


def test_a_log_just_below_the_bar_is_certified_with_at_most_alpha() -> None:
    for size in (60, 200, 500):
        rules = boundaries(parity_log_design(0.95, Terms(n_max=size, min_n=1), size=size))
        just_below = -(-95 * size // 100) - 1
        (found,) = operating(only_certify(rules), [just_below / size], log_size=size)
        assert 0.03 < found.probability[Stop.CERTIFIED] <= 0.05


@pytest.mark.parametrize("fails", [0, 1, 3, 5])
def test_the_plan_of_a_log_counts_all_its_orders(fails: int) -> None:
    size = 12
    terms = Terms(n_max=10, alpha=0.3, min_n=5, min_n_negative=3)
    design = parity_log_design(0.75, terms, size=size, worth=0.9)
    counted = dict.fromkeys(Stop, 0)
    units = 0
    orders = list(combinations(range(size), fails))
    for failing in orders:
        arm = design.start()
        while (stop := arm.check()) is None:
            arm = arm.update(float(arm.n not in failing))
        counted[stop] += 1
        units += arm.n
    (found,) = operating(boundaries(design), [1 - fails / size], log_size=size)
    for stop, times in counted.items():
        assert found.probability[stop] == pytest.approx(times / len(orders), abs=1e-9)
    assert found.expected_n == pytest.approx(units / len(orders), abs=1e-9)


def test_a_whole_log_can_prove_the_bar_itself() -> None:
    assert smallest_log_rate(0.95, Terms(n_max=200), size=200) == 0.95
    plan = plan_log(1.0, Terms(n_max=200), size=200)
    assert (plan.straight_passes, plan.worth) == (190, 1.0)


def test_a_part_of_a_log_proves_less() -> None:
    part = smallest_log_rate(0.95, Terms(n_max=300), size=2000)
    assert part is not None
    assert 0.95 < part < 0.9837
    plan = plan_log(0.95, Terms(n_max=300), size=2000)
    assert plan.worth == part
    assert [row.rate for row in plan.rows] == [part, (1 + part) / 2, 0.9495]
    assert plan.rows[2].probability[Stop.CERTIFIED] <= 0.05


def test_a_budget_that_cannot_prove_anything_says_so() -> None:
    plan = plan_log(0.95, Terms(n_max=40), size=1000)
    assert (plan.straight_passes, plan.worth) == (None, None)
    assert plan.rows[0].probability[Stop.CERTIFIED] == 0


@pytest.mark.parametrize(
    ("bar", "size", "n_max", "alpha", "min_n"),
    [
        (0.95, 500, 500, 0.05, 30),
        (0.95, 2000, 300, 0.03, 30),
        (0.9, 100, 100, 0.1, 30),
        (0.5, 300, 200, 0.01, 5),
        (1.0, 50, 50, 0.05, 1),
    ],
)
def test_the_smallest_rate_is_where_the_recursion_finds_enough_power(
    bar: float, size: int, n_max: int, alpha: float, min_n: int
) -> None:
    terms = Terms(n_max=n_max, alpha=alpha, min_n=min_n)
    rules = only_certify(boundaries(parity_log_design(bar, terms, size=size)))
    worth = smallest_log_rate(bar, terms, size=size)
    assert worth is not None
    here, below, perfect = operating(rules, [worth, worth - 1 / size, 1.0], log_size=size)
    assert here.probability[Stop.CERTIFIED] >= 0.8
    assert below.probability[Stop.CERTIFIED] < 0.8
    assert straight_log_passes(bar, terms, size=size) == perfect.n_certified(0.5)


def test_the_guard_bounds_the_straight_way() -> None:
    assert straight_log_passes(0.5, Terms(n_max=50), size=50) == 30
    assert straight_log_passes(0.5, Terms(n_max=29), size=50) is None
    assert smallest_log_rate(0.5, Terms(n_max=29), size=50) is None

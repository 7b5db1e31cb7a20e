import math

import pytest

from parity_eval.stats.boundaries import boundaries
from parity_eval.stats.finite_log import mean_log_design
from parity_eval.stats.kernel import certify_kernel, log_e_from_counts
from parity_eval.stats.paired import paired_design
from parity_eval.stats.planner import (
    best_bar,
    least_straight_passes,
    operating,
    plan_parity,
    smallest_rate,
    straight_passes,
)
from parity_eval.stats.stopping import ArmDesign, Stop, Terms, parity_design


@pytest.mark.parametrize(
    ("bar", "any_test", "at_500", "at_2000"),
    [(0.9, 29, 40, 41), (0.95, 59, 78, 83), (0.97, 99, 126, 137), (0.99, 299, 333, 389)],
)
def test_straight_passes(bar: float, any_test: int, at_500: int, at_2000: int) -> None:
    assert least_straight_passes(bar, 0.05) == any_test
    assert straight_passes(bar, Terms(n_max=500)) == at_500
    assert straight_passes(bar, Terms(n_max=2000)) == at_2000


def test_the_best_bar_is_the_inverse_of_the_least_passes() -> None:
    assert best_bar(59, 0.05) > 0.95 > best_bar(58, 0.05)
    assert least_straight_passes(best_bar(300, 0.05), 0.05) == 300


@pytest.mark.parametrize(
    ("bar", "n_max", "rate"),
    [
        (0.95, 200, 0.9870),
        (0.95, 500, 0.9774),
        (0.95, 2000, 0.9657),
        (0.9, 1000, 0.9307),
        (0.97, 300, 0.9936),
        (0.99, 2000, 0.9959),
    ],
)
def test_smallest_rate(bar: float, n_max: int, rate: float) -> None:
    assert smallest_rate(bar, Terms(n_max=n_max)) == pytest.approx(rate, abs=5e-5)


def test_a_budget_that_is_too_small_is_told_before_it_is_spent() -> None:
    plan = plan_parity(0.99, Terms(n_max=300))
    assert (plan.straight_passes, plan.worth) == (None, None)
    assert [row.rate for row in plan.rows] == [1.0, 0.99]
    assert [row.probability[Stop.CERTIFIED] for row in plan.rows] == [0, 0]
    assert plan.rows[0].expected_n == 10


def test_the_plan_shows_three_rates_with_futility() -> None:
    plan = plan_parity(0.95, Terms(n_max=500, min_n=1, min_n_negative=1))
    assert plan.worth is not None
    assert plan.worth == pytest.approx(0.9774, abs=5e-5)
    assert [row.rate for row in plan.rows] == [plan.worth, (1 + plan.worth) / 2, 0.95]
    worth, better, at_bar = plan.rows
    assert worth.expected_n == pytest.approx(238, abs=0.5)
    assert worth.probability[Stop.CERTIFIED] == pytest.approx(0.773, abs=5e-4)
    assert at_bar.expected_n == pytest.approx(179, abs=0.5)
    assert better.n_stopped(0.5) < better.n_stopped(0.9) <= 500
    assert at_bar.n_certified(0.5) is None
    assert worth.n_certified(0.5) == 267


def test_quantiles_are_the_first_n_with_that_share() -> None:
    (row,) = plan_parity(0.9, Terms(n_max=200)).rows[:1]
    n = row.n_stopped(0.5)
    assert row.stopped_by[n] >= 0.5 > row.stopped_by[n - 1]
    assert row.stopped_by[-1] == pytest.approx(1)


def test_power_is_what_was_asked_for() -> None:
    terms = Terms(n_max=300)
    rate = smallest_rate(0.9, terms, power=0.9)
    assert rate is not None
    (row,) = operating(boundaries(parity_design(0.9, terms)), [rate])
    assert row.probability[Stop.CERTIFIED] == pytest.approx(0.9, abs=1e-4)


def test_an_early_certificate_waits_for_min_n() -> None:
    (row,) = operating(boundaries(parity_design(0.5, Terms(n_max=100, min_n=30))), [0.99])
    assert row.n_certified(0.001) == 30
    assert row.probability[Stop.CERTIFIED] > 0.999


@pytest.mark.parametrize(
    "design",
    [
        paired_design(0.05, Terms(n_max=50)),
        mean_log_design(0.9, Terms(n_max=50), size=100),
    ],
)
def test_only_parity_has_boundaries(design: ArmDesign) -> None:
    with pytest.raises(ValueError, match=r"must be a test of scores in \[0, 1\]"):
        boundaries(design)


def test_evidence_at_the_boundary_is_just_enough() -> None:
    rules = boundaries(parity_design(0.9, Terms(n_max=300)))
    kernel = certify_kernel(0.9, alpha=0.05, n_max=300)
    for n in (39, 100, 250, 300):
        most = int(rules.certify[n])
        enough = log_e_from_counts(kernel, [0, 1], [most, n - most])
        too_many = log_e_from_counts(kernel, [0, 1], [most + 1, n - most - 1])
        assert enough >= math.log(20) - 1e-9 > too_many

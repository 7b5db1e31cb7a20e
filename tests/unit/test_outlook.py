from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import estimand
from scipy.special import bdtr

from parity_eval.outlook import (
    DISCORDANT,
    POWER,
    RUNS,
    TIES,
    Lack,
    Prospects,
    fixed_prospects,
    prospects,
)
from parity_eval.planning import worth_certifying
from parity_eval.records import EstimandName
from parity_eval.stats.fixed_designs import named_design
from parity_eval.stats.log_planner import plan_log
from parity_eval.stats.planner import plan_parity, straight_passes
from parity_eval.stats.stopping import Stop, Terms
from parity_eval.study import TestSpec

TERMS = Terms(n_max=500)


def found(name: EstimandName, value: float, terms: Terms = TERMS) -> Prospects:
    test = TestSpec(max_samples=terms.n_max)
    what = estimand(name, value)
    worth = None if name == "parity" else worth_certifying(what, test, terms.n_max, 1)
    return prospects(what, terms, worth=worth)


def as_good(name: EstimandName, value: float, terms: Terms = TERMS) -> float:
    return found(name, value, terms).outlooks[0].expected_n


class TestParity:
    def test_the_figures_are_those_of_the_exact_plan(self) -> None:
        plan, here = plan_parity(0.95, TERMS), found("parity", 0.95)
        assert here.is_exact
        assert (here.straight, here.worth, here.lack) == (78, plan.worth, None)
        assert [row.truth for row in here.outlooks] == ["worth", "midway", "at_null"]
        for row, exact in zip(here.outlooks, plan.rows, strict=True):
            assert row.mean == exact.rate
            assert row.certified == exact.probability[Stop.CERTIFIED]
            assert row.rejected == exact.probability[Stop.BELOW_BAR]
            hopeless = exact.probability[Stop.FUTILE] + exact.probability[Stop.CURTAILED]
            assert row.futile == hopeless
            assert row.expected_n == exact.expected_n
            assert (row.n_50, row.n_90) == (exact.n_stopped(0.5), exact.n_stopped(0.9))
            assert (row.certified_error, row.expected_n_error) == (0, 0)

    def test_numbers_that_can_be_checked(self) -> None:
        first, midway, at_bar = found("parity", 0.95).outlooks
        assert first.mean == pytest.approx(0.9774, abs=5e-5)
        assert first.certified == pytest.approx(0.792, abs=5e-4)
        assert (round(first.expected_n), first.n_50, first.n_90) == (247, 234, 429)
        assert midway.mean == pytest.approx((1 + first.mean) / 2)
        assert (at_bar.mean, at_bar.certified <= 0.05) == (0.95, True)

    def test_a_claim_about_the_log_is_planned_as_one(self) -> None:
        plan = plan_log(0.95, TERMS, size=500)
        here = prospects(estimand(), TERMS, worth=None, log_size=500)
        assert (here.straight, here.worth) == (68, 0.95)
        assert [row.expected_n for row in here.outlooks] == [row.expected_n for row in plan.rows]

    def test_a_log_that_is_too_short(self) -> None:
        short = Terms(n_max=60)
        here = found("parity", 0.95, short)
        assert here.straight is None
        assert [row.truth for row in here.outlooks] == ["perfect", "at_null"]
        assert here.outlooks[0].certified == 0
        assert here.lack == Lack(why="impossible", needed=61, best_bar=0.949, log_claim=31)
        assert straight_passes(0.95, replace(short, n_max=61)) == 61
        assert straight_passes(0.949, short) is not None
        assert straight_passes(0.95, short) is None

    def test_a_handful_can_only_be_counted_out(self) -> None:
        lack = found("parity", 0.95, Terms(n_max=20)).lack
        assert lack == Lack(why="impossible", needed=61, best_bar=None, log_claim=20)


class TestDifferences:
    @pytest.mark.parametrize(
        ("name", "margin", "means"),
        [
            ("quality", 0.05, (0, -0.025, -0.05)),
            ("noise_floor", 0.1, (0, -0.05, -0.1)),
            ("preference", 0.1, (0.5, 0.45, 0.4)),
            ("preference", 0.4, (0.5, 0.3, 0.1)),
        ],
    )
    def test_the_assumed_truths(
        self, name: EstimandName, margin: float, means: tuple[float, ...]
    ) -> None:
        here = found(name, margin)
        assert not here.is_exact
        assert [row.truth for row in here.outlooks] == ["as_good", "half_margin", "at_null"]
        assert [row.mean for row in here.outlooks] == pytest.approx(means)
        at_null = here.outlooks[2]
        assert at_null.certified <= 0.05 + 3 * (0.05 * 0.95 / RUNS) ** 0.5

    def test_the_published_means(self) -> None:
        # STATS, section 4: 4% discordant, margin 0.03: 372 pairs, without futility.
        terms = Terms(n_max=2000)
        here = prospects(estimand("quality", 0.03), terms, worth=None).outlooks[0]
        assert DISCORDANT == 0.04
        assert here.expected_n == pytest.approx(372, abs=4 * here.expected_n_error)
        assert here.certified_error == pytest.approx(
            (here.certified * (1 - here.certified) / RUNS) ** 0.5
        )

    def test_a_wider_margin_never_takes_more_pairs(self) -> None:
        for name in ("quality", "preference"):
            means = [as_good(name, margin) for margin in (0.03, 0.05, 0.08, 0.12, 0.2)]
            assert means == sorted(means, reverse=True)

    def test_a_stricter_level_takes_more_pairs(self) -> None:
        loose, strict = (
            as_good("quality", 0.05, replace(TERMS, alpha=alpha)) for alpha in (0.05, 0.005)
        )
        assert strict > 1.3 * loose

    def test_equal_terms_give_equal_figures(self) -> None:
        what = estimand("preference", 0.07)
        first = prospects(what, TERMS, worth=0.49)
        prospects.cache_clear()
        assert prospects(what, TERMS, worth=0.49) == first
        assert TIES == 0.4

    @pytest.mark.parametrize(("name", "margin"), [("quality", 0.05), ("preference", 0.1)])
    def test_what_a_short_log_lacks_would_do(self, name: EstimandName, margin: float) -> None:
        lack = found(name, margin, Terms(n_max=60)).lack
        assert lack is not None
        assert lack.why == "weak"
        assert lack.needed is not None
        enough = prospects(estimand(name, margin), Terms(n_max=lack.needed), worth=None)
        assert enough.lack is None
        assert enough.outlooks[0].certified == pytest.approx(POWER, abs=0.06)

    def test_a_margin_that_no_log_is_long_enough_for(self) -> None:
        lack = found("quality", 0.00002, Terms(n_max=60)).lack
        assert lack == Lack(why="weak", needed=None, best_bar=None, log_claim=None)


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(["parity", "noise_floor", "quality", "preference"]),
    value=st.floats(0.02, 0.45),
    n_max=st.integers(1, 300),
    alpha=st.sampled_from([0.002, 0.05, 0.2]),
)
def test_chances_sum_to_one(name: EstimandName, value: float, n_max: int, alpha: float) -> None:
    value = 1 - value if name == "parity" else value
    for row in found(name, value, Terms(n_max=n_max, alpha=alpha)).outlooks:
        chances = (row.certified, row.rejected, row.futile, row.inconclusive)
        assert sum(chances) == pytest.approx(1)
        assert all(0 <= chance <= 1 for chance in chances)
        assert 1 <= row.n_50 <= row.n_90 <= n_max
        assert row.expected_n <= n_max + 1e-9


class TestFixedEnd:
    """Hand-made: power and size of the exact binomial test, from its tail."""

    def test_one_look_is_the_binomial_test(self) -> None:
        design = named_design("fixed", 0.95, alpha=0.05, n_max=300)
        found = fixed_prospects(Terms(n_max=300, min_n=1), design)
        assert found.straight == 300
        assert found.worth is not None
        most = max(
            k for k in range(300) if bdtr(k, 300, 0.05) <= 0.05
        )  # failures that still certify
        # Negative stops only take away: the power is a little less than the tail says.
        tail = float(bdtr(most, 300, 1 - found.worth))
        assert 0.8 <= tail < 0.83
        worth, _, at_null = found.outlooks
        assert worth.certified == pytest.approx(0.8, abs=0.005)
        assert at_null.certified <= float(bdtr(most, 300, 0.05)) + 1e-12

    @pytest.mark.parametrize("name", ["budget", "obrien_fleming", "pocock", "fixed"])
    def test_chances_sum_to_one_and_rise_with_the_truth(self, name: str) -> None:
        design = named_design(name, 0.9, alpha=0.01, n_max=400, looks=5)
        found = fixed_prospects(Terms(n_max=400, alpha=0.01), design)
        worth, midway, at_null = found.outlooks
        assert at_null.certified <= 0.01
        assert at_null.certified < worth.certified < midway.certified
        for row in found.outlooks:
            total = row.certified + row.rejected + row.futile + row.inconclusive
            assert total == pytest.approx(1, abs=1e-9)

    def test_a_budget_that_is_too_small_says_what_it_takes(self) -> None:
        design = named_design("fixed", 0.95, alpha=0.05, n_max=40)
        found = fixed_prospects(Terms(n_max=40), design)
        assert found.lack is not None
        assert (found.straight, found.lack.why, found.lack.needed) == (None, "impossible", 59)

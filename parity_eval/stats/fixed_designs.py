"""Designs with a fixed end, for reviewers who ask for them: error spending and a single look.

All are exact for independent binary outcomes: the chance of every path is known, so that false
certification at the bar is computed, not approximated. None can be extended beyond its end, and
none may be chosen after looking.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

import numpy as np
from scipy.special import ndtr, ndtri

from parity_eval.stats.boundaries import NEVER, Boundaries
from parity_eval.stats.checks import (
    FloatArray,
    check_count,
    check_number,
    check_probability,
)
from parity_eval.stats.planner import binomial
from parity_eval.stats.stopping import Stop, Terms


class Spending(StrEnum):
    """How much of alpha may be used up by a share t of the budget."""

    LINEAR = "linear"
    """alpha t: early certificates for good candidates."""
    OBRIEN_FLEMING = "obrien_fleming_like"
    """2 (1 - Phi(z(1 - alpha / 2) / sqrt t)): almost nothing early, nearly all at the end."""
    POCOCK = "pocock_like"
    """alpha log(1 + (e - 1) t): about equal chances at every look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendingDesign:
    """Looks, and the most failures with which each of them certifies.

    Guarantee:
        P(any look certifies) is `size`, at most alpha, if the rate is at most the bar. There is no
        e-value and no p-value: only the verdict at alpha.

    References:
        Lan and DeMets, Discrete sequential boundaries for clinical trials, 1983.
        Jennison and Turnbull, Group sequential methods, 2000, chapters 7 and 12.
    """

    bar: float
    """The rate to beat."""
    alpha: float
    """The level."""
    looks: tuple[int, ...]
    """Numbers of units at which one may look, increasing; the last is the end."""
    most_failures: tuple[int, ...]
    """Per look, the most failures with which it certifies; -1 where none is few enough."""
    size: float
    """Chance of a false certificate at the bar."""

    @property
    def n_max(self) -> int:
        """The end of the design."""
        return self.looks[-1]

    def check(self, n: int, failures: int) -> Stop | None:
        """Return why the arm stops now, or None if it goes on.

        Args:
            n: Units seen, all looks before having gone on.
            failures: Failures among them.

        Returns:
            `certified` at a look with few enough failures, `curtailed` where no later look can
            certify, `exhausted` at the end, or None.

        Raises:
            ValueError: If there are more units than the design has, or more failures than units.
        """
        check_number(check_count(n, "n"), "n", ("<=", self.n_max))
        check_number(check_count(failures, "failures"), "failures", ("<=", n))
        if n in self.looks and failures <= self.most_failures[self.looks.index(n)]:
            return Stop.CERTIFIED
        if n == self.n_max:
            return Stop.EXHAUSTED
        return Stop.CURTAILED if failures > self.most_failures[-1] else None

    def boundaries(self, *, curtail: bool = True) -> Boundaries:
        """Return the design as boundaries, to plan with `planner.operating`.

        Args:
            curtail: Whether arms stop that cannot certify any more.

        Returns:
            The boundaries.
        """
        units = np.arange(self.n_max + 1)
        at = np.searchsorted(self.looks, units, side="right")
        never = np.full(self.n_max + 1, NEVER)
        curtailed = never.copy()
        if curtail:
            curtailed[:-1] = self.most_failures[-1] + 1
        return Boundaries(
            terms=Terms(n_max=self.n_max, alpha=self.alpha, min_n=1, min_n_negative=1),
            certify=np.array((-1, *self.most_failures))[at],
            below_bar=never,
            futile=never,
            curtailed=curtailed,
        )


def exact_budget_design(
    bar: float, *, alpha: float, n_max: int, power: float = 1.0
) -> SpendingDesign:
    """Return the design that looks after every unit and spends alpha with the budget.

    Args:
        bar: The rate to beat, in (0, 1).
        alpha: The level, in (0, 1).
        n_max: The end: the budget.
        power: Alpha is spent like (n / n_max) ** power.

    Returns:
        The design.

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        See `SpendingDesign`.

    References:
        Lan and DeMets, Discrete sequential boundaries for clinical trials, 1983.

    Example:
        >>> design = exact_budget_design(0.95, alpha=0.05, n_max=200)
        >>> design.check(78, 0), design.size <= 0.05
        (<Stop.CERTIFIED: 'certified'>, True)
    """
    check_probability(alpha, "alpha")
    check_number(power, "power", (">", 0))
    looks = range(1, check_count(n_max, "n_max", at_least=1) + 1)
    return _spend(bar, alpha, looks, lambda t: alpha * t**power)


def group_sequential_design(
    bar: float, *, alpha: float, n_max: int, looks: int, spending: Spending
) -> SpendingDesign:
    """Return the design that looks a few times at equal distances.

    Args:
        bar: The rate to beat, in (0, 1).
        alpha: The level, in (0, 1).
        n_max: The end: the budget.
        looks: Number of looks, at most `n_max`.
        spending: How alpha is spread over the looks.

    Returns:
        The design.

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        See `SpendingDesign`.

    References:
        O'Brien and Fleming, A multiple testing procedure for clinical trials, 1979.
        Pocock, Group sequential methods in the design and analysis of clinical trials, 1977.
        Lan and DeMets, Discrete sequential boundaries for clinical trials, 1983.
    """
    check_probability(alpha, "alpha")
    check_count(n_max, "n_max", at_least=1)
    check_number(check_count(looks, "looks", at_least=1), "looks", ("<=", n_max))
    sizes = [round(n_max * (k + 1) / looks) for k in range(looks)]
    return _spend(bar, alpha, sizes, lambda t: spent(spending, alpha, t))


def spent(spending: Spending, alpha: float, share: float) -> float:
    """Return how much of alpha may be used up by a share of the budget.

    Args:
        spending: The spending function.
        alpha: The level, in (0, 1).
        share: The share of the budget, in (0, 1].

    Returns:
        The probability.

    References:
        Lan and DeMets, Discrete sequential boundaries for clinical trials, 1983.
    """
    match spending:
        case Spending.LINEAR:
            return alpha * share
        case Spending.OBRIEN_FLEMING:
            z = float(ndtri(1 - alpha / 2))
            return float(2 * ndtr(-z / math.sqrt(share)))
        case Spending.POCOCK:
            return alpha * math.log1p((math.e - 1) * share)
        case _:  # pragma: no cover
            assert_never(spending)


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleLook:
    """What one look at a number of units fixed beforehand says."""

    p_value: float
    """Exact binomial p-value of "the rate is at most the bar"."""
    clopper_pearson_lower: float
    """Exact one-sided lower confidence bound."""
    wilson_lower: float
    """Wilson's one-sided lower bound: approximate, for comparison only."""


def single_look(passes: int, n: int, *, bar: float, alpha: float) -> SingleLook:
    """Look once, at a number of units that was fixed beforehand.

    Args:
        passes: Passes among the units.
        n: Number of units, at least 1.
        bar: The rate to beat, in (0, 1).
        alpha: The level, in (0, 1).

    Returns:
        P-value and bounds.

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        Exact at this one n (Wilson: approximate). Looked at again and again it certifies falsely
        several times as often as it says; never let it decide a sequential arm.

    References:
        Clopper and Pearson, The use of confidence or fiducial limits, 1934.
        Wilson, Probable inference, the law of succession, and statistical inference, 1927.

    Example:
        >>> round(single_look(59, 59, bar=0.95, alpha=0.05).p_value, 4)
        0.0485
    """
    from scipy.stats import binomtest
    from statsmodels.stats.proportion import proportion_confint  # type: ignore[import-untyped]

    check_count(n, "n", at_least=1)
    check_number(check_count(passes, "passes"), "passes", ("<=", n))
    check_probability(bar, "bar")
    check_probability(alpha, "alpha")
    exact = binomtest(passes, n, bar, alternative="greater")
    # Two-sided intervals at level 2 alpha have one-sided lower ends at level alpha.
    wilson, _ = proportion_confint(passes, n, alpha=2 * alpha, method="wilson")
    return SingleLook(
        p_value=float(exact.pvalue),
        clopper_pearson_lower=float(exact.proportion_ci(1 - alpha, method="exact").low),
        wilson_lower=max(0.0, float(wilson)),
    )


def _spend(
    bar: float, alpha: float, looks: Sequence[int], may_spend: Callable[[float], float]
) -> SpendingDesign:
    """Allow as many failures at each look as the spending function can pay for."""
    check_probability(bar, "bar")
    n_max = looks[-1]
    alive: FloatArray = np.ones(1)
    most: list[int] = []
    size, allowed, before = 0.0, -1, 0
    for n in looks:
        alive = np.convolve(alive, binomial(n - before, bar, n - before + 1))
        before = n
        while size + alive[allowed + 1] <= may_spend(n / n_max):
            allowed += 1
            size += float(alive[allowed])
            alive[allowed] = 0.0
        most.append(allowed)
    return SpendingDesign(
        bar=bar, alpha=alpha, looks=tuple(looks), most_failures=tuple(most), size=size
    )

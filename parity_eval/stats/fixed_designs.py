"""Designs with a fixed end, for reviewers who ask for them: error spending and a single look.

All are exact for independent binary outcomes: the chance of every path is known, so that false
certification at the bar is computed, not approximated. None can be extended beyond its end, and
none may be chosen after looking.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import assert_never

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from parity_eval.stats.boundaries import NEVER, Boundaries, boundaries
from parity_eval.stats.checks import (
    FloatArray,
    check_count,
    check_number,
    check_probability,
)
from parity_eval.stats.finite_count import check_outcomes
from parity_eval.stats.kernel import mirror_kernel
from parity_eval.stats.planner import binomial
from parity_eval.stats.stopping import ArmDesign, Stop, Terms, parity_design

NO_EVIDENCE = -1e6
"""Log E of a design with a fixed end that has not certified: nothing, as a finite number."""


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
        evidence short of a certificate: only the verdict at alpha.

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
class SpendingTest:
    """A design with a fixed end as the certification test of an arm.

    The evidence is all or nothing: E is 1 / alpha from the look on that certifies, and as good as
    0 before. It keeps units, failures, and whether a look has certified.

    Guarantee:
        P(E ever reaches 1 / alpha) is at most the design's size, which is at most alpha, if the
        chance to pass is at most the bar given all earlier units; the p-value is 1 until then. E
        never exceeds the chance, at the bar, that the design will yet certify, divided by alpha.
        That chance is a supermartingale which begins at the size, so that E has mean at most 1 at
        any stopping time and may stand beside other e-values. It says nothing at levels below the
        design's.

    References:
        Lan and DeMets, Discrete sequential boundaries for clinical trials, 1983.
        Vovk and Wang, E-values: calibration, combination and applications, 2021 (all or nothing).

    Example:
        >>> from parity_eval.stats.state import start
        >>> test = SpendingTest(design=named_design("fixed", 0.9, alpha=0.05, n_max=50, looks=1))
        >>> state = start(test).update_many([1.0] * 49)
        >>> round(state.p_value, 9), round(state.update(0.0).p_value, 9)
        (1.0, 0.05)
    """

    design: SpendingDesign
    """Looks, and the most failures with which each of them certifies."""

    @property
    def lower(self) -> float:
        """Smallest mean possible."""
        return 0.0

    @property
    def upper(self) -> float:
        """Largest mean possible."""
        return 1.0

    def begin(self) -> tuple[float, ...]:
        """Return the memory before the first unit.

        Returns:
            No units, no failures, not certified.
        """
        return (0.0, 0.0, 0.0)

    def step(
        self, memory: tuple[float, ...], score: float, limit: float | None
    ) -> tuple[tuple[float, ...], float]:
        """Return memory and log e-value after one more unit.

        Args:
            memory: The memory before it.
            score: Its outcome, 0 or 1.
            limit: None; outcomes have no limits of their own.

        Returns:
            Memory and log E.

        Raises:
            ValueError: If the outcome is neither 0 nor 1, or the design is at its end.
        """
        after, path = self.walk(memory, [score], limit)
        return after, float(path[0])

    def walk(
        self, memory: tuple[float, ...], scores: ArrayLike, limits: ArrayLike | None
    ) -> tuple[tuple[float, ...], FloatArray]:
        """Return the memory after more units, and the log e-value after each of them.

        Args:
            memory: The memory before them.
            scores: Their outcomes in order, each 0 or 1, shape (n,).
            limits: None; outcomes have no limits of their own.

        Returns:
            Memory, and log E after each unit, shape (n,).

        Raises:
            ValueError: If an outcome is neither 0 nor 1, or the design ends before the last.
        """
        if limits is not None:
            raise ValueError("limits are not possible for a design with a fixed end")
        outcomes = check_outcomes(scores)
        n, failures, is_certified = memory
        looks = self._looks(int(n), len(outcomes))
        if not len(outcomes):
            return memory, np.empty(0)
        failed = failures + np.cumsum(1 - outcomes)
        path = np.full(len(outcomes), NO_EVIDENCE)
        at = np.array(self.design.looks[looks], dtype=np.int64) - int(n) - 1
        certified = at[failed[at] <= np.array(self.design.most_failures[looks])]
        if is_certified:
            path[:] = self._log_reached
        elif certified.size:
            path[certified[0] :] = self._log_reached
        is_certified = float(path[-1] == self._log_reached)
        return (n + len(outcomes), float(failed[-1]), is_certified), path

    def log_e_after(self, memory: tuple[float, ...], score: float, times: int) -> float:
        """Return the log e-value if the next units all had one outcome.

        Args:
            memory: The memory now.
            score: The outcome, 0 or 1.
            times: How many units have it.

        Returns:
            log E after them.

        Raises:
            ValueError: If the design ends before the last of them.
        """
        n, failures, is_certified = memory
        looks = self._looks(int(n), times)
        if n + times == 0:
            return 0.0
        # Passes certify, if at all, at the last look: the first one tried.
        will_certify = any(
            failures + (1 - score) * (look - n) <= most
            for look, most in zip(
                reversed(self.design.looks[looks]),
                reversed(self.design.most_failures[looks]),
                strict=True,
            )
        )
        return self._log_reached if is_certified or will_certify else NO_EVIDENCE

    @property
    def _log_reached(self) -> float:
        return -math.log(self.design.alpha)

    def _looks(self, n: int, times: int) -> slice:
        """Return which looks are among the next units."""
        end, n_max = n + times, self.design.n_max
        if end > n_max:
            raise ValueError(f"n == {end}, must be <= {n_max}: the design cannot be extended")
        return slice(bisect_right(self.design.looks, n), bisect_right(self.design.looks, end))


@lru_cache(maxsize=256)
def named_design(
    name: str, bar: float, *, alpha: float, n_max: int, looks: int = 1
) -> SpendingDesign:
    """Return the design that goes by a name in configurations.

    Args:
        name: `budget` (a look after every unit), `obrien_fleming` or `pocock` (several looks), or
            `fixed` (one look at the end: the exact binomial test).
        bar: The rate to beat, in (0, 1).
        alpha: The level, in (0, 1): the share of one arm where there are several.
        n_max: The end: the budget.
        looks: Number of looks of the two that have several; every unit is one where there are
            fewer units.

    Returns:
        The design.

    Raises:
        ValueError: If the name is unknown or an argument is outside its domain.

    Guarantee:
        See `SpendingDesign`.

    References:
        See `exact_budget_design` and `group_sequential_design`.

    Example:
        >>> named_design("pocock", 0.95, alpha=0.05, n_max=200, looks=4).looks
        (50, 100, 150, 200)
    """
    if name == "budget":
        return exact_budget_design(bar, alpha=alpha, n_max=n_max)
    spending = {
        "obrien_fleming": Spending.OBRIEN_FLEMING,
        "pocock": Spending.POCOCK,
        "fixed": Spending.LINEAR,
    }
    if name not in spending:
        raise ValueError(f"name == {name!r}, must be budget, {', '.join(spending)}")
    return group_sequential_design(
        bar,
        alpha=alpha,
        n_max=n_max,
        looks=1 if name == "fixed" else min(looks, n_max),
        spending=spending[name],
    )


def fixed_arm_design(
    terms: Terms, design: SpendingDesign, *, least_log_threshold: float | None = None
) -> ArmDesign:
    """Return the tests of an arm that certifies by a design with a fixed end.

    Args:
        terms: Levels, budget and guards; the budget is the design's end. The level is that of
            `below_bar`, and at least the design's, which may be this arm's share of it.
        design: The design, made for this arm.
        least_log_threshold: As for `stopping.parity_design`; that of the design if omitted. It
            makes no difference as long as it is positive and the design can reach it.

    Returns:
        The design of the arm, for scores of 0 and 1, with curtailment and without futility.

    Raises:
        ValueError: If the budget is not the design's end, or the level is below the design's.

    Guarantee:
        A false certificate has at most the design's size. The bar is shown to be missed at
        `terms.alpha`, at any time; obeying that or curtailment removes certificates only.

    References:
        Jennison and Turnbull, Group sequential methods, 2000, chapters 7 and 12.

    Example:
        >>> design = named_design("budget", 0.95, alpha=0.05, n_max=200)
        >>> arm = fixed_arm_design(Terms(n_max=200), design).start()
        >>> while (stop := arm.check()) is None:
        ...     arm = arm.update(1.0)
        >>> stop.value, arm.n
        ('certified', 78)
    """
    if terms.n_max != design.n_max:
        raise ValueError(f"n_max == {terms.n_max}, must be {design.n_max}, the end of the design")
    check_number(terms.alpha, "alpha", (">=", design.alpha))
    usual = -math.log(design.alpha)
    return ArmDesign(
        terms=terms,
        certify=SpendingTest(design=design),
        below=mirror_kernel(design.bar, alpha=terms.alpha, n_max=terms.n_max),
        best=1.0,
        least_log_threshold=usual if least_log_threshold is None else least_log_threshold,
    )


def fixed_arm_boundaries(terms: Terms, design: SpendingDesign) -> Boundaries:
    """Return when an arm of `fixed_arm_design` stops, to plan it with `planner.operating`.

    Args:
        terms: Levels, budget and guards of the arm.
        design: Its design.

    Returns:
        The boundaries, negative stops included.

    Raises:
        ValueError: If the budget is not the design's end, or the level is below the design's.

    Guarantee:
        Exact for independent binary outcomes.

    References:
        Jennison and Turnbull, Group sequential methods, 2000, chapter 12.
    """
    arm = fixed_arm_design(terms, design)
    rules = design.boundaries()
    if terms.n_max < terms.min_n:
        return boundaries(parity_design(design.bar, terms))
    below = boundaries(parity_design(design.bar, arm.terms)).below_bar
    return replace(rules, terms=arm.terms, below_bar=below)


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

"""Confidence sequences for a bounded mean: the nulls that the test has not refuted."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import bdtr, bdtrc, xlog1py, xlogy

from parity_eval.stats.checks import (
    FloatArray,
    IntArray,
    check_counts,
    check_number,
    check_probability,
    check_same_length,
)
from parity_eval.stats.finite_count import FiniteCount, check_outcomes, refuse_limits
from parity_eval.stats.finite_mean import FiniteMean
from parity_eval.stats.fixed_designs import SpendingDesign, SpendingTest
from parity_eval.stats.histogram import Histogram
from parity_eval.stats.kernel import Kernel, check_units, log_factors
from parity_eval.stats.state import TIE, SequentialTest

_EDGE = 1e-12


class _Sample(NamedTuple):
    values: FloatArray
    worst: FloatArray
    counts: FloatArray


def bound(
    test: SequentialTest,
    values: ArrayLike,
    counts: ArrayLike | None = None,
    *,
    alpha: float,
    limits: ArrayLike | None = None,
) -> float:
    """Return the confidence bound that the units seen so far give.

    Side `above` gives a lower bound, side `below` an upper bound. The bets stay those of the
    kernel whatever the null, so that the bound passes the bar exactly when the test does.

    A design with a fixed end gives a lower bound by stage-wise ordering: an earlier certificate
    shows more than a later one, fewer failures more than many at the same look, and any certificate
    more than none. The bound is the rate at which so much or more would be shown with probability
    alpha; before the end, as if all units to come failed. It is at least the bar where the look at
    these counts certifies, and below it everywhere else. With a single look it is that of Clopper
    and Pearson.

    Args:
        test: The test; its own null plays no part.
        values: Distinct scores, or all of them, shape (k,). All of them in their order for graded
            scores of a finite log.
        counts: How many units had each, shape (k,); one each if omitted.
        alpha: The level of the bound, which need not be the one the bets are tuned to. That of a
            design with a fixed end must be the design's: another could contradict its decision.
        limits: The worst each score could have been, shape (k,), where units have limits of their
            own.

    Returns:
        The bound, within the kernel's range.

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        P(the bound is ever on the wrong side of the mean) <= alpha, at all sample sizes at once;
        for a design with a fixed end, if outcomes are independent and none is used beyond that end.

    References:
        Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, 2024.
        Clopper and Pearson, The use of confidence or fiducial limits, 1934.
        Jennison and Turnbull, Group sequential methods, 2000, chapter 8 (stage-wise ordering).

    Example:
        >>> from parity_eval.stats.kernel import certify_kernel
        >>> kernel = certify_kernel(0.95, alpha=0.05, n_max=500)
        >>> round(bound(kernel, [0, 1], [3, 200], alpha=0.05), 6)
        0.951048
    """
    if isinstance(test, (FiniteCount, FiniteMean)):
        refuse_limits(limits)
        return test.bound(values, counts, alpha=alpha)
    if isinstance(test, SpendingTest):
        return _stagewise_bound(test.design, values, counts, alpha=alpha, limits=limits)
    if not isinstance(test, Kernel):
        raise TypeError(f"test is a {type(test).__name__}, must be one of this package")
    given, worst = check_units(test, values, limits)
    times = np.ones(len(given)) if counts is None else check_counts(counts, "counts")
    check_same_length(values=given, counts=np.asarray(times, dtype=np.float64))
    seen = times > 0
    sample = _Sample(given[seen], worst[seen], times[seen].astype(np.float64))
    return _solve(test, sample, _target(alpha))


def running_bounds(
    kernel: Kernel, scores: ArrayLike, *, alpha: float, limits: ArrayLike | None = None
) -> FloatArray:
    """Return the tightest confidence bound so far, after each unit of a sequence.

    Args:
        kernel: The test; its own null plays no part.
        scores: Scores in the planned order, shape (n,).
        alpha: The level of the bounds.
        limits: The worst each score could have been, shape (n,), where units have limits of
            their own.

    Returns:
        The bounds, shape (n,): never falling for side `above`, never rising for side `below`.

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        P(any of the bounds is on the wrong side of the mean) <= alpha.

    References:
        Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, 2024.
    """
    given, worst = check_units(kernel, scores, limits)
    target = _target(alpha)
    kinds, firsts, index = np.unique(
        np.stack((given, worst), axis=1), axis=0, return_index=True, return_inverse=True
    )
    order = np.argsort(firsts)
    rank = np.argsort(order)[index.ravel()]
    kinds = kinds[order]
    counts = np.zeros(len(kinds))
    path = np.empty(len(given))
    best, n_kinds = kernel.worst, 0
    for i, kind in enumerate(rank.tolist()):
        counts[kind] += 1
        n_kinds = max(n_kinds, kind + 1)
        seen = _Sample(kinds[:n_kinds, 0], kinds[:n_kinds, 1], counts[:n_kinds])
        best = path[i] = _improve(kernel, seen, target, best)
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningBound:
    """The tightest confidence bound so far, as a stream; `update` returns the next state.

    Guarantee:
        P(`value` is ever on the wrong side of the mean) <= alpha.

    References:
        Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, 2024.
    """

    kernel: Kernel
    """The test that is inverted."""
    alpha: float
    """The level of the bound."""
    histogram: Histogram
    """The scores so far."""
    value: float
    """The bound."""

    def update(self, score: float) -> "RunningBound":
        """Return the state after one more unit.

        Args:
            score: Its score.

        Returns:
            The next state.

        Raises:
            ValueError: If the score is out of range.
        """
        check_number(score, "score", (">=", self.kernel.lower), ("<=", self.kernel.upper))
        histogram = self.histogram.add(score)
        sample = _from_histogram(self.kernel, histogram)
        value = _improve(self.kernel, sample, _target(self.alpha), self.value)
        return replace(self, histogram=histogram, value=value)


def start_bound(kernel: Kernel, *, alpha: float, resolution: float | None = None) -> RunningBound:
    """Return the bound before the first unit: the end of the range.

    Args:
        kernel: The test to invert.
        alpha: The level of the bound.
        resolution: Round scores outward to multiples of this, such as 0.001, so that an update
            costs the same however many different scores there are; exact if omitted.

    Returns:
        The state without units.

    Raises:
        ValueError: If `alpha` is outside (0, 1) or the resolution is not positive.
    """
    check_probability(alpha, "alpha")
    histogram = Histogram(side=kernel.side, resolution=resolution)
    return RunningBound(kernel=kernel, alpha=alpha, histogram=histogram, value=kernel.worst)


def _from_histogram(kernel: Kernel, histogram: Histogram) -> _Sample:
    values = np.array(histogram.values)
    counts = np.array(histogram.counts, dtype=np.float64)
    return _Sample(values, np.full(len(values), kernel.worst), counts)


def _target(alpha: float) -> float:
    return -math.log(check_probability(alpha, "alpha")) - TIE


def _log_e_at(kernel: Kernel, sample: _Sample, null: float) -> float:
    factors = log_factors(kernel.nodes, sample.values, null=null, worst=sample.worst)
    return float(kernel.nodes.log_mixture(sample.counts @ factors))


def _improve(kernel: Kernel, sample: _Sample, target: float, so_far: float) -> float:
    """Solve for a new bound only where the old one has been passed."""
    if so_far != kernel.worst and _log_e_at(kernel, sample, so_far) < target:
        return so_far
    now = _solve(kernel, sample, target)
    return max(now, so_far) if kernel.side == "above" else min(now, so_far)


def _solve(kernel: Kernel, sample: _Sample, target: float) -> float:
    near = kernel.worst
    far = kernel.upper if kernel.side == "above" else kernel.lower
    inside = near + _EDGE * (far - near)
    if not len(sample.values) or _log_e_at(kernel, sample, inside) < target:
        return near
    if _log_e_at(kernel, sample, far) >= target:
        return far

    def excess(null: float) -> float:
        return _log_e_at(kernel, sample, null) - target

    return float(brentq(excess, inside, far, xtol=1e-14, rtol=1e-14))


class _Hits(NamedTuple):
    """Where a design certifies: each number of failures at the first look that allows it."""

    units: IntArray
    failures: IntArray
    log_ways: FloatArray
    """Logarithm of the number of paths there that no earlier look certifies."""

    def chances(self, rate: float) -> FloatArray:
        passes = self.units - self.failures
        log_path = xlog1py(self.failures, -rate) + xlogy(passes, rate)
        return np.asarray(np.exp(self.log_ways + log_path), dtype=np.float64)


def _stagewise_bound(
    design: SpendingDesign,
    values: ArrayLike,
    counts: ArrayLike | None,
    *,
    alpha: float,
    limits: ArrayLike | None,
) -> float:
    if limits is not None:
        raise ValueError("limits are not possible for a design with a fixed end")
    if not math.isclose(alpha, design.alpha):
        raise ValueError(f"alpha == {alpha:g}, must be {design.alpha:g}, the level of the design")
    outcomes = check_outcomes(values)
    times = np.ones(len(outcomes)) if counts is None else check_counts(counts, "counts")
    check_same_length(values=outcomes, counts=np.asarray(times, dtype=np.float64))
    n = int(times.sum())
    failures = n - int(times @ outcomes)
    check_number(n, "n", ("<=", design.n_max))
    if n in design.looks and failures <= design.most_failures[design.looks.index(n)]:
        return _bound_at_look(design, n, failures)
    return _bound_without_look(design, failures + design.n_max - n)


def _bound_at_look(design: SpendingDesign, n: int, failures: int) -> float:
    hits = _hits(design)
    counted = (hits.units < n) | ((hits.units == n) & (hits.failures <= failures))

    def excess(rate: float) -> float:
        return float(hits.chances(rate)[counted].sum()) - design.alpha

    return _root(excess, design.bar, 1.0) if excess(design.bar) < 0 else design.bar


def _bound_without_look(design: SpendingDesign, at_end: int) -> float:
    """Return the bound where nothing is certified and so many units will have failed at the end."""
    hits, n_max = _hits(design), design.n_max
    left = n_max - hits.units
    room = np.minimum(at_end - hits.failures, left)

    def excess(rate: float) -> float:
        more = bdtrc(room, left, 1 - rate)
        shown = bdtr(at_end, n_max, 1 - rate) + hits.chances(rate) @ more
        return float(shown) - design.alpha

    if at_end >= n_max:
        return 0.0
    # Where even failures would certify yet, there is no certificate to agree with before the look.
    below = math.nextafter(design.bar, 0.0)
    return min(below, _root(excess, 0.0, design.bar)) if excess(design.bar) > 0 else below


def _root(excess: Callable[[float], float], low: float, high: float) -> float:
    return float(brentq(excess, low, high, xtol=1e-14, rtol=1e-14))


@lru_cache(maxsize=128)
def _hits(design: SpendingDesign) -> _Hits:
    most = np.array(design.most_failures)
    failures = np.arange(most[-1] + 1)
    units = np.array(design.looks)[np.searchsorted(most, failures)]
    log_ways, alive = (np.full(len(failures), -np.inf) for _ in range(2))
    alive[:1] = 0.0
    for n in range(1, int(units.max(initial=0)) + 1):
        # In logarithms, because there are more paths than a float can count.
        alive[1:] = np.logaddexp(alive[1:], alive[:-1])
        now = units == n
        log_ways[now] = alive[now]
        alive[now] = -np.inf
    return _Hits(units, failures, log_ways)

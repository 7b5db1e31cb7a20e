"""Confidence sequences for a bounded mean: the nulls that the test has not refuted."""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from parity_eval.stats.checks import (
    FloatArray,
    check_counts,
    check_number,
    check_probability,
    check_same_length,
)
from parity_eval.stats.finite_count import FiniteCount, refuse_limits
from parity_eval.stats.finite_mean import FiniteMean
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

    Args:
        test: The test; its own null plays no part.
        values: Distinct scores, or all of them, shape (k,). All of them in their order for graded
            scores of a finite log.
        counts: How many units had each, shape (k,); one each if omitted.
        alpha: The level of the bound, which need not be the one the bets are tuned to.
        limits: The worst each score could have been, shape (k,), where units have limits of their
            own.

    Returns:
        The bound, within the kernel's range.

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        P(the bound is ever on the wrong side of the mean) <= alpha, at all sample sizes at once.

    References:
        Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, 2024.

    Example:
        >>> from parity_eval.stats.kernel import certify_kernel
        >>> kernel = certify_kernel(0.95, alpha=0.05, n_max=500)
        >>> round(bound(kernel, [0, 1], [3, 200], alpha=0.05), 6)
        0.951048
    """
    if isinstance(test, (FiniteCount, FiniteMean)):
        refuse_limits(limits)
        return test.bound(values, counts, alpha=alpha)
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

"""What a claim about one log will cost and decide, exactly, before it begins."""

import math
from functools import lru_cache

import numpy as np
from scipy.special import gammaln, xlog1py, xlogy

from parity_eval.stats.boundaries import boundaries, certification_starts
from parity_eval.stats.checks import FloatArray, IntArray, check_number, check_probability
from parity_eval.stats.finite_log import least_passes, log_count_test, parity_log_design
from parity_eval.stats.planner import ParityPlan, binomial, operating
from parity_eval.stats.stopping import Terms


@lru_cache(maxsize=512)
def plan_log(bar: float, terms: Terms, *, size: int, power: float = 0.8) -> ParityPlan:
    """Plan one arm whose claim is about a log.

    Args:
        bar: The share of the log that must pass, in (0, 1].
        terms: Levels, budget and guards; the budget may not exceed the log.
        size: Number of prompts in the log.
        power: The chance to certify that makes a rate worth certifying.

    Returns:
        The plan; rates are shares of the log.

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        Exact for a random order of the log, by forward recursion.

    References:
        Waudby-Smith and Ramdas, Confidence sequences for sampling without replacement, 2020.

    Example:
        >>> plan = plan_log(0.95, Terms(n_max=500), size=500)
        >>> plan.straight_passes, plan.worth
        (68, 0.95)
    """
    worth = smallest_log_rate(bar, terms, size=size, power=power)
    rules = boundaries(parity_log_design(bar, terms, size=size, worth=_above(worth, bar)))
    just_below = (least_passes(bar, size) - 1) / size
    hopeful = (1.0,) if worth is None else (worth, (1 + worth) / 2)
    return ParityPlan(
        bar=bar,
        terms=terms,
        straight_passes=straight_log_passes(bar, terms, size=size),
        worth=worth,
        rows=operating(rules, (*hopeful, just_below), log_size=size),
    )


@lru_cache(maxsize=512)
def smallest_log_rate(bar: float, terms: Terms, *, size: int, power: float = 0.8) -> float | None:
    """Return the smallest share of passes in a log that is certified with a given power.

    Args:
        bar: The share of the log that must pass, in (0, 1].
        terms: Levels, budget and guards; the budget may not exceed the log.
        size: Number of prompts in the log.
        power: The power, in (0, 1), without negative stops.

    Returns:
        The share, or None where the budget cannot certify any.

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        Exact for a random order of the log: how many orders of passes and failures lead to a
        boundary point does not depend on the rate, so that one walk serves all rates.

    References:
        Waudby-Smith and Ramdas, Confidence sequences for sampling without replacement, 2020.
    """
    check_probability(power, "power")
    starts = _starts(bar, terms, size)
    log_arrivals = _log_arrivals(starts, min(bar, 1 - 0.5 / size))
    low, high = least_passes(bar, size) - 1, size + 1
    while low + 1 < high:
        middle = (low + high) // 2
        is_enough = _power(log_arrivals, starts, size=size, fails=size - middle) >= power
        low, high = (low, middle) if is_enough else (middle, high)
    return high / size if high <= size else None


def straight_log_passes(bar: float, terms: Terms, *, size: int) -> int | None:
    """Return how many prompts of a log certify if none of them fails.

    Args:
        bar: The share of the log that must pass, in (0, 1].
        terms: Levels, budget and guards; the budget may not exceed the log.
        size: Number of prompts in the log.

    Returns:
        The number of prompts, or None where the budget cannot certify anything.

    Raises:
        ValueError: If an argument is outside its domain.

    Example:
        >>> straight_log_passes(0.95, Terms(n_max=500), size=500)
        68
    """
    starts = _starts(bar, terms, size)
    return max(int(starts[0]), terms.min_n) if len(starts) else None


def _starts(bar: float, terms: Terms, size: int) -> IntArray:
    """Return the boundary; who reaches it before the guard `min_n` is certified there."""
    check_number(terms.n_max, "n_max", ("<=", size))
    test = log_count_test(bar, size=size, alpha=terms.alpha, n_max=terms.n_max)
    starts = certification_starts(test, n_max=terms.n_max, log_threshold=-math.log(terms.alpha))
    return starts[: len(starts) if terms.n_max >= terms.min_n else 0]


def _log_arrivals(starts: IntArray, rate: float) -> FloatArray:
    """Return the log number of ways to be certified first at each boundary point, (failures,)."""
    alive = np.zeros(len(starts) + 1)
    alive[0] = 1.0
    arrivals, n = np.zeros(len(starts)), 0
    for failures, at in enumerate(starts.tolist()):
        if at > n:
            alive = np.convolve(alive, binomial(at - n, rate, len(alive)))[: len(alive)]
            n = at
        arrivals[failures], alive[failures] = alive[failures], 0.0
    failed = np.arange(len(starts))
    with np.errstate(divide="ignore"):
        counted = np.log(arrivals)
    return np.asarray(counted - xlogy(starts - failed, rate) - xlog1py(failed, -rate))


def _power(log_arrivals: FloatArray, starts: IntArray, *, size: int, fails: int) -> float:
    """Return the chance to be certified where so many prompts of the log fail."""
    failed = np.arange(min(len(starts), fails + 1))
    units = starts[: len(failed)]
    # Orders of the rest of the log, among all orders of the log.
    is_possible = units - failed <= size - fails
    log_orders = _log_choose(size - units, fails - failed) - _log_choose(size, fails)
    return float(np.exp(log_arrivals[: len(failed)] + log_orders)[is_possible].sum())


def _log_choose(n: IntArray | int, k: IntArray | int) -> FloatArray:
    rest = np.maximum(np.subtract(n, k), 0)
    return np.asarray(gammaln(np.add(n, 1)) - gammaln(np.add(k, 1)) - gammaln(rest + 1))


def _above(worth: float | None, bar: float) -> float | None:
    """Leave the futility rule out where the rate worth certifying is the bar itself."""
    return worth if worth is not None and worth > bar else None

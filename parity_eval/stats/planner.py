"""What a parity test will cost and decide, exactly, before it begins.

With binary outcomes the state of an arm is (units, failures): every rule is a boundary in failures
(module `boundaries`) and every probability a forward recursion over that state.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaln, xlog1py, xlogy

from parity_eval.stats.boundaries import Boundaries, boundaries, certification_starts
from parity_eval.stats.checks import (
    FloatArray,
    IntArray,
    check_count,
    check_number,
    check_probability,
)
from parity_eval.stats.kernel import certify_kernel
from parity_eval.stats.stopping import Stop, Terms, parity_design

_NEGATIVE = (Stop.BELOW_BAR, Stop.FUTILE, Stop.CURTAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operating:
    """How an arm behaves at one true rate."""

    rate: float
    """The true rate assumed."""
    probability: Mapping[Stop, float]
    """Chance of each way to stop."""
    expected_n: float
    """Mean number of units used."""
    stopped_by: FloatArray = field(repr=False, compare=False)
    """Entry n: chance to have stopped, for any reason, by n units; shape (n_max + 1,)."""
    certified_by: FloatArray = field(repr=False, compare=False)
    """Entry n: chance to be certified by n units; shape (n_max + 1,)."""

    def n_stopped(self, share: float) -> int:
        """Return the number of units by which a share of all runs has stopped.

        Args:
            share: The share, in (0, 1).

        Returns:
            That quantile of the number of units.

        Raises:
            ValueError: If the share is not in (0, 1).
        """
        return int(np.argmax(self.stopped_by >= check_probability(share, "share")))

    def n_certified(self, share: float) -> int | None:
        """Return the number of units by which a share of all runs is certified.

        Args:
            share: The share, in (0, 1).

        Returns:
            The number, or None where that share never is.

        Raises:
            ValueError: If the share is not in (0, 1).
        """
        enough = self.certified_by >= check_probability(share, "share")
        return int(np.argmax(enough)) if enough.any() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityPlan:
    """What to expect of one arm with a parity bar."""

    bar: float
    """The rate to beat."""
    terms: Terms
    """Levels, budget and guards."""
    straight_passes: int | None
    """Units needed without any failure; None where the budget cannot certify anything."""
    worth: float | None
    """The smallest rate that is certified with the wanted power; None where there is none."""
    rows: tuple[Operating, ...]
    """At the rate worth certifying, midway between it and 1, and at the bar; without such a rate,
    at 1 and at the bar."""


@lru_cache(maxsize=512)
def plan_parity(bar: float, terms: Terms, *, power: float = 0.8) -> ParityPlan:
    """Plan one arm with a parity bar and the default futility rule.

    Args:
        bar: The rate to beat, in (0, 1).
        terms: Levels, budget and guards.
        power: The chance to certify that makes a rate worth certifying.

    Returns:
        The plan.

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        Exact for independent binary outcomes, by forward recursion.

    References:
        Jennison and Turnbull, Group sequential methods, 2000, chapter 12.

    Example:
        >>> plan = plan_parity(0.95, Terms(n_max=500))
        >>> plan.straight_passes, round(plan.worth, 4)
        (78, 0.9774)
    """
    worth = smallest_rate(bar, terms, power=power)
    rules = boundaries(parity_design(bar, terms, worth=worth))
    rates = (1.0, bar) if worth is None else (worth, (1 + worth) / 2, bar)
    return ParityPlan(
        bar=bar,
        terms=terms,
        straight_passes=straight_passes(bar, terms),
        worth=worth,
        rows=operating(rules, rates),
    )


def straight_passes(bar: float, terms: Terms) -> int | None:
    """Return how many units certify if none of them fails.

    Args:
        bar: The rate to beat, in (0, 1).
        terms: Levels, budget and guards.

    Returns:
        The number of units, or None where the budget cannot certify anything: refuse to start.

    Raises:
        ValueError: If the bar is not in (0, 1).
    """
    starts = _guarded_starts(bar, terms)
    return int(starts[0]) if len(starts) else None


def least_straight_passes(bar: float, alpha: float) -> int:
    """Return how many units without failure any valid test of a bar needs.

    Args:
        bar: The rate to beat, in (0, 1).
        alpha: The level, in (0, 1).

    Returns:
        The number of units.

    Raises:
        ValueError: If an argument is not in (0, 1).

    Guarantee:
        No test that certifies falsely with probability at most alpha needs fewer.

    Example:
        >>> least_straight_passes(0.95, 0.05)
        59
    """
    check_probability(bar, "bar")
    return math.ceil(math.log(check_probability(alpha, "alpha")) / math.log(bar) - 1e-12)


def best_bar(n: int, alpha: float) -> float:
    """Return the highest bar that n units without failure can certify, by any valid test.

    Args:
        n: Number of units.
        alpha: The level, in (0, 1).

    Returns:
        The bar.

    Raises:
        ValueError: If an argument is outside its domain.

    Example:
        >>> round(best_bar(300, 0.05), 4)
        0.9901
    """
    return float(check_probability(alpha, "alpha") ** (1 / check_count(n, "n", at_least=1)))


@lru_cache(maxsize=512)
def smallest_rate(bar: float, terms: Terms, *, power: float = 0.8) -> float | None:
    """Return the smallest rate that is certified with a given power within the budget.

    Args:
        bar: The rate to beat, in (0, 1).
        terms: Levels, budget and guards.
        power: The power, in (0, 1), without negative stops.

    Returns:
        The rate, or None where the budget cannot certify anything.

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        Exact for independent binary outcomes, by recursion from boundary point to boundary point.

    References:
        Jennison and Turnbull, Group sequential methods, 2000, chapter 12.
    """
    check_probability(power, "power")
    starts = _guarded_starts(bar, terms)
    if not len(starts):
        return None
    return float(brentq(lambda p: _power(starts, p) - power, bar, 1.0, xtol=1e-13, rtol=1e-14))


def operating(
    rules: Boundaries, rates: Sequence[float], *, log_size: int | None = None
) -> tuple[Operating, ...]:
    """Follow all ways an arm can go at each assumed rate.

    Args:
        rules: The arm's boundaries.
        rates: True rates, each in [0, 1].
        log_size: Draw without replacement from a log of this size, whose number of passes is the
            rate's share of it, rounded; endless traffic if omitted.

    Returns:
        The behaviour at each rate.

    Raises:
        ValueError: If a rate is not in [0, 1] or the log is smaller than the budget.

    Guarantee:
        Exact for independent binary outcomes, or for a random order of the log; guards included.

    References:
        Jennison and Turnbull, Group sequential methods, 2000, chapter 12.

    Example:
        >>> from parity_eval.stats.boundaries import boundaries
        >>> rules = boundaries(parity_design(0.95, Terms(n_max=500)))
        >>> at_bar, perfect = operating(rules, [0.95, 1.0])
        >>> at_bar.probability[Stop.CERTIFIED] <= 0.05, perfect.expected_n
        (True, 78.0)
    """
    assumed = np.array([check_number(p, "rate", (">=", 0), ("<=", 1)) for p in rates])
    if log_size is not None:
        check_count(log_size, "log_size", at_least=rules.terms.n_max)
    stops = _recursion(rules, assumed, log_size)
    n = np.arange(rules.terms.n_max + 1)
    found = []
    for rate, by_reason in zip(assumed.tolist(), stops, strict=True):
        by_reason[-1, -1] = max(0.0, 1.0 - by_reason.sum())
        shares = dict(zip(Stop, by_reason.sum(axis=1).tolist(), strict=True))
        found.append(
            Operating(
                rate=rate,
                probability=MappingProxyType(shares),
                expected_n=float(by_reason.sum(axis=0) @ n),
                stopped_by=np.minimum(np.cumsum(by_reason.sum(axis=0)), 1.0),
                certified_by=np.cumsum(by_reason[0]),
            )
        )
    return tuple(found)


def _recursion(rules: Boundaries, rates: FloatArray, log_size: int | None) -> FloatArray:
    """Return the chance to stop at each n for each reason but exhaustion, (rates, stops, n)."""
    terms = rules.terms
    stops = np.zeros((len(rates), len(Stop), terms.n_max + 1))
    alive = np.zeros((len(rates), rules.width()))
    alive[:, 0] = 1.0
    # Runs with enough evidence that wait for the guard min_n.
    waiting = np.zeros_like(alive)
    failed = 1.0 - rates[:, np.newaxis]
    for n in range(1, terms.n_max + 1):
        if log_size is not None:
            left = np.round(log_size * (1.0 - rates))[:, np.newaxis] - np.arange(alive.shape[1])
            failed = np.clip(left / (log_size - n + 1), 0.0, 1.0)
        _step(alive, failed)
        enough = rules.certify[n] + 1
        if n <= terms.min_n:
            _step(waiting, failed)
            waiting[:, :enough] += alive[:, :enough]
            alive[:, :enough] = 0.0
            if n == terms.min_n:
                stops[:, 0, n] = waiting.sum(axis=1)
            elif n >= terms.min_n_negative:
                _stop_negative(rules, n, waiting, stops, curtail=False)
        elif enough > rules.certify[n - 1] + 1:
            stops[:, 0, n] = alive[:, :enough].sum(axis=1)
            alive[:, :enough] = 0.0
        if n >= terms.min_n_negative:
            _stop_negative(rules, n, alive, stops)
    return stops


def _step(mass: FloatArray, failed: FloatArray) -> None:
    shifted = failed * mass
    mass -= shifted
    mass[:, 1:] += shifted[:, :-1]


def _stop_negative(
    rules: Boundaries, n: int, mass: FloatArray, stops: FloatArray, *, curtail: bool = True
) -> None:
    end = mass.shape[1]
    limits = (rules.below_bar[n], rules.futile[n], rules.curtailed[n] if curtail else end)
    for reason, limit in enumerate(limits, start=1):
        if limit < end:
            stops[:, reason, n] += mass[:, limit:end].sum(axis=1)
            mass[:, limit:end] = 0.0
            end = int(limit)


def _guarded_starts(bar: float, terms: Terms) -> IntArray:
    kernel = certify_kernel(bar, alpha=terms.alpha, n_max=terms.n_max)
    starts = certification_starts(kernel, n_max=terms.n_max, log_threshold=-math.log(terms.alpha))
    guarded = np.maximum(starts, terms.min_n)
    return guarded[guarded <= terms.n_max]


def _power(starts: IntArray, rate: float) -> float:
    """Walk from one boundary point to the next; between them nothing can be certified."""
    alive = np.zeros(len(starts) + 1)
    alive[0] = 1.0
    power, n = 0.0, 0
    for failures, at in enumerate(starts.tolist()):
        if at > n:
            alive = np.convolve(alive, binomial(at - n, rate, len(alive)))[: len(alive)]
            n = at
        power += float(alive[failures])
        alive[failures] = 0.0
    return power


def binomial(n: int, rate: float, length: int) -> FloatArray:
    """Return the chance of 0, 1, ... failures among n independent units.

    Args:
        n: Number of units.
        rate: Chance of a pass, in [0, 1].
        length: The most entries wanted.

    Returns:
        Binomial probabilities, at most `length` of them.
    """
    f = np.arange(min(n + 1, length))
    log_ways = gammaln(n + 1) - gammaln(f + 1) - gammaln(n - f + 1)
    return np.asarray(np.exp(log_ways + xlog1py(f, -rate) + xlogy(n - f, rate)))

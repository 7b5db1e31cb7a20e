"""The stopping rules of an arm with binary outcomes, as numbers of failures."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from parity_eval.stats.checks import FloatArray, IntArray
from parity_eval.stats.finite_count import FiniteCount
from parity_eval.stats.kernel import Kernel
from parity_eval.stats.state import TIE, SequentialTest
from parity_eval.stats.stopping import ArmDesign, Terms

BinaryTest: TypeAlias = Kernel | FiniteCount

NEVER = int(np.iinfo(np.int64).max)
"""A number of failures that no arm has."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Boundaries:
    """When a binary arm stops; arrays have an entry for each n from 0 to n_max.

    The guards `min_n` and `min_n_negative` are not built in: who uses the boundaries obeys them.
    """

    terms: Terms
    """Levels, budget and guards."""
    certify: IntArray = field(repr=False)
    """The most failures with which the evidence is enough; -1 where none is few enough."""
    below_bar: IntArray = field(repr=False)
    """The fewest failures that show the rate to be below the bar."""
    futile: IntArray = field(repr=False)
    """The fewest failures that refute the rate worth certifying."""
    curtailed: IntArray = field(repr=False)
    """The fewest failures with which no continuation can certify."""

    def width(self) -> int:
        """Return how many different numbers of failures an undecided arm can have.

        Returns:
            The number; runs beyond it can neither certify nor stop before the budget ends.
        """
        negative = np.minimum(np.minimum(self.below_bar, self.futile), self.curtailed)
        finite = negative[negative < NEVER]
        last = int(finite.max()) if finite.size else 0
        return (
            min(max(last, int(self.certify[-1]) + 1, self.terms.min_n_negative), self.terms.n_max)
            + 1
        )


def boundaries(design: ArmDesign) -> Boundaries:
    """Return when an arm with scores 0 and 1 stops.

    Args:
        design: The arm.

    Returns:
        Its boundaries.

    Raises:
        ValueError: If the scores are not in [0, 1], or their order matters.

    Guarantee:
        Exact: the evidence depends on the number of failures, not on their order, and falls with
        every one of them.

    References:
        Jennison and Turnbull, Group sequential methods, 2000, chapter 12.

    Example:
        >>> from parity_eval.stats.stopping import parity_design
        >>> rules = boundaries(parity_design(0.95, Terms(n_max=500)))
        >>> rules.certify[77], rules.certify[78], rules.certify[124]
        (np.int64(-1), np.int64(0), np.int64(1))
    """
    terms, certify = design.terms, _binary(design.certify)
    n_max, log_threshold = terms.n_max, -math.log(terms.alpha)
    can_certify = n_max >= terms.min_n
    starts = certification_starts(certify, n_max=n_max, log_threshold=log_threshold)
    starts = starts[: len(starts) if can_certify else 0]
    futile, curtailed = (np.full(n_max + 1, NEVER) for _ in range(2))
    if design.futile is not None:
        futile = _fewest_failures(_binary(design.futile), n_max, -math.log(terms.beta))
    if design.best is not None:
        least = design.least_log_threshold
        can = len(certification_starts(certify, n_max=n_max, log_threshold=least))
        # At n_max the arm is exhausted, not curtailed.
        curtailed[:n_max] = can if can_certify else 0
    return Boundaries(
        terms=terms,
        certify=np.searchsorted(starts, np.arange(n_max + 1), side="right") - 1,
        below_bar=_fewest_failures(_binary(design.below), n_max, log_threshold),
        futile=futile,
        curtailed=curtailed,
    )


def only_certify(rules: Boundaries) -> Boundaries:
    """Leave out all negative stops.

    Args:
        rules: Boundaries.

    Returns:
        The same without them.
    """
    never = np.full(rules.terms.n_max + 1, NEVER)
    return replace(rules, below_bar=never, futile=never, curtailed=never)


def certification_starts(test: BinaryTest, *, n_max: int, log_threshold: float) -> IntArray:
    """Return from which number of units on each number of failures is few enough.

    Args:
        test: A certification test of scores 0 and 1.
        n_max: The most units.
        log_threshold: Natural logarithm of the evidence that certifies.

    Returns:
        Entry f: the first n at which f failures among n units certify, increasing in f; as many
        entries as there are numbers of failures that can certify by `n_max`.

    Guarantee:
        Exact up to the tie tolerance.

    References:
        Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, 2024.
    """

    def too_little(units: IntArray, failures: IntArray) -> NDArray[np.bool_]:
        return _log_e(test, units, failures) < log_threshold - TIE

    all_units = np.array([n_max])
    most = _last(lambda f: ~too_little(all_units, f), np.array([-1]), all_units)
    failures = np.arange(most[0] + 1)
    return _last(lambda n: too_little(n, failures), failures - 1, np.full(len(failures), n_max)) + 1


def _binary(test: SequentialTest) -> BinaryTest:
    if isinstance(test, (Kernel, FiniteCount)) and (test.lower, test.upper) == (0.0, 1.0):
        return test
    raise ValueError(f"test == {test!r}, must be a test of scores in [0, 1] whose order is free")


def _fewest_failures(test: BinaryTest, n_max: int, log_threshold: float) -> IntArray:
    """Return, for each n, the fewest failures with which a mirrored test reaches a threshold."""

    def reached(units: IntArray, failures: IntArray) -> NDArray[np.bool_]:
        return _log_e(test, units, failures) >= log_threshold - TIE

    all_units = np.array([n_max])
    most = _last(lambda f: ~reached(all_units, f), np.array([-1]), all_units)
    failures = np.arange(min(most[0] + 1, n_max) + 1)
    last_n = _last(lambda n: reached(n, failures), failures - 1, np.full(len(failures), n_max))
    units = np.arange(n_max + 1)
    fewest = np.searchsorted(last_n, units, side="left")
    return np.where(fewest <= units, fewest, NEVER)


def _last(
    holds: Callable[[IntArray], NDArray[np.bool_]], low: IntArray, high: IntArray
) -> IntArray:
    """Bisect for the last whole number at which a property holds that holds at `low`."""
    low, high = low.copy(), high.copy()
    while (low < high).any():
        middle = (low + high + 1) // 2
        yes = holds(middle)
        low, high = np.where(yes, middle, low), np.where(yes, high, middle - 1)
    return low


def _log_e(test: BinaryTest, units: IntArray, failures: IntArray) -> FloatArray:
    passes, fails = np.broadcast_arrays(np.maximum(units - failures, 0), failures)
    if isinstance(test, FiniteCount):
        return test.log_e_many(passes, fails)
    passed, failed = test.log_factors(np.array([1.0, 0.0]), test.worst)
    return test.nodes.log_mixture(_times(passes, passed) + _times(fails, failed))


def _times(counts: IntArray, factors: FloatArray) -> FloatArray:
    """Multiply; zero times minus infinity is zero."""
    times = counts[:, np.newaxis]
    return np.asarray(times * np.where(times == 0, 0.0, factors), dtype=np.float64)

"""What a test of graded scores or paired differences will cost and decide, by simulation.

For binary outcomes `planner` has exact answers; everything else with a finite law is simulated
here, all runs at once.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from parity_eval.stats.checks import (
    FloatArray,
    IntArray,
    check_count,
    check_number,
    check_probability,
    check_scores,
)
from parity_eval.stats.kernel import Kernel
from parity_eval.stats.state import TIE
from parity_eval.stats.stopping import ArmDesign, Stop

_BLOCK = 16
_LOWEST = -1e9
_OVERSHOOT = 0.7
_NO_GROWTH = 1e-12
_CURTAILED, _EXHAUSTED = 3, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """A distribution on finitely many scores."""

    scores: tuple[float, ...]
    """The scores, all different."""
    chances: tuple[float, ...]
    """The chance of each; they sum to 1."""

    def __post_init__(self) -> None:
        if len(self.scores) != len(self.chances) or not self.scores:
            raise ValueError("scores and chances must have the same length, at least 1")
        check_scores(self.chances, "chances", lower=0, upper=1)
        check_number(sum(self.chances), "sum(chances)", (">=", 1 - TIE), ("<=", 1 + TIE))

    @property
    def mean(self) -> float:
        """The mean score."""
        return math.fsum(x * p for x, p in zip(self.scores, self.chances, strict=True))


def difference_law(*, better: float, worse: float) -> Law:
    """Return the law of the difference of two binary scores.

    Args:
        better: Share of pairs in which only the candidate is right.
        worse: Share of pairs in which only the baseline is right.

    Returns:
        The law on -1, 0 and 1.

    Raises:
        ValueError: If a share is negative or they sum to more than 1.
    """
    check_number(better, "better", (">=", 0), ("<=", 1))
    check_number(worse, "worse", (">=", 0), ("<=", 1 - better))
    return Law(scores=(-1.0, 0.0, 1.0), chances=(worse, 1.0 - better - worse, better))


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """How an arm behaved in simulated runs."""

    law: Law
    """The law assumed."""
    runs: int
    """Number of runs."""
    share: Mapping[Stop, float]
    """Share of the runs that stopped for each reason."""
    stopped_at: IntArray
    """Units used by each run, increasing, shape (runs,)."""

    @property
    def mean_n(self) -> float:
        """Mean number of units used."""
        return float(self.stopped_at.mean())

    @property
    def mean_n_error(self) -> float:
        """Monte Carlo standard error of `mean_n`."""
        return float(self.stopped_at.std(ddof=1) / math.sqrt(self.runs))

    def n_stopped(self, share: float) -> int:
        """Return the number of units by which a share of the runs had stopped.

        Args:
            share: The share, in (0, 1).

        Returns:
            That quantile of the number of units.

        Raises:
            ValueError: If the share is not in (0, 1).
        """
        rank = math.ceil(check_probability(share, "share") * self.runs)
        return int(self.stopped_at[rank - 1])


def simulate(design: ArmDesign, law: Law, *, runs: int, rng: np.random.Generator) -> Simulated:
    """Run an arm many times on independent scores of a law.

    Args:
        design: The arm; its tests must be kernels.
        law: The law of the scores.
        runs: Number of runs, at least 2.
        rng: The generator.

    Returns:
        What happened.

    Raises:
        ValueError: If a score is outside the design's range or there are too few runs.

    Guarantee:
        Unbiased for independent scores; the error is that of Monte Carlo.

    References:
        Jennison and Turnbull, Group sequential methods, 2000.

    Example:
        >>> from parity_eval.stats.paired import paired_design
        >>> from parity_eval.stats.stopping import Terms
        >>> rng = np.random.default_rng(1)
        >>> equal = difference_law(better=0.02, worse=0.02)
        >>> found = simulate(paired_design(0.05, Terms(n_max=1000)), equal, runs=200, rng=rng)
        >>> found.share[Stop.CERTIFIED] > 0.8
        True
    """
    check_count(runs, "runs", at_least=2)
    walk = _Walk.of(design, law)
    counts = np.zeros((runs, len(law.scores)))
    highest = np.full(runs, -math.inf)
    open_runs = np.arange(runs)
    stopped_at, reasons = np.zeros(runs, dtype=np.int64), np.zeros(runs, dtype=np.int64)
    for before in range(0, design.terms.n_max, _BLOCK):
        units = np.arange(before, min(before + _BLOCK, design.terms.n_max)) + 1
        drawn = rng.choice(len(law.scores), size=(len(open_runs), len(units)), p=law.chances)
        paths = counts[:, np.newaxis] + np.cumsum(np.eye(len(law.scores))[drawn], axis=1)
        goes_on = np.ones(len(open_runs), dtype=bool)
        close = np.flatnonzero(walk.may_stop(paths, drawn, units, highest))
        if len(close):
            stops, highest[close] = walk.stops(paths[close], units, highest[close])
            has_stopped = stops.any(axis=(1, 2))
            first = stops.any(axis=2).argmax(axis=1)[has_stopped]
            done = close[has_stopped]
            stopped_at[open_runs[done]] = units[first]
            reasons[open_runs[done]] = stops[has_stopped, first].argmax(axis=1)
            goes_on[done] = False
        counts, highest = paths[goes_on, -1], highest[goes_on]
        open_runs = open_runs[goes_on]
        if not len(open_runs):
            break
    shares = np.bincount(reasons, minlength=len(Stop)) / runs
    return Simulated(
        law=law,
        runs=runs,
        share=MappingProxyType(dict(zip(Stop, shares.tolist(), strict=True))),
        stopped_at=np.sort(stopped_at),
    )


def quick_expected_n(kernel: Kernel, law: Law, *, alpha: float) -> float:
    """Estimate without simulation how many units certification takes.

    Args:
        kernel: The certification kernel.
        law: The law of the scores.
        alpha: The level, in (0, 1).

    Returns:
        (log(1 / alpha) + 0.7) / g, where g is how fast the log wealth of the best single bet
        grows per unit; infinity where none grows.

    Raises:
        ValueError: If a score is outside the kernel's range.

    Guarantee:
        A rule of thumb; log(1 / alpha) / g is the least that any test of power one needs.

    References:
        Honda and Takemura, An asymptotically optimal bandit algorithm for bounded support models,
        2010.
    """
    scores = check_scores(law.scores, "scores", lower=kernel.lower, upper=kernel.upper)
    increments = (scores - kernel.null) / (kernel.null - kernel.worst)

    def loss(c: float) -> float:
        return -float(np.array(law.chances) @ np.log1p(c * increments))

    growth = -minimize_scalar(loss, bounds=(0.0, 1.0 - 1e-9), method="bounded").fun
    needed = -math.log(check_probability(alpha, "alpha")) + _OVERSHOOT
    return needed / growth if growth > _NO_GROWTH else math.inf


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Walk:
    """A design with everything that all runs share worked out."""

    design: ArmDesign
    tests: tuple[tuple[Kernel, FloatArray], ...]

    @staticmethod
    def of(design: ArmDesign, law: Law) -> "_Walk":
        tests = [design.certify, design.below]
        if design.futile is not None:
            tests.append(design.futile)
        found = []
        for test in tests:
            if not isinstance(test, Kernel):
                raise TypeError(f"test is a {type(test).__name__}, must be a Kernel")
            scores = check_scores(law.scores, "scores", lower=test.lower, upper=test.upper)
            found.append((test, np.maximum(test.log_factors(scores, test.worst), _LOWEST)))
        return _Walk(design=design, tests=tuple(found))

    def may_stop(
        self, paths: FloatArray, drawn: IntArray, units: IntArray, highest: FloatArray
    ) -> NDArray[np.bool_]:
        """Say which runs could stop in a block, (runs,); for all others `stops` finds nothing.

        Evidence crosses its threshold at a score that raises it, so that the last one of each
        stretch of such scores is enough to look at; and a mixture is worth no more than its best
        bet, which takes no exponentials. Most runs of most blocks are out with that.
        """
        terms = self.design.terms
        # What was enough in an earlier block counts from the guard on.
        is_guarded = 1 < units[0] <= terms.min_n_negative
        if self.design.best is not None or is_guarded or units[-1] == terms.n_max:
            return np.ones(len(drawn), dtype=bool)
        found = highest >= -math.log(terms.alpha) - TIE
        for (_, factors), level in zip(self.tests, self._levels, strict=False):
            raises = np.asarray((factors > 0).any(axis=1))[drawn]
            is_last = raises.copy()
            is_last[:, :-1] &= ~raises[:, 1:]
            run, unit = np.nonzero(is_last)
            best = (paths[run, unit] @ factors).max(axis=1)
            found[run[best >= -math.log(level) - TIE]] = True
        return found

    @property
    def _levels(self) -> tuple[float, float, float]:
        terms = self.design.terms
        return terms.alpha, terms.alpha, terms.beta

    def stops(
        self, paths: FloatArray, units: IntArray, highest: FloatArray
    ) -> tuple[NDArray[np.bool_], FloatArray]:
        """Say which rule holds where, (runs, units, rules), and the highest evidence after."""
        terms = self.design.terms
        stops = np.zeros((*paths.shape[:2], len(Stop)), dtype=bool)
        tests = zip(self.tests, self._levels, strict=False)
        for rule, ((kernel, factors), level) in enumerate(tests):
            log_e = kernel.nodes.log_mixture(paths @ factors)
            if rule == 0:
                log_e = np.maximum(np.maximum.accumulate(log_e, axis=1), highest[:, np.newaxis])
                highest = log_e[:, -1]
            guard = terms.min_n_negative if rule else terms.min_n
            stops[:, :, rule] = (log_e >= -math.log(level) - TIE) & (units >= guard)
            if rule == 0:
                stops[:, :, _CURTAILED] = self._is_out_of_reach(paths, units, log_e)
        stops[:, units == terms.n_max, _EXHAUSTED] = True
        return stops, highest

    def _is_out_of_reach(
        self, paths: FloatArray, units: IntArray, highest: FloatArray
    ) -> NDArray[np.bool_]:
        terms, target = self.design.terms, self.design.least_log_threshold - TIE
        guarded = (units >= terms.min_n_negative) & (units < terms.n_max)
        if self.design.best is None or not guarded.any():
            return np.zeros(highest.shape, dtype=bool)
        if terms.n_max < terms.min_n:
            return np.broadcast_to(guarded, highest.shape)
        kernel, factors = self.tests[0]
        best = kernel.log_factors(self.design.best, kernel.worst)
        at_end = paths @ factors + np.multiply.outer(terms.n_max - units, best)
        return (kernel.nodes.log_mixture(at_end) < target) & (highest < target) & guarded

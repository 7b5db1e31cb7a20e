"""Claims about one log of known size instead of all traffic like it.

Prompts are drawn from the log without replacement, so that what is left in the log gets to be
known: near its end far fewer prompts prove far more. Randomness comes from the order alone;
dependence between prompts does not matter.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from parity_eval.stats.checks import (
    FloatArray,
    IntArray,
    check_count,
    check_counts,
    check_number,
    check_probability,
    check_same_length,
    check_scores,
)
from parity_eval.stats.kernel import Side
from parity_eval.stats.nodes import Prior
from parity_eval.stats.state import TIE

_LOWEST = np.finfo(np.float64).min
_CHUNK = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class FiniteCount:
    """A test of the number of passes in a log, from outcomes drawn without replacement.

    Side `above` refutes "at most `null_count` passes", side `below` refutes "at least
    `null_count` passes". The e-value is the likelihood ratio of a mixture of larger (smaller)
    numbers of passes to the null's.

    Guarantee:
        P(E ever reaches 1 / a) <= a under the null, for every a in (0, 1), if the order is a
        random permutation. The order of what was drawn does not matter.

    References:
        Waudby-Smith and Ramdas, Confidence sequences for sampling without replacement, 2020.
    """

    size: int
    """Number of prompts in the log."""
    null_count: int
    """Number of passes at the edge of the null."""
    c_min: float = 0.0
    """Alternatives nearer to the null than this share of the way to the end get no weight."""
    prior: Prior = "uniform"
    """How the other alternatives are weighed."""
    side: Side = "above"
    """On which side of the null the test looks for the number of passes."""

    def __post_init__(self) -> None:
        check_count(self.size, "size", at_least=1)
        if self.side == "above":
            check_number(self.null_count, "null_count", (">=", 0), ("<", self.size))
        else:
            check_number(self.null_count, "null_count", (">", 0), ("<=", self.size))
        check_number(self.c_min, "c_min", (">=", 0), ("<=", 1))

    @property
    def lower(self) -> float:
        """Smallest mean possible."""
        return 0.0

    @property
    def upper(self) -> float:
        """Largest mean possible."""
        return 1.0

    def log_e(self, passes: int, fails: int) -> float:
        """Return the log e-value.

        Args:
            passes: Passes among the prompts drawn so far.
            fails: Failures among them.

        Returns:
            log E; infinity if the null is impossible, minus infinity if all alternatives are.

        Raises:
            ValueError: If a count is negative or there are more prompts than the log has.
        """
        seen = np.array([check_count(passes, "passes")]), np.array([check_count(fails, "fails")])
        return float(self.log_e_many(*seen)[0])

    def log_e_many(self, passes: IntArray, fails: IntArray) -> FloatArray:
        """Return the log e-value for many counts at once.

        Args:
            passes: Passes among the prompts drawn so far, shape (n,).
            fails: Failures among them, shape (n,).

        Returns:
            log E, shape (n,).

        Raises:
            ValueError: If there are more prompts than the log has.
        """
        drawn = passes + fails
        if (drawn > self.size).any():
            raise ValueError(f"passes + fails == {drawn.max()}, must be <= {self.size}")
        found = [
            self._log_e(self._edge, *self._oriented(passes[part], fails[part]))
            for part in np.array_split(np.arange(len(drawn)), len(drawn) // _CHUNK + 1)
        ]
        return np.concatenate(found)

    def bound(self, values: ArrayLike, counts: ArrayLike | None, *, alpha: float) -> float:
        """Return the confidence bound for the share of passes in the log.

        Args:
            values: Distinct outcomes, 0 or 1, or all of them, shape (k,).
            counts: How many prompts had each; one each if None.
            alpha: The level of the bound.

        Returns:
            The smallest (largest) share that is not refuted.

        Raises:
            ValueError: If an argument is outside its domain.
        """
        outcomes = check_outcomes(values)
        times = np.ones(len(outcomes)) if counts is None else check_counts(counts, "counts")
        check_same_length(values=outcomes, counts=np.asarray(times, dtype=np.float64))
        passes = int(times @ outcomes)
        least = self.least_count(passes, int(times.sum()) - passes, alpha=alpha)
        return (least if self.side == "above" else self.size - least) / self.size

    def least_count(self, passes: int, fails: int, *, alpha: float) -> int:
        """Return the smallest number of passes in the log that is not refuted.

        Args:
            passes: Passes among the prompts drawn so far.
            fails: Failures among them.
            alpha: The level.

        Returns:
            The number; on side `below`, of failures.

        Raises:
            ValueError: If a count is negative or alpha is not in (0, 1).
        """
        target = -math.log(check_probability(alpha, "alpha")) - TIE
        hits, misses = self._oriented(np.array([passes]), np.array([fails]))
        # Fewer in the log than were drawn is impossible.
        for edge in range(int(hits[0]), self.size):
            if self._log_e(edge, hits, misses)[0] < target:
                return edge
        return self.size

    def begin(self) -> tuple[float, ...]:
        """Return the memory before the first prompt.

        Returns:
            No passes and no failures.
        """
        return (0.0, 0.0)

    def step(
        self, memory: tuple[float, ...], score: float, limit: float | None
    ) -> tuple[tuple[float, ...], float]:
        """Return passes, failures and the log e-value after one more prompt.

        Args:
            memory: Passes and failures before it.
            score: Its outcome, 0 or 1.
            limit: None; outcomes have no limits of their own.

        Returns:
            Passes and failures, and log E.

        Raises:
            ValueError: If the outcome is neither 0 nor 1, or the log is used up.
        """
        refuse_limits(limit)
        (outcome,) = check_outcomes([score])
        passes, fails = memory[0] + outcome, memory[1] + 1 - outcome
        return (passes, fails), self.log_e(int(passes), int(fails))

    def walk(
        self, memory: tuple[float, ...], scores: ArrayLike, limits: ArrayLike | None
    ) -> tuple[tuple[float, ...], FloatArray]:
        """Return passes and failures after more prompts, and the log e-value after each.

        Args:
            memory: Passes and failures before them.
            scores: Their outcomes in order, each 0 or 1, shape (n,).
            limits: None; outcomes have no limits of their own.

        Returns:
            Passes and failures, and log E after each prompt, shape (n,).

        Raises:
            ValueError: If an outcome is neither 0 nor 1, or the log is used up.
        """
        refuse_limits(limits)
        outcomes = check_outcomes(scores)
        passes = memory[0] + np.cumsum(outcomes)
        fails = memory[1] + np.cumsum(1 - outcomes)
        if not len(outcomes):
            return memory, np.empty(0)
        path = self.log_e_many(passes.astype(np.int64), fails.astype(np.int64))
        return (float(passes[-1]), float(fails[-1])), path

    def log_e_after(self, memory: tuple[float, ...], score: float, times: int) -> float:
        """Return the log e-value if the next prompts all had one outcome.

        Args:
            memory: Passes and failures now.
            score: The outcome, 0 or 1.
            times: How many prompts have it.

        Returns:
            log E after them.
        """
        passes = int(memory[0] + score * times)
        return self.log_e(passes, int(memory[0] + memory[1]) + times - passes)

    @property
    def _edge(self) -> int:
        return self.null_count if self.side == "above" else self.size - self.null_count

    def _oriented(self, passes: IntArray, fails: IntArray) -> tuple[IntArray, IntArray]:
        return (passes, fails) if self.side == "above" else (fails, passes)

    def _log_e(self, edge: int, hits: IntArray, misses: IntArray) -> FloatArray:
        """Return log E against "at most `edge` hits in the log", shape (n,)."""
        first = edge + max(1, math.ceil(self.c_min * (self.size - edge) - 1e-12))
        counts = np.arange(first, self.size + 1)
        ratios = self._log_ways(counts, hits, misses)
        at_edge = self._log_ways(np.array([edge]), hits, misses)
        # Where the edge is impossible, so are all alternatives, or the null is.
        ratios -= np.where(np.isneginf(at_edge), 0.0, at_edge)
        ratios += _log_prior(self.prior, edge, first, self.size)
        top = np.maximum(ratios.max(axis=1, keepdims=True), _LOWEST)
        with np.errstate(divide="ignore"):
            mixed = top[:, 0] + np.log(np.exp(ratios - top).sum(axis=1))
        mixed = np.where(hits > edge, math.inf, mixed)
        return np.where(hits + misses == 0, 0.0, mixed)

    def _log_ways(self, counts: IntArray, hits: IntArray, misses: IntArray) -> FloatArray:
        """Return log C(k, hits) + log C(size - k, misses) but for what all k share, (n, k)."""
        table = _log_factorials(self.size)
        left = counts - hits[:, np.newaxis]
        rest = self.size - counts
        left_over = rest - misses[:, np.newaxis]
        possible = (left >= 0) & (left_over >= 0)
        ways = table[counts] + table[rest]
        ways = ways - table[np.maximum(left, 0)] - table[np.maximum(left_over, 0)]
        return np.where(possible, ways, -math.inf)


def check_outcomes(values: ArrayLike) -> FloatArray:
    """Return outcomes if each is 0 or 1.

    Args:
        values: The outcomes, shape (n,).

    Returns:
        The outcomes as floats.

    Raises:
        ValueError: If one is neither.
    """
    outcomes = check_scores(values, "scores", lower=0, upper=1)
    neither = (outcomes != 0) & (outcomes != 1)
    if neither.any():
        first = int(np.argmax(neither))
        raise ValueError(f"scores[{first}] == {outcomes[first]:g}, must be 0 or 1")
    return outcomes


def refuse_limits(limits: ArrayLike | None) -> None:
    """Refuse limits of single units, which tests of a finite log do not know.

    Args:
        limits: None.

    Raises:
        ValueError: If there are any.
    """
    if limits is not None:
        raise ValueError("limits are not possible for a test of a finite log")


def _log_prior(prior: Prior, edge: int, first: int, size: int) -> FloatArray:
    distance = np.arange(first, size + 1, dtype=np.float64) - edge
    weights = np.ones_like(distance) if prior == "uniform" else 1.0 / distance
    return np.asarray(np.log(weights / weights.sum()), dtype=np.float64)


@lru_cache(maxsize=64)
def _log_factorials(size: int) -> FloatArray:
    table: FloatArray = np.array(gammaln(np.arange(size + 1) + 1.0))
    table.flags.writeable = False
    return table

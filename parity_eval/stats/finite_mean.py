"""The kernel for graded scores drawn without replacement from a log of known size."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from parity_eval.stats.checks import (
    FloatArray,
    check_count,
    check_number,
    check_probability,
    check_scores,
)
from parity_eval.stats.finite_count import refuse_limits
from parity_eval.stats.kernel import Side
from parity_eval.stats.nodes import BetNodes
from parity_eval.stats.state import TIE

_NOTHING = 1e-9
_BISECTIONS = 45


@dataclass(frozen=True, slots=True, kw_only=True)
class FiniteMean:
    """A test of the mean score of a log, from scores drawn without replacement.

    It places the bets of the kernel against a null that moves: the mean that the rest of the log
    would have to have.

    Guarantee:
        P(E ever reaches 1 / a) <= a under the null, for every a in (0, 1), if the order is a
        random permutation. Unlike the kernel it depends on the order of the scores.

    References:
        Waudby-Smith and Ramdas, Confidence sequences for sampling without replacement, 2020.
        Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, 2024.
    """

    size: int
    """Number of units in the log."""
    nodes: BetNodes
    """The bets."""
    null: float
    """The mean of the whole log that the test refutes."""
    lower: float = 0.0
    """Smallest score possible."""
    upper: float = 1.0
    """Largest score possible."""
    side: Side = "above"
    """On which side of the null the test looks for the mean."""

    def __post_init__(self) -> None:
        check_count(self.size, "size", at_least=1)
        lower = check_number(self.lower, "lower")
        upper = check_number(self.upper, "upper", (">", lower))
        check_number(self.null, "null", (">", lower), ("<", upper))

    def bound(self, values: ArrayLike, counts: ArrayLike | None, *, alpha: float) -> float:
        """Return the confidence bound for the mean of the log.

        Args:
            values: Scores in the order they were drawn, shape (n,).
            counts: None; the order matters.
            alpha: The level of the bound.

        Returns:
            The bound, within the range.

        Raises:
            ValueError: If an argument is outside its domain.
        """
        target = -math.log(check_probability(alpha, "alpha")) - TIE
        if counts is not None:
            raise ValueError("counts are not enough for graded scores of a finite log: give all")
        refuted = self.lower if self.side == "above" else self.upper
        kept = self.upper if self.side == "above" else self.lower
        for _ in range(_BISECTIONS):
            middle = (refuted + kept) / 2
            path = replace(self, null=middle).walk(self.begin(), values, None)[1]
            if len(path) and path[-1] >= target:
                refuted = middle
            else:
                kept = middle
        return refuted

    def begin(self) -> tuple[float, ...]:
        """Return the memory before the first unit.

        Returns:
            Number and sum of scores, and the log wealth of each bet.
        """
        return (0.0, 0.0) + (0.0,) * len(self.nodes.fractions)

    def step(
        self, memory: tuple[float, ...], score: float, limit: float | None
    ) -> tuple[tuple[float, ...], float]:
        """Return the memory and the log e-value after one more unit.

        Args:
            memory: The memory before it.
            score: Its score.
            limit: None; units have no limits of their own.

        Returns:
            Memory and log E.

        Raises:
            ValueError: If the score is out of range or the log is used up.
        """
        refuse_limits(limit)
        after, path = self.walk(memory, [score], None)
        return after, float(path[0])

    def walk(
        self, memory: tuple[float, ...], scores: ArrayLike, limits: ArrayLike | None
    ) -> tuple[tuple[float, ...], FloatArray]:
        """Return the memory after more units, and the log e-value after each of them.

        Args:
            memory: The memory before them.
            scores: Their scores in order, shape (n,).
            limits: None; units have no limits of their own.

        Returns:
            Memory, and log E after each unit, shape (n,); infinity once the null is impossible.

        Raises:
            ValueError: If a score is out of range or the log is used up.
        """
        refuse_limits(limits)
        given = check_scores(scores, "scores", lower=self.lower, upper=self.upper)
        seen, total, *wealth = memory
        if seen + len(given) > self.size:
            raise ValueError(f"n == {seen + len(given):g}, must be <= size == {self.size}")
        if not len(given):
            return memory, np.empty(0)
        positions = self._relative(given)
        sums = total + np.cumsum(positions)
        owed = self.size * float(self._relative(np.array([self.null]))[0])
        left = self.size - seen - np.arange(len(given))
        nulls = (owed - np.concatenate(([total], sums[:-1]))) / left
        steps = self._log_factors(positions, nulls)
        paths = np.array(wealth) + np.cumsum(steps, axis=0)
        # Once the null is impossible it stays so.
        paths[np.maximum.accumulate(sums > owed + _NOTHING)] = math.inf
        return (seen + len(given), float(sums[-1]), *paths[-1].tolist()), self._mix(paths)

    def log_e_after(self, memory: tuple[float, ...], score: float, times: int) -> float:
        """Return the log e-value if the next units all had one score.

        Args:
            memory: The memory now.
            score: The score.
            times: How many units have it.

        Returns:
            log E after them.
        """
        if not times:
            return float(self._mix(np.array([memory[2:]]))[0])
        return float(self.walk(memory, np.full(times, score), None)[1][-1])

    def _relative(self, scores: FloatArray) -> FloatArray:
        span = self.upper - self.lower
        return (scores - self.lower if self.side == "above" else self.upper - scores) / span

    def _log_factors(self, positions: FloatArray, nulls: FloatArray) -> FloatArray:
        possible = nulls > _NOTHING / self.size
        ratio = np.divide(positions, nulls, out=np.ones(len(nulls)), where=possible)
        with np.errstate(divide="ignore"):
            return np.log1p(np.multiply.outer(ratio - 1.0, self.nodes.c))

    def _mix(self, paths: FloatArray) -> FloatArray:
        certain = np.asarray(paths[:, 0] == math.inf)
        mixed = self.nodes.log_mixture(np.where(certain[:, np.newaxis], 0.0, paths))
        return np.where(certain, math.inf, mixed)

"""The one test behind every certificate: a mixture of bets against a bounded mean."""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from parity_eval.stats.checks import (
    FloatArray,
    check_counts,
    check_number,
    check_same_length,
    check_scores,
)
from parity_eval.stats.nodes import BetNodes, Prior, bet_nodes
from parity_eval.stats.state import TIE

Side: TypeAlias = Literal["above", "below"]

_CHUNK = 16_384

__all__ = [
    "TIE",
    "Kernel",
    "Side",
    "certify_kernel",
    "check_units",
    "log_e_from_counts",
    "log_e_path",
    "log_factors",
    "mirror_kernel",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """A one-sided test of a bounded mean, fixed before the first outcome.

    Side `above` bets against "the mean is at most `null`", side `below` against "the mean is at
    least `null`". Each unit multiplies the wealth of the bet c by 1 + c r, where r is the distance
    of its score from the null, divided by the distance of the null from the worst score possible.

    Guarantee:
        Under the null hypothesis the wealth is a nonnegative supermartingale that begins at 1, so
        the probability that it ever reaches 1 / alpha is at most alpha, whenever anyone looks
        (Ville's inequality). It is enough that each score has conditional mean on the null's side
        given all earlier ones, and that its limit was known before anything about its unit was.

    References:
        Ville, Etude critique de la notion de collectif, 1939.
        Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, 2024.
    """

    nodes: BetNodes
    """The bets."""
    null: float
    """The mean that the test refutes."""
    lower: float = 0.0
    """Smallest mean possible; also the smallest score, unless a unit has a limit of its own."""
    upper: float = 1.0
    """Largest mean possible; also the largest score, unless a unit has a limit of its own."""
    side: Side = "above"
    """On which side of the null the test looks for the mean."""

    def __post_init__(self) -> None:
        lower = check_number(self.lower, "lower")
        upper = check_number(self.upper, "upper", (">", lower))
        check_number(self.null, "null", (">", lower), ("<", upper))
        if self.side not in ("above", "below"):
            raise ValueError(f"side == {self.side!r}, must be 'above' or 'below'")

    @property
    def worst(self) -> float:
        """The score that loses most."""
        return self.lower if self.side == "above" else self.upper

    def at(self, null: float) -> "Kernel":
        """Return the same bets against another null, as confidence bounds need.

        Args:
            null: The other null, strictly inside the range.

        Returns:
            A kernel with the same nodes, range and side.
        """
        return replace(self, null=null)

    def log_factors(self, scores: FloatArray | float, worst: FloatArray | float) -> FloatArray:
        """Return what each score does to the log wealth of each bet.

        Args:
            scores: Scores, shape (n,) or one.
            worst: The worst each score could have been, shape (n,), or one for all.

        Returns:
            log(1 + c r), shape (n, bets) or (bets,); minus infinity where a bet loses everything.
        """
        return log_factors(self.nodes, scores, null=self.null, worst=worst)

    def begin(self) -> tuple[float, ...]:
        """Return the log wealth of each bet before the first unit.

        Returns:
            Zeros, one per bet.
        """
        return (0.0,) * len(self.nodes.fractions)

    def step(
        self, memory: tuple[float, ...], score: float, limit: float | None
    ) -> tuple[tuple[float, ...], float]:
        """Return the log wealth of each bet and of the mixture after one more unit.

        Args:
            memory: Log wealth of each bet before it.
            score: Its score.
            limit: The worst score it could have had, if that differs from the kernel's.

        Returns:
            Log wealth of each bet, and of the mixture.

        Raises:
            ValueError: If the score or the limit is out of range.
        """
        worst = self.worst
        if limit is None:
            check_number(score, "score", (">=", self.lower), ("<=", self.upper))
        else:
            (score,), (worst,) = check_units(self, [score], [limit])
        wealth = np.array(memory) + self.log_factors(score, worst)
        return tuple(wealth.tolist()), float(self.nodes.log_mixture(wealth))

    def walk(
        self, memory: tuple[float, ...], scores: ArrayLike, limits: ArrayLike | None
    ) -> tuple[tuple[float, ...], FloatArray]:
        """Return the log wealth of each bet after more units, and of the mixture after each.

        Args:
            memory: Log wealth of each bet before them.
            scores: Their scores in order, shape (n,).
            limits: The worst each could have been, shape (n,), or None.

        Returns:
            Log wealth of each bet, and of the mixture, shape (n,).

        Raises:
            ValueError: If a score or a limit is out of range, or the lengths differ.
        """
        given, worst = check_units(self, scores, limits)
        path = np.empty(len(given))
        wealth = np.array(memory)
        for first in range(0, len(given), _CHUNK):
            part = slice(first, first + _CHUNK)
            block = wealth + np.cumsum(self.log_factors(given[part], worst[part]), axis=0)
            path[part] = self.nodes.log_mixture(block)
            wealth = block[-1]
        return tuple(wealth.tolist()), path

    def log_e_after(self, memory: tuple[float, ...], score: float, times: int) -> float:
        """Return the log wealth of the mixture if the next units all had one score.

        Args:
            memory: Log wealth of each bet now.
            score: The score.
            times: How many units have it.

        Returns:
            Log wealth of the mixture after them.
        """
        if not times:
            return float(self.nodes.log_mixture(np.array(memory)))
        wealth = np.array(memory) + times * self.log_factors(score, self.worst)
        return float(self.nodes.log_mixture(wealth))


def log_factors(
    nodes: BetNodes, scores: FloatArray | float, *, null: float, worst: FloatArray | float
) -> FloatArray:
    """Return what each score does to the log wealth of each bet, for either side.

    Args:
        nodes: The bets.
        scores: Scores, shape (n,) or one.
        null: The mean under test.
        worst: The worst each score could have been: below the null when betting on a larger
            mean, above it when betting on a smaller one.

    Returns:
        log(1 + c r), shape (n, bets) or (bets,); minus infinity where a bet loses everything.
    """
    increments = np.maximum((scores - null) / (null - np.asarray(worst)), -1.0)
    growth = np.multiply.outer(increments, nodes.c)
    if nodes.fractions[-1] < 1.0:
        return np.asarray(np.log1p(growth))
    with np.errstate(divide="ignore"):
        return np.asarray(np.log1p(growth))


def certify_kernel(
    null: float, *, alpha: float, n_max: int | None, lower: float = 0.0, upper: float = 1.0
) -> Kernel:
    """Return the test that certifies: it refutes "the mean is at most `null`".

    Args:
        null: The bar, strictly inside the range of the scores.
        alpha: The level the bets are tuned to, in (0, 1).
        n_max: The most units the test may use, or None for no end.
        lower: The smallest score possible.
        upper: The largest score possible.

    Returns:
        The kernel, with fractions uniform in c.

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        P(log E ever reaches log(1 / a)) <= a under the null, for every a in (0, 1).

    References:
        Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, 2024.

    Example:
        >>> kernel = certify_kernel(0.95, alpha=0.05, n_max=500)
        >>> round(log_e_from_counts(kernel, [0, 1], [3, 200]), 6)
        3.143592
    """
    position = _relative(null, lower, upper)
    nodes = bet_nodes(position, alpha=alpha, n_max=n_max)
    return Kernel(nodes=nodes, null=null, lower=lower, upper=upper)


def mirror_kernel(
    null: float,
    *,
    alpha: float,
    n_max: int | None,
    lower: float = 0.0,
    upper: float = 1.0,
    prior: Prior = "loguniform",
) -> Kernel:
    """Return the mirrored test: it refutes "the mean is at least `null`".

    Args:
        null: The mean to refute, strictly inside the range of the scores.
        alpha: The level the bets are tuned to, in (0, 1).
        n_max: The most units the test may use, or None for no end.
        lower: The smallest score possible.
        upper: The largest score possible.
        prior: `loguniform` where the null is near the upper end, as bars are; `uniform` for the
            second half of an equivalence test.

    Returns:
        The kernel.

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        P(log E ever reaches log(1 / a)) <= a under the null, for every a in (0, 1).

    References:
        Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, 2024.
    """
    position = 1.0 - _relative(null, lower, upper)
    nodes = bet_nodes(position, alpha=alpha, n_max=n_max, prior=prior)
    return Kernel(nodes=nodes, null=null, lower=lower, upper=upper, side="below")


def check_units(
    kernel: Kernel, scores: ArrayLike, limits: ArrayLike | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return scores and the worst each could have been, refusing what is out of range.

    Args:
        kernel: The test.
        scores: Scores, shape (n,).
        limits: The worst each score could have been, shape (n,), where units have limits of their
            own; they may only widen the kernel's range.

    Returns:
        Scores and worst scores, both of shape (n,).

    Raises:
        ValueError: If a score or a limit is out of range, or the lengths differ.
    """
    if limits is None:
        within = check_scores(scores, "scores", lower=kernel.lower, upper=kernel.upper)
        return within, np.full(len(within), kernel.worst)
    given = check_scores(scores, "scores", lower=-np.inf, upper=np.inf)
    if kernel.side == "above":
        worst = check_scores(limits, "limits", lower=-np.inf, upper=kernel.lower)
    else:
        worst = check_scores(limits, "limits", lower=kernel.upper, upper=np.inf)
    check_same_length(scores=given, limits=worst)
    beyond = (given - worst) * np.sign(kernel.null - worst) < -TIE
    if beyond.any():
        i = int(np.argmax(beyond))
        sign = ">=" if kernel.side == "above" else "<="
        raise ValueError(f"scores[{i}] == {given[i]:g}, must be {sign} its limit {worst[i]:g}")
    return given, worst


def log_e_path(kernel: Kernel, scores: ArrayLike, *, limits: ArrayLike | None = None) -> FloatArray:
    """Return the log wealth after each unit of a sequence.

    Args:
        kernel: The test.
        scores: Scores in the planned order, shape (n,).
        limits: The worst each score could have been, shape (n,), where units have limits of
            their own.

    Returns:
        log E after 1, ..., n units, shape (n,).

    Raises:
        ValueError: If a score or a limit is out of range, or the lengths differ.

    Guarantee:
        P(any entry ever reaches log(1 / a)) <= a under the null, for every a in (0, 1).

    References:
        Ville, Etude critique de la notion de collectif, 1939.
    """
    return kernel.walk(kernel.begin(), scores, limits)[1]


def log_e_from_counts(kernel: Kernel, values: ArrayLike, counts: ArrayLike) -> float:
    """Return the log wealth after units of which only the scores' frequencies are known.

    Args:
        kernel: The test.
        values: Distinct scores, shape (k,).
        counts: How many units had each, shape (k,).

    Returns:
        log E; 0 without units, minus infinity if every bet has lost everything.

    Raises:
        ValueError: If a score is out of range, a count is negative, or the lengths differ.

    Guarantee:
        The same number as after the units one by one: the order does not matter.

    References:
        Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, 2024.

    Example:
        >>> kernel = certify_kernel(0.95, alpha=0.05, n_max=500)
        >>> log_e_from_counts(kernel, [0.0, 1.0], [0, 0])
        0.0
    """
    given, worst = check_units(kernel, values)
    times = check_counts(counts, "counts")
    check_same_length(values=given, counts=times)
    seen = times > 0
    if not seen.any():
        return 0.0
    wealth = times[seen].astype(np.float64) @ kernel.log_factors(given[seen], worst[seen])
    return float(kernel.nodes.log_mixture(wealth))


def _relative(null: float, lower: float, upper: float) -> float:
    check_number(lower, "lower")
    check_number(upper, "upper", (">", lower))
    return (check_number(null, "null", (">", lower), ("<", upper)) - lower) / (upper - lower)

"""The bet fractions of a test and how the stake is spread over them."""

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np
from scipy.optimize import brentq

from parity_eval.stats.checks import FloatArray, check_count, check_number, check_probability

Prior: TypeAlias = Literal["uniform", "loguniform"]

_KAPPA = 0.75
_LOWEST = np.finfo(np.float64).min
_SMALLEST_LOGUNIFORM = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class BetNodes:
    """Bet fractions c in (0, 1] and their weights, fixed before the first outcome."""

    fractions: tuple[float, ...] = field(repr=False)
    """The share of the wealth put at risk by each bet, increasing."""
    log_weights: tuple[float, ...] = field(repr=False)
    """Natural logarithm of the share of the initial wealth given to each bet."""
    c_min: float
    """Where the fractions begin: smaller bets could not pay within the budget."""
    c: FloatArray = field(init=False, repr=False, compare=False)
    """`fractions` as a read-only array."""
    log_w: FloatArray = field(init=False, repr=False, compare=False)
    """`log_weights` as a read-only array."""

    def __post_init__(self) -> None:
        for name, values in (("c", self.fractions), ("log_w", self.log_weights)):
            array = np.array(values, dtype=np.float64)
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @property
    def is_all_in(self) -> bool:
        """Whether the budget leaves only the bet of everything on no loss at all."""
        return self.c_min >= 1.0

    def log_mixture(self, log_wealth: FloatArray) -> FloatArray:
        """Add the wealth of all bets.

        Args:
            log_wealth: Log wealth of each bet before weighting, shape (..., len(fractions)).

        Returns:
            Log wealth of the mixture, shape (...).
        """
        weighted = log_wealth + self.log_w
        top = weighted.max(axis=-1, keepdims=True)
        if top.size == 1 and top.item() > -math.inf:
            return np.asarray(top[..., 0] + np.log(np.exp(weighted - top).sum(axis=-1)))
        # A mixture that has lost everything stays at minus infinity instead of NaN.
        top = np.maximum(top, _LOWEST)
        with np.errstate(divide="ignore"):
            return np.asarray(top[..., 0] + np.log(np.exp(weighted - top).sum(axis=-1)))


@lru_cache(maxsize=1024)
def bet_nodes(
    relative_null: float,
    *,
    alpha: float,
    n_max: int | None,
    prior: Prior = "uniform",
    count: int = 32,
) -> BetNodes:
    """Choose the bet fractions for one null hypothesis, level and budget.

    The fraction c is the likelihood ratio against the alternative that lies the share c of the way
    from the null to the best possible mean, so weights uniform in c are a uniform prior on that
    alternative. Alternatives too close to the null to be told from it within `n_max` get none.

    Args:
        relative_null: Position of the null in the range of a score, in (0, 1): `p0` for parity,
            `(1 - margin) / 2` for differences, `1 - p` for the mirrored test of `p`.
        alpha: The level the test is designed for, in (0, 1).
        n_max: The most units the test may use, or None for no end.
        prior: `uniform` in c for certification, `loguniform` for mirrored tests.
        count: Number of fractions.

    Returns:
        The fractions and weights. If not even `n_max` perfect units can convince, the only
        fraction is 1.

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        Any fractions in (0, 1] with weights that sum to one, fixed in advance, give a valid test;
        the choice made here concerns power only.

    References:
        Robbins, Statistical methods related to the law of the iterated logarithm, 1970 (mixtures).
        Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, 2024.

    Example:
        >>> round(bet_nodes(0.95, alpha=0.05, n_max=500).c_min, 6)
        0.384939
    """
    null = check_probability(relative_null, "relative_null")
    check_probability(alpha, "alpha")
    check_count(count, "count", at_least=1)
    if prior not in ("uniform", "loguniform"):
        raise ValueError(f"prior == {prior!r}, must be 'uniform' or 'loguniform'")
    c_min = smallest_fraction(null, alpha=alpha, n_max=n_max)
    if c_min >= 1.0:
        return BetNodes(fractions=(1.0,), log_weights=(0.0,), c_min=1.0)
    if prior == "loguniform":
        c_min = max(c_min, _SMALLEST_LOGUNIFORM)
    start = math.asin(math.sqrt(c_min))
    theta = start + (np.arange(count) + 0.5) * (math.pi / 2 - start) / count
    fractions = np.sin(theta) ** 2
    weights = np.sin(2 * theta)
    if prior == "loguniform":
        weights = weights / fractions
    log_weights = np.log(weights / weights.sum())
    return BetNodes(
        fractions=tuple(fractions.tolist()), log_weights=tuple(log_weights.tolist()), c_min=c_min
    )


def smallest_fraction(relative_null: float, *, alpha: float, n_max: int | None) -> float:
    """Return the smallest bet fraction that can pay within the budget.

    Args:
        relative_null: Position of the null in the range of a score, in (0, 1).
        alpha: The level the test is designed for, in (0, 1).
        n_max: The most units the test may use, or None for no end.

    Returns:
        The c in [0, 1] whose alternative has a Kullback-Leibler divergence of
        `0.75 log(1 / alpha) / n_max` from the null; 0 without a budget, 1 if there is none.

    Raises:
        ValueError: If an argument is outside its domain.
    """
    m = check_number(relative_null, "relative_null", (">", 0), ("<", 1))
    if n_max is None:
        return 0.0
    target = _KAPPA * math.log(1 / alpha) / check_count(n_max, "n_max", at_least=1)
    if target >= -math.log(m):
        return 1.0

    def excess(c: float) -> float:
        to_null = (m + c * (1 - m)) * math.log1p(c * (1 - m) / m)
        return to_null + (1 - c) * (1 - m) * math.log1p(-c) - target

    return float(brentq(excess, 0.0, 1.0 - 1e-16, xtol=1e-15, rtol=1e-15))

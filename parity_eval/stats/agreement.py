"""How far two raters agree beyond chance: the judge and a human, or two humans."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from parity_eval.stats.checks import IntArray, check_probability


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Agreement of two raters on the same units, chance-corrected.

    Guarantee:
        The interval covers the kappa of the population with probability near 1 - alpha at a number
        of units fixed beforehand; it is approximate and not anytime-valid. It must not decide
        anything: the labels correct the judge in `labels`, whatever kappa is.

    References:
        Cohen, A coefficient of agreement for nominal scales, 1960.
        Fleiss, Cohen and Everitt, Large sample standard errors of kappa, 1969.
    """

    n: int
    """Units rated by both."""
    categories: tuple[Hashable, ...]
    """Categories in the order of the confusion table."""
    confusion: tuple[tuple[int, ...], ...]
    """Units by the first rater's category (rows) and the second's (columns)."""
    share: float
    """Share of units on which both say the same."""
    kappa: float | None
    """Cohen's kappa; None where both use one and the same category only, which leaves nothing to
    agree on beyond chance."""
    interval: tuple[float, float] | None
    """Two-sided interval for kappa, from its large-sample standard error; from an exact interval
    for the share where agreement is perfect; None without kappa, and where one rater uses one
    category only, which makes kappa 0 whatever the other says."""


def agreement(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    *,
    alpha: float = 0.05,
    categories: Sequence[Hashable] | None = None,
) -> Agreement:
    """Compare two raters.

    Args:
        first: Category that the first rater gave to each unit.
        second: Category that the second rater gave to the same units.
        alpha: One minus the level of the interval, in (0, 1).
        categories: All categories in the order wanted; those that occur, first come first, if
            omitted.

    Returns:
        Confusion table, share of agreement and kappa with an interval.

    Raises:
        ValueError: If there are no units, the lengths differ, or a category is not among those
            given.

    Guarantee:
        See `Agreement`.

    References:
        Cohen, A coefficient of agreement for nominal scales, 1960.

    Example:
        >>> found = agreement([1, 1, 0, 0, 1, 0], [1, 1, 0, 1, 1, 0])
        >>> found.confusion, round(found.kappa, 3)
        (((3, 0), (1, 2)), 0.667)
    """
    check_probability(alpha, "alpha")
    if len(first) != len(second):
        raise ValueError(f"len(first) == {len(first)}, must be len(second) == {len(second)}")
    if not first:
        raise ValueError("len(first) == 0, must be >= 1")
    known = tuple(dict.fromkeys((*first, *second) if categories is None else categories))
    table = _confusion(first, second, known)
    kappa, interval = _kappa(table, alpha)
    return Agreement(
        n=len(first),
        categories=known,
        confusion=tuple(tuple(row) for row in table.tolist()),
        share=float(np.trace(table) / table.sum()),
        kappa=kappa,
        interval=interval,
    )


def _confusion(
    first: Sequence[Hashable], second: Sequence[Hashable], categories: tuple[Hashable, ...]
) -> IntArray:
    number = {category: i for i, category in enumerate(categories)}
    table = np.zeros((len(categories), len(categories)), dtype=np.int64)
    for pair in zip(first, second, strict=True):
        for category in pair:
            if category not in number:
                raise ValueError(f"category == {category!r}, must be one of {categories!r}")
        table[number[pair[0]], number[pair[1]]] += 1
    return table


def _kappa(table: IntArray, alpha: float) -> tuple[float | None, tuple[float, float] | None]:
    n = int(table.sum())
    by_chance = float(table.sum(axis=0) @ table.sum(axis=1)) / n**2
    if by_chance >= 1:
        return None, None
    if min(np.count_nonzero(table.sum(axis=0)), np.count_nonzero(table.sum(axis=1))) == 1:
        return 0.0, None
    if np.trace(table) == n:
        # The large-sample error is zero here, which would be a made-up certainty.
        share = float((alpha / 2) ** (1 / n))
        return 1.0, (max(-1.0, (share - by_chance) / (1 - by_chance)), 1.0)
    from statsmodels.stats.inter_rater import cohens_kappa  # type: ignore[import-untyped]

    used = (table.sum(axis=0) + table.sum(axis=1)) > 0
    found = cohens_kappa(table[np.ix_(used, used)])
    kappa = float(found.kappa)
    reach = float(ndtri(1 - alpha / 2) * found.std_kappa)
    return kappa, (max(-1.0, kappa - reach), min(1.0, kappa + reach))

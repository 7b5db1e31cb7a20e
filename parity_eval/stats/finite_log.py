"""Arms whose claim is about one log of known size instead of all traffic like it.

Prompts are drawn from the log without replacement, so that what is left of it gets to be known:
near its end a prompt proves far more than one of endless traffic. Randomness comes from the order
alone; dependence between prompts does not matter.
"""

import math
from typing import Literal

from parity_eval.stats.checks import check_count, check_number, check_probability
from parity_eval.stats.finite_count import FiniteCount
from parity_eval.stats.finite_mean import FiniteMean
from parity_eval.stats.nodes import bet_nodes, smallest_fraction
from parity_eval.stats.stopping import ArmDesign, Terms

_ROUNDING = 1e-9


def log_count_test(bar: float, *, size: int, alpha: float, n_max: int | None) -> FiniteCount:
    """Return the test that certifies "at least this share of the log passes".

    Args:
        bar: The share, in (0, 1]; 1 claims that every prompt of the log passes.
        size: Number of prompts in the log.
        alpha: The level the test is tuned to, in (0, 1).
        n_max: The most prompts the test may use; None weighs all alternatives alike.

    Returns:
        The test for outcomes 0 and 1.

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        See `FiniteCount`.

    References:
        Waudby-Smith and Ramdas, Confidence sequences for sampling without replacement, 2020.

    Example:
        >>> test = log_count_test(0.95, size=200, alpha=0.05, n_max=None)
        >>> round(test.log_e(passes=63, fails=0), 6), test.least_count(63, 0, alpha=0.05)
        (3.027423, 190)
    """
    needed = least_passes(bar, size)
    return FiniteCount(
        size=size, null_count=needed - 1, c_min=_c_min(bar, alpha=alpha, n_max=n_max)
    )


def least_passes(bar: float, size: int) -> int:
    """Return how many prompts of a log must pass for a share.

    Args:
        bar: The share, in (0, 1].
        size: Number of prompts in the log.

    Returns:
        The number.

    Raises:
        ValueError: If an argument is outside its domain.
    """
    check_number(bar, "bar", (">", 0), ("<=", 1))
    return math.ceil(bar * check_count(size, "size", at_least=1) - _ROUNDING)


def parity_log_design(
    bar: float,
    terms: Terms,
    *,
    size: int,
    worth: float | None = None,
    least_log_threshold: float | None = None,
) -> ArmDesign:
    """Return the tests of an arm whose parity rate in one log must be at least a bar.

    Args:
        bar: The rate to reach, in (0, 1].
        terms: Levels, budget and guards; the budget may not exceed the log.
        size: Number of prompts in the log.
        worth: The smallest rate worth certifying, above the bar, for the futility rule; None leaves
            that rule out.
        least_log_threshold: As for `stopping.parity_design`.

    Returns:
        The design for outcomes 0 and 1.

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        See `stopping.ArmState`, for the rate in this log.

    References:
        Waudby-Smith and Ramdas, Confidence sequences for sampling without replacement, 2020.
    """
    check_number(terms.n_max, "n_max", ("<=", size))
    needed = least_passes(bar, size)
    futile = None
    if worth is not None:
        check_number(worth, "worth", (">", bar), ("<=", 1))
        futile = _mirror(least_passes(worth, size), size)
    usual = -math.log(terms.alpha)
    return ArmDesign(
        terms=terms,
        certify=log_count_test(bar, size=size, alpha=terms.alpha, n_max=terms.n_max),
        below=_mirror(needed, size),
        futile=futile,
        best=1.0,
        least_log_threshold=usual if least_log_threshold is None else least_log_threshold,
    )


def mean_log_design(
    null: float,
    terms: Terms,
    *,
    size: int,
    worth: float | None = None,
    lower: float = 0.0,
    upper: float = 1.0,
) -> ArmDesign:
    """Return the tests of an arm whose mean score in one log must be above a null.

    Args:
        null: The mean to beat, strictly inside the range.
        terms: Levels, budget and guards; the budget may not exceed the log.
        size: Number of units in the log.
        worth: The smallest mean worth certifying, above the null, for the futility rule; None
            leaves that rule out.
        lower: The smallest score possible.
        upper: The largest score possible.

    Returns:
        The design, without curtailment.

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        See `stopping.ArmState`, for the mean of this log.

    References:
        Waudby-Smith and Ramdas, Confidence sequences for sampling without replacement, 2020.
    """
    check_number(terms.n_max, "n_max", ("<=", size))
    check_number(null, "null", (">", lower), ("<", upper))

    def test(mean: float, side: Literal["above", "below"], level: float) -> FiniteMean:
        position = (mean - lower) / (upper - lower)
        nodes = bet_nodes(
            position if side == "above" else 1 - position,
            alpha=level,
            n_max=terms.n_max,
            prior="uniform" if side == "above" else "loguniform",
        )
        return FiniteMean(size=size, nodes=nodes, null=mean, lower=lower, upper=upper, side=side)

    futile = None
    if worth is not None:
        check_number(worth, "worth", (">", null), ("<", upper))
        futile = test(worth, "below", terms.beta)
    return ArmDesign(
        terms=terms,
        certify=test(null, "above", terms.alpha),
        below=test(null, "below", terms.alpha),
        futile=futile,
        least_log_threshold=-math.log(terms.alpha),
    )


def _c_min(bar: float, *, alpha: float, n_max: int | None) -> float:
    check_probability(alpha, "alpha")
    return 0.0 if bar == 1 else smallest_fraction(bar, alpha=alpha, n_max=n_max)


def _mirror(needed: int, size: int) -> FiniteCount:
    return FiniteCount(size=size, null_count=needed, prior="loguniform", side="below")

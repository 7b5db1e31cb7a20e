"""Parity against the noise floor: the candidate's agreement against the baseline's own.

For each unit, C says whether the candidate agrees with the logged answer of the baseline, and S
whether a second answer of the baseline does. The test is that of the mean of C - ratio * S. Second
answers may be bought for a part of the units: always where the candidate differs (class 0), less
often where it agrees (class 1).
"""

from dataclasses import replace

from parity_eval.stats.checks import check_number
from parity_eval.stats.control_variate import Subsample
from parity_eval.stats.kernel import Kernel
from parity_eval.stats.nodes import bet_nodes
from parity_eval.stats.paired import check_margin
from parity_eval.stats.stopping import ArmDesign, Terms, mean_design

DIFFERS, AGREES = 0, 1
"""The two classes of a unit."""

_PRIOR_MEANS = (0.5, 0.95)
_PRIOR_WEIGHT = 10.0


def floor_subsample(*, chances: tuple[float, float] = (1.0, 0.25), ratio: float = 1.0) -> Subsample:
    """Return how second answers of the baseline are bought and turned into terms.

    Args:
        chances: The chance of buying one where the candidate differs, and where it agrees; 1 and 1
            buys all of them.
        ratio: The share of the noise floor that the candidate is held to, in (0, 1].

    Returns:
        The design; its terms estimate C - ratio * S.

    Raises:
        ValueError: If a chance is not in [0.1, 1] or the ratio is not in (0, 1].

    Guarantee:
        See `control_variate.Subsample`. With all second answers bought the terms are C - ratio * S
        exactly.

    References:
        Zrnic and Candes, Active statistical inference, 2024.
    """
    return Subsample(
        chances=chances,
        prior_means=_PRIOR_MEANS,
        prior_weight=_PRIOR_WEIGHT,
        offsets=(float(DIFFERS), float(AGREES)),
        scale=-_check_ratio(ratio),
    )


def self_agreement_subsample(*, chances: tuple[float, float] = (1.0, 0.25)) -> Subsample:
    """Return how the same second answers estimate the noise floor itself.

    Args:
        chances: As for `floor_subsample`.

    Returns:
        The design; its terms estimate S.

    Raises:
        ValueError: If a chance is not in [0.1, 1].

    Guarantee:
        See `control_variate.Subsample`.

    References:
        Zrnic and Candes, Active statistical inference, 2024.
    """
    return replace(floor_subsample(chances=chances), offsets=(0.0, 0.0), scale=1.0)


def noise_floor_kernel(
    margin: float, *, alpha: float, n_max: int | None, ratio: float = 1.0
) -> Kernel:
    """Return the test that certifies against the noise floor.

    Args:
        margin: How far below the noise floor is still acceptable, in [0, 1).
        alpha: The level the bets are tuned to, in (0, 1).
        n_max: The most units the test may use, or None for no end.
        ratio: The share of the noise floor that the candidate is held to, in (0, 1].

    Returns:
        The kernel for the terms of `floor_subsample`, which come with limits of their own.

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        P(log E ever reaches log(1 / a)) <= a if the candidate's agreement is at most ratio times
        the noise floor, minus the margin.

    References:
        Csillag, Struchiner and Goedert, Prediction-powered e-values, 2025.
    """
    delta = check_margin(margin)
    nodes = bet_nodes((1 - delta) / 2, alpha=alpha, n_max=n_max)
    return Kernel(nodes=nodes, null=-delta, lower=-_check_ratio(ratio), upper=1.0)


def noise_floor_design(margin: float, terms: Terms, *, ratio: float = 1.0) -> ArmDesign:
    """Return the tests of an arm that is held to the noise floor.

    Args:
        margin: How far below the noise floor is still acceptable, in [0, 1).
        terms: Levels, budget and guards.
        ratio: The share of the noise floor that the candidate is held to, in (0, 1].

    Returns:
        The design; update it with the terms of `floor_subsample` and their limits. It is futile
        once "as good as the baseline" is refuted, where that is not the null itself.

    Raises:
        ValueError: If the margin or the ratio is out of range.

    Guarantee:
        See `stopping.ArmState`.

    References:
        Csillag, Struchiner and Goedert, Prediction-powered e-values, 2025.
    """
    delta = check_margin(margin)
    worth = 0.0 if delta > 0 else None
    design = mean_design(-delta, terms, worth=worth, lower=-_check_ratio(ratio), upper=1.0)
    certify = noise_floor_kernel(margin, alpha=terms.alpha, n_max=terms.n_max, ratio=ratio)
    return replace(design, certify=certify)


def _check_ratio(ratio: float) -> float:
    return check_number(ratio, "ratio", (">", 0), ("<=", 1))

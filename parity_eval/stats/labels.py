"""Correct a cheap judge by human labels on a part of the units.

The judge's verdict is known for every unit and is its class (0 is a fail, 1 a pass; a graded judge
has up to five classes, fixed beforehand). Human labels in [0, 1] are drawn with a known chance per
class. What is tested is the mean of the human label: the judge only decides how well.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from parity_eval.stats.bounds import running_bounds
from parity_eval.stats.control_variate import Subsample, subsample_terms
from parity_eval.stats.kernel import certify_kernel, mirror_kernel
from parity_eval.stats.stopping import ArmDesign, Terms, mean_design

_PRIOR_MEANS = (0.4, 0.98)
_PRIOR_WEIGHT = 20.0


def label_subsample(
    *,
    chances: tuple[float, ...] = (1.0, 0.25),
    prior_means: tuple[float, ...] = _PRIOR_MEANS,
) -> Subsample:
    """Return how human labels are drawn and turned into terms.

    Args:
        chances: Per class, the chance that a unit goes to a human. Below 0.25 for passes the
            terms vary so much that more is lost than saved.
        prior_means: Per class, the mean human label assumed before there are any.

    Returns:
        The design; its terms estimate the human label.

    Raises:
        ValueError: If there is not one number per class, or one is out of range.

    Guarantee:
        See `control_variate.Subsample`. With all units labelled the terms are the labels exactly.

    References:
        Angelopoulos et al., Prediction-powered inference, 2023.
        Zrnic and Candes, Active statistical inference, 2024.
    """
    return Subsample(
        chances=chances,
        prior_means=prior_means,
        prior_weight=_PRIOR_WEIGHT,
        offsets=(0.0,) * len(chances),
    )


def labelled_design(bar: float, terms: Terms, *, worth: float | None = None) -> ArmDesign:
    """Return the tests of an arm whose mean human label must be above a bar.

    Args:
        bar: The mean to beat, in (0, 1).
        terms: Levels, budget and guards.
        worth: The smallest mean worth certifying, for the futility rule; None leaves it out.

    Returns:
        The design; update it with the terms of `label_subsample` and their limits.

    Raises:
        ValueError: If the bar or the mean worth certifying is out of range.

    Guarantee:
        See `stopping.ArmState`.

    References:
        Csillag, Struchiner and Goedert, Prediction-powered e-values, 2025.
    """
    return mean_design(bar, terms, worth=worth)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledEstimate:
    """What labels on a part of the units say about all of them."""

    mean: float
    """Mean of the terms: an unbiased estimate of the mean human label."""
    lower: float
    """Lower confidence bound at level alpha, valid at every number of units."""
    upper: float
    """Upper confidence bound at level alpha, valid at every number of units."""
    n: int
    """Units judged."""
    n_labelled: int
    """Units labelled."""


def estimate_labelled(
    design: Subsample,
    judged: ArrayLike,
    labels: ArrayLike,
    *,
    bar: float,
    terms: Terms,
) -> LabelledEstimate:
    """Estimate the mean human label from a judge on all units and labels on some.

    Args:
        design: How labels were drawn.
        judged: The judge's class of each unit in the planned order, shape (n,).
        labels: Human labels in [0, 1], NaN where none was drawn, shape (n,).
        bar: The mean in question, to which the bets are tuned.
        terms: Level and budget, to which the bets are tuned.

    Returns:
        The estimate.

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        P(`lower` is ever above the mean label) <= alpha, and the same for `upper` below it.

    References:
        Angelopoulos et al., Prediction-powered inference, 2023.
        Csillag, Struchiner and Goedert, Prediction-powered e-values, 2025.
    """
    values, lowers, uppers = subsample_terms(design, judged, labels)
    if not len(values):
        raise ValueError("len(judged) == 0, must be >= 1")
    below = certify_kernel(bar, alpha=terms.alpha, n_max=terms.n_max)
    above = mirror_kernel(bar, alpha=terms.alpha, n_max=terms.n_max)
    return LabelledEstimate(
        mean=float(values.mean()),
        lower=float(running_bounds(below, values, alpha=terms.alpha, limits=lowers)[-1]),
        upper=float(running_bounds(above, values, alpha=terms.alpha, limits=uppers)[-1]),
        n=len(values),
        n_labelled=int(np.sum(~np.isnan(np.asarray(labels, dtype=np.float64)))),
    )

"""Measure something costly on part of the units, with chances that depend on something cheap.

Each unit has a class that is known for all of them (the judge's verdict; whether the candidate
agrees with the baseline) and a costly value in [0, 1] that is measured with a known chance per
class (a human label; a second answer of the baseline). The term of a unit is

    offset(class) + scale * (f + measured * (value - f) / chance),

where f is the mean of earlier values of the class. Its mean is that of offset + scale * value,
whatever f is; a good f only makes it vary less.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from parity_eval.stats.checks import (
    FloatArray,
    IntArray,
    check_counts,
    check_number,
    check_same_length,
)

LEAST_CHANCE = 0.1
"""Smaller chances of measurement make single terms so large that nothing is gained."""


class Term(NamedTuple):
    """What one unit contributes, and the range it was bound to before anything was known of it."""

    value: float
    """The term."""
    lower: float
    """The least it could have been."""
    upper: float
    """The greatest it could have been."""


class SubsampleTerms(NamedTuple):
    """`Term` for a sequence of units, each an array of shape (n,)."""

    values: FloatArray
    """The terms."""
    lowers: FloatArray
    """The least each could have been."""
    uppers: FloatArray
    """The greatest each could have been."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subsample:
    """How units of each class are measured and what their terms are; fixed beforehand.

    Guarantee:
        With the chances as declared and drawn by a generator of their own after the class is
        known, each term has the mean of offset + scale * value given all earlier units, and its
        range depends on earlier units only.

    References:
        Zrnic and Candes, Active statistical inference, 2024.
        Csillag, Struchiner and Goedert, Prediction-powered e-values, 2025.
    """

    chances: tuple[float, ...]
    """Per class, the chance that a unit is measured, in [0.1, 1]."""
    prior_means: tuple[float, ...]
    """Per class, the mean assumed before anything is measured, in [0, 1]."""
    prior_weight: float
    """How many units the assumed mean counts for."""
    offsets: tuple[float, ...]
    """Per class, what is added to the term."""
    scale: float = 1.0
    """What the costly value is multiplied by; may be negative."""

    def __post_init__(self) -> None:
        sizes = {len(self.chances), len(self.prior_means), len(self.offsets)}
        if len(sizes) != 1 or not self.chances:
            raise ValueError("chances, prior_means and offsets must have one number per class")
        for k, (chance, mean) in enumerate(zip(self.chances, self.prior_means, strict=True)):
            check_number(chance, f"chances[{k}]", (">=", LEAST_CHANCE), ("<=", 1))
            check_number(mean, f"prior_means[{k}]", (">=", 0), ("<=", 1))
        check_number(self.prior_weight, "prior_weight", (">", 0))
        check_number(self.scale, "scale")

    def start(self) -> "SubsampleState":
        """Return the state before the first unit.

        Returns:
            A state in which only the assumed means count.
        """
        return SubsampleState(
            design=self,
            weights=(self.prior_weight,) * len(self.chances),
            sums=tuple(self.prior_weight * mean for mean in self.prior_means),
        )


class SubsampleStateDict(TypedDict):
    """A state as JSON values."""

    weights: Sequence[float]
    sums: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsampleState:
    """What earlier units say about each class; `update` returns a term and the next state."""

    design: Subsample
    """Chances and priors."""
    weights: tuple[float, ...]
    """Per class, the weight of the units so far, prior included."""
    sums: tuple[float, ...]
    """Per class, the weighted sum of their values."""

    def update(self, kind: int, value: float | None) -> tuple[Term, "SubsampleState"]:
        """Return the term of one more unit and the state after it.

        Args:
            kind: The unit's class, from 0.
            value: Its costly value in [0, 1], or None if it was not drawn to be measured.

        Returns:
            The term and the next state.

        Raises:
            ValueError: If the class or the value is out of range, or the value of a unit that is
                always measured is missing.
        """
        design = self.design
        k = _check_class(kind, len(design.chances))
        lower, upper = _ranges(design, np.array(self.sums) / np.array(self.weights))
        mean, chance = self.sums[k] / self.weights[k], design.chances[k]
        if value is None:
            _check_may_be_missing(chance, k)
            term = design.offsets[k] + design.scale * mean
            return Term(term, float(lower), float(upper)), self
        y = check_number(value, "value", (">=", 0), ("<=", 1))
        measured = y if chance == 1 else mean + (y - mean) / chance
        term = design.offsets[k] + design.scale * measured
        state = replace(
            self,
            weights=_add(self.weights, k, 1 / chance),
            sums=_add(self.sums, k, y / chance),
        )
        return Term(term, float(lower), float(upper)), state

    def to_dict(self) -> SubsampleStateDict:
        """Return what a resumed run needs, as JSON values.

        Returns:
            The state without its design.
        """
        return {"weights": list(self.weights), "sums": list(self.sums)}


def resume_subsample(design: Subsample, data: SubsampleStateDict) -> SubsampleState:
    """Restore a state that `SubsampleState.to_dict` wrote, bit for bit.

    Args:
        design: The same design as before.
        data: What `to_dict` returned.

    Returns:
        The state.

    Raises:
        ValueError: If the data has another number of classes.
    """
    weights, sums = tuple(data["weights"]), tuple(data["sums"])
    if not len(weights) == len(sums) == len(design.chances):
        raise ValueError(f"len(weights) == {len(weights)}, must be {len(design.chances)}")
    return SubsampleState(design=design, weights=weights, sums=sums)


def subsample_terms(design: Subsample, kinds: ArrayLike, values: ArrayLike) -> SubsampleTerms:
    """Return the terms of a sequence of units, as `SubsampleState.update` gives them.

    Args:
        design: Chances and priors.
        kinds: Class of each unit in the planned order, from 0, shape (n,).
        values: Costly values in [0, 1], NaN where a unit was not drawn, shape (n,).

    Returns:
        The terms and their ranges.

    Raises:
        ValueError: If a class or a value is out of range, or the value of a unit that is always
            measured is missing.

    Guarantee:
        See `Subsample`.

    References:
        Zrnic and Candes, Active statistical inference, 2024.
    """
    k = check_counts(kinds, "kinds")
    y = np.asarray(values, dtype=np.float64)
    check_same_length(kinds=k, values=y)
    chances = np.array(design.chances)
    measured = _check_measured(design, k, y)
    weight = np.where(measured, 1 / chances[k], 0.0)
    filled = np.where(measured, y, 0.0)
    is_kind = k[:, np.newaxis] == np.arange(len(chances))
    weights = design.prior_weight + _before(is_kind * weight[:, np.newaxis])
    sums = design.prior_weight * np.array(design.prior_means)
    sums = sums + _before(is_kind * (weight * filled)[:, np.newaxis])
    means = sums / weights
    own = means[np.arange(len(k)), k]
    exact = np.where(chances[k] == 1, filled, own + (filled - own) / chances[k])
    terms = np.array(design.offsets)[k] + design.scale * np.where(measured, exact, own)
    return SubsampleTerms(terms, *_ranges(design, means))


def draw_measured(
    design: Subsample, kinds: ArrayLike, *, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Draw which units are measured.

    Args:
        design: Chances per class.
        kinds: Class of each unit in the planned order, from 0, shape (n,).
        rng: A generator that is used for nothing else.

    Returns:
        Whether each unit is measured, shape (n,); one draw is used per unit, so that drawing in
        batches gives the same.

    Raises:
        ValueError: If a class is out of range.
    """
    k = check_counts(kinds, "kinds")
    for kind in k[k >= len(design.chances)]:
        _check_class(int(kind), len(design.chances))
    return rng.random(len(k)) < np.array(design.chances)[k]


def _check_measured(design: Subsample, kinds: IntArray, values: FloatArray) -> NDArray[np.bool_]:
    for kind in kinds[kinds >= len(design.chances)]:
        _check_class(int(kind), len(design.chances))
    measured = ~np.isnan(values)
    for i in np.flatnonzero(~measured & (np.array(design.chances)[kinds] == 1)):
        _check_may_be_missing(1.0, int(kinds[i]))
    for value in values[measured & ~((values >= 0) & (values <= 1))]:
        check_number(value, "value", (">=", 0), ("<=", 1))
    return measured


def _ranges(design: Subsample, means: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the least and greatest term over all classes, given each class' mean (last axis)."""
    chances, offsets = np.array(design.chances), np.array(design.offsets)
    always = chances == 1
    low = np.where(always, 0.0, means * (1 - 1 / chances))
    high = np.where(always, 1.0, means + (1 - means) / chances)
    ends = np.stack((offsets + design.scale * low, offsets + design.scale * high))
    return ends.min(axis=(0, -1)), ends.max(axis=(0, -1))


def _before(increments: FloatArray) -> FloatArray:
    """Return the sum of all earlier rows for each row."""
    sums = np.zeros_like(increments)
    np.cumsum(increments[:-1], axis=0, out=sums[1:])
    return sums


def _add(values: tuple[float, ...], at: int, amount: float) -> tuple[float, ...]:
    return (*values[:at], values[at] + amount, *values[at + 1 :])


def _check_class(kind: int, n_classes: int) -> int:
    if not 0 <= kind < n_classes:
        raise ValueError(f"kind == {kind}, must be >= 0 and <= {n_classes - 1}")
    return kind


def _check_may_be_missing(chance: float, kind: int) -> None:
    if chance == 1:
        raise ValueError(f"value of class {kind} is missing, but its chance of measurement is 1")

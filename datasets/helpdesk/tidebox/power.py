"""The exact chance that a good arm is certified, in plain NumPy.

This is a second, small implementation of the sequential test, on purpose: the truth that a
demo is held against must not be computed by the program under test. Both estimands are one walk
on counts. A unit raises the score (`up`), leaves it (`level`) or lowers it (`down`):

* parity: a pass is `level`, a failure is `down`, `up` never happens;
* noise floor: `up` = the candidate agrees and the second sample does not, `down` = the reverse.

The distribution of the counts is carried forward unit by unit and the mass that meets a
stopping rule is taken out, so the result has no sampling error.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

NODES = 32
KAPPA = 0.75
MIN_N_CERTIFIED = 30
MIN_N_NEGATIVE = 1
"""The strictest reading: a later start of the negative rules can only raise the power."""
NEGLIGIBLE = 1e-13
TIE = 1e-9

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """What one unit does to the score, under the planted rates."""

    up: float
    """Probability that the unit raises the score."""
    down: float
    """Probability that the unit lowers the score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """The terms of one arm's test."""

    level: float
    """Level at which the arm must be certified."""
    node_level: float
    """Level for which the bet fractions are tuned (and that of the negative rules)."""
    beta: float
    """Level of the futility rule."""
    n_max: int
    """Most units that may be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One e-process and the point at which it stops the walk."""

    log_weights: Array
    """Log weight of each bet fraction."""
    log_up: Array
    """Log growth of each bet by an `up` unit."""
    log_level: Array
    """Log growth of each bet by a `level` unit."""
    log_down: Array
    """Log growth of each bet by a `down` unit."""
    threshold: float
    """Log wealth at which the rule fires."""
    first_n: int
    """Units before which the rule may not fire."""

    def log_wealth(self, n: int, ups: Array, downs: Array) -> Array:
        """Compute the log wealth after `n` units for a grid of counts.

        Args:
            n: Units used so far.
            ups: Counts of `up` units, one per row of the grid.
            downs: Counts of `down` units, one per column of the grid.

        Returns:
            The grid.
        """
        rows = self.log_weights + n * self.log_level + ups[:, None] * (self.log_up - self.log_level)
        columns = downs[:, None] * (self.log_down - self.log_level)
        terms = rows[:, None, :] + columns[None, :, :]
        peak = terms.max(axis=2)
        return np.asarray(peak + np.log(np.exp(terms - peak[:, :, None]).sum(axis=2)))


def parity_power(rate: float, bar: float, design: Design, *, futility: bool = True) -> float:
    """Compute the chance that an arm with this parity rate is certified above the bar.

    Args:
        rate: True parity rate, in [0, 1].
        bar: Parity rate to beat, in (0, 1).
        design: Terms of the test.
        futility: Whether the below-bar and the futility rule may stop the arm first.

    Returns:
        The exact probability.
    """
    if _is_hopeless(bar, design):
        return 0.0
    scores = (1.0, 1.0, 0.0)
    rules = [_rule(scores, bar, 0.0, design, level=design.level)]
    if futility:
        rules.append(_mirror(scores, bar, 1.0, design, level=design.node_level))
        promising = smallest_promising_rate(bar, design)
        if promising is not None:
            rules.append(_mirror(scores, promising, 1.0, design, level=design.beta))
    return _walk(Law(up=0.0, down=1.0 - rate), rules, design.n_max)


def noise_floor_power(rate: float, floor: float, margin: float, design: Design) -> float:
    """Compute the chance that an arm is certified against the noise floor.

    The agreement of the candidate and that of the second sample are independent, as planted.

    Args:
        rate: True rate at which the candidate agrees with the logged answer.
        floor: True rate at which the second sample agrees with the logged answer.
        margin: How far below the floor is still acceptable, in (0, 1).
        design: Terms of the test.

    Returns:
        The exact probability.
    """
    if _is_hopeless((1.0 - margin) / 2.0, design):
        return 0.0
    law = Law(up=rate * (1.0 - floor), down=(1.0 - rate) * floor)
    return _walk(law, noise_floor_rules(margin, design), design.n_max)


def noise_floor_rules(margin: float, design: Design) -> list[Rule]:
    """Give the rules of an arm that is tested against the noise floor.

    Args:
        margin: How far below the floor is still acceptable, in (0, 1).
        design: Terms of the test.

    Returns:
        The certifying rule first, then the two that give the arm up.
    """
    scores = (1.0, 0.0, -1.0)
    return [
        _rule(scores, -margin, -1.0, design, level=design.level),
        _mirror(scores, -margin, 1.0, design, level=design.node_level),
        _mirror(scores, 0.0, 1.0, design, level=design.beta),
    ]


@lru_cache
def smallest_promising_rate(bar: float, design: Design, power: float = 0.8) -> float | None:
    """Find the smallest parity rate that is certified with the given power, without futility.

    Args:
        bar: Parity rate to beat.
        design: Terms of the test.
        power: Wanted chance of a certificate.

    Returns:
        The rate, to four decimals, or None when no rate has that power.
    """

    def is_enough(rate: float) -> bool:
        return parity_power(rate, bar, design, futility=False) >= power

    if not is_enough(1.0):
        return None
    return _bisect(is_enough, bar, 1.0, 1e-4)


def _is_hopeless(relative: float, design: Design) -> bool:
    """Tell whether not even a log without a failure could be certified."""
    return _smallest_fraction(relative, design.node_level, design.n_max) >= 1.0


def _walk(law: Law, rules: list[Rule], n_max: int) -> float:
    """Carry the counts' distribution forward; return the mass taken out by the first rule."""
    mass = np.ones((1, 1))
    certified = 0.0
    for n in range(1, n_max + 1):
        mass = _trim(_step(mass, law))
        ups = np.arange(mass.shape[0], dtype=np.float64)
        downs = np.arange(mass.shape[1], dtype=np.float64)
        for position, rule in enumerate(rules):
            if n < rule.first_n:
                continue
            stopped = rule.log_wealth(n, ups, downs) >= rule.threshold - TIE
            if position == 0:
                certified += float(mass[stopped].sum())
            mass[stopped] = 0.0
        if not mass.any():
            break
    return certified


def _step(mass: Array, law: Law) -> Array:
    wide = np.zeros((mass.shape[0] + 1, mass.shape[1] + 1))
    wide[:-1, :-1] += mass * (1.0 - law.up - law.down)
    wide[1:, :-1] += mass * law.up
    wide[:-1, 1:] += mass * law.down
    return wide


def _trim(mass: Array) -> Array:
    """Drop negligible mass: it then counts as never certified."""
    mass[mass < NEGLIGIBLE] = 0.0
    rows, columns = np.nonzero(mass)
    if rows.size == 0:
        return np.zeros((1, 1))
    return mass[: rows.max() + 1, : columns.max() + 1]


def _rule(
    scores: tuple[float, float, float], null: float, low: float, design: Design, *, level: float
) -> Rule:
    """Build the e-process against "the mean is at most `null`", for scores of at least `low`."""
    relative = (null - low) / (1.0 - low)
    fractions, weights = _uniform_nodes(relative, design.node_level, design.n_max)
    growth = [np.log1p(fractions * (score - null) / (null - low)) for score in scores]
    return _with_growth(weights, growth, level, MIN_N_CERTIFIED)


def _mirror(
    scores: tuple[float, float, float], null: float, high: float, design: Design, *, level: float
) -> Rule:
    """Build the e-process against "the mean is at least `null`", for scores of at most `high`."""
    relative = (high - null) / (high - min(scores))
    fractions, weights = _loguniform_nodes(relative, level, design.n_max)
    growth = [np.log1p(fractions * (null - score) / (high - null)) for score in scores]
    return _with_growth(weights, growth, level, MIN_N_NEGATIVE)


def _with_growth(weights: Array, growth: list[Array], level: float, first_n: int) -> Rule:
    up, flat, down = growth
    return Rule(
        log_weights=np.log(weights),
        log_up=up,
        log_level=flat,
        log_down=down,
        threshold=math.log(1.0 / level),
        first_n=first_n,
    )


def _uniform_nodes(relative: float, level: float, n_max: int) -> tuple[Array, Array]:
    angles = _angles(_smallest_fraction(relative, level, n_max))
    weights = np.sin(2.0 * angles)
    return np.sin(angles) ** 2, weights / weights.sum()


def _loguniform_nodes(relative: float, level: float, n_max: int) -> tuple[Array, Array]:
    angles = _angles(max(_smallest_fraction(relative, level, n_max), 1e-4))
    weights = np.sin(2.0 * angles) / np.sin(angles) ** 2
    return np.sin(angles) ** 2, weights / weights.sum()


def _angles(smallest: float) -> Array:
    first = math.asin(math.sqrt(smallest))
    steps = np.arange(NODES, dtype=np.float64) + 0.5
    return np.asarray(first + steps * (math.pi / 2.0 - first) / NODES)


def _smallest_fraction(relative: float, level: float, n_max: int) -> float:
    """Solve for the smallest bet that can pay off within `n_max` units (1 if none can)."""
    needed = KAPPA * math.log(1.0 / level) / n_max
    if needed >= math.log(1.0 / relative):
        return 1.0

    def is_enough(fraction: float) -> bool:
        rate = relative + fraction * (1.0 - relative)
        gain = rate * math.log(rate / relative)
        if rate < 1.0:
            gain += (1.0 - rate) * math.log((1.0 - rate) / (1.0 - relative))
        return gain >= needed

    return _bisect(is_enough, 0.0, 1.0, 1e-13)


def _bisect(is_enough: Callable[[float], bool], low: float, high: float, width: float) -> float:
    """Return the upper end of the last interval around the point where `is_enough` turns true."""
    while high - low > width:
        middle = (low + high) / 2.0
        if is_enough(middle):
            high = middle
        else:
            low = middle
    return high

"""Notice after deployment that a certified rate no longer holds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike

from parity_eval.stats.checks import (
    FloatArray,
    check_number,
    check_probability,
    check_scores,
)

_FRACTIONS = np.geomspace(0.02, 0.5, 16)
_LOG_SHARE = -math.log(len(_FRACTIONS))


class DriftStateDict(TypedDict):
    """A detector's state as JSON values."""

    n: int
    log_m: Sequence[float | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftState:
    """A Shiryaev-Roberts e-detector for a fall below a rate; `update` returns the next state.

    Guarantee:
        While the mean of each score given the past is at least the bar, whatever else changes, the
        mean number of units until `is_alarm` first holds is at least `run_length`.

    References:
        Shin, Ramdas and Rinaldo, E-detectors, 2024.
        Shiryaev, On optimum methods in quickest detection problems, 1963; Roberts, A comparison of
        some control chart procedures, 1966.

    Example:
        >>> state = start_drift(0.95, run_length=1000)
        >>> while not state.is_alarm:
        ...     state = state.update(0.0)
        >>> state.n
        4
    """

    bar: float
    """The rate that was certified: the bar, not the rate seen."""
    run_length: float
    """Mean number of units between false alarms, at least."""
    log_m: tuple[float, ...]
    """Log statistic of each bet."""
    n: int = 0
    """Units since the start or the last reset."""

    @property
    def log_statistic(self) -> float:
        """Logarithm of the detector's statistic."""
        values = np.array(self.log_m)
        return float(np.logaddexp.reduce(values) + _LOG_SHARE)

    @property
    def is_alarm(self) -> bool:
        """Whether the statistic is at `run_length` or above; reset after acting on it."""
        return self.log_statistic >= math.log(self.run_length)

    def update(self, score: float) -> "DriftState":
        """Return the state after one more unit.

        Args:
            score: Its score in [0, 1].

        Returns:
            The next state.

        Raises:
            ValueError: If the score is out of range.
        """
        x = check_number(score, "score", (">=", 0), ("<=", 1))
        grown = np.logaddexp(0.0, np.array(self.log_m)) + _log_bets(x, self.bar)
        return replace(self, log_m=tuple(grown.tolist()), n=self.n + 1)

    def reset(self) -> "DriftState":
        """Return the detector as it was at the start, as after every alarm.

        Returns:
            The state before the first unit.
        """
        return start_drift(self.bar, run_length=self.run_length)

    def to_dict(self) -> DriftStateDict:
        """Return what a later process needs, as JSON values.

        Returns:
            The state without bar and run length.
        """
        log_m = [value if math.isfinite(value) else str(value) for value in self.log_m]
        return {"n": self.n, "log_m": log_m}


def start_drift(bar: float, *, run_length: float) -> DriftState:
    """Return a detector before the first unit.

    Args:
        bar: The certified bar, in (0, 1).
        run_length: The mean number of sampled units that should pass between false alarms, such
            as ten times the monthly sample; at least 1.

    Returns:
        The state.

    Raises:
        ValueError: If an argument is outside its domain.
    """
    check_probability(bar, "bar")
    check_number(run_length, "run_length", (">=", 1))
    log_m = (-math.inf,) * len(_FRACTIONS)
    return DriftState(bar=bar, run_length=float(run_length), log_m=log_m)


def resume_drift(fresh: DriftState, data: DriftStateDict) -> DriftState:
    """Restore a state that `DriftState.to_dict` wrote, bit for bit.

    Args:
        fresh: The same detector before the first unit.
        data: What `to_dict` returned.

    Returns:
        The state.

    Raises:
        ValueError: If the data has another number of bets.
    """
    if len(data["log_m"]) != len(_FRACTIONS):
        raise ValueError(f"len(log_m) == {len(data['log_m'])}, must be {len(_FRACTIONS)}")
    return replace(fresh, n=data["n"], log_m=tuple(float(value) for value in data["log_m"]))


def drift_path(scores: ArrayLike, *, bar: float) -> FloatArray:
    """Return the log statistic after each unit of a sequence, without resets.

    Args:
        scores: Scores in [0, 1] in order of time, shape (n,).
        bar: The certified bar, in (0, 1).

    Returns:
        Log statistic after 1, ..., n units, shape (n,).

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        See `DriftState`.

    References:
        Shin, Ramdas and Rinaldo, E-detectors, 2024.
    """
    given = check_scores(scores, "scores", lower=0, upper=1)
    bets = np.array([_log_bets(x, bar) for x in given]).reshape(len(given), len(_FRACTIONS))
    path = np.empty(len(given))
    log_m = np.full(len(_FRACTIONS), -math.inf)
    for i, log_bet in enumerate(bets):
        log_m = np.logaddexp(0.0, log_m) + log_bet
        path[i] = np.logaddexp.reduce(log_m) + _LOG_SHARE
    return path


def _log_bets(score: float, bar: float) -> FloatArray:
    return np.log1p(_FRACTIONS * ((bar - score) / (1 - bar)))

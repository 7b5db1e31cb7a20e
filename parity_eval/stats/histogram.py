"""Scores as distinct values and counts, so that no cost grows with their number."""

import math
from bisect import bisect_left
from dataclasses import dataclass, replace

from parity_eval.stats.checks import check_count, check_number
from parity_eval.stats.kernel import Side

_SNAP = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Distinct scores and how many units had each.

    Guarantee:
        With a resolution, scores are moved only away from what their side tries to show (down for
        `above`, up for `below`), so that whatever is shown from them holds for the exact scores.
    """

    side: Side = "above"
    """What the scores will be evidence for."""
    resolution: float | None = None
    """Scores are rounded outward to multiples of this; None keeps them as they are."""
    values: tuple[float, ...] = ()
    """Distinct scores, increasing."""
    counts: tuple[int, ...] = ()
    """How many units had each."""

    def __post_init__(self) -> None:
        if self.resolution is not None:
            check_number(self.resolution, "resolution", (">", 0))

    @property
    def n(self) -> int:
        """Number of units."""
        return sum(self.counts)

    def add(self, score: float, times: int = 1) -> "Histogram":
        """Return the histogram with one more score.

        Args:
            score: The score.
            times: How many units have it.

        Returns:
            The new histogram.

        Raises:
            ValueError: If the score is not a finite number or `times` is negative.
        """
        check_count(times, "times")
        value = self.rounded(check_number(score, "score"))
        at = bisect_left(self.values, value)
        if at < len(self.values) and self.values[at] == value:
            counts = (*self.counts[:at], self.counts[at] + times, *self.counts[at + 1 :])
            return replace(self, counts=counts)
        return replace(
            self,
            values=(*self.values[:at], value, *self.values[at:]),
            counts=(*self.counts[:at], times, *self.counts[at:]),
        )

    def rounded(self, score: float) -> float:
        """Return a score as it will be counted.

        Args:
            score: The exact score.

        Returns:
            The nearest multiple of the resolution that concedes nothing, or the score itself.
        """
        if self.resolution is None:
            return score + 0.0
        steps = score / self.resolution
        nearest = round(steps)
        if abs(steps - nearest) <= _SNAP:
            return nearest * self.resolution
        outward = math.floor(steps) if self.side == "above" else math.ceil(steps)
        return outward * self.resolution

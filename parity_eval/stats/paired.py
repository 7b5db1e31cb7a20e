"""Paired comparison on the same requests: not worse, and equivalent, within a margin."""

from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike

from parity_eval.stats.checks import check_number, check_same_length, check_scores
from parity_eval.stats.kernel import Kernel, certify_kernel, mirror_kernel
from parity_eval.stats.state import EProcess, EProcessDict, from_dict, start
from parity_eval.stats.stopping import ArmDesign, Terms, mean_design


def not_worse_kernel(margin: float, *, alpha: float, n_max: int | None) -> Kernel:
    """Return the test that refutes "the candidate is worse than the baseline by the margin".

    Its scores are differences, candidate minus baseline, in [-1, 1].

    Args:
        margin: How much worse is still acceptable, in [0, 1); 0 asks for superiority.
        alpha: The level the bets are tuned to, in (0, 1).
        n_max: The most pairs the test may use, or None for no end.

    Returns:
        The kernel.

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        P(log E ever reaches log(1 / a)) <= a if the mean difference is at most minus the margin.

    References:
        Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, 2024.
    """
    delta = check_margin(margin)
    return certify_kernel(-delta, alpha=alpha, n_max=n_max, lower=-1.0, upper=1.0)


def not_better_kernel(margin: float, *, alpha: float, n_max: int | None) -> Kernel:
    """Return the test that refutes "the candidate is better than the baseline by the margin".

    Args:
        margin: How much better still counts as the same, in [0, 1).
        alpha: The level the bets are tuned to, in (0, 1).
        n_max: The most pairs the test may use, or None for no end.

    Returns:
        The kernel, the exact mirror image of `not_worse_kernel`.

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        P(log E ever reaches log(1 / a)) <= a if the mean difference is at least the margin.

    References:
        Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, 2024.
    """
    delta = check_margin(margin)
    return mirror_kernel(delta, alpha=alpha, n_max=n_max, lower=-1.0, upper=1.0, prior="uniform")


def paired_design(margin: float, terms: Terms) -> ArmDesign:
    """Return the tests of an arm that must not be worse than the baseline by the margin.

    Args:
        margin: How much worse is still acceptable, in [0, 1).
        terms: Levels, budget and guards.

    Returns:
        The design for differences in [-1, 1]. It is futile once "as good as the baseline" is
        refuted, except with a margin of 0, where that is the null itself.

    Raises:
        ValueError: If the margin is not in [0, 1).

    Guarantee:
        See `stopping.ArmState`.

    References:
        Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, 2024.
    """
    delta = check_margin(margin)
    return mean_design(-delta, terms, worth=0.0 if delta > 0 else None, lower=-1.0, upper=1.0)


def preference_design(margin: float, terms: Terms) -> ArmDesign:
    """Return the tests of an arm that a judge must not prefer less than 0.5 minus the margin.

    Args:
        margin: How much less is still acceptable, in [0, 0.5).
        terms: Levels, budget and guards.

    Returns:
        The design for preferences in [0, 1]: 1 for a win, 0.5 for a tie, 0 for a loss.

    Raises:
        ValueError: If the margin is not in [0, 0.5).

    Guarantee:
        See `stopping.ArmState`.

    References:
        Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, 2024.
    """
    delta = check_number(margin, "margin", (">=", 0), ("<", 0.5))
    return mean_design(0.5 - delta, terms, worth=0.5 if delta > 0 else None)


class EquivalenceStateDict(TypedDict):
    """The state of an equivalence test as JSON values."""

    not_worse: EProcessDict
    not_better: EProcessDict


@dataclass(frozen=True, slots=True, kw_only=True)
class EquivalenceState:
    """Two one-sided tests of the same differences; `update` returns the next state.

    Guarantee:
        P(`p_value` ever falls to a or below) <= a whenever the mean difference is outside the
        margin on either side: at least one of the two nulls holds then, so no correction is
        needed (intersection-union).

    References:
        Berger, Multiparameter hypothesis testing and acceptance sampling, 1982.
        Schuirmann, A comparison of the two one-sided tests procedure and the power approach, 1987.

    Example:
        >>> state = start_equivalence(0.05, alpha=0.05, n_max=1000)
        >>> for _ in range(200):
        ...     state = state.update(0.0)
        >>> state.p_value < 0.05
        True
    """

    not_worse: EProcess
    """Evidence that the mean difference is above minus the margin."""
    not_better: EProcess
    """Evidence that the mean difference is below the margin."""

    @property
    def p_value(self) -> float:
        """The anytime-valid p-value of equivalence: the larger of the two."""
        return max(self.not_worse.p_value, self.not_better.p_value)

    @property
    def log_e(self) -> float:
        """Log e-value of equivalence now: the smaller of the two."""
        return min(self.not_worse.log_e, self.not_better.log_e)

    def has_reached(self, log_threshold: float) -> bool:
        """Say whether both sides have reached a threshold, at any time each.

        Args:
            log_threshold: Natural logarithm of the threshold, such as log(1 / alpha).

        Returns:
            Whether they have, ties included.
        """
        sides = (self.not_worse, self.not_better)
        return all(side.has_reached(log_threshold) for side in sides)

    def update(self, difference: float) -> "EquivalenceState":
        """Return the state after one more pair.

        Args:
            difference: Candidate minus baseline, in [-1, 1].

        Returns:
            The next state.

        Raises:
            ValueError: If the difference is out of range.
        """
        return replace(
            self,
            not_worse=self.not_worse.update(difference),
            not_better=self.not_better.update(difference),
        )

    def to_dict(self) -> EquivalenceStateDict:
        """Return what a resumed run needs, as JSON values.

        Returns:
            The state without its kernels.
        """
        return {"not_worse": self.not_worse.to_dict(), "not_better": self.not_better.to_dict()}


def start_equivalence(margin: float, *, alpha: float, n_max: int | None) -> EquivalenceState:
    """Return an equivalence test before the first pair.

    Args:
        margin: How large a mean difference still counts as none, in (0, 1).
        alpha: The level the bets are tuned to, in (0, 1).
        n_max: The most pairs the test may use, or None for no end.

    Returns:
        The state without evidence.

    Raises:
        ValueError: If an argument is outside its domain.
    """
    check_number(margin, "margin", (">", 0), ("<", 1))
    return EquivalenceState(
        not_worse=start(not_worse_kernel(margin, alpha=alpha, n_max=n_max)),
        not_better=start(not_better_kernel(margin, alpha=alpha, n_max=n_max)),
    )


def resume_equivalence(fresh: EquivalenceState, data: EquivalenceStateDict) -> EquivalenceState:
    """Restore a state that `EquivalenceState.to_dict` wrote, bit for bit.

    Args:
        fresh: The same test before the first pair.
        data: What `to_dict` returned.

    Returns:
        The state.

    Raises:
        ValueError: If the data does not fit the test.
    """
    return EquivalenceState(
        not_worse=from_dict(fresh.not_worse.test, data["not_worse"]),
        not_better=from_dict(fresh.not_better.test, data["not_better"]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedSummary:
    """What the differences look like, beside the test."""

    n: int
    """Number of pairs."""
    mean: float
    """Mean difference, candidate minus baseline."""
    share_better: float
    """Share of pairs in which the candidate is better."""
    share_worse: float
    """Share of pairs in which the candidate is worse."""


def summarize_pairs(candidate: ArrayLike, baseline: ArrayLike) -> PairedSummary:
    """Describe paired scores.

    Args:
        candidate: Scores of the candidate in [0, 1], shape (n,).
        baseline: Scores of the baseline on the same requests, shape (n,).

    Returns:
        The summary.

    Raises:
        ValueError: If a score is out of range, the lengths differ, or there are no pairs.
    """
    ours = check_scores(candidate, "candidate", lower=0, upper=1)
    theirs = check_scores(baseline, "baseline", lower=0, upper=1)
    if not check_same_length(candidate=ours, baseline=theirs):
        raise ValueError("len(candidate) == 0, must be >= 1")
    difference = ours - theirs
    return PairedSummary(
        n=len(difference),
        mean=float(difference.mean()),
        share_better=float(np.mean(difference > 0)),
        share_worse=float(np.mean(difference < 0)),
    )


def check_margin(margin: float) -> float:
    """Return a non-inferiority margin if it is in [0, 1).

    Args:
        margin: The margin.

    Returns:
        The margin as a float.

    Raises:
        ValueError: If it is negative or not below 1.
    """
    return check_number(margin, "margin", (">=", 0), ("<", 1))

"""When one arm is decided: certified, or one of four ways not to be."""

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypedDict

from parity_eval.stats.checks import check_count, check_number, check_probability
from parity_eval.stats.kernel import certify_kernel, mirror_kernel
from parity_eval.stats.state import (
    TIE,
    EProcess,
    EProcessDict,
    SequentialTest,
    from_dict,
    start,
)


class Stop(StrEnum):
    """Why an arm stops, in the order in which the rules are checked."""

    CERTIFIED = "certified"
    """The mean is shown to be above the null."""
    BELOW_BAR = "below_bar"
    """The mean is shown to be below the null."""
    FUTILE = "futile"
    """A mean worth certifying is refuted; nothing is shown about the null."""
    CURTAILED = "curtailed"
    """Not even perfect scores to the end of the budget could certify."""
    EXHAUSTED = "exhausted"
    """The budget is used up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of an arm that are fixed before its first outcome."""

    n_max: int
    """The most units the arm may use."""
    alpha: float = 0.05
    """Level of certification and of `below_bar`."""
    beta: float = 0.1
    """Level of `futile`."""
    min_n: int = 30
    """No certificate with fewer units: a guard of representativeness, not of validity."""
    min_n_negative: int = 10
    """No negative stop with fewer units."""

    def __post_init__(self) -> None:
        check_probability(self.alpha, "alpha")
        check_probability(self.beta, "beta")
        check_count(self.n_max, "n_max", at_least=1)
        check_count(self.min_n, "min_n", at_least=1)
        check_count(self.min_n_negative, "min_n_negative", at_least=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmDesign:
    """All tests of one arm. Make one with `parity_design` or `mean_design`."""

    terms: Terms
    """Levels, budget and guards."""
    certify: SequentialTest
    """Refutes "the mean is at most the null"."""
    below: SequentialTest
    """Refutes "the mean is at least the null"."""
    futile: SequentialTest | None = None
    """Refutes "the mean is at least the one worth certifying", where one is named."""
    best: float | None = None
    """The best score a unit can have, for curtailment; None leaves that rule out."""
    least_log_threshold: float
    """The lowest log threshold that can certify this arm, whatever the rest of its family does."""

    def start(self) -> "ArmState":
        """Return the state before the first unit.

        Returns:
            The state without evidence.
        """
        return ArmState(
            design=self,
            certify=start(self.certify),
            below=start(self.below),
            futile=None if self.futile is None else start(self.futile),
        )


class ArmStateDict(TypedDict):
    """An arm's state as JSON values."""

    certify: EProcessDict
    below: EProcessDict
    futile: EProcessDict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmState:
    """The evidence about one arm; `update` returns the next state.

    Guarantee:
        Stopping by the negative rules only removes certificates, so that a false certificate has
        at most the probability of the certification threshold, whether they are obeyed or not.
        An arm whose mean is the one worth certifying stops as futile with probability at most
        beta.

    References:
        Ville, Etude critique de la notion de collectif, 1939.
        Wald, Sequential Analysis, 1947.

    Example:
        >>> arm = parity_design(0.95, Terms(n_max=500), worth=0.977).start()
        >>> while (stop := arm.check()) is None:
        ...     arm = arm.update(1.0)
        >>> stop.value, arm.n
        ('certified', 78)
    """

    design: ArmDesign
    """The tests."""
    certify: EProcess
    """Evidence that the mean is above the null."""
    below: EProcess
    """Evidence that the mean is below the null."""
    futile: EProcess | None
    """Evidence that the mean is below the one worth certifying."""

    @property
    def n(self) -> int:
        """Units seen."""
        return self.certify.n

    def update(
        self,
        score: float,
        *,
        generous: float | None = None,
        limits: tuple[float, float] | None = None,
    ) -> "ArmState":
        """Return the state after one more unit.

        Args:
            score: Its score.
            generous: Its score in the negative tests, where that differs: a missing answer counts
                against the candidate in the one test and for it in the others.
            limits: The least and the greatest score this unit could have had, if they differ from
                the design's; known before anything about the unit was.

        Returns:
            The next state.

        Raises:
            ValueError: If a score or a limit is out of range.
        """
        kind = score if generous is None else generous
        lower, upper = (None, None) if limits is None else limits
        return replace(
            self,
            certify=self.certify.update(score, limit=lower),
            below=self.below.update(kind, limit=upper),
            futile=None if self.futile is None else self.futile.update(kind, limit=upper),
        )

    def evidence(self, *, running: bool = True) -> float:
        """Return the log e-value with which the arm enters a multiplicity rule.

        Args:
            running: The running maximum (e-Holm, Bonferroni, a single arm) rather than the
                value now (e-BH).

        Returns:
            log E; minus infinity while there are fewer than `min_n` units.
        """
        if self.n < self.design.terms.min_n:
            return -math.inf
        return self.certify.max_log_e if running else self.certify.log_e

    def check(self, log_threshold: float | None = None, *, running: bool = True) -> Stop | None:
        """Return why the arm stops now, or None if it goes on.

        Args:
            log_threshold: Natural logarithm of the evidence that certifies, as the family's rule
                sets it; log(1 / alpha) for an arm of its own if omitted.
            running: Whether the running maximum counts, see `evidence`.

        Returns:
            The first of the five rules that holds, if any.
        """
        if log_threshold is None:
            log_threshold = -math.log(self.design.terms.alpha)
        if self.evidence(running=running) >= log_threshold - TIE:
            return Stop.CERTIFIED
        return self.negative()

    def negative(self) -> Stop | None:
        """Return the first of the rules other than certification that holds, if any.

        Returns:
            The reason, or None.
        """
        terms = self.design.terms
        if self.n >= terms.min_n_negative:
            if self.below.log_e >= -math.log(terms.alpha) - TIE:
                return Stop.BELOW_BAR
            if self.futile is not None and self.futile.log_e >= -math.log(terms.beta) - TIE:
                return Stop.FUTILE
            if self.n < terms.n_max and self._is_out_of_reach():
                return Stop.CURTAILED
        return Stop.EXHAUSTED if self.n >= terms.n_max else None

    def to_dict(self) -> ArmStateDict:
        """Return what a resumed run needs, as JSON values.

        Returns:
            The state without its design.
        """
        return {
            "certify": self.certify.to_dict(),
            "below": self.below.to_dict(),
            "futile": None if self.futile is None else self.futile.to_dict(),
        }

    def _is_out_of_reach(self) -> bool:
        terms, threshold = self.design.terms, self.design.least_log_threshold
        if self.design.best is None:
            return False
        if terms.n_max < terms.min_n:
            return True
        if self.certify.has_reached(threshold):
            return False
        at_end = self.certify.log_e_after(self.design.best, terms.n_max - self.n)
        return at_end < threshold - TIE


def parity_design(
    bar: float,
    terms: Terms,
    *,
    worth: float | None = None,
    least_log_threshold: float | None = None,
) -> ArmDesign:
    """Return the tests of an arm whose scores in [0, 1] must have a mean above a bar.

    Args:
        bar: The rate or mean to beat, in (0, 1).
        terms: Levels, budget and guards.
        worth: The smallest mean worth certifying (`p1`), in (bar, 1), for the futility rule; None
            leaves that rule out. `planner.smallest_rate` gives the usual choice.
        least_log_threshold: The lowest log threshold that the family's rule can come to for this
            arm, for curtailment; log(1 / alpha) if omitted.

    Returns:
        The design.

    Raises:
        ValueError: If the bar or the mean worth certifying is out of range. For a bar of 1 the
            message says what can be certified instead.

    Guarantee:
        See `ArmState`.

    References:
        Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, 2024.
    """
    if check_number(bar, "bar", (">", 0)) >= 1:
        reach = terms.alpha ** (1 / terms.n_max)
        told = math.floor(reach * 1e4) / 1e4
        raise ValueError(
            f"bar == {bar:g}, must be > 0 and < 1: "
            f"{terms.n_max} passes in a row can certify at most {told:.4f}"
        )
    if worth is not None:
        check_number(worth, "worth", (">", bar), ("<", 1))
    design = mean_design(bar, terms, worth=worth, least_log_threshold=least_log_threshold)
    return replace(design, best=1.0)


def mean_design(
    null: float,
    terms: Terms,
    *,
    worth: float | None = None,
    lower: float = 0.0,
    upper: float = 1.0,
    least_log_threshold: float | None = None,
) -> ArmDesign:
    """Return the tests of an arm whose bounded scores must have a mean above a null.

    Paired differences are scores in [-1, 1] with the null at minus the margin and the mean worth
    certifying at 0; preferences are scores in [0, 1] with the null at 0.5 minus the margin and the
    mean worth certifying at 0.5.

    Args:
        null: The mean to beat, strictly inside the range.
        terms: Levels, budget and guards.
        worth: The smallest mean worth certifying, above the null, for the futility rule; None
            leaves that rule out.
        lower: The smallest score possible.
        upper: The largest score possible.
        least_log_threshold: As for `parity_design`; without effect unless `best` is set.

    Returns:
        The design, without curtailment.

    Raises:
        ValueError: If an argument is out of range.

    Guarantee:
        See `ArmState`.

    References:
        Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, 2024.
    """
    alpha, n_max = terms.alpha, terms.n_max
    futile = None
    if worth is not None:
        check_number(worth, "worth", (">", null), ("<", upper))
        futile = mirror_kernel(worth, alpha=terms.beta, n_max=n_max, lower=lower, upper=upper)
    usual = -math.log(alpha)
    return ArmDesign(
        terms=terms,
        certify=certify_kernel(null, alpha=alpha, n_max=n_max, lower=lower, upper=upper),
        below=mirror_kernel(null, alpha=alpha, n_max=n_max, lower=lower, upper=upper),
        futile=futile,
        least_log_threshold=usual if least_log_threshold is None else least_log_threshold,
    )


def resume(design: ArmDesign, data: ArmStateDict) -> ArmState:
    """Restore a state that `ArmState.to_dict` wrote, bit for bit.

    Args:
        design: The arm's tests, the same as before.
        data: What `to_dict` returned.

    Returns:
        The state.

    Raises:
        ValueError: If the data does not fit the design.
    """
    if (design.futile is None) != (data["futile"] is None):
        raise ValueError("futile in the saved state does not match the design")
    futile = None
    if design.futile is not None and data["futile"] is not None:
        futile = from_dict(design.futile, data["futile"])
    return ArmState(
        design=design,
        certify=from_dict(design.certify, data["certify"]),
        below=from_dict(design.below, data["below"]),
        futile=futile,
    )

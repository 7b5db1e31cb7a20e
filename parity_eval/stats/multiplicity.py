"""Many hypotheses at once: which are refuted, and at which level each bound is stated.

Everything works on log e-values. Rules for running maxima (`none`, `bonferroni`, `holm`) may be
given `max_log_e`; `e_bh` needs the e-value at the time of the decision.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from parity_eval.stats.checks import check_count, check_probability
from parity_eval.stats.state import TIE


class FamilyRule(StrEnum):
    """How evidence is corrected for the number of hypotheses."""

    NONE = "none"
    """Each on its own: the error probability of each is at most alpha."""
    BONFERRONI = "bonferroni"
    """Any false rejection: probability at most alpha."""
    HOLM = "holm"
    """Any false rejection: probability at most alpha; never fewer rejections than Bonferroni."""
    E_BH = "e_bh"
    """Expected share of false rejections at most alpha."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejections:
    """What a rule rejects, and the level of each hypothesis' confidence bound."""

    rejected: tuple[int, ...]
    """Indices of the rejected hypotheses, increasing."""
    levels: tuple[float, ...]
    """Per hypothesis, the level at which its bound agrees with the decision: a bound at this level
    passes the null exactly when the hypothesis is rejected."""


def reject(
    rule: FamilyRule,
    log_e: Sequence[float],
    *,
    alpha: float,
    family_size: int | None = None,
) -> Rejections:
    """Decide which null hypotheses of a family are rejected.

    Args:
        rule: The correction.
        log_e: Log e-values, any order; minus infinity for no evidence.
        alpha: The level, in (0, 1).
        family_size: Number of hypotheses the family was declared with, if larger than the number
            given here: those dropped on the way still count.

    Returns:
        The rejected hypotheses and the level of each bound.

    Raises:
        ValueError: If a value is NaN, alpha is outside (0, 1), or there are more hypotheses than
            the family was declared with.

    Guarantee:
        Under any dependence, at any stopping times: `none` bounds the error of each, `bonferroni`
        and `holm` the family-wise error rate, `e_bh` the false discovery rate, by alpha.

    References:
        Vovk and Wang, E-values: calibration, combination and applications, 2021 (e-Holm).
        Wang and Ramdas, False discovery rate control with e-values, 2022 (e-BH).
        Xu, Wang and Ramdas, Post-selection inference for e-value based confidence intervals, 2022
        (the level of the bounds after e-BH).

    Example:
        >>> reject(FamilyRule.E_BH, [4.2, 3.9, 5.1, 0.3, -2.0, 3.2], alpha=0.05).rejected
        (0, 1, 2)
    """
    check_probability(alpha, "alpha")
    size = _check_family(len(log_e), family_size)
    _check_no_nan(log_e)
    match rule:
        case FamilyRule.NONE:
            return _at_levels(log_e, [alpha] * len(log_e))
        case FamilyRule.BONFERRONI:
            return _at_levels(log_e, [alpha / size] * len(log_e))
        case FamilyRule.HOLM:
            return _holm(log_e, alpha, size)
        case FamilyRule.E_BH:
            most = largest_rank(log_e, alpha=alpha, family_size=size)
            return _at_levels(log_e, [alpha * (max(most, 1) / size)] * len(log_e))
        case _:  # pragma: no cover
            assert_never(rule)


def largest_rank(log_e: Sequence[float], *, alpha: float, family_size: int) -> int:
    """Return the number of rejections of e-BH.

    Args:
        log_e: Log e-values, any order.
        alpha: The level.
        family_size: Number of hypotheses in the family.

    Returns:
        The largest r such that at least r e-values reach `family_size / (alpha r)`.
    """
    most = 0
    for rank, value in enumerate(sorted(log_e, reverse=True), start=1):
        if reaches(value, alpha * (rank / family_size)):
            most = rank
    return most


def reaches(log_e: float, level: float) -> bool:
    """Say whether an e-value rejects at a level.

    Args:
        log_e: Log e-value.
        level: The level.

    Returns:
        Whether the e-value is at least 1 / level, ties included.
    """
    return log_e >= -math.log(level) - TIE


def _check_family(given: int, declared: int | None) -> int:
    if declared is None:
        return max(given, 1)
    check_count(declared, "family_size", at_least=1)
    if given > declared:
        raise ValueError(f"len(log_e) == {given}, must be <= family_size == {declared}")
    return declared


def _check_no_nan(log_e: Sequence[float]) -> None:
    for i, value in enumerate(log_e):
        if math.isnan(value):
            raise ValueError(f"log_e[{i}] == {value}, must be a number")


def _at_levels(log_e: Sequence[float], levels: Sequence[float]) -> Rejections:
    pairs = enumerate(zip(log_e, levels, strict=True))
    rejected = tuple(i for i, (value, level) in pairs if reaches(value, level))
    return Rejections(rejected=rejected, levels=tuple(levels))


def _holm(log_e: Sequence[float], alpha: float, size: int) -> Rejections:
    order = sorted(range(len(log_e)), key=lambda i: -log_e[i])
    levels = [0.0] * len(log_e)
    passed = 0
    for i in order:
        level = alpha / (size - passed)
        if not reaches(log_e[i], level):
            break
        levels[i] = level
        passed += 1
    rejected = order[:passed]
    for i in order[passed:]:
        levels[i] = alpha / (size - passed)
    return Rejections(rejected=tuple(sorted(rejected)), levels=tuple(levels))

"""One candidate per task, the cheapest that is certified, with one error rate for the table."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias, assert_never

from parity_eval.stats.checks import check_count, check_number, check_probability
from parity_eval.stats.multiplicity import FamilyRule, largest_rank, reaches, reject

_Rows: TypeAlias = Sequence[Sequence[float]]

_ROUNDING = 1e-9


class RoutingRule(StrEnum):
    """How the evidence of all arms becomes a routing table."""

    NONE = "none"
    """Each arm on its own; the table has no guarantee."""
    PER_TASK = "per_task"
    """Alpha is split over the candidates of a task: the error per task is at most alpha."""
    FIXED_SEQUENCE = "fixed_sequence"
    """From the most expensive candidate down, each at alpha, until one fails: the error per task
    is at most alpha."""
    BONFERRONI = "bonferroni"
    """Any false entry in the table: probability at most alpha."""
    HOLM = "holm"
    """Any false certificate of any arm: probability at most alpha."""
    SELECTED_E_BH = "selected_e_bh"
    """Expected share of false entries in the table at most alpha."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingTable:
    """What a rule certifies in each task; candidates are indexed from the cheapest."""

    chosen: tuple[int | None, ...]
    """Per task, the cheapest certified candidate, if any."""
    certified: tuple[tuple[int, ...], ...]
    """Per task, all candidates that the rule lets through."""
    levels: tuple[tuple[float, ...], ...]
    """Per task and candidate, the level at which its confidence bound agrees with the decision."""


def route(
    rule: RoutingRule,
    log_e: Sequence[Sequence[float]],
    *,
    alpha: float,
    weights: Sequence[Sequence[float]] | None = None,
    family_size: int | None = None,
) -> RoutingTable:
    """Choose the cheapest certified candidate of each task.

    Args:
        rule: The correction.
        log_e: Per task, the log e-value of each candidate from the cheapest to the most expensive.
            Arms that were dropped stay in. `selected_e_bh` needs the e-values at the time of the
            decision; the other rules also take running maxima.
        alpha: The level, in (0, 1).
        weights: Per task, the share of alpha that each candidate gets; they sum to at most one in
            each task. Equal if omitted. Without effect on `none`, `fixed_sequence` and `holm`.
        family_size: Number of tasks the run was declared with, if larger than the number here.

    Returns:
        The routing table.

    Raises:
        ValueError: If a value is NaN, alpha is outside (0, 1), the weights do not fit, or there
            are more tasks than were declared.

    Guarantee:
        Under any dependence, at any stopping times. `selected_e_bh`: the expected share of false
        entries among the routed tasks is at most alpha whichever certified candidate is taken,
        because the weighted e-values of a task's false candidates have a mean of at most one.
        `holm` and `bonferroni`: P(any false entry) <= alpha. `per_task` and `fixed_sequence`: P(a
        false entry) <= alpha for each task. `none`: nothing about the table.

    References:
        Wang and Ramdas, False discovery rate control with e-values, 2022.
        Ignatiadis, Wang and Ramdas, Compound e-values, 2024.

    Example:
        >>> table = route(RoutingRule.SELECTED_E_BH, [[2.0, 4.5], [5.2, 7.0]], alpha=0.05)
        >>> table.chosen
        (1, 0)
    """
    check_probability(alpha, "alpha")
    shares = _check_weights(log_e, weights)
    size = _check_size(log_e, family_size, rule)
    match rule:
        case RoutingRule.NONE:
            return _table(log_e, [[alpha] * len(row) for row in log_e])
        case RoutingRule.PER_TASK:
            return _table(log_e, _scaled(shares, alpha))
        case RoutingRule.BONFERRONI:
            return _table(log_e, _scaled(shares, alpha / size))
        case RoutingRule.SELECTED_E_BH:
            return _table(log_e, _scaled(shares, _selected_level(log_e, shares, alpha, size)))
        case RoutingRule.HOLM:
            return _table(log_e, _holm_levels(log_e, alpha))
        case RoutingRule.FIXED_SEQUENCE:
            return _fixed_sequence(log_e, alpha)
        case _:  # pragma: no cover
            assert_never(rule)


def _table(log_e: _Rows, levels: _Rows) -> RoutingTable:
    certified = tuple(
        tuple(
            j for j, (value, level) in enumerate(zip(*pair, strict=True)) if reaches(value, level)
        )
        for pair in zip(log_e, levels, strict=True)
    )
    return RoutingTable(
        chosen=tuple(row[0] if row else None for row in certified),
        certified=certified,
        levels=tuple(tuple(row) for row in levels),
    )


def _scaled(shares: _Rows, level: float) -> _Rows:
    return [[share * level for share in row] for row in shares]


def _selected_level(log_e: _Rows, shares: _Rows, alpha: float, size: int) -> float:
    """Run e-BH on each task's best weighted e-value."""
    best = [
        max(
            (value + math.log(share) for value, share in zip(*pair, strict=True)), default=-math.inf
        )
        for pair in zip(log_e, shares, strict=True)
    ]
    return alpha * (max(largest_rank(best, alpha=alpha, family_size=size), 1) / size)


def _holm_levels(log_e: _Rows, alpha: float) -> _Rows:
    arms = [value for row in log_e for value in row]
    levels = iter(reject(FamilyRule.HOLM, arms, alpha=alpha).levels)
    return [[next(levels) for _ in row] for row in log_e]


def _fixed_sequence(log_e: _Rows, alpha: float) -> RoutingTable:
    alone = _table(log_e, [[alpha] * len(row) for row in log_e])
    certified = tuple(
        tuple(j for j in passed if all(k in passed for k in range(j, len(row))))
        for passed, row in zip(alone.certified, log_e, strict=True)
    )
    chosen = tuple(row[0] if row else None for row in certified)
    return RoutingTable(chosen=chosen, certified=certified, levels=alone.levels)


def _check_weights(log_e: _Rows, weights: _Rows | None) -> _Rows:
    for k, row in enumerate(log_e):
        for j, value in enumerate(row):
            if math.isnan(value):
                raise ValueError(f"log_e[{k}][{j}] == {value}, must be a number")
    if weights is None:
        return [[1.0 / len(row)] * len(row) for row in log_e]
    if [len(row) for row in weights] != [len(row) for row in log_e]:
        raise ValueError("weights must have one number per task and candidate, as log_e has")
    for k, row in enumerate(weights):
        for j, share in enumerate(row):
            check_number(share, f"weights[{k}][{j}]", (">", 0), ("<=", 1))
        check_number(sum(row), f"sum(weights[{k}])", ("<=", 1 + _ROUNDING))
    return weights


def _check_size(log_e: _Rows, declared: int | None, rule: RoutingRule) -> int:
    given = len(log_e)
    if declared is None:
        return max(given, 1)
    check_count(declared, "family_size", at_least=1)
    if given > declared:
        raise ValueError(f"len(log_e) == {given}, must be <= family_size == {declared}")
    if rule is RoutingRule.HOLM and given < declared:
        raise ValueError(f"len(log_e) == {given}, must be {declared}: e-Holm counts every arm")
    return declared

"""Designs to the terms of every arm: its estimand and its gates, with what each may use."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from parity_eval.armtest import FLOOR_BAR, ArmPlan, PartPlan
from parity_eval.design import TaskDesign
from parity_eval.estimands import gate_estimand
from parity_eval.planning import worth_certifying
from parity_eval.records import (
    FLOOR_GATE,
    Arm,
    Estimand,
    Missing,
    ModelSpec,
    RequestId,
    TaskName,
    Unit,
)
from parity_eval.stats.log_planner import smallest_log_rate
from parity_eval.stats.noise_floor import self_agreement_subsample
from parity_eval.stats.planner import straight_passes
from parity_eval.stats.stopping import Terms
from parity_eval.study import Study, TestSpec

_LEAST_SHARE = 0.05
"""Of the margin: nobody waits for less above the null."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What was found out before the tests begin."""

    closed: Mapping[TaskName, str]
    """Why tasks can't be measured."""
    failed: Mapping[Arm, RequestId]
    """Requests that must pass and did not."""
    holes: Mapping[Arm, Missing]
    """What keeps arms from beginning."""


def arm_plans(
    study: Study,
    designs: Sequence[TaskDesign],
    orders: Mapping[Arm, Sequence[Unit]],
    *,
    by_price: Sequence[ModelSpec],
    before: "Before",
) -> list[ArmPlan]:
    """Fix the terms of all arms.

    Args:
        study: The study.
        designs: Its tasks.
        orders: The requests of each arm in their order.
        by_price: The candidates from the cheapest.
        before: What was found out before the tests begin.

    Raises:
        ConfigError: a gate that takes no part in the task's estimand.
    """
    plans = []
    for design in designs:
        task = design.spec.name
        for rank, spec in enumerate(by_price):
            arm = Arm(task=task, candidate=spec.name)
            parts = _parts(study, design, orders[arm])
            plans.append(
                ArmPlan(
                    arm=arm,
                    parts=parts,
                    price_rank=rank,
                    why_closed=before.closed.get(task) or _why_out_of_reach(parts[1:], study.test),
                    failed_on=before.failed.get(arm),
                    hole=before.holes.get(arm),
                )
            )
    return plans


def _parts(study: Study, design: TaskDesign, order: Sequence[Unit]) -> tuple[PartPlan, ...]:
    test, estimand = study.test, design.estimand
    n_max = min(test.max_samples, sum(unit.is_drawn for unit in order))
    n_rivals = len(study.candidates)
    parts = [
        PartPlan(
            estimand=estimand,
            size=len(order),
            n_max=n_max,
            worth=_worth(estimand, test, len(order), n_rivals),
            subsample=design.subsample,
        )
    ]
    if estimand.name == "noise_floor":
        floor = Estimand(name="parity", bar=FLOOR_BAR, margin=None, why="noise floor")
        drawn = design.subsample
        own = (
            None
            if drawn is None
            else self_agreement_subsample(chances=(drawn.chances[0], drawn.chances[1]))
        )
        parts.append(
            PartPlan(name=FLOOR_GATE, estimand=floor, size=len(order), n_max=n_max, subsample=own)
        )
    for gate in design.spec.gates:
        where = f"{study.origin}: tasks.{design.spec.name}.gates.{gate.name}"
        is_slice = gate.check == "slice"
        inside = [unit for unit in order if not is_slice or gate.name in unit.slices]
        n_inside = sum(not is_slice or gate.name in unit.slices for unit in order[:n_max])
        found = gate_estimand(gate, estimand, where)
        parts.append(
            PartPlan(
                name=gate.name,
                estimand=found,
                size=len(inside),
                n_max=n_inside,
                subsample=design.subsample if is_slice else None,
            )
        )
    return tuple(parts)


def out_of_reach(study: Study, design: TaskDesign) -> str | None:
    """Say which gate of a task no candidate could pass, for want of requests.

    Args:
        study: The study.
        design: The task.
    """
    return _why_out_of_reach(_parts(study, design, design.sample.units)[1:], study.test)


def _why_out_of_reach(gates: Sequence[PartPlan], test: TestSpec) -> str | None:
    """Say which gate could not be passed even without any failure."""
    for gate in gates:
        bar, n = gate.estimand.null, gate.n_max
        if n == 0:
            return f"gate {gate.name!r}: no request that the test may use belongs to it"
        if gate.estimand.name != "parity" or test.target == "log" or gate.subsample is not None:
            continue
        if straight_passes(bar, Terms(n_max=n, alpha=test.alpha, min_n=1)) is None:
            best = math.floor(1e4 * test.alpha ** (1 / n)) / 1e4
            return (
                f"gate {gate.name!r}: its {n} requests cannot certify a bar of {bar:g} even "
                f"without a failure; at most {best:.4f} could be"
            )
    return None


def _worth(estimand: Estimand, test: TestSpec, n_available: int, n_rivals: int) -> float | None:
    """Return the mean for the futility rule, where the design has one."""
    if test.design != "sequential":
        return None
    if test.target == "log" and estimand.name == "parity":
        n_max = max(1, min(test.max_samples, n_available))
        terms = Terms(n_max=n_max, alpha=test.alpha, beta=test.beta, min_n=1)
        found = smallest_log_rate(estimand.null, terms, size=max(1, n_available))
        return found if found is not None and found > estimand.null else None
    worth = worth_certifying(estimand, test, n_available, n_rivals)
    if worth is None or test.target == "traffic":
        return worth
    # What is left of a log gets to be known: near its end even a mean next to the null is shown.
    margin = estimand.margin or 0.0
    unseen = 1 - min(test.max_samples, n_available) / max(1, n_available)
    return estimand.null + max(_LEAST_SHARE * margin, math.sqrt(unseen) * (worth - estimand.null))

"""What a sound evaluation must find, computed from the planted rates."""

from typing import Literal

from tidebox.cases import Json
from tidebox.plan import (
    ALPHA,
    BAR,
    BETA,
    CANDIDATES,
    MARGIN,
    MAX_SAMPLES,
    NOISE_FLOOR_TASKS,
    SECOND,
    WANTED_POWER,
    WRITERS,
    Plan,
)
from tidebox.power import Design, noise_floor_power, parity_power

Expected = Literal["certified", "not certified", "either"]

Realised = dict[tuple[str, str], float]
"""Share of right answers by task and model."""

ROUNDING = 1e-9


def describe_truth(plan: Plan, realised: Realised) -> Json:
    """Write down what is planted and what follows from it.

    Args:
        plan: What is planted.
        realised: What the draws made of it.

    Returns:
        The content of `truth.json`.
    """
    family = len(WRITERS) * len(CANDIDATES)
    return {
        "version": 1,
        "seed": plan.seed,
        "requests_per_task": plan.requests,
        "alpha": ALPHA,
        "beta": BETA,
        "max_samples": MAX_SAMPLES,
        "family": family,
        "strictest_level": ALPHA / family,
        "wanted_power": WANTED_POWER,
        "tasks": {writer.task: _task(plan, writer.task, realised) for writer in WRITERS},
    }


def design(plan: Plan) -> Design:
    """Give the strictest terms that an arm of the study can meet.

    Args:
        plan: What is planted.

    Returns:
        The whole family's correction, and no more units than there are requests.
    """
    return Design(
        level=ALPHA / (len(WRITERS) * len(CANDIDATES)),
        node_level=ALPHA,
        beta=BETA,
        n_max=min(MAX_SAMPLES, plan.requests),
    )


def _task(plan: Plan, task: str, realised: Realised) -> Json:
    candidates = {each.name: _arm(plan, task, each.name, realised) for each in CANDIDATES}
    if task in NOISE_FLOOR_TASKS:
        floor = {"planted": plan.floors[task], "realised": realised[task, SECOND]}
        terms: Json = {"estimand": "noise_floor", "floor": floor, "margin": MARGIN}
    else:
        terms = {"estimand": "parity", "bar": BAR}
    return terms | {"candidates": candidates}


def _arm(plan: Plan, task: str, candidate: str, realised: Realised) -> Json:
    rate = plan.rates[task][candidate]
    power, expected = outlook(plan, task, rate)
    return {
        "planted": rate,
        "threshold": round(threshold(plan, task), 6),
        "realised": realised[task, candidate],
        "power": None if power is None else round(power, 4),
        "expected": expected,
    }


def threshold(plan: Plan, task: str) -> float:
    """Give the parity rate that an arm of a task has to beat.

    Args:
        plan: What is planted.
        task: Name of the task.

    Returns:
        The bar, or the noise floor minus the margin.
    """
    return plan.floors[task] - MARGIN if task in NOISE_FLOOR_TASKS else BAR


def outlook(plan: Plan, task: str, rate: float) -> tuple[float | None, Expected]:
    """Work out what must become of an arm.

    Args:
        plan: What is planted.
        task: Name of the task.
        rate: True parity rate of the arm.

    Returns:
        The chance of a certificate (None where none may be given), and what to expect.
    """
    if rate <= threshold(plan, task) + ROUNDING:
        return None, "not certified"
    if task in NOISE_FLOOR_TASKS:
        power = noise_floor_power(rate, plan.floors[task], MARGIN, design(plan))
    else:
        power = parity_power(rate, BAR, design(plan))
    return power, "certified" if power >= WANTED_POWER else "either"

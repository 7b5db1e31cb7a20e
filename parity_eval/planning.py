"""What a study can prove and what it may cost, before anything is sent."""

import math
from collections.abc import Mapping, Sequence

from parity_eval import codec
from parity_eval.books import cost_bound, output_bound
from parity_eval.design import TaskDesign
from parity_eval.parity import MOST_JUDGED, PLACEBOS
from parity_eval.records import (
    Call,
    Estimand,
    ModelName,
    ModelSpec,
    Purpose,
    TaskName,
    Unit,
)
from parity_eval.stats.planner import smallest_rate
from parity_eval.stats.stopping import Terms
from parity_eval.study import Study, TestSpec

_ORDERS = 2
_LONGEST_ANSWER = 16_000
_INSTRUCTIONS = 4_000
_JUDGE_OUTPUT = 1_024


_VARIANCE = {"preference": 0.2, "noise_floor": 0.1, "quality": 0.1}
"""Assumed variance of an observation: one pair in ten differs, or four in five have a winner."""


def worth_certifying(
    estimand: Estimand, test: TestSpec, n_available: int, n_rivals: int
) -> float | None:
    """Return the smallest mean that the futility rule waits for.

    For parity this is the smallest rate with 80% power inside the budget, which is exact. The
    evidence for a mean at a distance d from the null grows by about d² / (2 variance) per request;
    so elsewhere it is the mean that the budget can just certify under an assumed variance, but
    neither more than the baseline's own nor within half the margin of the null. A candidate that
    is a little worse than the baseline, and well within the margin, deserves its certificate.

    Args:
        estimand: What is certified.
        test: Levels and budget.
        n_available: Requests that the arm may use.
        n_rivals: Candidates of the task.

    Returns:
        The mean; None where the budget cannot certify anything.
    """
    n_max = max(1, min(test.max_samples, n_available))
    if estimand.name != "parity":
        margin = estimand.margin or 0.0
        needed = math.log(n_rivals / test.alpha) + 1.0
        reach = math.sqrt(2 * _VARIANCE[estimand.name] * needed / n_max)
        return estimand.null + min(margin, max(margin / 2, reach))
    terms = Terms(n_max=n_max, alpha=test.alpha, beta=test.beta, min_n=test.min_n)
    return smallest_rate(estimand.null, terms)


def worst_case_usd(
    study: Study, designs: Sequence[TaskDesign], live: Mapping[ModelName, ModelSpec]
) -> float:
    """Return what a run costs at most, if every arm uses all that it may.

    Args:
        study: The study.
        designs: Its tasks.
        live: Models that are paid for.
    """
    measured = [design for design in designs if design.why_closed is None]
    caps = study.run.task_max_usd
    return sum(
        min(_task_usd(study, design, live), caps.get(design.spec.name, math.inf))
        for design in measured
    )


def _task_usd(study: Study, design: TaskDesign, live: Mapping[ModelName, ModelSpec]) -> float:
    base = study.baseline
    second = base.second if design.estimand.name == "noise_floor" else None
    asked = [*study.candidates, *([second] if second else [])]
    if base.source == "replay":
        asked.append(base.spec)
    judge = study.judge.spec if study.judge is not None else None
    # The baseline's second answer is judged like a candidate's; its own is rated like theirs.
    n_answers = len(study.candidates) + (second is not None or design.estimand.name == "quality")
    n_orders = questions_each(design)
    n_output = output_bound(unit.baseline.usage for unit in design.sample.units)
    total = 0.0
    sample = design.sample.units[: study.test.max_samples]
    for i, unit in enumerate((*sample, *design.sample.kept.values())):
        total += sum(_bound(spec, unit, live, n_output) for spec in asked)
        if judge is not None and n_orders:
            n_placebos = len(PLACEBOS) if i < MOST_JUDGED else 0
            n_questions = n_orders * (n_answers + n_placebos)
            total += n_questions * _question_usd(judge, unit, live)
    return total


def questions_each(design: TaskDesign) -> int:
    """Return how many questions a judge is asked about one answer at most.

    A pair is judged in both orders, and an answer rated once.
    """
    asked = {"judge": _ORDERS, "rating": 1}
    return sum(asked.get(spec.scorer, 0) for spec in design.scorers)


def _question_usd(judge: ModelSpec, unit: Unit, live: Mapping[ModelName, ModelSpec]) -> float:
    """Return the most that a question costs: the request, two answers, the instructions."""
    if judge.name not in live or judge.price is None:
        return 0.0
    asked = len(codec.encode(unit.request.body)) + len(unit.baseline.text.encode())
    n_input = asked + _LONGEST_ANSWER + _INSTRUCTIONS
    return (n_input * judge.price.input + _JUDGE_OUTPUT * judge.price.output) / 1e6


def _bound(
    spec: ModelSpec, unit: Unit, live: Mapping[ModelName, ModelSpec], n_output: int
) -> float:
    if spec.name not in live:
        return 0.0
    call = Call(
        key="",
        request=unit.request,
        spec=live[spec.name],
        purpose=Purpose.CANDIDATE,
        task=TaskName(""),
    )
    return cost_bound(call, n_output)

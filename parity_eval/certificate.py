"""Decisions and their evidence to certificates in words, with everything a reader must know."""

from collections.abc import Sequence
from dataclasses import dataclass

from parity_eval.records import Estimand, PlaceboResult, RequestId
from parity_eval.study import FamilyRule

HEAVY_SHARE = 0.01
"""A failing request with more of the traffic than this blocks the route."""

NOT_PROMISED = (
    (
        "It speaks about requests like those in the log, answered by the model versions that were "
        "tested; other traffic, and later versions, are not covered."
    ),
    (
        "Each logged turn was replayed on the baseline's own history; how errors add up over "
        "several turns or agent steps was not tested."
    ),
    (
        "A verdict is only as good as the rule, labels or judge that gave it; the error of an "
        "uncalibrated judge is not part of alpha."
    ),
    "'Not certified' does not mean worse: only 'rejected' is shown to be below the bar.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What was special about an arm's run, as far as a certificate must say it."""

    judge: str | None = None
    """Judge that the rule asks."""
    judge_is_contestant: str | None = None
    """The contestant that the judge is."""
    judge_saw_one_order: bool = False
    holes_counted: int = 0
    """Missing answers that were counted against the candidate."""
    placebos: tuple[PlaceboResult, ...] = ()
    dropped_params: tuple[str, ...] = ()
    refused: int = 0
    """Requests left out because an earlier study had shown them to this candidate."""


def statement(estimand: Estimand) -> str:
    """Say in words what a certificate of an estimand claims."""
    match estimand.name:
        case "parity":
            return (
                f"More than {_percent(estimand.null)} of requests of this kind get an answer at "
                "parity with the baseline's."
            )
        case "noise_floor":
            return (
                "The candidate agrees with the baseline's answer less than "
                f"{_points(estimand.margin)} less often than the baseline agrees with itself."
            )
        case "quality":
            return (
                "On requests of this kind the candidate's mean quality is less than "
                f"{_points(estimand.margin)} below the baseline's."
            )
        case "preference":
            return (
                "The judge's mean preference for the candidate's answers over the baseline's is "
                f"above {_exact(estimand.null)} (win 1, tie 0.5, loss 0; 0.5 is a draw)."
            )


def family_statement(family: FamilyRule, alpha: float, n_tasks: int, n_arms: int) -> str:
    """Say in words what alpha covers."""
    size = f"{_count(n_tasks, 'task')}, {_count(n_arms, 'arm')}"
    if n_arms == 1:
        return (
            f"The chance that the certificate is false is at most {_percent(alpha)}, "
            f"whenever the run is stopped ({size})."
        )
    if family == "fdr":
        return (
            "Of the certificates in the routing table, an expected share of at most "
            f"{_percent(alpha)} is false, whenever the run is stopped (selected e-BH over {size})."
        )
    return (
        f"The chance that any certificate is false is at most {_percent(alpha)}, whenever the run "
        f"is stopped (e-Holm over {size})."
    )


def qualifications(circumstances: Circumstances) -> tuple[str, ...]:
    """List what a reader of a certificate must know beyond its statement."""
    c = circumstances
    found: list[str] = []
    if c.judge:
        found.append(f"as judged by {c.judge}, not calibrated by human labels")
    if c.judge_is_contestant:
        found.append(
            f"the judge is itself a contestant ({c.judge_is_contestant}); it may prefer its own "
            "answers"
        )
    if c.judge_saw_one_order:
        found.append(
            "pairs that the judge saw in one order only were accepted; a preference for a place "
            "may count"
        )
    if c.holes_counted:
        found.append(f"{_count(c.holes_counted, 'missing answer')} counted against the candidate")
    unasked = [p.name for p in c.placebos if p.is_below is None]
    if unasked:
        found.append(f"placebos that could not be asked: {', '.join(unasked)}")
    if c.dropped_params:
        found.append(f"sent without the parameters {', '.join(c.dropped_params)}")
    if c.refused:
        found.append(
            f"{_count(c.refused, 'request')} left out: an earlier study had shown them to this "
            "candidate"
        )
    return tuple(found)


def heavy_positions(weights: Sequence[int], total_weight: int) -> tuple[int, ...]:
    """Return which requests stand for more than 1% of the task's traffic: at most 99.

    A test that ends early leaves some of them unseen; a route must not.

    Args:
        weights: Log lines of each request, in an arm's order.
        total_weight: Log lines of the task.
    """
    return tuple(i for i, weight in enumerate(weights) if is_heavy(weight, total_weight))


def heavy_failure(
    failed: Sequence[tuple[RequestId, int]], total_weight: int, acknowledged: Sequence[RequestId]
) -> RequestId | None:
    """Return a failing request that stands for more than 1% of the task's traffic, if any.

    Args:
        failed: Id and weight (log lines) of each failing request.
        total_weight: Log lines of the task.
        acknowledged: Requests whose failure the user accepts.
    """
    heavy = [
        (weight, request)
        for request, weight in failed
        if is_heavy(weight, total_weight) and request not in acknowledged
    ]
    return max(heavy)[1] if heavy else None


def is_heavy(weight: int, total_weight: int) -> bool:
    """Whether a request is known to stand for more than 1% of the task's traffic."""
    # Of a request that was seen once, no one knows its share of the traffic.
    return weight > 1 and weight > HEAVY_SHARE * total_weight


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"


def _percent(share: float) -> str:
    return f"{_exact(share * 100)}%"


def _points(margin: float | None) -> str:
    return f"{_exact((margin or 0.0) * 100)} percentage points"


def _exact(number: float) -> str:
    """Return a number without rounding it: a bar of 0.99999 is not 100%."""
    return f"{number:.12g}"

"""One sentence per decision, in plain words.

Only `rejected` is called shown to be below the bar, and a bound is never told without n.
"""

from dataclasses import dataclass
from typing import assert_never

from parity_eval import figures
from parity_eval.records import Decision, Estimand, Status
from parity_eval.summary import ArmSummary, RunSummary, TaskSummary

_MOST_OPEN_SENTENCES = 8
"""A group with more than that starts closed; that of the routes never does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """`{task} {verb} {candidate}{rest}`."""

    task: str
    verb: str
    candidate: str
    rest: str
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceGroup:
    """All sentences of one kind of decision; of certificates, routes and others apart."""

    status: Status
    title: str
    is_route: bool
    is_open: bool
    sentences: tuple[Sentence, ...]


def anchor(task: int, arm: int | None = None) -> str:
    """Return the id of a task or an arm on the page; names never become ids."""
    return f"t{task + 1}" if arm is None else f"t{task + 1}-a{arm + 1}"


def sentence_groups(summary: RunSummary) -> tuple[SentenceGroup, ...]:
    """Return one sentence per decision: what moves first, then what else is certified."""
    found: dict[tuple[int, bool], list[Sentence]] = {}
    for i, task in enumerate(summary.tasks):
        for j, arm in enumerate(task.arms):
            key = (figures.status_rank(arm.decision.status), not arm.is_route)
            sentence = _sentence(task, arm, summary.baseline, anchor(i, j))
            found.setdefault(key, []).append(sentence)
    return tuple(
        _group(figures.STATUSES[rank], tuple(found[rank, is_other]), is_route=not is_other)
        for rank, is_other in sorted(found)
    )


def _group(status: Status, sentences: tuple[Sentence, ...], *, is_route: bool) -> SentenceGroup:
    title = figures.status_name(status).capitalize()
    if status is Status.CERTIFIED:
        title += ": can move" if is_route else ", but not the route"
    return SentenceGroup(
        status=status,
        title=title,
        is_route=is_route,
        is_open=is_route or len(sentences) <= _MOST_OPEN_SENTENCES,
        sentences=sentences,
    )


def _sentence(task: TaskSummary, arm: ArmSummary, baseline: str, place: str) -> Sentence:
    verb, rest = _words(task, arm, figures.one_line(baseline, 60))
    return Sentence(
        task=figures.one_line(task.name),
        verb=verb,
        candidate=figures.one_line(arm.decision.arm.candidate),
        rest=rest,
        anchor=place,
    )


def _words(task: TaskSummary, arm: ArmSummary, baseline: str) -> tuple[str, str]:
    decision, stays = arm.decision, f"stays on {baseline}:"
    so_far = f"{figures.measure_name(task.estimand)} {figures.result(task.estimand, decision)}"
    match decision.status:
        case Status.CERTIFIED:
            return _certified(task.estimand, arm, baseline)
        case Status.OPEN:
            reason = figures.one_line(decision.reason).rstrip(".")
            return stays, f" is still open. {reason}; {so_far}."
        case Status.INCONCLUSIVE:
            why = "was not settled before the requests or the sample limit ran out"
            return stays, f" {why}; {so_far}."
        case Status.FUTILE:
            why = "was stopped because a certificate was out of reach, which does not show it worse"
            return stays, f" {why}; {so_far}."
        case Status.REJECTED:
            finding = _finding(task.estimand, decision, baseline, is_lower=False)
            return stays, f" is shown to be below the bar: {finding}."
        case Status.NOT_MEASURABLE:
            why = figures.one_line(task.why_not_measurable or decision.reason).rstrip(".")
            return stays, f" cannot be measured on it. {why}."
        case _:
            assert_never(decision.status)


def _certified(estimand: Estimand, arm: ArmSummary, baseline: str) -> tuple[str, str]:
    finding = _finding(estimand, arm.decision, baseline, is_lower=True)
    if arm.is_route:
        return "can move to", f": {finding}."
    if arm.blocked_by is not None:
        request = figures.one_line(arm.blocked_by, 60)
        why = f"but request {request} fails and carries more than 1% of the traffic"
        return "could move to", f": {finding}, {why}; acknowledge it to free the route."
    return "could move to", f" as well: {finding}; the manifest does not route it there."


def _finding(estimand: Estimand, decision: Decision, baseline: str, *, is_lower: bool) -> str:
    """Say what one bound shows: the lower one of a certificate, the upper one of a rejection."""
    limit, bound = ("at least", decision.low) if is_lower else ("at most", decision.high)
    value = figures.measure(estimand, bound, rounding="down" if is_lower else "up")
    n = f"n = {figures.count(decision.n)}"
    against = f"bar {figures.bar(estimand)}, {n}"
    match estimand.name:
        case "parity":
            requests = "of requests like these get an answer at parity with"
            return f"{limit} {value} {requests} {baseline}'s ({against})"
        case "noise_floor":
            distance = _distance(value, is_lower=is_lower)
            return f"its parity with {baseline} is {distance} {baseline}'s with itself ({against})"
        case "quality":
            distance = _distance(value, is_lower=is_lower)
            return f"its mean quality is {distance} {baseline}'s ({against})"
        case "preference":
            preference = "the judge's mean preference for it (a tie is 50%)"
            return f"{preference} is {limit} {value} ({against})"
        case _:
            assert_never(estimand.name)


def _distance(value: str, *, is_lower: bool) -> str:
    """Say how far below or above: a lower bound below zero is `at most so much below`."""
    if value == figures.points(0):
        return "not below" if is_lower else "not above"
    is_below = value.startswith("-")
    limit = "at most" if is_lower == is_below else "at least"
    return f"{limit} {value.lstrip('+-')} {'below' if is_below else 'above'}"

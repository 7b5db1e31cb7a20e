"""One sentence per decision, in plain words.

Only `rejected` is called shown to be below the bar, and a bound is never told without n.
"""

from dataclasses import dataclass
from typing import assert_never

from parity_eval import figures, findings
from parity_eval.records import Decision, Estimand, Status
from parity_eval.summary import ArmSummary, RunSummary, TaskSummary

_MOST_OPEN_SENTENCES = 8
"""A group with more than that starts closed; that of the routes never does."""

_WHY = {
    Status.INCONCLUSIVE: "was not settled before the requests or the sample limit ran out",
    Status.FUTILE: (
        "was stopped because a certificate was out of reach, which does not show it worse"
    ),
}


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
            sentence = _sentence(summary, task, arm, anchor(i, j))
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


def _sentence(summary: RunSummary, task: TaskSummary, arm: ArmSummary, place: str) -> Sentence:
    verb, rest = _words(summary, task, arm)
    return Sentence(
        task=figures.one_line(task.name),
        verb=verb,
        candidate=figures.one_line(arm.decision.arm.candidate),
        rest=rest,
        anchor=place,
    )


def _words(summary: RunSummary, task: TaskSummary, arm: ArmSummary) -> tuple[str, str]:
    decision, stays = arm.decision, f"stays on {_baseline(summary)}:"
    so_far = f"{figures.measure_name(task.estimand)} {figures.result(task.estimand, decision)}"
    reason = figures.one_line(decision.reason).rstrip(".")
    match decision.status:
        case Status.CERTIFIED:
            return _certified(summary, task.estimand, arm)
        case Status.OPEN:
            return stays, f" is still open. {reason}; {so_far}."
        case Status.INCONCLUSIVE | Status.FUTILE:
            return stays, f" {_WHY[decision.status]}{_gates_short(decision)}; {so_far}."
        case Status.REJECTED:
            if findings.is_rejected_otherwise(task, decision):
                return stays, f" is rejected: {reason}."
            finding = _finding(summary, task.estimand, arm, is_lower=False)
            return stays, f" is shown to be below the bar: {finding}."
        case Status.NOT_MEASURABLE:
            why = figures.one_line(task.why_not_measurable or decision.reason).rstrip(".")
            return stays, f" cannot be measured on it. {why[:1].upper()}{why[1:]}."
        case _:
            assert_never(decision.status)


def _gates_short(decision: Decision) -> str:
    """Return the reason where a gate may have a part in it."""
    if all(gate.is_passed for gate in decision.gates):
        return ""
    return f" ({figures.one_line(decision.reason).rstrip('.')})"


def _certified(summary: RunSummary, estimand: Estimand, arm: ArmSummary) -> tuple[str, str]:
    finding = _finding(summary, estimand, arm, is_lower=True)
    if arm.is_route:
        return "can move to", f": {finding}."
    if arm.blocked_by is not None:
        request = figures.one_line(arm.blocked_by, 60)
        why = f"but request {request} fails and carries more than 1% of the traffic"
        return "could move to", f": {finding}, {why}; acknowledge it to free the route."
    return "could move to", f" as well: {finding}; the manifest does not route it there."


def _finding(summary: RunSummary, estimand: Estimand, arm: ArmSummary, *, is_lower: bool) -> str:
    """Say what one bound shows: the lower one of a certificate, the upper one of a rejection."""
    decision, baseline = arm.decision, _baseline(summary)
    limit, bound = ("at least", decision.low) if is_lower else ("at most", decision.high)
    value = figures.measure(estimand, bound, rounding="down" if is_lower else "up")
    n = f"n = {figures.count(decision.n)}"
    against = f"bar {figures.bar(estimand)}, {n}"
    is_log = summary.target == "log"
    on_log = "on this log, " if is_log else ""
    match estimand.name:
        case "parity":
            whose = "of the requests of this log" if is_log else "of requests like these"
            human = ", as humans judge it" if arm.labels_used else ""
            shares = f"{whose} get an answer at parity with {baseline}'s{human}"
            return f"{limit} {value} {shares} ({against})"
        case "noise_floor":
            distance = f"{_distance(value, is_lower=is_lower)} {baseline}'s with itself"
            return f"{on_log}its parity with {baseline} is {distance} ({against})"
        case "quality":
            distance = _distance(value, is_lower=is_lower)
            return f"{on_log}its mean quality is {distance} {baseline}'s ({against})"
        case "preference":
            whose = "humans'" if arm.labels_used else "the judge's"
            preference = f"{whose} mean preference for it (a tie is 50%)"
            return f"{on_log}{preference} is {limit} {value} ({against})"
        case _:
            assert_never(estimand.name)


def _baseline(summary: RunSummary) -> str:
    return figures.one_line(summary.baseline, 60)


def _distance(value: str, *, is_lower: bool) -> str:
    """Say how far below or above: a lower bound below zero is `at most so much below`."""
    if value == figures.points(0):
        return "not below" if is_lower else "not above"
    is_below = value.startswith("-")
    limit = "at most" if is_lower == is_below else "at least"
    return f"{limit} {value.lstrip('+-')} {'below' if is_below else 'above'}"

"""Decisions and their evidence to certificates in words, with everything a reader must know."""

from collections.abc import Sequence
from dataclasses import dataclass

from parity_eval.records import Estimand, PlaceboResult, RequestId
from parity_eval.study import GateSpec, TestSpec

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
    is_corrected: bool = False
    """Whether human verdicts correct the judge's."""
    labels_used: int = 0
    """Human verdicts that entered the test."""
    unread: int = 0
    """Pairs of which no scorer, or judge, could make anything."""
    cluster: str | None = None
    """Field whose values are the units of the test."""
    has_own_prompt: bool = False
    """Whether the candidate was told something else than the log says."""
    not_taken: int = 0
    """Requests of its order that the candidate cannot take, and therefore fails."""
    refused: int = 0
    """Requests left out because an earlier study had shown them to this candidate."""
    masked: int = 0
    """Requests of its order in which, or in whose answers, something is hidden."""
    by_traffic: bool = False
    """Whether a request counts as often as it was asked."""


def statement(
    estimand: Estimand,
    *,
    log_size: int | None = None,
    is_corrected: bool = False,
    cluster: str | None = None,
    by_traffic: bool = False,
) -> str:
    """Say in words what a certificate of an estimand claims.

    Args:
        estimand: What is certified.
        log_size: Number of requests of the log, where the claim is about them alone; None: about
            all traffic like the log's.
        is_corrected: Whether human verdicts correct the judge's.
        cluster: Field whose values, and not requests, weigh alike; None: distinct requests do.
        by_traffic: Whether a request weighs as often as it was asked.
    """
    about = "requests of this kind"
    if cluster is not None:
        about = f"requests of this kind, one drawn at random for each {cluster},"
    if log_size is not None:
        about = f"the {_count(log_size, 'usable request')} of this kind in this log"
        if by_traffic:
            about += ", each counted as often as it was asked,"
    match estimand.name:
        case "parity":
            than = "More than" if log_size is None else "At least"
            human = ", as humans judge it" if is_corrected else ""
            return (
                f"{than} {_percent(estimand.null)} of {about} get an answer at parity with the "
                f"baseline's{human}."
            )
        case "noise_floor":
            return (
                f"{_on(about, log_size)} candidate agrees with the baseline's answer less than "
                f"{_points(estimand.margin)} less often than the baseline agrees with itself."
            )
        case "quality":
            return (
                f"On {about} the candidate's mean quality is less than "
                f"{_points(estimand.margin)} below the baseline's."
            )
        case "preference":
            whose = "Humans' mean preference" if is_corrected else "The judge's mean preference"
            return (
                f"{whose} for the candidate's answers over the baseline's is "
                f"above {_exact(estimand.null)} (win 1, tie 0.5, loss 0; 0.5 is a draw)"
                f"{'' if log_size is None else f', over {about}'}."
            )


def gate_statement(
    gate: GateSpec,
    estimand: Estimand,
    *,
    log_size: int | None = None,
    is_corrected: bool = False,
    cluster: str | None = None,
    by_traffic: bool = False,
) -> str:
    """Say in words what a gate demands beside the task's own statement.

    Args:
        gate: The gate.
        estimand: What has to be shown, as `armplans.gate_estimand` gives it.
        log_size: Requests of the log in the gate, where the claim is about them alone.
        is_corrected: As for `statement`.
        cluster: As for `statement`.
        by_traffic: As for `statement`.
    """
    share = f"more than {_percent(estimand.null)} of"
    if log_size is not None:
        share = f"at least {_percent(estimand.null)} of the {log_size}"
    match gate.check:
        case "format":
            return f"{share} answers are in the format that the request or the task demands"
        case "speed":
            return f"{share} calls take at most {_exact(gate.seconds or 0.0)} seconds"
        case "slice":
            words = statement(
                estimand,
                log_size=log_size,
                is_corrected=is_corrected,
                cluster=cluster,
                by_traffic=by_traffic,
            )
            where = " and ".join(f"{field} = {glob}" for field, glob in gate.match.items())
            return f"where {where}: {_lowered(words)}"


def unit_words(test: TestSpec) -> str:
    """Say in words what counts once in a test."""
    if test.weight == "traffic":
        return "request, as often as it was asked"
    return f"one request per {test.cluster_field}" if test.cluster_field else "request"


def design_words(test: TestSpec) -> str:
    """Say in words how alpha is spent."""
    looks = f"{_count(test.looks, 'look')}, fixed end"
    return {
        "sequential": "anytime-valid e-process, looked at after every request",
        "budget": "exact binomial error spending, a look after every request, fixed end",
        "obrien_fleming": f"group-sequential, O'Brien-Fleming-like spending, {looks}",
        "pocock": f"group-sequential, Pocock-like spending, {looks}",
        "fixed": "one exact binomial test at an end fixed beforehand",
    }[test.design]


def family_statement(test: TestSpec, n_tasks: int, n_arms: int) -> str:
    """Say in words what alpha covers."""
    size = f"{_count(n_tasks, 'task')}, {_count(n_arms, 'arm')}"
    alpha = _percent(test.alpha)
    if test.design != "sequential":
        split = "" if n_arms == 1 else "; alpha is split evenly over the arms (Bonferroni)"
        return (
            f"The chance that any certificate is false is at most {alpha}: "
            f"{design_words(test)}{split} ({size})."
        )
    if n_arms == 1:
        return (
            f"The chance that the certificate is false is at most {alpha}, "
            f"whenever the run is stopped ({size})."
        )
    if test.family == "fdr":
        return (
            "Of the certificates in the routing table, an expected share of at most "
            f"{alpha} is false, whenever the run is stopped (selected e-BH over {size})."
        )
    return (
        f"The chance that any certificate is false is at most {alpha}, whenever the run "
        f"is stopped (e-Holm over {size})."
    )


def qualifications(circumstances: Circumstances) -> tuple[str, ...]:
    """List what a reader of a certificate must know beyond its statement."""
    c = circumstances
    found = _judge_words(c)
    if c.cluster:
        found.append(
            f"one random request stands for all that share a {c.cluster}: each {c.cluster} weighs "
            "alike, however many requests it has"
        )
    if c.holes_counted:
        found.append(f"{_count(c.holes_counted, 'missing answer')} counted against the candidate")
    if c.unread:
        found.append(
            f"{_count(c.unread, 'pair')} that could not be scored counted against the candidate"
        )
    unasked = [p.name for p in c.placebos if p.is_below is None]
    if unasked:
        found.append(f"placebos that could not be asked: {', '.join(unasked)}")
    found += _sending_words(c)
    if c.masked:
        found.append(
            f"in {_count(c.masked, 'request')} placeholders stand for secrets or personal data: "
            "they were replayed as they are now, not as they were asked"
        )
    if c.by_traffic:
        found.append(
            "a request counts as often as it was asked, and one answer to it stands for all"
        )
    if c.refused:
        found.append(
            f"{_count(c.refused, 'request')} left out: an earlier study had shown them to this "
            "candidate"
        )
    return tuple(found)


def _sending_words(c: Circumstances) -> list[str]:
    found: list[str] = []
    if c.dropped_params:
        found.append(f"sent without the parameters {', '.join(c.dropped_params)}")
    if c.has_own_prompt:
        found.append("asked with a prompt of its own, without which the certificate does not hold")
    if c.not_taken:
        found.append(
            f"cannot take {_count(c.not_taken, 'request')} of the log; those that the test met "
            "counted against it"
        )
    return found


def _judge_words(c: Circumstances) -> list[str]:
    found: list[str] = []
    if c.judge:
        found.append(
            f"judged by {c.judge}; {_count(c.labels_used, 'human verdict')} corrected it"
            if c.is_corrected
            else f"as judged by {c.judge}, not calibrated by human labels"
        )
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
    return found


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


def _on(about: str, log_size: int | None) -> str:
    return "The" if log_size is None else f"On {about} the"


def _lowered(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:].removesuffix(".")


def _exact(number: float) -> str:
    """Return a number without rounding it: a bar of 0.99999 is not 100%."""
    return f"{number:.12g}"

"""What is known about one request to what the test of an arm reads.

Two readings throughout: the one that can certify takes what is unknown against the candidate, the
one that can reject takes it for the candidate.
"""

import hashlib

from parity_eval.records import Arm, Estimand, EstimandName, Measured, Reading, RequestId, Verdict

SETTLED = -1
"""Group of requests on which the judge need not be asked: the last one, always known."""

_DRAW = 0.5


def coin(seed: int, arm: Arm, request: RequestId) -> float:
    """Return the number in [0, 1) that decides whether something costly is measured on a request.

    It depends on the seed and the names only, so that neither the order of answers nor an
    interruption changes what is drawn.
    """
    text = f"{seed}\x00measure\x00{arm.task}\x00{arm.candidate}\x00{request}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48


def of_values(estimand: Estimand, candidate: float | None, baseline: float | None) -> Reading:
    """Return the readings of a request on which all that is needed was asked for.

    Args:
        estimand: What the task certifies.
        candidate: Parity (1 or 0), quality or preference of the candidate; None: it is missing
            and counted against the candidate (`missing: fail`).
        baseline: The baseline's agreement with itself, or its quality; None where the estimand
            needs none, or where it is missing and counted against the candidate.
    """
    low, high = (0.0, 1.0) if candidate is None else (candidate, candidate)
    if estimand.name in ("parity", "preference"):
        return Reading(value=low, value_if_kind=high)
    worst, best = (1.0, 0.0) if baseline is None else (baseline, baseline)
    return Reading(value=low - worst, value_if_kind=high - best)


def of_gate(value: float | None) -> Reading:
    """Return the readings of a gate; None: unknown, and counted against the candidate."""
    low, high = (0.0, 1.0) if value is None else (value, value)
    return Reading(value=low, value_if_kind=high)


def of_floor(
    candidate: float | None, second: float | None, *, chance: float, is_drawn: bool
) -> tuple[Reading, Reading]:
    """Return the readings against the noise floor, and those of the floor itself.

    Args:
        candidate: Whether the candidate agrees with the baseline, 0 or 1; None as in `of_values`.
        second: Whether the baseline's second answer does; None as in `of_values`.
        chance: Chance with which a second answer is drawn for such a candidate's answer.
        is_drawn: Whether it was drawn here.
    """
    group = int(candidate or 0)
    low, high = (0.0, 1.0) if candidate is None else (candidate, candidate)
    if not is_drawn:
        measured = Measured(group=group, value=None, slack=high - low)
        own = Measured(group=group, value=None)
        return Reading(value=low, value_if_kind=high, measured=measured), Reading(
            value=0.0, value_if_kind=1.0, measured=own
        )
    worst, best = (1.0, 0.0) if second is None else (second, second)
    open_floor = (worst - best) / chance
    measured = Measured(group=group, value=worst, slack=high - low + open_floor)
    own = Measured(group=group, value=best, slack=open_floor)
    return (
        Reading(value=low - worst, value_if_kind=high - best, measured=measured),
        Reading(value=best, value_if_kind=worst, measured=own),
    )


def judged_group(estimand: EstimandName, judged: float) -> int:
    """Return the class of a request by what the judge said of the pair.

    Args:
        estimand: `parity` (0 fail, 1 pass) or `preference` (0 worse, 1 draw, 2 better).
        judged: Parity or mean preference by the judge.
    """
    if estimand == "parity":
        return int(judged)
    return int(judged >= _DRAW) + int(judged > _DRAW)


def of_label(
    group: int, label: float | None, *, chance: float, is_drawn: bool, judged: float
) -> Reading:
    """Return the readings of a request on which a human may correct the judge.

    Args:
        group: Class by what the judge said.
        label: The human's verdict in [0, 1]; None: it is missing and counted against the candidate.
        chance: Chance with which a human looks at requests of this class.
        is_drawn: Whether one was to look at this request.
        judged: What the judge said.
    """
    if not is_drawn:
        return Reading(
            value=judged, value_if_kind=judged, measured=Measured(group=group, value=None)
        )
    low, high = (0.0, 1.0) if label is None else (label, label)
    measured = Measured(group=group, value=low, slack=(high - low) / chance)
    return Reading(value=low, value_if_kind=high, measured=measured)


def worst(estimand: Estimand, *, group: int | None) -> Reading:
    """Return the readings of a request of which nothing is known and that must not be left out.

    Args:
        estimand: What the task certifies.
        group: Class that is always measured, where something costly is drawn; else None.
    """
    measured = None if group is None else Measured(group=group, value=0.0, slack=1.0)
    return Reading(value=estimand.low, value_if_kind=1.0, measured=measured)


def falls_short(estimand: EstimandName, own: float | None, other: float | None) -> bool:
    """Whether the candidate is worse than the baseline on a request.

    Args:
        estimand: What the task certifies.
        own: Parity, quality or preference of the candidate; None where it is missing.
        other: Quality of the baseline, where that is what counts.
    """
    draw = {"preference": _DRAW, "quality": 0.0 if other is None else other}.get(estimand, 1.0)
    return own is None or own < draw


def agreed(estimand: EstimandName, verdict: Verdict, label: float) -> tuple[float, float]:
    """Return what judge and human said of a pair as categories: 0, 0.5 (a draw) or 1."""

    def category(value: float) -> float:
        if estimand == "parity":
            return float(value >= _DRAW)
        return 0.5 if value == _DRAW else float(value > _DRAW)

    return category(verdict.value), category(label)

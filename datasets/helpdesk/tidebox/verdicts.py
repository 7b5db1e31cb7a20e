"""The recorded verdicts of the judge, both orders of every pair."""

from typing import Literal

from tidebox.answers import Answer, Flaw
from tidebox.cases import Json
from tidebox.draw import Draw
from tidebox.plan import BASELINE, JUDGE

Preference = Literal["model_a", "model_b", "tie"]

ORDERS: tuple[Literal["model_a", "model_b"], ...] = ("model_a", "model_b")

IDENTICAL = "The two answers are identical."

TIED = (
    "Both answers say the same in other words.",
    "Same facts, nothing missing on either side.",
    "I see no difference that matters.",
)

PREFERRED = (
    "Both are right; this one is easier to read.",
    "Equally complete, and this one comes to the point sooner.",
)

CLOSE_CALL = "They differ in a detail that I do not find decisive."

FAULTS: dict[Flaw, str] = {
    "wrong": "The other answer states a fact that the material contradicts.",
    "missing_point": "The other answer leaves out a point that was asked for.",
    "refusal": "The other answer declines a harmless request.",
    "empty": "The other answer is empty.",
    "cut_off": "The other answer stops in the middle of a sentence.",
    "broken": "The other answer cannot be read.",
}

PREFERRED_RATE = 0.2
CLOSE_CALL_RATE = 0.15

PLACEBOS: dict[str, str] = {
    "placebo:empty": FAULTS["empty"],
    "placebo:other": "The other answer belongs to a different request.",
    "placebo:commonest": "The other answer does not address this request.",
}
"""Answers that cannot be right, by the name that stands in `model_b`."""


def verdicts(request: str, candidate: str, pair: tuple[Answer, Answer], draw: Draw) -> list[Json]:
    """Judge one pair in both orders.

    A candidate without a flaw never loses; one with a flaw loses in at least one order.

    Args:
        request: Id of the request.
        candidate: Name of the candidate.
        pair: The answers of baseline and candidate.
        draw: Where the draws come from.

    Returns:
        Two lines of the judge's recording.
    """
    baseline, answer = pair
    if answer.flaw is not None:
        outcomes = _against(answer.flaw, draw)
    elif answer.text == baseline.text:
        outcomes = [("tie", IDENTICAL)] * len(ORDERS)
    else:
        outcomes = [_in_favour(draw) for _ in ORDERS]
    return [
        _line(request, candidate, order, outcome)
        for order, outcome in zip(ORDERS, outcomes, strict=True)
    ]


def placebo_verdicts(request: str) -> list[Json]:
    """Judge the placebos of one request in both orders.

    Args:
        request: Id of the request.

    Returns:
        Lines of the judge's recording; the baseline is always preferred.
    """
    return [
        _line(request, placebo, order, ("model_a", reason))
        for placebo, reason in PLACEBOS.items()
        for order in ORDERS
    ]


def _against(flaw: Flaw, draw: Draw) -> list[tuple[Preference, str]]:
    outcomes: list[tuple[Preference, str]] = [("model_a", FAULTS[flaw])] * len(ORDERS)
    if flaw in {"wrong", "missing_point"} and draw.happens(CLOSE_CALL_RATE):
        outcomes[draw.number(0, 1)] = ("tie", CLOSE_CALL)
    return outcomes


def _in_favour(draw: Draw) -> tuple[Preference, str]:
    if draw.happens(PREFERRED_RATE):
        return "model_b", draw.pick(PREFERRED)
    return "tie", draw.pick(TIED)


def _line(
    request: str,
    candidate: str,
    shown_first: Literal["model_a", "model_b"],
    outcome: tuple[Preference, str],
) -> Json:
    preference, reason = outcome
    return {
        "id": request,
        "judge": JUDGE,
        "judge_model": JUDGE,
        "model_a": BASELINE,
        "model_b": candidate,
        "shown_first": shown_first,
        "preference": preference,
        "reason": reason,
    }

"""What live and recorded judges share: what needs no judge, and votes of both orders to a score."""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from parity_eval.answers import rendered, settled
from parity_eval.records import Pair, Score

WIN, TIE, LOSS = 1.0, 0.5, 0.0
"""Points of a vote, seen from the candidate."""

_IN_WORDS = {WIN: "wins", TIE: "ties", LOSS: "loses"}


class Winner(StrEnum):
    """The answer that a judge prefers, by the place in which it was shown."""

    FIRST = "first"
    SECOND = "second"
    TIE = "tie"

    def points(self, *, is_candidate_first: bool) -> float:
        """Return the candidate's points."""
        if self is Winner.TIE:
            return TIE
        return WIN if (self is Winner.FIRST) is is_candidate_first else LOSS


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """A judge's verdict on one pair in one order."""

    points: float
    """`WIN`, `TIE` or `LOSS` of the candidate."""
    is_candidate_first: bool | None
    """Whether the candidate's answer was shown first; None where nobody recorded it."""


def settled_score(scorer: str, pair: Pair) -> Score | None:
    """Score what no judge need be asked; None where one must.

    Both refuse, or both texts are the same: a tie. The candidate alone refuses, or gives an empty,
    cut-off or invalid answer: a loss.
    """
    found = settled(pair)
    if found is not None:
        return Score(
            scorer=scorer,
            value=TIE if found.is_same else LOSS,
            passed=found.is_same,
            reason=found.reason,
        )
    if _normalised(rendered(pair.baseline)) != _normalised(rendered(pair.candidate)):
        return None
    return Score(scorer=scorer, value=TIE, passed=True, reason="identical answers: a tie")


def score_of(scorer: str, votes: tuple[Vote, ...], why: str = "") -> Score:
    """Return the score of a judge's votes on a pair.

    Args:
        scorer: Name of the scorer.
        votes: At least one; usually one per order.
        why: The judge's own reason, on one line.

    Returns:
        The mean of the candidate's points; passed where it loses in no order.
    """
    said = "; ".join(f"{_IN_WORDS[vote.points]} {_place(vote)}" for vote in votes)
    if len(votes) > 1 and len({vote.points for vote in votes}) == 1:
        said = f"{_IN_WORDS[votes[0].points]} in both orders"
    return Score(
        scorer=scorer,
        value=sum(vote.points for vote in votes) / len(votes),
        passed=all(vote.points > LOSS for vote in votes),
        reason=f"the candidate {said}{f': {why}' if why else ''}",
    )


def _normalised(text: str) -> str:
    """Undo what no reader sees: line ends and Unicode form. Case and spaces may be the task."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n"))


def _place(vote: Vote) -> str:
    if vote.is_candidate_first is None:
        return "in an order that was not recorded"
    return f"when shown {'first' if vote.is_candidate_first else 'second'}"

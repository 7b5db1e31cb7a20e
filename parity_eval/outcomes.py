"""What each way in which a call can end means, in one table for all who deal with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from parity_eval.records import Answer, Finish, Hole, Missing, Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What follows from how a call ended."""

    is_transient: bool = False
    """Whether the same call may do better."""
    is_broken: bool = False
    """Whether it speaks against the endpoint: something is out of order there, or on the way."""
    is_fatal: bool = False
    """Whether every other call of the model would end like that."""
    is_ours: bool = False
    """Whether the run was stopped, rather than that the provider failed."""
    is_requests: bool = False
    """Whether it lies in the request, and says nothing about the endpoint or the model."""
    may_be_billed: bool = False
    """Whether the endpoint may bill what gave nothing that could be used."""
    is_free: bool = False
    """Whether the endpoint bills nothing: it refused before it generated anything."""
    is_kept: bool = False
    """Whether it is the model's own word, which holds for whoever asks the same."""


_SAID: Final = Meaning(is_kept=True)
_LEFT_ALONE: Final = Meaning(is_fatal=True)
_STOPPED: Final = Meaning(is_ours=True)
MEANINGS: Final[Mapping[Finish | Hole, Meaning]] = {
    Finish.STOP: _SAID,
    Finish.LENGTH: _SAID,
    Finish.TOOL_CALLS: _SAID,
    Finish.REFUSED: _SAID,
    # What an endpoint said in the model's place may be otherwise next time.
    Finish.REJECTED: Meaning(is_free=True),
    Finish.INVALID: Meaning(is_transient=True, is_broken=True, may_be_billed=True),
    Hole.NETWORK: Meaning(is_transient=True, is_broken=True),
    Hole.SERVER: Meaning(is_transient=True, is_broken=True),
    Hole.TIMEOUT: Meaning(is_transient=True, is_broken=True, may_be_billed=True),
    Hole.RATE_LIMIT: Meaning(is_transient=True),
    Hole.QUOTA: _LEFT_ALONE,
    Hole.AUTH: _LEFT_ALONE,
    Hole.UNKNOWN_MODEL: _LEFT_ALONE,
    Hole.UNREPLAYABLE: Meaning(is_requests=True),
    Hole.NOT_RECORDED: Meaning(),
    Hole.NO_VERDICT: Meaning(),
    Hole.BUDGET: _STOPPED,
    Hole.INTERRUPTED: _STOPPED,
    Hole.UNSUPPORTED: _STOPPED,
}


def meaning_of(answer: Answer) -> Meaning:
    """Return what follows from how a call ended.

    Example:
        >>> meaning_of(Missing(hole=Hole.QUOTA, detail="no credit")).is_fatal
        True
    """
    return MEANINGS[answer.finish if isinstance(answer, Response) else answer.hole]


def is_of_request(missing: Missing) -> bool:
    """Whether a hole may be counted against a candidate, where the study says so.

    A wrong key, a used-up quota or an endpoint that was given up says nothing about a request.
    """
    meaning = meaning_of(missing)
    return not (meaning.is_ours or meaning.is_fatal or missing.is_unsent)


def may_be_billed(answer: Answer) -> bool:
    """Whether a try may cost something although it gave nothing that could be used."""
    return meaning_of(answer).may_be_billed or (
        isinstance(answer, Missing) and answer.may_be_billed
    )


def costs_nothing(response: Response) -> bool:
    """Whether an answer is not billed: the endpoint said no, and did not count any tokens."""
    return meaning_of(response).is_free and response.usage is None


def is_kept(response: Response) -> bool:
    """Whether a response may be given to whoever asks the same.

    One that ends with a word which nobody knows may be half of one: that is noted in its detail.
    """
    is_understood = not response.detail or response.finish is Finish.REFUSED
    return meaning_of(response).is_kept and is_understood

"""How fast a model may be asked: the limits that are given, and those that it makes known.

Policy alone: everything here is told the time, and nothing waits.
"""

import math
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from parity_eval.outcomes import meaning_of
from parity_eval.records import Answer, Finish, Hole, Missing, ModelSpec, Response
from parity_eval.study import RateLimit

WINDOW_S = 60.0
"""What limits per minute are counted over."""

_START = 32
_GROWTH = 2.0
_CAREFUL_GROWTH = 0.5
_SHRINK = 0.5
_PROOFS_PER_REFUSAL = 2
_BROKEN_IN_A_ROW = 5
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 60.0

Outcome: TypeAlias = Literal["served", "refused", "broken", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long an endpoint is waited for that serves nothing."""

    max_wait_s: float = 120.0
    """Most seconds that it may refuse everything, as it announces or as it turns out."""
    probes: int = 6
    """Calls in a row, with a pause before each, that it must fail before it is given up; one that
    has served anything is tried again until `max_wait_s` have passed as well."""


@dataclass(slots=True, kw_only=True)
class Sent:
    """One call in a meter's window."""

    at: float
    tokens: float


@dataclass(slots=True)
class Meter:
    """Counts calls and tokens against a limit: in any minute, and at one time."""

    limit: RateLimit
    in_flight: int = 0
    _sent: deque[Sent] = field(default_factory=deque)
    _tokens: float = 0.0

    def wait_s(self, now: float, tokens: float) -> float:
        """Return the seconds until one more call fits; infinite where one must end first.

        A call with more tokens than fit in any minute is let through alone.
        """
        while self._sent and self._sent[0].at + WINDOW_S <= now:
            self._tokens -= self._sent.popleft().tokens
        limit, wait = self.limit, 0.0
        if limit.concurrency is not None and self.in_flight >= limit.concurrency:
            return math.inf
        if limit.rpm is not None and len(self._sent) >= limit.rpm:
            wait = self._sent[len(self._sent) - limit.rpm].at + WINDOW_S - now
        if limit.tpm is not None:
            left = self._tokens
            for sent in self._sent:
                if left + tokens <= limit.tpm:
                    break
                left -= sent.tokens
                wait = max(wait, sent.at + WINDOW_S - now)
        return wait

    def take(self, now: float, tokens: float) -> Sent:
        """Count a call that is sent now."""
        sent = Sent(at=now, tokens=tokens)
        self.in_flight += 1
        if self.limit.rpm is not None or self.limit.tpm is not None:
            self._sent.append(sent)
            self._tokens += tokens
        return sent

    def end(self, sent: Sent, tokens: float | None) -> None:
        """Count a call as ended.

        Args:
            sent: What `take` returned.
            tokens: What it came to; None: nobody knows better than before.
        """
        self.in_flight -= 1
        if tokens is not None and self._sent and self._sent[0].at <= sent.at:
            self._tokens += tokens - sent.tokens
            sent.tokens = tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """When a call went through its gate."""

    number: int
    """How many had gone before it."""
    epoch: int
    """How many pauses had been before it."""


@dataclass(slots=True, kw_only=True)
class Gate:
    """Decides when the next call of a model may be sent, and how many may be on their way.

    The number grows with each full round of answers and shrinks by half with each full round of
    refusals, in proportion for part of a round. A refusal pauses the whole model, for as long as
    the endpoint asks, or else for twice as long as the last time; afterwards calls come back little
    by little. If most of the calls that were sent later are answered the pause is over: the
    endpoint takes calls after all. Where a pause runs its time there is a limit: then the number
    grows more slowly, and the next pause halves it. Failures in a row pause the model too, and
    then single calls find out whether it is back.
    """

    ceiling: int
    """Most calls on their way."""
    patience: Patience
    width: float = 0.0
    """Calls at a time that the endpoint seems to take."""
    ramp: float = _START
    """Calls at a time so soon after the start, or after a pause."""
    in_flight: int = 0
    paused_until: float = -math.inf
    resting_until: float = -math.inf
    """Until when the endpoint has said that it takes nothing."""
    refused_since: float | None = None
    """When the refusals began that no answer has ended."""
    refusals: int = 0
    """Pauses for refusals since the last answer."""
    broken: int = 0
    """Failed calls in a row."""
    deaths: int = 0
    """Pauses for failures since the last answer."""
    broken_since: float = 0.0
    """When those failures began."""
    has_served: bool = False
    """Whether the endpoint has ever answered."""
    _sent: int = 0
    _epoch: int = 0
    _refused: int = -1
    """Number of the call whose refusal began the last pause."""
    _denied: int = 0
    """Calls that were refused since then."""
    _proofs: int = 0
    """Calls that were sent after it and answered."""
    _is_limited: bool = False
    """Whether refusals seem to come from a limit: no answer has ended the last pause for them."""

    def __post_init__(self) -> None:
        self.width = self.width or float(self.ceiling)

    def wait_s(self, now: float) -> float:
        """Return the seconds until one more call may be sent; infinite where one must end first."""
        if self.in_flight >= max(1, math.floor(min(self.width, self.ramp, self.ceiling))):
            return math.inf
        return max(0.0, self.paused_until - now, self.resting_until - now)

    def send(self) -> Ticket:
        """Count a call as sent."""
        self.in_flight += 1
        self._sent += 1
        return Ticket(number=self._sent, epoch=self._epoch)

    def end(self, ticket: Ticket, answer: Answer | None, now: float) -> bool:
        """Count a call as ended, and learn from it.

        Args:
            ticket: What `send` returned.
            answer: What came of it; None: it was broken off.
            now: The time.

        Returns:
            Whether the endpoint has used up its patience.
        """
        self.in_flight -= 1
        is_late = ticket.epoch != self._epoch
        match None if answer is None else outcome_of(answer):
            case "served":
                self._serve(ticket, now)
            case "refused":
                asked = answer.retry_after_s if isinstance(answer, Missing) else None
                return self._refuse(ticket, asked, now)
            case "broken":
                self.width = max(1.0, self.width - _SHRINK / 2)
                # What was sent before the pause says nothing about the time after it.
                return not is_late and self._fail(now)
        return False

    def rest(self, seconds: float, now: float) -> None:
        """Send nothing for some time, as the endpoint says that it would refuse it.

        That is no refusal yet: what it says of hours is not waited for.
        """
        self.resting_until = max(self.resting_until, now + min(seconds, WINDOW_S))

    def _serve(self, ticket: Ticket, now: float) -> None:
        self.refused_since, self.refusals, self.broken, self.deaths = None, 0, 0, 0
        self.has_served = True
        growth = _CAREFUL_GROWTH if self._is_limited else _GROWTH
        self.width = min(float(self.ceiling), self.width + growth / self.width)
        if ticket.epoch == self._epoch:
            self.ramp = min(float(self.ceiling), self.ramp + 1)
        if now < self.paused_until and ticket.number > self._refused >= 0:
            self._proofs += 1
            if self._proofs >= _PROOFS_PER_REFUSAL * self._denied:
                self.paused_until, self._is_limited = min(self.paused_until, now), False
                self.ramp = max(self.ramp, self.width / 2)

    def _refuse(self, ticket: Ticket, asked_s: float | None, now: float) -> bool:
        self.width = max(1.0, self.width - _SHRINK)
        self._denied += 1
        if self.refused_since is None:
            self.refused_since = now
        self.refusals += ticket.epoch == self._epoch
        own = _pause_s(self.refusals) if asked_s is None or self.refusals > 1 else 0.0
        self.paused_until = max(self.paused_until, now + max(asked_s or 0.0, own))
        if ticket.epoch == self._epoch:
            if self._is_limited:  # for the second time, and nothing spoke against it
                self.width = max(1.0, self.width / 2)
            self._epoch, self._is_limited = self._epoch + 1, True
            self._refused, self._denied, self._proofs = ticket.number, 1, 0
            self.ramp = max(1.0, self.width / 4)
        return self.paused_until - self.refused_since > self.patience.max_wait_s

    def _fail(self, now: float) -> bool:
        self.broken += 1
        if self.broken == 1:
            self.broken_since = now
        if self.broken < _BROKEN_IN_A_ROW:
            return False
        self.deaths += 1
        self.paused_until = max(self.paused_until, now + 2 * _pause_s(self.deaths))
        self._epoch += 1
        self.ramp = 1.0
        is_late = not self.has_served or now - self.broken_since > self.patience.max_wait_s
        return is_late and self.deaths >= self.patience.probes


def provider_of(spec: ModelSpec) -> str:
    """Return the name that a model shares limits with others by: its host, or its provider.

    Example:
        >>> provider_of(ModelSpec(name="mini", model="openai/gpt-4o-mini"))
        'openai'
    """
    if spec.api_base is not None:
        return urlsplit(spec.api_base).netloc.rpartition("@")[2]
    provider, slash, _ = spec.model.partition("/")
    return provider if slash else "openai"


def outcome_of(answer: Answer) -> Outcome:
    """Return what an answer says about its endpoint, rather than about the model.

    Example:
        >>> outcome_of(Missing(hole=Hole.RATE_LIMIT, detail="slow down"))
        'refused'
    """
    if isinstance(answer, Response):
        return "broken" if answer.finish is Finish.INVALID else "served"
    if answer.hole is Hole.RATE_LIMIT or (
        meaning_of(answer).is_broken and answer.retry_after_s is not None
    ):
        return "refused"
    return "broken" if meaning_of(answer).is_broken else "other"


def given_up(answer: Answer, max_wait_s: float) -> Missing:
    """Say why a model is left alone whose endpoint has used up its patience.

    Args:
        answer: What it said last.
        max_wait_s: How long refusals were waited for.
    """
    if isinstance(answer, Response):
        why = f"no chat completions are given: {answer.detail}"
        return Missing(hole=Hole.SERVER, detail=why)
    if outcome_of(answer) == "refused":
        why = f"{answer.detail}; this takes longer than replay.max_wait_s, {max_wait_s:g} s"
        return replace(answer, detail=why)
    return answer


def _pause_s(times: int) -> float:
    return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** max(0, times - 1))

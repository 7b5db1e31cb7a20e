"""Holds calls back until the limits of their model let them through.

A call that waits holds nothing that another model's calls could use.
"""

import asyncio
import heapq
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from parity_eval.limits import Gate, Meter, Patience, Sent, Ticket
from parity_eval.records import Answer, Missing, ModelName, Response
from parity_eval.study import RateLimit


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """Leave to send one call; it must be given back."""

    model: ModelName
    ticket: Ticket
    taken: tuple[Sent, ...]
    """One for each meter of the model."""


@dataclass(slots=True, kw_only=True)
class _Line:
    """The calls of one model that wait, the oldest first, and what they wait for."""

    gate: Gate
    meters: tuple[Meter, ...]
    waiting: list[tuple[int, float, asyncio.Future[Permit | Missing]]] = field(default_factory=list)
    shut: Missing | None = None
    """Why nothing more is sent to the model."""
    is_shut: asyncio.Event = field(default_factory=asyncio.Event)


class Limiter:
    """Holds calls back until they may be sent.

    Args:
        concurrency: Most calls on their way, over all models.
        limits: Limits by the name of a model, or of what several models share.
        shares: By model, what it shares limits with others by (a provider, an endpoint).
        patience: How long endpoints are waited for.
        clock: Returns the time in seconds.
        sleep: Waits.
    """

    def __init__(
        self,
        concurrency: int,
        limits: Mapping[str, RateLimit] | None = None,
        shares: Mapping[ModelName, str] | None = None,
        patience: Patience | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._concurrency = concurrency
        self._limits = limits or {}
        self._shares = shares or {}
        self._patience = patience or Patience()
        self._clock = clock
        self._sleep = sleep
        self._meters: dict[str, Meter] = {}
        self._lines: dict[ModelName, _Line] = {}
        self._in_flight = 0
        self._closing: Missing | None = None
        self._timer: asyncio.Task[None] | None = None
        self._timer_at = math.inf

    async def enter(self, model: ModelName, tokens: float, order: int) -> Permit | Missing:
        """Wait until a call may be sent.

        Args:
            model: Who is asked.
            tokens: Tokens that the call may come to.
            order: Of the calls that wait for a model, the one with the smallest is sent first; no
                two have the same.

        Returns:
            Leave to send it, or why nothing is sent to the model any more.
        """
        line = self._line(model)
        if line.shut is not None:
            return line.shut
        if not line.waiting and self._wait_s(line, tokens, order) == 0:
            return self._admit(model, line, tokens)
        future: asyncio.Future[Permit | Missing] = asyncio.get_running_loop().create_future()
        heapq.heappush(line.waiting, (order, tokens, future))
        self._let_in()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                granted = future.result()
                if isinstance(granted, Permit):
                    self.leave(granted, None)
            raise

    def leave(self, permit: Permit, answer: Answer | None) -> bool:
        """Give leave back.

        Args:
            permit: What `enter` returned.
            answer: What came of the call; None: it was broken off.

        Returns:
            Whether the endpoint has used up its patience.
        """
        line = self._line(permit.model)
        self._in_flight -= 1
        usage = answer.usage if isinstance(answer, Response) else None
        tokens = None if usage is None else float(usage.input_tokens + usage.output_tokens)
        for meter, sent in zip(line.meters, permit.taken, strict=True):
            meter.end(sent, tokens)
        is_over = line.gate.end(permit.ticket, answer, self._clock())
        self._let_in()
        return is_over

    def shut(self, model: ModelName, why: Missing) -> None:
        """Send nothing more to a model: all calls that wait for it get the reason. The first holds.

        Calls on their way are not broken off.
        """
        line = self._line(model)
        if line.shut is not None:
            return
        line.shut = replace(why, is_unsent=True)
        line.is_shut.set()
        for _, _, future in line.waiting:
            if not future.done():
                future.set_result(line.shut)
        line.waiting.clear()

    def shut_all(self, why: Missing) -> None:
        """Send nothing more to any model."""
        self._closing = why
        for model in self._lines:
            self.shut(model, why)

    def why_shut(self, model: ModelName) -> Missing | None:
        """Return why nothing more is sent to a model."""
        return self._line(model).shut

    def counts_tokens(self, model: ModelName) -> bool:
        """Whether a limit of a model is on tokens."""
        return any(meter.limit.tpm is not None for meter in self._line(model).meters)

    def recall(self, model: ModelName, tokens: float, age_s: float) -> None:
        """Count a call that an earlier process sent.

        Args:
            model: Who was asked.
            tokens: Tokens that it may have come to.
            age_s: Seconds since then.
        """
        for meter in self._line(model).meters:
            meter.end(meter.take(self._clock() - age_s, tokens), None)

    def is_metered(self, model: ModelName) -> bool:
        """Whether a limit of a model is on what it is asked in a minute."""
        limits = [meter.limit for meter in self._line(model).meters]
        return any(limit.rpm is not None or limit.tpm is not None for limit in limits)

    def pause(self, model: ModelName, seconds: float) -> None:
        """Send nothing to a model for some time, for it has said that it takes nothing."""
        self._line(model).gate.rest(seconds, self._clock())

    async def rest(self, model: ModelName, seconds: float) -> None:
        """Wait between two tries; no longer than the model is open."""
        sleeping = asyncio.ensure_future(self._sleep(seconds))
        shutting = asyncio.ensure_future(self._line(model).is_shut.wait())
        try:
            await asyncio.wait((sleeping, shutting), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            shutting.cancel()

    def _line(self, model: ModelName) -> _Line:
        if model not in self._lines:
            names = dict.fromkeys((str(model), self._shares.get(model, "")))
            own = self._limits.get(model, RateLimit())
            self._lines[model] = _Line(
                gate=Gate(ceiling=own.concurrency or self._concurrency, patience=self._patience),
                meters=tuple(self._meter(name) for name in names if name in self._limits),
            )
            if self._closing is not None:
                self.shut(model, self._closing)
        return self._lines[model]

    def _meter(self, name: str) -> Meter:
        return self._meters.setdefault(name, Meter(self._limits[name]))

    def _wait_s(self, line: _Line, tokens: float, order: int) -> float:
        if self._in_flight >= self._concurrency:
            return math.inf
        now = self._clock()
        waits = (self._turn_s(meter, line, tokens, order) for meter in line.meters)
        return max(line.gate.wait_s(now), *waits, 0.0)

    def _turn_s(self, meter: Meter, line: _Line, tokens: float, order: int) -> float:
        """Return the seconds until a meter takes a call and every older one that shares it.

        A large call would else be passed by small ones for ever.
        """
        now = self._clock()
        older = (
            other.waiting[0][1]
            for other in self._lines.values()
            if other is not line
            and other.waiting
            and other.waiting[0][0] < order
            and any(shared is meter for shared in other.meters)
            and other.gate.wait_s(now) == 0
        )
        return max(meter.wait_s(now, n) for n in (tokens, *older))

    def _admit(self, model: ModelName, line: _Line, tokens: float) -> Permit:
        now = self._clock()
        self._in_flight += 1
        taken = tuple(meter.take(now, tokens) for meter in line.meters)
        return Permit(model=model, ticket=line.gate.send(), taken=taken)

    def _let_in(self) -> None:
        """Let through whatever may be sent now, model by model in turn, and see to the rest."""
        soonest, is_moving = math.inf, True
        while is_moving:
            soonest, is_moving = math.inf, False
            for model, line in tuple(self._lines.items()):
                while line.waiting and line.waiting[0][2].done():  # given up meanwhile
                    heapq.heappop(line.waiting)
                if not line.waiting:
                    continue
                order, tokens, future = line.waiting[0]
                wait = self._wait_s(line, tokens, order)
                if wait > 0:
                    soonest = min(soonest, wait)
                    continue
                heapq.heappop(line.waiting)
                future.set_result(self._admit(model, line, tokens))
                self._lines[model] = self._lines.pop(model)  # the others come first next time
                is_moving = True
        self._wake_in(soonest)

    def _wake_in(self, seconds: float) -> None:
        """Look again when the first of those that wait for a time has waited long enough."""
        at = self._clock() + seconds
        if seconds == math.inf or (self._timer is not None and self._timer_at <= at):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = asyncio.get_running_loop().create_task(self._wake(seconds))

    async def _wake(self, seconds: float) -> None:
        await self._sleep(seconds)
        self._timer, self._timer_at = None, math.inf
        self._let_in()

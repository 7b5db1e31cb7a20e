"""Answers in batches: calls are gathered, sent together, and answered when the batch is over.

A batch is noted in the run's folder before it is sent, so that a process that died, or was
stopped, is followed by one that collects what was sent. Calls are tried again by the run's own
retries; only what concerns a batch as a whole, sending it and asking for it, is tried again here.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from parity_eval import codec
from parity_eval.batches import BATCHES, Batch, BatchLog
from parity_eval.outcomes import meaning_of
from parity_eval.providers.batch.endpoint import Endpoint, FailedError, Row, Status
from parity_eval.records import Answer, Call, Hole, Missing, ModelSpec
from parity_eval.wire import check_params

_T = TypeVar("_T")
_ATTEMPTS: Final = 8
_PATIENCE: Final = 60
"""Questions in a row how far a batch is that may go unanswered: it may take a day as it is."""
_QUIET_S: Final = 10.0
_LOOKS: Final = 5
"""Looks for a batch that an endpoint may list a while after it was made, one with each poll."""
_LAG_S: Final = 3600.0
"""After which it is listed if it is there."""
_AGAIN: Final = 5
"""Times that what an endpoint says is asked for again, for it says that a batch is not there, or
gives results that cannot be read: a proxy may have said so, or the way there broke off."""
_NAME_LENGTH: Final = 24


def _ignore(text: str) -> None:
    """Hear a note that nobody reads."""


@dataclass(slots=True, kw_only=True)
class BatchProvider:
    """Ask a model in batches.

    A batch is sent when it is full, or when nothing has been added for a while.
    """

    spec: ModelSpec
    """The model."""
    endpoint: Endpoint
    """Its batch API."""
    size: int = 500
    """Most calls in a batch."""
    poll_s: float = 60.0
    """Seconds between two questions how far a batch is."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    """Waits."""
    clock: Callable[[], float] = time.time
    """Unix time."""
    log: BatchLog = field(default_factory=BatchLog)
    """What was sent; the run puts its own here."""
    on_note: Callable[[str], None] = _ignore
    """Hears what was sent and collected."""
    _waiting: dict[str, Call] = field(default_factory=dict, init=False)
    """Calls of the next batch."""
    _n_added: int = field(default=0, init=False)
    _calls: dict[str, Call] = field(default_factory=dict, init=False)
    """Calls whose answer somebody awaits."""
    _futures: dict[str, asyncio.Future[Answer]] = field(default_factory=dict, init=False)
    _arrived: dict[str, Row] = field(default_factory=dict, init=False)
    """Answers of earlier processes' batches that nobody has asked for yet."""
    _serving: dict[str, Batch] = field(default_factory=dict, init=False)
    """Batches that somebody is waiting for, by name."""
    _over: set[str] = field(default_factory=set, init=False)
    """Batches that were collected."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _is_stopped: bool = field(default=False, init=False)

    def check(self) -> None:
        """Find what would fail every batch, before the first one.

        Raises:
            ConfigError: a missing key or package, or parameters that cannot be.
            IncompleteError: an endpoint that does not answer.
        """
        check_params(self.spec)
        self.endpoint.check()

    async def complete(self, call: Call) -> Answer:
        """Put a call into a batch and await its answer.

        A call that is in a batch already, sent by this process or an earlier one, is not sent
        again: that batch is collected.
        """
        if call.key in self._arrived:
            return self.endpoint.answer(call, self._arrived.pop(call.key))
        if self._is_stopped:
            return self._interrupted(call.key)
        if call.key not in self._futures:
            self._futures[call.key] = asyncio.get_running_loop().create_future()
            self._calls[call.key] = call
            held = self._holder(call.key)
            if held is None:
                if (refusal := self.endpoint.refusal(call)) is not None:
                    self._resolve(call.key, refusal)
                    return refusal
                self._add(call)
            elif held.name not in self._serving:
                self._serving[held.name] = held
                self._start(self._collect(held) if held.id else self._look_for(held), held.keys)
        return await asyncio.shield(self._futures[call.key])

    def holds(self, key: str) -> bool:
        """Whether a call was sent, or may have been, and its batch is not collected."""
        return self._holder(key) is not None

    def was_sent(self, key: str) -> bool:
        """Whether a call was ever sent, or may have been: it may be billed."""
        return self.log.was_sent(self.spec.name, key)

    def interrupt(self) -> tuple[str, ...]:
        """Stop waiting; what was sent can be collected later.

        Returns:
            The batches that are not collected, as the endpoint calls them.
        """
        self._is_stopped = True
        pending = tuple(batch.id or batch.name for batch in self._serving.values())
        for task in self._tasks:
            task.cancel()
        for key in tuple(self._futures):
            self._resolve(key, self._interrupted(key))
        self._waiting.clear()
        return pending

    async def aclose(self) -> None:
        """Stop waiting and close the connections."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._serving.clear()
        self._futures.clear()
        await self.endpoint.aclose()

    def _holder(self, key: str) -> Batch | None:
        held = self.log.holder(self.spec.name, key)
        return None if held is None or held.name in self._over else held

    def _interrupted(self, key: str) -> Missing:
        held = self._holder(key)
        where = f"in batch {held.id or held.name}" if held else "not sent"
        return Missing(hole=Hole.INTERRUPTED, detail=f"stopped; {where}")

    def _add(self, call: Call) -> None:
        """Put a call into the next batch."""
        is_first = not self._waiting
        self._waiting[call.key] = call
        self._n_added += 1
        if len(self._waiting) >= self.size:
            self._send()
        elif is_first:
            self._start(self._send_when_quiet(), ())

    async def _send_when_quiet(self) -> None:
        seen = -1
        while self._waiting and seen != self._n_added:
            seen = self._n_added
            await self.sleep(min(self.poll_s, _QUIET_S))
        if self._waiting:
            self._send()

    def _send(self) -> None:
        calls = sorted(self._waiting.values(), key=lambda call: call.key)
        self._waiting.clear()
        self._start(self._submit(calls), tuple(call.key for call in calls))

    def _name(self, keys: Sequence[str], at: int) -> str:
        """Return a name that no other batch has."""
        stem = codec.digest([self.spec.name, keys, at])[:_NAME_LENGTH]
        return f"{stem}-{self.log.count(stem)}"

    async def _submit(self, calls: Sequence[Call]) -> None:
        prepared = await self._persistently(lambda: self.endpoint.prepare(calls))
        keys, at = tuple(call.key for call in calls), int(self.clock())
        batch = Batch(name=self._name(keys, at), model=self.spec.name, keys=keys, at=at)
        self.log.intend(batch)
        self._serving[batch.name] = batch
        sent = self.log.submitted(batch.name, await self._create(batch, prepared))
        self.on_note(f"{self.spec.name}: batch {sent.id} sent with {len(calls)} requests")
        self._serving[batch.name] = sent
        await self._collect(sent)

    async def _create(self, batch: Batch, prepared: object) -> str:
        """Send a batch once; where it is unknown whether that worked, look before trying again."""
        may_exist = False

        async def create() -> str:
            nonlocal may_exist
            if may_exist and (found := await self._find(batch)) is not None:
                return found
            try:
                return await self.endpoint.create(batch, prepared)
            except FailedError as error:
                may_exist = may_exist or error.is_ambiguous
                raise

        try:
            return await self._persistently(create)
        except FailedError as error:
            if not may_exist:
                self.log.dropped(batch.name, error.missing.detail)
            raise

    async def _find(self, batch: Batch) -> str | None:
        """Return the endpoint's name for a batch that may have been sent; None: it was not."""
        looks = 0
        while True:
            found = await self._there(lambda: self.endpoint.find(batch, self.log.ids()))
            looks += not found.is_open
            is_late = self.clock() - batch.at > _LAG_S or looks >= _LOOKS
            if found.id is not None or (is_late and not found.is_open):
                return found.id
            await self.sleep(self.poll_s)

    async def _look_for(self, batch: Batch) -> None:
        """Go on with a batch of which only the intention is known."""
        try:
            found = await self._persistently(lambda: self._find(batch))
        except FailedError as error:
            if not error.is_gone:
                raise
            detail = (
                f"whether batch {batch.name} was sent cannot be found out: {error.missing.detail}; "
                f"if it was not, remove its line from {BATCHES} to send it"
            )
            raise FailedError(replace(error.missing, detail=detail)) from error
        if found is not None:
            sent = self.log.submitted(batch.name, found)
            self._serving[batch.name] = sent
            await self._collect(sent)
            return
        self.log.dropped(batch.name, "the endpoint does not have it")
        for key in batch.keys:
            if key in self._futures:
                self._add(self._calls[key])

    async def _collect(self, batch: Batch) -> None:
        """Wait for the end of a batch that was sent and hand its answers on."""
        batch_id = batch.id or batch.name
        try:
            status = await self._there(lambda: self._end_of(batch_id))
            found = await self._there(lambda: self._results(batch_id, status))
        except FailedError as error:
            if error.is_gone:
                # Results are kept for some weeks only: there is nothing left to wait for.
                self.log.dropped(batch.name, error.missing.detail, was_sent=True)
                gone = f"batch {batch_id} is gone: {error.missing.detail}"
                lost = Missing(hole=Hole.SERVER, detail=gone, may_be_billed=True)
                raise FailedError(lost) from error
            raise
        self._over.add(batch.name)
        lacking = status.failure or Missing(
            hole=Hole.SERVER,
            detail=f"batch {batch_id} ended ({status.word}) without this answer",
            may_be_billed=not all(found),
        )
        rows: dict[str, Row] = {}
        for row in found:
            rows.setdefault(str(row.get("custom_id")), row)
        for key in batch.keys:
            if key in self._futures:
                call = self._calls[key]
                self._resolve(
                    key, self.endpoint.answer(call, rows[key]) if key in rows else lacking
                )
            elif key in rows:
                self._arrived[key] = rows[key]
        self.on_note(f"{self.spec.name}: batch {batch_id} of {len(batch.keys)} is {status.word}")

    async def _there(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        """Ask for a batch; believe that it is not there only if it is said again and again."""
        for _ in range(_AGAIN - 1):
            try:
                return await ask()
            except FailedError as error:
                if not error.is_gone:
                    raise
            await self.sleep(self.poll_s)
        return await ask()

    async def _results(self, batch_id: str, status: Status) -> list[Row]:
        """Return what a batch gave; what cannot be read is asked for again some times."""
        found: list[Row] = []
        for _ in range(_AGAIN):
            found = await self._persistently(lambda: self.endpoint.results(batch_id, status))
            if all(found):
                break
            await self.sleep(self.poll_s)
        return found

    async def _end_of(self, batch_id: str) -> Status:
        while True:
            status = await self._persistently(lambda: self.endpoint.status(batch_id), _PATIENCE)
            if status.is_over:
                return status
            await self.sleep(self.poll_s)

    def _resolve(self, key: str, answer: Answer) -> None:
        self._calls.pop(key, None)
        self._futures.pop(key).set_result(answer)

    def _start(self, work: Coroutine[Any, Any, None], keys: Sequence[str]) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(work, keys))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None], keys: Sequence[str]) -> None:
        """Do something for some calls; whatever goes wrong, none of them waits for ever."""
        try:
            await work
        except FailedError as error:
            for key in keys:
                if key in self._futures:
                    self._resolve(key, error.missing)
        except Exception as error:  # noqa: BLE001 - whoever asked for the answer raises it
            for key in keys:
                self._calls.pop(key, None)
                if (future := self._futures.pop(key, None)) is not None:
                    future.set_exception(error)
        finally:
            for name in [n for n, batch in self._serving.items() if batch.keys == tuple(keys)]:
                del self._serving[name]

    async def _persistently(
        self, ask: Callable[[], Awaitable[_T]], attempts: int = _ATTEMPTS
    ) -> _T:
        """Ask something about a batch until there is an answer, or it is hopeless."""
        retrying = AsyncRetrying(
            stop=stop_after_attempt(attempts),
            wait=self._pause,
            retry=retry_if_exception(_is_transient),
            sleep=self.sleep,
            reraise=True,
        )

        async def once() -> _T:
            return await ask()

        return await retrying(once)

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.missing.retry_after_s if isinstance(error, FailedError) else None
        jittered = wait_random_exponential(multiplier=min(self.poll_s, 1.0), max=self.poll_s)
        return max(asked or 0.0, jittered(state))


def _is_transient(error: BaseException) -> bool:
    return (
        isinstance(error, FailedError)
        and not error.is_gone
        and meaning_of(error.missing).is_transient
        and (error.is_ambiguous or error.missing.hole is not Hole.SERVER)
    )

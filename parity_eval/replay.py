"""Requests to responses: every answer once, within the budget, whatever happens.

A ledger before it is a client: what a call may cost is written down before it is sent, and what
it gave before it counts. An answer that is in the journal is never asked for again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from parity_eval import codec, fidelity
from parity_eval.books import (
    DEFAULT_OUTPUT_TOKENS,
    Books,
    answers_like_the_log,
    cost_bound,
    tokens_estimate,
)
from parity_eval.cache import AnswerCache, Cached, content_key
from parity_eval.limiter import Limiter, Permit
from parity_eval.limits import Patience, given_up, outcome_of
from parity_eval.prices import cost_usd
from parity_eval.protocols import Provider
from parity_eval.records import (
    Answer,
    Call,
    Hole,
    Missing,
    ModelName,
    ModelSpec,
    Purpose,
    Request,
    Response,
    TaskName,
)
from parity_eval.retries import is_transient, may_be_billed, persist
from parity_eval.study import RateLimit
from parity_eval.summary import LedgerLine

_FATAL = frozenset({Hole.AUTH, Hole.UNKNOWN_MODEL, Hole.QUOTA})
_REFUSALS_PER_ATTEMPT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings:
    """How replay behaves."""

    concurrency: int = 32
    """Calls in flight, over all live models."""
    attempts: int = 6
    """Tries per call before it is missing; five times as many where it is refused for a limit."""
    max_wait_s: float = 120.0
    """Most seconds that an endpoint is waited for that refuses everything."""
    give_up_after: int = 5
    """Calls in a row that failed for good before a model is left alone for this run."""
    max_cost_usd: float | None = None
    """Hard limit on settled, lost and reserved dollars together."""
    task_max_usd: Mapping[TaskName, float] = field(default_factory=dict)
    """The same for the calls of single tasks."""
    output_tokens: Mapping[TaskName, int] = field(default_factory=dict)
    """By task, what is reserved for an answer to a request that sets no limit itself."""
    limits: Mapping[str, RateLimit] = field(default_factory=dict)
    """By the name of a model, or of what several share."""
    shares: Mapping[ModelName, str] = field(default_factory=dict)
    """By model, the name of what it shares limits with others by."""


@dataclass(slots=True, kw_only=True)
class _Tries:
    """How far a call has come."""

    call: Call
    bound: float
    """Dollars that are reserved for a try."""
    order: int
    """Tries that came before it."""
    is_held: bool = False
    """Whether the money for the next try is reserved."""
    is_written: bool = False
    """Whether the journal knows that."""
    is_begun: bool = False
    """Whether the journal knows the call at all."""
    failed: int = 0
    refused: int = 0
    last: Answer | None = None
    """What the provider said last."""


class Replay:
    """Answers calls from the journal, else from their model's provider.

    Args:
        providers: Who answers for each model of the study.
        append: Makes a record durable (the run's journal).
        settings: Limits.
        cache: Answers to equal calls of live models, under other log ids and in other runs.
        clock: Returns the time in seconds.
        sleep: Waits.
    """

    def __init__(
        self,
        providers: Mapping[ModelName, Provider],
        append: Callable[[dict[str, object]], None],
        settings: ReplaySettings,
        *,
        cache: AnswerCache | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._providers = providers
        self._append = append
        self._settings = settings
        self._cache = cache
        self._asked: dict[str, asyncio.Event] = {}
        self._known: dict[str, Response] = {}
        self._in_flight: dict[str, asyncio.Future[Answer]] = {}
        self._failures: dict[ModelName, int] = {}
        self._refusals = fidelity.Refusals()
        self._books = Books(max_usd=settings.max_cost_usd, task_max_usd=settings.task_max_usd)
        self._n_tries = 0
        self._released = asyncio.Event()
        self._limiter = Limiter(
            settings.concurrency,
            settings.limits,
            settings.shares,
            Patience(max_wait_s=settings.max_wait_s, probes=settings.attempts),
            clock=clock,
            sleep=sleep,
        )

    def remember(self, record: Mapping[str, object]) -> None:
        """Take in one record of an earlier process' journal."""
        self._books.remember(record)
        if record.get("kind") == "answer":
            response = codec.decode(codec.encode(record["response"]), Response, "the journal")
            self._known[str(record.get("key"))] = response
            self._books.enter(
                (
                    Purpose(str(record["purpose"])),
                    TaskName(str(record["task"])),
                    ModelName(str(record["model"])),
                ),
                response,
                usd=float(str(record["usd"])),
                is_paid=bool(record["paid"]),
                is_cached="cached_from" in record,
            )

    def known(self, key: str) -> Response | None:
        """Return an answer that the journal holds."""
        return self._known.get(key)

    @property
    def spent_usd(self) -> float:
        """Dollars settled, reserved and lost."""
        return self._books.spent()

    def ledger(self) -> tuple[LedgerLine, ...]:
        """Return what each purpose cost, per task and model."""
        return self._books.ledger()

    def wind_down(self) -> None:
        """Send nothing more. What is on its way arrives; what waits is missing at once."""
        self._limiter.shut_all(
            Missing(hole=Hole.INTERRUPTED, detail="the run was stopped before this call was sent")
        )
        self._released.set()

    async def answer(self, call: Call) -> Answer:
        """Return the answer to a call: the one in the journal, or a new one.

        Two equal calls at the same time share one answer.
        """
        if call.key in self._known:
            return self._known[call.key]
        if call.key in self._in_flight:
            return await asyncio.shield(self._in_flight[call.key])
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._in_flight[call.key] = future
        try:
            answer = await self._fetch(call)
            future.set_result(answer)
        except BaseException as error:
            future.set_exception(error)
            future.exception()  # nobody else may be waiting for it
            raise
        finally:
            del self._in_flight[call.key]
        return answer

    async def _fetch(self, call: Call) -> Answer:
        provider = self._providers[call.spec.name]
        if call.spec.is_recorded:
            answer = await provider.complete(call)
            return self._settle(call, answer, is_paid=False)
        if (refused := fidelity.refusal(call)) is not None:
            if (unsupported := self._refusals.hear(call.spec.name, refused)) is not None:
                return unsupported
            return self._settle(call, refused, is_paid=False)
        if self._cache is None:
            return await self._buy(provider, call)
        content = content_key(call)
        while (asked := self._asked.get(content)) is not None:  # by a call of another log id
            await asked.wait()
        if (cached := self._cache.get(content)) is not None:
            return self._take(call, cached)
        self._asked[content] = asked = asyncio.Event()
        try:
            return await self._buy(provider, call)
        finally:
            del self._asked[content]
            asked.set()

    async def _buy(self, provider: Provider, call: Call) -> Answer:
        """Get an answer that costs something."""
        if (why := self._limiter.why_shut(call.spec.name)) is not None:
            return why
        self._n_tries += 1
        tries = _Tries(call=call, bound=self._bound(call), order=self._n_tries)
        if self._is_sent(call) and (usd := self._books.take_over(call.key)) is not None:
            tries.bound, tries.is_held, tries.is_written, tries.is_begun = usd, True, True, True
        answer = await self._try(provider, tries)
        if answer is tries.last:
            self._judge_health(call.spec.name, answer)
        return self._close(tries, answer)

    def _is_sent(self, call: Call) -> bool:
        """Whether a call is in a batch that was sent and is not collected."""
        holds = getattr(self._providers[call.spec.name], "holds", None)
        return holds is not None and bool(holds(call.key))

    def _bound(self, call: Call) -> float:
        if not answers_like_the_log(call.purpose):
            return cost_bound(call)
        return cost_bound(call, self._settings.output_tokens.get(call.task, DEFAULT_OUTPUT_TOKENS))

    async def _try(self, provider: Provider, tries: _Tries) -> Answer:
        model = tries.call.spec.name

        answer = await persist(
            lambda: self._send(provider, tries),
            may_go_on=lambda _: self._may_go_on(tries),
            before_pause=lambda given, number: self._book_try(tries, given, number),
            pause=lambda seconds: self._limiter.rest(model, seconds),
        )
        why = self._limiter.why_shut(model)
        if why is None or not is_transient(answer) or self._is_sent(tries.call):
            return answer
        # The model was left alone before it was clear whether it answers like that.
        if answer is tries.last:
            self._lose(tries)
        return why

    def _may_go_on(self, tries: _Tries) -> bool:
        most = self._settings.attempts
        is_used_up = tries.failed >= most or tries.refused >= most * _REFUSALS_PER_ATTEMPT
        return not is_used_up and self._limiter.why_shut(tries.call.spec.name) is None

    async def _send(self, provider: Provider, tries: _Tries) -> Answer:
        """Ask once, as soon as there is money for it and the model's limits allow."""
        call = tries.call
        model = call.spec.name
        if not tries.is_held and (missing := await self._reserve(tries)) is not None:
            return missing
        permit: Permit | None = None
        if not hasattr(provider, "holds"):  # a batch is as large as it is, and goes when it goes
            tokens = tokens_estimate(call) if self._limiter.counts_tokens(model) else 0.0
            entered = await self._limiter.enter(model, tokens, tries.order)
            if isinstance(entered, Missing):
                return entered
            permit = entered
        answer, is_over = None, False
        try:
            if not tries.is_written:
                self._write("reserve", call, usd=tries.bound)
                tries.is_written = tries.is_begun = True
            answer = await provider.complete(call)
        finally:
            is_over = permit is not None and self._limiter.leave(permit, answer)
        tries.last = answer
        tries.refused += outcome_of(answer) == "refused"
        tries.failed += outcome_of(answer) == "broken"
        if is_over:
            self._limiter.shut(model, given_up(answer, self._settings.max_wait_s))
        return answer

    async def _reserve(self, tries: _Tries) -> Missing | None:
        """Set the money for a try aside, once those in flight have given back what they can."""
        call = tries.call
        while (short := self._books.shortage(call, tries.bound)) is not None:
            if short.is_final:
                return Missing(hole=Hole.BUDGET, detail=short.why)
            # Calls cost less than is reserved for them: wait for one to give money back.
            self._released.clear()
            await self._released.wait()
            if (why := self._limiter.why_shut(call.spec.name)) is not None:
                return why
        self._books.reserve(call.key, call.task, tries.bound)
        tries.is_held = True
        return None

    def _book_try(self, tries: _Tries, answer: Answer, number: int) -> None:
        """Book a try that another follows."""
        call = tries.call
        if not self._is_sent(call):
            self._lose(tries)
        # Behind all others: it may be the call, and not the endpoint, that something is wrong with.
        self._n_tries += 1
        tries.order = self._n_tries
        self._books.count_retry((call.purpose, call.task, call.spec.name))
        hole = answer.hole.value if isinstance(answer, Missing) else answer.finish.value
        self._write("attempt", call, attempt=number, hole=hole, detail=answer.detail)

    def _lose(self, tries: _Tries) -> None:
        """Book the last try, if the provider may bill it for nothing and that is not yet done."""
        call, answer = tries.call, tries.last
        if answer is None or not tries.is_written or not may_be_billed(answer):
            return
        usage = answer.usage if isinstance(answer, Response) else None
        known = cost_usd(usage, call.spec.price)
        bound = self._books.release(call.key)
        usd = bound if known is None else known
        self._books.lose(call.task, usd)
        self._write("lost", call, usd=usd)
        tries.is_held = tries.is_written = False
        self._released.set()

    def _judge_health(self, model: ModelName, answer: Answer) -> None:
        if isinstance(answer, Response):
            self._failures[model] = 0
            if (unsupported := self._refusals.hear(model, answer)) is not None:
                self._limiter.shut(model, unsupported)
            return
        self._failures[model] = self._failures.get(model, 0) + 1
        if answer.hole in _FATAL or self._failures[model] >= self._settings.give_up_after:
            self._limiter.shut(model, answer)

    def _close(self, tries: _Tries, answer: Answer) -> Answer:
        """Settle a call that was, or should have been, sent."""
        if isinstance(answer, Response):
            return self._settle(tries.call, answer, is_paid=True)
        if self._is_sent(tries.call):
            return answer  # it will be billed, and collected by whoever asks again
        if answer is tries.last:
            self._lose(tries)
        self._books.release(tries.call.key)
        self._released.set()
        if tries.is_begun:
            self._write("failed", tries.call, hole=answer.hole.value, detail=answer.detail)
        return answer

    def _settle(self, call: Call, answer: Answer, *, is_paid: bool) -> Answer:
        """Book an answer, and make it durable before it counts."""
        if isinstance(answer, Missing):
            return answer
        usd = 0.0
        if is_paid:
            # Without a count of tokens nobody knows better than the bound.
            known = cost_usd(answer.usage, call.spec.price)
            bound = self._books.release(call.key)
            self._released.set()  # even if the disk is full: nobody may wait for ever
            usd = bound if known is None else known
        self._keep(call, answer, usd=usd, paid=is_paid, at=int(time.time()))
        if is_paid and self._cache is not None:
            self._cache.put(content_key(call), answer, usd=usd)
        return answer

    def _take(self, call: Call, cached: Cached) -> Answer:
        """Book an answer that was paid for under another log id, or in another run."""
        answer = cached.response
        self._keep(call, answer, usd=0.0, paid=False, at=cached.at, cached_from=cached.run_id)
        return answer

    def _keep(
        self, call: Call, answer: Response, *, usd: float, paid: bool, **rest: object
    ) -> None:
        self._write(
            "answer",
            call,
            request=call.request.id,
            sample=call.sample,
            usd=usd,
            paid=paid,
            **rest,
            response=codec.builtins(answer),
        )
        self._known[call.key] = answer
        self._books.enter(
            (call.purpose, call.task, call.spec.name),
            answer,
            usd=usd,
            is_paid=paid,
            is_cached="cached_from" in rest,
        )

    def _write(self, kind: str, call: Call, **rest: object) -> None:
        self._append(
            {
                "kind": kind,
                "key": call.key,
                "purpose": call.purpose.value,
                "task": call.task,
                "model": call.spec.name,
                **rest,
            }
        )


def call_key(request: Request, spec: ModelSpec, sample: int) -> str:
    """Return the identity of a call: log id, content, model, parameters and sample index."""
    return codec.digest(
        {
            "id": request.id,
            "body": request.body,
            "model": spec.model,
            "path": spec.path,
            "api_base": spec.api_base,
            "params": spec.params,
            "prompt": spec.prompt,
            "sample": sample,
        }
    )

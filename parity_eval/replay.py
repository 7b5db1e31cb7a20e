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
    Bound,
    Shortage,
    account_of,
    answers_like_the_log,
    bound_of,
    paid_price,
    tokens_estimate,
    why_so_much,
    worst_usd,
)
from parity_eval.cache import AnswerCache, Cached, content_key
from parity_eval.errors import ConfigError
from parity_eval.limiter import Limiter, Permit
from parity_eval.limits import Patience, given_up, outcome_of
from parity_eval.outcomes import costs_nothing, may_be_billed, meaning_of
from parity_eval.prices import cost_usd
from parity_eval.protocols import Holder, Paced, Provider
from parity_eval.records import (
    Answer,
    Call,
    Capabilities,
    Hole,
    Missing,
    ModelName,
    ModelSpec,
    Purpose,
    Request,
    Response,
    TaskName,
)
from parity_eval.retries import persist
from parity_eval.study import RateLimit
from parity_eval.summary import LedgerLine

_REFUSALS_PER_ATTEMPT = 5
_TURNS = 2
"""Turns of the event loop in which the next call goes out, once an answer is booked and before
anybody looks at it."""


def _ignore(text: str) -> None:
    """Hear a note that nobody reads."""


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
    is_offline: bool = False
    """Whether only answers count that are there already."""
    mask: Callable[[Answer], Answer] = lambda answer: answer
    """Hides what others must not see in an answer before it is used or written."""


@dataclass(slots=True, kw_only=True)
class _Tries:
    """How far a call has come."""

    call: Call
    content: str
    """Its key in the cache."""
    bound: Bound
    """What a try may cost, as far as one can know before any was answered."""
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
        self._holders = {name: p for name, p in providers.items() if isinstance(p, Holder)}
        self._paced = {name: p for name, p in providers.items() if isinstance(p, Paced)}
        self.on_note: Callable[[str], None] = _ignore
        """Hears what the user should know."""
        self._append = append
        self._settings = settings
        self._cache = cache
        self.newest_at: int | None = None
        """When the newest answer that a live model gave was given: seconds since 1970, UTC."""
        self._mask = settings.mask
        self._masked: set[str] = set()
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
        if "at" in record and record.get("kind") in ("reserve", "attempt"):
            age_s = time.time() - float(str(record["at"]))
            tokens = float(str(record.get("tokens", 0.0)))
            self._limiter.recall(ModelName(str(record["model"])), tokens, max(0.0, age_s))
        if record.get("kind") == "answer":
            response = codec.decode(codec.encode(record["response"]), Response, "the journal")
            self._known[str(record.get("key"))] = response
            self._enter(
                (
                    Purpose(str(record["purpose"])),
                    TaskName(str(record["task"])),
                    ModelName(str(record["model"])),
                ),
                response,
                usd=float(str(record["usd"])),
                is_paid=bool(record["paid"]),
                is_cached="cached_from" in record,
                at=int(str(record["at"])),
            )

    def release_unsent(self) -> None:
        """Take back what an earlier process reserved for calls that it never put into a batch."""
        for key, money in self._books.past().items():
            purpose, task, model = money.account
            holder = self._holders.get(model)
            if holder is None or holder.was_sent(key):
                continue
            self._books.forget(key)
            self._append(
                {
                    "kind": "failed",
                    "key": key,
                    "purpose": purpose.value,
                    "task": task,
                    "model": model,
                    "hole": Hole.INTERRUPTED.value,
                    "detail": "the run ended before it was sent",
                }
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
            return self._note(call, self._mask(await provider.complete(call)))
        if (refused := fidelity.refusal(call)) is not None:
            if (unsupported := self._refusals.hear(call.spec.name, refused)) is not None:
                return unsupported
            return self._note(call, refused)
        if self._cache is None:
            return await self._buy(provider, call, "")
        content = content_key(call)
        while (asked := self._asked.get(content)) is not None:  # by a call of another log id
            await asked.wait()
        if (cached := self._cache.get(content)) is not None:
            return self._take(call, cached)
        self._asked[content] = asked = asyncio.Event()
        try:
            return await self._buy(provider, call, content)
        finally:
            del self._asked[content]
            asked.set()

    async def _buy(self, provider: Provider, call: Call, content: str) -> Answer:
        """Get an answer that costs something.

        Args:
            provider: Who is asked.
            call: The call.
            content: Its key in the cache, where there is one.
        """
        if self._settings.is_offline:
            raise ConfigError(
                f"--offline, but {call.spec.name!r} would be asked over the network for request "
                f"{call.request.id!r}: neither this run nor the cache has its answer; use a "
                "recording of it, or go online"
            )
        if (why := self._limiter.why_shut(call.spec.name)) is not None:
            return why
        self._n_tries += 1
        tries = _Tries(call=call, content=content, bound=self._bound(call), order=self._n_tries)
        if self._is_sent(call) and self._books.take_over(call.key) is not None:
            tries.is_held, tries.is_written, tries.is_begun = True, True, True
        answer = await self._try(provider, tries)
        if answer is tries.last:
            self._judge_health(call.spec.name, answer)
        answer = self._close(tries, answer)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        return answer

    def _is_sent(self, call: Call) -> bool:
        """Whether a call is in a batch that was sent and is not collected."""
        holder = self._holders.get(call.spec.name)
        return holder is not None and holder.holds(call.key)

    def _bound(self, call: Call) -> Bound:
        if not answers_like_the_log(call.purpose):
            return bound_of(call)
        return bound_of(call, self._settings.output_tokens.get(call.task, DEFAULT_OUTPUT_TOKENS))

    async def _try(self, provider: Provider, tries: _Tries) -> Answer:
        model = tries.call.spec.name

        answer = await persist(
            lambda: self._send(provider, tries),
            may_go_on=lambda _: self._may_go_on(tries),
            before_pause=lambda given, number: self._book_try(tries, given, number),
            pause=lambda seconds: self._limiter.rest(model, seconds),
        )
        why = self._limiter.why_shut(model)
        if why is None or not meaning_of(answer).is_transient or self._is_sent(tries.call):
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
        entered = await self._admit(tries)
        if isinstance(entered, Missing):
            return entered
        permit = entered
        answer, is_over = None, False
        try:
            if not tries.is_written:
                self._write("reserve", call, usd=self._books.held(call.key), **self._stamp(call))
                tries.is_written = tries.is_begun = True
            given = await provider.complete(call)
            answer = self._mask(given)
            if answer is not given:
                self._masked.add(call.key)
        finally:
            if (paced := self._paced.get(model)) is not None and paced.pause_s > 0:
                self._limiter.pause(model, paced.pause_s)
                paced.pause_s = 0.0
            is_over = permit is not None and self._limiter.leave(permit, answer)
        tries.last = answer
        tries.refused += outcome_of(answer) == "refused"
        tries.failed += outcome_of(answer) == "broken"
        if is_over:
            self._limiter.shut(model, given_up(answer, self._settings.max_wait_s))
        return answer

    async def _admit(self, tries: _Tries) -> Permit | Missing | None:
        """Get money and leave for a try; no leave is needed where calls are gathered."""
        call = tries.call
        model = call.spec.name
        while True:
            if not tries.is_held and (missing := await self._reserve(tries)) is not None:
                return missing
            if model in self._holders:  # a batch is as large as it is, and goes when it goes
                return None
            tokens = tokens_estimate(call) if self._limiter.counts_tokens(model) else 0.0
            entered = await self._limiter.enter(model, tokens, tries.order)
            if isinstance(entered, Missing):
                return entered
            if (why := self._limiter.why_shut(model)) is not None:  # since it was let through
                self._limiter.leave(entered, None)
                return why
            if not self._books.is_overdrawn(call.task):
                return entered
            # Meanwhile another call has cost more than its bound: this one has to wait again.
            self._limiter.leave(entered, None)
            self._books.release(call.key)
            self._released.set()
            if tries.is_written:
                self._write("lost", call, usd=0.0)
            tries.is_held = tries.is_written = False

    async def _reserve(self, tries: _Tries) -> Missing | None:
        """Set the money for a try aside, once those in flight have given back what they can."""
        call = tries.call
        while (short := self._shortage(tries)) is not None:
            if short.is_final:
                cause = why_so_much(call, tries.bound, self._books.stretch(account_of(call)))
                return Missing(hole=Hole.BUDGET, detail=f"{short.why}{cause}")
            # Calls cost less than is reserved for them: wait for one to give money back.
            self._released.clear()
            await self._released.wait()
            if (why := self._limiter.why_shut(call.spec.name)) is not None:
                return why
        account = account_of(call)
        usd = tries.bound.usd * self._books.stretch(account)
        self._books.reserve(call.key, account, usd)
        tries.is_held = True
        return None

    def _shortage(self, tries: _Tries) -> Shortage | None:
        """Return why a try cannot be sent now, or not at all."""
        call, bound = tries.call, tries.bound
        short = self._books.shortage(call, bound.usd * self._books.stretch(account_of(call)))
        if short is not None or call.spec.name in self._holders:  # a batch is one whole
            return short
        return self._books.untried(call, worst_usd(call, bound), is_unlimited=bound.is_unlimited)

    def _charge(self, call: Call, usd: float | None) -> float:
        """Take back what is reserved for a try that cost something; return what is to be booked.

        Args:
            call: The call.
            usd: What the try cost; None: nobody knows better than the bound.
        """
        account = account_of(call)
        before, held = self._books.stretch(account), self._books.held(call.key)
        booked = self._books.close(call.key, usd)
        self._released.set()  # even if the disk is full: nobody may wait for ever
        if (after := self._books.stretch(account)) != before:
            self.on_note(
                f"{call.spec.name}: an answer to {call.request.id!r} (task {call.task!r}) cost "
                f"${booked:,.4f}, and ${held:,.4f} was the most that it should have; from now on "
                f"{after:,.1f} times their bounds is reserved for such calls"
            )
        return booked

    def _book_try(self, tries: _Tries, answer: Answer, number: int) -> None:
        """Book a try that another follows."""
        call = tries.call
        if not self._is_sent(call):
            self._lose(tries)
        # Behind all others: it may be the call, and not the endpoint, that something is wrong with.
        self._n_tries += 1
        tries.order = self._n_tries
        self._books.count_retry(account_of(call))
        hole = answer.hole.value if isinstance(answer, Missing) else answer.finish.value
        stamp = self._stamp(call) if tries.is_written else {}  # else the reservation tells
        self._write("attempt", call, attempt=number, hole=hole, detail=answer.detail, **stamp)

    def _stamp(self, call: Call) -> dict[str, float]:
        """Return when a try is sent, for a process that has to keep to the same limits."""
        model = call.spec.name
        if not self._limiter.is_metered(model):
            return {}
        tokens = tokens_estimate(call) if self._limiter.counts_tokens(model) else 0.0
        return {"at": round(time.time(), 3), "tokens": tokens}

    def _lose(self, tries: _Tries) -> None:
        """Book the last try, if the provider may bill it for nothing and that is not yet done."""
        call, answer = tries.call, tries.last
        if answer is None or not tries.is_written or not may_be_billed(answer):
            return
        usage = answer.usage if isinstance(answer, Response) else None
        usd = self._charge(call, cost_usd(usage, paid_price(call)))
        self._books.lose(account_of(call), usd)
        self._write("lost", call, usd=usd)
        tries.is_held = tries.is_written = False

    def _judge_health(self, model: ModelName, answer: Answer) -> None:
        if isinstance(answer, Response):
            self._failures[model] = 0
            if (unsupported := self._refusals.hear(model, answer)) is not None:
                self._limiter.shut(model, unsupported)
            return
        meaning = meaning_of(answer)
        if meaning.is_requests:
            return
        self._failures[model] = self._failures.get(model, 0) + 1
        if meaning.is_fatal or self._failures[model] >= self._settings.give_up_after:
            self._limiter.shut(model, answer)

    def _close(self, tries: _Tries, answer: Answer) -> Answer:
        """Settle a call that was, or should have been, sent."""
        if isinstance(answer, Response):
            return self._settle(tries, answer)
        if self._is_sent(tries.call):
            return answer  # it will be billed, and collected by whoever asks again
        if answer is tries.last:
            self._lose(tries)
        self._books.release(tries.call.key)
        self._released.set()
        if tries.is_begun:
            self._write("failed", tries.call, hole=answer.hole.value, detail=answer.detail)
        return answer

    def _settle(self, tries: _Tries, answer: Response) -> Answer:
        """Book an answer that was paid for, and make it durable before it counts."""
        call = tries.call
        # Without a count of tokens nobody knows better than the bound.
        known = 0.0 if costs_nothing(answer) else cost_usd(answer.usage, paid_price(call))
        usd = self._charge(call, known)
        self._keep(call, answer, usd=usd, paid=True, at=int(time.time()))
        # Others, who may hide less, are not given an answer with placeholders.
        if self._cache is not None and call.key not in self._masked:
            self._cache.put(tries.content, answer, usd=usd)
        return answer

    def _note(self, call: Call, answer: Answer) -> Answer:
        """Make an answer durable that cost nothing."""
        if isinstance(answer, Response):
            self._keep(call, answer, usd=0.0, paid=False, at=int(time.time()))
        return answer

    def _take(self, call: Call, cached: Cached) -> Answer:
        """Book an answer that was paid for under another log id, or in another run."""
        # It may be from a time when nothing was hidden.
        answer = self._mask(cached.response)
        if isinstance(answer, Missing):
            return answer
        self._keep(call, answer, usd=0.0, paid=False, at=cached.at, cached_from=cached.run_id)
        return answer

    def _keep(
        self, call: Call, answer: Response, *, usd: float, paid: bool, at: int, **rest: object
    ) -> None:
        self._write(
            "answer",
            call,
            request=call.request.id,
            sample=call.sample,
            usd=usd,
            paid=paid,
            at=at,
            **rest,
            response=codec.sparse(answer),
        )
        self._known[call.key] = answer
        self._enter(
            (call.purpose, call.task, call.spec.name),
            answer,
            usd=usd,
            is_paid=paid,
            is_cached="cached_from" in rest,
            at=at,
        )

    def _enter(
        self,
        account: tuple[Purpose, TaskName, ModelName],
        answer: Response,
        *,
        usd: float,
        is_paid: bool,
        is_cached: bool,
        at: int,
    ) -> None:
        self._books.enter(account, answer, usd=usd, is_paid=is_paid, is_cached=is_cached)
        if is_paid or is_cached:
            self.newest_at = max(self.newest_at or at, at)

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
    """Return the identity of a call: log id, content, model, parameters and sample index.

    What a model is said not to take decides whether it is asked at all, so that counts too.
    """
    identity: dict[str, object] = {
        "id": request.id,
        "body": request.body,
        "model": spec.model,
        "path": spec.path,
        "api_base": spec.api_base,
        "params": spec.params,
        "prompt": spec.prompt,
        "sample": sample,
    }
    if spec.capabilities != Capabilities():
        identity["capabilities"] = spec.capabilities
    return codec.digest(identity)

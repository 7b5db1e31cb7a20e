"""Requests to responses: every answer once, within the budget, whatever happens.

A ledger before it is a client: what a call may cost is written down before it is sent, and what
it gave before it counts. An answer that is in the journal is never asked for again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_result,
    stop_after_attempt,
    wait_random_exponential,
)

from parity_eval import codec
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
from parity_eval.summary import LedgerLine
from parity_eval.wire import request_body

_TRANSIENT = frozenset({Hole.NETWORK, Hole.RATE_LIMIT, Hole.SERVER, Hole.TIMEOUT})
_FATAL = frozenset({Hole.AUTH, Hole.UNKNOWN_MODEL, Hole.QUOTA})
_DEFAULT_OUTPUT_TOKENS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings:
    """How replay behaves."""

    concurrency: int = 32
    """Calls in flight, over all live models."""
    attempts: int = 6
    """Tries per call before it is missing."""
    max_wait_s: float = 60.0
    """Longest pause between two tries."""
    max_cost_usd: float | None = None
    """Hard limit on settled and reserved dollars together."""
    give_up_after: int = 5
    """Calls in a row that failed for good before a model is left alone for this run."""


@dataclass(slots=True)
class _Account:
    calls: int = 0
    paid_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0


@dataclass(slots=True)
class _Books:
    accounts: dict[tuple[Purpose, TaskName, ModelName], _Account] = field(default_factory=dict)
    settled: float = 0.0
    lost: float = 0.0
    """Calls that may have been billed and gave nothing: killed, or timed out."""
    past: dict[str, float] = field(default_factory=dict)
    """Reservations of earlier processes that were never settled: nobody knows what came of them."""
    reserved: dict[str, float] = field(default_factory=dict)
    """Calls in flight."""

    def spent(self) -> float:
        return self.settled + self.lost + sum(self.past.values()) + sum(self.reserved.values())


class Replay:
    """Answers calls from the journal, else from their model's provider.

    Args:
        providers: Who answers for each model of the study.
        append: Makes a record durable (the run's journal).
        settings: Limits.
        sleep: Waits between two tries.
    """

    def __init__(
        self,
        providers: Mapping[ModelName, Provider],
        append: Callable[[dict[str, object]], None],
        settings: ReplaySettings,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._providers = providers
        self._append = append
        self._settings = settings
        self._sleep = sleep
        self._known: dict[str, Response] = {}
        self._in_flight: dict[str, asyncio.Future[Answer]] = {}
        self._stopped: dict[ModelName, Missing] = {}
        self._failures: dict[ModelName, int] = {}
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._books = _Books()
        self._released = asyncio.Event()

    def remember(self, record: Mapping[str, object]) -> None:
        """Take in one record of an earlier process' journal."""
        key = str(record.get("key"))
        match record.get("kind"):
            case "reserve":
                self._books.lost += self._books.past.pop(key, 0.0)
                self._books.past[key] = float(str(record["usd"]))
            case "lost":
                self._books.lost += float(str(record["usd"]))
            case "failed":
                self._books.past.pop(key, None)
            case "answer":
                response = codec.decode(codec.encode(record["response"]), Response, "the journal")
                self._books.past.pop(key, None)
                self._books.settled += float(str(record["usd"]))
                self._known[key] = response
                self._enter(
                    Purpose(str(record["purpose"])),
                    TaskName(str(record["task"])),
                    ModelName(str(record["model"])),
                    response,
                    usd=float(str(record["usd"])),
                    is_paid=bool(record["paid"]),
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
        lines = sorted(self._books.accounts.items(), key=lambda item: tuple(map(str, item[0])))
        return tuple(
            LedgerLine(
                purpose=purpose,
                task=task,
                model=model,
                calls=account.calls,
                paid_calls=account.paid_calls,
                input_tokens=account.input_tokens,
                output_tokens=account.output_tokens,
                usd=account.usd,
            )
            for (purpose, task, model), account in lines
        )

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
        async with self._slots:
            if stopped := self._stopped.get(call.spec.name):
                return stopped
            bound = cost_bound(call)
            if not await self._can_afford(bound):
                return Missing(hole=Hole.BUDGET, detail="the budget does not cover this call")
            self._books.reserved[call.key] = bound
            self._append({"kind": "reserve", "key": call.key, "usd": bound})
            answer = await self._try(provider, call, bound)
            self._judge_health(call.spec.name, answer)
            return self._settle(call, answer, is_paid=True)

    async def _can_afford(self, bound: float) -> bool:
        """Whether the budget covers one more call, once those in flight are settled."""
        limit = self._settings.max_cost_usd
        while limit is not None and self._books.spent() + bound > limit:
            if not self._books.reserved:
                return False
            # Calls cost less than is reserved for them: wait for one to give money back.
            self._released.clear()
            await self._released.wait()
        return True

    async def _try(self, provider: Provider, call: Call, bound: float) -> Answer:
        def may_be_tried_again(answer: Answer) -> bool:
            return _is_transient(answer) and self._covers_lost(call, answer, bound)

        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._settings.attempts),
            wait=self._pause,
            retry=retry_if_result(may_be_tried_again),
            sleep=self._sleep,
            retry_error_callback=_last_result,
            before_sleep=lambda state: self._note_attempt(call, state),
        )
        answer: Answer = await retrying(provider.complete, call)
        return answer

    def _covers_lost(self, call: Call, answer: Answer, bound: float) -> bool:
        """Book a try that the provider may bill for nothing; say whether another is affordable."""
        if isinstance(answer, Missing) and answer.hole is Hole.TIMEOUT:
            self._books.lost += bound
            self._append({"kind": "lost", "key": call.key, "usd": bound})
        limit = self._settings.max_cost_usd
        return limit is None or self._books.spent() <= limit

    def _pause(self, state: RetryCallState) -> float:
        answer = _last_result(state)
        asked = answer.retry_after_s if isinstance(answer, Missing) else None
        jittered = wait_random_exponential(multiplier=0.5, max=self._settings.max_wait_s)(state)
        return min(max(asked or 0.0, jittered), self._settings.max_wait_s)

    def _note_attempt(self, call: Call, state: RetryCallState) -> None:
        answer = _last_result(state)
        if isinstance(answer, Missing):
            self._append(
                {
                    "kind": "attempt",
                    "key": call.key,
                    "attempt": state.attempt_number,
                    "hole": answer.hole.value,
                    "detail": answer.detail,
                }
            )

    def _judge_health(self, model: ModelName, answer: Answer) -> None:
        if isinstance(answer, Response):
            self._failures[model] = 0
            return
        self._failures[model] = self._failures.get(model, 0) + 1
        if answer.hole in _FATAL or self._failures[model] >= self._settings.give_up_after:
            self._stopped.setdefault(model, answer)

    def _settle(self, call: Call, answer: Answer, *, is_paid: bool) -> Answer:
        bound = self._books.reserved.pop(call.key, 0.0)
        self._released.set()
        if isinstance(answer, Missing):
            if is_paid:
                self._append(
                    {
                        "kind": "failed",
                        "key": call.key,
                        "hole": answer.hole.value,
                        "detail": answer.detail,
                    }
                )
            return answer
        usd = 0.0
        if is_paid:
            # Without a count of tokens nobody knows better than the bound.
            known = cost_usd(answer.usage, call.spec.price)
            usd = bound if known is None else known
        self._append(
            {
                "kind": "answer",
                "key": call.key,
                "purpose": call.purpose.value,
                "task": call.task,
                "model": call.spec.name,
                "request": call.request.id,
                "sample": call.sample,
                "usd": usd,
                "paid": is_paid,
                "at": int(time.time()),
                "response": codec.builtins(answer),
            }
        )
        self._books.settled += usd
        self._known[call.key] = answer
        self._enter(call.purpose, call.task, call.spec.name, answer, usd=usd, is_paid=is_paid)
        return answer

    def _enter(
        self,
        purpose: Purpose,
        task: TaskName,
        model: ModelName,
        response: Response,
        *,
        usd: float,
        is_paid: bool,
    ) -> None:
        account = self._books.accounts.setdefault((purpose, task, model), _Account())
        account.calls += 1
        account.paid_calls += is_paid
        account.usd += usd
        if response.usage:
            account.input_tokens += response.usage.input_tokens
            account.output_tokens += response.usage.output_tokens


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
            "sample": sample,
        }
    )


def cost_bound(call: Call) -> float:
    """Return what is reserved for a call before it is sent.

    A token is at least one byte, so the bytes of a text request bound its tokens. Output is
    bounded by the request's own limit; where it has none, 4,096 tokens are assumed.
    """
    price = call.spec.price
    if price is None:
        return 0.0
    body = request_body(call.request.body, call.spec.params)
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or _DEFAULT_OUTPUT_TOKENS
    tokens_out = int(limit) if isinstance(limit, (int, float)) else _DEFAULT_OUTPUT_TOKENS
    return (len(codec.encode(body)) * price.input + tokens_out * price.output) / 1e6


def _is_transient(answer: Answer) -> bool:
    return isinstance(answer, Missing) and answer.hole in _TRANSIENT


def _last_result(state: RetryCallState) -> Answer:
    if state.outcome is None:
        return Missing(hole=Hole.NETWORK, detail="no attempt was made")
    answer: Answer = state.outcome.result()
    return answer

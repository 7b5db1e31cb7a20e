"""The ledger's arithmetic: what calls may cost, what they did cost, and what is left to spend."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from parity_eval import codec
from parity_eval.records import (
    Call,
    JsonObject,
    JsonValue,
    ModelName,
    Price,
    Purpose,
    Response,
    TaskName,
    Usage,
)
from parity_eval.summary import LedgerLine
from parity_eval.wire import request_body

DEFAULT_OUTPUT_TOKENS = 4096
"""Assumed of a request without a limit of its own, where the log does not tell."""

Account: TypeAlias = tuple[Purpose, TaskName, ModelName]
"""What a call is booked on; its calls are alike."""

_IMAGE_TOKENS: Final = 50_000
"""More than any vendor counts for an image."""
_FILE_TOKENS: Final = 300_000
"""A document of a hundred pages, each with its text and its image."""
_MARGIN: Final = 2.0
_ROUNDING: Final = 1 + 1e-9
_FIRST_UNLIMITED: Final = 2
_FIRST_LIMITED: Final = 4
_LEAST_OUTPUT_TOKENS = 256
_ENOUGH_ANSWERS = 100
_QUANTILE = 0.999
_MOST_TOKENS = 1_000_000
"""More than any model reads and writes in one call."""
_BYTES_PER_TOKEN = 4
_ANSWERS_LIKE_THE_LOG = frozenset({Purpose.BASELINE, Purpose.NOISE_FLOOR, Purpose.CANDIDATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """Money for one try of a call."""

    account: Account
    usd: float

    @property
    def task(self) -> TaskName:
        """The task that pays."""
        return self.account[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """Why there is no money for a call."""

    why: str
    is_final: bool
    """Whether no call is on its way that may yet cost less than is reserved for it."""


@dataclass(slots=True)
class _Account:
    calls: int = 0
    paid_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    lost_usd: float = 0.0
    retries: int = 0
    cached: int = 0


@dataclass(slots=True)
class Books:
    """What a run has spent, and on what.

    Money is reserved before a call is sent. Then it is settled, lost (the provider may bill a try
    that gave nothing) or released. Each sum is kept for the run and for each task.

    A bound may be broken: an endpoint may ignore a limit, or count what nobody could foresee. Once
    that is known more is reserved for all calls like it, those on their way included; and until
    some have kept to their bounds only few are on their way.
    """

    max_usd: float | None = None
    """Most that all calls together may cost."""
    task_max_usd: Mapping[TaskName, float] = field(default_factory=dict)
    """Most that the calls of a task may cost."""
    _accounts: dict[Account, _Account] = field(default_factory=dict)
    _final: defaultdict[TaskName | None, float] = field(default_factory=lambda: defaultdict(float))
    """Settled and lost, by task; None: all."""
    _held: defaultdict[TaskName | None, float] = field(default_factory=lambda: defaultdict(float))
    """Reserved, in the same way."""
    _past: dict[str, Reserved] = field(default_factory=dict)
    """Reservations of earlier processes that were never settled: nobody knows what came of them."""
    _reserved: dict[str, Reserved] = field(default_factory=dict)
    """Calls on their way, or about to be."""
    _out: Counter[Account] = field(default_factory=Counter)
    """How many those are."""
    _stretched: dict[Account, float] = field(default_factory=dict)
    """How many times its bound is reserved for a call; 1 where no bound was broken."""

    def spent(self, task: TaskName | None = None) -> float:
        """Return the dollars settled, lost and reserved: for the run, or for a task."""
        return self._final[task] + self._held[task]

    def shortage(self, call: Call, usd: float) -> Shortage | None:
        """Return which limit does not cover a call; None: both do."""
        cap = self.task_max_usd.get(call.task)
        if cap is not None and self.spent(call.task) + usd > cap:
            others = (money.task == call.task for money in self._reserved.values())
            why = f"tasks.{call.task}.max_usd of ${cap:,.2f} does not cover this call"
            return Shortage(why=why, is_final=not any(others))
        if self.max_usd is not None and self.spent() + usd > self.max_usd:
            why = f"the budget of ${self.max_usd:,.2f} does not cover this call"
            return Shortage(why=why, is_final=not self._reserved)
        return None

    def is_overdrawn(self, task: TaskName) -> bool:
        """Whether more is spent than a limit allows: a bound that was relied on was broken."""
        cap, whole = self.task_max_usd.get(task, math.inf), math.inf
        if self.max_usd is not None:
            whole = self.max_usd
        return self.spent(task) > cap * _ROUNDING or self.spent() > whole * _ROUNDING

    def untried(self, call: Call, worst_usd: float, *, is_unlimited: bool) -> Shortage | None:
        """Return why a call has to wait for others of its kind; None: it need not.

        As long as few answers have kept to their bounds few calls may be out that could break them.
        Of those that nothing limits fewer are out than half as many as have been answered, so that
        of an excess as rare as not to have been seen about one call is to be expected. Limits
        that nothing could reach which the calls on their way may cost hold nobody up.

        Args:
            call: The call.
            worst_usd: More than it can cost, whatever the endpoint does.
            is_unlimited: Whether nobody can say how long its answer may be.
        """
        worst = (self._out.total() + 1) * worst_usd
        caps = ((None, self.max_usd), (call.task, self.task_max_usd.get(call.task)))
        if all(cap is None or self.spent(task) + worst <= cap for task, cap in caps):
            return None
        account = account_of(call)
        kept = self._accounts.get(account)
        n_seen = kept.paid_calls if kept else 0
        most = max(_FIRST_UNLIMITED, n_seen // 2)
        if not is_unlimited:
            most = max(_FIRST_LIMITED, 2 * n_seen)
        if self._out[account] < most:
            return None
        return Shortage(why="too little is known of what such calls cost", is_final=False)

    def stretch(self, account: Account) -> float:
        """Return how many times its bound is reserved for a call."""
        return self._stretched.get(account, 1.0)

    def reserve(self, key: str, account: Account, usd: float) -> None:
        """Set money aside for a call."""
        self._reserved[key] = Reserved(account=account, usd=usd)
        self._out[account] += 1
        self._hold(account[1], usd)

    def held(self, key: str) -> float:
        """Return the dollars that are reserved for a call."""
        money = self._reserved.get(key)
        return 0.0 if money is None else money.usd

    def take_over(self, key: str) -> float | None:
        """Go on with a reservation of an earlier process; return its dollars, None: there is none.

        For calls that are known to be on their way still.
        """
        money = self._past.pop(key, None)
        if money is None:
            return None
        self._reserved[key] = money
        self._out[money.account] += 1
        return money.usd

    def past(self) -> Mapping[str, Reserved]:
        """Return the reservations of earlier processes that nobody knows the fate of."""
        return dict(self._past)

    def release(self, key: str) -> float:
        """Take a reservation back, and return its dollars."""
        money = self._reserved.get(key)
        if money is not None:
            self._out[money.account] -= 1
        return self._let_go(self._reserved, key)

    def forget(self, key: str) -> None:
        """Take back a reservation of an earlier process: its call was never sent."""
        self._let_go(self._past, key)

    def close(self, key: str, usd: float | None) -> float:
        """Take a reservation back for what its call cost, and learn from it.

        Args:
            key: The call.
            usd: What it cost; None: nobody knows better than the bound.

        Returns:
            What is to be booked.
        """
        money = self._reserved.get(key)
        bound = self.release(key)
        if usd is None:
            return bound
        if money is not None:
            self._learn(money, usd)
        return usd

    def lose(self, account: Account, usd: float) -> None:
        """Count dollars that are gone for nothing."""
        self._spend(account[1], usd)
        self._accounts.setdefault(account, _Account()).lost_usd += usd

    def _spend(self, task: TaskName, usd: float) -> None:
        for account in (task, None):
            self._final[account] += usd

    def _learn(self, money: Reserved, usd: float) -> None:
        """Reserve more for all calls of an account, if one cost more than was reserved for it."""
        if money.usd <= 0 or usd <= money.usd * _ROUNDING:
            return
        factor = _MARGIN * usd / money.usd
        self._stretched[money.account] = self.stretch(money.account) * factor
        for held in (self._past, self._reserved):
            for key, other in held.items():
                if other.account == money.account:
                    self._hold(other.task, (factor - 1) * other.usd)
                    held[key] = replace(other, usd=factor * other.usd)

    def _hold(self, task: TaskName, usd: float) -> None:
        for account in (task, None):
            self._held[account] += usd

    def _let_go(self, held: dict[str, Reserved], key: str) -> float:
        money = held.pop(key, None)
        if money is None:
            return 0.0
        self._hold(money.task, -money.usd)
        if not self._past and not self._reserved:
            self._held.clear()  # no trace of rounding
        return money.usd

    def enter(
        self,
        account: Account,
        response: Response,
        *,
        usd: float,
        is_paid: bool,
        is_cached: bool = False,
    ) -> None:
        """Count an answer on an account."""
        self._spend(account[1], usd)
        kept = self._accounts.setdefault(account, _Account())
        kept.calls += 1
        kept.paid_calls += is_paid
        kept.cached += is_cached
        kept.usd += usd
        if response.usage:
            kept.input_tokens += response.usage.input_tokens
            kept.output_tokens += response.usage.output_tokens

    def count_retry(self, account: Account) -> None:
        """Count a try that another follows."""
        self._accounts.setdefault(account, _Account()).retries += 1

    def remember(self, record: Mapping[str, object]) -> None:
        """Take in what a record of an earlier process' journal says about money."""
        if (kind := record.get("kind")) not in _OF_MONEY:
            return
        key, task = str(record.get("key")), TaskName(str(record.get("task", "")))
        usd = float(str(record.get("usd", 0.0)))
        purpose = Purpose(str(record.get("purpose", Purpose.CANDIDATE)))
        account = (purpose, task, ModelName(str(record.get("model", ""))))
        past = self._past.get(key)
        if kind == "attempt":
            self.count_retry(account)
            return
        if kind == "answer" and not record.get("paid", True):
            return  # it says nothing about a try that was on its way
        gone = self._let_go(self._past, key)
        if kind == "reserve":
            if past is not None:  # killed with this call on its way
                self.lose(past.account, gone)
            self._past[key] = Reserved(account=account, usd=usd)
            self._hold(task, usd)
            return
        if kind == "lost":
            self.lose(account, usd)
        if past is not None and kind != "failed":
            self._learn(past, usd)

    def ledger(self) -> tuple[LedgerLine, ...]:
        """Return what each purpose cost, per task and model."""
        lines = sorted(self._accounts.items(), key=lambda item: tuple(map(str, item[0])))
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
                lost_usd=account.lost_usd,
                retries=account.retries,
                cached=account.cached,
            )
            for (purpose, task, model), account in lines
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a call may cost."""

    usd: float
    is_unlimited: bool = False
    """Whether nothing limits the answer, neither the request nor what is known of the model."""


def bound_of(call: Call, output_tokens: int = DEFAULT_OUTPUT_TOKENS) -> Bound:
    """Return what is reserved for a call before it is sent.

    A token is at least one byte, so the bytes of a text bound its tokens; images and documents
    count as many as any vendor makes of one. Output is bounded by the request's own limit, or else
    by what the model writes at most. Where neither is known the bound is an assumption.

    Args:
        call: The call.
        output_tokens: What an answer that nothing limits is taken to have at most.
    """
    usual = call.spec.price
    if usual is None:
        return Bound(usd=0.0)
    body = request_body(call.request.body, call.spec)
    limit = _limit(body) or usual.most_output
    n_input = _input_tokens(body)
    price = _in_service(usual, body).at(n_input)
    dollars_in = max(price.input, price.cached_input or 0.0, price.cache_write or 0.0)
    dollars_out = max(price.output, price.reasoning or 0.0)
    usd = (n_input * dollars_in + (limit or output_tokens) * dollars_out) / 1e6
    return Bound(usd=usd, is_unlimited=limit is None)


def cost_bound(call: Call, output_tokens: int = DEFAULT_OUTPUT_TOKENS) -> float:
    """Return the dollars of `bound_of`."""
    return bound_of(call, output_tokens).usd


def paid_price(call: Call) -> Price | None:
    """Return the price of a call: a request may ask to be served at a dearer tier."""
    price = call.spec.price
    if price is None or not price.service:
        return price
    if "service_tier" not in call.request.body and "service_tier" not in call.spec.params:
        return price
    return _in_service(price, request_body(call.request.body, call.spec))


def worst_usd(call: Call, bound: Bound) -> float:
    """Return more dollars than a call can cost, also if its endpoint breaks its bound."""
    price = paid_price(call)
    if price is None:
        return bound.usd
    return bound.usd + max(price.input, price.output) * _MOST_TOKENS / 1e6


def why_so_much(call: Call, bound: Bound, stretch: float) -> str:
    """Say why more is reserved for a call than it looks like; nothing where that is not so."""
    usd = f"; ${bound.usd * stretch:,.2f} is reserved, for"
    if stretch > 1:
        return f"{usd} such calls cost more than their bounds, now counted {stretch:,.1f} times"
    body = request_body(call.request.body, call.spec)
    if bound.usd and any(_media(body.get("messages"))):
        return f"{usd} an image may have {_IMAGE_TOKENS:,} tokens, a document {_FILE_TOKENS:,}"
    if bound.usd and _limit(body) is None:
        name = call.spec.name
        return f"{usd} its request limits no answer; {name!r} may have `params: {{max_tokens: N}}`"
    return ""


def account_of(call: Call) -> Account:
    """Return what a call is booked on."""
    return call.purpose, call.task, call.spec.name


def tokens_estimate(call: Call) -> float:
    """Return about how many tokens a call has, as endpoints count them before they answer."""
    body = request_body(call.request.body, call.spec)
    n_output = _limit(body) or _LEAST_OUTPUT_TOKENS
    return len(codec.encode(body)) / _BYTES_PER_TOKEN + n_output


def _limit(body: JsonObject) -> int | None:
    """Return the most tokens that a request allows; some servers take a limit below 1 for none."""
    given = (body.get("max_completion_tokens"), body.get("max_tokens"))
    counts = [int(n) for n in given if isinstance(n, int | float) and not isinstance(n, bool)]
    return max((n for n in counts if n > 0), default=None)


def _in_service(price: Price, body: JsonObject) -> Price:
    asked = body.get("service_tier")
    return next((tier.price for tier in price.service if tier.name == asked), price)


def _input_tokens(body: JsonObject) -> int:
    """Return the most input tokens that a request may have."""
    n_tokens = len(codec.encode(body))
    for part in _media(body.get("messages")):
        if "image" in str(part.get("type")):
            n_tokens += _IMAGE_TOKENS - _embedded(part)
        elif part.get("type") != "input_audio":  # sound has fewer tokens than bytes
            n_tokens += _FILE_TOKENS - _embedded(part)
    return n_tokens


def _media(messages: JsonValue) -> Iterator[Mapping[str, Any]]:
    """Yield the parts of messages that are no text."""
    for message in messages if isinstance(messages, list) else []:
        content = message.get("content") if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else []:
            if isinstance(part, dict) and part.get("type") not in ("text", "refusal"):
                yield part


def _embedded(part: Mapping[str, Any]) -> int:
    """Return how many bytes of a part are no text for the model but its data."""
    fields = [part, *(value for value in part.values() if isinstance(value, dict))]
    return sum(
        len(value)
        for found in fields
        for value in found.values()
        if isinstance(value, str) and value.startswith("data:")
    )


def output_bound(usages: Iterable[Usage | None]) -> int:
    """Return how long an answer of a task is taken to be at most, where no request says it.

    Args:
        usages: Tokens of the answers in the log.

    Returns:
        Twice the 99.9% quantile (a candidate may be wordier), at least 256; 4,096 where fewer than
        100 answers tell.

    Example:
        >>> output_bound([Usage(input_tokens=9, output_tokens=400)] * 100)
        800
    """
    counts = sorted(usage.output_tokens for usage in usages if usage is not None)
    if len(counts) < _ENOUGH_ANSWERS:
        return DEFAULT_OUTPUT_TOKENS
    quantile = counts[min(len(counts) - 1, math.ceil(_QUANTILE * len(counts)) - 1)]
    return max(_LEAST_OUTPUT_TOKENS, 2 * quantile)


_OF_MONEY: Final = frozenset({"reserve", "lost", "attempt", "failed", "answer"})


def answers_like_the_log(purpose: Purpose) -> bool:
    """Whether the log's own answers say how long an answer may be."""
    return purpose in _ANSWERS_LIKE_THE_LOG

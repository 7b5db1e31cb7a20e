"""The ledger's arithmetic: what calls may cost, what they did cost, and what is left to spend."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from parity_eval import codec
from parity_eval.records import Call, ModelName, Purpose, Response, TaskName, Usage
from parity_eval.summary import LedgerLine
from parity_eval.wire import request_body

DEFAULT_OUTPUT_TOKENS = 4096
"""Assumed of a request without a limit of its own, where the log does not tell."""

_LEAST_OUTPUT_TOKENS = 256
_ENOUGH_ANSWERS = 100
_QUANTILE = 0.999
_BYTES_PER_TOKEN = 4
_ANSWERS_LIKE_THE_LOG = frozenset({Purpose.BASELINE, Purpose.NOISE_FLOOR, Purpose.CANDIDATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """Money for one try of a call."""

    task: TaskName
    usd: float


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
    retries: int = 0
    cached: int = 0


@dataclass(slots=True)
class Books:
    """What a run has spent, and on what.

    Money is reserved before a call is sent. Then it is settled, lost (the provider may bill a try
    that gave nothing) or released. Each sum is kept for the run and for each task.
    """

    max_usd: float | None = None
    """Most that all calls together may cost."""
    task_max_usd: Mapping[TaskName, float] = field(default_factory=dict)
    """Most that the calls of a task may cost."""
    _accounts: dict[tuple[Purpose, TaskName, ModelName], _Account] = field(default_factory=dict)
    _final: defaultdict[TaskName | None, float] = field(default_factory=lambda: defaultdict(float))
    """Settled and lost, by task; None: all."""
    _held: defaultdict[TaskName | None, float] = field(default_factory=lambda: defaultdict(float))
    """Reserved, in the same way."""
    _past: dict[str, Reserved] = field(default_factory=dict)
    """Reservations of earlier processes that were never settled: nobody knows what came of them."""
    _reserved: dict[str, Reserved] = field(default_factory=dict)
    """Calls on their way, or about to be."""

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

    def reserve(self, key: str, task: TaskName, usd: float) -> None:
        """Set money aside for a call."""
        self._reserved[key] = Reserved(task=task, usd=usd)
        self._hold(task, usd)

    def take_over(self, key: str) -> float | None:
        """Go on with a reservation of an earlier process; return its dollars, None: there is none.

        For calls that are known to be on their way still.
        """
        money = self._past.pop(key, None)
        if money is None:
            return None
        self._reserved[key] = money
        return money.usd

    def release(self, key: str) -> float:
        """Take a reservation back, and return its dollars."""
        return self._let_go(self._reserved, key)

    def lose(self, task: TaskName, usd: float) -> None:
        """Count dollars that are gone, be it for an answer or for nothing."""
        for account in (task, None):
            self._final[account] += usd

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
        account: tuple[Purpose, TaskName, ModelName],
        response: Response,
        *,
        usd: float,
        is_paid: bool,
        is_cached: bool = False,
    ) -> None:
        """Count an answer on an account."""
        self.lose(account[1], usd)
        kept = self._accounts.setdefault(account, _Account())
        kept.calls += 1
        kept.paid_calls += is_paid
        kept.cached += is_cached
        kept.usd += usd
        if response.usage:
            kept.input_tokens += response.usage.input_tokens
            kept.output_tokens += response.usage.output_tokens

    def count_retry(self, account: tuple[Purpose, TaskName, ModelName]) -> None:
        """Count a try that another follows."""
        self._accounts.setdefault(account, _Account()).retries += 1

    def remember(self, record: Mapping[str, object]) -> None:
        """Take in what a record of an earlier process' journal says about money."""
        key, task = str(record.get("key")), TaskName(str(record.get("task", "")))
        usd = float(str(record.get("usd", 0.0)))
        match record.get("kind"):
            case "reserve":
                if (past := self._past.get(key)) is not None:  # killed with this call on its way
                    self.lose(past.task, self._let_go(self._past, key))
                self._past[key] = Reserved(task=task, usd=usd)
                self._hold(task, usd)
            case "lost":
                self._let_go(self._past, key)
                self.lose(task, usd)
            case "attempt":
                if "purpose" in record:
                    model = ModelName(str(record["model"]))
                    self.count_retry((Purpose(str(record["purpose"])), task, model))
            case "failed" | "answer":
                self._let_go(self._past, key)

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
                retries=account.retries,
                cached=account.cached,
            )
            for (purpose, task, model), account in lines
        )


def cost_bound(call: Call, output_tokens: int = DEFAULT_OUTPUT_TOKENS) -> float:
    """Return what is reserved for a call before it is sent.

    A token is at least one byte, so the bytes of a text request bound its tokens. Output is
    bounded by the request's own limit. Where it has none, that is an assumption: a model may go on
    for longer, and then what it did cost is booked, be it more than was reserved.

    Args:
        call: The call.
        output_tokens: What an answer to a request without a limit is taken to have at most.
    """
    price = call.spec.price
    if price is None:
        return 0.0
    body = request_body(call.request.body, call.spec)
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    tokens_out = int(limit) if isinstance(limit, (int, float)) else output_tokens
    return (len(codec.encode(body)) * price.input + tokens_out * price.output) / 1e6


def tokens_estimate(call: Call) -> float:
    """Return about how many tokens a call has, as endpoints count them before they answer."""
    body = request_body(call.request.body, call.spec)
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    n_output = limit if isinstance(limit, (int, float)) else _LEAST_OUTPUT_TOKENS
    return len(codec.encode(body)) / _BYTES_PER_TOKEN + n_output


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


def answers_like_the_log(purpose: Purpose) -> bool:
    """Whether the log's own answers say how long an answer may be."""
    return purpose in _ANSWERS_LIKE_THE_LOG

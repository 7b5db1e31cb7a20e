"""What logged calls cost: their tokens, as logged or by length, at the prices of the table."""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil

from parity_eval import codec, prices, tasks
from parity_eval.census import Volume
from parity_eval.records import Finish, JsonObject, LogEntry, Response, Usage

_CHARS_PER_TOKEN = 4
_FAILED = frozenset({Finish.INVALID, Finish.REJECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """One logged call."""

    usage: Usage | None
    """None: it had no answer, failed, or no model was asked."""
    is_estimated: bool
    """Whether nobody counted its tokens."""
    usd: float | None
    """None: no tokens, or no price."""
    logged_usd: float | None


@dataclass(slots=True)
class Sum:
    """The volume of some calls."""

    n: int = 0
    n_counted: int = 0
    n_estimated: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    n_unpriced: int = 0
    logged_usd: float = 0.0
    n_logged_usd: int = 0

    def add(self, bill: Bill) -> None:
        """Add one call."""
        self.n += 1
        if bill.logged_usd is not None:
            self.logged_usd += bill.logged_usd
            self.n_logged_usd += 1
        if bill.usage is None:
            return
        self.n_estimated += bill.is_estimated
        self.n_counted += not bill.is_estimated
        self.input_tokens += bill.usage.input_tokens
        self.output_tokens += bill.usage.output_tokens
        if bill.usd is None:
            self.n_unpriced += 1
        else:
            self.usd += bill.usd

    def plus(self, other: "Sum", sign: int = 1) -> "Sum":
        """Return both together, or with sign -1 what is left without the other."""
        return Sum(
            *(
                getattr(self, name) + sign * getattr(other, name)
                for name in self.__dataclass_fields__
            )
        )

    def volume(self, scale: float = 1.0) -> Volume:
        """Return the volume, or that of `scale` times as many calls."""
        return Volume(
            n=round(scale * self.n),
            n_counted=round(scale * self.n_counted),
            n_estimated=round(scale * self.n_estimated),
            input_tokens=round(scale * self.input_tokens),
            output_tokens=round(scale * self.output_tokens),
            # To a billionth: the order in which floats are added leaves no trace.
            usd=abs(round(scale * self.usd, 9)),
            n_unpriced=round(scale * self.n_unpriced),
            logged_usd=abs(round(scale * self.logged_usd, 9)) if self.n_logged_usd else None,
            n_logged_usd=round(scale * self.n_logged_usd),
        )


def bill(entry: LogEntry) -> Bill:
    """Return what a logged call cost."""
    usage, is_estimated = _usage(entry)
    return Bill(
        usage=usage,
        is_estimated=is_estimated,
        usd=prices.cost_usd(usage, price_of(entry).price),
        logged_usd=entry.cost_usd,
    )


def price_of(entry: LogEntry) -> prices.Quote:
    """Return the price of the model that answered, or else of the one that was asked for."""
    served = entry.response.model_served if entry.response else None
    return quote(entry.model, served)


@lru_cache(maxsize=1024)
def quote(asked: str | None, served: str | None) -> prices.Quote:
    """Return the price of a model that was asked for under one name and answered under another."""
    found = [prices.quote(name) for name in (served, asked) if name]
    known = [each for each in found if each.price is not None]
    return next(iter([*known, *found]), None) or prices.quote("")


def input_estimate(body: JsonObject) -> int:
    """Return about how many tokens a request has: its texts, tools and schema, not its pictures."""
    messages = body.get("messages")
    n = sum(
        len(tasks.content_text(message.get("content"))) + _length(message.get("tool_calls"))
        for message in (messages if isinstance(messages, list) else [])
        if isinstance(message, dict)
    )
    return ceil(
        (n + _length(body.get("tools")) + _length(body.get("response_format"))) / _CHARS_PER_TOKEN
    )


def _usage(entry: LogEntry) -> tuple[Usage | None, bool]:
    answer = entry.response
    if answer is None or entry.is_cache_hit:
        return None, False
    if answer.usage is not None:
        return answer.usage, False
    if answer.finish in _FAILED:
        return None, False
    usage = Usage(
        input_tokens=input_estimate(entry.request.body), output_tokens=_output_estimate(answer)
    )
    return usage, True


def _output_estimate(answer: Response) -> int:
    n = len(answer.text) + sum(len(call.name) + len(call.arguments) for call in answer.tool_calls)
    return ceil(n / _CHARS_PER_TOKEN)


def _length(value: object) -> int:
    return len(codec.encode(value)) if value else 0

"""What a log does not say, what that costs, and what to type next."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from parity_eval import prices
from parity_eval.census import Lack
from parity_eval.records import Price, Usage

_UNKNOWN_OUTPUT = 250
"""Tokens of an answer where the log has none to go by."""


@dataclass(slots=True, kw_only=True)
class Seen:
    """What the requests of a log have; counts of requests."""

    n: int = 0
    n_replayable: int = 0
    n_usable: int = 0
    """Replayable, with an answer that others can be compared with."""
    n_unanswered: int = 0
    """Replayable, without any answer."""
    n_answered: int = 0
    n_estimated: int = 0
    """With an answer, without counts of its tokens."""
    n_unpriced: int = 0
    n_without_id: int = 0
    n_without_time: int = 0
    n_without_user: int = 0
    n_without_session: int = 0
    n_without_model: int = 0
    unanswered_input: int = 0
    """Tokens of the unanswered ones, estimated."""
    mean_output: float | None = None
    """Tokens of an answer; None: there is none to go by."""


def lacks(seen: Seen, model: str | None) -> Iterator[Lack]:
    """Give what a log lacks, first what costs most.

    Args:
        seen: What its requests have.
        model: The model that would be the baseline; None: the log names none.
    """
    if not seen.n:
        return
    if seen.n_unanswered:
        usd = replay_usd(seen, model)
        at = f" at the price of {model}" if usd is not None else ", at an unknown price"
        yield Lack(
            what="responses",
            n=seen.n_unanswered,
            of=seen.n_replayable,
            cost="the baseline has to be asked for them (`baseline: {source: replay}`)" + at,
            usd=usd,
        )
    followed = (
        (
            "usage", seen.n_estimated, seen.n_answered,
            "their tokens and spend are estimated, a quarter of the characters",
        ),
        (
            "prices", seen.n_unpriced, seen.n_answered,
            "their spend is unknown; give the model a `price` in parity.yaml",
        ),
        (
            "ids", seen.n_without_id, seen.n,
            "they are known by what they say: a call that two exports hold counts twice",
        ),
        (
            "model names", seen.n_without_model, seen.n,
            "what they cost is unknown; name the baseline yourself",
        ),
        (
            "timestamps", seen.n_without_time, seen.n,
            "volume and savings per month are unknown without them",
        ),
        (
            "users", seen.n_without_user, seen.n,
            "who makes the traffic is unknown, and requests of one user count as independent",
        ),
        (
            "sessions", seen.n_without_session, seen.n,
            "requests of one conversation count as independent",
        ),
    )  # fmt: skip
    for what, n, of, cost in followed:
        if n:
            yield Lack(what=what, n=n, of=of, cost=cost)


def replay_usd(seen: Seen, model: str | None) -> float | None:
    """Return about what the baseline's answers cost that the log lacks; None: price unknown."""
    price = prices.quote(model).price if model else None
    n_output = _UNKNOWN_OUTPUT if seen.mean_output is None else seen.mean_output
    usage = Usage(
        input_tokens=seen.unanswered_input, output_tokens=round(seen.n_unanswered * n_output)
    )
    return prices.cost_usd(usage, price)


def next_step(
    seen: Seen, model: str | None, log: Sequence[str], options: Sequence[str] = ()
) -> tuple[str | None, str]:
    """Return the command to type next, and what it is for.

    Args:
        seen: What the requests of the log have.
        model: The model that would be the baseline; None: the log names none.
        log: What was looked at: files, folders, globs or addresses.
        options: How it was looked at, as words of a command line.
    """
    suggest = shlex.join(["parity-eval", "inspect", *log, *options, "--suggest-tasks"])
    if not seen.n_replayable:
        return None, "No request of this log can be sent again, so there is nothing to evaluate."
    if not seen.n_usable:
        name = model or "MODEL"
        return suggest, (
            "for the tasks of a parity.yaml; there `baseline: {model: "
            f"{name}, source: replay}}` has the baseline asked"
        )
    cheaper = cheaper_than(model) if model else None
    if model is None or cheaper is None or len(log) > 1:
        return suggest, "for the tasks of a parity.yaml; name log and models there"
    words = ["--log", *log, *options, "--baseline", model, "--candidate", cheaper]
    return shlex.join(["parity-eval", "plan", *words]), (
        "to see what it takes to try a cheaper model; sends nothing"
    )


_SMALLER = (
    (r"\Z", "-mini"),
    (r"\Z", "-nano"),
    (r"-mini\Z", "-nano"),
    (r"\b(gpt-\d+)\.\d+(-chat-latest)?\Z", r"\1-mini"),
    (r"-pro\b", "-flash"),
    (r"-flash\Z", "-flash-lite"),
    (r"\blarge\b", "small"),
    (r"\bmedium\b", "small"),
    (r"\bopus\b", "sonnet"),
    (r"\bopus\b", "haiku"),
    (r"\bsonnet\b", "haiku"),
    (r"\bgpt-4(-turbo|-32k|-1106-preview|-0613)?\Z", "gpt-4o-mini"),
)
"""How makers name the smaller model of a family."""
_DATED = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|\d{8})\Z")


def cheaper_than(model: str) -> str | None:
    """Return a smaller model of the same family that the price table knows to be cheaper.

    Example:
        >>> cheaper_than("gpt-4o-2024-11-20")
        'gpt-4o-mini'
    """
    own = prices.quote(model).price
    name = _DATED.sub("", model)
    for pattern, smaller in _SMALLER:
        other, n = re.subn(pattern, smaller, name, count=1)
        found = prices.quote(other).price if n else None
        if own is not None and found is not None and _is_cheaper(found, own):
            return other
    return None


def _is_cheaper(one: Price, other: Price) -> bool:
    return one.input < other.input and one.output < other.output

"""What is in a prompt log: the values that `inspect` shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from parity_eval.records import Kind, TaskName

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """How much some requests are: tokens, and what they cost."""

    n: int
    """Requests."""
    n_counted: int
    """Of these, those whose tokens the log counts."""
    n_estimated: int
    """Those with an answer and no counts: a quarter of the characters is taken. Others (without an
    answer, failed, answered from a gateway's cache) have no tokens."""
    input_tokens: int
    output_tokens: int
    usd: float
    """Their tokens at the prices of the table, of those whose model has a price there."""
    n_unpriced: int
    """Requests with tokens and without a price."""
    logged_usd: float | None
    """What the log itself says that they cost; None: it says nothing. Never part of `usd`."""
    n_logged_usd: int
    """Requests of which the log says what they cost."""

    @property
    def known_usd(self) -> float | None:
        """What is known of their cost; None: nothing is."""
        n_priced = self.n_counted + self.n_estimated - self.n_unpriced
        return self.usd if n_priced else None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCensus:
    """One file."""

    path: str
    format: str
    title: str
    """Name of the format as people know it."""
    n_requests: int
    n_skipped: int
    n_rejected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCensus:
    """A model that was asked for, and the one that answered."""

    asked: str | None
    """None: the log does not say."""
    served: str | None
    """None: no answer says which model gave it."""
    priced_as: str | None
    """Its name in the price table; None: unknown there."""
    note: str | None
    """What a reader of the price must know."""
    volume: Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCensus:
    """A task of the log."""

    name: TaskName
    match: Mapping[str, str]
    """Rule that finds its requests, as a configuration has it."""
    why: str
    """Why these requests are taken for a task."""
    kind: Kind
    """A guess; a run makes its own from requests that it does not certify on."""
    why_kind: str
    volume: Volume
    is_estimated: bool
    """Whether its volume is estimated from a sample of the distinct requests."""
    example: str
    """Beginning of a request."""
    template: str
    """Beginning of what its requests have in common; empty where that is nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why some rows are not used, or not fully."""

    reason: str
    n: int
    first: str
    """File and line of the first of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Something that has a name, and how many requests have it."""

    name: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Users and their sessions."""

    n_users: int
    is_estimated: bool
    """Whether there are so many that only a random part of them is looked at."""
    n_requests: int
    """Requests that say who asked."""
    top_tenth_share: float | None
    """Share of these requests' `measure` that the tenth of the users with the most have."""
    measure: Literal["spend", "requests"]
    n_sessions: int
    sessions_per_user: float | None
    """None where no request names both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """Something that a log does not say, and what follows."""

    what: str
    n: int
    of: int
    """Requests that could have it."""
    cost: str
    """What it costs not to have it."""
    usd: float | None = None
    """The same in dollars, where it is money and known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """What is in a prompt log."""

    version: int
    """1: first format."""
    tool_version: str
    log_path: str
    n_files: int
    n_empty_files: int
    files: tuple[FileCensus, ...]
    """The first of them, in the order in which they were read."""
    n_rows: int
    """Rows, usable or not."""
    n_requests: int
    first_timestamp: str | None
    last_timestamp: str | None
    n_distinct: int
    """Requests that differ in what they ask."""
    is_distinct_estimated: bool
    most_repeated: int
    """Times that the commonest request occurs."""
    n_replayable: int
    """Requests that can be sent again as they were."""
    not_replayable: tuple[Reason, ...]
    n_answers: int
    """Replayable requests with an answer that others can be compared with."""
    no_answers: tuple[Reason, ...]
    """Why the other replayable ones have none."""
    n_cache_hits: int
    """Answered from a gateway's cache: they cost nothing."""
    volume: Volume
    models: tuple[ModelCensus, ...]
    """Largest first; very many are not all listed."""
    tasks: tuple[TaskCensus, ...]
    tasks_from: Literal["log", "templates", "nothing"]
    """Where the tasks come from: the log names them; requests with a template in common; or nothing
    parts the log, and it is one task."""
    suggestion: str
    """The tasks as YAML, to paste into a configuration."""
    people: People | None
    """None: no request says who asked."""
    schemas: tuple[Named, ...]
    """JSON Schemas that answers are asked for by."""
    tools: tuple[Named, ...]
    found: tuple[Named, ...]
    """Secrets and personal data by what they are, with how often; never the values themselves."""
    n_searched: int
    """Requests that were looked through for them."""
    lacks: tuple[Lack, ...]
    skipped: tuple[Reason, ...]
    """Rows that are no calls of a chat model, or repeat one."""
    rejected: tuple[Reason, ...]
    """Rows that cannot be used."""
    notes: tuple[str, ...]
    """How far the figures can be trusted, where that is not obvious."""
    next_command: str | None
    """What to type next; None: there is nothing to evaluate."""
    why_next: str
    """What that is for, or what to do instead."""

    @property
    def top_tasks_share(self) -> tuple[float, ...]:
        """Share of the spend of the tasks with the most: of the first, of the first two..."""
        amounts = sorted((task.volume.usd for task in self.tasks), reverse=True)
        total = sum(amounts)
        return tuple(sum(amounts[: n + 1]) / total for n in range(len(amounts))) if total else ()

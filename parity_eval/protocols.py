"""The five extension points, and the listener, on one page."""

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar, Protocol, runtime_checkable

from parity_eval.records import (
    Answer,
    Call,
    Decision,
    Fit,
    JsonObject,
    JsonValue,
    LogEntry,
    Pair,
    Reject,
    Request,
    Response,
    Row,
    Score,
    Skipped,
    Unscored,
)
from parity_eval.summary import PairView, RunSummary


class Reader(Protocol):
    """Knows one format of prompt logs."""

    name: ClassVar[str]
    """As `log.format` spells it."""
    title: ClassVar[str]
    """As people know it."""

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits the format."""
        ...

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield what the rows of a log say, one at a time.

        Args:
            rows: Of all files of the log, in order; rejects pass through.
        """
        ...


class Provider(Protocol):
    """Gets answers from one model."""

    def check(self) -> None:
        """Find what would fail every call, before the first one.

        Raises:
            ConfigError: a missing key, package or file.
            IncompleteError: an endpoint that does not answer.
        """
        ...

    async def complete(self, call: Call) -> Answer:
        """Ask once. What the model gave is a `Response`, what could not be had is `Missing`."""
        ...


@runtime_checkable
class Paced(Protocol):
    """A provider that hears of rate limits before a call is refused for them."""

    pause_s: float
    """Seconds for which the endpoint said in its last answer that it takes no more calls."""


@runtime_checkable
class Holder(Protocol):
    """A provider that gathers calls and sends them together."""

    def holds(self, key: str) -> bool:
        """Whether a call was sent, or may have been, and its answer is not collected."""
        ...

    def was_sent(self, key: str) -> bool:
        """Whether a call was ever sent, or may have been: it may be billed."""
        ...


class Scorer(Protocol):
    """Compares a pair. Pure: where it needs a judge, it says what to ask and reads the answers."""

    name: str
    cost: int
    """0: free, 1: computes, 2: calls a model. Cheaper scorers are asked first."""

    def questions(self, pair: Pair) -> tuple[Request, ...]:
        """Return the requests whose answers `score` needs; none for a local scorer."""
        ...

    def score(self, pair: Pair, answers: tuple[Response, ...]) -> Score | Unscored:
        """Return the score, given the answers to `questions` in the same order."""
        ...


class Exporter(Protocol):
    """Turns a manifest into a gateway's own configuration."""

    name: ClassVar[str]
    caveats: ClassVar[tuple[str, ...]]
    """What the gateway cannot guarantee with this configuration."""

    def export(self, manifest: JsonObject, deployed: Mapping[str, str]) -> Mapping[str, str]:
        """Return file names with their texts.

        Args:
            manifest: A valid manifest.
            deployed: Model name of the manifest to the model id that the gateway should call,
                for models that the manifest only knows as recordings.

        Raises:
            UsageError: a model that the gateway could not call.
        """
        ...


class Reporter(Protocol):
    """Turns a finished (or stopped) run into a document."""

    name: ClassVar[str]

    def render(self, summary: RunSummary, pairs: tuple[PairView, ...]) -> str:
        """Return the document's text."""
        ...


class Listener(Protocol):
    """Is told how a run is getting on."""

    def on_start(self, summary: str, arms: Mapping[str, int]) -> None:
        """Hear what is about to run: one line, and the most observations each arm can take."""
        ...

    def on_progress(self, decision: Decision, spent_usd: float) -> None:
        """Hear where the test of an arm stands, and what the run has spent."""
        ...

    def on_note(self, text: str) -> None:
        """Hear something worth knowing."""
        ...

"""What is planted: models, tasks, and the true rate of every arm."""

from dataclasses import dataclass, field

from tidebox import (
    texts_calls,
    texts_invoices,
    texts_kb,
    texts_moderation,
    texts_replies,
    texts_triage,
)

BASELINE = "atlas-large"
SECOND = "atlas-large.second"
JUDGE = "quill-judge"

ALPHA = 0.05
BAR = 0.95
MARGIN = 0.05
BETA = 0.1
MAX_SAMPLES = 2000
WANTED_POWER = 0.95

NOISE_FLOOR_TASKS = ("ticket-triage", "moderation")
JUDGED_KINDS = ("rag_answer", "support_reply", "summarization")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model as far as the log can tell."""

    name: str
    """Name in requests, recordings and verdicts."""
    input_usd: float
    """Price of a million prompt tokens."""
    output_usd: float
    """Price of a million completion tokens."""
    start_s: float
    """Time until the first token."""
    tokens_per_s: float
    """Speed after that."""


ATLAS_LARGE = Model(name=BASELINE, input_usd=5.0, output_usd=15.0, start_s=0.62, tokens_per_s=48.0)
CANDIDATES = (
    Model(name="atlas-mini", input_usd=0.6, output_usd=2.4, start_s=0.31, tokens_per_s=95.0),
    Model(name="birch-7b", input_usd=0.18, output_usd=0.36, start_s=0.24, tokens_per_s=120.0),
    Model(name="swift-lite", input_usd=0.07, output_usd=0.28, start_s=0.15, tokens_per_s=210.0),
)

WRITERS = (
    texts_triage.WRITER,
    texts_invoices.WRITER,
    texts_moderation.WRITER,
    texts_kb.WRITER,
    texts_replies.WRITER,
    texts_calls.WRITER,
)

RATES: dict[str, dict[str, float]] = {
    "ticket-triage": {"atlas-mini": 0.99, "birch-7b": 0.88, "swift-lite": 0.988},
    "invoice-extraction": {"atlas-mini": 0.99, "birch-7b": 0.91, "swift-lite": 0.85},
    "moderation": {"atlas-mini": 0.992, "birch-7b": 0.985, "swift-lite": 0.99},
    "kb-answers": {"atlas-mini": 0.99, "birch-7b": 0.97, "swift-lite": 0.82},
    "reply-drafts": {"atlas-mini": 0.95, "birch-7b": 0.99, "swift-lite": 0.93},
    "call-summaries": {"atlas-mini": 0.93, "birch-7b": 0.9, "swift-lite": 0.8},
}

FLOORS: dict[str, float] = {
    "ticket-triage": 0.985,
    "invoice-extraction": 0.985,
    "moderation": 0.985,
}
"""How often the baseline repeats itself; in free text its second answer is always right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that the files follow from."""

    seed: int = 1
    """Seed of all draws."""
    requests: int = 1000
    """Requests per task."""
    rates: dict[str, dict[str, float]] = field(default_factory=lambda: RATES)
    """Planted parity rate by task and candidate."""
    floors: dict[str, float] = field(default_factory=lambda: FLOORS)
    """Planted rate of the baseline's agreement with itself, by task."""

    def with_rate(self, task: str, candidate: str, rate: float) -> "Plan":
        """Return the plan with another rate for one arm.

        Args:
            task: Name of the task.
            candidate: Name of the candidate.
            rate: Its parity rate, in [0, 1].

        Returns:
            A new plan.
        """
        rates = self.rates | {task: self.rates[task] | {candidate: rate}}
        return Plan(seed=self.seed, requests=self.requests, rates=rates, floors=self.floors)

    def with_floor(self, task: str, rate: float) -> "Plan":
        """Return the plan with another self-agreement of the baseline on one task.

        Args:
            task: Name of the task.
            rate: Its self-agreement, in [0, 1].

        Returns:
            A new plan.
        """
        floors = self.floors | {task: rate}
        return Plan(seed=self.seed, requests=self.requests, rates=self.rates, floors=floors)

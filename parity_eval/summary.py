"""What a run amounts to: the one value that every report is made from. Written as summary.json."""

from dataclasses import dataclass, field
from typing import Literal

from parity_eval.records import (
    Arm,
    Decision,
    Estimand,
    ModelName,
    PlaceboResult,
    Purpose,
    Reject,
    RequestId,
    Score,
    TaskName,
    Unscored,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What a task costs on each model, from the pairs of the run; None where a price is unknown."""

    baseline_usd_per_1k: float | None
    """Mean cost of 1,000 requests on the baseline."""
    candidate_usd_per_1k: float | None
    """Mean cost of the same 1,000 requests on the candidate."""
    saving_share: float | None
    """1 - candidate / baseline; negative where the candidate costs more."""
    saving_usd_in_log: float | None
    """Saving had the whole log of this task gone to the candidate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeAgreement:
    """How the judge and humans agree on an arm's pairs that both have looked at.

    The pairs are a simple random part of those that the judge was asked about.
    """

    n: int
    share: float
    """Share of equal verdicts."""
    kappa: float | None
    """Cohen's kappa; None where one of them gives a single verdict throughout."""
    low: float | None
    high: float | None
    """Interval for kappa at level 95%."""
    categories: tuple[float, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Pairs by the judge's verdict (rows) and the human's (columns), as in `categories`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleView:
    """What a rule for many tests would have certified with the evidence of the run."""

    rule: str
    """`none`, `bonferroni`, `holm` or `selected_e_bh`."""
    guarantee: str
    """What the rule promises, in words."""
    is_used: bool
    """Whether it is the rule of the study; the others are for comparison only."""
    certified: tuple[Arm, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSummary:
    """One candidate on one task."""

    decision: Decision
    money: Money
    mean_by_traffic: float | None
    """Mean observation weighted by how often each request occurs in the log; None where n = 0."""
    is_route: bool
    """Whether the manifest routes the task to this candidate."""
    blocked_by: RequestId | None
    """A failing request with over 1% of the traffic; it blocks the route until acknowledged."""
    qualifications: tuple[str, ...]
    """What a reader of the certificate must know."""
    n_failed: int
    """Observations at which the candidate fell short (pair not at parity, or quality lower)."""
    waste: int
    """Answers had and not needed."""
    position: int = 0
    """Requests of the order that are used up; above `decision.n` where some were passed over."""
    agreement: JudgeAgreement | None = None
    """Where human verdicts on judged pairs are given."""
    labels_used: int = 0
    """Human verdicts that entered the test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSummary:
    """One task with its arms."""

    name: TaskName
    kind: str
    rule: str
    """The parity rule in words; empty where the estimand needs none."""
    estimand: Estimand
    statement: str
    """What a certificate of this task says, in words."""
    n_lines: int
    """Log lines."""
    n_units: int
    """Distinct requests that can be used."""
    n_certify: int
    """Of these, the ones that the test may use."""
    excluded: dict[str, int]
    """Lines left out before the order was drawn, by reason."""
    order_hash: str
    """SHA-256 of the seeded order of request ids."""
    placebos: tuple[PlaceboResult, ...]
    arms: tuple[ArmSummary, ...]
    why_not_measurable: str | None
    gates: dict[str, str] = field(default_factory=dict)
    """What each gate of the task demands, in words, by its name."""
    must_pass: tuple[RequestId, ...] = ()
    """Requests on which a candidate may not fall short at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """What one purpose cost."""

    purpose: Purpose
    task: TaskName
    model: ModelName
    calls: int
    """Answers had, recorded ones included."""
    paid_calls: int
    """Answers that were paid for in this run."""
    input_tokens: int
    output_tokens: int
    usd: float
    """What those answers cost."""
    retries: int = 0
    """Tries that gave no answer and were followed by another."""
    cached: int = 0
    """Answers that an earlier run had paid for."""
    lost_usd: float = 0.0
    """What may have been billed for calls that gave no answer, in the run's `spent_usd` too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A run, whole or stopped."""

    version: int
    """Format version. 1: first."""
    tool_version: str
    run_id: str
    name: str
    study_hash: str
    log_path: str
    log_fingerprint: str
    """SHA-256 over the ids and digests of all usable log lines."""
    n_lines: int
    n_rejects: int
    rejects: tuple[Reject, ...]
    """The first of them, at most 20."""
    n_unassigned: int
    """Usable lines that no task of the study matches; they stay on the baseline."""
    first_timestamp: str | None
    last_timestamp: str | None
    baseline: ModelName
    baseline_model: str
    candidates: dict[ModelName, str]
    """Candidate name to model id."""
    judge: str | None
    seed: int
    alpha: float
    beta: float
    family: Literal["fdr", "fwer"]
    family_statement: str
    """What alpha covers, in words."""
    n_tasks: int
    n_arms: int
    state: Literal["complete", "incomplete"]
    why_incomplete: str | None
    tasks: tuple[TaskSummary, ...]
    ledger: tuple[LedgerLine, ...]
    spent_usd: float
    max_cost_usd: float | None
    saving_usd_in_log: float | None
    """Saving of all routes over the log's own time span."""
    baseline_usd_in_log: float | None
    """What the tasks of the study cost on the baseline over the same span."""
    target: Literal["traffic", "log"] = "traffic"
    """Whether certificates speak of all traffic like the log's or of the log itself."""
    unit: str = "request"
    """What counts once in a test: a distinct request, or one request per value of a field."""
    design: str = "anytime-valid e-process"
    """How alpha is spent, in words."""
    skipped: dict[str, int] = field(default_factory=dict)
    """Log lines that are no calls of a chat model, or repeat one, by what they are instead."""
    formats: dict[str, int] = field(default_factory=dict)
    """Usable log lines by the name of their format."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Log lines that the study is not about, by the first reason for it."""
    masked: dict[str, int] = field(default_factory=dict)
    """Places in log lines where something is hidden, by what it is; never the values."""
    n_masked: int = 0
    """Log lines with such a place; they are replayed with placeholders."""
    rules: tuple[RuleView, ...] = ()
    """What each rule for many tests would have decided; empty for a single arm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairView:
    """One pair as the explorer of a report shows it."""

    task: TaskName
    candidate: ModelName
    position: int
    """0-based place in the seeded order."""
    request_id: RequestId
    prompt: str
    """The messages, flattened for reading."""
    baseline_text: str
    candidate_text: str
    value: float
    is_failure: bool
    reason: str
    scores: tuple[Score | Unscored, ...]

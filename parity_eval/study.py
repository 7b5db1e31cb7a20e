"""A study: everything that is fixed before the first candidate response is seen."""

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from parity_eval.records import (
    EstimandName,
    JsonObject,
    Kind,
    ModelName,
    ModelSpec,
    Price,
    RequestId,
    TaskName,
)
from parity_eval.rules import Rule

FamilyRule: TypeAlias = Literal["fdr", "fwer"]
MissingRule: TypeAlias = Literal["wait", "fail"]
Target: TypeAlias = Literal["traffic", "log"]
Weight: TypeAlias = Literal["requests", "traffic"]
DesignName: TypeAlias = Literal["sequential", "budget", "obrien_fleming", "pocock", "fixed"]
Check: TypeAlias = Literal["format", "speed", "slice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSpec:
    """Where the prompt log is."""

    path: str | tuple[str, ...]
    """Path, glob, folder or address; or several of them."""
    max_rejects: float = 0.01
    """Share of unusable lines above which the run stops, in [0, 1]."""
    format: str = "auto"
    """Name of its format; `auto`: found out for each file."""
    columns: dict[str, str | tuple[str, ...]] = field(default_factory=dict)
    """Of a table: what is in which column, as a dotted path. Empty: usual names are looked for."""
    task_from: tuple[str, ...] = ()
    """Fields that may name the task; the first that does counts. Empty: where the format has it."""
    since: str | None = None
    """First second that counts, UTC; None: from the beginning."""
    until: str | None = None
    """First second that does not count any more, UTC; None: to the end."""
    where: dict[str, str] = field(default_factory=dict)
    """Field to glob; lines that do not fit all of them do not count."""

    @property
    def paths(self) -> tuple[str, ...]:
        """All of them."""
        return (self.path,) if isinstance(self.path, str) else self.path

    @property
    def shown(self) -> str:
        """All of them, in words."""
        return ", ".join(self.paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacySpec:
    """What is hidden before anything is stored, sent or shown."""

    secrets: Literal["mask", "keep"] = "mask"
    personal: Literal["mask", "keep"] = "keep"
    kinds: tuple[str, ...] = ()
    """Kinds of personal data that are hidden; empty: all that are known."""
    detector: str | None = None
    """What finds more, as `module:function`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineSpec:
    """The model in production."""

    spec: ModelSpec
    source: Literal["logged", "replay"] = "logged"
    """Whether the log's own answers are used, or fresh ones of `spec`."""
    second: ModelSpec | None = None
    """Who gives the second answer for the noise floor; None: nobody."""
    second_share: float | None = None
    """Chance in [0.1, 1] that a second answer is had where the candidate agrees with the first;
    where it differs one always is. None: 1 if second answers are recorded, else 0.25."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSpec:
    """A table of labels by id and model."""

    path: str
    values: dict[str, float] = field(default_factory=dict)
    """Label text to quality in [0, 1]."""
    column: str = "label"
    """Name of the field that holds the label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSpec:
    """Who compares free text."""

    spec: ModelSpec
    rubric: str | None = None
    """What the user wants compared; None: the default of the task's kind."""
    orders: Literal["both", "any"] = "both"
    """`any` accepts recorded verdicts in one order; certificates say so."""
    allow_self_preference: bool = False
    """Whether a judge that is also a contestant may judge; certificates say so."""
    labels: LabelSpec | None = None
    """Human verdicts on judged pairs, by id and candidate; they correct the judge."""
    label_share: float = 0.25
    """Chance in [0.1, 1] that a human looks at a pair that the judge does not fail; pairs that it
    fails are always looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerSpec:
    """One scorer with its settings, as a parity rule refers to it."""

    key: str
    """Name in the rule; differs from `scorer` only where one scorer is used twice."""
    scorer: str
    """Name in the table of scorers."""
    settings: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSpec:
    """One more condition for a certificate of a task."""

    name: str
    check: Check
    """`format`: answers pass the schema check; `speed`: they come fast enough; `slice`: the task's
    own estimand on part of its requests."""
    bar: float | None = None
    """Share of answers to beat; None: 0.95, or for a slice what the task takes."""
    margin: float | None = None
    """Margin of a slice; None: the task's."""
    seconds: float | None = None
    """Most seconds that a call may take."""
    match: dict[str, str] = field(default_factory=dict)
    """Field to glob, as for tasks, or `answer` for the baseline's answer; all must match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """One task of the study; what is None is decided from the log, before any candidate call."""

    name: TaskName
    match: dict[str, str] = field(default_factory=dict)
    """Field of the log entry to glob; all must match."""
    kind: Kind | None = None
    estimand: EstimandName | Literal["auto"] = "auto"
    bar: float | None = None
    margin: float | None = None
    rule: Rule | None = None
    scorers: tuple[ScorerSpec, ...] = ()
    """Scorers that `rule` names."""
    schema: str | None = None
    """JSON text of a JSON Schema for the answers, where requests carry none."""
    acknowledge: tuple[RequestId, ...] = ()
    """Heavy requests whose failure is accepted."""
    gates: tuple[GateSpec, ...] = ()
    """More conditions; a certificate takes all of them."""
    must_pass: tuple[RequestId, ...] = ()
    """Requests on which a candidate may not fall short at all."""
    reference: str | None = None
    """Field of the log entry that holds the right answer; None: `metadata.reference`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSpec:
    """The test's parameters."""

    __test__ = False  # the name means something else to pytest

    alpha: float = 0.05
    """Bound on the error of the family, in (0, 1)."""
    beta: float = 0.1
    """Error of the futility rule, in (0, 1)."""
    bar: float | None = None
    """Absolute bar in (0, 1); None: `auto`."""
    margin: float = 0.05
    """Non-inferiority margin in (0, 1)."""
    estimand: EstimandName | Literal["auto"] = "auto"
    """Estimand of tasks that do not name their own."""
    max_samples: int = 2000
    """Most requests per arm."""
    min_n: int = 30
    """No certificate from fewer requests."""
    family: FamilyRule = "fdr"
    seed: int = 1
    max_excluded: float = 0.05
    """Share of requests without a usable baseline answer above which nothing is certified."""
    target: Target = "traffic"
    """What is claimed about: all traffic like the log's, or the requests of this log."""
    cluster: str | None = None
    """Field of the log entry that dependent requests share; one request stands for each value.
    `none`: requests are known to be independent; None: nothing is known."""
    design: DesignName = "sequential"
    """How alpha is spent; all but `sequential` have a fixed end and know only parity and a bar."""
    looks: int = 10
    """Looks of a group-sequential design."""
    weight: Weight = "requests"
    """What counts once: a distinct request, or (`traffic`) a line of the log, so that a request
    counts as often as it was asked."""

    @property
    def cluster_field(self) -> str | None:
        """Field whose values are the units; None: every distinct request is one."""
        return None if self.cluster == "none" else self.cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """How fast a model may be asked; None: no limit is known."""

    rpm: int | None = None
    """Calls in any minute."""
    tpm: int | None = None
    """Tokens in any minute."""
    concurrency: int | None = None
    """Calls on their way at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSpec:
    """Who is asked in batches, and how."""

    models: tuple[ModelName, ...] = ()
    """Names of the candidates that are."""
    size: int = 500
    """Most calls in a batch."""
    poll_s: float = 60.0
    """Seconds between two questions how far a batch is."""
    prices: dict[ModelName, Price] = field(default_factory=dict)
    """What calls in a batch cost, where that is not what others do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """How a study is carried out; changes none of its statements."""

    out: str = "reports"
    max_cost_usd: float | None = None
    concurrency: int = 32
    offline: bool = False
    missing: MissingRule = "wait"
    recordings: Literal["whole", "partial"] = "whole"
    """`partial`: recordings hold what an earlier run asked for, and no more will be needed."""
    is_registered: bool = True
    """Whether requests are refused that earlier studies have shown to a candidate."""
    timeout_s: float = 120.0
    read_timeout_s: float | None = None
    """Most seconds without a byte of an answer; None: only `timeout_s` counts."""
    max_wait_s: float = 120.0
    """Most seconds that an endpoint which refuses every call is waited for."""
    limits: dict[str, RateLimit] = field(default_factory=dict)
    """By the name of a model, or, for all its models, a provider's or the host of an `api_base`."""
    cache_max_age_days: float = 30.0
    """Answers that other runs of the folder were given are used up to this age."""
    reads_cache: bool = True
    """Whether they are used at all."""
    batch: BatchSpec = BatchSpec()
    task_max_usd: dict[TaskName, float] = field(default_factory=dict)
    """Most that the calls of a task may cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One configured evaluation."""

    name: str
    origin: str
    """File (or `flags`) that it comes from, for messages."""
    log: LogSpec
    baseline: BaselineSpec
    candidates: tuple[ModelSpec, ...]
    judge: JudgeSpec | None
    labels: LabelSpec | None
    test: TestSpec
    tasks: tuple[TaskSpec, ...]
    """Empty: the tasks that the log itself names."""
    run: RunSpec
    privacy: PrivacySpec = PrivacySpec()

    def billed(self, spec: ModelSpec) -> ModelSpec:
        """Return a model at the price that this run pays for it: a batch's, where it is asked so.

        What a route to the model would save is reckoned at its own price.
        """
        return replace(spec, price=self.run.batch.prices.get(spec.name, spec.price))

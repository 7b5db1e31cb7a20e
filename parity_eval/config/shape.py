"""The shape of a configuration file: keys, types and ranges. Only here does pydantic appear."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from parity_eval.records import EstimandName, Kind

VERSION = 1
MATCH_FIELDS = (
    "task", "model", "user", "session", "tag", "system_prompt", "user_prompt", "schema", "tool",
)  # fmt: skip


def is_field(name: str, *, known: Sequence[str] = MATCH_FIELDS) -> bool:
    """Whether log entries have a field of this name."""
    return name in known or name.startswith("metadata.")


def _open_unit(value: object) -> object:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not 0 < value < 1:
        raise ValueError(f"{value} given, must be > 0 and < 1")
    return value


def _bar(value: object) -> object:
    if value == "auto":
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        # 1 is left to the check of the whole: a census of the log can show it.
        return value if value == 1 else _open_unit(value)
    return value


Fraction = Annotated[float, BeforeValidator(_open_unit)]
Bar = Annotated[float | None, BeforeValidator(_bar)]


class Part(BaseModel):
    """What all parts share: no unknown keys, no silent conversion."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class PricePart(Part):
    """US dollars per million tokens."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached_input: float | None = Field(default=None, ge=0)
    cache_write: float | None = Field(default=None, ge=0)
    reasoning: float | None = Field(default=None, ge=0)
    most_output: int | None = Field(default=None, gt=0)
    long: list["LongPricePart"] = []
    service: list["ServicePricePart"] = []


class LongPricePart(Part):
    """What a call costs with more input tokens than so many."""

    above: int = Field(ge=0)
    price: PricePart


class ServicePricePart(Part):
    """What a call costs with a `service_tier`."""

    name: str
    price: PricePart


class ModelPart(Part):
    """A model, live or recorded."""

    model: str = Field(min_length=1)
    name: str | None = Field(default=None, min_length=1)
    path: str | None = None
    api_base: str | None = None
    api_key_env: str | None = None
    params: dict[str, Any] = {}
    price: PricePart | None = None
    transport: Literal["auto", "litellm", "direct"] = "auto"


class PromptPart(Part):
    """What a candidate is told in place of what the log says."""

    system: str | None = Field(default=None, min_length=1)
    append_system: str | None = Field(default=None, min_length=1)
    template: str | None = None


class CapabilitiesPart(Part):
    """What a candidate takes; wins over the price table."""

    tools: bool | None = None
    tool_choice: bool | None = None
    json_schema: bool | None = None
    json_mode: bool | None = None
    vision: bool | None = None
    audio: bool | None = None
    files: bool | None = None
    sampling: bool | None = None
    context: int | None = Field(default=None, ge=1)


class CandidatePart(ModelPart):
    """A cheaper model, with a prompt of its own where it needs one."""

    prompt: PromptPart | None = None
    capabilities: CapabilitiesPart | None = None
    mode: Literal["direct", "batch"] | None = None
    batch_price: PricePart | None = None


class SecondPart(ModelPart):
    """Who gives the baseline's second answers, and how many of them."""

    share: float | None = Field(default=None, ge=0.1, le=1)


class BaselinePart(ModelPart):
    """The model in production; `second` gives its second answers."""

    source: Literal["logged", "replay"] = "logged"
    second: SecondPart | None = None


class LabelsPart(Part):
    """A table of labels: lines with id, model and a label."""

    path: str
    values: dict[str, float] = {}
    column: str = "label"


class JudgeLabelsPart(LabelsPart):
    """Human verdicts on judged pairs, and how many of them there are to be."""

    share: float = Field(default=0.25, ge=0.1, le=1)


class JudgePart(ModelPart):
    """Who compares free text."""

    rubric: str | None = None
    orders: Literal["both", "any"] = "both"
    allow_self_preference: bool = False
    labels: JudgeLabelsPart | None = None


class LogPart(Part):
    """The prompt log."""

    path: str | list[str]
    format: str = "auto"
    columns: dict[str, str | list[str]] = {}
    task_from: list[str] = []
    since: str | None = None
    until: str | None = None
    where: dict[str, str] = {}
    max_rejects: float = Field(default=0.01, ge=0, le=1)


class PrivacyPart(Part):
    """What is hidden before anything is stored, sent or shown."""

    secrets: Literal["mask", "keep"] = "mask"
    personal: Literal["mask", "keep"] = "keep"
    kinds: list[str] = []
    detector: str | None = None


class TestPart(Part):
    """The test's parameters."""

    alpha: Fraction = 0.05
    beta: Fraction = 0.1
    bar: Bar = None
    margin: Fraction = 0.05
    estimand: EstimandName | Literal["auto"] = "auto"
    max_samples: int = Field(default=2000, ge=1)
    min_n: int = Field(default=30, ge=1)
    family: Literal["fdr", "fwer"] = "fdr"
    seed: int = Field(default=1, ge=0)
    max_excluded: float = Field(default=0.05, ge=0, le=1)
    target: Literal["traffic", "log"] = "traffic"
    cluster: str | None = None
    design: Literal["sequential", "budget", "obrien_fleming", "pocock", "fixed"] = "sequential"
    looks: int = Field(default=10, ge=1)
    weight: Literal["requests", "traffic"] = "requests"
    stratify: Any = None


class GatePart(Part):
    """One more condition for a certificate."""

    check: Literal["format", "speed", "slice"]
    bar: Fraction | None = None
    margin: Fraction | None = None
    seconds: float | None = Field(default=None, gt=0)
    match: dict[str, str] = {}


class TaskPart(Part):
    """One task; what is left out is decided from the log."""

    match: dict[str, str] = {}
    kind: Kind | None = Field(default=None, strict=False)
    estimand: EstimandName | Literal["auto"] | None = None
    bar: Bar = None
    margin: Fraction | None = None
    parity: Any = None
    schema_: str | dict[str, Any] | None = Field(default=None, alias="schema")
    acknowledge: list[str] = []
    quality: Any = None
    reference: str | None = None
    gates: dict[str, GatePart] = {}
    must_pass: list[str] = []
    max_usd: float | None = Field(default=None, ge=0)


class BudgetPart(Part):
    """The most that may be spent."""

    usd: float | None = Field(default=None, ge=0)


class LimitPart(Part):
    """How fast a model, or all models of a provider, may be asked."""

    rpm: int | None = Field(default=None, ge=1)
    tpm: int | None = Field(default=None, ge=1)
    concurrency: int | None = Field(default=None, ge=1)


class ReplayPart(Part):
    """How calls are made."""

    concurrency: int = Field(default=32, ge=1, le=1024)
    timeout_s: float = Field(default=120.0, gt=0)
    read_timeout_s: float | None = Field(default=None, gt=0)
    max_wait_s: float = Field(default=120.0, ge=0)
    limits: dict[str, LimitPart] = {}
    mode: Literal["direct", "batch"] = "direct"
    poll_s: float = Field(default=60.0, gt=0)
    batch_size: int = Field(default=500, ge=1, le=50_000)


class CachePart(Part):
    """Which answers of other runs in the output folder are used."""

    max_age: float = Field(default=30.0, gt=0)
    read: bool = True


class FilePart(Part):
    """The whole file."""

    version: Literal[1]
    name: str | None = None
    log: LogPart
    baseline: BaselinePart
    candidates: list[CandidatePart] = Field(min_length=1)
    judge: JudgePart | None = None
    labels: LabelsPart | None = None
    test: TestPart = TestPart()
    budget: BudgetPart = BudgetPart()
    replay: ReplayPart = ReplayPart()
    cache: CachePart = CachePart()
    privacy: PrivacyPart = PrivacyPart()
    missing: Literal["wait", "fail"] = "wait"
    recordings: Literal["whole", "partial"] = "whole"
    out: str | None = None
    offline: bool = False
    tasks: dict[str, TaskPart | None] = {}


def siblings(path: tuple[int | str, ...]) -> list[str]:
    """Return the keys that are known where a wrong one stands."""
    model: type[BaseModel] = FilePart
    named: dict[str, type[BaseModel]] = {
        "log": LogPart, "baseline": BaselinePart, "candidates": CandidatePart, "judge": JudgePart,
        "labels": LabelsPart, "test": TestPart, "budget": BudgetPart, "replay": ReplayPart,
        "tasks": TaskPart, "second": SecondPart, "price": PricePart, "gates": GatePart,
        "cache": CachePart, "prompt": PromptPart, "capabilities": CapabilitiesPart,
        "limits": LimitPart, "batch_price": PricePart, "privacy": PrivacyPart,
    }  # fmt: skip
    for part in path[:-1]:
        model = named.get(str(part), model)
    return [info.alias or key for key, info in model.model_fields.items()]

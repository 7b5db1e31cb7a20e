"""The values that every other module speaks: frozen, and without behaviour of their own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NewType, TypeAlias

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
JsonObject: TypeAlias = Mapping[str, JsonValue]

RequestId = NewType("RequestId", str)
TaskName = NewType("TaskName", str)
ModelName = NewType("ModelName", str)


class Kind(StrEnum):
    """What sort of task it is; sets the default parity rule."""

    CLASSIFICATION = "classification"
    EXTRACTION = "extraction"
    STRUCTURED = "structured"
    TOOL_CALL = "tool_call"
    SUMMARIZATION = "summarization"
    GENERATION = "generation"
    SUPPORT_REPLY = "support_reply"
    RAG_ANSWER = "rag_answer"
    MODERATION = "moderation"
    ENRICHMENT = "enrichment"


class Finish(StrEnum):
    """Why a model stopped."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    REFUSED = "refused"
    """A refusal or a content filter."""
    REJECTED = "rejected"
    """The endpoint refused the request for what the prompt says (too long, an unsupported part)."""
    INVALID = "invalid"
    """The endpoint answered with a body that is not a chat completion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call."""

    input_tokens: int
    """All input tokens, cached ones included."""
    output_tokens: int
    """All output tokens, reasoning ones included."""
    cached_input_tokens: int = 0
    """Part of `input_tokens` that the provider read from its cache."""
    cache_write_tokens: int = 0
    """Part of `input_tokens` that the provider wrote to its cache."""
    reasoning_tokens: int = 0
    """Part of `output_tokens` that the model thought in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call of a tool that a model asked for."""

    name: str
    """Function name."""
    arguments: str
    """Arguments as the model wrote them: JSON text, if all is well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a model gave; also an answer that is empty, refused, cut off or invalid."""

    text: str
    """Text of the answer; empty where there is none."""
    tool_calls: tuple[ToolCall, ...] = ()
    """Tool calls in the order given."""
    finish: Finish = Finish.STOP
    """Why the model stopped."""
    usage: Usage | None = None
    """Tokens; None where nobody counted them."""
    model_served: str | None = None
    """Model id that the endpoint says it used."""
    latency_s: float | None = None
    """Seconds from sending to the last byte; None where unknown."""
    detail: str | None = None
    """What the endpoint said about a refusal, a rejection or an invalid body."""
    fingerprint: str | None = None
    """What the endpoint says of the system behind the model; it may change from call to call."""


class Hole(StrEnum):
    """Why a response could not be had."""

    NETWORK = "network"
    RATE_LIMIT = "rate_limit"
    QUOTA = "quota"
    SERVER = "server"
    TIMEOUT = "timeout"
    AUTH = "auth"
    UNKNOWN_MODEL = "unknown_model"
    BUDGET = "budget"
    NOT_RECORDED = "not_recorded"
    NO_VERDICT = "no_verdict"
    INTERRUPTED = "interrupted"
    UNSUPPORTED = "unsupported"
    """The endpoint refuses a parameter in call after call: the configuration has to name it."""
    UNREPLAYABLE = "unreplayable"
    """What the request refers to, such as an image, can no longer be fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A response that could not be had. Never a score."""

    hole: Hole
    """What stood in the way."""
    detail: str
    """The provider's own words, or ours."""
    retry_after_s: float | None = None
    """Seconds that the provider asked us to wait."""
    may_be_billed: bool = False
    """Whether an answer was, or may have been, generated that was lost on the way."""
    is_unsent: bool = False
    """Whether nothing more is sent to the model, so that it says nothing about this request."""


Answer: TypeAlias = Response | Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One logged call, ready to be sent again."""

    id: RequestId
    """Id in the prompt log."""
    body: JsonObject
    """Chat-completions body without the model: messages, tools, response_format, parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One usable line of a prompt log."""

    request: Request
    """The request."""
    response: Response | None
    """The answer given at the time; None where the log holds none."""
    model: str | None
    """Model name that the request asked for."""
    task: str | None
    """Task named by the log itself."""
    timestamp: str | None
    """UTC, ISO 8601."""
    user: str | None
    """User id, as logged."""
    session: str | None
    """Session or conversation id, as logged."""
    metadata: JsonObject
    """Everything else the log says about the call."""
    path: str = ""
    """File that it was read from."""
    line: int
    """1-based line (or row) in its file."""
    unreplayable: str | None = None
    """Why the request cannot be sent again as it was; None where it can."""
    source: str = "canonical"
    """Name of the format that it was read from."""
    cost_usd: float | None = None
    """What the log says it cost, in US dollars; None where it does not say."""
    is_cache_hit: bool = False
    """Whether the gateway answered from a cache of its own: no model was asked."""
    n_lines: int = 1
    """Equal lines of the log that it stands for, itself included."""
    is_masked: bool = False
    """Whether placeholders stand in it for secrets or personal data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a file, before anybody knows what it means."""

    path: str
    """File."""
    number: int
    """1-based: line of a text file, row of a table, element of a JSON document."""
    value: JsonValue
    """What stands there; of a table an object with a key per column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How well a row fits a format."""

    score: float
    """In [0, 1]; 1: it is of this format, 0: nothing speaks for it."""
    why: str
    """What it was recognised by, or what it lacks."""
    needs: int = 1
    """How much had to be there to recognise it: of two formats that fit a row as well, the one that
    needs more is meant. 0: it fits what no other does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A row of a log that is no call of a chat model, and is not meant to be: counted, no fault."""

    path: str
    """File."""
    line: int
    """As in `Row.number`."""
    reason: str
    """What it is instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A line of a log or table that could not be used."""

    path: str
    """File."""
    line: int
    """1-based line."""
    reason: str
    """What is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A distinct request of a task: what is sampled, replayed and counted once."""

    request: Request
    """The representative: among equal requests the usable one with the smallest id."""
    baseline: Response
    """The baseline's answer to it."""
    weight: int
    """How many log lines it stands for: its own and its duplicates', and those of its cluster. 1
    where each line is a unit of its own."""
    digest: str
    """SHA-256 of the canonical request body (hex)."""
    kin: tuple[str, ...] = ()
    """Digests of the other requests of its cluster."""
    reference: str | None = None
    """The right answer, where the log holds one."""
    slices: frozenset[str] = frozenset()
    """Names of the task's slice gates that the request belongs to."""
    is_drawn: bool = True
    """Whether it is part of the random sample; one that is not is there for its weight alone."""
    is_masked: bool = False
    """Whether placeholders stand in it for secrets or personal data."""
    n_equal: int | None = None
    """Log lines that ask the same, where each of them is a unit; None: `weight` says it."""

    @property
    def n_lines(self) -> int:
        """How many log lines fail with it."""
        return self.weight if self.n_equal is None else self.n_equal


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens."""

    input: float
    output: float
    cached_input: float | None = None
    """None: cached tokens cost as much as others."""
    cache_write: float | None = None
    """Input that is written to a cache; None: it costs as much as other input."""
    reasoning: float | None = None
    """Output that the model thinks in; None: it costs as much as other output."""
    long: "tuple[LongPrice, ...]" = ()
    """What long prompts cost, in growing order of their lengths."""
    service: "tuple[ServicePrice, ...]" = ()
    """What service costs that is dearer than the usual one."""
    most_output: int | None = None
    """Most tokens that the model writes; None: nobody knows."""

    def at(self, input_tokens: int) -> "Price":
        """Return the price of a call with that many input tokens."""
        found = [tier.price for tier in self.long if input_tokens > tier.above]
        return found[-1] if found else self


@dataclass(frozen=True, slots=True, kw_only=True)
class LongPrice:
    """What a call costs whose prompt is long."""

    above: int
    """Input tokens that it has more of."""
    price: Price
    """The price of all its tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePrice:
    """What a call costs that asks to be served in another way."""

    name: str
    """The request's `service_tier`."""
    price: Price
    """The price of all its tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a candidate is told in place of what the log says."""

    system: str | None = None
    """Stands in place of the system messages that open the conversation."""
    append_system: str | None = None
    """Is added to the last of them."""
    template: str | None = None
    """Wraps the text of the last user message, which `{text}` stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a model takes; None: nobody knows, and nothing is assumed."""

    tools: bool | None = None
    """Tools, and messages with their results."""
    tool_choice: bool | None = None
    """Being told which tool to call, or that one must be called."""
    json_schema: bool | None = None
    """A JSON Schema for the answer."""
    json_mode: bool | None = None
    """Being told to answer with JSON of any form (`response_format: json_object`)."""
    vision: bool | None = None
    """Images."""
    audio: bool | None = None
    """Sound."""
    files: bool | None = None
    """Documents."""
    sampling: bool | None = None
    """`temperature` (other than 1), `top_p` and `top_k`."""
    context: int | None = None
    """Most input tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A model that a study names: how to get an answer from it, and what that costs."""

    name: ModelName
    """Name in reports, labels, judgments and the manifest."""
    model: str
    """Model id as litellm spells it, or `recorded`."""
    path: str | None = None
    """Recording (or table of verdicts) of a recorded model."""
    api_base: str | None = None
    """Endpoint, where it is not the provider's own."""
    api_key_env: str | None = None
    """Environment variable that holds the key, where it is not the provider's usual one."""
    params: JsonObject = field(default_factory=dict)
    """Parameters that replace those of the logged request."""
    price: Price | None = None
    """Price; None: unknown."""
    transport: Literal["auto", "litellm", "direct"] = "auto"
    """How it is called; `auto`: directly where `api_base` speaks OpenAI's protocol."""
    prompt: Prompt | None = None
    """What it is told in place of what the log says."""
    capabilities: Capabilities = Capabilities()
    """What it takes, as the configuration says; wins over `listed`."""
    listed: Capabilities = Capabilities()
    """What it takes, as the price table says."""

    @property
    def is_recorded(self) -> bool:
        """Whether answers come from a file and cost nothing."""
        return self.model == "recorded"


class Purpose(StrEnum):
    """What a call is made for; the ledger's columns."""

    BASELINE = "baseline"
    NOISE_FLOOR = "noise_floor"
    CANDIDATE = "candidate"
    JUDGE = "judge"
    PLACEBO = "placebo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One answer that a run needs; equal calls share one answer."""

    key: str
    """Identity: digest of (log id, model, parameters, prompt, sample)."""
    request: Request
    """What is sent."""
    spec: ModelSpec
    """Who is asked."""
    purpose: Purpose
    """What for."""
    task: TaskName
    """Task that pays."""
    sample: int = 0
    """0 for the first answer, 1 for the second, ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The baseline's and a candidate's response to the same request."""

    request: Request
    baseline: Response
    candidate: Response
    baseline_name: ModelName
    """Name under which the baseline's answer is known to tables of verdicts and labels."""
    candidate_name: ModelName
    """Name under which the other answer is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a scorer says of a pair."""

    scorer: str
    """Name of the scorer in the parity rule."""
    value: float
    """In [0, 1]; 1 is best."""
    passed: bool
    """Whether it passes the scorer's own threshold."""
    reason: str
    """One line that a domain expert can check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscored:
    """A pair that a scorer could not judge. Never a score."""

    scorer: str
    reason: str
    is_absent: bool = False
    """Whether nobody has judged the pair, rather than that it cannot be judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Which system an endpoint says that an answer is from."""

    who: ModelName
    """The model of the study whose answer it is."""
    model: str | None
    fingerprint: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether one pair is at parity, and why."""

    at_parity: bool
    value: float
    """1 or 0 in a parity rule; the mean judge preference where that is the estimand."""
    reason: str
    scores: tuple[Score | Unscored, ...]
    served: tuple[Served, ...] = ()
    """What gave the answers that it rests on beside the pair's: the judge's, a second one."""


EstimandName: TypeAlias = Literal["parity", "noise_floor", "quality", "preference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimand:
    """What a certificate of a task is about (DESIGN.md, section 6)."""

    name: EstimandName
    bar: float | None
    """Bar on the parity rate; only for `parity`."""
    margin: float | None
    """Non-inferiority margin; for all others."""
    why: str
    """Why this estimand: configured, or what `auto` found."""

    @property
    def null(self) -> float:
        """The mean that a certificate refutes: the bar, -margin, or 0.5 - margin."""
        if self.name == "parity":
            return self.bar or 0.0
        return (0.5 if self.name == "preference" else 0.0) - (self.margin or 0.0)

    @property
    def low(self) -> float:
        """Smallest value an observation can take."""
        return -1.0 if self.name in ("noise_floor", "quality") else 0.0


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Arm:
    """One (task, candidate)."""

    task: TaskName
    candidate: ModelName

    def __str__(self) -> str:
        return f"{self.task}/{self.candidate}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is costly to know, and known for some requests only (STATS.md, sections 5 and 6)."""

    group: int
    """Class of the request, from 0; the chance of being drawn depends on it."""
    value: float | None
    """The second answer's agreement or the human label in [0, 1]; None where it was not drawn."""
    slack: float = 0.0
    """How much better than its term the request could be, where a counted hole leaves that open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A value in the two ways in which a test reads it."""

    value: float
    """Enters the test for a certificate."""
    value_if_kind: float
    """Enters the mirror tests (rejected, futile); larger than `value` only for a counted hole."""
    measured: Measured | None = None
    """Where second answers or human labels are drawn, what the term of the test is made from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one request tells the test of an arm."""

    main: Reading
    """The task's own estimand."""
    gates: Mapping[str, Reading] = field(default_factory=dict)
    """By name, the gates that the request says something about."""
    served: tuple[Served, ...] = ()
    """What gave the answers that it rests on, as far as endpoints say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """A request that says nothing: its fresh baseline answer is unusable, or it is not whole."""

    slices: frozenset[str]
    """Names of the slice gates that it belongs to."""


class Status(StrEnum):
    """The decision about an arm (DESIGN.md, section 2)."""

    CERTIFIED = "certified"
    REJECTED = "rejected"
    FUTILE = "futile"
    INCONCLUSIVE = "inconclusive"
    OPEN = "open"
    NOT_MEASURABLE = "not_measurable"


CERTAIN = 1e6
"""Log e-values end here on both sides: infinite evidence, as JSON can say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathPoint:
    """The test of an arm after n observations."""

    n: int
    mean: float
    low: float
    high: float
    log_e: float


FLOOR_GATE = "noise floor"
"""Name of the gate of every test against the noise floor: that it is a floor at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDecision:
    """Where one of an arm's gates stands."""

    name: str
    null: float
    """The mean that has to be beaten."""
    n: int
    """Observations used."""
    mean: float | None
    low: float
    high: float
    """Confidence sequence at the level of the arm's decision, on each side."""
    log_e: float
    """Evidence, natural logarithm."""
    is_passed: bool
    """Whether its evidence is enough for the arm's certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Where the test of an arm stands, with its evidence."""

    arm: Arm
    status: Status
    reason: str
    """One sentence."""
    n: int
    """Observations used."""
    mean: float | None
    """Mean observation; None where n = 0."""
    low: float
    high: float
    """Confidence sequence at `level` on each side."""
    level: float
    """One-sided error level that the family rule used for the bounds."""
    log_e: float
    """Evidence at stopping, natural logarithm."""
    log_e_needed: float
    """What a certificate takes under the family rule at the end of the run."""
    p_value: float
    """Anytime p-value."""
    path: tuple[PathPoint, ...]
    """At most 200 points."""
    failed_on: RequestId | None = None
    """A request that must pass and did not; it decides the arm."""
    gates: tuple[GateDecision, ...] = ()
    """The other conditions of the certificate; `log_e` is that of the weakest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceboResult:
    """How one placebo fared against the bar of a task."""

    name: str
    """`empty`, `other` (another request's answer) or `commonest`."""
    n: int
    mean: float | None
    is_below: bool | None
    """True: clearly below the bar; False: not; None: it could not be asked."""
    note: str

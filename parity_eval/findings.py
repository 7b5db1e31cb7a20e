"""Gates, human verdicts, rules and terms of a run in words, the same in every report.

A gate that is not passed is not thereby shown to fail: only a bound below its bar says so.
"""

from dataclasses import dataclass
from itertools import groupby

from parity_eval import figures
from parity_eval.records import FLOOR_GATE, Decision, GateDecision, RequestId, Status
from parity_eval.summary import (
    ArmSummary,
    JudgeAgreement,
    LedgerLine,
    RunSummary,
    TaskSummary,
)

AGREEMENT_NOTE = (
    "These pairs are a simple random part of those that the judge was asked about. A certificate "
    "rests on the estimate that the human verdicts correct, not on kappa."
)
RULES_NOTE = (
    "Only the rule marked as used decides; it was fixed before the first candidate answer. The "
    "others are for comparison only: to choose among them afterwards voids the guarantee."
)

_SEQUENTIAL = "anytime-valid"
_ROUNDING_USD = 1e-9
_RULES = {
    "none": "no correction",
    "bonferroni": "Bonferroni",
    "holm": "e-Holm",
    "selected_e_bh": "selected e-BH",
}
_PARITY_VERDICTS = {0.0: "fails", 0.5: "undecided", 1.0: "passes"}
_PREFERENCE_VERDICTS = {0.0: "worse", 0.5: "draw", 1.0: "better"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One gate of an arm as reports show it."""

    name: str
    """As the study names it: foreign text."""
    demand: str
    """What it demands; foreign text in parts."""
    is_passed: bool
    is_below: bool
    """Whether it is shown to be below its bar; not passed alone does not say so."""
    outcome: str
    """`passed`, `not passed`, `shown below its bar`, or `not tested`."""
    n: int
    result: str
    """Mean with its confidence sequence and n."""
    short: str
    """Mean with its confidence sequence, for where n stands beside it."""
    bar: str
    """The mean to beat."""
    evidence: str
    """E-value; `none` where the design knows none or nothing was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MustPass:
    """A request on which a candidate may not fall short."""

    request: RequestId
    outcome: str
    """`passed`, `falls short`, or `not known`."""
    is_failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """How the judge and humans agree, as reports show it."""

    n: int
    equal: str
    """Number and share of equal verdicts."""
    kappa: str
    """Cohen's kappa with its interval, as far as there are such."""
    kappa_note: str
    """Level of the interval, or why there is none."""
    verdicts: tuple[str, ...]
    """Names of rows (the judge's) and columns (the human's) of the table."""
    rows: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a rule for many tests would have decided, as reports show it."""

    name: str
    guarantee: str
    is_used: bool
    arms: tuple[str, ...]
    """`task/candidate` of each certificate; foreign text."""


# The run


def terms(summary: RunSummary) -> tuple[tuple[str, str], ...]:
    """Return what is not as usual about a run, as names and sentences; often nothing."""
    found: list[tuple[str, str]] = []
    if summary.target == "log":
        found.append(
            ("Target", "this log; certificates speak of its requests, not of other traffic")
        )
    if summary.unit != "request":
        found.append(("Unit", summary.unit))
    if not has_e_values(summary):
        found.append(("Design", summary.design))
    return tuple(found)


def has_e_values(summary: RunSummary) -> bool:
    """Whether the run's design measures evidence; one with a fixed end only gives verdicts."""
    return summary.design.startswith(_SEQUENTIAL)


def e_value(summary: RunSummary, log_e: float) -> str:
    """Write an e-value; `none` where the run's design knows none."""
    return figures.e_value(log_e) if has_e_values(summary) else "none"


def has_gates(summary: RunSummary) -> bool:
    """Whether a certificate takes more than the estimand of its task."""
    return any(arm.decision.gates for task in summary.tasks for arm in task.arms)


def rejected_means(summary: RunSummary) -> str:
    """Say what the one negative decision shows."""
    more = [
        ", or below the bar of a gate" * any(task.gates for task in summary.tasks),
        ", or to fall short on a request that must pass"
        * any(task.must_pass for task in summary.tasks),
    ]
    return f"shown to be below the bar{''.join(more)}"


def rules(summary: RunSummary) -> tuple[Rule, ...]:
    """Return what each rule for many tests would have decided."""
    return tuple(
        Rule(
            name=_RULES.get(view.rule, view.rule),
            guarantee=view.guarantee,
            is_used=view.is_used,
            arms=tuple(str(arm) for arm in view.certified),
        )
        for view in summary.rules
    )


# An arm


def gates(summary: RunSummary, task: TaskSummary, arm: ArmSummary) -> tuple[Gate, ...]:
    """Return the gates of an arm, the built-in one first."""
    return tuple(_gate(summary, task, gate) for gate in arm.decision.gates)


def demands(task: TaskSummary) -> tuple[tuple[str, str], ...]:
    """Return name and demand of each gate of a task; the built-in one only where it was tested."""
    found = {
        gate.name: _demand(task, gate)
        for arm in task.arms
        for gate in arm.decision.gates
        if gate.name not in task.gates
    }
    return (*found.items(), *task.gates.items())


def must_pass(task: TaskSummary, decision: Decision) -> tuple[MustPass, ...]:
    """Return the requests that must pass, those that did not first.

    They are asked before the test begins, and the first that fails ends the arm: of the others
    nothing is said then.
    """
    failed = decision.failed_on
    others = "passed" if decision.n else "not known"
    found = [
        MustPass(
            request=request,
            outcome="falls short" if request == failed else others,
            is_failed=request == failed,
        )
        for request in task.must_pass
    ]
    return tuple(sorted(found, key=lambda one: not one.is_failed))


def is_rejected_otherwise(task: TaskSummary, decision: Decision) -> bool:
    """Whether an arm is rejected, but not shown to be below its task's own bar."""
    return (
        decision.status is Status.REJECTED
        and decision.high >= task.estimand.null
        and bool(decision.gates or task.must_pass)
    )


def agreement(task: TaskSummary, found: JudgeAgreement) -> Agreed:
    """Return how the judge and humans agree on an arm's pairs, in words."""
    words = _PARITY_VERDICTS if task.estimand.name == "parity" else _PREFERENCE_VERDICTS
    kappa, note = _kappa(found)
    n_equal = sum(row[i] for i, row in enumerate(found.confusion))
    return Agreed(
        n=found.n,
        equal=f"{figures.count(n_equal)} of {figures.count(found.n)} "
        f"({figures.percent(found.share)})",
        kappa=kappa,
        kappa_note=note,
        verdicts=tuple(words.get(category, f"{category:g}") for category in found.categories),
        rows=found.confusion,
    )


def _gate(summary: RunSummary, task: TaskSummary, gate: GateDecision) -> Gate:
    result, short = _texts(gate)
    return Gate(
        name=gate.name,
        demand=_demand(task, gate),
        is_passed=gate.is_passed,
        is_below=_is_below(gate),
        outcome=_outcome(gate),
        n=gate.n,
        result=result,
        short=short,
        bar=_measure(gate, gate.null),
        evidence=e_value(summary, gate.log_e) if gate.n else "none",
    )


def _demand(task: TaskSummary, gate: GateDecision) -> str:
    if gate.name in task.gates:
        return task.gates[gate.name]
    if gate.name == FLOOR_GATE:
        return f"the baseline agrees with itself on more than {100 * gate.null:.12g}%"
    return f"a mean above {_measure(gate, gate.null)}"


def _outcome(gate: GateDecision) -> str:
    if not gate.n:
        return "not tested"
    if gate.is_passed:
        return "passed"
    return "shown below its bar" if _is_below(gate) else "not passed"


def _is_below(gate: GateDecision) -> bool:
    return not gate.is_passed and gate.high < gate.null


def _texts(gate: GateDecision) -> tuple[str, str]:
    """Return mean and confidence sequence, long and short."""
    if gate.mean is None:
        return "nothing measured, n = 0", "nothing measured"
    mean, high = _measure(gate, gate.mean), _measure(gate, gate.high, "up")
    low = _measure(gate, gate.low, "down")
    unit = " pp" if _is_difference(gate) else "%"
    lower = low.removesuffix(" pp")
    numbers = (text.removesuffix(unit) for text in (mean, low, high))
    long = f"{mean} ({lower} to {high}), n = {figures.count(gate.n)}"
    return long, "{} [{}, {}]{}".format(*numbers, unit)


def _measure(gate: GateDecision, value: float, rounding: figures.Rounding = "near") -> str:
    if _is_difference(gate):
        return figures.points(value, rounding=rounding)
    return figures.percent(value, rounding=rounding)


def _is_difference(gate: GateDecision) -> bool:
    # A rate has a bar above 0; only a difference is held against 0 or less.
    return gate.null <= 0


def _kappa(found: JudgeAgreement) -> tuple[str, str]:
    if found.kappa is None:
        return "undefined", "both give one and the same verdict throughout"
    kappa = figures.coefficient(found.kappa)
    if found.low is None or found.high is None:
        return kappa, "no interval: one of them gives a single verdict throughout"
    low = figures.coefficient(found.low, rounding="down")
    high = figures.coefficient(found.high, rounding="up")
    return f"{kappa} [{low}, {high}]", "interval at level 95%"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerTotal:
    """What one purpose cost in all tasks."""

    purpose: str
    calls: int
    paid_calls: int
    cached: int
    retries: int
    input_tokens: int
    output_tokens: int
    usd: float


def ledger(summary: RunSummary) -> tuple[LedgerTotal, ...]:
    """Return one total for each purpose."""
    lines = sorted(summary.ledger, key=lambda line: line.purpose)
    return tuple(
        _total(purpose.value.replace("_", " "), tuple(group))
        for purpose, group in groupby(lines, key=lambda line: line.purpose)
    )


def ledger_line(summary: RunSummary) -> str | None:
    """Return the ledger on one line; None where nothing was paid for, cached or tried again."""
    parts = [_spent(total) for total in ledger(summary) if total.paid_calls or total.cached]
    retries = sum(line.retries for line in summary.ledger)
    if retries:
        parts.append(figures.counted(retries, "retry", "retries"))
    lost = unanswered_usd(summary)
    if lost:
        parts.append(f"{figures.usd(lost)} for calls that gave no answer")
    return "; ".join(parts) or None


def unanswered_usd(summary: RunSummary) -> float:
    """Return what may have been billed for calls that gave no answer."""
    lost = summary.spent_usd - sum(line.usd for line in summary.ledger)
    return lost if lost > _ROUNDING_USD else 0.0


def _spent(total: LedgerTotal) -> str:
    cached = f", {figures.count(total.cached)} cached" if total.cached else ""
    answers = figures.counted(total.paid_calls, "answer")
    return f"{total.purpose} {figures.usd(total.usd)} ({answers}{cached})"


def _total(purpose: str, lines: tuple[LedgerLine, ...]) -> LedgerTotal:
    return LedgerTotal(
        purpose=purpose,
        calls=sum(line.calls for line in lines),
        paid_calls=sum(line.paid_calls for line in lines),
        cached=sum(line.cached for line in lines),
        retries=sum(line.retries for line in lines),
        input_tokens=sum(line.input_tokens for line in lines),
        output_tokens=sum(line.output_tokens for line in lines),
        usd=sum(line.usd for line in lines),
    )

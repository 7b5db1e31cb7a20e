"""Run summaries to report on: a believable one, a hostile one, an empty one, a large one.

The paths are those of a small betting mixture over hashed outcomes: no random state, so that golden
files made from them are stable, and bounds, evidence and decisions agree with each other.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from parity_eval.records import (
    Arm,
    Decision,
    Estimand,
    GateDecision,
    ModelName,
    PathPoint,
    PlaceboResult,
    Purpose,
    Reject,
    RequestId,
    Score,
    Status,
    TaskName,
    Unscored,
)
from parity_eval.summary import (
    ArmSummary,
    JudgeAgreement,
    LedgerLine,
    Money,
    PairView,
    RuleView,
    RunSummary,
    TaskSummary,
)

PARITY = Estimand(name="parity", bar=0.9, margin=None, why="configured: bar 0.9")
QUALITY = Estimand(
    name="quality", bar=None, margin=0.05, why="auto: labels for both sides on every request"
)
NOISE_FLOOR = Estimand(
    name="noise_floor", bar=None, margin=0.03, why="auto: the baseline has a second answer"
)
PREFERENCE = Estimand(name="preference", bar=None, margin=0.05, why="configured")

ALPHA = 0.05
NO_MONEY = Money(
    baseline_usd_per_1k=None,
    candidate_usd_per_1k=None,
    saving_share=None,
    saving_usd_in_log=None,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How an arm is to come out."""

    status: Status
    n: int
    rates: tuple[float, float] = (0.0, 0.0)
    """Share of worst and of middling observations; the middling one only for differences."""
    reason: str = "Planned."
    level: float = ALPHA
    failed_on: RequestId | None = None


def believable(*, is_complete: bool = False) -> RunSummary:
    """Three tasks, three candidates, every status; incomplete, unless told otherwise."""
    triage = _task(
        "ticket-triage",
        "classification",
        PARITY,
        "the label is the same after normalisation",
        (
            _arm("ticket-triage", "swift-lite", PARITY, _SWIFT, (5.12, 0.71), is_route=True),
            _arm("ticket-triage", "mini-8b", PARITY, _MINI, (5.12, 0.24), blocked_by="req-00317"),
            _arm("ticket-triage", "nano", PARITY, _NANO, (5.12, 0.094)),
        ),
    )
    invoices = _task(
        "invoice-extraction",
        "extraction",
        QUALITY,
        "",
        (
            _arm("invoice-extraction", "swift-lite", QUALITY, _FUTILE, (11.4, 1.62)),
            _arm("invoice-extraction", "mini-8b", QUALITY, _UNDECIDED, (11.4, 0.55)),
            _arm("invoice-extraction", "nano", QUALITY, _last_plan(is_complete), (11.4, None)),
        ),
    )
    return _run(
        (triage, invoices, _unmeasurable_task()),
        why_incomplete=None
        if is_complete
        else "the budget of $4.00 is used up; 37 answers of nano (invoice-extraction) are missing",
    )


def believable_pairs() -> tuple[PairView, ...]:
    """Pairs of the believable summary: every failure of its arms, and some that are no failure."""
    return tuple(_pairs(believable()))


def gated() -> RunSummary:
    """Gates, requests that must pass, human verdicts, rules, a finite log, a unit of its own."""
    triage = _task(
        "ticket-triage",
        "classification",
        PARITY,
        "the label is the same after normalisation",
        (
            _with_gates("swift-lite", _SWIFT, (_VALID, _QUICK, _GERMAN), is_route=True),
            _with_gates("mini-8b", _BY_GATE, (_VALID, _QUICK, _WORSE)),
            _with_gates("nano", _MUST_FAIL, (_UNSEEN,)),
        ),
    )
    triage = replace(
        triage,
        gates={
            "valid": "more than 98% of answers are in the format that the request demands",
            "quick": "more than 90% of calls take at most 2 seconds",
            "german": "where metadata.language = DE: more than 85% of requests of this kind",
        },
        must_pass=(RequestId("req-00017"), RequestId("req-00317")),
    )
    moderation = _task(
        "moderation",
        "moderation",
        NOISE_FLOOR,
        "the verdict is the same",
        (_with_gates("swift-lite", _FLOOR, (_FLOOR_GATE,), task="moderation", of=NOISE_FLOOR),),
    )
    replies = _arm("replies", "mini-8b", PREFERENCE, _plan_for(PREFERENCE, _MINI), (9.0, 1.0))
    judged = replace(replies, agreement=AGREEMENT, labels_used=58, position=571)
    summary = _run(
        (triage, moderation, _task("replies", "generation", PREFERENCE, "judge", (judged,))),
        why_incomplete=None,
    )
    return replace(
        summary, target="log", unit="one request per session", rules=_rules(summary.tasks)
    )


def with_fixed_end(summary: RunSummary) -> RunSummary:
    """Return the summary as if by a design that has no e-values."""
    return replace(summary, design=FIXED, rules=())


FIXED = "group-sequential, Pocock-like spending, 10 looks, fixed end"
AGREEMENT = JudgeAgreement(
    n=40,
    share=0.85,
    kappa=0.7654,
    low=0.5812,
    high=0.9496,
    categories=(0.0, 0.5, 1.0),
    confusion=((11, 1, 0), (2, 6, 1), (0, 2, 17)),
)


def gate(
    name: str,
    null: float,
    numbers: tuple[int, float, float, float],
    log_e: float,
    *,
    is_passed: bool = True,
) -> GateDecision:
    """Return a gate with (n, mean, low, high)."""
    n, mean, low, high = numbers
    return GateDecision(
        name=name,
        null=null,
        n=n,
        mean=mean,
        low=low,
        high=high,
        log_e=log_e,
        is_passed=is_passed,
    )


_VALID = gate("valid", 0.98, (192, 1.0, 0.98, 1.0), 4.2)
_QUICK = gate("quick", 0.9, (192, 0.96875, 0.9124, 0.9931), 6.5)
_GERMAN = gate("german", 0.85, (61, 0.983607, 0.8713, 0.9996), 5.1)
_WORSE = gate("german", 0.85, (57, 0.666667, 0.4876, 0.8149), -9.0, is_passed=False)
_UNSEEN = GateDecision(
    name="valid", null=0.98, n=0, mean=None, low=0.0, high=1.0, log_e=0.0, is_passed=False
)
_FLOOR_GATE = gate("noise floor", 0.8, (288, 0.864583, 0.7921, 0.9187), 2.3, is_passed=False)


def _with_gates(
    candidate: str,
    plan: "Plan",
    gates: tuple[GateDecision, ...],
    *,
    task: str = "ticket-triage",
    of: Estimand = PARITY,
    is_route: bool = False,
) -> ArmSummary:
    arm = _arm(task, candidate, of, plan, (5.12, 0.71), is_route=is_route)
    decision = replace(
        arm.decision,
        status=plan.status,
        gates=gates,
        log_e=min(arm.decision.log_e, *(one.log_e for one in gates)),
    )
    return replace(arm, decision=decision, position=decision.n)


def _rules(tasks: tuple[TaskSummary, ...]) -> tuple[RuleView, ...]:
    every = tuple(arm.decision for task in tasks for arm in task.arms)
    arms = tuple(one.arm for one in every if one.status is Status.CERTIFIED)
    lenient = (*arms, every[1].arm)
    found = {"none": lenient, "bonferroni": (), "holm": arms[:1], "selected_e_bh": arms}
    return tuple(
        RuleView(
            rule=rule,
            guarantee=f"what {rule} promises",
            is_used=rule == "selected_e_bh",
            certified=certified,
        )
        for rule, certified in found.items()
    )


def with_savings(summary: RunSummary, saved: float | None, whole: float | None) -> RunSummary:
    """Return the summary with another saving and another cost of the baseline."""
    return replace(summary, saving_usd_in_log=saved, baseline_usd_in_log=whole)


def empty() -> RunSummary:
    """A run of which nothing came: no task, no arm, no cent."""
    return replace(
        _run((), why_incomplete=None),
        n_lines=0,
        first_timestamp=None,
        last_timestamp=None,
        ledger=(),
        spent_usd=0.0,
        max_cost_usd=None,
        judge=None,
        candidates={},
        saving_usd_in_log=None,
        baseline_usd_in_log=None,
    )


def large(n_tasks: int = 100, n_candidates: int = 5) -> tuple[RunSummary, tuple[PairView, ...]]:
    """Return many tasks with many candidates, of all estimands and outcomes, with failing pairs."""
    estimands = (PARITY, QUALITY, NOISE_FLOOR, PREFERENCE)
    plans = (_SWIFT, _NANO, _FUTILE_RATE, _UNDECIDED_RATE, _MINI)
    tasks = []
    for i in range(n_tasks):
        name, estimand = f"task-{i:03d}", estimands[i % 4]
        arms = tuple(
            _arm(name, f"model-{j}", estimand, plan, (5.0, 0.5 + j), is_route=j == 0)
            for j in range(n_candidates)
            if (plan := _plan_for(estimand, plans[(i + j) % 5]))
        )
        tasks.append(_task(name, "generation", estimand, "exact or judge", arms))
    summary = _run(tuple(tasks), why_incomplete=None)
    candidates = {ModelName(f"model-{j}"): f"vendor/model-{j}" for j in range(n_candidates)}
    summary = replace(summary, candidates=candidates)
    return summary, tuple(_pairs(summary, text="A long answer that goes on. " * 60))


ATTACKS = (
    "<script>document.title='owned'</script>",
    "</style><script>document.title='owned'</script>",
    "</script><script>document.title='owned'</script>",
    "</title><img src=x onerror=\"document.title='owned'\">",
    '"><svg onload="document.title=\'owned\'">',
    "' autofocus onfocus='document.title=1' x='",
    "<a href=\"javascript:document.title='owned'\">click</a>",
    '<meta http-equiv="refresh" content="0;url=http://evil.invalid/">',
    '<base href="http://evil.invalid/"><link rel="stylesheet" href="http://evil.invalid/x.css">',
    "<style>*{display:none}</style>",
    "<iframe srcdoc=\"<script>parent.document.title='owned'</script>\"></iframe>",
    "<!-- --><!--",
    "]]><script>document.title='owned'</script>",
    "{{ 7*7 }}{% raw %}${7*7}",
    "a | b\n| c | ` ``` [x](javascript:alert(1)) ![y](http://evil.invalid/z.png)",
    "# heading\n\n---\n* item <b>bold</b> @everyone #1 www.evil.invalid https://evil.invalid",
    "::set-output name=x::y\n::error file=a::b",
    "[bold red]markup[/bold red] [link=http://evil.invalid]x[/link] [/] [",
    '=HYPERLINK("http://evil.invalid")',
    "\x1b[31mred\x1b[0m\x1b]8;;http://evil.invalid\x07link\x1b]8;;\x07\x9b2J",
    "nul\x00bell\x07back\x08\x7f",
    "line\u2028paragraph\u2029next\x85",
    "user\u202egnp.exe\u202c \u2066x\u2069 \u200bzero\ufeff \U000e0041",
    "lone \ud800 surrogate \udfff \ufffe",
)


def hostile() -> tuple[RunSummary, tuple[PairView, ...]]:
    """Return a run in which every text is an attack; each attack stands in every kind of place."""
    n = len(ATTACKS)
    tasks = tuple(
        _hostile_task(ATTACKS[i], ATTACKS[(i + 1) % n], ATTACKS[(i + 2) % n]) for i in range(n)
    )
    everywhere = " ".join(ATTACKS)
    summary = replace(
        _run(tasks, why_incomplete=everywhere),
        run_id=everywhere,
        name=everywhere,
        tool_version=everywhere,
        study_hash=everywhere,
        log_path=everywhere,
        log_fingerprint=everywhere,
        first_timestamp=everywhere,
        baseline=ModelName(everywhere),
        baseline_model=everywhere,
        candidates={ModelName(attack): attack for attack in ATTACKS},
        judge=everywhere,
        family_statement=everywhere,
        unit=everywhere,
        design=everywhere,
        rules=tuple(
            RuleView(
                rule=attack,
                guarantee=attack,
                is_used=False,
                certified=tuple(task.arms[0].decision.arm for task in tasks),
            )
            for attack in ATTACKS
        ),
        rejects=tuple(Reject(path=attack, line=1, reason=attack) for attack in ATTACKS),
    )
    return summary, tuple(_pairs(summary, text=everywhere))


def huge_pair(n_characters: int = 10_000_000) -> PairView:
    """Return a failing pair of the believable summary with answers of that size."""
    pair = next(pair for pair in believable_pairs() if pair.is_failure)
    return replace(
        pair,
        prompt="<p>" * (n_characters // 3),
        baseline_text="\u202e" * n_characters,
        candidate_text='"' * n_characters,
        reason="&" * n_characters,
    )


_SWIFT = Plan(
    status=Status.CERTIFIED,
    n=192,
    rates=(0.045, 0.0),
    reason="The evidence reached what the family rule asks for.",
    level=0.0167,
)
_MINI = Plan(
    status=Status.CERTIFIED,
    n=556,
    rates=(0.052, 0.0),
    reason="The evidence reached what the family rule asks for.",
    level=0.0167,
)
_NANO = Plan(
    status=Status.REJECTED,
    n=131,
    rates=(0.24, 0.0),
    reason="The mirror test shows the parity rate to be below the bar.",
)
_FUTILE = Plan(
    status=Status.FUTILE,
    n=288,
    rates=(0.085, 0.86),
    reason="That the candidate is as good as the baseline is refuted at beta = 0.1.",
)
_UNDECIDED = Plan(
    status=Status.INCONCLUSIVE,
    n=940,
    rates=(0.07, 0.9),
    reason="All 940 requests of the log that may be used are used up.",
)
_BY_GATE = replace(
    _MINI,
    status=Status.REJECTED,
    reason="gate 'german': shown to be below its bar after 57 requests",
)
_MUST_FAIL = Plan(
    status=Status.REJECTED,
    n=0,
    reason="falls short on request 'req-00317', which must pass",
    failed_on=RequestId("req-00317"),
)
_FLOOR = Plan(
    status=Status.INCONCLUSIVE,
    n=288,
    rates=(0.02, 0.9),
    reason=(
        "the log used up after 288 requests; the baseline is not shown to agree with itself on "
        "more than 80%"
    ),
)
_FUTILE_RATE = replace(_FUTILE, rates=(0.12, 0.0))
_UNDECIDED_RATE = replace(_UNDECIDED, rates=(0.095, 0.0))
_UNMEASURABLE = Plan(
    status=Status.NOT_MEASURABLE,
    n=0,
    reason="The placebo `commonest` passes: the rule does not tell answers apart.",
)


def _last_plan(is_complete: bool) -> Plan:  # noqa: FBT001
    plan = Plan(
        status=Status.OPEN,
        n=96,
        rates=(0.05, 0.91),
        reason="37 answers are missing (budget), the first of them at place 97 of the order.",
    )
    return replace(plan, status=Status.INCONCLUSIVE) if is_complete else plan


def _plan_for(estimand: Estimand, plan: Plan) -> Plan:
    """Return the plan with outcomes that suit the estimand."""
    worst, _ = plan.rates
    if estimand.name == "parity":
        return plan
    return replace(plan, rates=(0.4 + worst, 0.0) if estimand.low == 0 else (worst, 0.96 - worst))


def _unmeasurable_task() -> TaskSummary:
    name = "moderation"
    arms = tuple(
        _arm(name, candidate, NOISE_FLOOR, _UNMEASURABLE, (0.93, price))
        for candidate, price in (("swift-lite", 0.12), ("mini-8b", 0.05), ("nano", 0.02))
    )
    task = _task(name, "moderation", NOISE_FLOOR, "the verdict is the same", arms)
    placebos = (
        _placebo("empty", -0.8, is_below=True, note="counts as a failure"),
        _placebo("other", 0.141, is_below=False, note="97% of the verdicts are 'safe'"),
        _placebo("commonest", 0.171, is_below=False, note="the answer 'safe'"),
    )
    why = "The commonest answer, 'safe', given to every request is at parity in 291 of 300 pairs."
    return replace(task, placebos=placebos, why_not_measurable=why)


def _hostile_task(name: str, candidate: str, text: str) -> TaskSummary:
    arm = _arm(name, candidate, PARITY, _SWIFT, (5.0, 0.1), is_route=True, blocked_by=text)
    gates = (gate(text, 0.9, (9, 0.5, 0.2, 0.8), -3.0, is_passed=False),)
    decision = replace(arm.decision, reason=text, gates=gates)
    arm = replace(arm, decision=decision, qualifications=(text, name), agreement=AGREEMENT)
    task = _task(name, text, replace(PARITY, why=text), text, (arm,))
    return replace(
        task,
        statement=text,
        excluded={text: 3},
        order_hash=text,
        placebos=(_placebo(text, 0.1, is_below=False, note=candidate),),
        why_not_measurable=text,
        gates={text: name},
        must_pass=(RequestId(name), RequestId(text)),
    )


def _placebo(name: str, mean: float, *, is_below: bool, note: str) -> PlaceboResult:
    return PlaceboResult(name=name, n=300, mean=mean, is_below=is_below, note=note)


def _task(
    name: str, kind: str, estimand: Estimand, rule: str, arms: tuple[ArmSummary, ...]
) -> TaskSummary:
    worst = -0.94 if estimand.low < 0 else 0.0
    return TaskSummary(
        name=TaskName(name),
        kind=kind,
        rule=rule,
        estimand=estimand,
        statement=_STATEMENTS[estimand.name],
        n_lines=1_870,
        n_units=1_204,
        n_certify=940,
        excluded={"baseline answer cut off": 11, "no baseline answer": 3},
        order_hash=hashlib.sha256(name.encode("utf-8", "replace")).hexdigest(),
        placebos=(
            _placebo("empty", worst, is_below=True, note="counts as a failure"),
            _placebo("other", worst + 0.19, is_below=True, note=""),
            _placebo("commonest", worst + 0.31, is_below=True, note=""),
        ),
        arms=arms,
        why_not_measurable=None,
    )


_STATEMENTS = {
    "parity": "At least 90% of requests of this kind get an answer at parity with the baseline's.",
    "quality": "The mean quality of the candidate is at most 5 points below the baseline's.",
    "noise_floor": "Parity with the baseline is at most 3 points below the baseline's own.",
    "preference": "The judge prefers the candidate at least as often, within a margin of 5 points.",
}


def _arm(
    task: str,
    candidate: str,
    estimand: Estimand,
    plan: Plan,
    price: tuple[float, float | None],
    *,
    is_route: bool = False,
    blocked_by: str | None = None,
) -> ArmSummary:
    decision = _decision(Arm(task=TaskName(task), candidate=ModelName(candidate)), estimand, plan)
    is_certified = decision.status is Status.CERTIFIED
    return ArmSummary(
        decision=decision,
        money=_money(*price),
        mean_by_traffic=None if decision.mean is None else round(decision.mean - 0.004, 4),
        is_route=is_route and is_certified,
        blocked_by=RequestId(blocked_by) if blocked_by else None,
        qualifications=("as judged by strict-judge, not calibrated",) if is_certified else (),
        n_failed=_n_failed(estimand, plan),
        waste=max(0, 8 - plan.n % 9) if plan.n else 0,
    )


def _money(baseline: float, candidate: float | None) -> Money:
    if candidate is None:
        return replace(NO_MONEY, baseline_usd_per_1k=baseline)
    share = round(1 - candidate / baseline, 4)
    return Money(
        baseline_usd_per_1k=baseline,
        candidate_usd_per_1k=candidate,
        saving_share=share,
        saving_usd_in_log=round(1.87 * (baseline - candidate), 4),
    )


def _decision(arm: Arm, estimand: Estimand, plan: Plan) -> Decision:
    path = _path(estimand, plan)
    last = path[-1] if path else None
    return Decision(
        arm=arm,
        status=_status(estimand, plan, last),
        reason=plan.reason,
        n=plan.n,
        mean=last.mean if last else None,
        low=last.low if last else estimand.low,
        high=last.high if last else 1.0,
        level=plan.level,
        log_e=last.log_e if last else 0.0,
        log_e_needed=math.log(1 / plan.level),
        p_value=round(min(1.0, math.exp(-max((p.log_e for p in path), default=0.0))), 8),
        path=path,
        failed_on=plan.failed_on,
    )


def _status(estimand: Estimand, plan: Plan, last: PathPoint | None) -> Status:
    """Return what was planned, unless the numbers say something else."""
    if last is None or plan.status is Status.OPEN:
        return plan.status
    if last.low >= estimand.null:
        return Status.CERTIFIED
    if last.high < estimand.null:
        return Status.REJECTED
    is_negative = plan.status in (Status.FUTILE, Status.INCONCLUSIVE)
    return plan.status if is_negative else Status.INCONCLUSIVE


@cache
def _path(estimand: Estimand, plan: Plan) -> tuple[PathPoint, ...]:
    """Return the path of the test, at most 200 points of it."""
    lower, upper = estimand.low, 1.0
    counts: Counter[float] = Counter()
    kept = {round(k * plan.n / min(plan.n, 200)) for k in range(1, min(plan.n, 200) + 1)}
    points: list[PathPoint] = []
    for n, value in enumerate(_values(estimand, plan), start=1):
        counts[value] += 1
        if n not in kept:
            continue
        mirrored = Counter({-value: times for value, times in counts.items()})
        lower = max(lower, _bound(counts, estimand.low, 1.0, plan.level))
        upper = min(upper, -_bound(mirrored, -1.0, -estimand.low, plan.level))
        mean = sum(value * times for value, times in counts.items()) / n
        evidence = _log_e(counts, estimand.low, estimand.null)
        rounded = (round(number, 6) for number in (mean, lower, upper, evidence))
        points.append(_point(n, *rounded))
    return tuple(points)


def _point(n: int, mean: float, low: float, high: float, log_e: float) -> PathPoint:
    return PathPoint(n=n, mean=mean, low=low, high=high, log_e=log_e)


def _values(estimand: Estimand, plan: Plan) -> Iterator[float]:
    worst, middling = plan.rates
    for i in range(plan.n):
        digest = hashlib.sha256(f"{estimand.name} {plan.rates} {i}".encode()).digest()
        u = int.from_bytes(digest[:8]) / 2**64
        yield estimand.low if u < worst else 0.0 if u < worst + middling else 1.0


@cache
def _n_failed(estimand: Estimand, plan: Plan) -> int:
    return sum(value == estimand.low for value in _values(estimand, plan))


def _log_e(counts: Counter[float], low: float, null: float) -> float:
    logs = [
        sum(
            times * math.log1p(share * (value - null) / (null - low))
            for value, times in counts.items()
        )
        for share in _FRACTIONS
    ]
    top = max(logs)
    return top + math.log(sum(math.exp(log - top) for log in logs) / len(logs))


def _bound(counts: Counter[float], low: float, high: float, level: float) -> float:
    below, above = low + 1e-6, high - 1e-6
    if _log_e(counts, low, below) < math.log(1 / level):
        return low
    for _ in range(24):
        middle = (below + above) / 2
        if _log_e(counts, low, middle) >= math.log(1 / level):
            below = middle
        else:
            above = middle
    return below


_FRACTIONS = tuple(math.sin((g + 0.5) * math.pi / 32) ** 2 * 0.999 for g in range(16))


def _run(tasks: tuple[TaskSummary, ...], *, why_incomplete: str | None) -> RunSummary:
    savings = [arm.money.saving_usd_in_log for task in tasks for arm in task.arms if arm.is_route]
    costs = [task.arms[0].money.baseline_usd_per_1k for task in tasks]
    return RunSummary(
        version=1,
        tool_version="0.1.0",
        run_id="20261103-helpdesk-7f3a",
        name="Helpdesk, October 2026",
        study_hash=hashlib.sha256(b"study").hexdigest(),
        log_path="logs/helpdesk-2026-10.jsonl.gz",
        log_fingerprint=hashlib.sha256(b"log").hexdigest(),
        n_lines=5_790,
        n_rejects=12,
        rejects=(Reject(path="logs/a.jsonl", line=17, reason="not JSON: cut off"),),
        n_unassigned=168,
        first_timestamp="2026-10-01T06:12:44Z",
        last_timestamp="2026-10-31T21:50:03Z",
        baseline=ModelName("frontier-large"),
        baseline_model="vendor-a/frontier-large-2026-05",
        candidates={
            ModelName("swift-lite"): "vendor-a/swift-lite-2026-08",
            ModelName("mini-8b"): "vendor-b/mini-8b-instruct",
            ModelName("nano"): "vendor-c/nano",
        },
        judge="strict-judge",
        seed=20261101,
        alpha=ALPHA,
        beta=0.1,
        family="fdr",
        family_statement=(
            "Of the certificates in this routing table, an expected share of at most 5% is false "
            "(false discovery rate over all tasks and candidates, selected e-BH)."
        ),
        n_tasks=len(tasks),
        n_arms=sum(len(task.arms) for task in tasks),
        state="incomplete" if why_incomplete else "complete",
        why_incomplete=why_incomplete,
        tasks=tasks,
        ledger=tuple(_ledger(tasks)),
        spent_usd=3.9812,
        max_cost_usd=4.0,
        saving_usd_in_log=round(sum(saving or 0.0 for saving in savings), 4),
        baseline_usd_in_log=round(sum(1.87 * (cost or 0.0) for cost in costs), 4),
    )


def _ledger(tasks: tuple[TaskSummary, ...]) -> Iterator[LedgerLine]:
    for task in tasks:
        for arm in task.arms:
            n = arm.decision.n + arm.waste
            yield LedgerLine(
                purpose=Purpose.CANDIDATE,
                task=task.name,
                model=arm.decision.arm.candidate,
                calls=n,
                paid_calls=n,
                input_tokens=820 * n,
                output_tokens=64 * n,
                usd=round((arm.money.candidate_usd_per_1k or 0.0) * n / 1000, 6),
            )
        yield LedgerLine(
            purpose=Purpose.JUDGE,
            task=task.name,
            model=ModelName("strict-judge"),
            calls=210,
            paid_calls=188,
            input_tokens=402_000,
            output_tokens=18_900,
            usd=0.4127,
        )


_TICKETS = (
    ("My invoice shows the old VAT number, please correct it.", "billing", "account"),
    ("The export button has been greyed out since this morning.", "bug", "question"),
    ("Wie lösche ich einen Benutzer? Er hat die Firma verlassen.", "account", "question"),
    ("لا أستطيع تسجيل الدخول بعد تغيير كلمة المرور.", "login", "bug"),
    ("Can you add SAML to the Team plan?", "feature request", "question"),
)


def _pairs(summary: RunSummary, text: str = "") -> Iterator[PairView]:
    for task in summary.tasks:
        for arm in task.arms:
            for k in range(min(arm.n_failed, 40) + (1 if arm.n_failed else 0)):
                yield _pair(task, arm, k, text=text)


def _pair(task: TaskSummary, arm: ArmSummary, k: int, *, text: str) -> PairView:
    ticket, right, wrong = _TICKETS[k % len(_TICKETS)]
    is_failure = k < arm.n_failed
    system = "system: Sort the ticket. Answer with one label: billing, bug, account, login, other."
    return PairView(
        task=task.name,
        candidate=arm.decision.arm.candidate,
        position=3 + 11 * k,
        request_id=RequestId(f"req-{17 + 300 * k:05d}"),
        prompt=f"{system}\n\nuser: {ticket}\n{text}",
        baseline_text=f'{{"label": "{right}"}}\n{text}',
        candidate_text=(f'{{"label": "{wrong if is_failure else right}"}}\n{text}')
        if k % 7 != 6
        else "",
        value=task.estimand.low if is_failure else 1.0,
        is_failure=is_failure,
        reason=text or (f"label: {right!r} != {wrong!r}" if is_failure else "equal"),
        scores=(
            Score(
                scorer=text[:400] or "schema",
                value=1.0,
                passed=True,
                reason=text or "valid",
            ),
            Score(scorer="exact", value=0.0, passed=False, reason=f"{right!r} != {wrong!r}"),
            Unscored(scorer="judge", reason=text or "the verdict was not one of A, B, tie"),
        ),
    )

"""A study before it runs: what it will take, cost, decide and save. Arithmetic on the log alone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, log10

from parity_eval import __version__
from parity_eval.armplans import out_of_reach
from parity_eval.design import TaskDesign
from parity_eval.outlook import (
    DISCORDANT,
    RUNS,
    TIES,
    Lack,
    Prospects,
    fixed_prospects,
    prospects,
)
from parity_eval.planning import worth_certifying
from parity_eval.records import Estimand, ModelName, ModelSpec, TaskName
from parity_eval.spending import DAYS_PER_MONTH, CandidateForecast, Usd, spending
from parity_eval.stats.fixed_designs import named_design
from parity_eval.stats.stopping import Terms
from parity_eval.study import FamilyRule, Study, TestSpec

VERSION = 1

_MOST_EXACT = 8
_SHORT = 200
_TIE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskForecast:
    """One task: its candidates share the test's prospects and differ in money."""

    task: TaskName
    kind: str
    estimand: Estimand
    why_closed: str | None
    """Why nothing can be measured; then nothing is forecast."""
    n_lines: int
    """Log lines."""
    n_available: int
    """Requests that an arm may use."""
    requests_per_month: float | None
    """At the log's volume."""
    prospects: Prospects | None
    notes: tuple[str, ...]
    """What is missing, first of all; then what adds to the figures."""
    candidates: tuple[CandidateForecast, ...]
    baseline: Usd
    """Answers of a replayed baseline, and second answers."""
    judge: Usd
    """All questions to a judge, those about placebos too."""
    estimated_tokens: float
    """Share of the requests whose tokens nobody counted, so that they were taken from lengths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A study before it runs."""

    version: int
    """1: first format."""
    tool_version: str
    name: str
    """Of the study."""
    log_path: str
    n_lines: int
    span_days: float | None
    """Days from the first to the last timestamp; None where the log does not tell a day's worth."""
    alpha: float
    family: FamilyRule
    level: float
    """The level that each arm is planned for."""
    level_statement: str
    """Where that level comes from, in words."""
    runs: int
    """Simulated runs behind every figure that is not exact."""
    assumptions: tuple[str, ...]
    tasks: tuple[TaskForecast, ...]
    baseline: Usd
    candidates: Usd
    judge: Usd
    total: Usd
    is_paid: bool
    """Whether any model is paid for."""
    max_cost_usd: float | None
    """The budget; None: none is set."""
    next_command: str


def forecast(
    study: Study,
    designs: Sequence[TaskDesign],
    live: Mapping[ModelName, ModelSpec],
    *,
    n_lines: int,
    span_days: float | None,
    next_command: str,
) -> Forecast:
    """Say what a study will take.

    Args:
        study: The study, with prices.
        designs: Its tasks, with the requests that may be used.
        live: Models that are paid for.
        n_lines: Lines of the log.
        span_days: Days that the log spans, > 0; None where it does not tell.
        next_command: What to type next.
    """
    n_open = sum(design.why_closed is None for design in designs)
    level, statement = planning_level(study.test, len(designs), len(study.candidates), n_open)
    is_exact = _is_small(study, designs)
    tasks = tuple(
        _task(study, design, live, is_exact=is_exact, level=level, span_days=span_days)
        for design in designs
    )
    parts = (
        _sum(task.baseline for task in tasks),
        _sum(arm.usd for task in tasks for arm in task.candidates),
        _sum(task.judge for task in tasks),
    )
    return Forecast(
        version=VERSION,
        tool_version=__version__,
        name=study.name,
        log_path=study.log.shown,
        n_lines=n_lines,
        span_days=span_days,
        alpha=study.test.alpha,
        family=study.test.family,
        level=level,
        level_statement=statement,
        runs=RUNS,
        assumptions=tuple(_assumptions(study, tasks, designs)),
        tasks=tasks,
        baseline=parts[0],
        candidates=parts[1],
        judge=parts[2],
        total=_sum(parts),
        is_paid=bool(live),
        max_cost_usd=study.run.max_cost_usd,
        next_command=next_command,
    )


def planning_level(
    test: TestSpec, n_tasks: int, n_candidates: int, n_open: int
) -> tuple[float, str]:
    """Return the level that an arm is planned for, and where it comes from.

    What an arm needs depends on how the others of its family end.

    Args:
        test: Alpha and the family's rule.
        n_tasks: Tasks of the study, those that cannot be measured too.
        n_candidates: Candidates of each task.
        n_open: Tasks that can be measured.

    Example:
        >>> round(planning_level(TestSpec(), 6, 3, 6)[0], 6)
        0.008333
    """
    n_arms = n_tasks * n_candidates
    if test.design != "sequential" and n_arms > 1:
        return test.alpha / n_arms, f"alpha = {test.alpha:g} split over {n_arms} arms (Bonferroni)"
    if n_arms <= 1:
        return test.alpha, f"alpha = {test.alpha:g} for the only arm"
    if test.family == "fwer":
        level = test.alpha / n_arms
        return level, f"alpha = {test.alpha:g} split over {n_arms} arms (the first e-Holm step)"
    if n_tasks == 1:
        level = test.alpha / n_arms
        return level, f"alpha = {test.alpha:g} split over the {n_arms} candidates of the only task"
    n_certified = max(1, min(ceil(n_tasks / 2), n_open))
    level = test.alpha * n_certified / n_arms
    return level, (
        f"alpha = {test.alpha:g} x {n_certified} / {n_arms} arms (e-BH, if {n_certified} of "
        f"{n_tasks} tasks are certified in the end; fewer need more pairs)"
    )


def _is_small(study: Study, designs: Sequence[TaskDesign]) -> bool:
    """Whether the tasks have so few different lengths that each can be planned for exactly."""
    lengths = {
        _most(study.test, len(design.sample.units))
        for design in designs
        if design.why_closed is None
    }
    return len(lengths) <= _MOST_EXACT


def _rounded(n: int, estimand: Estimand) -> int:
    """Round down above 200: to two digits, or to ten steps per decade where it is simulated."""
    if n <= _SHORT:
        return n
    if estimand.name != "parity":
        return floor(10 ** (floor(10 * log10(n) + _TIE) / 10) + _TIE)
    step: int = 10 ** (floor(log10(n)) - 1)
    return n // step * step


def _most(test: TestSpec, n_available: int) -> int:
    return max(1, min(test.max_samples, n_available))


def _task(
    study: Study,
    design: TaskDesign,
    live: Mapping[ModelName, ModelSpec],
    *,
    is_exact: bool,
    level: float,
    span_days: float | None,
) -> TaskForecast:
    n_available = len(design.sample.units)
    found = None
    why_closed = design.why_closed
    if why_closed is None:
        found = _prospects(study, design, level, is_exact=is_exact)
    if found is not None and found.lack is None:
        why_closed = out_of_reach(study, design)
        found = None if why_closed else found
    per_month = None if span_days is None else design.sample.n_lines / span_days * DAYS_PER_MONTH
    money = spending(study, design, live, found.outlooks[0] if found else None, per_month)
    return TaskForecast(
        task=design.spec.name,
        kind=design.kind.value,
        estimand=design.estimand,
        why_closed=why_closed,
        n_lines=design.sample.n_lines,
        n_available=n_available,
        requests_per_month=per_month,
        prospects=found,
        notes=tuple(_notes(study, design, found)),
        candidates=money.candidates,
        baseline=money.baseline,
        judge=money.judge,
        estimated_tokens=money.estimated_tokens,
    )


def _prospects(study: Study, design: TaskDesign, level: float, *, is_exact: bool) -> Prospects:
    n_available, estimand = len(design.sample.units), design.estimand
    n_max = _most(study.test, n_available)
    if not is_exact:
        fewer = (_rounded(n_max, estimand), _rounded(n_available, estimand))
        found = _prospects_of(study, estimand, level, *fewer)
        # Nobody is told that nothing can be certified because a length was rounded.
        if found.lack is None or found.lack.why == "weak":
            return found
    return _prospects_of(study, estimand, level, n_max, n_available)


def _prospects_of(
    study: Study, estimand: Estimand, level: float, n_max: int, n_available: int
) -> Prospects:
    test = study.test
    # As a run has it: all of a short log is no small sample of it.
    min_n = min(test.min_n, n_max) if test.target == "log" else test.min_n
    terms = Terms(n_max=n_max, alpha=level, beta=test.beta, min_n=min_n)
    if test.design != "sequential":
        bar = estimand.null
        return fixed_prospects(
            terms, named_design(test.design, bar, alpha=level, n_max=n_max, looks=test.looks)
        )
    return prospects(
        # Why it was chosen is nothing to the test.
        replace(estimand, why=""),
        terms,
        worth=None
        if estimand.name == "parity"
        else worth_certifying(estimand, test, n_max, len(study.candidates)),
        log_size=n_available if test.target == "log" else None,
    )


def _notes(study: Study, design: TaskDesign, found: Prospects | None) -> Iterator[str]:
    if found is not None and found.lack is not None:
        yield _too_short(found, found.lack, study.test, len(design.sample.units))
    for gate in design.spec.gates:
        yield f"gate {gate.name!r} ({gate.check}) adds to this"
    if design.spec.must_pass:
        yield f"must_pass ({len(design.spec.must_pass)}) adds to this"


def _too_short(found: Prospects, lack: Lack, test: TestSpec, n_available: int) -> str:
    n = _most(test, n_available)
    is_cut = test.max_samples < n_available
    what = f"max_samples == {n} is too small" if is_cut else f"too short ({n} requests)"
    if lack.why == "weak":
        chance = found.outlooks[0].certified
        more = "no log would do at this margin"
        if lack.needed is not None:
            more = f"about {lack.needed:,} requests in all give 80%"
        return (
            f"{what}: a candidate as good as the baseline is certified with a chance of "
            f"{chance:.0%}; {more}, or a wider margin"
        )
    ways = [f"at least {lack.needed:,} requests"] if lack.needed else []
    if lack.best_bar is not None:
        ways.append(f"a bar of at most {lack.best_bar:g}")
    if lack.log_claim is not None and not is_cut:
        ways.append(f"a claim about this log only (`test.target: log`, {lack.log_claim} passes)")
    return (
        f"{what}: not even a candidate that always passes can be certified. "
        f"It takes {', or '.join(ways) or 'more than ten million requests'}"
    )


def _assumptions(
    study: Study, tasks: Sequence[TaskForecast], designs: Sequence[TaskDesign]
) -> tuple[str, ...]:
    forecast_tasks = [task for task in tasks if task.prospects is not None]
    names = {task.estimand.name for task in forecast_tasks}
    has_judge = any(spec.scorer == "judge" for design in designs for spec in design.scorers)
    labels = study.judge is not None and study.judge.labels is not None
    lengths = {task.n_available for task in forecast_tasks} | {study.test.max_samples}
    said = {
        f"differences: in {DISCORDANT:.0%} of the pairs (more where the truth takes it) exactly "
        "one of the two answers is right": bool(names & {"noise_floor", "quality"}),
        f"preferences: {TIES:.0%} of the pairs are ties": "preference" in names,
        "noise floor: the baseline agrees with itself on clearly more than 80%": (
            "noise_floor" in names
        ),
        "noise floor: with fewer second answers than pairs it takes a fifth to a half more pairs "
        "than shown": any(
            design.subsample is not None and design.estimand.name == "noise_floor"
            for design in designs
        ),
        "human labels are not forecast: correcting the judge takes more pairs": labels,
        "differences and preferences are planned for all traffic; a claim about this log takes "
        "fewer pairs": study.test.target == "log" and bool(names - {"parity"}),
        "the judge is asked about every pair, in two orders: an upper estimate": (
            has_judge and any(task.judge.expected for task in tasks)
        ),
        "tokens that the log does not count: a quarter of the characters": any(
            task.estimated_tokens for task in tasks
        ),
        "so many tasks that lengths above 200 are rounded down, by up to a fifth": any(
            task.prospects is not None and task.prospects.n_planned not in lengths
            for task in forecast_tasks
        ),
    }
    return tuple(text for text, applies in said.items() if applies)


def _sum(parts: Iterable[Usd]) -> Usd:
    amounts = list(parts)
    return Usd(
        expected=sum(usd.expected for usd in amounts), worst=sum(usd.worst for usd in amounts)
    )

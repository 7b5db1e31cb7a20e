"""Decisions, outcomes and ledger to the summary that every report is made from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from parity_eval import __version__, certificate, economics, fidelity, manifest
from parity_eval.certificate import Circumstances
from parity_eval.certifier import USED_RULES
from parity_eval.design import TaskDesign
from parity_eval.estimands import gate_estimand
from parity_eval.evaluation import Outcome
from parity_eval.intake import Intake
from parity_eval.records import Arm, Decision, ModelSpec, PlaceboResult, TaskName
from parity_eval.rules import describe
from parity_eval.stats.agreement import agreement
from parity_eval.stats.routing import RoutingRule
from parity_eval.study import Study, TestSpec
from parity_eval.summary import (
    ArmSummary,
    JudgeAgreement,
    LedgerLine,
    RuleView,
    RunSummary,
    TaskSummary,
)

VERSION = 1

_MOST_REJECTS = 20
_GUARANTEES = {
    RoutingRule.NONE: "nothing about the table: each arm is looked at on its own",
    RoutingRule.BONFERRONI: "the chance of any false certificate is at most alpha",
    RoutingRule.HOLM: "the chance of any false certificate is at most alpha",
    RoutingRule.SELECTED_E_BH: "the expected share of false entries in the table is at most alpha",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a run found out."""

    designs: Sequence[TaskDesign]
    placebos: Mapping[TaskName, tuple[PlaceboResult, ...]]
    closed: Mapping[TaskName, str]
    """Why tasks can't be measured."""
    decisions: Sequence[Decision]
    outcomes: Mapping[Arm, Sequence[Outcome]]
    """In order, as far as they entered the test."""
    beyond: Mapping[Arm, Sequence[Outcome]] = field(default_factory=dict)
    """Of heavy requests that the test did not reach."""
    positions: Mapping[Arm, int] = field(default_factory=dict)
    """Requests of each arm's order that are used up."""
    n_units: Mapping[TaskName, int] = field(default_factory=dict)
    """Requests of each task that its arms may use."""
    gate_sizes: Mapping[tuple[TaskName, str], int] = field(default_factory=dict)
    """Requests of each task's gates that its arms may use."""
    by_rule: Mapping[RoutingRule, tuple[Arm, ...]] = field(default_factory=dict)
    """What each rule for many tests would certify."""
    waste: Mapping[Arm, int]
    needed_labels: Sequence[Mapping[str, str | None]] = ()
    """Pairs that a human has to look at before an arm goes on, as lines of a file."""
    circumstances: Mapping[Arm, Circumstances]
    ledger: tuple[LedgerLine, ...]
    spent_usd: float
    newest: str | None = None
    """When the newest answer of a live model was given, UTC; None where none was needed."""
    why_incomplete: str | None


def by_price(candidates: Sequence[ModelSpec]) -> list[ModelSpec]:
    """Return candidates from the cheapest; where a price is unknown the given order counts.

    Three input tokens are reckoned for each output token, as in most production logs.
    """

    def rank(spec: ModelSpec) -> float:
        return 3 * spec.price.input + spec.price.output if spec.price else float("inf")

    return sorted(candidates, key=rank)


def run_summary(
    study: Study, intake: Intake, results: Results, *, run_id: str, study_hash: str
) -> RunSummary:
    """Put a run together.

    Args:
        study: The study, with prices.
        intake: Its log.
        results: What was found out.
        run_id: Name of the run folder.
        study_hash: Digest of the study's terms.
    """
    tasks = tuple(_task(study, design, results) for design in results.designs)
    n_arms = len(study.candidates) * len(tasks)
    test = study.test
    return RunSummary(
        version=VERSION,
        tool_version=__version__,
        run_id=run_id,
        name=study.name,
        study_hash=study_hash,
        log_path=study.log.shown,
        log_fingerprint=intake.fingerprint,
        n_lines=intake.n_lines,
        n_rejects=len(intake.rejects),
        rejects=intake.rejects[:_MOST_REJECTS],
        skipped=intake.skipped,
        formats=intake.formats,
        left_out=intake.left_out,
        masked=intake.masked,
        n_masked=intake.n_masked,
        n_unassigned=intake.n_unassigned,
        first_timestamp=intake.first_timestamp,
        last_timestamp=intake.last_timestamp,
        baseline=study.baseline.spec.name,
        baseline_model=study.baseline.spec.model,
        candidates={spec.name: spec.model for spec in study.candidates},
        judge=study.judge.spec.name if study.judge else None,
        seed=test.seed,
        alpha=test.alpha,
        beta=test.beta,
        family=test.family,
        family_statement=certificate.family_statement(test, len(tasks), n_arms),
        n_tasks=len(tasks),
        n_arms=n_arms,
        state="incomplete" if results.why_incomplete else "complete",
        why_incomplete=results.why_incomplete,
        tasks=tasks,
        ledger=results.ledger,
        spent_usd=results.spent_usd,
        max_cost_usd=study.run.max_cost_usd,
        saving_usd_in_log=_total(
            arm.money.saving_usd_in_log for task in tasks for arm in task.arms if arm.is_route
        ),
        baseline_usd_in_log=_total(_baseline_usd(task) for task in tasks),
        target=test.target,
        unit=certificate.unit_words(test),
        design=certificate.design_words(test),
        rules=_rules(test, results) if n_arms > 1 and test.design == "sequential" else (),
    )


def circumstances(
    study: Study,
    designs: Sequence[TaskDesign],
    placebos: Mapping[TaskName, tuple[PlaceboResult, ...]],
    *,
    judge_is: str | None,
    n_units: Mapping[Arm, int],
) -> dict[Arm, Circumstances]:
    """Collect what each arm's certificate must say beyond its statement.

    Args:
        study: The study.
        designs: Its tasks.
        placebos: What their placebos did.
        judge_is: The contestant that the judge is, if it is one.
        n_units: Requests that each arm may use.
    """
    judge = study.judge
    found = {}
    for design in designs:
        asks = any(scorer.scorer in ("judge", "rating") for scorer in design.scorers)
        asked = judge if asks else None
        for spec in study.candidates:
            arm = Arm(task=design.spec.name, candidate=spec.name)
            dropped = spec.params.get("drop")
            requests = [unit.request for unit in design.sample.units[: study.test.max_samples]]
            lack = fidelity.shortfall(spec, design.spec.name, requests)
            found[arm] = Circumstances(
                judge=asked.spec.name if asked else None,
                judge_is_contestant=judge_is if asked else None,
                judge_saw_one_order=asked is not None and asked.orders == "any",
                placebos=placebos.get(design.spec.name, ()),
                dropped_params=tuple(map(str, dropped)) if isinstance(dropped, list) else (),
                has_own_prompt=spec.prompt is not None,
                not_taken=0 if lack is None else lack.n,
                refused=len(design.sample.units) - n_units[arm],
                is_corrected=design.is_corrected,
                cluster=study.test.cluster_field,
                masked=len(
                    {
                        unit.request.id
                        for unit in design.sample.units[: study.test.max_samples]
                        if unit.is_masked
                    }
                ),
                by_traffic=study.test.weight == "traffic",
            )
    return found


def _task(study: Study, design: TaskDesign, results: Results) -> TaskSummary:
    name = design.spec.name
    decisions = {d.arm.candidate: d for d in results.decisions if d.arm.task == name}
    arms = [
        _arm(decisions[spec.name], design, results)
        for spec in by_price(study.candidates)
        if spec.name in decisions
    ]
    # The cheapest comes first; certified candidates that do not save anything are no route.
    chosen = next((a.decision.arm.candidate for a in arms if manifest.may_route(a)), None)
    return TaskSummary(
        name=name,
        kind=design.kind.value,
        rule=describe(design.rule) if design.rule else "",
        estimand=design.estimand,
        statement=certificate.statement(
            design.estimand,
            log_size=results.n_units[name] if study.test.target == "log" else None,
            is_corrected=design.is_corrected,
            cluster=study.test.cluster_field,
            by_traffic=study.test.weight == "traffic",
        ),
        n_lines=design.sample.n_lines,
        n_units=len(design.sample.units),
        n_certify=min(len(design.sample.units), study.test.max_samples),
        excluded=dict(design.sample.excluded),
        order_hash=design.sample.order_hash,
        placebos=results.placebos.get(name, ()),
        arms=tuple(replace(arm, is_route=arm.decision.arm.candidate == chosen) for arm in arms),
        why_not_measurable=results.closed.get(name),
        gates={
            gate.name: certificate.gate_statement(
                gate,
                gate_estimand(gate, design.estimand, study.origin),
                log_size=results.gate_sizes.get((name, gate.name))
                if study.test.target == "log"
                else None,
                is_corrected=design.is_corrected,
                cluster=study.test.cluster_field,
                by_traffic=study.test.weight == "traffic",
            )
            for gate in design.spec.gates
        },
        must_pass=design.spec.must_pass,
    )


def _arm(decision: Decision, design: TaskDesign, results: Results) -> ArmSummary:
    arm = decision.arm
    outcomes = results.outcomes.get(arm, ())
    seen = [*outcomes, *results.beyond.get(arm, ())]
    n_lines = {unit.request.id: unit.n_lines for unit in design.sample.units}
    failed = [(o.request, n_lines.get(o.request, o.weight)) for o in seen if o.is_failure]
    total_weight = design.sample.n_lines_of(design.sample.units)
    circumstances = results.circumstances[arm]
    return ArmSummary(
        decision=decision,
        money=economics.compare(
            [(o.baseline_usd, o.candidate_usd, o.weight) for o in outcomes], design.sample.n_lines
        ),
        mean_by_traffic=_by_traffic(outcomes, design),
        is_route=False,
        blocked_by=certificate.heavy_failure(failed, total_weight, design.spec.acknowledge),
        qualifications=certificate.qualifications(
            replace(
                circumstances,
                holes_counted=sum(o.is_hole for o in outcomes),
                labels_used=sum(o.is_labelled for o in outcomes),
                unread=sum(o.is_unread for o in outcomes),
            )
        ),
        n_failed=sum(o.is_failure for o in outcomes),
        waste=results.waste.get(arm, 0),
        position=results.positions.get(arm, 0),
        agreement=_agreement([o.judged for o in outcomes if o.judged is not None]),
        labels_used=sum(o.is_labelled for o in outcomes),
    )


def _by_traffic(outcomes: Sequence[Outcome], design: TaskDesign) -> float | None:
    """Weigh observations by log lines; None where they are known for a part of requests only."""
    weight = sum(o.weight for o in outcomes)
    if not weight or design.subsample is not None:
        return None
    return sum(o.value * o.weight for o in outcomes) / weight


def _agreement(pairs: Sequence[tuple[float, float]]) -> JudgeAgreement | None:
    if not pairs:
        return None
    first, second = zip(*pairs, strict=True)
    categories = tuple(sorted({*first, *second}))
    found = agreement(first, second, categories=categories)
    low, high = found.interval or (None, None)
    return JudgeAgreement(
        n=found.n,
        share=found.share,
        kappa=found.kappa,
        low=low,
        high=high,
        categories=categories,
        confusion=found.confusion,
    )


def _rules(test: TestSpec, results: Results) -> tuple[RuleView, ...]:
    used = USED_RULES[test.family]
    return tuple(
        RuleView(rule=rule.value, guarantee=words, is_used=rule is used, certified=found)
        for rule, words in _GUARANTEES.items()
        if (found := results.by_rule.get(rule)) is not None
    )


def _baseline_usd(task: TaskSummary) -> float | None:
    known = [
        arm.money.baseline_usd_per_1k
        for arm in task.arms
        if arm.money.baseline_usd_per_1k is not None
    ]
    return max(known) * task.n_lines / 1000 if known else None


def _total(amounts: Iterable[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None

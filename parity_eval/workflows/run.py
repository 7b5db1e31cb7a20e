"""The evaluation: from a prompt log to certified decisions. The table of contents of the system.

prompt log -> requests -> tasks -> seeded order -> replay -> pairs -> scores -> verdicts
    -> e-process per arm -> decisions -> manifest, reports
"""

import asyncio
import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from parity_eval import (
    codec,
    coverage,
    documents,
    explorer,
    labels,
    manifest,
    placebo,
    plugins,
    prompt_log,
)
from parity_eval.answers import rendered
from parity_eval.armplans import Before, arm_plans
from parity_eval.armtest import ArmPlan
from parity_eval.asking import Asking
from parity_eval.batches import BatchLog
from parity_eval.books import output_bound
from parity_eval.cache import ANSWERS, DAY_S, CacheSettings, SharedAnswers
from parity_eval.certificate import is_heavy
from parity_eval.certifier import Certifier
from parity_eval.comparison import Comparison
from parity_eval.contestants import contestant, self_preference_message
from parity_eval.derived import write_tables
from parity_eval.design import TaskDesign, decide
from parity_eval.errors import ConfigError
from parity_eval.evaluation import Evaluation
from parity_eval.intake import Intake, content_digest
from parity_eval.interrupt import Interrupt
from parity_eval.labels import Labels
from parity_eval.limits import provider_of
from parity_eval.outcomes import is_of_request
from parity_eval.parity import MOST_JUDGED, Ruled
from parity_eval.planning import worst_case_usd
from parity_eval.protocols import Listener
from parity_eval.records import (
    Arm,
    Hole,
    Missing,
    PlaceboResult,
    Purpose,
    RequestId,
    Status,
    TaskName,
)
from parity_eval.replay import Replay, ReplaySettings
from parity_eval.sampling import distinct, representative
from parity_eval.schedule import certify
from parity_eval.stats.routing import RoutingRule
from parity_eval.store import JOURNAL, Register, RunFolder, read_journal
from parity_eval.study import Study, TaskSpec
from parity_eval.summarise import Results, by_price, circumstances, run_summary
from parity_eval.summary import RunSummary
from parity_eval.terms import Orders, fresh_orders, resolved, study_hash

_NEW_OBJECTS = 20_000
"""Between two looks for garbage."""
_PROGRESS_S = 0.25
_PROGRESS_SHARE = 50
"""Working out where the arms stand takes at most one part in so many of the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A run's summary and where its files are."""

    summary: RunSummary
    folder: Path
    files: Mapping[str, str]
    """What was written, by what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A study with everything that is fixed before the first candidate call."""

    study: Study
    intake: Intake
    designs: tuple[TaskDesign, ...]
    labels: Labels | None
    judge_labels: Labels | None
    models: plugins.Models
    ruled: Mapping[TaskName, Ruled]
    formats: Mapping[TaskName, Ruled]
    """The checks of format gates."""
    study_hash: str

    @property
    def run_id(self) -> str:
        """Name of the run folder: equal terms, the same folder."""
        return f"{self.study.name}-{self.study_hash[:10]}"


@contextmanager
def _few_collections() -> Iterator[None]:
    """Look for garbage more seldom: what a run keeps grows all the time, and is not in cycles."""
    before = gc.get_threshold()
    gc.set_threshold(_NEW_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@_few_collections()
def run(study: Study, listener: Listener, *, approve: Callable[[float], bool]) -> RunResult:
    """Evaluate a study, or go on with its unfinished run.

    Args:
        study: What to evaluate.
        listener: Is told how it gets on.
        approve: Asked before money is spent without a budget, with the worst case in dollars.

    Returns:
        The summary and the files written.

    Raises:
        UsageError: the study, the log or a recording cannot be used.
        IncompleteError: an endpoint does not answer, or another process works on this run.
    """
    prepared = prepare(study, listener)
    _check_offline(prepared)
    prepared.models.check()
    prepared = _within_budget(prepared, approve)
    register = Register(Path(study.run.out))
    orders = _fresh_orders(prepared, register, listener)
    run_folder = RunFolder(Path(study.run.out) / prepared.run_id)
    with run_folder as folder, _shared_answers(prepared) as answers:
        if folder.is_mended:
            listener.on_note(
                f"{folder.path / JOURNAL}: its last record was not whole and is dropped"
            )
        prepared.models.attach(BatchLog.load(folder.path), listener.on_note)
        evaluation = _open(prepared, folder, orders, register, answers)
        evaluation.asking.replay.on_note = listener.on_note
        gc.freeze()  # no garbage among what was imported and read
        try:
            results = asyncio.run(_closing(prepared, evaluation, listener))
        except asyncio.CancelledError as error:
            # The second Ctrl-C; the journal holds all that arrived.
            raise KeyboardInterrupt from error
        for note in (*evaluation.notes(), *(answers.notes() if answers else ())):
            listener.on_note(note)
        return _write(prepared, folder, results)


def prepare(study: Study, listener: Listener) -> Prepared:
    """Read the inputs and fix the design; sends nothing and writes nothing."""
    study = plugins.priced(study)
    intake = prompt_log.intake(study, listener.on_note)
    table = labels.load(study.labels) if study.labels else None
    judge_table = None
    if study.judge is not None and study.judge.labels is not None:
        judge_table = labels.load_verdicts(study.judge.labels, study.baseline.spec.name)
    models = plugins.models(study)
    _check_judge(study, models)
    designs = tuple(_design(study, name, intake, table, models) for name in sorted(intake.by_task))
    notes = coverage.check(study, designs, table, models.lacking)
    coverage.check_latencies(study, designs, models.lacking_latency)
    if judge_table is not None:
        notes += coverage.check_judge_labels(study, designs, judge_table)
    notes += coverage.fidelity_notes(study, designs)
    for note in (*notes, *coverage.clustering_notes(study, intake.by_task)):
        listener.on_note(note)
    measured = [design for design in designs if design.why_closed is None]
    ruled = {
        design.spec.name: Ruled(rule=design.rule, scorers=plugins.scorers(design, study, models))
        for design in measured
        if design.rule is not None
    }
    formats = {
        design.spec.name: plugins.format_check(design)
        for design in measured
        if any(gate.check == "format" for gate in design.spec.gates)
    }
    return Prepared(
        study=study,
        # The designs hold what is needed of the entries.
        intake=replace(intake, by_task={}),
        designs=designs,
        labels=table,
        judge_labels=judge_table,
        models=models,
        ruled=ruled,
        formats=formats,
        study_hash=study_hash(study, intake.fingerprint, designs),
    )


async def _closing(prepared: Prepared, evaluation: Evaluation, listener: Listener) -> Results:
    """Let go of connections, however the evaluation ends."""
    try:
        return await _evaluate(prepared, evaluation, listener)
    finally:
        await prepared.models.aclose()


async def _evaluate(prepared: Prepared, evaluation: Evaluation, listener: Listener) -> Results:
    """Run the placebos, then the tests of all arms until everything is decided."""
    interrupt = _interrupt(prepared, evaluation, listener)
    with interrupt.listening():
        return await _decide(prepared, evaluation, listener, interrupt)


async def _decide(
    prepared: Prepared, evaluation: Evaluation, listener: Listener, interrupt: Interrupt
) -> Results:
    study = prepared.study
    placebos = {
        design.spec.name: await _placebos(prepared, design, evaluation)
        for design in prepared.designs
        if design.why_closed is None
    }
    known = {task: found for task, found in placebos.items() if not isinstance(found, Missing)}
    closed = _closed(prepared.designs, known)
    before = await _before(prepared, evaluation, closed, placebos)
    plans = arm_plans(
        study,
        prepared.designs,
        evaluation.orders,
        by_price=by_price(study.candidates),
        before=before,
    )
    certifier = Certifier(plans, study.test)
    _announce(prepared, evaluation, listener)
    await _certify(prepared, evaluation, certifier, listener, interrupt)
    why_incomplete = _why_incomplete(certifier, is_interrupted=interrupt.is_asked)
    results = _results(prepared, evaluation, certifier, plans, known, why_incomplete)
    for decision in results.decisions:
        listener.on_progress(decision, results.spent_usd)
    return results


def _interrupt(prepared: Prepared, evaluation: Evaluation, listener: Listener) -> Interrupt:
    """Return what ends the run when the user asks for it."""
    replay = evaluation.asking.replay

    def wind_down(note: str) -> None:
        replay.wind_down()
        pending = prepared.models.interrupt()
        listener.on_note(note)
        if pending:
            listener.on_note(
                f"{len(pending)} batches were sent and are not over ({', '.join(pending)}); the "
                "same command collects them"
            )

    return Interrupt(wind_down)


async def _certify(
    prepared: Prepared,
    evaluation: Evaluation,
    certifier: Certifier,
    listener: Listener,
    interrupt: Interrupt,
) -> None:
    """Run the tests of all arms until everything is decided, or the user stops them."""
    run, replay = prepared.study.run, evaluation.asking.replay
    showing = asyncio.create_task(_show_progress(certifier, replay, listener))
    try:
        await certify(
            evaluation,
            certifier,
            concurrency=run.concurrency,
            batch_size=run.batch.size if run.batch.models else 0,
            should_stop=lambda: interrupt.is_asked,
        )
        await _ask_heavy(evaluation, certifier)
    finally:
        showing.cancel()


def _results(
    prepared: Prepared,
    evaluation: Evaluation,
    certifier: Certifier,
    plans: Sequence[ArmPlan],
    placebos: Mapping[TaskName, tuple[PlaceboResult, ...]],
    why_incomplete: str | None,
) -> Results:
    """Collect what the tests came to."""
    study, replay, arms = prepared.study, evaluation.asking.replay, certifier.arms
    judge_is = [
        name for model in prepared.models.judge_models() if (name := contestant(study, model))
    ]
    return Results(
        designs=prepared.designs,
        placebos=placebos,
        closed=_closed(prepared.designs, placebos),
        decisions=certifier.decisions(),
        outcomes={arm: evaluation.used(arm, certifier.position(arm)) for arm in arms},
        beyond={arm: evaluation.beyond(arm, certifier.position(arm)) for arm in arms},
        positions={arm: certifier.position(arm) for arm in arms},
        n_units={arm.task: len(order) for arm, order in evaluation.orders.items()},
        gate_sizes={
            (plan.arm.task, part.name): part.size for plan in plans for part in plan.parts[1:]
        },
        needed_labels=_needed_labels(evaluation, certifier),
        by_rule={rule: certifier.certified_by(rule) for rule in RoutingRule},
        waste={arm: certifier.waste(arm) for arm in arms},
        circumstances=circumstances(
            study,
            prepared.designs,
            placebos,
            judge_is=judge_is[0] if judge_is else None,
            n_units={arm: len(order) for arm, order in evaluation.orders.items()},
        ),
        ledger=replay.ledger(),
        spent_usd=replay.spent_usd,
        newest=manifest.utc(replay.newest_at) if replay.newest_at is not None else None,
        why_incomplete=why_incomplete,
    )


def _write(prepared: Prepared, folder: RunFolder, results: Results) -> RunResult:
    """Derive everything else in the folder from the journal and the results."""
    summary = run_summary(
        prepared.study,
        prepared.intake,
        results,
        run_id=prepared.run_id,
        study_hash=prepared.study_hash,
    )
    document = manifest.build(
        summary, prepared.study, results.newest or prepared.intake.last_timestamp
    )
    documents.check(document, "manifest.v1.json", "the manifest")
    used = {(arm.task, arm.candidate): n for arm, n in results.positions.items()}
    pairs = explorer.pairs(lambda: read_journal(folder.path), used)
    written = {
        "report": folder.write("report.html", plugins.reporter("html").render(summary, pairs)),
        "manifest": folder.write("manifest.json", codec.pretty(document)),
        "summary": folder.write("summary.json", codec.pretty(summary)),
        "tables": write_tables(folder.path),
        "journal": folder.path / JOURNAL,
    }
    if prepared.intake.rejects:
        lines = (codec.encode(reject).decode() + "\n" for reject in prepared.intake.rejects)
        written["rejects"] = folder.write("rejects.jsonl", "".join(lines))
    folder.remove("labels-needed.jsonl")
    if results.needed_labels:
        lines = (codec.encode(row).decode() + "\n" for row in results.needed_labels)
        written["labels needed"] = folder.write("labels-needed.jsonl", "".join(lines))
    return RunResult(
        summary=summary,
        folder=folder.path,
        files={what: str(path) for what, path in written.items()},
    )


def _design(
    study: Study, name: TaskName, intake: Intake, table: Labels | None, models: plugins.Models
) -> TaskDesign:
    unnamed = TaskSpec(name=name, estimand=study.test.estimand)
    spec = next((s for s in study.tasks if s.name == name), unnamed)
    entries = intake.by_task[name]
    groups = distinct(entries, content_digest)
    needs_answer = study.baseline.source == "logged"
    ids = [representative(g, needs_answer=needs_answer).request.id for g in groups.values()]
    has_floor = models.has_second_answers(ids, spec, entries)
    return decide(
        spec, groups, study, labels=table, has_floor=has_floor, beyond=intake.beyond.get(name)
    )


def _check_judge(study: Study, models: plugins.Models) -> None:
    if study.judge is None or study.judge.allow_self_preference:
        return
    for model in models.judge_models():
        if name := contestant(study, model):
            raise ConfigError(f"{study.origin}: judge: {self_preference_message(model, name)}")


def _check_offline(prepared: Prepared) -> None:
    """Refuse live models offline where no answer of theirs can be at hand."""
    run, live = prepared.study.run, prepared.models.live
    out = Path(run.out)
    at_hand = (out / ANSWERS, out / prepared.run_id / JOURNAL)
    if run.offline and live and not any(path.exists() for path in at_hand):
        names = ", ".join(map(repr, live))
        raise ConfigError(
            f"--offline, but {names} would be asked over the network; use recordings of them"
        )


def _within_budget(prepared: Prepared, approve: Callable[[float], bool]) -> Prepared:
    """Return the study with a budget: its own, or the worst case once that is agreed to."""
    study = prepared.study
    if study.run.max_cost_usd is not None or study.run.offline or not prepared.models.live:
        return prepared
    worst = worst_case_usd(study, prepared.designs, prepared.models.live)
    if not approve(worst):
        raise ConfigError(
            f"no budget is set, and in the worst case this run costs ${worst:,.2f}; "
            "set `budget.usd` or --max-cost, or agree with --yes"
        )
    return replace(prepared, study=replace(study, run=replace(study.run, max_cost_usd=worst)))


def _fresh_orders(prepared: Prepared, register: Register, listener: Listener) -> Orders:
    """Refuse requests that these candidates have seen under other terms."""
    study = prepared.study
    used = register.used(prepared.study_hash) if study.run.is_registered else {}
    orders = fresh_orders(
        prepared.designs,
        study.candidates,
        lambda candidate: used.get(candidate, {}),
        study.test.max_samples,
    )
    for note in orders.notes:
        listener.on_note(note)
    if orders.notes and not any(orders.by_arm.values()):
        raise ConfigError(
            f"{study.origin}: every request of this log has already been shown to these candidates "
            "under other terms; testing them again would not be a proof. Use newer requests, or go "
            "back to the earlier terms to resume that run"
        )
    return orders


def _shared_answers(prepared: Prepared) -> AbstractContextManager[SharedAnswers | None]:
    """Return the answers that the runs of this output folder share; only live models have any."""
    run = prepared.study.run
    if not prepared.models.live:
        return nullcontext()
    settings = CacheSettings(
        run_id=prepared.run_id,
        max_age_s=run.cache_max_age_days * DAY_S,
        reads_others=run.reads_cache,
    )
    return SharedAnswers(Path(run.out) / ANSWERS, settings)


def _open(
    prepared: Prepared,
    folder: RunFolder,
    orders: Orders,
    register: Register,
    answers: SharedAnswers | None,
) -> Evaluation:
    """Open the journal: what it holds is never asked for again."""
    study = prepared.study
    replay = Replay(
        prepared.models.providers,
        folder.append,
        _replay_settings(prepared),
        cache=answers,
    )
    designs = {design.spec.name: design for design in prepared.designs}
    asking = Asking(study=study, ruled=prepared.ruled, replay=replay)
    evaluation = Evaluation(
        study=study,
        designs=designs,
        asking=asking,
        orders=orders.by_arm,
        comparison=Comparison(
            study=study,
            designs=designs,
            asking=asking,
            formats=prepared.formats,
            labels=prepared.labels,
            judge_labels=prepared.judge_labels,
        ),
        append=folder.append,
    )
    fixed = codec.digest(resolved(prepared.designs, prepared.ruled, orders))
    is_new = True
    for record in read_journal(folder.path):
        is_new = False
        if record["kind"] == "study" and record["resolved"] != fixed:
            raise ConfigError(
                f"{folder.path}: this run was begun under other terms than this version, or this "
                "output folder, would go on with; finish it as it was begun. What its requests "
                "have shown cannot be tested again, there or elsewhere"
            )
        replay.remember(record)
        evaluation.remember(record)
    replay.release_unsent()
    if is_new and study.run.is_registered:
        register.add(
            study_hash=prepared.study_hash, run_id=prepared.run_id, used=orders.to_register
        )
    if is_new:
        folder.append(
            {
                "kind": "study",
                "version": 1,
                "run_id": prepared.run_id,
                "study_hash": prepared.study_hash,
                "resolved": fixed,
                "study": study,
            }
        )
    return evaluation


def _replay_settings(prepared: Prepared) -> ReplaySettings:
    run = prepared.study.run
    return ReplaySettings(
        concurrency=run.concurrency,
        max_wait_s=run.max_wait_s,
        max_cost_usd=run.max_cost_usd,
        task_max_usd=run.task_max_usd,
        output_tokens={
            design.spec.name: output_bound(unit.baseline.usage for unit in design.sample.units)
            for design in prepared.designs
        },
        limits=run.limits,
        shares={name: provider_of(spec) for name, spec in prepared.models.live.items()},
        is_offline=run.offline,
        mask=prompt_log.masker(prepared.study).answer,
    )


async def _placebos(
    prepared: Prepared, design: TaskDesign, evaluation: Evaluation
) -> tuple[PlaceboResult, ...] | Missing:
    task, study, test = design.spec.name, prepared.study, prepared.study.test
    is_scarce = bool(prepared.models.live) or study.run.recordings == "partial"
    is_paid = study.baseline.source == "replay" and is_scarce
    units = await evaluation.answered(task, MOST_JUDGED if is_paid else test.max_samples)
    if isinstance(units, Missing):
        return units
    return await placebo.run(
        replace(design, sample=replace(design.sample, units=units)),
        prepared.ruled.get(task),
        baseline=study.baseline.spec.name,
        labels=prepared.labels,
        alpha=test.alpha,
        ask=evaluation.asking.judge(task, Purpose.PLACEBO),
        floor=evaluation.floor(task),
        rate=evaluation.rater(task),
    )


def _closed(
    designs: tuple[TaskDesign, ...], placebos: Mapping[TaskName, tuple[PlaceboResult, ...]]
) -> dict[TaskName, str]:
    reasons = {
        design.spec.name: design.why_closed
        or placebo.why_not_measurable(placebos.get(design.spec.name, ()))
        for design in designs
    }
    return {name: why for name, why in reasons.items() if why}


async def _before(
    prepared: Prepared,
    evaluation: Evaluation,
    closed: Mapping[TaskName, str],
    placebos: Mapping[TaskName, tuple[PlaceboResult, ...] | Missing],
) -> Before:
    """Ask first for the requests that must pass: one that fails decides at once."""
    tasks = {design.spec.name for design in prepared.designs} - closed.keys()
    arms = [arm for arm in evaluation.orders if arm.task in tasks]

    async def look(arm: Arm) -> RequestId | Missing | None:
        unknown = placebos.get(arm.task)
        return unknown if isinstance(unknown, Missing) else await evaluation.must_pass(arm)

    found = dict(zip(arms, await asyncio.gather(*map(look, arms)), strict=True))
    return Before(
        closed=closed,
        failed={arm: it for arm, it in found.items() if isinstance(it, str)},
        holes={arm: it for arm, it in found.items() if isinstance(it, Missing)},
    )


def _announce(prepared: Prepared, evaluation: Evaluation, listener: Listener) -> None:
    most = prepared.study.test.max_samples
    n_tasks, n_arms = len(prepared.designs), len(evaluation.orders)
    listener.on_start(
        f"{prepared.run_id}: {prepared.intake.n_lines} log lines, {n_tasks} tasks, {n_arms} arms",
        {str(arm): min(most, len(order)) for arm, order in evaluation.orders.items()},
    )


async def _ask_heavy(evaluation: Evaluation, certifier: Certifier) -> None:
    """Look at heavy requests that the tests of certified arms did not get to.

    They say nothing about the rate, but one that fails blocks the route.
    """
    heavy: dict[tuple[Arm, RequestId], int] = {}
    for decision in certifier.decisions(with_path=False):
        if decision.status is Status.CERTIFIED:
            order = evaluation.orders[decision.arm]
            total = evaluation.designs[decision.arm.task].sample.n_lines_of(order)
            heavy |= {
                (decision.arm, order[position].request.id): position
                for position in range(certifier.position(decision.arm), len(order))
                if is_heavy(order[position].n_lines, total)
            }
    # Together, so that where answers come in batches they come in one.
    await asyncio.gather(*(evaluation.observe(arm, at) for (arm, _), at in heavy.items()))


async def _show_progress(certifier: Certifier, replay: Replay, listener: Listener) -> None:
    pause_s = _PROGRESS_S
    while True:
        await asyncio.sleep(pause_s)
        started = time.perf_counter()
        for decision in certifier.decisions(with_path=False):
            listener.on_progress(decision, replay.spent_usd)
        # Bounds of many arms take their time, in which nothing is sent.
        pause_s = max(_PROGRESS_S, _PROGRESS_SHARE * (time.perf_counter() - started))


def _needed_labels(evaluation: Evaluation, certifier: Certifier) -> list[dict[str, str | None]]:
    """Return what whoever labels has to see; an answer that is not there yet is null."""
    return [
        {
            "id": unit.request.id,
            "model": arm.candidate,
            "task": arm.task,
            "request": explorer.prompt_text(unit.request.body),
            "baseline": rendered(unit.baseline),
            "candidate": evaluation.answer_text(arm, unit),
        }
        for arm in certifier.holes()
        for unit in evaluation.needed_labels(arm, certifier.position(arm))
    ]


def _why_incomplete(certifier: Certifier, *, is_interrupted: bool) -> str | None:
    if not certifier.is_incomplete():
        return None
    holes = certifier.holes()
    if is_interrupted or not holes:
        return "interrupted; the same command goes on where it stopped"
    arm, hole = next(iter(holes.items()))
    n_arms = f"{len(holes)} arm{'s wait' if len(holes) > 1 else ' waits'}"
    if hole.hole is Hole.NO_VERDICT:
        return (
            f"{n_arms} for human verdicts; labels-needed.jsonl lists them. Add them to "
            "`judge.labels`, and the same command goes on"
        )
    again = f"{n_arms} for an answer that could not be had; {arm}: {hole.hole} ({hole.detail}). "
    if hole.hole is Hole.BUDGET:
        return f"{again}The same command with a higher budget goes on"
    if not is_of_request(hole):
        return f"{again}The same command tries again"
    return (
        f"{again}The same command tries again; `missing: fail` counts holes against the candidate"
    )

"""What recordings, labels and verdicts lack for a study, told before anything runs."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from parity_eval import fidelity
from parity_eval.design import TaskDesign
from parity_eval.errors import ConfigError, InputError
from parity_eval.intake import content_digest
from parity_eval.labels import Labels
from parity_eval.records import LogEntry, ModelSpec, RequestId, TaskName
from parity_eval.sampling import UNREPLAYABLE, distinct, representative
from parity_eval.study import MissingRule, Study
from parity_eval.tasks import common_value

_SHOWN = 3
_SHARED_FIELDS = ("session", "user")
_ASSUMED_CORRELATION = 0.3
_MOST_INFLATION = 1.5


def check(
    study: Study,
    designs: Sequence[TaskDesign],
    labels: Labels | None,
    lacking: Callable[[ModelSpec, Sequence[RequestId]], Sequence[RequestId]],
) -> tuple[str, ...]:
    """Hold recordings and labels against all requests that a study may use.

    Args:
        study: The study.
        designs: Its tasks.
        labels: Table of labels, if there is one.
        lacking: Returns the requests that a recorded model has no answer for.

    Returns:
        Notes on what will count against a candidate.

    Raises:
        UsageError: something is missing that the study would wait for.
    """
    notes: list[str | None] = [*_unused(study, designs, labels)]
    for design in designs:
        if design.why_closed is not None:
            continue
        ids = [unit.request.id for unit in design.sample.units[: study.test.max_samples]]
        notes += [
            check_recording(spec, design.spec.name, ids, lacking(spec, ids), study.run.missing)
            for spec in (_recorded(study, design) if study.run.recordings == "whole" else ())
        ]
        by_labels = design.estimand.name == "quality" and design.rule is None
        if by_labels and labels is not None:
            check_labelled_models_are_recorded(study.candidates)
            models = [study.baseline.spec, *study.candidates]
            notes += check_labels(labels, models, design.spec.name, ids, study.run.missing)
    return tuple(note for note in notes if note)


def check_latencies(
    study: Study,
    designs: Sequence[TaskDesign],
    lacking: Callable[[ModelSpec, Sequence[RequestId]], Sequence[RequestId]],
) -> None:
    """Hold recordings against the speed gates of a study.

    Args:
        study: The study.
        designs: Its tasks.
        lacking: Returns the requests whose recorded answer does not say how long it took.

    Raises:
        InputError: a recording lacks times and the study waits for them.
    """
    if study.run.missing == "fail":
        return
    for design in designs:
        gates = [gate.name for gate in design.spec.gates if gate.check == "speed"]
        ids = [unit.request.id for unit in design.sample.units[: study.test.max_samples]]
        for spec in study.candidates if gates and design.why_closed is None else ():
            if spec.is_recorded and (without := lacking(spec, ids)):
                raise InputError(
                    f"{spec.path}: {len(without)} of {len(ids)} recorded answers of {spec.name!r} "
                    f"have no `latency_s` (first: {without[0]}), which the gate {gates[0]!r} of "
                    f"task {design.spec.name!r} needs; add it, or remove the gate"
                )


def fidelity_notes(study: Study, designs: Sequence[TaskDesign]) -> tuple[str, ...]:
    """Tell what cannot be sent: requests that the log does not hold whole, or a candidate not take.

    Args:
        study: The study.
        designs: Its tasks.

    Returns:
        A note per task, and one per task and candidate.
    """
    notes: list[str] = []
    for design in designs:
        sample, task = design.sample, design.spec.name
        reasons = {
            why.removeprefix(UNREPLAYABLE): n
            for why, n in sorted(sample.excluded.items())
            if why.startswith(UNREPLAYABLE)
        }
        if reasons:
            told = ", ".join(f"{why}: {n:,}" for why, n in reasons.items())
            notes.append(
                f"task {task!r}: {sum(reasons.values()):,} of {sample.n_lines:,} log lines cannot "
                f"be replayed and are left out ({told})"
            )
        if design.why_closed is None:
            requests = [unit.request for unit in sample.units[: study.test.max_samples]]
            found = (fidelity.shortfall(spec, task, requests) for spec in study.candidates)
            notes += [str(lack) for lack in found if lack is not None]
            omitted = (fidelity.omission(spec, task, requests) for spec in study.candidates)
            notes += [str(omission) for omission in omitted if omission is not None]
    return tuple(notes)


def check_judge_labels(
    study: Study, designs: Sequence[TaskDesign], labels: Labels
) -> tuple[str, ...]:
    """Hold human verdicts on judged pairs against a study.

    Args:
        study: The study.
        designs: Its tasks.
        labels: The human verdicts.

    Returns:
        A note where no task asks the judge in a way that they could correct.

    Raises:
        InputError: none of the ids, or no label of a candidate, belongs to the study.
    """
    corrected = [design for design in designs if design.is_corrected]
    if not corrected:
        note = (
            f"{labels.path}: the human verdicts are not used: no task asks the judge to compare "
            "pairs (ratings of single answers cannot be corrected by them)"
        )
        return (note,)
    if not labels.is_preference:
        _check_single_verdicts(labels, corrected)
    ids = {unit.request.id for design in corrected for unit in design.sample.units}
    if ids.isdisjoint(request for request, _ in labels.quality):
        raise InputError(
            f"{labels.path}: none of its ids is in the log; check both files, or remove "
            "`judge.labels`"
        )
    for spec in study.candidates:
        if spec.name not in labels.models:
            known = ", ".join(sorted(labels.models))
            raise InputError(
                f"{labels.path}: no human verdict on answers of {spec.name!r}; it has: {known}. "
                "Give the candidate the `name` that the table uses"
            )
    return ()


def _check_single_verdicts(labels: Labels, designs: Sequence[TaskDesign]) -> None:
    """Refuse what says less than the estimand claims."""
    for design in designs:
        if design.estimand.name == "preference":
            raise InputError(
                f"{labels.path}: task {design.spec.name!r} certifies a preference, and these "
                "verdicts do not say which answer is better; give lines with `model_a`, `model_b` "
                "and `label` (model_a, model_b or tie), or set `estimand: parity`"
            )
    graded = {key: value for key, value in labels.quality.items() if value not in (0.0, 1.0)}
    if graded:
        (request, model), value = next(iter(graded.items()))
        raise InputError(
            f"{labels.path}: the label of id {request!r}, model {model!r}, is {value:g}; whether "
            "an answer is at parity is 0 or 1 (map other labels with `values`)"
        )


def clustering_notes(
    study: Study, by_task: Mapping[TaskName, Sequence[LogEntry]]
) -> tuple[str, ...]:
    """Tell where requests of a log are too dependent to be tested one by one.

    A task is told where, at an assumed correlation of 0.3 inside a session (or user), the variance
    of a mean is more than 1.5 times what the tests reckon with.

    Args:
        study: The study; nothing is told if it names a cluster, or makes a claim about its log
            alone, for which dependence plays no part.
        by_task: Log entries by task.

    Returns:
        A note per field, naming the tasks.

    References:
        Kish, Survey sampling, 1965, section 5.4 (design effect of clusters of unequal sizes).
    """
    if study.test.cluster is not None or study.test.target == "log":
        return ()
    needs_answer = study.baseline.source == "logged"
    notes = []
    for field in _SHARED_FIELDS:
        clustered = [
            found
            for task, entries in sorted(by_task.items())
            # Digests are costly, and most logs have neither field.
            if any(common_value(entry, field) for entry in entries)
            if (found := _clustered(task, field, _distinct(entries, needs_answer)))
        ]
        if clustered:
            notes.append(
                f"{'; '.join(clustered)}. Requests of one {field} tend to fail together, and then "
                "the chance of a false certificate can be several times the stated one. Set "
                f"`test: {{cluster: {field}}}` to let one request stand for each {field}, or "
                "`target: log` to claim nothing beyond the requests of this log; `cluster: none` "
                "says that they are known to be independent"
            )
    return tuple(notes)


def _distinct(entries: Sequence[LogEntry], needs_answer: bool) -> list[LogEntry]:  # noqa: FBT001
    groups = distinct(entries, content_digest).values()
    return [representative(group, needs_answer=needs_answer) for group in groups]


def _clustered(task: TaskName, field: str, requests: Sequence[LogEntry]) -> str | None:
    """Say how requests are clustered; None where that is harmless."""
    sizes = Counter(
        value for entry in requests if (value := common_value(entry, field)) is not None
    )
    n_alone = len(requests) - sizes.total()
    # The size of the cluster in which a request finds itself, on average.
    size = (sum(n * n for n in sizes.values()) + n_alone) / len(requests)
    if 1 + _ASSUMED_CORRELATION * (size - 1) <= _MOST_INFLATION:
        return None
    values = f"{len(sizes):,} value{'s' * (len(sizes) != 1)} of {field!r}"
    return f"task {task!r}: {sizes.total():,} of {len(requests):,} requests share {values}"


def _unused(study: Study, designs: Sequence[TaskDesign], labels: Labels | None) -> list[str]:
    """Tell what the study names and nothing matches; it is nearly always misspelt."""
    ids = {unit.request.id for design in designs for unit in design.sample.units}
    notes = [
        f"{study.origin}: tasks.{design.spec.name}.acknowledge: the task has no request {request!r}"
        for design in designs
        for request in design.spec.acknowledge
        if request not in ids
    ]
    if labels is None:
        return notes
    if ids and ids.isdisjoint(request for request, _ in labels.quality):
        raise InputError(
            f"{labels.path}: none of its ids is in the log; check both files, or remove `labels`"
        )
    known = ", ".join(sorted(labels.models))
    return notes + [
        f"{labels.path}: no labels for model {spec.name!r}; it has: {known}"
        for spec in (study.baseline.spec, *study.candidates)
        if spec.name not in labels.models
    ]


def _recorded(study: Study, design: TaskDesign) -> list[ModelSpec]:
    specs = list(study.candidates)
    if study.baseline.source == "replay":
        specs.append(study.baseline.spec)
    if study.baseline.second is not None and design.estimand.name == "noise_floor":
        specs.append(study.baseline.second)
    return [spec for spec in specs if spec.is_recorded]


def check_recording(
    spec: ModelSpec,
    task: TaskName,
    needed: Sequence[RequestId],
    lacking: Sequence[RequestId],
    missing: MissingRule,
) -> str | None:
    """Hold a recording against the requests that a task may use.

    Args:
        spec: The recorded model.
        task: The task.
        needed: Requests that may be used.
        lacking: Those of them without an answer.
        missing: What the study does with a missing answer.

    Returns:
        A note, where holes are counted against the candidate.

    Raises:
        InputError: the recording lacks answers and the study waits for them.
    """
    if not lacking:
        return None
    shown = ", ".join(lacking[:_SHOWN]) + (", ..." if len(lacking) > _SHOWN else "")
    text = (
        f"{spec.path}: the recording of {spec.name!r} lacks {len(lacking)} of {len(needed)} "
        f"answers for task {task!r} ({shown})"
    )
    if len(lacking) == len(needed):
        raise InputError(f"{text}; its ids are not those of the log: check both files")
    if missing == "fail":
        return f"{text}; they count against it"
    raise InputError(
        f"{text}; complete the recording, or set `missing: fail` to count them against it"
    )


def check_labels(
    labels: Labels,
    models: Sequence[ModelSpec],
    task: TaskName,
    needed: Sequence[RequestId],
    missing: MissingRule,
) -> tuple[str, ...]:
    """Hold a table of labels against a task whose estimand is quality.

    Returns:
        Notes, where holes are counted against the candidate.

    Raises:
        InputError: labels lack a model, or requests while the study waits for them.
    """
    notes = []
    baseline = models[0]
    for spec in models:
        if spec.name not in labels.models:
            known = ", ".join(sorted(labels.models))
            raise InputError(
                f"{labels.path}: no labels for model {spec.name!r}; it has: {known}. Give the "
                "model the `name` that the table uses"
            )
        lacking = [request for request in needed if labels.get(request, spec.name) is None]
        if not lacking:
            continue
        text = (
            f"{labels.path}: {len(lacking)} of {len(needed)} requests of task {task!r} have no "
            f"label for {spec.name!r} (first: {lacking[0]})"
        )
        if spec is baseline:
            raise InputError(
                f"{text}; label the baseline's answer to every request, or take these requests "
                "out of the log"
            )
        if missing == "wait":
            raise InputError(
                f"{text}; complete the labels, or set `missing: fail` to count missing labels "
                "against it"
            )
        notes.append(f"{text}; they count against it")
    return tuple(notes)


def check_labelled_models_are_recorded(candidates: Sequence[ModelSpec]) -> None:
    """Refuse labels for answers that do not exist yet.

    Raises:
        ConfigError: a live candidate under the estimand `quality`.
    """
    for spec in candidates:
        if not spec.is_recorded:
            raise ConfigError(
                f"candidate {spec.name!r} is live, and a table of labels cannot hold labels for "
                "answers that it has yet to give; use recorded candidates, or another estimand"
            )

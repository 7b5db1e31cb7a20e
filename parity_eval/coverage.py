"""What recordings, labels and verdicts lack for a study, told before anything runs."""

from collections.abc import Callable, Sequence

from parity_eval.design import TaskDesign
from parity_eval.errors import ConfigError, InputError
from parity_eval.labels import Labels
from parity_eval.records import ModelSpec, RequestId, TaskName
from parity_eval.study import MissingRule, Study

_SHOWN = 3


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
            for spec in _recorded(study, design)
        ]
        if design.estimand.name == "quality" and labels is not None:
            check_labelled_models_are_recorded(study.candidates)
            models = [study.baseline.spec, *study.candidates]
            notes += check_labels(labels, models, design.spec.name, ids, study.run.missing)
    return tuple(note for note in notes if note)


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

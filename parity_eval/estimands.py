"""What a task's certificate will be about: configured, or the best that the log offers.

`auto` looks at coverage only (references, labels, second answers, a corrected judge), never at
scores; the estimand says what was picked and why.
"""

from dataclasses import replace

from parity_eval import kinds, sampling, tasks
from parity_eval.errors import ConfigError
from parity_eval.labels import Labels
from parity_eval.records import Estimand, EstimandName, LogEntry
from parity_eval.study import GateSpec, Study, TaskSpec

DEFAULT_BAR = 0.95
DEFAULT_REFERENCE = "metadata.reference"


def choose(
    spec: TaskSpec,
    groups: dict[str, list[LogEntry]],
    study: Study,
    *,
    labels: Labels | None,
    has_floor: bool,
) -> Estimand:
    """Fix the estimand of a task.

    Args:
        spec: What the configuration says of it.
        groups: Equal requests by digest.
        study: The study.
        labels: Table of labels, if there is one.
        has_floor: Whether second answers of the baseline (and verdicts on them) can be had.

    Raises:
        ConfigError: a margin that leaves nothing to refute, or an estimand that the study's
            design does not know.
    """
    bar = spec.bar or study.test.bar
    margin = spec.margin or study.test.margin
    if spec.reference is not None:
        _check_references(spec, groups, study.origin)
    if spec.estimand != "auto":
        estimand = _named(spec.estimand, bar, margin, "configured")
    elif bar is not None:
        estimand = _named("parity", bar, margin, "a bar is configured")
    elif study.test.design != "sequential":
        estimand = _named("parity", None, margin, "a design with a fixed end knows no other")
    else:
        name, why = _best(spec, groups, study, labels=labels, has_floor=has_floor)
        estimand = _named(name, None, margin, f"auto: {why}")
    _check(estimand, spec, study)
    if estimand.name == "quality":
        _check_quality(spec, groups, study.origin, labels)
    return estimand


def has_references(spec: TaskSpec, groups: dict[str, list[LogEntry]]) -> bool:
    """Whether every request comes with the right answer to it."""
    groups_known = [any(reference(e, spec) is not None for e in group) for group in groups.values()]
    return bool(groups_known) and all(groups_known)


def reference(entry: LogEntry, spec: TaskSpec) -> str | None:
    """Return the right answer to a request, where the log holds exactly one."""
    values = tasks.field_values(entry, spec.reference or DEFAULT_REFERENCE)
    return values[0] if len(values) == 1 and values[0].strip() else None


def gate_estimand(gate: GateSpec, main: Estimand, where: str) -> Estimand:
    """Return what a gate wants to be shown.

    Args:
        gate: The gate.
        main: The task's own estimand, which a slice takes over.
        where: Place of the gate in the configuration, for messages.

    Raises:
        ConfigError: a bar for a slice whose estimand takes a margin, or the other way round.
    """
    if gate.check != "slice":
        return Estimand(name="parity", bar=gate.bar or DEFAULT_BAR, margin=None, why="gate")
    if main.name == "parity":
        if gate.margin is not None:
            raise ConfigError(f"{where}.margin: the task is tested against a bar; set `bar`")
        return replace(main, bar=gate.bar or main.bar)
    if gate.bar is not None:
        raise ConfigError(f"{where}.bar: the task takes a margin ({main.name}); set `margin`")
    return replace(main, margin=gate.margin or main.margin)


def _best(
    spec: TaskSpec,
    groups: dict[str, list[LogEntry]],
    study: Study,
    *,
    labels: Labels | None,
    has_floor: bool,
) -> tuple[EstimandName, str]:
    if has_references(spec, groups):
        return "quality", "every request has a reference answer"
    if labels and _are_labelled(groups, study, labels):
        return "quality", "labels cover every request and model"
    is_corrected = study.judge is not None and study.judge.labels is not None
    is_calibrated = is_corrected and _asks_judge(spec, groups)
    # Labels correct what the judge says of a candidate, not of the baseline's second answers.
    if has_floor and not is_calibrated:
        return "noise_floor", "the baseline has second answers"
    if is_calibrated:
        return "preference", "human labels correct the judge"
    return "parity", (
        "no reference answers, full labels, second baseline answers or judge that labels correct"
    )


def _asks_judge(spec: TaskSpec, groups: dict[str, list[LogEntry]]) -> bool:
    """Whether the task's rule asks the judge, as far as coverage tells."""
    if spec.rule is not None:
        return any(scorer.scorer == "judge" for scorer in spec.scorers)
    entries = [entry for group in groups.values() for entry in group]
    known = (spec.kind, "") if spec.kind else kinds.kind_from_requests(entries)
    return known is not None and kinds.is_free_text(known[0])


def _are_labelled(groups: dict[str, list[LogEntry]], study: Study, labels: Labels) -> bool:
    """Whether every answer that the test may compare is there and has a label."""
    needs_answer = study.baseline.source == "logged"
    groups_of = groups.values()
    firsts = [sampling.representative(group, needs_answer=needs_answer) for group in groups_of]
    ids = [e.request.id for e in firsts if not (needs_answer and sampling.unusable(e.response))]
    names = [study.baseline.spec.name, *(spec.name for spec in study.candidates)]
    are_recorded = all(spec.is_recorded for spec in study.candidates)
    return bool(ids) and are_recorded and all(labels.covers(ids, name) for name in names)


def _named(name: EstimandName, bar: float | None, margin: float, why: str) -> Estimand:
    if name == "parity":
        return Estimand(name=name, bar=bar or DEFAULT_BAR, margin=None, why=why)
    return Estimand(name=name, bar=None, margin=margin, why=why)


def _check_references(spec: TaskSpec, groups: dict[str, list[LogEntry]], origin: str) -> None:
    """Refuse a field of right answers that some requests do not have."""
    lacking = [g for g in groups.values() if all(reference(e, spec) is None for e in g)]
    if lacking:
        first = lacking[0][0]
        raise ConfigError(
            f"{origin}: tasks.{spec.name}.reference: {len(lacking)} of {len(groups)} requests have "
            f"no single right answer in `{spec.reference}` (first: {first.request.id!r}, line "
            f"{first.line}); one text, number or object is expected, and no list"
        )


def _check_quality(
    spec: TaskSpec, groups: dict[str, list[LogEntry]], origin: str, labels: Labels | None
) -> None:
    where = f"{origin}: tasks.{spec.name}"
    if has_references(spec, groups):
        return
    if spec.rule is None and labels is None:
        raise ConfigError(
            f"{where}.estimand: quality needs the right answers in the log (`reference: "
            "metadata.FIELD`), a rating of its own (`quality: rating`) or `labels`"
        )
    if spec.rule is not None and any(scorer.scorer != "rating" for scorer in spec.scorers):
        raise ConfigError(
            f"{where}.quality: compares with the right answer, and not every request has one in "
            f"`{spec.reference or DEFAULT_REFERENCE}`; set `reference: metadata.FIELD`, or use "
            "`quality: rating`"
        )


def _check(estimand: Estimand, spec: TaskSpec, study: Study) -> None:
    where = f"{study.origin}: tasks.{spec.name}"
    if estimand.null <= estimand.low:
        raise ConfigError(
            f"{where}: margin == {estimand.margin:g}, must be < 0.5 for a preference: 0.5 is a "
            "draw, and no mean preference is below 0"
        )
    if study.test.design != "sequential" and estimand.name != "parity":
        raise ConfigError(
            f"{where}: test.design {study.test.design!r} knows parity against a bar only, not "
            f"{estimand.name}; set `estimand: parity` with a `bar`, or `design: sequential`"
        )

"""A task's log to its design: kind, estimand, parity rule and seeded order.

All of it is fixed before the first candidate response, from coverage and from a calibration part
that is never certified on; scores are never looked at.
"""

from dataclasses import dataclass

from parity_eval import sampling, tasks
from parity_eval.errors import ConfigError
from parity_eval.labels import Labels
from parity_eval.parity import default_rule
from parity_eval.records import Estimand, EstimandName, Kind, LogEntry
from parity_eval.rules import Ask, Rule
from parity_eval.sampling import Sample
from parity_eval.study import ScorerSpec, Study, TaskSpec

DEFAULT_BAR = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDesign:
    """One task, ready to be tested."""

    spec: TaskSpec
    kind: Kind
    why_kind: str
    estimand: Estimand
    rule: Rule | None
    """None where the estimand is read from labels."""
    scorers: tuple[ScorerSpec, ...]
    sample: Sample
    why_closed: str | None
    """Why the task cannot be measured."""


def decide(
    spec: TaskSpec,
    groups: dict[str, list[LogEntry]],
    study: Study,
    *,
    labels: Labels | None,
    has_floor: bool,
) -> TaskDesign:
    """Fix the design of one task.

    Args:
        spec: What the configuration says of it.
        groups: Equal requests by digest.
        study: The study.
        labels: Table of labels, if there is one.
        has_floor: Whether second answers of the baseline (and verdicts on them) can be had.

    Raises:
        ConfigError: a margin that leaves nothing to refute.
    """
    entries = [entry for group in groups.values() for entry in group]
    known = (spec.kind, "configured") if spec.kind else tasks.kind_from_requests(entries)
    estimand = _estimand(spec, groups, study, labels=labels, has_floor=has_floor)
    _check_margin(estimand, spec, study.origin)
    needs_kind = estimand.name in ("parity", "noise_floor") and spec.rule is None
    sample = sampling.draw(
        spec.name,
        groups,
        seed=study.test.seed,
        n_calibration=sampling.calibration_size(len(groups)) if needs_kind and not known else 0,
        needs_answer=study.baseline.source == "logged",
    )
    kind, why_kind = known or (
        tasks.kind_from_answers(sample.calibration) if needs_kind else (Kind.GENERATION, "unknown")
    )
    rule, scorers = _rule(spec, kind, estimand.name, has_judge=study.judge is not None)
    closed = _why_closed(sample, estimand, rule, study.test.max_excluded)
    return TaskDesign(
        spec=spec,
        kind=kind,
        why_kind=why_kind,
        estimand=estimand,
        rule=rule,
        scorers=scorers,
        sample=sample,
        why_closed=closed,
    )


def _estimand(
    spec: TaskSpec,
    groups: dict[str, list[LogEntry]],
    study: Study,
    *,
    labels: Labels | None,
    has_floor: bool,
) -> Estimand:
    bar = spec.bar or study.test.bar
    margin = spec.margin or study.test.margin
    if spec.estimand != "auto":
        return _named(spec.estimand, bar, margin, "configured")
    if bar is not None:
        return _named("parity", bar, margin, "a bar is configured")
    if labels and _are_labelled(groups, study, labels):
        return _named("quality", None, margin, "auto: labels cover every request and model")
    if has_floor:
        return _named("noise_floor", None, margin, "auto: the baseline has second answers")
    return _named(
        "parity", DEFAULT_BAR, margin, "auto: neither full labels nor second baseline answers"
    )


def _are_labelled(groups: dict[str, list[LogEntry]], study: Study, labels: Labels) -> bool:
    """Whether every answer that the test may compare is there and has a label."""
    needs_answer = study.baseline.source == "logged"
    firsts = [group[0] for group in groups.values()]
    ids = [e.request.id for e in firsts if not (needs_answer and sampling.unusable(e.response))]
    names = [study.baseline.spec.name, *(spec.name for spec in study.candidates)]
    are_recorded = all(spec.is_recorded for spec in study.candidates)
    return bool(ids) and are_recorded and all(labels.covers(ids, name) for name in names)


def _check_margin(estimand: Estimand, spec: TaskSpec, origin: str) -> None:
    if estimand.null <= estimand.low:
        raise ConfigError(
            f"{origin}: tasks.{spec.name}: margin == {estimand.margin:g}, must be < 0.5 for a "
            "preference: 0.5 is a draw, and no mean preference is below 0"
        )


def _named(name: EstimandName, bar: float | None, margin: float, why: str) -> Estimand:
    if name == "parity":
        return Estimand(name=name, bar=bar or DEFAULT_BAR, margin=None, why=why)
    return Estimand(name=name, bar=None, margin=margin, why=why)


def _rule(
    spec: TaskSpec, kind: Kind, estimand: EstimandName, *, has_judge: bool
) -> tuple[Rule | None, tuple[ScorerSpec, ...]]:
    if estimand == "quality":
        return None, ()
    if estimand == "preference":
        return Ask(scorer="judge"), (ScorerSpec(key="judge", scorer="judge"),)
    if spec.rule is not None:
        return spec.rule, spec.scorers
    found = default_rule(kind, has_judge=has_judge)
    if found is None:
        return None, ()
    rule, names = found
    return rule, tuple(ScorerSpec(key=name, scorer=name) for name in names)


def _why_closed(
    sample: Sample, estimand: Estimand, rule: Rule | None, max_excluded: float
) -> str | None:
    n_all = len(sample.units) + sample.excluded_units
    if n_all and sample.excluded_units / n_all > max_excluded:
        reasons = ", ".join(
            f"{reason}: {n} line{'s' * (n != 1)}"
            for reason, n in sorted(sample.excluded.items())
            if reason != sampling.SET_ASIDE
        )
        return (
            f"{sample.excluded_units} of {n_all} requests have no usable baseline answer "
            f"({reasons}), more than max_excluded allows ({max_excluded:.4g})"
        )
    if not sample.units:
        return "no request of the log belongs to it, or none that can be used"
    if rule is None and estimand.name in ("parity", "noise_floor"):
        return "free text needs a judge or labels: similarity alone never certifies"
    return None

"""A task's log to its design: kind, estimand, parity rule and seeded order.

All of it is fixed before the first candidate response, from coverage and from a calibration part
that is never certified on; scores are never looked at.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from parity_eval import estimands, kinds, sampling, tasks
from parity_eval.answers import looks_like_json
from parity_eval.errors import ConfigError
from parity_eval.frame import Beyond, extended
from parity_eval.labels import Labels
from parity_eval.parity import default_rule
from parity_eval.records import Estimand, EstimandName, Kind, LogEntry
from parity_eval.rules import Ask, Rule
from parity_eval.sampling import Sample
from parity_eval.stats.control_variate import Subsample
from parity_eval.stats.labels import label_subsample
from parity_eval.stats.noise_floor import floor_subsample
from parity_eval.study import ScorerSpec, Study, TaskSpec

_LIVE_SECOND_SHARE = 0.25
_NO_SLICES = frozenset[str]()
_PRIORS: Mapping[str, tuple[float, ...]] = {
    "parity": (0.4, 0.98, 0.98),
    "preference": (0.2, 0.5, 0.8, 0.5),
}
"""Mean human label assumed per class before there are any; the last class is always known."""


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
    subsample: Subsample | None = None
    """How second answers or human labels are drawn; None: every one that is needed is asked for."""
    is_corrected: bool = False
    """Whether human verdicts correct the judge."""


def decide(
    spec: TaskSpec,
    groups: dict[str, list[LogEntry]],
    study: Study,
    *,
    labels: Labels | None,
    has_floor: bool,
    beyond: Beyond | None = None,
) -> TaskDesign:
    """Fix the design of one task.

    Args:
        spec: What the configuration says of it.
        groups: Equal requests by digest.
        study: The study.
        labels: Table of labels, if there is one.
        has_floor: Whether second answers of the baseline (and verdicts on them) can be had.
        beyond: What is known of the task's requests that are not in memory; None: all are.

    Raises:
        ConfigError: a margin that leaves nothing to refute.
    """
    entries = [entry for group in groups.values() for entry in group]
    _check_gates(spec, entries, study.origin)
    known = (spec.kind, "configured") if spec.kind else kinds.kind_from_requests(entries)
    estimand = estimands.choose(spec, groups, study, labels=labels, has_floor=has_floor)
    by_labels = (
        estimand.name == "quality"
        and spec.rule is None
        and not estimands.has_references(spec, groups)
    )
    needs_kind = estimand.name != "preference" and spec.rule is None and not by_labels
    needs_answer = study.baseline.source == "logged"

    def describe(entry: LogEntry) -> tuple[str | None, frozenset[str]]:
        return estimands.reference(entry, spec), _slices(entry, spec)

    sample = sampling.draw(
        spec.name,
        groups,
        seed=study.test.seed,
        n_calibration=sampling.calibration_size(len(groups)) if needs_kind and not known else 0,
        needs_answer=needs_answer,
        cluster=_clusters(study),
        keep=frozenset(spec.must_pass),
        describe=describe,
        weight=study.test.weight,
    )
    if beyond is not None:
        sample = extended(sample, beyond, needs_answer=needs_answer, describe=describe)
    _check_must_pass(spec, sample, study.origin)
    for gate in spec.gates:
        where = f"{study.origin}: tasks.{spec.name}.gates.{gate.name}"
        estimands.gate_estimand(gate, estimand, where)
    kind, why_kind = known or (
        kinds.kind_from_answers(sample.calibration) if needs_kind else (Kind.GENERATION, "unknown")
    )
    rule: Rule | None = None
    scorers: tuple[ScorerSpec, ...] = ()
    if not by_labels:
        rule, scorers = _rule(spec, kind, estimand.name, has_judge=study.judge is not None)
    closed = _why_closed(sample, study.test.max_excluded) or _why_slice_closed(
        sample, study.test.max_excluded
    )
    if closed is None and rule is None and not by_labels:
        closed = "free text needs a judge or labels: similarity alone never certifies"
    is_corrected = _is_corrected(study, estimand.name, scorers)
    return TaskDesign(
        spec=spec,
        kind=kind,
        why_kind=why_kind,
        estimand=estimand,
        rule=rule,
        scorers=scorers,
        sample=sample,
        why_closed=closed,
        subsample=_subsample(study, estimand.name, is_corrected=is_corrected),
        is_corrected=is_corrected,
    )


def _slices(entry: LogEntry, spec: TaskSpec) -> frozenset[str]:
    if not spec.gates:
        return _NO_SLICES
    return frozenset(
        gate.name
        for gate in spec.gates
        if gate.check == "slice" and tasks.matches(entry, gate.match)
    )


def _clusters(study: Study) -> Callable[[LogEntry], str | None] | None:
    field = study.test.cluster_field
    return None if field is None else partial(tasks.common_value, field=field)


def _is_corrected(study: Study, estimand: EstimandName, scorers: tuple[ScorerSpec, ...]) -> bool:
    has_labels = study.judge is not None and study.judge.labels is not None
    asks_judge = any(scorer.scorer == "judge" for scorer in scorers)
    return has_labels and asks_judge and estimand in ("parity", "preference")


def _subsample(study: Study, estimand: EstimandName, *, is_corrected: bool) -> Subsample | None:
    """Return how what is costly is drawn; None where all of it is asked for."""
    base, judge = study.baseline, study.judge
    if is_corrected and judge is not None:
        share = judge.label_share
        priors = _PRIORS[estimand]
        # What the judge fails is always looked at, and what needs no judge is known.
        chances = (1.0, *(share for _ in priors[1:-1]), 1.0)
        return None if share == 1 else label_subsample(chances=chances, prior_means=priors)
    if estimand == "noise_floor" and base.second is not None:
        usual = 1.0 if base.second.is_recorded or study.test.target == "log" else _LIVE_SECOND_SHARE
        share = usual if base.second_share is None else base.second_share
        return None if share == 1 else floor_subsample(chances=(1.0, share))
    return None


def _check_gates(spec: TaskSpec, entries: list[LogEntry], origin: str) -> None:
    for gate in spec.gates:
        if gate.check == "slice" and not any(tasks.matches(e, gate.match) for e in entries):
            raise ConfigError(
                f"{origin}: tasks.{spec.name}.gates.{gate.name}: no request of the task matches "
                f"{gate.match}; check the field and its values"
            )
        if gate.check == "format" and spec.schema is None and not any(map(_has_format, entries)):
            raise ConfigError(
                f"{origin}: tasks.{spec.name}.gates.{gate.name}: nothing says what format answers "
                "have: no request has a `response_format` or `tools`, and no logged answer is "
                "JSON; set the task's `schema`, or remove the gate"
            )


def _has_format(entry: LogEntry) -> bool:
    body, answer = entry.request.body, entry.response
    is_json = answer is not None and looks_like_json(answer.text)
    return bool(body.get("response_format") or body.get("tools")) or is_json


def _check_must_pass(spec: TaskSpec, sample: Sample, origin: str) -> None:
    lacking = [request for request in spec.must_pass if request not in sample.kept]
    if lacking:
        raise ConfigError(
            f"{origin}: tasks.{spec.name}.must_pass: {lacking[0]!r} is not among the task's usable "
            "requests (another id, or no baseline answer?)"
        )


def _rule(
    spec: TaskSpec, kind: Kind, estimand: EstimandName, *, has_judge: bool
) -> tuple[Rule | None, tuple[ScorerSpec, ...]]:
    if estimand == "preference":
        return Ask(scorer="judge"), (ScorerSpec(key="judge", scorer="judge"),)
    if spec.rule is not None:
        return spec.rule, spec.scorers
    found = default_rule(kind, has_judge=has_judge)
    if found is None:
        return None, ()
    rule, names = found
    return rule, tuple(ScorerSpec(key=name, scorer=name) for name in names)


def _why_slice_closed(sample: Sample, max_excluded: float) -> str | None:
    """Say which slice has too few usable answers to speak for it."""
    for name, (lost, total) in sorted(sample.slices.items()):
        if lost > max_excluded * total:
            return (
                f"gate {name!r}: {lost} of its {total} requests have no usable baseline answer, "
                f"more than max_excluded allows ({max_excluded:.4g})"
            )
    return None


def _why_closed(sample: Sample, max_excluded: float) -> str | None:
    n_all = len(sample.units) + sample.excluded_units
    if n_all and sample.excluded_units / n_all > max_excluded:
        reasons = ", ".join(
            f"{reason}: {n} line{'s' * (n != 1)}"
            for reason, n in sorted(sample.excluded.items())
            if reason != sampling.SET_ASIDE
        )
        return (
            f"{sample.excluded_units} of {n_all} requests cannot be used "
            f"({reasons}), more than max_excluded allows ({max_excluded:.4g})"
        )
    if not sample.units:
        return "no request of the log belongs to it, or none that can be used"
    return None

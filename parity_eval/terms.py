"""What is fixed before the first candidate response, and which requests are still fresh.

A candidate is not tested again on the same requests under new terms (DESIGN.md, rule 3).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from parity_eval import codec, fidelity
from parity_eval.certificate import is_heavy
from parity_eval.design import TaskDesign
from parity_eval.lines import files_digest
from parity_eval.parity import Ruled
from parity_eval.records import Arm, Capabilities, ModelSpec, TaskName, Unit
from parity_eval.study import PrivacySpec, Study, TestSpec
from parity_eval.wire import request_body

_LATER = ("prompt", "capabilities")
"""What a model could not be given in the first version."""
_LATER_TEST = {name: getattr(TestSpec(), name) for name in ("weight",)}
"""What a test could not be given in the first version; what it then was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """Which requests each arm may use."""

    by_arm: dict[Arm, tuple[Unit, ...]]
    """In the seeded order, without those that another study has shown to the candidate."""
    to_register: dict[str, list[str]]
    """By candidate identity, digests of the requests that the run may use."""
    notes: tuple[str, ...]
    """What was refused, and why."""


def study_hash(study: Study, fingerprint: str, designs: Sequence[TaskDesign]) -> str:
    """Return the digest of all that a certificate depends on; files count by content.

    Prices, names of keys and acknowledged failures choose a route, but state nothing about answers.

    Args:
        study: The study.
        fingerprint: Fingerprint of its log.
        designs: Its tasks: what they read of the log beside requests and answers counts too.
    """

    def model(spec: ModelSpec) -> dict[str, Any]:
        path = spec.path and files_digest(spec.path, "a recording")
        plain = codec.builtins(replace(spec, path=path, price=None, api_key_env=None))
        # What the price table says may change with its next version, and a setting that nobody
        # made leaves the digest as it was before it could be made.
        unset = {name for name in _LATER if getattr(spec, name) in (None, Capabilities())}
        return {name: value for name, value in plain.items() if name not in {"listed", *unset}}

    second, labels = study.baseline.second, study.labels
    judge = study.judge and {**codec.builtins(study.judge), "spec": model(study.judge.spec)}
    if judge and judge["labels"]:
        # Human verdicts may still be given while the run waits; each is final once it has counted.
        judge["labels"] = {**judge["labels"], "path": ""}
    return codec.digest(
        {
            "log": fingerprint,
            "read": {design.spec.name: _read(design) for design in designs},
            "baseline": [model(study.baseline.spec), study.baseline.source],
            "second": second and model(second),
            "candidates": [model(spec) for spec in study.candidates],
            "judge": judge,
            "labels": labels and replace(labels, path=files_digest(labels.path, "labels")),
            "test": _set(codec.builtins(study.test), _LATER_TEST),
            "tasks": [replace(task, acknowledge=()) for task in study.tasks],
            **_chosen(study),
        }
    )


def _chosen(study: Study) -> dict[str, Any]:
    """Return what was chosen of the log, and hidden in it; nothing by default."""
    log = study.log
    selection = _set(
        {"since": log.since, "until": log.until, "where": log.where},
        {"since": None, "until": None, "where": {}},
    )
    privacy = None if study.privacy == PrivacySpec() else study.privacy
    found: dict[str, Any] = {"selection": selection or None, "privacy": privacy}
    return {name: value for name, value in found.items() if value is not None}


def _set(plain: dict[str, Any], unset: dict[str, Any]) -> dict[str, Any]:
    """Leave out what nobody has set."""
    return {key: value for key, value in plain.items() if key not in unset or value != unset[key]}


def _read(design: TaskDesign) -> list[object]:
    """Return the order, and the right answers and slices of its requests."""
    kept = design.sample.kept.values()
    return [
        design.sample.order_hash,
        [
            (unit.request.id, unit.reference, sorted(unit.slices))
            for unit in (*design.sample.units, *kept)
            if unit.reference is not None or unit.slices
        ],
    ]


def resolved(
    designs: Sequence[TaskDesign], ruled: Mapping[TaskName, Ruled], orders: Orders
) -> dict[str, object]:
    """Return what the terms came to on this log: a resumed run must come to the same.

    Args:
        designs: The tasks.
        ruled: Their parity rules with the scorers.
        orders: The requests of each arm.
    """
    return {
        "tasks": {
            design.spec.name: _resolved(design, ruled.get(design.spec.name)) for design in designs
        },
        "orders": {
            str(arm): codec.digest([unit.request.id for unit in units])
            for arm, units in orders.by_arm.items()
        },
    }


def _resolved(design: TaskDesign, ruled: Ruled | None) -> dict[str, object]:
    scorers = ruled.scorers.items() if ruled else ()
    return {
        "kind": design.kind,
        "estimand": [design.estimand.name, design.estimand.null],
        "rule": design.rule,
        "scorers": {key: [scorer.name, getattr(scorer, "version", 1)] for key, scorer in scorers},
    }


def identities(spec: ModelSpec) -> tuple[str, ...]:
    """Return what makes a candidate the same one in another study.

    A recording goes by its name, for it may have grown since, and by its contents. What a model is
    said to take does not make another of it.
    """
    if not spec.is_recorded:
        prompt = [] if spec.prompt is None else [spec.prompt]
        return (codec.digest([spec.model, spec.api_base, spec.params, *prompt]),)
    contents = files_digest(spec.path, "a recording") if spec.path else ""
    return (codec.digest([spec.name]), codec.digest([contents]))


def _shown_as(unit: Unit, spec: ModelSpec) -> tuple[str, str] | None:
    """Return as what a live candidate is shown a request, whatever its settings are called.

    Settings that change nothing about what is sent make no other candidate: who asks again with
    them would get answers that are known already.

    Returns:
        Identity of the bare model, and digest of what it is sent; None where `identities` and the
        request's digest say as much.
    """
    if spec.is_recorded or not (spec.params or spec.prompt):
        return None
    bare = replace(spec, params={}, prompt=None)
    (identity,) = identities(bare)
    sent = request_body(unit.request.body, spec)
    is_same = sent == request_body(unit.request.body, bare)
    return identity, unit.digest if is_same else codec.digest(sent)


def fresh_orders(
    designs: Sequence[TaskDesign],
    candidates: Sequence[ModelSpec],
    used: Callable[[str], Mapping[str, str]],
    max_samples: int,
) -> Orders:
    """Take requests that another study has shown to a candidate out of their task's order.

    What one candidate has seen is taken from all: the candidates of a task keep one order.

    Args:
        designs: Tasks with their seeded orders.
        candidates: Candidates of the study.
        used: By candidate identity, request digest to the run that used it.
        max_samples: Most requests per arm.
    """
    by_arm: dict[Arm, tuple[Unit, ...]] = {}
    to_register: dict[str, list[str]] = {}
    notes: list[str] = []
    who = {spec.name: identities(spec) for spec in candidates}
    seen = {spec.name: _seen(who[spec.name], used) for spec in candidates}
    for design in designs:
        units = design.sample.units
        spent: dict[str, str] = {}
        for spec in candidates:
            hits = _hits(units, spec, seen[spec.name], used)
            spent |= hits
            if hits:
                notes.append(_note(design, spec, hits))
        fresh = tuple(unit for unit in units if unit.digest not in spent)
        if spent:
            notes.append(f"{design.spec.name}: {len(fresh)} of {len(units)} requests are fresh")
        for spec in candidates:
            by_arm[Arm(task=design.spec.name, candidate=spec.name)] = fresh
            # What is known to be beyond a candidate is never shown to it.
            may = _shown(design, fresh, max_samples)
            shown = [unit for unit in may if not fidelity.lacks(unit.request, spec)]
            for identity in who[spec.name]:
                to_register.setdefault(identity, []).extend(
                    digest for unit in shown for digest in (unit.digest, *unit.kin)
                )
            for identity, mark in filter(None, (_shown_as(unit, spec) for unit in shown)):
                to_register.setdefault(identity, []).append(mark)
    return Orders(by_arm=by_arm, to_register=to_register, notes=tuple(notes))


def _shown(design: TaskDesign, fresh: Sequence[Unit], max_samples: int) -> list[Unit]:
    """Return what a run may show to a candidate: its sample, and what it looks at beside it."""
    total = design.sample.n_lines_of(fresh)
    heavy = [unit for unit in fresh[max_samples:] if is_heavy(unit.n_lines, total)]
    return [*fresh[:max_samples], *heavy, *design.sample.kept.values()]


def _met(unit: Unit, seen: Mapping[str, str]) -> str | None:
    """Return the run that has shown a request, or one of its cluster, to a candidate."""
    return next((run for digest in (unit.digest, *unit.kin) if (run := seen.get(digest))), None)


def _hits(
    units: Sequence[Unit],
    spec: ModelSpec,
    seen: Mapping[str, str],
    used: Callable[[str], Mapping[str, str]],
) -> dict[str, str]:
    """Return the requests that a candidate has been shown, with the run that did it."""
    found: dict[str, str] = {}
    for unit in units:
        run = _met(unit, seen)
        if run is None and (mark := _shown_as(unit, spec)):
            run = used(mark[0]).get(mark[1])
        if run is not None:
            found[unit.digest] = run
    return found


def _seen(identities: Sequence[str], used: Callable[[str], Mapping[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for identity in identities:
        found |= used(identity)
    return found


def _note(design: TaskDesign, spec: ModelSpec, hits: Mapping[str, str]) -> str:
    return (
        f"{design.spec.name}/{spec.name}: {len(hits)} of {len(design.sample.units)} requests were "
        f"shown to this candidate under other terms ({', '.join(sorted(set(hits.values())))}) and "
        "are refused"
    )

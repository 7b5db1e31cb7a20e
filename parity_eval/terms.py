"""What is fixed before the first candidate response, and which requests are still fresh.

A candidate is not tested again on the same requests under new terms (DESIGN.md, rule 3).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from parity_eval import codec
from parity_eval.design import TaskDesign
from parity_eval.lines import files_digest
from parity_eval.records import Arm, ModelSpec, Unit
from parity_eval.study import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """Which requests each arm may use."""

    by_arm: dict[Arm, tuple[Unit, ...]]
    """In the seeded order, without those that another study has shown to the candidate."""
    to_register: dict[tuple[str, str], list[str]]
    """By task and candidate identity, digests of the requests that the run may use."""
    notes: tuple[str, ...]
    """What was refused, and why."""


def study_hash(study: Study, fingerprint: str) -> str:
    """Return the digest of all that a certificate depends on; files count by content.

    Prices, names of keys and acknowledged failures choose a route, but state nothing about answers.

    Args:
        study: The study.
        fingerprint: Fingerprint of its log.
    """

    def model(spec: ModelSpec) -> ModelSpec:
        path = spec.path and files_digest(spec.path, "a recording")
        return replace(spec, path=path, price=None, api_key_env=None)

    second, judge, labels = study.baseline.second, study.judge, study.labels
    return codec.digest(
        {
            "log": fingerprint,
            "baseline": [model(study.baseline.spec), study.baseline.source],
            "second": second and model(second),
            "candidates": [model(spec) for spec in study.candidates],
            "judge": judge and replace(judge, spec=model(judge.spec)),
            "labels": labels and replace(labels, path=files_digest(labels.path, "labels")),
            "test": study.test,
            "tasks": [replace(task, acknowledge=()) for task in study.tasks],
        }
    )


def identity(spec: ModelSpec) -> str:
    """Return what makes a candidate the same one in another study.

    A recording goes by its name: it may have grown since, and is still the same candidate.
    """
    who = [spec.name] if spec.is_recorded else [spec.model, spec.api_base, spec.params]
    return codec.digest(who)


def fresh_orders(
    designs: Sequence[TaskDesign],
    candidates: Sequence[ModelSpec],
    used: Callable[[str, str], Mapping[str, str]],
    max_samples: int,
) -> Orders:
    """Take requests that another study has shown to a candidate out of that candidate's order.

    Args:
        designs: Tasks with their seeded orders.
        candidates: Candidates of the study.
        used: By task and candidate identity, request digest to the run that used it.
        max_samples: Most requests per arm.
    """
    by_arm: dict[Arm, tuple[Unit, ...]] = {}
    to_register: dict[tuple[str, str], list[str]] = {}
    notes: list[str] = []
    for spec in candidates:
        who = identity(spec)
        for design in designs:
            units = design.sample.units
            spent = used(design.spec.name, who)
            fresh = tuple(unit for unit in units if unit.digest not in spent)
            arm = Arm(task=design.spec.name, candidate=spec.name)
            by_arm[arm] = fresh
            to_register[design.spec.name, who] = [unit.digest for unit in fresh[:max_samples]]
            runs = sorted({spent[unit.digest] for unit in units if unit.digest in spent})
            if runs:
                notes.append(
                    f"{arm}: {len(units) - len(fresh)} of {len(units)} requests were shown to this "
                    f"candidate under other terms ({', '.join(runs)}) and are refused; "
                    f"{len(fresh)} are fresh"
                )
    return Orders(by_arm=by_arm, to_register=to_register, notes=tuple(notes))

"""A live judge's answers to a table of verdicts: its questions are asked again, of the journal."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from parity_eval.design import TaskDesign
from parity_eval.judging import reason_in
from parity_eval.parity import MOST_JUDGED, PLACEBOS, placebo_answers
from parity_eval.records import ModelName, Pair, RequestId, Response, Unit
from parity_eval.sampling import unusable
from parity_eval.scorers.judge import winner_in
from parity_eval.study import Study

if TYPE_CHECKING:
    from parity_eval.workflows.run import Prepared


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a journal holds of answers, for a judge's questions to be asked again."""

    given: Mapping[tuple[ModelName, RequestId, int], Response]
    said: Mapping[str, Response]
    """The judge's answers, by question."""


def why_live(prepared: "Prepared") -> str | None:
    """Say why a table of verdicts could not stand for the judge."""
    for task, ruled in prepared.ruled.items():
        asked = [scorer.name for scorer in ruled.scorers.values() if scorer.cost > 1]
        if "rating" in asked:
            return f"task {task!r} has answers rated, and a table of verdicts holds comparisons"
        if len(asked) > 1:
            return f"task {task!r} asks the judge in several ways, and a table of verdicts in one"
    return None


def verdicts(prepared: "Prepared", answers: Answers) -> Iterator[dict[str, Any]]:
    """Yield a line of the judge's table for every question that the run asked it."""
    if prepared.study.judge is None:
        return
    judge = prepared.study.judge.spec
    for design in prepared.designs:
        ruled = prepared.ruled.get(design.spec.name)
        for scorer in ruled.scorers.values() if ruled else ():
            for pair in _pairs(prepared, design, answers) if scorer.name == "judge" else ():
                orders = ("model_a", "model_b"), ("model_b", "model_a")
                for question, order in zip(scorer.questions(pair), orders, strict=False):
                    said = answers.said.get(question.id)
                    if said is None:
                        continue
                    winner = winner_in(said.text)
                    sides = {"first": order[0], "second": order[1], "tie": "tie"}
                    yield {
                        "id": pair.request.id,
                        "judge": judge.name,
                        "judge_model": judge.model,
                        "model_a": pair.baseline_name,
                        "model_b": pair.candidate_name,
                        "shown_first": order[0],
                        "preference": None if winner is None else sides[winner.value],
                        "reason": reason_in(said.text),
                    }


def no_verdict(study: Study) -> dict[str, Any]:
    """Return a line that stands for nothing: a table must not be empty."""
    judge = study.judge.spec if study.judge else study.baseline.spec
    names = {"model_a": study.baseline.spec.name, "model_b": study.candidates[0].name}
    return {"id": "", "judge": judge.name, "judge_model": judge.model, "preference": None, **names}


def _pairs(prepared: "Prepared", design: TaskDesign, answers: Answers) -> Iterator[Pair]:
    """Yield every pair of a task that the judge may have been shown."""
    study = prepared.study
    baseline = study.baseline.spec.name
    units = design.sample.units
    if study.baseline.source == "replay":
        known = ((unit, answers.given.get((baseline, unit.request.id, 0))) for unit in units)
        units = tuple(replace(unit, baseline=found) for unit, found in known if found is not None)
    others = [(spec.name, 0) for spec in study.candidates]
    if study.baseline.second is not None:
        others.append((study.baseline.second.name, 1))
    for unit in units:
        for name, sample in others:
            other = answers.given.get((name, unit.request.id, sample))
            if other is not None:
                yield _pair(unit, baseline, other, name)
    shown = _shown_to_placebos(prepared, design, units)
    for placebo in PLACEBOS:
        for unit, other in zip(shown, placebo_answers(placebo, shown), strict=True):
            yield _pair(unit, baseline, other, ModelName(f"placebo:{placebo}"))


def _shown_to_placebos(
    prepared: "Prepared", design: TaskDesign, units: tuple[Unit, ...]
) -> tuple[Unit, ...]:
    """Return the requests that the placebos of a run were built from."""
    study = prepared.study
    first = {unit.request.id for unit in design.sample.units[: study.test.max_samples]}
    if study.baseline.source == "replay":
        first = {unit.request.id for unit in design.sample.units[:MOST_JUDGED]}
    return tuple(u for u in units if u.request.id in first and not unusable(u.baseline))


def _pair(unit: Unit, baseline: ModelName, other: Response, name: ModelName) -> Pair:
    return Pair(
        request=unit.request,
        baseline=unit.baseline,
        candidate=other,
        baseline_name=baseline,
        candidate_name=name,
    )

"""What is wrong with a study although each of its parts is right."""

from parity_eval.contestants import contestant, self_preference_message
from parity_eval.records import Score
from parity_eval.rules import Decided, evaluate, names
from parity_eval.study import Study, TaskSpec
from parity_eval.yaml_lines import Path


def contradictions(study: Study) -> list[tuple[Path, str]]:
    """Return every contradiction: its place in the configuration, and what is wrong there."""
    return [
        *_name_problems(study),
        *_judge_problems(study),
        *(problem for task in study.tasks for problem in _task_problems(study, task)),
        *_estimand_problems(study, study.test.estimand, ("test",)),
    ]


def _name_problems(study: Study) -> list[tuple[Path, str]]:
    problems: list[tuple[Path, str]] = []
    seen: dict[str, int] = {}
    base = study.baseline.spec
    for i, spec in enumerate(study.candidates):
        if spec.name in seen:
            problems.append(
                (
                    ("candidates", i),
                    f"the name {spec.name!r} is taken; give this one another `name`",
                )
            )
        seen[spec.name] = i
        is_same = (spec.model, spec.path, spec.api_base, dict(spec.params)) == (
            base.model, base.path, base.api_base, dict(base.params),
        )  # fmt: skip
        is_same |= spec.path is not None and spec.path in (study.log.path, base.path)
        if is_same or spec.name == base.name:
            problems.append(
                (
                    ("candidates", i),
                    (
                        f"{spec.name!r} is the baseline itself; a candidate must differ in model, "
                        "parameters or endpoint, and have a name of its own"
                    ),
                )
            )
    others = {
        "judge": study.judge.spec if study.judge else None,
        "baseline.second": study.baseline.second,
    }
    for place, other in others.items():
        if other is not None and other.name in (*seen, base.name):
            problems.append(
                (tuple(place.split(".")), f"the name {other.name!r} is taken; give it a `name`")
            )
    return problems


def _judge_problems(study: Study) -> list[tuple[Path, str]]:
    judge = study.judge
    if judge is None or judge.allow_self_preference or judge.spec.is_recorded:
        return []
    name = contestant(study, judge.spec.model)
    if name is None:
        return []
    return [(("judge", "model"), self_preference_message(judge.spec.model, name))]


def _task_problems(study: Study, task: TaskSpec) -> list[tuple[Path, str]]:
    path = ("tasks", task.name)
    problems: list[tuple[Path, str]] = []
    needs_judge = task.rule is not None and "judge" in {s.scorer for s in task.scorers}
    if needs_judge and study.judge is None:
        problems.append((path, "asks a judge, but the configuration has no `judge`"))
    if task.estimand != study.test.estimand:
        problems += _estimand_problems(study, task.estimand, path)
    if task.estimand not in ("parity", "auto") and task.bar is not None:
        problems.append(((*path, "bar"), f"{task.estimand} takes a margin, not a bar"))
    if task.rule is not None and _similarity_alone(task):
        problems.append(
            (
                (*path, "parity"),
                (
                    "similarity alone never certifies: a changed number or a 'not' hardly moves "
                    "it; put it beside another scorer with `all`"
                ),
            )
        )
    return problems


def _estimand_problems(study: Study, estimand: str, path: Path) -> list[tuple[Path, str]]:
    """Say what an estimand lacks, where it is named."""
    lacks = {
        "preference": study.judge is None and "a `judge`",
        "quality": study.labels is None and "`labels`",
        "noise_floor": study.baseline.second is None
        and "second answers of the baseline: set `baseline.second`",
    }.get(estimand)
    if not lacks:
        return []
    return [((*path, "estimand"), f"{estimand} needs {lacks}")]


def _similarity_alone(task: TaskSpec) -> bool:
    if task.rule is None:
        return False
    similar = {s.key for s in task.scorers if s.scorer == "embedding"}
    scores = {
        key: Score(scorer=key, value=float(key in similar), passed=key in similar, reason="")
        for key in names(task.rule)
    }
    outcome = evaluate(task.rule, scores)
    return bool(similar) and isinstance(outcome, Decided) and outcome.at_parity

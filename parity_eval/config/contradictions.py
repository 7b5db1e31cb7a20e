"""What is wrong with a study although each of its parts is right."""

from parity_eval.config.shape import MATCH_FIELDS, is_field
from parity_eval.contestants import contestant, self_preference_message
from parity_eval.errors import nearest
from parity_eval.limits import provider_of
from parity_eval.records import Score
from parity_eval.rules import Decided, evaluate, names
from parity_eval.study import Study, TaskSpec
from parity_eval.yaml_lines import Path

NOT_STRATIFIED = (
    "is not offered: with balanced strata nothing guarantees alpha any more. The test may stop "
    "after any request because each next one is drawn at random; in a balanced order it is known "
    "beforehand from which stratum it comes, and after those in which the candidate does well the "
    "evidence runs ahead. Give each stratum a task or a slice gate of its own, and remove it"
)


def contradictions(study: Study) -> list[tuple[Path, str]]:
    """Return every contradiction: its place in the configuration, and what is wrong there."""
    return [
        *_name_problems(study),
        *_limit_problems(study),
        *_judge_problems(study),
        *(problem for task in study.tasks for problem in _task_problems(study, task)),
        *_estimand_problems(study, study.test.estimand, ("test",)),
        *_test_problems(study),
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
        is_same = (spec.model, spec.path, spec.api_base, dict(spec.params), spec.prompt) == (
            base.model, base.path, base.api_base, dict(base.params), base.prompt,
        )  # fmt: skip
        is_same |= spec.path is not None and spec.path in (*study.log.paths, base.path)
        if is_same or spec.name == base.name:
            problems.append(
                (
                    ("candidates", i),
                    (
                        f"{spec.name!r} is the baseline itself; a candidate must differ in model, "
                        "parameters, prompt or endpoint, and have a name of its own"
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


def _limit_problems(study: Study) -> list[tuple[Path, str]]:
    specs = [study.baseline.spec, study.baseline.second, *study.candidates]
    specs.append(study.judge.spec if study.judge else None)
    live = [spec for spec in specs if spec is not None and not spec.is_recorded]
    known = {str(spec.name) for spec in live} | {provider_of(spec) for spec in live}
    return [
        (("replay", "limits", name), f"no model or provider of this name; {nearest(name, known)}")
        for name in study.run.limits
        if name not in known
    ]


def _task_problems(study: Study, task: TaskSpec) -> list[tuple[Path, str]]:
    path = ("tasks", task.name)
    problems: list[tuple[Path, str]] = []
    asked = {s.scorer for s in task.scorers} & {"judge", "rating"}
    needs_judge = task.rule is not None and bool(asked)
    if needs_judge and study.judge is None:
        problems.append((path, "asks a judge, but the configuration has no `judge`"))
    if task.estimand != study.test.estimand:
        problems += _estimand_problems(study, task.estimand, path)
    if task.estimand not in ("parity", "auto") and task.bar is not None:
        problems.append(((*path, "bar"), f"{task.estimand} takes a margin, not a bar"))
    problems += _bar_problems(study, task.bar, path)
    problems += _gate_problems(study, task)
    if needs_judge and task.estimand == "noise_floor" and study.judge and study.judge.labels:
        text = "human labels cannot correct the judge here; use parity or preference, or remove "
        problems.append(((*path, "estimand"), f"{text}`judge.labels`"))
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


def _bar_problems(study: Study, bar: float | None, path: Path) -> list[tuple[Path, str]]:
    if bar is None or bar < 1 or study.test.target == "log":
        return []
    text = (
        "1 given, must be < 1: no number of answers proves a rate of 1. With 300 answers all at "
        "parity the best bar that can be certified is 0.99 (alpha ** (1 / 300)); `target: log` can "
        "show 1 for the requests of this log, if it asks all of them"
    )
    return [((*path, "bar"), text)]


def _test_problems(study: Study) -> list[tuple[Path, str]]:
    """Say what the test's parameters do not allow together."""
    test, judge = study.test, study.judge
    problems = _bar_problems(study, test.bar, ("test",))
    if test.cluster_field is not None and not is_field(test.cluster_field):
        text = (
            f"unknown field; {nearest(test.cluster_field, (*MATCH_FIELDS, 'metadata.KEY', 'none'))}"
        )
        problems.append((("test", "cluster"), text))
    if test.design != "sequential" and judge and judge.labels and judge.label_share != 1:
        text = "must be 1 for a design with a fixed end, which counts whole verdicts"
        problems.append((("judge", "labels", "share"), text))
    if test.target == "log":
        problems += _log_problems(study)
    elif test.weight == "traffic":
        text = (
            "traffic counts lines, and equal lines share one answer: a model that answers a common "
            "request well by chance would be taken to do so each time, and a claim about future "
            "traffic could be false more often than alpha. Set `target: log`, which claims nothing "
            "beyond the answers to this log; the rate by traffic is shown beside `weight: requests`"
        )
        problems.append((("test", "weight"), text))
    return problems


def _log_problems(study: Study) -> list[tuple[Path, str]]:
    """Say what a claim about this log does not go with."""
    test, judge, base = study.test, study.judge, study.baseline
    problems: list[tuple[Path, str]] = []
    if test.cluster_field is not None:
        text = (
            "a claim about this log needs none: its randomness is the order, whatever its "
            "requests have in common; remove it"
        )
        problems.append((("test", "cluster"), text))
    if test.design != "sequential":
        text = "designs with a fixed end speak of traffic; remove one of `design` and `target`"
        problems.append((("test", "design"), text))
    text = "must be 1 with `target: log`, which draws from the log only and not from the draw"
    if base.second_share not in (None, 1):
        problems.append((("baseline", "second", "share"), text))
    if judge and judge.labels and judge.label_share != 1:
        problems.append((("judge", "labels", "share"), text))
    return problems


def _gate_problems(study: Study, task: TaskSpec) -> list[tuple[Path, str]]:
    """Say which gates cannot be known before the candidate answers."""
    return [
        (
            ("tasks", task.name, "gates", gate.name, "match", "answer"),
            "needs the logged answers of the baseline; `baseline.source` is replay",
        )
        for gate in task.gates
        if "answer" in gate.match and study.baseline.source == "replay"
    ]


def _estimand_problems(study: Study, estimand: str, path: Path) -> list[tuple[Path, str]]:
    """Say what an estimand lacks, where it is named."""
    lacks = {
        "preference": study.judge is None and "a `judge`",
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

"""What the page shows of a task, an arm and a pair."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from markupsafe import Markup, escape

from parity_eval import figures, findings
from parity_eval.findings import Agreed, Gate, MustPass
from parity_eval.records import Score, Unscored
from parity_eval.reporters.html.charts import Chart, Whisker, chart, reach, whisker
from parity_eval.reporters.html.words import anchor
from parity_eval.summary import ArmSummary, PairView, RunSummary, TaskSummary

_PAIR_TEXT_LIMIT = 4_000
"""Characters of a request or an answer."""
_REASON_LIMIT = 1_000
_PAIRS_PER_ARM = 200
_SCORES_PER_PAIR = 20
_PAIRS_BUDGET = 6_000_000
"""Characters of all pairs together; keeps the largest reports under 15 MB."""
_MOST_MUST_PASS = 20
_MOST_OPEN_ARMS = 12
"""With more arms than that, all start closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairText:
    """A text of a pair, escaped."""

    html: Markup
    n_left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPair:
    """A failing pair, side by side."""

    view: PairView
    prompt: PairText
    baseline: PairText
    candidate: PairText
    scores: tuple[Score | Unscored, ...]
    size: int
    """Characters that it adds to the page, markup apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmView:
    """One candidate on one task."""

    arm: ArmSummary
    anchor: str
    is_open: bool
    chart: Chart | None
    whisker: Whisker | None
    pairs: tuple[ShownPair, ...]
    gates: tuple[Gate, ...]
    must_pass: tuple[MustPass, ...]
    """The first of them."""
    agreed: Agreed | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """One task with its arms."""

    task: TaskSummary
    anchor: str
    arms: tuple[ArmView, ...]


def task_views(summary: RunSummary, pairs: tuple[PairView, ...]) -> tuple[TaskView, ...]:
    """Return the tasks in their order, with charts and those failing pairs that fit."""
    failures: dict[tuple[str, str], list[PairView]] = {}
    for pair in pairs:
        if pair.is_failure:
            failures.setdefault((pair.task, pair.candidate), []).append(pair)
    budget = _PAIRS_BUDGET // max(len(failures), 1)
    is_open = sum(len(task.arms) for task in summary.tasks) <= _MOST_OPEN_ARMS
    distance = reach(summary)

    def view(task: TaskSummary, i: int, j: int) -> ArmView:
        arm = task.arms[j]
        return ArmView(
            arm=arm,
            anchor=anchor(i, j),
            is_open=is_open,
            chart=chart(arm.decision, task.estimand, has_evidence=findings.has_e_values(summary)),
            whisker=whisker(arm.decision, task.estimand, distance),
            pairs=tuple(
                _fitting(failures.get((task.name, arm.decision.arm.candidate), ()), budget)
            ),
            gates=findings.gates(summary, task, arm),
            must_pass=findings.must_pass(task, arm.decision)[:_MOST_MUST_PASS],
            agreed=findings.agreement(task, arm.agreement) if arm.agreement else None,
        )

    return tuple(
        TaskView(
            task=task,
            anchor=anchor(i),
            arms=tuple(view(task, i, j) for j in range(len(task.arms))),
        )
        for i, task in enumerate(summary.tasks)
    )


def _fitting(pairs: Iterable[PairView], budget: int) -> Iterator[ShownPair]:
    """Yield the first pairs, in the seeded order, that fit into the budget; at least one."""
    used = 0
    for pair in sorted(pairs, key=lambda pair: pair.position)[:_PAIRS_PER_ARM]:
        shown = _shown(pair)
        if used and used + shown.size > budget:
            return
        used += shown.size
        yield shown


def _shown(pair: PairView) -> ShownPair:
    prompt, baseline, candidate = (
        _text(text) for text in (pair.prompt, pair.baseline_text, pair.candidate_text)
    )
    scores = pair.scores[:_SCORES_PER_PAIR]
    words = (pair.reason, *(text for score in scores for text in (score.scorer, score.reason)))
    return ShownPair(
        view=pair,
        prompt=prompt,
        baseline=baseline,
        candidate=candidate,
        scores=scores,
        size=sum(len(text.html) for text in (prompt, baseline, candidate))
        + sum(len(escape(text[:_REASON_LIMIT])) for text in words),
    )


def _text(text: str) -> PairText:
    short = figures.cut(text, _PAIR_TEXT_LIMIT)
    return PairText(html=escape(short.text), n_left_out=short.n_left_out)

"""One table for a pull request: the decisions of a run on one screen, in GitHub's Markdown."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import ClassVar

from parity_eval import figures
from parity_eval.summary import ArmSummary, PairView, RunSummary, TaskSummary

_MOST_ROWS = 40
_MOST_CHARACTERS = 50_000
"""Of the table; a comment on GitHub holds 65,536."""
_NAME_LIMIT = 60
_TEXT_LIMIT = 300

_HEADER = (
    "| task | candidate | decision | result (confidence sequence), n | bar | e-value (needed) "
    "| cost per 1k | saving | route |\n"
    "| --- | --- | --- | --- | --- | ---: | --- | ---: | --- |\n"
)

_SYNTAX = re.compile(r"[\\`*_\[\]<>#|~&@:$]|www\.")


class Markdown:
    """Writes one table, certified decisions first."""

    name: ClassVar[str] = "md"
    version: ClassVar[str] = "1"

    def render(self, summary: RunSummary, pairs: tuple[PairView, ...]) -> str:  # noqa: ARG002
        """Return the table with what frames it; pairs are for the HTML report."""
        rows = sorted(
            ((task, arm) for task in summary.tasks for arm in task.arms),
            key=lambda row: (not row[1].is_route, figures.status_rank(row[1].decision.status)),
        )
        table = tuple(_fitting(_row(task, arm, summary) for task, arm in rows))
        parts = ["\n".join(_head(summary)), ""]
        if table:
            parts.append(_HEADER + "".join(table))
        if len(rows) > len(table):
            left_out = figures.counted(len(rows) - len(table), "more decision")
            parts += [f"{left_out} in the HTML report.", ""]
        return "\n".join([*parts, *_foot(summary)]) + "\n"


def _fitting(rows: Iterable[str]) -> Iterator[str]:
    room = _MOST_CHARACTERS
    for row in islice(rows, _MOST_ROWS):
        room -= len(row)
        if room < 0:
            return
        yield row


def _head(summary: RunSummary) -> Iterator[str]:
    yield f"### Parity with {_name(summary.baseline)}: {_name(summary.name)}"
    yield ""
    if summary.state == "incomplete":
        yield f"> **This run is incomplete:** {_text(summary.why_incomplete or 'reason unknown')}"
        yield ""
    n_moved = sum(arm.is_route for task in summary.tasks for arm in task.arms)
    tasks = figures.counted(summary.n_tasks, "task")
    yield f"**{n_moved} of {tasks} can move.** {_text(figures.saving(summary))}"


def _row(task: TaskSummary, arm: ArmSummary, summary: RunSummary) -> str:
    decision, money = arm.decision, arm.money
    needed = figures.e_value(decision.log_e_needed)
    evidence = f"{figures.e_value(decision.log_e)} ({needed})" if decision.n else "none"
    cells = (
        _name(task.name),
        _name(decision.arm.candidate),
        f"**{figures.status_name(decision.status)}**",
        _text(figures.result(task.estimand, decision)),
        f"{figures.bar(task.estimand)} {figures.measure_name(task.estimand)}",
        evidence,
        _text(
            f"{figures.usd(money.baseline_usd_per_1k)} to {figures.usd(money.candidate_usd_per_1k)}"
        ),
        figures.share_saved(money.saving_share),
        _name(decision.arm.candidate if arm.is_route else summary.baseline),
    )
    return f"| {' | '.join(cells)} |\n"


def _foot(summary: RunSummary) -> Iterator[str]:
    yield _text(summary.family_statement)
    yield "Only *rejected* means shown to be below the bar; no other decision says so."
    yield ""
    yield (
        f"<sub>run {_name(summary.run_id)}, study {_name(summary.study_hash[:12])}, "
        f"spent {_text(figures.usd(summary.spent_usd))}</sub>"
    )


def _name(text: str) -> str:
    return _escaped(figures.one_line(text, _NAME_LIMIT))


def _text(text: str) -> str:
    return _escaped(figures.one_line(text, _TEXT_LIMIT))


def _escaped(text: str) -> str:
    return _SYNTAX.sub(_as_entity, text)


def _as_entity(match: re.Match[str]) -> str:
    # An entity is never read as syntax; a zero-width space also stops GitHub's own links.
    if match[0] == "www.":
        return "www&#46;"
    entity = f"&#{ord(match[0])};"
    return f"{entity}&#8203;" if match[0] in "@#" else entity

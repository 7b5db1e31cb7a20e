"""The demo's decisions beside what was planted."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from parity_eval.records import Status
from parity_eval.summary import RunSummary

_STYLES = {True: "green", False: "bold red"}


def truth_table(summary: RunSummary, truth: Mapping[str, Any]) -> Table:
    """Return a table of decisions beside the planted truth.

    Args:
        summary: The run.
        truth: The data set's `truth.json`.
    """
    table = Table(
        title="Each decision beside the planted truth",
        title_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
    )
    for name in ("task", "candidate", "planted", "to beat", "expected", "decision", ""):
        is_number = name in ("planted", "to beat")
        table.add_column(name, justify="right" if is_number else "left", no_wrap=True)
    for task in summary.tasks:
        for arm in task.arms:
            decision = arm.decision
            planted = truth["tasks"][task.name]["candidates"][decision.arm.candidate]
            is_right = agrees(planted["expected"], decision.status)
            table.add_row(
                Text(task.name),
                Text(decision.arm.candidate),
                f"{planted['planted']:.3f}",
                f"{planted['threshold']:.3f}",
                planted["expected"],
                decision.status.value.replace("_", " "),
                Text("ok" if is_right else "NO", style=_STYLES[is_right]),
            )
    return table


def agrees(expected: str, status: Status) -> bool:
    """Say whether a decision is what the planted truth leads one to expect."""
    if expected == "either":
        return True
    return (status is Status.CERTIFIED) == (expected == "certified")

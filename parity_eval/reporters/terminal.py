"""The decisions of a run in a terminal of 80 columns or more. Used by the command line only."""

from collections.abc import Iterator, Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from parity_eval import figures
from parity_eval.records import Decision, Estimand, Status
from parity_eval.summary import ArmSummary, RunSummary, TaskSummary

WIDTH = 80

_STYLES = {
    Status.CERTIFIED: "bold green",
    Status.REJECTED: "red",
    Status.FUTILE: "yellow",
    Status.INCONCLUSIVE: "yellow",
    Status.OPEN: "bold magenta",
    Status.NOT_MEASURABLE: "dim",
}
# Title, width, justification. With one space between them and an indent of two: 79 columns.
_NAME, _RESULT = "candidate", "mean [low, high]"
_COLUMNS = (
    (_NAME, 15, "left"),
    ("decision", 14, "left"),
    ("n", 6, "right"),
    (_RESULT, 24, "left"),
    ("e-value", 7, "right"),
    ("saving", 6, "right"),
)
_WIDEST_RESULT = 28
_WIDEST_NAME = 60


def decision_table(summary: RunSummary, width: int = WIDTH) -> RenderableType:
    """Return a table per task, one row per candidate.

    Args:
        summary: The run.
        width: Columns of the terminal; what there is beyond 80 goes to results and long names.

    Example:
        >>> rich.console.Console().print(decision_table(summary))  # doctest: +SKIP
    """
    widths = _widths(summary, width)
    blocks: list[RenderableType] = [_table((), widths)] if summary.tasks else []
    for task in summary.tasks:
        blocks.append(_heading(task))
        if task.why_not_measurable:
            why = figures.one_line(task.why_not_measurable, 300)
            blocks.append(Text(f"  not measurable: {why}", style="magenta"))
        blocks.append(_table(task.arms, widths, task.estimand))
    return Group(*blocks) if blocks else Text("No task, so nothing was decided.")


def closing_lines(summary: RunSummary, written: Mapping[str, str]) -> tuple[Text, ...]:
    """Return what to say below the table.

    Args:
        summary: The run.
        written: What was written, by what it is ("report": "reports/x/report.html").

    Returns:
        The state, what moves, what it saves, what was spent, and where to look.
    """
    return (
        *_state(summary),
        *_moves(summary),
        *_unassigned(summary),
        *_money(summary),
        *_paths(written),
    )


def _heading(task: TaskSummary) -> Text:
    text = Text(figures.one_line(task.name, 40), style="bold")
    what = f"  {figures.measure_name(task.estimand)}, bar {figures.bar(task.estimand)}"
    return text.append(what, style="not bold")


def _widths(summary: RunSummary, width: int) -> dict[str, int]:
    widths = {title: given for title, given, _ in _COLUMNS}
    spare = max(0, width - WIDTH)
    result = min(spare, _WIDEST_RESULT - widths[_RESULT])
    longest = max(
        (len(arm.decision.arm.candidate) for task in summary.tasks for arm in task.arms), default=0
    )
    room = max(0, min(longest, _WIDEST_NAME) - widths[_NAME])
    widths[_RESULT] += result
    widths[_NAME] += min(spare - result, room)
    return widths


def _table(
    arms: tuple[ArmSummary, ...], widths: Mapping[str, int], estimand: Estimand | None = None
) -> Table:
    """Return the rows of a task; without an estimand, the titles of all columns."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=1)
    for title, _, justify in _COLUMNS:
        is_left = justify == "left"
        table.add_column(
            title, width=widths[title], justify="left" if is_left else "right", overflow="fold"
        )
    if estimand is None:
        table.add_row("", *(Text(title, style="dim") for title, _, _ in _COLUMNS))
        return table
    for arm in arms:
        table.add_row(*_cells(arm, estimand))
    return table


def _cells(arm: ArmSummary, estimand: Estimand) -> Iterator[Text]:
    decision = arm.decision
    style = _STYLES[decision.status]
    yield Text("*" if arm.is_route else "", style="bold green")
    yield Text(figures.one_line(decision.arm.candidate, 60))
    yield Text(figures.status_name(decision.status), style=style)
    yield Text(figures.count(decision.n))
    yield Text(_result(decision, estimand))
    yield Text(figures.e_value(decision.log_e) if decision.n else "")
    yield Text(figures.share_saved(arm.money.saving_share).replace(figures.UNKNOWN, "?"))


def _result(decision: Decision, estimand: Estimand) -> str:
    if decision.mean is None:
        return "nothing measured"
    mean = figures.measure(estimand, decision.mean)
    low = figures.measure(estimand, decision.low, rounding="down")
    high = figures.measure(estimand, decision.high, rounding="up")
    unit = " pp" if figures.is_difference(estimand) else "%"
    return f"{_bare(mean)} [{_bare(low)}, {_bare(high)}]{unit}"


def _bare(number: str) -> str:
    return number.removesuffix("%").removesuffix(" pp")


def _state(summary: RunSummary) -> Iterator[Text]:
    if summary.state == "incomplete":
        reason = figures.one_line(summary.why_incomplete or "reason unknown", 400)
        yield Text.assemble(("INCOMPLETE: ", "bold magenta"), reason)
        yield Text("The same command resumes the run; what is open is not final.")


def _moves(summary: RunSummary) -> Iterator[Text]:
    arms = tuple(arm for task in summary.tasks for arm in task.arms)
    n_moved = sum(arm.is_route for arm in arms)
    tasks = figures.counted(summary.n_tasks, "task")
    stay = f"everything else stays on {figures.one_line(summary.baseline, 60)}"
    yield Text(f"{n_moved} of {tasks} can move to the candidate marked *; {stay}.")
    for arm in arms:
        if arm.blocked_by is not None:
            request = figures.one_line(arm.blocked_by, 60)
            name = figures.one_line(str(arm.decision.arm), 60)
            yield Text(f"{name} is blocked: request {request} fails and carries > 1% of traffic.")
    yield Text(figures.one_line(summary.family_statement, 300), style="dim")


def _unassigned(summary: RunSummary) -> Iterator[Text]:
    if summary.n_unassigned:
        lines = figures.counted(summary.n_unassigned, "log line")
        yield Text(f"{lines} of {summary.n_lines} belong to no task of the study.")


def _money(summary: RunSummary) -> Iterator[Text]:
    yield Text(figures.saving(summary))
    limit = "" if summary.max_cost_usd is None else f" (limit {figures.usd(summary.max_cost_usd)})"
    yield Text(f"This run spent {figures.usd(summary.spent_usd)}{limit}.")


def _paths(written: Mapping[str, str]) -> Iterator[Text]:
    for what, path in written.items():
        yield Text(f"{what}: {figures.visible(path)}")

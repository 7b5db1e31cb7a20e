"""The decisions of a run in a terminal of 80 columns or more. Used by the command line only."""

from collections.abc import Iterator, Mapping
from itertools import groupby

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from parity_eval import figures, findings
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
_MOST_NAMES = 12
_INDENT = 4
_GATE_WIDTHS, _NUMBERS = (13, 19, 6, 26, 7), (2, 4)
"""Columns of a gate: name, outcome, n, result, e-value; with the indent 79."""


def decision_table(summary: RunSummary, width: int = WIDTH) -> RenderableType:
    """Return a table per task, one row per candidate.

    Args:
        summary: The run.
        width: Columns of the terminal; what there is beyond 80 goes to results and long names.

    Example:
        >>> rich.console.Console().print(decision_table(summary))  # doctest: +SKIP
    """
    widths = _widths(summary, width)
    blocks: list[RenderableType] = [
        Text(f"{name}: {figures.one_line(words, 300)}") for name, words in findings.terms(summary)
    ]
    blocks += [_titles(widths)] if summary.tasks else []
    for task in summary.tasks:
        blocks.append(_heading(task))
        if task.why_not_measurable:
            why = figures.one_line(task.why_not_measurable, 300)
            blocks.append(Text(f"  not measurable: {why}", style="magenta"))
        blocks += _arms(summary, task, widths)
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


def details(summary: RunSummary) -> RenderableType:
    """Return what `show` adds: gates, the judge against humans, and the rules for many tests.

    Args:
        summary: The run.

    Returns:
        Blocks for 80 columns or more; an empty one where a run has none of these.
    """
    return Group(*_gate_details(summary), *_agreement_details(summary), *_rule_details(summary))


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


def _arms(
    summary: RunSummary, task: TaskSummary, widths: Mapping[str, int]
) -> Iterator[RenderableType]:
    """Yield the rows of a task, with what there is to say below some of them."""
    table = _grid(widths)
    for arm in task.arms:
        table.add_row(*_cells(summary, arm, task.estimand))
        notes = tuple(_notes(task, arm))
        if notes:
            yield table
            yield from (_indented(Text(note), _INDENT) for note in notes)
            table = _grid(widths)
    if table.row_count:
        yield table


def _titles(widths: Mapping[str, int]) -> Table:
    table = _grid(widths)
    table.add_row("", *(Text(title, style="dim") for title, _, _ in _COLUMNS))
    return table


def _grid(widths: Mapping[str, int]) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=1)
    for title, _, justify in _COLUMNS:
        is_left = justify == "left"
        table.add_column(
            title, width=widths[title], justify="left" if is_left else "right", overflow="fold"
        )
    return table


def _cells(summary: RunSummary, arm: ArmSummary, estimand: Estimand) -> Iterator[Text]:
    decision = arm.decision
    style = _STYLES[decision.status]
    yield Text("*" if arm.is_route else "", style="bold green")
    yield Text(figures.one_line(decision.arm.candidate, 60))
    yield Text(figures.status_name(decision.status), style=style)
    yield Text(figures.count(decision.n))
    yield Text(_result(decision, estimand))
    yield Text(findings.e_value(summary, decision.log_e) if decision.n else "")
    yield Text(figures.share_saved(arm.money.saving_share).replace(figures.UNKNOWN, "?"))


def _notes(task: TaskSummary, arm: ArmSummary) -> Iterator[str]:
    """Yield lines for below an arm; none where it has nothing but the built-in gate, passed."""
    decision = arm.decision
    reason = figures.one_line(decision.reason, 300)
    if not decision.n:
        is_unsaid = decision.status is Status.NOT_MEASURABLE and not task.why_not_measurable
        if is_unsaid or findings.is_rejected_otherwise(task, decision):
            yield reason
        return
    n_gates, n_passed = len(decision.gates), sum(gate.is_passed for gate in decision.gates)
    parts = []
    if n_gates and (task.gates or n_passed < n_gates):
        parts.append(f"gates {n_passed}/{n_gates}")
    if task.must_pass:
        parts.append(f"must pass {len(task.must_pass)}/{len(task.must_pass)}")
    if parts:
        yield ", ".join(parts) + f"; {reason}" * (n_passed < n_gates)
    if arm.agreement:
        agreed = findings.agreement(task, arm.agreement)
        yield f"judge and humans equal on {agreed.equal}, kappa {agreed.kappa}"


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
    for reason, n in summary.left_out.items():
        out = figures.counted(n, "log line")
        why = figures.one_line(reason, 200)
        yield Text(f"{out} of {summary.n_lines} left out: {why}.")
    if summary.masked:
        masked = figures.counted(summary.n_masked, "log line")
        yield Text(f"{masked} replayed with placeholders for: {figures.masked(summary.masked)}.")
    for reason, n in summary.skipped.items():
        skipped = figures.counted(n, "log line")
        what = figures.one_line(reason, 200)
        yield Text(f"{skipped} of {summary.n_lines} skipped, no fault: {what}.")


def _money(summary: RunSummary) -> Iterator[Text]:
    yield Text(figures.saving(summary))
    limit = "" if summary.max_cost_usd is None else f" (limit {figures.usd(summary.max_cost_usd)})"
    yield Text(f"This run spent {figures.usd(summary.spent_usd)}{limit}.")
    line = findings.ledger_line(summary)
    if line is not None:
        yield Text(f"Of that: {line}.", style="dim")


def _paths(written: Mapping[str, str]) -> Iterator[Text]:
    for what, path in written.items():
        yield Text(f"{what}: {figures.visible(path)}")


def _gate_details(summary: RunSummary) -> Iterator[RenderableType]:
    blocks: list[RenderableType] = []
    for task in summary.tasks:
        arms = [block for arm in task.arms for block in _gates_of(summary, task, arm)]
        if arms:
            blocks.append(Text(figures.one_line(task.name, 76)))
            demands = findings.demands(task)
            blocks += [
                _indented(
                    Text(f"{figures.one_line(name)}: {figures.one_line(demand, 300)}", style="dim"),
                    2,
                )
                for name, demand in demands
            ]
            blocks += arms
    if blocks:
        yield Text("\nGates", style="bold")
        yield from blocks


def _gates_of(summary: RunSummary, task: TaskSummary, arm: ArmSummary) -> Iterator[RenderableType]:
    gates = findings.gates(summary, task, arm)
    requests = findings.must_pass(task, arm.decision)
    if gates or requests:
        name = figures.one_line(arm.decision.arm.candidate, 60)
        status = figures.status_name(arm.decision.status)
        yield _indented(Text.assemble(f"{name}  ", (status, _STYLES[arm.decision.status])), 2)
    if gates:
        yield _gate_table(gates)
    yield from (_indented(line, _INDENT) for line in _must_pass_lines(requests))


def _gate_table(gates: tuple[findings.Gate, ...]) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=_INDENT - 1)
    for place, width in enumerate(_GATE_WIDTHS):
        is_number = place in _NUMBERS
        table.add_column(width=width, justify="right" if is_number else "left", overflow="fold")
    for gate in gates:
        tone = "green" if gate.is_passed else "red" if gate.is_below else "yellow"
        table.add_row(
            "",
            Text(figures.one_line(gate.name)),
            Text(gate.outcome, style=tone),
            figures.count(gate.n),
            Text(gate.short),
            gate.evidence,
        )
    return table


def _must_pass_lines(requests: tuple[findings.MustPass, ...]) -> Iterator[Text]:
    for outcome, group in groupby(requests, key=lambda one: one.outcome):
        names = [figures.one_line(one.request, 60) for one in group]
        more = f" and {figures.count(len(names) - _MOST_NAMES)} more"
        yield Text(
            f"must pass, {outcome}: {', '.join(names[:_MOST_NAMES])}"
            f"{more * (len(names) > _MOST_NAMES)}"
        )


def _agreement_details(summary: RunSummary) -> Iterator[RenderableType]:
    blocks: list[RenderableType] = []
    for task in summary.tasks:
        for arm in task.arms:
            if arm.agreement is None:
                continue
            agreed = findings.agreement(task, arm.agreement)
            blocks += [
                Text(figures.one_line(str(arm.decision.arm), 76)),
                _indented(Text(f"equal verdicts: {agreed.equal}"), 2),
                _indented(Text(f"Cohen's kappa: {agreed.kappa} ({agreed.kappa_note})"), 2),
                _indented(Text(f"human verdicts used: {figures.count(arm.labels_used)}"), 2),
                _confusion(agreed),
            ]
    if blocks:
        yield Text("\nJudge against humans", style="bold")
        yield from blocks
        yield Text(findings.AGREEMENT_NOTE, style="dim")


def _confusion(agreed: findings.Agreed) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=1)
    for _ in range(len(agreed.verdicts) + 1):
        table.add_column(justify="right")
    table.add_row("", "", *(f"human: {verdict}" for verdict in agreed.verdicts))
    for verdict, numbers in zip(agreed.verdicts, agreed.rows, strict=True):
        table.add_row("", f"judge: {verdict}", *map(figures.count, numbers))
    return table


def _rule_details(summary: RunSummary) -> Iterator[RenderableType]:
    rules = findings.rules(summary)
    if not rules:
        return
    yield Text("\nWhat each rule would have decided", style="bold")
    for rule in rules:
        used = " (used)" * rule.is_used
        certified = figures.count(len(rule.arms))
        yield Text(
            f"{figures.one_line(rule.name)}{used}: {certified} certified",
            style="bold" * rule.is_used,
        )
        yield _indented(Text(figures.one_line(rule.guarantee), style="dim"), 2)
        names = ", ".join(figures.one_line(arm, 76) for arm in rule.arms[:_MOST_NAMES])
        more = f" and {figures.count(len(rule.arms) - _MOST_NAMES)} more"
        if names:
            yield _indented(Text(names + more * (len(rule.arms) > _MOST_NAMES)), 2)
    yield Text(findings.RULES_NOTE, style="dim")


def _indented(text: Text, columns: int) -> Padding:
    return Padding(text, (0, 0, 0, columns), expand=False)

"""A forecast in a terminal of 80 columns or more."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from parity_eval import figures
from parity_eval.forecast import Forecast, TaskForecast
from parity_eval.outlook import Outlook, Prospects
from parity_eval.spending import CandidateForecast, Usd

_WIDTH = 80
_WIDEST_NAME = 60
_AT_ONCE = 1 / 24  # days
_NO_CHANCE = 5e-4
_ROUNDS_UP = 5e-3
# Title and width. With one space between them and an indent of two: 79 columns.
_TRUTHS = (
    ("if a candidate is", 23),
    ("certified", 9),
    ("rejected", 8),
    ("futile", 6),
    ("inconcl.", 8),
    ("n", 5),
    ("50%", 5),
    ("90%", 5),
)
_MONEY = (
    ("candidate", 24),
    ("answers", 9),
    ("judge", 9),
    ("at most", 9),
    ("saves/month", 11),
    ("pays back", 9),
)
_PER_1K = "saves/1,000"
_WORDS = {
    "perfect": "perfect",
    "worth": "just worth it",
    "midway": "midway to 100%",
    "as_good": "as good",
    "half_margin": "midway to bar",
    "at_null": "at the bar",
}


def plan_table(forecast: Forecast, width: int = _WIDTH) -> RenderableType:
    """Return a block per task: what the test will decide, and what each candidate costs and saves.

    Args:
        forecast: The forecast.
        width: Columns of the terminal; what there is beyond 80 goes to the first column.

    Example:
        >>> rich.console.Console().print(plan_table(forecast))  # doctest: +SKIP
    """
    spare = min(max(0, width - _WIDTH), _WIDEST_NAME - _MONEY[0][1])
    blocks: list[RenderableType] = []
    for task in forecast.tasks:
        blocks.append(_heading(task))
        blocks += [Text(f"  {note}", style="yellow") for note in task.notes]
        if task.why_closed is not None:
            why = figures.one_line(task.why_closed, 300)
            blocks.append(Text(f"  not measurable: {why}", style="magenta"))
        if task.prospects is not None:
            blocks.append(_truths(task, task.prospects, spare))
            blocks.append(_money(task, spare, per_month=task.requests_per_month is not None))
    return Group(*blocks) if blocks else Text("No task, so there is nothing to plan.")


def closing_lines(forecast: Forecast) -> tuple[Text, ...]:
    """Return what to say below the table: the sums, what was assumed, and what to type next.

    Args:
        forecast: The forecast.
    """
    return (
        *_sums(forecast),
        Text(f"Planned at level {forecast.level:.4g}: {forecast.level_statement}.", style="dim"),
        *_assumed(forecast),
        Text(f"Nothing was sent. {_volume(forecast)}"),
        Text(f"Next: {figures.visible(forecast.next_command)}"),
    )


def _heading(task: TaskForecast) -> Text:
    text = Text(figures.one_line(task.task, 40), style="bold")
    what = f"  {figures.measure_name(task.estimand)}, bar {figures.bar(task.estimand)}"
    return text.append(f"{what}; {figures.counted(task.n_available, 'request')}", style="not bold")


def _truths(task: TaskForecast, found: Prospects, spare: int) -> Table:
    table = _grid(_TRUTHS, spare)
    for row in found.outlooks:
        table.add_row("", *_truth(task, row))
    return table


def _truth(task: TaskForecast, row: Outlook) -> Iterator[Text]:
    mean = figures.measure(task.estimand, row.mean)
    yield Text(f"{_WORDS[row.truth]} {mean}")
    for chance in (row.certified, row.rejected, row.futile, row.inconclusive):
        yield Text(_chance(chance))
    for n in (round(row.expected_n), row.n_50, row.n_90):
        yield Text(figures.count(n))


def _chance(share: float) -> str:
    """Write a chance in whole percent; more digits would be more than is known."""
    if _NO_CHANCE < share < _ROUNDS_UP:
        return "<1%"
    return ">99%" if 1 - _ROUNDS_UP < share < 1 - _NO_CHANCE else f"{share:.0%}"


def _money(task: TaskForecast, spare: int, *, per_month: bool) -> Table:
    columns = tuple(
        (title if per_month or title != "saves/month" else _PER_1K, width)
        for title, width in _MONEY
    )
    table = _grid(columns, spare)
    for arm in task.candidates:
        table.add_row("", *_arm(arm, per_month=per_month))
    return table


def _arm(arm: CandidateForecast, *, per_month: bool) -> Iterator[Text]:
    yield Text(figures.one_line(arm.candidate, _WIDEST_NAME))
    yield Text(figures.usd(arm.usd.expected))
    yield Text(figures.usd(arm.judge_usd))
    yield Text(figures.usd(arm.usd.worst))
    saved = arm.saving_usd_per_month if per_month else arm.saving_usd_per_1k
    yield Text("?" if saved is None else figures.usd(saved))
    yield Text(_payback(arm))


def _payback(arm: CandidateForecast) -> str:
    if arm.saving_usd_per_1k is not None and arm.saving_usd_per_1k <= 0:
        return "never"
    if arm.payback_days is None:
        return "?"
    if arm.payback_days < _AT_ONCE:
        return "at once"
    return f"{arm.payback_days:,.1f} d"


def _grid(columns: tuple[tuple[str, int], ...], spare: int) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=1)
    for n, (_, width) in enumerate(columns):
        is_first = n == 0
        table.add_column(
            width=width + spare * is_first,
            justify="left" if is_first else "right",
            overflow="fold",
        )
    table.add_row("", *(Text(title, style="dim") for title, _ in columns))
    return table


def _sums(forecast: Forecast) -> Iterator[Text]:
    if not forecast.is_paid:
        yield Text("The run costs nothing: every answer is logged or recorded.")
        return
    parts = (
        ("candidates", forecast.candidates),
        ("judge", forecast.judge),
        ("baseline", forecast.baseline),
    )
    expected = _split(forecast.total.expected, parts, worst=False)
    yield Text(f"Expected cost, by the first row of each task: {expected}.")
    limit = forecast.max_cost_usd
    fits = "; without a budget `run` asks before it spends that"
    if limit is not None:
        is_enough = forecast.total.worst <= limit
        fits = f"; the limit of {figures.usd(limit)} {'covers' if is_enough else 'is less than'} it"
    yield Text(f"Worst case: {_split(forecast.total.worst, parts, worst=True)}{fits}.")


def _split(total: float, parts: tuple[tuple[str, Usd], ...], *, worst: bool) -> str:
    amounts = [(name, usd.worst if worst else usd.expected) for name, usd in parts]
    told = ", ".join(f"{name} {figures.usd(amount)}" for name, amount in amounts if amount)
    return f"{figures.usd(total)} ({told})" if told else figures.usd(total)


def _assumed(forecast: Forecast) -> Iterator[Text]:
    if any(task.prospects is not None and not task.prospects.is_exact for task in forecast.tasks):
        yield Text(
            f"Differences and preferences are simulated, {forecast.runs} runs each: chances are "
            "uncertain by up to 5 points.",
            style="dim",
        )
    for text in forecast.assumptions:
        yield Text(f"Assumed: {text}.", style="dim")


def _volume(forecast: Forecast) -> str:
    if forecast.span_days is None:
        return "Savings are per 1,000 requests: the log has no timestamps a day apart."
    return f"Savings per month at the log's volume over {forecast.span_days:,.0f} days."

"""A census in a terminal of 80 columns or more."""

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from parity_eval import census_words as words
from parity_eval import figures
from parity_eval.census import Census, ModelCensus, TaskCensus
from parity_eval.census_words import Fact

_WIDTH = 80
_WIDEST_NAME = 60
_LABEL = 12
_MOST_FILES, _MOST_MODELS, _MOST_TASKS, _MOST_FACTS = 8, 12, 25, 12
_MOST_REASONS = 8
_EXAMPLE = 140
# Title and width. With one space between them and an indent of two: 79 columns.
_FILES = (("file", 32), ("format", 18), ("requests", 8), ("skipped", 7), ("rejected", 8))
_MODELS = (
    ("model (asked > served)", 34),
    ("requests", 8),
    ("input", 7),
    ("output", 7),
    ("spend", 9),
    ("logged", 8),
)
_TASKS = (
    ("task", 23), ("kind", 14), ("requests", 8), ("input", 6), ("output", 6), ("spend", 9),
    ("%", 4),
)  # fmt: skip


def census_table(census: Census, width: int = _WIDTH) -> RenderableType:
    """Return what is in a log: models, tasks, then facts line by line.

    Args:
        census: The census.
        width: Columns of the terminal; what there is beyond 80 goes to the first column.

    Example:
        >>> rich.console.Console().print(census_table(census))  # doctest: +SKIP
    """
    spare = min(max(0, width - _WIDTH), _WIDEST_NAME - _TASKS[0][1])
    return Group(*_blocks(census, spare))


def next_line(census: Census) -> Text:
    """Return the last line: what to type next, on one line however long."""
    if census.next_command is None:
        return Text(census.why_next, style="yellow")
    return Text(f"Next: {figures.visible(census.next_command)}")


def suggested(census: Census, width: int = _WIDTH) -> RenderableType:
    """Return the proposed tasks with their sizes, spend and an example each.

    Args:
        census: The census.
        width: Columns of the terminal.
    """
    spare = min(max(0, width - _WIDTH), _WIDEST_NAME - _TASKS[0][1])
    found = figures.counted(len(census.tasks), "task")
    blocks: list[RenderableType] = [
        Text(f"{found}, {words.tasks_title(census)}; for example:", style="bold")
    ]
    for task in census.tasks:
        blocks.append(_task_table([task], census, spare, with_titles=task is census.tasks[0]))
        blocks.append(_under(figures.one_line(task.example, _EXAMPLE)))
    blocks.append(Text("To paste into parity.yaml:", style="bold"))
    return Group(*blocks)


def _blocks(census: Census, spare: int) -> Iterator[RenderableType]:
    yield Text(figures.one_line(census.log_path), style="bold")
    yield Text(f"{words.headline(census)}; {words.formats(census)}")
    if len(census.files) > 1:
        yield _file_table(census, spare)
    yield _model_table(census.models[:_MOST_MODELS], spare)
    yield from _more(len(census.models), _MOST_MODELS, "model")
    yield _task_table(census.tasks[:_MOST_TASKS], census, spare)
    yield from _more(len(census.tasks), _MOST_TASKS, "task")
    yield _fact_lines("", words.facts(census))
    yield _fact_lines("The log lacks", words.lacks(census))
    yield _fact_lines("Not used", words.unused(census))
    for note in census.notes:
        yield Text(f"Note: {note}.", style="dim")
    if census.next_command is not None:
        yield Text(f"{census.why_next[:1].upper()}{census.why_next[1:]}:", style="dim")


def _more(n: int, most: int, noun: str) -> Iterator[Text]:
    if n > most:
        yield Text(f"  ... and {figures.counted(n - most, noun)} more; --json has all", style="dim")


def _file_table(census: Census, spare: int) -> RenderableType:
    table = _grid(_FILES, spare, n_left=2)
    for file in census.files[:_MOST_FILES]:
        counts = (file.n_requests, file.n_skipped, file.n_rejected)
        # The end of a path says more than its beginning.
        table.add_row(
            "",
            Text(_tail(figures.one_line(file.path), _FILES[0][1] + spare)),
            Text(file.format),
            *(Text(words.amount(n) if n else "-") for n in counts),
        )
    return Group(table, *_more(census.n_files, _MOST_FILES, "file"))


def _tail(text: str, most: int) -> str:
    return text if len(text) <= most else f"…{text[-most + 1 :]}"


def _model_table(models: Sequence[ModelCensus], spare: int) -> RenderableType:
    table = _grid(_MODELS, spare)
    for model in models:
        volume = model.volume
        table.add_row(
            "",
            Text(words.model_name(model)),
            *(Text(words.amount(n)) for n in (volume.n, volume.input_tokens, volume.output_tokens)),
            Text(words.spend(volume)),
            Text(words.logged(volume)),
        )
    notes = dict.fromkeys(model.note for model in models if model.note)
    return Group(table, *(Text(f"  {note}", style="dim") for note in notes))


def _task_table(
    tasks: Sequence[TaskCensus], census: Census, spare: int, *, with_titles: bool = True
) -> RenderableType:
    parts: list[RenderableType] = []
    for task in tasks:
        is_first = not parts
        table = _grid(_TASKS, spare, n_left=2, with_titles=with_titles and is_first)
        volume, about = task.volume, "~" if task.is_estimated else ""
        table.add_row(
            "",
            Text(figures.one_line(task.name, _WIDEST_NAME)),
            Text(task.kind.replace("_", " ")),
            Text(f"{about}{words.amount(volume.n)}"),
            *(Text(words.amount(n)) for n in (volume.input_tokens, volume.output_tokens)),
            Text(words.spend(volume)),
            Text(words.task_share(census, task)),
        )
        parts.append(table)
        if len(tasks) <= _MOST_REASONS:
            parts.append(_under(words.why_task(task)))
    return Group(*parts)


def _under(text: str) -> RenderableType:
    return Padding(Text(text, style="dim"), (0, 0, 0, 4))


def _fact_lines(title: str, facts: Iterable[Fact]) -> RenderableType:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=_LABEL, style="dim")
    table.add_column(overflow="fold")
    shown = list(facts)
    for fact in shown[:_MOST_FACTS]:
        table.add_row(fact.label, Text(fact.text, style="yellow" if fact.is_warning else ""))
    lines: list[RenderableType] = [Text(title, style="bold")] if title and shown else []
    return Group(*lines, table, *_more(len(shown), _MOST_FACTS, "line")) if shown else Group()


def _grid(
    columns: tuple[tuple[str, int], ...], spare: int, *, n_left: int = 1, with_titles: bool = True
) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=1)
    for n, (_, width) in enumerate(columns):
        table.add_column(
            width=width + spare * (n == 0),
            justify="left" if n < n_left else "right",
            overflow="fold",
        )
    if with_titles:
        table.add_row("", *(Text(title, style="dim") for title, _ in columns))
    return table

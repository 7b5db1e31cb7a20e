"""What is in a prompt log."""

from collections.abc import Callable, Iterator, Sequence

from parity_eval import privacy, prompt_log
from parity_eval.census import Census, Reason
from parity_eval.errors import InputError
from parity_eval.intake import Source
from parity_eval.places import find
from parity_eval.records import LogEntry, Reject, Skipped
from parity_eval.rows import read_rows
from parity_eval.selection import Selection
from parity_eval.stocktake import Stocktake
from parity_eval.study import LogSpec

_SHOWN = 5


def inspect(log: LogSpec, on_note: Callable[[str], None]) -> Census:
    """Look at every row of a log once; sends nothing and writes no file.

    Args:
        log: The log.
        on_note: Is told what is read and what is left out.

    Raises:
        InputError: no log, one of an unknown format, or one without a request that can be used.
    """
    sources = prompt_log.sources(log, on_note)
    stocktake = Stocktake(find=lambda entry: privacy.found(privacy.texts(entry)))
    selection = prompt_log.selection(log)
    on_row = prompt_log.ReadingNotes(on_note)
    for source in sources:
        for path in source.paths:
            stocktake.files.open(path, source.reader.name, source.reader.title)
        for item in _items(source):
            stocktake.add(_selected(item, selection))
            on_row(stocktake.n_rows)
    n_read, n_files = sum(len(source.paths) for source in sources), len(find(log.paths).files)
    found = stocktake.census(
        log=log.paths,
        options=tuple(_options(log)),
        n_files=n_files,
        n_empty_files=n_files - n_read,
        mask=privacy.shown,
        hide=privacy.Masker().text,
    )
    _check(found)
    return found


def page(census: Census) -> str:
    """Return the census as a page of HTML."""
    from parity_eval.reporters.html.census import page as render  # noqa: PLC0415 - jinja2 is slow

    return render(census)


def _options(log: LogSpec) -> Iterator[str]:
    """Give the options by which the same part of the log is looked at again."""
    if log.format != "auto":
        yield from ("--format", log.format)
    for name, value in (("--since", log.since), ("--until", log.until)):
        yield from (name, value) if value is not None else ()
    for name, glob in log.where.items():
        yield from ("--where", f"{name}={glob}")


def _items(source: Source) -> Iterator[LogEntry | Skipped | Reject]:
    return source.reader.read(read_rows(source.paths))


def _selected(
    item: LogEntry | Skipped | Reject, selection: Selection
) -> LogEntry | Skipped | Reject:
    """Return a row, or a skipped one where it is not of the part that is looked at."""
    why = selection.why_not(item) if isinstance(item, LogEntry) else None
    if why is None or not isinstance(item, LogEntry):
        return item
    return Skipped(path=item.path, line=item.line, reason=why)


def _check(found: Census) -> None:
    if found.n_requests:
        return
    if not found.n_rows:
        raise InputError(
            f"{found.log_path}: is empty; a prompt log has one JSON object per line, or is a table "
            "or an export of a gateway"
        )
    reasons = [*found.rejected, *found.skipped]
    raise InputError(
        f"{found.log_path}: none of {found.n_rows:,} rows is a request that can be used:\n"
        + "\n".join(_told(reasons))
        + "\nMend the export, or force another format: --format NAME"
    )


def _told(reasons: Sequence[Reason]) -> Iterator[str]:
    for reason in reasons[:_SHOWN]:
        yield f"  {reason.n:,}: {reason.reason} (first: {reason.first})"
    if len(reasons) > _SHOWN:
        yield f"  ... and {len(reasons) - _SHOWN} more reasons"

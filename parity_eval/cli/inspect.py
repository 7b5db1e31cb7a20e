"""`parity-eval inspect`: what is in a prompt log."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from parity_eval.cli import options
from parity_eval.cli.boundary import guarded


@guarded
def inspect(
    log: Annotated[
        list[str], typer.Argument(metavar="LOG...", help="File, folder, glob or address. Repeat.")
    ],
    format: options.Format = None,  # noqa: A002 - the name of the option
    since: options.Since = None,
    until: options.Until = None,
    where: options.Where = None,
    suggest_tasks: Annotated[
        bool,
        typer.Option("--suggest-tasks", help="Tasks to paste into parity.yaml, with examples."),
    ] = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page to this file.")] = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    no_color: options.NoColor = False,
) -> None:
    """Tell what is in a prompt log: format, tasks, kinds, volume, spend, gaps. Sends nothing.

    Exit codes: 0 done, 2 bad usage or input, 4 internal error.
    """
    from parity_eval import codec
    from parity_eval.cli.inspect_table import census_table, next_line, suggested
    from parity_eval.cli.progress import Progress, console
    from parity_eval.store import write_atomically
    from parity_eval.workflows.inspect import inspect as look
    from parity_eval.workflows.inspect import page

    progress = Progress(is_quiet=quiet or as_json, is_verbose=False, no_color=no_color)
    spec = options.log(log, format=format, since=since, until=until, where=where)
    found = look(spec, progress.on_note)
    if html is not None:
        write_atomically(html, page(found))
        progress.on_note(f"page: {html}")
    if as_json:
        sys.stdout.write(codec.pretty(found))
        return
    screen = console(no_color=no_color)
    if suggest_tasks:
        screen.print(suggested(found, screen.width))
        # Nothing may break or colour what is to be pasted.
        sys.stdout.write(found.suggestion)
        return
    screen.print(census_table(found, screen.width))
    # A command that is broken over two lines cannot be copied.
    screen.print(next_line(found), soft_wrap=True)

"""`parity-eval report`: a run as a document."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from parity_eval.cli import options
from parity_eval.cli.boundary import guarded


@guarded
def report(
    run: options.RunPath,
    form: Annotated[str, typer.Option("--format", help="html, md or json.")] = "html",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write. [html: RUN/report.html, else stdout]"),
    ] = None,
) -> None:
    """Write a run's report: HTML for people, Markdown for a pull request, JSON for machines.

    Exit codes: 0 done, 2 no such run or format.
    """
    from parity_eval.store import write_atomically
    from parity_eval.workflows.report import report as make

    text = make(run, form)
    target = output or (run / "report.html" if form == "html" else None)
    if target is None:
        sys.stdout.write(text)
        return
    write_atomically(target, text)
    typer.echo(target)

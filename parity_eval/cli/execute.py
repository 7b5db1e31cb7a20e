"""Run a study with progress on stderr and the decisions on stdout."""

import sys
from collections.abc import Mapping
from pathlib import Path

import typer

from parity_eval import codec
from parity_eval.cli.progress import Progress, console
from parity_eval.errors import IncompleteError
from parity_eval.study import Study
from parity_eval.summary import RunSummary
from parity_eval.workflows import run as workflow


def execute(
    study: Study, progress: Progress, *, as_json: bool, no_color: bool, yes: bool
) -> workflow.RunResult:
    """Run a study, print its decisions, and end with exit code 3 where it is incomplete.

    Args:
        study: The study.
        progress: Shows how it gets on.
        as_json: Print the summary as JSON instead of tables.
        no_color: No colours.
        yes: Agree to the worst case.
    """
    with progress:
        result = workflow.run(study, progress, approve=lambda worst: yes or _ask(worst))
    if as_json:
        sys.stdout.write(codec.pretty(result.summary))
    else:
        show_summary(result.summary, result.files, no_color=no_color)
    if result.summary.state == "incomplete":
        typer.echo(f"incomplete: {result.summary.why_incomplete}", err=True)
        raise typer.Exit(IncompleteError.exit_code)
    return result


def show_summary(summary: RunSummary, written: Mapping[str, str], *, no_color: bool) -> None:
    """Print the decisions and what was written."""
    from parity_eval.reporters.terminal import closing_lines, decision_table

    out = console(no_color=no_color)
    out.print(decision_table(summary, out.width))
    near = {what: _near(path) for what, path in written.items()}
    lines = closing_lines(summary, near)
    for n, line in enumerate(lines):
        # A path that is broken over two lines cannot be copied.
        out.print(line, soft_wrap=n >= len(lines) - len(near))


def _near(path: str) -> str:
    """Return a path below the working folder as a relative one."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def _ask(worst_usd: float) -> bool:
    if not sys.stdin.isatty():
        return False
    return typer.confirm(
        f"No budget is set. In the worst case this run costs ${worst_usd:,.2f}. Go on?", err=True
    )

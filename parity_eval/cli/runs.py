"""`parity-eval ls` and `parity-eval show`."""

import sys
from pathlib import Path

import typer

from parity_eval.cli import options
from parity_eval.cli.boundary import guarded


@guarded
def ls(out: options.Out = Path("reports")) -> None:
    """List runs, with what they decided."""
    from parity_eval.workflows.runs import list_runs

    for folder, summary in list_runs(out):
        if summary is None:
            typer.echo(f"{folder}  (no summary yet)")
            continue
        routed = sum(arm.is_route for task in summary.tasks for arm in task.arms)
        typer.echo(f"{folder}  {summary.state}  {routed} of {summary.n_tasks} tasks can move")


@guarded
def show(
    run: options.RunPath, as_json: options.AsJson = False, no_color: options.NoColor = False
) -> None:
    """Show one run's decisions."""
    from parity_eval import codec
    from parity_eval.cli.execute import show_summary
    from parity_eval.cli.progress import console
    from parity_eval.reporters.terminal import details
    from parity_eval.workflows.report import load

    summary = load(run)
    if as_json:
        sys.stdout.write(codec.pretty(summary))
    else:
        show_summary(summary, {}, no_color=no_color)
        console(no_color=no_color).print(details(summary), end="")

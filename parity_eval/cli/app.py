"""The application: its commands and what they share."""

import os
from typing import Annotated

import typer

from parity_eval import __version__
from parity_eval.cli import demo, export, inspect, plan, report, run, runs

app = typer.Typer(
    name="parity-eval",
    help=(
        "Prove on your own prompt log that a cheaper model is as good, task by task.\n\n"
        "Start with `parity-eval demo` (offline, under a minute), then "
        "`parity-eval run --log LOG --baseline MODEL --candidate MODEL`."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich costs more than the whole rest of --help
)
app.command("demo")(demo.demo)
app.command("inspect")(inspect.inspect)
app.command("plan")(plan.plan)
app.command("run")(run.run)
app.command("report")(report.report)
app.command("export")(export.export)
app.command("ls")(runs.ls)
app.command("show")(runs.show)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"parity-eval {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    del version
    if debug:
        os.environ["PARITY_EVAL_DEBUG"] = "1"


def main() -> None:
    """Run the command line."""
    # Our vectors are short: the threads of the linear algebra would only wait, and wait busily.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    app()

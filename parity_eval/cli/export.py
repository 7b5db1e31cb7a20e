"""`parity-eval export`: a run's routes for a gateway."""

from pathlib import Path
from typing import Annotated

import typer

from parity_eval.cli import options
from parity_eval.cli.boundary import guarded
from parity_eval.errors import UsageError


@guarded
def export(
    run: options.RunPath,
    to: Annotated[str, typer.Option("--to", help="Gateway: litellm.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the files.")] = Path(),
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="NAME=PROVIDER/MODEL for a model known as a recording."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
) -> None:
    """Write a gateway's configuration from a run's manifest.

    Only certified tasks move; everything else stays on the baseline. What the gateway cannot
    guarantee is printed.

    Exit codes: 0 done, 2 bad usage or input.
    """
    from parity_eval.workflows.export import export as write

    done = write(run, to, output, deployed=_deployed(model or []), force=force)
    if done.n_certified == 0:
        typer.echo("no task is certified: everything is routed to the baseline", err=True)
    for caveat in done.caveats:
        typer.echo(f"not guaranteed: {caveat}", err=True)
    for path in done.files:
        typer.echo(path)


def _deployed(given: list[str]) -> dict[str, str]:
    found = {}
    for text in given:
        name, sign, model = text.partition("=")
        if not sign or not name or not model:
            raise UsageError(f"--model {text}: NAME=PROVIDER/MODEL was expected")
        found[name] = model
    return found

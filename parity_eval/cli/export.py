"""`parity-eval export`: a run's routes for a gateway, or its answers as recordings."""

from pathlib import Path
from typing import Annotated

import typer

from parity_eval.cli import options
from parity_eval.cli.boundary import guarded
from parity_eval.errors import UsageError


@guarded
def export(
    run: options.RunPath,
    to: Annotated[str, typer.Option("--to", help="litellm (a gateway), or recordings.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the files.")] = Path(),
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="NAME=PROVIDER/MODEL for a model known as a recording."),
    ] = None,
    with_log: Annotated[
        bool, typer.Option("--with-log", help="Copy the log beside the recordings.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
) -> None:
    """Write a gateway's configuration from a run's manifest, or recordings of its answers.

    To a gateway: only certified tasks move; everything else stays on the baseline. What the gateway
    cannot guarantee is printed.

    To recordings: one file per model, the judge's verdicts, and a parity.yaml that replays the
    study from them and comes to the same decisions, without a key or a network.

    Exit codes: 0 done, 2 bad usage or input.
    """
    if with_log and to != "recordings":
        raise UsageError(f"--with-log belongs to `--to recordings`; {to} takes no log")
    if to == "recordings":
        if model:
            raise UsageError("--model belongs to a gateway; recordings keep the names of the run")
        _to_recordings(run, output, with_log=with_log, force=force)
        return
    from parity_eval.workflows.export import export as write

    done = write(run, to, output, deployed=_deployed(model or []), force=force)
    if done.n_certified == 0:
        typer.echo("no task is certified: everything is routed to the baseline", err=True)
    for caveat in done.caveats:
        typer.echo(f"not guaranteed: {caveat}", err=True)
    for path in done.files:
        typer.echo(path)


def _to_recordings(run: Path, output: Path, *, with_log: bool, force: bool) -> None:
    from parity_eval.cli.progress import Progress
    from parity_eval.workflows.recordings import export as write
    from parity_eval.workflows.recordings import study_of
    from parity_eval.workflows.run import prepare

    quiet = Progress(is_quiet=True, is_verbose=False, no_color=True)
    done = write(run, prepare(study_of(run), quiet), output, with_log=with_log, force=force)
    for note in done.notes:
        typer.echo(note, err=True)
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

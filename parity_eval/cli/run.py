"""`parity-eval run`: evaluate a study, or go on with its unfinished run."""

from pathlib import Path
from typing import Annotated

import typer

from parity_eval.cli import options
from parity_eval.cli.boundary import guarded


@guarded
def run(
    config: Annotated[
        Path | None,
        typer.Argument(help="Configuration. Default: parity.yaml here, if --log is not given."),
    ] = None,
    log: Annotated[
        str | None, typer.Option("--log", help="Prompt log: .jsonl or .jsonl.gz, path or glob.")
    ] = None,
    baseline: Annotated[str | None, typer.Option("--baseline", help="Model in production.")] = None,
    candidate: Annotated[
        list[str] | None,
        typer.Option("--candidate", help="Cheaper model, or a recording (.jsonl[.gz]). Repeat."),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option("--judge", help="Model that compares free text, or recorded verdicts."),
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option("--task", help="Only this task. Repeat.")
    ] = None,
    alpha: Annotated[
        float | None, typer.Option(help="Bound on the error of the whole table. [0.05]")
    ] = None,
    margin: Annotated[
        float | None, typer.Option(help="How much worse is still acceptable. [0.05]")
    ] = None,
    bar: Annotated[float | None, typer.Option(help="Parity rate to beat. [auto]")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the order of requests. [1]")] = None,
    max_samples: Annotated[
        int | None, typer.Option("--max-samples", help="Most requests per arm. [2000]")
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option("--max-cost", help="Hard limit in US dollars.")
    ] = None,
    concurrency: Annotated[int | None, typer.Option(help="Calls in flight. [32]")] = None,
    missing: Annotated[
        str | None,
        typer.Option(help="wait: an arm stops at a missing answer; fail: it counts against it."),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Only logged and recorded answers.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Spend up to the worst case without asking.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder that holds run folders. [reports]")
    ] = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    no_color: options.NoColor = False,
) -> None:
    """Evaluate a study: replay, compare, certify; or go on with its unfinished run.

    With a file: `parity-eval run parity.yaml`. With flags alone:
    `parity-eval run --log LOG --baseline MODEL --candidate MODEL [--judge MODEL]`.

    The run stops by itself as soon as every decision is in. Interrupt it at any time: the same
    command goes on, and asks for nothing twice.

    Exit codes: 0 done, 2 bad usage, configuration or input, 3 incomplete, 4 internal error.
    """
    from parity_eval.cli.execute import execute
    from parity_eval.cli.progress import Progress
    from parity_eval.config import read

    study = read(
        None if log and config is None else config or Path("parity.yaml"),
        options.chosen(
            log__path=options.absolute(log),
            baseline__model=baseline,
            test__alpha=alpha,
            test__margin=margin,
            test__bar=bar,
            test__seed=seed,
            test__max_samples=max_samples,
            budget__usd=max_cost,
            replay__concurrency=concurrency,
            missing=missing,
            offline=offline or None,
            out=options.absolute(str(out)) if out else None,
        ),
        candidates=candidate or [],
        judge=judge,
        tasks=task or [],
    )
    progress = Progress(is_quiet=quiet or as_json, is_verbose=verbose, no_color=no_color)
    execute(study, progress, as_json=as_json, no_color=no_color, yes=yes)

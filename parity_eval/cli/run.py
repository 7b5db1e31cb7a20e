"""`parity-eval run`: evaluate a study, or go on with its unfinished run."""

from typing import Annotated

import typer

from parity_eval.cli import options
from parity_eval.cli.boundary import guarded


@guarded
def run(
    config: options.Config = None,
    log: options.Log = None,
    format: options.Format = None,  # noqa: A002 - the name of the option
    since: options.Since = None,
    until: options.Until = None,
    where: options.Where = None,
    baseline: options.Baseline = None,
    candidate: options.Candidates = None,
    judge: options.Judge = None,
    task: options.Tasks = None,
    alpha: options.Alpha = None,
    margin: options.Margin = None,
    bar: options.Bar = None,
    seed: options.Seed = None,
    max_samples: options.MaxSamples = None,
    max_cost: options.MaxCost = None,
    concurrency: Annotated[int | None, typer.Option(help="Calls in flight. [32]")] = None,
    max_wait: Annotated[
        float | None,
        typer.Option(
            "--max-wait",
            metavar="SECONDS",
            help="Longest wait for an endpoint that refuses every call. [120]",
        ),
    ] = None,
    missing: Annotated[
        str | None,
        typer.Option(help="wait: an arm stops at a missing answer; fail: it counts against it."),
    ] = None,
    offline: options.Offline = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Spend up to the worst case without asking.")
    ] = False,
    out: options.StudyOut = None,
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

    study = options.study(
        config,
        options.chosen(
            log__path=options.absolute(log),
            log__format=format,
            log__since=since,
            log__until=until,
            log__where=options.fields(where),
            baseline__model=baseline,
            test__alpha=alpha,
            test__margin=margin,
            test__bar=bar,
            test__seed=seed,
            test__max_samples=max_samples,
            budget__usd=max_cost,
            replay__concurrency=concurrency,
            replay__max_wait_s=max_wait,
            missing=missing,
            offline=offline or None,
            out=options.absolute(str(out)) if out else None,
        ),
        candidates=candidate,
        judge=judge,
        tasks=task,
    )
    progress = Progress(is_quiet=quiet or as_json, is_verbose=verbose, no_color=no_color)
    execute(study, progress, as_json=as_json, no_color=no_color, yes=yes)

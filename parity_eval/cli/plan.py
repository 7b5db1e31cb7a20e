"""`parity-eval plan`: what a study will take, before a cent is spent."""

import shlex
import sys
from collections.abc import Sequence

from parity_eval.cli import options
from parity_eval.cli.boundary import guarded

_NOT_FOR_RUN = ("--json", "-q", "--quiet", "--no-color")


@guarded
def plan(
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
    offline: options.Offline = False,
    out: options.StudyOut = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    no_color: options.NoColor = False,
) -> None:
    """Tell what a study will take, before a cent is spent: pairs, dollars, chances, savings.

    Takes what `run` takes, reads the log, sends nothing. Says first whether the log is long enough.

    Exit codes: 0 done, 2 bad usage, configuration or input, 4 internal error.
    """
    from parity_eval import codec
    from parity_eval.cli.plan_table import closing_lines, plan_table
    from parity_eval.cli.progress import Progress, console
    from parity_eval.workflows.plan import plan as make
    from parity_eval.workflows.run import prepare

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
            offline=offline or None,
            out=options.absolute(str(out)) if out else None,
        ),
        candidates=candidate,
        judge=judge,
        tasks=task,
    )
    progress = Progress(is_quiet=quiet or as_json, is_verbose=False, no_color=no_color)
    found = make(prepare(study, progress), progress, next_command=_next(sys.argv[1:]))
    if as_json:
        sys.stdout.write(codec.pretty(found))
        return
    screen = console(no_color=no_color)
    screen.print(plan_table(found, screen.width))
    for line in closing_lines(found):
        # A command that is broken over two lines cannot be copied.
        screen.print(line, soft_wrap=line.plain.startswith("Next: "))


def _next(arguments: Sequence[str]) -> str:
    """Return the command that runs what was planned: the same words after `plan`."""
    words = arguments[arguments.index("plan") + 1 :] if "plan" in arguments else ()
    kept = [word for word in words if word not in _NOT_FOR_RUN]
    return shlex.join(["parity-eval", "run", *kept])

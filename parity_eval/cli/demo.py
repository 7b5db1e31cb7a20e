"""`parity-eval demo`: the embedded example, beside its planted truth."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from parity_eval.cli import options
from parity_eval.cli.boundary import guarded


@guarded
def demo(
    dataset: Annotated[
        Path | None,
        typer.Option("--dataset", help="Folder of a generated data set. [the embedded one]"),
    ] = None,
    out: options.Out = Path("reports"),
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    no_color: options.NoColor = False,
) -> None:
    """Run the embedded example: offline, no key, under a minute.

    A synthetic prompt log of a fictitious product, with recorded answers of a baseline and three
    cheaper candidates whose true parity rates are known. The table shows each decision beside
    that truth.
    """
    from parity_eval.cli.execute import execute
    from parity_eval.cli.progress import Progress, console
    from parity_eval.cli.truth import truth_table
    from parity_eval.config import read
    from parity_eval.workflows.demo import embedded, planted

    folder = dataset or embedded()
    settings = options.chosen(out=options.absolute(str(out)), offline=True)
    study = read(folder / "parity.yaml", settings)
    # Another truth planted in the same requests is another demo, not a second try.
    study = replace(study, run=replace(study.run, is_registered=False))
    progress = Progress(is_quiet=quiet or as_json, is_verbose=False, no_color=no_color)
    result = execute(study, progress, as_json=as_json, no_color=no_color, yes=False)
    if not as_json:
        console(no_color=no_color).print(truth_table(result.summary, planted(folder)))

"""Options that several commands share, and what they put into a configuration."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

if TYPE_CHECKING:
    from parity_eval.study import LogSpec, Study

Out = Annotated[Path, typer.Option("--out", help="Folder that holds run folders.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Machine-readable result on stdout, all else on stderr.")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Only the result.")]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", help="A line on stderr for each decision as it falls.")
]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colours (also: NO_COLOR).")]
Config = Annotated[
    Path | None,
    typer.Argument(help="Configuration. Default: parity.yaml here, if --log is not given."),
]
Log = Annotated[
    str | None, typer.Option("--log", help="Prompt log: file, folder, glob or address.")
]
Format = Annotated[
    str | None, typer.Option("--format", help="Format of the log. [found out for each file]")
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="Only lines of the log from then on (UTC)."),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Only lines of the log before then.")
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="FIELD=GLOB",
        help="Only lines that fit: metadata.KEY, tag, model, user, ... Repeat.",
    ),
]
Baseline = Annotated[str | None, typer.Option("--baseline", help="Model in production.")]
Candidates = Annotated[
    list[str] | None,
    typer.Option("--candidate", help="Cheaper model, or a recording (.jsonl[.gz]). Repeat."),
]
Judge = Annotated[
    str | None,
    typer.Option("--judge", help="Model that compares free text, or recorded verdicts."),
]
Tasks = Annotated[list[str] | None, typer.Option("--task", help="Only this task. Repeat.")]
Alpha = Annotated[float | None, typer.Option(help="Bound on the error of the whole table. [0.05]")]
Margin = Annotated[float | None, typer.Option(help="How much worse is still acceptable. [0.05]")]
Bar = Annotated[float | None, typer.Option(help="Parity rate to beat. [auto]")]
Seed = Annotated[int | None, typer.Option(help="Seed of the order of requests. [1]")]
MaxSamples = Annotated[
    int | None, typer.Option("--max-samples", help="Most requests per arm. [2000]")
]
MaxCost = Annotated[
    float | None,
    typer.Option(
        "--max-cost",
        help="Limit in US dollars on what is spent and reserved: no call is sent that it does not "
        "cover. Only calls on their way when an endpoint breaks its own bounds can go past it.",
    ),
]
Offline = Annotated[bool, typer.Option("--offline", help="Only logged and recorded answers.")]
StudyOut = Annotated[
    Path | None, typer.Option("--out", help="Folder that holds run folders. [reports]")
]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="Run folder, as `run` printed it.")]

Settings: TypeAlias = dict[tuple[str, ...], Any]


def chosen(**given: object) -> Settings:
    """Return the flags that were given, by their place in a configuration.

    Args:
        **given: Place, with `__` between its parts, and value; None: not given.
    """
    return {tuple(place.split("__")): value for place, value in given.items() if value is not None}


def fields(given: list[str] | None) -> dict[str, str] | None:
    """Return `FIELD=GLOB` options as a mapping; None where there are none.

    Raises:
        UsageError: one without `=`, or a field twice.
    """
    from parity_eval.errors import UsageError

    found: dict[str, str] = {}
    for text in given or []:
        name, equals, pattern = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--where {text}: must be FIELD=GLOB, such as metadata.env=prod")
        if name in found:
            raise UsageError(
                f"--where {text}: {name} is asked for twice; one glob has to fit all, such as "
                "metadata.env=[ps]*"
            )
        found[name] = pattern
    return found or None


def log(
    paths: list[str],
    *,
    format: str | None,  # noqa: A002 - the name of the option
    since: str | None,
    until: str | None,
    where: list[str] | None,
) -> "LogSpec":
    """Return the log that flags describe, checked as a configuration's is.

    Raises:
        ConfigError: a time or a field that there is not.
    """
    from dataclasses import replace

    from parity_eval.config import read

    settings = chosen(
        log__path=paths,
        log__format=format,
        log__since=since,
        log__until=until,
        log__where=fields(where),
        baseline__model="nobody",  # a study has models; nothing is asked here
    )
    # What was typed is what is shown, and what can be typed again.
    return replace(read(None, settings, candidates=["nobody else"]).log, path=tuple(paths))


def study(
    config: Path | None,
    settings: Settings,
    *,
    candidates: list[str] | None,
    judge: str | None,
    tasks: list[str] | None,
) -> "Study":
    """Read the study that a file, flags, or both describe.

    Args:
        config: Configuration; None: `parity.yaml` here, unless the flags name a log.
        settings: Flags, by their place in a configuration.
        candidates: Models or recordings.
        judge: Model, or recorded verdicts.
        tasks: The only tasks to take.

    Raises:
        ConfigError: what they describe is no study.
    """
    from parity_eval.config import read

    is_flags_alone = config is None and ("log", "path") in settings
    return read(
        None if is_flags_alone else config or Path("parity.yaml"),
        settings,
        candidates=candidates or [],
        judge=judge,
        tasks=tasks or [],
    )


def absolute(path: str | None) -> str | None:
    """Return a path from the working folder as an absolute one; addresses stay as they are."""
    if path is None or "://" in path:
        return path
    return str(Path(path).expanduser().absolute())

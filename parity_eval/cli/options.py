"""Options that several commands share, and what they put into a configuration."""

from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

Out = Annotated[Path, typer.Option("--out", help="Folder that holds run folders.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Machine-readable result on stdout, all else on stderr.")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Only the result.")]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", help="A line on stderr for each decision as it falls.")
]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colours (also: NO_COLOR).")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="Run folder, as `run` printed it.")]

Settings: TypeAlias = dict[tuple[str, ...], Any]


def chosen(**given: object) -> Settings:
    """Return the flags that were given, by their place in a configuration.

    Args:
        **given: Place, with `__` between its parts, and value; None: not given.
    """
    return {tuple(place.split("__")): value for place, value in given.items() if value is not None}


def absolute(path: str | None) -> str | None:
    """Return a path from the working folder as an absolute one."""
    return None if path is None else str(Path(path).expanduser().absolute())

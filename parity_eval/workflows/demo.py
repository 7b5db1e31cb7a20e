"""The embedded example: where it is, and what was planted in it."""

from pathlib import Path
from typing import Any

from parity_eval import codec
from parity_eval.errors import InputError

NAME = "helpdesk"


def embedded() -> Path:
    """Return the folder of the embedded data set: in the installed package, else in the clone.

    Raises:
        InputError: neither is there.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_datasets" / NAME, package.parent / "datasets" / NAME):
        if (folder / "parity.yaml").exists():
            return folder
    raise InputError(f"the embedded data set {NAME!r} is not installed; reinstall parity-eval")


def planted(folder: Path) -> dict[str, Any]:
    """Return what was planted in a data set: its `truth.json`.

    Raises:
        InputError: it is not there, or not JSON.
    """
    path = folder / "truth.json"
    try:
        return codec.decode(path.read_bytes(), dict[str, Any], str(path))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; the data set is incomplete") from error

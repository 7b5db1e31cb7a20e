"""The runs of an output folder."""

from pathlib import Path

from parity_eval import codec
from parity_eval.errors import InputError
from parity_eval.store import JOURNAL
from parity_eval.summary import RunSummary


def list_runs(out: Path) -> list[tuple[Path, RunSummary | None]]:
    """Return the run folders below a folder, by name, with their summaries.

    A run that has not written its summary yet has None.

    Raises:
        InputError: no such folder.
    """
    if not out.is_dir():
        raise InputError(f"{out}: no such folder; run something first, or name it with --out")
    found: list[tuple[Path, RunSummary | None]] = []
    for journal in sorted(out.glob(f"*/{JOURNAL}")):
        path = journal.parent / "summary.json"
        known = codec.decode(path.read_bytes(), RunSummary, str(path)) if path.exists() else None
        found.append((journal.parent, known))
    return found

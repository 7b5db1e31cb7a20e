"""A run folder to a document."""

from pathlib import Path

from parity_eval import codec, explorer, plugins
from parity_eval.errors import InputError
from parity_eval.store import read_journal
from parity_eval.summary import RunSummary


def load(folder: Path) -> RunSummary:
    """Read a run's summary.

    Raises:
        InputError: not a run folder, or a run that has not written its summary yet.
    """
    path = folder / "summary.json"
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        if (folder / "journal.jsonl").exists():
            raise InputError(
                f"{folder}: the run has not got as far as a summary; run it again to go on"
            ) from error
        raise InputError(f"{folder}: not a run folder; `parity-eval ls` lists them") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    return codec.decode(data, RunSummary, str(path))


def report(folder: Path, form: str) -> str:
    """Make a document of a run.

    Args:
        folder: Run folder.
        form: Name of a reporter.

    Raises:
        UsageError: no such reporter, or no such run.
    """
    reporter = plugins.reporter(form)
    summary = load(folder)
    used = {
        (arm.decision.arm.task, arm.decision.arm.candidate): max(arm.position, arm.decision.n)
        for task in summary.tasks
        for arm in task.arms
    }
    return reporter.render(summary, explorer.pairs(lambda: read_journal(folder), used))

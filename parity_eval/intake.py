"""Files of a prompt log to usable entries by task; whatever cannot be used is counted."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from parity_eval import codec, tasks
from parity_eval.errors import InputError
from parity_eval.protocols import Reader
from parity_eval.records import LogEntry, Reject, TaskName
from parity_eval.study import TaskSpec

_SHOWN = 5
# Who asked, how often and where it is filed: changes nothing about what was asked.
_NOT_ASKED = frozenset(
    {"metadata", "n", "prompt_cache_key", "safety_identifier", "seed", "store", "user"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What a prompt log holds."""

    by_task: dict[TaskName, list[LogEntry]]
    rejects: tuple[Reject, ...]
    n_lines: int
    """Lines that are not blank, usable or not."""
    n_unassigned: int
    """Usable lines that no task of the study matches."""
    fingerprint: str
    """SHA-256 over all of the usable lines that a decision depends on, whatever their order."""
    first_timestamp: str | None
    """Of the lines that belong to a task."""
    last_timestamp: str | None


def gather(
    reader: Reader, paths: Sequence[str], specs: Sequence[TaskSpec], *, max_rejects: float
) -> Intake:
    """Read a log and put its entries into tasks.

    Args:
        reader: Understands the format.
        paths: Files.
        specs: Tasks of the study; empty: the log's own task names count.
        max_rejects: Share of unusable lines above which the log is refused.

    Raises:
        InputError: an unreadable or empty log, or too many unusable lines.
        ConfigError: two tasks match one request.
    """
    by_task: dict[TaskName, list[LogEntry]] = {spec.name: [] for spec in specs}
    rejects: list[Reject] = []
    seen: dict[str, str] = {}
    prints: list[str] = []
    times: list[str] = []
    n_lines = n_unassigned = 0
    for path in paths:
        for item in reader.read(path):
            n_lines += 1
            entry = _once(item, path, seen)
            if isinstance(entry, Reject):
                rejects.append(entry)
                continue
            name = tasks.assign(entry, specs)
            prints.append(_fingerprint(entry, name))
            if name is None:
                n_unassigned += 1
                continue
            by_task.setdefault(name, []).append(entry)
            times += [entry.timestamp] if entry.timestamp else []
    _check(paths, rejects, n_lines, max_rejects)
    return Intake(
        by_task=by_task,
        rejects=tuple(rejects),
        n_lines=n_lines,
        n_unassigned=n_unassigned,
        fingerprint=hashlib.sha256("\n".join(sorted(prints)).encode()).hexdigest(),
        first_timestamp=min(times, default=None),
        last_timestamp=max(times, default=None),
    )


def content_digest(entry: LogEntry) -> str:
    """Return the digest of what was asked: equal requests are one unit of the test.

    Of requests that the log has cut or redacted nobody knows whether they were equal.
    """
    body = entry.request.body
    if entry.unreplayable is not None:
        return codec.digest([entry.request.id, body])
    return codec.digest({key: value for key, value in body.items() if key not in _NOT_ASKED})


def _fingerprint(entry: LogEntry, task: TaskName | None) -> str:
    kind = entry.metadata.get("kind")
    answer = None if entry.response is None else codec.builtins(entry.response)
    if answer is not None:
        # What stood behind the model when it answered decides nothing.
        del answer["fingerprint"]
    return codec.digest([entry.request.id, entry.request.body, answer, task, kind])


def _once(item: LogEntry | Reject, path: str, seen: dict[str, str]) -> LogEntry | Reject:
    if isinstance(item, Reject):
        return item
    where = f"{path}:{item.line}"
    first = seen.setdefault(item.request.id, where)
    if first == where:
        return item
    reason = f"duplicate id {item.request.id!r}; first seen at {first}"
    return Reject(path=path, line=item.line, reason=reason)


def _check(
    paths: Sequence[str], rejects: Sequence[Reject], n_lines: int, max_rejects: float
) -> None:
    where = paths[0] if len(paths) == 1 else f"{len(paths)} files ({paths[0]}, ...)"
    if n_lines == 0:
        raise InputError(f"{where}: is empty; a prompt log has one JSON object per line")
    share = len(rejects) / n_lines
    if share <= max_rejects and len(rejects) < n_lines:
        return
    lines = [f"  {r.path}:{r.line}: {r.reason}" for r in rejects[:_SHOWN]]
    if len(rejects) > _SHOWN:
        lines.append(f"  ... and {len(rejects) - _SHOWN} more")
    limit, remedy = "", ""
    if len(rejects) < n_lines:
        limit = f", more than `log.max_rejects` allows ({max_rejects:.1%})"
        remedy = ", or raise `log.max_rejects`"
    raise InputError(
        f"{where}: {len(rejects)} of {n_lines} lines ({share:.1%}) cannot be used{limit}:\n"
        + "\n".join(lines)
        + '\nEach line must be {"id": ..., "request": {"messages": [...]}, "response": {...}}; '
        f"mend the log{remedy}"
    )

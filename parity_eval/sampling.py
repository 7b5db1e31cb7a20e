"""A task's log entries to distinct requests in one seeded order.

The order is a uniformly random permutation that depends on the seed, the task and the request ids
only: not on the order of the file, nor on how many files the log is split into.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from parity_eval.records import Finish, LogEntry, Response, TaskName, Unit

SMALL_SPLIT = 50
SET_ASIDE = "set aside for calibration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The requests of one task, ready to be tested."""

    task: TaskName
    units: tuple[Unit, ...]
    """Distinct requests in the seeded order, calibration part excluded."""
    calibration: tuple[LogEntry, ...]
    """Entries for tuning; never certified on."""
    n_lines: int
    excluded: dict[str, int]
    """Lines left out, by reason."""
    excluded_units: int
    order_hash: str
    """SHA-256 over the ids in order."""


def seeded_key(seed: int, task: str, request_id: str) -> str:
    """Return the sort key of a request: SHA-256 of seed, task and id, in hex."""
    return hashlib.sha256(f"{seed}\x00{task}\x00{request_id}".encode()).hexdigest()


def distinct(
    entries: Iterable[LogEntry], digest: Callable[[LogEntry], str]
) -> dict[str, list[LogEntry]]:
    """Group equal requests; inside a group the entry with the smallest id comes first."""
    groups: dict[str, list[LogEntry]] = {}
    for entry in entries:
        groups.setdefault(digest(entry), []).append(entry)
    return {key: sorted(group, key=lambda e: e.request.id) for key, group in groups.items()}


def unusable(response: Response | None) -> str | None:
    """Say why a baseline answer cannot be compared with; None where it can.

    Refusals stay: both may refuse.
    """
    if response is None:
        return "no baseline answer"
    if response.finish is Finish.LENGTH:
        return "baseline answer cut off"
    if response.finish in (Finish.INVALID, Finish.REJECTED):
        return "baseline call failed"
    if not response.text and not response.tool_calls and response.finish is not Finish.REFUSED:
        return "baseline answer empty"
    return None


def draw(
    task: TaskName,
    groups: dict[str, list[LogEntry]],
    *,
    seed: int,
    n_calibration: int,
    needs_answer: bool,
) -> Sample:
    """Put the distinct requests of a task into the seeded order.

    Args:
        task: Name of the task.
        groups: Equal requests by digest, from `distinct`.
        seed: Seed of the study.
        n_calibration: Requests to set aside for tuning, the first of an order of their own.
        needs_answer: Whether a logged answer is the baseline's; False where it is replayed.
    """
    usable: list[Unit] = []
    excluded: Counter[str] = Counter()
    n_excluded = 0
    aside = set(_first(f"calibration\x00{task}", groups, seed, n_calibration))
    for digest, group in groups.items():
        reason = unusable(group[0].response) if needs_answer else None
        if digest in aside:
            excluded[SET_ASIDE] += len(group)
        elif reason:
            excluded[reason] += len(group)
            n_excluded += 1
        else:
            usable.append(_unit(digest, group))
    order = sorted(usable, key=lambda unit: seeded_key(seed, task, unit.request.id))
    ids = "\n".join(unit.request.id for unit in order)
    return Sample(
        task=task,
        units=tuple(order),
        calibration=tuple(entry for digest in sorted(aside) for entry in groups[digest]),
        n_lines=sum(map(len, groups.values())),
        excluded=dict(excluded),
        excluded_units=n_excluded,
        order_hash=hashlib.sha256(ids.encode()).hexdigest(),
    )


def calibration_size(n_units: int) -> int:
    """Return how many requests are set aside where something has to be tuned: 10%, at most 50."""
    return min(SMALL_SPLIT, n_units // 10)


def _first(salt: str, groups: dict[str, list[LogEntry]], seed: int, n: int) -> Sequence[str]:
    return sorted(groups, key=lambda d: seeded_key(seed, salt, groups[d][0].request.id))[:n]


def _unit(digest: str, group: list[LogEntry]) -> Unit:
    entry = group[0]
    empty = Response(text="")
    return Unit(
        request=entry.request,
        baseline=entry.response or empty,
        weight=len(group),
        digest=digest,
    )

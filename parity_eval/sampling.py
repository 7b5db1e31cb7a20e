"""A task's log entries to distinct requests, or one of each cluster, in one seeded order.

The order is a uniformly random permutation that depends on the seed, the task and the request ids
only: not on the order of the file, nor on how many files the log is split into.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from parity_eval.records import Finish, LogEntry, RequestId, Response, TaskName, Unit

SMALL_SPLIT = 50
SET_ASIDE = "set aside for calibration"
UNREPLAYABLE = "cannot be replayed: "
"""How the reason begins for which a request cannot be sent again."""
CLUSTERED = "another request of its cluster stands for it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The requests of one task, ready to be tested."""

    task: TaskName
    units: tuple[Unit, ...]
    """Distinct requests (of a cluster: one) in the seeded order, calibration part excluded."""
    calibration: tuple[LogEntry, ...]
    """Entries for tuning; never certified on."""
    n_lines: int
    excluded: dict[str, int]
    """Lines left out, by reason."""
    excluded_units: int
    """Requests without a usable answer; of clusters each counts by the share of its requests."""
    order_hash: str
    """SHA-256 over the ids in order."""
    kept: dict[RequestId, Unit] = field(default_factory=dict)
    """By id, the usable ones of the requests that were asked for by name, in the sample or not."""
    slices: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Per slice, its requests that cannot be used, and all of them."""


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


def representative(group: Sequence[LogEntry], *, needs_answer: bool) -> LogEntry:
    """Return the entry that stands for a group of equal requests.

    Args:
        group: Equal requests, the smallest id first.
        needs_answer: Whether a logged answer is the baseline's; False where it is replayed.

    Returns:
        The first entry whose answer can be compared with; where none can, the first.
    """
    usable = (entry for entry in group if not (needs_answer and unusable(entry.response)))
    return next(usable, group[0])


def draw(  # noqa: PLR0913 - the last three are rarely given
    task: TaskName,
    groups: dict[str, list[LogEntry]],
    *,
    seed: int,
    n_calibration: int,
    needs_answer: bool,
    cluster: Callable[[LogEntry], str | None] | None = None,
    keep: frozenset[RequestId] = frozenset(),
    describe: Callable[[LogEntry], tuple[str | None, frozenset[str]]] | None = None,
) -> Sample:
    """Put the distinct requests of a task, or its clusters, into the seeded order.

    One random request stands for each cluster, and clusters come in a random order of their own,
    so that neither the place of a cluster nor its chance to be used depends on its size.

    Args:
        task: Name of the task.
        groups: Equal requests by digest, from `distinct`.
        seed: Seed of the study.
        n_calibration: Requests to set aside for tuning, the first of an order of their own;
            clusters are set aside whole until there are as many.
        needs_answer: Whether a logged answer is the baseline's; False where it is replayed.
        cluster: What dependent requests have in common; a request for which it gives None is a
            cluster of its own. None: so is every request.
        keep: Requests that are asked for by name, wherever the draw leaves them.
        describe: Gives the right answer and the slices of a request.

    References:
        Miller, Adding error bars to evals, 2024 (clustered questions).
    """
    rows = [_row(digest, group, cluster, needs_answer) for digest, group in groups.items()]
    aside = _set_aside(rows, f"calibration\x00{task}", seed, n_calibration)
    left = [row for row in rows if row.cluster not in aside]
    chosen = _one_per_cluster([row for row in left if row.why_not is None], seed, task)
    excluded: Counter[str] = Counter()
    for row in rows:
        why = SET_ASIDE if row.cluster in aside else row.why_not
        if why or row.digest not in chosen:
            excluded[why or CLUSTERED] += len(row.group)
    order = sorted(
        (row for row in left if row.digest in chosen),
        key=lambda row: seeded_key(seed, task, row.cluster),
    )
    ids = "\n".join(row.entry.request.id for row in order)
    tuning = sorted(row.digest for row in rows if row.cluster in aside)
    clusters: dict[str, list[_Row]] = {}
    for row in rows:
        clusters.setdefault(row.cluster, []).append(row)
    return Sample(
        task=task,
        units=tuple(_unit(row, describe, clusters[row.cluster]) for row in order),
        calibration=tuple(entry for digest in tuning for entry in groups[digest]),
        n_lines=sum(map(len, groups.values())),
        excluded=dict(excluded),
        excluded_units=_excluded_units(left),
        order_hash=hashlib.sha256(ids.encode()).hexdigest(),
        kept={
            entry.request.id: _unit(row, describe, [row])
            for row in rows
            if row.why_not is None
            for entry in row.group
            if entry.request.id in keep
        },
        slices=_slices(left, describe),
    )


def calibration_size(n_units: int) -> int:
    """Return how many requests are set aside where something has to be tuned: 10%, at most 50."""
    return min(SMALL_SPLIT, n_units // 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A distinct request with what the draw has to know of it."""

    digest: str
    group: list[LogEntry]
    entry: LogEntry
    """The representative."""
    cluster: str
    """Name of its cluster; its own id where it shares nothing."""
    why_not: str | None
    """Why it cannot be compared with."""


def _row(
    digest: str,
    group: list[LogEntry],
    cluster: Callable[[LogEntry], str | None] | None,
    needs_answer: bool,  # noqa: FBT001
) -> _Row:
    entry = representative(group, needs_answer=needs_answer)
    shared = cluster(entry) if cluster else None
    return _Row(
        digest=digest,
        group=group,
        entry=entry,
        # The prefix keeps a cluster apart from a request whose id is its name.
        cluster=entry.request.id if shared is None else f"cluster\x00{shared}",
        why_not=_unreplayable(entry) or (unusable(entry.response) if needs_answer else None),
    )


def _unreplayable(entry: LogEntry) -> str | None:
    return entry.unreplayable and f"{UNREPLAYABLE}{entry.unreplayable}"


def _set_aside(rows: Sequence[_Row], salt: str, seed: int, n_requests: int) -> frozenset[str]:
    """Name the clusters that are set aside for tuning."""
    sizes = Counter(row.cluster for row in rows)
    aside: set[str] = set()
    n_aside = 0
    for name in sorted(sizes, key=lambda name: seeded_key(seed, salt, name)):
        if n_aside >= n_requests:
            break
        aside.add(name)
        n_aside += sizes[name]
    return frozenset(aside)


def _one_per_cluster(usable: Sequence[_Row], seed: int, task: TaskName) -> frozenset[str]:
    """Return the digests of the requests that stand for their clusters."""
    first: dict[str, tuple[str, str]] = {}
    for row in usable:
        key = (seeded_key(seed, task, row.entry.request.id), row.digest)
        first[row.cluster] = min(key, first.get(row.cluster, key))
    return frozenset(digest for _, digest in first.values())


def _excluded_units(rows: Sequence[_Row]) -> int:
    """Count the clusters that cannot be used, each by the share of its requests that cannot.

    Otherwise a log of which half is unusable would pass for whole where every cluster has one
    request that can be used.
    """
    sizes = Counter(row.cluster for row in rows)
    lost = Counter(row.cluster for row in rows if row.why_not)
    return round(sum(n / sizes[name] for name, n in lost.items()))


def _slices(
    rows: Sequence[_Row],
    describe: Callable[[LogEntry], tuple[str | None, frozenset[str]]] | None,
) -> dict[str, tuple[int, int]]:
    """Count, per slice, the requests that cannot be used, and all."""
    lost, total = Counter[str](), Counter[str]()
    for row in rows if describe else ():
        names = describe(row.entry)[1] if describe else frozenset[str]()
        total.update(names)
        lost.update(names if row.why_not else ())
    return {name: (lost[name], n) for name, n in total.items()}


def _unit(
    row: _Row,
    describe: Callable[[LogEntry], tuple[str | None, frozenset[str]]] | None,
    cluster: Sequence[_Row],
) -> Unit:
    reference, slices = describe(row.entry) if describe else (None, frozenset[str]())
    return Unit(
        request=row.entry.request,
        baseline=row.entry.response or Response(text=""),
        weight=sum(len(one.group) for one in cluster),
        digest=row.digest,
        kin=tuple(sorted(one.digest for one in cluster if one is not row)),
        reference=reference,
        slices=slices,
    )

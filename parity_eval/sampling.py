"""A task's log entries to distinct requests, or one of each cluster, in one seeded order.

The order is a uniformly random permutation that depends on the seed, the task and the request ids
only: not on the order of the file, nor on how many files the log is split into. Where traffic is
what counts, it is a permutation of the lines, and equal ones among them share one answer.

There is no stratified order. The test multiplies its wealth by 1 + c (x - bar) / bar with each
verdict x, and may stop at any of them because the mean of the next verdict, given all before, is
at most the bar under the null hypothesis. In an order that keeps its prefixes balanced the stratum
of the next request is known: with rates of 1 and 0.9 in two halves and a bar of 0.95, the wealth
grows for certain in every other step, and its expectation after the first is 1 + 0.05 c / 0.95.
Only at the ends of exactly balanced blocks would it be 1 at most; for a claim about this log the
null that moves with the sum that is left assumes a uniform order as well. In simulations such an
order had no more false certificates than alpha (0.038 in those halves), but a certificate rests on
a proof, and there is none. Nor is there much to be gained where rates are near 1: nearly all of the
variance is within the strata.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from parity_eval.records import Finish, LogEntry, RequestId, Response, TaskName, Unit
from parity_eval.study import Weight

SMALL_SPLIT = 50
SET_ASIDE = "set aside for calibration"
UNREPLAYABLE = "cannot be replayed: "
"""How the reason begins for which a request cannot be sent again."""
CLUSTERED = "another request of its cluster stands for it"
_MOST_TOGETHER = 0.2
"""A session with a larger share of the requests is no conversation: the split looks past it."""


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
    n_beyond: int = 0
    """Lines of requests of the task that are not in memory."""

    def n_lines_of(self, units: Iterable[Unit]) -> int:
        """Return the lines that some of the units stand for, with those that are not in memory."""
        return self.n_beyond + sum(unit.weight for unit in units)


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


def draw(  # noqa: PLR0913 - the last four are rarely given
    task: TaskName,
    groups: dict[str, list[LogEntry]],
    *,
    seed: int,
    n_calibration: int,
    needs_answer: bool,
    cluster: Callable[[LogEntry], str | None] | None = None,
    keep: frozenset[RequestId] = frozenset(),
    describe: Callable[[LogEntry], tuple[str | None, frozenset[str]]] | None = None,
    weight: Weight = "requests",
) -> Sample:
    """Put the distinct requests of a task, its clusters, or its lines, into the seeded order.

    One random request stands for each cluster, and clusters come in a random order of their own,
    so that neither the place of a cluster nor its chance to be used depends on its size.

    What is set aside for tuning shares no request with what is certified on, and no cluster; where
    there are none, no session: a request is of the session of the entry that stands for it.

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
        weight: `traffic`: every line is a unit, with the request of the entry that stands for it
            (clusters have to be None). Valid for a claim about this log only: the answer to a
            request that is asked often is drawn once and counts as often.

    References:
        Miller, Adding error bars to evals, 2024 (clustered questions).
    """
    rows = [_row(digest, group, cluster, needs_answer) for digest, group in groups.items()]
    aside = _set_aside(rows, f"calibration\x00{task}", seed, n_calibration)
    left = [row for row in rows if row.digest not in aside]
    chosen = _one_per_cluster([row for row in left if row.why_not is None], seed, task)
    excluded: Counter[str] = Counter()
    for row in rows:
        why = SET_ASIDE if row.digest in aside else row.why_not
        if why or row.digest not in chosen:
            excluded[why or CLUSTERED] += _n_lines(row.group)
    order = sorted(
        (row for row in left if row.digest in chosen),
        key=lambda row: seeded_key(seed, task, row.cluster),
    )
    clusters: dict[str, list[_Row]] = {}
    for row in rows:
        clusters.setdefault(row.cluster, []).append(row)
    units = [
        (str(row.entry.request.id), _unit(row, describe, clusters[row.cluster])) for row in order
    ]
    if weight == "traffic":
        units = _by_line(units, order, lambda line: seeded_key(seed, task, line))
    return Sample(
        task=task,
        units=tuple(unit for _, unit in units),
        calibration=tuple(entry for digest in sorted(aside) for entry in groups[digest]),
        n_lines=sum(map(_n_lines, groups.values())),
        excluded=dict(excluded),
        excluded_units=_excluded_units(left, weight),
        order_hash=hashlib.sha256("\n".join(name for name, _ in units).encode()).hexdigest(),
        kept={
            entry.request.id: _unit(row, describe, [row])
            for row in rows
            if row.why_not is None
            for entry in row.group
            if entry.request.id in keep
        },
        slices=_slices(left, describe, weight),
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
    side: str
    """What it stays together with where some requests are set aside: its cluster or session."""
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
    # The prefix keeps a cluster apart from a request whose id is its name.
    name = entry.request.id if shared is None else f"cluster\x00{shared}"
    talks = cluster is None and entry.session
    return _Row(
        digest=digest,
        group=group,
        entry=entry,
        cluster=name,
        side=f"session\x00{entry.session}" if talks else name,
        why_not=_unreplayable(entry) or (unusable(entry.response) if needs_answer else None),
    )


def _unreplayable(entry: LogEntry) -> str | None:
    return entry.unreplayable and f"{UNREPLAYABLE}{entry.unreplayable}"


def _set_aside(rows: Sequence[_Row], salt: str, seed: int, n_requests: int) -> frozenset[str]:
    """Return the digests of the requests that are set aside for tuning, whole sides of them."""
    sizes = Counter(row.side for row in rows)
    most = _MOST_TOGETHER * len(rows)
    sides: dict[str, list[str]] = {}
    for row in rows:
        is_crowd = row.side != row.cluster and sizes[row.side] > most
        sides.setdefault(row.cluster if is_crowd else row.side, []).append(row.digest)
    aside: list[str] = []
    for name in sorted(sides, key=lambda name: seeded_key(seed, salt, name)):
        if len(aside) >= n_requests:
            break
        aside += sides[name]
    return frozenset(aside)


def _by_line(
    units: Sequence[tuple[str, Unit]], rows: Sequence[_Row], key: Callable[[str], str]
) -> list[tuple[str, Unit]]:
    """Return a unit for each line of each request, in an order of their own."""
    lines = [
        # An entry that stands for more lines than its own has one id for all of them.
        (f"{entry.request.id}\x00{i}" if i else str(entry.request.id), unit, _n_lines(row.group))
        for (_, unit), row in zip(units, rows, strict=True)
        for entry in row.group
        for i in range(entry.n_lines)
    ]
    return [
        (line, replace(unit, weight=1, n_equal=n_equal))
        for line, unit, n_equal in sorted(lines, key=lambda line: key(line[0]))
    ]


def _one_per_cluster(usable: Sequence[_Row], seed: int, task: TaskName) -> frozenset[str]:
    """Return the digests of the requests that stand for their clusters."""
    first: dict[str, tuple[str, str]] = {}
    for row in usable:
        key = (seeded_key(seed, task, row.entry.request.id), row.digest)
        first[row.cluster] = min(key, first.get(row.cluster, key))
    return frozenset(digest for _, digest in first.values())


def _excluded_units(rows: Sequence[_Row], weight: Weight) -> int:
    """Count the clusters (or lines) that cannot be used, each by the share that cannot.

    Otherwise a log of which half is unusable would pass for whole where every cluster has one
    request that can be used.
    """
    if weight == "traffic":
        return sum(_n_lines(row.group) for row in rows if row.why_not)
    sizes = Counter(row.cluster for row in rows)
    lost = Counter(row.cluster for row in rows if row.why_not)
    return round(sum(n / sizes[name] for name, n in lost.items()))


def _slices(
    rows: Sequence[_Row],
    describe: Callable[[LogEntry], tuple[str | None, frozenset[str]]] | None,
    weight: Weight,
) -> dict[str, tuple[int, int]]:
    """Count, per slice, the requests (or lines) that cannot be used, and all."""
    lost, total = Counter[str](), Counter[str]()
    for row in rows if describe else ():
        n = _n_lines(row.group) if weight == "traffic" else 1
        for name in describe(row.entry)[1] if describe else ():
            total[name] += n
            lost[name] += n if row.why_not else 0
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
        weight=sum(_n_lines(one.group) for one in cluster),
        digest=row.digest,
        kin=tuple(sorted(one.digest for one in cluster if one is not row)),
        reference=reference,
        slices=slices,
        is_masked=row.entry.is_masked,
    )


def _n_lines(group: Sequence[LogEntry]) -> int:
    return sum(entry.n_lines for entry in group)

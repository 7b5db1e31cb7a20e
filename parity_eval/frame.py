"""The part of a large log that is kept in memory: a random part that is fixed by the seed.

Of each task the distinct requests (or clusters) that come first in a random order of their own are
kept, whole and with all their duplicates; the others are counted and let go. What is kept is a
uniformly random sample of the distinct requests, and a pass over the log needs the memory of the
sample, not of the log.
"""

import hashlib
import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from parity_eval.records import LogEntry, RequestId, Response, TaskName, Unit
from parity_eval.sampling import Sample, unusable

_KEY_SPACE = 2**256
_BUCKET = 1000
"""Lines between two looks at what is rare. Of n lines, whatever has more than n / 1000 of them is
still counted at the end: well below the share at which a single request can block a route."""
_COMMON = 0.005
"""Share of a task's lines from which a request outside of the frame is told of: half of what can
block a route, so that nothing that can is overlooked."""
_MOST_EQUAL = 100
"""Equal lines that are kept one by one; of the others only their number is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heavy:
    """A request outside of the frame that many lines of the log repeat."""

    entry: LogEntry
    digest: str
    n_lines: int
    """Upper bound on its lines, at most a thousandth of the task's lines too high."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beyond:
    """What is known of the requests of a task that are not kept."""

    n_lines: int
    """Their lines."""
    n_requests: int
    """Estimate of all distinct requests (clusters) of the task, kept or not."""
    heavy: tuple[Heavy, ...]
    """Those that have at least half a percent of the task's lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Framed:
    """What is kept of one task after a pass over the log."""

    entries: list[LogEntry]
    """All lines of the requests that are kept, and those that were asked for by id."""
    beyond: Beyond | None
    """None: everything is kept."""


def extended(
    sample: Sample,
    beyond: Beyond,
    *,
    needs_answer: bool,
    describe: Callable[[LogEntry], tuple[str | None, frozenset[str]]],
) -> Sample:
    """Return a sample that knows of the requests which are not in memory.

    Args:
        sample: Drawn from what is kept.
        beyond: The rest.
        needs_answer: As for `sampling.draw`.
        describe: As there.
    """
    usable = (
        one
        for one in beyond.heavy
        if not one.entry.unreplayable and not (needs_answer and unusable(one.entry.response))
    )
    heavy = [_heavy_unit(one, *describe(one.entry)) for one in usable]
    return replace(
        sample,
        units=(*sample.units, *heavy),
        n_lines=sample.n_lines + beyond.n_lines,
        n_beyond=beyond.n_lines - sum(unit.weight for unit in heavy),
    )


def _heavy_unit(heavy: Heavy, reference: str | None, slices: frozenset[str]) -> Unit:
    return Unit(
        request=heavy.entry.request,
        baseline=heavy.entry.response or Response(text=""),
        weight=heavy.n_lines,
        digest=heavy.digest,
        reference=reference,
        slices=slices,
        is_drawn=False,
    )


@dataclass(slots=True)
class _Counter:
    entry: LogEntry
    n: int
    most_missed: int
    """Lines that may have gone by before it was counted (again)."""


@dataclass(slots=True, kw_only=True)
class TaskFrame:
    """Collects the entries of one task in one pass, in any order.

    Args:
        task: Name of the task.
        seed: Seed of the study.
        size: Most distinct requests (clusters) to keep; None: all.
        digest: Returns what is equal for equal requests.
        cluster: Returns what dependent requests have in common; None: nothing.
        keep: Ids of entries to keep in any case.

    References:
        Thorup, Bottom-k and priority sampling, 2013 (the smallest keys as a sample and a count).
        Manku and Motwani, Approximate frequency counts over data streams, 2002 (what is common).
    """

    task: TaskName
    seed: int
    size: int | None
    digest: Callable[[LogEntry], str]
    cluster: Callable[[LogEntry], str | None] | None = None
    keep: frozenset[RequestId] = frozenset()
    n_lines: int = 0
    _first: list[LogEntry] | None = field(default_factory=list)
    """All lines as long as there are not too many; then None."""
    _kept: dict[str, dict[str, list[LogEntry]]] = field(default_factory=dict)
    _largest: list[tuple[int, str]] = field(default_factory=list)
    _named: list[tuple[str, LogEntry]] = field(default_factory=list)
    _counters: dict[str, _Counter] = field(default_factory=dict)
    _is_whole: bool = True

    def add(self, entry: LogEntry) -> None:
        """Take an entry in, or count it."""
        if self._first is None:
            self._take(entry)
            return
        self._first.append(entry)
        if self.size is not None and len(self._first) > self.size:
            first, self._first = self._first, None
            for earlier in first:
                self._take(earlier)

    def close(self) -> Framed:
        """Return what the pass has found."""
        if self._first is not None:
            return Framed(entries=self._first, beyond=None)
        groups: dict[str, list[LogEntry]] = {}
        for inside in self._kept.values():
            for digest, entries in inside.items():
                groups.setdefault(digest, []).extend(entries)
        named = [entry for unit, entry in self._named if unit not in self._kept]
        entries = [entry for group in groups.values() for entry in _merged(group)]
        n_kept = sum(entry.n_lines for entry in entries)
        beyond = Beyond(
            n_lines=self.n_lines - n_kept - len(named),
            n_requests=self._n_requests(),
            heavy=tuple(self._heavy(groups)),
        )
        return Framed(entries=[*entries, *named], beyond=None if self._is_whole else beyond)

    def _take(self, entry: LogEntry) -> None:
        self.n_lines += 1
        digest = self.digest(entry)
        shared = self.cluster(entry) if self.cluster else None
        unit = digest if shared is None else f"cluster\x00{shared}"
        if entry.request.id in self.keep:
            self._named.append((unit, entry))
        self._count(digest, entry)
        if unit not in self._kept and not self._admit(unit):
            return
        group = self._kept[unit].setdefault(digest, [])
        group.append(entry)
        if len(group) >= 2 * _MOST_EQUAL:
            group[:] = _merged(group)

    def _admit(self, unit: str) -> bool:
        """Make room for a request that comes early enough in the order."""
        key = self._key(unit)
        # A request that was refused or let go once is refused for good: the last key that is kept
        # only ever becomes smaller.
        if self.size is not None and len(self._kept) >= self.size:
            self._is_whole = False
            if not self._largest or key >= -self._largest[0][0]:
                return False
            del self._kept[heapq.heappop(self._largest)[1]]
        self._kept[unit] = {}
        if self.size is not None:
            heapq.heappush(self._largest, (-key, unit))
        return True

    def _key(self, unit: str) -> int:
        text = f"frame\x00{self.seed}\x00{self.task}\x00{unit}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest())

    def _n_requests(self) -> int:
        if self._is_whole or not self._largest:
            return len(self._kept)
        return round((len(self._kept) - 1) * _KEY_SPACE / -self._largest[0][0])

    def _count(self, digest: str, entry: LogEntry) -> None:
        known = self._counters.get(digest)
        bucket = self.n_lines // _BUCKET
        if known is None:
            self._counters[digest] = _Counter(entry, 1, bucket)
        else:
            known.n += 1
        if self.n_lines % _BUCKET == 0:
            self._counters = {
                digest: counter
                for digest, counter in self._counters.items()
                if counter.n + counter.most_missed > bucket
            }

    def _heavy(self, kept: dict[str, list[LogEntry]]) -> Iterator[Heavy]:
        for digest, counter in sorted(self._counters.items()):
            n_lines = counter.n + counter.most_missed
            if digest not in kept and n_lines >= _COMMON * self.n_lines:
                yield Heavy(entry=counter.entry, digest=digest, n_lines=n_lines)


def _merged(group: list[LogEntry]) -> list[LogEntry]:
    """Return equal lines by id, those with a usable answer first if there are too many to keep.

    The last one that is kept stands for the rest.
    """
    by_id = sorted(group, key=lambda entry: entry.request.id)
    if len(group) <= _MOST_EQUAL:
        return by_id
    by_use = sorted(by_id, key=lambda entry: unusable(entry.response) is not None)
    kept, rest = by_use[:_MOST_EQUAL], by_use[_MOST_EQUAL:]
    n_rest = sum(entry.n_lines for entry in (kept[-1], *rest))
    kept[-1] = replace(kept[-1], n_lines=n_rest)
    return sorted(kept, key=lambda entry: entry.request.id)

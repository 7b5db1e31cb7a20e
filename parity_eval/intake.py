"""Files of a prompt log to usable entries by task; whatever cannot be used is counted."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from parity_eval import codec, tasks
from parity_eval.errors import InputError
from parity_eval.frame import Beyond, TaskFrame
from parity_eval.privacy import Masker
from parity_eval.protocols import Reader
from parity_eval.records import LogEntry, Reject, Skipped, TaskName
from parity_eval.rows import read_rows
from parity_eval.seen import SeenIds
from parity_eval.selection import Selection
from parity_eval.study import TaskSpec

_SHOWN = 5
_REPEATED = "repeats an earlier row, with the same id and content"
# Who asked, how often and where it is filed: changes nothing about what was asked.
_NOT_ASKED = frozenset(
    {"metadata", "n", "prompt_cache_key", "safety_identifier", "seed", "store", "user"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What a prompt log holds."""

    by_task: dict[TaskName, list[LogEntry]]
    """What is kept of each task: of a large one a random part."""
    rejects: tuple[Reject, ...]
    n_lines: int
    """Lines that are not blank, usable or not."""
    n_unassigned: int
    """Usable lines that no task of the study matches."""
    skipped: dict[str, int]
    """Lines that are no calls of a chat model, or repeat one, by what they are instead."""
    fingerprint: str
    """Sum of the SHA-256 of all usable lines that a decision depends on, modulo 2^256, in hex."""
    first_timestamp: str | None
    """Of the lines that belong to a task."""
    last_timestamp: str | None
    formats: dict[str, int] = field(default_factory=dict)
    """Usable lines by the name of their format."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Lines that the study is not about, by the first reason for it."""
    masked: dict[str, int] = field(default_factory=dict)
    """Places in its lines where something is hidden, by what it is."""
    n_masked: int = 0
    """Lines with such a place."""
    beyond: dict[TaskName, Beyond] = field(default_factory=dict)
    """What is known of the other requests of tasks of which a part is kept."""

    def notes(self) -> Iterator[str]:
        """Say what of the log was not used."""
        if self.rejects:
            yield f"{len(self.rejects)} of {self.n_lines} log lines cannot be used"
        for reason, n in self.skipped.items():
            yield f"{n} of {self.n_lines} log lines are skipped: {reason}"
        for reason, n in self.left_out.items():
            yield f"{n} of {self.n_lines} log lines do not count: {reason}"
        for task, rest in sorted(self.beyond.items()):
            kept = sum(entry.n_lines for entry in self.by_task[task])
            yield (
                f"task {task!r}: a random part of about {rest.n_requests:,} distinct requests is "
                f"kept, {kept:,} of {kept + rest.n_lines:,} log lines"
            )
        if self.masked:
            kinds = ", ".join(f"{kind} {n}" for kind, n in sorted(self.masked.items()))
            yield (
                f"{self.n_masked} of {self.n_lines} log lines hold what is hidden from here on "
                f"({kinds}); they are replayed with placeholders"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Files of one format."""

    reader: Reader
    """Understands it."""
    paths: tuple[str, ...]
    """In the order in which they are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a log is read."""

    specs: Sequence[TaskSpec] = ()
    """Tasks of the study; empty: the log's own task names count."""
    max_rejects: float = 0.01
    """Share of unusable lines above which the log is refused."""
    task_from: Sequence[str] = ()
    """Fields that may name the task; empty: the task that its format names."""
    selection: Selection | None = None
    """Which lines count; None: all."""
    masker: Masker | None = None
    """Hides what others must not see before anything is made of a line; None: nothing is hidden.
    Rules of tasks look at a line as it was, for that is what a gateway sees."""
    framing: Callable[[TaskName], TaskFrame] | None = None
    """Begins to collect a task; None: all of it is kept."""


def gather(
    sources: Sequence[Source], how: Reading, *, on_row: Callable[[int], None] = lambda _: None
) -> Intake:
    """Read a log and put its entries into tasks.

    Args:
        sources: Its files by format.
        how: What counts, and as what.
        on_row: Is told how many rows were read.

    Raises:
        InputError: an unreadable or empty log, or too many unusable lines.
        ConfigError: two tasks match one request.
    """
    found = _Gathering(how)
    for item in _items(sources, how.task_from):
        found.n_lines += 1
        on_row(found.n_lines)
        if isinstance(item, Skipped):
            found.skipped[item.reason] += 1
        elif isinstance(item, Reject):
            found.rejects.append(item)
        else:
            found.take(item)
    _check(sources, found.rejects, found.skipped, found.n_lines, how.max_rejects)
    read = found.close()
    _check_selection(read.left_out, found_any=bool(read.formats))
    return read


class _Gathering:
    """What a pass over a log has found so far."""

    def __init__(self, how: Reading) -> None:
        self.n_lines = 0
        self.rejects: list[Reject] = []
        self.skipped = Counter[str]()
        self._how = how
        self._framing = how.framing or _whole
        self._frames = {spec.name: self._framing(spec.name) for spec in how.specs}
        self._seen = SeenIds()
        self._prints = self._n_unassigned = self._n_masked = 0
        self._formats, self._left_out, self._masked = Counter[str](), Counter[str](), Counter[str]()
        self._first: str | None = None
        self._last: str | None = None

    def take(self, entry: LogEntry) -> None:
        """Take in a usable line."""
        how = self._how
        if how.selection is not None and (why := how.selection.why_not(entry)) is not None:
            self._left_out[why] += 1
            return
        name = tasks.assign(entry, how.specs)
        hidden: Counter[str] | None = None
        if how.masker is not None:
            entry, hidden = how.masker.entry(entry)
        print_ = _fingerprint(entry, name)
        earlier = self._seen.meet(entry.request.id, print_, f"{entry.path}:{entry.line}")
        if earlier is not None:
            if earlier.is_same:
                self.skipped[_REPEATED] += 1
            else:
                self.rejects.append(_contradicting(entry, earlier.where))
            return
        self._prints += int(print_, 16)
        self._formats[entry.source] += 1
        if hidden:
            self._masked.update(hidden)
            self._n_masked += 1
        self._keep(entry, name)

    def _keep(self, entry: LogEntry, name: TaskName | None) -> None:
        if name is None:
            self._n_unassigned += 1
            return
        if name not in self._frames:
            self._frames[name] = self._framing(name)
        self._frames[name].add(entry)
        if (time := entry.timestamp) is not None:
            self._first = min(time, self._first or time)
            self._last = max(time, self._last or time)

    def close(self) -> Intake:
        """Return what the whole pass has found."""
        framed = {name: frame.close() for name, frame in self._frames.items()}
        return Intake(
            by_task={name: of.entries for name, of in framed.items()},
            beyond={name: of.beyond for name, of in framed.items() if of.beyond is not None},
            rejects=tuple(self.rejects),
            n_lines=self.n_lines,
            n_unassigned=self._n_unassigned,
            skipped=dict(self.skipped),
            formats=dict(self._formats),
            left_out=dict(self._left_out),
            masked=dict(self._masked),
            n_masked=self._n_masked,
            # A sum, because it does not depend on an order, and needs no memory.
            fingerprint=f"{self._prints % 2**256:064x}",
            first_timestamp=self._first,
            last_timestamp=self._last,
        )


def _whole(task: TaskName) -> TaskFrame:
    return TaskFrame(task=task, seed=0, size=None, digest=content_digest)


def _items(
    sources: Iterable[Source], task_from: Sequence[str]
) -> Iterator[LogEntry | Skipped | Reject]:
    for source in sources:
        for item in source.reader.read(read_rows(source.paths)):
            if task_from and isinstance(item, LogEntry):
                named = (value for name in task_from for value in tasks.field_values(item, name))
                yield replace(item, task=next((value for value in named if value), None))
            else:
                yield item


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


def _contradicting(entry: LogEntry, first: str | None) -> Reject:
    place = f"first seen at {first}" if first else "seen before"
    reason = f"duplicate id {entry.request.id!r}, with other content; {place}"
    return Reject(path=entry.path, line=entry.line, reason=reason)


def _check_selection(left_out: Mapping[str, int], *, found_any: bool) -> None:
    if left_out and not found_any:
        reasons = "; ".join(f"{n} {reason}" for reason, n in left_out.items())
        raise InputError(
            f"none of {sum(left_out.values())} log lines counts: {reasons}; widen `log.since`, "
            "`log.until` or `log.where`"
        )


def _check(
    sources: Sequence[Source],
    rejects: Sequence[Reject],
    skipped: Mapping[str, int],
    n_lines: int,
    max_rejects: float,
) -> None:
    paths = [path for source in sources for path in source.paths]
    where = paths[0] if len(paths) == 1 else f"{len(paths)} files ({paths[0]}, ...)"
    if n_lines == 0:
        raise InputError(f"{where}: is empty; a prompt log has one JSON object per line")
    n_skipped = sum(skipped.values())
    if n_skipped == n_lines:
        reasons = "; ".join(f"{n} times {reason}" for reason, n in skipped.items())
        raise InputError(
            f"{where}: none of {n_lines} lines is a call of a chat model ({reasons}); export the "
            "model calls themselves"
        )
    share = len(rejects) / n_lines
    if share <= max_rejects and len(rejects) + n_skipped < n_lines:
        return
    lines = [f"  {r.path}:{r.line}: {r.reason}" for r in rejects[:_SHOWN]]
    if len(rejects) > _SHOWN:
        lines.append(f"  ... and {len(rejects) - _SHOWN} more")
    limit, remedy = "", ""
    if len(rejects) + n_skipped < n_lines:
        limit = f", more than `log.max_rejects` allows ({max_rejects:.1%})"
        remedy = ", or raise `log.max_rejects`"
    if all(source.reader.name == "canonical" for source in sources):
        shape = 'Each line must be {"id": ..., "request": {"messages": [...]}, "response": {...}}; '
    else:
        names = ", ".join(dict.fromkeys(source.reader.title for source in sources))
        shape = f"Read as {names} (`log.format` says otherwise); "
    raise InputError(
        f"{where}: {len(rejects)} of {n_lines} lines ({share:.1%}) cannot be used{limit}:\n"
        + "\n".join(lines)
        + f"\n{shape}mend the log{remedy}"
    )

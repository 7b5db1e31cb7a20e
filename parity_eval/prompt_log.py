"""A study's prompt log: found, told apart, read, masked, and kept as far as it is needed."""

import os
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from importlib import import_module

from parity_eval import detection
from parity_eval.errors import ConfigError, InputError
from parity_eval.frame import TaskFrame
from parity_eval.intake import Intake, Reading, Source, content_digest, gather
from parity_eval.places import find as find_files
from parity_eval.plugins import reader
from parity_eval.privacy import Detector, Masker
from parity_eval.privacy.personal import KINDS
from parity_eval.readers import READERS
from parity_eval.records import TaskName
from parity_eval.rows import container, read_rows
from parity_eval.selection import Selection
from parity_eval.study import LogSpec, Study, TestSpec
from parity_eval.tasks import common_value

MASK_KEY = "PARITY_EVAL_MASK_KEY"
"""Environment variable with the secret that placeholders are made with."""
_SHORTEST_KEY = 16
_ROWS_BETWEEN = 1024
"""Rows between two looks at the clock."""
_KEPT = 10_000
"""Requests of a task that are kept at least, where it has as many."""


def intake(study: Study, on_note: Callable[[str], None]) -> Intake:
    """Find the files of a study's log, tell their formats, and read them.

    Args:
        study: The study.
        on_note: Is told what is read and what is left out.

    Raises:
        InputError: no log, one of an unknown format, or one that cannot be used.
        ConfigError: two tasks match one request, or no request has an answer.
    """
    found = sources(study.log, on_note)
    how = Reading(
        specs=study.tasks,
        max_rejects=study.log.max_rejects,
        task_from=study.log.task_from,
        selection=selection(study.log),
        masker=masker(study),
        framing=partial(_frame, study),
    )
    read = gather(found, how, on_row=ReadingNotes(on_note))
    for note in read.notes():
        on_note(note)
    entries = [entry for of in read.by_task.values() for entry in of]
    reasons = Counter(entry.unreplayable for entry in entries)
    if entries and None not in reasons:
        told = "; ".join(f"{why}: {n:,}" for why, n in reasons.most_common())
        raise InputError(
            f"{study.log.shown}: none of {len(entries):,} requests can be sent again ({told}); "
            "export the log with whole requests"
        )
    lacking = sum(entry.response is None for entry in entries)
    if study.baseline.source == "logged" and entries and lacking == len(entries):
        raise ConfigError(
            f"{study.origin}: baseline: none of {lacking:,} requests of the log has an answer; set "
            "`source: replay`, so that the baseline is asked too, and let `parity-eval plan` "
            "say what that costs"
        )
    return read


def selection(log: LogSpec) -> Selection:
    """Return which lines of a log count."""
    return Selection(since=log.since, until=log.until, where=log.where)


def masker(study: Study) -> Masker:
    """Return what hides secrets and personal data in the requests and answers of a study.

    Raises:
        ConfigError: no detector of this name, or no key where personal data is to be hidden.
    """
    spec = study.privacy
    key = os.environ.get(MASK_KEY, "")
    detect = _detector(spec.detector, study.origin) if spec.detector else None
    if (spec.personal == "mask" or detect) and not key:
        raise ConfigError(
            f"{study.origin}: privacy: placeholders that nobody can see through need a secret of "
            f'yours; set it once (export {MASK_KEY}="$(openssl rand -hex 32)") and keep it: with '
            "another one every run begins anew"
        )
    if key and len(key) < _SHORTEST_KEY:
        raise ConfigError(
            f"{MASK_KEY}: {len(key)} characters given, must be at least {_SHORTEST_KEY}, so that "
            "nobody guesses it"
        )
    kinds = frozenset(spec.kinds or KINDS) if spec.personal == "mask" else frozenset[str]()
    return Masker(
        secrets=spec.secrets == "mask", personal=kinds, key=key.encode() or None, detect=detect
    )


def _detector(name: str, origin: str) -> Detector:
    module, _, attribute = name.partition(":")
    try:
        found: Detector = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"{origin}: privacy.detector: {name!r} cannot be imported: {error}; install its "
            "package, or correct the name"
        ) from error
    return found


def _frame(study: Study, task: TaskName) -> TaskFrame:
    """Begin to collect a task: of a large one as much as its test can use, and plenty to spare.

    A claim about the log itself is about all of it.
    """
    spec = next((spec for spec in study.tasks if spec.name == task), None)
    field = study.test.cluster_field
    return TaskFrame(
        task=task,
        seed=study.test.seed,
        size=_kept(study.test),
        digest=content_digest,
        cluster=None if field is None else partial(common_value, field=field),
        keep=frozenset(spec.must_pass) if spec else frozenset(),
    )


def _kept(test: TestSpec) -> int | None:
    """Return the most requests of a task to keep; None where the test is about lines, or all."""
    if test.target == "log" or test.weight == "traffic":
        return None
    return max(_KEPT, 5 * test.max_samples)


def sources(log: LogSpec, on_note: Callable[[str], None]) -> tuple[Source, ...]:
    """Return the files of a log by their format.

    Raises:
        InputError: no file, or one of an unknown format.
    """
    places = find_files(log.paths)
    for skipped in places.skipped:
        on_note(f"skipped {skipped}")
    if log.format != "auto":
        return (Source(reader=reader(log.format, columns=log.columns), paths=places.files),)
    samples = [
        detection.sample(path, container(path).value, read_rows([path])) for path in places.files
    ]
    readers = {name: reader(name) for name in READERS}
    formats = detection.detect(samples, readers)
    if not formats:
        return (Source(reader=readers["canonical"], paths=places.files),)
    by_format: dict[str, list[str]] = {}
    for path, name in formats.items():
        by_format.setdefault(name, []).append(path)
    empty = len(places.files) - len(formats)
    shown = [f"{readers[name].title} ({name}): {len(paths)}" for name, paths in by_format.items()]
    shown += [f"empty: {empty}"] if empty else []
    if len(shown) > 1 or "canonical" not in by_format:
        on_note(f"the log's files by format: {'; '.join(shown)}")
    return tuple(
        Source(reader=readers[name], paths=tuple(paths)) for name, paths in by_format.items()
    )


class ReadingNotes:
    """Tells how many rows were read: first after two seconds, then ever more rarely."""

    def __init__(
        self, on_note: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._on_note, self._clock = on_note, clock
        self._began = clock()
        self._next_s = 2.0

    def __call__(self, n_rows: int) -> None:
        """Hear how many rows were read."""
        if n_rows % _ROWS_BETWEEN:
            return
        taken = self._clock() - self._began
        if taken >= self._next_s:
            self._next_s = 2 * taken
            self._on_note(f"reading the log: {n_rows:,} rows so far, in {taken:.0f} s")

"""The run folder: an append-only journal, which is the truth, and what is derived from it.

Format version 1, written in the journal's first record.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Self

from parity_eval.errors import IncompleteError, InputError
from parity_eval.frames import drop_torn_line, frame, is_whole, not_written, unframe
from parity_eval.syncing import Syncing

VERSION = 1
JOURNAL = "journal.jsonl"
REGISTER = "register.jsonl"

_SYNC_EVERY = 50


class RunFolder:
    """One run's folder, open for writing by one process at a time."""

    lock_name: ClassVar[str] = ".lock"

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self.is_mended = False
        """Whether the journal ended with a record that was not whole, and that is gone now."""
        self._clock = clock
        self._journal: Any = None
        self._lock: Any = None
        self._syncing: Any = None

    def __enter__(self) -> Self:
        """Take the folder: create it, lock it, and drop a torn last line of its journal.

        Raises:
            IncompleteError: another process is writing to it, or the disk is full.
            InputError: it cannot be written.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = (self.path / self.lock_name).open("a")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise IncompleteError(
                f"{self.path}: another process is working on this run; wait for it, or stop it"
            ) from error
        except OSError as error:
            raise not_written(self.path, error, "choose another --out") from error
        journal = self.path / JOURNAL
        try:
            self.is_mended = drop_torn_line(journal)
            fd = os.open(journal, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        except OSError as error:
            self._lock.close()
            raise not_written(journal, error) from error
        self._journal = os.fdopen(fd, "ab")
        self._syncing = Syncing(fd, every=_SYNC_EVERY, clock=self._clock)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Make everything durable and let go of the folder.

        Raises:
            IncompleteError: the disk is full, and nobody has said so yet.
        """
        try:
            self._syncing.close()
        except OSError as error:
            if kind is None:
                raise self._full(error) from error
        finally:
            with suppress(OSError):
                self._journal.close()
            self._lock.close()

    def append(self, record: dict[str, object]) -> None:
        """Write one record; it survives the death of this process when the call returns.

        Raises:
            IncompleteError: the disk is full; what was written before stays readable.
        """
        try:
            self._journal.write(frame(record))
            self._journal.flush()
            self._syncing.wrote()
        except OSError as error:
            raise self._full(error) from error

    def write(self, name: str, text: str) -> Path:
        """Write a derived file as a whole or not at all."""
        target = self.path / name
        write_atomically(target, text)
        return target

    def remove(self, name: str) -> None:
        """Remove a derived file that an earlier process wrote, if there is one."""
        (self.path / name).unlink(missing_ok=True)

    def _full(self, error: OSError) -> IncompleteError:
        return IncompleteError(
            f"{self.path / JOURNAL}: {error.strerror}; make room and run the same command again"
        )


def read_journal(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a run in the order written; a torn last line is passed over.

    Raises:
        InputError: no journal there, a damaged line before the last, or a newer version.
    """
    path = folder / JOURNAL
    try:
        stream = path.open("rb")
    except FileNotFoundError as error:
        raise InputError(f"{folder}: not a run folder: it has no {JOURNAL}") from error
    with stream:
        pending: tuple[int, bytes] | None = None
        for number, raw in enumerate(stream, start=1):
            if pending is not None:
                yield _record(pending[1], f"{path}:{pending[0]}")
            pending = (number, raw)
        if pending is not None and is_whole(pending[1]):
            yield _record(pending[1], f"{path}:{pending[0]}")


def write_atomically(target: Path, text: str) -> None:
    """Write a text file as a whole or not at all.

    Raises:
        IncompleteError: the disk is full; what stood there before still does.
        InputError: the place cannot be written.
    """
    data = text.encode()
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        beside.chmod(0o600)
        beside.replace(target)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise not_written(target, error) from error


class Register:
    """Which requests have already been shown to which candidate, in one output folder."""

    def __init__(self, out: Path) -> None:
        self.path = out / REGISTER

    def used(self, study_hash: str) -> dict[str, dict[str, str]]:
        """Return, by candidate identity, request digests that earlier studies used.

        Args:
            study_hash: The study that asks; its own entries do not count.

        Returns:
            Digest to the id of the run that used it.

        Raises:
            InputError: the register is damaged.
        """
        if not self.path.exists():
            return {}
        with self._locked() as stream:
            return self._used(stream, study_hash)

    def add(self, *, study_hash: str, run_id: str, used: Mapping[str, list[str]]) -> None:
        """Note the requests that a run may use, before its first candidate call.

        Raises:
            IncompleteError: another study took some of them since they were looked up, or the
                disk is full.
            InputError: the register is damaged, or cannot be written.
        """
        rows = (
            {"study_hash": study_hash, "run_id": run_id, "candidate": candidate, "digests": digests}
            for candidate, digests in used.items()
        )
        with self._locked() as stream:
            known = self._used(stream, study_hash)
            for candidate, digests in used.items():
                if taken := known.get(candidate, {}).keys() & set(digests):
                    raise IncompleteError(
                        f"{self.path}: another study has begun on {len(taken)} of these requests "
                        "in the meantime; run the same command again to go on without them"
                    )
            try:
                stream.write(b"".join(frame(row) for row in rows))
                stream.flush()
                os.fsync(stream.fileno())
            except OSError as error:
                raise not_written(self.path, error) from error

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        """Open the register for this process alone: two studies may begin at once."""
        try:
            stream = self.path.open("a+b")
        except OSError as error:
            raise not_written(self.path, error) from error
        try:
            fcntl.flock(stream, fcntl.LOCK_EX)
            drop_torn_line(self.path)
            yield stream
        finally:
            # A disk that is full has been told already.
            with suppress(OSError):
                stream.close()

    def _used(self, stream: BinaryIO, study_hash: str) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        stream.seek(0)
        for number, raw in enumerate(stream, start=1):
            row = unframe(raw, f"{self.path}:{number}")
            if row["study_hash"] == study_hash:
                # What came later was refused to the other study, not to this one.
                break
            found.setdefault(row["candidate"], {}).update(
                dict.fromkeys(row["digests"], row["run_id"])
            )
        return found


def _record(raw: bytes, where: str) -> dict[str, Any]:
    record = unframe(raw, where)
    version = record.get("version", VERSION)
    if record.get("kind") == "study" and version > VERSION:
        raise InputError(f"{where}: written by a newer version (format {version}); upgrade")
    return record

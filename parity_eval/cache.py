"""Answers that all runs of one output folder share, by what was asked of whom.

A journal belongs to one run and knows its rows by log id; here an answer goes by content alone, so
that equal requests are paid once: duplicates in a log, and questions that two studies both ask.
Format version 1.
"""

import fcntl
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol, Self

import msgspec
import numpy as np

from parity_eval import codec
from parity_eval.errors import InputError
from parity_eval.frames import drop_torn_line, frame, is_whole, not_written
from parity_eval.outcomes import is_kept
from parity_eval.records import Call, Response
from parity_eval.syncing import Syncing
from parity_eval.wire import request_body

VERSION = 1
ANSWERS = "answers.jsonl"

_MOST_RECENT = 100_000
DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Cached:
    """An answer that some run was given."""

    response: Response
    """With its own latency and tokens."""
    usd: float
    """What that run paid for it."""
    at: int
    """When it was given: seconds since 1970, UTC."""
    run_id: str
    """The run that asked."""


class AnswerCache(Protocol):
    """Knows answers by `content_key`."""

    def get(self, key: str) -> Cached | None:
        """Return an answer that may be used."""
        ...

    def put(self, key: str, response: Response, *, usd: float) -> None:
        """Keep an answer for whoever asks the same."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """Which answers may be used."""

    run_id: str
    """The run that asks."""
    max_age_s: float = 30 * DAY_S
    """Older answers are asked for again."""
    reads_others: bool = True
    """Whether answers that other runs were given count."""


def content_key(call: Call) -> str:
    """Return the digest of what a call sends and to whom, whatever log line it stands for."""
    spec = call.spec
    return codec.digest(
        {
            "model": spec.model,
            "api_base": spec.api_base,
            "body": request_body(call.request.body, spec),
            "sample": call.sample,
        }
    )


class SharedAnswers:
    """The answers of one output folder, in one file that several processes append to.

    In memory is only where each answer stands: 16 bytes for each.

    Args:
        path: The file; made if it is not there.
        settings: Which answers may be used.
        clock: Seconds since 1970.
    """

    def __init__(
        self, path: Path, settings: CacheSettings, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.path = path
        self.n_expired = 0
        """Answers that were looked up and are too old."""
        self._settings = settings
        self._clock = clock
        self._damaged: set[int] = set()
        self._fd = -1
        self._index = _Index()
        self._indexed = 0
        self._syncing: Any = None

    def __enter__(self) -> Self:
        """Open the file and find out what is there.

        Raises:
            IncompleteError: the disk is full.
            InputError: the file cannot be used, or a newer version wrote it.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = os.open(self.path, os.O_CREAT | os.O_APPEND | os.O_RDWR, 0o600)
        except OSError as error:
            raise not_written(self.path, error) from error
        try:
            self._catch_up()
        except InputError:
            os.close(self._fd)
            raise
        # What is lost here is in the journal of the run that paid for it.
        self._syncing = Syncing(self._fd, every=math.inf, clock=self._clock)
        return self

    def __exit__(self, *_: object) -> None:
        """Make everything durable."""
        with suppress(OSError):
            self._syncing.close()
        os.close(self._fd)

    def get(self, key: str) -> Cached | None:
        """Return an answer that is known and not too old; other processes' count too.

        Args:
            key: What `content_key` makes of a call.
        """
        entry = self._find(key)
        if (entry is None or self._is_old(entry)) and self._has_grown():
            self._catch_up()
            entry = self._find(key)
        if entry is None:
            return None
        if self._is_old(entry):
            self.n_expired += 1
            return None
        return Cached(response=entry.response, usd=entry.usd, at=entry.at, run_id=entry.run_id)

    def put(self, key: str, response: Response, *, usd: float) -> None:
        """Keep what a model said for whoever asks the same.

        Args:
            key: What `content_key` makes of the call.
            response: What came; passed over where it is an endpoint's word and not a model's.
            usd: What it cost.

        Raises:
            IncompleteError: the disk is full; what was kept before stays readable.
            InputError: the file cannot be written.
        """
        if not is_kept(response):
            return
        entry = {
            "key": key,
            "run_id": self._settings.run_id,
            "at": int(self._clock()),
            "usd": usd,
            "response": codec.sparse(response),
        }
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            try:
                self._append(key, frame(entry))
            finally:
                fcntl.flock(self._fd, fcntl.LOCK_UN)
            self._syncing.wrote()
        except OSError as error:
            raise not_written(self.path, error) from error

    def notes(self) -> Iterator[str]:
        """Yield what a user should know of the answers that were not used."""
        if self.n_expired:
            days = self._settings.max_age_s / DAY_S
            what = "answer is" if self.n_expired == 1 else "answers are"
            yield f"{self.n_expired} cached {what} older than {days:g} days and asked for again"
        if self._damaged:
            n = len(self._damaged)
            yield f"{self.path}: {n} damaged line{'s' * (n != 1)} passed over"

    def _find(self, key: str) -> "_Entry | None":
        offset = self._index.find(key)
        entry = None if offset is None else self._read(offset)
        # The index tells keys apart by their first 64 bits only.
        return entry if entry is not None and entry.key == key else None

    def _is_old(self, entry: "_Entry") -> bool:
        return self._clock() - entry.at > self._settings.max_age_s

    def _has_grown(self) -> bool:
        return os.fstat(self._fd).st_size > self._indexed

    def _append(self, key: str, line: bytes) -> None:
        size = os.fstat(self._fd).st_size
        head = b"" if size else frame({"kind": "answers", "version": VERSION})
        if size > self._indexed and os.pread(self._fd, 1, size - 1) != b"\n":
            # Whoever wrote that was killed: the lock is ours.
            drop_torn_line(self.path)
            size = os.fstat(self._fd).st_size
        text, written = head + line, 0
        try:
            while written < len(text):
                written += os.write(self._fd, text[written:])
        except OSError:
            os.ftruncate(self._fd, size)
            raise
        if self._indexed == size:  # nobody else has written since
            self._index.add(key, size + len(head))
            self._indexed = size + len(text)

    def _catch_up(self) -> None:
        """Index what was written since; the last line may still be on its way."""
        with os.fdopen(os.dup(self._fd), "rb") as stream:
            stream.seek(self._indexed)
            for raw in stream:
                if not raw.endswith(b"\n"):
                    break
                self._note(raw)
                self._indexed += len(raw)

    def _note(self, raw: bytes) -> None:
        try:
            head = _HEADS.decode(raw).record
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._damaged.add(self._indexed)
            return
        if head.version > VERSION:
            raise InputError(
                f"{self.path}: written by a newer version (format {head.version}); upgrade, or "
                "choose another --out"
            )
        if head.key is not None and (
            self._settings.reads_others or head.run_id == self._settings.run_id
        ):
            self._index.add(head.key, self._indexed)

    def _read(self, offset: int) -> "_Entry | None":
        with os.fdopen(os.dup(self._fd), "rb") as stream:
            stream.seek(offset)
            raw = stream.readline()
        try:
            if is_whole(raw):
                return _ENTRIES.decode(raw).record
        except msgspec.DecodeError:
            pass
        self._damaged.add(offset)
        return None


class _Index:
    """Where answers stand, by the first 64 bits of their keys; the last of equal keys counts."""

    def __init__(self) -> None:
        self._keys = np.empty(0, dtype=np.uint64)
        self._offsets = np.empty(0, dtype=np.uint64)
        self._recent: dict[int, int] = {}

    def add(self, key: str, offset: int) -> None:
        self._recent[_prefix(key)] = offset
        if len(self._recent) >= _MOST_RECENT:
            self._settle()

    def find(self, key: str) -> int | None:
        prefix = _prefix(key)
        if prefix in self._recent:
            return self._recent[prefix]
        if not len(self._keys):
            return None
        place = int(np.searchsorted(self._keys, np.uint64(prefix), side="right")) - 1
        is_there = place >= 0 and int(self._keys[place]) == prefix
        return int(self._offsets[place]) if is_there else None

    def _settle(self) -> None:
        n = len(self._recent)
        keys = np.fromiter(self._recent.keys(), dtype=np.uint64, count=n)
        offsets = np.fromiter(self._recent.values(), dtype=np.uint64, count=n)
        keys = np.concatenate((self._keys, keys))
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._offsets = np.concatenate((self._offsets, offsets))[order]
        self._recent = {}


def _prefix(key: str) -> int:
    return int(key[:16], 16)


class _Head(msgspec.Struct):
    key: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None
    run_id: str = ""
    version: int = VERSION


class _HeadLine(msgspec.Struct):
    record: _Head


class _Entry(msgspec.Struct):
    key: str
    run_id: str
    at: int
    usd: float
    response: Response


class _EntryLine(msgspec.Struct):
    record: _Entry


_HEADS = msgspec.json.Decoder(_HeadLine)
_ENTRIES = msgspec.json.Decoder(_EntryLine)

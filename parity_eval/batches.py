"""Which batches a run has sent, in a file that outlives its process.

A batch is noted before it is sent and again once the endpoint has named it: what lies between the
two can be looked for, so nothing is paid twice. Lines are framed as in the journal.
"""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from parity_eval.errors import InputError
from parity_eval.frames import drop_torn_line, frame, not_written, unframe
from parity_eval.records import ModelName

BATCHES = "batches.jsonl"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Calls that were sent together, or were about to be."""

    name: str
    """Our own name for it."""
    model: ModelName
    """Who was asked."""
    keys: tuple[str, ...]
    """The calls, in the order in which they were sent."""
    at: int
    """Unix time at which it was about to be sent."""
    id: str | None = None
    """The endpoint's name for it; None: it may not have been sent."""


@dataclass(slots=True, kw_only=True)
class BatchLog:
    """The batches of one run; the last one that holds a call is the one that counts."""

    path: Path | None = None
    """The file; None: nothing is kept."""
    _batches: dict[str, Batch] = field(default_factory=dict, init=False)
    _holders: dict[tuple[ModelName, str], str] = field(default_factory=dict, init=False)
    _lost: set[tuple[ModelName, str]] = field(default_factory=set, init=False)
    """Calls that were sent with a batch which is lost."""

    @classmethod
    def load(cls, folder: Path) -> "BatchLog":
        """Read the batches of a run folder; a torn last line is dropped.

        Raises:
            InputError: a damaged line before the last, or a file of a newer version.
        """
        path = folder / BATCHES
        log = cls(path=path)
        drop_torn_line(path)
        raw = path.read_bytes() if path.exists() else b""
        for number, line in enumerate(raw.splitlines(), start=1):
            record = unframe(line, f"{path}:{number}")
            if record.get("version", VERSION) > VERSION:
                raise InputError(f"{path}:{number}: written by a newer version; upgrade")
            log._take(record)
        return log

    def holder(self, model: ModelName, key: str) -> Batch | None:
        """Return the batch that a call was last sent with."""
        name = self._holders.get((model, key))
        return None if name is None else self._batches[name]

    def was_sent(self, model: ModelName, key: str) -> bool:
        """Whether a call was ever sent, or may have been."""
        return (model, key) in self._holders or (model, key) in self._lost

    def ids(self) -> frozenset[str]:
        """Return what endpoints call the batches that were sent."""
        return frozenset(batch.id for batch in self._batches.values() if batch.id is not None)

    def count(self, stem: str) -> int:
        """Return how many batches have a name that begins so."""
        return sum(name.startswith(stem) for name in self._batches)

    def intend(self, batch: Batch) -> None:
        """Note a batch that is about to be sent."""
        self._write(
            {
                "kind": "intent",
                "version": VERSION,
                "name": batch.name,
                "model": batch.model,
                "keys": batch.keys,
                "at": batch.at,
            }
        )

    def submitted(self, name: str, batch_id: str) -> Batch:
        """Note what the endpoint calls a batch; return it."""
        self._write({"kind": "submitted", "name": name, "id": batch_id})
        return self._batches[name]

    def dropped(self, name: str, why: str, *, was_sent: bool = False) -> None:
        """Note that a batch was never sent, or is lost: its calls may be sent again.

        Args:
            name: Our own name for it.
            why: For whoever reads the file.
            was_sent: Whether it may be billed.
        """
        self._write({"kind": "dropped", "name": name, "why": why, "was_sent": was_sent})

    def _take(self, record: dict[str, Any]) -> None:
        name = str(record["name"])
        match record["kind"]:
            case "intent":
                batch = Batch(
                    name=name,
                    model=ModelName(record["model"]),
                    keys=tuple(record["keys"]),
                    at=int(record["at"]),
                )
                self._batches[name] = batch
                self._holders.update(dict.fromkeys(((batch.model, k) for k in batch.keys), name))
            case "submitted":
                self._batches[name] = replace(self._batches[name], id=str(record["id"]))
            case "dropped":
                batch = self._batches[name]
                for key in batch.keys:
                    if record.get("was_sent"):
                        self._lost.add((batch.model, key))
                    if self._holders.get((batch.model, key)) == name:
                        del self._holders[batch.model, key]

    def _write(self, record: dict[str, Any]) -> None:
        """Make a record durable, against the loss of power too: a batch is much money at once.

        Raises:
            IncompleteError: the disk is full.
            InputError: the file cannot be written.
        """
        line = frame(record)
        if self.path is not None:
            try:
                fd = os.open(self.path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
                with os.fdopen(fd, "ab") as stream:
                    stream.write(line)
                    stream.flush()
                    os.fsync(stream.fileno())
            except OSError as error:
                raise not_written(self.path, error) from error
        self._take(msgspec.to_builtins(record))

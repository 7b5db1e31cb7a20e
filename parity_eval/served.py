"""Whether the systems that answer for the models of an arm stay the same while it is tested.

A test speaks of one candidate, compared in one way. A model id that changes means another model at
once. A fingerprint names a replica, and replicas take turns: it means another model only when all
those of the beginning have gone.
"""

from collections import deque
from collections.abc import Iterable

from parity_eval.records import ModelName, Served

_LOOK = 50
"""Answers with a fingerprint at the beginning, and at the end, that are held against each other."""
_MOST_REPLICAS = _LOOK // 2
"""What differs more often than this from answer to answer is no name of a system."""
_SHOWN = 3


class Witness:
    """Watches one arm, in the order of its test."""

    def __init__(self) -> None:
        self._models: dict[ModelName, str] = {}
        self._prints: dict[ModelName, _Fingerprints] = {}

    def see(self, served: Iterable[Served]) -> str | None:
        """Take in what the answers to one request were made by.

        Returns:
            What has changed, as a sentence without its end; None where nothing has.
        """
        for one in served:
            if one.model is not None:
                first = self._models.setdefault(one.who, one.model)
                if first != one.model:
                    return f"{one.who} was served as {first} at first and as {one.model}"
            if one.fingerprint is not None:
                prints = self._prints.setdefault(one.who, _Fingerprints())
                if prints.add(one.fingerprint):
                    before, now = prints.first(), prints.now()
                    return f"{one.who} was served by {before} at first and by {now}"
        return None


class _Fingerprints:
    """The fingerprints of one model: those of the beginning, and the latest."""

    def __init__(self) -> None:
        self._first: list[str] = []
        self._last: deque[str] = deque(maxlen=_LOOK)

    def add(self, fingerprint: str) -> bool:
        """Take one in, and say whether none of the latest was there at the beginning."""
        if len(self._first) < _LOOK:
            self._first.append(fingerprint)
            return False
        self._last.append(fingerprint)
        known = set(self._first)
        return (
            len(self._last) == _LOOK
            and len(known) <= _MOST_REPLICAS
            and known.isdisjoint(self._last)
        )

    def first(self) -> str:
        return _listed(self._first)

    def now(self) -> str:
        return _listed(self._last)


def _listed(fingerprints: Iterable[str]) -> str:
    names = sorted(set(fingerprints))
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")

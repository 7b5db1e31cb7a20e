"""Which ids a log has had already, in 16 bytes each once there are many."""

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_RECENT = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What an id stood for when it was seen first."""

    is_same: bool
    """Whether that was the same."""
    where: str | None
    """Where it was; None where that is not known any more."""


@dataclass(slots=True)
class SeenIds:
    """Remembers ids with what they stand for, the latest of them with their place.

    Of the others 64 bits of a digest are kept: among ten million the chance that any two of them
    are mistaken for each other is about three in a million.
    """

    _recent: dict[str, tuple[str, str]] = field(default_factory=dict)
    _ids: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    """In ascending order."""
    _prints: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))

    def meet(self, id_: str, content: str, where: str) -> Earlier | None:
        """Remember an id; say what it was if it has been seen before.

        Args:
            id_: The id.
            content: Digest of what it stands for, in hex.
            where: Where it is now.
        """
        known = self._recent.get(id_)
        if known is not None:
            return Earlier(is_same=known[0] == content, where=known[1])
        if len(self._ids):
            key = _short(id_)
            at = int(np.searchsorted(self._ids, key))
            if at < len(self._ids) and self._ids[at] == key:
                return Earlier(is_same=bool(self._prints[at] == _cut(content)), where=None)
        self._recent[id_] = content, where
        if len(self._recent) >= _RECENT:
            self._let_go()
        return None

    def _let_go(self) -> None:
        """Keep no more than digests of what was recent."""
        n = len(self._recent)
        prints = (_cut(content) for content, _ in self._recent.values())
        ids = np.append(self._ids, np.fromiter(map(_short, self._recent), np.uint64, n))
        order = np.argsort(ids, kind="stable")
        self._prints = np.append(self._prints, np.fromiter(prints, np.uint64, n))[order]
        self._ids, self._recent = ids[order], {}


def _short(id_: str) -> np.uint64:
    data = id_.encode("utf-8", "surrogatepass")
    return np.uint64(int.from_bytes(hashlib.blake2b(data, digest_size=8).digest()))


def _cut(content: str) -> np.uint64:
    return np.uint64(int(content[:16], 16))

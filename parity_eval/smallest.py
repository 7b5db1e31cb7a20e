"""Memory of a fixed size for whatever a log holds very many of: some of it, chosen at random."""

import hashlib
import heapq
from typing import Generic, TypeVar

V = TypeVar("V")

_BITS = 64


def key_of(text: str) -> int:
    """Return the place of a text in an order that has nothing to do with what it says."""
    data = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=_BITS // 8).digest())


class Smallest(Generic[V]):
    """What is kept of many keyed values: all, or those with the smallest keys.

    Keys are digests, so those kept are a random part of the distinct ones, the same in whatever
    order they come, and each of them is kept from its first to its last occurrence.

    Args:
        most: Values to keep, > 1.
        bits: Length of the keys.

    References:
        Bar-Yossef et al., Counting distinct elements in a data stream, 2002 (`n_distinct`).
    """

    def __init__(self, most: int, bits: int = _BITS) -> None:
        self.values: dict[int, V] = {}
        """What is kept, by key. Set a value only after `admits`."""
        self.is_whole = True
        """Whether everything is kept."""
        self._most = most
        self._space: int = 2**bits
        self._largest: list[int] = []

    def admits(self, key: int) -> bool:
        """Whether a value of this key is kept; makes room for one that is new."""
        if key in self.values:
            return True
        if len(self.values) < self._most:
            heapq.heappush(self._largest, -key)
            return True
        self.is_whole = False
        if key >= -self._largest[0]:
            return False
        del self.values[-heapq.heapreplace(self._largest, -key)]
        return True

    @property
    def share(self) -> float:
        """Share of the distinct keys that are kept: exact for all, else an estimate."""
        return 1.0 if self.is_whole else len(self.values) / max(self.n_distinct, 1)

    @property
    def n_distinct(self) -> int:
        """Distinct keys: exact where all are kept, else an estimate."""
        if self.is_whole:
            return len(self.values)
        return round((len(self.values) - 1) * self._space / -self._largest[0])

"""Seeded draws that depend on nothing but their key.

Every draw goes through `Generator.random()`: its stream is the part of NumPy least likely to
change between versions, and the committed files have to come out the same everywhere.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Draw:
    """A stream of draws.

    Args:
        rng: The generator behind the stream.
    """

    rng: np.random.Generator
    """The generator behind the stream."""

    def share(self) -> float:
        """Draw a number from [0, 1)."""
        return float(self.rng.random())

    def happens(self, rate: float) -> bool:
        """Draw an event of the given probability."""
        return self.share() < rate

    def number(self, low: int, high: int) -> int:
        """Draw an integer from `low` to `high`, both included."""
        return low + int(self.share() * (high - low + 1))

    def pick(self, options: Sequence[T]) -> T:
        """Draw one of the options, each equally likely."""
        return options[self.number(0, len(options) - 1)]

    def weighted(self, options: Sequence[tuple[T, float]]) -> T:
        """Draw one of the options by its weight; weights need not add up to 1."""
        left = self.share() * sum(weight for _, weight in options)
        for option, weight in options:
            left -= weight
            if left < 0.0:
                return option
        return options[-1][0]

    def several(self, options: Sequence[T], count: int) -> list[T]:
        """Draw `count` different options, in random order."""
        rest = list(options)
        return [rest.pop(self.number(0, len(rest) - 1)) for _ in range(count)]


def stream(seed: int, *key: str) -> Draw:
    """Open the stream of a key: the same key always gives the same draws.

    Args:
        seed: The seed of the data set.
        key: What the draws are for, from the general to the particular.

    Returns:
        A stream independent of the streams of all other keys.
    """
    digest = hashlib.sha256("\x1f".join((str(seed), *key)).encode()).digest()
    return Draw(np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big"))))


def shares(seed: int, count: int, *key: str) -> list[float]:
    """Draw `count` numbers from [0, 1) for a key.

    Args:
        seed: The seed of the data set.
        count: How many numbers.
        key: What the numbers are for.

    Returns:
        The numbers; a longer list starts with the shorter one.
    """
    return [float(value) for value in stream(seed, *key).rng.random(count)]

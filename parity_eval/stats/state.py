"""Any test as a stream: a frozen state that each unit turns into the next."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypedDict

from numpy.typing import ArrayLike

from parity_eval.stats.checks import FloatArray

TIE = 1e-9
"""A log threshold counts as reached this far below it, so that rational ties agree everywhere."""


class SequentialTest(Protocol):
    """What a test has to know to be streamed; its memory is a tuple of numbers."""

    @property
    def lower(self) -> float:
        """Smallest mean possible."""
        ...

    @property
    def upper(self) -> float:
        """Largest mean possible."""
        ...

    def begin(self) -> tuple[float, ...]:
        """Return the memory before the first unit."""
        ...

    def step(
        self, memory: tuple[float, ...], score: float, limit: float | None
    ) -> tuple[tuple[float, ...], float]:
        """Return memory and log e-value after one more unit."""
        ...

    def walk(
        self, memory: tuple[float, ...], scores: ArrayLike, limits: ArrayLike | None
    ) -> tuple[tuple[float, ...], FloatArray]:
        """Return the memory after more units, and the log e-value after each of them."""
        ...

    def log_e_after(self, memory: tuple[float, ...], score: float, times: int) -> float:
        """Return the log e-value if the next units all had one score."""
        ...


class EProcessDict(TypedDict):
    """A state as JSON values; infinities are text."""

    n: int
    log_e: float | str
    max_log_e: float | str
    memory: Sequence[float | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EProcess:
    """The evidence after some units; `update` returns the next state.

    Guarantee:
        P(`max_log_e` ever reaches log(1 / a)) <= a under the null of the test. Stopping, saving
        and resuming change nothing.

    References:
        Ville, Etude critique de la notion de collectif, 1939.
        Ramdas, Grunwald, Vovk and Shafer, Game-theoretic statistics and safe anytime-valid
        inference, 2023.

    Example:
        >>> from parity_eval.stats.kernel import certify_kernel
        >>> state = start(certify_kernel(0.95, alpha=0.05, n_max=500))
        >>> for _ in range(78):
        ...     state = state.update(1.0)
        >>> state.n, state.has_reached(math.log(1 / 0.05))
        (78, True)
    """

    test: SequentialTest
    """The test."""
    memory: tuple[float, ...]
    """What the test keeps of the units seen."""
    n: int = 0
    """Units seen."""
    log_e: float = 0.0
    """Log wealth now."""
    max_log_e: float = 0.0
    """Largest log wealth after any unit so far; 0 before the first."""

    @property
    def p_value(self) -> float:
        """The anytime-valid p-value: P(it ever falls to a or below) <= a under the null."""
        return math.exp(min(0.0, -self.max_log_e))

    def has_reached(self, log_threshold: float) -> bool:
        """Say whether the wealth has ever reached a threshold.

        Args:
            log_threshold: Natural logarithm of the threshold, such as log(1 / alpha).

        Returns:
            Whether it has, ties included.
        """
        return self.max_log_e >= log_threshold - TIE

    def update(self, score: float, *, limit: float | None = None) -> "EProcess":
        """Return the state after one more unit.

        Args:
            score: Its score.
            limit: The worst score this unit could have had, if that differs from the test's; it
                must have been known before anything about the unit was.

        Returns:
            The next state.

        Raises:
            ValueError: If the score or the limit is out of range.
        """
        memory, log_e = self.test.step(self.memory, score, limit)
        return EProcess(
            test=self.test,
            memory=memory,
            n=self.n + 1,
            log_e=log_e,
            max_log_e=max(self.max_log_e, log_e) if self.n else log_e,
        )

    def update_many(self, scores: ArrayLike, *, limits: ArrayLike | None = None) -> "EProcess":
        """Return the state after more units, as if they had come one by one.

        Args:
            scores: Their scores in order, shape (n,).
            limits: The worst each could have been, shape (n,), where units have limits of their
                own.

        Returns:
            The state after the last of them.

        Raises:
            ValueError: If a score or a limit is out of range.
        """
        memory, path = self.test.walk(self.memory, scores, limits)
        if not len(path):
            return self
        highest = float(path.max())
        return replace(
            self,
            memory=memory,
            n=self.n + len(path),
            log_e=float(path[-1]),
            max_log_e=max(self.max_log_e, highest) if self.n else highest,
        )

    def log_e_after(self, score: float, times: int) -> float:
        """Return the log wealth if the next units all had one score.

        Args:
            score: The score.
            times: How many units have it.

        Returns:
            The log wealth after them.
        """
        return self.test.log_e_after(self.memory, score, times)

    def to_dict(self) -> EProcessDict:
        """Return what a resumed run needs, as JSON values.

        Returns:
            The state without its test.
        """
        return {
            "n": self.n,
            "log_e": _to_json(self.log_e),
            "max_log_e": _to_json(self.max_log_e),
            "memory": [_to_json(value) for value in self.memory],
        }


def start(test: SequentialTest) -> EProcess:
    """Return the state before the first unit.

    Args:
        test: The test.

    Returns:
        A state with wealth 1.
    """
    return EProcess(test=test, memory=test.begin())


def from_dict(test: SequentialTest, data: EProcessDict) -> EProcess:
    """Restore a state that `EProcess.to_dict` wrote, bit for bit.

    Args:
        test: The test the state belongs to.
        data: What `to_dict` returned.

    Returns:
        The state.

    Raises:
        ValueError: If the state belongs to a test with another memory.
    """
    memory = tuple(float(value) for value in data["memory"])
    expected = len(test.begin())
    if len(memory) != expected:
        raise ValueError(f"len(memory) == {len(memory)}, must be {expected}")
    return EProcess(
        test=test,
        memory=memory,
        n=data["n"],
        log_e=float(data["log_e"]),
        max_log_e=float(data["max_log_e"]),
    )


def _to_json(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)

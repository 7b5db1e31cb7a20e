"""An event loop on which time passes only where nothing else is left to do.

`asyncio.sleep` takes no time of ours, and what happens after it is the same in every run.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_LONGEST_S = 1e7


class _Selector(selectors.DefaultSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            message = "everything waits for something that will never happen"
            raise RuntimeError(message)
        self.now += timeout
        if self.now > _LONGEST_S:
            message = "this goes on for ever"
            raise RuntimeError(message)
        return []


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._selected = _Selector()
        super().__init__(self._selected)

    def time(self) -> float:
        return self._selected.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time, from 0."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(main)


def now() -> float:
    """Return the virtual time in seconds."""
    return asyncio.get_running_loop().time()

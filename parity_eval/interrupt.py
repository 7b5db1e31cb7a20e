"""Ctrl-C once: finish what is in flight and save. Twice: stop at once; nothing saved is lost."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class Interrupt:
    """Whether the user has asked the run to stop.

    Args:
        on_note: Is told what the first Ctrl-C does.
    """

    def __init__(self, on_note: Callable[[str], None]) -> None:
        self.is_asked = False
        self._on_note = on_note

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take over Ctrl-C for the running event loop."""
        loop = asyncio.get_running_loop()
        # Not the main thread (a notebook), or no such signals here: Ctrl-C then stops at once.
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(signal.SIGINT, self._ask, asyncio.current_task())
        try:
            yield
        finally:
            with suppress(NotImplementedError, RuntimeError, ValueError):
                loop.remove_signal_handler(signal.SIGINT)

    def _ask(self, task: "asyncio.Task[object] | None") -> None:
        if self.is_asked and task is not None:
            task.cancel()
            return
        self.is_asked = True
        self._on_note(
            "finishing what is in flight; Ctrl-C again stops at once (nothing that arrived is lost)"
        )

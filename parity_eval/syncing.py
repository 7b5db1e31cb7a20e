"""Hands what was written over to the disk, beside the work: nobody waits for the platters.

What a process has written survives its death anyway. This is about the power going out.
"""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

_SECONDS = 1.0


class Syncing:
    """Makes a file durable in a thread of its own.

    At most twice `every` writes are on their way to the disk, and as a rule none that is older
    than a second.

    Args:
        fd: The file.
        every: Writes after which it is made durable.
        clock: Returns the time in seconds.
    """

    def __init__(self, fd: int, *, every: float, clock: Callable[[], float]) -> None:
        self._fd = fd
        self._every = every
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._under_way: Future[None] | None = None
        self._unsynced = 0
        self._synced_at = clock()

    def wrote(self) -> None:
        """Take in that something was written.

        Raises:
            OSError: what was written before could not be made durable.
        """
        self._unsynced += 1
        now = self._clock()
        if self._unsynced >= self._every or now - self._synced_at >= _SECONDS:
            self._join()
            self._unsynced, self._synced_at = 0, now
            self._under_way = self._thread.submit(os.fsync, self._fd)

    def close(self) -> None:
        """Make everything durable; the file itself stays open.

        Raises:
            OSError: that failed.
        """
        try:
            self._join()
            os.fsync(self._fd)
        finally:
            self._thread.shutdown()

    def _join(self) -> None:
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

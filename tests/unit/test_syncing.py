import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from parity_eval.syncing import Syncing


class Disk:
    """Stands for `os.fsync`; as slow as is wished."""

    def __init__(self) -> None:
        self.is_ready = threading.Event()
        self.is_ready.set()
        self.threads: list[int] = []
        self.error: OSError | None = None

    def sync(self, _: int) -> None:
        self.threads.append(threading.get_ident())
        self.is_ready.wait()
        if self.error is not None:
            raise self.error


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(os, "fsync", disk.sync)
    return disk


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    with (tmp_path / "file").open("wb") as stream:
        yield stream.fileno()


def test_nobody_waits_for_a_slow_disk_until_twice_as_much_is_on_its_way(
    fd: int, disk: Disk
) -> None:
    disk.is_ready.clear()
    syncing = Syncing(fd, every=3, clock=Clock())
    for _ in range(5):
        syncing.wrote()
    threading.Timer(0.0, disk.is_ready.set).start()
    syncing.wrote()
    assert disk.is_ready.is_set()
    syncing.close()
    assert threading.get_ident() not in disk.threads[:-1]


def test_what_is_a_second_old_goes_out_with_the_next_write(fd: int, disk: Disk) -> None:
    clock = Clock()
    syncing = Syncing(fd, every=100, clock=clock)
    syncing.wrote()
    clock.now = 1.0
    syncing.wrote()
    syncing.wrote()
    syncing.close()
    assert len(disk.threads) == 2


def test_closing_makes_the_rest_durable(fd: int, disk: Disk) -> None:
    syncing = Syncing(fd, every=100, clock=Clock())
    syncing.wrote()
    assert disk.threads == []
    syncing.close()
    assert len(disk.threads) == 1


@pytest.mark.parametrize("n", [1, 2])
def test_what_failed_is_told_by_the_next_that_has_to_wait(fd: int, disk: Disk, n: int) -> None:
    disk.error = OSError(28, "No space left on device")
    syncing = Syncing(fd, every=1, clock=Clock())
    syncing.wrote()
    with pytest.raises(OSError, match="No space left"):
        syncing.wrote() if n == 2 else syncing.close()

"""Files of an export: packed line by line, and there as a whole or not at all."""

import gzip
import os
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

from parity_eval.errors import InputError


class Files:
    """Gzipped files that appear together, or not at all.

    Args:
        target: Folder that their names are below.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._open: dict[str, gzip.GzipFile] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._stack.close()
        for name in self._open:
            beside = self._beside(name)
            if kind is None:
                beside.replace(self._target / name)
            else:
                with suppress(OSError):
                    beside.unlink(missing_ok=True)

    def write(self, name: str, lines: Iterable[bytes], *, otherwise: bytes | None = None) -> None:
        """Write lines to a file; where there are none, another one."""
        n_lines = 0
        for line in lines:
            self.add(name, line)
            n_lines += 1
        if not n_lines and otherwise is not None:
            self.add(name, otherwise)

    def add(self, name: str, line: bytes) -> None:
        """Write one line to a file.

        Raises:
            InputError: it cannot be written.
        """
        try:
            if name not in self._open:
                self._open[name] = self._opened(name)
            self._open[name].write(line + b"\n")
        except OSError as error:
            raise InputError(
                f"{self._target / name}: cannot be written: {error.strerror}"
            ) from error

    def _opened(self, name: str) -> gzip.GzipFile:
        (self._target / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = self._beside(name)
        beside.unlink(missing_ok=True)  # of a process that was killed
        # For nobody else's eyes, as the run's own folder: there may be a whole log in it.
        made = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        stream = self._stack.enter_context(os.fdopen(made, "wb"))
        # Neither name nor time: equal contents give equal files.
        packed = gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0)
        return self._stack.enter_context(packed)

    def _beside(self, name: str) -> Path:
        path = self._target / name
        return path.with_name(f".{path.name}.part")

"""Lines of text files, plain or compressed, here or elsewhere, one at a time."""

import gzip
import hashlib
import io
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from glob import glob
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from parity_eval.errors import InputError, ParityError

MOST_BYTES = 64 * 2**20
"""Bytes that one line, or one value of a document, may take up."""

PARQUET = b"PAR1"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")

BOM = b"\xef\xbb\xbf"

_BUFFER = 2**20
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_UNREADABLE = {
    PARQUET: "is a Parquet file; write it as JSON Lines",
    **dict.fromkeys(ZIP, "is a ZIP archive; unpack it"),
    b"\xff\xfe": "is UTF-16; save it as UTF-8",
    b"\xfe\xff": "is UTF-16; save it as UTF-8",
}
"""First bytes of what is no text file, and what to do about it."""


def is_remote(path: str) -> bool:
    """Whether a path is an address, such as `s3://bucket/log.jsonl`."""
    return "://" in path


def expand(pattern: str, what: str) -> tuple[str, ...]:
    """Return the files that a path or glob names, sorted.

    Args:
        pattern: A path, or a glob such as `logs/*.jsonl.gz`.
        what: What the files are for; used in the message.

    Raises:
        InputError: nothing there, or a directory.
    """
    paths = sorted(glob(pattern, recursive=True)) if not Path(pattern).exists() else [pattern]  # noqa: PTH207
    if not paths:
        raise InputError(f"{pattern}: no such file; {what} was expected there")
    for path in paths:
        if Path(path).is_dir():
            raise InputError(f"{path}: is a directory; name its files, e.g. {path}/*.jsonl.gz")
    return tuple(paths)


@dataclass(slots=True)
class Place:
    """How far reading has come; for messages."""

    number: int = 0


def read_lines(path: str) -> Iterator[tuple[int, bytes]]:
    r"""Yield (1-based number, line without its end) for every line that is not blank.

    Lines end with `\n` only: JSON text may hold U+2028 and U+0085.

    Raises:
        InputError: the file cannot be read, a line is longer than `MOST_BYTES`, or compressed data
            is damaged or cut short.
    """
    place = Place()
    with opened(path, place) as raw:
        start = raw.peek(4)
        for magic, remedy in _UNREADABLE.items():
            if start.startswith(magic):
                raise InputError(f"{path}: {remedy}")
        with unpacked(raw, path) as stream:
            for number, line in numbered(stream, place):
                if line is None:
                    raise InputError(f"{path}:{number}: {TOO_LONG}")
                yield number, line


TOO_LONG = f"is longer than {MOST_BYTES // 2**20} MiB; no line of a log should be"


def numbered(stream: BinaryIO, place: Place) -> Iterator[tuple[int, bytes | None]]:
    """Yield number and content of the lines that are not blank; None: the line is too long."""
    for number, raw in enumerate(iter(partial(stream.readline, MOST_BYTES), b""), start=1):
        place.number = number
        line = raw.removeprefix(BOM) if number == 1 else raw
        stripped = line.strip(b" \t\r\n")
        if len(raw) == MOST_BYTES and not raw.endswith(b"\n"):
            _skip_line(stream)
            yield number, None
        elif stripped:
            yield number, stripped


def _skip_line(stream: BinaryIO) -> None:
    for rest in iter(partial(stream.readline, _BUFFER), b""):
        if rest.endswith(b"\n"):
            return


@contextmanager
def opened(path: str, place: Place) -> Iterator[io.BufferedReader]:
    """Open a file as it is now: what is added to it later is not read.

    Args:
        path: A path, or an address that fsspec knows.
        place: Line (or row) that was read last, for messages.

    Raises:
        InputError: the file cannot be read, or its compressed data is damaged or cut short; also
            from within the block.
    """
    with seekable(path, place) as stream:
        most = None if is_remote(path) else os.fstat(stream.fileno()).st_size
        yield joined(b"", stream, most)


@contextmanager
def seekable(path: str, place: Place) -> Iterator[BinaryIO]:
    """Open a file for those who read it from its end; else as `opened`."""
    try:
        if is_remote(path):
            with _told(path), _remote(path) as stream:
                yield stream
            return
        with Path(path).open("rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise InputError(
                    f"{path}: is no regular file, and would be read twice; save it to one first"
                )
            yield stream
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except PermissionError as error:
        raise InputError(f"{path}: permission denied; ask for the right to read it") from error
    except _damage() as error:
        raise InputError(
            f"{path}: compressed data is damaged or cut short after line {place.number} "
            f"({error}); fetch the file again"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


@contextmanager
def _remote(path: str) -> Iterator[BinaryIO]:
    fs, inner = filesystem(path)
    with fs.open(inner, "rb") as stream:
        yield stream


def filesystem(address: str) -> tuple[Any, str]:
    """Return the fsspec file system behind an address, and the path there.

    Raises:
        InputError: a kind of address that no installed package knows.
    """
    try:
        core = import_module("fsspec.core")
        fs, inner = core.url_to_fs(address)
    except ImportError as error:
        raise InputError(
            f"{address}: needs a package that is not installed ({error}): "
            'pip install "parity-eval[remote]"'
        ) from error
    except ValueError as error:
        raise InputError(f"{address}: {error}") from error
    return fs, str(inner)


@contextmanager
def _told(path: str) -> Iterator[None]:
    """Turn whatever a driver of a remote store raises into one message."""
    try:
        yield
    except Exception as error:
        if isinstance(error, (ParityError, OSError, *_damage())):
            raise
        raise InputError(f"{path}: cannot be read: {type(error).__name__}: {error}") from error


class _Joined(io.RawIOBase):
    """What was read ahead of a stream, and then its rest, up to a number of bytes."""

    def __init__(self, head: bytes, stream: BinaryIO, most: int | None) -> None:
        self._head, self._left = memoryview(head), most
        # `read` of a damaged stream raises, with what was good before the damage lost.
        self._read = getattr(stream, "read1", stream.read)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a writable buffer
        view = memoryview(buffer).cast("B")
        if self._head:
            n = min(len(view), len(self._head))
            view[:n], self._head = self._head[:n], self._head[n:]
            return n
        wanted = len(view) if self._left is None else min(len(view), self._left)
        found: bytes = self._read(wanted) if wanted else b""
        view[: len(found)] = found
        if self._left is not None:
            self._left -= len(found)
        return len(found)


def joined(head: bytes, stream: BinaryIO, most: int | None = None) -> io.BufferedReader:
    """Return a stream that begins with what was read of another already.

    Args:
        head: What was read.
        stream: The rest.
        most: Bytes of the rest that are read; None: all.
    """
    return io.BufferedReader(_Joined(head, stream, most), _BUFFER)


@contextmanager
def unpacked(stream: io.BufferedReader, path: str) -> Iterator[io.BufferedReader]:
    """Unpack a stream if its first bytes say that it is compressed; `path` is for messages."""
    opener = _opener(stream.peek(4)[:4], path)
    if opener is None:
        yield stream
        return
    with opener(stream) as inner:
        # Lines of a GzipFile are found in Python, of a buffer around it in C.
        yield joined(b"", inner)


def _opener(start: bytes, path: str) -> Callable[[BinaryIO], AbstractContextManager[Any]] | None:
    if start.startswith(_GZIP):
        return lambda stream: gzip.GzipFile(fileobj=stream)
    if start.startswith(_ZSTD):
        module = zstd()
        if module is None:
            raise InputError(
                f'{path}: is compressed with zstandard: pip install "parity-eval[zstd]" reads it '
                "(Python 3.14 does without), or pack it with gzip"
            )
        opened_: Callable[[BinaryIO], AbstractContextManager[Any]] = module.ZstdFile
        return opened_
    return None


@cache
def zstd() -> Any | None:  # noqa: ANN401 - one of two modules with the same names
    """Return the module that reads zstandard; None where there is none."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return import_module(name)
        except ImportError:
            continue
    return None


def _damage() -> tuple[type[Exception], ...]:
    """Return what is raised where compressed data is damaged or cut short."""
    module = zstd()
    own = () if module is None else (module.ZstdError,)
    return (EOFError, zlib.error, gzip.BadGzipFile, *own)


def files_digest(pattern: str, what: str) -> str:
    """Return the SHA-256 of the contents of the files that a path or glob names, in hex.

    Raises:
        InputError: a file that cannot be read.
    """
    total = hashlib.sha256()
    for path in expand(pattern, what):
        try:
            total.update(hashlib.sha256(Path(path).read_bytes()).digest())
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    return total.hexdigest()

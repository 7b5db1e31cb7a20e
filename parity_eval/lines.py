"""Lines of text files, plain or gzipped, one at a time."""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from glob import glob
from io import BufferedReader
from pathlib import Path

from parity_eval.errors import InputError

_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_UNREADABLE = {
    b"\x28\xb5\x2f\xfd": "is compressed with zstandard; unpack it, or pack it with gzip",
    b"PAR1": "is a Parquet file; write it as JSON Lines",
    b"PK\x03\x04": "is a ZIP archive; unpack it",
    b"\xff\xfe": "is UTF-16; save it as UTF-8",
    b"\xfe\xff": "is UTF-16; save it as UTF-8",
}
"""First bytes of what is no text file, and what to do about it."""


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


def read_lines(path: str) -> Iterator[tuple[int, bytes]]:
    r"""Yield (1-based number, line without its end) for every line that is not blank.

    Lines end with `\n` only: JSON text may hold U+2028 and U+0085.

    Raises:
        InputError: the file cannot be read, or its compressed data is damaged or cut short.
    """
    number = 0
    try:
        with Path(path).open("rb") as raw_stream, _unpacked(raw_stream, path) as stream:
            for number, raw in enumerate(stream, start=1):
                line = raw.removeprefix(_BOM) if number == 1 else raw
                stripped = line.strip(b" \t\r\n")
                if stripped:
                    yield number, stripped
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path}: compressed data is damaged or cut short after line {number} ({error}); "
            "fetch the file again"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def _unpacked(
    stream: BufferedReader, path: str
) -> AbstractContextManager[BufferedReader | gzip.GzipFile]:
    start = stream.peek(4)[:4]
    for magic, remedy in _UNREADABLE.items():
        if start.startswith(magic):
            raise InputError(f"{path}: {remedy}")
    if start.startswith(_GZIP) or path.endswith(".gz"):
        return gzip.GzipFile(fileobj=stream)
    return nullcontext(stream)


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

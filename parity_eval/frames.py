"""Lines that carry a checksum: what a kill or a full disk tears is told from what was written.

A line is `{"crc":"<crc32 of the record>","record":{...}}`.
"""

import errno
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from parity_eval import codec
from parity_eval.errors import IncompleteError, InputError, ParityError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class _Line(msgspec.Struct):
    crc: str
    record: msgspec.Raw


_LINES = msgspec.json.Decoder(_Line)


def frame(record: Mapping[str, object]) -> bytes:
    """Return a record as a line, with its end."""
    data = codec.encode(record)
    return b'{"crc":"%08x","record":%s}\n' % (zlib.crc32(data), data)


def is_whole(raw: bytes) -> bool:
    """Whether a line holds the record that was written."""
    return _record(raw) is not None


def unframe(raw: bytes, where: str) -> dict[str, Any]:
    """Return the record of a line.

    Args:
        raw: The line.
        where: File and line, for the message.

    Raises:
        InputError: the line is not what was written.
    """
    data = _record(raw)
    if data is None:
        raise InputError(
            f"{where}: damaged; the lines before it are sound: copy them to a new file to go on"
        )
    record: dict[str, Any] = msgspec.json.decode(data)
    return record


def drop_torn_line(path: Path) -> bool:
    """Cut a last line off that is not whole; say whether there was one.

    Nobody else may be writing to the file.
    """
    if not path.exists():
        return False
    with path.open("r+b") as stream:
        size = stream.seek(0, os.SEEK_END)
        back = min(size, 1 << 16)
        # A line longer than the window is found by widening it.
        while True:
            stream.seek(size - back)
            tail = stream.read(back)
            cut = tail.rstrip(b"\n").rfind(b"\n")
            if cut >= 0 or back == size:
                break
            back = min(size, back * 4)
        last = tail[cut + 1 :]
        if not last or (last.endswith(b"\n") and is_whole(last)):
            return False
        stream.truncate(size - len(last))
        return True


def not_written(path: Path, error: OSError, remedy: str = "") -> ParityError:
    """Return the error for a file that could not be written.

    Args:
        path: The file.
        error: What the system said.
        remedy: What to do about it, where it is not a lack of room.
    """
    if error.errno in _FULL:
        return IncompleteError(
            f"{path}: {error.strerror}; make room and run the same command again"
        )
    return InputError(f"{path}: cannot be written: {error.strerror}{remedy and f'; {remedy}'}")


def _record(raw: bytes) -> msgspec.Raw | None:
    """Return the record of a line as it was written; None where it is not."""
    try:
        line = _LINES.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return line.record if line.crc == f"{zlib.crc32(line.record):08x}" else None

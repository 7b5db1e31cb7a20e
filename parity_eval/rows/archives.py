"""ZIP archives to the text files in them."""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from importlib import import_module
from io import BufferedReader
from types import ModuleType

from parity_eval.errors import InputError
from parity_eval.lines import Place, joined, seekable, unpacked, zstd

SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv")
PACKED = ("", ".gz", ".zst")
_MOST_RATIO = 200
_SMALL = 2**28
"""Bytes below which nobody asks how well an archive is packed."""
_PASSWORD = 0x1


def members(path: str) -> Iterator[tuple[str, BufferedReader]]:
    """Yield the path and the unpacked content of each file of an archive that may hold rows.

    Raises:
        InputError: a damaged archive, one that needs a password, or one that unpacks to far more
            than a log does.
    """
    module = _module()
    damage = (module.BadZipFile, zlib.error, EOFError)
    with seekable(path, Place()) as whole:
        try:
            archive = module.ZipFile(whole)
        except damage as error:
            raise InputError(f"{path}: is damaged ({error}); fetch the archive again") from error
        for info in _wanted(archive.infolist(), path):
            name = f"{path}/{info.filename}"
            try:
                with archive.open(info) as raw, unpacked(joined(b"", raw), name) as stream:
                    yield name, stream
            except damage as error:
                raise InputError(
                    f"{name}: is damaged ({error}); fetch the archive again"
                ) from error
            except NotImplementedError as error:
                raise InputError(
                    f"{name}: is packed in a way that is not known here ({error}); unpack the "
                    'archive, or for zstandard: pip install "parity-eval[zstd]"'
                ) from error


def _module() -> ModuleType:
    """Return `zipfile`, or where it is installed the one that also knows zstandard."""
    found = zstd()
    if found is not None and found.__name__ == "backports.zstd":
        return import_module("backports.zstd.zipfile")
    return zipfile


def _wanted(infos: Sequence[zipfile.ZipInfo], path: str) -> list[zipfile.ZipInfo]:
    found = sorted(filter(_may_hold_rows, infos), key=lambda info: info.filename)
    if not found:
        raise InputError(f"{path}: no file in it ends with one of {', '.join(SUFFIXES)}")
    for info in found:
        if info.flag_bits & _PASSWORD:
            raise InputError(f"{path}/{info.filename}: needs a password; unpack the archive first")
    size, packed = sum(i.file_size for i in found), sum(i.compress_size for i in found)
    if size > _SMALL and size > _MOST_RATIO * packed:
        raise InputError(
            f"{path}: would unpack to {size / max(packed, 1):,.0f} times its size, which no log "
            "does; unpack it by hand if it is one"
        )
    return found


def _may_hold_rows(info: zipfile.ZipInfo) -> bool:
    *folders, name = info.filename.split("/")
    is_hidden = any(part.startswith((".", "__MACOSX")) for part in (*folders, name))
    return not is_hidden and has_suffix(name, SUFFIXES)


def has_suffix(name: str, suffixes: Sequence[str]) -> bool:
    """Whether a file is called as one that holds rows is, packed or not."""
    return name.lower().endswith(tuple(s + packed for s in suffixes for packed in PACKED))

"""Paths, globs, folders and addresses of a log to its files."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from parity_eval.errors import InputError
from parity_eval.lines import filesystem, is_remote
from parity_eval.rows.archives import SUFFIXES, has_suffix

_SUFFIXES = (*SUFFIXES, ".parquet", ".zip", ".eval")
_OURS = {"journal.jsonl", "register.jsonl"}
"""Files by which a run folder, and a folder of runs, are known."""
_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The files of a log."""

    files: tuple[str, ...]
    """Paths and addresses, each once; sorted within what names them."""
    skipped: tuple[str, ...]
    """What lies in folders beside them and is not read, in words."""


def find(names: Sequence[str]) -> Places:
    """Return the files that paths, globs, folders and addresses name.

    A folder gives all files below it that are called as logs are, without those that are hidden
    and without run folders of our own. A file that is named by itself may be called anything.

    Raises:
        InputError: a name that leads to no file.
    """
    files: dict[str, str] = {}
    skipped: list[str] = []
    for name in names:
        for path in _remote(name) if is_remote(name) else _local(name, skipped):
            # The same file may be named by several globs.
            files.setdefault(path if is_remote(path) else os.path.realpath(path), path)
    return Places(files=tuple(files.values()), skipped=tuple(skipped))


def _local(name: str, skipped: list[str]) -> Iterator[str]:
    paths = [name] if Path(name).exists() else sorted(glob(name, recursive=True))  # noqa: PTH207
    if not paths:
        raise InputError(f"{name}: no such file; a prompt log was expected there")
    for path in paths:
        if Path(path).is_dir():
            yield from _below(path, skipped)
        else:
            yield path


def _below(folder: str, skipped: list[str]) -> list[str]:
    found: list[str] = []
    others: list[str] = []
    for parent, folders, names in os.walk(folder, onerror=_refuse):
        if _OURS.intersection(names) and parent != folder:
            skipped.append(f"{parent}: runs of parity-eval, no log")
            folders.clear()
            continue
        folders[:] = [each for each in folders if not each.startswith(".")]
        for each in names:
            is_log = not each.startswith(".") and has_suffix(each, _SUFFIXES)
            (found if is_log else others).append(str(Path(parent) / each))
    if others:
        shown = ", ".join(sorted(map(os.path.basename, others))[:_SHOWN])
        more = ", ..." if len(others) > _SHOWN else ""
        skipped.append(f"{folder}: {len(others)} files that are hidden or no logs ({shown}{more})")
    if not found:
        raise InputError(
            f"{folder}: no file below it ends with one of {', '.join(_SUFFIXES)} (or these with "
            ".gz or .zst); name the files of the log"
        )
    return sorted(found)


def _refuse(error: OSError) -> None:
    raise InputError(f"{error.filename}: cannot be read: {error.strerror}") from error


def _remote(address: str) -> list[str]:
    fs, inner = filesystem(address)
    if "*" not in address:
        return [address]
    try:
        found = sorted(str(path) for path in fs.glob(inner))
    except Exception as error:
        raise InputError(f"{address}: cannot be listed: {type(error).__name__}: {error}") from error
    if not found:
        raise InputError(f"{address}: no such file; a prompt log was expected there")
    return [str(fs.unstrip_protocol(path)) for path in found]

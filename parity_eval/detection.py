"""First rows of a file to the format that it is of. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import fmean

from parity_eval.errors import InputError
from parity_eval.protocols import Reader
from parity_eval.records import Fit, JsonValue, Reject, Row

N_LOOKED_AT = 20
"""Rows of a file that are looked at: the first alone may be an odd one."""
_LEAST_SHARE = 0.5
"""Share of rows that must be of a format without anything lacking."""
_NEAREST = 3
_SHOWN_KEYS = 12
_SHOWN_FILES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The beginning of a file."""

    path: str
    container: str
    """How the file keeps its rows, in words."""
    rows: tuple[Row | Reject, ...]

    @property
    def values(self) -> list[JsonValue]:
        """What could be read of them."""
        return [row.value for row in self.rows if isinstance(row, Row)]


def sample(path: str, container: str, rows: Iterator[Row | Reject]) -> Sample:
    """Take the first rows of a file."""
    return Sample(path=path, container=container, rows=tuple(islice(rows, N_LOOKED_AT)))


def detect(samples: Sequence[Sample], readers: Mapping[str, Reader]) -> dict[str, str]:
    """Return the format of each file that has rows, by path.

    Among the formats that at least half of the rows are of, the best mean fit wins, then the format
    that needs more to be recognised. One that needs nothing of its own is taken only if no other
    fits. Files in which no row can be read are of the format of the others.

    Args:
        samples: Beginnings of all files of a log.
        readers: All that there are, by name.

    Raises:
        InputError: files of no known format; says what was seen and what to do.
    """
    found = {each.path: _best(each.values, readers) for each in samples if each.values}
    unknown = [each for each in samples if each.values and found[each.path] is None]
    if unknown:
        raise InputError(_unknown(unknown, len(samples), readers))
    formats = {path: name for path, name in found.items() if name is not None}
    first = next(iter(formats.values()), "canonical")
    return {each.path: formats.get(each.path, first) for each in samples if each.rows}


def _best(values: Sequence[JsonValue], readers: Mapping[str, Reader]) -> str | None:
    ranked = []
    for name, reader in readers.items():
        fits = [reader.fit(value) for value in values]
        if sum(fit.score >= 1 for fit in fits) >= _LEAST_SHARE * len(fits):
            needs = max(fit.needs for fit in fits)
            ranked.append((needs > 0, fmean(fit.score for fit in fits), needs, name))
    # Of equal ones the first by name, whatever the order of the table.
    ranked.sort(key=lambda rank: (not rank[0], -rank[1], -rank[2], rank[3]))
    return ranked[0][3] if ranked else None


def _unknown(unknown: Sequence[Sample], n_files: int, readers: Mapping[str, Reader]) -> str:
    first = unknown[0]
    seen = _fields(first.values)
    lines = [f"{first.path}: is of no known format. Seen: {first.container} with"]
    lines += [f"  {name}: {kind}" for name, kind in list(seen.items())[:_SHOWN_KEYS]]
    if len(seen) > _SHOWN_KEYS:
        lines.append(f"  ... and {len(seen) - _SHOWN_KEYS} more")
    lines.append("Nearest formats, and why it is none of them:")
    lines += [f"  {name} ({readers[name].title}): {fit.why}" for name, fit in _near(first, readers)]
    if n_files > 1:
        names = [each.path for each in unknown[:_SHOWN_FILES]]
        more = ", ..." if len(unknown) > _SHOWN_FILES else ""
        lines.append(
            f"Of {n_files} files {len(unknown)} are of no known format: {', '.join(names)}{more}; "
            "name those of the log, e.g. by a glob"
        )
    lines += [
        "If one of them it is, force it: --format NAME, or `log: {format: NAME}`. Else say which",
        "field is what, in parity.yaml (dotted names lead into objects):",
        *_mapping(first.path, list(seen)),
    ]
    return "\n".join(lines)


def _fields(values: Sequence[JsonValue]) -> dict[str, str]:
    """Return the fields that rows have, with the type of the first value that is not null."""
    found: dict[str, str] = {}
    for value in values:
        if not isinstance(value, dict):
            found.setdefault("(a row)", _kind(value))
            continue
        for name, inner in value.items():
            if found.get(_visible(name), "null") == "null":
                found[_visible(name)] = _kind(inner)
    return found


def _visible(name: str) -> str:
    shown = "".join(sign if sign.isprintable() else "?" for sign in name)
    return shown if len(shown) <= 40 else f"{shown[:39]}…"  # noqa: PLR2004 - fits a line


def _kind(value: JsonValue) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list():
            return "list"
        case _:
            return "object with " + (", ".join(map(_visible, list(value)[:4])) or "nothing")


def _near(of: Sample, readers: Mapping[str, Reader]) -> list[tuple[str, Fit]]:
    """Return the formats that fit best, each with its best row's fit."""
    fits = [(name, [reader.fit(value) for value in of.values]) for name, reader in readers.items()]
    fits.sort(key=lambda each: (-fmean(fit.score for fit in each[1]), each[0]))
    return [(name, max(own, key=lambda fit: fit.score)) for name, own in fits[:_NEAREST]]


def _mapping(path: str, names: Sequence[str]) -> list[str]:
    """Return a mapping of columns to paste, with the fields that there are for a start."""
    quoted = [f'"{name}"' for name in names if name.isascii() and '"' not in name]
    asked, said = (*quoted, '"?"', '"?"')[:2]
    columns = f"    columns: {{prompt: {asked}, response: {said}}}"
    more = "  # also: system, messages, task, id, model, timestamp, user, session, ..."
    return ["  log:", f"    path: {path}", columns + more]

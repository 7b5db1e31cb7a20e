"""Fields of rows that may hold anything: what is not of the type asked for is not there."""

import math
from collections.abc import Mapping
from typing import cast

from parity_eval.records import Fit, JsonObject, JsonValue


def get(value: object, path: str) -> JsonValue:
    """Return what stands at a dotted path; None where the path leads nowhere.

    Example:
        >>> get({"a": {"b": 1}}, "a.b"), get({"a": 1}, "a.b")
        (1, None)
    """
    for key in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return cast("JsonValue", value)


def text(value: object, path: str) -> str | None:
    """Return a text that is not empty, or a whole number as text; else None."""
    found = get(value, path)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return found if isinstance(found, str) and found else None


def first_text(value: object, *paths: str) -> str | None:
    """Return the first text that stands at one of the paths."""
    return next((found for path in paths if (found := text(value, path)) is not None), None)


def obj(value: object, path: str) -> JsonObject:
    """Return an object; an empty one where there is none."""
    found = get(value, path)
    return found if isinstance(found, dict) else {}


def items(value: object, path: str) -> list[JsonValue]:
    """Return a list; an empty one where there is none."""
    found = get(value, path)
    return found if isinstance(found, list) else []


def number(value: object, path: str) -> float | None:
    """Return a finite number, also one that is written as text; else None."""
    found = get(value, path)
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return None
    try:
        parsed = float(found)
    except (ValueError, OverflowError):
        return None
    return parsed if math.isfinite(parsed) else None


def count(value: object, path: str) -> int | None:
    """Return a whole number of at least 0, also one that is written as text; else None."""
    found = number(value, path)
    return int(found) if found is not None and found >= 0 and found.is_integer() else None


def some(fields: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def fit(row: JsonValue, *needed: str) -> Fit:
    """Say how many of the paths that make a format known a row has.

    Args:
        row: One row.
        needed: Dotted paths; several with `|` between them are alternatives.
    """
    if not isinstance(row, dict):
        return Fit(score=0.0, why="the row is not an object")
    lacking = [paths for paths in needed if not any(_has(row, path) for path in paths.split("|"))]
    if not lacking:
        why = "has " + ", ".join(_name(paths) for paths in needed)
        return Fit(score=1.0, why=why, needs=len(needed))
    why = "lacks " + ", ".join(_name(paths) for paths in lacking)
    score = (len(needed) - len(lacking)) / (len(needed) + 1)
    return Fit(score=score, why=why, needs=len(needed))


def _has(row: JsonObject, path: str) -> bool:
    *parents, last = path.split(".")
    place = get(row, ".".join(parents)) if parents else row
    return isinstance(place, dict) and last in place


def _name(paths: str) -> str:
    return " or ".join(f"`{path}`" for path in paths.split("|"))

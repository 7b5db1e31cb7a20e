"""Refuse arguments outside their domain, naming the value and the bound."""

import math
import operator
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]

_COMPARISONS = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def check_number(value: float, name: str, *bounds: tuple[str, float]) -> float:
    """Return `value` as a float if it is finite and within all `bounds`.

    Args:
        value: The number to check. Neither None nor NaN nor an infinity is a number here.
        name: How the message calls it.
        *bounds: Pairs of a comparison (`>`, `>=`, `<`, `<=`) and a limit.

    Returns:
        The value as a float.

    Raises:
        ValueError: If the value is not a finite number or a bound is violated.

    Example:
        >>> check_number(0.05, "alpha", (">", 0), ("<", 1))
        0.05
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(_message(name, value, bounds)) from None
    if not math.isfinite(number) or not all(_COMPARISONS[sign](number, at) for sign, at in bounds):
        raise ValueError(_message(name, value, bounds))
    return number


def check_probability(value: float, name: str) -> float:
    """Return `value` if it is strictly between 0 and 1.

    Args:
        value: The number to check.
        name: How the message calls it.

    Returns:
        The value as a float.

    Raises:
        ValueError: If the value is not in (0, 1).
    """
    return check_number(value, name, (">", 0), ("<", 1))


def check_count(value: int, name: str, *, at_least: int = 0) -> int:
    """Return `value` if it is a whole number of at least `at_least`.

    Args:
        value: The number to check.
        name: How the message calls it.
        at_least: The smallest value allowed.

    Returns:
        The value as an int.

    Raises:
        ValueError: If the value is not a whole number or is too small.
    """
    try:
        count = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} == {value!r}, must be a whole number >= {at_least}") from None
    if count < at_least:
        raise ValueError(f"{name} == {count}, must be >= {at_least}")
    return count


def check_scores(values: ArrayLike, name: str, *, lower: float, upper: float) -> FloatArray:
    """Return `values` as a 1-D float array if every entry is in [lower, upper].

    Args:
        values: The scores, shape (n,).
        name: How the message calls them.
        lower: The smallest value allowed.
        upper: The largest value allowed.

    Returns:
        The scores as float64, shape (n,).

    Raises:
        ValueError: If the shape is wrong or an entry is missing, NaN or out of range.
    """
    try:
        scores = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be numbers >= {lower:g} and <= {upper:g}") from None
    if scores.ndim != 1:
        raise ValueError(f"{name} has {scores.ndim} dimensions, must have 1")
    outside = ~((scores >= lower) & (scores <= upper) & np.isfinite(scores))
    if outside.any():
        first = int(np.argmax(outside))
        raise ValueError(_message(f"{name}[{first}]", scores[first], _between(lower, upper)))
    return scores


def check_counts(values: ArrayLike, name: str) -> IntArray:
    """Return `values` as a 1-D array of whole numbers >= 0.

    Args:
        values: The counts, shape (k,).
        name: How the message calls them.

    Returns:
        The counts as int64, shape (k,).

    Raises:
        ValueError: If the shape is wrong or an entry is negative or not whole.
    """
    counts = np.atleast_1d(np.asarray(values))
    if counts.ndim != 1 or not (np.issubdtype(counts.dtype, np.integer) or counts.size == 0):
        raise ValueError(f"{name} must be a 1-D array of whole numbers")
    if (counts < 0).any():
        first = int(np.argmax(counts < 0))
        raise ValueError(f"{name}[{first}] == {counts[first]}, must be >= 0")
    return counts.astype(np.int64)


def check_same_length(**arrays: FloatArray | IntArray) -> int:
    """Return the common length of `arrays`.

    Args:
        **arrays: 1-D arrays by the name the message calls them.

    Returns:
        Their common length.

    Raises:
        ValueError: If the lengths differ.
    """
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"len({name}) == {length}" for name, length in lengths.items())
        raise ValueError(f"{told}, must be equal")
    return next(iter(lengths.values()))


def _between(lower: float, upper: float) -> tuple[tuple[str, float], ...]:
    return ((">=", lower), ("<=", upper))


def _message(name: str, value: object, bounds: tuple[tuple[str, float], ...]) -> str:
    told = " and ".join(f"{sign} {at:g}" for sign, at in bounds) or "a finite number"
    shown = f"{value:g}" if isinstance(value, np.floating) else f"{value!r}"
    return f"{name} == {shown}, must be {told}"

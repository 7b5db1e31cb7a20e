"""JSON Schema keywords that run in bounded time.

jsonschema's own run patterns with Python's `re`, which nothing can stop, compare list items each
with each, and follow references as often as a schema says. These count their steps.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from functools import lru_cache
from time import thread_time
from typing import Any, TypeAlias

import regex  # type: ignore[import-untyped, unused-ignore]
from jsonschema import ValidationError
from jsonschema.validators import extend

from parity_eval.answers import clipped, shown
from parity_eval.records import JsonValue

MAX_STEPS = 200_000
"""Keywords looked at per document; references, the slowest, take a second for so many."""
MAX_PATTERN_S = 0.5
"""CPU seconds that all patterns together may take on one document."""

_CACHED_PATTERNS = 4096
_MAX_NAMED = 5

Validator: TypeAlias = Any
"""A validator or its class: jsonschema makes them at run time and gives them no useful type."""
_Pattern: TypeAlias = Any
_SchemaPart: TypeAlias = Mapping[str, Any]
_Errors: TypeAlias = Iterator[ValidationError]
_Keyword: TypeAlias = Callable[[Validator, Any, Any, _SchemaPart], Iterable[ValidationError] | None]


class OutOfBudgetError(Exception):
    """A check that takes too long."""


class _Budget:
    """What one check may still spend."""

    __slots__ = ("pattern_s", "steps")

    def __init__(self) -> None:
        self.steps = MAX_STEPS
        self.pattern_s = MAX_PATTERN_S


# jsonschema hands its keywords no state of ours.
_BUDGET: ContextVar[_Budget] = ContextVar("_BUDGET")


@contextmanager
def fresh_budget() -> Iterator[None]:
    """Give the checks inside `MAX_STEPS` and `MAX_PATTERN_S`."""
    token = _BUDGET.set(_Budget())
    try:
        yield
    finally:
        _BUDGET.reset(token)


@lru_cache(maxsize=16)
def bounded(draft: Validator) -> Validator:
    """Return a draft's validator class with keywords that run in bounded time.

    Its validators work only within `fresh_budget`.

    Raises:
        OutOfBudgetError: From the check, where it takes too long.
    """
    own = {name: keyword for name, keyword in _OWN.items() if name in draft.VALIDATORS}
    keywords = {name: _counted(keyword) for name, keyword in ({**draft.VALIDATORS, **own}).items()}
    return extend(draft, keywords)  # type: ignore[no-untyped-call]


@lru_cache(maxsize=_CACHED_PATTERNS)
def compiled_pattern(pattern: str) -> _Pattern:
    """Return a pattern ready for use, or in words what is wrong with it."""
    try:
        return regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError) as error:
        return clipped(str(error), 60)


def _counted(keyword: _Keyword) -> _Keyword:
    def check(
        validator: Validator, value: JsonValue, instance: JsonValue, schema: _SchemaPart
    ) -> Iterable[ValidationError] | None:
        budget = _BUDGET.get()
        # A list (of choices, say) may be looked at from end to end.
        budget.steps -= 1 + len(value) if isinstance(value, list) else 1
        if budget.steps < 0:
            raise OutOfBudgetError(f"the check takes more than {MAX_STEPS:,} steps")
        return keyword(validator, value, instance, schema)

    return check


def _matches(pattern: str, text: str) -> bool:
    budget = _BUDGET.get()
    started = thread_time()
    try:
        # A limit of zero would be none.
        found = compiled_pattern(pattern).search(text, timeout=max(budget.pattern_s, 1e-6))
    except TimeoutError:
        raise OutOfBudgetError(
            f"the pattern {shown(pattern)} takes more than {MAX_PATTERN_S} s"
        ) from None
    budget.pattern_s -= thread_time() - started
    return found is not None


def _pattern(
    _validator: Validator, pattern: str, instance: JsonValue, _schema: _SchemaPart
) -> _Errors:
    if isinstance(instance, str) and not _matches(pattern, instance):
        yield ValidationError(f"does not match {pattern!r}")


def _pattern_properties(
    validator: Validator,
    patterns: Mapping[str, JsonValue],
    instance: JsonValue,
    _schema: _SchemaPart,
) -> _Errors:
    if not isinstance(instance, dict):
        return
    for pattern, subschema in patterns.items():
        for key, value in instance.items():
            if _matches(pattern, key):
                yield from validator.descend(value, subschema, path=key, schema_path=pattern)


def _additional_properties(
    validator: Validator, allowed: JsonValue, instance: JsonValue, schema: _SchemaPart
) -> _Errors:
    if not isinstance(instance, dict):
        return
    known = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    extras = [
        key
        for key in instance
        if key not in known and not any(_matches(pattern, key) for pattern in patterns)
    ]
    if isinstance(allowed, dict):
        for key in extras:
            yield from validator.descend(instance[key], allowed, path=key)
    elif not allowed and extras:
        names = ", ".join(shown(key, 30) for key in extras[:_MAX_NAMED])
        yield ValidationError(f"{names} not among the properties that it allows")


def _unique_items(
    _validator: Validator, wanted: JsonValue, instance: JsonValue, _schema: _SchemaPart
) -> _Errors:
    if not wanted or not isinstance(instance, list):
        return
    if len({_hashable(item) for item in instance}) != len(instance):
        yield ValidationError("has non-unique elements")


def _hashable(value: JsonValue) -> object:
    """Return a value that is equal for equal JSON: 1 is 1.0 and not true."""
    if isinstance(value, dict):
        return frozenset((key, _hashable(item)) for key, item in value.items())
    if isinstance(value, list):
        return tuple(map(_hashable, value))
    return (bool, value) if isinstance(value, bool) else value


def _multiple_of(
    _validator: Validator, divisor: float, instance: JsonValue, _schema: _SchemaPart
) -> _Errors:
    if isinstance(instance, bool) or not isinstance(instance, (int, float)):
        return
    # Exact, as the numbers are written: in floats 19.99 is no multiple of 0.01.
    quotient = Fraction(repr(instance)) / Fraction(repr(divisor))
    if quotient.denominator != 1:
        yield ValidationError(f"is not a multiple of {divisor}")


_OWN: dict[str, _Keyword] = {
    "additionalProperties": _additional_properties,
    "multipleOf": _multiple_of,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "uniqueItems": _unique_items,
}

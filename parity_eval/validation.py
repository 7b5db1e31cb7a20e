"""JSON Schema checks in bounded time, without any reference that leaves the schema.

Schemas come from configurations and from logged requests, documents from models: neither is
trusted. Remote and file references are never followed, patterns run under a time limit, and what
cannot be decided within the limits is `Undecided`, never valid or invalid.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TypeAlias, cast

import jsonschema
import msgspec
from jsonschema.validators import Draft202012Validator, validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012, Schema, SchemaRegistry, specification_with

from parity_eval.answers import Document, clipped, parse_json, shown, shown_json
from parity_eval.errors import InputError
from parity_eval.records import JsonValue
from parity_eval.schema_keywords import (
    OutOfBudgetError,
    Validator,
    bounded,
    compiled_pattern,
    fresh_budget,
)

MAX_ERRORS = 10
"""Violations among which the most telling one is picked."""

_CACHED_SCHEMAS = 4096
_EMPTY: SchemaRegistry = Registry()


@dataclass(frozen=True, slots=True)
class Fits:
    """The document meets the schema."""


@dataclass(frozen=True, slots=True)
class Violates:
    """The document does not meet the schema."""

    reason: str
    """One line with the JSON path."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """The schema cannot be used, or not on this document."""

    reason: str


Finding: TypeAlias = Fits | Violates | Undecided


def check_schema(schema: JsonValue, where: str) -> None:
    """Refuse what is not a JSON Schema, or not one that can be checked in bounded time.

    Args:
        schema: The schema; drafts 3 to 2020-12, the last where it names none.
        where: File or field, for the message.

    Raises:
        InputError: Says where in the schema, as a JSON path, and what is wrong.
    """
    found = _compiled(_canonical(schema))
    if isinstance(found, _Broken):
        raise InputError(
            f"{where}: {found.path}: {found.reason}; a JSON Schema was expected, correct it there"
        )


def check_document(schema: JsonValue, document: JsonValue) -> Finding:
    """Check a document against a schema. Equal schemas are compiled once.

    `format` is an annotation, as in the standard, and asserts nothing.
    """
    found = _compiled(_canonical(schema))
    if isinstance(found, _Broken):
        return Undecided(f"the schema cannot be used: {found.path}: {found.reason}")
    return _checked(found, document)


@dataclass(frozen=True, slots=True)
class _Broken:
    """A schema that cannot be used."""

    path: str
    reason: str


def _checked(validator: Validator, document: JsonValue) -> Finding:
    try:
        with fresh_budget():
            errors = list(islice(validator.iter_errors(document), MAX_ERRORS))
    except RecursionError:
        return Undecided("the schema refers to itself without end, or is nested too deep")
    except OutOfBudgetError as error:
        return Undecided(str(error))
    except Unresolvable as error:
        return Undecided(f"the schema's reference {shown(str(error.ref))} leads nowhere")
    if not errors:
        return Fits()
    best = cast("jsonschema.ValidationError", jsonschema.exceptions.best_match(errors))
    return Violates(f"{clipped(best.json_path, 80)}: {_in_words(best)}")


def _in_words(error: jsonschema.ValidationError | jsonschema.SchemaError) -> str:
    """Say what is wrong; jsonschema's own words begin with the whole document."""
    instance = shown_json(cast("JsonValue", error.instance))
    expected = clipped(str(error.validator_value), 80)
    match error.validator:
        case "type":
            return f"{instance} is not of type {expected}"
        case "enum":
            return f"{instance} is not one of {expected}"
        case "required" | "additionalProperties" | "dependentRequired" | None:
            return clipped(error.message, 120)
        case "anyOf" | "oneOf" | "not":  # whole schemas: too long to show
            return f"{instance} does not meet {error.validator}"
        case keyword:
            return f"{instance} does not meet {keyword}: {expected}"


def _canonical(schema: JsonValue) -> bytes:
    try:
        return msgspec.json.encode(schema)
    except (msgspec.EncodeError, UnicodeEncodeError, OverflowError, RecursionError, TypeError):
        # Not JSON, and JSON text can say no more than that.
        return b""


@lru_cache(maxsize=_CACHED_SCHEMAS)
def _compiled(text: bytes) -> Validator | _Broken:
    parsed = parse_json(text.decode())
    if not isinstance(parsed, Document):
        return _Broken("$", f"not a JSON document ({parsed.reason})")
    schema = parsed.value
    if not isinstance(schema, (dict, bool)):
        return _Broken("$", f"{shown_json(schema)} is not an object")
    draft = _draft(schema)
    problem = _meta_problem(draft, schema, "$") or _part_problem(draft, schema)
    if problem is not None:
        return problem
    validator = bounded(draft)(schema, registry=_EMPTY)
    for probe in _PROBES:
        finding = _checked(validator, probe)
        if isinstance(finding, Undecided):
            return _Broken("$", finding.reason)
    return validator


# One document of each type: enough to find a schema that refers to itself without end.
_PROBES: tuple[JsonValue, ...] = ({}, [], "", 0, None)


def _draft(schema: JsonValue) -> Validator:
    named = schema.get("$schema") if isinstance(schema, dict) else None
    if not isinstance(named, str):
        return Draft202012Validator
    try:
        return validator_for({"$schema": named}, default=Draft202012Validator)
    except ValueError:  # not even a URI
        return Draft202012Validator


def _meta_problem(draft: Validator, schema: JsonValue, path: str) -> _Broken | None:
    try:
        # Formats are ours to check: jsonschema would hold patterns to Python's own dialect.
        draft.check_schema(schema, format_checker=jsonschema.FormatChecker(()))
    except jsonschema.SchemaError as error:
        where = clipped(f"{path}{error.json_path[1:]}", 80)
        if where.endswith(".type"):
            return _Broken(
                where, f"{shown_json(cast('JsonValue', error.instance))} is no JSON type"
            )
        return _Broken(where, _in_words(error))
    except RecursionError:
        return _Broken(path, "nested too deep")
    return None


def _part_problem(draft: Validator, schema: JsonValue) -> _Broken | None:
    """Find patterns that do not compile and references that leave the schema."""
    parts = list(_subschemas(schema))
    keywords = {keyword for _, part in parts for keyword in part}
    if {"unevaluatedProperties", "patternProperties"} <= keywords:
        # jsonschema would run these patterns with Python's `re`, which has no time limit.
        return _Broken("$", "unevaluatedProperties beside patternProperties is not supported")
    for path, part in parts:
        for pattern in _patterns(part):
            if isinstance(found := compiled_pattern(pattern), str):
                return _Broken(path, f"{shown(pattern)} is not a regular expression ({found})")
    if keywords.isdisjoint(_REFERENCES):
        return None
    return _reference_problem(draft, schema, parts)


_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


def _reference_problem(
    draft: Validator, schema: JsonValue, parts: list[tuple[str, dict[str, JsonValue]]]
) -> _Broken | None:
    specification = specification_with(draft.META_SCHEMA["$schema"], default=DRAFT202012)
    known = {id(part) for _, part in parts}
    for path, part in parts:
        for keyword in _REFERENCES:
            ref = part.get(keyword)
            if not isinstance(ref, str):
                continue
            try:
                root = specification.create_resource(cast("Schema", schema))
                target = _EMPTY.resolver_with_root(root).lookup(ref).contents
            except (Unresolvable, ValueError):
                reason = f"{shown(ref)} leads nowhere; only references within it are followed"
                return _Broken(f"{path}.{keyword}", reason)
            if not isinstance(target, bool) and id(target) not in known:
                return _Broken(f"{path}.{keyword}", f"{shown(ref)} leads to what is no schema")
            contents = cast("JsonValue", target)
            if problem := _meta_problem(draft, contents, f"{path}.{keyword}"):
                return problem
    return None


# Keywords whose values are data, and keywords whose values map names to schemas.
_DATA = frozenset({"enum", "const", "default", "examples", "example"})
_NAMED = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"}
)


def _subschemas(schema: JsonValue) -> Iterator[tuple[str, dict[str, JsonValue]]]:
    """Yield every schema within a schema with its JSON path, outermost first."""
    queue: deque[tuple[str, JsonValue]] = deque([("$", schema)])
    while queue:
        path, item = queue.popleft()
        if isinstance(item, list):
            queue.extend((f"{path}[{index}]", part) for index, part in enumerate(item))
        if not isinstance(item, dict):
            continue
        yield path, item
        for key, value in item.items():
            if key in _NAMED and isinstance(value, dict):
                queue.extend((f"{path}.{key}.{name}", part) for name, part in value.items())
            elif key not in _DATA:
                queue.append((f"{path}.{key}", value))


def _patterns(schema: dict[str, JsonValue]) -> Iterator[str]:
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        yield pattern
    named = schema.get("patternProperties")
    if isinstance(named, dict):
        yield from named

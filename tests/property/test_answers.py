"""Laws of reading and comparing answers, on random JSON and random text."""

import json

import jsonschema
from answer_pairs import pair
from hypothesis import given
from hypothesis import strategies as st
from referencing import Registry

from parity_eval.answers import (
    Document,
    clipped,
    differences,
    parse_json,
    same_json,
    shown_json,
    without_fence,
)
from parity_eval.records import JsonValue, Score
from parity_eval.scorers.embedding import Embedding
from parity_eval.scorers.exact import Exact
from parity_eval.scorers.judge import winner_in
from parity_eval.validation import Fits, check_document

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
ANY_TEXTS = st.text(max_size=40)
NUMBERS = st.integers(-3, 3) | st.sampled_from([0.0, 1.0, -1.5, 1e300, 10**30])
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
DOCUMENTS: st.SearchStrategy[JsonValue] = st.recursive(
    SCALARS,
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(TEXTS, parts, max_size=3),
    max_leaves=8,
)


def twin(left: JsonValue, right: JsonValue) -> bool:
    """Equality of JSON, slow and obvious."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return set(left) == set(right) and all(twin(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(
            twin(one, other) for one, other in zip(left, right, strict=True)
        )
    return left == right


@given(DOCUMENTS, DOCUMENTS)
def test_equality_and_differences_agree_with_the_obvious(left: JsonValue, right: JsonValue) -> None:
    assert same_json(left, right) is twin(left, right)
    assert (not differences(left, right)) is twin(left, right)
    assert all(line.isprintable() for line in differences(left, right))
    assert len(shown_json(left)) < 80


@given(DOCUMENTS, st.booleans(), st.sampled_from([None, 2]))
def test_reads_back_what_was_written(
    value: JsonValue,
    is_ascii: bool,  # noqa: FBT001
    indent: int | None,
) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii, indent=indent)
    found = parse_json(text)
    assert isinstance(found, Document)
    assert same_json(found.value, value)
    assert without_fence(f"```json\n{text}\n```") == (text.strip(), True)


@given(st.dictionaries(TEXTS, DOCUMENTS, min_size=1, max_size=3))
def test_the_form_of_json_is_immaterial(value: dict[str, JsonValue]) -> None:
    plain = json.dumps(value)
    turned = dict(reversed(list(value.items())))
    for other in (json.dumps(turned, indent=3), f"```json\n{json.dumps(turned)}\n```"):
        assert Exact().score(pair(plain, other), ()).passed


@given(ANY_TEXTS, ANY_TEXTS)
def test_exact_and_similarity_are_symmetric(left: str, right: str) -> None:
    for scorer in (Exact(), Embedding()):
        one, other = (scorer.score(each, ()) for each in (pair(left, right), pair(right, left)))
        assert type(one) is type(other)
        if isinstance(one, Score) and isinstance(other, Score):
            assert (one.value, one.passed) == (other.value, other.passed)


@given(ANY_TEXTS)
def test_any_text_is_read_and_shown(text: str) -> None:
    parse_json(text)
    winner_in(text)
    assert len(clipped(text, 10)) <= 11
    assert clipped(text, 10).isprintable()


TYPES = st.sampled_from(["object", "array", "string", "number", "integer", "boolean", "null"])
KEYS = st.sampled_from(["a", "b", "c"])


def object_schema(parts: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonValue]:
    return st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES,
            "properties": st.dictionaries(KEYS, parts, max_size=3),
            "required": st.lists(KEYS, unique=True),
            "additionalProperties": parts,
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "b$"]), parts, max_size=2),
            "items": parts,
            "uniqueItems": st.booleans(),
            "minItems": st.integers(0, 2),
            "enum": st.lists(SCALARS, min_size=1, max_size=3),
            "anyOf": st.lists(parts, min_size=1, max_size=2),
            "not": parts,
            "pattern": st.sampled_from(["^a", "b+$", "."]),
            "multipleOf": st.sampled_from([1, 2, 0.5]),
            "minimum": NUMBERS,
        },
    )


SCHEMAS: st.SearchStrategy[JsonValue] = st.recursive(
    st.booleans() | st.builds(dict), object_schema, max_leaves=6
)
CHECKED: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, "a", "bb", "c"]),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(KEYS, parts, max_size=3),
    max_leaves=6,
)


@given(SCHEMAS, CHECKED)
def test_bounded_checks_agree_with_the_plain_library(schema: JsonValue, value: JsonValue) -> None:
    plain = jsonschema.Draft202012Validator(schema, registry=Registry())  # type: ignore[arg-type]
    assert isinstance(check_document(schema, value), Fits) is plain.is_valid(value)

import socket
from time import process_time

import pytest

from parity_eval import schema_keywords
from parity_eval.errors import InputError
from parity_eval.records import JsonValue
from parity_eval.validation import (
    Fits,
    Undecided,
    Violates,
    check_document,
    check_schema,
)

INVOICE: JsonValue = {
    "type": "object",
    "required": ["id", "total"],
    "properties": {
        "id": {"type": "string", "pattern": r"^\p{Lu}\d+$"},
        "total": {"type": "number", "minimum": 0, "multipleOf": 0.01},
        "currency": {"enum": ["EUR", "USD"]},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}, "uniqueItems": True},
    },
    "additionalProperties": False,
    "$defs": {"line": {"type": "object", "required": ["sku"], "properties": {"sku": {}}}},
}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"id": "A1", "total": 1}, None),
        ({"id": "A1", "total": 19.99}, None),  # no multiple of 0.01 in floats
        ({"id": "É1", "total": 0, "lines": [{"sku": 1}, {"sku": True}]}, None),
        ({"total": 1}, "$: 'id' is a required property"),
        ({"id": 1, "total": 1}, "$.id: 1 is not of type string"),
        ({"id": "A1", "total": True}, "$.total: true is not of type number"),
        ({"id": "A1", "total": -1}, "$.total: -1 does not meet minimum: 0"),
        ({"id": "A1", "total": 0.005}, "$.total: 0.005 does not meet multipleOf: 0.01"),
        ({"id": "a1", "total": 1}, r"$.id: 'a1' does not meet pattern: ^\p{Lu}\d+$"),
        (
            {"id": "A1", "total": 1, "currency": "eur"},
            "$.currency: 'eur' is not one of ['EUR', 'USD']",
        ),
        ({"id": "A1", "total": 1, "x": 1}, "$: 'x' not among the properties that it allows"),
        ({"id": "A1", "total": 1, "lines": [{}]}, "$.lines[0]: 'sku' is a required property"),
        (
            {"id": "A1", "total": 1, "lines": [{"sku": 1}, {"sku": 1.0}]},
            "$.lines: a list of 2 elements does not meet uniqueItems: True",
        ),
        ([], "$: a list of 0 elements is not of type object"),
    ],
)
def test_checks_documents(document: JsonValue, reason: str | None) -> None:
    found = check_document(INVOICE, document)
    assert found == (Fits() if reason is None else Violates(reason))


@pytest.mark.parametrize(
    ("schema", "document", "fits"),
    [
        (True, 1, True),
        (False, 1, False),
        ({}, {"any": "thing"}, True),
        ({"type": "object", "optional": ["a"], "requried": ["b"]}, {}, True),
        ({"format": "date"}, "no date", True),
        ({"$schema": "http://json-schema.org/draft-04/schema#", "type": "integer"}, 1.0, False),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "type": "integer"}, 1.0, True),
        ({"$schema": "https://example.com/unknown", "type": "integer"}, 1, True),
        ({"patternProperties": {"^x": {"type": "string"}}}, {"x1": 1}, False),
        ({"patternProperties": {"^x": {}}, "additionalProperties": False}, {"x1": 1}, True),
        ({"patternProperties": {"^x": {}}, "additionalProperties": False}, {"y1": 1}, False),
        ({"additionalProperties": {"type": "string"}}, {"y1": 1}, False),
        ({"uniqueItems": True}, [1, True, [1], [True], {"a": 1}, {"a": True}], True),
        ({"uniqueItems": True}, [{"a": 1, "b": 2}, {"b": 2, "a": 1.0}], False),
        ({"enum": [1]}, True, False),
        ({"$defs": {"n": {"properties": {"next": {"$ref": "#/$defs/n"}}}}, "$ref": "#/$defs/n"},
         {"next": {"next": {}}}, True),
        ({"$id": "https://example.com/s", "$ref": "#/$defs/a", "$defs": {"a": {"type": "null"}}},
         1, False),
        ({"properties": {"$ref": {"type": "string"}, "pattern": {"type": "string"}}},
         {"$ref": "x", "pattern": "("}, True),
        ({"enum": [{"$ref": "http://example.com/x"}, {"pattern": "("}]}, 1, False),
    ],
)  # fmt: skip
def test_reads_schemas_as_the_standard_does(
    schema: JsonValue,
    document: JsonValue,
    fits: bool,  # noqa: FBT001
) -> None:
    check_schema(schema, "here")
    assert isinstance(check_document(schema, document), Fits if fits else Violates)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ([], "here: $: a list of 0 elements is not an object"),
        ("object", "here: $: 'object' is not an object"),
        (None, "here: $: null is not an object"),
        (
            {"properties": {"a": {"type": "float"}}},
            "here: $.properties.a.type: 'float' is no JSON type",
        ),
        ({"required": "a"}, "here: $.required: 'a' is not of type array"),
        ({"minimum": "0"}, "here: $.minimum: '0' is not of type number"),
        ({"items": {"pattern": "("}}, "here: $.items: '(' is not a regular expression"),
        ({"patternProperties": {"[": {}}}, "here: $: '[' is not a regular expression"),
        ({"$ref": "#"}, "here: $: the schema refers to itself without end"),
        (
            {"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"anyOf": [{"$ref": "#"}]}}},
            "here: $: the schema refers to itself without end",
        ),
        ({"$ref": "#/$defs/none"}, "here: $.$ref: '#/$defs/none' leads nowhere"),
        (
            {"properties": {"a": {"$ref": "https://example.com/schema.json"}}},
            "here: $.properties.a.$ref: 'https://example.com/schema.json' leads nowhere",
        ),
        ({"$ref": "file:///etc/passwd"}, "here: $.$ref: 'file:///etc/passwd' leads nowhere"),
        ({"$ref": "http://["}, "here: $.$ref: 'http://[' leads nowhere"),
        ({"$dynamicRef": "http://example.com/x"}, "here: $.$dynamicRef: 'http://example.com/x' l"),
        ({"title": "text", "$ref": "#/title"}, "here: $.$ref: '#/title' leads to what is no"),
        ({"enum": [{"a": 1}], "$ref": "#/enum/0"}, "here: $.$ref: '#/enum/0' leads to what is no"),
        ({"own": {"type": "float"}, "$ref": "#/own"}, "here: $.$ref.type: 'float' is no JSON type"),
        (
            {"unevaluatedProperties": False, "patternProperties": {"a": {}}},
            "here: $: unevaluatedProperties beside patternProperties is not supported",
        ),
    ],
)
def test_refuses_what_is_no_usable_schema(schema: JsonValue, message: str) -> None:
    with pytest.raises(InputError) as caught:
        check_schema(schema, "here")
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith("a JSON Schema was expected, correct it there")
    assert isinstance(check_document(schema, {}), Undecided)


def test_refuses_a_schema_nested_too_deep() -> None:
    schema: JsonValue = {}
    for _ in range(10_000):
        schema = {"items": schema}
    with pytest.raises(InputError, match="JSON"):
        check_schema(schema, "here")


@pytest.mark.parametrize("schema", [{"minimum": float("nan")}, {"title": "\ud800"}])
def test_refuses_a_schema_that_json_cannot_hold(schema: JsonValue) -> None:
    with pytest.raises(InputError):
        check_schema(schema, "here")


def test_never_fetches_a_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a schema check opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for ref in ("http://127.0.0.1:9/x", "https://json-schema.org/draft/2020-12/schema#/none"):
        assert isinstance(check_document({"$ref": ref}, {}), Undecided)


def timed(schema: JsonValue, document: JsonValue) -> tuple[object, float]:
    started = process_time()
    return check_document(schema, document), process_time() - started


def test_stops_a_pattern_that_explodes() -> None:
    found, seconds = timed({"pattern": r"^(a|aa)+$"}, "a" * 60 + "b")
    assert found == Undecided("the pattern '^(a|aa)+$' takes more than 0.5 s")
    assert seconds < 2


def test_many_slow_patterns_share_one_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_keywords, "MAX_PATTERN_S", 0.05)
    # Each one alone is well below the limit.
    found, seconds = timed({"items": {"pattern": r"^(a|aa)+$"}}, ["a" * 24 + "b"] * 10_000)
    assert isinstance(found, Undecided)
    assert seconds < 1


@pytest.mark.parametrize("keyword", ["patternProperties", "propertyNames"])
def test_stops_patterns_on_keys_too(keyword: str) -> None:
    exploding = r"^(a|aa)+$"
    value: JsonValue = {exploding: {}} if keyword == "patternProperties" else {"pattern": exploding}
    schema: JsonValue = {keyword: value, "additionalProperties": False}
    found, seconds = timed(schema, {"a" * 60 + "b": 1})
    assert isinstance(found, Undecided)
    assert seconds < 2


def test_stops_references_that_multiply() -> None:
    levels = 30
    schema: JsonValue = {
        "$ref": "#/$defs/d0",
        "$defs": {
            **{f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(levels)},
            f"d{levels}": {"type": "integer"},
        },
    }
    started = process_time()
    with pytest.raises(InputError, match="takes more than 200,000 steps"):
        check_schema(schema, "here")
    assert process_time() - started < 20


def test_long_lists_take_linear_time() -> None:
    objects: JsonValue = [{"id": i} for i in range(50_000)]
    found, seconds = timed({"uniqueItems": True}, objects)
    assert isinstance(found, Fits)
    assert seconds < 2


def test_a_budget_is_per_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_keywords, "MAX_STEPS", 100)
    schema: JsonValue = {"items": {"type": "integer"}}
    for _ in range(10):
        assert isinstance(check_document(schema, [1] * 50), Fits)
    assert check_document(schema, [1] * 200) == Undecided("the check takes more than 100 steps")


def test_huge_values_stay_out_of_the_reason() -> None:
    found = check_document({"maxItems": 1}, ["x" * 1000] * 1000)
    assert found == Violates("$: a list of 1,000 elements does not meet maxItems: 1")

import base64

import pytest
from traces import START, TRACE, document, record, records, rows, span, typed

from parity_eval.logged import otlp
from parity_eval.logged.entries import BadRowError
from parity_eval.records import JsonObject, JsonValue, Reject, Row


def only(value: JsonObject) -> dict[str, JsonValue]:
    (found,) = otlp.items(value)
    return found


def test_values_have_the_types_that_they_were_recorded_with() -> None:
    given: JsonObject = {"a": 7, "b": 0.5, "c": True, "d": "x", "e": [1, "y"], "f": {"g": 2}}
    assert only(document(span(given)))["attributes"] == given


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ({"intValue": 7}, 7),
        ({"int_value": "7"}, 7),
        ({"intValue": "-7"}, -7),
        ({"intValue": "seven"}, None),
        ({"intValue": "9" * 5000}, None),
        ({"intValue": str(2**63)}, None),
        ({"doubleValue": "0.5"}, 0.5),
        ({"doubleValue": "NaN"}, None),
        ({"doubleValue": "Infinity"}, None),
        ({"arrayValue": {}}, []),
        ({"kvlistValue": {"values": "x"}}, {}),
        ({"bytesValue": "AA=="}, "AA=="),
        ({"surpriseValue": 1}, None),
        ({}, None),
        ("bare", None),
        (None, None),
    ],
)
def test_odd_values(value: JsonValue, meant: JsonValue) -> None:
    given = document(span({}) | {"attributes": [{"key": "a", "value": value}]})
    assert only(given)["attributes"] == {"a": meant}


@pytest.mark.parametrize("write", ["hex", "upper", "0x", "base64"])
def test_ids_are_known_however_they_are_written(write: str) -> None:
    plain = {"traceId": TRACE, "spanId": "00000000000000b1", "parentSpanId": "00000000000000b2"}

    def written(value: str) -> str:
        coded = base64.b64encode(bytes.fromhex(value)).decode()
        return {"hex": value, "upper": value.upper(), "0x": f"0x{value}", "base64": coded}[write]

    found = only(document(span({}) | {key: written(value) for key, value in plain.items()}))
    assert found["id"] == f"{TRACE}:00000000000000b1"
    assert found["parent"] == f"{TRACE}:00000000000000b2"


@pytest.mark.parametrize(
    ("status", "is_failed"),
    [
        ({"code": 2}, True),
        ({"code": "2"}, True),
        ({"code": "STATUS_CODE_ERROR"}, True),
        ({"status_code": "ERROR"}, True),
        ({"code": 1}, False),
        ({"code": "STATUS_CODE_OK"}, False),
        ({}, False),
        ("odd", False),
    ],
)
def test_a_status_is_a_number_or_a_name(status: JsonValue, is_failed: bool) -> None:  # noqa: FBT001
    assert only(document(span({}) | {"status": status}))["is_failed"] is is_failed


def test_snake_case_and_older_names_of_the_containers() -> None:
    inner: JsonValue = {
        "trace_id": TRACE,
        "span_id": "00000000000000b1",
        "start_time_unix_nano": START,
        "attributes": [{"key": "a", "value": {"string_value": "x"}}],
    }
    for outer, scope in (
        ("resource_spans", "scope_spans"),
        ("resourceSpans", "instrumentationLibrarySpans"),
        ("batches", "scopeSpans"),
    ):
        found = only({outer: [{scope: [{"spans": [inner]}]}]})
        assert (found["id"], found["start"]) == (f"{TRACE}:00000000000000b1", START)
        assert found["attributes"] == {"a": "x"}


def test_names_with_dots_become_a_tree() -> None:
    given: JsonObject = {"a.b": 1, "a": 0, "a.c.0.d": 2, "e": [{"f.g": 3}], "h": {"i.j": 4}}
    assert otlp.tree(given) == {
        "a": {"b": 1, "": 0, "c": {"0": {"d": 2}}},
        "e": [{"f": {"g": 3}}],
        "h": {"i": {"j": 4}},
    }
    assert otlp.leaf(otlp.tree(given), "a") == 0
    assert otlp.tree({"a": 0, "a.b": 1}) == {"a": {"": 0, "b": 1}}


def test_a_name_of_many_dots_leads_no_deeper_than_need_be() -> None:
    found: JsonValue = otlp.tree({".".join("a" * 5000): 1})
    depth = 0
    while isinstance(found, dict):
        (found,) = found.values()
        depth += 1
    assert depth == 25


def test_numbered_attributes_are_in_the_order_of_their_numbers() -> None:
    given: dict[str, JsonValue] = {str(n): n for n in (10, 2, 1, 0, 9, 8, 7, 6, 5, 4, 3)}
    assert otlp.numbered(given) == (list(range(11)), True)
    assert otlp.numbered({"0": "a", "99999999999": "z", "x": 1}) == (["a", "z"], False)
    assert otlp.numbered(None) == ([], True)


def test_log_records() -> None:
    found = only(records(record("gen_ai.user.message", {"content": "hi"})))
    assert (found["record"], found["body"]) == ("gen_ai.user.message", {"content": "hi"})
    assert found["id"] == f"{TRACE}:{1:016x}"
    named = record("") | {"attributes": [{"key": "event.name", "value": typed("n")}]}
    assert only(records(named))["record"] == "n"


def test_a_record_that_was_never_stamped_has_the_time_it_was_seen() -> None:
    given = record("e") | {"timeUnixNano": "0", "observedTimeUnixNano": "5"}
    assert only(records(given))["time"] == "5"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"resourceSpans": "x"}, "`resourceSpans` must be a list"),
        ({"resourceSpans": [{"scopeSpans": {}}]}, "`scopeSpans` must be a list"),
        ({"resourceSpans": [{"scopeSpans": [{"spans": 1}]}]}, "`spans` must be a list"),
        ({"a": 1}, "no spans of OpenTelemetry"),
    ],
)
def test_a_damaged_document_says_where(value: JsonObject, reason: str) -> None:
    with pytest.raises(BadRowError, match=reason):
        list(otlp.items(value))
    (found,) = otlp.flat(rows(dict(value)))
    assert isinstance(found, Reject)


def test_a_damaged_span_does_not_take_the_others_along() -> None:
    found = list(otlp.items(document("x", span({}), span({}) | {"attributes": 3})))
    assert [item.get("fault") for item in found] == [
        "a span must be an object",
        None,
        "`attributes` of a span must be a list or an object",
    ]


def test_nesting_beyond_reason_is_a_reject() -> None:
    deep: JsonValue = {"stringValue": "x"}
    for _ in range(3000):
        deep = {"arrayValue": {"values": [deep]}}
    (found,) = otlp.flat(rows(document(span({}) | {"attributes": [{"key": "a", "value": deep}]})))
    assert isinstance(found, Reject)
    assert found.reason == "nested too deeply"


def test_a_span_keeps_the_place_of_its_document() -> None:
    found = list(otlp.flat(rows({"resourceSpans": []}, document(span({}), span({})))))
    assert [(row.path, row.number) for row in found if isinstance(row, Row)] == [
        ("trace.jsonl", 1),
        ("trace.jsonl", 2),
        ("trace.jsonl", 2),
    ]

import json
from typing import Any

import pytest
from logrows import answer, entry, read, skipped
from oddrows import assert_accounted_for

from parity_eval.readers.braintrust import Braintrust
from parity_eval.records import Finish, LogEntry

READER = Braintrust()
ASKED = [{"role": "user", "content": "Which bridge?"}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "bridge", "schema": {}}}
ROW: dict[str, Any] = {
    "id": "b1",
    "_xact_id": "1",
    "created": "2026-05-01T10:00:00Z",
    "span_id": "sp1",
    "root_span_id": "sp0",
    "span_parents": ["sp0"],
    "span_attributes": {"name": "Chat Completion", "type": "llm"},
    "input": ASKED,
    "output": [
        {"message": {"role": "assistant", "content": "Old Bridge"}, "finish_reason": "stop"}
    ],
    "expected": None,
    "error": None,
    "scores": {"good": 1},
    "metadata": {"model": "big", "temperature": 0, "response_format": SCHEMA, "team": "roads"},
    "metrics": {
        "start": 1777629600.5,
        "end": 1777629602.0,
        "prompt_tokens": 12,
        "completion_tokens": 3,
        "prompt_cached_tokens": 8,
        "estimated_cost": 0.004,
    },
    "tags": None,
}


@pytest.mark.parametrize("row", [ROW, {"events": [ROW]}, {"data": [ROW]}])
def test_a_span(row: dict[str, Any]) -> None:
    assert READER.fit(row).score == 1
    found = entry(READER, row)
    assert (found.request.id, found.model, found.task) == ("b1", "big", None)
    assert found.request.body == {
        "messages": ASKED,
        "temperature": 0,
        "response_format": SCHEMA,
    }
    assert (found.timestamp, found.cost_usd) == ("2026-05-01T10:00:00Z", 0.004)
    assert found.metadata == {"model": "big", "team": "roads", "scores": {"good": 1}}
    said = answer(READER, row)
    assert (said.text, said.latency_s) == ("Old Bridge", 1.5)
    assert said.usage is not None
    assert (said.usage.input_tokens, said.usage.cached_input_tokens) == (12, 8)


@pytest.mark.parametrize("kind", ["task", "function", "score", "tool", "eval", None])
def test_other_spans_are_skipped(kind: str | None) -> None:
    row = ROW | {"span_attributes": {"name": "x", "type": kind}}
    assert skipped(READER, row) == f"a span of the type {kind}"


def test_errors() -> None:
    said = answer(READER, ROW | {"error": "Error code: 500", "output": None})
    assert (said.finish, said.detail) == (Finish.INVALID, "the body is an error: Error code: 500")


def test_an_unfinished_span() -> None:
    row = ROW | {"output": None, "metrics": {"start": 1777629600.5}}
    assert skipped(READER, row) == "an unfinished span"


def test_the_name_of_a_task() -> None:
    named = {"span_attributes": {"name": "find bridge", "type": "llm"}}
    assert entry(READER, ROW | named).task == "find bridge"
    assert entry(READER, ROW | named | {"tags": ["task:tagged"]}).task == "tagged"
    assert entry(READER, ROW | named | {"metadata": {"task": "own"}}).task == "own"


def test_of_spans_inside_of_each_other_the_innermost_counts() -> None:
    inner = ROW | {"id": "b2", "span_id": "sp2", "span_parents": ["sp1"]}
    for rows in ([ROW, inner], [inner, ROW]):
        kept = [each for each in read(READER, *rows) if isinstance(each, LogEntry)]
        assert [each.request.id for each in kept] == ["b2"]


def test_json_text_in_the_cells_of_a_table() -> None:
    names = ("span_attributes", "input", "output", "metadata", "metrics", "span_parents")
    row = ROW | {name: json.dumps(ROW[name]) for name in names}
    assert READER.fit(row).score == 1
    assert entry(READER, row) == entry(READER, ROW)


def test_the_responses_api() -> None:
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text"}]}
    said["content"] = [{"type": "output_text", "text": "Old Bridge"}]
    metadata = {"model": "big", "instructions": "Be brief.", "max_output_tokens": 9}
    row = ROW | {"metadata": metadata, "output": [said]}
    found = entry(READER, row)
    assert found.request.body == {
        "messages": [{"role": "system", "content": "Be brief."}, *ASKED],
        "max_completion_tokens": 9,
    }
    assert answer(READER, row).text == "Old Bridge"


def test_attachments_that_braintrust_keeps() -> None:
    file = {"type": "braintrust_attachment", "key": "k"}
    part = {"type": "image_url", "image_url": {"url": file}}
    row = ROW | {"input": [{"role": "user", "content": [part]}]}
    assert entry(READER, row).unreplayable == "it refers to an attachment that Braintrust keeps"


def test_an_export_without_inputs() -> None:
    found = entry(READER, ROW | {"input": None})
    assert found.unreplayable is not None
    assert "export the fields `input` and `output`" in found.unreplayable


def test_rows_that_hold_anything_are_still_one_each() -> None:
    assert assert_accounted_for(READER, ROW) > 300

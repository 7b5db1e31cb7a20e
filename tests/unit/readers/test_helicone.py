import json
from typing import Any

import pytest
from logrows import answer, entry, skipped
from oddrows import assert_accounted_for

from parity_eval.readers.helicone import Helicone
from parity_eval.records import Finish, JsonValue

READER = Helicone()
ASKED: dict[str, JsonValue] = {
    "model": "big",
    "messages": [{"role": "user", "content": "Which tree?"}],
    "metadata": {"task": "trees"},
}
SAID: dict[str, JsonValue] = {
    "model": "big-1",
    "choices": [{"message": {"role": "assistant", "content": "oak"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 11, "completion_tokens": 2},
}
ROW: dict[str, Any] = {
    "request_id": "q1",
    "response_id": "p1",
    "request_created_at": "2026-05-01T10:00:00Z",
    "request_body": ASKED,
    "response_body": SAID,
    "response_status": 200,
    "request_path": "https://api.example.com/v1/chat/completions",
    "request_user_id": "u1",
    "properties": {"Task": "leaves", "Helicone-Session-Id": "s1"},
    "provider": "OPENAI",
    "delay_ms": 1500,
    "prompt_tokens": 11,
    "completion_tokens": 2,
    "prompt_cache_read_tokens": 0,
    "prompt_cache_write_tokens": 0,
    "cost": 0.003,
    "cache_reference_id": "00000000-0000-0000-0000-000000000000",
    "prompt_id": None,
}
TABLE: dict[str, Any] = {
    "response_id": "p1",
    "response_created_at": "2026-05-01T10:00:01Z",
    "response_status": "200",
    "request_created_at": "2026-05-01T10:00:00Z",
    "request_body": json.dumps(ASKED),
    "request_properties": '{"Task": "leaves", "Helicone-Session-Id": "s1"}',
    "request_user_id": "",
    "model": "big-1",
    "prompt_tokens": "11",
    "completion_tokens": "2",
    "latency": "1500",
    "cost": "0.003",
}


@pytest.mark.parametrize("row", [ROW, {"data": [ROW]}])
def test_a_request(row: dict[str, Any]) -> None:
    assert READER.fit(row).score == 1
    found = entry(READER, row)
    assert (found.request.id, found.model, found.user) == ("q1", "big", "u1")
    assert (found.session, found.timestamp) == ("s1", "2026-05-01T10:00:00Z")
    assert (found.cost_usd, found.is_cache_hit) == (0.003, False)
    said = answer(READER, row)
    assert (said.text, said.model_served, said.latency_s) == ("oak", "big-1", 1.5)


def test_properties_are_spelled_as_the_headers_were() -> None:
    assert entry(READER, ROW).task == "leaves"
    assert entry(READER, ROW | {"properties": {}}).task == "trees"
    assert entry(READER, ROW | {"properties": {"HELICONE-SESSION-ID": "s2"}}).session == "s2"


def test_the_csv_holds_no_answers() -> None:
    assert READER.fit(TABLE).score == 1
    found = entry(READER, TABLE)
    assert found.response is None
    assert found.unreplayable is None
    assert (found.request.id, found.task, found.session) == ("p1", "leaves", "s1")
    assert (found.cost_usd, found.user) == (0.003, None)


def test_a_failure_that_the_csv_tells_by_its_status() -> None:
    said = answer(READER, TABLE | {"response_status": "503"})
    assert (said.finish, said.detail) == (Finish.INVALID, "the body is an error: HTTP 503")


def test_answers_from_the_cache_have_no_cost_or_latency() -> None:
    hit = ROW | {"cache_reference_id": "9d9e2b1c-0000-4000-8000-00000000000a"}
    found = entry(READER, hit)
    assert found.is_cache_hit
    assert (found.cost_usd, answer(READER, hit).latency_s) == (None, None)
    assert answer(READER, hit).text == "oak"
    assert not entry(READER, ROW | {"cache_reference_id": None}).is_cache_hit


@pytest.mark.parametrize("status", [500, 429, -3])
def test_a_status_of_failure_is_an_error_whatever_the_body_is(status: int) -> None:
    assert answer(READER, ROW | {"response_status": status}).finish is Finish.INVALID


def test_an_error_says_what_the_body_says() -> None:
    body = {"error": {"message": "too busy"}}
    said = answer(READER, ROW | {"response_status": 503, "response_body": body})
    assert said.detail == "the body is an error: too busy"


def test_an_unfinished_request() -> None:
    assert skipped(READER, ROW | {"response_status": -2}) == "an unfinished request"


@pytest.mark.parametrize("body", [None, "", {"heliconeMessage": "not stored"}])
def test_bodies_are_only_there_on_demand(body: JsonValue) -> None:
    found = entry(READER, ROW | {"request_body": body, "response_body": body})
    assert found.unreplayable is not None
    assert "--include-body" in found.unreplayable
    assert found.response is None


def test_an_image_that_helicone_keeps() -> None:
    url = '<helicone-asset-id key="a"/>'
    part: JsonValue = {"type": "image_url", "image_url": {"url": url}}
    body = ASKED | {"messages": [{"role": "user", "content": [part]}]}
    found = entry(READER, ROW | {"request_body": body})
    assert found.unreplayable == "it refers to an image that Helicone keeps"


def test_unknown_costs_are_written_as_nothing() -> None:
    assert entry(READER, ROW | {"cost": 0}).cost_usd is None


def test_tokens_of_the_row_where_the_body_has_none() -> None:
    body = {name: value for name, value in SAID.items() if name != "usage"}
    counted = {"prompt_cache_read_tokens": 5, "prompt_cache_write_tokens": 3}
    row = ROW | {"response_body": body} | counted
    usage = answer(READER, row).usage
    assert usage is not None
    assert (usage.input_tokens, usage.cached_input_tokens) == (11, 5)
    # Anthropic counts the tokens of its cache apart.
    usage = answer(READER, row | {"provider": "ANTHROPIC"}).usage
    assert usage is not None
    assert (usage.input_tokens, usage.cached_input_tokens) == (19, 5)


def test_a_call_of_anthropic() -> None:
    asked = {
        "model": "other",
        "system": "Be brief.",
        "max_tokens": 9,
        "messages": ASKED["messages"],
    }
    said = {
        "type": "message",
        "role": "assistant",
        "model": "other-1",
        "content": [{"type": "text", "text": "oak"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 4, "output_tokens": 2, "cache_read_input_tokens": 6},
    }
    row = ROW | {"request_body": asked, "response_body": said, "provider": "ANTHROPIC"}
    found = entry(READER, row)
    messages = found.request.body["messages"]
    assert isinstance(messages, list)
    assert messages[0] == {"role": "system", "content": "Be brief."}
    assert found.response is not None
    assert (found.response.text, found.response.finish) == ("oak", Finish.STOP)
    assert found.response.usage is not None
    assert found.response.usage.input_tokens == 10


@pytest.mark.parametrize("path", ["embeddings", "images/generations", "audio/speech"])
def test_other_endpoints(path: str) -> None:
    url = f"https://api.example.com/v1/{path}"
    assert skipped(READER, ROW | {"request_path": url}).startswith("a call of ")


@pytest.mark.parametrize("kind", ["tool", "vector_db"])
def test_what_else_is_logged(kind: str) -> None:
    body: dict[str, JsonValue] = {"_type": kind, "toolName": "x"}
    assert skipped(READER, ROW | {"request_body": body}) == f"a call of another kind ({kind})"


@pytest.mark.parametrize("row", [ROW, TABLE])
def test_rows_that_hold_anything_are_still_one_each(row: dict[str, Any]) -> None:
    assert assert_accounted_for(READER, row) > 200

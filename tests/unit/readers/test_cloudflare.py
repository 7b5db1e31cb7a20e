import json
from typing import Any

import pytest
from logrows import answer, entry, read, skipped
from oddrows import assert_accounted_for

from parity_eval.readers.cloudflare import Cloudflare
from parity_eval.records import Finish, LogEntry

READER = Cloudflare()
ASKED: dict[str, Any] = {"model": "big", "messages": [{"role": "user", "content": "Which star?"}]}
SAID: dict[str, Any] = {
    "model": "big-1",
    "choices": [{"message": {"role": "assistant", "content": "Vega"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 1},
}
SEALED = {"key": "a2V5", "iv": "aXY=", "data": "ZGF0YQ=="}
PUSHED: dict[str, Any] = {
    "Gateway": "sky",
    "Provider": "openai",
    "Model": "big",
    "Endpoint": "chat/completions",
    "StatusCode": 200,
    "Cached": False,
    "Metadata": '{"task": "stars", "team": "night"}',
    "RequestBody": json.dumps(ASKED),
    "ResponseBody": json.dumps(SAID),
}
LISTED: dict[str, Any] = {
    "id": "c1",
    "created_at": "2026-05-01T10:00:00Z",
    "provider": "openai",
    "model": "big",
    "path": "chat/completions",
    "status_code": 200,
    "cached": False,
    "tokens_in": 7,
    "tokens_out": 1,
    "cost": 0.002,
    "duration": 1500,
    "metadata": '{"task": "stars"}',
}


@pytest.mark.parametrize("bodies", [{}, {"RequestBody": ASKED, "ResponseBody": SAID}])
def test_a_decrypted_row(bodies: dict[str, Any]) -> None:
    row = PUSHED | bodies
    assert READER.fit(row).score == 1
    found = entry(READER, row)
    assert (found.model, found.task) == ("big", "stars")
    assert found.metadata == {"task": "stars", "team": "night"}
    assert found.timestamp is None
    said = answer(READER, row)
    assert (said.text, said.model_served) == ("Vega", "big-1")
    assert said.usage is not None
    assert said.usage.input_tokens == 7


def test_encrypted_bodies_say_what_key_is_needed() -> None:
    row = PUSHED | {"RequestBody": SEALED, "ResponseBody": SEALED, "Metadata": SEALED}
    assert READER.fit(row).score == 1
    found = read(READER, row, row)
    # One reason for all of them, so that it is told once.
    reasons = {each.unreplayable for each in found if isinstance(each, LogEntry)}
    assert len(reasons) == 1
    assert "decrypt the log with the RSA private key" in str(reasons.pop())
    (first, _) = found
    assert isinstance(first, LogEntry)
    assert (first.response, first.metadata, first.model) == (None, {}, "big")


def test_rows_without_ids_are_told_apart() -> None:
    first, second = read(READER, PUSHED, PUSHED)
    assert isinstance(first, LogEntry)
    assert isinstance(second, LogEntry)
    assert first.request.id != second.request.id


def test_the_gateway_was_told_to_store_no_bodies() -> None:
    found = entry(READER, PUSHED | {"RequestBody": "", "ResponseBody": ""})
    assert found.unreplayable == "the gateway logged no body; it was told not to store them"


def test_the_model_is_in_the_address_with_some_vendors() -> None:
    body = json.dumps({"messages": ASKED["messages"]})
    assert entry(READER, PUSHED | {"RequestBody": body}).model == "big"


def test_answers_from_the_cache() -> None:
    assert entry(READER, PUSHED | {"Cached": True}).is_cache_hit
    found = entry(READER, LISTED | {"cached": True, "request": ASKED, "response": SAID})
    assert found.is_cache_hit
    assert found.cost_usd is None
    assert found.response is not None
    assert found.response.latency_s is None


@pytest.mark.parametrize("change", [{"StatusCode": 503}, {"RateLimited": True}])
def test_failures(change: dict[str, Any]) -> None:
    assert answer(READER, PUSHED | change).finish is Finish.INVALID


@pytest.mark.parametrize("row", [LISTED, {"success": True, "result": [LISTED]}])
def test_the_list_of_the_api_holds_no_bodies(row: dict[str, Any]) -> None:
    assert READER.fit(row).score == 1
    found = entry(READER, row)
    assert found.unreplayable is not None
    assert "/logs/ID/request" in found.unreplayable
    assert (found.request.id, found.model, found.task) == ("c1", "big", "stars")
    assert (found.cost_usd, found.response) == (0.002, None)


def test_bodies_that_were_fetched_for_the_list() -> None:
    bare = {name: value for name, value in SAID.items() if name != "usage"}
    row = LISTED | {"request": json.dumps(ASKED), "response": bare}
    found = entry(READER, row)
    assert found.unreplayable is None
    assert found.response is not None
    assert (found.response.text, found.response.latency_s) == ("Vega", 1.5)
    assert found.response.usage is not None
    assert found.response.usage.input_tokens == 7


@pytest.mark.parametrize(
    "row", [PUSHED | {"Endpoint": "embeddings"}, LISTED | {"path": "v1/embeddings"}]
)
def test_embeddings(row: dict[str, Any]) -> None:
    assert skipped(READER, row) == "a call of embeddings"


@pytest.mark.parametrize("row", [PUSHED, LISTED])
def test_rows_that_hold_anything_are_still_one_each(row: dict[str, Any]) -> None:
    assert assert_accounted_for(READER, row) > 100

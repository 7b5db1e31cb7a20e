from typing import Any

import pytest
from logrows import answer, entry, reject
from oddrows import assert_accounted_for

from parity_eval.readers.canonical import Canonical
from parity_eval.readers.openrouter import OpenRouter
from parity_eval.records import Finish

READER = OpenRouter()
ASKED = [{"role": "user", "content": "Which sea?"}]
DATA: dict[str, Any] = {
    "id": "g1",
    "created_at": "2026-05-01T10:00:00Z",
    "model": "vendor/big",
    "provider_name": "Vendor",
    "preset_id": "seas",
    "cancelled": False,
    "finish_reason": "stop",
    "native_finish_reason": "STOP",
    "tokens_prompt": 5,
    "tokens_completion": 2,
    "native_tokens_prompt": 9,
    "native_tokens_completion": 3,
    "native_tokens_cached": 4,
    "total_cost": 0.002,
    "upstream_inference_cost": 0.05,
    "is_byok": False,
    "latency": 1500,
    "session_id": "s1",
    "external_user": "u1",
    "response_cache_source_id": None,
}
CONTENT: dict[str, Any] = {
    "input": {"messages": ASKED},
    "output": {"completion": "Baltic", "reasoning": "thoughts"},
    "error": None,
}
ROW: dict[str, Any] = {"metadata": DATA, "content": CONTENT}


@pytest.mark.parametrize(
    "row",
    [
        ROW,
        {"data": DATA, "content": {"data": CONTENT}},
        {"generation": DATA, "content": CONTENT},
        DATA | {"content": CONTENT},
    ],
)
def test_both_parts_of_a_generation(row: dict[str, Any]) -> None:
    assert READER.fit(row).score == 1
    found = entry(READER, row)
    assert (found.request.id, found.model, found.task) == ("g1", "vendor/big", "seas")
    assert (found.user, found.session, found.timestamp) == ("u1", "s1", "2026-05-01T10:00:00Z")
    assert found.request.body == {"messages": ASKED}
    said = answer(READER, row)
    assert (said.text, said.finish, said.latency_s) == ("Baltic", Finish.STOP, 1.5)


def test_it_needs_more_than_the_canonical_log() -> None:
    row = ROW | {"id": "g1", "request": {}}
    assert READER.fit(row).needs > Canonical().fit(row).needs


def test_money_follows_the_native_counts() -> None:
    usage = answer(READER, ROW).usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens) == (9, 3, 4)


def test_with_a_key_of_ones_own_the_vendor_bills_the_rest() -> None:
    assert entry(READER, ROW).cost_usd == 0.002
    own = entry(READER, ROW | {"metadata": DATA | {"is_byok": True}})
    assert own.cost_usd == pytest.approx(0.052)


def test_what_the_request_held_beside_its_messages() -> None:
    sent = {"model": "alias", "temperature": 0, "metadata": {"task": "own"}}
    found = entry(READER, ROW | {"request": sent})
    assert (found.model, found.task) == ("alias", "own")
    assert found.request.body["temperature"] == 0
    assert answer(READER, ROW | {"request": sent}).model_served == "vendor/big"


def test_errors() -> None:
    broken = CONTENT | {"output": {"completion": None}, "error": {"message": "no", "status": 502}}
    said = answer(READER, ROW | {"content": broken})
    assert (said.finish, said.detail) == (Finish.INVALID, "the body is an error: no")


def test_a_call_that_was_broken_off() -> None:
    assert answer(READER, ROW | {"metadata": DATA | {"cancelled": True}}).finish is Finish.INVALID


def test_answers_from_the_cache() -> None:
    found = entry(READER, ROW | {"metadata": DATA | {"response_cache_source_id": "g0"}})
    assert found.is_cache_hit
    assert found.cost_usd is None


@pytest.mark.parametrize("row", [DATA, {"data": DATA}, {"metadata": DATA, "content": None}])
def test_generation_data_alone(row: dict[str, Any]) -> None:
    found = entry(READER, row)
    assert found.unreplayable is not None
    assert "/generation/content?id=ID" in found.unreplayable
    assert (found.response, found.cost_usd, found.model) == (None, 0.002, "vendor/big")


def test_calls_of_tools_are_not_stored() -> None:
    calling = DATA | {"finish_reason": "tool_calls"}
    found = entry(READER, ROW | {"metadata": calling})
    assert found.unreplayable == "OpenRouter does not store tools, nor the calls of them"
    assert found.response is None
    tool = {"type": "function", "function": {"name": "f"}}
    known = entry(READER, ROW | {"metadata": calling, "request": {"tools": [tool]}})
    assert known.unreplayable is None
    assert known.response is None


def test_a_prompt_in_one_text() -> None:
    content = CONTENT | {"input": {"prompt": "Which sea?"}}
    assert entry(READER, ROW | {"content": content}).request.body["messages"] == ASKED


def test_daily_totals_are_no_requests() -> None:
    day: dict[str, Any] = {
        "date": "2026-05-01",
        "model": "vendor/big",
        "model_permaslug": "vendor/big-1",
        "provider_name": "Vendor",
        "usage": 0.5,
        "byok_usage_inference": 0,
        "requests": 12,
        "prompt_tokens": 900,
    }
    assert READER.fit(day).score == 1
    reason = reject(READER, {"data": [day]})
    assert reason.startswith("the activity export holds daily totals, not requests; fetch")


def test_the_activity_export_by_generation() -> None:
    row: dict[str, Any] = {
        "generation_id": "g1",
        "created_at": "2026-05-01 10:00:00.000",
        "cost_total": "0.002",
        "byok_usage_inference": "0",
        "tokens_prompt": "5",
        "model_permaslug": "vendor/big-1",
        "provider_name": "Vendor",
    }
    assert READER.fit(row).score == 1
    found = entry(READER, row)
    assert found.unreplayable is not None
    assert (found.request.id, found.cost_usd, found.model) == ("g1", 0.002, "vendor/big-1")


def test_rows_that_hold_anything_are_still_one_each() -> None:
    assert assert_accounted_for(READER, ROW) > 300

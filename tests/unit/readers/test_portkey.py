import json
from typing import Any

import pytest
from logrows import answer, entry, skipped
from oddrows import assert_accounted_for

from parity_eval.readers.canonical import Canonical
from parity_eval.readers.portkey import Portkey
from parity_eval.records import Finish

READER = Portkey()
ASKED: dict[str, Any] = {
    "model": "big",
    "messages": [{"role": "user", "content": "Which stone?"}],
    "metadata": {"task": "stones"},
}
SAID: dict[str, Any] = {
    "model": "big-1",
    "choices": [{"message": {"role": "assistant", "content": "flint"}, "finish_reason": "stop"}],
}
ROW: dict[str, Any] = {
    "id": "k1",
    "trace_id": "t1",
    "created_at": "2026-05-01T10:00:00Z",
    "request": ASKED,
    "response": SAID,
    "ai_org": "openai",
    "req_units": 12,
    "res_units": 3,
    "request_url": "https://api.example.com/v1/chat/completions",
    "cost": 0.25,
    "response_time": 1500,
    "response_status_code": 200,
    "prompt_slug": "stones-v2",
    "metadata": {"_user": "u1", "team": "geology"},
}


@pytest.mark.parametrize("row", [ROW, {"data": [ROW]}])
def test_a_log(row: dict[str, Any]) -> None:
    assert READER.fit(row).score == 1
    found = entry(READER, row)
    assert (found.request.id, found.model, found.task, found.user) == ("k1", "big", "stones", "u1")
    assert found.metadata == {"task": "stones", "_user": "u1", "team": "geology"}
    said = answer(READER, row)
    assert (said.text, said.model_served, said.latency_s) == ("flint", "big-1", 1.5)
    assert said.usage is not None
    assert (said.usage.input_tokens, said.usage.output_tokens) == (12, 3)


def test_it_needs_more_than_the_canonical_log() -> None:
    assert READER.fit(ROW).needs > Canonical().fit(ROW).needs


def test_costs_are_in_cents() -> None:
    assert entry(READER, ROW).cost_usd == 0.0025


def test_a_cost_of_0_is_unknown() -> None:
    assert entry(READER, ROW | {"cost": 0}).cost_usd is None


@pytest.mark.parametrize(
    "change",
    [
        {"request": json.dumps(ASKED), "response": json.dumps(SAID)},
        {"request": {"body": ASKED, "url": "u"}, "response": {"body": SAID, "status": 200}},
        {"request": {"body": json.dumps(ASKED)}, "response": {"body": json.dumps(SAID)}},
    ],
)
def test_bodies_in_text_or_wrapped(change: dict[str, Any]) -> None:
    assert entry(READER, ROW | change) == entry(READER, ROW)


def test_the_other_spelling() -> None:
    other = {"ai_provider": "openai", "request_tokens": 12, "response_tokens": 3}
    left = {k: v for k, v in ROW.items() if k not in ("ai_org", "req_units", "res_units")}
    left = {k: v for k, v in left.items() if k != "response_status_code"} | {"status_code": 500}
    assert READER.fit(left | other).score == 1
    assert answer(READER, left | other).finish is Finish.INVALID
    usage = answer(READER, left | other | {"status_code": 200}).usage
    assert usage is not None
    assert usage.input_tokens == 12


@pytest.mark.parametrize("body", [SAID, None, {"hook_results": {}}])
def test_a_guardrail_blocked_it(body: Any) -> None:  # noqa: ANN401
    said = answer(READER, ROW | {"response_status_code": 446, "response": body})
    assert said.finish is Finish.INVALID
    assert said.detail == "the body is an error: blocked by a guardrail of the gateway (446)"


def test_a_guardrail_that_says_more() -> None:
    body = {"error": {"message": "checks failed"}}
    said = answer(READER, ROW | {"response_status_code": 446, "response": body})
    assert said.detail == "the body is an error: checks failed"


def test_a_guardrail_that_let_it_pass() -> None:
    assert answer(READER, ROW | {"response_status_code": 246}).text == "flint"


@pytest.mark.parametrize("status", ["HIT", "SEMANTIC HIT", "cache_semantic_hit"])
def test_answers_from_the_cache(status: str) -> None:
    found = entry(READER, ROW | {"cache_status": status})
    assert found.is_cache_hit
    assert found.cost_usd is None
    assert not entry(READER, ROW | {"cache_status": "MISS"}).is_cache_hit


def test_an_export_without_requests() -> None:
    left = {k: v for k, v in ROW.items() if k not in ("request", "response")}
    assert READER.fit(left).score == 1
    found = entry(READER, left)
    assert found.unreplayable is not None
    assert "`request` and `response`" in found.unreplayable
    assert found.cost_usd == 0.0025


def test_the_name_of_a_task() -> None:
    asked = {k: v for k, v in ASKED.items() if k != "metadata"}
    assert entry(READER, ROW | {"request": asked}).task == "stones-v2"
    own = {"metadata": {"task": "own"}}
    assert entry(READER, ROW | own).task == "own"


def test_embeddings() -> None:
    url = "https://api.example.com/v1/embeddings"
    assert skipped(READER, ROW | {"request_url": url}) == "a call of embeddings"


def test_rows_that_hold_anything_are_still_one_each() -> None:
    assert assert_accounted_for(READER, ROW) > 300

import json
from typing import Any

import pytest
from logrows import answer, entry, read, reject, skipped
from oddrows import assert_accounted_for

from parity_eval.readers.langsmith import LangSmith
from parity_eval.records import Finish, JsonValue, LogEntry

READER = LangSmith()
ASKED: list[JsonValue] = [{"role": "user", "content": "Which river?"}]
TOOL: JsonValue = {"type": "function", "function": {"name": "map", "parameters": {}}}

WRAPPED: dict[str, Any] = {
    "id": "r1",
    "name": "ChatOpenAI",
    "run_type": "llm",
    "start_time": "2026-05-01T10:00:00",
    "end_time": "2026-05-01T10:00:02",
    "inputs": {"model": "big", "messages": ASKED, "temperature": 0, "timeout": 5},
    "outputs": {
        "model": "big-1",
        "object": "chat.completion",
        "choices": [{"message": {"role": "assistant", "content": "Elbe"}, "finish_reason": "stop"}],
        "usage_metadata": {
            "input_tokens": 30,
            "output_tokens": 4,
            "input_token_details": {"cache_read": 20},
        },
    },
    "error": None,
    "status": "success",
    "extra": {"metadata": {"thread_id": "s1", "user_id": "u1"}, "invocation_params": {}},
    "tags": [],
    "dotted_order": "20260501T100000000000Zr0.20260501T100000000001Zr1",
    "parent_run_id": "r0",
    "session_id": "project",
    "total_cost": "0.0012",
}


def lc(kind: str, **kwargs: JsonValue) -> dict[str, JsonValue]:
    where: list[JsonValue] = ["langchain", "schema", "messages", kind]
    return {"lc": 1, "type": "constructor", "id": where, "kwargs": dict(kwargs)}


CHAIN: dict[str, Any] = WRAPPED | {
    "name": "find_river",
    "inputs": {
        "messages": [
            [lc("SystemMessage", content="Be brief."), lc("HumanMessage", content="Which river?")]
        ]
    },
    "outputs": {
        "generations": [
            [
                {
                    "text": "",
                    "generation_info": {"finish_reason": "tool_calls"},
                    "message": lc(
                        "AIMessage",
                        content="",
                        tool_calls=[{"name": "map", "args": {"at": "Dresden"}, "id": "c1"}],
                        response_metadata={"model_name": "big-1"},
                        usage_metadata={"input_tokens": 9, "output_tokens": 3},
                    ),
                }
            ]
        ]
    },
    "extra": {
        "metadata": {"ls_model_name": "big"},
        "invocation_params": {"model": "big", "_type": "chat", "tools": [TOOL], "stop": None},
    },
}


def test_a_run_of_a_wrapped_client() -> None:
    assert READER.fit(WRAPPED).score == 1
    found = entry(READER, WRAPPED)
    assert (found.request.id, found.model, found.task) == ("r1", "big", None)
    assert found.request.body == {"messages": ASKED, "temperature": 0}
    assert (found.user, found.timestamp) == ("u1", "2026-05-01T10:00:00Z")
    said = answer(READER, WRAPPED)
    assert (said.text, said.model_served, said.latency_s) == ("Elbe", "big-1", 2.0)


def test_the_session_is_not_the_project() -> None:
    assert entry(READER, WRAPPED).session == "s1"


def test_the_cost_is_a_text() -> None:
    assert entry(READER, WRAPPED).cost_usd == 0.0012
    assert entry(READER, WRAPPED | {"total_cost": None}).cost_usd is None


def test_tokens_include_those_of_the_cache() -> None:
    usage = answer(READER, WRAPPED).usage
    assert usage is not None
    assert (usage.input_tokens, usage.cached_input_tokens, usage.output_tokens) == (30, 20, 4)


def test_tokens_of_the_run_where_the_answer_has_none() -> None:
    outputs = {k: v for k, v in WRAPPED["outputs"].items() if k != "usage_metadata"}
    counted = {"outputs": outputs, "prompt_tokens": 7, "completion_tokens": 2}
    usage = answer(READER, WRAPPED | counted).usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (7, 2)
    nothing = {"outputs": outputs, "prompt_tokens": 0, "completion_tokens": 0}
    assert answer(READER, WRAPPED | nothing).usage is None


def test_a_run_of_langchain() -> None:
    found = entry(READER, CHAIN)
    assert (found.model, found.task) == ("big", "find_river")
    assert found.request.body == {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Which river?"},
        ],
        "tools": [TOOL],
    }
    said = answer(READER, CHAIN)
    assert said.finish is Finish.TOOL_CALLS
    assert [(c.name, json.loads(c.arguments)) for c in said.tool_calls] == [
        ("map", {"at": "Dresden"})
    ]
    assert said.usage is not None
    assert (said.usage.input_tokens, said.model_served) == (9, "big-1")


def test_json_text_in_the_fields_of_a_parquet_export() -> None:
    fields = ("inputs", "outputs", "extra", "tags")
    for run in (WRAPPED, CHAIN):
        assert entry(READER, run | {name: json.dumps(run[name]) for name in fields}) == entry(
            READER, run
        )


@pytest.mark.parametrize("kind", ["chain", "tool", "retriever", "prompt", "parser", None])
def test_other_runs_are_skipped(kind: str | None) -> None:
    assert skipped(READER, WRAPPED | {"run_type": kind}) == f"a run of the type {kind}"


@pytest.mark.parametrize(
    "change", [{"status": "pending"}, {"outputs": None, "end_time": None, "status": None}]
)
def test_unfinished_runs_are_skipped(change: dict[str, Any]) -> None:
    assert skipped(READER, WRAPPED | change) == "an unfinished run"


def test_errors() -> None:
    failed = {"status": "error", "error": "RateLimitError('429')", "outputs": None}
    said = answer(READER, WRAPPED | failed)
    assert (said.finish, said.detail) == (
        Finish.INVALID,
        "the body is an error: RateLimitError('429')",
    )
    assert answer(READER, WRAPPED | {"status": "error"}).finish is Finish.INVALID


def test_bodies_outside_of_the_export() -> None:
    away: dict[str, Any] = {"inputs": {}, "inputs_s3_urls": {"ROOT": {"presigned_url": "x"}}}
    found = entry(READER, WRAPPED | away)
    assert found.unreplayable is not None
    assert "inputs_s3_urls" in found.unreplayable
    assert found.response is not None
    lost = entry(READER, WRAPPED | {"inputs": None})
    assert lost.unreplayable is not None
    assert "left its inputs out" in lost.unreplayable


def test_of_runs_inside_of_each_other_the_innermost_counts() -> None:
    order = "20260501T100000000000Zr0.20260501T100000000001Zr1.20260501T100000000002Zr2"
    inner = WRAPPED | {"id": "r2", "parent_run_id": "r1", "dotted_order": order}
    for rows in ([WRAPPED, inner], [inner, WRAPPED]):
        kept = [each for each in read(READER, *rows) if isinstance(each, LogEntry)]
        assert [each.request.id for each in kept] == ["r2"]


def test_the_name_of_a_task() -> None:
    extra = {"metadata": {"task": "own"}}
    assert entry(READER, CHAIN | {"extra": extra}).task == "own"
    assert entry(READER, CHAIN | {"tags": ["seq:step:1", "task:tagged"]}).task == "tagged"
    assert entry(READER, CHAIN | {"name": "AzureChatOpenAI"}).task is None


def test_a_prompt_for_a_text_model() -> None:
    outputs = {"generations": [[{"text": "Elbe"}]], "llm_output": {"model_name": "old"}}
    found = entry(READER, WRAPPED | {"inputs": {"prompts": ["Which river?"]}, "outputs": outputs})
    assert found.request.body["messages"] == ASKED
    assert found.response is not None
    assert (found.response.text, found.response.model_served) == ("Elbe", "old")


def test_inputs_without_messages() -> None:
    assert reject(READER, WRAPPED | {"inputs": {"question": "?"}}) == (
        "its input holds no messages; it has: question"
    )


@pytest.mark.parametrize("row", [WRAPPED, CHAIN])
def test_rows_that_hold_anything_are_still_one_each(row: dict[str, Any]) -> None:
    assert assert_accounted_for(READER, row) > 200

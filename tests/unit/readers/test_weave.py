from typing import Any

import pytest
from logrows import answer, entry, read, skipped
from oddrows import assert_accounted_for

from parity_eval.readers.weave import Weave
from parity_eval.records import Finish, LogEntry

READER = Weave()
ASKED = [{"role": "user", "content": "Which cloud?"}]
SAID: dict[str, Any] = {
    "model": "big-1",
    "choices": [{"message": {"role": "assistant", "content": "cirrus"}, "finish_reason": "stop"}],
}
OP = "weave:///team/sky/op/{}:abc123"
ROW: dict[str, Any] = {
    "id": "w1",
    "project_id": "team/sky",
    "op_name": OP.format("openai.chat.completions.create"),
    "display_name": None,
    "trace_id": "t1",
    "parent_id": None,
    "thread_id": "s1",
    "started_at": "2026-05-01T10:00:00.000000Z",
    "ended_at": "2026-05-01T10:00:01.500000Z",
    "exception": None,
    "attributes": {"team": "weather", "weave": {"client_version": "1"}},
    "inputs": {
        "self": "weave:///team/sky/object/Completions:def",
        "model": "big",
        "messages": ASKED,
        "timeout": 5,
    },
    "output": SAID,
    "summary": {
        "usage": {"big-1": {"requests": 1, "prompt_tokens": 8, "completion_tokens": 2}},
        "weave": {
            "costs": {
                "big-1": {
                    "prompt_tokens_total_cost": 0.001,
                    "completion_tokens_total_cost": 0.002,
                }
            }
        },
    },
}


@pytest.mark.parametrize("row", [ROW, {"calls": [ROW]}])
def test_a_call(row: dict[str, Any]) -> None:
    assert READER.fit(row).score == 1
    found = entry(READER, row)
    assert (found.request.id, found.model, found.session) == ("w1", "big", "s1")
    assert found.request.body == {"messages": ASKED}
    assert found.metadata == {"team": "weather"}
    assert (found.timestamp, found.cost_usd) == ("2026-05-01T10:00:00Z", 0.003)
    said = answer(READER, row)
    assert (said.text, said.model_served, said.latency_s) == ("cirrus", "big-1", 1.5)
    assert said.usage is not None
    assert (said.usage.input_tokens, said.usage.output_tokens) == (8, 2)


def test_tokens_of_anthropic_leave_out_the_cache() -> None:
    counted = {"input_tokens": 3, "output_tokens": 2, "cache_read_input_tokens": 10}
    usage = answer(READER, ROW | {"summary": {"usage": {"other-1": counted}}}).usage
    assert usage is not None
    assert (usage.input_tokens, usage.cached_input_tokens) == (13, 10)


def test_of_several_models_nobody_knows_which_was_meant() -> None:
    counted = {"a": {"prompt_tokens": 3, "completion_tokens": 2}, "b": {"prompt_tokens": 3}}
    row = ROW | {"summary": {"usage": counted}}
    assert answer(READER, row).usage is None
    assert entry(READER, row).cost_usd is None


@pytest.mark.parametrize(
    "name", ["predict", "Bot.predict", "openai.embeddings.create", "litellm.aembedding"]
)
def test_other_operations_are_skipped(name: str) -> None:
    row = ROW | {"op_name": OP.format(name)}
    assert skipped(READER, row) == f"a call of {name}"
    assert skipped(READER, ROW | {"op_name": name}) == f"a call of {name}"


@pytest.mark.parametrize("name", ["litellm.completion", "anthropic.Messages.create"])
def test_calls_of_other_clients(name: str) -> None:
    assert answer(READER, ROW | {"op_name": OP.format(name)}).text == "cirrus"


@pytest.mark.parametrize(
    "inputs",
    [
        {"model": "big", "messages": "weave:///team/sky/object/list:1"},
        {"model": "big", "messages": [{"role": "user", "content": "weave:///team/sky/object/p:1"}]},
        {"model": "big", "messages": ASKED, "tools": "weave:///team/sky/object/tools:1"},
        "weave:///team/sky/object/inputs:1",
    ],
)
def test_references_cannot_be_sent(inputs: Any) -> None:  # noqa: ANN401
    found = entry(READER, ROW | {"inputs": inputs})
    assert found.unreplayable is not None
    assert found.unreplayable.startswith("it refers to objects that Weave keeps")


def test_a_text_that_speaks_of_a_reference_is_none() -> None:
    asked = [{"role": "user", "content": "What is weave:///team/sky?"}]
    found = entry(READER, ROW | {"inputs": {"model": "big", "messages": asked}})
    assert found.unreplayable is None


def test_an_answer_that_weave_keeps_is_not_there() -> None:
    assert entry(READER, ROW | {"output": "weave:///team/sky/object/out:1"}).response is None


def test_exceptions() -> None:
    said = answer(READER, ROW | {"exception": "ServerError('500')", "output": None})
    assert (said.finish, said.detail) == (
        Finish.INVALID,
        "the body is an error: ServerError('500')",
    )


def test_calls_that_are_not_over_or_were_deleted() -> None:
    open_ = ROW | {"output": None, "ended_at": None}
    assert skipped(READER, open_) == "an unfinished call"
    assert skipped(READER, ROW | {"deleted_at": "2026-05-02T00:00:00Z"}) == "a deleted call"


def test_of_clients_that_call_each_other_the_innermost_counts() -> None:
    around = ROW | {"op_name": OP.format("litellm.completion")}
    inner = ROW | {"id": "w2", "parent_id": "w1"}
    for rows in ([around, inner], [inner, around]):
        kept = [each for each in read(READER, *rows) if isinstance(each, LogEntry)]
        assert [each.request.id for each in kept] == ["w2"]


def test_the_name_of_a_task() -> None:
    assert entry(READER, ROW).task is None
    assert entry(READER, ROW | {"display_name": "name-clouds"}).task == "name-clouds"
    own = {"attributes": {"task": "own"}, "display_name": "name-clouds"}
    assert entry(READER, ROW | own).task == "own"


def test_an_export_without_inputs() -> None:
    found = entry(READER, ROW | {"inputs": {}})
    assert found.unreplayable is not None
    assert "left its inputs out" in found.unreplayable


def test_rows_that_hold_anything_are_still_one_each() -> None:
    assert assert_accounted_for(READER, ROW) > 300

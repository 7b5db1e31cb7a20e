import json
from typing import Any

import pytest
from logrows import answer, entry, read, reject, skipped
from oddrows import assert_accounted_for

from parity_eval.readers.mlflow import MLflow
from parity_eval.records import Finish, LogEntry, Reject, Skipped

READER = MLflow()
ASKED = [{"role": "user", "content": "Which note?"}]
SAID: dict[str, Any] = {
    "model": "big-1",
    "choices": [{"message": {"role": "assistant", "content": "A"}, "finish_reason": "stop"}],
}
TOOL = {"type": "function", "function": {"name": "tune", "parameters": {}}}
START = 1777629600_000000000


def span(name: str = "s1", parent: str | None = None, **attributes: Any) -> dict[str, Any]:  # noqa: ANN401
    given: dict[str, Any] = {
        "spanType": "CHAT_MODEL",
        "spanInputs": {"model": "big", "messages": ASKED},
        "spanOutputs": SAID,
        "chat.tokenUsage": {"input_tokens": 6, "output_tokens": 1, "cache_read_input_tokens": 4},
    }
    given |= attributes
    return {
        "span_id": name,
        "parent_span_id": parent,
        "name": "Completions",
        "start_time_unix_nano": START,
        "end_time_unix_nano": START + 1_500_000_000,
        "status": {"code": "STATUS_CODE_OK", "message": ""},
        "attributes": {f"mlflow.{key}": json.dumps(value) for key, value in given.items()},
    }


def trace(*spans: dict[str, Any]) -> dict[str, Any]:
    return {
        "info": {
            "trace_id": "tr-1",
            "trace_metadata": {"mlflow.trace.user": "u1", "mlflow.trace.session": "s1"},
            "tags": {"task": "notes", "mlflow.traceName": "x"},
        },
        "data": {"spans": list(spans)},
    }


OLD: dict[str, Any] = {
    "info": {
        "request_id": "tr-1",
        "request_metadata": {"mlflow.trace.user": "u1", "mlflow.trace.session": "s1"},
        "tags": {"task": "notes"},
    },
    "data": {
        "spans": [
            {
                "name": "Completions",
                "context": {"span_id": "s1", "trace_id": "0x1"},
                "parent_id": None,
                "start_time": START,
                "end_time": START + 1_500_000_000,
                "status_code": "OK",
                "status_message": "",
                "attributes": span()["attributes"],
            }
        ]
    },
}


@pytest.mark.parametrize(
    "row",
    [
        trace(span()),
        OLD,
        {"trace": json.dumps(trace(span())), "state": "OK"},
        {"traces": [trace(span())]},
    ],
)
def test_a_trace(row: dict[str, Any]) -> None:
    assert READER.fit(row).score == 1
    found = entry(READER, row)
    assert (found.request.id, found.model, found.task) == ("tr-1/s1", "big", "notes")
    assert (found.user, found.session) == ("u1", "s1")
    assert found.timestamp == "2026-05-01T10:00:00Z"
    assert found.request.body == {"messages": ASKED}
    assert found.metadata == {"task": "notes"}
    said = answer(READER, row)
    assert (said.text, said.model_served) == ("A", "big-1")
    assert said.latency_s == pytest.approx(1.5)
    assert said.usage is not None
    assert (said.usage.input_tokens, said.usage.cached_input_tokens) == (6, 4)


def test_only_model_calls_of_a_trace_count() -> None:
    agent = span("s0", spanType="AGENT")
    tool = span("s3", "s0", spanType="TOOL")
    found = read(READER, trace(agent, span("s1", "s0"), tool, span("s2", "s0")))
    ids = [each.request.id for each in found if isinstance(each, LogEntry)]
    assert ids == ["tr-1/s1", "tr-1/s2"]
    assert len(found) == 2


def test_of_spans_inside_of_each_other_the_innermost_counts() -> None:
    between = span("s1", "s0", spanType="CHAIN")
    found = read(READER, trace(span("s0"), between, span("s2", "s1")))
    assert [each.request.id for each in found if isinstance(each, LogEntry)] == ["tr-1/s2"]
    assert len(found) == 1


def test_spans_in_a_circle_end() -> None:
    reason = skipped(READER, trace(span("s1", "s2"), span("s2", "s1")))
    assert reason == "a trace without a model call"


def test_a_trace_without_a_model_call() -> None:
    row = trace(span(spanType="CHAIN"))
    assert skipped(READER, row) == "a trace without a model call"


def test_a_trace_that_is_not_over() -> None:
    open_ = span() | {"end_time_unix_nano": None}
    assert skipped(READER, trace(open_)) == "a trace with an unfinished model call only"


@pytest.mark.parametrize(
    "failed",
    [
        {"status": {"code": "STATUS_CODE_ERROR", "message": "HTTP 500"}},
        {"status": None, "status_code": "ERROR", "status_message": "HTTP 500"},
    ],
)
def test_errors(failed: dict[str, Any]) -> None:
    said = answer(READER, trace(span(spanOutputs=None) | failed))
    assert (said.finish, said.detail) == (Finish.INVALID, "the body is an error: HTTP 500")


def test_tools_in_an_attribute_of_their_own() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "tune", "arguments": "{}"}}
    said = {"choices": [{"message": {"role": "assistant", "tool_calls": [call]}}]}
    attributes: dict[str, Any] = {"chat.tools": [TOOL], "spanOutputs": said}
    found = entry(READER, trace(span(**attributes)))
    assert found.request.body["tools"] == [TOOL]
    assert found.unreplayable is None
    lacking = entry(READER, trace(span(spanOutputs=said)))
    assert "tools" in str(lacking.unreplayable)


def test_messages_of_langchain() -> None:
    inputs = [[{"type": "system", "content": "Be brief."}, {"type": "human", "content": "Which?"}]]
    outputs = {"generations": [[{"message": {"type": "ai", "content": "A"}}]]}
    attributes: dict[str, Any] = {"spanInputs": inputs, "spanOutputs": outputs, "llm.model": "big"}
    made = span(**attributes)
    made["attributes"]["invocation_params"] = json.dumps({"temperature": 0, "_type": "chat"})
    found = entry(READER, trace(made))
    assert found.model == "big"
    assert found.request.body == {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Which?"},
        ],
        "temperature": 0,
    }
    assert answer(READER, trace(made)).text == "A"


def test_the_cost() -> None:
    attributes: dict[str, Any] = {"llm.cost": {"total_cost": 0.002}}
    row = trace(span(**attributes))
    assert entry(READER, row).cost_usd == 0.002


def test_the_name_of_a_span_names_the_task() -> None:
    row = trace(span() | {"name": "find_note"})
    row["info"]["tags"] = {}
    assert entry(READER, row).task == "find_note"


def test_a_trace_without_inputs() -> None:
    found = entry(READER, trace(span(spanInputs=None)))
    assert found.unreplayable == "the trace holds no inputs of the call"
    assert answer(READER, trace(span(spanInputs=None))).text == "A"


def test_a_trace_without_spans() -> None:
    assert reject(READER, trace()) == "`data.spans` must be a list with at least one span"


@pytest.mark.parametrize("row", [trace(span()), OLD])
def test_rows_that_hold_anything_are_still_one_each(row: dict[str, Any]) -> None:
    assert assert_accounted_for(READER, row) > 300


def test_attributes_that_hold_anything() -> None:
    for name, value in span()["attributes"].items():
        for odd in ("7", "[]", "{}", '"x"', "null", "{", "[[1]]", '{"messages": [7]}', 7, [7]):
            made = span()
            made["attributes"] |= {name: odd if odd != value else None}
            (found,) = read(READER, trace(made))
            assert isinstance(found, LogEntry | Skipped | Reject)

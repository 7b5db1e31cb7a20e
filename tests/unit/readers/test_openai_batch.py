from typing import Any

import pytest
from logrows import entry, read, reject, rows, skipped

from parity_eval.readers.openai_batch import OpenAIBatch
from parity_eval.records import Finish, JsonValue, LogEntry, Reject

READER = OpenAIBatch()


def asked(key: str, **body: JsonValue) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"Name tree {key}."}]
    return {
        "custom_id": key,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "gpt-x", "messages": messages, "metadata": {"task": "trees"}} | body,
    }


def given(key: str, text: str = "Oak.", **more: JsonValue) -> dict[str, Any]:
    body: JsonValue = {
        "created": 1790000000,
        "choices": [{"message": {"content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 6, "completion_tokens": 2},
    }
    response = {"status_code": 200, "request_id": "r", "body": body}
    return {"id": f"batch_req_{key}", "custom_id": key, "response": response, "error": None} | more


def test_a_request_and_its_result() -> None:
    found = entry(READER, asked("a", user="u1"), given("a"))
    assert (found.request.id, found.model, found.task, found.user) == ("a", "gpt-x", "trees", "u1")
    assert found.metadata == {"task": "trees", "api": "batch"}
    assert found.timestamp == "2026-09-21T14:13:20Z"
    assert found.response is not None
    assert found.response.text == "Oak."
    assert found.response.latency_s is None
    assert found.line == 1


def test_results_come_in_any_order_and_before_requests_too() -> None:
    found = read(
        READER, given("b", "Elm."), asked("a"), asked("b"), asked("c"), given("c"), given("a")
    )
    texts = {
        item.request.id: (item.response.text, item.line)
        for item in found
        if isinstance(item, LogEntry) and item.response
    }
    assert texts == {"a": ("Oak.", 2), "b": ("Elm.", 3), "c": ("Oak.", 4)}


def test_what_has_its_partner_is_not_kept() -> None:
    stream = READER.read(iter(rows(asked("a"), given("a"), asked("b"))))
    first = next(stream)
    assert isinstance(first, LogEntry)
    assert first.request.id == "a"


def test_a_request_without_a_result() -> None:
    assert entry(READER, asked("a")).response is None


def test_a_result_without_its_request() -> None:
    assert reject(READER, given("a")) == (
        "no request with `custom_id` 'a'; read the batch's input file (its `input_file_id`) along "
        "with its output"
    )


@pytest.mark.parametrize("code", ["batch_expired", "batch_cancelled"])
def test_a_request_that_was_left_undone_has_no_answer(code: str) -> None:
    error: JsonValue = {"code": code, "message": "late"}
    found = entry(READER, asked("a"), given("a", response=None, error=error))
    assert found.response is None
    assert found.metadata["batch_error"] == code


@pytest.mark.parametrize(
    "failed",
    [
        {"response": None, "error": {"code": "server_error", "message": "down"}},
        {"response": {"status_code": 500, "body": {"error": {"message": "down"}}}},
        {"response": {"status_code": 500, "body": {"detail": "down"}}},
    ],
)
def test_a_request_that_failed_has_an_error_for_an_answer(failed: dict[str, Any]) -> None:
    found = entry(READER, asked("a"), given("a", **failed))
    assert found.response is not None
    assert found.response.finish is Finish.INVALID


def test_failures_may_be_in_a_file_of_their_own() -> None:
    error: JsonValue = {"status_code": 400, "body": {"error": {"message": "bad"}}}
    found = read(READER, asked("a"), asked("b"), given("b"), given("a", response=error))
    assert [type(item) for item in found] == [LogEntry, LogEntry]


def test_a_second_request_or_result_of_one_id() -> None:
    found = read(READER, asked("a"), asked("a"), given("a"), given("a"))
    reasons = [item.reason for item in found if isinstance(item, Reject)]
    assert reasons == [
        "`custom_id` 'a' is at log.jsonl:1 too; read one batch at a time",
        "a second result for `custom_id` 'a'; the first counts",
    ]
    assert sum(isinstance(item, LogEntry) for item in found) == 1


def test_a_row_without_the_id() -> None:
    assert reject(READER, {"method": "POST", "body": {}}) == "no `custom_id`"


def test_batches_of_the_responses_api() -> None:
    body: JsonValue = {"model": "gpt-x", "input": "Name a tree."}
    output: JsonValue = [{"type": "message", "content": [{"type": "output_text", "text": "Oak."}]}]
    answer: JsonValue = {"object": "response", "status": "completed", "output": output}
    found = entry(
        READER,
        asked("a") | {"url": "/v1/responses", "body": body},
        given("a", response={"status_code": 200, "body": answer}),
    )
    assert found.request.body["messages"] == [{"role": "user", "content": "Name a tree."}]
    assert found.response is not None
    assert found.response.text == "Oak."


def test_batches_of_embeddings() -> None:
    body: JsonValue = {"model": "text-embedding-9", "input": "x"}
    assert "embedding" in skipped(READER, asked("a") | {"url": "/v1/embeddings", "body": body})


def test_rejects_of_the_file_pass_through() -> None:
    broken = Reject(path="log.jsonl", line=1, reason="not JSON")
    assert list(READER.read([broken])) == [broken]


@pytest.mark.parametrize("row", [asked("a"), given("a"), given("a", response=None)])
def test_what_is_of_this_format(row: JsonValue) -> None:
    assert READER.fit(row).score == 1


@pytest.mark.parametrize(
    "row", [{"custom_id": "a", "result": {"type": "expired"}}, {"request": {}, "response": {}}, "x"]
)
def test_what_is_of_another_format(row: JsonValue) -> None:
    assert READER.fit(row).score < 1


def test_odd_rows_are_told_with_a_reason() -> None:
    odd: list[JsonValue] = [
        None,
        {"custom_id": "a", "body": 3},
        {"custom_id": "b", "response": {"body": 3}, "error": {"code": []}},
        {"custom_id": "b", "body": {"messages": [3]}},
        {"custom_id": "c", "response": None, "error": {"code": []}},
        {"custom_id": "c", "body": {"messages": [{"role": "user", "content": "x"}]}},
        {"custom_id": []},
    ]
    found = read(READER, *odd)
    assert sum(isinstance(item, LogEntry) for item in found) == 1
    assert sum(isinstance(item, Reject) for item in found) == 4

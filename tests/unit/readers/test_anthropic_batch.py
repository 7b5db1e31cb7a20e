from typing import Any

import pytest
from logrows import entry, read, reject

from parity_eval.readers.anthropic_batch import AnthropicBatch
from parity_eval.records import Finish, JsonValue, LogEntry

READER = AnthropicBatch()
ASKED: dict[str, Any] = {
    "custom_id": "a",
    "params": {
        "model": "claude-x",
        "max_tokens": 50,
        "system": "Be terse.",
        "messages": [{"role": "user", "content": "Name a tree."}],
    },
}
MESSAGE: dict[str, Any] = {
    "id": "msg_a",
    "type": "message",
    "role": "assistant",
    "content": [{"type": "text", "text": "Oak."}],
    "stop_reason": "end_turn",
}


def given(**result: JsonValue) -> dict[str, Any]:
    return {"custom_id": "a", "result": result}


@pytest.mark.parametrize("is_late", [False, True])
def test_a_request_and_its_result(is_late: bool) -> None:  # noqa: FBT001
    pair = [ASKED, given(type="succeeded", message=MESSAGE)]
    found = entry(READER, *(reversed(pair) if is_late else pair))
    assert (found.request.id, found.model) == ("a", "claude-x")
    assert found.metadata == {"api": "batch"}
    assert found.response is not None
    assert (found.response.text, found.response.finish) == ("Oak.", Finish.STOP)


def test_the_body_that_was_sent_will_do() -> None:
    sent: JsonValue = {"requests": [ASKED, {**ASKED, "custom_id": "b"}]}
    found = read(READER, sent, given(type="succeeded", message=MESSAGE))
    assert [item.request.id for item in found if isinstance(item, LogEntry)] == ["a", "b"]
    assert READER.fit(sent).score == 1


def test_whoever_wrote_the_requests_down_may_name_their_task() -> None:
    assert entry(READER, {**ASKED, "task": "trees"}).task == "trees"
    assert entry(READER, {**ASKED, "metadata": {"task": "forest"}}).task == "forest"


@pytest.mark.parametrize(
    "error",
    [
        {"type": "error", "error": {"type": "invalid_request_error", "message": "bad"}},
        {"type": "invalid_request_error", "message": "bad"},
    ],
)
def test_a_request_that_failed(error: dict[str, Any]) -> None:
    found = entry(READER, ASKED, given(type="errored", error=error))
    assert found.response is not None
    assert found.response.finish is Finish.INVALID
    assert found.response.detail == "the body is an error: bad"
    assert found.metadata["batch_error"] == "errored"


@pytest.mark.parametrize("kind", ["expired", "canceled"])
def test_a_request_that_was_left_undone_has_no_answer(kind: str) -> None:
    found = entry(READER, ASKED, given(type=kind))
    assert found.response is None
    assert found.metadata["batch_error"] == kind


def test_a_result_without_its_request_says_what_to_do() -> None:
    reason = reject(READER, given(type="succeeded", message=MESSAGE))
    assert reason.startswith("no request with `custom_id` 'a'; results hold no prompts")
    assert '{"requests": [...]}' in reason


@pytest.mark.parametrize("row", [ASKED, given(type="expired")])
def test_what_is_of_this_format(row: JsonValue) -> None:
    assert READER.fit(row).score == 1


@pytest.mark.parametrize("row", [{"custom_id": "a", "response": {}, "error": None}, None])
def test_what_is_of_another_format(row: JsonValue) -> None:
    assert READER.fit(row).score < 1


def test_odd_rows_are_told_with_a_reason() -> None:
    odd: list[JsonValue] = [
        3,
        {"custom_id": "a", "params": 3},
        {"custom_id": "b", "result": 3},
        {"custom_id": "a", "result": {"type": []}},
        {"requests": [3, {"custom_id": "c", "params": {"messages": 3}}]},
    ]
    assert not any(isinstance(item, LogEntry) for item in read(READER, *odd))

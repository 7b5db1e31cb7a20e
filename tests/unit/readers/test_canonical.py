from pathlib import Path
from typing import Any

import pytest
from makers import write_lines

from parity_eval.logged.times import utc_time
from parity_eval.readers.canonical import Canonical
from parity_eval.records import Finish, JsonValue, LogEntry, Reject, Skipped
from parity_eval.rows import read_rows

ASKED = {"model": "big", "messages": [{"role": "user", "content": "hi"}]}
GIVEN = {"choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}]}


def read(tmp_path: Path, *rows: object) -> list[LogEntry | Skipped | Reject]:
    path = write_lines(tmp_path / "log.jsonl", rows)
    return list(Canonical().read(read_rows([path])))


def entry(tmp_path: Path, row: dict[str, Any]) -> LogEntry:
    (found,) = read(tmp_path, {"id": "1", "request": ASKED, "response": GIVEN} | row)
    assert isinstance(found, LogEntry), found
    return found


def reason(tmp_path: Path, row: object) -> str:
    (found,) = read(tmp_path, row)
    assert isinstance(found, Reject)
    assert (found.path, found.line) == (str(tmp_path / "log.jsonl"), 1)
    return found.reason


def test_a_line(tmp_path: Path) -> None:
    found = entry(
        tmp_path,
        {
            "task": "triage",
            "timestamp": "2026-03-01T10:00:00+01:00",
            "user": "u",
            "session": 7,
            "metadata": {"kind": "classification"},
            "latency_s": 1.5,
        },
    )
    assert found.request.id == "1"
    assert found.request.body == {"messages": [{"role": "user", "content": "hi"}]}
    assert (found.model, found.task, found.user, found.session) == ("big", "triage", "u", "7")
    assert found.timestamp == "2026-03-01T09:00:00Z"
    assert found.metadata == {"kind": "classification"}
    assert found.line == 1
    assert found.response is not None
    assert (found.response.text, found.response.latency_s) == ("hello", 1.5)


def test_how_an_answer_was_delivered_is_no_content(tmp_path: Path) -> None:
    asked = {**ASKED, "stream": True, "stream_options": {"include_usage": True}, "seed": 3}
    assert entry(tmp_path, {"request": asked}).request.body == {
        "messages": [{"role": "user", "content": "hi"}],
        "seed": 3,
    }


def test_a_whole_number_is_an_id(tmp_path: Path) -> None:
    assert entry(tmp_path, {"id": 12}).request.id == "12"


@pytest.mark.parametrize("response", [{}, {"response": None}])
def test_no_answer(tmp_path: Path, response: dict[str, Any]) -> None:
    (found,) = read(tmp_path, {"id": "1", "request": ASKED, **response})
    assert isinstance(found, LogEntry)
    assert found.response is None


def test_an_answer_that_is_no_chat_completion_is_kept_as_invalid(tmp_path: Path) -> None:
    found = entry(tmp_path, {"response": {"error": {"message": "upstream"}}})
    assert found.response is not None
    assert found.response.finish in (Finish.INVALID, Finish.REJECTED)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("{", "not JSON: "),
        (b"{\xff}", "not JSON: "),
        ("[" * 5000 + "]" * 5000, "not JSON: "),
        ('{"id": NaN}', "not JSON: "),
        ("[[1]]", "a JSON object was expected, not a list"),
        ("[1]", "a JSON object was expected, not a number"),
        ("null", "a JSON object was expected, not null"),
        ('"x"', "a JSON object was expected, not a text"),
        ("{}", "no object `request`; the line has: nothing"),
        ({"id": "1", "prompt": "x"}, "no object `request`; the line has: id, prompt"),
        (
            {"id": "1", "request": {"prompt": "hi"}},
            "`request.messages` must be a list with at least one message",
        ),
        (
            {"id": "1", "request": {"messages": ["hi"]}},
            "each of `request.messages` must be an object with a `role`",
        ),
        ({"request": ASKED}, "`id` must be a non-empty text or a whole number"),
        ({"id": "", "request": ASKED}, "`id` must be a non-empty text or a whole number"),
        ({"id": True, "request": ASKED}, "`id` must be a non-empty text or a whole number"),
        ({"id": 1.5, "request": ASKED}, "`id` must be a non-empty text or a whole number"),
        ({"id": "1", "request": ASKED, "task": ["a"]}, "`task` must be a text, not a list"),
        (
            {"id": "1", "request": ASKED, "metadata": "a"},
            "`metadata` must be an object, not a text",
        ),
    ],
)
def test_what_cannot_be_used_says_why(tmp_path: Path, row: object, words: str) -> None:
    assert reason(tmp_path, row).startswith(words)


@pytest.mark.parametrize(
    ("row", "score"),
    [
        ({"id": 1, "request": ASKED}, 1.0),
        ({"id": 1, "request": "[REDACTED]"}, 1.0),
        ({"id": 1, "request": {"input": "hi"}}, 0.5),
        ({"request": ASKED}, 1 / 3),
        ({}, 0.0),
        ([], 0.0),
    ],
)
def test_how_well_a_row_fits(row: Any, score: float) -> None:  # noqa: ANN401
    assert Canonical().fit(row).score == score


def test_a_damaged_line_does_not_stop_the_others(tmp_path: Path) -> None:
    good = {"id": "1", "request": ASKED}
    found = read(tmp_path, good, "{", {**good, "id": "2"})
    assert [type(item) for item in found] == [LogEntry, Reject, LogEntry]
    assert isinstance(found[2], LogEntry)
    assert found[2].line == 3


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("2026-03-01T09:30:00Z", "2026-03-01T09:30:00Z"),
        ("2026-03-01 09:30:00.999", "2026-03-01T09:30:00Z"),
        ("2026-03-01 09:30:00 UTC", "2026-03-01T09:30:00Z"),
        ("2026-03-01T09:30:00-05:00", "2026-03-01T14:30:00Z"),
        ("2026-03-01", "2026-03-01T00:00:00Z"),
        (1772357400, "2026-03-01T09:30:00Z"),
        (1772357400.5, "2026-03-01T09:30:00Z"),
        ("1772357400", "2026-03-01T09:30:00Z"),
        (1772357400123, "2026-03-01T09:30:00Z"),
        (1772357400123456789, "2026-03-01T09:30:00Z"),
        (1e300, None),
        (float("inf"), None),
        ("9" * 400, None),
        ("yesterday", None),
        ("9999-12-31T23:59:59-12:00", None),
        ("", None),
        (None, None),
        (True, None),
        ([], None),
    ],
)
def test_times_become_utc(value: JsonValue, time: str | None) -> None:
    assert utc_time(value) == time


@pytest.mark.parametrize(
    "request_",
    [
        "[REDACTED]",
        {"model": "big", "messages": None},
        {"model": "big", "messages": []},
        {"model": "big", "messages": [{"role": "user", "content": "redacted-by-litellm"}]},
        {"model": "big", "messages": [{"role": "user", "content": "first [truncated]"}]},
        {"key": "a", "iv": "b", "data": "c"},
        {**ASKED, "previous_response_id": "resp_1"},
    ],
)
def test_a_request_that_the_log_does_not_hold_whole_is_kept_as_such(
    tmp_path: Path, request_: object
) -> None:
    found = entry(tmp_path, {"request": request_, "task": "triage"})
    assert found.unreplayable
    assert (found.request.id, found.task) == ("1", "triage")
    assert found.response is not None


def test_a_request_that_it_holds_is_whole(tmp_path: Path) -> None:
    assert entry(tmp_path, {}).unreplayable is None


def test_a_text_that_is_no_request_is_no_line_of_this_format(tmp_path: Path) -> None:
    assert reason(tmp_path, {"id": "1", "request": "hi"}).startswith("`request` must be an object")


def test_a_call_of_tools_without_tools_was_not_logged_whole(tmp_path: Path) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    given = {"choices": [{"message": {"content": None, "tool_calls": [call]}}]}
    assert "tools" in str(entry(tmp_path, {"response": given}).unreplayable)


def test_an_answer_that_the_log_cut_is_none(tmp_path: Path) -> None:
    text = "hello ... (litellm_truncated skipped 30 chars. ) bye"
    given = {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}
    assert entry(tmp_path, {"response": given}).response is None

import pytest
from traces import answer, entries, entry, read, told

from parity_eval.logged.graded import recordings
from parity_eval.readers.openai_evals import OpenaiEvals
from parity_eval.records import Finish, JsonObject, JsonValue
from parity_eval.tasks import field_values

READER = OpenaiEvals()
MESSAGES: list[JsonValue] = [
    {"role": "system", "content": "Name the bird."},
    {"role": "user", "content": "Small, red breast."},
]
SAMPLE: dict[str, JsonValue] = {
    "input": MESSAGES,
    "output": [{"role": "assistant", "content": "robin"}],
    "finish_reason": "stop",
    "model": "big-1",
    "usage": {"prompt_tokens": 30, "completion_tokens": 2, "cached_tokens": 20, "total_tokens": 32},
    "error": None,
    "temperature": 0.5,
    "max_completion_tokens": 50,
    "top_p": 1,
    "seed": 3,
}


def item(**more: JsonValue) -> dict[str, JsonValue]:
    plain: dict[str, JsonValue] = {
        "object": "eval.run.output_item",
        "id": "outputitem_1",
        "created_at": 1_772_357_400,
        "run_id": "evalrun_1",
        "eval_id": "eval_1",
        "status": "pass",
        "datasource_item_id": 5,
        "datasource_item": {"question": "Small, red breast.", "ideal": "robin"},
        "results": [
            {"name": "match", "passed": True, "score": 1.0},
            {"name": "style", "passed": False, "score": 0.25},
        ],
        "sample": SAMPLE,
    }
    return {**plain, **more}


def test_an_item() -> None:
    found = entry(READER, item())
    assert found.request.id == "outputitem_1"
    assert found.request.body == {
        "temperature": 0.5,
        "top_p": 1,
        "seed": 3,
        "max_completion_tokens": 50,
        "messages": MESSAGES,
    }
    assert (found.model, found.timestamp) == ("big-1", "2026-03-01T09:30:00Z")
    assert found.metadata == {
        "item": {"question": "Small, red breast.", "ideal": "robin"},
        "run": "evalrun_1",
        "passed": False,
        "case": "eval_1:5",
        "score": 1.0,
        "scores": {"match": 1.0, "style": 0.25},
        "target": "robin",
    }
    assert field_values(found, "metadata.item.ideal") == ("robin",)
    assert found.response is not None
    assert (found.response.text, found.response.finish) == ("robin", Finish.STOP)
    assert found.response.usage is not None
    assert found.response.usage.cached_input_tokens == 20


def test_a_page_of_the_api() -> None:
    page: JsonValue = {"object": "list", "data": [item(), item(id="outputitem_2")]}
    assert READER.fit(page).score == 1
    assert [one.request.id for one in entries(READER, page)] == ["outputitem_1", "outputitem_2"]


def test_a_row_under_item_and_a_data_set_with_a_column_of_its_own() -> None:
    row = item(item={"task": "birds", "correct_label": "robin"})
    del row["datasource_item"]
    found = entry(READER, row)
    assert (found.task, found.metadata["target"]) == ("birds", "robin")
    assert READER.fit(row).score == 1


def test_runs_of_two_models_have_the_same_cases() -> None:
    other = item(id="outputitem_9", sample={**SAMPLE, "model": "mini-1"})
    lines = recordings(entries(READER, item(), other), "big-1")
    assert [line["id"] for line in lines["mini-1"]] == ["outputitem_1"]


def test_a_failed_call() -> None:
    error: JsonValue = {"code": "server_error", "message": "boom"}
    found = answer(READER, item(sample={**SAMPLE, "error": error, "output": []}))
    assert "boom" in str(found.detail)
    assert found.finish in (Finish.INVALID, Finish.REJECTED)


def test_an_empty_error_is_none() -> None:
    error: JsonValue = {"code": "", "message": ""}
    assert answer(READER, item(sample={**SAMPLE, "error": error})).text == "robin"


def test_a_tool_call_without_tools_cannot_be_asked_for_again() -> None:
    function: JsonValue = {"name": "look", "arguments": "{}"}
    call: JsonValue = {"id": "c", "type": "function", "function": function}
    said: JsonValue = [{"role": "assistant", "tool_calls": [call]}]
    found = entry(READER, item(sample={**SAMPLE, "output": said}))
    assert "left out its tools" in str(found.unreplayable)


def test_answers_that_stand_in_the_data_set() -> None:
    assert "`log.columns`" in told(READER, item(sample=None))


def test_no_answer() -> None:
    assert entry(READER, item(sample={**SAMPLE, "output": []})).response is None


def test_the_format_is_recognised() -> None:
    assert READER.fit(item()).score == 1
    assert READER.fit({"item": {}, "id": "1"}).score < 1


@pytest.mark.parametrize("name", sorted(item()))
@pytest.mark.parametrize("odd", [None, 7, True, "x", [], [1], {}, {"input": [3]}, [{"name": []}]])
def test_odd_fields_never_crash(name: str, odd: JsonValue) -> None:
    more: JsonObject = {**item(), name: odd}
    assert len(read(READER, dict(more))) == 1

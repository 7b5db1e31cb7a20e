import json
import zipfile
from pathlib import Path

import pytest
from traces import answer, entries, entry, read, rows, told

from parity_eval.logged.graded import recordings
from parity_eval.readers.inspect_eval import InspectEval
from parity_eval.records import Finish, JsonObject, JsonValue, LogEntry, Skipped, ToolCall
from parity_eval.rows import read_rows

READER = InspectEval()
TOOL: JsonValue = {
    "name": "look",
    "description": "Look at it",
    "parameters": {"type": "object", "properties": {"code": {"type": "string"}}},
}
MESSAGES: list[JsonValue] = [
    {"role": "system", "content": "Name the bird."},
    {"role": "user", "content": "Small, red breast."},
]
SAID: dict[str, JsonValue] = {"role": "assistant", "content": "robin", "source": "generate"}
OUTPUT: dict[str, JsonValue] = {
    "model": "big-1-2026",
    "choices": [{"message": SAID, "stop_reason": "stop"}],
    "completion": "robin",
    "usage": {
        "input_tokens": 10,
        "output_tokens": 2,
        "total_tokens": 32,
        "input_tokens_cache_read": 20,
    },
    "time": 1.5,
}
EVENT: dict[str, JsonValue] = {
    "event": "model",
    "model": "openai/big-1",
    "input": MESSAGES,
    "tools": [],
    "tool_choice": "auto",
    "config": {"temperature": 0.5, "max_tokens": 50, "stop_seqs": ["."]},
    "output": OUTPUT,
    "timestamp": "2026-03-01T09:30:00Z",
}


def header(model: str = "openai/big-1") -> dict[str, JsonValue]:
    about: JsonValue = {"task": "birds", "model": model, "created": "2026-03-01T09:00:00+00:00"}
    return {"version": 2, "status": "success", "eval": about, "plan": {"config": {"top_p": 0.9}}}


def sample(**more: JsonValue) -> dict[str, JsonValue]:
    plain: dict[str, JsonValue] = {
        "id": 7,
        "epoch": 1,
        "input": "Small, red breast.",
        "target": "robin",
        "messages": [
            {"role": "system", "content": "Name the bird."},
            {"role": "user", "content": [{"type": "text", "text": "Small, red breast."}]},
            SAID,
        ],
        "output": OUTPUT,
        "scores": {"match": {"value": "C", "answer": "robin"}, "brevity": {"value": 0.5}},
        "metadata": {"plan": "free"},
        "events": [{"event": "state"}, EVENT],
        "attachments": {},
    }
    return {**plain, **more}


def log(*samples: JsonValue, model: str = "openai/big-1") -> dict[str, JsonValue]:
    return {**header(model), "samples": list(samples)}


def test_a_sample() -> None:
    found = entry(READER, log(sample()))
    assert found.request.id == "birds:7:1@openai/big-1"
    assert found.request.body == {
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 50,
        "stop": ["."],
        "messages": [
            {"role": "system", "content": "Name the bird."},
            {"role": "user", "content": [{"type": "text", "text": "Small, red breast."}]},
        ],
    }
    assert (found.model, found.task) == ("openai/big-1", "birds")
    assert found.timestamp == "2026-03-01T09:30:00Z"
    assert found.metadata == {
        "plan": "free",
        "sample": 7,
        "epoch": 1,
        "case": "birds:7:1",
        "score": 1,
        "scores": {"match": 1, "brevity": 0.5},
        "target": "robin",
    }
    assert found.unreplayable is None
    assert found.response is not None
    assert (found.response.text, found.response.finish) == ("robin", Finish.STOP)
    assert (found.response.model_served, found.response.latency_s) == ("big-1-2026", 1.5)


def test_the_input_is_what_is_not_output() -> None:
    usage = answer(READER, log(sample())).usage
    assert usage is not None
    assert (usage.input_tokens, usage.cached_input_tokens, usage.output_tokens) == (30, 20, 2)


@pytest.mark.parametrize("start", ["header.json", "_journal/start.json"])
def test_an_archive(tmp_path: Path, start: str) -> None:
    path = tmp_path / "log.eval"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("samples/7_epoch_1.json", json.dumps(sample(), indent=2))
        archive.writestr("samples/8_epoch_1.json", json.dumps(sample(id=8), indent=2))
        archive.writestr("summaries.json", json.dumps([{"id": 7, "epoch": 1, "input": "x"}]))
        archive.writestr("reductions.json", json.dumps([{"scorer": "match", "samples": []}]))
        archive.writestr(start, json.dumps(header()))
    found = list(READER.read(read_rows([str(path)])))
    kept = [one for one in found if isinstance(one, LogEntry)]
    assert [one.request.id[:9] for one in kept] == ["birds:7:1", "birds:8:1"]
    assert {one.task for one in kept} == {"birds"}
    assert [type(one) for one in found if one not in kept] == [Skipped] * 3


def test_a_sample_without_its_header() -> None:
    found = entry(READER, sample())
    assert (found.model, found.task) == ("openai/big-1", None)


def test_a_sample_has_an_id_of_its_own_in_newer_logs() -> None:
    assert entry(READER, log(sample(uuid="u1"))).request.id == "u1"


def test_logs_of_two_models_have_the_same_cases() -> None:
    other = log(sample(output={**OUTPUT, "model": "mini"}), model="openai/mini")
    found = entries(READER, log(sample()), other)
    assert len({one.request.id for one in found}) == 2
    lines = recordings(found, "openai/big-1")
    assert [line["id"] for line in lines["openai/mini"]] == [found[0].request.id]


def test_tools_and_what_they_gave() -> None:
    call: JsonValue = {"id": "c1", "function": "look", "arguments": {"code": "A"}}
    asked: JsonValue = {"role": "assistant", "content": "", "tool_calls": [call]}
    result: JsonValue = {
        "role": "tool",
        "content": "",
        "tool_call_id": "c1",
        "function": "look",
        "error": {"type": "timeout", "message": "too slow"},
    }
    messages: JsonValue = [{"role": "user", "content": "Ripe?"}, asked, result, SAID]
    first = {**EVENT, "output": {**OUTPUT, "completion": ""}}
    event: JsonValue = {**EVENT, "tools": [TOOL], "tool_choice": {"name": "look"}}
    found = entry(READER, log(sample(messages=messages, events=[first, event])))
    function: JsonValue = {"name": "look", "arguments": '{"code": "A"}'}
    assert found.request.body["messages"] == [
        {"role": "user", "content": "Ripe?"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c1", "type": "function", "function": function}],
        },
        {"role": "tool", "content": "too slow", "tool_call_id": "c1"},
    ]
    assert found.request.body["tools"] == [{"type": "function", "function": TOOL}]
    assert found.request.body["tool_choice"] == {"type": "function", "function": {"name": "look"}}
    assert found.metadata["n_calls"] == 2
    last: JsonValue = {**OUTPUT, "choices": [{"message": asked, "stop_reason": "tool_calls"}]}
    given = answer(READER, log(sample(output=last, events=[event])))
    assert given.tool_calls == (ToolCall(name="look", arguments='{"code": "A"}'),)
    assert given.finish is Finish.TOOL_CALLS


def test_the_calls_of_a_model_that_grades_are_not_the_samples() -> None:
    grader: JsonValue = {**EVENT, "model": "openai/judge", "config": {"temperature": 1}}
    in_role: JsonValue = {**EVENT, "role": "grader", "config": {"temperature": 1}}
    found = entry(READER, log(sample(events=[EVENT, grader, in_role])))
    assert found.request.body["temperature"] == 0.5
    assert "n_calls" not in found.metadata


def test_long_texts_stand_elsewhere_in_the_sample() -> None:
    schema: JsonValue = {"type": "object"}
    tool: JsonValue = {"name": "look", "description": "attachment://d", "parameters": schema}
    image: JsonValue = [{"type": "image", "image": "attachment://i"}]
    more: JsonObject = {
        "messages": [{"role": "user", "content": image}, SAID],
        "events": [{**EVENT, "tools": [tool]}],
        "attachments": {"d": "Look at it", "i": "data:image/png;base64,AA=="},
    }
    found = entry(READER, log(sample(**more)))
    url: JsonValue = {"url": "data:image/png;base64,AA=="}
    assert found.request.body["messages"] == [
        {"role": "user", "content": [{"type": "image_url", "image_url": url}]}
    ]
    function: JsonValue = {"name": "look", "description": "Look at it", "parameters": schema}
    assert found.request.body["tools"] == [{"type": "function", "function": function}]
    gone = entry(READER, log(sample(**{**more, "attachments": {}})))
    assert "the log left out what a message refers to" in str(gone.unreplayable)


def test_images_that_were_left_out() -> None:
    image: JsonValue = [{"type": "image", "image": "<base64-data-removed>"}]
    found = entry(READER, log(sample(messages=[{"role": "user", "content": image}, SAID])))
    assert "the log left out an image" in str(found.unreplayable)


def test_a_schema() -> None:
    config: JsonValue = {"response_schema": {"name": "bird", "json_schema": {"type": "object"}}}
    found = entry(READER, log(sample(events=[{**EVENT, "config": config}])))
    assert found.request.body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "bird", "schema": {"type": "object"}},
    }


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("max_tokens", Finish.LENGTH),
        ("model_length", Finish.LENGTH),
        ("content_filter", Finish.REFUSED),
        ("unknown", Finish.STOP),
    ],
)
def test_why_it_stopped(reason: str, finish: Finish) -> None:
    output: JsonValue = {
        **OUTPUT,
        "choices": [{"message": dict(SAID), "stop_reason": reason}],
    }
    assert answer(READER, log(sample(output=output))).finish is finish


@pytest.mark.parametrize(
    ("value", "score"),
    [("C", 1), ("I", 0), ("P", 0.5), ("N", 0), (True, 1), (0.25, 0.25), ("x", "x")],
)
def test_scores_are_numbers_where_they_can_be(value: JsonValue, score: JsonValue) -> None:
    found = entry(READER, log(sample(scores={"match": {"value": value}})))
    assert found.metadata["score"] == score


def test_of_several_targets_none_is_the_right_answer() -> None:
    both: JsonValue = ["robin", "wren"]
    assert entry(READER, log(sample(target=["robin"]))).metadata["target"] == "robin"
    assert entry(READER, log(sample(target=both))).metadata["target"] == both
    assert "target" not in entry(READER, log(sample(target=""))).metadata


def test_a_sample_that_failed() -> None:
    more: JsonObject = {
        "messages": MESSAGES,
        "output": {"model": "big-1", "choices": []},
        "error": {"message": "boom"},
        "scores": None,
    }
    found = entry(READER, log(sample(**more)))
    assert found.request.body["messages"] == MESSAGES
    assert found.response is not None
    assert found.response.finish is Finish.INVALID
    assert "score" not in found.metadata


def test_an_answer_from_its_cache() -> None:
    assert entry(READER, log(sample(events=[{**EVENT, "cache": "read"}]))).is_cache_hit


def test_what_describes_the_log_is_skipped() -> None:
    assert "says about itself" in told(READER, header())
    assert read(READER, log()) == []
    assert len(list(READER.read(rows(log("x"))))) == 1


def test_the_format_is_recognised() -> None:
    summary: dict[str, JsonValue] = {"id": 1, "epoch": 1, "input": "x", "target": "y"}
    for row in (log(), header(), sample(), summary):
        assert READER.fit(row).score == 1
    assert READER.fit({"id": 1, "input": "x", "output": "y"}).score < 1


@pytest.mark.parametrize("name", sorted(sample().keys() - {"id", "epoch"}))
@pytest.mark.parametrize("odd", [None, 7, True, "x", [], [1], {}, {"choices": [3]}, [{"role": 3}]])
def test_odd_fields_never_crash(name: str, odd: JsonValue) -> None:
    assert len(read(READER, log({**sample(), name: odd}))) == 1

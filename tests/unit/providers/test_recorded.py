import asyncio
import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from parity_eval.errors import ConfigError, InputError
from parity_eval.providers.recorded import Recorded
from parity_eval.records import (
    Answer,
    Call,
    Finish,
    Hole,
    Missing,
    ModelName,
    ModelSpec,
    Purpose,
    Request,
    RequestId,
    Response,
    TaskName,
)


def spec(path: Path | None) -> ModelSpec:
    name = None if path is None else str(path)
    return ModelSpec(name=ModelName("mini"), model="recorded", path=name)


def written(folder: Path, text: str | bytes, name: str = "rec.jsonl") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def row(id_: str, text: str = "hi", **more: Any) -> str:  # noqa: ANN401 - any JSON
    body = {"model": "m-1", "choices": [{"message": {"content": text}, "finish_reason": "stop"}]}
    return json.dumps({"id": id_, "response": body, **more}, ensure_ascii=False) + "\n"


def asked(recorded: Recorded, id_: str, sample: int = 0) -> Answer:
    call = Call(
        key="k",
        request=Request(id=RequestId(id_), body={}),
        spec=spec(None),
        purpose=Purpose.CANDIDATE,
        task=TaskName("t"),
        sample=sample,
    )
    return asyncio.run(recorded.complete(call))


def test_answers_by_request(tmp_path: Path) -> None:
    path = written(tmp_path, row("a", "one", latency_s=1.5) + row("b", "two"))
    recorded = Recorded.load(spec(path))
    recorded.check()
    assert asked(recorded, "a") == Response(text="one", model_served="m-1", latency_s=1.5)
    assert asked(recorded, "b") == Response(text="two", model_served="m-1")
    assert asked(recorded, "c") == Missing(
        hole=Hole.NOT_RECORDED, detail=f"{path} has no answer to 'c'"
    )


def test_a_file_without_samples_answers_for_every_sample(tmp_path: Path) -> None:
    recorded = Recorded.load(spec(written(tmp_path, row("a"))))
    assert asked(recorded, "a", 0) == asked(recorded, "a", 1) == asked(recorded, "a", 7)
    assert recorded.lacking([RequestId("b"), RequestId("a"), RequestId("c")], sample=1) == [
        "b",
        "c",
    ]


def test_a_file_with_samples_answers_for_those(tmp_path: Path) -> None:
    path = written(tmp_path, row("a", "first") + row("a", "second", sample=1) + row("b", sample=0))
    recorded = Recorded.load(spec(path))
    assert [getattr(asked(recorded, "a", index), "text", None) for index in (0, 1, 2)] == [
        "first",
        "second",
        None,
    ]
    assert recorded.lacking([RequestId("a"), RequestId("b")]) == []
    assert recorded.lacking([RequestId("a"), RequestId("b")], sample=1) == ["b"]
    assert asked(recorded, "b", 1) == Missing(
        hole=Hole.NOT_RECORDED, detail=f"{path} has no answer to 'b', sample 1"
    )


def test_reads_gzip_byte_order_marks_blank_lines_and_odd_separators(tmp_path: Path) -> None:
    text = (
        "\ufeff" + row("a", "one\u2028two\u0085three") + "\n \r\n" + row("b").replace("\n", "\r\n")
    )
    for path in (
        written(tmp_path, text),
        written(tmp_path, gzip.compress(text.encode()), "rec.jsonl.gz"),
    ):
        recorded = Recorded.load(spec(path))
        assert getattr(asked(recorded, "a"), "text", None) == "one\u2028two\u0085three"
        assert recorded.lacking([RequestId("b")]) == []


def test_numbers_may_be_ids(tmp_path: Path) -> None:
    recorded = Recorded.load(spec(written(tmp_path, row("7").replace('"7"', "7"))))
    assert recorded.lacking([RequestId("7")]) == []


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            {"message": 'Parsing error: {"candidates": [{"finishReason": "SAFETY"}]}'},
            Finish.REFUSED,
        ),
        ({"message": "Internal error occurred.", "type": "provider_error"}, Hole.SERVER),
        ({"message": "Invalid JSON payload received."}, Finish.REJECTED),
    ],
)
def test_recorded_errors_are_answers_or_holes(
    error: dict[str, str], expected: Finish | Hole, tmp_path: Path
) -> None:
    line = json.dumps({"id": "a", "response": None, "error": error, "latency_s": 0.5})
    answer = asked(Recorded.load(spec(written(tmp_path, line))), "a")
    if isinstance(answer, Missing):
        assert answer.hole is expected
    else:
        assert (answer.finish, answer.latency_s) == (expected, 0.5)
    assert answer.detail == error["message"] or f": {error['message']}" in str(answer.detail)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (
            '"<html>"',
            Response(text="", finish=Finish.INVALID, detail="the body is not JSON: <html>"),
        ),
        (
            "{}",
            Response(
                text="", finish=Finish.INVALID, detail="the body is not a chat completion: {}"
            ),
        ),
        (
            '{"error": {"message": "boom"}}',
            Response(text="", finish=Finish.INVALID, detail="the body is an error: boom"),
        ),
        (
            '{"error": {"message": "slow down", "code": 429}}',
            Missing(hole=Hole.RATE_LIMIT, detail="429: slow down"),
        ),
    ],
)
def test_odd_bodies_are_recorded_as_what_they_are(
    response: str, expected: Answer, tmp_path: Path
) -> None:
    line = f'{{"id": "a", "response": {response}}}'
    assert asked(Recorded.load(spec(written(tmp_path, line))), "a") == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty; a recording has one line per request"),
        ("\n \n", "is empty"),
        ("{", "line 1: not JSON"),
        (row("a") + "nonsense\n", "line 2: not JSON"),
        (row("a") + '{"id": "b", "response": {"x": }}', "line 2: not JSON"),
        (row("a") + '{"id": "b", "resp', "line 2: not JSON"),
        (b"\x80{", "line 1: not JSON"),
        ('{"id": "a", "response": "half a pair \\ud83d"}', "line 1: not JSON"),
        (b'{"id": "\xff", "response": {}}', "line 1: not JSON"),
        ("[1]", "line 1: Expected `object`, got `array`"),
        ('{"response": {}}', "line 1: Object missing required field `id`"),
        ('{"id": null, "response": {}}', r"line 1: Expected `int | str`, got `null` - at `\$.id`"),
        ('{"id": "", "response": {}}', "line 1: `id` is empty"),
        ('{"id": "a"}', "line 1: neither a `response` nor an `error`"),
        ('{"id": "a", "response": null}', "line 1: neither a `response` nor an `error`"),
        (row("a", sample="1"), r"line 1: Expected `int | null`, got `str` - at `\$.sample`"),
        (row("a", sample=-1), "line 1: sample == -1, must be >= 0"),
        (row("a", latency_s=-0.5), "line 1: latency_s == -0.5, must be >= 0"),
        (
            row("a") + row("b") + row("a"),
            "line 3: id 'a', sample 0, is on line 1 already; mark a second answer with",
        ),
        (
            row("a", sample=1) + row("a", sample=1),
            "line 2: id 'a', sample 1, is on line 1 already",
        ),
    ],
)
def test_refuses_what_is_not_a_recording(text: str | bytes, words: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError, match=words.replace("|", r"\|")) as caught:
        Recorded.load(spec(path))
    assert str(caught.value).startswith(str(path))


def test_tells_several_problems_together(tmp_path: Path) -> None:
    path = written(tmp_path, row("a") + "x\n" * 7)
    with pytest.raises(InputError) as caught:
        Recorded.load(spec(path))
    lines = str(caught.value).split("\n")
    assert lines[0] == f"{path}: 7 lines cannot be used"
    assert [line[:9] for line in lines[1:6]] == [f"  line {n}:"[:9] for n in (2, 3, 4, 5, 6)]
    assert lines[6:] == ["  and 2 more"]


def test_says_when_gzip_is_cut_short(tmp_path: Path) -> None:
    whole = gzip.compress("".join(row(str(n), "x" * 50) for n in range(500)).encode())
    path = written(tmp_path, whole[: len(whole) // 2], "rec.jsonl.gz")
    with pytest.raises(InputError, match="damaged or cut short"):
        Recorded.load(spec(path))


def test_says_when_the_file_is_not_there_or_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        Recorded.load(spec(tmp_path / "none.jsonl"))
    with pytest.raises(InputError, match="cannot be read"):
        Recorded.load(spec(tmp_path))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind here")
def test_says_when_the_file_may_not_be_read(tmp_path: Path) -> None:
    path = written(tmp_path, row("a"))
    path.chmod(0)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        Recorded.load(spec(path))


def test_a_recorded_model_needs_a_path() -> None:
    with pytest.raises(ConfigError, match="model 'mini' is recorded: name its file with `path`"):
        Recorded.load(spec(None))


def test_stays_small(tmp_path: Path) -> None:
    import tracemalloc  # noqa: PLC0415 - only here

    path = written(tmp_path, "".join(row(f"request-{n:06}", "x" * 200) for n in range(20_000)))
    tracemalloc.start()
    recorded = Recorded.load(spec(path))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(recorded.lines) == 20_000
    assert kept < 3 * path.stat().st_size

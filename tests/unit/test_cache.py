import fcntl
import hashlib
import os
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from parity_eval.cache import DAY_S, CacheSettings, SharedAnswers, content_key
from parity_eval.errors import IncompleteError, InputError
from parity_eval.frames import frame, is_whole
from parity_eval.records import (
    Call,
    Finish,
    ModelName,
    ModelSpec,
    Price,
    Prompt,
    Purpose,
    Request,
    RequestId,
    Response,
    TaskName,
    Usage,
)

GOOD = Response(
    text="yes",
    usage=Usage(input_tokens=3, output_tokens=1),
    model_served="m-1",
    latency_s=0.25,
    fingerprint="fp_1",
)
SPEC = ModelSpec(name=ModelName("cheap"), model="openai/cheap", params={"top_p": 0.5})
NOW = 1_800_000_000.0


def key(n: int) -> str:
    return hashlib.sha256(str(n).encode()).hexdigest()


def shared(
    path: Path, run_id: str = "run-one", *, now: float = NOW, reads_others: bool = True
) -> SharedAnswers:
    settings = CacheSettings(run_id=run_id, reads_others=reads_others)
    return SharedAnswers(path / "answers.jsonl", settings, clock=lambda: now)


def call(
    request_id: str = "r1",
    spec: ModelSpec = SPEC,
    *,
    sample: int = 0,
    purpose: Purpose = Purpose.CANDIDATE,
    **body: object,
) -> Call:
    sent = {"messages": [{"role": "user", "content": "x"}], **body}
    return Call(
        key=request_id,
        request=Request(id=RequestId(request_id), body=sent),  # type: ignore[arg-type]
        spec=spec,
        purpose=purpose,
        task=TaskName("triage"),
        sample=sample,
    )


def lines(folder: Path) -> list[bytes]:
    return (folder / "answers.jsonl").read_bytes().splitlines(keepends=True)


class TestContentKey:
    @pytest.mark.parametrize(
        "other",
        [
            call("r2"),
            call(purpose=Purpose.BASELINE),
            call(spec=replace(SPEC, name=ModelName("other"))),
            call(spec=replace(SPEC, price=Price(input=1, output=1))),
            call(spec=replace(SPEC, transport="litellm")),
            call(spec=replace(SPEC, api_key_env="MY_KEY")),
            call(top_p=0.9),  # the model's own parameter stands in its place
            call(metadata={"customer": "a"}, stream=True),  # not sent
        ],
    )
    def test_equal_calls_share_an_answer_whoever_asks_and_why(self, other: Call) -> None:
        assert content_key(other) == content_key(call())

    @pytest.mark.parametrize(
        "other",
        [
            call(temperature=0.5),
            call(seed=2),
            call(sample=1),
            call(spec=replace(SPEC, model="openai/other")),
            call(spec=replace(SPEC, api_base="http://127.0.0.1:8000/v1")),
            call(spec=replace(SPEC, params={"top_p": 0.6})),
            call(spec=replace(SPEC, prompt=Prompt(system="Be brief."))),
        ],
    )
    def test_what_is_sent_and_to_whom_tells_calls_apart(self, other: Call) -> None:
        assert content_key(other) != content_key(call())


class TestSharedAnswers:
    def test_an_answer_comes_back_as_it_was_given(self, tmp_path: Path) -> None:
        with shared(tmp_path) as answers:
            assert answers.get(key(1)) is None
            answers.put(key(1), GOOD, usd=0.5)
            found = answers.get(key(1))
            assert answers.get(key(2)) is None
        assert found is not None
        assert (found.response, found.usd, found.at, found.run_id) == (GOOD, 0.5, NOW, "run-one")
        with shared(tmp_path, "run-two") as answers:
            assert answers.get(key(1)) == found

    def test_the_last_of_several_answers_counts(self, tmp_path: Path) -> None:
        with shared(tmp_path) as answers:
            answers.put(key(1), GOOD, usd=0.5)
            answers.put(key(1), replace(GOOD, text="no"), usd=0.5)
        with shared(tmp_path) as answers:
            found = answers.get(key(1))
        assert found is not None
        assert found.response.text == "no"

    @pytest.mark.parametrize(
        ("finish", "is_kept"),
        [
            (Finish.STOP, True),
            (Finish.TOOL_CALLS, True),
            (Finish.LENGTH, True),
            (Finish.REFUSED, True),
            (Finish.REJECTED, False),
            (Finish.INVALID, False),
        ],
    )
    def test_what_a_model_said_is_kept_and_what_an_endpoint_said_is_not(
        self,
        tmp_path: Path,
        finish: Finish,
        is_kept: bool,  # noqa: FBT001
    ) -> None:
        with shared(tmp_path) as answers:
            answers.put(key(1), replace(GOOD, finish=finish), usd=0.5)
            assert (answers.get(key(1)) is not None) is is_kept

    def test_answers_that_are_too_old_are_not_used_and_that_is_told_once(
        self, tmp_path: Path
    ) -> None:
        with shared(tmp_path) as answers:
            answers.put(key(1), GOOD, usd=0.5)
            answers.put(key(2), GOOD, usd=0.5)
        with shared(tmp_path, now=NOW + 30 * DAY_S) as answers:
            assert answers.get(key(1)) is not None
            assert list(answers.notes()) == []
        with shared(tmp_path, now=NOW + 30 * DAY_S + 1) as answers:
            assert answers.get(key(1)) is None
            assert answers.get(key(2)) is None
            answers.put(key(1), GOOD, usd=0.5)
            assert answers.get(key(1)) is not None
            (note,) = answers.notes()
        assert note == "2 cached answers are older than 30 days and asked for again"

    def test_a_run_can_keep_to_its_own_answers(self, tmp_path: Path) -> None:
        with shared(tmp_path) as answers:
            answers.put(key(1), GOOD, usd=0.5)
        with shared(tmp_path, "run-two", reads_others=False) as answers:
            assert answers.get(key(1)) is None
            answers.put(key(2), GOOD, usd=0.5)
        with shared(tmp_path, "run-two", reads_others=False) as answers:
            assert answers.get(key(1)) is None
            assert answers.get(key(2)) is not None

    def test_what_another_process_wrote_since_is_found(self, tmp_path: Path) -> None:
        with shared(tmp_path) as one, shared(tmp_path, "run-two") as two:
            for n in range(6):
                (one, two)[n % 2].put(key(n), GOOD, usd=0.5)
                assert one.get(key(n)) == two.get(key(n)) is not None

    @pytest.mark.parametrize("lost", [1, 2, 30, 150])
    def test_a_line_that_a_kill_tore_is_cut_off_by_the_next_writer(
        self, tmp_path: Path, lost: int
    ) -> None:
        with shared(tmp_path) as answers:
            answers.put(key(1), GOOD, usd=0.5)
            answers.put(key(2), GOOD, usd=0.5)
        path = tmp_path / "answers.jsonl"
        with shared(tmp_path) as reader:
            path.write_bytes(path.read_bytes()[:-lost])
            with shared(tmp_path) as answers:
                assert answers.get(key(1)) is not None
                assert answers.get(key(2)) is None
                answers.put(key(3), GOOD, usd=0.5)
                assert answers.get(key(3)) is not None
            assert reader.get(key(1)) is not None
        assert all(is_whole(line) for line in lines(tmp_path))
        assert len(lines(tmp_path)) == 3

    @pytest.mark.parametrize(
        ("was", "becomes"),
        [
            (b'"yes"', b'"yeS"'),
            (b'"yes"', b'"\xff\xff\xff"'),
            (b'"yes"', b"\x00" * 5),
            (b'{"crc"', b"\x00" * 6),
            (b'"answers"', b"\xff" * 9),
        ],
    )
    def test_damaged_lines_are_passed_over_and_told(
        self, tmp_path: Path, was: bytes, becomes: bytes
    ) -> None:
        with shared(tmp_path) as answers:
            answers.put(key(1), GOOD, usd=0.5)
            answers.put(key(2), replace(GOOD, text="no"), usd=0.5)
        path = tmp_path / "answers.jsonl"
        number = 0 if was == b'"answers"' else 1
        damaged = lines(tmp_path)
        damaged[number] = damaged[number].replace(was, becomes, 1)
        path.write_bytes(b"".join(damaged))
        with shared(tmp_path) as answers:
            assert (answers.get(key(1)) is None) is (number == 1)
            assert answers.get(key(2)) is not None
            answers.get(key(1))
            assert list(answers.notes()) == [f"{path}: 1 damaged line passed over"]

    def test_a_file_of_a_newer_version_is_refused_and_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "answers.jsonl"
        path.write_bytes(frame({"kind": "answers", "version": 2}))
        before = path.read_bytes()
        with (
            pytest.raises(InputError, match=r"answers\.jsonl: written by a newer version"),
            shared(tmp_path),
        ):
            pass
        assert path.read_bytes() == before

    def test_nobody_else_may_append_while_a_line_is_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write = os.write

        def checked(fd: int, data: bytes) -> int:
            with (tmp_path / "answers.jsonl").open("ab") as other, pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return write(fd, data)

        with shared(tmp_path) as answers:
            monkeypatch.setattr(os, "write", checked)
            answers.put(key(1), GOOD, usd=0.5)
            assert answers.get(key(1)) is not None
            with (tmp_path / "answers.jsonl").open("ab") as other:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def test_keys_that_begin_alike_are_told_apart(self, tmp_path: Path) -> None:
        one, two = "a" * 64, "a" * 16 + "b" * 48
        with shared(tmp_path) as answers:
            answers.put(one, GOOD, usd=0.5)
            assert answers.get(two) is None
            answers.put(two, replace(GOOD, text="no"), usd=0.5)
            found = answers.get(two)
        assert found is not None
        assert found.response.text == "no"

    def test_many_answers_are_found_and_not_held_in_memory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("parity_eval.cache._MOST_RECENT", 1000)
        entry = {"run_id": "run-one", "at": int(NOW), "usd": 0.0, "response": GOOD}
        padded = {**entry, "response": replace(GOOD, text="x" * 2000)}
        with (tmp_path / "answers.jsonl").open("wb") as stream:
            for n in range(10_500):
                stream.write(frame({"key": key(n % 10_000), **(padded if n < 10_000 else entry)}))
        tracemalloc.start()
        try:
            with shared(tmp_path) as answers:
                _, peak = tracemalloc.get_traced_memory()
                found = [answers.get(key(n)) for n in (0, 499, 500, 9_999)]
                assert answers.get(key(10_000)) is None
        finally:
            tracemalloc.stop()
        assert peak < 2_000_000  # of 23 MB
        assert [len(item.response.text) for item in found if item] == [3, 3, 2000, 2000]

    @pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
    def test_the_file_is_private(self, tmp_path: Path) -> None:
        with shared(tmp_path / "out") as answers:
            answers.put(key(1), GOOD, usd=0.5)
        assert (tmp_path / "out" / "answers.jsonl").stat().st_mode & 0o777 == 0o600

    def test_a_full_disk_is_told_and_tears_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with shared(tmp_path) as answers:
            answers.put(key(1), GOOD, usd=0.5)
            write, room = os.write, [40]

            def full(fd: int, data: bytes) -> int:
                if not room:
                    raise OSError(28, "No space left on device")
                return write(fd, data[: room.pop()])

            with monkeypatch.context() as patch:
                patch.setattr(os, "write", full)
                with pytest.raises(IncompleteError, match="No space left on device; make room"):
                    answers.put(key(2), GOOD, usd=0.5)
            assert len(lines(tmp_path)) == 2
            answers.put(key(3), GOOD, usd=0.5)
            assert answers.get(key(1)) is not None
            assert answers.get(key(3)) is not None

    def test_a_place_that_cannot_be_written_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("", encoding="utf-8")
        with pytest.raises(InputError, match="cannot be written"), shared(tmp_path / "file"):
            pass


WRITER = """
import hashlib, sys
from pathlib import Path
from parity_eval.cache import CacheSettings, SharedAnswers
from parity_eval.records import Response

name, n = sys.argv[2], int(sys.argv[3])
with SharedAnswers(Path(sys.argv[1]), CacheSettings(run_id=name)) as answers:
    for i in range(n):
        key = hashlib.sha256(f"{name}{i}".encode()).hexdigest()
        answers.put(key, Response(text=f"{name} {i} " + "x" * (i * 37 % 5000)), usd=0.0)
"""


def test_processes_that_write_at_once_lose_nothing_and_tear_nothing(tmp_path: Path) -> None:
    path, n = tmp_path / "answers.jsonl", 400
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), name, str(n)])
        for name in ("one", "two", "three")
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert all(is_whole(line) for line in lines(tmp_path))
    assert len(lines(tmp_path)) == 3 * n + 1
    with SharedAnswers(path, CacheSettings(run_id="four")) as answers:
        for name in ("one", "two", "three"):
            for i in range(n):
                found = answers.get(hashlib.sha256(f"{name}{i}".encode()).hexdigest())
                assert found is not None
                assert found.response.text.startswith(f"{name} {i} ")


def test_a_writer_that_is_killed_does_not_hold_the_others_up(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path), "one", "1000000"])
    while not path.exists() or path.stat().st_size < 100_000:
        os.sched_yield()
    with shared(tmp_path) as answers:
        answers.put(key(1), GOOD, usd=0.5)
        process.kill()
        process.wait()
        answers.put(key(2), GOOD, usd=0.5)
        assert answers.get(key(1)) is not None
        assert answers.get(key(2)) is not None
    assert all(is_whole(line) for line in lines(tmp_path))

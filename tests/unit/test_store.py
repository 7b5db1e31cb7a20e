import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from parity_eval.errors import IncompleteError, InputError
from parity_eval.store import JOURNAL, Register, RunFolder, read_journal, write_atomically


def write(folder: Path, *records: dict[str, object]) -> Path:
    with RunFolder(folder) as run:
        for record in records:
            run.append(record)
    return folder / JOURNAL


def test_records_come_back_in_the_order_written(tmp_path: Path) -> None:
    write(tmp_path, {"kind": "a", "n": 1}, {"kind": "b", "text": "\u2028\n\x00"})
    assert list(read_journal(tmp_path)) == [
        {"kind": "a", "n": 1},
        {"kind": "b", "text": "\u2028\n\x00"},
    ]


def test_a_second_session_appends(tmp_path: Path) -> None:
    write(tmp_path, {"kind": "a"})
    write(tmp_path, {"kind": "b"})
    assert [row["kind"] for row in read_journal(tmp_path)] == ["a", "b"]


@pytest.mark.parametrize("lost", [1, 2, 10, 40])
def test_a_torn_last_line_is_dropped_and_the_journal_goes_on(tmp_path: Path, lost: int) -> None:
    journal = write(tmp_path, {"kind": "a"}, {"kind": "b", "text": "x" * 50})
    journal.write_bytes(journal.read_bytes()[:-lost])
    write(tmp_path, {"kind": "c"})
    assert [row["kind"] for row in read_journal(tmp_path)] == ["a", "c"]


def test_a_torn_line_longer_than_the_read_window_is_dropped(tmp_path: Path) -> None:
    journal = write(tmp_path, {"kind": "a"}, {"kind": "b", "text": "x" * 300_000})
    journal.write_bytes(journal.read_bytes()[:-5])
    write(tmp_path, {"kind": "c"})
    assert [row["kind"] for row in read_journal(tmp_path)] == ["a", "c"]


@pytest.mark.parametrize(("lost", "is_mended"), [(0, False), (1, True), (30, True)])
def test_a_folder_says_whether_its_last_record_had_to_go(
    tmp_path: Path,
    lost: int,
    is_mended: bool,  # noqa: FBT001
) -> None:
    journal = write(tmp_path, {"kind": "a"}, {"kind": "b", "text": "x" * 50})
    journal.write_bytes(journal.read_bytes()[: len(journal.read_bytes()) - lost])
    with RunFolder(tmp_path) as run:
        assert run.is_mended is is_mended


@pytest.mark.parametrize("byte", [b"\x00", b"B", b"\xff"])
def test_a_last_record_with_a_changed_byte_is_dropped(tmp_path: Path, byte: bytes) -> None:
    journal = write(tmp_path, {"kind": "a"}, {"kind": "b"})
    journal.write_bytes(journal.read_bytes().replace(b'"b"', b'"' + byte + b'"'))
    assert [row["kind"] for row in read_journal(tmp_path)] == ["a"]
    write(tmp_path, {"kind": "c"})
    assert [row["kind"] for row in read_journal(tmp_path)] == ["a", "c"]


def test_a_damaged_line_before_the_last_is_told_with_its_number(tmp_path: Path) -> None:
    journal = write(tmp_path, {"kind": "a"}, {"kind": "b"}, {"kind": "c"})
    lines = journal.read_bytes().split(b"\n")
    lines[1] = lines[1].replace(b'"b"', b'"B"')
    journal.write_bytes(b"\n".join(lines))
    rows = read_journal(tmp_path)
    assert next(rows)["kind"] == "a"
    with pytest.raises(InputError, match=r"journal\.jsonl:2: damaged"):
        next(rows)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"kind": "study", "version": 99}, {"kind": "a"})
    with pytest.raises(InputError, match="newer version"):
        list(read_journal(tmp_path))


def test_a_folder_without_a_journal_is_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a run folder"):
        list(read_journal(tmp_path))


def test_a_second_process_is_told_and_stops(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from parity_eval.errors import IncompleteError\n"
        "from parity_eval.store import RunFolder\n"
        "try:\n    RunFolder(Path(sys.argv[1])).__enter__()\n"
        "except IncompleteError as error:\n    print(error); sys.exit(3)\n"
    )
    with RunFolder(tmp_path):
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
        )
    assert done.returncode == 3
    assert "another process is working on this run" in done.stdout
    with RunFolder(tmp_path):
        pass


def test_what_was_appended_survives_a_kill(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom parity_eval.store import RunFolder\n"
        "run = RunFolder(Path(sys.argv[1])).__enter__()\n"
        "for n in range(500):\n    run.append({'kind': 'row', 'n': n})\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -9
    assert [row["n"] for row in read_journal(tmp_path)] == list(range(500))


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_run_folders_are_private(tmp_path: Path) -> None:
    write(tmp_path / "run", {"kind": "a"})
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "run" / JOURNAL).stat().st_mode & 0o777 == 0o600


def test_a_file_is_written_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_atomically(target, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(target, "new \ud800")
    assert target.read_text(encoding="utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_place_that_cannot_be_written_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be written"):
        write_atomically(tmp_path / "file" / "a.txt", "text")
    with pytest.raises(InputError, match="cannot be written"), RunFolder(tmp_path / "file" / "run"):
        pass


@pytest.mark.parametrize("name", ["a.txt", "register.jsonl"])
def test_a_disk_that_is_full_is_no_mistake_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    target = tmp_path / name
    target.write_text("", encoding="utf-8")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    register = Register(tmp_path)
    writing = {
        "a.txt": lambda: write_atomically(target, "new"),
        "register.jsonl": lambda: register.add(study_hash="one", run_id="run-one", used={"m": []}),
    }
    with pytest.raises(IncompleteError, match=f"{name}: No space left on device; make room"):
        writing[name]()
    assert name != "a.txt" or target.read_text(encoding="utf-8") == ""
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_register_tells_what_earlier_studies_used(tmp_path: Path) -> None:
    register = Register(tmp_path)
    register.add(study_hash="one", run_id="run-one", used={"model": ["d1", "d2"]})
    register.add(study_hash="two", run_id="run-two", used={"model": ["d3"], "other": ["d1"]})
    assert register.used("two") == {"model": {"d1": "run-one", "d2": "run-one"}}
    assert register.used("one") == {}
    assert set(register.used("three")["model"]) == {"d1", "d2", "d3"}
    assert set(register.used("three")["other"]) == {"d1"}


def test_a_torn_line_of_the_register_swallows_nothing(tmp_path: Path) -> None:
    register = Register(tmp_path)
    register.add(study_hash="one", run_id="run-one", used={"model": ["d1"]})
    with register.path.open("ab") as stream:
        stream.write(json.dumps({"crc": "00000000"}).encode()[:-3])
    assert register.used("two") == {"model": {"d1": "run-one"}}
    register.add(study_hash="two", run_id="run-two", used={"model": ["d2"]})
    assert set(register.used("three")["model"]) == {"d1", "d2"}


def test_a_study_that_began_in_the_meantime_is_noticed(tmp_path: Path) -> None:
    one, two = Register(tmp_path), Register(tmp_path)
    assert one.used("one") == two.used("two") == {}
    two.add(study_hash="two", run_id="run-two", used={"model": ["d1", "d2"]})
    with pytest.raises(IncompleteError, match=r"another study has begun on 1 of these requests"):
        one.add(study_hash="one", run_id="run-one", used={"model": ["d2", "d3"]})
    assert one.used("one") == {"model": {"d1": "run-two", "d2": "run-two"}}
    one.add(study_hash="one", run_id="run-one", used={"model": ["d3"], "other": ["d1"]})
    assert two.used("three")["model"].keys() == {"d1", "d2", "d3"}


def test_nobody_else_may_register_while_rows_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register, sync = Register(tmp_path), os.fsync

    def checked(fd: int) -> None:
        with register.path.open("ab") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        sync(fd)

    monkeypatch.setattr(os, "fsync", checked)
    register.add(study_hash="one", run_id="run-one", used={"model": ["d1"]})
    assert register.used("two") == {"model": {"d1": "run-one"}}


def test_a_study_that_was_stopped_while_it_began_registers_again(tmp_path: Path) -> None:
    register = Register(tmp_path)
    register.add(study_hash="one", run_id="run-one", used={"model": ["d1"]})
    register.add(study_hash="two", run_id="run-two", used={"model": ["d2"]})
    register.add(study_hash="one", run_id="run-one", used={"model": ["d1"]})
    assert register.used("one") == {}
    assert register.used("two") == {"model": {"d1": "run-one"}}


def test_a_damaged_register_is_told(tmp_path: Path) -> None:
    register = Register(tmp_path)
    register.add(study_hash="one", run_id="run-one", used={"model": ["d1"], "other": ["d1"]})
    register.path.write_bytes(register.path.read_bytes().replace(b"d1", b"d9", 1))
    with pytest.raises(InputError, match=r"register\.jsonl:1: damaged"):
        register.used("two")


def fill(folder: Path, told: list[int], n: int) -> None:
    with RunFolder(folder) as run:
        for i in range(n):
            told.append(i)
            run.append({"kind": "a", "n": i})


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("n", [1, 200])
def test_a_full_disk_is_told_and_what_was_written_stays(tmp_path: Path, n: int) -> None:
    told: list[int] = []
    with pytest.raises(IncompleteError, match="No space left on device; make room"):
        fill(tmp_path, told, n)
    # At once where many records wait for the disk, else at the end.
    assert len(told) == min(n, 100)
    assert [row["n"] for row in read_journal(tmp_path)] == told


@pytest.mark.usefixtures("full_disk")
def test_another_error_is_not_hidden_by_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        fill(tmp_path, [], None)  # type: ignore[arg-type]

import gzip
import os
import stat
from pathlib import Path

from parity_eval.workflows.recordings.files import Files


def test_what_is_written_is_for_nobody_elses_eyes(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with Files(tmp_path / "out") as written:
            written.add("a.jsonl.gz", b"line")
    finally:
        os.umask(before)
    path = tmp_path / "out" / "a.jsonl.gz"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert gzip.decompress(path.read_bytes()) == b"line\n"


def test_what_a_killed_process_left_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / ".a.jsonl.gz.part").write_bytes(b"half")
    with Files(tmp_path) as written:
        written.add("a.jsonl.gz", b"line")
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl.gz"]

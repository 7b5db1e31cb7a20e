import gzip
from pathlib import Path

import pytest

from parity_eval.errors import InputError
from parity_eval.lines import expand, files_digest, read_lines


def put(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


class TestReadLines:
    def test_numbers_count_blank_lines(self, tmp_path: Path) -> None:
        path = put(tmp_path / "log.jsonl", b"one\n\n  \ntwo\n")
        assert list(read_lines(path)) == [(1, b"one"), (4, b"two")]

    def test_the_last_line_needs_no_end(self, tmp_path: Path) -> None:
        assert list(read_lines(put(tmp_path / "log", b"one\ntwo"))) == [(1, b"one"), (2, b"two")]

    def test_windows(self, tmp_path: Path) -> None:
        path = put(tmp_path / "log", b"\xef\xbb\xbfone\r\ntwo\r\n")
        assert list(read_lines(path)) == [(1, b"one"), (2, b"two")]

    def test_only_newlines_end_a_line(self, tmp_path: Path) -> None:
        text = '{"a": "x\u2028y\u0085z\x0b"}'.encode()
        assert list(read_lines(put(tmp_path / "log", text + b"\n"))) == [(1, text)]

    def test_an_empty_file(self, tmp_path: Path) -> None:
        assert list(read_lines(put(tmp_path / "log", b""))) == []
        assert list(read_lines(put(tmp_path / "log.gz", b""))) == []

    @pytest.mark.parametrize("name", ["log.jsonl.gz", "log.jsonl"])
    def test_gzip_whatever_its_name(self, tmp_path: Path, name: str) -> None:
        path = put(tmp_path / name, gzip.compress(b"one\n") + gzip.compress(b"two\n"))
        assert list(read_lines(path)) == [(1, b"one"), (2, b"two")]

    def test_gzip_cut_short(self, tmp_path: Path) -> None:
        whole = gzip.compress(b"".join(b'{"id": "%d"}\n' % i for i in range(5000)), mtime=0)
        path = put(tmp_path / "log.jsonl.gz", whole[: len(whole) // 2])
        with pytest.raises(InputError) as caught:
            list(read_lines(path))
        text = str(caught.value)
        assert text.startswith(f"{path}: compressed data is damaged or cut short after line ")
        assert text.endswith("; fetch the file again")

    def test_gzip_in_name_only(self, tmp_path: Path) -> None:
        path = put(tmp_path / "log.jsonl.gz", b'{"id": 1}\n')
        with pytest.raises(InputError, match="damaged or cut short after line 0"):
            list(read_lines(path))

    @pytest.mark.parametrize(
        ("start", "remedy"),
        [
            (b"\x28\xb5\x2f\xfd", "is compressed with zstandard; unpack it, or pack it with gzip"),
            (b"PAR1", "is a Parquet file; write it as JSON Lines"),
            (b"PK\x03\x04", "is a ZIP archive; unpack it"),
            (b"\xff\xfe{\x00", "is UTF-16; save it as UTF-8"),
        ],
    )
    def test_what_is_no_text_file(self, tmp_path: Path, start: bytes, remedy: str) -> None:
        path = put(tmp_path / "log.jsonl", start + b"...")
        with pytest.raises(InputError) as caught:
            list(read_lines(path))
        assert str(caught.value) == f"{path}: {remedy}"

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(InputError) as caught:
            list(read_lines(str(tmp_path / "log.jsonl")))
        assert str(caught.value) == f"{tmp_path}/log.jsonl: no such file"

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="cannot be read: Is a directory"):
            list(read_lines(str(tmp_path)))


class TestExpand:
    def test_a_glob_is_sorted_and_may_go_deep(self, tmp_path: Path) -> None:
        (tmp_path / "may").mkdir()
        paths = [put(tmp_path / name, b"") for name in ("b.jsonl", "a.jsonl", "may/c.jsonl")]
        assert expand(f"{tmp_path}/*.jsonl", "a log") == (paths[1], paths[0])
        assert expand(f"{tmp_path}/**/*.jsonl", "a log") == (paths[1], paths[0], paths[2])

    def test_a_name_with_brackets_is_a_name(self, tmp_path: Path) -> None:
        path = put(tmp_path / "log[1].jsonl", b"")
        assert expand(path, "a log") == (path,)

    def test_nothing_there(self, tmp_path: Path) -> None:
        with pytest.raises(InputError) as caught:
            expand(f"{tmp_path}/*.jsonl", "a prompt log")
        assert (
            str(caught.value)
            == f"{tmp_path}/*.jsonl: no such file; a prompt log was expected there"
        )

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(InputError) as caught:
            expand(str(tmp_path), "a prompt log")
        assert str(caught.value) == (
            f"{tmp_path}: is a directory; name its files, e.g. {tmp_path}/*.jsonl.gz"
        )


class TestFilesDigest:
    def test_contents_count_and_names_do_not(self, tmp_path: Path) -> None:
        one, same = put(tmp_path / "a", b"x"), put(tmp_path / "b", b"x")
        other = put(tmp_path / "c", b"y")
        assert files_digest(one, "a log") == files_digest(same, "a log")
        assert files_digest(one, "a log") != files_digest(other, "a log")

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no such file; labels was expected there"):
            files_digest(str(tmp_path / "x"), "labels")

import gzip
from pathlib import Path

import pytest

from parity_eval import lines
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
        assert list(read_lines(path)) == [(1, b'{"id": 1}')]

    @pytest.mark.parametrize(
        ("start", "remedy"),
        [
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

    def test_zstandard_without_the_package(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lines, "zstd", lambda: None)
        path = put(tmp_path / "log.jsonl.zst", b"\x28\xb5\x2f\xfd...")
        with pytest.raises(InputError) as caught:
            list(read_lines(path))
        assert str(caught.value) == (
            f'{path}: is compressed with zstandard: pip install "parity-eval[zstd]" reads it '
            "(Python 3.14 does without), or pack it with gzip"
        )

    @pytest.mark.skipif(lines.zstd() is None, reason="zstandard is not installed")
    def test_zstandard(self, tmp_path: Path) -> None:
        module = lines.zstd()
        assert module is not None
        whole = module.compress(b"one\n" * 5000)
        path = put(tmp_path / "log.zst", module.compress(b"zero\n") + whole)
        found = list(read_lines(path))
        assert (len(found), found[:2]) == (5001, [(1, b"zero"), (2, b"one")])
        path = put(tmp_path / "log.zst", whole[:-5])
        with pytest.raises(InputError, match="cut short after line"):
            list(read_lines(path))

    def test_a_line_that_is_too_long(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lines, "MOST_BYTES", 10)
        path = put(tmp_path / "log", b"123456789\nshort\n1234567890\nmore\n")
        with lines.opened(path, lines.Place()) as stream:
            assert list(lines.numbered(stream, lines.Place())) == [
                (1, b"123456789"),
                (2, b"short"),
                (3, None),
                (4, b"more"),
            ]
        with pytest.raises(InputError, match=r"log:3: is longer than \d+ MiB"):
            list(read_lines(path))

    def test_what_is_added_while_it_is_read_is_not_read(self, tmp_path: Path) -> None:
        path = put(tmp_path / "log", b"one\ntwo\n")
        reading = read_lines(path)
        found = [next(reading)]
        with Path(path).open("ab") as stream:
            stream.write(b"three\n")
        assert [*found, *reading] == [(1, b"one"), (2, b"two")]

    def test_a_file_that_may_not_be_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        path = put(tmp_path / "log", b"one")
        monkeypatch.setattr(Path, "open", refuse)
        with pytest.raises(InputError) as caught:
            list(read_lines(path))
        assert str(caught.value) == f"{path}: permission denied; ask for the right to read it"

    def test_a_pipe(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="is no regular file, and would be read twice"):
            list(read_lines("/dev/null"))

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

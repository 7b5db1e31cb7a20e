"""What files hold, told by their content; every row once, with its number."""

import gzip
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from parity_eval import lines
from parity_eval.errors import InputError
from parity_eval.records import Reject, Row
from parity_eval.rows import Container, container, documents, read_rows

ROW = {"id": "a", "n": [1, {"b": '}]"'}]}


def put(path: Path, data: bytes | str) -> str:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return str(path)


def values(path: str) -> list[Any]:
    found = list(read_rows([path]))
    assert all(isinstance(row, Row) for row in found), found
    return [row.value for row in found if isinstance(row, Row)]


def numbers(path: str) -> list[int]:
    return [row.number if isinstance(row, Row) else -row.line for row in read_rows([path])]


def refusal(path: str) -> str:
    with pytest.raises(InputError) as caught:
        list(read_rows([path]))
    return str(caught.value)


PRETTY = json.dumps(ROW, indent=2)


class TestJson:
    @pytest.mark.parametrize(
        ("text", "kind", "n"),
        [
            (json.dumps(ROW) + "\n" + json.dumps(ROW), Container.LINES, 2),
            (json.dumps(ROW), Container.LINES, 1),
            ("\n\n" + json.dumps(ROW) + "\r\n\r\n" + json.dumps(ROW) + "\r\n", Container.LINES, 2),
            (json.dumps([ROW] * 3), Container.DOCUMENT, 3),
            (json.dumps([ROW] * 3, indent=1), Container.DOCUMENT, 3),
            ("[\n" + ",\n".join([json.dumps(ROW)] * 3) + "\n]\n", Container.DOCUMENT, 3),
            (PRETTY, Container.DOCUMENT, 1),
            (PRETTY + PRETTY + "\n" + PRETTY, Container.DOCUMENT, 3),
            (json.dumps(ROW) + json.dumps(ROW), Container.DOCUMENT, 2),
            ((json.dumps(ROW) + ",\n") * 2, Container.DOCUMENT, 2),
            (json.dumps([ROW]) + "\n" + json.dumps([ROW] * 2), Container.DOCUMENT, 3),
            ('{"data": [\n' + json.dumps(ROW) + "\n]}", Container.DOCUMENT, 1),
            ("{\n}", Container.DOCUMENT, 1),
            ("[]", Container.DOCUMENT, 0),
            (" \n", Container.EMPTY, 0),
            ("", Container.EMPTY, 0),
        ],
    )
    @pytest.mark.parametrize("name", ["log.jsonl", "log.json", "log.csv", "log"])
    def test_the_content_tells(
        self, tmp_path: Path, text: str, kind: Container, n: int, name: str
    ) -> None:
        path = put(tmp_path / name, text)
        assert container(path) is kind
        assert len(values(path)) == n
        packed = put(tmp_path / "packed", gzip.compress(b"\xef\xbb\xbf" + text.encode()))
        assert container(packed) is kind
        assert values(packed) == values(path)

    def test_elements_of_all_kinds_are_rows(self, tmp_path: Path) -> None:
        path = put(tmp_path / "log", ' [ 1, "a,]b" ,null,[2] , {"x":[]},-1.5e3 ] ')
        assert values(path) == [1, "a,]b", None, [2], {"x": []}, -1500.0]
        assert numbers(path) == [1, 2, 3, 4, 5, 6]

    @pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
    def test_wherever_the_pieces_end(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
    ) -> None:
        monkeypatch.setattr(documents, "_CHUNK", size)
        rows = [ROW, {"text": 'quote \\" and \\\\', "u": "\u2028é\\"}, {}, [], "x", 12]
        assert values(put(tmp_path / "log", json.dumps(rows, ensure_ascii=False))) == rows

    def test_a_damaged_element_is_one_reject(self, tmp_path: Path) -> None:
        path = put(tmp_path / "log", '[{"a": 1}, {"a": tru}, nul, {"a": 3}]')
        found = list(read_rows([path]))
        assert [isinstance(row, Row) for row in found] == [True, False, False, True]
        assert numbers(path) == [1, -2, -3, 4]

    @pytest.mark.parametrize(
        "text", ['[{"a": 1}, {"b": [1', '[{"a": 1}', '[{"a": 1}, {"b": "x}]', '{\n"a": 1,\n"b": ']
    )
    def test_a_document_that_breaks_off(self, tmp_path: Path, text: str) -> None:
        path = put(tmp_path / "log", text)
        assert refusal(path).startswith(f"{path}: the JSON document breaks off, or has an unclosed")

    def test_a_value_that_is_too_large(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(documents, "MOST_BYTES", 100)
        monkeypatch.setattr(documents, "_CHUNK", 10)
        small, large = {"a": "x" * 80}, {"a": "x" * 400}
        assert len(values(put(tmp_path / "a", json.dumps([small] * 50)))) == 50
        told = refusal(put(tmp_path / "b", json.dumps([small, large])))
        assert "value 2 of the document is larger than" in told
        assert "jq -c" in told

    @pytest.mark.parametrize(
        "first",
        [
            '{"id": "1", "request": {"mess',
            '{"id": nope}',
            "{",
            '{"id": 1,',
            '{"id": 1} x',
            "garbage",
            "<html>",
        ],
    )
    def test_a_damaged_first_line_leaves_lines_lines(self, tmp_path: Path, first: str) -> None:
        path = put(tmp_path / "log", first + "\n" + (json.dumps(ROW) + "\n") * 2)
        assert container(path) is Container.LINES
        assert numbers(path) == [-1, 2, 3]

    @pytest.mark.parametrize(
        "line",
        [
            '{"a": NaN}',
            '{"a": "\\ud800"}',
            '{"a": "\x00"}',
            '{"a": 1e999}',
            "[" * 3000 + "]" * 3000,
            b'{"a": "\xff"}',
            '{"a": "b}',
        ],
    )
    def test_what_is_no_json_is_a_reject(self, tmp_path: Path, line: str | bytes) -> None:
        raw = line if isinstance(line, bytes) else line.encode("utf-8", "surrogatepass")
        good = json.dumps(ROW).encode()
        path = put(tmp_path / "log", good + b"\n" + raw + b"\n" + good)
        assert numbers(path) == [1, -2, 3]

    def test_a_line_that_is_too_long_is_a_reject(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lines, "MOST_BYTES", 30)
        path = put(tmp_path / "log", '{"a": 1}\n{"a": "' + "x" * 90 + '"}\n{"a": 3}\n')
        assert numbers(path) == [1, -2, 3]


class TestText:
    @pytest.mark.parametrize(
        ("data", "words"),
        [
            ('{"a": 1}'.encode("utf-16"), "is UTF-16 or binary; save it as UTF-8"),
            ('{"a": 1}'.encode("utf-16-le"), "is UTF-16 or binary; save it as UTF-8"),
        ],
    )
    def test_other_encodings(self, tmp_path: Path, data: bytes, words: str) -> None:
        path = put(tmp_path / "log.jsonl", data)
        assert refusal(path) == f"{path}: {words}"

    def test_what_is_packed_twice(self, tmp_path: Path) -> None:
        path = put(tmp_path / "log.gz", gzip.compress(b"PAR1..."))
        assert "unpack it once" in refusal(path)
        tar = b"a" * 257 + b"ustar" + b"\0" * 250
        assert "TAR archive" in refusal(put(tmp_path / "log.tar", tar))

    def test_a_gzip_that_is_cut_short_names_the_line(self, tmp_path: Path) -> None:
        whole = gzip.compress(b"".join(b'{"id": "%d"}\n' % i for i in range(90_000)), mtime=0)
        path = put(tmp_path / "log.jsonl.gz", whole[: len(whole) // 2])
        found: list[object] = []
        with pytest.raises(InputError, match=r"cut short after line [1-9]\d+ "):
            found.extend(read_rows([path]))


class TestCsv:
    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_separators_quotes_and_line_breaks(
        self, tmp_path: Path, separator: str, end: str
    ) -> None:
        rows = [["prompt", "task"], [f'"a{separator}""b""{end}c"', "x"], ["d", ""], ["é", '"y"']]
        text = end.join(separator.join(row) for row in rows) + end + end
        path = put(tmp_path / "log", b"\xef\xbb\xbf" + text.encode())
        assert container(path) is Container.CSV
        assert values(path) == [
            {"prompt": f'a{separator}"b"{end}c', "task": "x"},
            {"prompt": "d", "task": None},
            {"prompt": "é", "task": "y"},
        ]
        assert numbers(path) == [2, 4, 5]

    def test_a_line_that_names_the_separator(self, tmp_path: Path) -> None:
        path = put(tmp_path / "log.csv", "sep=;\r\na;b,c,d\r\n1;2\r\n")
        assert values(path) == [{"a": "1", "b,c,d": "2"}]
        assert numbers(path) == [3]

    def test_huge_cells(self, tmp_path: Path) -> None:
        cell = "x" * 500_000
        assert values(put(tmp_path / "log", f"a,b\n{cell},1\n"))[0]["a"] == cell

    def test_rows_of_another_length_and_encoding_are_rejects(self, tmp_path: Path) -> None:
        path = put(tmp_path / "log", b"a,b\n1,2\n3\n4,5,6\n\xe9,7\n8,9\n")
        found = list(read_rows([path]))
        assert [row.reason for row in found if isinstance(row, Reject)] == [
            "1 cells, but the header names 2",
            "3 cells, but the header names 2",
            "not UTF-8; save the file as UTF-8",
        ]
        assert numbers(path) == [2, -3, -4, -5, 6]

    @pytest.mark.parametrize("last", ['"open,1\nmore', '"a"b,1'])
    def test_quotes_that_do_not_match_stop_at_their_row(self, tmp_path: Path, last: str) -> None:
        path = put(tmp_path / "log", f"a,b\n1,2\n{last}\n3,4\n")
        assert refusal(path).startswith(f"{path}:3: the row that begins here is no CSV (")

    def test_two_columns_of_one_name(self, tmp_path: Path) -> None:
        assert "two columns are named 'a'" in refusal(put(tmp_path / "log", "a,b,a\n1,2,3\n"))

    def test_names_in_another_encoding(self, tmp_path: Path) -> None:
        told = refusal(put(tmp_path / "log", "prompt,réponse\n1,2\n".encode("latin-1")))
        assert told.endswith("the names of its columns are not UTF-8; save it as UTF-8")

    def test_columns_without_a_name(self, tmp_path: Path) -> None:
        assert values(put(tmp_path / "log", "a,\n1,2\n")) == [{"a": "1", "column 2": "2"}]


class TestParquet:
    def write(self, path: Path, query: str) -> str:
        import duckdb

        with duckdb.connect() as connection:
            connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
        return str(path)

    def test_nested_values_times_and_nothing(self, tmp_path: Path) -> None:
        path = self.write(
            tmp_path / "log [1].bin",
            "SELECT 'hi' AS t, {'a': [1, NULL], 'b': {'c': 'x'}} AS s, NULL::INTEGER AS n,"
            " 'nan'::DOUBLE AS f, 1.5::DECIMAL(5, 2) AS d, 'raw'::BLOB AS r,"
            " TIMESTAMP '2026-05-04 08:00:00' AS plain,"
            " TIMESTAMPTZ '2026-05-04 10:00:00+02' AS zoned",
        )
        assert container(path) is Container.PARQUET
        assert values(path) == [
            {
                "t": "hi",
                "s": {"a": [1, None], "b": {"c": "x"}},
                "n": None,
                "f": None,
                "d": 1.5,
                "r": "raw",
                "plain": "2026-05-04 08:00:00",
                "zoned": "2026-05-04 08:00:00+00",
            }
        ]

    def test_rows_keep_their_order(self, tmp_path: Path) -> None:
        path = self.write(tmp_path / "log", "SELECT range AS i FROM range(5000)")
        assert [row["i"] for row in values(path)] == list(range(5000))
        assert numbers(path)[-1] == 5000

    def test_damage(self, tmp_path: Path) -> None:
        path = put(tmp_path / "log", b"PAR1" + b"\0" * 50)
        assert refusal(path).startswith(f"{path}: cannot be read as Parquet: ")


def archive(path: Path, members: Sequence[tuple[str, bytes]]) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as whole:
        for name, data in members:
            whole.writestr(name, data)
    return str(path)


class TestZip:
    def test_members_are_files(self, tmp_path: Path) -> None:
        row = json.dumps(ROW).encode()
        path = archive(
            tmp_path / "log.eval",
            [
                ("samples/2.json", json.dumps(ROW, indent=2).encode()),
                ("header.json", b'{"version": 2}'),
                ("table.csv", b"a,b\n1,2\n"),
                ("packed.jsonl.gz", gzip.compress(row + b"\n" + row)),
                ("readme.md", b"nothing"),
                (".hidden.json", b"nothing"),
                ("__MACOSX/x.json", b"nothing"),
                ("folder/", b""),
            ],
        )
        assert container(path) is Container.ZIP
        found = [(row.path, row.number) for row in read_rows([path]) if isinstance(row, Row)]
        assert found == [
            (f"{path}/header.json", 1),
            (f"{path}/packed.jsonl.gz", 1),
            (f"{path}/packed.jsonl.gz", 2),
            (f"{path}/samples/2.json", 1),
            (f"{path}/table.csv", 2),
        ]

    def test_nothing_in_it(self, tmp_path: Path) -> None:
        path = archive(tmp_path / "log.zip", [("a.txt", b"x")])
        assert refusal(path).startswith(f"{path}: no file in it ends with one of .json")
        assert "no file in it" in refusal(archive(tmp_path / "empty.zip", []))

    def test_one_that_unpacks_to_far_too_much(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from parity_eval.rows import archives  # noqa: PLC0415 - patched here alone

        monkeypatch.setattr(archives, "_SMALL", 1000)
        path = archive(tmp_path / "log.zip", [("a.json", b" " * 1_000_000)])
        assert "times its size" in refusal(path)

    def test_damage(self, tmp_path: Path) -> None:
        path = archive(tmp_path / "log.zip", [("a.json", json.dumps([ROW] * 500).encode())])
        whole = bytearray(Path(path).read_bytes())
        assert "is damaged" in refusal(put(tmp_path / "cut.zip", bytes(whole[:-30])))
        whole[60:90] = b"\xff" * 30
        assert "is damaged" in refusal(put(tmp_path / "flipped.zip", bytes(whole)))

    def test_a_password(self, tmp_path: Path) -> None:
        path = archive(tmp_path / "log.zip", [("a.json", b"{}")])
        whole = bytearray(Path(path).read_bytes())
        whole[whole.index(b"PK\x01\x02") + 8] |= 1
        assert "needs a password" in refusal(put(tmp_path / "locked.zip", bytes(whole)))


class TestElsewhere:
    def test_an_address_is_read_like_a_file(self, tmp_path: Path) -> None:
        fsspec = pytest.importorskip("fsspec")
        fs = fsspec.filesystem("memory")
        fs.pipe("/logs/a.jsonl.gz", gzip.compress(b'{"a": 1}\n{"a": 2}\n'))
        fs.pipe(
            "/logs/b.zip", Path(archive(tmp_path / "b", [("c.json", b'[{"a": 3}]')])).read_bytes()
        )
        assert values("memory://logs/a.jsonl.gz") == [{"a": 1}, {"a": 2}]
        assert values("memory://logs/b.zip") == [{"a": 3}]
        assert refusal("memory://logs/none").endswith("no such file")

    def test_parquet_at_an_address(self, tmp_path: Path) -> None:
        fsspec = pytest.importorskip("fsspec")
        path = TestParquet().write(tmp_path / "log", "SELECT 1 AS i")
        fsspec.filesystem("memory").pipe("/logs/a.parquet", Path(path).read_bytes())
        assert values("memory://logs/a.parquet") == [{"i": 1}]

    def test_an_address_of_an_unknown_kind(self) -> None:
        pytest.importorskip("fsspec")
        assert refusal("nowhere://x").startswith("nowhere://x: ")

    def test_without_the_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing(name: str) -> None:
            raise ImportError(f"no module {name}")

        monkeypatch.setattr(lines, "import_module", missing)
        assert 'pip install "parity-eval[remote]"' in refusal("s3://bucket/log.jsonl")

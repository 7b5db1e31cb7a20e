"""Which files a log is."""

import os
from pathlib import Path

import pytest

from parity_eval.errors import InputError
from parity_eval.places import find


def put(folder: Path, *names: str) -> list[str]:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"{}")
    return [str(folder / name) for name in names]


def test_a_folder_gives_what_is_called_as_logs_are(tmp_path: Path) -> None:
    paths = put(tmp_path, "a.JSONL", "b.csv.gz", "c/d/e.parquet", "f.eval", "g.json.zst")
    put(tmp_path, "readme.md", ".hidden.jsonl", ".git/x.jsonl")
    found = find([str(tmp_path)])
    assert sorted(found.files) == sorted(paths)
    assert found.skipped == (
        f"{tmp_path}: 2 files that are hidden or no logs (.hidden.jsonl, readme.md)",
    )


def test_runs_of_our_own_are_no_logs(tmp_path: Path) -> None:
    (kept,) = put(tmp_path, "a.jsonl")
    put(
        tmp_path, "reports/register.jsonl", "reports/run-1/journal.jsonl", "other/run/journal.jsonl"
    )
    found = find([str(tmp_path)])
    assert found.files == (kept,)
    assert sorted(found.skipped) == [
        f"{tmp_path}/other/run: runs of parity-eval, no log",
        f"{tmp_path}/reports: runs of parity-eval, no log",
    ]


def test_files_named_by_themselves_may_be_called_anything(tmp_path: Path) -> None:
    (path,) = put(tmp_path, "dump [1].txt")
    assert find([path]).files == (path,)


def test_globs_and_several_names_give_each_file_once(tmp_path: Path) -> None:
    one, two, deep = put(tmp_path, "a.jsonl", "b.jsonl", "c/d.jsonl")
    assert find([f"{tmp_path}/b*", f"{tmp_path}/*", one]).files == (two, one, deep)
    (tmp_path / "z.jsonl").symlink_to(one)
    assert find([f"{tmp_path}/*.jsonl"]).files == (one, two)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none.jsonl", "no such file; a prompt log was expected there"),
        ("*.none", "no such file; a prompt log was expected there"),
        ("", "no file below it ends with one of .json, .jsonl"),
    ],
)
def test_nothing_there(tmp_path: Path, name: str, words: str) -> None:
    put(tmp_path, "readme.md")
    with pytest.raises(InputError) as caught:
        find([str(tmp_path / name)])
    assert str(caught.value).startswith(f"{tmp_path / name}: {words}")


def test_a_folder_that_may_not_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        find([str(tmp_path)])


def test_addresses(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    fs = fsspec.filesystem("memory")
    for name in ("/places/b.jsonl", "/places/a.jsonl", "/places/c.txt"):
        fs.pipe(name, b"{}")
    assert find(["memory://places/b.jsonl"]).files == ("memory://places/b.jsonl",)
    found = find(["memory://places/*.jsonl"]).files
    assert [path.rpartition("/")[2] for path in found] == ["a.jsonl", "b.jsonl"]
    with pytest.raises(InputError, match="no such file"):
        find(["memory://places/*.none"])

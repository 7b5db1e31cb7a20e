from pathlib import Path
from typing import Any

import pytest

from parity_eval.derived import write_tables
from parity_eval.errors import InputError
from parity_eval.records import Response
from parity_eval.store import RunFolder


def filled(folder: Path) -> Path:
    with RunFolder(folder) as run:
        run.append({"kind": "study", "version": 1, "run_id": "r"})
        run.append(
            {
                "kind": "request",
                "task": "triage",
                "id": "r1",
                "weight": 3,
                "body": {"messages": [{"role": "user", "content": "it's \u2028 new"}]},
                "baseline": Response(text="yes"),
            }
        )
        run.append({"kind": "reserve", "key": "k1", "usd": 0.5})
        run.append(
            {
                "kind": "answer",
                "key": "k1",
                "purpose": "candidate",
                "task": "triage",
                "model": "small",
                "request": "r1",
                "sample": 0,
                "usd": 0.25,
                "paid": True,
                "at": 1,
                "response": Response(text="no"),
            }
        )
        run.append(
            {
                "kind": "verdict",
                "task": "triage",
                "candidate": "small",
                "position": 0,
                "request": "r1",
                "key": "k1",
                "value": 0.0,
                "value_if_kind": 0.0,
                "floor": None,
                "is_failure": True,
                "reason": "differs",
                "scores": (),
            }
        )
    return folder


def ask(target: Path, query: str) -> list[Any]:
    import duckdb

    with duckdb.connect(str(target), read_only=True) as tables:
        found: list[Any] = tables.execute(query).fetchall()
        return found


@pytest.mark.parametrize(
    ("query", "row"),
    [
        ("SELECT task, id, weight, baseline->>'$.text' FROM requests", ("triage", "r1", 3, "yes")),
        ("SELECT body->>'$.messages[0].content' FROM requests", ("it's \u2028 new",)),
        (
            "SELECT model, usd, paid, response->>'$.text' FROM answers",
            ("small", 0.25, True, "no"),
        ),
        (
            "SELECT position, value, is_failure, reason FROM verdicts",
            (0, 0.0, True, "differs"),
        ),
    ],
)
def test_the_journal_as_tables(tmp_path: Path, query: str, row: tuple[object, ...]) -> None:
    assert ask(write_tables(filled(tmp_path)), query) == [row]


def test_the_last_verdict_on_a_pair_holds(tmp_path: Path) -> None:
    with RunFolder(filled(tmp_path)) as run:
        run.append(
            {
                "kind": "verdict",
                "task": "triage",
                "candidate": "small",
                "position": 0,
                "request": "r1",
                "key": "k1",
                "value": 1.0,
                "is_failure": False,
                "reason": "the hole is filled",
                "scores": (),
            }
        )
    query = "SELECT value, reason FROM verdicts"
    assert ask(write_tables(tmp_path), query) == [(1.0, "the hole is filled")]


def test_however_little_of_the_journal_is_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = filled(tmp_path / "it's a folder")
    with RunFolder(folder) as run:
        run.append({"kind": "verdict", "task": "triage", "candidate": "small", "position": 1})
        run.append({"kind": "verdict", "task": "triage", "candidate": "small", "position": 0})
    query = "SELECT position, key, scores, value FROM verdicts ORDER BY position"
    rows = [(0, None, None, None), (1, None, None, None)]
    assert ask(write_tables(folder), query) == rows
    monkeypatch.setattr("parity_eval.derived._BYTES_AT_ONCE", 1)
    assert ask(write_tables(folder), query) == rows
    assert ask(folder / "run.duckdb", "SELECT response->>'$.text' FROM answers") == [("no",)]


def test_it_can_be_made_again(tmp_path: Path) -> None:
    write_tables(filled(tmp_path))
    target = write_tables(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if "duckdb" in path.name] == [target.name]


def test_a_run_that_has_only_begun(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as run:
        run.append({"kind": "study", "version": 1, "run_id": "r"})
    assert ask(write_tables(tmp_path), "SELECT count(*) FROM verdicts") == [(0,)]


def test_no_journal(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"run\.duckdb: "):
        write_tables(tmp_path)
    assert list(tmp_path.iterdir()) == []

from collections.abc import Iterable

import pytest

from parity_eval import codec, seen
from parity_eval.seen import Earlier, SeenIds


def met(rows: Iterable[tuple[str, str]]) -> list[Earlier | None]:
    ids = SeenIds()
    return [ids.meet(id_, codec.digest(what), f"log:{n}") for n, (id_, what) in enumerate(rows, 1)]


def test_an_id_is_new_once() -> None:
    assert met([("a", "x"), ("b", "x"), ("a", "x"), ("a", "y")]) == [
        None,
        None,
        Earlier(is_same=True, where="log:1"),
        Earlier(is_same=False, where="log:1"),
    ]


def test_what_was_let_go_is_still_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "_RECENT", 7)
    rows = [(f"id-{n}", f"x{n}") for n in range(100)]
    again = [*reversed(rows), *rows]

    found = met([*rows, *again])
    assert found[:100] == [None] * 100
    assert all(earlier is not None and earlier.is_same for earlier in found[100:])
    other = met([*rows, *((id_, "another") for id_, _ in rows)])[100:]
    assert all(earlier is not None and not earlier.is_same for earlier in other)


def test_an_id_may_hold_anything() -> None:
    assert met([("\ud800", "x"), ("", "x"), ("\ud800", "x")])[2] is not None

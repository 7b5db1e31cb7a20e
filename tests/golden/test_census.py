"""`inspect` as it was last approved. `BLESS=1 pytest tests/golden` approves what it is now."""

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pages
import pytest
from makers import entry
from pages import Element
from rich.console import Console

from parity_eval import codec
from parity_eval.census import Census
from parity_eval.cli.inspect_table import census_table, next_line, suggested
from parity_eval.prices import PriceTable
from parity_eval.records import LogEntry, Reject, Response, Skipped, Usage
from parity_eval.reporters.html.census import page
from parity_eval.stocktake import Stocktake, bills

FOLDER = Path(__file__).parent / "reports"
TABLE = PriceTable(
    sha256="0" * 64,
    entries={
        "hue-2": msgspec.Raw(b'{"input_cost_per_token": 2e-6, "output_cost_per_token": 8e-6}'),
        "hue-2-mini": msgspec.Raw(b'{"input_cost_per_token": 2e-7, "output_cost_per_token": 8e-7}'),
    },
)


@pytest.fixture(autouse=True)
def _prices(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(PriceTable, "load", lambda: TABLE)
    bills.quote.cache_clear()
    yield
    bills.quote.cache_clear()


def rows() -> Iterator[LogEntry | Skipped | Reject]:
    colours = ("red", "green", "blue")
    for i in range(60):
        is_name = i % 3 < 2
        answer = Response(
            text=colours[i % 3] if is_name else f"A poem about {i} lemons, and how they fell.",
            usage=Usage(input_tokens=40, output_tokens=2) if i % 5 else None,
            model_served="hue-2-may",
        )
        made = entry(
            f"r{i:02}", f"What colour is thing {i % 50}?", task="colours" if is_name else "<poems>"
        )
        yield replace(
            made,
            model="hue-2",
            response=None if i == 7 else answer,
            timestamp=f"2026-05-{1 + i % 28:02}T08:00:00Z",
            user=f"u{i % 12}" if i % 2 else None,
            session=f"s{i % 24}",
            cost_usd=0.0001 if i < 10 else None,
            unreplayable="the log cut its text" if i == 9 else None,
            path=f"logs/{'ab'[i % 2]}.jsonl",
            line=1 + i // 2,
        )
    yield Skipped(path="logs/a.jsonl", line=31, reason="an embedding")
    yield Reject(path="logs/b.jsonl", line=31, reason="not JSON: unexpected end at byte 17")


def census() -> Census:
    made = Stocktake(find=lambda one: {"e-mail": 1} if one.line == 3 else {})
    for name in "ab":
        made.files.open(f"logs/{name}.jsonl", "canonical", "parity-eval prompt log")
    for row in rows():
        made.add(row)
    return made.census(log=["logs"], n_files=3, n_empty_files=1)


def terminal(width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    found = census()
    console.print(census_table(found, width))
    console.print(next_line(found), soft_wrap=True)
    console.print(suggested(found, width))
    assert isinstance(console.file, io.StringIO)
    # Cells are filled up with spaces, which editors take away.
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())


def html() -> str:
    return "\n".join(_outline(pages.read(page(census())), 0)) + "\n"


def json() -> str:
    return codec.pretty(census())


def _outline(element: Element, depth: int) -> Iterator[str]:
    for child in element.children:
        if isinstance(child, str):
            text = " ".join(child.split())
            if text:
                yield f"{'  ' * depth}{text}"
        elif child.tag != "style":
            yield f"{'  ' * depth}<{child.tag}>"
            yield from _outline(child, depth + 1)


@pytest.mark.parametrize(
    ("name", "make"),
    [("census.html.txt", html), ("census.json", json), ("census.terminal.txt", terminal)],
)
def test_a_census_is_as_approved(name: str, make: Callable[[], str]) -> None:
    path, text = FOLDER / name, make()
    if os.environ.get("BLESS"):
        path.write_text(text, encoding="utf-8", newline="\n")
    assert text == path.read_text(encoding="utf-8"), "if it is meant: BLESS=1 pytest tests/golden"


def test_no_line_is_wider_than_its_terminal() -> None:
    for width in (80, 100, 120):
        lines = terminal(width).splitlines()
        assert max(len(line) for line in lines if not line.startswith("Next: ")) <= width


def test_the_page_needs_nothing_from_elsewhere() -> None:
    text = page(census())
    assert "<poems>" not in text
    assert "&lt;poems&gt;" in text
    assert "default-src 'none'" in text
    assert not [one for one in pages.read(text).all() if {"src", "onclick"} & set(one.attributes)]

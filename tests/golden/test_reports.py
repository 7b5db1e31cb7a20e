"""Reports as they were last approved. `BLESS=1 pytest tests/golden` approves what they are now."""

import io
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pages
import pytest
import summaries
from pages import Element
from rich.console import Console

from parity_eval.reporters.html import Html
from parity_eval.reporters.json import Json
from parity_eval.reporters.markdown import Markdown
from parity_eval.reporters.terminal import WIDTH, closing_lines, decision_table, details
from parity_eval.summary import PairView, RunSummary

FOLDER = Path(__file__).parent / "reports"
# Numbers of drawings, and what changes with every touch of the style or the script.
SCRUBBED = re.compile(r"(x\d?|y\d?|cx|cy|d)$")


def html() -> str:
    """Return the page as an outline: elements with their attributes, and their text."""
    failing = [pair for pair in summaries.believable_pairs() if pair.is_failure]
    first = {(pair.task, pair.candidate): pair for pair in reversed(failing)}
    return _page(summaries.believable(), tuple(first.values()))


def gated_html() -> str:
    return _page(summaries.gated(), ())


def markdown() -> str:
    return Markdown().render(summaries.believable(), ())


def gated_markdown() -> str:
    return Markdown().render(summaries.gated(), ())


def terminal() -> str:
    return _terminal(summaries.believable())


def gated_terminal() -> str:
    return _terminal(summaries.gated())


def json() -> str:
    return Json().render(summaries.empty(), ())


def _page(summary: RunSummary, pairs: tuple[PairView, ...]) -> str:
    root = pages.read(Html().render(summary, pairs))
    return "\n".join(_outline(root, 0)) + "\n"


def _terminal(summary: RunSummary) -> str:
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None)
    console.print(decision_table(summary))
    for line in closing_lines(summary, {"report": "reports/r/report.html"}):
        console.print(line)
    console.print(details(summary), end="")
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _outline(element: Element, depth: int) -> Iterator[str]:
    for child in element.children:
        if isinstance(child, str):
            text = " ".join(child.split())
            if text:
                yield f"{'  ' * depth}{text}"
            continue
        if child.tag in ("style", "script"):
            yield f"{'  ' * depth}<{child.tag}> ..."
            continue
        shown = "".join(
            f" {name}={_scrubbed(name, value)!r}" for name, value in child.attributes.items()
        )
        start = f"{'  ' * depth}<{child.tag}{shown}>"
        if all(isinstance(inner, str) for inner in child.children):
            yield f"{start} {' '.join(child.text.split())}".rstrip()
            continue
        yield start
        yield from _outline(child, depth + 1)


def _scrubbed(name: str, value: str) -> str:
    if SCRUBBED.match(name):
        return "..."
    return re.sub(r"sha256-[^']+", "sha256-...", value)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("believable.html.txt", html),
        ("believable.md", markdown),
        ("believable.terminal.txt", terminal),
        ("empty.json", json),
        ("gated.html.txt", gated_html),
        ("gated.md", gated_markdown),
        ("gated.terminal.txt", gated_terminal),
    ],
)
def test_a_report_is_as_approved(name: str, make: Callable[[], str]) -> None:
    path, text = FOLDER / name, make()
    if os.environ.get("BLESS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    assert text == path.read_text(encoding="utf-8"), "if it is meant: BLESS=1 pytest tests/golden"

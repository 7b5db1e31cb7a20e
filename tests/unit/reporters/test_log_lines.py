"""What reports say of the lines of a log that were not used."""

import io
from dataclasses import replace

import summaries
from rich.console import Console

from parity_eval import plugins
from parity_eval.reporters.terminal import closing_lines

SUMMARY = replace(
    summaries.believable(),
    skipped={"a span <b>of</b> a tool": 12, "repeats an earlier row": 3},
    formats={"canonical": 7, "langfuse": 1_200},
)


def page(skipped: dict[str, int], formats: dict[str, int]) -> str:
    summary = replace(SUMMARY, skipped=skipped, formats=formats)
    return plugins.reporter("html").render(summary, ())


def test_the_page_counts_what_was_skipped_and_from_where() -> None:
    text = page(dict(SUMMARY.skipped), dict(SUMMARY.formats))
    assert "<dt>Skipped lines</dt><dd>15: no calls of a chat model, or repeated ones" in text
    assert "<br>12: a span &lt;b&gt;of&lt;/b&gt; a tool" in text
    assert "canonical (7 usable lines), langfuse (1,200 usable lines)" in text


def test_the_page_says_nothing_where_there_is_nothing_to_say() -> None:
    text = page({}, {"canonical": 7})
    assert "Skipped lines" not in text
    assert "<dt>Formats" not in text


def test_the_terminal_does_too() -> None:
    out = io.StringIO()
    console = Console(file=out, width=200)
    for line in closing_lines(SUMMARY, {}):
        console.print(line)
    assert "12 log lines of" in out.getvalue()
    assert "skipped, no fault: a span <b>of</b> a tool." in out.getvalue()

import html
import re
from dataclasses import replace

import pytest
import summaries
from summaries import ATTACKS

from parity_eval import figures
from parity_eval.records import ModelName, TaskName
from parity_eval.reporters.markdown import Markdown
from parity_eval.summary import RunSummary


def render(summary: RunSummary) -> str:
    return Markdown().render(summary, ())


def cells(line: str) -> list[str]:
    return [html.unescape(cell).replace("\u200b", "") for cell in line.strip("| ").split(" | ")]


def test_one_row_for_each_arm_what_moves_first() -> None:
    lines = [line for line in render(summaries.believable()).splitlines() if line.startswith("|")]
    rows = [cells(line) for line in lines[2:]]
    assert len(rows) == 9
    assert {len(row) for row in rows} == {len(cells(lines[0]))} == {9}
    assert rows[0] == [
        "ticket-triage",
        "swift-lite",
        "**certified**",
        "96.35% (90.00% to 98.93%), n = 192",
        "90.00% parity rate",
        "60.4 (59.8)",
        "$5.12 to $0.71",
        "86.1%",
        "swift-lite",
    ]
    assert [row[2] for row in rows] == [
        "**certified**",
        "**certified**",
        "**open**",
        "**inconclusive**",
        "**futile**",
        "**rejected**",
        *["**not measurable**"] * 3,
    ]
    assert rows[1][8] == "frontier-large"


def test_a_route_comes_before_what_is_certified_and_stays() -> None:
    summary = summaries.believable()
    task = replace(summary.tasks[0], arms=summary.tasks[0].arms[::-1])
    lines = render(replace(summary, tasks=(*summary.tasks[1:], task))).splitlines()
    rows = [cells(line) for line in lines if line.startswith("| ticket-triage")]
    assert [row[1] for row in rows] == ["swift-lite", "mini-8b", "nano"]


def test_an_incomplete_run_says_so_above_the_table() -> None:
    text = render(summaries.believable())
    assert text.index("**This run is incomplete:**") < text.index("| task |")
    assert "incomplete" not in render(summaries.believable(is_complete=True))


def test_an_empty_run_has_no_table() -> None:
    text = render(summaries.empty())
    assert "|" not in text
    assert "Nothing moves" in text


def test_many_arms_fit_into_a_comment_and_the_rest_is_counted() -> None:
    text = render(summaries.large()[0])
    assert len(text) < 20_000
    assert "460 more decisions in the HTML report." in text


def test_names_of_any_length_fit_into_a_comment() -> None:
    summary = summaries.large(10, 4)[0]
    tasks = tuple(replace(t, name=TaskName("@" * 1_000_000)) for t in summary.tasks)
    text = render(replace(summary, tasks=tasks, baseline=ModelName("|" * 1_000_000)))
    assert len(text) < 60_000
    assert "more decision" in text


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_name_stays_in_its_cell_and_means_nothing(attack: str) -> None:
    summary = summaries.believable()
    task = replace(summary.tasks[0], name=TaskName(attack))
    before = render(summary).splitlines()
    after = render(
        replace(summary, tasks=(task, *summary.tasks[1:]), baseline=ModelName(attack))
    ).splitlines()
    assert len(after) == len(before)
    rows = [line for line in after if line.startswith("|")]
    assert {line.count("|") for line in rows} == {10}
    assert cells(rows[2])[0] == figures.one_line(attack, 60)
    raw = rows[2].split(" | ")[0].removeprefix("| ")
    assert not re.search(r"[`*_\[\]<>|~@:$\\]|www\.|#(?!\d+;)|&(?!#\d+;)", raw)


def test_a_hostile_run_is_written_without_any_markup() -> None:
    text = render(summaries.hostile()[0])
    assert "<" not in text.replace("<sub>", "").replace("</sub>", "")
    assert not re.search(r"^::|javascript:|https?:|@\w", text, re.MULTILINE)
    text.encode()


# Gates, the judge against humans, rules


def section(text: str, title: str) -> list[list[str]]:
    """Return the rows of the table below a title."""
    lines = text.split(f"#### {title}\n")[1].split("####", maxsplit=1)[0].splitlines()
    return [cells(line) for line in lines if line.startswith("|")][2:]


def test_an_ordinary_run_has_no_sections() -> None:
    assert "####" not in render(summaries.believable())


def test_the_gates_of_each_arm() -> None:
    rows = section(render(summaries.gated()), "Gates")
    assert len(rows) == 3 + 1 + 3 + 1 + 1 + 2 + 1
    assert rows[2] == [
        "ticket-triage",
        "swift-lite",
        "german",
        "where metadata.language = DE: more than 85% of requests of this kind",
        "98.36% (87.13% to 99.96%), n = 61",
        "164",
        "passed",
    ]
    assert [row[2:] for row in rows if row[1] == "nano"] == [
        ["valid", rows[0][3], "nothing measured, n = 0", "none", "**not tested**"],
        ["must pass", "requests req-00317", "", "", "**falls short**"],
        ["must pass", "requests req-00017", "", "", "not known"],
    ]
    floor = next(row for row in rows if row[2] == "noise floor")
    assert floor[3] == "the baseline agrees with itself on more than 80%"


def test_the_judge_against_humans() -> None:
    text = render(summaries.gated())
    (row,) = section(text, "Judge against humans")
    assert row == [
        "replies",
        "mini-8b",
        "34 of 40 (85.00%)",
        "0.77 [0.58, 0.95] (interval at level 95%)",
        (
            "worse: 11 worse, 1 draw, 0 better; draw: 2 worse, 6 draw, 1 better; "
            "better: 0 worse, 2 draw, 17 better"
        ),
        "58",
    ]
    assert "simple random part" in text


def test_the_rules_and_the_one_that_is_used() -> None:
    text = render(summaries.gated())
    rows = section(text, "What each rule would have decided")
    assert [(row[0], row[2]) for row in rows] == [
        ("no correction", "3"),
        ("Bonferroni", "0"),
        ("e-Holm", "1"),
        ("**selected e-BH** (used)", "2"),
    ]
    assert rows[0][3] == "ticket-triage/swift-lite, replies/mini-8b, ticket-triage/mini-8b"
    assert rows[1][3] == "none"
    assert "voids the guarantee" in text


def test_the_head_names_the_target_the_unit_and_the_design() -> None:
    head = html.unescape(render(summaries.with_fixed_end(summaries.gated()))).split("| task")[0]
    assert "not of other traffic" in head
    assert "one request per session" in head
    assert summaries.FIXED in head


def test_a_design_with_a_fixed_end_shows_no_e_value() -> None:
    text = render(summaries.with_fixed_end(summaries.gated()))
    rows = [cells(line) for line in text.splitlines() if line.startswith("| ticket-triage")]
    assert {row[5] for row in rows if len(row) in (7, 9)} <= {"none", ""}


def test_what_does_not_fit_into_a_comment_is_counted() -> None:
    summary = summaries.gated()
    task = summary.tasks[0]
    many = tuple(replace(task, name=TaskName(f"{i}{'@' * 60}")) for i in range(60))
    text = render(replace(summary, tasks=many))
    assert len(text) < 65_536
    assert "more decision" in text
    assert "more row" in text

import io
import re
from dataclasses import replace

import pytest
import summaries
from rich.console import Console

from parity_eval.records import ModelName, Status
from parity_eval.reporters.terminal import WIDTH, closing_lines, decision_table, details
from parity_eval.summary import RunSummary


def shown(summary: RunSummary, *, is_terminal: bool = False) -> str:
    out = io.StringIO()
    console = Console(
        file=out,
        width=WIDTH,
        force_terminal=is_terminal,
        color_system="truecolor" if is_terminal else None,
    )
    console.print(decision_table(summary))
    for line in closing_lines(summary, {"report": "reports/r/report.html"}):
        console.print(line)
    console.print(details(summary), end="")
    return out.getvalue()


def test_a_row_for_each_arm() -> None:
    lines = shown(summaries.believable()).splitlines()
    assert lines[1] == "ticket-triage  parity rate, bar 90.00%"
    assert lines[2].split() == [
        "*",
        "swift-lite",
        "certified",
        "192",
        "96.35",
        "[90.00,",
        "98.93]%",
        "60.4",
        "86.1%",
    ]
    assert lines[3].startswith("  mini-8b")
    assert lines[8].split()[1:] == ["open", "96", "-3.12", "[-14.18,", "+7.69]", "pp", "0.518", "?"]
    assert lines[10].startswith("  not measurable: ")
    assert next(line for line in lines if "nothing measured" in line).split() == [
        "swift-lite",
        "not",
        "measurable",
        "0",
        "nothing",
        "measured",
        "87.1%",
    ]


@pytest.mark.parametrize(
    "summary",
    [summaries.believable(), summaries.empty(), summaries.hostile()[0], summaries.gated()],
)
def test_it_fits_eighty_columns(summary: RunSummary) -> None:
    # Of every line, with room for wide characters: none of ours is wide.
    assert max(len(line) for line in shown(summary).splitlines()) <= WIDTH


def test_a_long_candidate_is_folded_not_cut() -> None:
    summary = summaries.believable()
    task = summary.tasks[0]
    name = ModelName("vendor/some-model-2026-08-01-preview")
    arm = task.arms[0]
    decision = replace(arm.decision, arm=replace(arm.decision.arm, candidate=name))
    changed = replace(task, arms=(replace(arm, decision=decision),))
    text = shown(replace(summary, tasks=(changed,)))
    column = "".join(line[2:17].strip() for line in text.splitlines()[2:5])
    assert column == name


def test_decisions_are_told_apart_by_words_and_in_colour_on_terminals_only() -> None:
    plain, coloured = (shown(summaries.believable(), is_terminal=b) for b in (False, True))
    assert "\x1b" not in plain
    assert "\x1b[1;32mcertified" in coloured
    assert "\x1b[31mrejected" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain


def test_markup_in_names_is_text() -> None:
    summary = summaries.hostile()[0]
    text = shown(summary, is_terminal=True)
    assert "[bold red]markup[/bold red]" in text
    assert "\x1b[31mred" not in text
    assert "\x1b]8" not in text
    text.encode()


def test_the_closing_lines() -> None:
    summary = summaries.believable()
    lines = [line.plain for line in closing_lines(summary, {"report": "r/report.html"})]
    assert lines[0].startswith("INCOMPLETE: the budget of $4.00 is used up")
    assert lines[1:5] == [
        "The same command resumes the run; what is open is not final.",
        "1 of 3 tasks can move to the candidate marked *; everything else stays on frontier-large.",
        "ticket-triage/mini-8b is blocked: request req-00317 fails and carries > 1% of traffic.",
        summary.family_statement,
    ]
    assert lines[5] == "168 log lines of 5790 belong to no task of the study."
    assert lines[6].startswith("Moving 1 task saves an estimated $8.25 of the $32.63 (25.3%)")
    assert lines[7:] == [
        "This run spent $3.98 (limit $4.00).",
        (
            "Of that: candidate $1.28 (2,226 answers); judge $1.24 (564 answers); "
            "$1.46 for calls that gave no answer."
        ),
        "report: r/report.html",
    ]


def test_a_complete_run_says_nothing_of_resuming() -> None:
    lines = closing_lines(summaries.believable(is_complete=True), {})
    assert not any("INCOMPLETE" in line.plain or "resumes" in line.plain for line in lines)


def test_an_empty_run() -> None:
    assert shown(summaries.empty()).startswith("No task, so nothing was decided.")


def test_a_wider_terminal_gives_long_names_a_line_of_their_own() -> None:
    summary = summaries.believable()
    name = ModelName("vendor/a-model-with-a-long-name-2026-01-01")
    first = summary.tasks[0].arms[0]
    arm = replace(first.decision.arm, candidate=name)
    long = replace(first, decision=replace(first.decision, arm=arm))
    summary = replace(summary, tasks=(replace(summary.tasks[0], arms=(long,)),))
    wide, narrow = io.StringIO(), io.StringIO()
    Console(width=120, file=wide).print(decision_table(summary, 120))
    Console(width=80, file=narrow).print(decision_table(summary, 80))
    assert name in wide.getvalue()
    assert max(map(len, wide.getvalue().splitlines())) <= 120
    assert name not in narrow.getvalue()


# Gates, the judge against humans, rules


def below(text: str, start: str) -> str:
    """Return the line after the first that starts so."""
    lines = [line.strip() for line in text.splitlines()]
    return lines[next(i for i, line in enumerate(lines) if line.startswith(start)) + 1]


def test_a_line_below_an_arm_with_gates() -> None:
    text = shown(summaries.gated()).split("Gates\n")[0]
    assert below(text, "* swift-lite") == "gates 3/3, must pass 2/2"
    assert below(text, "mini-8b") == (
        "gates 2/3, must pass 2/2; gate 'german': shown to be below its bar after 57"
    )
    assert below(text, "nano") == "falls short on request 'req-00317', which must pass"
    assert "judge and humans equal on 34 of 40 (85.00%), kappa 0.77 [0.58, 0.95]" in text


def test_the_built_in_gate_is_silent_while_it_is_passed() -> None:
    summary = summaries.gated()
    task = summary.tasks[1]
    (arm,) = task.arms
    text = shown(replace(summary, tasks=(task,), rules=()))
    assert "gates 0/1; the log used up after 288 requests" in text
    (floor,) = arm.decision.gates
    passed = replace(arm.decision, gates=(replace(floor, is_passed=True),))
    task = replace(task, arms=(replace(arm, decision=passed),))
    assert "gates " not in shown(replace(summary, tasks=(task,), rules=()))


def test_an_arm_that_a_gate_keeps_from_being_measured_says_why() -> None:
    summary = summaries.gated()
    task = summary.tasks[0]
    arm = task.arms[2]
    why = "gate 'valid': its 40 requests cannot certify a bar of 0.98"
    closed = replace(arm.decision, status=Status.NOT_MEASURABLE, reason=why)
    changed = replace(task, arms=(replace(arm, decision=closed),))
    assert below(shown(replace(summary, tasks=(changed,))), "nano") == why


def test_the_details_of_gates() -> None:
    text = shown(summaries.gated()).split("\nGates\n")[1]
    assert "german: where metadata.language = DE" in text
    assert "noise floor: the baseline agrees with itself on more than 80%" in text
    rows = [" ".join(line.split()) for line in text.splitlines()]
    assert "german passed 61 98.36 [87.13, 99.96]% 164" in rows
    assert any(
        row.startswith("german shown below its bar 57 66.67 [48.76, 81.49]%") for row in rows
    )
    assert "must pass, falls short: req-00317" in rows
    assert "must pass, not known: req-00017" in rows


def test_the_details_of_the_judge() -> None:
    text = shown(summaries.gated()).split("\nJudge against humans\n")[1]
    rows = [" ".join(line.split()) for line in text.splitlines()]
    assert rows[1:4] == [
        "equal verdicts: 34 of 40 (85.00%)",
        "Cohen's kappa: 0.77 [0.58, 0.95] (interval at level 95%)",
        "human verdicts used: 58",
    ]
    assert rows[4:8] == [
        "human: worse human: draw human: better",
        "judge: worse 11 1 0",
        "judge: draw 2 6 1",
        "judge: better 0 2 17",
    ]
    assert "simple random part" in rows[8]


def test_the_details_of_the_rules() -> None:
    text = shown(summaries.gated()).split("\nWhat each rule would have decided\n")[1]
    lines = text.splitlines()
    assert lines[0] == "no correction: 3 certified"
    assert "selected e-BH (used): 2 certified" in lines
    assert "Bonferroni: 0 certified" in lines
    assert "voids the guarantee" in " ".join(lines)


def test_a_run_without_these_has_no_details() -> None:
    out = io.StringIO()
    Console(file=out, width=WIDTH).print(details(summaries.believable()), end="")
    assert out.getvalue() == ""


def test_the_head_names_what_is_not_usual() -> None:
    text = shown(summaries.with_fixed_end(summaries.gated()))
    lines = text.splitlines()
    assert lines[0] == "Target: this log; certificates speak of its requests, not of other traffic"
    assert lines[2] == f"Design: {summaries.FIXED}"
    row = next(line for line in lines if line.startswith("* swift-lite"))
    assert row.split()[-2:] == ["none", "86.1%"]
    assert not shown(summaries.believable()).startswith("Target")

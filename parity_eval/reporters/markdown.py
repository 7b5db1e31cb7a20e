"""One table for a pull request: the decisions of a run on one screen, in GitHub's Markdown."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, islice
from typing import ClassVar, TypeAlias

from parity_eval import figures, findings
from parity_eval.summary import ArmSummary, PairView, RunSummary, TaskSummary

_Row: TypeAlias = tuple[TaskSummary, ArmSummary]

_MOST_ROWS = 40
_MOST_CHARACTERS = 50_000
"""Of the table; a comment on GitHub holds 65,536."""
_MOST_NAMES = 20
_NAME_LIMIT = 60
_TEXT_LIMIT = 300

_HEADER = (
    "| task | candidate | decision | result (confidence sequence), n | bar | e-value (needed) "
    "| cost per 1k | saving | route |\n"
    "| --- | --- | --- | --- | --- | ---: | --- | ---: | --- |\n"
)

_GATES = (
    "| task | candidate | gate | demands | mean (confidence sequence), n | e-value | outcome |\n"
    "| --- | --- | --- | --- | --- | ---: | --- |\n"
)
_AGREEMENT = (
    "| task | candidate | equal verdicts | Cohen's kappa | judge: number and verdict of humans "
    "| labels used |\n"
    "| --- | --- | --- | --- | --- | ---: |\n"
)
_RULES = "| rule | what it promises | certified | which |\n| --- | --- | ---: | --- |\n"

_SYNTAX = re.compile(r"[\\`*_\[\]<>#|~&@:$]|www\.")


class Markdown:
    """Writes one table, certified decisions first."""

    name: ClassVar[str] = "md"
    version: ClassVar[str] = "1"

    def render(self, summary: RunSummary, pairs: tuple[PairView, ...]) -> str:  # noqa: ARG002
        """Return the table with what frames it; pairs are for the HTML report."""
        rows = sorted(
            ((task, arm) for task in summary.tasks for arm in task.arms),
            key=lambda row: (not row[1].is_route, figures.status_rank(row[1].decision.status)),
        )
        table = tuple(
            _fitting((_row(task, arm, summary) for task, arm in rows), _MOST_CHARACTERS, _MOST_ROWS)
        )
        room = _MOST_CHARACTERS - sum(map(len, table))
        parts = ["\n".join(_head(summary)), ""]
        if table:
            parts.append(_HEADER + "".join(table))
        if len(rows) > len(table):
            left_out = figures.counted(len(rows) - len(table), "more decision")
            parts += [f"{left_out} in the HTML report.", ""]
        parts += _sections(summary, rows, room)
        return "\n".join([*parts, *_foot(summary)]) + "\n"


def _fitting(rows: Iterable[str], room: int, most: int) -> Iterator[str]:
    for row in islice(rows, most):
        room -= len(row)
        if room < 0:
            return
        yield row


def _head(summary: RunSummary) -> Iterator[str]:
    yield f"### Parity with {_name(summary.baseline)}: {_name(summary.name)}"
    yield ""
    if summary.state == "incomplete":
        yield f"> **This run is incomplete:** {_text(summary.why_incomplete or 'reason unknown')}"
        yield ""
    n_moved = sum(arm.is_route for task in summary.tasks for arm in task.arms)
    for name, words in findings.terms(summary):
        yield f"{name}: {_text(words)}"
        yield ""
    tasks = figures.counted(summary.n_tasks, "task")
    yield f"**{n_moved} of {tasks} can move.** {_text(figures.saving(summary))}"


def _row(task: TaskSummary, arm: ArmSummary, summary: RunSummary) -> str:
    decision, money = arm.decision, arm.money
    evidence = "none"
    if decision.n and findings.has_e_values(summary):
        needed = figures.e_value(decision.log_e_needed)
        evidence = f"{figures.e_value(decision.log_e)} ({needed})"
    cells = (
        _name(task.name),
        _name(decision.arm.candidate),
        f"**{figures.status_name(decision.status)}**",
        _text(figures.result(task.estimand, decision)),
        f"{figures.bar(task.estimand)} {figures.measure_name(task.estimand)}",
        evidence,
        _text(
            f"{figures.usd(money.baseline_usd_per_1k)} to {figures.usd(money.candidate_usd_per_1k)}"
        ),
        figures.share_saved(money.saving_share),
        _name(decision.arm.candidate if arm.is_route else summary.baseline),
    )
    return f"| {' | '.join(cells)} |\n"


def _sections(summary: RunSummary, rows: Sequence[_Row], room: int) -> Iterator[str]:
    """Yield what some runs have besides decisions, as far as there is room for it."""
    arms = [
        ("Gates", _GATES, tuple(chain.from_iterable(_gates(summary, *row) for row in rows)), ""),
        (
            "Judge against humans",
            _AGREEMENT,
            tuple(_agreement(task, arm) for task, arm in rows if arm.agreement),
            findings.AGREEMENT_NOTE,
        ),
        (
            "What each rule would have decided",
            _RULES,
            tuple(map(_rule, findings.rules(summary))),
            findings.RULES_NOTE,
        ),
    ]
    for title, header, lines, note in arms:
        if not lines:
            continue
        shown = tuple(_fitting(lines, room, _MOST_ROWS))
        room -= sum(map(len, shown))
        yield f"#### {title}\n"
        if shown:
            yield header + "".join(shown)
        if len(lines) > len(shown):
            left_out = figures.counted(len(lines) - len(shown), "more row")
            yield f"{left_out} in the HTML report.\n"
        if note:
            yield f"{note}\n"


def _gates(summary: RunSummary, task: TaskSummary, arm: ArmSummary) -> Iterator[str]:
    names = (_name(task.name), _name(arm.decision.arm.candidate))
    for gate in findings.gates(summary, task, arm):
        outcome = gate.outcome if gate.is_passed else f"**{gate.outcome}**"
        cells = (_name(gate.name), _text(gate.demand), _text(gate.result), gate.evidence, outcome)
        yield f"| {' | '.join((*names, *cells))} |\n"
    requests = findings.must_pass(task, arm.decision)
    for outcome, group in groupby(requests, key=lambda one: one.outcome):
        which = tuple(group)
        words = f"**{outcome}**" if which[0].is_failed else outcome
        cells = ("must pass", f"requests {_listed(one.request for one in which)}", "", "", words)
        yield f"| {' | '.join((*names, *cells))} |\n"


def _agreement(task: TaskSummary, arm: ArmSummary) -> str:
    if arm.agreement is None:
        return ""
    agreed = findings.agreement(task, arm.agreement)
    table = "; ".join(
        f"{judged}: "
        + ", ".join(f"{n} {human}" for n, human in zip(row, agreed.verdicts, strict=True))
        for judged, row in zip(agreed.verdicts, agreed.rows, strict=True)
    )
    cells = (
        _name(task.name),
        _name(arm.decision.arm.candidate),
        agreed.equal,
        f"{agreed.kappa} ({agreed.kappa_note})",
        table,
        figures.count(arm.labels_used),
    )
    return f"| {' | '.join(cells)} |\n"


def _rule(rule: findings.Rule) -> str:
    name = f"**{_text(rule.name)}** (used)" if rule.is_used else _text(rule.name)
    which = _listed(rule.arms)
    return f"| {name} | {_text(rule.guarantee)} | {figures.count(len(rule.arms))} | {which} |\n"


def _listed(texts: Iterable[str]) -> str:
    names = tuple(texts)
    more = f" and {figures.count(len(names) - _MOST_NAMES)} more"
    listed = ", ".join(map(_name, names[:_MOST_NAMES])) or "none"
    return listed + more * (len(names) > _MOST_NAMES)


def _foot(summary: RunSummary) -> Iterator[str]:
    yield _text(summary.family_statement)
    yield f"Only *rejected* means {findings.rejected_means(summary)}; no other decision says so."
    yield ""
    line = findings.ledger_line(summary)
    of_that = f" ({line})" if line is not None else ""
    yield (
        f"<sub>run {_name(summary.run_id)}, study {_name(summary.study_hash[:12])}, "
        f"spent {_text(figures.usd(summary.spent_usd) + of_that)}</sub>"
    )


def _name(text: str) -> str:
    return _escaped(figures.one_line(text, _NAME_LIMIT))


def _text(text: str) -> str:
    return _escaped(figures.one_line(text, _TEXT_LIMIT))


def _escaped(text: str) -> str:
    return _SYNTAX.sub(_as_entity, text)


def _as_entity(match: re.Match[str]) -> str:
    # An entity is never read as syntax; a zero-width space also stops GitHub's own links.
    if match[0] == "www.":
        return "www&#46;"
    entity = f"&#{ord(match[0])};"
    return f"{entity}&#8203;" if match[0] in "@#" else entity

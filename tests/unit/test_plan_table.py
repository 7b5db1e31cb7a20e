import io
from collections.abc import Sequence
from dataclasses import replace

from makers import design, estimand, model, study, units
from rich.console import Console

from parity_eval.cli.plan_table import closing_lines, plan_table
from parity_eval.forecast import Forecast, forecast
from parity_eval.records import Estimand, ModelSpec, TaskName
from parity_eval.study import TaskSpec

LIVE = model("small", (1.0, 2.0), is_live=True)


def planned(
    *what: Estimand, candidates: Sequence[ModelSpec] = (LIVE,), span_days: float | None = 28.0
) -> Forecast:
    designs = [
        design(units(["yes"] * 400), one, spec=TaskSpec(name=TaskName(f"task-{n}")))
        for n, one in enumerate(what)
    ]
    return forecast(
        study(*candidates),
        designs,
        {spec.name: spec for spec in candidates if not spec.is_recorded},
        n_lines=400,
        span_days=span_days,
        next_command="parity-eval run",
    )


def shown(found: Forecast, width: int = 80) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width)
    console.print(plan_table(found, width))
    for line in closing_lines(found):
        console.print(line)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_the_rows_of_a_task() -> None:
    lines = shown(planned(estimand()))
    assert lines[0] == "task-0  parity rate, bar 95.00%; 400 requests"
    assert lines[1].split()[-3:] == ["n", "50%", "90%"]
    assert [line.split()[:3] for line in lines[2:5]] == [
        ["just", "worth", "it"],
        ["midway", "to", "100%"],
        ["at", "the", "bar"],
    ]
    assert lines[2].split()[3:] == ["97.95%", "79%", "0%", "21%", "0%", "205", "198", "358"]
    assert lines[6].split()[0] == "small"


def test_every_estimand_fits_into_80_columns() -> None:
    long_name = model("vendor-of-models/model-with-a-very-long-name-2026", (1.0, 2.0), is_live=True)
    found = planned(
        estimand(),
        estimand("quality", 0.45),
        estimand("noise_floor", 0.05),
        estimand("preference", 0.3),
        candidates=(LIVE, long_name),
    )
    lines = shown(found)
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("  midway to bar -22.50 pp") for line in lines)
    wide = shown(found, 120)
    assert any(long_name.name in line for line in wide)


def test_small_chances_are_not_none() -> None:
    found = planned(estimand())
    assert found.tasks[0].prospects is not None
    first, *others = found.tasks[0].prospects.outlooks
    odd = replace(first, certified=0.9951, rejected=0.0045, futile=0.0004, inconclusive=0.0)
    prospects = replace(found.tasks[0].prospects, outlooks=(odd, *others))
    lines = shown(replace(found, tasks=(replace(found.tasks[0], prospects=prospects),)))
    assert lines[2].split()[4:8] == [">99%", "<1%", "0%", "0%"]


def test_what_has_no_figure_is_a_question_mark() -> None:
    free = model("small")
    (row,) = [line for line in shown(planned(estimand(), candidates=(free,))) if "small" in line]
    assert row.split()[1:] == ["$0.00", "$0.00", "$0.00", "?", "?"]


def test_what_costs_more_never_pays_back() -> None:
    dear = model("dear", (100.0, 300.0), is_live=True)
    (row,) = [line for line in shown(planned(estimand(), candidates=(dear,))) if "dear" in line]
    assert row.split()[-1] == "never"
    assert row.split()[-2].startswith("-$")


def test_closed_tasks_say_why() -> None:
    found = planned(estimand())
    closed = replace(found.tasks[0], prospects=None, why_closed="no judge", candidates=())
    lines = shown(replace(found, tasks=(closed,)))
    assert lines[1] == "  not measurable: no judge"
    assert shown(replace(found, tasks=()))[0] == "No task, so there is nothing to plan."


def test_the_sums_name_their_parts() -> None:
    text = " ".join(shown(planned(estimand())))
    assert "Expected cost, by the first row of each task: $" in text
    assert "without a budget `run` asks" in text
    assert "(candidates $" in text
    assert "judge $" not in text

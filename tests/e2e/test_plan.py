"""`parity-eval plan` as it is typed: what it says, and that it sends and writes nothing."""

import json
import re
from pathlib import Path
from typing import Any

import cli
import pytest
import server

from parity_eval import documents
from parity_eval.stats.planner import plan_parity
from parity_eval.stats.stopping import Terms

ROOT = Path(__file__).resolve().parents[2]
HELPDESK = ROOT / "datasets" / "helpdesk" / "parity.yaml"
CLOSED_PORT = "http://127.0.0.1:9/v1"
CONFIG = """\
version: 1
log: {path: log.jsonl}
baseline: {model: big, price: {input: 10, output: 30}}
candidates:
  - {name: small, model: openai/small, api_base: "BASE", price: {input: 1, output: 2}}
test: {bar: 0.95}
tasks: {triage: {match: {task: triage}, kind: classification}}
"""


def live(folder: Path, n: int = 400, config: str = CONFIG, **changes: object) -> None:
    cli.write_lines(folder / "log.jsonl", [cli.entry(i, **changes) for i in range(n)])
    (folder / "parity.yaml").write_text(config.replace("BASE", CLOSED_PORT), encoding="utf-8")


def document(*arguments: str, folder: Path) -> dict[str, Any]:
    done = cli.run("plan", *arguments, "--json", cwd=folder)
    assert (done.code, done.err) == (0, ""), done.told
    found: dict[str, Any] = json.loads(done.out)
    documents.check(found, "plan.v1.json", "the plan")
    return found


def test_the_embedded_study(tmp_path: Path) -> None:
    done = cli.run("plan", str(HELPDESK), cwd=tmp_path)
    assert done.code == 0, done.told
    assert done.err == ""
    lines = done.out.splitlines()
    assert max(map(len, lines[:-1])) <= 80
    assert lines[0] == "call-summaries  parity rate, bar 95.00%; 1,000 requests"
    assert sum("if a candidate is" in line for line in lines) == 6
    assert sum(line.split()[:1] == ["swift-lite"] for line in lines) == 6
    assert "The run costs nothing: every answer is logged or recorded." in lines
    assert lines[-1] == f"Next: parity-eval run {HELPDESK}"
    assert list(tmp_path.iterdir()) == []


def test_the_readme_shows_what_is_said() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    ((arguments, shown),) = re.findall(
        r"`parity-eval (plan [^`]+)`\nsays.*?```text\n(.*?)```", readme, re.DOTALL
    )
    done = cli.run(*arguments.split(), cwd=ROOT)
    assert [line.rstrip() for line in done.out.splitlines()] == shown.splitlines()


def test_the_document_is_stable_and_exact(tmp_path: Path) -> None:
    found = document(str(HELPDESK), folder=tmp_path)
    assert document(str(HELPDESK), folder=tmp_path) == found
    assert found["level"] == pytest.approx(0.05 * 3 / 18)
    tasks = {task["task"]: task for task in found["tasks"]}
    plan = plan_parity(0.95, Terms(n_max=1000, alpha=found["level"]))
    prospects = tasks["kb-answers"]["prospects"]
    assert prospects["straight"] == plan.straight_passes
    for outlook, row in zip(prospects["outlooks"], plan.rows, strict=True):
        assert outlook["mean"] == pytest.approx(row.rate, abs=1e-12)
        assert outlook["expected_n"] == pytest.approx(row.expected_n, rel=1e-9)
    assert not tasks["moderation"]["prospects"]["is_exact"]
    assert all(arm["payback_days"] == 0 for task in tasks.values() for arm in task["candidates"])


def test_nothing_is_sent_and_nothing_written(tmp_path: Path) -> None:
    live(tmp_path)
    before = sorted(tmp_path.iterdir())
    done = cli.run("plan", cwd=tmp_path)
    assert done.code == 0, done.told
    assert sorted(tmp_path.iterdir()) == before
    assert "Nothing was sent." in done.out
    # 20 and 2 tokens at $1 and $2 per million, on each of the expected pairs.
    found = document(folder=tmp_path)
    expected = found["tasks"][0]["prospects"]["outlooks"][0]["expected_n"] * 24e-6
    assert found["total"]["expected"] == pytest.approx(expected)
    assert found["total"]["expected"] < found["total"]["worst"]
    assert found["is_paid"]


def test_the_worst_case_is_what_run_asks_about(tmp_path: Path) -> None:
    with server.serving(lambda _model, _item: "refund") as upstream:
        live(tmp_path, config=CONFIG.replace("BASE", upstream.base_url))
        worst = document(folder=tmp_path)["total"]["worst"]
        done = cli.run("run", cwd=tmp_path)
        assert upstream.seen == []
    assert done.code == 2
    assert f"in the worst case this run costs ${worst:,.2f}" in done.err


def test_the_budget_is_held_against_the_worst_case(tmp_path: Path) -> None:
    live(tmp_path)
    enough = cli.run("plan", "--max-cost", "99", cwd=tmp_path)
    assert "the limit of $99.00 covers it" in enough.out
    assert enough.out.endswith("Next: parity-eval run --max-cost 99\n")
    short = cli.run("plan", "--max-cost", "0.001", cwd=tmp_path)
    assert re.search(r"the limit of \$0\.001\d* is less than\s+it", short.out), short.out


def test_savings_per_month_need_timestamps(tmp_path: Path) -> None:
    live(tmp_path)
    (task,) = document(folder=tmp_path)["tasks"]
    # Lines on 28 days, 27 days from the first to the last.
    assert task["requests_per_month"] == pytest.approx(400 / 27 * 365.25 / 12)
    assert task["candidates"][0]["payback_days"] > 0
    assert "saves/month" in cli.run("plan", cwd=tmp_path).out
    live(tmp_path, timestamp=None)
    (task,) = document(folder=tmp_path)["tasks"]
    (arm,) = task["candidates"]
    assert task["requests_per_month"] is None
    assert (arm["saving_usd_per_month"], arm["payback_days"]) == (None, None)
    assert arm["saving_usd_per_1k"] == pytest.approx((20 * 9 + 2 * 28) / 1000)
    assert "saves/1,000" in cli.run("plan", cwd=tmp_path).out


def test_a_log_that_is_too_short_is_told_first(tmp_path: Path) -> None:
    live(tmp_path, n=60)
    done = cli.run("plan", cwd=tmp_path)
    assert done.code == 0
    told = " ".join(done.out.split())
    assert told.index("too short (60 requests)") < told.index("if a candidate is")
    assert "It takes at least 61 requests, or a bar of at most 0.949" in told


def test_an_unknown_price_is_the_error_that_run_gives(tmp_path: Path) -> None:
    live(tmp_path, config=CONFIG.replace(", price: {input: 1, output: 2}", ""))
    plan, run = (cli.run(command, cwd=tmp_path) for command in ("plan", "run"))
    assert plan.code == run.code == 2
    assert "no price is known for 'openai/small'" in plan.err
    assert plan.err == run.err


def test_flags_alone_are_a_study(tmp_path: Path) -> None:
    cli.log(tmp_path)
    cli.recording(tmp_path)
    flags = ["--log", "log.jsonl", "--baseline", "big", "--candidate", "tape.jsonl"]
    done = cli.run("plan", *flags, "--no-color", cwd=tmp_path)
    assert done.code == 0, done.told
    assert done.out.endswith(f"Next: parity-eval run {' '.join(flags)}\n")
    found = document(*flags, "--bar", "0.9", "--max-samples", "90", folder=tmp_path)
    assert found["tasks"][0]["estimand"]["bar"] == 0.9
    assert found["tasks"][0]["prospects"]["n_planned"] == 90


def test_requests_seen_under_other_terms_are_left_out(tmp_path: Path) -> None:
    cli.log(tmp_path, 300)
    cli.recording(tmp_path, 300)
    config = CONFIG.replace(
        'model: openai/small, api_base: "BASE"', "model: recorded, path: tape.jsonl"
    )
    (tmp_path / "parity.yaml").write_text(config, encoding="utf-8")

    def planned(*flags: str) -> dict[str, Any]:
        done = cli.run("plan", *flags, "--json", cwd=tmp_path)
        task: dict[str, Any] = json.loads(done.out)["tasks"][0]
        return task

    assert planned()["n_available"] == 300
    assert cli.run("run", "--max-samples", "200", cwd=tmp_path).code == 0
    assert planned("--max-samples", "200")["n_available"] == 300
    assert planned()["n_available"] == 100
    # The whole log once more under other terms: nothing is left to plan for.
    assert cli.run("run", "--seed", "7", cwd=tmp_path).code == 0
    assert "under other terms" in planned("--seed", "8")["why_closed"]


def test_plan_takes_what_describes_a_study_to_run(tmp_path: Path) -> None:
    plan, run = (
        set(re.findall(r"--[a-z-]+", cli.run(command, "--help", cwd=tmp_path).out.split("Opt")[1]))
        for command in ("plan", "run")
    )
    assert run - plan == {"--concurrency", "--max-wait", "--missing", "--yes", "--verbose"}
    assert plan - run == set()

import json
import re
import sys
from pathlib import Path

import cli
import pytest

ROOT = Path(__file__).resolve().parents[2]
GENERATOR = ROOT / "datasets" / "helpdesk" / "generate.py"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, cli.Done]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, cli.run("demo", "--quiet", cwd=folder)


def expected(truth: Path) -> dict[str, str]:
    tasks = json.loads(truth.read_text("utf-8"))["tasks"]
    return {
        f"{task}/{name}": arm["expected"]
        for task, found in tasks.items()
        for name, arm in found["candidates"].items()
    }


def assert_as_planted(truth: Path, out: Path) -> None:
    found = cli.decisions(out)
    for arm, wanted in expected(truth).items():
        status = found[arm]["status"]
        if wanted != "either":
            assert (status == "certified") == (wanted == "certified"), (arm, wanted, status)


def test_the_demo_finds_what_was_planted(demo: tuple[Path, cli.Done]) -> None:
    folder, done = demo
    assert done.code == 0, done.told
    assert_as_planted(ROOT / "datasets/helpdesk/truth.json", folder / "reports")
    assert len(cli.decisions(folder / "reports")) == 18
    assert re.search(r"\bNO$", done.out, re.MULTILINE) is None
    assert done.out.count(" ok") == 18


def test_every_line_of_the_demo_fits_80_columns(demo: tuple[Path, cli.Done]) -> None:
    tables = [line for line in demo[1].out.splitlines() if "reports/" not in line]
    assert max(map(len, tables)) <= 80


def test_the_readme_shows_the_demos_real_output(demo: tuple[Path, cli.Done]) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    shown, *_ = re.findall(r"```text\n(.*?)```", readme, re.DOTALL)
    assert shown.splitlines() == [line.rstrip() for line in demo[1].out.splitlines()]


def test_what_the_demo_says_it_wrote_is_there(demo: tuple[Path, cli.Done]) -> None:
    folder, done = demo
    paths = re.findall(r"^\w+: (reports/\S+)$", done.out, re.MULTILINE)
    assert {Path(path).name for path in paths} == {
        "report.html", "manifest.json", "summary.json", "run.duckdb", "journal.jsonl",
    }  # fmt: skip
    assert all((folder / path).stat().st_size > 0 for path in paths)


def test_the_report_asks_the_network_for_nothing(demo: tuple[Path, cli.Done]) -> None:
    html = (cli.only_run(demo[0] / "reports") / "report.html").read_text("utf-8")
    assert re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", html) is None
    assert "default-src 'none'" in html


def test_again_gives_the_same_manifest_byte_for_byte(demo: tuple[Path, cli.Done]) -> None:
    folder, _ = demo
    manifest = cli.only_run(folder / "reports") / "manifest.json"
    before = manifest.read_bytes()
    assert cli.run("demo", "--quiet", cwd=folder).code == 0
    assert manifest.read_bytes() == before


def test_another_truth_is_found_too(tmp_path: Path) -> None:
    plants = {
        "ticket-triage.swift-lite": 0.80,
        "invoice-extraction.birch-7b": 0.995,
        "kb-answers.swift-lite": 0.995,
        "reply-drafts.birch-7b": 0.90,
        "call-summaries.atlas-mini": 0.995,
        "moderation.atlas-mini": 0.85,
    }
    options = [part for arm, rate in plants.items() for part in ("--plant", f"{arm}={rate}")]
    data = tmp_path / "data"
    done = cli.program([sys.executable, str(GENERATOR), "--out", str(data), *options], cwd=tmp_path)
    assert done.code == 0, done.told
    done = cli.run("demo", "--quiet", "--dataset", str(data), cwd=tmp_path)
    assert done.code == 0, done.told
    assert_as_planted(data / "truth.json", tmp_path / "reports")
    wanted = expected(data / "truth.json")
    assert wanted["kb-answers/swift-lite"] == "certified"
    assert wanted["ticket-triage/swift-lite"] == "not certified"

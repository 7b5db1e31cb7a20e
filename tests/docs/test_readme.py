import re
from pathlib import Path

import cli
import pytest

from parity_eval.config import read

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = re.findall(r"^ {4}(?:\S*/)?parity-eval (.+?)(?: *#.*)?$", README, re.MULTILINE)


def options_of(command: str, folder: Path) -> str:
    return cli.run(command, "--help", cwd=folder).out


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_and_option_of_the_readme_exists(tmp_path: Path, line: str) -> None:
    command, *rest = line.split()
    told = options_of(command, tmp_path)
    assert told.startswith("Usage:")
    for option in (word for word in rest if word.startswith("--")):
        assert re.search(rf"{option}\b", told), option


def test_the_readme_names_every_command(tmp_path: Path) -> None:
    told = cli.run("--help", cwd=tmp_path).out
    commands = re.findall(r"^  (\w+)  ", told.split("Commands:")[1], re.MULTILINE)
    assert set(commands) == {line.split()[0] for line in COMMANDS}


def test_the_configurations_in_the_readme_can_be_read(tmp_path: Path) -> None:
    first, second = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    path = tmp_path / "parity.yaml"
    path.write_text(first, encoding="utf-8")
    study = read(path, {})
    assert [spec.name for spec in study.candidates] == ["openai/gpt-4o-mini", "llama", "taped"]
    assert [task.name for task in study.tasks] == ["triage", "invoices", "replies"]
    path.write_text(second, encoding="utf-8")
    moderation, replies = read(path, {}).tasks
    assert [gate.name for gate in moderation.gates] == ["valid", "quick", "toxic", "german"]
    assert replies.estimand == "quality"


def test_the_log_line_in_the_readme_is_a_log(tmp_path: Path) -> None:
    (line,) = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    (tmp_path / "log.jsonl").write_text(line, encoding="utf-8")
    (tmp_path / "tape.jsonl").write_text(
        '{"id": "r-1", "response": {"choices": [{"message": {"content": "refund"}}]}}\n', "utf-8"
    )
    done = cli.run(
        "run", "--log", "log.jsonl", "--baseline", "big", "--candidate", "tape.jsonl", cwd=tmp_path
    )
    assert done.code == 0, done.told
    assert list(cli.decisions(tmp_path / "reports")) == ["triage/tape"]
    assert cli.summary(tmp_path / "reports")["n_rejects"] == 0


def test_links_in_the_documents_lead_somewhere() -> None:
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        text = (ROOT / name).read_text("utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
            assert (ROOT / target).exists(), (name, target)


def test_the_two_set_up_lines_are_what_ci_runs() -> None:
    ci = (ROOT / ".ci/run").read_text("utf-8")
    line = 'python3 -m venv .venv && .venv/bin/pip install "nox[uv]" && .venv/bin/nox'
    assert line in README
    assert line in ci

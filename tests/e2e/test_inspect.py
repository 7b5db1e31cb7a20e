"""`parity-eval inspect` as it is typed: what it says, and that it sends and writes nothing."""

import gzip
import json
import re
import shlex
from pathlib import Path
from typing import Any

import cli
import pytest

from parity_eval import documents

ROOT = Path(__file__).resolve().parents[2]


def priced(n: int, **changes: object) -> dict[str, Any]:
    """Return a line of a model that has a price."""
    people: dict[str, object] = {"user": f"u{n % 20}", "session": f"s{n % 40}"}
    row = cli.entry(n, **(people | changes))
    row["request"] = {**row["request"], "model": "gpt-4o"}
    if row.get("response"):
        row["response"] = {**row["response"], "model": "gpt-4o-2024-11-20"}
    return row


def document(*arguments: str, folder: Path) -> dict[str, Any]:
    done = cli.run("inspect", *arguments, "--json", cwd=folder)
    assert (done.code, done.err) == (0, ""), done.told
    found: dict[str, Any] = json.loads(done.out)
    documents.check(found, "inspect.v1.json", "the census")
    return found


def test_what_is_said_of_a_log(tmp_path: Path) -> None:
    cli.write_lines(tmp_path / "log.jsonl", [priced(i) for i in range(120)])
    done = cli.run("inspect", "log.jsonl", cwd=tmp_path)
    assert (done.code, done.err) == (0, ""), done.told
    lines = done.out.splitlines()
    assert max(map(len, lines[:-1])) <= 80
    said = " ".join(done.out.split())
    assert "120 requests, 1 Oct 2026 to 28 Oct 2026 (27 days)" in said
    assert "parity-eval prompt log (canonical)" in said
    assert "gpt-4o > gpt-4o-2024-11-20 120 2,400 240" in said
    # 2,400 input tokens at $2.50 and 240 output tokens at $10 per million.
    assert "$0.0084 at the prices of litellm's table" in said
    assert "120 of 120 (100%) can be sent again as they were" in said
    assert "20; the top 10% have 10% of the spend; 40 sessions, 2.0 per user" in said
    assert lines[-1] == (
        "Next: parity-eval plan --log log.jsonl --baseline gpt-4o --candidate gpt-4o-mini"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]


def test_the_next_command_works(tmp_path: Path) -> None:
    cli.write_lines(tmp_path / "my log.jsonl", [priced(i) for i in range(120)])
    told = cli.run("inspect", "my log.jsonl", cwd=tmp_path).out
    (words,) = re.findall(r"^Next: parity-eval (.*)$", told, re.MULTILINE)
    done = cli.run(*shlex.split(words), cwd=tmp_path)
    assert done.code == 0, done.told
    assert "Nothing was sent" in done.out


def test_the_document_adds_up(tmp_path: Path) -> None:
    rows: list[object] = [priced(i, task=f"task-{i % 3}") for i in range(90)]
    rows += [priced(0, task="task-0"), priced(200, response=None, task="task-0"), '{"id": \n']
    cli.write_lines(tmp_path / "log.jsonl", rows)
    found = document("log.jsonl", folder=tmp_path)
    assert (found["n_rows"], found["n_requests"], found["n_replayable"]) == (93, 91, 91)
    assert found["n_answers"] == 90
    assert [(one["n"], one["first"]) for one in found["skipped"]] == [(1, "log.jsonl:91")]
    assert [(one["n"], one["first"]) for one in found["rejected"]] == [(1, "log.jsonl:93")]
    assert [(task["name"], task["volume"]["n"]) for task in found["tasks"]] == [
        ("task-0", 31), ("task-1", 30), ("task-2", 30),
    ]  # fmt: skip
    assert found["tasks_from"] == "log"
    for part in ("tasks", "models"):
        for figure in ("n", "input_tokens", "output_tokens", "usd"):
            total = sum(one["volume"][figure] for one in found[part])
            assert total == pytest.approx(found["volume"][figure])
    assert [lack["what"] for lack in found["lacks"]] == ["responses"]
    assert found["lacks"][0]["usd"] > 0


def test_tasks_to_paste(tmp_path: Path) -> None:
    cli.write_lines(tmp_path / "log.jsonl", [priced(i, task=f"t{i % 2}") for i in range(80)])
    done = cli.run("inspect", "log.jsonl", "--suggest-tasks", cwd=tmp_path)
    assert (done.code, done.err) == (0, ""), done.told
    assert "Ticket 00" in done.out.partition("To paste")[0]
    (tmp_path / "parity.yaml").write_text(
        "version: 1\nlog: {path: log.jsonl}\nbaseline: {model: gpt-4o}\n"
        "candidates: [{model: gpt-4o-mini}]\n" + done.out[done.out.index("tasks:\n") :],
        encoding="utf-8",
    )
    planned = cli.run("plan", cwd=tmp_path)
    assert planned.code == 0, planned.told
    assert re.findall(r"^(\w+)  .*requests$", planned.out, re.MULTILINE) == ["t0", "t1"]


def test_the_page_is_written_and_said(tmp_path: Path) -> None:
    cli.write_lines(tmp_path / "log.jsonl", [priced(i) for i in range(60)])
    done = cli.run("inspect", "log.jsonl", "--html", "page.html", cwd=tmp_path)
    assert (done.code, done.err) == (0, "page: page.html\n"), done.told
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "60 requests, 1 task" in page
    assert "http:" not in page.replace("http-equiv", "")
    assert "https:" not in page


def test_what_models_and_users_wrote_cannot_act(tmp_path: Path) -> None:
    evil = "\x1b[31m[bold]<script>alert(1)</script>\u202e"
    rows = [
        priced(i, task=f"{evil}{i % 2}", user=evil, metadata={"feature": evil}) for i in range(40)
    ]
    for row in rows:
        row["request"]["model"] = evil
        row["request"]["messages"][1]["content"] += evil
    cli.write_lines(tmp_path / "log.jsonl", rows)
    for arguments in ((), ("--suggest-tasks",)):
        done = cli.run("inspect", "log.jsonl", "--html", "p.html", *arguments, cwd=tmp_path)
        assert done.code == 0, done.told
        assert "\x1b" not in done.told
        assert "\u202e" not in done.told
    page = (tmp_path / "p.html").read_text("utf-8")
    assert "<script" not in page
    assert "\x1b" not in page


def test_a_log_without_answers_says_what_that_costs(tmp_path: Path) -> None:
    cli.write_lines(tmp_path / "log.jsonl", [priced(i, response=None) for i in range(50)])
    done = cli.run("inspect", "log.jsonl", cwd=tmp_path)
    assert done.code == 0, done.told
    said = " ".join(done.out.split())
    assert "responses lacking in all 50: the baseline has to be asked" in said
    # 250 tokens for each answer at $10 per million, and a little input.
    assert re.search(r"at the price of gpt-4o, about \$0\.1[2-4]", said)
    assert "source: replay" in said
    assert done.out.splitlines()[-1] == "Next: parity-eval inspect log.jsonl --suggest-tasks"


def test_one_row_is_a_log(tmp_path: Path) -> None:
    cli.write_lines(tmp_path / "log.jsonl", [priced(1)])
    done = cli.run("inspect", "log.jsonl", cwd=tmp_path)
    assert done.code == 0, done.told
    assert "1 request, " in done.out


def test_nothing_to_send_again(tmp_path: Path) -> None:
    rows = [priced(i) for i in range(3)]
    for row in rows:
        row["request"]["messages"] = [{"role": "user", "content": "[REDACTED]"}]
    cli.write_lines(tmp_path / "log.jsonl", rows)
    done = cli.run("inspect", "log.jsonl", cwd=tmp_path)
    assert done.code == 0, done.told
    assert "0 of 3 (0%) can be sent again" in done.out
    assert "there is nothing to evaluate" in " ".join(done.out.split())
    assert "Next:" not in done.out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty; a prompt log has"),
        ('{"a": 1}\n{"a": 2}\n', "is of no known format"),
        ('{"id": "a", "request": {"messages": [1]}}\n' * 2, "none of 2 rows"),
    ],
)
def test_a_log_that_is_none_is_one_message(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "log.jsonl").write_text(text, encoding="utf-8")
    done = cli.run("inspect", "log.jsonl", "--html", "p.html", cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "p.html").exists()


def test_no_such_log_and_no_such_format(tmp_path: Path) -> None:
    done = cli.run("inspect", "nowhere.jsonl", cwd=tmp_path)
    assert (done.code, done.err.startswith("error: nowhere.jsonl: no such file")) == (2, True)
    cli.log(tmp_path, 3)
    done = cli.run("inspect", "log.jsonl", "--format", "canonicle", cwd=tmp_path)
    assert done.code == 2
    assert "canonical" in done.err


def test_a_folder_of_several_formats(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    cli.write_lines(logs / "a.jsonl", [priced(i) for i in range(30)])
    with gzip.open(logs / "b.jsonl.gz", "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps(priced(i)) + "\n" for i in range(20, 40))
    (logs / "c.csv").write_text("prompt,response\nhello,hi\nbye,ciao\n", encoding="utf-8")
    found = document("logs", folder=tmp_path)
    assert [(file["format"], file["n_requests"]) for file in found["files"]] == [
        ("canonical", 30), ("canonical", 10), ("plain", 2),
    ]  # fmt: skip
    assert found["skipped"][0]["n"] == 10  # the files overlap
    done = cli.run("inspect", "logs", "--no-color", cwd=tmp_path)
    assert "3 files: " in done.out
    assert "logs/c.csv" in done.out


def test_quiet_says_only_the_result(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("prompt,response\nhello,hi\n", encoding="utf-8")
    assert cli.run("inspect", "t.csv", cwd=tmp_path).err != ""
    assert cli.run("inspect", "t.csv", "-q", cwd=tmp_path).err == ""


def test_part_of_a_log(tmp_path: Path) -> None:
    rows = [priced(i, metadata={"env": "prod" if i % 4 else "test"}) for i in range(56)]
    cli.write_lines(tmp_path / "log.jsonl", rows)
    limits = ("--since", "2026-10-15", "--where", "metadata.env=prod")
    found = document("log.jsonl", *limits, folder=tmp_path)
    # 28 lines of the second half of the month, six of them of the test environment.
    assert (found["n_rows"], found["n_requests"]) == (56, 22)
    assert sum(reason["n"] for reason in found["skipped"]) == 34
    assert "--since 2026-10-15T00:00:00Z --where metadata.env=prod" in found["next_command"]
    planned = cli.run(*shlex.split(found["next_command"])[1:], cwd=tmp_path)
    assert planned.code == 0, planned.told
    done = cli.run("inspect", "log.jsonl", "--since", "yesterday", cwd=tmp_path)
    assert (done.code, "must be a date" in done.err) == (2, True)

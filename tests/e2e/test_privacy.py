"""Secrets and personal data through the real command line: what leaves, what stays on disk."""

import gzip
import json
from pathlib import Path
from typing import Any

import cli
import pytest
import server

LEAK = "sk-" + "proj-aB3dE6gH9jK2mN5pQ8sT0123456789abcdefghij"
KEY = {"PARITY_EVAL_MASK_KEY": "0123456789abcdef0123456789abcdef"}
ASKS = "tasks: {triage: {kind: classification}}\n"


def mail(n: int) -> str:
    return f"user{n}@example.org"


def line(n: int, **changes: object) -> dict[str, Any]:
    found = cli.entry(n, user=mail(n), metadata={"env": "prod" if n % 2 else "test"}, **changes)
    said = found["request"]["messages"][1]
    said["content"] += f" Write to {mail(n)}."
    if n % 10 == 0:
        said["content"] += f" My key is {LEAK}."
    return found


def config(folder: Path, base: str, rest: str = "") -> None:
    (folder / "parity.yaml").write_text(
        "version: 1\nlog: {path: log.jsonl}\nbaseline: {model: big}\n"
        f"candidates: [{{name: good, model: openai/good, api_base: '{base}', transport: direct, "
        "price: {input: 1, output: 1}}]\ntest: {bar: 0.9}\nbudget: {usd: 100}\n" + ASKS + rest,
        encoding="utf-8",
    )


def answer(model: str, item: str) -> str:
    return cli.label(int(item.split()[1].rstrip(":")))


def stored(folder: Path) -> str:
    """Return all that a run has written, as text."""
    return "\n".join(
        path.read_bytes().decode("utf-8", "replace") for path in folder.rglob("*") if path.is_file()
    )


def test_a_secret_is_neither_sent_nor_stored_nor_shown(tmp_path: Path) -> None:
    cli.write_lines(tmp_path / "log.jsonl", [line(n) for n in range(120)])
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url)
        done = cli.run("run", cwd=tmp_path)
        again = cli.run("run", cwd=tmp_path)
        sent = [json.dumps(seen.body) for seen in upstream.seen]
    assert (done.code, again.code) == (0, 0), done.told
    assert not any(LEAK in body for body in sent)
    assert any("[openai-key-" in body for body in sent)
    # Nobody asked for personal data to be hidden.
    assert mail(1) in "".join(sent)
    assert LEAK not in stored(tmp_path / "reports") + done.told
    assert "12 of 120 log lines hold what is hidden from here on (openai-key 12)" in done.err
    summary = cli.summary(tmp_path / "reports")
    assert (summary["masked"], summary["n_masked"]) == ({"openai-key": 12}, 12)
    (arm,) = summary["tasks"][0]["arms"]
    assert arm["decision"]["status"] == "certified"
    assert any(
        text.startswith("in 12 requests placeholders stand for secrets")
        for text in arm["qualifications"]
    )
    manifest = json.loads((cli.only_run(tmp_path / "reports") / "manifest.json").read_bytes())
    assert manifest["study"]["masked"]["places"] == {"openai-key": 12}


def test_personal_data_is_hidden_where_it_is_wanted(tmp_path: Path) -> None:
    # The model repeats what it is told: its answer is hidden as the baseline's is.
    def repeats(model: str, item: str) -> str:
        return f"{mail(3)} wrote: {answer(model, item)}"

    rows = [
        line(n, response=cli.completion(f"{mail(3)} wrote: {cli.label(n)}")) for n in range(120)
    ]
    cli.write_lines(tmp_path / "log.jsonl", rows)
    with server.serving(repeats) as upstream:
        config(tmp_path, upstream.base_url, "privacy: {personal: mask}\n")
        refused = cli.run("run", cwd=tmp_path)
        done = cli.run("run", cwd=tmp_path, env=KEY)
        n_sent = len(upstream.seen)
        assert cli.run("run", cwd=tmp_path, env=KEY).code == 0
        assert len(upstream.seen) == n_sent  # the same placeholders, the same run
        sent = "".join(json.dumps(seen.body) for seen in upstream.seen)
    assert refused.code == 2
    assert "set it once (export PARITY_EVAL_MASK_KEY=" in refused.err
    assert done.code == 0, done.told
    assert "@example.org" not in sent + stored(tmp_path / "reports")
    assert cli.decisions(tmp_path / "reports")["triage/good"]["status"] == "certified"


def test_an_exported_run_holds_nothing_that_was_hidden(tmp_path: Path) -> None:
    cli.write_lines(tmp_path / "log.jsonl", [line(n) for n in range(120)])
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url, "privacy: {personal: mask}\n")
        assert cli.run("run", cwd=tmp_path, env=KEY).code == 0
    folder = cli.only_run(tmp_path / "reports")
    target = tmp_path / "tapes"
    options = ("--to", "recordings", "--with-log", "--output", str(target))
    done = cli.run("export", str(folder), *options, cwd=tmp_path, env=KEY)
    assert done.code == 0, done.told
    log = gzip.decompress((target / "log.jsonl.gz").read_bytes()).decode()
    assert log.count("\n") == 120
    assert LEAK not in log
    assert "@example.org" not in log
    # Whoever gets it needs no key to come to the same decisions.
    again = cli.run("run", "parity.yaml", cwd=target)
    assert again.code == 0, again.told
    before, after = (cli.decisions(path / "reports") for path in (tmp_path, target))
    assert before == after


def test_secrets_can_be_kept(tmp_path: Path) -> None:
    cli.write_lines(tmp_path / "log.jsonl", [line(n) for n in range(120)])
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url, "privacy: {secrets: keep}\n")
        assert cli.run("run", cwd=tmp_path).code == 0
        assert any(LEAK in json.dumps(seen.body) for seen in upstream.seen)
    summary = cli.summary(tmp_path / "reports")
    assert summary["masked"] == {}
    assert "masked" not in (cli.only_run(tmp_path / "reports") / "manifest.json").read_text()


FLAGS = ("--log", "log.jsonl", "--baseline", "big", "--candidate", "tape.jsonl")


def test_lines_are_chosen_by_time_and_field(tmp_path: Path) -> None:
    cli.write_lines(tmp_path / "log.jsonl", [line(n) for n in range(200)])
    cli.recording(tmp_path, 200)
    chosen = ("--since", "2026-10-03", "--until", "2026-10-21", "--where", "metadata.env=prod")
    done = cli.run("run", *FLAGS, *chosen, "--bar", "0.9", cwd=tmp_path)
    assert done.code == 0, done.told
    summary = cli.summary(tmp_path / "reports")
    # Of 28 days 18 count, and every other line.
    assert summary["left_out"] == {
        "before 2026-10-03T00:00:00Z (log.since)": 16,
        "not before 2026-10-21T00:00:00Z (log.until)": 56,
        "metadata.env is not prod (log.where)": 64,
    }
    assert summary["tasks"][0]["n_lines"] == 64
    assert summary["first_timestamp"] == "2026-10-04T12:00:00Z"
    assert "left out: metadata.env is not prod (log.where)" in done.told.replace("\n", " ")
    page = (cli.only_run(tmp_path / "reports") / "report.html").read_text(encoding="utf-8")
    assert "metadata.env is not prod" in page
    plan = cli.run("plan", *FLAGS, *chosen, cwd=tmp_path)
    assert "64 of 200 log lines do not count: metadata.env is not prod (log.where)" in plan.err


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--since", "2027-01-01"), "none of 50 log lines counts: 50 before 2027-01-01"),
        (("--where", "metadata.env=none"), "50 metadata.env is not none (log.where); widen"),
        (("--where", "prod"), "--where prod: must be FIELD=GLOB"),
        (("--since", "soon"), "log.since: 'soon' given, must be a date or a time"),
    ],
)
def test_what_cannot_be_chosen(tmp_path: Path, options: tuple[str, ...], what: str) -> None:
    cli.write_lines(tmp_path / "log.jsonl", [line(n) for n in range(50)])
    cli.recording(tmp_path, 50)
    done = cli.run("run", *FLAGS, *options, cwd=tmp_path)
    assert done.code == 2
    assert what in done.err


def test_traffic_counts_lines_and_asks_once(tmp_path: Path) -> None:
    # One request is half of the log; it and 50 others are asked for once each.
    rows = [line(n) for n in range(1, 51)] + [line(0, id=f"again-{i:02}") for i in range(50)]
    cli.write_lines(tmp_path / "log.jsonl", rows)
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url)
        text = (tmp_path / "parity.yaml").read_text(encoding="utf-8")
        text = text.replace("{bar: 0.9}", "{bar: 0.9, weight: traffic, target: log}")
        (tmp_path / "parity.yaml").write_text(text, encoding="utf-8")
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        assert max(upstream.calls.values()) == 1
        asked = [json.dumps(seen.body) for seen in upstream.seen]
    summary = cli.summary(tmp_path / "reports")
    (task,) = summary["tasks"]
    assert task["n_units"] == 100
    assert (
        "100 usable requests of this kind in this log, each counted as often as"
        in (task["statement"])
    )
    assert summary["unit"] == "request, as often as it was asked"
    (arm,) = task["arms"]
    assert arm["decision"]["status"] == "certified"
    assert sum("Ticket 0000" in body for body in asked) == 1

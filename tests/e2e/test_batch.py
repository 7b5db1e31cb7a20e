import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import batch_server
import cli
import pytest
import server
from batch_server import serving

pytestmark = pytest.mark.replay

PRICE = "{input: 1000, output: 1000}"


def answer(model: str, item: str) -> str:
    n = int(item.split()[1].rstrip(":"))
    return "nonsense" if model.startswith("bad") and n % 3 == 0 else cli.label(n)


def config(
    folder: Path, base: str, *, candidates: str = "", replay: str = "", extra: str = ""
) -> Path:
    named = candidates or "\n".join(
        f"  - {{name: {name}, model: openai/{name}, api_base: '{base}', price: {PRICE}}}"
        for name in ("good", "bad")
    )
    path = folder / "parity.yaml"
    path.write_text(
        f"version: 1\nlog: {{path: log.jsonl}}\nbaseline: {{model: big}}\n"
        f"candidates:\n{named}\ntest: {{bar: 0.9}}\nbudget: {{usd: 100000}}\n"
        f"replay: {{mode: batch, poll_s: 0.01, batch_size: 60{replay}}}\n{extra}",
        encoding="utf-8",
    )
    return path


def evidence(out: Path) -> list[object]:
    manifest = json.loads((cli.only_run(out) / "manifest.json").read_bytes())
    return [(route["task"], route["certified"], route["arms"]) for route in manifest["routes"]]


def ledger(out: Path) -> dict[str, Any]:
    return {line["model"]: line for line in cli.summary(out)["ledger"]}


def test_batches_decide_as_single_calls_do_and_each_answer_is_paid_once(tmp_path: Path) -> None:
    cli.log(tmp_path)
    with serving(answer=answer) as upstream:
        config(tmp_path, upstream.base_url)
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        found = cli.decisions(tmp_path / "reports")
        assert found["triage/good"]["status"] == "certified"
        assert found["triage/bad"]["status"] in ("rejected", "futile")
        assert max(upstream.items.values()) == 1
        assert max(len(batch.calls) for batch in upstream.batches.values()) == 60
        assert "sent with 60 requests" in done.err
        n_asked = upstream.items.total()
    paid = sum(line["paid_calls"] for line in ledger(tmp_path / "reports").values())
    assert paid == n_asked
    with server.serving(answer) as single:
        path = config(tmp_path, single.base_url)
        path.write_text(path.read_text("utf-8").replace("mode: batch, ", ""), "utf-8")
        assert cli.run("run", "--out", str(tmp_path / "single"), cwd=tmp_path).code == 0
    assert cli.decisions(tmp_path / "single") == found


def test_a_batch_is_reserved_and_settled_at_its_own_price(tmp_path: Path) -> None:
    cli.log(tmp_path)
    with serving(answer=answer) as upstream:
        candidates = (
            f"  - {{name: good, model: openai/good, api_base: '{upstream.base_url}', "
            f"price: {PRICE}, batch_price: {{input: 500, output: 500}}}}\n"
        )
        config(tmp_path, upstream.base_url, candidates=candidates)
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
    line = ledger(tmp_path / "reports")["good"]
    tokens = line["input_tokens"] + line["output_tokens"]
    assert line["usd"] == pytest.approx(tokens * 500 / 1e6)


def test_the_budget_holds_for_what_is_in_a_batch(tmp_path: Path) -> None:
    cli.log(tmp_path)
    with serving(answer=answer) as upstream:
        config(tmp_path, upstream.base_url)
        done = cli.run("run", "--max-cost", "1", cwd=tmp_path)
        assert done.code == 3, done.told
        assert "budget" in done.told
        assert 0 < cli.summary(tmp_path / "reports")["spent_usd"] <= 1
        assert cli.run("run", cwd=tmp_path).code == 0
        assert max(upstream.items.values()) == 1


def test_expired_calls_go_into_another_batch_and_are_not_wrong_answers(tmp_path: Path) -> None:
    cli.log(tmp_path)

    def late(item: str, attempt: int) -> batch_server.Fate:
        return "expired" if attempt == 1 and int(item.split()[1][:4]) % 20 == 0 else "answered"

    with serving(
        answer=answer, fate=late, ending=lambda n: "expired" if n == 0 else "completed"
    ) as upstream:
        config(tmp_path, upstream.base_url)
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        assert max(upstream.items.values()) == 2
    assert cli.decisions(tmp_path / "reports")["triage/good"]["mean"] == 1.0


def test_a_recorded_and_a_direct_candidate_beside_one_in_batches(tmp_path: Path) -> None:
    cli.log(tmp_path)
    cli.recording(tmp_path)
    with serving(answer=answer) as upstream, server.serving(answer) as single:
        candidates = (
            f"  - {{name: good, model: openai/good, api_base: '{upstream.base_url}', "
            f"price: {PRICE}}}\n"
            f"  - {{name: quick, model: openai/quick, api_base: '{single.base_url}', "
            f"price: {PRICE}, mode: direct}}\n"
            "  - {model: recorded, path: tape.jsonl}\n"
        )
        config(tmp_path, upstream.base_url, candidates=candidates)
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        found = cli.decisions(tmp_path / "reports")
        assert {d["status"] for d in found.values()} == {"certified"}
        assert {model for model, _ in upstream.items} == {"good"}
        assert {seen.model for seen in single.seen} == {"quick"}


def start(folder: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        cli.command("run"),
        cwd=folder,
        env=cli.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def in_batches(out: Path) -> list[str]:
    path = cli.only_run(out) / "batches.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [json.loads(line)["record"]["kind"] for line in lines]


def test_ctrl_c_while_a_batch_is_on_its_way_and_the_next_day_it_is_collected(
    tmp_path: Path,
) -> None:
    cli.log(tmp_path)
    with serving(answer=answer, is_stuck=True) as upstream:
        config(tmp_path, upstream.base_url)
        process = start(tmp_path)
        while upstream.asked["GET /batches/ID"] < 4 and process.poll() is None:
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        assert process.returncode == 3, err
        assert b"2 batches were sent and are not over (batch_1, batch_2)" in err
        assert b"the same command collects them" in b" ".join(err.split())
        assert cli.summary(tmp_path / "reports")["state"] == "incomplete"
        reserved = cli.summary(tmp_path / "reports")["spent_usd"]
        assert reserved > 0  # what is in a batch will be billed
        upstream.is_stuck = False
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        assert max(upstream.items.values()) == 1
    summary = cli.summary(tmp_path / "reports")
    assert summary["spent_usd"] == pytest.approx(sum(line["usd"] for line in summary["ledger"]))


def test_ctrl_c_while_what_must_pass_is_asked_first(tmp_path: Path) -> None:
    cli.log(tmp_path)
    with serving(answer=answer, is_stuck=True) as upstream:
        must = "tasks: {triage: {must_pass: [t0001, t0003]}}\n"
        config(tmp_path, upstream.base_url, extra=must)
        process = start(tmp_path)
        while upstream.asked["GET /batches/ID"] < 4 and process.poll() is None:
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        assert process.returncode == 3, err
        assert b"the same command goes on" in err
        assert b"Unclosed" not in err
        assert len(upstream.batches) == 2  # one for each candidate
        upstream.is_stuck = False
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        assert max(upstream.items.values()) == 1
    assert cli.decisions(tmp_path / "reports")["triage/bad"]["status"] == "rejected"


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    folder = tmp_path_factory.mktemp("whole")
    cli.log(folder)
    with serving(answer=answer) as upstream:
        config(folder, upstream.base_url)
        done = cli.run("run", cwd=folder)
        assert done.code == 0, done.told
    return evidence(folder / "reports")


def killed(folder: Path, upstream: batch_server.Server, when: str, n: int) -> None:
    """Run until the server has seen something so often, then kill."""
    process = start(folder)
    while upstream.asked[when] < n and process.poll() is None:
        os.sched_yield()
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("when", "n"),
    [
        ("POST /files", 1),
        ("POST /batches", 1),
        ("GET /batches/ID", 3),
        ("GET /files/ID/content", 1),
    ],
)
def test_after_a_kill_nothing_is_sent_twice_and_the_decisions_are_the_same(
    tmp_path: Path, uninterrupted: list[object], when: str, n: int
) -> None:
    cli.log(tmp_path)
    with serving(answer=answer, latency_s=0.005) as upstream:
        config(tmp_path, upstream.base_url)
        killed(tmp_path, upstream, when, n)
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        assert max(upstream.items.values()) == 1
    assert evidence(tmp_path / "reports") == uninterrupted


def test_killed_before_the_endpoint_has_said_its_name_for_the_batch(tmp_path: Path) -> None:
    cli.log(tmp_path)
    with serving(answer=answer, slow_create_s=60.0) as upstream:
        config(tmp_path, upstream.base_url)
        process = start(tmp_path)
        assert upstream.created.wait(60)
        process.kill()
        process.communicate()
        upstream.slow_create_s = 0.0
        n_batches = len(upstream.batches)
        assert "submitted" not in in_batches(tmp_path / "reports")
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        assert n_batches >= 1
        assert upstream.asked["GET /batches"] >= 1
        assert max(upstream.items.values()) == 1


def test_a_batch_api_that_refuses_leaves_the_arm_open_with_its_words(tmp_path: Path) -> None:
    cli.log(tmp_path)
    with serving(trouble=lambda _what, _attempt: "refused") as upstream:
        config(tmp_path, upstream.base_url)
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 3, done.told
        assert "This model has no batch API" in " ".join(done.told.split())
        assert upstream.asked.total() <= 4
        assert not upstream.batches


@pytest.mark.parametrize(
    ("candidate", "extra", "words"),
    [
        ("{model: recorded, path: tape.jsonl, mode: batch}", "", "a recording has answered"),
        ("{model: openai/m, mode: direct, batch_price: {input: 1, output: 1}}", "", "not asked in"),
        (
            "{model: openai/m, price: {input: 1, output: 1}}",
            "tasks: {triage: {gates: {quick: {check: speed, seconds: 2}}}}\n",
            "answers in batches do not tell how fast",
        ),
        ("{model: groq/m, price: {input: 1, output: 1}}", "", "no batch API is known for 'groq/m'"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_sent(
    tmp_path: Path, candidate: str, extra: str, words: str
) -> None:
    cli.log(tmp_path)
    cli.recording(tmp_path)
    config(tmp_path, "", candidates=f"  - {candidate}", extra=extra)
    done = cli.run("run", cwd=tmp_path)
    assert done.code == 2
    assert words in " ".join(done.err.split())


def test_offline_sends_no_batch(tmp_path: Path) -> None:
    cli.log(tmp_path)
    with serving(answer=answer) as upstream:
        config(tmp_path, upstream.base_url)
        done = cli.run("run", "--offline", cwd=tmp_path)
        assert done.code == 2
        assert "--offline" in done.err
        assert upstream.asked.total() == 0

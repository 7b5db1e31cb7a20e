"""Limits, faults and refusals, with real endpoints that do all of it."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import cli
import pytest
import server

from parity_eval.providers.openai_compatible import OpenAICompatible
from parity_eval.records import (
    Answer,
    Call,
    Finish,
    Hole,
    JsonValue,
    Missing,
    ModelName,
    ModelSpec,
    Price,
    Purpose,
    Request,
    RequestId,
    Response,
    TaskName,
)
from parity_eval.replay import Replay, ReplaySettings, call_key

pytestmark = pytest.mark.replay

PRICE = "{input: 1000, output: 1000}"
FAULTS: dict[server.Fault, float] = {
    "rate_limit": 0.10,
    "server_error": 0.05,
    "truncated": 0.01,
    "html": 0.005,
    "empty": 0.005,
    "reset": 0.01,
    "slow": 0.01,
}


def calls(n: int, spec: ModelSpec) -> list[Call]:
    made = []
    for i in range(n):
        body: dict[str, JsonValue] = {
            "messages": [{"role": "user", "content": cli.item(i)}],
            "max_tokens": 5,
        }
        request = Request(id=RequestId(f"r{i}"), body=body)
        key = call_key(request, spec, 0)
        made.append(
            Call(
                key=key,
                request=request,
                spec=spec,
                purpose=Purpose.CANDIDATE,
                task=TaskName("triage"),
            )
        )
    return made


def answers(upstream: server.Server, n: int, journal: list[dict[str, object]]) -> Sequence[Answer]:
    spec = ModelSpec(
        name=ModelName("m"), model="openai/m", api_base=upstream.base_url,
        price=Price(input=1.0, output=1.0),
    )  # fmt: skip
    provider = OpenAICompatible(spec=spec)
    replay = Replay({spec.name: provider}, journal.append, ReplaySettings(concurrency=32))

    async def run() -> list[Answer]:
        try:
            return await asyncio.gather(*(replay.answer(call) for call in calls(n, spec)))
        finally:
            await provider.aclose()

    return asyncio.run(run())


def test_every_answer_is_had_with_no_more_calls_than_the_faults_make_necessary() -> None:
    n, journal = 600, list[dict[str, object]]()
    with server.serving(fault=server.sometimes(FAULTS), slow_s=0.5) as upstream:
        given = answers(upstream, n, journal)
        n_seen = len(upstream.seen)
        n_faults = sum(seen.fault not in (None, "slow") for seen in upstream.seen)
    assert all(isinstance(a, Response) and a.finish is Finish.STOP for a in given)
    assert n_faults > 0.14 * n
    assert n_seen <= 1.05 * (n + n_faults)
    kinds = [record["kind"] for record in journal]
    assert kinds.count("answer") == n
    assert kinds.count("attempt") == n_faults
    assert kinds.count("failed") == 0


def test_an_endpoint_that_falls_silent_is_a_timeout_that_says_so() -> None:
    def slow(model: str, item: str, attempt: int) -> server.Fault:
        return "slow"

    with server.serving(fault=slow, slow_s=5.0) as upstream:
        spec = ModelSpec(name=ModelName("m"), model="openai/m", api_base=upstream.base_url)
        provider = OpenAICompatible(spec=spec, read_timeout_s=0.1)

        async def run() -> Answer:
            try:
                return await provider.complete(calls(1, spec)[0])
            finally:
                await provider.aclose()

        answer = asyncio.run(run())
    assert isinstance(answer, Missing)
    assert answer.hole is Hole.TIMEOUT
    assert "not a byte of an answer for 0.1 s" in answer.detail


def config(folder: Path, base: str, extra: str = "") -> None:
    (folder / "parity.yaml").write_text(
        "version: 1\nlog: {path: log.jsonl}\nbaseline: {model: big}\ncandidates:\n"
        + "".join(
            f"  - {{name: {name}, model: openai/{name}, api_base: '{base}', price: {PRICE}}}\n"
            for name in ("good", "bad")
        )
        + f"test: {{bar: 0.9}}\nbudget: {{usd: 100000}}\n{extra}",
        encoding="utf-8",
    )


def answer(model: str, item: str) -> str:
    return cli.label(int(item.split()[1].rstrip(":")))


def refusing(retry_after: str) -> server.Answering:
    def reply(model: str, item: str) -> str | server.Reply:
        if model == "good":
            return answer(model, item)
        error = {"message": "Try again at noon", "type": "requests", "code": "rate_limit_exceeded"}
        headers = {"Retry-After": retry_after}
        return server.Reply(status=429, body={"error": error}, headers=headers)

    return reply


def test_a_refusal_that_lasts_too_long_ends_its_arm_and_no_other(tmp_path: Path) -> None:
    cli.log(tmp_path)
    with server.serving(refusing("3600")) as upstream:
        config(tmp_path, upstream.base_url, "replay: {concurrency: 4}\n")
        done = cli.run("run", "--max-wait", "30", cwd=tmp_path)
        assert done.code == 3, done.told
        assert "Try again at noon" in done.told.replace("\n", " ")
        assert upstream.calls.total() <= 150 + 4
        assert sum(n for (model, _), n in upstream.calls.items() if model == "bad") <= 4
    found = cli.decisions(tmp_path / "reports")
    assert found["triage/good"]["status"] == "certified"
    assert found["triage/bad"]["status"] == "open"


@pytest.mark.parametrize("fault", ["rate_limit", "server_error"])
def test_ctrl_c_does_not_wait_for_a_pause(tmp_path: Path, fault: server.Fault) -> None:
    cli.log(tmp_path)

    def failing(model: str, item: str, attempt: int) -> server.Fault | None:
        return fault if model == "bad" else None

    with server.serving(answer, fault=failing) as upstream:
        config(tmp_path, upstream.base_url, "replay: {concurrency: 4, max_wait_s: 100000}\n")
        process = subprocess.Popen(
            cli.command("run"),
            cwd=tmp_path,
            env=cli.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        while not any(n > 1 for n in upstream.calls.values()) and process.poll() is None:
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        try:
            # Were anything waited for, it would take 30 refusals, or six failures of each call.
            _, err = process.communicate(timeout=25)
        finally:
            process.kill()
        assert process.returncode == 3, err
        n_calls = upstream.calls.total()
    assert "Traceback" not in err.decode()
    assert cli.summary(tmp_path / "reports")["state"] == "incomplete"
    ledger = cli.summary(tmp_path / "reports")["ledger"]
    retries = sum(line["retries"] for line in ledger)
    assert retries >= 1
    assert n_calls >= sum(line["paid_calls"] for line in ledger) + retries


def test_a_task_that_has_spent_its_share_stays_open_and_goes_on_with_more(tmp_path: Path) -> None:
    rows = [cli.entry(i, task="triage" if i % 2 else "other") for i in range(200)]
    cli.write_lines(tmp_path / "log.jsonl", rows)
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url, "tasks: {triage: {max_usd: 1}, other: {}}\n")
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 3, done.told
        assert "tasks.triage.max_usd of $1.00" in done.told.replace("\n", " ")
        found = cli.decisions(tmp_path / "reports")
        assert found["other/good"]["status"] == "certified"
        assert found["triage/good"]["status"] == "open"
        assert 0 < spent(tmp_path / "reports", "triage") <= 1.0
        n_calls = upstream.calls.total()
        config(tmp_path, upstream.base_url, "tasks: {triage: {max_usd: 1000}, other: {}}\n")
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        assert upstream.calls.total() > n_calls
        assert max(upstream.calls.values()) == 1
    assert cli.decisions(tmp_path / "reports")["triage/good"]["status"] == "certified"


def spent(out: Path, task: str) -> float:
    """Return what the journal says a task cost."""
    lines = (cli.only_run(out) / "journal.jsonl").read_text("utf-8").splitlines()
    records = [json.loads(line)["record"] for line in lines]
    return sum(
        float(record["usd"])
        for record in records
        if record["kind"] in ("answer", "lost") and record["task"] == task
    )

import json
import os
import signal
import subprocess
from pathlib import Path

import cli
import pytest
import server

PRICE = "{input: 1000, output: 1000}"
TRANSPORTS = ("direct", "litellm")


def answer(model: str, item: str) -> str:
    n = int(item.split()[1].rstrip(":"))
    return "nonsense" if model.startswith("bad") and n % 3 == 0 else cli.label(n)


def config(folder: Path, base: str, *, transport: str = "direct", extra: str = "") -> Path:
    candidates = "\n".join(
        f"  - {{name: {name}, model: openai/{name}, api_base: '{base}', price: {PRICE}, "
        f"transport: {transport}}}"
        for name in ("good", "bad")
    )
    path = folder / "parity.yaml"
    path.write_text(
        f"version: 1\nlog: {{path: log.jsonl}}\nbaseline: {{model: big}}\n"
        f"candidates:\n{candidates}\ntest: {{bar: 0.9}}\n"
        f"budget: {{usd: 100000}}\nreplay: {{concurrency: 8}}\n{extra}",
        encoding="utf-8",
    )
    return path


def evidence(out: Path) -> list[object]:
    manifest = json.loads((cli.only_run(out) / "manifest.json").read_bytes())
    return [(route["task"], route["certified"], route["arms"]) for route in manifest["routes"]]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_live_candidate_is_certified_and_a_bad_one_is_not(tmp_path: Path, transport: str) -> None:
    cli.log(tmp_path)
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url, transport=transport)
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        found = cli.decisions(tmp_path / "reports")
        assert found["triage/good"]["status"] == "certified"
        assert found["triage/bad"]["status"] in ("rejected", "futile")
        assert max(upstream.calls.values()) == 1
        sent = upstream.seen[0].body
        assert sent["max_tokens"] == 5
        assert sent["messages"][0]["role"] == "system"
        assert "stream" not in sent or not sent["stream"]
    ledger = cli.summary(tmp_path / "reports")["ledger"]
    assert sum(line["paid_calls"] for line in ledger) == len(upstream.seen)
    usd = sum(line["usd"] for line in ledger)
    assert usd == pytest.approx(cli.summary(tmp_path / "reports")["spent_usd"])


def test_the_same_command_again_asks_for_nothing(tmp_path: Path) -> None:
    cli.log(tmp_path)
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url)
        assert cli.run("run", cwd=tmp_path).code == 0
        first, n_calls = evidence(tmp_path / "reports"), len(upstream.seen)
        manifest = (cli.only_run(tmp_path / "reports") / "manifest.json").read_bytes()
        assert cli.run("run", cwd=tmp_path).code == 0
        assert len(upstream.seen) == n_calls
        assert evidence(tmp_path / "reports") == first
        assert (cli.only_run(tmp_path / "reports") / "manifest.json").read_bytes() == manifest


@pytest.mark.parametrize("after", [1, 15, 40])
def test_a_killed_run_goes_on_where_it_was_and_decides_the_same(tmp_path: Path, after: int) -> None:
    cli.log(tmp_path)
    with server.serving(answer, latency_s=0.02) as upstream:
        config(tmp_path, upstream.base_url)
        whole = cli.run("run", "--out", str(tmp_path / "whole"), cwd=tmp_path)
        assert whole.code == 0, whole.told
        upstream.calls.clear()
        out = tmp_path / "killed"
        process = subprocess.Popen(
            cli.command("run", "--out", str(out)),
            cwd=tmp_path,
            env=cli.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while upstream.calls.total() < after and process.poll() is None:
            os.sched_yield()
        process.kill()
        assert process.wait() == -signal.SIGKILL
        answered = {
            json.loads(line)["record"]["request"]
            for line in (cli.only_run(out) / "journal.jsonl").read_text("utf-8").splitlines()[:-1]
            if json.loads(line)["record"]["kind"] == "answer"
            and json.loads(line)["record"]["model"] == "good"
        }
        resumed = cli.run("run", "--out", str(out), cwd=tmp_path)
        assert resumed.code == 0, resumed.told
        repeated = {key: n for key, n in upstream.calls.items() if n > 1}
        assert len(repeated) <= 8  # in flight at the kill
        assert max(upstream.calls.values()) <= 2
        asked_twice = {
            f"t{int(item.split()[1][:4]):04d}" for model, item in repeated if model == "good"
        }
        assert asked_twice.isdisjoint(answered)
        assert evidence(out) == evidence(tmp_path / "whole")


def test_ctrl_c_saves_what_was_in_flight_and_the_run_goes_on(tmp_path: Path) -> None:
    cli.log(tmp_path)
    with server.serving(answer, latency_s=0.05) as upstream:
        config(tmp_path, upstream.base_url)
        process = subprocess.Popen(
            cli.command("run"),
            cwd=tmp_path,
            env=cli.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        while upstream.calls.total() < 20 and process.poll() is None:
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        assert process.returncode == 3, err
        assert b"finishing what is in flight" in err
        assert cli.summary(tmp_path / "reports")["state"] == "incomplete"
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        assert max(upstream.calls.values()) == 1


def test_ctrl_c_twice_stops_at_once_and_loses_nothing_that_arrived(tmp_path: Path) -> None:
    cli.log(tmp_path)

    faults: list[server.Fault] = ["slow"]

    def slowly(model: str, item: str, attempt: int) -> server.Fault | None:
        return faults[0] if faults and len(upstream.seen) >= 10 else None

    with server.serving(answer, fault=slowly, slow_s=120) as upstream:
        config(tmp_path, upstream.base_url)
        process = subprocess.Popen(
            cli.command("run"),
            cwd=tmp_path,
            env=cli.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        while sum(seen.fault == "slow" for seen in upstream.seen) < 1 and process.poll() is None:
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while b"finishing what is in flight" not in (line := process.stderr.readline()):
            assert line
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        assert process.returncode == 3, err
        assert b"Traceback" not in err
        assert b"the same command goes on where it stopped" in err
        answered = {key for key, n in upstream.calls.items() if n == 1} - {
            (seen.model, seen.item) for seen in upstream.seen if seen.fault
        }
        faults.clear()
        assert cli.run("run", cwd=tmp_path).code == 0
        assert all(upstream.calls[key] == 1 for key in answered)


def test_faults_are_neither_lost_nor_counted_as_wrong_answers(tmp_path: Path) -> None:
    cli.log(tmp_path)
    shares: dict[server.Fault, float] = {"server_error": 0.1, "reset": 0.05, "cut": 0.05}
    with server.serving(answer, fault=server.sometimes(shares)) as upstream:
        config(tmp_path, upstream.base_url)
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        n_faults = sum(seen.fault is not None for seen in upstream.seen)
        assert n_faults > 0
        n_items = len(upstream.calls)
        assert len(upstream.seen) == n_items + n_faults
    assert cli.decisions(tmp_path / "reports")["triage/good"]["mean"] == 1.0


@pytest.mark.parametrize("fault", ["auth", "unknown_model", "quota"])
def test_what_cannot_get_better_stops_the_arm_at_once(tmp_path: Path, fault: server.Fault) -> None:
    cli.log(tmp_path)

    def failing(model: str, item: str, attempt: int) -> server.Fault | None:
        return fault if model == "bad" else None

    with server.serving(answer, fault=failing) as upstream:
        config(tmp_path, upstream.base_url)
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 3, done.told
        assert "Traceback" not in done.told
        # Those that were already on their way when the first answer came.
        assert sum(n for (model, _), n in upstream.calls.items() if model == "bad") <= 8
        found = cli.decisions(tmp_path / "reports")
        assert found["triage/good"]["status"] == "certified"
        assert found["triage/bad"]["status"] == "open"


def test_the_budget_is_never_exceeded_and_the_run_can_go_on(tmp_path: Path) -> None:
    cli.log(tmp_path)
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url)
        done = cli.run("run", "--max-cost", "0.5", cwd=tmp_path)
        assert done.code == 3, done.told
        assert "budget" in done.told
        assert 0 < cli.summary(tmp_path / "reports")["spent_usd"] <= 0.5
        n_calls = len(upstream.seen)
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        assert len(upstream.seen) > n_calls
        assert max(upstream.calls.values()) == 1


def test_without_a_budget_nobody_is_asked_in_a_pipe_and_nothing_is_sent(tmp_path: Path) -> None:
    cli.log(tmp_path)
    with server.serving(answer) as upstream:
        path = config(tmp_path, upstream.base_url)
        path.write_text(path.read_text("utf-8").replace("budget: {usd: 100000}\n", ""), "utf-8")
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 2
        assert "in the worst case this run costs $" in done.err
        assert "--max-cost" in done.err
        assert upstream.seen == []
        assert not (tmp_path / "reports").exists()
        assert cli.run("run", "--yes", cwd=tmp_path).code == 0


def test_flags_alone_with_a_live_judge(tmp_path: Path) -> None:
    rows = [
        cli.entry(
            i, metadata={"kind": "support_reply"}, response=cli.completion(f"Long answer {i}.")
        )
        for i in range(80)
    ]
    cli.write_lines(tmp_path / "log.jsonl", rows)

    def replies(model: str, item: str) -> str:
        if model == "wise":
            return '{"reason": "equal", "winner": "tie"}'
        return f"Another long answer to {item}"

    with server.serving(replies) as upstream:
        path = config(tmp_path, upstream.base_url)
        path.write_text(
            "version: 1\nlog: {path: log.jsonl}\nbaseline: {model: big}\n"
            f"candidates: [{{name: good, model: openai/good, api_base: '{upstream.base_url}', "
            f"price: {PRICE}}}]\n"
            f"judge: {{name: wise, model: openai/wise, api_base: '{upstream.base_url}', "
            f"price: {PRICE}}}\n"
            "test: {bar: 0.8}\nbudget: {usd: 100000}\n",
            encoding="utf-8",
        )
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        # A judge that calls everything a tie also passes an answer to another question.
        assert cli.decisions(tmp_path / "reports")["triage/good"]["status"] == "not_measurable"
        assert not [seen for seen in upstream.seen if seen.model == "good"]


def test_offline_refuses_a_live_model_before_anything_is_sent(tmp_path: Path) -> None:
    cli.log(tmp_path)
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url)
        done = cli.run("run", "--offline", cwd=tmp_path)
        assert done.code == 2
        assert "--offline, but 'good', 'bad' would be asked over the network" in done.err
        assert upstream.seen == []
        assert not (tmp_path / "reports").exists()


def test_offline_a_finished_run_needs_nobody(tmp_path: Path) -> None:
    cli.log(tmp_path)
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url)
        assert cli.run("run", cwd=tmp_path).code == 0
        found, sent = cli.decisions(tmp_path / "reports"), len(upstream.seen)
        again = cli.run("run", "--offline", cwd=tmp_path)
        assert again.code == 0, again.told
        assert cli.decisions(tmp_path / "reports") == found
        assert len(upstream.seen) == sent


def test_offline_the_first_answer_that_is_not_there_is_named(tmp_path: Path) -> None:
    cli.log(tmp_path)
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url)
        assert cli.run("run", "--max-cost", "0.5", cwd=tmp_path).code == 3
        sent = len(upstream.seen)
        assert sent
        again = cli.run("run", "--offline", cwd=tmp_path)
        assert again.code == 2, again.told
        assert "nor the cache has its answer" in " ".join(again.err.split())
        assert len(upstream.seen) == sent


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    cli.log(tmp_path)
    config(tmp_path, "http://127.0.0.1:9/v1")
    done = cli.run("run", cwd=tmp_path)
    assert done.code == 3
    assert "127.0.0.1" in done.err
    assert "Traceback" not in done.told
    assert not (tmp_path / "reports").exists()


def test_a_missing_key_is_told_before_anything_is_written(tmp_path: Path) -> None:
    cli.log(tmp_path)
    done = cli.run(
        "run", "--log", "log.jsonl", "--baseline", "big", "--candidate", "openai/gpt-4o-mini",
        "--max-cost", "1", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 2
    assert "OPENAI_API_KEY" in done.err
    assert "Traceback" not in done.told
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("fault", ["auth", "unknown_model", "quota"])
def test_what_lies_with_the_endpoint_never_counts_against_a_candidate(
    tmp_path: Path, fault: server.Fault
) -> None:
    cli.log(tmp_path)

    mended: list[bool] = []

    def after_a_while(model: str, item: str, attempt: int) -> server.Fault | None:
        is_hit = model == "good" and not mended and len(upstream.seen) > 20
        return fault if is_hit else None

    with server.serving(answer, fault=after_a_while) as upstream:
        config(tmp_path, upstream.base_url, extra="missing: fail\n")
        done = cli.run("run", "--max-wait", "1", cwd=tmp_path)
        assert done.code == 3, done.told
        assert "counts holes against the candidate" not in " ".join(done.told.split())
        assert cli.decisions(tmp_path / "reports")["triage/good"]["status"] == "open"
        mended.append(True)
        assert cli.run("run", cwd=tmp_path).code == 0
    assert cli.decisions(tmp_path / "reports")["triage/good"]["status"] == "certified"


def test_one_model_under_two_names_that_take_different_things(tmp_path: Path) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    rows = [cli.entry(n) for n in range(150)]
    for row in rows:
        row["request"]["tools"] = [tool]
    cli.write_lines(tmp_path / "log.jsonl", rows)
    with server.serving(answer) as upstream:
        path = config(tmp_path, upstream.base_url)
        told = path.read_text(encoding="utf-8").replace("name: bad, model: openai/bad", "BAD")
        own = "name: bad, model: openai/good, capabilities: {tools: false}"
        path.write_text(told.replace("BAD", own), encoding="utf-8")
        assert cli.run("run", cwd=tmp_path).code == 0
    found = cli.decisions(tmp_path / "reports")
    assert found["triage/good"]["status"] == "certified"
    assert found["triage/bad"]["status"] == "rejected"

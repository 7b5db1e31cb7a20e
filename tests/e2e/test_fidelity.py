"""Live candidates are sent what was logged, or nothing at all, and the user is told which."""

from pathlib import Path
from typing import Any

import cli
import pytest
import server

pytestmark = pytest.mark.replay

PRICE = "{input: 1000, output: 1000}"
TRANSPORTS = ("direct", "litellm")
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]


def answer(model: str, item: str) -> str:
    return cli.label(int(item.split("Ticket ")[1][:4]))


def config(folder: Path, base: str, own: str = "", *, transport: str = "direct") -> None:
    (folder / "parity.yaml").write_text(
        "version: 1\nlog: {path: log.jsonl}\nbaseline: {model: big}\ncandidates:\n"
        f"  - {{name: small, model: openai/small, api_base: '{base}', price: {PRICE}, "
        f"transport: {transport}{', ' if own else ''}{own}}}\n"
        "test: {bar: 0.9}\nbudget: {usd: 100000}\nreplay: {concurrency: 4}\n"
        "tasks: {triage: {kind: classification}}\n",
        encoding="utf-8",
    )


def with_request(n: int, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    line = cli.entry(n)
    return {**line, "request": {**line["request"], **fields}}


def candidate(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = cli.decisions(out)["triage/small"]
    return found


def test_what_a_candidate_cannot_take_fails_at_no_cost(tmp_path: Path) -> None:
    rows = [with_request(n, tools=TOOLS) if n % 2 else cli.entry(n) for n in range(120)]
    cli.write_lines(tmp_path / "log.jsonl", rows)
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url, "capabilities: {tools: false}")
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        assert "cannot take 60 of 120 requests of task 'triage' (no tool support)" in " ".join(
            done.err.split()
        )
        assert all("tools" not in seen.body for seen in upstream.seen)
        n_sent = len(upstream.seen)
    found = candidate(tmp_path / "reports")
    assert found["status"] in ("rejected", "futile")
    (line,) = cli.summary(tmp_path / "reports")["ledger"]
    assert line["paid_calls"] == n_sent < line["calls"]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_candidate_with_a_prompt_of_its_own(tmp_path: Path, transport: str) -> None:
    cli.log(tmp_path)
    with server.serving(answer) as upstream:
        own = "prompt: {system: Name the queue., template: 'Mail: {text}'}"
        config(tmp_path, upstream.base_url, own, transport=transport)
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        for seen in upstream.seen:
            system, user = seen.body["messages"]
            assert system == {"role": "system", "content": "Name the queue."}
            assert user["content"].startswith("Mail: Ticket ")
    assert candidate(tmp_path / "reports")["status"] == "certified"
    run = cli.only_run(tmp_path / "reports")
    done = cli.run("export", str(run), "--to", "litellm", cwd=tmp_path)
    assert done.code == 0, done.told
    text = (tmp_path / "litellm.config.yaml").read_text("utf-8")
    assert "Task 'triage' stays on the baseline" in text
    assert "small" not in text
    (arm,) = cli.summary(tmp_path / "reports")["tasks"][0]["arms"]
    assert any(
        words.startswith("asked with a prompt of its own") for words in arm["qualifications"]
    )


def test_another_prompt_is_another_candidate(tmp_path: Path) -> None:
    cli.log(tmp_path, 60)
    with server.serving(answer) as upstream:
        for system in ("One.", "Two."):
            config(tmp_path, upstream.base_url, f"prompt: {{system: {system}}}")
            done = cli.run("run", cwd=tmp_path)
            assert done.code == 0, done.told
        sent = {seen.body["messages"][0]["content"] for seen in upstream.seen}
    assert sent == {"One.", "Two."}
    assert len(list((tmp_path / "reports").glob("*/journal.jsonl"))) == 2


def refusing_seed(model: str, item: str) -> server.Reply:
    message = "Unsupported parameter: 'seed' is not supported with this model."
    error = {"message": message, "param": "seed", "code": "unsupported_parameter"}
    return server.Reply(status=400, body={"error": error})


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_parameter_that_is_refused_again_and_again_stops_the_run(
    tmp_path: Path, transport: str
) -> None:
    cli.write_lines(tmp_path / "log.jsonl", [with_request(n, seed=7) for n in range(120)])
    with server.serving(refusing_seed) as upstream:
        config(tmp_path, upstream.base_url, transport=transport)
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 3, done.told
        assert "params: {drop: [seed]}" in " ".join(done.told.split())
        assert len(upstream.seen) <= 5 + 4
    assert candidate(tmp_path / "reports")["status"] == "open"
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url, "params: {drop: [seed]}", transport=transport)
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        assert all("seed" not in seen.body for seen in upstream.seen)
        assert all(seen.body["max_tokens"] == 5 for seen in upstream.seen)


def test_requests_that_the_log_cut_are_left_out_and_counted(tmp_path: Path) -> None:
    rows: list[object] = [cli.entry(n) for n in range(150)]
    for n in range(4):
        messages = [{"role": "user", "content": "Ticket 9999: a long story [truncated]"}]
        rows.append({**with_request(900 + n, messages=messages), "id": f"cut{n}"})
    cli.write_lines(tmp_path / "log.jsonl", rows)
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url)
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        assert not any("[truncated]" in seen.item for seen in upstream.seen)
    note = "4 of 154 log lines cannot be replayed and are left out (the log cut its text: 4)"
    assert note in " ".join(done.err.split())
    (task,) = cli.summary(tmp_path / "reports")["tasks"]
    assert task["excluded"] == {"cannot be replayed: the log cut its text": 4}
    assert candidate(tmp_path / "reports")["status"] == "certified"


def test_too_many_of_them_and_nothing_is_certified(tmp_path: Path) -> None:
    rows: list[object] = [cli.entry(n) for n in range(90)]
    rows += [{**with_request(900 + n, messages="[REDACTED]"), "id": f"cut{n}"} for n in range(10)]
    cli.write_lines(tmp_path / "log.jsonl", rows)
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url)
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        assert upstream.seen == []
    assert candidate(tmp_path / "reports")["status"] == "not_measurable"
    (task,) = cli.summary(tmp_path / "reports")["tasks"]
    assert "10 of 100 requests cannot be used" in task["why_not_measurable"]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("auth", "key read from SMALL_KEY"),
        ("unknown_model", "The model `small` does not exist"),
    ],
)
def test_a_wrong_key_or_model_stops_at_once(
    tmp_path: Path, transport: str, fault: server.Fault, words: str
) -> None:
    cli.log(tmp_path)
    with server.serving(answer, fault=lambda *_: fault) as upstream:
        config(tmp_path, upstream.base_url, "api_key_env: SMALL_KEY", transport=transport)
        done = cli.run("run", cwd=tmp_path, env={"SMALL_KEY": "sk-wrong-0123456789"})
        assert done.code == 3, done.told
        assert words in " ".join(done.told.split())
        assert "sk-wrong" not in done.told
        assert len(upstream.seen) <= 4  # those in flight
        assert max(upstream.calls.values()) == 1

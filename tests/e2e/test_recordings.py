import gzip
import json
import re
from pathlib import Path
from typing import Any

import cli
import pytest
import server

pytestmark = pytest.mark.replay

PRICE = "{input: 1000, output: 1000}"

GUARD = """
import os, sys

def refuse(event, arguments):
    if event == "socket.bind" and arguments[1][:2] == ("::1", 0):
        return  # urllib3, which detect-secrets imports, tries so whether there is IPv6
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.bind"):
        sys.stderr.write(f"GUARD: {event} {arguments}\\n")
        sys.stderr.flush()
        os._exit(99)

sys.addaudithook(refuse)
"""


def guarded(folder: Path) -> dict[str, str]:
    """Return an environment in which a process that opens a connection dies."""
    (folder / "guard").mkdir(exist_ok=True)
    (folder / "guard/sitecustomize.py").write_text(GUARD, encoding="utf-8")
    root = str(Path(__file__).resolve().parents[2])
    return {"PYTHONPATH": f"{folder / 'guard'}:{root}"}


def number(text: str) -> int:
    found = re.search(r"\d{4}", text)
    return int(found[0]) if found else -1


def reply(n: int, model: str) -> str:
    """Return a support reply; a bad model's is about another ticket at times."""
    if model.startswith("bad") and n % 3 == 0:
        n += 1
    return f"Ticket {n:04d} is on its way, says {model}."


def answer(model: str, item: str) -> str:
    if "judge" not in model:
        return reply(number(item), model)
    parts = re.split(
        r"===== \w+ (?:request|first answer|second answer) (?:begins|ends) =====", item
    )
    wanted, first, second = (number(parts[i]) for i in (1, 3, 5))
    winner = "tie" if (first == wanted) == (second == wanted) else "second"
    winner = "first" if first == wanted != second else winner
    if wanted % 50 == 7:
        return "I would rather not say."
    return f'{{"reason": "about {wanted}", "winner": "{winner}"}}'


def write_log(folder: Path, n: int = 120, *, model: str = "big") -> None:
    rows = [
        cli.entry(i, metadata={"kind": "support_reply"}, response=cli.completion(reply(i, model)))
        for i in range(n)
    ]
    cli.write_lines(folder / "log.jsonl", rows)


def live(base: str, name: str, **more: str) -> str:
    extra = "".join(f", {key}: {value}" for key, value in more.items())
    return f"{{name: {name}, model: openai/{name}, api_base: '{base}', price: {PRICE}{extra}}}"


def config(folder: Path, base: str, **parts: str) -> None:
    found = {
        "baseline": "{model: big, price: {input: 9, output: 9}}",
        "candidates": f"[{live(base, 'vendor/good')}, {live(base, 'bad')}]",
        "judge": live(base, "judge"),
        "test": "{bar: 0.8}",
        "budget": "{usd: 100000}",
        "replay": "{concurrency: 8}",
        **parts,
    }
    lines = (f"{key}: {value}\n" for key, value in found.items() if value)
    text = "version: 1\nlog: {path: log.jsonl}\n" + "".join(lines)
    (folder / "parity.yaml").write_text(text, encoding="utf-8")


def evidence(out: Path) -> list[Any]:
    """Return all that a manifest and a summary say of the arms, but for what a judge is called."""
    found = json.loads((cli.only_run(out) / "manifest.json").read_bytes())
    for route in found["routes"]:
        for arm in route["arms"]:
            del arm["evidence"]["rule_hash"]
    paths = {name: arm["path"] for name, arm in cli.decisions(out).items()}
    placebos = [task["placebos"] for task in cli.summary(out)["tasks"]]
    routes = [
        (r["task"], r["certified"], r["statement"], r["why"], r["arms"]) for r in found["routes"]
    ]
    return [routes, paths, placebos]


def tape(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def export(folder: Path, *more: str, to: str = "tapes") -> cli.Done:
    run = str(cli.only_run(folder / "reports"))
    return cli.run("export", run, "--to", "recordings", "-o", to, *more, cwd=folder)


def replayed(folder: Path, *more: str, code: int = 0) -> Path:
    """Run the exported study where no connection can be opened; return its output folder."""
    done = cli.run("run", *more, cwd=folder, env=guarded(folder.parent))
    assert done.code == code, done.told
    return folder / "reports"


def test_live_candidates_and_a_live_judge_are_replayed_with_the_same_evidence(
    tmp_path: Path,
) -> None:
    write_log(tmp_path)
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url)
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        assert "Of that: candidate $" in done.out
        base_url = upstream.base_url
    found = cli.decisions(tmp_path / "reports")
    assert found["triage/vendor/good"]["status"] == "certified"
    assert found["triage/bad"]["status"] in ("rejected", "futile")
    done = export(tmp_path)
    assert done.code == 0, done.told
    folder = tmp_path / "tapes"
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()) == [
        "judgments/judge.jsonl.gz",
        "parity.yaml",
        "recordings/bad.jsonl.gz",
        "recordings/vendor-good.jsonl.gz",
    ]
    assert base_url not in (folder / "parity.yaml").read_text("utf-8")
    rows = tape(folder / "judgments/judge.jsonl.gz")
    assert {row["shown_first"] for row in rows} == {"model_a", "model_b"}
    placebos = {"placebo:other", "placebo:commonest"}
    assert {row["model_b"] for row in rows} == {"vendor/good", "bad"} | placebos
    assert None in {row["preference"] for row in rows}
    assert len(tape(folder / "recordings/bad.jsonl.gz")) < 120
    assert evidence(replayed(folder)) == evidence(tmp_path / "reports")
    ledger = cli.summary(folder / "reports")["ledger"]
    assert sum(line["paid_calls"] for line in ledger) == 0


def test_a_replayed_baseline_and_its_second_answers_are_recorded_too(tmp_path: Path) -> None:
    write_log(tmp_path, 400)
    with server.serving(answer) as upstream:
        base = upstream.base_url
        second = live(base, "big-2")
        config(
            tmp_path,
            base,
            baseline=live(base, "big", source="replay", second=second),
            test="{estimand: noise_floor, margin: 0.1}",
        )
        assert cli.run("run", cwd=tmp_path).code == 0
    assert export(tmp_path, "--with-log").code == 0
    folder = tmp_path / "tapes"
    (tmp_path / "log.jsonl").unlink()
    rows = tape(folder / "recordings/big-2.jsonl.gz")
    assert {row["sample"] for row in rows} == {1}
    assert len(rows) < len(tape(folder / "recordings/big.jsonl.gz"))
    judged = {row["model_b"] for row in tape(folder / "judgments/judge.jsonl.gz")}
    assert judged >= {"big-2", "vendor/good"}
    assert evidence(replayed(folder)) == evidence(tmp_path / "reports")
    found = cli.decisions(folder / "reports")
    assert found["triage/vendor/good"]["status"] == "certified"


def test_the_demo_is_reproduced_from_its_recordings(tmp_path: Path) -> None:
    assert cli.run("demo", cwd=tmp_path).code == 0
    done = export(tmp_path, "--with-log")
    assert done.code == 0, done.told
    assert evidence(replayed(tmp_path / "tapes")) == evidence(tmp_path / "reports")


def test_an_unfinished_run_is_replayed_as_unfinished(tmp_path: Path) -> None:
    cli.log(tmp_path)
    with server.serving(lambda _, item: cli.label(number(item))) as upstream:
        config(tmp_path, upstream.base_url, judge="", test="{bar: 0.9}")
        assert cli.run("run", "--max-cost", "0.5", cwd=tmp_path).code == 3
    assert export(tmp_path).code == 0
    out = replayed(tmp_path / "tapes", code=3)
    ours, theirs = cli.decisions(out), cli.decisions(tmp_path / "reports")
    assert {arm["status"] for arm in theirs.values()} & {"open"}
    assert {k: (d["status"], d["n"], d["log_e"]) for k, d in ours.items()} == {
        k: (d["status"], d["n"], d["log_e"]) for k, d in theirs.items()
    }


def test_requests_that_were_refused_to_a_run_are_refused_to_its_replay(tmp_path: Path) -> None:
    write_log(tmp_path, 200)
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url, test="{bar: 0.8, max_samples: 40}")
        assert cli.run("run", "--out", "other", cwd=tmp_path).code == 0
        first = cli.only_run(tmp_path / "other")
        config(tmp_path, upstream.base_url, test="{bar: 0.8, alpha: 0.06}")
        assert cli.run("run", "--out", "other", cwd=tmp_path).code == 0
    (second,) = (p.parent for p in (tmp_path / "other").glob("*/journal.jsonl")
                 if p.parent != first)  # fmt: skip
    second.rename(tmp_path / "reports-of-second")
    (tmp_path / "other" / first.name).rename(tmp_path / "first")
    (tmp_path / "reports-of-second").rename(tmp_path / "other" / second.name)
    run = str(tmp_path / "other" / second.name)
    done = cli.run("export", run, "--to", "recordings", "-o", "tapes", cwd=tmp_path)
    assert done.code == 0, done.told
    assert evidence(replayed(tmp_path / "tapes")) == evidence(tmp_path / "other")


def test_nothing_is_overwritten_and_equal_runs_give_equal_files(tmp_path: Path) -> None:
    write_log(tmp_path)
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url)
        assert cli.run("run", cwd=tmp_path).code == 0
    assert export(tmp_path).code == 0
    before = {p: p.read_bytes() for p in (tmp_path / "tapes").rglob("*") if p.is_file()}
    refused = export(tmp_path)
    assert refused.code == 2
    assert "exists; --force replaces it" in refused.err
    assert export(tmp_path, "--force").code == 0
    after = {p: p.read_bytes() for p in (tmp_path / "tapes").rglob("*") if p.is_file()}
    assert after == before


def test_a_log_that_has_changed_is_told(tmp_path: Path) -> None:
    write_log(tmp_path)
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url)
        assert cli.run("run", cwd=tmp_path).code == 0
    write_log(tmp_path, 119)
    done = export(tmp_path)
    assert done.code == 2
    assert "has changed since" in done.err
    assert not (tmp_path / "tapes").exists()


def test_options_of_a_gateway_and_of_recordings_are_told_apart(tmp_path: Path) -> None:
    for arguments, told in (
        (["--to", "recordings", "--model", "a=b/c"], "--model belongs to a gateway"),
        (["--to", "litellm", "--with-log"], "--with-log belongs to `--to recordings`"),
    ):
        done = cli.run("export", ".", *arguments, cwd=tmp_path)
        assert done.code == 2
        assert told in done.err


def test_no_key_gets_into_an_export(tmp_path: Path) -> None:
    write_log(tmp_path)
    secret = "sk-live-0123456789abcdef"  # noqa: S105 - nobody's
    with server.serving(answer) as upstream:
        config(
            tmp_path,
            upstream.base_url,
            candidates=f"[{live(upstream.base_url, 'good', api_key_env='MY_SECRET')}]",
        )
        assert cli.run("run", cwd=tmp_path, env={"MY_SECRET": secret}).code == 0
    assert export(tmp_path, "--with-log").code == 0
    for path in (p for p in (tmp_path / "tapes").rglob("*") if p.is_file()):
        data = path.read_bytes()
        text = gzip.decompress(data) if path.suffix == ".gz" else data
        assert secret.encode() not in text
        assert b"MY_SECRET" not in text


def test_a_judge_that_rates_is_asked_anew(tmp_path: Path) -> None:
    write_log(tmp_path, 60)

    def rated(model: str, item: str) -> str:
        return '{"score": 4}' if model == "judge" else answer(model, item)

    with server.serving(rated) as upstream:
        config(
            tmp_path,
            upstream.base_url,
            test="{estimand: quality, max_samples: 40}",
            tasks="{triage: {quality: rating}}",
        )
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        done = export(tmp_path)
        assert done.code == 0, done.told
        assert "the judge is asked anew: task 'triage' has answers rated" in done.err
        again = cli.run("run", "--max-cost", "1000", cwd=tmp_path / "tapes")
        assert again.code == 0, again.told
    assert evidence(tmp_path / "tapes/reports") == evidence(tmp_path / "reports")


def test_a_candidate_that_nobody_asked_can_be_exported(tmp_path: Path) -> None:
    write_log(tmp_path)

    def undecided(model: str, item: str) -> str:
        return '{"winner": "tie"}' if model == "judge" else answer(model, item)

    with server.serving(undecided) as upstream:
        config(tmp_path, upstream.base_url)
        assert cli.run("run", cwd=tmp_path).code == 0
        assert not [seen for seen in upstream.seen if seen.model == "bad"]
    assert export(tmp_path).code == 0
    assert evidence(replayed(tmp_path / "tapes")) == evidence(tmp_path / "reports")


@pytest.mark.parametrize("transport", ["direct", "litellm"])
def test_offline_no_connection_is_opened(tmp_path: Path, transport: str) -> None:
    write_log(tmp_path)
    config(
        tmp_path,
        "http://192.0.2.1/v1",
        candidates=f"[{live('http://192.0.2.1/v1', 'good', transport=transport)}]",
    )
    done = cli.run("run", "--offline", cwd=tmp_path, env=guarded(tmp_path))
    assert done.code == 2, done.told
    assert "--offline, but" in done.err
    assert not (tmp_path / "reports").exists()


def test_the_guard_does_stop_a_run_that_goes_out(tmp_path: Path) -> None:
    write_log(tmp_path)
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url)
        done = cli.run("run", cwd=tmp_path, env=guarded(tmp_path))
        assert done.code == 99
        assert "GUARD: socket." in done.err
        assert upstream.seen == []

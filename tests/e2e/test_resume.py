"""What outlives a process: the journal of a run, and the answers that runs share."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cli
import pytest
import server

from parity_eval.frames import frame, is_whole, unframe

pytestmark = pytest.mark.replay

PRICE = "{input: 1000, output: 1000}"


def answer(model: str, item: str) -> str:
    n = int(item.split()[1].rstrip(":"))
    return "nonsense" if model.startswith("bad") and n % 3 == 0 else cli.label(n)


def config(
    folder: Path,
    base: str,
    *,
    candidates: Sequence[str] = ("good", "bad"),
    extra: str = "",
    transport: str = "direct",
    concurrency: int = 8,
) -> Path:
    models = "\n".join(
        f"  - {{name: {name}, model: openai/{name}, api_base: '{base}', price: {PRICE}, "
        f"transport: {transport}}}"
        for name in candidates
    )
    path = folder / "parity.yaml"
    path.write_text(
        f"version: 1\nlog: {{path: log.jsonl}}\nbaseline: {{model: big}}\n"
        f"candidates:\n{models}\ntest: {{bar: 0.9}}\nbudget: {{usd: 100000}}\n"
        f"replay: {{concurrency: {concurrency}}}\n{extra}",
        encoding="utf-8",
    )
    return path


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def records(path: Path) -> list[dict[str, Any]]:
    return [unframe(line, str(path)) for line in lines(path)]


def journal(out: Path) -> Path:
    return cli.only_run(out) / "journal.jsonl"


def answered(out: Path) -> set[tuple[str, str]]:
    """Return what the journal holds answers to, as the server knows it; not its last line."""
    whole = [unframe(line, "journal") for line in lines(journal(out)) if is_whole(line)]
    return {
        (row["model"], cli.item(int(row["request"][1:])))
        for row in whole
        if row["kind"] == "answer" and row["paid"]
    }


def kill_after(n_calls: int, upstream: server.Server, out: Path, cwd: Path) -> None:
    process = subprocess.Popen(
        cli.command("run", "--out", str(out)),
        cwd=cwd,
        env=cli.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while upstream.calls.total() < n_calls and process.poll() is None:
        os.sched_yield()
    process.kill()
    process.wait()


def forget_run(out: Path) -> None:
    """Remove everything but the answers that runs share."""
    for path in sorted(out.rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()
        elif path.name != "answers.jsonl":
            path.unlink()


def spent(out: Path, purpose: str) -> tuple[int, int, int]:
    """Return the calls, paid calls and cached answers of a purpose."""
    rows = [row for row in cli.summary(out)["ledger"] if row["purpose"] == purpose]
    return (
        sum(row["calls"] for row in rows),
        sum(row["paid_calls"] for row in rows),
        sum(row["cached"] for row in rows),
    )


@pytest.mark.parametrize("after", [2, 30])
def test_a_killed_run_ends_as_one_that_was_left_alone(tmp_path: Path, after: int) -> None:
    cli.log(tmp_path)
    out, whole = tmp_path / "killed", tmp_path / "whole"
    with server.serving(answer, latency_s=0.02) as upstream:
        config(tmp_path, upstream.base_url)
        assert cli.run("run", "--out", str(whole), cwd=tmp_path).code == 0
        upstream.calls.clear()
        kill_after(after, upstream, out, tmp_path)
        known = answered(out)
        resumed = cli.run("run", "--out", str(out), cwd=tmp_path)
        assert resumed.code == 0, resumed.told
        repeated = {key for key, n in upstream.calls.items() if n > 1}
    assert repeated.isdisjoint(known)
    assert len(repeated) <= 8  # in flight at the kill
    rows = records(journal(out))
    answers = [row["key"] for row in rows if row["kind"] == "answer"]
    assert len(set(answers)) == len(answers)
    verdicts = [(r["candidate"], r["position"]) for r in rows if r["kind"] == "verdict"]
    assert len(set(verdicts)) == len(verdicts)
    assert cli.decisions(out) == cli.decisions(whole)
    kept = [row["key"] for row in records(out / "answers.jsonl")[1:]]
    assert len(set(kept)) == len(kept)
    assert abs(len(kept) - len(answers)) <= 1  # the kill may fall between the two files


@pytest.mark.parametrize("lost", [1, 60])
def test_a_damaged_last_record_is_dropped_and_asked_for_again(tmp_path: Path, lost: int) -> None:
    cli.log(tmp_path)
    out = tmp_path / "reports"
    with server.serving(answer, latency_s=0.02) as upstream:
        config(tmp_path, upstream.base_url)
        kill_after(20, upstream, out, tmp_path)
        path = journal(out)
        torn = b"".join(line for line in lines(path) if is_whole(line))[:-lost]
        path.write_bytes(torn)
        known = answered(out)
        upstream.calls.clear()
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        assert "its last record was not whole and is dropped" in " ".join(done.err.split())
        assert set(upstream.calls).isdisjoint(known)
    assert cli.decisions(out)["triage/good"]["status"] == "certified"


def test_a_damaged_record_in_the_middle_is_told_and_the_results_stay(tmp_path: Path) -> None:
    cli.log(tmp_path)
    out = tmp_path / "reports"
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url)
        assert cli.run("run", cwd=tmp_path).code == 0
        path, n_calls = journal(out), len(upstream.seen)
        rows = lines(path)
        rows[7] = rows[7].replace(b'"kind"', b'"k\xffnd"', 1)
        path.write_bytes(b"".join(rows))
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 2, done.told
        assert "journal.jsonl:8: damaged; the lines before it are sound" in done.err
        assert "Traceback" not in done.told
        assert len(upstream.seen) == n_calls
    assert path.read_bytes() == b"".join(rows)
    shown = cli.run("show", str(path.parent), cwd=tmp_path)
    assert shown.code == 0, shown.told
    assert "good" in shown.out


@pytest.mark.parametrize("name", ["journal.jsonl", "answers.jsonl"])
def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path, name: str) -> None:
    cli.log(tmp_path)
    out = tmp_path / "reports"
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url)
        assert cli.run("run", cwd=tmp_path).code == 0
        n_calls = len(upstream.seen)
        path = journal(out) if name == "journal.jsonl" else out / name
        first, *rest = lines(path)
        path.write_bytes(frame({**unframe(first, name), "version": 99}) + b"".join(rest))
        before = path.read_bytes()
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 2, done.told
        assert "written by a newer version (format 99); upgrade" in done.err
        assert len(upstream.seen) == n_calls
    assert path.read_bytes() == before
    assert cli.run("show", str(cli.only_run(out)), cwd=tmp_path).code == 0


def test_a_full_disk_is_told_and_the_run_goes_on_once_there_is_room(tmp_path: Path) -> None:
    cli.log(tmp_path)
    out = tmp_path / "reports"
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url)
        # No file may grow beyond 32 (or 64) KiB.
        limited = ["sh", "-c", 'ulimit -f 64; exec "$@"', "sh", *cli.command("run")]
        done = cli.program(limited, cwd=tmp_path)
        assert done.code == 3, done.told
        told = " ".join(done.err.split())
        assert "File too large; make room and run the same command again" in told
        assert "journal.jsonl" in told
        assert "Traceback" not in done.told
        known = answered(out)
        assert known
        upstream.calls.clear()
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        assert set(upstream.calls).isdisjoint(known)
    assert cli.decisions(out)["triage/good"]["status"] == "certified"


def test_a_second_process_on_one_run_says_so_and_stops(tmp_path: Path) -> None:
    cli.log(tmp_path)
    with server.serving(answer, latency_s=0.1) as upstream:
        config(tmp_path, upstream.base_url, concurrency=2)
        first = subprocess.Popen(
            cli.command("run"),
            cwd=tmp_path,
            env=cli.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not upstream.calls and first.poll() is None:
            os.sched_yield()
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 3, done.told
        assert "another process is working on this run" in " ".join(done.err.split())
        assert first.wait() == 0
        assert max(upstream.calls.values()) == 1


def test_two_studies_at_once_share_one_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    processes = []
    with server.serving(answer, latency_s=0.01) as upstream:
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            cli.log(tmp_path / name)
            config(tmp_path / name, upstream.base_url, candidates=(name,))
            processes.append(
                subprocess.Popen(
                    cli.command("run", "--out", str(out)),
                    cwd=tmp_path / name,
                    env=cli.environment(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )
        assert [process.wait() for process in processes] == [0, 0]
        asked = set(upstream.calls)
    assert all(map(is_whole, lines(out / "answers.jsonl")))
    _, *kept = records(out / "answers.jsonl")
    assert len({row["key"] for row in kept}) == len(kept) == len(asked)
    assert len({row["run_id"] for row in kept}) == 2


def test_the_same_request_in_two_tasks_is_paid_once(tmp_path: Path) -> None:
    rows = [cli.entry(i) for i in range(100)]
    again = [cli.entry(i, id=f"u{i:04d}", task="sorting") for i in range(100)]
    cli.write_lines(tmp_path / "log.jsonl", [*rows, *again])
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url, candidates=("good",))
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        assert max(upstream.calls.values()) == 1
        n_asked = len(upstream.calls)
    out = tmp_path / "reports"
    assert cli.decisions(out)["triage/good"]["status"] == "certified"
    assert cli.decisions(out)["sorting/good"]["status"] == "certified"
    n_answers, n_paid, n_cached = spent(out, "candidate")
    assert (n_paid, n_cached) == (n_asked, n_answers - n_asked)
    assert n_cached > 0
    shared = [row for row in records(journal(out)) if "cached_from" in row]
    assert len(shared) == n_cached
    assert {row["cached_from"] for row in shared} == {cli.only_run(out).name}
    assert len({row["key"] for row in shared}) == n_cached


def test_a_new_run_asks_for_nothing_that_the_folder_knows(tmp_path: Path) -> None:
    cli.log(tmp_path)
    out = tmp_path / "reports"
    with server.serving(answer) as upstream:
        config(tmp_path, upstream.base_url)
        assert cli.run("run", cwd=tmp_path).code == 0
        first, until = cli.decisions(out), newest(out)
        forget_run(out)
        upstream.seen.clear()
        # How a model is called has no say in what it answers.
        config(tmp_path, upstream.base_url, transport="litellm")
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        answers = [row for row in records(journal(out)) if row["kind"] == "answer"]
        # What the first run had not got to when it was decided.
        assert len(upstream.seen) <= 32
    assert cli.decisions(out) == first
    assert newest(out) == until
    assert sum("cached_from" in row for row in answers) > 30


def newest(out: Path) -> str:
    manifest = json.loads((cli.only_run(out) / "manifest.json").read_bytes())
    return str(manifest["valid_until"])


def judged(folder: Path, base: str, candidate: str, extra: str = "") -> None:
    (folder / "parity.yaml").write_text(
        "version: 1\nlog: {path: log.jsonl}\nbaseline: {model: big}\n"
        f"candidates: [{{name: {candidate}, model: openai/{candidate}, api_base: '{base}', "
        f"price: {PRICE}}}]\n"
        f"judge: {{name: wise, model: openai/wise, api_base: '{base}', price: {PRICE}}}\n"
        f"test: {{bar: 0.8}}\nbudget: {{usd: 100000}}\n{extra}",
        encoding="utf-8",
    )


def test_what_a_judge_said_in_one_study_holds_in_the_next(tmp_path: Path) -> None:
    kind = {"kind": "support_reply"}
    rows = [
        cli.entry(i, metadata=kind, response=cli.completion(f"Long answer {i}.")) for i in range(80)
    ]
    cli.write_lines(tmp_path / "log.jsonl", rows)
    out = tmp_path / "reports"

    def tie(model: str, item: str) -> str:
        return '{"reason": "equal", "winner": "tie"}'

    with server.serving(tie) as upstream:

        def questions(candidate: str, extra: str = "") -> tuple[int, str]:
            """Ask the judge about the placebos, which are the same in every study."""
            judged(tmp_path, upstream.base_url, candidate, extra)
            upstream.seen.clear()
            done = cli.run("run", cwd=tmp_path)
            assert done.code == 0, done.told
            return len(upstream.seen), " ".join(done.err.split())

        n_asked, _ = questions("one")
        assert n_asked > 50
        assert questions("two")[0] == 0
        assert questions("three", "cache: {read: false}\n")[0] == n_asked
        assert questions("four")[0] == 0

        path = out / "answers.jsonl"
        head, *rest = records(path)
        aged = [{**row, "at": row["at"] - 31 * 86_400} for row in rest]
        path.write_bytes(b"".join(map(frame, [head, *aged])))
        assert questions("five", "cache: {max_age: 32}\n")[0] == 0
        n_again, told = questions("six")
        assert n_again == n_asked
        assert f"{n_asked} cached answers are older than 30 days" in told


def test_a_recording_may_hold_the_answers_of_several_models(tmp_path: Path) -> None:
    cli.log(tmp_path)
    rows = [
        {"id": f"t{i:04d}", "response": cli.completion(cli.label(i), f"m-{i % 3}")}
        for i in range(150)
    ]
    cli.write_lines(tmp_path / "tape.jsonl", rows)
    (tmp_path / "parity.yaml").write_text(
        "version: 1\nlog: {path: log.jsonl}\nbaseline: {model: big}\n"
        "candidates: [{model: recorded, path: tape.jsonl}]\ntest: {bar: 0.9}\n",
        encoding="utf-8",
    )
    done = cli.run("run", cwd=tmp_path)
    assert done.code == 0, done.told
    assert cli.decisions(tmp_path / "reports")["triage/tape"]["status"] == "certified"
    assert not (tmp_path / "reports" / "answers.jsonl").exists()


def test_another_model_behind_the_same_name_ends_the_arm(tmp_path: Path) -> None:
    cli.log(tmp_path)

    def moved(model: str, item: str) -> dict[str, Any]:
        n = int(item.split()[1].rstrip(":"))
        body = server.completion(model, item, {"content": answer(model, item)})
        return {**body, "model": "good-2" if model == "good" and n % 20 == 7 else f"{model}-1"}

    found = []
    with server.serving(moved) as upstream:
        for concurrency in (1, 8):
            out = tmp_path / f"out-{concurrency}"
            config(tmp_path, upstream.base_url, concurrency=concurrency)
            done = cli.run("run", "--out", str(out), cwd=tmp_path)
            assert done.code == 0, done.told
            found.append(cli.decisions(out))
    assert found[0] == found[1]
    ended = found[0]["triage/good"]
    assert ended["status"] == "inconclusive"
    assert ended["reason"] == (
        f"good was served as good-1 at first and as good-2 from request {ended['n'] + 1} on; an "
        "arm tests one model"
    )
    assert found[0]["triage/bad"]["status"] in ("rejected", "futile")

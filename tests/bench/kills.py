"""`kill -9` at random moments, then the same command again: `python -m tests.bench kills`."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import cli
import numpy as np
import server
from bench import measure
from bench.measure import met

N_KILLS = 100
N_PROMPTS = 120
CONCURRENCY = 8
LATENCY_S = 0.01
MOST_CALLS = 50
SEED = 20261121

N_HALF = 2_000
"""Calls after which the larger run is killed, half-way."""


def answer(model: str, item: str) -> str:
    n = int(item.split()[1].rstrip(":"))
    return "nonsense" if model == "m1" and n % 5 == 0 else cli.label(n)


@dataclass(slots=True, kw_only=True)
class Count:
    """What came of the kills."""

    kills: int = 0
    before_any_call: int = 0
    """Kills of a process that had not sent anything yet."""
    studies: int = 0
    equal: int = 0
    """Studies whose decisions and evidence are those of the run that nobody killed."""
    sent: int = 0
    in_flight: int = 0
    """Calls that had been sent and were not in the journal, over all kills."""
    most_in_flight: int = 0
    twice: int = 0
    """Calls beyond the first of an item."""
    answered_again: int = 0
    """Calls for what was in the journal."""


def measure_all(folder: Path) -> None:
    """Write reports/measured/kills.md."""
    dice = np.random.default_rng(SEED)
    count = Count()
    started = time.perf_counter()
    with server.serving(answer, latency_s=LATENCY_S) as upstream:
        measure.study(folder, upstream.base_url, N_PROMPTS, concurrency=CONCURRENCY)
        whole = measure.run(cli.command("run", "--quiet", "--out", "whole"), folder)
        n_whole = upstream.calls.total()
        wanted = measure.evidence(folder / "whole")
        while count.kills < N_KILLS:
            upstream.calls.clear()
            out = folder / f"killed-{count.studies}"
            _until_done(folder, out, upstream, dice, count, whole.wall_s)
            count.studies += 1
            count.sent += upstream.calls.total()
            count.twice += sum(n - 1 for n in upstream.calls.values())
            count.equal += measure.evidence(out) == wanted
    rows = [
        ("kills", count.kills, N_KILLS, met(is_met=count.kills >= N_KILLS)),
        ("of these before the process had sent anything", count.before_any_call, "", ""),
        ("studies that they were spread over", count.studies, "", ""),
        ("calls sent, and necessary",
         f"{count.sent:,} and {count.studies * n_whole:,}", "", ""),
        ("answered calls sent again", count.answered_again, 0,
         met(is_met=count.answered_again == 0)),
        ("calls sent twice", count.twice, f"at most {count.in_flight}, in flight at a kill",
         met(is_met=count.twice <= count.in_flight)),
        ("most calls in flight at a kill", count.most_in_flight, f"at most {CONCURRENCY}",
         met(is_met=count.most_in_flight <= CONCURRENCY)),
        ("studies with the decisions and evidence of an unkilled run",
         f"{count.equal} of {count.studies}", "all", met(is_met=count.equal == count.studies)),
        ("s for all of it", f"{time.perf_counter() - started:.0f}", "", ""),
    ]  # fmt: skip
    measure.write(
        "kills",
        "Kills",
        [
            (
                f"2 models x {N_PROMPTS} prompts, {LATENCY_S * 1000:.0f} ms, concurrency "
                f"{CONCURRENCY}, seed {SEED}. A process is killed at a random time, or after a "
                "random number of further calls; the same command follows, until the run is done. "
                "In flight: arrived at the server, and not in the journal after the kill."
            ),
            measure.table(("what", "measured", "target", "met"), rows),
            (
                "## Half-way\n\n2 models x 2,000 prompts, 50 ms, concurrency 64: killed after "
                f"{N_HALF:,} calls, then run again."
            ),
            measure.table(("what", "measured", "target", "met"), _half_way(folder / "half")),
        ],
    )


def _until_done(
    folder: Path,
    out: Path,
    upstream: server.Server,
    dice: np.random.Generator,
    count: Count,
    wall_s: float,
) -> None:
    """Run and kill until a process comes to its end."""
    known: set[tuple[str, str]] = set()
    while True:
        before = upstream.calls.copy()
        is_last = count.kills >= N_KILLS
        if not _killed(folder, out, upstream, dice, wall_s, spare=is_last):
            break
        count.kills += 1
        sent = upstream.calls - before
        count.before_any_call += not sent
        count.answered_again += sum(key in known for key in sent)
        known = _answered(out)
        unknown = sum(key not in known for key in sent)
        count.in_flight += unknown
        count.most_in_flight = max(count.most_in_flight, unknown)
    count.answered_again += sum(key in known for key in upstream.calls - before)


def _killed(
    folder: Path,
    out: Path,
    upstream: server.Server,
    dice: np.random.Generator,
    wall_s: float,
    *,
    spare: bool,
) -> bool:
    """Start a process and kill it; False: it was faster, or is to be spared."""
    by_calls = dice.random() < 0.75
    most = upstream.calls.total() + int(dice.integers(1, MOST_CALLS + 1))
    process = measure.start(cli.command("run", "--quiet", "--out", str(out)), folder)
    ends = time.monotonic() + dice.uniform(0, wall_s)
    while process.poll() is None and not spare:
        if upstream.calls.total() >= most if by_calls else time.monotonic() >= ends:
            process.kill()
            break
        time.sleep(0.001)
    is_killed = process.wait() != 0
    time.sleep(2 * LATENCY_S)  # what is still on its way to the server was sent, too
    return is_killed


def _answered(out: Path) -> set[tuple[str, str]]:
    """Return what a journal holds, as the server calls it; a torn last line does not count."""
    found: set[tuple[str, str]] = set()
    for journal in out.glob("*/journal.jsonl"):
        for line in journal.read_bytes().split(b"\n")[:-1]:
            record = json.loads(line)["record"]
            if record["kind"] == "answer":
                found.add((record["model"], cli.item(int(record["request"][1:]))))
    return found


def _half_way(folder: Path) -> list[tuple[object, ...]]:
    with measure.upstream(0.05) as endpoint:
        measure.study(folder, endpoint.base_url, 2_000)
        process = measure.start(cli.command("run", "--quiet"), folder)
        while endpoint.stats()["calls"] < N_HALF and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        process.wait()
        n_first = int(endpoint.stats()["calls"])
        ran = measure.run(cli.command("run", "--quiet"), folder)
        n_all = int(endpoint.stats()["calls"])
    twice = n_all - 4_000
    return [
        ("calls before the kill", f"{n_first:,}", "", ""),
        ("calls in all", f"{n_all:,}", "4,000", ""),
        ("calls paid twice", twice, f"at most {measure.CONCURRENCY}, in flight at the kill",
         met(is_met=twice <= measure.CONCURRENCY)),
        ("exit code of the second run", ran.code, 0, met(is_met=ran.code == 0)),
    ]  # fmt: skip

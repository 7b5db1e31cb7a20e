"""Ratios measured in one run, into reports/measured/bench.md: `nox -s bench`.

Each figure is divided by one of a bare loop that does the unavoidable part of the same work on the
same machine in the same run. Ratios carry over to other machines; seconds do not.
"""

import asyncio
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import msgspec

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import cli  # noqa: E402 - beside this folder

N_PROMPTS = 2_000
N_STARTS = 15
CONCURRENCY = 64
TABLE = ROOT / "reports" / "measured" / "bench.md"


def seconds(arguments: Sequence[str], cwd: Path) -> tuple[float, float]:
    """Return wall and CPU seconds of a whole process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(
        list(arguments), cwd=cwd, env=cli.environment(), check=True, stdout=subprocess.DEVNULL
    )
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu


def start_up(folder: Path) -> list[str]:
    helps, bares = [], []
    for _ in range(N_STARTS):
        helps.append(seconds(cli.command("--help"), folder)[1])
        bares.append(seconds([sys.executable, "-c", "pass"], folder)[1])
    ratio = statistics.median(helps) / statistics.median(bares)
    return [f"| `parity-eval --help` over a bare interpreter, CPU | {ratio:.1f} | at most 15 |"]


def reading(folder: Path) -> list[str]:
    from parity_eval.readers.canonical import Canonical  # noqa: PLC0415

    path = cli.write_lines(folder / "big.jsonl", [cli.entry(n) for n in range(20_000)])

    def ours() -> int:
        return sum(1 for _ in Canonical().read(str(path)))

    def bare() -> int:
        decode = msgspec.json.Decoder().decode
        with path.open("rb") as stream:
            return sum(1 for line in stream if decode(line))

    ratio = best(ours) / best(bare)
    return [f"| canonical reader over a bare msgspec loop, 20,000 lines | {ratio:.1f} | |"]


def best(work: Callable[[], object]) -> float:
    """Return the least CPU seconds of three."""
    found = []
    for _ in range(3):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return min(found)


@contextmanager
def upstream(latency_s: float) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tests/bench/upstream.py"), str(latency_s)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if process.stdout is None:
            raise RuntimeError
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


async def bare_loop(base_url: str, n_calls: int) -> None:
    slots = asyncio.Semaphore(CONCURRENCY)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one(n: int) -> None:
            body = cli.entry(n % N_PROMPTS)["request"]
            async with slots, session.post(f"{base_url}/chat/completions", json=body) as answer:
                json.loads(await answer.read())

        await asyncio.gather(*(one(n) for n in range(n_calls)))


def evaluation(folder: Path, latency_s: float) -> list[str]:
    """Two candidates on all prompts: sent, scored, tested, journaled, reported."""
    cli.log(folder, N_PROMPTS)
    with upstream(latency_s) as base_url:
        candidates = "\n".join(
            f"  - {{name: m{i}, model: openai/m{i}, api_base: '{base_url}', "
            "price: {input: 1, output: 1}}"
            for i in range(2)
        )
        # One answer in a hundred is wrong: the bar can be neither reached nor refuted, so that
        # every prompt is needed.
        (folder / "parity.yaml").write_text(
            "version: 1\nlog: {path: log.jsonl}\nbaseline: {model: big}\n"
            f"candidates:\n{candidates}\n"
            f"test: {{bar: 0.99, max_samples: {N_PROMPTS}, beta: 0.000001}}\n"
            f"budget: {{usd: 1000}}\nreplay: {{concurrency: {CONCURRENCY}}}\n",
            encoding="utf-8",
        )
        started = time.perf_counter()
        asyncio.run(bare_loop(base_url, 2 * N_PROMPTS))
        bare_s = time.perf_counter() - started
        wall_s, cpu_s = seconds(cli.command("run", "--quiet"), folder)
    found = cli.summary(folder / "reports")
    calls = sum(line["paid_calls"] for line in found["ledger"])
    size = sum(p.stat().st_size for p in cli.only_run(folder / "reports").glob("journal.jsonl"))
    floor_s = calls * latency_s / CONCURRENCY
    what = f"{calls:,} calls at {latency_s * 1000:.0f} ms, everything stored and scored"
    return [
        f"| {what}: wall over a bare aiohttp loop of {2 * N_PROMPTS:,} | {wall_s / bare_s:.1f} | |",
        f"| wall seconds of that (floor {floor_s:.1f}) | {wall_s:.1f} | |",
        f"| CPU seconds per 1,000 of them | {cpu_s / calls * 1000:.2f} | at most 1.5 |",
        f"| journal after them, MB | {size / 1e6:.1f} | at most 8 |",
    ]


def demo(folder: Path) -> list[str]:
    wall_s, cpu_s = seconds(cli.command("demo", "--quiet"), folder)
    return [f"| `parity-eval demo`, wall seconds (CPU {cpu_s:.1f}) | {wall_s:.1f} | at most 60 |"]


def main() -> None:
    rows: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        for i, part in enumerate(
            (
                start_up,
                reading,
                lambda folder: evaluation(folder, 0.0),
                lambda folder: evaluation(folder, 0.05),
                demo,
            )
        ):
            folder = Path(name) / str(i)
            folder.mkdir()
            rows += part(folder)
    text = (
        "# Benchmarks\n\n    nox -s bench\n\n"
        f"Python {platform.python_version()}, {os.cpu_count()} cores, one run; ratios against bare "
        "loops of the same run on the same machine.\n\n"
        "| what | measured | target |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n"
    )
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    TABLE.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()

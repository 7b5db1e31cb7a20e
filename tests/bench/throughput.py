"""Whole evaluations against bare loops, start-up, reading: `python -m tests.bench bench`."""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cli
import msgspec
from bench import measure
from bench.measure import CONCURRENCY, Ran, met

N_PROMPTS = 2_000
N_MODELS = 2
N_STARTS = 15
N_LITELLM = N_PROMPTS
N_TURNS = 2
LATENCIES = (0.0, 0.05, 0.2)
MOST_WALL_S = {0.0: 6, 0.05: 8, 0.2: 16}
MEMORY_OF = (500, 2_000, 4_000)

_WHAT = ("what", "measured", "target", "met")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """A whole evaluation, or a bare loop."""

    ran: Ran
    n_calls: int
    rate: float
    """Calls per second from the first to the last."""
    first_s: float
    """Seconds from the start of the process to the first call."""


def measure_all(folder: Path) -> None:
    """Write reports/measured/bench.md."""
    sections = [
        "## Start-up and reading\n\n"
        + measure.table(_WHAT, [*_start_up(folder), *_reading(folder)])
    ]
    for latency_s in LATENCIES:
        title = f"## {N_MODELS} models x {N_PROMPTS:,} prompts at {latency_s * 1000:.0f} ms"
        note = f"Concurrency {CONCURRENCY}; everything stored, scored, tested and reported."
        rows = _evaluation(folder / f"at-{latency_s}", latency_s)
        sections.append(f"{title}\n\n{note}\n\n{measure.table(_WHAT, rows)}")
    memory = measure.table(("calls", "peak MB", "CPU s per 1,000 calls"), _memory(folder))
    sections.append(f"## Memory\n\nThe same at 0 ms, with logs of three sizes.\n\n{memory}")
    through = measure.table(_WHAT, _litellm(folder / "litellm"))
    note = (
        f"{N_MODELS} models x {N_LITELLM} prompts at 0 ms, against `litellm.acompletion`; by "
        f"turns, the better of {N_TURNS}."
    )
    sections.append(f"## litellm transport\n\n{note}\n\n{through}")
    sections.append("## Demo\n\n" + measure.table(_WHAT, _demo(folder)))
    measure.write("bench", "Benchmarks", sections)


def _start_up(folder: Path) -> list[tuple[str, ...]]:
    helps, bares = [], []
    for _ in range(N_STARTS):
        helps.append(measure.run(cli.command("--help"), folder).cpu_s)
        bares.append(measure.run([sys.executable, "-c", "pass"], folder).cpu_s)
    ratio = statistics.median(helps) / statistics.median(bares)
    what = "`parity-eval --help` over a bare interpreter, CPU"
    return [(what, f"{ratio:.1f}", "at most 15", met(is_met=ratio <= 15))]


def _reading(folder: Path) -> list[tuple[str, ...]]:
    from parity_eval.readers.canonical import Canonical  # noqa: PLC0415 - not timed above
    from parity_eval.rows import read_rows  # noqa: PLC0415

    path = cli.write_lines(folder / "big.jsonl", [cli.entry(n) for n in range(20_000)])

    def ours() -> int:
        return sum(1 for _ in Canonical().read(read_rows([str(path)])))

    def bare() -> int:
        decode = msgspec.json.Decoder().decode
        with path.open("rb") as stream:
            return sum(1 for line in stream if decode(line))

    ratio = _best(ours) / _best(bare)
    what = "canonical reader over a bare msgspec loop, 20,000 lines, CPU"
    return [(what, f"{ratio:.1f}", "", "")]


def _best(work: Callable[[], object]) -> float:
    """Return the least CPU seconds of three."""
    found = []
    for _ in range(3):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return min(found)


def _evaluation(folder: Path, latency_s: float) -> list[tuple[str, ...]]:
    n_calls = N_MODELS * N_PROMPTS
    bare = bare_loop("aiohttp", latency_s, n_calls, N_PROMPTS, folder.parent)
    ours = evaluated(folder, latency_s, N_PROMPTS)
    run = cli.only_run(folder / "reports")
    size = sum(path.stat().st_size for path in (folder / "reports").rglob("*") if path.is_file())
    html = (run / "report.html").stat().st_size
    wall, cpu = ours.ran.wall_s, ours.ran.cpu_s / ours.n_calls * 1000
    return [
        ("calls sent", f"{ours.n_calls:,}", f"{n_calls:,}", met(is_met=ours.n_calls == n_calls)),
        _row("wall s of the whole process", wall, MOST_WALL_S[latency_s], "{:.1f}"),
        _rate(ours.rate, bare.rate, latency_s),
        (
            "bare aiohttp loop: calls/s (CPU s per 1,000)",
            f"{bare.rate:,.0f} ({bare.ran.cpu_s / bare.n_calls * 1000:.2f})",
            "",
            "",
        ),
        _row("CPU s per 1,000 calls, everything included", cpu, 1.5, "{:.2f}"),
        _row("peak MB", ours.ran.peak_mb, 200, "{:.0f}"),
        _row("first call after s", ours.first_s, 1.0, "{:.2f}"),
        _row("results on disk, MB", size / 1e6, 8, "{:.1f}"),
        _row("html, MB", html / 1e6, 1, "{:.2f}"),
    ]


def _row(what: str, found: float, most: float, form: str) -> tuple[str, ...]:
    return what, form.format(found), f"at most {most}", met(is_met=found <= most)


def _rate(ours: float, bare: float, latency_s: float) -> tuple[str, ...]:
    if not latency_s:
        least = min(1_000.0, bare / 2)
        target = f"at least {least:,.0f}: 1,000, or half of the bare loop"
        return "calls/s while calling", f"{ours:,.0f}", target, met(is_met=ours >= least)
    limit = CONCURRENCY / latency_s
    what = f"calls/s while calling (of {limit:,.0f} that {CONCURRENCY} slots allow)"
    shown = f"{ours:,.0f} ({ours / limit:.0%}; bare loop {bare / limit:.0%})"
    return what, shown, "at least 90%", met(is_met=ours >= 0.9 * limit)


def _memory(folder: Path) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for n_prompts in MEMORY_OF:
        found = evaluated(folder / f"memory-{n_prompts}", 0.0, n_prompts)
        cpu = found.ran.cpu_s / found.n_calls * 1000
        rows.append((f"{found.n_calls:,}", f"{found.ran.peak_mb:.0f}", f"{cpu:.2f}"))
    return rows


def _litellm(folder: Path) -> list[tuple[str, ...]]:
    n_calls = N_MODELS * N_LITELLM
    bares, all_ours = [], []
    for i in range(N_TURNS):
        bares.append(bare_loop("litellm", 0.0, n_calls, N_LITELLM, folder.parent))
        again = folder.with_name(f"litellm-{i}")
        all_ours.append(evaluated(again, 0.0, N_LITELLM, transport="litellm"))
    bare = max(bares, key=lambda found: found.rate)
    ours = max(all_ours, key=lambda found: found.rate)
    share = ours.rate / bare.rate
    shown = f"{share:.0%} ({ours.rate:,.0f} of {bare.rate:,.0f})"
    return [
        (
            "calls/s while calling, of a bare loop's",
            shown,
            "at least 90%",
            met(is_met=share >= 0.9),
        ),
        ("CPU s per 1,000 calls, over a bare process", _cpu_ratio(ours, bare), "", ""),
    ]


def _cpu_ratio(ours: Evaluated, bare: Evaluated) -> str:
    return f"{ours.ran.cpu_s / bare.ran.cpu_s:.2f}"


def _demo(folder: Path) -> list[tuple[str, ...]]:
    ran = measure.run(cli.command("demo", "--quiet"), folder)
    return [_row("`parity-eval demo`, wall s", ran.wall_s, 60, "{:.1f}")]


def bare_loop(client: str, latency_s: float, n_calls: int, n_prompts: int, cwd: Path) -> Evaluated:
    """Run a bare loop in a process of its own."""
    with measure.upstream(latency_s) as endpoint:
        numbers = map(str, (n_calls, n_prompts, CONCURRENCY))
        program = [sys.executable, str(measure.HERE / "bare.py"), client, endpoint.base_url]
        return _taken(measure.run([*program, *numbers], cwd), endpoint)


def evaluated(
    folder: Path, latency_s: float, n_prompts: int, *, transport: str = "direct"
) -> Evaluated:
    """Run an evaluation in a process of its own."""
    with measure.upstream(latency_s) as endpoint:
        measure.study(folder, endpoint.base_url, n_prompts, transport=transport)
        return _taken(measure.run(cli.command("run", "--quiet"), folder), endpoint)


def _taken(ran: Ran, endpoint: measure.Upstream) -> Evaluated:
    if ran.code:
        message = f"a benchmark ended with exit code {ran.code}"
        raise RuntimeError(message)
    found = endpoint.stats()
    return Evaluated(
        ran=ran,
        n_calls=int(found["calls"]),
        rate=found["calls"] / max(found["last"] - found["first"], 1e-9),
        first_s=found["first"] - ran.started,
    )

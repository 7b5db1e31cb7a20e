"""What all benchmarks share: processes with what they took, a study that asks for everything."""

import json
import os
import platform
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cli

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parents[1] / "reports" / "measured"
CONCURRENCY = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a whole process took."""

    started: float
    """Unix time."""
    wall_s: float
    cpu_s: float
    peak_mb: float
    code: int


def run(arguments: Sequence[str], cwd: Path) -> Ran:
    """Run a program to its end."""
    started, clock = time.time(), time.perf_counter()
    process = start(arguments, cwd)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Ran(
        started=started,
        wall_s=time.perf_counter() - clock,
        cpu_s=used.ru_utime + used.ru_stime,
        peak_mb=used.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2),
        code=process.returncode,
    )


def start(arguments: Sequence[str], cwd: Path) -> subprocess.Popen[bytes]:
    """Start a program; nobody listens to it."""
    return subprocess.Popen(
        list(arguments),
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def environment() -> dict[str, str]:
    """Return the environment of an installed program, whose modules are compiled once."""
    return {k: v for k, v in cli.environment().items() if k != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """The endpoint of `upstream.py`."""

    base_url: str

    def stats(self) -> dict[str, float]:
        with urllib.request.urlopen(f"{self.base_url}/stats") as answer:  # noqa: S310 - loopback
            found: dict[str, float] = json.loads(answer.read())
        return found


@contextmanager
def upstream(latency_s: float) -> Iterator[Upstream]:
    """Serve in another process."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "upstream.py"), str(latency_s)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if process.stdout is None:
            raise RuntimeError
        yield Upstream(base_url=process.stdout.readline().strip())
        process.stdout.close()
    finally:
        process.kill()
        process.wait()


def study(
    folder: Path,
    base_url: str,
    n_prompts: int,
    *,
    models: Iterable[str] = ("m0", "m1"),
    transport: str = "direct",
    concurrency: int = CONCURRENCY,
) -> None:
    """Write a log, and a study whose arms stay open until all of it has been used.

    The bar is far below what the models do, but no certificate is given before the last request.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cli.log(folder, n_prompts)
    candidates = "\n".join(
        f"  - {{name: {name}, model: openai/{name}, api_base: '{base_url}', "
        f"price: {{input: 1, output: 1}}, transport: {transport}}}"
        for name in models
    )
    (folder / "parity.yaml").write_text(
        "version: 1\nname: bench\nlog: {path: log.jsonl}\nbaseline: {model: big}\n"
        f"candidates:\n{candidates}\n"
        f"test: {{estimand: parity, bar: 0.5, min_n: {n_prompts}, max_samples: {n_prompts}}}\n"
        f"budget: {{usd: 100000}}\nreplay: {{concurrency: {concurrency}}}\n"
        "tasks: {triage: {match: {task: triage}, kind: classification, parity: exact}}\n",
        encoding="utf-8",
    )


def evidence(out: Path) -> dict[str, Any]:
    """Return all that a run decided, and on what."""
    found = json.loads((cli.only_run(out) / "manifest.json").read_bytes())
    routes = [(route["task"], route["certified"], route["arms"]) for route in found["routes"]]
    return {"routes": routes, "decisions": cli.decisions(out)}


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(name: str, title: str, sections: Sequence[str]) -> None:
    """Write a page of measured tables."""
    how = (
        f"Made by `nox -s bench` (`python -m tests.bench {name}`). Python "
        f"{platform.python_version()}, {os.cpu_count()} cores, everything on loopback. Ratios are "
        "against bare loops of the same run; seconds belong to this machine, and mean little where "
        f"others work on it: the load average at the end was {os.getloadavg()[0]:.1f}."
    )
    text = "\n\n".join([f"# {title}", how, *sections]) + "\n"
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.md").write_text(text, encoding="utf-8", newline="\n")
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def met(*, is_met: bool) -> str:
    return "yes" if is_met else "NO"

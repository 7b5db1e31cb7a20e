"""A provider that fails in every way that heals: `python -m tests.bench faults`."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import cli
import server
from bench import measure
from bench.measure import met

N_CALLS = 1_000
SLOW_S = 2.0
SHARES: dict[server.Fault, float] = {
    "rate_limit": 0.10,
    "server_error": 0.05,
    "truncated": 0.02,
    "cut": 0.01,
    "reset": 0.01,
    "slow": 0.01,
}
"""Of all attempts, not only of the first ones."""
WORDS = {
    "rate_limit": "429 with Retry-After: 1",
    "server_error": "500",
    "truncated": "200 with invalid JSON",
    "cut": "connection closed within the body",
    "reset": "connection reset",
    "slow": f"answer after {SLOW_S:.0f} s",
}


def failing(model: str, item: str, attempt: int) -> server.Fault | None:
    draw = int(hashlib.sha256(f"{model}|{item}|{attempt}".encode()).hexdigest()[:12], 16) / 16**12
    for name, share in SHARES.items():
        draw -= share
        if draw < 0:
            return name
    return None


def right(_: str, item: str) -> str:
    return cli.label(int(item.split()[1].rstrip(":")))


def measure_all(folder: Path) -> None:
    """Write reports/measured/faults.md."""
    with server.serving(right, fault=failing, slow_s=SLOW_S) as upstream:
        measure.study(folder, upstream.base_url, N_CALLS, models=("m0",))
        ran = measure.run(cli.command("run", "--quiet"), folder)
        seen = Counter(one.fault for one in upstream.seen)
        n_sent, n_items = len(upstream.seen), len(upstream.calls)
    n_healed = sum(n for fault, n in seen.items() if fault not in (None, "slow"))
    necessary = N_CALLS + n_healed
    (decision,) = cli.decisions(folder / "reports").values()
    verdicts = _verdicts(cli.only_run(folder / "reports") / "journal.jsonl")
    wrong = sum(row["is_failure"] for row in verdicts)
    rows = [
        ("answers kept", f"{len(verdicts):,} of {n_items:,}", f"{N_CALLS:,}",
         met(is_met=len(verdicts) == n_items == N_CALLS)),
        ("counted as wrong (all answers given are right)", wrong, 0, met(is_met=not wrong)),
        ("faults that make another call necessary", n_healed, "", ""),
        ("calls sent over the necessary ones", f"{n_sent:,} / {necessary:,}", "at most 1.05",
         met(is_met=n_sent <= 1.05 * necessary)),
        ("decision", f"{decision['status']}, n = {decision['n']:,}", f"n = {N_CALLS:,}",
         met(is_met=decision["n"] == N_CALLS)),
        ("exit code", ran.code, 0, met(is_met=ran.code == 0)),
        ("wall s", f"{ran.wall_s:.1f}", "", ""),
    ]  # fmt: skip
    faults = ((WORDS[name], f"{SHARES[name]:.0%}", seen[name]) for name in SHARES)
    measure.write(
        "faults",
        "Faults",
        [
            (
                f"{N_CALLS:,} prompts to one model, concurrency {measure.CONCURRENCY}; a share of "
                "all attempts fails, chosen by a hash of prompt and attempt."
            ),
            measure.table(("fault", "share of attempts", "calls"), faults),
            measure.table(("what", "measured", "target", "met"), rows),
        ],
    )


def _verdicts(journal: Path) -> list[dict[str, Any]]:
    records = (json.loads(line)["record"] for line in journal.read_bytes().splitlines())
    return [record for record in records if record["kind"] == "verdict"]

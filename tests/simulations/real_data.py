"""False certificates on resampled real traffic, with the bar at the rate of all the data."""

import gzip
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from simulations.streams import false_shares, highest_wealth
from simulations.tables import error, table, within, write

from parity_eval.stats.checks import FloatArray, IntArray
from parity_eval.stats.finite_log import log_count_test
from parity_eval.stats.kernel import Kernel, certify_kernel
from parity_eval.stats.noise_floor import noise_floor_kernel
from parity_eval.stats.paired import not_worse_kernel

SEED = 20_261_121
RUNS = 2_000
HORIZON = 5_000
ALPHAS = (0.01, 0.05, 0.1)
ABOVE = 0.002
RERUN = "gpt-4-turbo-2024-04-09-FC.rerun-2024-07-25"


class Stream(NamedTuple):
    """Scores of one estimand on all requests of a folder."""

    folder: str
    what: str
    candidate: str
    scores: FloatArray


def main() -> None:
    root = os.environ.get("PARITY_EVAL_DATA")
    if root is None:
        sys.stderr.write("real_data skipped: PARITY_EVAL_DATA is not set\n")
        return
    streams = list(_streams(Path(root)))
    rng = np.random.default_rng(SEED)
    how = (
        "`PARITY_EVAL_DATA` names the folder of recorded traffic. "
        f"Seed {SEED}; {RUNS} runs each, looked at after every unit. The truth is the mean over "
        "all requests of a folder; the null is set at it, or just above it "
        f"(by {ABOVE}). Traffic: requests drawn with replacement, {HORIZON} per run. Log: all "
        "requests in a random order, and the claim that the log reaches the next higher number of "
        "passes. ± is the Monte Carlo standard error; the last column says whether every share is "
        "at most alpha plus three such errors."
    )
    sections = [
        "## Traffic\n\n" + _traffic(streams, rng),
        "## Log\n\n" + _log(streams, rng),
    ]
    write("real_data", "Validity on resampled real traffic", how=how, sections=sections)


def _streams(root: Path) -> Iterator[Stream]:
    for folder, labels, candidates in (
        ("gsm-json-answers", "gold_answer", ("gpt-4o-mini-2024-07-18", "gpt-4o-2024-05-13")),
        ("banking77-intents", "gold_intent", ("gpt-5-mini", "claude-4.5-sonnet")),
        ("toxicity-moderation", "gold_toxicity", ("gpt-4o-mini-2024-07-18", "gemini-1.5-flash")),
        ("bfcl-tools", "checker_correct", ("gpt-4o-mini-2024-07-18-FC", "gpt-4o-2024-08-06-FC")),
    ):
        is_right = _labels(root / folder / "labels" / f"{labels}.jsonl.gz")
        baseline = next(iter(is_right))
        for candidate in candidates:
            ids = sorted(is_right[baseline].keys() & is_right[candidate].keys())
            ours = np.array([is_right[candidate][i] for i in ids], dtype=np.float64)
            theirs = np.array([is_right[baseline][i] for i in ids], dtype=np.float64)
            yield Stream(folder, "right", candidate, ours)
            yield Stream(folder, "as right as the baseline", candidate, 1.0 * (ours == theirs))
            yield Stream(folder, "difference", candidate, ours - theirs)
            if folder == "bfcl-tools":
                again = np.array([is_right[RERUN][i] for i in ids], dtype=np.float64)
                floor = 1.0 * (ours == theirs) - 1.0 * (again == theirs)
                yield Stream(folder, "agreement minus noise floor", candidate, floor)
    for model in ("gemini-pro", "gpt4"):
        name = f"{model}.alpaca_eval_cot_gpt4_turbo_fn.jsonl.gz"
        rows = _rows(root / "alpacaeval-judged" / "judgments" / name)
        scores = np.array([row["score_b"] for row in rows if row["score_b"] is not None])
        yield Stream("alpacaeval-judged", "preference", model, scores)
    rows = _rows(
        root / "faithbench-summaries" / "judgments" / "pointwise.hhem-2.1-english.jsonl.gz"
    )
    scores = np.array([row["score"] for row in rows], dtype=np.float64)
    yield Stream("faithbench-summaries", "graded score", "all", scores)


def _rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
        return [json.loads(line) for line in lines]


def _labels(path: Path) -> dict[str, dict[str, bool]]:
    found: dict[str, dict[str, bool]] = {}
    for row in _rows(path):
        found.setdefault(row["model"], {})[row["id"]] = row["label"] == "correct"
    return found


def _traffic(streams: list[Stream], rng: np.random.Generator) -> str:
    rows = []
    for stream in streams:
        values, index = np.unique(stream.scores, return_inverse=True)

        def draw(
            rng: np.random.Generator, runs: int, horizon: int, index: IntArray = index
        ) -> IntArray:
            return index[rng.integers(len(index), size=(runs, horizon))]

        for above in (0.0, ABOVE):
            null = float(stream.scores.mean()) + above
            kernels = _kernels(stream.what, null)
            if kernels is None:
                continue
            highest = highest_wealth(
                kernels, tuple(values), draw, runs=RUNS, horizon=HORIZON, rng=rng
            )
            shares = false_shares(highest, ALPHAS)
            rows.append(
                [
                    stream.folder,
                    stream.what,
                    stream.candidate,
                    len(index),
                    f"{null:.4f}",
                    *_cells(shares),
                ]
            )
    header = ["data", "estimand", "candidate", "requests", "null"]
    return table([*header, *(f"alpha {alpha}" for alpha in ALPHAS), "at most alpha"], rows)


def _kernels(what: str, null: float) -> list[Kernel] | None:
    """The kernels of an estimand; None where the candidate is better, so that no margin fits."""
    if what in {"difference", "agreement minus noise floor"}:
        if null > 0:
            return None
        make = not_worse_kernel if what == "difference" else noise_floor_kernel
        return [make(-null, alpha=alpha, n_max=HORIZON) for alpha in ALPHAS]
    return [certify_kernel(null, alpha=alpha, n_max=HORIZON) for alpha in ALPHAS]


def _cells(shares: list[float]) -> list[str]:
    shown = [f"{p:.4f} ± {error(p, RUNS):.4f}" for p in shares]
    pairs = zip(shares, ALPHAS, strict=True)
    ok = all(within(p, RUNS, alpha) == "yes" for p, alpha in pairs)
    return [*shown, "yes" if ok else "NO"]


def _log(streams: list[Stream], rng: np.random.Generator) -> str:
    rows = []
    for stream in streams:
        if stream.what not in {"right", "as right as the baseline"}:
            continue
        size, passes = len(stream.scores), int(stream.scores.sum())
        bar = (passes + 1) / size
        orders = rng.permuted(np.tile(stream.scores, (RUNS, 1)), axis=1)
        failures = np.cumsum(1 - orders, axis=1).astype(np.int64)
        shares = [_log_share(bar, size, failures, alpha) for alpha in ALPHAS]
        rows.append(
            [stream.folder, stream.what, stream.candidate, size, f"{bar:.4f}", *_cells(shares)]
        )
    header = ["data", "estimand", "candidate", "requests", "claimed rate"]
    return table([*header, *(f"alpha {alpha}" for alpha in ALPHAS), "at most alpha"], rows)


def _log_share(bar: float, size: int, failures: IntArray, alpha: float) -> float:
    test = log_count_test(bar, size=size, alpha=alpha, n_max=size)
    # The most failures with which the evidence is enough never falls as prompts are drawn.
    most, certify = -1, np.empty(size, dtype=np.int64)
    needed = -np.log(alpha) - 1e-9
    for n in range(1, size + 1):
        while most < n and test.log_e(n - most - 1, most + 1) >= needed:
            most += 1
        certify[n - 1] = most
    return float((failures <= certify).any(axis=1).mean())

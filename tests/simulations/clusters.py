"""False certificates where large clusters are better, in two orders of the clusters."""

import math

import numpy as np
from simulations.tables import error, table, write

from parity_eval.stats.boundaries import certification_starts
from parity_eval.stats.checks import FloatArray, IntArray
from parity_eval.stats.kernel import certify_kernel

RUNS = 20_000
CLUSTERS = 2_000
SEED = 20_261_121
BAR = 0.95
ALPHA = 0.05
SIZES = (1, 10)
LAWS = (
    ("no relation", (0.95, 0.95)),
    ("large ones a little better", (0.945, 0.955)),
    ("large ones better", (0.9, 1.0)),
    ("large ones worse", (1.0, 0.9)),
)
_CHUNK = 1_000


def main() -> None:
    rng = np.random.default_rng(SEED)
    how = (
        f"Seed {SEED}; {RUNS} runs per cell, {CLUSTERS} clusters each, half of them of "
        f"{SIZES[0]} request and half of {SIZES[1]}; the first request of each cluster counts. The "
        f"mean over clusters is exactly at the bar {BAR}, alpha {ALPHA}; a look after every "
        "cluster. ± is the Monte Carlo standard error. An order that is random over requests is "
        "not valid for a test that may stop early, and is shown to tell why."
    )
    rows = []
    for what, rates in LAWS:
        cells = []
        for is_by_request in (False, True):
            share = _share(rates, rng, is_by_request=is_by_request)
            cells.append(f"{share:.4f} ± {error(share, RUNS):.4f}")
        rows.append([what, f"{rates[0]}, {rates[1]}", *cells])
    first = ["size and quality", "pass rates, small and large"]
    orders = ["random over clusters", "first appearance in a random order of requests"]
    sections = [table([*first, *orders], rows)]
    write("clusters", "The order of clusters", how=how, sections=sections)


def _share(rates: tuple[float, float], rng: np.random.Generator, *, is_by_request: bool) -> float:
    most = _most_failures()
    hits = 0
    is_large = np.arange(CLUSTERS) % 2
    for _ in range(RUNS // _CHUNK):
        # The earliest of k random times is one random time over k, if times are exponential.
        times = rng.standard_exponential((_CHUNK, CLUSTERS))
        if is_by_request:
            times /= np.array(SIZES)[is_large]
        order = np.argsort(times, axis=1)
        failed = rng.random((_CHUNK, CLUSTERS)) >= np.array(rates)[is_large[order]]
        failures: FloatArray = np.cumsum(failed, axis=1)
        hits += int((failures <= most).any(axis=1).sum())
    return hits / RUNS


def _most_failures() -> IntArray:
    kernel = certify_kernel(BAR, alpha=ALPHA, n_max=CLUSTERS)
    starts = certification_starts(kernel, n_max=CLUSTERS, log_threshold=-math.log(ALPHA))
    return np.asarray(np.searchsorted(starts, np.arange(1, CLUSTERS + 1), side="right") - 1)

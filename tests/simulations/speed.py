"""How fast the library is: a million verdicts, a thousand arms, and what a plan costs."""

import math
import platform
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from simulations.tables import table, write

from parity_eval.stats.bounds import RunningBound, bound, running_bounds, start_bound
from parity_eval.stats.kernel import certify_kernel, log_e_from_counts, log_e_path
from parity_eval.stats.paired import paired_design
from parity_eval.stats.planner import plan_parity, smallest_rate
from parity_eval.stats.simulated import difference_law, simulate
from parity_eval.stats.state import start
from parity_eval.stats.stopping import Terms, parity_design

SEED = 20_261_121
MILLION = 1_000_000
ARMS = 1_000


def main() -> None:
    rng = np.random.default_rng(SEED)
    binary = (rng.random(MILLION) < 0.97).astype(float)
    graded = np.round(rng.beta(20, 1, MILLION), 3)
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}"
    how = (
        f"Seed {SEED}; one process, {versions}; CPU seconds, best of the repetitions shown. The "
        "machine is shared: read ratios rather than single figures."
    )
    sections = [
        table(["what", "CPU time", "per unit", "repetitions"], _rows(binary, graded)),
        "## An update costs the same after any number of units\n\n" + _growth(binary, graded),
    ]
    write("speed", "Speed", how=how, sections=sections)


def _rows(binary: np.ndarray, graded: np.ndarray) -> list[list[object]]:
    kernel = certify_kernel(0.95, alpha=0.05, n_max=MILLION)
    values, counts = np.unique(graded, return_counts=True)
    fails = int(np.sum(1 - binary))

    def stream() -> None:
        state = start(kernel)
        for x in binary.tolist():
            state = state.update(x)

    def arms() -> None:
        design = parity_design(0.95, Terms(n_max=500), worth=0.977)
        states = [design.start() for _ in range(ARMS)]
        for x in binary[:20].tolist():
            states = [state.update(x) for state in states]
            for state in states:
                state.check()

    def clear_and_plan() -> None:
        plan_parity.cache_clear()
        smallest_rate.cache_clear()
        plan_parity(0.95, Terms(n_max=2_000))

    def simulated() -> None:
        law = difference_law(better=0.02, worse=0.02)
        rng = np.random.default_rng(SEED)
        simulate(paired_design(0.03, Terms(n_max=2_000)), law, runs=1_000, rng=rng)

    cases: list[tuple[str, Callable[[], object], int, int]] = [
        ("a million verdicts, one by one", stream, MILLION, 1),
        ("a million verdicts, in batch", lambda: log_e_path(kernel, binary), MILLION, 3),
        ("a million graded scores, in batch", lambda: log_e_path(kernel, graded), MILLION, 3),
        (
            "evidence from the counts of a million verdicts",
            lambda: log_e_from_counts(kernel, [0.0, 1.0], [fails, MILLION - fails]),
            1,
            100,
        ),
        (
            "confidence bound at a million verdicts, from counts",
            lambda: bound(kernel, [0.0, 1.0], [fails, MILLION - fails], alpha=0.05),
            1,
            100,
        ),
        (
            f"confidence bound at a million graded scores, {len(values)} values",
            lambda: bound(kernel, values, counts, alpha=0.05),
            1,
            20,
        ),
        (
            "whole confidence sequence of 20,000 verdicts",
            lambda: running_bounds(kernel, binary[:20_000], alpha=0.05),
            20_000,
            1,
        ),
        (f"{ARMS} arms, 20 verdicts each, checked after each", arms, 20 * ARMS, 1),
        ("plan of an arm with a budget of 2000, nothing cached", clear_and_plan, 1, 5),
        ("simulated plan of a paired arm, 1000 runs, budget 2000", simulated, 1, 1),
    ]
    return [_measure(*case) for case in cases]


def _measure(what: str, run: Callable[[], object], units: int, times: int) -> list[object]:
    best = math.inf
    for _ in range(times):
        began = time.process_time()
        run()
        best = min(best, time.process_time() - began)
    return [what, _duration(best), _duration(best / units) if units > 1 else "", times]


def _duration(seconds: float) -> str:
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def _growth(binary: np.ndarray, graded: np.ndarray) -> str:
    kernel = certify_kernel(0.95, alpha=0.05, n_max=MILLION)
    rows = []
    for n in (1_000, 10_000, 100_000):
        state = start(kernel).update_many(binary[:n])
        verdicts = _bound_after(binary[:n], None)
        scores = _bound_after(graded[:n], 0.001)
        rows.append(
            [
                n,
                _per_call(state.update, 1.0),
                _per_call(verdicts.update, 1.0),
                _per_call(scores.update, 0.95),
                len(scores.histogram.values),
            ]
        )
    header = [
        "after n units",
        "evidence",
        "running bound, binary",
        "running bound, graded to 1/1000",
        "graded values",
    ]
    return table(header, rows)


def _bound_after(scores: np.ndarray, resolution: float | None) -> RunningBound:
    kernel = certify_kernel(0.95, alpha=0.05, n_max=MILLION)
    fresh = start_bound(kernel, alpha=0.05, resolution=resolution)
    histogram = fresh.histogram
    for value, times in zip(*np.unique(scores, return_counts=True), strict=True):
        histogram = histogram.add(float(value), int(times))
    value = bound(kernel, histogram.values, histogram.counts, alpha=0.05)
    return replace(fresh, histogram=histogram, value=value)


def _per_call(update: Callable[[float], object], score: float, times: int = 2_000) -> str:
    began = time.process_time()
    for _ in range(times):
        update(score)
    return _duration((time.process_time() - began) / times)

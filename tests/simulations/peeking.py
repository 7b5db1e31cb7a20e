"""What looking again and again does to intervals that are meant for one look."""

from collections.abc import Callable

import numpy as np
from scipy.special import betaincinv, ndtri
from simulations.streams import from_law
from simulations.tables import error, table, write

from parity_eval.stats.boundaries import NEVER, Boundaries, boundaries
from parity_eval.stats.checks import FloatArray, IntArray
from parity_eval.stats.planner import operating
from parity_eval.stats.stopping import Stop, Terms, parity_design

HORIZON = 5_000
FIRST_LOOK = 30
RUNS = 20_000
SEED = 20_261_121
BARS = (0.5, 0.8, 0.9, 0.95, 0.99)
ALPHAS = (0.01, 0.05, 0.1)
EVERY = (1, 50)


def main() -> None:
    how = (
        f"Horizon {HORIZON} units, first look at {FIRST_LOOK}. Parity: exact recursion over units "
        f"and failures, no simulation. Paired differences: {RUNS} runs, seed {SEED}, ± is the "
        "Monte Carlo standard error. The truth is exactly at the edge of the null."
    )
    sections = [
        "## Parity: a one-sided fixed-n interval, certified once its lower end passes the bar\n\n"
        + _parity(),
        "## Paired differences: a one-sided z interval for the mean difference\n\n" + _paired(),
    ]
    write("peeking", "False certificates from looking again and again", how=how, sections=sections)


def wilson(n: IntArray, failures: IntArray, alpha: float) -> FloatArray:
    z = ndtri(1 - alpha)
    p = 1 - failures / n
    centre = p + z**2 / (2 * n)
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return np.asarray((centre - half) / (1 + z**2 / n))


def clopper_pearson(n: IntArray, failures: IntArray, alpha: float) -> FloatArray:
    return np.asarray(betaincinv(n - failures, failures + 1.0, alpha))


def _parity() -> str:
    rows = []
    for bar in BARS:
        for alpha in ALPHAS:
            shown = [bar, alpha, f"{_e_process(bar, alpha):.3f}"]
            for lower in (clopper_pearson, wilson):
                shown += [f"{_peeked(lower, bar, alpha, every):.3f}" for every in EVERY]
            rows.append(shown)
    looks = [f"{name}, every {every}" for name in ("exact", "Wilson") for every in EVERY]
    return table(["bar", "alpha", "e-process, every 1", *looks], rows)


def _e_process(bar: float, alpha: float) -> float:
    terms = Terms(n_max=HORIZON, alpha=alpha, min_n=1)
    return _certified(boundaries(parity_design(bar, terms)).certify, terms, bar)


def _peeked(
    lower: Callable[[IntArray, IntArray, float], FloatArray],
    bar: float,
    alpha: float,
    every: int,
) -> float:
    n = np.arange(1, HORIZON + 1)
    low, high = np.full(HORIZON, -1), n.copy()
    while (low < high).any():
        middle = (low + high + 1) // 2
        passes = lower(n, np.maximum(middle, 0), alpha) >= bar
        low, high = np.where(passes, middle, low), np.where(passes, high, middle - 1)
    look = (n >= FIRST_LOOK) & ((n - FIRST_LOOK) % every == 0)
    # Between looks nothing happens: who is still open has more failures than the last look let by.
    certify = np.maximum.accumulate(np.where(look, low, -1))
    terms = Terms(n_max=HORIZON, alpha=alpha, min_n=1)
    return _certified(np.concatenate(([-1], certify)), terms, bar)


def _certified(certify: IntArray, terms: Terms, rate: float) -> float:
    never = np.full(HORIZON + 1, NEVER)
    rules = Boundaries(terms=terms, certify=certify, below_bar=never, futile=never, curtailed=never)
    (found,) = operating(rules, [rate])
    return found.probability[Stop.CERTIFIED]


def _paired() -> str:
    rng = np.random.default_rng(SEED)
    rows = []
    for margin, better in ((0.02, 0.0), (0.05, 0.0), (0.02, 0.02), (0.05, 0.05)):
        draw = from_law((better + margin, 1 - 2 * better - margin, better))
        highest = np.concatenate([_highest_z(draw(rng, 2_000, HORIZON), margin) for _ in range(10)])
        thresholds = ndtri(1 - np.array(ALPHAS))
        for column, every in enumerate(EVERY):
            shares = [float((highest[:, column] >= z).mean()) for z in thresholds]
            shown = [f"{p:.3f} ± {error(p, RUNS):.3f}" for p in shares]
            rows.append([margin, better, every, *shown])
    header = ["margin", "share better", "look every", *(f"alpha {alpha}" for alpha in ALPHAS)]
    return table(header, rows)


def _highest_z(drawn: IntArray, margin: float) -> FloatArray:
    n = np.arange(1, HORIZON + 1)
    differences = drawn.astype(np.float32) - 1
    mean = np.cumsum(differences, axis=1) / n
    variance = np.cumsum(differences**2, axis=1) / n - mean**2
    with np.errstate(divide="ignore"):
        z = (mean + margin) * np.sqrt(n) / np.sqrt(np.maximum(variance, 0))
    z = z[:, FIRST_LOOK - 1 :]
    return np.stack([z[:, ::every].max(axis=1) for every in EVERY], axis=1)

"""False certificates about one log, drawn to its end and looked at after every prompt."""

import math
from typing import NamedTuple

import numpy as np
from simulations.peers import never_but
from simulations.streams import false_shares, highest_wealth_in_log
from simulations.tables import exact, header, simulated, table, write

from parity_eval.stats.boundaries import certification_starts
from parity_eval.stats.finite_log import least_passes, log_count_test, mean_log_design
from parity_eval.stats.finite_mean import FiniteMean
from parity_eval.stats.planner import operating
from parity_eval.stats.stopping import Stop, Terms

RUNS = 20_000
SEED = 20_261_121
BARS = (0.5, 0.8, 0.9, 0.95, 0.99)
ALPHAS = (0.01, 0.05, 0.1)
SIZES = (200, 1_000, 5_000)
SIMULATED_SIZES = (200, 1_000)


class Log(NamedTuple):
    """A log's make-up; its mean is the edge of the null."""

    what: str
    scores: tuple[float, ...]
    shares: tuple[float, ...]


GRADES = (0.0, 0.25, 0.5, 0.75, 1.0)
HALVES = (0.0, 0.5, 1.0)
SIGNS = (-1.0, 0.0, 1.0)
LOGS = (
    Log("graded, 0 / half / 1", HALVES, (0.1, 0.2, 0.7)),
    Log("graded, five levels", GRADES, (0.01, 0.02, 0.05, 0.2, 0.72)),
    Log("graded, 0 / half / 1", HALVES, (0.025, 0.05, 0.925)),
    Log("difference; better 0.0", SIGNS, (0.05, 0.95, 0.0)),
    Log("difference; better 0.02", SIGNS, (0.04, 0.94, 0.02)),
    Log("difference; better 0.05", SIGNS, (0.1, 0.85, 0.05)),
    Log("difference, graded", (-0.5, -0.25, 0.0, 0.25, 0.5), (0.1, 0.25, 0.45, 0.15, 0.05)),
)


def main() -> None:
    rng = np.random.default_rng(SEED)
    how = (
        "The log is drawn to its last prompt in a random order, with a look after every prompt and "
        "no guard on their number; the tests are tuned to the whole log."
    )
    sections = [
        "## Parity, binary\n\nExact recursion over prompts and failures. The log has one pass less "
        "than it needs to reach the bar.\n\n" + _binary(),
        f"## Graded scores and paired differences\n\nSeed {SEED}; {RUNS} runs per row. Logs of "
        f"{SIMULATED_SIZES[0]} and {SIMULATED_SIZES[1]} only, to keep the time within minutes. The "
        "null is the log's own mean. ± is the Monte Carlo standard error; the last column says "
        "whether every share is at most alpha plus three such errors (of alpha).\n\n" + _means(rng),
    ]
    write("finite_log", "Validity of claims about one log", how=how, sections=sections)


def _binary() -> str:
    rows = []
    for bar in BARS:
        for size in SIZES:
            sizes = [_exact_size(bar, size, alpha) for alpha in ALPHAS]
            rows.append([bar, size, least_passes(bar, size) - 1, *exact(sizes, ALPHAS)])
    return table(header(ALPHAS, "bar", "log", "passes"), rows)


def _exact_size(bar: float, size: int, alpha: float) -> float:
    test = log_count_test(bar, size=size, alpha=alpha, n_max=size)
    starts = certification_starts(test, n_max=size, log_threshold=-math.log(alpha))
    most = np.searchsorted(starts, np.arange(size + 1), side="right") - 1
    rate = (least_passes(bar, size) - 1) / size
    (found,) = operating(never_but(most), [rate], log_size=size)
    return found.probability[Stop.CERTIFIED]


def _means(rng: np.random.Generator) -> str:
    rows = []
    for log in LOGS:
        for size in SIMULATED_SIZES:
            scores = np.repeat(log.scores, [round(share * size) for share in log.shares])
            tests = [_test(scores, alpha) for alpha in ALPHAS]
            highest = highest_wealth_in_log(tests, scores.tolist(), runs=RUNS, rng=rng)
            cells = simulated(false_shares(highest, ALPHAS), ALPHAS, RUNS)
            rows.append([log.what, f"{scores.mean():g}", len(scores), *cells])
    return table(header(ALPHAS, "scores", "mean", "log"), rows)


def _test(scores: np.ndarray, alpha: float) -> FiniteMean:
    size = len(scores)
    lower = -1.0 if scores.min() < 0 else 0.0
    design = mean_log_design(
        float(scores.mean()), Terms(n_max=size, alpha=alpha), size=size, lower=lower
    )
    if not isinstance(design.certify, FiniteMean):
        raise TypeError
    return design.certify

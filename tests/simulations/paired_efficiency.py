"""Mean sample size of paired tests over the information bound, ours and the peers', in one run."""

import math

import numpy as np
from scipy.optimize import minimize_scalar
from simulations.peers import MONTE_CARLO, BoolArray, first_crossings
from simulations.tables import table, write

from parity_eval.stats.checks import FloatArray
from parity_eval.stats.kernel import TIE
from parity_eval.stats.paired import not_worse_kernel
from parity_eval.stats.simulated import Law, difference_law

SEED = 20_261_121
RUNS = 1_000
CAP = 8_000
TUNED_TO = 2_000
ALPHA = 0.05
LAWS = (
    ("better .05, worse .05", 0.03, difference_law(better=0.05, worse=0.05)),
    ("better .05, worse .05", 0.05, difference_law(better=0.05, worse=0.05)),
    ("better .02, worse .02", 0.03, difference_law(better=0.02, worse=0.02)),
    ("better .01, worse .01", 0.02, difference_law(better=0.01, worse=0.01)),
    ("better .08, worse .05", 0.02, difference_law(better=0.08, worse=0.05)),
    ("better .10, worse .10", 0.05, difference_law(better=0.10, worse=0.10)),
    ("no difference at all", 0.05, difference_law(better=0.0, worse=0.0)),
    (
        "graded, five levels",
        0.03,
        Law(scores=(-0.5, -0.25, 0.0, 0.25, 0.5), chances=(0.05, 0.16, 0.58, 0.16, 0.05)),
    ),
)


def main() -> None:
    how = (
        f"Seed {SEED}; {RUNS} runs, cap {CAP}, alpha {ALPHA}, the same draws for all methods. Each "
        "cell: mean number of pairs, its ratio to log(1 / alpha) / g, where g = max over c of "
        "E log(1 + c r) is the fastest that any valid test can grow (Honda and Takemura 2010), and "
        "the Monte Carlo standard error of the ratio. No guard on the number of pairs."
    )
    names = ["kernel", *(name for name in MONTE_CARLO if not name.startswith("KT"))]
    rows = []
    for what, margin, law in LAWS:
        bound = _bound(margin, law)
        cells = [_cell(name, margin, law, bound) for name in names]
        rows.append([what, margin, f"{bound:.0f}", *cells])
    section = table(["law", "margin", "bound", *names], rows)
    write("paired_efficiency", "Efficiency of paired tests", how=how, sections=[section])


def _bound(margin: float, law: Law) -> float:
    increments = (np.array(law.scores) + margin) / (1 - margin)
    found = minimize_scalar(
        lambda c: -float(np.array(law.chances) @ np.log1p(c * increments)),
        bounds=(0, 1 - 1e-9),
        method="bounded",
    )
    return math.log(1 / ALPHA) / -found.fun


def _cell(name: str, margin: float, law: Law, bound: float) -> str:
    rng = np.random.default_rng(SEED)
    positions = (np.array(law.scores) + 1) / 2
    null = (1 - margin) / 2

    def draw(rng: np.random.Generator, size: int) -> FloatArray:
        return positions[np.searchsorted(np.cumsum(law.chances)[:-1], rng.random(size))]

    peer = _Kernel(margin) if name == "kernel" else MONTE_CARLO[name](null, ALPHA, RUNS)
    crossings = first_crossings(peer, draw, alpha=ALPHA, runs=RUNS, cap=CAP, rng=rng)
    n = np.minimum(crossings, CAP)
    power = np.isfinite(crossings).mean()
    missed = "" if power >= 0.99 else f" (power {power:.2f})"
    error = n.std() / math.sqrt(RUNS) / bound
    return f"{n.mean():.0f}; {n.mean() / bound:.2f} ± {error:.2f}{missed}"


class _Kernel:
    """The kernel in the shape of a peer: scores in [0, 1]."""

    def __init__(self, margin: float) -> None:
        self.kernel = not_worse_kernel(margin, alpha=ALPHA, n_max=TUNED_TO)
        self.wealth = np.zeros((RUNS, len(self.kernel.nodes.c)))

    def update(self, x: FloatArray) -> None:
        self.wealth += self.kernel.log_factors(2 * x - 1, self.kernel.worst)

    def log_wealth(self) -> FloatArray:
        return self.kernel.nodes.log_mixture(self.wealth) + TIE

    def keep(self, open_: BoolArray) -> None:
        self.wealth = self.wealth[open_]

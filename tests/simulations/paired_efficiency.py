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
TOLERATED = 1.15
FULL_POWER = 0.99
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
        f"Seed {SEED}; {RUNS} runs, cap {CAP}, alpha {ALPHA}; the kernel is tuned to {TUNED_TO}. "
        "Each cell: mean number of pairs, its ratio to log(1 / alpha) / g, where g = max over c of "
        "E log(1 + c r) is the fastest that any valid test can grow (Honda and Takemura 2010), and "
        "the Monte Carlo standard error of the ratio. No guard on the number of pairs."
    )
    names = ["kernel", *(name for name in MONTE_CARLO if not name.startswith("KT"))]
    bounds = [_bound(margin, law) for _, margin, law in LAWS]
    found = {
        name: [
            _runs(name, margin, law) / bound
            for (_, margin, law), bound in zip(LAWS, bounds, strict=True)
        ]
        for name in names
    }
    rows = [
        [what, margin, f"{bound:.0f}", *(_cell(found[name][i], bound) for name in names)]
        for i, ((what, margin, _), bound) in enumerate(zip(LAWS, bounds, strict=True))
    ]
    sections = [
        table(["law", "margin", "bound", *names], rows),
        "## Over all laws\n\n" + _means(found, bounds),
        "## Exceptions\n\n" + _exceptions(found, bounds),
    ]
    write("paired_efficiency", "Efficiency of paired tests", how=how, sections=sections)


def _means(found: dict[str, list[FloatArray]], bounds: list[float]) -> str:
    rows = []
    for name, ratios in found.items():
        means = [ratio.mean() for ratio in ratios]
        full = "yes" if _has_full_power(ratios, bounds) else "no"
        rows.append([name, f"{np.mean(means):.3f}", f"{max(means):.2f}", full])
    return table(["method", "mean ratio", "worst law", "power at least .99 in all laws"], rows)


def _exceptions(found: dict[str, list[FloatArray]], bounds: list[float]) -> str:
    peers = [
        name
        for name, ratios in found.items()
        if name != "kernel" and _has_full_power(ratios, bounds)
    ]
    lines = []
    for i, (what, margin, _) in enumerate(LAWS):
        means = {name: float(found[name][i].mean()) for name in peers}
        best = min(means, key=means.__getitem__)
        times = found["kernel"][i].mean() / means[best]
        if times > TOLERATED:
            lines.append(f"- {what}, margin {margin}: {times:.2f} times {best}")
    intro = (
        f"Laws where the kernel takes more than {TOLERATED} times what the best valid peer with "
        f"power of at least .99 in all laws takes ({', '.join(peers)}):"
    )
    return "\n".join([intro, "", *(lines or ["- none"])])


def _has_full_power(ratios: list[FloatArray], bounds: list[float]) -> bool:
    pairs = zip(ratios, bounds, strict=True)
    return all(float((ratio * bound < CAP).mean()) >= FULL_POWER for ratio, bound in pairs)


def _cell(ratio: FloatArray, bound: float) -> str:
    power = float((ratio * bound < CAP).mean())
    missed = "" if power >= FULL_POWER else f" (power {power:.2f})"
    error = ratio.std() / math.sqrt(RUNS)
    return f"{ratio.mean() * bound:.0f}; {ratio.mean():.2f} ± {error:.2f}{missed}"


def _bound(margin: float, law: Law) -> float:
    increments = (np.array(law.scores) + margin) / (1 - margin)
    found = minimize_scalar(
        lambda c: -float(np.array(law.chances) @ np.log1p(c * increments)),
        bounds=(0, 1 - 1e-9),
        method="bounded",
    )
    return math.log(1 / ALPHA) / -found.fun


def _runs(name: str, margin: float, law: Law) -> FloatArray:
    """Pairs used by each run; the cap where not certified by then."""
    rng = np.random.default_rng(SEED)
    positions = (np.array(law.scores) + 1) / 2
    edges = np.cumsum(law.chances)[:-1]

    def draw(rng: np.random.Generator, size: int) -> FloatArray:
        return positions[np.searchsorted(edges, rng.random(size))]

    null = (1 - margin) / 2
    peer = _Kernel(margin) if name == "kernel" else MONTE_CARLO[name](null, ALPHA, RUNS)
    return np.minimum(first_crossings(peer, draw, alpha=ALPHA, runs=RUNS, cap=CAP, rng=rng), CAP)


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

"""False certificates where a judge of several classes is corrected by human labels."""

from typing import NamedTuple

import numpy as np
from simulations.streams import false_shares, highest_wealth_of_terms
from simulations.tables import header, simulated, table, write
from simulations.validity import control_variate_terms

from parity_eval.stats.checks import FloatArray
from parity_eval.stats.control_variate import Subsample
from parity_eval.stats.kernel import certify_kernel
from parity_eval.stats.labels import label_subsample

RUNS = 20_000
HORIZON = 2_000
SEED = 20_261_121
ALPHAS = (0.01, 0.05, 0.1)
HUMAN = (0.0, 0.5, 1.0)
KNOWN_CHANCE = 0.2
"""How often no judge is needed; such a unit is the last class and always measured."""


class Judge(NamedTuple):
    """How often each human verdict (a row) is judged below, equal or above (a column)."""

    what: str
    chances: tuple[tuple[float, float, float], ...]


GOOD = Judge("right 90%", ((0.9, 0.05, 0.05), (0.05, 0.9, 0.05), (0.05, 0.05, 0.9)))
LENIENT = Judge(
    "half of the losses praised", ((0.4, 0.1, 0.5), (0.1, 0.6, 0.3), (0.02, 0.03, 0.95))
)
DESIGNS = (
    (GOOD, (1.0, 0.25, 0.25, 1.0)),
    (LENIENT, (1.0, 0.25, 0.25, 1.0)),
    (LENIENT, (0.25, 0.1, 0.5, 1.0)),
)


class Case(NamedTuple):
    """An edge of a null, and what of it needs no judge."""

    estimand: str
    null: float
    ties: float
    """Share of human verdicts of one half among the units that a judge sees."""
    known: float
    """Value of the units that need no judge."""
    priors: tuple[float, float, float, float]


CASES = (
    Case("preference", 0.45, 0.3, 0.5, (0.2, 0.5, 0.8, 0.5)),
    Case("preference", 0.4, 0.1, 0.5, (0.2, 0.5, 0.8, 0.5)),
    Case("parity", 0.8, 0.0, 1.0, (0.4, 0.98, 0.98, 0.98)),
    Case("parity", 0.95, 0.0, 1.0, (0.4, 0.98, 0.98, 0.98)),
)


def main() -> None:
    rng = np.random.default_rng(SEED)
    how = (
        f"Seed {SEED}; {RUNS} runs per row, {HORIZON} units each, a look after every unit, no "
        "guard on the number of units; the kernel is tuned to that horizon. The judge says below, "
        f"equal or above; {KNOWN_CHANCE:.0%} of the units need no judge (equal answers) and are a "
        "class of their "
        "own that is always measured. Chances are those with which a human looks at a unit of "
        "each class. The mean human verdict is exactly at the null. ± is the Monte Carlo standard "
        "error; the last column says whether every share is at most alpha plus three such errors "
        "(of alpha)."
    )
    rows = []
    for case in CASES:
        for judge, chances in DESIGNS:
            design = label_subsample(chances=chances, prior_means=case.priors)
            cells = simulated(_shares(case, judge, design, rng), ALPHAS, RUNS)
            rows.append([case.estimand, f"mean {case.null}", judge.what, chances, *cells])
    sections = [table(header(ALPHAS, "estimand", "truth", "judge", "chances"), rows)]
    title = "Validity of judges corrected by human labels"
    write("human_labels", title, how=how, sections=sections)


def _shares(case: Case, judge: Judge, design: Subsample, rng: np.random.Generator) -> list[float]:
    human_edges = np.cumsum(_human_law(case))[:-1]
    judged_edges = np.cumsum(judge.chances, axis=1)[:, :-1]
    kernels = [certify_kernel(case.null, alpha=alpha, n_max=HORIZON) for alpha in ALPHAS]

    def make(rng: np.random.Generator, runs: int, horizon: int) -> tuple[FloatArray, FloatArray]:
        shape = (horizon, runs)
        human = np.searchsorted(human_edges, rng.random(shape), side="right")
        toss = rng.random(shape)
        kinds = (toss >= judged_edges[human, 0]).astype(np.int8)
        kinds += toss >= judged_edges[human, 1]
        values = np.array(HUMAN)[human]
        needs_no_judge = rng.random(shape) < KNOWN_CHANCE
        kinds[needs_no_judge] = len(HUMAN)
        values[needs_no_judge] = case.known
        return control_variate_terms(design, kinds, values, rng)

    highest = highest_wealth_of_terms(kernels, make, runs=RUNS, horizon=HORIZON, rng=rng)
    return false_shares(highest, ALPHAS)


def _human_law(case: Case) -> tuple[float, float, float]:
    """Chances of each human verdict on a unit that a judge sees."""
    mean = (case.null - KNOWN_CHANCE * case.known) / (1 - KNOWN_CHANCE)
    wins = mean - case.ties / 2
    return 1 - wins - case.ties, case.ties, wins

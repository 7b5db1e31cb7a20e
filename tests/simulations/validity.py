"""False certificates at the edge of the null, looked at after every unit."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from simulations.streams import (
    false_shares,
    from_law,
    highest_wealth,
    highest_wealth_of_terms,
)
from simulations.tables import exact, header, simulated, table, write

from parity_eval.stats.boundaries import boundaries
from parity_eval.stats.checks import FloatArray
from parity_eval.stats.control_variate import Subsample
from parity_eval.stats.kernel import Kernel, certify_kernel
from parity_eval.stats.labels import label_subsample
from parity_eval.stats.noise_floor import floor_subsample, noise_floor_kernel
from parity_eval.stats.paired import not_better_kernel, not_worse_kernel
from parity_eval.stats.planner import operating
from parity_eval.stats.stopping import Stop, Terms, parity_design

RUNS = 20_000
HORIZON = 5_000
SEED = 20_261_121
BARS = (0.5, 0.8, 0.9, 0.95, 0.99)
ALPHAS = (0.01, 0.05, 0.1)


class Case(NamedTuple):
    """One edge of a null hypothesis."""

    what: str
    null: str
    scores: tuple[float, ...]
    chances: tuple[float, ...]
    kernel: Callable[[float], Kernel]


def main() -> None:
    rng = np.random.default_rng(SEED)
    how = (
        f"Seed {SEED}; {RUNS} runs per row, {HORIZON} units each, a look after every unit, no "
        "guard on the number of units; the kernel is tuned to that horizon. The mean is exactly at "
        "the edge of the null, where false certificates are most frequent. ± is the Monte Carlo "
        "standard error; the last column says whether every share is at most alpha plus three such "
        "errors (of alpha)."
    )
    sections = [
        "## Parity, binary\n\n" + _parity(rng),
        "## Other laws\n\n" + _table(_laws(), rng),
        "## Equivalence\n\nThe mean difference is at one end of the margin; a false decision is "
        "that both sides are reached.\n\n" + _equivalence(rng),
        "## Measured on a part of the units\n\nSecond answers of the baseline, or human labels, "
        "drawn with the chances shown.\n\n" + _subsampled(rng),
    ]
    write("validity", "Validity under continuous looking", how=how, sections=sections)


def _cells(highest: FloatArray) -> list[str]:
    return simulated(false_shares(highest, ALPHAS), ALPHAS, RUNS)


def _parity(rng: np.random.Generator) -> str:
    rows = []
    for bar in BARS:
        kernels = [certify_kernel(bar, alpha=alpha, n_max=HORIZON) for alpha in ALPHAS]
        highest = highest_wealth(
            kernels, (0.0, 1.0), from_law((1 - bar, bar)), runs=RUNS, horizon=HORIZON, rng=rng
        )
        rows.append([bar, "simulated", *_cells(highest)])
        sizes = [_exact_size(bar, alpha) for alpha in ALPHAS]
        rows.append([bar, "exact recursion", *exact(sizes, ALPHAS)])
    return table(header(ALPHAS, "bar", "how"), rows)


def _exact_size(bar: float, alpha: float) -> float:
    terms = Terms(n_max=HORIZON, alpha=alpha, min_n=1)
    rules = boundaries(parity_design(bar, terms))
    rules.below_bar[:] = rules.curtailed[:] = np.iinfo(np.int64).max
    (found,) = operating(rules, [bar])
    return found.probability[Stop.CERTIFIED]


def _laws() -> Iterator[Case]:
    for bar in BARS:
        grades = tuple(k / 4 for k in range(5))
        ways = (1, 4, 6, 4, 1)
        chances = tuple(w * bar**k * (1 - bar) ** (4 - k) for k, w in enumerate(ways))
        yield Case("graded, five levels", f"mean {bar}", grades, chances, _at_bar(bar))
        low = 1 - bar
        yield Case(
            "graded, 0 / half / 1",
            f"mean {bar}",
            (0.0, 0.5, 1.0),
            (low / 2, low, 1 - 1.5 * low),
            _at_bar(bar),
        )
    for margin, better in ((0.02, 0.0), (0.05, 0.0), (0.02, 0.02), (0.05, 0.05), (0.1, 0.1)):
        chances = (better + margin, 1 - 2 * better - margin, better)
        yield Case(
            f"quality, paired; better {better}",
            f"difference -{margin}",
            (-1.0, 0.0, 1.0),
            chances,
            _not_worse(margin),
        )
    spread = (0.1, 0.25, 0.45, 0.15, 0.05)
    yield Case(
        "quality, paired and graded",
        "difference -0.05",
        (-0.5, -0.25, 0.0, 0.25, 0.5),
        spread,
        _not_worse(0.05),
    )
    for margin, ties in ((0.05, 0.2), (0.1, 0.6)):
        win = 0.5 - margin - ties / 2
        yield Case(
            f"preference; ties {ties}",
            f"mean {0.5 - margin}",
            (0.0, 0.5, 1.0),
            (1 - win - ties, ties, win),
            _at_bar(0.5 - margin),
        )


def _at_bar(bar: float) -> Callable[[float], Kernel]:
    return lambda alpha: certify_kernel(bar, alpha=alpha, n_max=HORIZON)


def _not_worse(margin: float) -> Callable[[float], Kernel]:
    return lambda alpha: not_worse_kernel(margin, alpha=alpha, n_max=HORIZON)


def _table(cases: Iterator[Case], rng: np.random.Generator) -> str:
    rows = []
    for case in cases:
        kernels = [case.kernel(alpha) for alpha in ALPHAS]
        mean = np.dot(case.scores, case.chances)
        if abs(mean - kernels[0].null) > 1e-12:
            raise ValueError(f"mean == {mean}, must be {kernels[0].null}")
        highest = highest_wealth(
            kernels, case.scores, from_law(case.chances), runs=RUNS, horizon=HORIZON, rng=rng
        )
        rows.append([case.what, case.null, *_cells(highest)])
    return table(header(ALPHAS, "estimand", "truth"), rows)


def _equivalence(rng: np.random.Generator) -> str:
    rows = []
    for margin, better in ((0.05, 0.0), (0.05, 0.05), (0.1, 0.1)):
        chances = (better + margin, 1 - 2 * better - margin, better)
        sides = [
            make(margin, alpha=alpha, n_max=HORIZON)
            for make in (not_worse_kernel, not_better_kernel)
            for alpha in ALPHAS
        ]
        highest = highest_wealth(
            sides, (-1.0, 0.0, 1.0), from_law(chances), runs=RUNS, horizon=HORIZON, rng=rng
        )
        both = np.minimum(highest[:, : len(ALPHAS)], highest[:, len(ALPHAS) :])
        rows.append([f"better {better}", f"-{margin}", *_cells(both)])
    return table(header(ALPHAS, "law", "difference"), rows)


def _subsampled(rng: np.random.Generator) -> str:
    rows = [
        _floor_row(chances, floor, rng)
        for chances in ((1.0, 1.0), (1.0, 0.25), (0.5, 0.25))
        for floor in (0.95, 0.9)
    ]
    rows += [
        _label_row(chances, bar, 0.5, rng)
        for chances in ((1.0, 0.25), (0.5, 0.25))
        for bar in (0.8, 0.9, 0.95)
    ]
    rows.append(_label_row((1.0, 0.25), 0.95, 0.9, rng))
    return table(header(ALPHAS, "estimand", "truth", "chances"), rows)


def _floor_row(
    chances: tuple[float, float], floor: float, rng: np.random.Generator
) -> list[object]:
    margin = 0.05
    rate = floor - margin
    # Where the baseline repeats itself the candidate agrees more often.
    otherwise = 0.5
    given_again = (rate - (1 - floor) * otherwise) / floor
    kernels = [noise_floor_kernel(margin, alpha=alpha, n_max=HORIZON) for alpha in ALPHAS]
    design = floor_subsample(chances=chances)

    def make(rng: np.random.Generator, runs: int, horizon: int) -> tuple[FloatArray, FloatArray]:
        again = rng.random((horizon, runs)) < floor
        agrees = rng.random((horizon, runs)) < np.where(again, given_again, otherwise)
        return control_variate_terms(design, agrees, again, rng)

    highest = highest_wealth_of_terms(kernels, make, runs=RUNS, horizon=HORIZON, rng=rng)
    name = "parity against the noise floor"
    truth = f"floor {floor}, margin {margin}"
    return [name, truth, chances, *_cells(highest)]


def _label_row(
    chances: tuple[float, float], bar: float, specificity: float, rng: np.random.Generator
) -> list[object]:
    kernels = [certify_kernel(bar, alpha=alpha, n_max=HORIZON) for alpha in ALPHAS]
    design = label_subsample(chances=chances)

    def make(rng: np.random.Generator, runs: int, horizon: int) -> tuple[FloatArray, FloatArray]:
        human = rng.random((horizon, runs)) < bar
        passes = np.where(human, 0.99, 1 - specificity)
        judged = rng.random((horizon, runs)) < passes
        return control_variate_terms(design, judged, human, rng)

    highest = highest_wealth_of_terms(kernels, make, runs=RUNS, horizon=HORIZON, rng=rng)
    truth = f"bar {bar}, judge's specificity {specificity}"
    return ["human label, judge on all", truth, chances, *_cells(highest)]


def control_variate_terms(
    design: Subsample, kinds: np.ndarray, values: np.ndarray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Terms and lower limits of many runs at once, shape (horizon, runs)."""
    own = np.zeros(kinds.shape)
    lowest = np.full(kinds.shape, np.inf)
    classes = kinds.astype(np.int8)
    chances = np.array(design.chances)[classes]
    measured = rng.random(kinds.shape) < chances
    for k, chance in enumerate(design.chances):
        drawn = measured & (kinds == k)
        weights = design.prior_weight + _before(drawn / chance)
        sums = design.prior_weight * design.prior_means[k] + _before(drawn * values / chance)
        mean = sums / weights
        np.copyto(own, mean, where=kinds == k)
        ends = design.scale * np.stack((mean * (1 - 1 / chance), mean + (1 - mean) / chance))
        lowest = np.minimum(lowest, design.offsets[k] + ends.min(axis=0))
    inner = own + measured * (values - own) / chances
    return np.array(design.offsets)[classes] + design.scale * inner, lowest


def _before(amounts: FloatArray) -> FloatArray:
    sums = np.zeros(amounts.shape)
    np.cumsum(amounts[:-1], axis=0, out=sums[1:])
    return sums

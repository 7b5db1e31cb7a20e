"""Mean sample size of parity tests over the information bound, ours and the peers', in one run."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from simulations.peers import (
    MONTE_CARLO,
    beta_binomial,
    boundary,
    first_crossings,
    never_but,
    reaching,
    sprt,
    stitched,
)
from simulations.tables import table, write

from parity_eval.stats.boundaries import Boundaries, certification_starts
from parity_eval.stats.kernel import certify_kernel
from parity_eval.stats.planner import operating
from parity_eval.stats.stopping import Stop

SEED = 20_261_121
CAP = 20_000
RUNS = 1_000
OURS = "kernel, tuned to 5000"
TOLERATED = 1.15
FULL_POWER = 0.99
GRID = {
    0.8: (0.85, 0.9, 0.95, 1.0),
    0.9: (0.93, 0.95, 0.98, 1.0),
    0.95: (0.96, 0.97, 0.98, 0.99, 1.0),
    0.99: (0.995, 0.998, 1.0),
}
ALPHAS = (0.01, 0.05, 0.1)


class Cell(NamedTuple):
    """One bar, true rate and level."""

    bar: float
    rate: float
    alpha: float


class Found(NamedTuple):
    """Mean number of units (the cap where not certified by then) and power."""

    mean_n: float
    power: float
    error: float
    """Monte Carlo standard error of the mean; 0 where exact."""


def main() -> None:
    found = {cell: dict(_methods(cell)) for cell in _cells()}
    how = (
        f"Seed {SEED}. Each cell: mean number of units until certification, divided by "
        "log(1 / alpha) / KL(rate, bar), which no test of power one can beat (Wald). Runs end at "
        f"{CAP} units; where less than {FULL_POWER:.0%} of them are certified by then the power is "
        f"in brackets. Kernel, beta-binomial, stitched and SPRT are exact (forward recursion); the "
        f"others are {RUNS} simulated runs each, whose standard errors are in the last table. No "
        "guard on the number of units."
    )
    names = list(next(iter(found.values())))
    sections = [f"## Alpha {alpha}\n\n{_ratios(found, names, alpha)}" for alpha in ALPHAS]
    sections += [
        "## Mean over all cells\n\n" + _means(found, names),
        f"## Against each peer with full power\n\n{_against_each(found, names)}",
        f"## Exceptions\n\n{_exceptions(found, names)}",
        "## Largest Monte Carlo standard errors of a ratio\n\n" + _errors(found, names),
    ]
    write("efficiency", "Efficiency of parity tests", how=how, sections=sections)


def _cells() -> Iterator[Cell]:
    for alpha in ALPHAS:
        for bar, rates in GRID.items():
            for rate in rates:
                yield Cell(bar, rate, alpha)


def _bound(cell: Cell) -> float:
    p, q = cell.rate, cell.bar
    rest = 0.0 if p == 1 else (1 - p) * math.log((1 - p) / (1 - q))
    return -math.log(cell.alpha) / (p * math.log(p / q) + rest)


def _methods(cell: Cell) -> Iterator[tuple[str, Found]]:
    bar, rate, alpha = cell
    yield OURS, _exact(_kernel(bar, alpha, 5_000), rate)
    yield "kernel, tuned to 1000", _exact(_kernel(bar, alpha, 1_000), rate)
    yield "kernel, full range", _exact(_kernel(bar, alpha, None), rate)
    needed = -math.log(alpha) - 1e-9
    for name, evidence in (
        ("beta-binomial, tuned to 500", beta_binomial(bar, alpha, 500)),
        ("SPRT, half way to 1", sprt(bar, (1 + bar) / 2)),
        ("SPRT that knows the rate", sprt(bar, rate)),
    ):
        yield name, _exact(boundary(reaching(evidence, needed), CAP), rate)
    yield "stitched", _exact(boundary(stitched(bar, alpha), CAP), rate)
    for i, (name, make) in enumerate(MONTE_CARLO.items()):
        rng = np.random.default_rng([SEED, i])
        crossings = first_crossings(
            make(bar, alpha, RUNS),
            lambda rng, size: (rng.random(size) < rate).astype(np.float64),
            alpha=alpha,
            runs=RUNS,
            cap=CAP,
            rng=rng,
        )
        n = np.minimum(crossings, CAP)
        power = float(np.isfinite(crossings).mean())
        yield name, Found(float(n.mean()), power, float(n.std() / math.sqrt(RUNS)))


def _kernel(bar: float, alpha: float, n_max: int | None) -> Boundaries:
    kernel = certify_kernel(bar, alpha=alpha, n_max=n_max)
    starts = certification_starts(kernel, n_max=CAP, log_threshold=-math.log(alpha))
    return never_but(np.searchsorted(starts, np.arange(CAP + 1), side="right") - 1)


def _exact(rules: Boundaries, rate: float) -> Found:
    (found,) = operating(rules, [rate])
    return Found(found.expected_n, found.probability[Stop.CERTIFIED], 0.0)


def _ratio(cell: Cell, found: Found) -> float:
    return found.mean_n / _bound(cell)


def _ratios(found: dict[Cell, dict[str, Found]], names: list[str], alpha: float) -> str:
    cells = [cell for cell in found if cell.alpha == alpha]
    rows = []
    for name in names:
        shown = []
        for cell in cells:
            one = found[cell][name]
            power = "" if one.power >= FULL_POWER else f" ({one.power:.2f})"
            shown.append(f"{_ratio(cell, one):.2f}{power}")
        rows.append([name, *shown])
    return table(["method", *(f"{cell.bar} -> {cell.rate}" for cell in cells)], rows)


def _has_full_power(found: dict[Cell, dict[str, Found]], name: str) -> bool:
    return all(by_name[name].power >= FULL_POWER for by_name in found.values())


def _means(found: dict[Cell, dict[str, Found]], names: list[str]) -> str:
    rows = []
    for name in names:
        ratios = [_ratio(cell, by_name[name]) for cell, by_name in found.items()]
        full = "yes" if _has_full_power(found, name) else "no"
        rows.append([name, f"{np.mean(ratios):.3f}", f"{max(ratios):.2f}", full])
    return table(["method", "mean ratio", "worst cell", "power at least .99 in all cells"], rows)


def _peers(names: list[str]) -> list[str]:
    """The valid methods that are not ours and do not know the rate."""
    return [name for name in names if not name.startswith(("kernel", "SPRT that"))]


def _against_each(found: dict[Cell, dict[str, Found]], names: list[str]) -> str:
    ours = np.array([_ratio(cell, by_name[OURS]) for cell, by_name in found.items()])
    rows = []
    for name in _peers(names):
        if _has_full_power(found, name):
            theirs = np.array([_ratio(cell, by_name[name]) for cell, by_name in found.items()])
            times = ours / theirs
            rows.append(
                [
                    name,
                    f"{ours.mean():.3f}",
                    f"{theirs.mean():.3f}",
                    "yes" if ours.mean() < theirs.mean() else "no",
                    f"{np.mean(times < 1):.0%}",
                    f"{times.max():.2f}",
                ]
            )
    intro = (
        f"Peers with power of at least {FULL_POWER} in all {len(ours)} cells; mean ratios over all "
        f"of these, share of cells in which `{OURS}` takes fewer units, and the most it takes in "
        "any cell, as a multiple of the peer."
    )
    head = ["peer", "mean ratio, ours", "theirs", "ours is lower", "cells ours is lower", "most"]
    return f"{intro}\n\n{table(head, rows)}"


def _exceptions(found: dict[Cell, dict[str, Found]], names: list[str]) -> str:
    peers = _peers(names)
    always = [name for name in peers if _has_full_power(found, name)]
    lines = []
    here = []
    for cell, by_name in found.items():
        lines += _exception(cell, by_name, always)
        able = [name for name in peers if by_name[name].power >= FULL_POWER]
        here += _exception(cell, by_name, able)
    intro = (
        f"Cells where `{OURS}` takes more than {TOLERATED} times what the best valid peer with "
        f"power of at least {FULL_POWER} in all cells takes ({', '.join(always)}):"
    )
    then = (
        f"Cells where it takes more than {TOLERATED} times what the best valid peer with power of "
        f"at least {FULL_POWER} in that cell takes, though the peer may fail in others (all but "
        "the SPRT that knows the rate):"
    )
    return "\n".join([intro, "", *(lines or ["- none"]), "", then, "", *(here or ["- none"])])


def _exception(cell: Cell, by_name: dict[str, Found], peers: list[str]) -> list[str]:
    best = min(peers, key=lambda name: by_name[name].mean_n)
    times = by_name[OURS].mean_n / by_name[best].mean_n
    if times <= TOLERATED:
        return []
    return [f"- {cell.bar} -> {cell.rate}, alpha {cell.alpha}: {times:.2f} times {best}"]


def _errors(found: dict[Cell, dict[str, Found]], names: list[str]) -> str:
    rows = []
    for name in names:
        errors = np.array([by_name[name].error / _bound(cell) for cell, by_name in found.items()])
        if errors.any():
            rows.append([name, f"{errors.max():.3f}"])
    return table(["method", "standard error"], rows)

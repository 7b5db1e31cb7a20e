"""The designs side by side, all by exact recursion: nothing here is simulated."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from scipy.special import bdtr
from simulations.tables import table, write

from parity_eval.stats.boundaries import NEVER, Boundaries, boundaries
from parity_eval.stats.fixed_designs import (
    Spending,
    exact_budget_design,
    group_sequential_design,
)
from parity_eval.stats.planner import operating, smallest_rate
from parity_eval.stats.stopping import Stop, Terms, parity_design

ALPHA = 0.05
POWER = 0.9
PAIRS = (
    (0.95, 0.97),
    (0.95, 0.98),
    (0.95, 0.99),
    (0.9, 0.95),
    (0.9, 0.98),
    (0.99, 0.995),
    (0.99, 0.998),
)


def main() -> None:
    how = (
        "No simulation and no seed: exact recursion over units and failures. Alpha 0.05, no guards "
        "on the number of units."
    )
    sections = [
        "## Equal power\n\nFor each design a smallest budget with power 0.9 at the rate, found by "
        "bisection (power is not quite monotone in the budget): budget; mean units used (its ratio "
        "to the information bound of any test with that power); mean units used half way to 1."
        "\n\n" + _equal_power(),
        "## Equal budget\n\nPower, and mean units used.\n\n" + _equal_budget(),
        "## Negative stops\n\nBar 0.95, budget 500: mean units used at each true rate, and the "
        "chance to be certified at the rate worth certifying (0.9774, 80% power).\n\n"
        + _futility(),
        "## Rates worth certifying\n\nThe smallest rate that is certified with power 0.8.\n\n"
        + _worth(),
    ]
    write("designs", "Designs side by side", how=how, sections=sections)


def open_rules(rules: Boundaries) -> Boundaries:
    never = np.full(rules.terms.n_max + 1, NEVER)
    return replace(rules, below_bar=never, futile=never, curtailed=never)


def e_process(bar: float, n_max: int) -> Boundaries:
    return open_rules(boundaries(parity_design(bar, Terms(n_max=n_max, alpha=ALPHA, min_n=1))))


def budget(bar: float, n_max: int) -> Boundaries:
    return exact_budget_design(bar, alpha=ALPHA, n_max=n_max).boundaries(curtail=False)


def group(spending: Spending) -> Callable[[float, int], Boundaries]:
    def make(bar: float, n_max: int) -> Boundaries:
        design = group_sequential_design(bar, alpha=ALPHA, n_max=n_max, looks=10, spending=spending)
        return design.boundaries(curtail=False)

    return make


DESIGNS: dict[str, Callable[[float, int], Boundaries]] = {
    "e-process": e_process,
    "exact budget": budget,
    "O'Brien-Fleming, 10 looks": group(Spending.OBRIEN_FLEMING),
    "Pocock, 10 looks": group(Spending.POCOCK),
}


def _equal_power() -> str:
    rows = []
    for bar, rate in PAIRS:
        cells = [_equal_power_cell(make, bar, rate) for make in DESIGNS.values()]
        rows.append([f"{bar} -> {rate}", _fixed_n(bar, rate), *cells])
    return table(["bar -> rate", "fixed n", *DESIGNS], rows)


def _equal_power_cell(make: Callable[[float, int], Boundaries], bar: float, rate: float) -> str:
    def power(n_max: int) -> float:
        return operating(make(bar, n_max), [rate])[0].probability[Stop.CERTIFIED]

    low, high = 10, _fixed_n(bar, rate)
    while power(high) < POWER:
        low, high = high, 2 * high
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle) >= POWER else (middle, high)
    at_rate, half_way = operating(make(bar, high), [rate, (1 + rate) / 2])
    bound = _divergence(POWER, ALPHA) / _divergence(rate, bar)
    ratio = at_rate.expected_n / bound
    return f"{high}; {at_rate.expected_n:.0f} ({ratio:.2f}); {half_way.expected_n:.0f}"


def _fixed_n(bar: float, rate: float) -> int:
    """Smallest n with which the exact test keeps alpha and from which on it has the power."""
    n = np.arange(1, 6_000)
    most = np.array([_most_failures(int(k), bar) for k in n])
    enough = np.where(most < 0, 0.0, bdtr(np.maximum(most, 0), n, 1 - rate)) >= POWER
    return int(n[np.argmax(enough)])


def _most_failures(n: int, bar: float) -> int:
    f = np.arange(n + 1)
    return int(np.searchsorted(bdtr(f, n, 1 - bar), ALPHA, side="right")) - 1


def _divergence(p: float, q: float) -> float:
    if p == 1:
        return -math.log(q)
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


def _equal_budget() -> str:
    cases = [
        (0.95, 200, (0.98, 0.99, 1.0)),
        (0.95, 500, (0.97, 0.98, 0.99)),
        (0.95, 1000, (0.97, 0.98, 0.99)),
        (0.9, 150, (0.95, 0.98)),
    ]
    rows = []
    for bar, n_max, rates in cases:
        found = [operating(make(bar, n_max), rates) for make in DESIGNS.values()]
        for i, rate in enumerate(rates):
            cells = [
                f"{one[i].probability[Stop.CERTIFIED]:.3f}, {one[i].expected_n:.0f}"
                for one in found
            ]
            rows.append([bar, n_max, rate, *cells])
    return table(["bar", "budget", "rate", *DESIGNS], rows)


def _futility() -> str:
    rows = []
    terms = Terms(n_max=500, min_n=1, min_n_negative=1)
    worth = smallest_rate(0.95, terms)
    if worth is None:
        raise ValueError
    rates = (0.9, 0.93, 0.95, 0.96, worth, 0.99)
    for name, rules in _stopping_rules(terms, worth):
        found = operating(rules, rates)
        cells = [f"{one.expected_n:.0f}" for one in found]
        rows.append([name, *cells, f"{found[4].probability[Stop.CERTIFIED]:.3f}"])
    named = [f"rate {rate:.4g}" for rate in rates]
    return table(["rules", *named, "certified"], rows)


def _stopping_rules(terms: Terms, worth: float) -> Iterator[tuple[str, Boundaries]]:
    plain = boundaries(parity_design(0.95, terms))
    yield "certification only", open_rules(plain)
    never = np.full(terms.n_max + 1, NEVER)
    yield "and curtailment", replace(plain, below_bar=never)
    yield "and below the bar", plain
    for beta in (0.05, 0.1, 0.2):
        with_beta = replace(terms, beta=beta)
        yield (
            f"and futility, beta {beta}",
            boundaries(parity_design(0.95, with_beta, worth=worth)),
        )
    guarded = replace(terms, min_n=30, min_n_negative=10)
    yield (
        "beta 0.1, with the guards 30 and 10",
        boundaries(parity_design(0.95, guarded, worth=worth)),
    )


def _worth() -> str:
    budgets = (100, 200, 300, 500, 1000, 2000)
    rows = []
    for bar in (0.8, 0.9, 0.95, 0.97, 0.99):
        found = [smallest_rate(bar, Terms(n_max=n, min_n=1)) for n in budgets]
        rows.append([bar, *("none" if rate is None else f"{rate:.4f}" for rate in found)])
    return table(["bar", *(f"budget {n}" for n in budgets)], rows)

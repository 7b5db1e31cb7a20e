"""What the test of an arm will take and decide, for a few assumed truths, before it begins.

Parity is exact. Differences and preferences are simulated under an assumed law, with a fixed seed,
so that equal terms give equal figures.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np

from parity_eval.records import Estimand
from parity_eval.stats.boundaries import Boundaries
from parity_eval.stats.fixed_designs import SpendingDesign, fixed_arm_boundaries
from parity_eval.stats.kernel import TIE, Kernel, certify_kernel
from parity_eval.stats.log_planner import plan_log, straight_log_passes
from parity_eval.stats.planner import (
    Operating,
    ParityPlan,
    least_straight_passes,
    operating,
    plan_parity,
    straight_passes,
)
from parity_eval.stats.simulated import Law, Simulated, quick_expected_n, simulate
from parity_eval.stats.stopping import ArmDesign, Stop, Terms, mean_design

TruthName: TypeAlias = Literal["perfect", "worth", "midway", "as_good", "half_margin", "at_null"]

RUNS = 400
"""Simulated runs for each assumed truth."""
DISCORDANT = 0.04
"""Assumed share of pairs in which exactly one of the two answers is right."""
TIES = 0.4
"""Assumed share of pairs that a judge calls a tie."""
POWER = 0.8
"""The chance to certify that a log should give to a candidate as good as the baseline."""

_ENOUGH = 0.5
_SEED = 1
_ROOM = 3.0
_SLOWER = 1.3
_MOST_SIMULATED = 20_000
_LONGEST = 10_000_000
_BAR_STEPS = 1000
_RATE_STEP = 1e-4
_RATE_GRID = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What happens to an arm if its true mean is this."""

    truth: TruthName
    """Which of the assumed truths."""
    mean: float
    """The true mean assumed."""
    certified: float
    rejected: float
    futile: float
    inconclusive: float
    """Chances of the decisions; they sum to 1."""
    certified_error: float
    """Monte Carlo standard error of `certified`; 0 where it is exact."""
    expected_n: float
    """Mean number of pairs."""
    expected_n_error: float
    """Its Monte Carlo standard error; 0 where it is exact."""
    n_50: int
    n_90: int
    """Pairs by which 50% and 90% of such arms have stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """A log that is too short, and what would do."""

    why: Literal["impossible", "weak"]
    """`impossible`: not even a candidate that always passes can be certified (parity); `weak`: one
    as good as the baseline has a chance below one half (all others)."""
    needed: int | None
    """Requests with which the perfect candidate can be certified, or one as good as the baseline
    with a chance of 80% (about); None: more than ten million."""
    best_bar: float | None
    """The best bar, to three decimals, that a perfect candidate can pass with the requests there
    are; None where there is none above one half, or no bar."""
    log_claim: int | None
    """Passes in a row that certify if the claim is about this log only; None: they cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospects:
    """One arm's test before it begins."""

    n_planned: int
    """The most pairs that the figures allow for."""
    straight: int | None
    """Pairs that certify if all of them pass, or differ in none; None: the budget is too small."""
    worth: float | None
    """The smallest mean that the futility rule waits for."""
    is_exact: bool
    """Whether the figures are exact; otherwise they are simulated."""
    outlooks: tuple[Outlook, ...]
    """From the best truth to the one at the bar."""
    lack: Lack | None
    """What is missing; None: the log is long enough."""


@lru_cache(maxsize=512)
def fixed_prospects(terms: Terms, design: SpendingDesign) -> Prospects:
    """Say what one arm's test will take and decide under a design with a fixed end.

    Args:
        terms: Level, budget and guards; the budget is the design's end.
        design: The design.

    Guarantee:
        Exact for independent verdicts, up to a rate worth certifying that is found to 0.0001.

    References:
        Jennison and Turnbull, Group sequential methods, 2000, chapters 7 and 12.

    Example:
        >>> from parity_eval.stats.fixed_designs import named_design
        >>> once = named_design("fixed", 0.95, alpha=0.05, n_max=300)
        >>> found = fixed_prospects(Terms(n_max=300), once)
        >>> found.straight, found.n_planned
        (300, 300)
    """
    rules = fixed_arm_boundaries(terms, design)
    looks = zip(design.looks, design.most_failures, strict=True)
    straight = next((max(look, terms.min_n) for look, most in looks if most >= 0), None)
    if straight is not None and straight > terms.n_max:
        straight = None
    worth = None if straight is None else _worth_of(rules, design.bar)
    rates = (1.0, design.bar) if worth is None else (worth, (1 + worth) / 2, design.bar)
    names: tuple[TruthName, ...] = ("worth", "midway", "at_null")
    if worth is None:
        names = ("perfect", "at_null")
    rows = operating(rules, rates)
    lack = None
    if straight is None:
        lack = Lack(
            why="impossible",
            needed=least_straight_passes(design.bar, design.alpha),
            best_bar=None,
            log_claim=None,
        )
    return Prospects(
        n_planned=terms.n_max,
        straight=straight,
        worth=worth,
        is_exact=True,
        outlooks=tuple(_exact(name, row) for name, row in zip(names, rows, strict=True)),
        lack=lack,
    )


def _worth_of(rules: Boundaries, bar: float) -> float:
    """Return the smallest rate, to 0.0001, that is certified with a power of 80%."""
    low, high = bar, 1.0
    while high - low > _RATE_STEP:
        rates = [low + (high - low) * i / _RATE_GRID for i in range(1, _RATE_GRID + 1)]
        found = operating(rules, rates)
        enough = [row.rate for row in found if row.probability[Stop.CERTIFIED] >= POWER]
        high = min(enough, default=high)
        low = max((rate for rate in rates if rate < high), default=low)
    return high


@lru_cache(maxsize=512)
def prospects(
    estimand: Estimand, terms: Terms, *, worth: float | None, log_size: int | None = None
) -> Prospects:
    """Say what one arm's test will take and decide.

    Args:
        estimand: What is certified.
        terms: Level to plan for, budget and guards.
        worth: The smallest mean that the futility rule waits for; parity finds its own.
        log_size: Size of the log that the claim is about; None: all traffic like it. Differences
            and preferences are planned as for endless traffic in either case, which takes more.

    Guarantee:
        Parity: exact for independent verdicts (or a random order of the log). All others: for
        independent pairs of the assumed law, up to the Monte Carlo error that is given.

    References:
        Jennison and Turnbull, Group sequential methods, 2000, chapter 12.

    Example:
        >>> bar = Estimand(name="parity", bar=0.95, margin=None, why="configured")
        >>> found = prospects(bar, Terms(n_max=500), worth=None)
        >>> found.straight, round(found.outlooks[0].mean, 4), round(found.outlooks[0].expected_n)
        (78, 0.9774, 247)
    """
    if estimand.name == "parity":
        return _parity(estimand.null, terms, log_size)
    return _simulated(estimand, terms, worth)


def _parity(bar: float, terms: Terms, log_size: int | None) -> Prospects:
    plan = plan_parity(bar, terms) if log_size is None else plan_log(bar, terms, size=log_size)
    names: tuple[TruthName, ...] = ("worth", "midway", "at_null")
    if plan.worth is None:
        names = ("perfect", "at_null")
    return Prospects(
        n_planned=terms.n_max,
        straight=plan.straight_passes,
        worth=plan.worth,
        is_exact=True,
        outlooks=tuple(_exact(name, row) for name, row in zip(names, plan.rows, strict=True)),
        lack=_parity_lack(plan, log_size) if plan.straight_passes is None else None,
    )


def _exact(truth: TruthName, row: Operating) -> Outlook:
    return Outlook(
        truth=truth,
        mean=row.rate,
        **_chances(row.probability),
        certified_error=0.0,
        expected_n=row.expected_n,
        expected_n_error=0.0,
        n_50=row.n_stopped(0.5),
        n_90=row.n_stopped(0.9),
    )


def _chances(found: Mapping[Stop, float]) -> dict[str, float]:
    """Return the chances of the decisions; what cannot be certified any more is futile too."""
    chances = {
        "certified": found[Stop.CERTIFIED],
        "rejected": found[Stop.BELOW_BAR],
        "futile": found[Stop.FUTILE] + found[Stop.CURTAILED],
        "inconclusive": found[Stop.EXHAUSTED],
    }
    # Sums of thousands of small chances end a rounding error beside 1.
    return {name: min(chance, 1.0) for name, chance in chances.items()}


def _parity_lack(plan: ParityPlan, log_size: int | None) -> Lack:
    bar, terms = plan.bar, plan.terms
    log_claim = None
    if log_size is None:
        census = replace(terms, min_n=min(terms.min_n, terms.n_max))
        log_claim = straight_log_passes(bar, census, size=terms.n_max)
    return Lack(
        why="impossible",
        needed=_least_n(bar, terms),
        best_bar=_best_bar(terms),
        log_claim=log_claim,
    )


def _least_n(bar: float, terms: Terms) -> int | None:
    """Return the smallest budget within which straight passes certify."""

    def is_enough(n: int) -> bool:
        return straight_passes(bar, replace(terms, n_max=n)) is not None

    high = terms.n_max
    while not is_enough(high):
        high *= 2
        if high > _LONGEST:
            return None
    return _first(is_enough, terms.n_max, high)


def _best_bar(terms: Terms) -> float | None:
    """Return the highest bar, to three decimals, that straight passes certify."""
    low, high = _BAR_STEPS // 2, _BAR_STEPS
    if straight_passes(low / _BAR_STEPS, terms) is None:
        return None
    while low + 1 < high:
        middle = (low + high) // 2
        is_passed = straight_passes(middle / _BAR_STEPS, terms) is not None
        low, high = (middle, high) if is_passed else (low, middle)
    return low / _BAR_STEPS


def _simulated(estimand: Estimand, terms: Terms, worth: float | None) -> Prospects:
    design = mean_design(estimand.null, terms, worth=worth, lower=estimand.low)
    margin = estimand.margin or 0.0
    falls: dict[TruthName, float] = {
        "as_good": 0.0, "half_margin": margin / 2, "at_null": margin,
    }  # fmt: skip
    outlooks = tuple(
        _estimated(truth, _run(design, _law(estimand, fall))) for truth, fall in falls.items()
    )
    lack = None
    if outlooks[0].certified < _ENOUGH:
        lack = Lack(
            why="weak",
            needed=_needed(estimand, replace(terms, n_max=1)),
            best_bar=None,
            log_claim=None,
        )
    return Prospects(
        n_planned=terms.n_max,
        straight=_straight(estimand, terms),
        worth=worth,
        is_exact=False,
        outlooks=outlooks,
        lack=lack,
    )


def _law(estimand: Estimand, fall: float) -> Law:
    """Return the assumed law of a candidate that is worse than the baseline by `fall`."""
    is_preference = estimand.name == "preference"
    # A loss takes one whole point of a difference, and half a point of a preference.
    lost = 2 * fall if is_preference else fall
    decided = max(1 - TIES if is_preference else DISCORDANT, lost)
    won, equal = (decided - lost) / 2, 1 - decided
    scores = (0.0, 0.5, 1.0) if is_preference else (-1.0, 0.0, 1.0)
    return Law(scores=scores, chances=(decided - won, equal, won))


def _run(design: ArmDesign, law: Law) -> Simulated:
    return simulate(design, law, runs=RUNS, rng=np.random.default_rng(_SEED))


def _estimated(truth: TruthName, found: Simulated) -> Outlook:
    certified = found.share[Stop.CERTIFIED]
    return Outlook(
        truth=truth,
        mean=found.law.mean,
        **_chances(found.share),
        certified_error=math.sqrt(certified * (1 - certified) / found.runs),
        expected_n=found.mean_n,
        expected_n_error=found.mean_n_error,
        n_50=found.n_stopped(0.5),
        n_90=found.n_stopped(0.9),
    )


def _straight(estimand: Estimand, terms: Terms) -> int | None:
    """Return after how many pairs without any difference an arm is certified."""
    kernel = _kernel(estimand, terms)
    even = estimand.null + (estimand.margin or 0.0)

    def is_enough(n: int) -> bool:
        return kernel.log_e_after(kernel.begin(), even, n) >= -math.log(terms.alpha) - TIE

    if terms.n_max < terms.min_n or not is_enough(terms.n_max):
        return None
    return max(_first(is_enough, 0, terms.n_max), terms.min_n)


def _kernel(estimand: Estimand, terms: Terms) -> Kernel:
    return certify_kernel(
        estimand.null, alpha=terms.alpha, n_max=terms.n_max, lower=estimand.low, upper=1.0
    )


@lru_cache(maxsize=512)
def _needed(estimand: Estimand, terms: Terms) -> int | None:
    """Return about how many requests certify a candidate as good as the baseline with power 80%.

    One run with more than enough of them shows when they would have done.
    """
    law = _law(estimand, 0.0)
    kernel = certify_kernel(
        estimand.null, alpha=terms.alpha, n_max=None, lower=estimand.low, upper=1.0
    )
    quick = quick_expected_n(kernel, law, alpha=terms.alpha)
    if quick > _LONGEST:
        return None
    n_max = max(terms.min_n, math.ceil(_ROOM * quick))
    needed = _SLOWER * quick
    if n_max <= _MOST_SIMULATED:
        enough = replace(terms, n_max=n_max)
        needed = _run(mean_design(estimand.null, enough, lower=estimand.low), law).n_stopped(POWER)
    # Two digits: nobody knows it any better.
    step: int = 10 ** max(0, math.floor(math.log10(needed)) - 1)
    return math.ceil(needed / step) * step


def _first(is_enough: Callable[[int], bool], low: int, high: int) -> int:
    """Bisect for the first number after `low` that is enough, as `high` is."""
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high

"""What a claim about one log will cost and decide, exactly, before it begins."""

from functools import lru_cache

from parity_eval.stats.boundaries import boundaries, only_certify
from parity_eval.stats.checks import check_number, check_probability
from parity_eval.stats.finite_log import least_passes, parity_log_design
from parity_eval.stats.planner import ParityPlan, operating
from parity_eval.stats.stopping import Stop, Terms


@lru_cache(maxsize=512)
def plan_log(bar: float, terms: Terms, *, size: int, power: float = 0.8) -> ParityPlan:
    """Plan one arm whose claim is about a log.

    Args:
        bar: The share of the log that must pass, in (0, 1].
        terms: Levels, budget and guards; the budget may not exceed the log.
        size: Number of prompts in the log.
        power: The chance to certify that makes a rate worth certifying.

    Returns:
        The plan; rates are shares of the log.

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        Exact for a random order of the log, by forward recursion.

    References:
        Waudby-Smith and Ramdas, Confidence sequences for sampling without replacement, 2020.

    Example:
        >>> plan = plan_log(0.95, Terms(n_max=500), size=500)
        >>> plan.straight_passes, plan.worth
        (68, 0.95)
    """
    worth = smallest_log_rate(bar, terms, size=size, power=power)
    rules = boundaries(parity_log_design(bar, terms, size=size, worth=_above(worth, bar)))
    just_below = (least_passes(bar, size) - 1) / size
    hopeful = (1.0,) if worth is None else (worth, (1 + worth) / 2)
    perfect = operating(only_certify(rules), [1.0], log_size=size)[0].n_certified(0.5)
    return ParityPlan(
        bar=bar,
        terms=terms,
        straight_passes=perfect,
        worth=worth,
        rows=operating(rules, (*hopeful, just_below), log_size=size),
    )


@lru_cache(maxsize=512)
def smallest_log_rate(bar: float, terms: Terms, *, size: int, power: float = 0.8) -> float | None:
    """Return the smallest share of passes in a log that is certified with a given power.

    Args:
        bar: The share of the log that must pass, in (0, 1].
        terms: Levels, budget and guards; the budget may not exceed the log.
        size: Number of prompts in the log.
        power: The power, in (0, 1), without negative stops.

    Returns:
        The share, or None where the budget cannot certify any.

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        Exact for a random order of the log.

    References:
        Waudby-Smith and Ramdas, Confidence sequences for sampling without replacement, 2020.
    """
    check_probability(power, "power")
    check_number(terms.n_max, "n_max", ("<=", size))
    rules = only_certify(boundaries(parity_log_design(bar, terms, size=size)))
    low, high = least_passes(bar, size) - 1, size + 1
    while low + 1 < high:
        middle = (low + high) // 2
        (found,) = operating(rules, [middle / size], log_size=size)
        is_enough = found.probability[Stop.CERTIFIED] >= power
        low, high = (low, middle) if is_enough else (middle, high)
    return high / size if high <= size else None


def _above(worth: float | None, bar: float) -> float | None:
    """Leave the futility rule out where the rate worth certifying is the bar itself."""
    return worth if worth is not None and worth > bar else None

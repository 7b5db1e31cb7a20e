"""Other tests of a bounded mean that may be looked at after every unit, many runs at once.

Scores are in [0, 1] and the null is "the mean is at most m". Formulas: Waudby-Smith and Ramdas,
Estimating means of bounded random variables by betting, 2024 (aGRAPA, ONS, predictable mixture,
empirical Bernstein); Howard, Ramdas, McAuliffe and Sekhon, Time-uniform, nonparametric,
nonasymptotic confidence sequences, 2021 (beta-binomial mixture, stitched boundary); Krichevsky and
Trofimov, The performance of universal encoding, 1981 (KT).
"""

import math
from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaln, xlog1py

from parity_eval.stats.boundaries import NEVER, Boundaries
from parity_eval.stats.checks import FloatArray, IntArray
from parity_eval.stats.stopping import Terms

BoolArray: TypeAlias = NDArray[np.bool_]

_ONS_RATE = 2 / (2 - math.log(3))


class Peer(Protocol):
    """One method in many runs; `update` takes the next score of each open run."""

    def update(self, x: FloatArray) -> None: ...

    def log_wealth(self) -> FloatArray: ...

    def keep(self, open_: BoolArray) -> None: ...


class Bettor:
    """Wealth of predictable bets lambda (x - m); the parent keeps the usual running moments."""

    def __init__(self, m: float, alpha: float, runs: int, cap: float) -> None:
        self.m, self.alpha, self.cap, self.t = m, alpha, cap, 0
        self.sums = np.full(runs, 0.5)
        self.squares = np.full(runs, 0.25)
        self.log_k = np.zeros(runs)

    def bet(self) -> FloatArray:
        raise NotImplementedError

    def update(self, x: FloatArray) -> None:
        self.log_k += np.log1p(self.bet() * (x - self.m))
        self.t += 1
        self.sums += x
        self.squares += (x - self.sums / (self.t + 1)) ** 2

    def log_wealth(self) -> FloatArray:
        return self.log_k

    def keep(self, open_: BoolArray) -> None:
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                setattr(self, name, value[open_])

    @property
    def mean(self) -> FloatArray:
        return self.sums / (self.t + 1)

    @property
    def variance(self) -> FloatArray:
        return self.squares / (self.t + 1)


class AGrapa(Bettor):
    """Approximately growth-rate adaptive bets."""

    def bet(self) -> FloatArray:
        gap = self.mean - self.m
        return np.clip(gap / (self.variance + gap**2), 0.0, self.cap / self.m)


class PredictableMixture(Bettor):
    """Predictable plug-in of the empirical Bernstein bets; one side of the hedged capital."""

    def bet(self) -> FloatArray:
        t = self.t + 1
        size = np.sqrt(2 * math.log(1 / self.alpha) / (self.variance * t * math.log(t + 1)))
        return np.minimum(size, self.cap / self.m)


class Ons(Bettor):
    """Online Newton step."""

    def __init__(self, m: float, alpha: float, runs: int, cap: float) -> None:
        super().__init__(m, alpha, runs, cap)
        self.bets = np.zeros(runs)
        self.curvature = np.ones(runs)

    def bet(self) -> FloatArray:
        return self.bets

    def update(self, x: FloatArray) -> None:
        slope = -(x - self.m) / (1 + self.bets * (x - self.m))
        super().update(x)
        self.curvature += slope**2
        moved = self.bets - _ONS_RATE * slope / self.curvature
        self.bets = np.clip(moved, 0.0, self.cap / self.m)


class Kt(Bettor):
    """Likelihood ratio of the KT prediction, wherever that is above the null; binary scores."""

    def bet(self) -> FloatArray:
        rate = np.maximum(self.mean, self.m)
        return (rate - self.m) / (self.m * (1 - self.m))


class EmpiricalBernstein(Bettor):
    """Predictable plug-in empirical Bernstein lower bound, as log wealth against m."""

    def __init__(self, m: float, alpha: float, runs: int, cap: float) -> None:
        super().__init__(m, alpha, runs, cap)

    def update(self, x: FloatArray) -> None:
        t = self.t + 1
        size = np.sqrt(2 * math.log(1 / self.alpha) / (self.variance * t * math.log(t + 1)))
        size = np.minimum(size, self.cap)
        psi = -np.log1p(-size) - size
        self.log_k += size * (x - self.m) - (x - self.mean) ** 2 * psi
        self.t = t
        self.sums += x
        self.squares += (x - self.sums / (self.t + 1)) ** 2


MONTE_CARLO: dict[str, Callable[[float, float, int], Peer]] = {
    "KT plug-in": lambda m, alpha, runs: Kt(m, alpha, runs, 1.0),
    "aGRAPA, cap .5": lambda m, alpha, runs: AGrapa(m, alpha, runs, 0.5),
    "aGRAPA, cap .95": lambda m, alpha, runs: AGrapa(m, alpha, runs, 0.95),
    "ONS, cap .5": lambda m, alpha, runs: Ons(m, alpha, runs, 0.5),
    "ONS, cap .95": lambda m, alpha, runs: Ons(m, alpha, runs, 0.95),
    "predictable mixture, cap .5": lambda m, alpha, runs: PredictableMixture(m, alpha, runs, 0.5),
    "empirical Bernstein": lambda m, alpha, runs: EmpiricalBernstein(m, alpha, runs, 0.5),
}


def first_crossings(
    peer: Peer,
    draw: Callable[[np.random.Generator, int], FloatArray],
    *,
    alpha: float,
    runs: int,
    cap: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Units until log wealth reaches log(1 / alpha), infinity for runs that do not by the cap."""
    found = np.full(runs, np.inf)
    still = np.arange(runs)
    needed = -math.log(alpha) - 1e-9
    for n in range(1, cap + 1):
        peer.update(draw(rng, len(still)))
        reached = peer.log_wealth() >= needed
        if reached.any():
            found[still[reached]] = n
            still = still[~reached]
            peer.keep(~reached)
            if not len(still):
                break
    return found


Evidence: TypeAlias = Callable[[IntArray, IntArray], FloatArray]
Rule: TypeAlias = Callable[[IntArray, IntArray], BoolArray]


def reaching(evidence: Evidence, needed: float) -> Rule:
    def enough(n: IntArray, failures: IntArray) -> BoolArray:
        return np.asarray(evidence(n, failures) >= needed)

    return enough


def boundary(enough: Rule, cap: int) -> Boundaries:
    """Turn a rule on (units, failures) into the most failures that certify at each n."""
    n = np.arange(cap + 1)
    low, high = np.full(cap + 1, -1), n.copy()
    while (low < high).any():
        middle = (low + high + 1) // 2
        yes = enough(n, np.clip(middle, 0, n)) & (middle >= 0)
        low, high = np.where(yes, middle, low), np.where(yes, high, middle - 1)
    return never_but(np.maximum.accumulate(low))


def never_but(certify: IntArray) -> Boundaries:
    """An arm that can only certify."""
    never = np.full(len(certify), NEVER)
    return Boundaries(
        terms=Terms(n_max=len(certify) - 1, min_n=1),
        certify=certify,
        below_bar=never,
        futile=never,
        curtailed=never,
    )


def beta_binomial(bar: float, alpha: float, tuned_to: int) -> Evidence:
    """One-sided beta-binomial mixture, tuned to be tight at a number of units."""
    variance = bar * (1 - bar)
    at = tuned_to * variance
    two_sided = 2 * math.log(1 / (2 * alpha))
    rho = max(at / (two_sided + math.log1p(two_sided)) - variance, 1e-3 * variance)
    a, b = rho / (1 - bar), rho / bar
    # Only rates above the bar get weight.
    mass = math.log(betainc(b, a, 1 - bar))

    def log_e(n: IntArray, failures: IntArray) -> FloatArray:
        passes = n - failures
        tail = betainc(b + failures, a + passes, 1 - bar)
        with np.errstate(divide="ignore"):
            mixed = betaln(a + passes, b + failures) + np.log(tail) - betaln(a, b) - mass
        return np.asarray(mixed - passes * math.log(bar) - failures * math.log1p(-bar))

    return log_e


def sprt(bar: float, rate: float) -> Evidence:
    """Likelihood ratio of one rate to the bar."""

    def log_e(n: IntArray, failures: IntArray) -> FloatArray:
        ratio = (n - failures) * math.log(rate / bar)
        return np.asarray(ratio + xlog1py(failures, -rate) - failures * math.log1p(-bar))

    return log_e


def stitched(bar: float, alpha: float, first: int = 30) -> Rule:
    """Polynomial stitched boundary (eta 2, s 1.4) for Bernoulli sums, from `first` units on."""
    eta, s = 2.0, 1.4
    zeta = 3.105472
    k1 = (eta**0.25 + eta**-0.25) / math.sqrt(2)
    k2 = (math.sqrt(eta) + 1) / 2
    variance = bar * (1 - bar)
    scale = (1 - 2 * bar) / 3

    def enough(n: IntArray, failures: IntArray) -> BoolArray:
        v = np.maximum(n, first) * variance
        log_log = s * np.log(np.log(eta * v / (first * variance)))
        weight = log_log + math.log(zeta / (alpha * math.log(eta) ** s))
        reach = np.sqrt(k1**2 * v * weight + (k2 * scale * weight) ** 2) + k2 * scale * weight
        return np.asarray((n - failures) - n * bar >= reach)

    return enough

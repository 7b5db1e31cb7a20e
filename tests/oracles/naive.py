"""Slow, obvious twins of parity_eval.stats, written from the formulas alone."""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import product

Nodes = tuple[list[float], list[float]]


def divergence(q: float, m: float) -> float:
    """Kullback-Leibler divergence of Bernoulli laws."""
    total = q * math.log(q / m)
    if q < 1:
        total += (1 - q) * math.log((1 - q) / (1 - m))
    return total


def nodes(m: float, alpha: float, n_max: int | None, prior: str = "uniform") -> Nodes:
    target = 0.0 if n_max is None else 0.75 * math.log(1 / alpha) / n_max
    if target >= math.log(1 / m):
        return [1.0], [1.0]
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        if divergence(m + middle * (1 - m), m) < target:
            low = middle
        else:
            high = middle
    c_min = 0.0 if n_max is None else (low + high) / 2
    if prior == "loguniform":
        c_min = max(c_min, 1e-4)
    start = math.asin(math.sqrt(c_min))
    angles = [start + (g - 0.5) * (math.pi / 2 - start) / 32 for g in range(1, 33)]
    fractions = [math.sin(angle) ** 2 for angle in angles]
    weights = [math.sin(2 * angle) for angle in angles]
    if prior == "loguniform":
        weights = [w / c for w, c in zip(weights, fractions, strict=True)]
    return fractions, [w / sum(weights) for w in weights]


def wealth(scores: Sequence[float], null: float, worst: Sequence[float], bets: Nodes) -> float:
    """The mixture's wealth as a plain sum of products."""
    total = 0.0
    for c, w in zip(*bets, strict=True):
        product_ = w
        for x, end in zip(scores, worst, strict=True):
            product_ *= 1 + c * (x - null) / (null - end)
        total += product_
    return total


def log_e(scores: Sequence[float], null: float, worst: float, bets: Nodes) -> float:
    value = wealth(scores, null, [worst] * len(scores), bets)
    return math.log(value) if value > 0 else -math.inf


class Machine:
    """The stopping machine, recomputed from all outcomes at every look."""

    def __init__(
        self,
        bar: float,
        worth: float | None,
        levels: tuple[float, float],
        budget: tuple[int, int, int],
    ) -> None:
        self.bar, self.worth = bar, worth
        self.alpha, self.beta = levels
        self.n_max, self.min_n, self.min_n_negative = budget
        self.certify = nodes(bar, self.alpha, self.n_max)
        self.below = nodes(1 - bar, self.alpha, self.n_max, "loguniform")
        if worth is not None:
            self.futile = nodes(1 - worth, self.beta, self.n_max, "loguniform")

    def evidence(self, outcomes: Sequence[int]) -> float:
        return log_e(outcomes, self.bar, 0.0, self.certify)

    def check(self, outcomes: Sequence[int]) -> str | None:
        n = len(outcomes)
        enough = math.log(1 / self.alpha) - 1e-9
        best = max(self.evidence(outcomes[:t]) for t in range(1, n + 1))
        if n >= self.min_n and best >= enough:
            return "certified"
        if n >= self.min_n_negative:
            if log_e(outcomes, self.bar, 1.0, self.below) >= enough:
                return "below_bar"
            if self.worth is not None:
                against = log_e(outcomes, self.worth, 1.0, self.futile)
                if against >= math.log(1 / self.beta) - 1e-9:
                    return "futile"
            waits = best >= enough and self.n_max >= self.min_n
            if n < self.n_max and not waits and not self.can_certify(outcomes, enough):
                return "curtailed"
        return "exhausted" if n == self.n_max else None

    def can_certify(self, outcomes: Sequence[int], enough: float) -> bool:
        later = range(max(len(outcomes) + 1, self.min_n), self.n_max + 1)
        return any(self.evidence([*outcomes, *[1] * (t - len(outcomes))]) >= enough for t in later)

    def run(self, outcomes: Sequence[int]) -> tuple[str, int]:
        for n in range(1, len(outcomes) + 1):
            stop = self.check(outcomes[:n])
            if stop is not None:
                return stop, n
        raise AssertionError


def all_ways(machine: Machine, rate: float) -> tuple[dict[str, float], float]:
    """Follow every path there is: chances of each verdict and the mean number of units."""
    chances: dict[str, float] = {}
    mean = 0.0
    decided: dict[tuple[int, ...], str] = {}
    for n in range(1, machine.n_max + 1):
        for path in product((0, 1), repeat=n):
            if any(path[:t] in decided for t in range(1, n)):
                continue
            stop = machine.check(path)
            if stop is not None:
                decided[path] = stop
                chance = rate ** sum(path) * (1 - rate) ** (n - sum(path))
                chances[stop] = chances.get(stop, 0.0) + chance
                mean += n * chance
    return chances, mean


def subsample_terms(
    classes: Sequence[int],
    values: Sequence[float | None],
    *,
    chances: Sequence[float],
    priors: tuple[Sequence[float], float],
    offsets: Sequence[float],
    scale: float,
) -> list[tuple[float, float, float]]:
    means, weight = priors
    found = []
    for i, (k, y) in enumerate(zip(classes, values, strict=True)):
        f = []
        for kind in range(len(chances)):
            top, bottom = weight * means[kind], weight
            for earlier, value in zip(classes[:i], values[:i], strict=True):
                if earlier == kind and value is not None:
                    top += value / chances[kind]
                    bottom += 1 / chances[kind]
            f.append(top / bottom)
        ends = []
        for kind, chance in enumerate(chances):
            possible = [f[kind] + (end - f[kind]) / chance for end in (0, 1)]
            ends += [offsets[kind] + scale * value for value in possible]
        inner = f[k] if y is None else f[k] + (y - f[k]) / chances[k]
        found.append((offsets[k] + scale * inner, min(ends), max(ends)))
    return found


def finite_count(size: int, null: int, first: int, passes: int, fails: int) -> Fraction | float:
    """Hypergeometric likelihood ratio against at most `null` passes, in whole numbers."""
    below = math.comb(null, passes) * math.comb(size - null, fails)
    alternatives = range(first, size + 1)
    above = sum(math.comb(k, passes) * math.comb(size - k, fails) for k in alternatives)
    if passes > null:
        return math.inf
    return Fraction(above, len(alternatives) * below) if above else Fraction(0)


def finite_mean(scores: Sequence[float], size: int, null: float, bets: Nodes) -> float:
    """Log wealth against a null that moves with what has been drawn."""
    total = 0.0
    for c, w in zip(*bets, strict=True):
        factor, seen = w, 0.0
        for i, x in enumerate(scores):
            moved = (size * null - seen) / (size - i)
            factor *= 1 + c * (x / moved - 1)
            seen += x
        total += factor
    return math.log(total) if total > 0 else -math.inf


def e_bh(log_e_values: Sequence[float], alpha: float) -> set[int]:
    """Try every number of rejections."""
    size = len(log_e_values)
    for r in range(size, 0, -1):
        enough = [i for i in range(size) if reaches(log_e_values[i], size / (alpha * r))]
        if len(enough) >= r:
            return set(sorted(enough, key=lambda i: -log_e_values[i])[: len(enough)])
    return set()


def holm(log_e_values: Sequence[float], alpha: float) -> set[int]:
    """Closed testing: reject what every intersection that contains it rejects by Bonferroni."""
    size = len(log_e_values)
    subsets = [[i for i in range(size) if bits >> i & 1] for bits in range(1, 2**size)]
    kept = set()
    for subset in subsets:
        best = max(log_e_values[i] for i in subset)
        if not reaches(best, len(subset) / alpha):
            kept.update(subset)
    return set(range(size)) - kept


def selected_e_bh(rows: Sequence[Sequence[float]], alpha: float) -> list[int | None]:
    size = len(rows)
    for r in range(size, 0, -1):
        choice: list[int | None] = []
        for row in rows:
            threshold = size * len(row) / (alpha * r)
            choice.append(next((j for j, e in enumerate(row) if reaches(e, threshold)), None))
        if sum(j is not None for j in choice) >= r:
            return choice
    return [None] * size


def reaches(log_e_value: float, threshold: float) -> bool:
    return log_e_value >= math.log(threshold) - 1e-9


def shiryaev_roberts(scores: Sequence[float], bar: float) -> list[float]:
    """Sum over all possible times of change of the wealth since then."""
    bets = [0.02 * 25 ** (g / 15) for g in range(16)]
    path = []
    for n in range(1, len(scores) + 1):
        total = 0.0
        for c in bets:
            for since in range(n):
                product_ = 1.0
                for x in scores[since:n]:
                    product_ *= 1 + c * (bar - x) / (1 - bar)
                total += product_ / 16
        path.append(math.log(total))
    return path

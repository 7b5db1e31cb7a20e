"""Many independent runs of the kernel at once, for several levels, in linear space.

In single precision, whose rounding moves the wealth by less than a thousandth over 5,000 units. A
wealth of less than 1e-30 is lifted to that, which spares slow denormal numbers and can only make
certificates more frequent; one of more than 1e30 has long been counted.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from parity_eval.stats.checks import FloatArray, IntArray
from parity_eval.stats.finite_mean import FiniteMean
from parity_eval.stats.kernel import Kernel

_LEAST, _MOST = np.float32(1e-30), np.float32(1e30)
_CLIP_EVERY = 4
_CHUNK = 1_000
_CHUNK_OF_TERMS = 500
_NOTHING = 1e-9


Single: TypeAlias = NDArray[np.float32]


class Bets(NamedTuple):
    """The bets of several kernels side by side, and how each mixes its own."""

    fractions: Single
    """Shape (bets of all kernels,)."""
    mixing: Single
    """Shape (bets of all kernels, kernels)."""


def side_by_side(kernels: Sequence[Kernel | FiniteMean]) -> Bets:
    fractions = np.concatenate([kernel.nodes.c for kernel in kernels]).astype(np.float32)
    mixing = np.zeros((len(fractions), len(kernels)), dtype=np.float32)
    first = 0
    for k, kernel in enumerate(kernels):
        last = first + len(kernel.nodes.c)
        mixing[first:last, k] = np.exp(kernel.nodes.log_w)
        first = last
    return Bets(fractions, mixing)


def highest_wealth(
    kernels: Sequence[Kernel],
    scores: Sequence[float],
    draw: Callable[[np.random.Generator, int, int], IntArray],
    *,
    runs: int,
    horizon: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Return the highest wealth each run ever has for each kernel, shape (runs, kernels).

    `draw(rng, runs, horizon)` gives which of the scores each unit of each run has.
    """
    bets = side_by_side(kernels)
    increments = [
        np.outer(
            (np.asarray(scores) - kernel.null) / (kernel.null - kernel.worst),
            kernel.nodes.c,
        )
        for kernel in kernels
    ]
    factors = (1 + np.concatenate(increments, axis=1)).astype(np.float32)
    found = []
    for first in range(0, runs, _CHUNK):
        size = min(_CHUNK, runs - first)
        drawn = np.ascontiguousarray(draw(rng, size, horizon).T)
        found.append(_highest(bets, size, (factors.take(units, axis=0) for units in drawn)))
    return np.concatenate(found)


def highest_wealth_of_terms(
    kernels: Sequence[Kernel],
    make: Callable[[np.random.Generator, int, int], tuple[FloatArray, FloatArray]],
    *,
    runs: int,
    horizon: int,
    rng: np.random.Generator,
) -> FloatArray:
    """The same for terms with limits of their own; all kernels share one null.

    `make(rng, runs, horizon)` gives terms and limits, both of shape (horizon, runs).
    """
    bets = side_by_side(kernels)
    null = kernels[0].null
    found = []
    for first in range(0, runs, _CHUNK_OF_TERMS):
        size = min(_CHUNK_OF_TERMS, runs - first)
        terms, limits = make(rng, size, horizon)
        increments = ((terms - null) / (null - limits)).astype(np.float32)
        one = np.float32(1)
        found.append(_highest(bets, size, (one + np.outer(r, bets.fractions) for r in increments)))
    return np.concatenate(found)


def highest_wealth_in_log(
    tests: Sequence[FiniteMean], scores: Sequence[float], *, runs: int, rng: np.random.Generator
) -> FloatArray:
    """The same for random orders of a log with these scores, drawn to its end.

    All tests have the log's mean as their null, which is why none of them ever finds it impossible.
    """
    bets = side_by_side(tests)
    lower, upper = tests[0].lower, tests[0].upper
    relative = (np.asarray(scores) - lower) / (upper - lower)
    found = []
    for first in range(0, runs, _CHUNK):
        size = min(_CHUNK, runs - first)
        drawn = rng.permuted(np.tile(relative[:, np.newaxis], size), axis=0)
        found.append(_highest(bets, size, _factors_in_log(bets, drawn)))
    return np.concatenate(found)


def _factors_in_log(bets: Bets, drawn: FloatArray) -> Iterator[Single]:
    """Bets against the mean that the rest of the log must have, `drawn` of shape (log, runs)."""
    one = np.float32(1)
    left = drawn.sum(axis=0)
    for t, position in enumerate(drawn):
        null = left / (len(drawn) - t)
        # With nothing left in the log every score is 0, as foretold.
        ratio = np.divide(position, null, out=np.ones(len(null)), where=null > _NOTHING)
        yield one + np.outer((ratio - 1).astype(np.float32), bets.fractions)
        left = left - position


def _highest(bets: Bets, runs: int, factors: Iterator[Single]) -> FloatArray:
    wealth = np.ones((runs, len(bets.fractions)), dtype=np.float32)
    mixed = np.empty((runs, bets.mixing.shape[1]), dtype=np.float32)
    highest = np.zeros_like(mixed)
    for t, factor in enumerate(factors):
        wealth *= factor
        if t % _CLIP_EVERY == 0:
            np.clip(wealth, _LEAST, _MOST, out=wealth)
        np.matmul(wealth, bets.mixing, out=mixed)
        np.maximum(highest, mixed, out=highest)
    return highest.astype(np.float64)


def false_shares(highest: FloatArray, alphas: Sequence[float]) -> list[float]:
    """Share of runs whose wealth reached 1 / alpha in the column of each alpha."""
    thresholds = (1 - 1e-6) / np.asarray(alphas)
    return [float(value) for value in (highest >= thresholds).mean(axis=0)]


def from_law(
    chances: Sequence[float],
) -> Callable[[np.random.Generator, int, int], IntArray]:
    """Draw independent units of a finite law."""
    edges = np.cumsum(chances)[:-1].astype(np.float32)

    def draw(rng: np.random.Generator, runs: int, horizon: int) -> IntArray:
        uniform = rng.random((runs, horizon), dtype=np.float32)
        return np.searchsorted(edges, uniform, side="right").astype(np.int8)

    return draw

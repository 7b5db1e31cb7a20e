"""Many independent runs of the kernel at once, for several levels, in linear space.

A wealth of less than 1e-60 is lifted to that, which spares slow denormal numbers and can only
make certificates more frequent.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from parity_eval.stats.checks import FloatArray, IntArray
from parity_eval.stats.kernel import Kernel

_LEAST = 1e-60
_LIFT_EVERY = 16
_CHUNK = 2_000
_CHUNK_OF_TERMS = 500


class Bets(NamedTuple):
    """The bets of several kernels side by side, and how each mixes its own."""

    fractions: FloatArray
    """Shape (bets of all kernels,)."""
    mixing: FloatArray
    """Shape (bets of all kernels, kernels)."""


def side_by_side(kernels: Sequence[Kernel]) -> Bets:
    fractions = np.concatenate([kernel.nodes.c for kernel in kernels])
    mixing = np.zeros((len(fractions), len(kernels)))
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
    factors = 1 + np.concatenate(increments, axis=1)
    found = []
    for first in range(0, runs, _CHUNK):
        size = min(_CHUNK, runs - first)
        drawn = draw(rng, size, horizon)
        found.append(_highest(bets, horizon, size, lambda t, drawn=drawn: factors[drawn[:, t]]))
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
        terms -= null
        terms /= null - limits
        found.append(
            _highest(
                bets, horizon, size, lambda t, r=terms: 1 + np.outer(r[t], bets.fractions)
            )
        )
    return np.concatenate(found)


def _highest(
    bets: Bets, horizon: int, runs: int, factors_at: Callable[[int], FloatArray]
) -> FloatArray:
    wealth = np.ones((runs, len(bets.fractions)))
    highest = np.zeros((runs, bets.mixing.shape[1]))
    for t in range(horizon):
        wealth *= factors_at(t)
        if t % _LIFT_EVERY == 0:
            np.maximum(wealth, _LEAST, out=wealth)
        np.maximum(highest, wealth @ bets.mixing, out=highest)
    return highest


def false_shares(highest: FloatArray, alphas: Sequence[float]) -> list[float]:
    """Share of runs whose wealth reached 1 / alpha in the column of each alpha."""
    thresholds = (1 - 1e-9) / np.asarray(alphas)
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

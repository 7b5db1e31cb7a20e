"""False certificates of arms with several gates: the evidence is the least of theirs."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from simulations.streams import from_law
from simulations.tables import header, simulated, table, write

from parity_eval.stats.boundaries import certification_starts
from parity_eval.stats.checks import IntArray
from parity_eval.stats.kernel import certify_kernel

RUNS = 20_000
HORIZON = 5_000
SEED = 20_261_121
ALPHAS = (0.01, 0.05, 0.1)
SLICE = 0.2
_CHUNK = 1_000
_GATES = 2


class Gate(NamedTuple):
    """A bar on the units of some kinds."""

    bar: float
    belongs: tuple[bool, ...]
    passes: tuple[bool, ...]
    n_max: int = HORIZON


class Arm(NamedTuple):
    """Two gates over units whose kinds have these chances; at least one gate is at its bar."""

    what: str
    truth: str
    chances: tuple[float, ...]
    gates: tuple[Gate, Gate]


def main() -> None:
    rng = np.random.default_rng(SEED)
    how = (
        f"Seed {SEED}; {RUNS} runs per row, {HORIZON} units each, a look after every unit, no "
        "guard on the number of units. An arm is certified where the smaller of its two e-values "
        "reaches 1 / alpha: both as they are now, or both at the best they ever were. At least one "
        "gate is exactly at its bar, so that every certificate is false. ± is the Monte Carlo "
        "standard error; the last column says whether every share is at most alpha plus three such "
        "errors (of alpha)."
    )
    rows = []
    for arm in _arms():
        hits = np.concatenate([_hits(arm, rng) for _ in range(RUNS // _CHUNK)])
        for k, value in enumerate(("now", "best")):
            cells = simulated(hits[:, k].mean(axis=0).tolist(), ALPHAS, RUNS)
            rows.append([arm.what, arm.truth, value, *cells])
    sections = [table(header(ALPHAS, "gates", "truth", "e-values"), rows)]
    write("gates", "Validity of arms with several gates", how=how, sections=sections)


def _arms() -> list[Arm]:
    arms = []
    for bar in (0.9, 0.95):
        arms += [
            _independent("parity, format", bar, (bar, 0.95), (bar, 0.999)),
            _independent("parity, format", bar, (bar, bar), (bar, bar)),
            Arm(
                "parity, format; failing together",
                f"both at {bar}",
                (1 - bar, bar),
                (
                    Gate(bar, (True, True), (False, True)),
                    Gate(bar, (True, True), (False, True)),
                ),
            ),
        ]
    arms += [
        _sliced("slice at its bar", whole=0.95, part=0.9, rates=(0.9, 0.995)),
        _sliced("whole at its bar", whole=0.95, part=0.9, rates=(0.99, 0.94)),
        _sliced("both at their bars", whole=0.95, part=0.95, rates=(0.95, 0.95)),
    ]
    return arms


def _independent(
    what: str, bar: float, bars: tuple[float, float], rates: tuple[float, float]
) -> Arm:
    p, q = rates
    is_far = rates[1] > bars[1]
    truth = f"at {bar}; {q} for a bar of {bars[1]}" if is_far else f"both at {bar}"
    return Arm(
        what if is_far else f"{what}; independent",
        truth,
        ((1 - p) * (1 - q), (1 - p) * q, p * (1 - q), p * q),
        (
            Gate(bars[0], (True,) * 4, (False, False, True, True)),
            Gate(bars[1], (True,) * 4, (False, True, False, True)),
        ),
    )


def _sliced(what: str, *, whole: float, part: float, rates: tuple[float, float]) -> Arm:
    inside, outside = rates
    mean = SLICE * inside + (1 - SLICE) * outside
    return Arm(
        f"parity, slice of {SLICE:.0%}; {what}",
        f"{mean:g} for a bar of {whole}, slice {inside} for {part}",
        (
            SLICE * (1 - inside),
            SLICE * inside,
            (1 - SLICE) * (1 - outside),
            (1 - SLICE) * outside,
        ),
        (
            Gate(whole, (True,) * 4, (False, True, False, True)),
            Gate(
                part,
                (True, True, False, False),
                (False, True, False, False),
                round(SLICE * HORIZON),
            ),
        ),
    )


def _hits(arm: Arm, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Whether each run is certified, by the e-values now and at best, (runs, 2, alphas)."""
    kinds = from_law(arm.chances)(rng, _CHUNK, HORIZON)
    hits = np.empty((_CHUNK, 2, len(ALPHAS)), dtype=bool)
    seen = [_counts(gate, kinds) for gate in arm.gates]
    for a, alpha in enumerate(ALPHAS):
        first, second = (
            failed <= _most_failures(gate, alpha)[units]
            for gate, (units, failed) in zip(arm.gates, seen, strict=True)
        )
        hits[:, 0, a] = (first & second).any(axis=1)
        hits[:, 1, a] = first.any(axis=1) & second.any(axis=1)
    return hits


def _counts(gate: Gate, kinds: IntArray) -> tuple[IntArray, IntArray]:
    """Units of the gate and failures among them, after each unit of the arm."""
    belongs = np.array(gate.belongs)
    failed = belongs & ~np.array(gate.passes)
    units, failures = (
        np.cumsum(np.take(of_kind, kinds), axis=1, dtype=np.int64) for of_kind in (belongs, failed)
    )
    return units, failures


def _most_failures(gate: Gate, alpha: float) -> IntArray:
    """Per number of units the most failures with which the e-value now is at least 1 / alpha."""
    kernel = certify_kernel(gate.bar, alpha=alpha, n_max=gate.n_max)
    starts = certification_starts(kernel, n_max=HORIZON, log_threshold=-math.log(alpha))
    return np.asarray(np.searchsorted(starts, np.arange(HORIZON + 1), side="right") - 1)

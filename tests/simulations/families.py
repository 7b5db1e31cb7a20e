"""False certificates in families of many arms, looked at after every unit."""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from simulations.tables import error, table, within, write

from parity_eval.stats.boundaries import boundaries, certification_starts
from parity_eval.stats.checks import FloatArray, IntArray
from parity_eval.stats.kernel import Kernel, certify_kernel
from parity_eval.stats.planner import operating
from parity_eval.stats.state import TIE
from parity_eval.stats.stopping import Stop, Terms, parity_design

SEED = 20_261_121
BAR = 0.95
GOOD = 0.98
ARMS = 50
HORIZON = 5_000
ALPHAS = (0.01, 0.05, 0.1)
RUNS_NULL = 20_000
RUNS_MIXED = 4_000
_CHUNK = 1_000

BoolArray: TypeAlias = NDArray[np.bool_]
Rule: TypeAlias = Callable[[FloatArray, FloatArray], BoolArray]
"""Which arms are rejected, from log e-values now and their running maxima, (families, arms)."""


def main() -> None:
    rng = np.random.default_rng(SEED)
    how = (
        f"Seed {SEED}; {ARMS} arms with the bar {BAR}, {HORIZON} units each, all looked at after "
        "every unit; null arms are exactly at the bar, good arms at "
        f"{GOOD}. A certified arm is frozen. ± is the Monte Carlo standard error."
    )
    sections = [
        "## All arms at the bar: chance of any certificate\n\n" + _all_null(rng),
        f"## Half of the arms good\n\n{RUNS_MIXED} runs, alpha 0.05.\n\n" + _mixed(rng),
        "## Routing tables: 25 tasks, 2 candidates each, the cheaper one at the bar\n\n"
        f"The dearer candidate is good in 15 tasks and at the bar in 10. {RUNS_MIXED} runs, alpha "
        "0.05, selected e-BH with weights 1/2.\n\n" + _routing(rng),
    ]
    write("families", "Families of fifty arms", how=how, sections=sections)


def e_bh(now: FloatArray, alpha: float) -> BoolArray:
    """Rejections of e-BH in many families at once, shape (families, arms)."""
    size = now.shape[1]
    ranked = -np.sort(-now, axis=1)
    needed = np.log(size / (alpha * np.arange(1, size + 1)))
    enough = ranked >= needed - TIE
    count = np.where(enough.any(axis=1), size - np.argmax(enough[:, ::-1], axis=1), 0)
    threshold = np.where(count > 0, np.log(size / (alpha * np.maximum(count, 1))), np.inf)
    return np.asarray(now >= threshold[:, np.newaxis] - TIE)


def holm(highest: FloatArray, alpha: float) -> BoolArray:
    """Rejections of e-Holm in many families at once, shape (families, arms)."""
    size = highest.shape[1]
    order = np.argsort(-highest, axis=1)
    ranked = np.take_along_axis(highest, order, axis=1)
    needed = np.log((size - np.arange(size)) / alpha)
    passed = np.logical_and.accumulate(ranked >= needed - TIE, axis=1)
    rejected = np.zeros(highest.shape, dtype=bool)
    np.put_along_axis(rejected, order, passed, axis=1)
    return rejected


def _all_null(rng: np.random.Generator) -> str:
    rows = []
    for alpha in ALPHAS:
        ever = _ever_rejects(alpha, rng)
        simulated = f"{ever:.4f} ± {error(ever, RUNS_NULL):.4f}"
        ok = within(ever, RUNS_NULL, alpha)
        holm_size, none = (1 - (1 - _ever(alpha, level)) ** ARMS for level in (alpha / ARMS, alpha))
        rows.append([alpha, simulated, ok, f"{holm_size:.4f}", f"{none:.4f}"])
    header = [
        "alpha",
        f"e-BH ({RUNS_NULL} runs)",
        "at most alpha",
        "e-Holm, Bonferroni (exact)",
        "no correction (exact)",
    ]
    return table(header, rows)


def _ever(alpha: float, level: float) -> float:
    """Chance that one arm at the bar ever reaches 1 / level, by exact recursion."""
    rules = boundaries(parity_design(BAR, Terms(n_max=HORIZON, alpha=alpha, min_n=1)))
    kernel = certify_kernel(BAR, alpha=alpha, n_max=HORIZON)
    starts = certification_starts(kernel, n_max=HORIZON, log_threshold=-math.log(level))
    rules.certify[:] = np.searchsorted(starts, np.arange(HORIZON + 1), side="right") - 1
    rules.below_bar[:] = rules.curtailed[:] = np.iinfo(np.int64).max
    return operating(rules, [BAR])[0].probability[Stop.CERTIFIED]


def _ever_rejects(alpha: float, rng: np.random.Generator) -> float:
    kernel = certify_kernel(BAR, alpha=alpha, n_max=HORIZON)
    hits = 0
    for _ in range(RUNS_NULL // _CHUNK):
        failures = np.zeros((_CHUNK, ARMS), dtype=np.int32)
        for n in range(1, HORIZON + 1):
            failures += rng.random(failures.shape, dtype=np.float32) >= BAR
            now = evidence(kernel, n, failures)
            may = now.max(axis=1) >= -math.log(alpha) - TIE
            rejects = np.zeros(len(failures), dtype=bool)
            rejects[may] = e_bh(now[may], alpha).any(axis=1)
            hits += int(rejects.sum())
            failures = failures[~rejects]
    return hits / RUNS_NULL


def evidence(kernel: Kernel, n: int, failures: NDArray[np.int32]) -> FloatArray:
    """Log e-value of each arm after n units, by its failures."""
    f = np.arange(int(failures.max()) + 1)
    passed, failed = kernel.log_factors(np.array([1.0, 0.0]), kernel.worst)
    by_failures: FloatArray = kernel.nodes.log_mixture(
        np.outer(n - f, passed) + np.outer(f, failed)
    )
    return np.asarray(by_failures[failures])


def _mixed(rng: np.random.Generator) -> str:
    alpha = 0.05
    rates = np.where(np.arange(ARMS) < ARMS // 2, GOOD, BAR)
    rules: dict[str, Rule] = {
        "e-BH": lambda now, _: e_bh(now, alpha),
        "e-Holm": lambda _, highest: holm(highest, alpha),
        "no correction": lambda _, highest: np.asarray(highest >= -math.log(alpha) - TIE),
    }
    rows = []
    for name, rule in rules.items():
        certified, used = _run(rates, alpha, rule, rng)
        false = certified[:, ARMS // 2 :].sum(axis=1)
        share = false / np.maximum(certified.sum(axis=1), 1)
        any_false = float((false > 0).mean())
        power = float(certified[:, : ARMS // 2].mean())
        mean_used = used[:, : ARMS // 2][certified[:, : ARMS // 2]].mean()
        rows.append(
            [
                name,
                f"{any_false:.4f} ± {error(any_false, RUNS_MIXED):.4f}",
                f"{share.mean():.4f} ± {share.std() / math.sqrt(RUNS_MIXED):.4f}",
                f"{power:.4f}",
                f"{mean_used:.0f}",
            ]
        )
    header = ["rule", "any false", "false share", "good arms certified", "mean units per good arm"]
    return table(header, rows)


def _run(
    rates: FloatArray,
    alpha: float,
    rule: Rule,
    rng: np.random.Generator,
) -> tuple[BoolArray, IntArray]:
    """Which arms are ever certified, and after how many units; certified arms are frozen."""
    kernel = certify_kernel(BAR, alpha=alpha, n_max=HORIZON)
    certified, used = [], []
    for _ in range(RUNS_MIXED // _CHUNK):
        failures = np.zeros((_CHUNK, len(rates)), dtype=np.int32)
        now = np.zeros(failures.shape)
        highest = np.full(failures.shape, -np.inf)
        done = np.zeros(failures.shape, dtype=bool)
        at = np.full(failures.shape, HORIZON)
        for n in range(1, HORIZON + 1):
            failures += rng.random(failures.shape, dtype=np.float32) >= rates.astype(np.float32)
            now = np.where(done, now, evidence(kernel, n, failures))
            np.maximum(highest, now, out=highest, where=~done)
            may = (np.where(done, -np.inf, highest) >= -math.log(alpha) - TIE).any(axis=1)
            fresh = rule(now[may], highest[may]) & ~done[may]
            at[may] = np.where(fresh, n, at[may])
            done[may] |= fresh
        certified.append(done)
        used.append(at)
    return np.concatenate(certified), np.concatenate(used)


def _routing(rng: np.random.Generator) -> str:
    alpha, tasks, good = 0.05, 25, 15

    def rule(now: FloatArray, _: FloatArray) -> BoolArray:
        weighted = now - math.log(2)
        best = weighted.reshape(len(now), tasks, 2).max(axis=2)
        ranked = -np.sort(-best, axis=1)
        enough = ranked >= np.log(tasks / (alpha * np.arange(1, tasks + 1))) - TIE
        count = np.where(enough.any(axis=1), tasks - np.argmax(enough[:, ::-1], axis=1), 0)
        needed = np.where(count > 0, np.log(tasks / (alpha * np.maximum(count, 1))), np.inf)
        return np.asarray(weighted >= needed[:, np.newaxis] - TIE)

    dear = np.where(np.arange(tasks) < good, GOOD, BAR)
    rates = np.stack((np.full(tasks, BAR), dear), axis=1).ravel()
    certified, _ = _run(rates, alpha, rule, rng)
    pairs = certified.reshape(RUNS_MIXED, tasks, 2)
    routed: BoolArray = np.asarray(pairs.any(axis=2))
    is_false: BoolArray = np.asarray(pairs[:, :, 0] | (routed & (dear == BAR)))
    share = is_false.sum(axis=1) / np.maximum(routed.sum(axis=1), 1)
    any_false = float(is_false.any(axis=1).mean())
    rows = [
        [
            f"{share.mean():.4f} ± {share.std() / math.sqrt(RUNS_MIXED):.4f}",
            f"{any_false:.4f} ± {error(any_false, RUNS_MIXED):.4f}",
            f"{routed[:, :good].mean():.4f}",
        ]
    ]
    return table(["false share of the table", "any false entry", "good tasks routed"], rows)

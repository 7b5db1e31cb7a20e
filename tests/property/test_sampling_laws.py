"""Which orders keep false certificates at bay, by simulations with fixed seeds."""

import math
from collections.abc import Sequence

import numpy as np
from makers import entry

from parity_eval.intake import content_digest
from parity_eval.records import TaskName
from parity_eval.sampling import distinct, draw
from parity_eval.stats.finite_log import least_passes, log_count_test
from parity_eval.stats.kernel import certify_kernel, log_e_path

ALPHA = 0.05
NEEDED = math.log(1 / ALPHA)


def test_lines_of_a_log_in_their_order_keep_alpha() -> None:
    # 120 lines: one request is asked 30 times, ten 3 times, 60 once. One line too few passes.
    sizes = [30, *[3] * 10, *[1] * 60]
    rows = [
        entry(f"{request}-{line}", f"text {request}")
        for request, size in enumerate(sizes)
        for line in range(size)
    ]
    groups = distinct(rows, content_digest)
    bar = 0.9
    failing = {f"text {request}" for request in (1, 2, 3, 4, *range(50, 51))}
    n_passing = sum(size for i, size in enumerate(sizes) if f"text {i}" not in failing)
    assert n_passing == least_passes(bar, len(rows)) - 1
    test = log_count_test(bar, size=len(rows), alpha=ALPHA, n_max=len(rows))
    n_false = 0
    for seed in range(300):
        units = draw(
            TaskName("t"), groups, seed=seed, n_calibration=0, needs_answer=True, weight="traffic"
        ).units
        passes = np.cumsum([_text(unit.request.body) not in failing for unit in units])
        seen = np.arange(1, len(units) + 1)
        n_false += bool((test.log_e_many(passes, seen - passes) >= NEEDED).any())
    # Three standard deviations above 5% of 300.
    assert n_false <= 26
    # With one line more it is no false certificate, and many of them come to it.
    more = log_count_test(bar - 0.1, size=len(rows), alpha=ALPHA, n_max=len(rows))
    assert (more.log_e_many(passes, seen - passes) >= NEEDED).any()


def test_lines_of_traffic_that_share_an_answer_do_not() -> None:
    # Why `weight: traffic` takes `target: log`: a request that is four fifths of the traffic passes
    # with a chance of 0.9, all others too, and the bar is 0.95. Its one answer counts each time.
    kernel = certify_kernel(0.95, alpha=ALPHA, n_max=400)
    rng = np.random.default_rng(7)
    runs = 200

    def is_false(*, shares: bool) -> bool:
        passes = rng.random(400) < 0.9
        if shares:
            passes = np.where(rng.random(400) < 0.8, rng.random() < 0.9, passes)
        return bool((log_e_path(kernel, passes.astype(float)) >= NEEDED).any())

    assert sum(is_false(shares=False) for _ in range(runs)) <= 0.02 * runs
    assert sum(is_false(shares=True) for _ in range(runs)) >= 0.5 * runs


def mean_wealth(rates: Sequence[float], bar: float) -> float:
    """Return the expected wealth after requests whose rates are known beforehand."""
    nodes = certify_kernel(bar, alpha=ALPHA, n_max=200).nodes
    growth = [math.prod(1 + c * (rate - bar) / bar for rate in rates) for c in nodes.fractions]
    return float(np.dot(np.exp(nodes.log_w), growth))


def test_a_stratified_order_is_no_fair_game() -> None:
    # Two halves with the rates 1 and 0.9: together they are at the bar, so that no step may gain.
    assert mean_wealth([0.95], 0.95) <= 1 + 1e-12
    assert mean_wealth([1.0], 0.95) > 1.01
    # After whole blocks there is no gain, but the test may stop inside of one.
    assert mean_wealth([1.0, 0.9], 0.95) <= 1
    # The rarer a stratum, the longer the others run ahead of it.
    assert mean_wealth([0.99] * 19, 0.94) > 1.15
    assert mean_wealth([*[0.99] * 19, 0.0], 0.94) <= 1


def _text(body: object) -> str:
    found: str = body["messages"][0]["content"]  # type: ignore[index]
    return found

import math

import numpy as np
import pytest
from oracles.reader import Vector, bits, bound, cases, log_e, probability

from parity_eval.stats.bounds import bound as solve
from parity_eval.stats.bounds import running_bounds, start_bound
from parity_eval.stats.checks import FloatArray
from parity_eval.stats.kernel import (
    Kernel,
    certify_kernel,
    log_e_from_counts,
    log_e_path,
    mirror_kernel,
)
from parity_eval.stats.nodes import bet_nodes
from parity_eval.stats.state import start


def first_reaching(path: FloatArray, level: float) -> int | None:
    reached = path >= -math.log(level) - 1e-9
    return int(np.argmax(reached)) + 1 if reached.any() else None


@pytest.mark.parametrize(("inputs", "outputs"), cases("bet_nodes"))
def test_bet_nodes(inputs: Vector, outputs: Vector) -> None:
    nodes = bet_nodes(
        inputs["m"],
        alpha=inputs["alpha"],
        n_max=inputs["n_max"],
        prior=inputs["prior"],
        count=inputs["nodes"],
    )
    assert nodes.c_min == pytest.approx(outputs["c_min"], abs=1e-12)
    assert nodes.fractions == pytest.approx(outputs["c"], abs=1e-12)
    assert np.exp(nodes.log_weights) == pytest.approx(outputs["w"], abs=1e-12)


@pytest.mark.parametrize(("inputs", "outputs"), cases("binary_counts"))
def test_binary_counts(inputs: Vector, outputs: Vector) -> None:
    kernel = certify_kernel(inputs["p0"], alpha=inputs["alpha"], n_max=inputs["n_max"])
    counts = [inputs["fails"], inputs["passes"]]
    evidence = log_e_from_counts(kernel, [0.0, 1.0], counts)
    assert evidence == log_e(outputs["log_e"])
    assert min(1.0, math.exp(-evidence)) == probability(outputs["p_value_now"])
    lower = solve(kernel, [0.0, 1.0], counts, alpha=inputs["alpha"])
    assert lower == bound(outputs["lower"])


def check_sequence(
    scores: list[float], certify: Kernel, upper: Kernel, inputs: Vector, outputs: Vector
) -> None:
    path = log_e_path(certify, scores)
    upper_path = log_e_path(upper, scores)
    lower_running = running_bounds(certify, scores, alpha=inputs["alpha"])
    upper_running = running_bounds(upper, scores, alpha=inputs["beta"])
    for point in outputs["checkpoints"]:
        n = point["n"]
        state = start(certify).update_many(scores[:n])
        assert path[n - 1] == log_e(point["log_e"])
        assert state.log_e == log_e(point["log_e"])
        assert state.max_log_e == log_e(point["max_log_e"])
        assert state.p_value == probability(point["p_value"])
        assert solve(certify, scores[:n], alpha=inputs["alpha"]) == bound(point["lower_now"])
        assert lower_running[n - 1] == bound(point["lower_running"])
        assert upper_path[n - 1] == log_e(point["log_e_upper_side"])
        assert upper_running[n - 1] == bound(point["upper_running"])
    assert first_reaching(path, inputs["alpha"]) == outputs["certified_at"]
    assert first_reaching(upper_path, inputs["beta"]) == outputs["futility_at"]


@pytest.mark.parametrize(("inputs", "outputs"), cases("binary_sequences"))
def test_binary_sequences(inputs: Vector, outputs: Vector) -> None:
    certify = certify_kernel(inputs["p0"], alpha=inputs["alpha"], n_max=inputs["n_max"])
    upper = mirror_kernel(inputs["p1"], alpha=inputs["beta"], n_max=inputs["n_max"])
    check_sequence(bits(inputs["outcomes"]), certify, upper, inputs, outputs)


@pytest.mark.parametrize(("inputs", "outputs"), cases("graded_scores"))
def test_graded_scores(inputs: Vector, outputs: Vector) -> None:
    certify = certify_kernel(inputs["bar"], alpha=inputs["alpha"], n_max=inputs["n_max"])
    upper = mirror_kernel(inputs["m1"], alpha=inputs["beta"], n_max=inputs["n_max"])
    check_sequence(inputs["scores"], certify, upper, inputs, outputs)


@pytest.mark.parametrize(("inputs", "outputs"), cases("graded_scores"))
def test_graded_bounds_from_a_stream(inputs: Vector, outputs: Vector) -> None:
    kernel = certify_kernel(inputs["bar"], alpha=inputs["alpha"], n_max=inputs["n_max"])
    lower = start_bound(kernel, alpha=inputs["alpha"], resolution=0.001)
    expected = {point["n"]: point["lower_running"] for point in outputs["checkpoints"]}
    for n, score in enumerate(inputs["scores"], start=1):
        lower = lower.update(score)
        if n in expected:
            assert lower.value == bound(expected[n])


@pytest.mark.parametrize(("inputs", "outputs"), cases("paired_differences"))
def test_paired_differences(inputs: Vector, outputs: Vector) -> None:
    differences = np.array(inputs["differences"])
    alpha, delta = inputs["alpha"], inputs["delta"]
    span = {"alpha": alpha, "n_max": inputs["n_max"], "lower": -1.0, "upper": 1.0}
    not_worse = certify_kernel(-delta, **span)
    not_better = mirror_kernel(delta, prior="uniform", **span)
    lower = running_bounds(not_worse, differences, alpha=alpha)
    upper = running_bounds(not_better, differences, alpha=alpha)
    for point in outputs["checkpoints"]:
        n = point["n"]
        worse = start(not_worse).update_many(differences[:n])
        better = start(not_better).update_many(differences[:n])
        assert worse.log_e == log_e(point["log_e_not_worse"])
        assert better.log_e == log_e(point["log_e_not_better"])
        assert worse.p_value == probability(point["p_noninferior"])
        assert max(worse.p_value, better.p_value) == probability(point["p_equivalent"])
        assert lower[n - 1] == bound(point["lower_running"])
        assert upper[n - 1] == bound(point["upper_running"])
    path = log_e_path(not_worse, differences)
    assert first_reaching(path, alpha) == outputs["noninferior_at"]
    both = np.minimum(
        np.maximum.accumulate(path), np.maximum.accumulate(log_e_path(not_better, differences))
    )
    assert first_reaching(both, alpha) == outputs["equivalent_at"]

import math

import numpy as np
import pytest
from oracles.reader import Vector, bits, bound, cases, log_e, probability

from parity_eval.stats.bounds import bound as solve
from parity_eval.stats.checks import FloatArray
from parity_eval.stats.clusters import capped_cluster_scores, cluster_means, one_per_cluster
from parity_eval.stats.control_variate import Subsample, subsample_terms
from parity_eval.stats.drift import drift_path
from parity_eval.stats.finite_log import log_count_test
from parity_eval.stats.kernel import Kernel, certify_kernel, log_e_path
from parity_eval.stats.labels import label_subsample
from parity_eval.stats.noise_floor import floor_subsample, noise_floor_kernel


def measured(text: str) -> list[float]:
    return [math.nan if mark == "." else float(mark) for mark in text]


def check_subsample(
    design: Subsample, kernel: Kernel, data: tuple[str, str], inputs: Vector, outputs: Vector
) -> None:
    values, lowers, _ = subsample_terms(
        design, np.array(bits(data[0]), dtype=np.int64), measured(data[1])
    )
    assert values[:12] == pytest.approx(outputs["first_terms"], abs=1e-11)
    assert lowers[:12] == pytest.approx(outputs["first_lower_limits"], abs=1e-11)
    assert values.mean() == probability(outputs["estimate"])
    path = log_e_path(kernel, values, limits=lowers)
    for point in outputs["checkpoints"]:
        n = point["n"]
        assert path[n - 1] == log_e(point["log_e"])
        assert min(1.0, math.exp(-path[:n].max())) == probability(point["p_value"])
    assert first_reaching(path, inputs["alpha"]) == outputs["certified_at"]


def first_reaching(path: FloatArray, level: float) -> int | None:
    reached = path >= -math.log(level) - 1e-9
    return int(np.argmax(reached)) + 1 if reached.any() else None


@pytest.mark.parametrize(("inputs", "outputs"), cases("noise_floor"))
def test_noise_floor(inputs: Vector, outputs: Vector) -> None:
    chances = inputs["floor_probability"]
    design = floor_subsample(
        chances=(chances["candidate_differs"], chances["candidate_agrees"]),
        ratio=inputs["ratio"],
    )
    assert design.prior_means == tuple(inputs["prior_mean"].values())
    assert design.prior_weight == inputs["prior_weight"]
    kernel = noise_floor_kernel(
        inputs["delta"], alpha=inputs["alpha"], n_max=inputs["n_max"], ratio=inputs["ratio"]
    )
    check_subsample(design, kernel, (inputs["candidate"], inputs["floor"]), inputs, outputs)


@pytest.mark.parametrize(("inputs", "outputs"), cases("judge_with_human_subsample"))
def test_judge_with_human_subsample(inputs: Vector, outputs: Vector) -> None:
    chances = inputs["label_probability"]
    design = label_subsample(chances=(chances["judge_fail"], chances["judge_pass"]))
    assert design.prior_means == tuple(inputs["prior_mean"].values())
    assert design.prior_weight == inputs["prior_weight"]
    kernel = certify_kernel(inputs["p0"], alpha=inputs["alpha"], n_max=inputs["n_max"])
    check_subsample(design, kernel, (inputs["judge"], inputs["human"]), inputs, outputs)


@pytest.mark.parametrize(("inputs", "outputs"), cases("clusters"))
def test_clusters(inputs: Vector, outputs: Vector) -> None:
    keys = [row[0] for row in inputs["rows"]]
    scores = [row[1] for row in inputs["rows"]]
    kernel = certify_kernel(inputs["p0"], alpha=inputs["alpha"], n_max=inputs["n_max_clusters"])
    means = cluster_means(keys, scores)
    path = log_e_path(kernel, means)
    assert len(means) == outputs["clusters"]
    assert means[:8] == pytest.approx(outputs["first_means"], abs=1e-12)
    assert path[-1] == log_e(outputs["log_e_cluster_mean"])
    assert path.max() == log_e(outputs["max_log_e_cluster_mean"])
    capped = capped_cluster_scores(keys, scores, bar=inputs["p0"], cap=inputs["cap"])
    assert log_e_path(kernel, capped)[-1] == log_e(outputs["log_e_prompt_weighted_capped"])
    single = one_per_cluster(keys, scores)
    assert log_e_path(kernel, single)[-1] == log_e(outputs["log_e_one_per_cluster"])


@pytest.mark.parametrize(("inputs", "outputs"), cases("drift_detector"))
def test_drift_detector(inputs: Vector, outputs: Vector) -> None:
    path = drift_path(bits(inputs["outcomes"]), bar=inputs["p0"])
    for point in outputs["checkpoints"]:
        assert path[point["n"] - 1] == log_e(point["log_m"])
    alarms = np.flatnonzero(path >= math.log(inputs["average_run_length"]))
    assert (int(alarms[0]) + 1 if len(alarms) else None) == outputs["alarm_at"]


@pytest.mark.parametrize(("inputs", "outputs"), cases("finite_log"))
def test_finite_log(inputs: Vector, outputs: Vector) -> None:
    size, alpha = inputs["log_size"], inputs["alpha"]
    n_max = size if inputs["restrict_alternatives"] else None
    test = log_count_test(inputs["p0"], size=size, alpha=alpha, n_max=n_max)
    passes, fails = inputs["passes"], inputs["fails"]
    assert test.null_count == outputs["k0"]
    assert test.c_min == pytest.approx(outputs["c_min"], abs=1e-12)
    assert test.log_e(passes, fails) == log_e(outputs["log_e"])
    assert test.least_count(passes, fails, alpha=alpha) == outputs["lower_pass_count"]
    lower = solve(test, [0.0, 1.0], [fails, passes], alpha=alpha)
    assert lower == bound(outputs["lower_rate"])

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from parity_eval.stats.agreement import agreement
from parity_eval.stats.bounds import bound, start_bound
from parity_eval.stats.checks import check_counts, check_number, check_same_length, check_scores
from parity_eval.stats.clusters import capped_cluster_scores, cluster_means
from parity_eval.stats.control_variate import Subsample, resume_subsample, subsample_terms
from parity_eval.stats.drift import resume_drift, start_drift
from parity_eval.stats.finite_count import FiniteCount
from parity_eval.stats.finite_log import log_count_test, mean_log_design, parity_log_design
from parity_eval.stats.fixed_designs import (
    Spending,
    exact_budget_design,
    group_sequential_design,
    single_look,
)
from parity_eval.stats.kernel import certify_kernel, log_e_from_counts, log_e_path
from parity_eval.stats.labels import label_subsample
from parity_eval.stats.multiplicity import FamilyRule, reject
from parity_eval.stats.nodes import bet_nodes
from parity_eval.stats.noise_floor import floor_subsample, noise_floor_kernel
from parity_eval.stats.paired import (
    not_worse_kernel,
    paired_design,
    preference_design,
    summarize_pairs,
)
from parity_eval.stats.planner import best_bar, operating, plan_parity, smallest_rate
from parity_eval.stats.routing import RoutingRule, route
from parity_eval.stats.simulated import Law, difference_law
from parity_eval.stats.state import start
from parity_eval.stats.stopping import Terms, mean_design, parity_design

KERNEL = certify_kernel(0.95, alpha=0.05, n_max=500)
TERMS = Terms(n_max=500)
NONE: Any = None
TEXT: Any = "many"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: certify_kernel(0.9, alpha=1.2, n_max=9), "alpha == 1.2, must be > 0 and < 1"),
        (lambda: certify_kernel(0.9, alpha=0.0, n_max=9), "alpha == 0.0, must be > 0 and < 1"),
        (lambda: certify_kernel(0.9, alpha=math.nan, n_max=9), "alpha == nan, must be > 0"),
        (lambda: certify_kernel(0.9, alpha=NONE, n_max=9), "alpha == None, must be > 0 and < 1"),
        (lambda: certify_kernel(1.0, alpha=0.1, n_max=9), "null == 1.0, must be > 0 and < 1"),
        (lambda: certify_kernel(0.0, alpha=0.1, n_max=9), "null == 0.0, must be > 0 and < 1"),
        (lambda: certify_kernel(0.5, alpha=0.1, n_max=0), "n_max == 0, must be >= 1"),
        (lambda: certify_kernel(0.5, alpha=0.1, n_max=TEXT), "n_max == 'many', must be a whole"),
        (
            lambda: certify_kernel(0.5, alpha=0.1, n_max=9, lower=1, upper=0),
            "upper == 0, must be > 1",
        ),
        (lambda: bet_nodes(0.9, alpha=0.1, n_max=9, prior=TEXT), "prior == 'many', must be"),
        (lambda: start(KERNEL).update(1.5), "score == 1.5, must be >= 0 and <= 1"),
        (lambda: start(KERNEL).update(-0.1), "score == -0.1, must be >= 0 and <= 1"),
        (lambda: start(KERNEL).update(math.nan), "score == nan, must be >= 0 and <= 1"),
        (lambda: start(KERNEL).update(NONE), "score == None, must be >= 0 and <= 1"),
        (lambda: start(KERNEL).update(0.5, limit=0.1), "limits[0] == 0.1, must be >= -inf"),
        (lambda: start(KERNEL).update(-2, limit=-1), "scores[0] == -2, must be >= its limit -1"),
        (lambda: log_e_path(KERNEL, [1, 0, 2]), "scores[2] == 2, must be >= 0 and <= 1"),
        (lambda: log_e_path(KERNEL, [1, math.nan]), "scores[1] == nan, must be >= 0 and <= 1"),
        (lambda: log_e_path(KERNEL, [[1, 0]]), "scores has 2 dimensions, must have 1"),
        (lambda: log_e_path(KERNEL, TEXT), "scores must be numbers >= 0 and <= 1"),
        (lambda: log_e_path(KERNEL, [1, 0], limits=[-1]), "len(scores) == 2, len(limits) == 1"),
        (lambda: log_e_from_counts(KERNEL, [0, 1], [3]), "len(values) == 2, len(counts) == 1"),
        (lambda: log_e_from_counts(KERNEL, [0, 1], [3, -1]), "counts[1] == -1, must be >= 0"),
        (lambda: log_e_from_counts(KERNEL, [0, 1], [3, 0.5]), "counts must be a 1-D array of"),
        (lambda: bound(KERNEL, [1], alpha=2), "alpha == 2, must be > 0 and < 1"),
        (lambda: start_bound(KERNEL, alpha=0.1, resolution=0), "resolution == 0, must be > 0"),
        (lambda: Terms(n_max=0), "n_max == 0, must be >= 1"),
        (lambda: Terms(n_max=9, beta=1), "beta == 1, must be > 0 and < 1"),
        (lambda: Terms(n_max=9, min_n=0), "min_n == 0, must be >= 1"),
        (lambda: parity_design(0.0, TERMS), "bar == 0.0, must be > 0"),
        (lambda: parity_design(NONE, TERMS), "bar == None, must be > 0"),
        (lambda: parity_design(0.9, TERMS, worth=0.9), "worth == 0.9, must be > 0.9 and < 1"),
        (lambda: mean_design(-1, TERMS, lower=-1), "null == -1, must be > -1 and < 1"),
        (lambda: not_worse_kernel(-0.01, alpha=0.1, n_max=9), "margin == -0.01, must be >= 0"),
        (lambda: paired_design(1.0, TERMS), "margin == 1.0, must be >= 0 and < 1"),
        (lambda: preference_design(0.5, TERMS), "margin == 0.5, must be >= 0 and < 0.5"),
        (lambda: summarize_pairs([1, 0], [1]), "len(candidate) == 2, len(baseline) == 1"),
        (lambda: summarize_pairs([], []), "len(candidate) == 0, must be >= 1"),
        (lambda: noise_floor_kernel(-0.1, alpha=0.1, n_max=9), "margin == -0.1, must be >= 0"),
        (lambda: floor_subsample(ratio=1.5), "ratio == 1.5, must be > 0 and <= 1"),
        (lambda: floor_subsample(chances=(1, 0.05)), "chances[1] == 0.05, must be >= 0.1"),
        (lambda: label_subsample(chances=(1, 0.5, 1)), "must have one number per class"),
        (lambda: label_subsample().start().update(2, 1.0), "kind == 2, must be >= 0 and <= 1"),
        (lambda: label_subsample().start().update(1, 1.5), "value == 1.5, must be >= 0 and <= 1"),
        (lambda: label_subsample().start().update(0, None), "value of class 0 is missing, but"),
        (lambda: subsample_terms(label_subsample(), [0], [math.nan]), "value of class 0 is miss"),
        (lambda: subsample_terms(label_subsample(), [1], [-1]), "value == -1, must be >= 0"),
        (lambda: subsample_terms(label_subsample(), [3], [1]), "kind == 3, must be >= 0"),
        (
            lambda: Subsample(chances=(1,), prior_means=(1,), prior_weight=0, offsets=(0,)),
            "prior_weight == 0, must be > 0",
        ),
        (lambda: cluster_means(["a"], [1, 0]), "len(keys) == 1, len(scores) == 2, must be equal"),
        (lambda: capped_cluster_scores(["a"], [1], bar=0.9, cap=0), "cap == 0, must be >= 1"),
        (lambda: start_drift(0.9, run_length=0.5), "run_length == 0.5, must be >= 1"),
        (lambda: log_count_test(1.1, size=9, alpha=0.1, n_max=9), "bar == 1.1, must be > 0 and"),
        (lambda: log_count_test(0.9, size=0, alpha=0.1, n_max=9), "size == 0, must be >= 1"),
        (lambda: FiniteCount(size=9, null_count=9), "null_count == 9, must be >= 0 and < 9"),
        (lambda: FiniteCount(size=9, null_count=5).log_e(8, 2), "passes + fails == 10, must be"),
        (lambda: start(FiniteCount(size=9, null_count=5)).update(0.5), "scores[0] == 0.5, must be"),
        (lambda: parity_log_design(0.9, TERMS, size=400), "n_max == 500, must be <= 400"),
        (
            lambda: start(FiniteCount(size=9, null_count=5)).update(1, limit=0),
            "limits are not possible for a test of a finite log",
        ),
        (
            lambda: bound(
                mean_log_design(0.5, Terms(n_max=9), size=9).certify, [1], [3], alpha=0.1
            ),
            "counts are not enough for graded scores of a finite log",
        ),
        (
            lambda: start(mean_log_design(0.5, Terms(n_max=2), size=2).certify).update_many(
                [1] * 3
            ),
            "n == 3, must be <= size == 2",
        ),
        (
            lambda: resume_drift(start_drift(0.9, run_length=9), {"n": 1, "log_m": [0]}),
            "len(log_m)",
        ),
        (
            lambda: resume_subsample(label_subsample(), {"weights": [1], "sums": [1]}),
            "len(weights) == 1, must be 2",
        ),
        (lambda: reject(FamilyRule.HOLM, [math.nan], alpha=0.1), "log_e[0] == nan, must be a"),
        (
            lambda: reject(FamilyRule.E_BH, [1, 2, 3], alpha=0.1, family_size=2),
            "len(log_e) == 3, must be <= family_size == 2",
        ),
        (
            lambda: route(RoutingRule.SELECTED_E_BH, [[1], [2]], alpha=0.1, family_size=1),
            "len(log_e) == 2, must be <= family_size == 1",
        ),
        (
            lambda: route(RoutingRule.HOLM, [[1.0]], alpha=0.1, family_size=2),
            "len(log_e) == 1, must be 2: e-Holm counts every arm",
        ),
        (
            lambda: route(RoutingRule.PER_TASK, [[1, 2]], alpha=0.1, weights=[[0.7, 0.7]]),
            "sum(weights[0]) == 1.4, must be <= 1",
        ),
        (
            lambda: route(RoutingRule.PER_TASK, [[1, 2]], alpha=0.1, weights=[[0.7]]),
            "weights must have one number per task and candidate",
        ),
        (lambda: route(RoutingRule.NONE, [[math.nan]], alpha=0.1), "log_e[0][0] == nan, must be"),
        (lambda: smallest_rate(0.9, TERMS, power=1), "power == 1, must be > 0 and < 1"),
        (lambda: plan_parity(0.9, TERMS).rows[0].n_stopped(1.0), "share == 1.0, must be > 0"),
        (lambda: best_bar(0, 0.05), "n == 0, must be >= 1"),
        (
            lambda: operating(exact_budget_design(0.9, alpha=0.1, n_max=9).boundaries(), [2]),
            "rate == 2, must be >= 0 and <= 1",
        ),
        (lambda: exact_budget_design(0.9, alpha=0.1, n_max=9).check(10, 0), "n == 10, must be <="),
        (lambda: exact_budget_design(0.9, alpha=0.1, n_max=9, power=0), "power == 0, must be > 0"),
        (lambda: group_sequential(0.9, looks=20), "looks == 20, must be <= 9"),
        (lambda: single_look(5, 4, bar=0.9, alpha=0.1), "passes == 5, must be <= 4"),
        (lambda: agreement([1], [1, 0]), "len(first) == 1, must be len(second) == 2"),
        (lambda: agreement([], []), "len(first) == 0, must be >= 1"),
        (lambda: agreement([1], [2], categories=[1]), "category == 2, must be one of (1,)"),
        (lambda: difference_law(better=0.7, worse=0.5), "worse == 0.5, must be >= 0 and <= 0.3"),
        (lambda: Law(scores=(0, 1), chances=(0.5, 0.4)), "sum(chances) == 0.9, must be >= 1"),
        (lambda: Law(scores=(0, 1), chances=(1.0,)), "scores and chances must have the same"),
        (lambda: check_number(math.inf, "x"), "x == inf, must be a finite number"),
        (lambda: check_counts([[1]], "counts"), "counts must be a 1-D array of whole numbers"),
    ],
)
def test_bad_arguments_are_told_with_value_and_bound(
    call: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the message is compared below
        call()
    assert str(refused.value).startswith(message) or message in str(refused.value)


def group_sequential(bar: float, *, looks: int) -> object:
    return group_sequential_design(bar, alpha=0.1, n_max=9, looks=looks, spending=Spending.POCOCK)


def test_good_arguments_come_back_as_they_are() -> None:
    assert check_number(3, "x", (">=", 3), ("<=", 3)) == 3.0
    assert check_scores([0, 0.5, 1], "scores", lower=0, upper=1).tolist() == [0, 0.5, 1]
    assert check_scores([True, False], "scores", lower=0, upper=1).tolist() == [1, 0]
    assert check_counts([], "counts").tolist() == []
    assert check_counts(np.array([2, 0]), "counts").tolist() == [2, 0]
    assert check_same_length(a=np.zeros(3), b=np.ones(3)) == 3

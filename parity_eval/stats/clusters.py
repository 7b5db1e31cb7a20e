"""Dependent requests as one unit: conversations, users, templates, repeated prompts.

Requests of one cluster are not independent, so that a test of single requests certifies falsely
far more often than it says. The unit of the tests here is the cluster. Clusters come in the order
in which their first request does, and that order must be random over clusters: draw a random number
for each cluster and one for each request, and sort requests by the one of their cluster, then by
their own. In a random order of requests large clusters come first, because each of their requests
may be the first. If they are better than small ones, the mean of the first clusters is above that
of all, and a test that may stop early certifies falsely.
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from parity_eval.stats.checks import (
    FloatArray,
    IntArray,
    check_count,
    check_probability,
    check_same_length,
    check_scores,
)


def cluster_index(keys: Sequence[Hashable]) -> IntArray:
    """Number clusters by first appearance.

    Args:
        keys: Cluster of each request in the planned order.

    Returns:
        Number of each request's cluster, from 0, shape (n,).

    Example:
        >>> cluster_index(["b", "a", "b"]).tolist()
        [0, 1, 0]
    """
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def one_per_cluster(keys: Sequence[Hashable], scores: ArrayLike) -> FloatArray:
    """Return the score of the first request of each cluster.

    In an order that is random within clusters that is one random request per cluster, the cheapest
    design where clusters are plenty. Only these requests need to be sent.

    Args:
        keys: Cluster of each request in the planned order, random over clusters (see above).
        scores: Score of each in [0, 1], shape (n,).

    Returns:
        One score per cluster, in the order of first appearance.

    Raises:
        ValueError: If a score is out of range or the lengths differ.

    Guarantee:
        In an order that is random over clusters and within them the scores are independent if the
        clusters are, all with the mean that weighs every cluster alike: a test of them may stop at
        any time. In any other order that is true of all clusters together only; a test that may
        stop early needs sizes that have nothing to do with scores.

    References:
        Miller, Adding error bars to evals, 2024 (clustered questions).
    """
    index, values = _rows(keys, scores)
    firsts = np.unique(index, return_index=True)[1]
    return values[firsts]


def cluster_means(keys: Sequence[Hashable], scores: ArrayLike) -> FloatArray:
    """Return the mean score of each cluster.

    Needs fewer clusters than one request of each, and more requests.

    Args:
        keys: Cluster of each request in the planned order, random over clusters (see above).
        scores: Score of each in [0, 1], shape (n,).

    Returns:
        One score per cluster, in the order of first appearance.

    Raises:
        ValueError: If a score is out of range or the lengths differ.

    Guarantee:
        In an order that is random over clusters the means are independent if the clusters are, all
        with the mean that weighs every cluster alike: a test of them may stop at any time. In any
        other order that is true of all clusters together only; a test that may stop early needs
        sizes that have nothing to do with scores.

    References:
        Miller, Adding error bars to evals, 2024 (clustered questions).
    """
    index, values = _rows(keys, scores)
    return np.bincount(index, weights=values) / np.maximum(np.bincount(index), 1)


def capped_cluster_scores(
    keys: Sequence[Hashable], scores: ArrayLike, *, bar: float, cap: int
) -> FloatArray:
    """Return one score per cluster that weighs requests alike, up to a cap per cluster.

    The score is the bar plus the sum of (score - bar) over the first requests of the cluster,
    divided by the cap; its mean is above the bar exactly if that of the weighted requests is.

    Args:
        keys: Cluster of each request in the planned order, random over clusters (see above).
        scores: Score of each in [0, 1], shape (n,).
        bar: The mean under test, in (0, 1).
        cap: The most requests of a cluster that count, fixed beforehand.

    Returns:
        One score in [0, 1] per cluster, in the order of first appearance.

    Raises:
        ValueError: If an argument is outside its domain.

    Guarantee:
        In an order that is random over clusters and within them the scores are independent if the
        clusters are; testing their mean against the bar tests the mean over requests in which no
        cluster counts more than `cap` times. In any other order see `cluster_means`.

    References:
        Miller, Adding error bars to evals, 2024 (clustered questions).
    """
    check_probability(bar, "bar")
    check_count(cap, "cap", at_least=1)
    index, values = _rows(keys, scores)
    counted = _rank_in_cluster(index) < cap
    n_clusters = int(index.max()) + 1 if len(index) else 0
    excess = np.bincount(index[counted], weights=values[counted] - bar, minlength=n_clusters)
    return np.clip(bar + excess / cap, 0.0, 1.0)


def design_effect(keys: Sequence[Hashable], scores: ArrayLike) -> float:
    """Estimate how many times larger the variance of the mean is than without clusters.

    Args:
        keys: Cluster of each request.
        scores: Score of each in [0, 1], shape (n,).

    Returns:
        The ratio of the cluster-robust to the naive variance of the mean; 1 where scores do not
        vary.

    Raises:
        ValueError: If a score is out of range or the lengths differ.

    Guarantee:
        A description for warnings, not a test.

    References:
        Liang and Zeger, Longitudinal data analysis using generalized linear models, 1986.
    """
    index, values = _rows(keys, scores)
    if not len(values):
        return 1.0
    centred = values - values.mean()
    naive = float(centred @ centred)
    if naive == 0:
        return 1.0
    return float(np.sum(np.bincount(index, weights=centred) ** 2) / naive)


def _rows(keys: Sequence[Hashable], scores: ArrayLike) -> tuple[IntArray, FloatArray]:
    index = cluster_index(keys)
    values = check_scores(scores, "scores", lower=0, upper=1)
    check_same_length(keys=index, scores=values)
    return index, values


def _rank_in_cluster(index: IntArray) -> IntArray:
    """Return how many earlier requests of its cluster each request has."""
    order = np.argsort(index, kind="stable")
    ordered = index[order]
    starts = np.searchsorted(ordered, ordered, side="left")
    rank = np.empty(len(index), dtype=np.int64)
    rank[order] = np.arange(len(index)) - starts
    return rank

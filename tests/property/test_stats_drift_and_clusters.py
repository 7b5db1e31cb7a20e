import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import naive

from parity_eval.stats.clusters import (
    capped_cluster_scores,
    cluster_index,
    cluster_means,
    design_effect,
    one_per_cluster,
)
from parity_eval.stats.drift import drift_path, resume_drift, start_drift

few = settings(max_examples=30, deadline=None)
scores = st.lists(st.sampled_from([0.0, 0.5, 1.0, 1.0, 1.0]), min_size=1, max_size=25)


@few
@given(scores, st.sampled_from([0.5, 0.9, 0.95]))
def test_the_detector_adds_up_all_times_of_change(xs: list[float], bar: float) -> None:
    assert drift_path(xs, bar=bar) == pytest.approx(naive.shiryaev_roberts(xs, bar), abs=1e-9)


@few
@given(scores, st.integers(0, 25))
def test_detector_stream_equals_batch_and_resumes(xs: list[float], cut: int) -> None:
    fresh = start_drift(0.9, run_length=100)
    state = fresh
    for n, x in enumerate(xs):
        if n == cut:
            state = resume_drift(fresh, json.loads(json.dumps(state.to_dict(), allow_nan=False)))
        state = state.update(x)
    assert state.n == len(xs)
    assert state.log_statistic == pytest.approx(drift_path(xs, bar=0.9)[-1], abs=1e-12)
    assert state.is_alarm == (state.log_statistic >= math.log(100))
    assert state.reset() == fresh


def test_after_endless_passes_the_detector_rests_at_a_constant() -> None:
    path = drift_path(np.ones(3000), bar=0.95)
    assert math.exp(path[-1]) == pytest.approx(14.6586, abs=5e-5)


rows = st.lists(
    st.tuples(st.integers(0, 6), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=40
)


@few
@given(rows)
def test_clusters_are_units_in_order_of_first_appearance(pairs: list[tuple[int, float]]) -> None:
    keys, xs = (list(column) for column in zip(*pairs, strict=True))
    order = list(dict.fromkeys(keys))
    members = {key: [x for k, x in pairs if k == key] for key in order}
    assert cluster_index(keys).tolist() == [order.index(key) for key in keys]
    assert one_per_cluster(keys, xs).tolist() == [members[key][0] for key in order]
    assert cluster_means(keys, xs) == pytest.approx([np.mean(members[key]) for key in order])
    capped = [0.8 + sum(x - 0.8 for x in members[key][:3]) / 3 for key in order]
    assert capped_cluster_scores(keys, xs, bar=0.8, cap=3) == pytest.approx(capped)


@few
@given(rows)
def test_a_repeated_prompt_is_still_one_unit(pairs: list[tuple[int, float]]) -> None:
    keys, xs = (list(column) for column in zip(*pairs, strict=True))
    assert (one_per_cluster(keys + keys, xs + xs) == one_per_cluster(keys, xs)).all()
    twice = [key for key in keys for _ in range(2)], [x for x in xs for _ in range(2)]
    assert cluster_means(*twice) == pytest.approx(cluster_means(keys, xs))


def test_the_design_effect_of_copies_is_their_number() -> None:
    xs = [1.0, 1.0, 0.0, 1.0, 0.0]
    assert design_effect(list("abcde"), xs) == pytest.approx(1)
    assert design_effect(list("abcde") * 3, xs * 3) == pytest.approx(3)
    assert design_effect(list("aabb"), [1.0] * 4) == 1

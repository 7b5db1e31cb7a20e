import json
import math
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import naive

from parity_eval.stats.checks import FloatArray
from parity_eval.stats.control_variate import (
    Subsample,
    draw_measured,
    resume_subsample,
    subsample_terms,
)
from parity_eval.stats.kernel import certify_kernel, log_e_path
from parity_eval.stats.labels import estimate_labelled, label_subsample
from parity_eval.stats.noise_floor import floor_subsample, noise_floor_kernel
from parity_eval.stats.paired import not_worse_kernel
from parity_eval.stats.stopping import Terms

few = settings(max_examples=40, deadline=None)


Case: TypeAlias = tuple[Subsample, list[int], list[float | None]]


@st.composite
def subsamples(draw: st.DrawFn) -> Case:
    n_classes = draw(st.integers(1, 3))
    numbers = st.lists(st.floats(0.1, 1), min_size=n_classes, max_size=n_classes)
    design = Subsample(
        chances=tuple(draw(numbers)),
        prior_means=tuple(draw(numbers)),
        prior_weight=draw(st.floats(1, 30)),
        offsets=tuple(draw(numbers)),
        scale=draw(st.sampled_from([1.0, -1.0, -0.9])),
    )
    kinds = draw(st.lists(st.integers(0, n_classes - 1), min_size=1, max_size=40))
    value = st.one_of(st.none(), st.floats(0, 1))
    values = [draw(st.floats(0, 1) if design.chances[kind] == 1 else value) for kind in kinds]
    return design, kinds, values


def as_array(values: list[float | None]) -> FloatArray:
    return np.array([math.nan if value is None else value for value in values])


@few
@given(subsamples())
def test_terms_follow_the_formula(case: Case) -> None:
    design, kinds, values = case
    expected = naive.subsample_terms(
        kinds,
        values,
        chances=design.chances,
        priors=(design.prior_means, design.prior_weight),
        offsets=design.offsets,
        scale=design.scale,
    )
    found = np.stack(subsample_terms(design, kinds, as_array(values)), axis=1)
    assert found == pytest.approx(np.array(expected), abs=1e-10)


@few
@given(subsamples(), st.integers(0, 40))
def test_stream_equals_batch_also_when_resumed(case: Case, cut: int) -> None:
    design, kinds, values = case
    state = design.start()
    batch = np.stack(subsample_terms(design, kinds, as_array(values)), axis=1)
    for i, (kind, value) in enumerate(zip(kinds, values, strict=True)):
        if i == cut:
            state = resume_subsample(design, json.loads(json.dumps(state.to_dict())))
        term, state = state.update(kind, value)
        assert np.array(term) == pytest.approx(batch[i], abs=1e-12)


@few
@given(subsamples())
def test_terms_keep_to_limits_that_the_past_alone_sets(case: Case) -> None:
    design, kinds, values = case
    terms, lowers, uppers = subsample_terms(design, kinds, as_array(values))
    assert (terms >= lowers - 1e-12).all()
    assert (terms <= uppers + 1e-12).all()
    last = [*values[:-1], 0.0 if values[-1] else 1.0]
    for other in ((0, last), (len(design.chances) - 1, last)):
        changed = subsample_terms(design, [*kinds[:-1], other[0]], as_array(other[1]))
        assert (changed.lowers == lowers).all()
        assert (changed.uppers == uppers).all()
        assert (changed.values[:-1] == terms[:-1]).all()


@few
@given(subsamples())
def test_terms_are_unbiased(case: Case) -> None:
    design, kinds, values = case
    kind, value = kinds[-1], values[-1]
    if value is None:
        value = 0.5
    chance = design.chances[kind]
    drawn = subsample_terms(design, kinds, as_array([*values[:-1], value])).values[-1]
    mean = drawn
    if chance < 1:
        skipped = subsample_terms(design, kinds, as_array([*values[:-1], None])).values[-1]
        mean = chance * drawn + (1 - chance) * skipped
    assert mean == pytest.approx(design.offsets[kind] + design.scale * value, abs=1e-10)


answers = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 1.0])), min_size=1)


@few
@given(answers)
def test_all_labelled_is_the_parity_test_of_the_labels(pairs: list[tuple[int, float]]) -> None:
    judged, labels = (list(column) for column in zip(*pairs, strict=True))
    values, lowers, _ = subsample_terms(label_subsample(chances=(1.0, 1.0)), judged, labels)
    kernel = certify_kernel(0.9, alpha=0.05, n_max=500)
    assert values.tolist() == labels
    assert (log_e_path(kernel, values, limits=lowers) == log_e_path(kernel, labels)).all()


@few
@given(answers)
def test_all_second_answers_is_the_paired_test(pairs: list[tuple[int, float]]) -> None:
    agrees, again = (np.array(column) for column in zip(*pairs, strict=True))
    values, lowers, _ = subsample_terms(floor_subsample(chances=(1.0, 1.0)), agrees, again)
    assert (values == agrees - again).all()
    path = log_e_path(noise_floor_kernel(0.05, alpha=0.05, n_max=500), values, limits=lowers)
    paired = log_e_path(not_worse_kernel(0.05, alpha=0.05, n_max=500), agrees - again)
    assert path == pytest.approx(paired, abs=1e-12)


def test_units_are_drawn_with_their_chances() -> None:
    kinds = np.tile([0, 1], 20_000)
    drawn = draw_measured(label_subsample(), kinds, rng=np.random.default_rng(5))
    assert drawn[kinds == 0].all()
    assert drawn[kinds == 1].mean() == pytest.approx(0.25, abs=4 * math.sqrt(0.25 * 0.75 / 20_000))


def test_drawing_in_batches_draws_the_same() -> None:
    kinds = np.tile([0, 1, 1], 30)
    whole = draw_measured(label_subsample(), kinds, rng=np.random.default_rng(5))
    rng = np.random.default_rng(5)
    parts = [draw_measured(label_subsample(), part, rng=rng) for part in np.split(kinds, 3)]
    assert (np.concatenate(parts) == whole).all()


def test_few_labels_correct_a_lenient_judge() -> None:
    rng = np.random.default_rng(11)
    truth = (rng.random(1500) < 0.85).astype(float)
    judged = np.where(rng.random(1500) < 0.5, 1, truth).astype(int)
    design = label_subsample()
    labels = np.where(draw_measured(design, judged, rng=rng), truth, np.nan)
    found = estimate_labelled(design, judged, labels, bar=0.9, terms=Terms(n_max=1500))
    assert judged.mean() > 0.9
    assert found.mean == pytest.approx(0.85, abs=0.03)
    assert found.lower < found.mean < found.upper < judged.mean()
    assert found.n_labelled == np.sum(~np.isnan(labels))
    assert found.n_labelled < 0.4 * found.n

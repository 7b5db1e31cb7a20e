import pytest

from parity_eval.stats.bounds import bound, running_bounds, start_bound
from parity_eval.stats.histogram import Histogram
from parity_eval.stats.kernel import certify_kernel, mirror_kernel

KERNEL = certify_kernel(0.95, alpha=0.05, n_max=500)


def test_a_bound_at_a_stricter_level_lies_lower() -> None:
    found = [bound(KERNEL, [0, 1], [3, 300], alpha=a) for a in (0.05, 0.025, 0.005)]
    assert found == sorted(found, reverse=True)
    assert found[0] == pytest.approx(0.9693, abs=0.01)


def test_only_failures_leave_the_whole_range() -> None:
    assert bound(KERNEL, [0.0] * 50, alpha=0.05) == 0.0
    assert bound(mirror_kernel(0.95, alpha=0.05, n_max=500), [1.0] * 50, alpha=0.05) == 1.0


def test_a_bound_never_leaves_the_range_of_the_mean() -> None:
    terms, limits = [2.0] * 60, [-3.0] * 60
    assert bound(KERNEL, terms, alpha=0.05, limits=limits) == 1.0
    assert running_bounds(KERNEL, terms, alpha=0.05, limits=limits)[-1] == 1.0


def test_a_stream_costs_no_more_values_than_there_are_scores() -> None:
    state = start_bound(KERNEL, alpha=0.05)
    for i in range(90):
        state = state.update(float(i % 30 != 0))
    assert state.histogram.values == (0.0, 1.0)
    assert state.histogram.counts == (3, 87)


@pytest.mark.parametrize(
    ("side", "expected"), [("above", (0.289, 0.29, 0.999)), ("below", (0.29, 0.291, 1.0))]
)
def test_histograms_round_against_what_they_show(side: str, expected: tuple[float, ...]) -> None:
    histogram = Histogram(side="above" if side == "above" else "below", resolution=0.001)
    scores = (0.2899, 0.29 + (1e-4 if side == "below" else 0), 0.9995)
    for score in scores:
        histogram = histogram.add(score)
    assert histogram.values == pytest.approx(expected, abs=1e-12)


def test_exact_multiples_stay_what_they_are() -> None:
    histogram = Histogram(resolution=0.001)
    for k in range(1001):
        histogram = histogram.add(k / 1000)
    assert histogram.values == pytest.approx([k / 1000 for k in range(1001)], abs=1e-12)
    assert set(histogram.counts) == {1}


def test_zero_has_one_sign() -> None:
    assert Histogram().add(-0.0).add(0.0).counts == (2,)

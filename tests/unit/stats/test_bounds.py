import pytest

from parity_eval.stats.bounds import bound, running_bounds, start_bound
from parity_eval.stats.fixed_designs import SpendingTest, named_design, single_look
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


FIXED = SpendingTest(design=named_design("fixed", 0.9, alpha=0.05, n_max=100))
BUDGET = SpendingTest(design=named_design("budget", 0.95, alpha=0.05, n_max=200))


@pytest.mark.parametrize("failures", [0, 1, 3, 4, 5, 20, 99])
def test_the_bound_of_a_single_look_is_that_of_clopper_and_pearson(failures: int) -> None:
    found = bound(FIXED, [0, 1], [failures, 100 - failures], alpha=0.05)
    exact = single_look(100 - failures, 100, bar=0.9, alpha=0.05).clopper_pearson_lower
    assert found == pytest.approx(exact, abs=1e-12)


def test_half_way_to_a_single_look_the_units_to_come_count_as_failures() -> None:
    exact = single_look(50, 100, bar=0.9, alpha=0.05).clopper_pearson_lower
    assert bound(FIXED, [1.0] * 50, alpha=0.05) == pytest.approx(exact, abs=1e-12)
    assert bound(FIXED, [], [], alpha=0.05) == bound(FIXED, [0.0] * 100, alpha=0.05) == 0


def test_before_the_look_a_bound_stays_below_the_bar() -> None:
    sure = bound(FIXED, [1.0] * 99, alpha=0.05)
    assert FIXED.design.most_failures == (4,)
    assert 0.9 - 1e-12 < sure < 0.9
    assert bound(FIXED, [1.0] * 100, alpha=0.05) == pytest.approx(0.05 ** (1 / 100))


def test_a_certificate_without_failures_shows_what_as_many_passes_show() -> None:
    assert BUDGET.design.check(78, 0) is not None
    found = bound(BUDGET, [1.0] * 78, alpha=0.05)
    assert found == pytest.approx(0.05 ** (1 / 78))
    assert bound(BUDGET, [1.0] * 77, alpha=0.05) < 0.95


def test_an_earlier_certificate_shows_more() -> None:
    design = BUDGET.design
    firsts = [
        (n, most)
        for n, most, before in zip(
            design.looks, design.most_failures, (-1, *design.most_failures), strict=False
        )
        if most > before
    ]
    found = [bound(BUDGET, [0, 1], [most, n - most], alpha=0.05) for n, most in firsts]
    assert len(found) == 4
    assert found == sorted(found, reverse=True)
    assert found[-1] >= 0.95
    assert found[-1] == pytest.approx(0.95, abs=0.005)


def test_many_paths_are_no_obstacle() -> None:
    test = SpendingTest(design=named_design("fixed", 0.5, alpha=0.05, n_max=2000))
    for failures in (0, 700, 1500):
        exact = single_look(2000 - failures, 2000, bar=0.5, alpha=0.05).clopper_pearson_lower
        found = bound(test, [0, 1], [failures, 2000 - failures], alpha=0.05)
        assert found == pytest.approx(exact, abs=1e-10)


def test_a_fixed_design_has_a_bound_at_its_own_level_only() -> None:
    with pytest.raises(ValueError, match=r"alpha == 0.1, must be 0.05, the level of the design"):
        bound(FIXED, [1.0], alpha=0.1)
    with pytest.raises(ValueError, match="limits are not possible"):
        bound(FIXED, [1.0], alpha=0.05, limits=[0.0])
    with pytest.raises(ValueError, match="n == 101, must be <= 100"):
        bound(FIXED, [1.0] * 101, alpha=0.05)
    with pytest.raises(ValueError, match="must be 0 or 1"):
        bound(FIXED, [0.5], alpha=0.05)

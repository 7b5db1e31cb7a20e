import pytest

from parity_eval.stats.agreement import agreement


def test_kappa_of_a_table_by_hand() -> None:
    first = ["y"] * 45 + ["n"] * 55
    second = ["y"] * 40 + ["n"] * 5 + ["y"] * 10 + ["n"] * 45
    found = agreement(first, second)
    assert found.confusion == ((40, 5), (10, 45))
    assert found.share == pytest.approx(0.85)
    assert found.kappa == pytest.approx((0.85 - 0.5) / 0.5)
    assert found.interval is not None
    low, high = found.interval
    assert 0.54 < low < 0.57
    assert 0.83 < high < 0.86


def test_perfect_agreement_keeps_its_uncertainty() -> None:
    found = agreement([0, 1] * 10, [0, 1] * 10)
    assert found.kappa == 1.0
    assert found.interval is not None
    assert found.interval[0] == pytest.approx((0.025 ** (1 / 20) - 0.5) / 0.5)
    assert found.interval[1] == 1.0


def test_one_category_leaves_nothing_beyond_chance() -> None:
    found = agreement([1, 1, 1], [1, 1, 1])
    assert (found.share, found.kappa, found.interval) == (1.0, None, None)


def test_disagreement_throughout_is_negative() -> None:
    found = agreement([0, 1, 0, 1], [1, 0, 1, 0])
    assert found.kappa == pytest.approx(-1)


def test_categories_keep_the_order_asked_for() -> None:
    found = agreement(["a", "b"], ["b", "b"], categories=["c", "b", "a"])
    assert found.categories == ("c", "b", "a")
    assert (found.kappa, found.interval) == (0.0, None)
    assert found.confusion == ((0, 0, 0), (0, 1, 0), (0, 1, 0))


def test_unused_categories_change_nothing() -> None:
    first, second = [0, 1, 1, 0, 1], [0, 1, 0, 0, 1]
    plain, padded = (agreement(first, second, categories=c) for c in ([0, 1], [0, 1, 2]))
    assert (plain.kappa, plain.interval) == (padded.kappa, padded.interval)

import pytest

from parity_eval.economics import NOTHING_KNOWN, compare


def test_means_are_those_of_the_traffic() -> None:
    found = compare([(0.004, 0.001, 1), (0.001, 0.0005, 3)], 2000)
    assert found.baseline_usd_per_1k == pytest.approx(1.75)  # (4 + 3 x 1) / 4
    assert found.candidate_usd_per_1k == pytest.approx(0.625)
    assert found.saving_share == pytest.approx(1 - 0.625 / 1.75)
    assert found.saving_usd_in_log == pytest.approx(2.25)


def test_only_requests_known_on_both_sides_count() -> None:
    assert compare([(0.002, 0.001, 1), (None, 0.5, 9), (0.5, None, 9)], 1) == compare(
        [(0.002, 0.001, 1)], 1
    )


@pytest.mark.parametrize("costs", [[], [(None, 0.1, 1)], [(0.1, None, 1)]])
def test_nothing_known(costs: list[tuple[float | None, float | None, int]]) -> None:
    assert compare(costs, 5) == NOTHING_KNOWN


def test_a_candidate_that_costs_more_saves_less_than_nothing() -> None:
    found = compare([(0.001, 0.002, 1)], 1000)
    assert found.saving_share == pytest.approx(-1.0)
    assert found.saving_usd_in_log == pytest.approx(-1.0)


def test_a_free_baseline_has_no_share() -> None:
    found = compare([(0.0, 0.001, 1)], 1000)
    assert found.saving_share is None
    assert found.saving_usd_in_log == pytest.approx(-1.0)

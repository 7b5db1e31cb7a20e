import pytest
from makers import estimand, reading

from parity_eval.observations import agreed, judged_group, of_floor, of_label, of_values, worst
from parity_eval.records import EstimandName, Measured, Verdict


class TestOfValues:
    @pytest.mark.parametrize(
        ("name", "candidate", "baseline", "expected"),
        [
            ("parity", 1.0, None, (1.0, 1.0)),
            ("parity", 0.0, None, (0.0, 0.0)),
            ("parity", None, None, (0.0, 1.0)),
            ("preference", 0.25, None, (0.25, 0.25)),
            ("preference", None, None, (0.0, 1.0)),
            ("quality", 0.75, 0.5, (0.25, 0.25)),
            ("quality", 0.0, 1.0, (-1.0, -1.0)),
            ("quality", None, 0.5, (-0.5, 0.5)),
            ("quality", 1.0, None, (0.0, 1.0)),
            ("quality", None, None, (-1.0, 1.0)),
        ],
    )
    def test_what_is_missing_is_worst_for_a_certificate_and_best_for_a_rejection(
        self,
        name: EstimandName,
        candidate: float | None,
        baseline: float | None,
        expected: tuple[float, float],
    ) -> None:
        assert of_values(estimand(name, 0.05), candidate, baseline) == reading(*expected)


class TestOfFloor:
    @pytest.mark.parametrize(
        ("candidate", "second", "expected", "floor"),
        [
            (0.0, 1.0, (-1.0, -1.0), (1.0, 1.0)),
            (1.0, 0.0, (1.0, 1.0), (0.0, 0.0)),
            (None, 1.0, (-1.0, 0.0), (1.0, 1.0)),
            # A floor that nobody knows neither lowers the bar nor shows that the floor is high.
            (1.0, None, (0.0, 1.0), (0.0, 1.0)),
            (None, None, (-1.0, 1.0), (0.0, 1.0)),
        ],
    )
    def test_where_every_second_answer_is_had(
        self,
        candidate: float | None,
        second: float | None,
        expected: tuple[float, float],
        floor: tuple[float, float],
    ) -> None:
        main, own = of_floor(candidate, second, chance=1.0, is_drawn=True)
        assert (main.value, main.value_if_kind) == expected
        assert (own.value, own.value_if_kind) == floor
        assert main.measured is not None
        assert main.measured.slack == expected[1] - expected[0]

    def test_where_none_was_drawn(self) -> None:
        main, own = of_floor(1.0, None, chance=0.25, is_drawn=False)
        assert main.measured == Measured(group=1, value=None)
        assert own.measured == Measured(group=1, value=None)


class TestOfLabel:
    def test_a_label_stands_in_for_the_judge(self) -> None:
        found = of_label(1, 0.0, chance=0.25, is_drawn=True, judged=1.0)
        assert found == reading(0.0, 0.0).__class__(
            value=0.0, value_if_kind=0.0, measured=Measured(group=1, value=0.0)
        )

    def test_a_label_that_was_not_drawn_is_not_looked_at(self) -> None:
        found = of_label(1, 0.0, chance=0.25, is_drawn=False, judged=1.0)
        assert found.measured == Measured(group=1, value=None)
        assert found.value == 1.0

    def test_a_missing_label_weighs_as_much_as_it_would_have(self) -> None:
        found = of_label(1, None, chance=0.25, is_drawn=True, judged=1.0)
        assert found.measured == Measured(group=1, value=0.0, slack=4.0)


@pytest.mark.parametrize(
    ("name", "judged", "group"),
    [
        ("parity", 0.0, 0),
        ("parity", 1.0, 1),
        ("preference", 0.0, 0),
        ("preference", 0.25, 0),
        ("preference", 0.5, 1),
        ("preference", 0.75, 2),
        ("preference", 1.0, 2),
    ],
)
def test_classes_of_the_judge(name: EstimandName, judged: float, group: int) -> None:
    assert judged_group(name, judged) == group


def test_nothing_known_is_the_worst() -> None:
    assert worst(estimand("quality", 0.05), group=None) == reading(-1.0, 1.0)
    assert worst(estimand("parity", 0.9), group=2).measured == Measured(
        group=2, value=0.0, slack=1.0
    )


@pytest.mark.parametrize(
    ("name", "judged", "label", "categories"),
    [
        ("parity", 1.0, 0.0, (1.0, 0.0)),
        ("preference", 0.25, 0.5, (0.0, 0.5)),
        ("preference", 1.0, 0.75, (1.0, 1.0)),
    ],
)
def test_categories_of_judge_and_human(
    name: EstimandName, judged: float, label: float, categories: tuple[float, float]
) -> None:
    verdict = Verdict(at_parity=True, value=judged, reason="", scores=())
    assert agreed(name, verdict, label) == categories

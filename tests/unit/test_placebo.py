"""Each estimand against answers that cannot be right."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest
from makers import Asking, FromTable, Same, design, estimand, labels, nobody, ruled, units

from parity_eval.design import TaskDesign
from parity_eval.parity import Ruled
from parity_eval.placebo import run, why_not_measurable
from parity_eval.records import (
    Answer,
    Hole,
    Missing,
    ModelName,
    Pair,
    PlaceboResult,
    Request,
    Response,
    Score,
    Unit,
    Unscored,
    Verdict,
)
from parity_eval.rules import Ask

Floor = Callable[[Unit], Awaitable[Verdict | Missing]]
BIG = ModelName("big")
SLOW = Missing(hole=Hole.TIMEOUT, detail="60 s")


def tried(
    of: TaskDesign,
    given: Ruled | None = None,
    *,
    quality: Mapping[tuple[str, str], float] | None = None,
    ask: Callable[[Request], Awaitable[Answer]] = nobody,
    floor: Floor | None = None,
) -> dict[str, PlaceboResult]:
    found = asked(of, given, quality=quality, ask=ask, floor=floor)
    assert not isinstance(found, Missing), found
    return {result.name: result for result in found}


def asked(
    of: TaskDesign,
    given: Ruled | None = None,
    *,
    quality: Mapping[tuple[str, str], float] | None = None,
    ask: Callable[[Request], Awaitable[Answer]] = nobody,
    floor: Floor | None = None,
) -> tuple[PlaceboResult, ...] | Missing:
    return asyncio.run(
        run(
            of,
            given,
            baseline=BIG,
            labels=None if quality is None else labels(quality),
            alpha=0.05,
            ask=ask,
            floor=floor,
        )
    )


def below(found: Mapping[str, PlaceboResult]) -> dict[str, bool | None]:
    return {name: result.is_below for name, result in found.items()}


def moderator(n: int, n_positive: int) -> list[str]:
    """Answers of a moderator, the few positive ones spread evenly."""
    return ["block" if i * n_positive % n < n_positive else "allow" for i in range(n)]


ALL_BELOW = {"empty": True, "other": True, "commonest": True}
EXACT = ruled(Same())


class TestParity:
    def test_labels_that_vary(self) -> None:
        found = tried(design(units(["a", "b", "c", "d"] * 25)), EXACT)
        assert below(found) == ALL_BELOW
        assert why_not_measurable(tuple(found.values())) is None

    def test_it_stops_asking_once_it_is_clear(self) -> None:
        found = tried(design(units(["a", "b", "c", "d"] * 25)), EXACT)
        assert found["empty"].n == 10
        assert found["empty"].mean == 0.0

    def test_a_moderator_who_always_says_safe(self) -> None:
        found = tried(design(units(moderator(1000, 30))), EXACT)
        assert below(found) == {"empty": True, "other": True, "commonest": False}
        assert found["commonest"].mean == pytest.approx(0.97)
        assert why_not_measurable(tuple(found.values())) == (
            "always giving the baseline's commonest answer is not clearly below the bar "
            "(mean 0.970 on 1000 requests)"
        )

    def test_exactly_at_the_bar_is_not_below(self) -> None:
        assert below(tried(design(units(moderator(1000, 50))), EXACT))["commonest"] is False

    def test_clearly_below_is(self) -> None:
        assert below(tried(design(units(moderator(1000, 100))), EXACT))["commonest"] is True

    def test_one_answer_to_everything_measures_nothing(self) -> None:
        found = tried(design(units(["a"] * 50)), EXACT)
        assert below(found) == {"empty": True, "other": False, "commonest": False}
        assert why_not_measurable(tuple(found.values())) == (
            "the baseline's answer to another request is not clearly below the bar "
            "(mean 1.000 on 50 requests)"
        )

    def test_one_request_shows_nothing(self) -> None:
        assert below(tried(design(units(["a"])), EXACT)) == {
            "empty": False, "other": False, "commonest": False,
        }  # fmt: skip

    def test_no_request(self) -> None:
        assert tried(design(()), EXACT) == {}


class TestNoiseFloor:
    what = estimand("noise_floor", 0.05)

    def test_without_a_floor_the_lowest_that_can_certify_counts(self) -> None:
        # 0.75 - 0.80 is exactly the margin.
        found = tried(design(units(moderator(1000, 250)), self.what), EXACT)
        assert below(found)["commonest"] is False
        found = tried(design(units(moderator(1000, 500)), self.what), EXACT)
        assert below(found) == ALL_BELOW

    def test_against_the_floor_itself(self) -> None:
        found = tried(design(units(moderator(1000, 250)), self.what), EXACT, floor=agrees(0.98))
        assert below(found) == ALL_BELOW
        found = tried(design(units(moderator(1000, 250)), self.what), EXACT, floor=agrees(0.78))
        assert below(found)["commonest"] is False

    def test_a_floor_of_noise_cannot_certify(self) -> None:
        found = tried(design(units("abcd" * 100), self.what), EXACT, floor=agrees(0.03))
        assert below(found) == {"empty": False, "other": False, "commonest": False}

    def test_second_answers_that_cannot_be_had(self) -> None:
        async def missing(unit: Unit) -> Verdict | Missing:
            return SLOW

        found = asked(design(units("abcd" * 10), self.what), EXACT, floor=missing)
        detail = "whether the placebo 'empty' passes is not known: 60 s"
        assert found == Missing(hole=Hole.TIMEOUT, detail=detail)


def agrees(share: float) -> Floor:
    async def floor(unit: Unit) -> Verdict | Missing:
        at_parity = int(unit.request.id[1:]) * 37 % 100 < share * 100
        return Verdict(at_parity=at_parity, value=float(at_parity), reason="", scores=())

    return floor


class TestQuality:
    what = estimand("quality", 0.05)

    def tried(self, answers: Sequence[str], n_wrong: int = 0) -> dict[str, PlaceboResult]:
        of = units(answers)
        quality = {(str(unit.request.id), "big"): float(i >= n_wrong) for i, unit in enumerate(of)}
        return tried(design(of, self.what), quality=quality)

    def test_a_good_baseline_with_labels_that_vary(self) -> None:
        found = self.tried(["a", "b", "c", "d"] * 25, n_wrong=5)
        assert below(found) == ALL_BELOW
        assert (found["empty"].n, found["empty"].mean) == (100, -0.95)

    def test_a_moderator_who_always_says_safe(self) -> None:
        found = self.tried(moderator(1000, 30))
        assert below(found) == {"empty": True, "other": True, "commonest": False}
        assert found["commonest"].mean == pytest.approx(-0.03)

    def test_a_baseline_that_is_mostly_wrong_proves_nothing_by_labels(self) -> None:
        assert below(self.tried("ab" * 100, n_wrong=150))["other"] is False

    def test_but_free_text_of_other_requests_stays_wrong(self) -> None:
        found = self.tried([f"text {i}" for i in range(200)], n_wrong=150)
        assert below(found) == ALL_BELOW

    def test_no_labels_for_the_baseline(self) -> None:
        found = tried(design(units("ab" * 20), self.what), quality={("r0", "small"): 1.0})
        assert below(found) == {"empty": None, "other": None, "commonest": None}
        assert found["empty"].note == "nothing to hold it against"


class TestJudged:
    def test_a_judge_that_tells_answers_apart(self) -> None:
        questions: list[str] = []

        async def ask(question: Request) -> Answer:
            questions.append(question.id)
            return Response(text="loss")

        found = tried(design(units("abcd" * 50)), ruled(Asking()), ask=ask)
        assert below(found) == ALL_BELOW
        assert len(questions) == 30  # ten for each placebo

    @pytest.mark.parametrize("what", [estimand(), estimand("preference", 0.05)])
    def test_a_judge_that_likes_everything_measures_nothing(self, what: object) -> None:
        async def ask(question: Request) -> Answer:
            return Response(text="win")

        found = tried(design(units("abcd" * 50), what), ruled(Asking()), ask=ask)  # type: ignore[arg-type]
        assert below(found) == {"empty": False, "other": False, "commonest": False}
        assert {result.n for result in found.values()} == {50}

    def test_a_judge_that_only_says_tie_is_no_preference(self) -> None:
        async def ask(question: Request) -> Answer:
            return Response(text="tie")

        found = tried(
            design(units("abcd" * 50), estimand("preference", 0.05)), ruled(Asking()), ask=ask
        )
        assert below(found) == {"empty": False, "other": False, "commonest": False}
        assert found["empty"].mean == 0.5

    def test_a_judge_that_can_judge_nothing_measures_nothing(self) -> None:
        async def ask(question: Request) -> Answer:
            return Response(text="as an assistant, I cannot")

        found = tried(design(units("abcd" * 50)), ruled(Asking()), ask=ask)
        assert set(below(found).values()) == {False}
        assert not isinstance(found, Missing)
        told = why_not_measurable(tuple(found.values()))
        assert told is not None
        assert "could not be scored: no verdict" in told

    def test_what_a_live_judge_cannot_judge_has_failed(self) -> None:
        asked: list[str] = []

        async def ask(question: Request) -> Answer:
            asked.append(question.id)
            return Response(text="I cannot" if len(asked) % 2 else "loss")

        assert below(tried(design(units("abcd" * 50)), ruled(Asking()), ask=ask)) == ALL_BELOW

    def test_one_hole_leaves_the_answer_clear(self) -> None:
        async def ask(question: Request) -> Answer:
            return SLOW if question.id.endswith("r3") else Response(text="loss")

        found = tried(design(units("abcd" * 50)), ruled(Asking()), ask=ask)
        assert below(found) == ALL_BELOW
        assert found["empty"].mean == 0.1  # counted for the placebo, in 1 of 10

    def test_a_judge_that_cannot_be_reached_leaves_it_unknown(self) -> None:
        async def ask(question: Request) -> Answer:
            return SLOW

        found = asked(design(units("abcd" * 50)), ruled(Asking()), ask=ask)
        assert isinstance(found, Missing)
        assert found.hole is Hole.TIMEOUT

    def test_a_table_without_verdicts_on_placebos_is_said(self) -> None:
        found = tried(design(units("abcd" * 10)), ruled(FromTable()))
        assert below(found) == {"empty": None, "other": None, "commonest": None}
        assert found["empty"].note == "not recorded on 40 of 40 requests"
        assert found["empty"].mean is None


class Broken:
    """A rule that no answer can pass, such as a schema that is none."""

    name, cost = "schema", 0

    def questions(self, pair: Pair) -> tuple[Request, ...]:
        return ()

    def score(self, pair: Pair, answers: tuple[Response, ...]) -> Score | Unscored:
        return Unscored(scorer=self.name, reason="not a schema: 'wat' is not a type")


def test_a_rule_that_the_baselines_own_answers_fail_measures_nothing() -> None:
    of = design(units(["refund", "invoice"] * 30))
    found = tried(of, Ruled(rule=Ask("schema"), scorers={"schema": Broken()}))
    assert list(found) == ["itself"]
    why = why_not_measurable(tuple(found.values()))
    assert why is not None
    assert "the baseline's own answers do not pass the parity rule: 60 of 60 fail" in why
    assert "'wat' is not a type" in why

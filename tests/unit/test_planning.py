from dataclasses import replace

import pytest
from makers import design, estimand, model, study, unit

from parity_eval.planning import worst_case_usd, worth_certifying
from parity_eval.records import EstimandName, ModelName, ModelSpec
from parity_eval.study import BaselineSpec, JudgeSpec, ScorerSpec, Study, TestSpec

LIVE = model("small", (1.0, 1000.0), is_live=True)
TEST = TestSpec(max_samples=500)


class TestWorth:
    @pytest.mark.parametrize(
        ("n_available", "worth"), [(500, 0.9774), (200, 0.9870), (9999, 0.9774)]
    )
    def test_parity_with_80_percent_power(self, n_available: int, worth: float) -> None:
        found = worth_certifying(estimand(), TEST, n_available, 1)
        assert found == pytest.approx(worth, abs=5e-5)

    def test_a_budget_that_certifies_nothing(self) -> None:
        assert worth_certifying(estimand(), TEST, 40, 1) is None
        assert worth_certifying(estimand(), TEST, 0, 1) is None

    @pytest.mark.parametrize(
        ("name", "n_max", "worth"),
        [
            # Short: no more than the baseline itself. Long: half the margin. Between the two, by
            # hand: 0.05 - sqrt(2 * 0.1 * (log(20) + 1) / 500) = 0.0100.
            ("quality", 10, 0.0),
            ("quality", 500, -0.0100),
            ("quality", 100_000, -0.025),
            ("noise_floor", 10, 0.0),
            ("noise_floor", 100_000, -0.025),
            ("preference", 10, 0.5),
            ("preference", 100_000, 0.475),
        ],
    )
    def test_differences_wait_for_what_the_budget_can_certify(
        self, name: EstimandName, n_max: int, worth: float
    ) -> None:
        test = TestSpec(max_samples=n_max)
        found = worth_certifying(estimand(name, 0.05), test, n_max, 1)
        assert found == pytest.approx(worth, abs=5e-5)

    def test_more_rivals_need_more_evidence(self) -> None:
        few = worth_certifying(estimand("quality", 0.05), TEST, 500, 1)
        many = worth_certifying(estimand("quality", 0.05), TEST, 500, 5)
        assert few is not None
        assert many is not None
        assert few < many <= 0.0


class TestWorstCase:
    def usd(self, given: Study, *names: ModelSpec, n: int = 3, is_floor: bool = False) -> float:
        of = [unit(f"r{i}") for i in range(n)]
        what = estimand("noise_floor", 0.05) if is_floor else estimand()
        designed = replace(design(of, what), scorers=(ScorerSpec(key="judge", scorer="judge"),))
        live = {ModelName(spec.name): spec for spec in names}
        return worst_case_usd(given, [designed], live)

    # 55 bytes of request at $1 and 4,096 tokens of answer at $1,000 per million tokens.
    one = (55 * 1.0 + 4096 * 1000.0) / 1e6

    def test_every_answer_of_a_live_candidate(self) -> None:
        assert self.usd(study(LIVE), LIVE) == pytest.approx(3 * self.one)

    def test_recorded_ones_cost_nothing(self) -> None:
        assert self.usd(study(model("small"))) == 0.0

    def test_max_samples_bounds_it(self) -> None:
        given = study(LIVE, test=TestSpec(max_samples=2))
        assert self.usd(given, LIVE) == pytest.approx(2 * self.one)

    def test_closed_tasks_cost_nothing(self) -> None:
        closed = design([unit("r0")], why_closed="no judge")
        assert worst_case_usd(study(LIVE), [closed], {LIVE.name: LIVE}) == 0.0

    def test_a_replayed_baseline_and_its_second_answers(self) -> None:
        big, again = (model(name, (1.0, 1000.0), is_live=True) for name in ("big", "again"))
        given = study(LIVE, baseline=BaselineSpec(spec=big, source="replay", second=again))
        assert self.usd(given, LIVE, big, again) == pytest.approx(6 * self.one)
        assert self.usd(given, LIVE, big, again, is_floor=True) == pytest.approx(9 * self.one)

    def test_the_judge_sees_both_orders_and_the_placebos(self) -> None:
        judge = model("judge", (1.0, 1000.0), is_live=True)
        given = replace(study(model("small")), judge=JudgeSpec(spec=judge))
        # Request and answer, the longest other answer and the instructions; the judge's answer.
        question = (55 + 3 + 16_000 + 4_000 + 1_024 * 1000.0) / 1e6
        # Two orders; one candidate and three placebos.
        assert self.usd(given, judge) == pytest.approx(3 * 2 * 4 * question)
        # Placebos are judged on 50 requests at most.
        assert self.usd(given, judge, n=60) == pytest.approx(
            (50 * 2 * 4 + 10 * 2 * 1) * question, rel=1e-4
        )

    def test_a_rating_is_asked_for_once_for_each_answer_and_the_baselines(self) -> None:
        judge = model("judge", (1.0, 1000.0), is_live=True)
        given = replace(study(model("small")), judge=JudgeSpec(spec=judge))
        question = (55 + 3 + 16_000 + 4_000 + 1_024 * 1000.0) / 1e6
        rated = replace(
            design([unit("r0"), unit("r1")], estimand("quality", 0.05)),
            scorers=(ScorerSpec(key="rating", scorer="rating"),),
        )
        # Per request: the candidate's answer, the baseline's, and three placebos.
        found = worst_case_usd(given, [rated], {judge.name: judge})
        assert found == pytest.approx(2 * 5 * question)

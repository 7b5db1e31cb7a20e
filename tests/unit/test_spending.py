from dataclasses import replace

import pytest
from makers import design, estimand, model, study, unit

from parity_eval import codec
from parity_eval.outlook import Outlook
from parity_eval.planning import worst_case_usd
from parity_eval.records import LongPrice, ModelName, ModelSpec, Price, Prompt, Response, Usage
from parity_eval.spending import DAYS_PER_MONTH, Spending, spending
from parity_eval.stats.noise_floor import floor_subsample
from parity_eval.study import BaselineSpec, JudgeSpec, ScorerSpec, Study

FIRST = Outlook(
    truth="as_good", mean=0.0, certified=1.0, rejected=0.0, futile=0.0, inconclusive=0.0,
    certified_error=0.0, expected_n=100.0, expected_n_error=0.0, n_50=90, n_90=200,
)  # fmt: skip
BASE = model("big", (10.0, 30.0), is_live=True)
LIVE = model("small", (1.0, 2.0), is_live=True)
JUDGE = model("judge", (1.0, 10.0), is_live=True)
PER_MILLION = 1e6


def counted(n_input: int, n_output: int, n_cached: int = 0) -> Response:
    usage = Usage(input_tokens=n_input, output_tokens=n_output, cached_input_tokens=n_cached)
    return Response(text="yes", usage=usage)


UNITS = (unit("r0", counted(100, 10)), unit("r1", counted(300, 30), weight=3))


def spent(
    given: Study, *live: ModelSpec, is_floor: bool = False, per_month: float | None = 1000.0
) -> Spending:
    what = estimand("noise_floor", 0.05) if is_floor else estimand()
    asks = () if given.judge is None else (ScorerSpec(key="judge", scorer="judge"),)
    designed = replace(design(UNITS, what), scorers=asks)
    found = spending(given, designed, {spec.name: spec for spec in live}, FIRST, per_month)
    whole = worst_case_usd(given, [designed], {spec.name: spec for spec in live})
    parts = found.baseline.worst + found.judge.worst + sum(a.usd.worst for a in found.candidates)
    assert parts == pytest.approx(whole)
    return found


def test_candidates_cost_expected_pairs_at_the_mean_tokens() -> None:
    (arm,) = spent(study(LIVE), LIVE).candidates
    assert arm.usd.expected == pytest.approx(100 * (200 * 1 + 20 * 2) / PER_MILLION)
    assert arm.usd.worst > 0


def test_each_candidate_has_a_worst_case_of_its_own() -> None:
    dear = model("dear", (10.0, 1.0), is_live=True)
    short = replace(model("short", (1.0, 2.0), is_live=True), params={"max_tokens": 7})
    taped = model("taped", (1.0, 2.0))
    arms = spent(study(LIVE, dear, short, taped), LIVE, dear, short).candidates
    bodies = [len(codec.encode(unit.request.body)) for unit in UNITS]
    assert [arm.usd.worst for arm in arms] == pytest.approx(
        [
            (sum(bodies) * 1 + 2 * 4096 * 2) / PER_MILLION,
            (sum(bodies) * 10 + 2 * 4096 * 1) / PER_MILLION,
            (sum(bodies) + 2 * len(b',"max_tokens":7') + 2 * 7 * 2) / PER_MILLION,
            0,
        ]
    )


def test_a_prompt_of_its_own_is_paid_for() -> None:
    told = replace(model("told", (1.0, 2.0), is_live=True), prompt=Prompt(system="Be brief."))
    plain, longer = spent(study(LIVE, told), LIVE, told).candidates
    added = b'{"content":"Be brief.","role":"system"},'
    assert longer.usd.worst - plain.usd.worst == pytest.approx(2 * len(added) / PER_MILLION)


def test_recorded_models_cost_nothing_and_are_paid_at_once() -> None:
    found = spent(study(model("small", (1.0, 2.0))))
    (arm,) = found.candidates
    assert (arm.usd.expected, arm.usd.worst, arm.judge_usd) == (0, 0, 0)
    assert (found.baseline.expected, found.judge.expected) == (0, 0)
    assert arm.payback_days == 0


def test_savings_weigh_requests_by_their_traffic() -> None:
    (arm,) = spent(study(LIVE), LIVE).candidates
    # Of four lines three ask for 300 and 30 tokens: 250 and 25 in the mean.
    saved = (250 * 9 + 25 * 28) / PER_MILLION
    assert arm.saving_usd_per_1k == pytest.approx(1000 * saved)
    assert arm.saving_usd_per_month == pytest.approx(1000 * saved)
    assert arm.payback_days == pytest.approx(arm.usd.expected / (1000 * saved) * DAYS_PER_MONTH)


def test_what_costs_more_never_pays() -> None:
    dear = model("dear", (20.0, 60.0), is_live=True)
    (arm,) = spent(study(dear), dear).candidates
    assert arm.saving_usd_per_month is not None
    assert arm.saving_usd_per_month < 0
    assert arm.payback_days is None


def test_unknown_prices_and_volumes_stay_unknown() -> None:
    (arm,) = spent(study(model("small"))).candidates
    assert (arm.saving_usd_per_1k, arm.saving_usd_per_month, arm.payback_days) == (None,) * 3
    (arm,) = spent(study(LIVE), LIVE, per_month=None).candidates
    assert arm.saving_usd_per_1k is not None
    assert (arm.saving_usd_per_month, arm.payback_days) == (None, None)


def test_the_judge_is_asked_in_both_orders_and_about_placebos() -> None:
    given = replace(study(LIVE), judge=JudgeSpec(spec=JUDGE))
    found = spent(given, LIVE, JUDGE)
    question = ((200 + 2 * 20 + 600) * 1 + 150 * 10) / PER_MILLION
    (arm,) = found.candidates
    assert arm.judge_usd == pytest.approx(100 * 2 * question)
    # Three placebos on the two requests that there are.
    assert found.judge.expected == pytest.approx((100 + 6) * 2 * question)


def test_arms_share_the_answers_of_a_replayed_baseline() -> None:
    base = BaselineSpec(spec=BASE, source="replay")
    answer = (200 * 10 + 20 * 30) / PER_MILLION
    alone = spent(study(LIVE, baseline=base), BASE, LIVE)
    assert alone.baseline.expected == pytest.approx(100 * answer)
    other = model("other", (1.0, 2.0), is_live=True)
    both = spent(study(LIVE, other, baseline=base), BASE, LIVE, other)
    assert both.baseline.expected == pytest.approx(200 * answer)
    assert len(both.candidates) == 2


def test_second_answers_are_paid_for_the_noise_floor_only() -> None:
    second = model("again", (10.0, 30.0), is_live=True)
    given = study(LIVE, baseline=BaselineSpec(spec=BASE, second=second))
    answer = (200 * 10 + 20 * 30) / PER_MILLION
    assert spent(given, LIVE, second).baseline.expected == 0
    found = spent(given, LIVE, second, is_floor=True).baseline
    assert found.expected == pytest.approx(100 * answer)


def test_fewer_second_answers_cost_less() -> None:
    second = model("again", (10.0, 30.0), is_live=True)
    given = study(LIVE, baseline=BaselineSpec(spec=BASE, second=second))
    drawn = replace(
        design(UNITS, estimand("noise_floor", 0.05)), subsample=floor_subsample(chances=(1.0, 0.25))
    )
    found = spending(given, drawn, {LIVE.name: LIVE, second.name: second}, FIRST, None)
    answer = (200 * 10 + 20 * 30) / PER_MILLION
    assert found.baseline.expected == pytest.approx(100 * (0.04 + 0.96 * 0.25) * answer)


def test_cached_input_counts_for_savings() -> None:
    units = (unit("r0", counted(100, 0, n_cached=100)),)
    spec = replace(LIVE, price=Price(input=1.0, output=2.0, cached_input=0.1))
    live = {ModelName("small"): spec}
    found = spending(study(spec), design(units), live, FIRST, 1.0)
    saved = 100 * (10 - 0.1) / PER_MILLION
    assert found.candidates[0].saving_usd_per_1k == pytest.approx(1000 * saved)


def test_tokens_that_nobody_counted_are_a_quarter_of_the_characters() -> None:
    asked = unit("r0", "x" * 40)
    found = spending(study(LIVE), design((asked,)), {LIVE.name: LIVE}, FIRST, None)
    # {"messages":[{"content":"question r0","role":"user"}]} has 54 characters.
    expected = 100 * (14 * 1 + 10 * 2) / PER_MILLION
    assert found.candidates[0].usd.expected == pytest.approx(expected)
    assert found.estimated_tokens == 1.0


def test_a_task_that_is_not_tested_costs_nothing() -> None:
    closed = design(UNITS, why_closed="no judge")
    given = replace(study(LIVE), judge=JudgeSpec(spec=JUDGE))
    found = spending(given, closed, {LIVE.name: LIVE, JUDGE.name: JUDGE}, None, 1000.0)
    (arm,) = found.candidates
    assert (arm.usd.expected, arm.usd.worst, found.judge.expected, found.judge.worst) == (0,) * 4
    assert arm.payback_days is None
    assert arm.saving_usd_per_month is not None


def test_long_prompts_are_reckoned_at_their_own_price() -> None:
    dear = Price(input=10.0, output=20.0)
    price = Price(input=1.0, output=2.0, long=(LongPrice(above=200, price=dear),), most_output=50)
    spec = replace(LIVE, price=price)
    (arm,) = spent(study(spec), spec).candidates
    saved = 100 * (10 - 1) + 10 * (30 - 2) + 3 * (300 * (10 - 10) + 30 * (30 - 20))
    assert arm.saving_usd_per_1k == pytest.approx(1000 * saved / 4 / PER_MILLION)
    bodies = [len(codec.encode(unit.request.body)) for unit in UNITS]
    assert arm.usd.worst == pytest.approx((sum(bodies) * 1 + 2 * 50 * 2) / PER_MILLION)


TERSE = Price(input=1.0, output=2.0, cached_input=0.5, most_output=100)


def test_a_model_that_writes_little_has_a_smaller_worst_case() -> None:
    short = replace(LIVE, name=ModelName("s"), price=TERSE)
    long, brief = spent(study(LIVE, short), LIVE, short).candidates
    assert long.usd.worst - brief.usd.worst == pytest.approx(2 * 3996 * 2 / PER_MILLION)

"""The terms of an arm, where the log itself sets them."""

import pytest
from makers import design, estimand, model, study, unit

from parity_eval.armplans import Before, arm_plans
from parity_eval.records import Arm, EstimandName, ModelName
from parity_eval.study import Target, TestSpec

NOTHING = Before(closed={}, failed={}, holes={})


def worth(name: EstimandName, n: int, *, target: Target, max_samples: int = 2000) -> float:
    """Return the mean that futility waits for, with a margin of 0.05 (a bar of 0.95)."""
    units = [unit(f"r{i}") for i in range(n)]
    what = estimand(name, 0.95 if name == "parity" else 0.05)
    given = study(model("small"), test=TestSpec(target=target, max_samples=max_samples))
    designed = design(units, what)
    arm = Arm(task=designed.spec.name, candidate=ModelName("small"))
    (plan,) = arm_plans(given, [designed], {arm: units}, by_price=given.candidates, before=NOTHING)
    found = plan.parts[0].worth
    assert found is not None
    return found


@pytest.mark.parametrize("name", ["quality", "noise_floor"])
def test_a_census_waits_for_a_mean_next_to_the_null(name: EstimandName) -> None:
    assert worth(name, 200, target="log") == pytest.approx(-0.05 + 0.05 * 0.05)
    assert worth(name, 200, target="traffic") > -0.02


def test_a_part_of_the_log_lies_between() -> None:
    census = worth("quality", 400, target="log")
    half = worth("quality", 400, target="log", max_samples=200)
    traffic = worth("quality", 400, target="traffic", max_samples=200)
    assert census < half < traffic

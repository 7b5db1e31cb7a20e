import math
from collections.abc import Iterable

import pytest

from parity_eval.stats.fixed_designs import (
    NO_EVIDENCE,
    Spending,
    SpendingTest,
    exact_budget_design,
    fixed_arm_boundaries,
    fixed_arm_design,
    group_sequential_design,
    named_design,
    single_look,
    spent,
)
from parity_eval.stats.planner import operating
from parity_eval.stats.stopping import ArmState, Stop, Terms


def test_the_budget_design_certifies_curtails_and_ends() -> None:
    design = exact_budget_design(0.95, alpha=0.05, n_max=200)
    assert design.check(77, 0) is None
    assert design.check(78, 0) is Stop.CERTIFIED
    assert design.check(116, 1) is Stop.CERTIFIED
    most = design.most_failures[-1]
    assert design.check(150, most + 1) is Stop.CURTAILED
    assert design.check(150, most) is None
    assert design.check(200, most + 1) is Stop.EXHAUSTED
    assert design.check(200, most) is Stop.CERTIFIED


def test_nothing_is_certified_between_looks() -> None:
    design = group_sequential_design(0.95, alpha=0.05, n_max=500, looks=5, spending=Spending.POCOCK)
    assert design.looks == (100, 200, 300, 400, 500)
    assert design.check(100, 0) is Stop.CERTIFIED
    assert design.check(101, 0) is None


@pytest.mark.parametrize("spending", list(Spending))
def test_all_of_alpha_may_be_spent_by_the_end(spending: Spending) -> None:
    assert spent(spending, 0.05, 1.0) == pytest.approx(0.05)
    shares = [spent(spending, 0.05, t / 10) for t in range(1, 11)]
    assert shares == sorted(shares)


def test_obrien_fleming_waits_and_pocock_does_not() -> None:
    early = {spending: spent(spending, 0.05, 0.2) for spending in Spending}
    assert early[Spending.OBRIEN_FLEMING] < 1e-4
    assert early[Spending.LINEAR] < early[Spending.POCOCK]


def test_one_look_agrees_with_itself() -> None:
    found = single_look(196, 200, bar=0.95, alpha=0.05)
    assert found.p_value < 0.05
    assert found.clopper_pearson_lower > 0.95
    assert single_look(190, 200, bar=0.95, alpha=0.05).clopper_pearson_lower < 0.95


NAMES = ("budget", "obrien_fleming", "pocock", "fixed")


def arm_of(name: str, **terms: float) -> ArmState:
    settings = {"n_max": 200, **terms}
    n_max, alpha = int(settings.pop("n_max")), settings.pop("alpha", 0.05)
    guards = {key: int(value) for key, value in settings.items()}
    design = named_design(name, 0.95, alpha=alpha, n_max=n_max, looks=4)
    return fixed_arm_design(Terms(n_max=n_max, alpha=alpha, **guards), design).start()


def run(arm: ArmState, scores: Iterable[float]) -> tuple[Stop | None, int]:
    for score in scores:
        arm = arm.update(score)
        if (stop := arm.check()) is not None:
            return stop, arm.n
    return None, arm.n


@pytest.mark.parametrize(
    ("name", "n"), [("budget", 78), ("obrien_fleming", 150), ("pocock", 100), ("fixed", 200)]
)
def test_an_arm_without_failures_is_certified_at_the_first_look_that_allows_it(
    name: str, n: int
) -> None:
    assert run(arm_of(name), [1.0] * 200) == (Stop.CERTIFIED, n)


def test_the_evidence_is_all_or_nothing() -> None:
    arm = arm_of("pocock", min_n=1)
    assert arm.certify.log_e == 0
    for _ in range(99):
        arm = arm.update(1.0)
        assert arm.evidence() == arm.evidence(running=False) == NO_EVIDENCE
        assert arm.certify.p_value == 1
    arm = arm.update(1.0)
    assert arm.evidence() == arm.evidence(running=False) == math.log(20)
    assert arm.certify.p_value == pytest.approx(0.05)
    for _ in range(60):
        arm = arm.update(0.0)
    assert arm.evidence(running=False) == math.log(20)


def test_a_share_of_alpha_is_enough_for_a_whole_family() -> None:
    design = named_design("budget", 0.95, alpha=0.05 / 50, n_max=500)
    arm = fixed_arm_design(Terms(n_max=500), design).start()
    needed = math.log(50 / 0.05)
    while (stop := arm.check(needed)) is None:
        arm = arm.update(1.0)
    assert (stop, arm.n) == (Stop.CERTIFIED, 158)
    assert arm.certify.max_log_e == pytest.approx(needed, abs=1e-12)


def test_a_certificate_waits_for_min_n_and_is_kept() -> None:
    design = named_design("budget", 0.5, alpha=0.05, n_max=60)
    arm = fixed_arm_design(Terms(n_max=60, min_n=30), design).start()
    outcomes = [1.0] * 12 + [0.0] * 12 + [1.0] * 6
    assert design.check(12, 0) is Stop.CERTIFIED
    assert run(arm, outcomes) == (Stop.CERTIFIED, 30)


def test_a_design_ends_where_it_ends() -> None:
    arm = arm_of("fixed")
    for score in [0.0] * 10 + [1.0] * 190:
        arm = arm.update(score)
    assert arm.check() is Stop.EXHAUSTED
    with pytest.raises(ValueError, match="n == 201, must be <= 200"):
        arm.update(1.0)
    test = arm.design.certify
    with pytest.raises(ValueError, match="n == 201"):
        test.walk(test.begin(), [1.0] * 201, None)
    with pytest.raises(ValueError, match="n == 201"):
        test.log_e_after(test.begin(), 1.0, 201)


def test_a_design_sees_outcomes_without_limits_only() -> None:
    arm = arm_of("budget")
    with pytest.raises(ValueError, match=r"scores\[0\] == 0.5, must be 0 or 1"):
        arm.update(0.5)
    with pytest.raises(ValueError, match="limits are not possible"):
        arm.certify.update(1.0, limit=0.0)


def test_what_equal_outcomes_would_say() -> None:
    test = SpendingTest(design=named_design("pocock", 0.95, alpha=0.05, n_max=200, looks=4))
    assert test.design.most_failures == (-1, 0, 2, 4)
    assert test.log_e_after(test.begin(), 1.0, 0) == 0
    assert test.log_e_after(test.begin(), 1.0, 99) == NO_EVIDENCE
    assert test.log_e_after(test.begin(), 1.0, 100) == math.log(20)
    assert test.log_e_after((148.0, 0.0, 0.0), 0.0, 1) == NO_EVIDENCE
    assert test.log_e_after((148.0, 0.0, 0.0), 0.0, 2) == math.log(20)
    assert test.log_e_after((148.0, 1.0, 0.0), 0.0, 52) == NO_EVIDENCE
    assert test.log_e_after((150.0, 5.0, 1.0), 0.0, 50) == math.log(20)


def test_an_arm_far_below_its_bar_is_shown_to_be() -> None:
    assert run(arm_of("fixed"), [0.0, 1.0] * 20)[0] is Stop.BELOW_BAR


def test_an_arm_and_its_design_must_fit() -> None:
    design = named_design("budget", 0.95, alpha=0.05, n_max=200)
    with pytest.raises(ValueError, match="n_max == 300, must be 200"):
        fixed_arm_design(Terms(n_max=300), design)
    with pytest.raises(ValueError, match=r"alpha == 0.01, must be >= 0.05"):
        fixed_arm_design(Terms(n_max=200, alpha=0.01), design)


def test_designs_go_by_their_names() -> None:
    found = {name: named_design(name, 0.95, alpha=0.05, n_max=200, looks=4) for name in NAMES}
    assert found["budget"] == exact_budget_design(0.95, alpha=0.05, n_max=200)
    assert found["fixed"].looks == (200,)
    assert found["obrien_fleming"] == group_sequential_design(
        0.95, alpha=0.05, n_max=200, looks=4, spending=Spending.OBRIEN_FLEMING
    )
    assert found["pocock"].looks == (50, 100, 150, 200)
    assert named_design("pocock", 0.95, alpha=0.05, n_max=3, looks=10).looks == (1, 2, 3)
    with pytest.raises(ValueError, match="'linear', must be budget, obrien_fleming, pocock, fixed"):
        named_design("linear", 0.95, alpha=0.05, n_max=200)
    with pytest.raises(ValueError, match=r"bar == 1.0, must be > 0 and < 1"):
        named_design("fixed", 1.0, alpha=0.05, n_max=200)


def test_the_single_look_is_the_exact_binomial_test() -> None:
    design = named_design("fixed", 0.95, alpha=0.05, n_max=300)
    (most,) = design.most_failures
    assert single_look(300 - most, 300, bar=0.95, alpha=0.05).p_value == pytest.approx(design.size)
    assert single_look(299 - most, 300, bar=0.95, alpha=0.05).p_value > 0.05


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("alpha", [0.05, 0.001])
def test_planned_with_all_rules_an_arm_keeps_its_level(name: str, alpha: float) -> None:
    design = named_design(name, 0.95, alpha=alpha, n_max=500, looks=5)
    (plain,) = operating(design.boundaries(curtail=False), [0.95])
    assert plain.probability[Stop.CERTIFIED] == pytest.approx(design.size, rel=1e-9)
    (found,) = operating(fixed_arm_boundaries(Terms(n_max=500), design), [0.95])
    assert 0 < found.probability[Stop.CERTIFIED] <= design.size <= alpha
    assert found.probability[Stop.BELOW_BAR] > 0
    (never,) = operating(fixed_arm_boundaries(Terms(n_max=500, min_n=501), design), [1.0])
    assert never.probability[Stop.CURTAILED] == 1

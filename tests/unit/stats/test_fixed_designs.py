import pytest

from parity_eval.stats.fixed_designs import (
    Spending,
    exact_budget_design,
    group_sequential_design,
    single_look,
    spent,
)
from parity_eval.stats.stopping import Stop


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

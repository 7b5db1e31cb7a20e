import pytest
from oracles.reader import Vector, bound, cases, expected_n, probability

from parity_eval.stats.fixed_designs import (
    Spending,
    SpendingDesign,
    exact_budget_design,
    group_sequential_design,
    single_look,
)
from parity_eval.stats.planner import operating
from parity_eval.stats.stopping import Stop


def check_operating(design: SpendingDesign, expected: Vector) -> None:
    rules = design.boundaries(curtail=False)
    for rate, wanted in expected.items():
        (found,) = operating(rules, [float(rate)])
        assert found.probability[Stop.CERTIFIED] == probability(wanted["power"])
        assert found.expected_n == expected_n(wanted["expected_n"])
        for share in (50, 80, 90):
            if f"n_at_{share}pct_certified" in wanted:
                assert found.n_certified(share / 100) == wanted[f"n_at_{share}pct_certified"]


@pytest.mark.parametrize(("inputs", "outputs"), cases("exact_budget"))
def test_exact_budget(inputs: Vector, outputs: Vector) -> None:
    design = exact_budget_design(
        inputs["p0"],
        alpha=inputs["alpha"],
        n_max=inputs["n_max"],
        power=inputs["spend_power"],
    )
    allowed = list(zip(design.looks, design.most_failures, strict=True))
    rises = [
        [n, most]
        for (n, most), (_, before) in zip(allowed[1:], allowed, strict=False)
        if most > before
    ]
    assert rises == outputs["boundary"]
    assert design.size == probability(outputs["false_certification_at_p0"])
    check_operating(design, outputs["operating"])


@pytest.mark.parametrize(("inputs", "outputs"), cases("group_sequential"))
def test_group_sequential(inputs: Vector, outputs: Vector) -> None:
    design = group_sequential_design(
        inputs["p0"],
        alpha=inputs["alpha"],
        n_max=inputs["n_max"],
        looks=inputs["looks"],
        spending=Spending(inputs["spending"]),
    )
    assert list(design.looks) == outputs["look_sizes"]
    assert list(design.most_failures) == outputs["max_fails_to_certify"]
    assert design.size == probability(outputs["false_certification_at_p0"])
    check_operating(design, outputs["operating"])


@pytest.mark.parametrize(("inputs", "outputs"), cases("fixed_sample"))
def test_fixed_sample(inputs: Vector, outputs: Vector) -> None:
    found = single_look(inputs["passes"], inputs["n"], bar=inputs["p0"], alpha=inputs["alpha"])
    assert found.p_value == probability(outputs["exact_p_value"])
    assert found.clopper_pearson_lower == bound(outputs["clopper_pearson_lower"])
    assert found.wilson_lower == bound(outputs["wilson_lower"])

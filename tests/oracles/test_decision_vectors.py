import pytest
from oracles.reader import Vector, bits, cases, log_e

from parity_eval.stats.multiplicity import FamilyRule, reject
from parity_eval.stats.routing import RoutingRule, route
from parity_eval.stats.stopping import Terms, parity_design


@pytest.mark.parametrize(("inputs", "outputs"), cases("decisions"))
def test_decisions(inputs: Vector, outputs: Vector) -> None:
    terms = Terms(**{name: inputs[name] for name in ("n_max", "alpha", "beta")}, **guards(inputs))
    outcomes = bits(inputs["outcomes"])
    arm = parity_design(inputs["p0"], terms, worth=inputs["p1"]).start()
    for outcome in outcomes:
        arm = arm.update(outcome)
        stop = arm.check()
        if stop is not None:
            break
    assert stop == outputs["verdict"]
    assert arm.n == outputs["n"]
    assert sum(outcomes[: arm.n]) == outputs["passes"]
    assert arm.n - sum(outcomes[: arm.n]) == outputs["fails"]
    assert arm.certify.log_e == log_e(outputs["log_e"])
    assert arm.below.log_e == log_e(outputs["log_e_below_bar"])
    if outputs["log_e_below_p1"] is None:
        assert arm.futile is None
    else:
        assert arm.futile is not None
        assert arm.futile.log_e == log_e(outputs["log_e_below_p1"])


def guards(inputs: Vector) -> dict[str, int]:
    return {name: inputs[name] for name in ("min_n", "min_n_negative")}


@pytest.mark.parametrize("rule", list(FamilyRule))
@pytest.mark.parametrize(("inputs", "outputs"), cases("multiplicity"))
def test_multiplicity(inputs: Vector, outputs: Vector, rule: FamilyRule) -> None:
    found = reject(rule, inputs["log_e"], alpha=inputs["alpha"])
    assert list(found.rejected) == outputs[rule.value]


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (RoutingRule.BONFERRONI, "fwer_all"),
        (RoutingRule.PER_TASK, "per_task_bonferroni"),
        (RoutingRule.FIXED_SEQUENCE, "per_task_fixed_sequence_expensive_first"),
        (RoutingRule.SELECTED_E_BH, "selected_e_bh"),
    ],
)
@pytest.mark.parametrize(("inputs", "outputs"), cases("cheapest_certified"))
def test_cheapest_certified(inputs: Vector, outputs: Vector, rule: RoutingRule, name: str) -> None:
    table = route(rule, inputs["log_e_by_task_cheapest_first"], alpha=inputs["alpha"])
    assert list(table.chosen) == outputs[name]

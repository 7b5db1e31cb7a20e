import math

import pytest
from oracles.reader import Vector, cases, expected_n, probability

from parity_eval.stats.boundaries import NEVER, Boundaries, boundaries, certification_starts
from parity_eval.stats.kernel import certify_kernel
from parity_eval.stats.planner import (
    least_straight_passes,
    operating,
    smallest_rate,
    straight_passes,
)
from parity_eval.stats.stopping import Stop, Terms, parity_design


def unguarded(inputs: Vector) -> Terms:
    return Terms(
        n_max=inputs["n_max"],
        alpha=inputs["alpha"],
        beta=inputs["beta"],
        min_n=1,
        min_n_negative=1,
    )


def without(rules: Boundaries, *names: str) -> Boundaries:
    for name in names:
        getattr(rules, name)[:] = NEVER
    return rules


@pytest.mark.parametrize(("inputs", "outputs"), cases("planner"))
def test_what_can_be_certified(inputs: Vector, outputs: Vector) -> None:
    bar, terms = inputs["p0"], unguarded(inputs)
    kernel = certify_kernel(bar, alpha=terms.alpha, n_max=terms.n_max)
    starts = certification_starts(kernel, n_max=terms.n_max, log_threshold=-math.log(terms.alpha))
    assert [[n, f] for f, n in enumerate(starts.tolist())] == outputs["boundary"]
    assert kernel.nodes.c_min == pytest.approx(outputs["c_min"], abs=1e-12)
    assert straight_passes(bar, terms) == outputs["straight_passes"]
    assert least_straight_passes(bar, terms.alpha) == outputs["straight_passes_any_method"]
    if outputs["p1_at_80pct_power"] is None:
        assert smallest_rate(bar, terms) is None
    else:
        assert smallest_rate(bar, terms) == probability(outputs["p1_at_80pct_power"])


@pytest.mark.parametrize("section", ["no_futility", "curtailment", "futility_and_curtailment"])
@pytest.mark.parametrize(("inputs", "outputs"), cases("planner"))
def test_operating(inputs: Vector, outputs: Vector, section: str) -> None:
    if f"operating_{section}" not in outputs:
        assert outputs["p1_at_80pct_power"] is None
        return
    worth = outputs["futility"]["p1"] if section == "futility_and_curtailment" else None
    rules = boundaries(parity_design(inputs["p0"], unguarded(inputs), worth=worth))
    rules = without(rules, "below_bar")
    if section == "no_futility":
        rules = without(rules, "curtailed")
    expected = outputs[f"operating_{section}"]
    for found in operating(rules, [float(rate) for rate in expected]):
        wanted = expected.get(str(found.rate))
        assert found.probability[Stop.CERTIFIED] == probability(wanted["power"])
        stopped = found.probability[Stop.FUTILE] + found.probability[Stop.CURTAILED]
        assert stopped == probability(wanted["futility"])
        assert found.expected_n == expected_n(wanted["expected_n"])
        for share in (50, 80, 90):
            assert found.n_certified(share / 100) == wanted[f"n_at_{share}pct_certified"]
        if found.rate == inputs["p0"] and section == "no_futility":
            size = found.probability[Stop.CERTIFIED]
            assert size == probability(outputs["false_certification_at_p0"])


@pytest.mark.parametrize(("inputs", "outputs"), cases("planner"))
def test_futility_boundary(inputs: Vector, outputs: Vector) -> None:
    if "futility" not in outputs:
        assert outputs["p1_at_80pct_power"] is None
        return
    design = parity_design(inputs["p0"], unguarded(inputs), worth=outputs["futility"]["p1"])
    futile = boundaries(design).futile
    rises = [
        [n, int(futile[n])]
        for n in range(1, inputs["n_max"] + 1)
        if futile[n] < NEVER and futile[n] != futile[n - 1]
    ]
    expected = outputs["futility"]["first_boundary_points"]
    assert rises[: len(expected)] == expected

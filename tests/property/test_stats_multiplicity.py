import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import naive

from parity_eval.stats.multiplicity import FamilyRule, reject
from parity_eval.stats.routing import RoutingRule, route

few = settings(max_examples=80, deadline=None)
evidence = st.floats(-5, 12)
families = st.lists(evidence, min_size=1, max_size=7)
tables = st.integers(1, 3).flatmap(
    lambda width: st.lists(st.lists(evidence, min_size=1, max_size=width), min_size=1, max_size=6)
)


def rejected(
    rule: FamilyRule, values: list[float], alpha: float = 0.05, family_size: int | None = None
) -> set[int]:
    return set(reject(rule, values, alpha=alpha, family_size=family_size).rejected)


@few
@given(families, st.sampled_from([0.01, 0.05, 0.2]))
def test_rules_agree_with_their_definitions(values: list[float], alpha: float) -> None:
    assert rejected(FamilyRule.E_BH, values, alpha) == naive.e_bh(values, alpha)
    assert rejected(FamilyRule.HOLM, values, alpha) == naive.holm(values, alpha)


@few
@given(families)
def test_rules_are_nested(values: list[float]) -> None:
    bonferroni, holm, e_bh, none = (
        rejected(rule, values)
        for rule in (FamilyRule.BONFERRONI, FamilyRule.HOLM, FamilyRule.E_BH, FamilyRule.NONE)
    )
    assert bonferroni <= holm <= e_bh <= none


@few
@given(families, st.integers(0, 10_000), st.sampled_from(FamilyRule))
def test_order_of_the_hypotheses_does_not_matter(
    values: list[float], seed: int, rule: FamilyRule
) -> None:
    order = np.random.default_rng(seed).permutation(len(values)).tolist()
    shuffled = rejected(rule, [values[i] for i in order])
    assert {order[i] for i in shuffled} == rejected(rule, values)


@few
@given(families, st.sampled_from(FamilyRule))
def test_a_hypothesis_without_evidence_never_helps(values: list[float], rule: FamilyRule) -> None:
    assert rejected(rule, [*values, -math.inf]) <= rejected(rule, values)
    declared = rejected(rule, values, family_size=len(values) + 1)
    assert declared == rejected(rule, [*values, -math.inf])


@few
@given(families, st.sampled_from(FamilyRule))
def test_more_evidence_for_the_rejected_keeps_them_rejected(
    values: list[float], rule: FamilyRule
) -> None:
    before = rejected(rule, values)
    grown = [e + 1 if i in before else e for i, e in enumerate(values)]
    assert rejected(rule, grown) == before


@few
@given(evidence, st.sampled_from(FamilyRule))
def test_one_hypothesis_needs_one_over_alpha(value: float, rule: FamilyRule) -> None:
    assert (rejected(rule, [value]) == {0}) == (value >= math.log(20) - 1e-9)


@few
@given(families, st.sampled_from(FamilyRule))
def test_levels_agree_with_decisions(values: list[float], rule: FamilyRule) -> None:
    found = reject(rule, values, alpha=0.05)
    for i, (value, level) in enumerate(zip(values, found.levels, strict=True)):
        assert 0 < level <= 0.05
        assert (value >= -math.log(level) - 1e-9) == (i in found.rejected)


@few
@given(tables)
def test_selected_e_bh_agrees_with_its_definition(rows: list[list[float]]) -> None:
    table = route(RoutingRule.SELECTED_E_BH, rows, alpha=0.05)
    assert list(table.chosen) == naive.selected_e_bh(rows, 0.05)


@few
@given(tables)
def test_holm_table_takes_the_cheapest_of_what_holm_certifies(rows: list[list[float]]) -> None:
    flat = [(k, j) for k, row in enumerate(rows) for j in range(len(row))]
    kept = naive.holm([rows[k][j] for k, j in flat], 0.05) if len(flat) <= 10 else None
    if kept is None:
        return
    passed = {flat[i] for i in kept}
    expected = [
        next((j for j in range(len(row)) if (k, j) in passed), None) for k, row in enumerate(rows)
    ]
    assert list(route(RoutingRule.HOLM, rows, alpha=0.05).chosen) == expected


@few
@given(tables, st.sampled_from(RoutingRule))
def test_tables_choose_the_cheapest_certified(rows: list[list[float]], rule: RoutingRule) -> None:
    table = route(rule, rows, alpha=0.05)
    for row, chosen, certified, levels in zip(
        rows, table.chosen, table.certified, table.levels, strict=True
    ):
        assert chosen == (min(certified) if certified else None)
        for j in certified:
            assert row[j] >= -math.log(levels[j]) - 1e-9
        if rule is not RoutingRule.FIXED_SEQUENCE:
            passed = tuple(j for j, e in enumerate(row) if e >= -math.log(levels[j]) - 1e-9)
            assert certified == passed


@few
@given(tables)
def test_fixed_sequence_stops_at_the_first_failure_from_the_top(rows: list[list[float]]) -> None:
    table = route(RoutingRule.FIXED_SEQUENCE, rows, alpha=0.05)
    for row, chosen in zip(rows, table.chosen, strict=True):
        expected = None
        for j in reversed(range(len(row))):
            if row[j] < math.log(20) - 1e-9:
                break
            expected = j
        assert chosen == expected


@few
@given(st.lists(evidence, min_size=1, max_size=6))
def test_with_one_candidate_per_task_selected_e_bh_is_e_bh(values: list[float]) -> None:
    table = route(RoutingRule.SELECTED_E_BH, [[value] for value in values], alpha=0.05)
    chosen = {k for k, j in enumerate(table.chosen) if j == 0}
    assert chosen == rejected(FamilyRule.E_BH, values)


@few
@given(tables)
def test_weights_move_the_threshold_of_each_candidate(rows: list[list[float]]) -> None:
    weights = [[2.0 ** -(j + 1) for j in range(len(row))] for row in rows]
    table = route(RoutingRule.PER_TASK, rows, alpha=0.05, weights=weights)
    for row, certified in zip(rows, table.certified, strict=True):
        thresholds = [math.log(20 * 2 ** (j + 1)) for j in range(len(row))]
        passed = tuple(j for j, e in enumerate(row) if e >= thresholds[j] - 1e-9)
        assert certified == passed


@pytest.mark.parametrize("rule", [RoutingRule.SELECTED_E_BH, RoutingRule.BONFERRONI])
def test_tasks_declared_but_missing_still_count(rule: RoutingRule) -> None:
    rows = [[5.0], [5.0]]
    alone = route(rule, rows, alpha=0.05)
    declared = route(rule, rows, alpha=0.05, family_size=50)
    assert alone.chosen == (0, 0)
    assert declared.chosen == (None, None)

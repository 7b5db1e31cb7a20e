"""The verdict of a parity rule does not depend on who is asked when."""

from collections.abc import Mapping
from itertools import product
from typing import assert_never

from hypothesis import given
from hypothesis import strategies as st

from parity_eval.records import Score, Unscored
from parity_eval.rules import All, AnyOf, Ask, Decided, Not, Rule, evaluate, names, next_scorer

SCORERS = ("a", "b", "c", "d", "e")


def compound(parts: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
    several = st.lists(parts, min_size=1, max_size=3).map(tuple)
    return st.one_of(several.map(All), several.map(AnyOf), parts.map(Not))


RULES: st.SearchStrategy[Rule] = st.recursive(
    st.sampled_from(SCORERS).map(Ask), compound, max_leaves=8
)
OUTCOMES = st.fixed_dictionaries(dict.fromkeys(SCORERS, st.sampled_from((True, False, None))))


def as_score(name: str, passed: bool | None) -> Score | Unscored:  # noqa: FBT001
    if passed is None:
        return Unscored(scorer=name, reason="cannot say")
    return Score(scorer=name, value=float(passed), passed=passed, reason="because")


def as_scores(passed: Mapping[str, bool | None]) -> dict[str, Score | Unscored]:
    return {name: as_score(name, value) for name, value in passed.items()}


def kleene(rule: Rule, passed: Mapping[str, bool | None]) -> bool | None:
    """Kleene's tables, slow and obvious: false < unknown < true."""
    match rule:
        case Ask():
            return passed[rule.scorer]
        case Not():
            inner = kleene(rule.rule, passed)
            return None if inner is None else not inner
        case All() | AnyOf():
            order = {False: 0, None: 1, True: 2}
            values = [kleene(part, passed) for part in rule.rules]
            pick = min if isinstance(rule, All) else max
            return pick(values, key=lambda value: order[value])
        case _:
            assert_never(rule)


@given(RULES, OUTCOMES)
def test_asking_everyone_gives_kleenes_answer(rule: Rule, passed: dict[str, bool | None]) -> None:
    outcome = evaluate(rule, as_scores(passed))
    assert isinstance(outcome, Decided)
    assert outcome.at_parity is (kleene(rule, passed) is True)
    assert outcome.reason


@given(RULES, OUTCOMES, st.permutations(SCORERS))
def test_any_order_of_asking_gives_the_same_answer(
    rule: Rule, passed: dict[str, bool | None], order: list[str]
) -> None:
    scores: dict[str, Score | Unscored] = {}
    cost = {name: order.index(name) for name in SCORERS}
    while name := next_scorer(rule, scores, cost):
        assert name not in scores
        scores[name] = as_score(name, passed[name])
    lazy = evaluate(rule, scores)
    assert isinstance(lazy, Decided)
    assert lazy.at_parity is (kleene(rule, passed) is True)


def leaves_once(rule: Rule, fresh: list[str]) -> Rule:
    """Give every leaf a scorer of its own."""
    match rule:
        case Ask():
            fresh.append(f"s{len(fresh)}")
            return Ask(fresh[-1])
        case Not():
            return Not(leaves_once(rule.rule, fresh))
        case All() | AnyOf():
            return type(rule)(tuple(leaves_once(part, fresh) for part in rule.rules))
        case _:
            assert_never(rule)


SMALL_RULES = st.recursive(st.sampled_from(SCORERS).map(Ask), compound, max_leaves=4)


@given(SMALL_RULES, st.data())
def test_asks_exactly_those_who_can_still_change_the_answer(
    template: Rule, data: st.DataObject
) -> None:
    rule = leaves_once(template, [])
    everyone = names(rule)
    asked = data.draw(st.lists(st.sampled_from(everyone), unique=True))
    known = {name: data.draw(st.sampled_from((True, False, None))) for name in asked}
    rest = [name for name in everyone if name not in known]
    matters = set()
    for values in product((True, False, None), repeat=len(rest)):
        world = known | dict(zip(rest, values, strict=True))
        truth = kleene(rule, world) is True
        for name in rest:
            if any((kleene(rule, {**world, name: v}) is True) != truth for v in (True, False)):
                matters.add(name)
    outcome = evaluate(rule, as_scores(known))
    assert set(() if isinstance(outcome, Decided) else outcome.scorers) == matters

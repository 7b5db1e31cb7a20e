import pytest

from parity_eval import codec
from parity_eval.records import Score, Unscored
from parity_eval.rules import (
    All,
    AnyOf,
    Ask,
    Decided,
    Not,
    Open,
    Rule,
    describe,
    evaluate,
    names,
    next_scorer,
    verdict,
)

EXACT, SCHEMA, EMBEDDING, JUDGE = map(Ask, ("exact", "schema", "embedding", "judge"))
FREE_TEXT = AnyOf((EXACT, All((EMBEDDING, JUDGE))))
COST = {"exact": 0, "schema": 0, "embedding": 1, "judge": 2}


def scored(**passed: bool | None) -> dict[str, Score | Unscored]:
    """Scores by name; None stands for a scorer that could not judge."""
    return {
        name: Unscored(scorer=name, reason="no idea")
        if value is None
        else Score(scorer=name, value=float(value), passed=value, reason=f"{name} says {value}")
        for name, value in passed.items()
    }


@pytest.mark.parametrize(
    ("rule", "passed", "at_parity"),
    [
        (EXACT, {"exact": True}, True),
        (EXACT, {"exact": False}, False),
        (EXACT, {"exact": None}, False),
        (Not(EXACT), {"exact": True}, False),
        (Not(EXACT), {"exact": False}, True),
        (Not(EXACT), {"exact": None}, False),
        (Not(Not(EXACT)), {"exact": True}, True),
        (Not(Not(EXACT)), {"exact": None}, False),
        (All((SCHEMA, EXACT)), {"schema": True, "exact": True}, True),
        (All((SCHEMA, EXACT)), {"schema": True, "exact": None}, False),
        (All((SCHEMA, EXACT)), {"schema": False}, False),
        (All((SCHEMA, EXACT)), {"exact": None}, False),
        (AnyOf((SCHEMA, EXACT)), {"schema": None, "exact": True}, True),
        (AnyOf((SCHEMA, EXACT)), {"schema": None, "exact": False}, False),
        (AnyOf((SCHEMA, EXACT)), {"exact": True}, True),
        (Not(All((SCHEMA, EXACT))), {"schema": None, "exact": False}, True),
        (Not(All((SCHEMA, EXACT))), {"schema": None, "exact": True}, False),
        (Not(AnyOf((SCHEMA, EXACT))), {"schema": False, "exact": False}, True),
        (Not(AnyOf((SCHEMA, EXACT))), {"schema": None}, False),
        (FREE_TEXT, {"exact": False, "embedding": False}, False),
        (FREE_TEXT, {"exact": False, "embedding": True, "judge": True}, True),
        (FREE_TEXT, {"embedding": True, "judge": True}, True),
    ],
)
def test_decides(rule: Rule, passed: dict[str, bool | None], at_parity: bool) -> None:  # noqa: FBT001
    outcome = evaluate(rule, scored(**passed))
    assert isinstance(outcome, Decided)
    assert outcome.at_parity is at_parity


@pytest.mark.parametrize(
    ("rule", "passed", "still_useful"),
    [
        (FREE_TEXT, {}, ("exact", "embedding", "judge")),
        (FREE_TEXT, {"exact": False}, ("embedding", "judge")),
        (FREE_TEXT, {"exact": False, "embedding": True}, ("judge",)),
        # The embedding can only fail to judge: then no judge can make the second half true.
        (FREE_TEXT, {"embedding": None}, ("exact",)),
        # ... but a part that is unknown may still turn out false, which `not` needs.
        (Not(All((SCHEMA, EXACT))), {"schema": None}, ("exact",)),
        # The first half holds, so nothing more is asked for it.
        (All((AnyOf((EXACT, EMBEDDING)), JUDGE)), {"exact": True}, ("judge",)),
        (AnyOf((All((EXACT, JUDGE)), EXACT)), {}, ("exact", "judge")),
    ],
)
def test_names_only_scorers_that_can_still_change_the_answer(
    rule: Rule, passed: dict[str, bool | None], still_useful: tuple[str, ...]
) -> None:
    assert evaluate(rule, scored(**passed)) == Open(scorers=still_useful)


@pytest.mark.parametrize(
    ("passed", "asked"),
    [
        ({}, "exact"),
        ({"exact": False}, "embedding"),
        ({"exact": False, "embedding": True}, "judge"),
        ({"exact": False, "embedding": False}, None),
        ({"exact": True}, None),
    ],
)
def test_asks_the_cheapest_first(passed: dict[str, bool | None], asked: str | None) -> None:
    dear_first = AnyOf((All((JUDGE, EMBEDDING)), EXACT))
    assert next_scorer(dear_first, scored(**passed), COST) == asked
    assert next_scorer(FREE_TEXT, scored(**passed), COST) == asked


def test_asks_equally_dear_scorers_in_the_order_of_the_rule() -> None:
    assert next_scorer(All((SCHEMA, EXACT)), {}, COST) == "schema"
    assert next_scorer(All((EXACT, SCHEMA)), {}, COST) == "exact"


@pytest.mark.parametrize(
    ("rule", "passed", "reason"),
    [
        (
            All((SCHEMA, EXACT)),
            {"schema": True, "exact": True},
            "schema: schema says True; exact: exact says True",
        ),
        (All((SCHEMA, EXACT)), {"schema": True, "exact": False}, "exact: exact says False"),
        (All((SCHEMA, EXACT)), {"schema": None}, "schema could not judge: no idea"),
        (FREE_TEXT, {"exact": True}, "exact: exact says True"),
        (
            FREE_TEXT,
            {"exact": False, "embedding": True, "judge": None},
            "exact: exact says False; judge could not judge: no idea",
        ),
        (Not(EXACT), {"exact": True}, "not exact: exact says True"),
    ],
)
def test_reason_names_the_deciding_scorers(
    rule: Rule, passed: dict[str, bool | None], reason: str
) -> None:
    assert verdict(rule, scored(**passed)).reason == reason


def test_reason_stays_short() -> None:
    long = {name: Score(scorer=name, value=1, passed=True, reason="x" * 300) for name in COST}
    reason = verdict(All((EXACT, JUDGE)), long).reason
    assert len(reason) == 400
    assert reason.endswith("…")


def test_verdict_carries_the_scores_in_the_order_of_the_rule() -> None:
    scores = scored(judge=True, other=True, embedding=True, exact=False)
    found = verdict(FREE_TEXT, scores)
    assert found.at_parity
    assert found.value == 1.0
    assert [score.scorer for score in found.scores] == ["exact", "embedding", "judge"]


def test_no_verdict_on_an_open_rule() -> None:
    with pytest.raises(ValueError, match="still open: ask embedding, judge first"):
        verdict(FREE_TEXT, scored(exact=False))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (EXACT, "exact"),
        (All((SCHEMA, EXACT)), "schema and exact"),
        (AnyOf((SCHEMA, EXACT)), "schema or exact"),
        (FREE_TEXT, "exact, or (embedding and judge)"),
        (All((SCHEMA, AnyOf((EXACT, JUDGE)))), "schema and (exact or judge)"),
        (Not(All((SCHEMA, EXACT))), "not (schema and exact)"),
        (All((Not(SCHEMA), EXACT)), "not schema and exact"),
        (Not(Not(EXACT)), "not not exact"),
        (All((AnyOf((EXACT,)),)), "exact"),
        (All((AnyOf((EXACT,)), JUDGE)), "exact and judge"),
    ],
)
def test_describes_in_words(rule: Rule, words: str) -> None:
    assert describe(rule) == words


def test_names_each_scorer_once() -> None:
    rule = All((JUDGE, AnyOf((EXACT, Not(JUDGE), SCHEMA))))
    assert names(rule) == ("judge", "exact", "schema")


@pytest.mark.parametrize("node", [All, AnyOf])
def test_refuses_a_rule_of_nothing(node: type[All] | type[AnyOf]) -> None:
    with pytest.raises(ValueError, match="of nothing"):
        node(())


def test_rules_that_differ_have_different_digests() -> None:
    parts = (EXACT, JUDGE)
    rules = (All(parts), AnyOf(parts), All(parts[::-1]), Not(EXACT), EXACT)
    assert len({codec.digest(rule) for rule in rules}) == 5

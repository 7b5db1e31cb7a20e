"""The parity rule: an expression over scorers that says whether a pair is at parity.

Three-valued logic after Kleene: a scorer that could not judge leaves its leaf unknown, and a pair
whose rule stays unknown is not at parity. So all that counts is whether the rule is *true*, and
the tree reduces to plain and/or over "this scorer passed" and "this scorer failed", both of
which an unscored leaf denies.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, assert_never

from parity_eval.records import Score, Unscored, Verdict

_MAX_REASON = 400


@dataclass(frozen=True, slots=True)
class Ask:
    """True where a scorer passes the pair."""

    scorer: str
    """Name of the scorer."""
    op: Literal["ask"] = field(default="ask", init=False, repr=False)
    """Tells the nodes apart once they are written as JSON."""


@dataclass(frozen=True, slots=True)
class All:
    """True where every part is."""

    rules: tuple["Rule", ...]
    """The parts; at least one."""
    op: Literal["all"] = field(default="all", init=False, repr=False)
    """Tells the nodes apart once they are written as JSON."""

    def __post_init__(self) -> None:
        _refuse_empty(self.rules, "all")


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True where at least one part is."""

    rules: tuple["Rule", ...]
    """The parts; at least one."""
    op: Literal["any"] = field(default="any", init=False, repr=False)
    """Tells the nodes apart once they are written as JSON."""

    def __post_init__(self) -> None:
        _refuse_empty(self.rules, "any")


@dataclass(frozen=True, slots=True)
class Not:
    """True where its part is false; unknown where that is unknown."""

    rule: "Rule"
    """The part."""
    op: Literal["not"] = field(default="not", init=False, repr=False)
    """Tells the nodes apart once they are written as JSON."""


Rule: TypeAlias = Ask | All | AnyOf | Not
Scores: TypeAlias = Mapping[str, Score | Unscored]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The rule's answer; no scorer that has not been asked can change it."""

    at_parity: bool
    reason: str
    """One line that names the deciding scorers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """The scores do not settle the rule yet."""

    scorers: tuple[str, ...]
    """Scorers that can still change the answer, in the order of the rule."""


Outcome: TypeAlias = Decided | Open


def evaluate(rule: Rule, scores: Scores) -> Outcome:
    """Say what the scores so far make of a rule.

    Args:
        rule: The parity rule.
        scores: What the scorers asked so far said, by name. Names the rule lacks are ignored.

    Returns:
        The decision, or the scorers that could still change it.

    Example:
        >>> evaluate(All((Ask("schema"), Ask("exact"))), {})
        Open(scorers=('schema', 'exact'))
    """
    state = _state(rule, scores, wanted=True)
    if state is None:
        return Open(scorers=tuple(dict.fromkeys(_useful(rule, scores, wanted=True))))
    reasons = dict.fromkeys(_reasons(rule, scores, wanted=True))
    return Decided(at_parity=state, reason=_clipped("; ".join(reasons)))


def next_scorer(rule: Rule, scores: Scores, cost: Mapping[str, int]) -> str | None:
    """Return the cheapest scorer that can still change the answer; None once it is decided.

    Args:
        rule: The parity rule.
        scores: What the scorers asked so far said, by name.
        cost: Cost of every scorer in the rule. Among equals the rule's own order counts.
    """
    outcome = evaluate(rule, scores)
    if isinstance(outcome, Decided):
        return None
    return min(outcome.scorers, key=lambda name: cost[name])


def verdict(rule: Rule, scores: Scores) -> Verdict:
    """Return the verdict on a pair whose rule the scores decide.

    Raises:
        ValueError: A scorer that could still change the answer was not asked.
    """
    outcome = evaluate(rule, scores)
    if isinstance(outcome, Decided):
        return Verdict(
            at_parity=outcome.at_parity,
            value=float(outcome.at_parity),
            reason=outcome.reason,
            scores=tuple(scores[name] for name in names(rule) if name in scores),
        )
    raise ValueError(f"the rule is still open: ask {', '.join(outcome.scorers)} first")


def names(rule: Rule) -> tuple[str, ...]:
    """Return the scorers that a rule names, each once, in the order of the rule."""
    return tuple(dict.fromkeys(_leaves(rule)))


def describe(rule: Rule) -> str:
    """Return a rule in words.

    Example:
        >>> describe(AnyOf((Ask("exact"), All((Ask("embedding"), Ask("judge"))))))
        'exact, or (embedding and judge)'
    """
    match rule:
        case Ask():
            return rule.scorer
        case Not():
            return f"not {_part(rule.rule)}"
        case All():
            return _joined(rule.rules, " and ")
        case AnyOf():
            is_plain = all(isinstance(part, (Ask, Not)) for part in rule.rules)
            return _joined(rule.rules, " or " if is_plain else ", or ")
        case _:
            assert_never(rule)


def _state(rule: Rule, scores: Scores, *, wanted: bool) -> bool | None:
    """Whether the rule is certain to be `wanted`; None where scores still to come decide it."""
    match rule:
        case Ask():
            score = scores.get(rule.scorer)
            if score is None:
                return None
            return isinstance(score, Score) and score.passed is wanted
        case Not():
            return _state(rule.rule, scores, wanted=not wanted)
        case All() | AnyOf():
            # "All are true" and "any is false" are and/or; wanting the opposite swaps the two.
            decisive = isinstance(rule, AnyOf) is wanted
            states = {_state(part, scores, wanted=wanted) for part in rule.rules}
            if decisive in states:
                return decisive
            return None if None in states else not decisive
        case _:
            assert_never(rule)


def _useful(rule: Rule, scores: Scores, *, wanted: bool) -> Iterator[str]:
    """Name the scorers without a score in the parts that are still open."""
    if _state(rule, scores, wanted=wanted) is not None:
        return
    match rule:
        case Ask():
            yield rule.scorer
        case Not():
            yield from _useful(rule.rule, scores, wanted=not wanted)
        case All() | AnyOf():
            for part in rule.rules:
                yield from _useful(part, scores, wanted=wanted)
        case _:
            assert_never(rule)


def _reasons(rule: Rule, scores: Scores, *, wanted: bool) -> Iterator[str]:
    """Say which scores made a decided rule what it is."""
    match rule:
        case Ask():
            yield _reason(rule.scorer, scores[rule.scorer], wanted=wanted)
        case Not():
            yield from _reasons(rule.rule, scores, wanted=not wanted)
        case All() | AnyOf():
            state = _state(rule, scores, wanted=wanted)
            decisive = isinstance(rule, AnyOf) is wanted
            for part in rule.rules:
                if _state(part, scores, wanted=wanted) is state:
                    yield from _reasons(part, scores, wanted=wanted)
                    if state is decisive:
                        return  # one part is enough; the first stands for the others
        case _:
            assert_never(rule)


def _reason(name: str, score: Score | Unscored, *, wanted: bool) -> str:
    match score:
        case Unscored():
            return f"{name} could not judge: {score.reason}"
        case Score():
            return f"{'' if wanted else 'not '}{name}: {score.reason}"
        case _:
            assert_never(score)


def _leaves(rule: Rule) -> Iterator[str]:
    match rule:
        case Ask():
            yield rule.scorer
        case Not():
            yield from _leaves(rule.rule)
        case All() | AnyOf():
            for part in rule.rules:
                yield from _leaves(part)
        case _:
            assert_never(rule)


def _joined(rules: tuple[Rule, ...], word: str) -> str:
    if len(rules) == 1:
        return describe(rules[0])
    return word.join(_part(part) for part in rules)


def _part(rule: Rule) -> str:
    is_compound = isinstance(rule, (All, AnyOf)) and len(rule.rules) > 1
    return f"({describe(rule)})" if is_compound else describe(rule)


def _clipped(text: str) -> str:
    return text if len(text) <= _MAX_REASON else f"{text[: _MAX_REASON - 1]}…"


def _refuse_empty(rules: tuple[Rule, ...], op: str) -> None:
    if not rules:
        raise ValueError(f"a parity rule `{op}` of nothing would hold for every pair or for none")

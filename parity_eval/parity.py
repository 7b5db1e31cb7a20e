"""Scores and a parity rule to verdicts, and verdicts to what the test observes."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from parity_eval.protocols import Scorer
from parity_eval.records import (
    Answer,
    Hole,
    Kind,
    Missing,
    Pair,
    Request,
    Response,
    Score,
    ToolCall,
    Unit,
    Unscored,
    Verdict,
)
from parity_eval.rules import All, AnyOf, Ask, Rule, next_scorer, verdict

_LABEL_SHARE = 0.05

PLACEBOS = ("empty", "other", "commonest")
MOST_JUDGED = 50
"""Requests on which a judge is asked about a placebo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """A parity rule with the scorers that it names."""

    rule: Rule
    scorers: Mapping[str, Scorer]


def default_rule(kind: Kind, *, has_judge: bool) -> tuple[Rule, tuple[str, ...]] | None:
    """Return the default rule of a kind and the scorers that it names.

    Args:
        kind: Kind of the task.
        has_judge: Whether the study names a judge.

    Returns:
        None for free text without a judge: nothing cheap can tell two good answers from a good
        and a bad one.
    """
    match kind:
        case Kind.CLASSIFICATION | Kind.MODERATION:
            return Ask(scorer="exact"), ("exact",)
        case Kind.EXTRACTION | Kind.STRUCTURED | Kind.TOOL_CALL:
            return All(rules=(Ask(scorer="schema"), Ask(scorer="exact"))), ("schema", "exact")
        case _ if not has_judge:
            return None
        case _:
            filtered = All(rules=(Ask(scorer="embedding"), Ask(scorer="judge")))
            return (
                AnyOf(rules=(Ask(scorer="exact"), filtered)),
                ("exact", "embedding", "judge"),
            )


async def judge_pair(
    pair: Pair, ruled: Ruled, ask: Callable[[Request], Awaitable[Answer]]
) -> Verdict | Missing:
    """Score a pair, cheapest scorer first, until the rule is decided.

    Args:
        pair: The pair.
        ruled: Rule and scorers.
        ask: Gets a judge's answer to a question.

    Returns:
        The verdict; `Missing` where a judge that is needed could not be reached, or nobody has
        recorded its verdict.
    """
    scores: dict[str, Score | Unscored] = {}
    costs = {name: scorer.cost for name, scorer in ruled.scorers.items()}
    while name := next_scorer(ruled.rule, scores, costs):
        scorer = ruled.scorers[name]
        answers: list[Response] = []
        for question in scorer.questions(pair):
            answer = await ask(question)
            if isinstance(answer, Missing):
                return answer
            answers.append(answer)
        score = scorer.score(pair, tuple(answers))
        if isinstance(score, Unscored) and score.is_absent:
            return Missing(hole=Hole.NOT_RECORDED, detail=score.reason)
        scores[name] = replace(score, scorer=name)
    return verdict(ruled.rule, scores)


def preference(decided: Verdict) -> Verdict:
    """Return the verdict with the judge's mean preference as its value.

    A pair that the judge could not score counts as lost.
    """
    values = [score.value for score in decided.scores if isinstance(score, Score)]
    return replace(decided, value=values[-1] if values else 0.0)


def quality(ruled: Ruled, verdict: Verdict) -> float | None:
    """Return the quality of a response that was held against the right answer, or rated.

    Args:
        ruled: The rule. Of a single scorer the score itself counts, of several whether the rule
            holds.
        verdict: What it said.

    Returns:
        In [0, 1]; None where the scorers could make nothing of the response.
    """
    if not isinstance(ruled.rule, Ask):
        return verdict.value
    (score,) = verdict.scores
    return score.value if isinstance(score, Score) else None


def placebo_answers(name: str, units: Sequence[Unit]) -> tuple[Response, ...]:
    """Return the answers of a placebo to each request, in order.

    Args:
        name: One of `PLACEBOS`.
        units: Requests of the task.

    Returns:
        An empty answer; the baseline's answer to the next request whose answer differs (its own
        where all are equal); or the baseline's commonest answer.
    """
    match name:
        case "empty":
            return (Response(text=""),) * len(units)
        case "commonest":
            counts = Counter(_said(unit.baseline) for unit in units)
            commonest = counts.most_common(1)[0][0] if counts else None
            chosen = [u.baseline for u in units if _said(u.baseline) == commonest][:1]
            return tuple(chosen) * len(units)
        case _:
            return _others(units)


def _said(response: Response) -> tuple[str, tuple[ToolCall, ...]]:
    return response.text, response.tool_calls


def _others(units: Sequence[Unit]) -> tuple[Response, ...]:
    """Go round the requests twice, backwards: then every answer has met the next that differs."""
    found = [unit.baseline for unit in units]
    for j in reversed(range(2 * len(units))):
        i, after = j % len(units), (j + 1) % len(units)
        is_other = _said(units[after].baseline) != _said(units[i].baseline)
        found[i] = units[after].baseline if is_other else found[after]
    return tuple(found)


def placebo_qualities(
    placebos: Sequence[Response], units: Sequence[Unit], qualities: Sequence[float]
) -> list[float]:
    """Return the quality that a placebo could have at best, where only the baseline is labelled.

    The same answer has the same quality. A label (an answer that the baseline gives to more than
    5% of requests) is wrong where the baseline is right, and has the benefit of the doubt where it
    is not. An empty answer, or one that belongs to few other requests, is wrong everywhere.

    Args:
        placebos: The placebo's answer to each request.
        units: The requests.
        qualities: Quality of the baseline's answer to each.
    """
    counts = Counter(_said(unit.baseline) for unit in units)

    def best(placebo: Response, unit: Unit, quality: float) -> float:
        if _said(placebo) == _said(unit.baseline):
            return quality
        is_label = counts[_said(placebo)] > _LABEL_SHARE * len(units)
        return 1.0 - quality if is_label else 0.0

    return [best(*case) for case in zip(placebos, units, qualities, strict=True)]

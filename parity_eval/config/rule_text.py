"""A parity rule as a configuration writes it."""

from typing import Any

from parity_eval.errors import nearest
from parity_eval.rules import All, AnyOf, Ask, Not, Rule
from parity_eval.scorers import SCORERS
from parity_eval.study import ScorerSpec


def parse_rule(given: Any) -> tuple[Rule, tuple[ScorerSpec, ...]]:  # noqa: ANN401 - YAML
    """Read a parity rule.

    Args:
        given: A scorer's name, `{all: [...]}`, `{any: [...]}`, `{not: ...}`, or a scorer's name
            with its settings.

    Returns:
        The rule and the scorers that it names.

    Raises:
        ValueError: not a rule, or an unknown scorer.
    """
    scorers: dict[str, ScorerSpec] = {}
    rule = _rule(given, scorers)
    return rule, tuple(scorers.values())


def _rule(given: Any, scorers: dict[str, ScorerSpec]) -> Rule:  # noqa: ANN401 - YAML
    if isinstance(given, str):
        return _leaf(given, {}, scorers)
    if not isinstance(given, dict) or len(given) != 1:
        raise ValueError(f"a scorer's name or one of all, any, not was expected; got {given!r}")
    word, inside = next(iter(given.items()))
    if word in ("all", "any"):
        if not isinstance(inside, list) or not inside:
            raise ValueError(f"`{word}` needs a list of rules")
        parts = tuple(_rule(item, scorers) for item in inside)
        return All(rules=parts) if word == "all" else AnyOf(rules=parts)
    if word == "not":
        return Not(rule=_rule(inside, scorers))
    if not isinstance(inside, dict):
        raise ValueError(f"settings of {word!r} must be a mapping")  # noqa: TRY004
    return _leaf(word, inside, scorers)


def _leaf(name: str, settings: dict[str, Any], scorers: dict[str, ScorerSpec]) -> Rule:
    # Whether a judge is live or recorded is said once, under `judge`.
    known = [scorer for scorer in SCORERS if scorer != "recorded_judge"]
    if name not in known:
        raise ValueError(f"unknown scorer {name!r}; {nearest(name, known)}")
    same = [s for s in scorers.values() if s.scorer == name and s.settings == settings]
    if same:
        return Ask(scorer=same[0].key)
    used = sum(s.scorer == name for s in scorers.values())
    key = name if not used else f"{name}-{used + 1}"
    scorers[key] = ScorerSpec(key=key, scorer=name, settings=settings)
    return Ask(scorer=key)

"""Whether a judge is itself a contestant (DESIGN.md, rule 5)."""

import re

from parity_eval.study import Study


def bare_model(model: str) -> str:
    """Return a model id without provider prefix and date, for telling aliases of one model.

    Example:
        >>> bare_model("openai/gpt-4o-2024-08-06")
        'gpt-4o'
    """
    last = model.rsplit("/", 1)[-1].lower()
    return re.sub(r"[-@](\d{4}-\d{2}-\d{2}|\d{8}|latest)$", "", last)


def contestant(study: Study, judge_model: str) -> str | None:
    """Return the baseline's or candidate's name that a judge model is, if it is one."""
    for spec in (study.baseline.spec, *study.candidates):
        if bare_model(judge_model) in (bare_model(spec.model), bare_model(spec.name)):
            return spec.name
    return None


def self_preference_message(judge_model: str, name: str) -> str:
    """Say why a judge is refused."""
    return (
        f"the judge {judge_model!r} is a contestant ({name!r}); name another judge, or set "
        "`judge.allow_self_preference: true` (every certificate will say so)"
    )

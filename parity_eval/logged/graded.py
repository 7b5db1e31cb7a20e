"""Results of other evaluation tools: answers of several models to the same cases, with scores.

A reader of such results gives every answer an entry of its own, with `metadata.case` (equal for all
answers to one case), `metadata.score`, `metadata.scores` and, where there is one,
`metadata.target`. A log has one model's answers; those of the others become recordings.
"""

from collections.abc import Iterable, Mapping

from parity_eval import wire
from parity_eval.logged import fields
from parity_eval.records import JsonObject, JsonValue, LogEntry, RequestId

_GRADES = {"C": 1, "I": 0, "P": 0.5, "N": 0}


def marks(scores: JsonObject, target: JsonValue, case: str | None) -> dict[str, JsonValue]:
    """Return what the metadata of an answer says about how good it is.

    Args:
        scores: By name of the scorer; the first counts as the score.
        target: The right answer; of a list with one text, that text.
        case: What the answers of all models to one question have in common.
    """
    values = {name: score(value) for name, value in scores.items()}
    only = target[0] if isinstance(target, list) and len(target) == 1 else target
    first = next(iter(values.values()), None)
    has_target = only not in (None, "", [])
    return fields.some(
        {
            "case": case,
            "score": first,
            "scores": values or None,
            "target": only if has_target else None,
        }
    )


def score(value: JsonValue) -> JsonValue:
    """Return a score as a number, also one that is a truth value, a letter grade or text.

    Example:
        >>> score("C"), score(True), score("0.5"), score({"a": 1})
        (1, 1, 0.5, {'a': 1})
    """
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        number = fields.number({"at": value}, "at")
        return _GRADES.get(value, value if number is None else number)
    return value


def recordings(
    entries: Iterable[LogEntry], baseline: str
) -> dict[str, list[Mapping[str, JsonValue]]]:
    """Return recordings of all models but one, to be used as candidates.

    Args:
        entries: As a reader of such results gives them.
        baseline: Model whose entries are the log.

    Returns:
        By model the lines of its recording, under the ids of the baseline's entries. Cases that the
        baseline has no answer to are left out; of several answers to a case the first counts.

    Example:
        Each value is written as JSON Lines, and named in the configuration as
        `{name: mini, model: recorded, path: mini.jsonl}`.
    """
    kept = list(entries)
    ids: dict[str, RequestId] = {}
    for entry in kept:
        case = fields.text(entry.metadata, "case")
        if entry.model == baseline and case is not None:
            ids.setdefault(case, entry.request.id)
    found: dict[str, dict[RequestId, Mapping[str, JsonValue]]] = {}
    for entry in kept:
        case = fields.text(entry.metadata, "case")
        model, response = entry.model, entry.response
        if model in (None, baseline) or case not in ids or response is None or model is None:
            continue
        line: dict[str, JsonValue] = {
            "id": ids[case],
            "response": wire.completion_body(response, model),
        }
        found.setdefault(model, {}).setdefault(ids[case], line)
    return {model: list(lines.values()) for model, lines in found.items()}

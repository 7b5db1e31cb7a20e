"""A run's journal to the pairs that a report shows: failures first, then some that passed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from parity_eval import codec
from parity_eval.records import (
    JsonObject,
    ModelName,
    RequestId,
    Response,
    Score,
    TaskName,
    Unscored,
)
from parity_eval.summary import PairView

MOST_FAILURES = 20
MOST_PASSES = 3


def pairs(
    journal: Callable[[], Iterator[Mapping[str, Any]]],
    used: Mapping[tuple[TaskName, ModelName], int],
    *,
    most_failures: int = MOST_FAILURES,
    most_passes: int = MOST_PASSES,
) -> tuple[PairView, ...]:
    """Choose pairs to show and read their texts.

    Args:
        journal: Opens the journal; it is read twice.
        used: Observations that entered each arm's test.
        most_failures: Most failing pairs per arm, in order.
        most_passes: Most other pairs per arm, in order.
    """
    chosen = _choose(journal(), used, most_failures, most_passes)
    requests = {(row["task"], row["request"]) for row in chosen}
    keys = {row["key"] for row in chosen}
    bodies: dict[tuple[str, str], Mapping[str, Any]] = {}
    answers: dict[str, Mapping[str, Any]] = {}
    for row in journal():
        if row["kind"] == "request" and (row["task"], row["id"]) in requests:
            bodies[row["task"], row["id"]] = row
        elif row["kind"] == "answer" and row["key"] in keys:
            answers[row["key"]] = row
    return tuple(_view(row, bodies, answers) for row in chosen)


def _choose(
    rows: Iterable[Mapping[str, Any]],
    used: Mapping[tuple[TaskName, ModelName], int],
    most_failures: int,
    most_passes: int,
) -> list[Mapping[str, Any]]:
    last = {
        (row["task"], row["candidate"], row["position"]): row
        for row in rows
        if row["kind"] == "verdict"
    }
    verdicts = sorted(
        last.values(),
        key=lambda row: (row["task"], row["candidate"], not row["is_failure"], row["position"]),
    )
    counts: dict[tuple[str, str, bool], int] = {}
    chosen = []
    for row in verdicts:
        arm = (TaskName(row["task"]), ModelName(row["candidate"]))
        kind = (*arm, bool(row["is_failure"]))
        room = most_failures if row["is_failure"] else most_passes
        if row["position"] < used.get(arm, 0) and counts.get(kind, 0) < room:
            counts[kind] = counts.get(kind, 0) + 1
            chosen.append(row)
    return chosen


def _view(
    row: Mapping[str, Any],
    bodies: Mapping[tuple[str, str], Mapping[str, Any]],
    answers: Mapping[str, Mapping[str, Any]],
) -> PairView:
    request = bodies[row["task"], row["request"]]
    answer = answers.get(row["key"])
    return PairView(
        task=TaskName(row["task"]),
        candidate=ModelName(row["candidate"]),
        position=row["position"],
        request_id=RequestId(row["request"]),
        prompt=prompt_text(request["body"]),
        baseline_text=answer_text(request["baseline"]),
        candidate_text=answer_text(answer["response"]) if answer else "(no answer could be had)",
        value=row["value"],
        is_failure=row["is_failure"],
        reason=row["reason"],
        scores=tuple(_score(score) for score in row["scores"]),
    )


def _score(row: Mapping[str, Any]) -> Score | Unscored:
    if "passed" in row:
        return Score(**row)
    return Unscored(**row)


def prompt_text(body: JsonObject) -> str:
    """Return a request's messages as text for reading."""
    messages = body.get("messages")
    parts = []
    for message in messages if isinstance(messages, list) else []:
        if isinstance(message, dict):
            content = message.get("content")
            if content is None:
                content = message.get("tool_calls", "")
            text = content if isinstance(content, str) else codec.encode(content).decode()
            parts.append(f"[{message.get('role')}]\n{text}")
    return "\n\n".join(parts)


def answer_text(row: Mapping[str, Any]) -> str:
    """Return a stored response as text for reading."""
    response = codec.decode(codec.encode(row), Response, "the journal")
    parts = [response.text] if response.text else []
    parts += [f"{call.name}({call.arguments})" for call in response.tool_calls]
    if response.detail:
        parts.append(f"({response.finish}: {response.detail})")
    return "\n".join(parts) or f"(empty; finish: {response.finish})"

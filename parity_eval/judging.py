"""What judges share: what needs no judge, votes to a score, and questions that data cannot steer.

The texts that a judge is shown are data from models, one of which may try to steer it. They stand
between delimiters that their authors cannot have known.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from types import NoneType

from parity_eval.answers import (
    FAULT_IN_WORDS,
    canonical,
    clipped,
    fault,
    rendered,
    settled,
    shown,
)
from parity_eval.errors import ConfigError, nearest
from parity_eval.records import (
    JsonValue,
    Kind,
    Pair,
    Request,
    RequestId,
    Response,
    Score,
)

_FREE_TEXT = (
    "Whether the answer does what the request asks, completely and correctly, without invented "
    "facts, in the language, form and tone that the request calls for."
)
RUBRICS: Mapping[Kind, str] = {
    Kind.CLASSIFICATION: "Whether the answer gives the right label, among those that are offered.",
    Kind.MODERATION: "Whether the answer decides the case as the policy in the request says.",
    Kind.EXTRACTION: (
        "Whether every field that the request asks for is there, with the value that the source "
        "states, and nothing that the source does not state. Order and spelling of equal values "
        "do not count."
    ),
    Kind.ENRICHMENT: (
        "Whether every field that the request asks for is there with a correct value; a value that "
        "cannot be known must be left open and not invented."
    ),
    Kind.STRUCTURED: (
        "Whether the answer has the structure that the request asks for and correct values in it."
    ),
    Kind.TOOL_CALL: (
        "Whether the answer calls the right tools with arguments that mean what the request says, "
        "and calls none where none is needed."
    ),
    Kind.SUMMARIZATION: (
        "Whether the summary is faithful to the source (an invented or changed fact is the worst "
        "fault), keeps what matters and leaves out what does not, in the length that is asked for."
    ),
    Kind.RAG_ANSWER: (
        "Whether the answer is correct and supported by the passages in the request (a claim that "
        "they do not support is the worst fault), answers the question completely, and says so "
        "where the passages do not hold the answer."
    ),
    Kind.SUPPORT_REPLY: (
        "Whether the reply solves the customer's problem with correct and complete steps, promises "
        "nothing that the request does not allow, and keeps the tone that it asks for."
    ),
    Kind.GENERATION: _FREE_TEXT,
}
"""What counts, by kind of task, where the user says nothing."""

MAX_JUDGE_CHARS = 20_000
"""Only so much of a judge's answer is read, from its end."""

WIN, TIE, LOSS = 1.0, 0.5, 0.0
"""Points of a vote, seen from the candidate."""

_IN_WORDS = {WIN: "wins", TIE: "ties", LOSS: "loses"}


class Winner(StrEnum):
    """The answer that a judge prefers, by the place in which it was shown."""

    FIRST = "first"
    SECOND = "second"
    TIE = "tie"

    def points(self, *, is_candidate_first: bool) -> float:
        """Return the candidate's points."""
        if self is Winner.TIE:
            return TIE
        return WIN if (self is Winner.FIRST) is is_candidate_first else LOSS


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """A judge's verdict on one pair in one order."""

    points: float
    """`WIN`, `TIE` or `LOSS` of the candidate."""
    is_candidate_first: bool | None
    """Whether the candidate's answer was shown first; None where nobody recorded it."""


def settled_score(scorer: str, pair: Pair) -> Score | None:
    """Score what no judge need be asked; None where one must.

    Both refuse, or both texts are the same: a tie. The candidate alone refuses, or gives an empty,
    cut-off or invalid answer: a loss.
    """
    found = settled(pair)
    if found is not None:
        return Score(
            scorer=scorer,
            value=TIE if found.is_same else LOSS,
            passed=found.is_same,
            reason=found.reason,
        )
    if _normalised(rendered(pair.baseline)) != _normalised(rendered(pair.candidate)):
        return None
    return Score(scorer=scorer, value=TIE, passed=True, reason="identical answers: a tie")


def score_of(scorer: str, votes: tuple[Vote, ...], why: str = "") -> Score:
    """Return the score of a judge's votes on a pair.

    Args:
        scorer: Name of the scorer.
        votes: At least one; usually one per order.
        why: The judge's own reason, on one line.

    Returns:
        The mean of the candidate's points; passed where it loses in no order.
    """
    said = "; ".join(f"{_IN_WORDS[vote.points]} {_place(vote)}" for vote in votes)
    if len(votes) > 1 and len({vote.points for vote in votes}) == 1:
        said = f"{_IN_WORDS[votes[0].points]} in both orders"
    return Score(
        scorer=scorer,
        value=sum(vote.points for vote in votes) / len(votes),
        passed=all(vote.points > LOSS for vote in votes),
        reason=f"the candidate {said}{f': {why}' if why else ''}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSettings:
    """What every judge that is asked can be set to."""

    rubric: str | None = None
    """What counts, in the user's words; None: the default of the kind."""
    kind: Kind = Kind.GENERATION
    """Kind of the task."""
    salt: str = ""
    """Enters the delimiters."""
    max_request_chars: int = 24_000
    """Longer requests are cut in the middle, and the judge is told."""
    max_answer_chars: int = 16_000
    """Longer answers are cut in the middle, and the judge is told."""
    max_tokens: int = 1024
    """Most tokens that the judge may write."""


def check_settings(judge: JudgeSettings, name: str) -> None:
    """Check the settings that come from outside.

    Args:
        judge: The settings.
        name: Name of the scorer in messages.

    Raises:
        ConfigError: One that is out of its range.
    """
    for setting in ("max_request_chars", "max_answer_chars", "max_tokens"):
        value = getattr(judge, setting)
        if not isinstance(value, int) or value < 1:
            raise ConfigError(f"{name}.{setting} == {value!r}, must be a whole number above 0")
    for setting in ("rubric", "salt"):
        value = getattr(judge, setting)
        if not isinstance(value, (str, NoneType)):
            raise ConfigError(f"{name}.{setting} == {value!r}, must be a text")
    if judge.kind not in RUBRICS:
        kinds = [kind.value for kind in RUBRICS]
        raise ConfigError(f"{name}.kind == {judge.kind!r}; {nearest(judge.kind, kinds)}")


def code_for(request_id: str, salt: str, texts: tuple[str, ...]) -> str:
    """Return a code that looks random, is always the same, and occurs in none of the texts."""
    code = ""
    while not code or any(code in text for text in texts):
        parts = "\0".join((code, request_id, salt, *texts))
        code = sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return code


def marked(name: str, code: str, text: str) -> str:
    """Put a text between marks that carry the code."""
    return f"===== {code} {name} begins =====\n{text}\n===== {code} {name} ends ====="


def question(request_id: str, system: str, prompt: str, *, max_tokens: int) -> Request:
    """Return what a judge is asked."""
    return Request(
        id=RequestId(request_id),
        body={
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": prompt},
            ],
            "temperature": 0,
            "max_tokens": max_tokens,
        },
    )


def shown_request(body: Mapping[str, JsonValue], limit: int) -> str:
    """Return a request as a judge sees it, cut in the middle to about `limit` characters."""
    return _sendable(_cut(_request_text(body), limit))


def shown_answer(response: Response, limit: int) -> str:
    """Return an answer as a judge sees it, cut in the middle to about `limit` characters."""
    return _sendable(_cut(_answer_text(response), limit))


def reason_in(text: str) -> str:
    """Return the judge's short reason on one line; empty where it gives none."""
    found = re.search(r'"reason"\s*:\s*("(?:[^"\\]|\\.){0,2000}")', text[-MAX_JUDGE_CHARS:])
    try:
        return clipped(json.loads(found[1], strict=False), 160) if found else ""
    except json.JSONDecodeError:
        return ""


def unreadable(answer: Response, wanted: str) -> str:
    """Say on one line why a judge's answer gives no `wanted`."""
    wrong = fault(answer)
    if wrong is not None:
        return f"the judge's answer {FAULT_IN_WORDS[wrong]}"
    return f"the judge's text names no {wanted}: {shown(answer.text[-80:], 80)}"


def _normalised(text: str) -> str:
    """Undo what no reader sees: line ends and Unicode form. Case and spaces may be the task."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n"))


def _place(vote: Vote) -> str:
    if vote.is_candidate_first is None:
        return "in an order that was not recorded"
    return f"when shown {'first' if vote.is_candidate_first else 'second'}"


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    # The task stands at the beginning as a rule, the question at the end.
    head = limit * 2 // 3
    tail = limit - head
    left_out = f"[... {len(text) - limit:,} characters left out here ...]"
    return f"{text[:head]}\n{left_out}\n{text[len(text) - tail :]}"


def _sendable(text: str) -> str:
    """Drop what no endpoint takes: half surrogate pairs and control characters."""
    return _UNSENDABLE.sub("\ufffd", text)


_UNSENDABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def _answer_text(response: Response) -> str:
    text = rendered(response)
    wrong = fault(response)
    if wrong is None:
        return text
    return f"[this answer {FAULT_IN_WORDS[wrong]}]\n{text}".strip()


def _request_text(body: Mapping[str, JsonValue]) -> str:
    messages = body.get("messages")
    parts = [_message_text(message) for message in messages] if isinstance(messages, list) else []
    parts.extend(
        f"[{what}]\n{canonical(body[key])}"
        for key, what in (("tools", "tools offered"), ("response_format", "format asked for"))
        if body.get(key)
    )
    return "\n\n".join(parts)


def _message_text(message: JsonValue) -> str:
    if not isinstance(message, dict):
        return canonical(message)
    lines = [f"[{message.get('role', 'message')}]", _content_text(message.get("content"))]
    if message.get("tool_calls"):
        lines.append(f"calls {canonical(message['tool_calls'])}")
    return "\n".join(line for line in lines if line)


def _content_text(content: JsonValue) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return "" if content is None else canonical(content)
    texts: list[str] = []
    for part in content:
        text = part.get("text") if isinstance(part, dict) else part
        kind = part.get("type", "part") if isinstance(part, dict) else "part"
        texts.append(text if isinstance(text, str) else f"[{kind}, not shown]")
    return "\n".join(texts)

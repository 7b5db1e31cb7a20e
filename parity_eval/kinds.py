"""What sort of task requests and their answers show: it decides the default parity rule.

What answers look like decides how strictly they are compared: labels, JSON and tool calls exactly,
free text by a judge. Words in the requests only refine the name. Where little is known, the
stricter comparison is chosen: it can fail to certify, but not certify what is not as good.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from parity_eval.answers import looks_like_json
from parity_eval.records import Finish, JsonObject, Kind, LogEntry, Response
from parity_eval.tasks import system_prompt, user_prompt
from parity_eval.wire.text import SPACELESS

_LABEL_LENGTH = 60
_LABEL_WORDS = 3
_SPACELESS = re.compile(f"[{SPACELESS}]")
_FEW = 20
"""Answers from which it shows whether short ones repeat; fewer are compared strictly."""
_MOST = 0.9
"""Share of requests that have to say what a task is for."""
_FREE_TEXT = frozenset(
    {Kind.SUMMARIZATION, Kind.GENERATION, Kind.SUPPORT_REPLY, Kind.RAG_ANSWER, Kind.ENRICHMENT}
)
_ANSWER = r"\b(answer|repl(y|ies)|respon[ds]|question|quer(y|ies))"
_SAYS: Mapping[Kind, tuple[str, ...]] = {
    Kind.MODERATION: (
        r"\bmoderat|\btoxic|\bharmful|\bunsafe\b|\bhate speech|\bnsfw\b|\bprofan|\binsult",
    ),
    Kind.EXTRACTION: (r"\bextract|\bparse\b|\bread (the|this) ",),
    Kind.SUMMARIZATION: (r"\bsummar|\btl;?dr\b|\bzusammenfass|\brésum|\bresum(e|ir|en)\b",),
    Kind.RAG_ANSWER: (
        _ANSWER,
        r"\b(passages?|context|excerpts?|sources?|documents?|articles?|knowledge base)\b",
    ),
    Kind.SUPPORT_REPLY: (
        r"\b(repl(y|ies)|respon[ds])",
        r"\b(customers?|support|help ?desk|ticket)",
    ),
    Kind.ENRICHMENT: (r"\benrich|\bkeywords?\b|\bhashtags?\b|\bproduct descriptions?\b",),
}
"""What the requests of a kind say: all of its patterns."""
_REFINED: Mapping[Kind, tuple[Kind, ...]] = {
    Kind.CLASSIFICATION: (Kind.MODERATION,),
    Kind.STRUCTURED: (Kind.EXTRACTION,),
    Kind.GENERATION: (
        Kind.SUMMARIZATION, Kind.RAG_ANSWER, Kind.SUPPORT_REPLY, Kind.ENRICHMENT,
    ),
}  # fmt: skip
"""Kinds that are compared as the key is, in the order in which they are looked for."""


def is_free_text(kind: Kind) -> bool:
    """Whether two good answers of this kind usually differ in words."""
    return kind in _FREE_TEXT


def kind_from_requests(entries: Iterable[LogEntry]) -> tuple[Kind, str] | None:
    """Say what sort of task the requests alone show, and why; None where they don't tell."""
    seen = list(entries)
    known = {str(kind) for kind in Kind}
    kinds = [kind for entry in seen if isinstance(kind := entry.metadata.get("kind"), str)]
    named = Counter(kind for kind in kinds if kind in known)
    if named:
        # Among equals the first by name, so that the order of the log plays no part.
        return Kind(min(named, key=lambda kind: (-named[kind], kind))), "the log's metadata.kind"
    usable = [entry for entry in seen if entry.unreplayable is None]
    bodies = [entry.request.body for entry in usable]
    if bodies and all(body.get("tools") for body in bodies):
        return Kind.TOOL_CALL, "every request has tools"
    if bodies and all(_asks_json(body) for body in bodies):
        return _refined(Kind.STRUCTURED, "every request asks for JSON", usable)
    return None


def kind_from_answers(entries: Iterable[LogEntry]) -> tuple[Kind, str]:
    """Say what sort of task the baseline's answers show, and why.

    Args:
        entries: A part of the task's log that is never certified on.
    """
    seen = [entry for entry in entries if _is_whole(entry.response)]
    n = len(seen)
    counts = Counter(nature(entry.response) for entry in seen)
    if n and counts["tool call"] >= _MOST * n:
        return Kind.TOOL_CALL, f"{counts['tool call']} of {n} answers call a tool"
    if n and counts["JSON"] >= _MOST * n:
        why = f"{counts['JSON']} of {n} answers are JSON"
        return _refined(Kind.STRUCTURED, why, seen)
    short = [entry for entry in seen if nature(entry.response) == "short"]
    why_labels = _why_labels(short) if short and len(short) >= _MOST * n else None
    if why_labels is not None:
        return _refined(Kind.CLASSIFICATION, why_labels, seen)
    return _refined(Kind.GENERATION, "answers are free text" if n else "no answers to go by", seen)


def nature(response: Response | None) -> str:
    """Return what sort of answer it is: tool call, JSON, short or text; empty where it is none."""
    if response is None:
        return ""
    if response.tool_calls:
        return "tool call"
    text = response.text.strip()
    if looks_like_json(re.sub(r"\A```\w*\s*", "", text)):
        return "JSON"
    # Without spaces three times as much is said.
    length = len(text) + 2 * len(_SPACELESS.findall(text))
    return "short" if length <= _LABEL_LENGTH else "text"


def _is_whole(response: Response | None) -> bool:
    if response is None or response.finish not in (Finish.STOP, Finish.TOOL_CALLS):
        return False
    return bool(response.text.strip() or response.tool_calls)


def _why_labels(entries: Sequence[LogEntry]) -> str | None:
    """Say why short answers are labels; None where they are titles or other short prose."""
    texts = [entry.response.text.strip() for entry in entries if entry.response]
    n, n_different = len(texts), len(set(texts))
    if n_different <= n / 2:
        return f"{n_different} short answers repeat over {n} rows"
    if all(_n_words(text) <= _LABEL_WORDS for text in texts):
        return f"{n} answers of at most {_LABEL_WORDS} words"
    listed = sum(_is_listed(text, entry) for text, entry in zip(texts, entries, strict=True))
    if listed >= _MOST * n:
        return f"{listed} of {n} short answers stand in their own requests"
    return f"{n} short answers, too few to see if they repeat" if n < _FEW else None


def _n_words(text: str) -> int:
    """Return the number of words, where scripts without spaces have one in four characters."""
    return len(text.split()) + len(_SPACELESS.findall(text)) // 4


def _is_listed(text: str, entry: LogEntry) -> bool:
    said = f"{system_prompt(entry.request.body)}\n{user_prompt(entry.request.body)}"
    return re.search(rf"(?<!\w){re.escape(text)}(?!\w)", said) is not None


def _refined(kind: Kind, why: str, entries: Sequence[LogEntry]) -> tuple[Kind, str]:
    """Return the kind that the words of most requests name, among those compared alike."""
    said = [
        f"{system_prompt(entry.request.body)}\n{user_prompt(entry.request.body)}".casefold()
        for entry in entries
    ]
    for finer in _REFINED.get(kind, ()):
        n = sum(all(re.search(pattern, text) for pattern in _SAYS[finer]) for text in said)
        if said and n >= _MOST * len(said):
            return finer, f"{why}; {n} of {len(said)} requests speak of {finer.replace('_', ' ')}"
    return kind, why


def _asks_json(body: JsonObject) -> bool:
    wanted = body.get("response_format")
    return isinstance(wanted, dict) and wanted.get("type") in ("json_schema", "json_object")

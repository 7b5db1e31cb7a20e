"""Exact match of two answers, after a normalisation that the reason spells out."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias

from parity_eval.answers import (
    Document,
    NotJson,
    Parsed,
    Settled,
    clipped,
    differences,
    in_one_line,
    looks_like_json,
    parse_arguments,
    parse_json,
    same_json,
    settled_comparison,
    shown,
    without_fence,
)
from parity_eval.errors import ConfigError
from parity_eval.records import Pair, Request, Response, Score, ToolCall

_LABEL_CHARS = 40
_WINDOW_BEFORE = 15
_WINDOW_AFTER = 30

_Read: TypeAlias = tuple[str, Parsed, str]
"""A tool call once read: function, arguments, arguments as written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exact:
    """Passes a pair whose two answers are the same but for their form.

    - Tool calls: the same decision to call, the same functions, arguments equal as JSON. The order
      of parallel calls and any text beside calls are immaterial.
    - Two JSON objects or arrays: equal as JSON (key order, `1` for `1.0`, one code fence).
    - Otherwise text: equal but for a code fence, Unicode form, spaces, quotes and closing
      punctuation around the whole, and case.
    """

    compare_text: bool = True
    """Whether texts must agree where neither answer calls a tool although the request offers some;
    if not, the same decision not to call is enough."""
    name: str = "exact"
    cost: int = 0

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not isinstance(self.compare_text, bool):
            raise ConfigError(f"exact.compare_text == {self.compare_text!r}, must be true or false")

    def questions(self, pair: Pair) -> tuple[Request, ...]:  # noqa: ARG002 - asks nobody
        """Return nothing: this scorer needs no judge."""
        return ()

    def score(self, pair: Pair, answers: tuple[Response, ...]) -> Score:  # noqa: ARG002
        """Compare the two answers."""
        found = settled_comparison(pair) or self._compared(pair)
        return Score(
            scorer=self.name,
            value=float(found.is_same),
            passed=found.is_same,
            reason=found.reason,
        )

    def _compared(self, pair: Pair) -> Settled:
        if pair.baseline.tool_calls or pair.candidate.tool_calls:
            return _compared_calls(pair.baseline.tool_calls, pair.candidate.tool_calls)
        if not self.compare_text and pair.request.body.get("tools"):
            return Settled(is_same=True, reason="neither answer calls a tool; texts not compared")
        return _compared_texts(pair.baseline.text, pair.candidate.text)


def _compared_calls(baseline: tuple[ToolCall, ...], candidate: tuple[ToolCall, ...]) -> Settled:
    if not baseline or not candidate:
        calls = _named(candidate) if candidate else "no tool call"
        instead = _named(baseline) if baseline else "an answer in words"
        return Settled(is_same=False, reason=f"{calls} instead of {instead}")
    if sorted(call.name for call in baseline) != sorted(call.name for call in candidate):
        return Settled(is_same=False, reason=f"{_named(candidate)} instead of {_named(baseline)}")
    unmatched = [(call.name, parse_arguments(call), call.arguments) for call in candidate]
    for call in baseline:
        arguments = parse_arguments(call)
        match = next((other for other in unmatched if _is_same_call(call, arguments, other)), None)
        if match is None:
            return Settled(is_same=False, reason=_call_difference(call.name, arguments, unmatched))
        unmatched.remove(match)
    return Settled(is_same=True, reason=f"same {_named(baseline)}")


def _named(calls: tuple[ToolCall, ...]) -> str:
    names = ", ".join(clipped(call.name, _LABEL_CHARS) for call in calls)
    return clipped(f"call{'s' if len(calls) > 1 else ''} of {names}", 120)


def _is_same_call(call: ToolCall, arguments: Parsed, other: _Read) -> bool:
    name, others, written = other
    if call.name != name:
        return False
    if isinstance(arguments, Document) and isinstance(others, Document):
        return same_json(arguments.value, others.value)
    return call.arguments == written


def _call_difference(name: str, arguments: Parsed, unmatched: list[_Read]) -> str:
    """Describe the closest call of the same function that is left."""
    label = clipped(name, _LABEL_CHARS)
    if isinstance(arguments, NotJson):
        return f"{label}: the baseline's arguments are not JSON ({arguments.reason})"
    found: list[tuple[str, ...]] = []
    for other, others, _ in unmatched:
        if other == name and isinstance(others, NotJson):
            return f"{label}: arguments are not JSON ({others.reason})"
        if other == name and isinstance(others, Document):
            found.append(differences(arguments.value, others.value))
    return f"{label}: {in_one_line(min(found, key=len))}"


def _compared_texts(baseline: str, candidate: str) -> Settled:
    if baseline == candidate:
        return Settled(is_same=True, reason="identical text")
    (left, was_left_fenced), (right, was_right_fenced) = map(without_fence, (baseline, candidate))
    if looks_like_json(left) or looks_like_json(right):
        found = _compared_documents(left, right)
        if found is not None and (was_left_fenced or was_right_fenced):
            return replace(found, reason=f"{found.reason}; a code fence was stripped")
        if found is not None:
            return found
    return _compared_words(baseline, candidate)


def _compared_documents(baseline: str, candidate: str) -> Settled | None:
    """Compare two JSON objects or arrays; None where the baseline's answer is neither."""
    old = parse_json(baseline) if looks_like_json(baseline) else None
    if not isinstance(old, Document):
        return None
    new = parse_json(candidate)
    if isinstance(new, NotJson):
        return Settled(is_same=False, reason=f"not JSON as the baseline's is: {new.reason}")
    if same_json(old.value, new.value):
        return Settled(
            is_same=True, reason="same JSON; key order, spaces and number form are immaterial"
        )
    return Settled(is_same=False, reason=in_one_line(differences(old.value, new.value)))


def _compared_words(baseline: str, candidate: str) -> Settled:
    left, right = baseline, candidate
    ignored: list[str] = []
    for name, step in _STEPS:
        before = left, right
        left, right = step(left), step(right)
        if (left, right) != before:
            ignored.append(name)
        if left == right:
            return Settled(is_same=True, reason=f"same text, ignoring {', '.join(ignored)}")
    short, other = baseline.strip(), candidate.strip()
    if max(len(short), len(other)) <= _LABEL_CHARS:
        what = "text" if re.search(r"\s", short + other) else "label"
        reason = f"{what} {shown(other)} instead of {shown(short)}"
    else:
        reason = _window(left, right)
    return Settled(is_same=False, reason=reason)


# What looks different and means the same, beyond what NFKC knows.
_FORMS = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
        **dict.fromkeys("\u200b\u2060\ufeff\u00ad", ""),
        # NFKC would make 10² the number 102, and 1½ eleven halves.
        **{char: f"^{digit}" for digit, char in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
        "¼": " 1/4",
        "½": " 1/2",
        "¾": " 3/4",
    }
)
_CLOSING = ".,;:! "
_WRAPPERS = ("**", '"', "'", "`", "*")


def _unfenced(text: str) -> str:
    return without_fence(text)[0]


def _unicode_form(text: str) -> str:
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", text.translate(_FORMS))


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _bare(text: str) -> str:
    """Strip closing punctuation and paired quotes or emphasis around the whole.

    Signs, currency, percent and question marks stay: they carry meaning.
    """
    bare = text
    while True:
        before = bare
        bare = bare.rstrip(_CLOSING).lstrip()
        for mark in _WRAPPERS:
            inner = bare[len(mark) : -len(mark)]
            if inner and bare == f"{mark}{inner}{mark}" and mark not in inner:
                bare = inner
                break
        if bare == before:
            return bare or text


def _caseless(text: str) -> str:
    return text.casefold()


_STEPS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("a code fence", _unfenced),
    ("Unicode form", _unicode_form),
    ("spaces", _spaced),
    ("quotes and closing punctuation", _bare),
    ("case", _caseless),
)


def _window(baseline: str, candidate: str) -> str:
    pairs = enumerate(zip(baseline, candidate, strict=False))
    shorter = min(len(baseline), len(candidate))
    at = next((index for index, (old, new) in pairs if old != new), shorter)
    start = max(0, at - _WINDOW_BEFORE)
    new, old = (
        shown(f"{'…' if start else ''}{text[start : at + _WINDOW_AFTER]}")
        for text in (candidate, baseline)
    )
    return f"text differs from character {at + 1:,} on: {new} instead of {old}"

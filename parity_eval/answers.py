"""Reading answers: what was given, the JSON in it, and how two JSON documents differ.

Every text here may be hostile. Nothing in this module raises on one, nothing takes more than time
linear in its length, and every line it returns for a reader is printable and short.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TypeAlias

from parity_eval.records import Finish, JsonValue, Pair, Response, ToolCall

MAX_JSON_CHARS = 2_000_000
"""Longer texts are not read as JSON: no model writes that much, and a reader must not stall."""
MAX_JSON_DEPTH = 100
"""Deeper documents are refused: whatever walks them must not run out of stack."""
MAX_NUMBER_DIGITS = 400
"""Longer numbers are refused: 308 digits are the most that a double can hold."""
MAX_DIFFERENCES = 20
"""A diff is cut off here; a reader needs the first few."""

_FENCE = "```"
_FENCE_LINE = re.compile(r"^[ \t]*```", re.MULTILINE)


class Fault(StrEnum):
    """What keeps a response that was given from being an answer."""

    REFUSED = "refused"
    REJECTED = "rejected"
    INVALID = "invalid"
    CUT_OFF = "cut off"
    EMPTY = "empty"


_FAULT_BY_FINISH = {
    Finish.REFUSED: Fault.REFUSED,
    Finish.REJECTED: Fault.REJECTED,
    Finish.INVALID: Fault.INVALID,
    Finish.LENGTH: Fault.CUT_OFF,
}
FAULT_IN_WORDS = {
    Fault.REFUSED: "is a refusal",
    Fault.REJECTED: "is a rejection of the request by the endpoint",
    Fault.INVALID: "is not a chat completion",
    Fault.CUT_OFF: "is cut off",
    Fault.EMPTY: "is empty",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A comparison that needs no look at the two texts."""

    is_same: bool
    reason: str
    """One line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A text that is JSON."""

    value: JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class NotJson:
    """A text that is not JSON that a strict reader accepts."""

    reason: str
    """One line: what is wrong with it."""


Parsed: TypeAlias = Document | NotJson


def fault(response: Response) -> Fault | None:
    """Return what keeps a response from being an answer; None for a proper one."""
    known = _FAULT_BY_FINISH.get(response.finish)
    if known is not None:
        return known
    return None if response.tool_calls or not is_blank(response.text) else Fault.EMPTY


def settled(pair: Pair) -> Settled | None:
    """Compare what needs no look at the texts: refusals, and a candidate that gave no answer.

    Both refuse: the same. The candidate's answer is refused, rejected, invalid, cut off or empty:
    not the same, whatever the baseline's is. Two empty answers are no agreement.
    """
    candidate = fault(pair.candidate)
    if candidate is None:
        return None
    if candidate is Fault.REFUSED and fault(pair.baseline) is Fault.REFUSED:
        return Settled(is_same=True, reason="both answers are refusals")
    detail = pair.candidate.detail
    said = f" ({shown(detail)})" if detail else ""
    return Settled(
        is_same=False, reason=f"the candidate's answer {FAULT_IN_WORDS[candidate]}{said}"
    )


def settled_comparison(pair: Pair) -> Settled | None:
    """Like `settled`, and a baseline that gave no answer leaves nothing to compare with."""
    found = settled(pair)
    if found is not None:
        return found
    baseline = fault(pair.baseline)
    if baseline is None:
        return None
    words = FAULT_IN_WORDS[baseline]
    return Settled(is_same=False, reason=f"the baseline's answer {words}, the candidate's is not")


def is_blank(text: str) -> bool:
    """Whether a text shows nothing: spaces, control and zero-width characters only."""
    return not any(char.isprintable() and not char.isspace() for char in text)


def without_fence(text: str) -> tuple[str, bool]:
    r"""Strip one Markdown code fence that surrounds a whole text.

    Returns:
        The text inside and True, or the text as it is and False.

    Example:
        >>> without_fence("```json\n[1]\n```")
        ('[1]', True)
    """
    body = text.strip()
    if not body.startswith(_FENCE) or not body.endswith(_FENCE):
        return text, False
    first, newline, rest = body.partition("\n")
    inner = rest[: -len(_FENCE)]
    # Another line that opens or closes a block: then this fence does not surround the whole text.
    if not newline or _FENCE in first[len(_FENCE) :] or _FENCE_LINE.search(inner):
        return text, False
    return inner.strip(), True


def looks_like_json(text: str) -> bool:
    """Whether a text starts as a JSON object or array does."""
    return text.lstrip()[:1] in ("{", "[")


def parse_json(text: str) -> Parsed:
    """Read one JSON document as a strict reader would, in bounded time and depth.

    Refused beyond what is not JSON: a key that occurs twice in an object, NaN and infinities,
    numbers no double can hold, half a surrogate pair, and what is too long or nested too deep.
    """
    try:
        return Document(value=_decoded(text))
    except json.JSONDecodeError as error:
        return NotJson(reason=f"{error.msg} at line {error.lineno} column {error.colno}")
    except _RefusedError as error:
        return NotJson(reason=str(error))
    except RecursionError:
        return NotJson(reason=_TOO_DEEP)


def parse_arguments(call: ToolCall) -> Parsed:
    """Read the arguments of a tool call; none written at all means an empty object."""
    return parse_json(call.arguments) if call.arguments.strip() else Document(value={})


def is_deeper(value: JsonValue, limit: int) -> bool:
    """Whether a document is nested more than `limit` levels deep."""
    level = [value]
    for _ in range(limit):
        level = [
            child for item in level for child in _children(item) if isinstance(child, (dict, list))
        ]
        if not level:
            return False
    return True


def same_json(left: JsonValue, right: JsonValue) -> bool:
    """Whether two documents are equal: 1 is 1.0, true is not 1, the order of keys is immaterial."""
    # Python's own comparison is fast and only too generous: it takes true for 1.
    return left == right and _same_booleans(left, right)


def differences(baseline: JsonValue, candidate: JsonValue) -> tuple[str, ...]:
    """Return how a candidate's document differs from the baseline's, one line each.

    Returns:
        At most `MAX_DIFFERENCES` lines such as `$.total: 12.5 instead of 12.0`; none if equal.
    """
    return tuple(islice(_differences(baseline, candidate, "$"), MAX_DIFFERENCES))


def in_one_line(differences: tuple[str, ...]) -> str:
    """Return the first difference and how many more there are."""
    more = len(differences) - 1
    if more <= 0:
        return "".join(differences)
    count = f"at least {more}" if len(differences) == MAX_DIFFERENCES else f"{more}"
    return f"{differences[0]} (and {count} more)"


def canonical(value: JsonValue) -> str:
    """Return JSON text with sorted keys; equal documents give equal text but for number forms."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(", ", ": "))


def rendered(response: Response) -> str:
    """Return an answer as a reader sees it: its text, then its tool calls, one per line."""
    lines = [response.text.strip()] if not is_blank(response.text) else []
    for call in response.tool_calls:
        parsed = parse_arguments(call)
        arguments = canonical(parsed.value) if isinstance(parsed, Document) else call.arguments
        lines.append(f"[calls {call.name}({arguments})]")
    return "\n".join(lines)


def shown(text: str, limit: int = 60) -> str:
    """Return a text in quotes, on one line, printable, cut to `limit` characters."""
    return f"'{clipped(text, limit)}'"


def clipped(text: str, limit: int) -> str:
    """Return a text on one line, printable, cut to `limit` characters."""
    cut = text[: limit + 1]
    if not cut.isprintable():
        cut = "".join(char if char.isprintable() else _escaped(char) for char in cut)
    return f"{cut[:limit]}…" if len(cut) > limit else cut


def shown_json(value: JsonValue) -> str:
    """Return a JSON value in a few words."""
    if isinstance(value, dict):
        return f"an object of {_counted(len(value), 'key')}"
    if isinstance(value, list):
        return f"a list of {_counted(len(value), 'element')}"
    if isinstance(value, str):
        return shown(value)
    return clipped(json.dumps(value), 40)


class _RefusedError(ValueError):
    """JSON that a strict reader must not accept."""


_TOO_DEEP = f"nested more than {MAX_JSON_DEPTH} levels deep"


def _decoded(text: str) -> JsonValue:
    if len(text) > MAX_JSON_CHARS:
        raise _RefusedError(f"longer than {MAX_JSON_CHARS:,} characters")
    value: JsonValue = _DECODER.decode(text)
    # A document with no more brackets than levels cannot be deeper.
    n_brackets = text.count("{") + text.count("[")
    if n_brackets > MAX_JSON_DEPTH and is_deeper(value, MAX_JSON_DEPTH):
        raise _RefusedError(_TOO_DEEP)
    if _may_hold_surrogates(text) and not _is_encodable(json.dumps(value, ensure_ascii=False)):
        raise _RefusedError("holds half a surrogate pair, which no Unicode text may")
    return value


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) != len(pairs):
        (twice, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise _RefusedError(f"the key {shown(twice)} occurs twice")
    return found


def _integer(digits: str) -> int:
    if len(digits) > MAX_NUMBER_DIGITS:
        raise _RefusedError(f"a number of {len(digits):,} characters")
    return int(digits)


def _real(digits: str) -> float:
    number = float(digits) if len(digits) <= MAX_NUMBER_DIGITS else math.inf
    if not math.isfinite(number):
        raise _RefusedError(f"{clipped(digits, 20)} is not a number that a double can hold")
    return number


def _constant(name: str) -> JsonValue:
    raise _RefusedError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_real, parse_constant=_constant
)


def _may_hold_surrogates(text: str) -> bool:
    return "\\u" in text or not _is_encodable(text)


def _is_encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _children(value: JsonValue) -> Iterator[JsonValue]:
    if isinstance(value, dict):
        return iter(value.values())
    return iter(value) if isinstance(value, list) else iter(())


def _same_booleans(left: JsonValue, right: JsonValue) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return all(_same_booleans(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return all(map(_same_booleans, left, right))
    return isinstance(left, bool) is isinstance(right, bool)


def _differences(baseline: JsonValue, candidate: JsonValue, path: str) -> Iterator[str]:
    if isinstance(baseline, dict) and isinstance(candidate, dict):
        yield from _object_differences(baseline, candidate, path)
    elif isinstance(baseline, list) and isinstance(candidate, list):
        yield from _list_differences(baseline, candidate, path)
    elif not same_json(baseline, candidate):
        yield _replaced(baseline, candidate, path)


def _object_differences(
    baseline: dict[str, JsonValue], candidate: dict[str, JsonValue], path: str
) -> Iterator[str]:
    for key, value in baseline.items():
        if key not in candidate:
            yield f"{_child(path, key)} is missing"
        else:
            yield from _differences(value, candidate[key], _child(path, key))
    for key in candidate:
        if key not in baseline:
            yield f"{_child(path, key)} is not in the baseline's answer"


def _list_differences(
    baseline: list[JsonValue], candidate: list[JsonValue], path: str
) -> Iterator[str]:
    if len(baseline) != len(candidate):
        elements = _counted(len(candidate), "element")
        yield f"{path}: {elements} instead of {len(baseline)}"
    for index, (left, right) in enumerate(zip(baseline, candidate, strict=False)):
        yield from _differences(left, right, f"{path}[{index}]")


def _replaced(baseline: JsonValue, candidate: JsonValue, path: str) -> str:
    old, new = shown_json(baseline), shown_json(candidate)
    if old == new:  # long texts that begin alike
        return f"{path}: another text that also begins {new}"
    return f"{path}: {new} instead of {old}"


def _child(path: str, key: str) -> str:
    return f"{path}.{key}" if key.isidentifier() else f"{path}[{shown(key, 40)}]"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _escaped(char: str) -> str:
    return " " if char.isspace() else f"<U+{ord(char):04X}>"

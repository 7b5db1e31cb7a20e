"""Secrets and personal data in requests and answers: found, hidden, and never named.

What is promised. Where something is hidden, a placeholder stands for it: `[email-qrbtkfdmhc]`.
Equal values have equal placeholders in all requests and answers of a study, on every machine and
in every later run, as long as the key is the same; so equal requests stay equal, a log that has
grown keeps its old requests, and a run can be resumed. Different values have different ones: two
of a million values share one with a chance of less than a half, two of ten thousand of 0.00005.

A placeholder does not reveal its value: it is a part of a keyed digest (HMAC-SHA256). Whoever has
the key can try values that they guess, and so could everybody if there were none. Personal data
and short passwords can be guessed, so that the first are only hidden with a key of the user's
own, and the second all look alike without one. Keys and tokens of 20 characters and more cannot be
guessed, and need none.

What is not promised: that all is found. A secret without a form of its own, a name, an address or
a birthday stays; ids of requests stay as well, for recordings and labels go by them.
"""

import hmac
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from parity_eval.errors import UsageError
from parity_eval.privacy.found import Found, apart
from parity_eval.privacy.personal import KINDS, find_personal
from parity_eval.privacy.secrets import find_secrets
from parity_eval.records import (
    Answer,
    JsonObject,
    JsonValue,
    LogEntry,
    Missing,
    Response,
    ToolCall,
)

Detector = Callable[[str], Iterable[tuple[int, int, str]]]
"""Takes a text; gives where something begins and ends in it, and what it is."""

_PUBLIC_KEY = b"parity-eval"
_LETTERS = "bcdfghjklmnpqrst"
"""No vowels, so that no words arise, and no digits, so that no number is found in a placeholder."""
_N_LETTERS = 10
_REMEMBERED = 1024
_LONGEST_REMEMBERED = 20_000
_BLOB = re.compile(r"[A-Za-z0-9+/=_-]{1000,}")
_INLINE_FILE = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w=.-]+)*;base64,[A-Za-z0-9+/=_-]*")
_KIND = re.compile(r"[a-z][a-z0-9-]{0,40}")
_SMALLEST_NUMBER = 10**7
"""Shorter numbers are not looked at: nothing that is looked for is as short."""


@dataclass(frozen=True, slots=True)
class Masker:
    """Puts placeholders in the place of what others must not see.

    What has nothing to hide is returned as it is: the same object.

    Args:
        secrets: Whether to hide secrets.
        personal: Kinds of personal data to hide, of `KINDS`.
        key: Secret of the user's; None: there is none.
        detect: Finds more.
    """

    secrets: bool = True
    personal: frozenset[str] = frozenset()
    key: bytes | None = None
    detect: Detector | None = None
    _text: Callable[[str], "_Hidden"] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Prompts and definitions of tools are the same in thousands of requests.
        object.__setattr__(self, "_text", lru_cache(_REMEMBERED)(self._hide))

    @property
    def is_idle(self) -> bool:
        """Whether it hides nothing at all."""
        return not (self.secrets or self.personal or self.detect)

    def entry(self, entry: LogEntry) -> tuple[LogEntry, Counter[str]]:
        """Return a log entry with nothing to hide, and what was hidden, by its kind."""
        n = Counter[str]()
        if self.is_idle:
            return entry, n
        body = self._walk(dict(entry.request.body), n)
        metadata = self._walk(dict(entry.metadata), n)
        user = None if entry.user is None else self._said(entry.user, n)
        session = None if entry.session is None else self._said(entry.session, n)
        response = None if entry.response is None else self._response(entry.response, n)
        if not n:
            return entry, n
        masked = replace(
            entry,
            request=replace(entry.request, body=_object(body)),
            metadata=_object(metadata),
            user=user,
            session=session,
            response=response,
            is_masked=True,
        )
        return masked, n

    def answer(self, answer: Answer) -> Answer:
        """Return an answer of a model, or why there is none, with nothing to hide."""
        if self.is_idle:
            return answer
        n = Counter[str]()
        if isinstance(answer, Missing):
            detail = self._said(answer.detail, n)
            return replace(answer, detail=detail) if n else answer
        return self._response(answer, n)

    def text(self, text: str) -> str:
        """Return a text with nothing to hide."""
        return self._said(text, Counter())

    def row(self, value: JsonValue) -> JsonValue:
        """Return a row of a log or table with nothing to hide; its `id` stays."""
        masked = self._walk(value, Counter())
        if isinstance(value, dict) and isinstance(masked, dict) and "id" in value:
            masked["id"] = value["id"]
        return masked

    def found(self, texts: Iterable[str]) -> Counter[str]:
        """Count what there is to hide in some texts, by its kind."""
        n = Counter[str]()
        for text in texts:
            self._said(text, n)
        return n

    def _response(self, response: Response, n: Counter[str]) -> Response:
        before = n.total()
        text = self._said(response.text, n)
        detail = None if response.detail is None else self._said(response.detail, n)
        calls = tuple(
            ToolCall(name=call.name, arguments=self._said(call.arguments, n))
            for call in response.tool_calls
        )
        if n.total() == before:
            return response
        return replace(response, text=text, detail=detail, tool_calls=calls)

    def _walk(self, value: JsonValue, n: Counter[str]) -> JsonValue:
        """Return a JSON value with nothing to hide; numbers become texts where they have to."""
        if isinstance(value, str):
            return self._said(value, n)
        if isinstance(value, dict):
            return {self._said(key, n): self._walk(item, n) for key, item in value.items()}
        if isinstance(value, list):
            return [self._walk(item, n) for item in value]
        if isinstance(value, int) and value >= _SMALLEST_NUMBER and self.personal:
            text = str(value)
            said = self._said(text, n)
            return value if said == text else said
        return value

    def _said(self, text: str, n: Counter[str]) -> str:
        if not text:
            return text
        is_short = len(text) <= _LONGEST_REMEMBERED
        hidden = self._text(text) if is_short else self._hide(text)
        if hidden.kinds:
            n.update(hidden.kinds)
            return hidden.text
        return text

    def _hide(self, text: str) -> "_Hidden":
        if _BLOB.fullmatch(text) and not text.isdecimal():
            return _Hidden(text, ())
        if _is_json(text) and (hidden := self._hide_in_json(text)) is not None:
            return hidden
        return self._hide_in_text(text)

    def _hide_in_text(self, text: str) -> "_Hidden":
        found = self._find(text)
        if not found:
            return _Hidden(text, ())
        parts, end = [], 0
        for one in found:
            parts += [text[end : one.start], self._placeholder(one)]
            end = one.end
        return _Hidden("".join(parts) + text[end:], tuple(one.kind for one in found))

    def _hide_in_json(self, text: str) -> "_Hidden | None":
        """Hide what is inside the values of a document that is text; it stays a document."""
        plain = self._hide_in_text(text)
        if not plain.kinds and "\\" not in text:
            return plain
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return None
        n = Counter[str]()
        masked = self._walk(document, n)
        if not n:
            return _Hidden(text, ())
        kinds = tuple(sorted(n.elements()))
        try:
            if json.loads(plain.text) == masked:
                return _Hidden(plain.text, kinds)  # as it was laid out
        except ValueError:
            pass
        return _Hidden(json.dumps(masked, ensure_ascii=False), kinds)

    def _find(self, text: str) -> Sequence[Found]:
        found = apart([*find_secrets(text)]) if self.secrets else []
        more = [*find_personal(text, self.personal)] if self.personal else []
        if self.detect is not None:
            more += _told(self.detect, text)
        # The password of an address, and what follows it, is no e-mail address.
        found += [one for one in apart(more) if not _is_inside(one, found)]
        if found and "data:" in text:
            files = [Found(*match.span(), "", "") for match in _INLINE_FILE.finditer(text)]
            found = [one for one in found if not _is_inside(one, files)]
        return sorted(found)

    def _placeholder(self, found: Found) -> str:
        if self.key is None and found.is_guessable:
            return f"[{found.kind}]"
        said = f"{found.kind}\x00{found.value}".encode(errors="surrogatepass")
        digest = hmac.digest(self.key or _PUBLIC_KEY, said, "sha256")
        letters = "".join(_LETTERS[byte & 15] for byte in digest[:_N_LETTERS])
        return f"[{found.kind}-{letters}]"


@dataclass(frozen=True, slots=True)
class _Hidden:
    text: str
    kinds: tuple[str, ...]
    """What was hidden; one for each place."""


_EVERYTHING = Masker(personal=frozenset(KINDS))


def found(texts: Iterable[str]) -> Counter[str]:
    """Count the secrets and personal data of some texts, by their kind; never the values.

    Example:
        >>> found(["Write to ann@example.org or bob@example.org."])
        Counter({'email': 2})
    """
    return _EVERYTHING.found(texts)


def shown(text: str) -> str:
    """Return a text as it may be shown, without the secrets and the personal data that are found.

    Placeholders only say what was there.

    Example:
        >>> shown("Write to ann@example.org.")
        'Write to [email].'
    """
    return _EVERYTHING.text(text)


def texts(entry: LogEntry) -> Iterator[str]:
    """Yield every text of a request and its answer."""
    yield from _texts(dict(entry.request.body))
    yield from _texts(dict(entry.metadata))
    yield from (text for text in (entry.user, entry.session) if text)
    if entry.response is not None:
        yield entry.response.text
        yield entry.response.detail or ""
        yield from (call.arguments for call in entry.response.tool_calls)


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _is_inside(one: Found, others: Sequence[Found]) -> bool:
    return any(one.start < other.end and other.start < one.end for other in others)


def _is_json(text: str) -> bool:
    edges = text.strip()
    return edges[:1] + edges[-1:] in ("{}", "[]")


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _told(detect: Detector, text: str) -> Iterator[Found]:
    """Yield what a detector of the user's finds.

    Raises:
        UsageError: it fails, or does not say what it should.
    """
    name = f"{detect.__module__}:{getattr(detect, '__qualname__', detect)}"
    try:
        for start, end, kind in detect(text):
            if not (0 <= start < end <= len(text) and _KIND.fullmatch(kind)):
                raise ValueError(  # noqa: TRY301
                    f"({start!r}, {end!r}, {kind!r}) given, must be a place in the text and what "
                    "is there, in lower-case letters"
                )
            yield Found(start, end, kind, text[start:end], is_guessable=True)
    except Exception as error:
        raise UsageError(f"privacy.detector: {name}: {error}; mend it, or remove it") from error

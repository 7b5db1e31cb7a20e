"""JSON as lines and as documents, to rows."""

import re
from collections.abc import Iterator
from io import BufferedReader

import msgspec

from parity_eval import codec
from parity_eval.errors import InputError
from parity_eval.lines import MOST_BYTES, PARQUET, TOO_LONG, ZIP, Place, numbered
from parity_eval.records import Reject, Row

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_SPACE = b" \t\r\n"
_CHUNK = 2**20
_LOOKED_AT = 20
"""Lines in which JSON Lines are looked for: the first may be damaged."""
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKEN = re.compile(_STRING + rb'|["{}\[\]]', re.DOTALL)
"""A whole string, a bracket, or the quote of a string that is not whole yet."""
_TO_BRACKET = re.compile(rb'(?:%b|[^"{}\[\]]++)*+([{}\[\]])' % _STRING, re.DOTALL)
"""Everything up to the next bracket that is in no string."""
_APART = re.compile(rb"[,\s]+")


def check(head: bytes, path: str) -> None:
    """Refuse what begins as no text in UTF-8 does.

    Raises:
        InputError: it is something else.
    """
    if head.startswith(_UTF_16) or b"\0" in head[:4]:
        raise InputError(f"{path}: is UTF-16 or binary; save it as UTF-8")
    if head.startswith((PARQUET, *ZIP)):
        raise InputError(f"{path}: is a packed Parquet file or ZIP archive; unpack it once")
    if head[257:262] == b"ustar":
        raise InputError(f"{path}: is a TAR archive; unpack it, and name the folder")


def is_document(start: bytes) -> bool:
    """Whether a text begins with JSON that is not one value per line."""
    text = start.lstrip(_SPACE)
    if text[:1] != b"{":
        return text[:1] == b"["
    first, _, rest = text.partition(b"\n")
    line = first.rstrip(_SPACE)
    if _parsed(line) is not None:
        return False
    following = rest.lstrip(_SPACE)[:1]
    if line.endswith((b"{", b",")) and following in (b'"', b"}"):
        return True  # pretty-printed
    if line.endswith(b"["):
        return True
    return _is_followed(line)


def is_lines(start: bytes) -> bool:
    """Whether a text has a line that is a JSON object, or begins as one."""
    lines = start.split(b"\n", _LOOKED_AT)[:_LOOKED_AT]
    if lines[0].lstrip(_SPACE).startswith(b"{") or _parsed(lines[0]) is not None:
        return True
    return any(isinstance(_parsed(line), dict) for line in lines)


def _parsed(line: bytes) -> object:
    """Return a value that a line is, in a list of one; None where it is none."""
    try:
        found = codec.parse(line.strip(_SPACE))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else [found]


def _is_followed(line: bytes) -> bool:
    """Whether a line has a whole value and then a comma or the next one."""
    depth = 0
    for token in _TOKEN.finditer(line):
        depth += _STEPS.get(token[0], 0)
        if depth == 0:
            first, rest = line[: token.end()], line[token.end() :].strip(_SPACE + b",")
            return _parsed(first) is not None and rest[:1] in (b"{", b"[", b"")
    return False


_STEPS = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}


def line_rows(stream: BufferedReader, path: str, place: Place) -> Iterator[Row | Reject]:
    """Yield the value of each line that is not blank."""
    parse = codec.parse
    for number, line in numbered(stream, place):
        if line is None:
            yield Reject(path=path, line=number, reason=TOO_LONG)
            continue
        try:
            yield Row(path=path, number=number, value=parse(line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            yield Reject(path=path, line=number, reason=f"not JSON: {error}")


def document_rows(stream: BufferedReader, path: str, place: Place) -> Iterator[Row | Reject]:
    """Yield the elements of an array, or the documents that follow each other, as rows.

    Raises:
        InputError: a document without an end, or an element that is too large.
    """
    for number, raw in enumerate(_values(stream, path, place), start=1):
        place.number = number
        try:
            yield Row(path=path, number=number, value=codec.parse(raw))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            yield Reject(path=path, line=number, reason=f"not JSON: {error}")


def _values(stream: BufferedReader, path: str, place: Place) -> Iterator[bytes]:
    """Yield the texts of the values, found by nothing but strings and brackets."""
    text = _Text(stream, path, place)
    is_array = False  # whose elements are the values
    depth = 0
    while (token := text.next_bracket() if depth else text.next_token()) is not None:
        step = _STEPS.get(token, 0)
        if depth:
            depth += step
            if depth == 0:
                yield text.taken()
            continue
        yield from _scalars(text.before())
        if token == (b"]" if is_array else b"["):
            is_array = not is_array
            text.taken()
        elif step > 0:
            depth = 1
        else:
            yield text.taken()
    yield from _scalars(b"" if depth else text.taken())
    if depth or is_array or text.is_torn:
        raise InputError(
            f"{path}: the JSON document breaks off, or has an unclosed text or bracket, after "
            f"{place.number} whole values; fetch the file again, or save one JSON object per line"
        )


class _Text:
    """Finds strings and brackets in a stream; holds no more than the value that they are in."""

    def __init__(self, stream: BufferedReader, path: str, place: Place) -> None:
        self._stream, self._path, self._place = stream, path, place
        self._buffer = b""
        self._kept = 0  # what lies before was taken
        self._begin = self._at = 0  # of the last token
        self.is_torn = False

    def next_token(self) -> bytes | None:
        """Return the next whole string or bracket; None at the end."""
        while True:
            token = _TOKEN.search(self._buffer, self._at)
            if token is not None and token[0] != b'"':
                self._begin, self._at = token.span()
                return token[0]
            if not self._read_on(len(self._buffer) if token is None else token.start()):
                self.is_torn = token is not None
                self._at = len(self._buffer)
                return None

    def next_bracket(self) -> bytes | None:
        """Return the next bracket; None at the end."""
        while True:
            found = _TO_BRACKET.match(self._buffer, self._at)
            if found is not None:
                self._begin, self._at = found.span(1)
                return found[1]
            if not self._read_on(self._at):
                return None

    def before(self) -> bytes:
        """Take what stands before the last token."""
        found = self._buffer[self._kept : self._begin]
        self._kept = self._begin
        return found

    def taken(self) -> bytes:
        """Take everything up to the end of the last token."""
        found = self._buffer[self._kept : self._at]
        self._kept = self._at
        return found

    def _read_on(self, looked_at: int) -> bool:
        n_held = len(self._buffer) - self._kept
        if n_held > MOST_BYTES:
            raise InputError(
                f"{self._path}: value {self._place.number + 1} of the document is larger than "
                f"{MOST_BYTES // 2**20} MiB; write what it lists one per line, e.g. "
                "jq -c '.data[]' FILE > FILE.jsonl"
            )
        # Ever larger pieces: a long string is looked at again from its beginning.
        more = self._stream.read(max(_CHUNK, n_held))
        self._buffer = self._buffer[self._kept :] + more
        self._at, self._kept = looked_at - self._kept, 0
        return bool(more)


def _scalars(gap: bytes) -> Iterator[bytes]:
    """Yield what stands between objects, lists and strings: numbers, words, damage."""
    yield from (part for part in _APART.split(gap) if part)

"""Pairs of OpenAI's APIs: requests and responses as they went over the wire, in an envelope."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from parity_eval.logged import anthropic, fields, pairs, responses
from parity_eval.logged.entries import read_each
from parity_eval.logged.streams import joined
from parity_eval.records import Fit, JsonValue, LogEntry, Reject, Row, Skipped

_ALSO = 0.9
_NEEDS = 3
"""Request, response, and what only one API has: more than the canonical log needs."""


class OpenAIPairs:
    """Read `{"request": ..., "response": ...}` of chat completions or of the Responses API.

    Responses may be objects, text, or the chunks of a stream. Of several choices (`n > 1`) the
    first counts.
    """

    name: ClassVar[str] = "openai_pairs"
    title: ClassVar[str] = "OpenAI requests with responses"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits."""
        request = pairs.asked(row)
        if request is None:
            fit = fields.fit(row, "request|input|body", "response|output|completion")
            return Fit(score=min(fit.score, 0.5), why=f"{fit.why}; no request with messages")
        if mark := pairs.foreign(row):
            return Fit(score=0.5, why=f"`{mark}` is of another tool's export")
        if anthropic.is_request(request) or anthropic.is_response(joined(pairs.given(row))):
            return Fit(score=0.5, why="the bodies are of Anthropic's API")
        why = "has a request in the shape of OpenAI's"
        if responses.is_request(request):
            return Fit(score=1.0, why=why, needs=_NEEDS)
        # A chat request with an id is what the canonical log has.
        has_id = isinstance(row, dict) and "id" in row
        return Fit(score=_ALSO if has_id else 1.0, why=why)

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each pair as an entry or a reject."""
        return read_each(rows, pairs.canonical, self.name)

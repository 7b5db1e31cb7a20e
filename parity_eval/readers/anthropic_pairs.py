"""Pairs of Anthropic's Messages API, as they went over the wire, in an envelope."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from parity_eval.logged import anthropic, fields, pairs
from parity_eval.logged.entries import read_each
from parity_eval.logged.streams import joined
from parity_eval.records import Fit, JsonValue, LogEntry, Reject, Row, Skipped

_NEEDS = 3
"""Request, response, and what only this API has: more than the canonical log needs."""


class AnthropicPairs:
    """Read `{"request": ..., "response": ...}` of Messages.

    A request that ends with words of the model (a prefill) cannot be sent again: most models do
    not go on from there, and the logged answer lacks its beginning.
    """

    name: ClassVar[str] = "anthropic_pairs"
    title: ClassVar[str] = "Anthropic requests with responses"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits."""
        request, response = pairs.asked(row), joined(pairs.given(row))
        if request is None:
            fit = fields.fit(row, "request|input|body", "response|output|completion")
            return Fit(score=min(fit.score, 0.5), why=f"{fit.why}; no request with messages")
        if mark := pairs.foreign(row):
            return Fit(score=0.5, why=f"`{mark}` is of another tool's export")
        if anthropic.is_request(request) or anthropic.is_response(response):
            why = "has a request and a response in the shape of Anthropic's"
            return Fit(score=1.0, why=why, needs=_NEEDS)
        return Fit(score=0.5, why="has nothing that only Anthropic's API has")

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each pair as an entry or a reject."""
        return read_each(rows, pairs.canonical, self.name)

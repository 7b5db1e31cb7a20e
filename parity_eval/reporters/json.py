"""The summary of a run as canonical JSON."""

import math
import re
from typing import ClassVar

import msgspec

from parity_eval.errors import ParityError
from parity_eval.records import JsonValue
from parity_eval.summary import PairView, RunSummary

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Json:
    """Writes the summary, sorted and indented; equal summaries give equal text."""

    name: ClassVar[str] = "json"
    version: ClassVar[str] = "1"

    def render(self, summary: RunSummary, pairs: tuple[PairView, ...]) -> str:  # noqa: ARG002
        """Return the summary as JSON; the pairs stay in the run folder.

        Raises:
            ParityError: a number that is not finite; JSON has no word for it.
        """
        plain = _writable(msgspec.to_builtins(summary))
        data = msgspec.json.encode(plain, order="sorted")
        return msgspec.json.format(data, indent=2).decode() + "\n"


def _writable(value: JsonValue) -> JsonValue:
    """Refuse what msgspec would write as null without a word; mend text that has no UTF-8."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ParityError(f"{value} cannot be written as JSON")
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {str(_writable(key)): _writable(item) for key, item in value.items()}
    # msgspec leaves tuples as they are.
    return [_writable(item) for item in value] if isinstance(value, (list, tuple)) else value

"""Which lines of a log a study is about: a span of time, and what their fields say."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from parity_eval import tasks
from parity_eval.records import LogEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The lines that count; all of them, unless something is given."""

    since: str | None = None
    """First second that counts: UTC, ISO 8601."""
    until: str | None = None
    """First second that does not count any more: UTC, ISO 8601."""
    where: Mapping[str, str] = field(default_factory=dict)
    """Field, as `tasks.field_values` knows it, to a glob that one of its values must fit."""

    def why_not(self, entry: LogEntry) -> str | None:
        """Say why a line does not count; None where it does."""
        if self.since is not None or self.until is not None:
            # Both are in whole seconds of UTC, so that texts compare as times do.
            when = entry.timestamp
            if when is None:
                return "no time, where `log.since` or `log.until` is set"
            if self.since is not None and when < self.since:
                return f"before {self.since} (log.since)"
            if self.until is not None and when >= self.until:
                return f"not before {self.until} (log.until)"
        for name, pattern in self.where.items():
            if not tasks.matches(entry, {name: pattern}):
                return f"{name} is not {pattern} (log.where)"
        return None

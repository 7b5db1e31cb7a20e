"""What is counted in a log, beside tokens: reasons, users with their sessions, names, files."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil

from parity_eval.census import FileCensus, Named, People, Reason
from parity_eval.records import LogEntry
from parity_eval.smallest import Smallest, key_of

N_USERS = 20_000
N_SESSIONS = 100_000
_MOST_REASONS = 200
_MOST_NAMES = 2_000
_MOST_FILES = 1_000
_LONGEST = 300
_OTHERS = "(others)"
_VARIES = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`(?=\S)|\d+")


class Reasons:
    """Counts why rows are not used; reasons that differ in numbers and quoted texts are one."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[str, int, str]] = {}

    def add(self, reason: str, path: str, line: int) -> None:
        """Count one row."""
        reason = reason.partition("\n")[0][:_LONGEST]
        like = _VARIES.sub("#", reason)
        if like not in self._found and len(self._found) >= _MOST_REASONS:
            like = reason = _OTHERS
        first, n, place = self._found.get(like, (reason, 0, f"{path}:{line}"))
        self._found[like] = (first, n + 1, place)

    @property
    def n(self) -> int:
        """Rows in all."""
        return sum(n for _, n, _ in self._found.values())

    def listed(self) -> tuple[Reason, ...]:
        """Return them, the commonest first."""
        found = sorted(self._found.values(), key=lambda one: (-one[1], one[0]))
        return tuple(
            Reason(reason=clean(text), n=n, first=clean(first)) for text, n, first in found
        )


class Names:
    """Counts names; of more than there is room for, the later ones together."""

    def __init__(self) -> None:
        self._found: Counter[str] = Counter()

    def add(self, names: Iterable[str]) -> None:
        """Count each name of one request once."""
        for name in set(names):
            is_known = name in self._found or len(self._found) < _MOST_NAMES
            self._found[name[:_LONGEST] if is_known else _OTHERS] += 1

    def listed(self) -> tuple[Named, ...]:
        """Return them, the commonest first."""
        return named(self._found)


def clean(text: str) -> str:
    """Return a text that a file can hold: lone surrogates become question marks."""
    return text.encode("utf-8", "replace").decode()


def named(counts: Counter[str]) -> tuple[Named, ...]:
    """Return counts, the largest first."""
    found = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return tuple(Named(name=clean(name), n=n) for name, n in found)


@dataclass(slots=True)
class _File:
    format: str
    title: str
    n_requests: int = 0
    n_skipped: int = 0
    n_rejected: int = 0


class Files:
    """Counts the rows of each file; of the files beyond those that are listed, nothing is kept."""

    def __init__(self) -> None:
        self._found: dict[str, _File] = {}

    def open(self, path: str, form: str, title: str) -> None:
        """Hear of a file before it is read."""
        if len(self._found) < _MOST_FILES:
            self._found.setdefault(path, _File(form, title))

    def at(self, path: str) -> _File:
        """Return the counts of a file, to be added to."""
        return self._found.get(path) or _File("", "")

    def listed(self) -> tuple[FileCensus, ...]:
        """Return them in the order in which they were opened."""
        return tuple(
            FileCensus(
                path=clean(path),
                format=file.format,
                title=file.title,
                n_requests=file.n_requests,
                n_skipped=file.n_skipped,
                n_rejected=file.n_rejected,
            )
            for path, file in self._found.items()
        )


@dataclass(slots=True)
class _User:
    n: int = 0
    usd: float = 0.0
    has_session: bool = False


@dataclass(slots=True)
class Crowd:
    """Counts users, what they spend, and their sessions."""

    n: int = 0
    _users: Smallest[_User] = field(default_factory=lambda: Smallest(N_USERS))
    _sessions: Smallest[bool] = field(default_factory=lambda: Smallest(N_SESSIONS))
    _pairs: Smallest[bool] = field(default_factory=lambda: Smallest(N_SESSIONS))

    def add(self, entry: LogEntry, usd: float) -> None:
        """Count one request."""
        if entry.session:
            _keep(self._sessions, entry.session)
        if not entry.user:
            return
        self.n += 1
        key = key_of(entry.user)
        if self._users.admits(key):
            user = self._users.values.setdefault(key, _User())
            user.n += 1
            user.usd += usd
            user.has_session = user.has_session or bool(entry.session)
        if entry.session:
            _keep(self._pairs, f"{entry.user}\x00{entry.session}")

    def people(self) -> People | None:
        """Return what is known of them; None where nobody is named."""
        users = list(self._users.values.values())
        n_sessions = self._sessions.n_distinct
        if not users and not n_sessions:
            return None
        spent = [user.usd for user in users]
        has_spend = any(spent)
        amounts = sorted(spent if has_spend else [user.n for user in users], reverse=True)
        n_with = sum(user.has_session for user in users) / self._users.share
        return People(
            n_users=self._users.n_distinct,
            is_estimated=not (self._users.is_whole and self._sessions.is_whole),
            n_requests=self.n,
            top_tenth_share=(
                round(sum(amounts[: ceil(len(amounts) / 10)]) / sum(amounts), 9)
                if amounts
                else None
            ),
            measure="spend" if has_spend else "requests",
            n_sessions=n_sessions,
            sessions_per_user=round(self._pairs.n_distinct / n_with, 9) if n_with else None,
        )


def _keep(into: Smallest[bool], text: str) -> None:
    key = key_of(text)
    if into.admits(key):
        into.values[key] = True

"""One tree of errors; each knows the exit code that the command line ends with.

    ParityError                4  a defect of our own
    ├── UsageError             2  bad option, configuration or input
    │   ├── ConfigError        2  ... in parity.yaml or the flags
    │   └── InputError         2  ... in a log, recording, table or schema
    ├── IncompleteError        3  the run could not get on; it can be resumed
    └── GateError              1  a gate failed

Budget spent, a log at its end and futility are results, not errors.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar


class ParityError(Exception):
    """Something went wrong; the message says what, where and what to do."""

    exit_code: ClassVar[int] = 4


class UsageError(ParityError):
    """A bad option, configuration or input."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration that cannot be run."""


class InputError(UsageError):
    """A file that cannot be used."""


class IncompleteError(ParityError):
    """The run could not get on; the same command resumes it."""

    exit_code = 3


class GateError(ParityError):
    """A gate that the user asked for failed."""

    exit_code = 1


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the known word nearest to a wrong one, or all of them.

    Example:
        >>> nearest("modle", ["model", "path"])
        "did you mean 'model'?"
    """
    words = sorted(known)
    close = get_close_matches(name, words, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(words)}"

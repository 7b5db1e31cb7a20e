"""Discovered tasks to the part of a configuration that finds them."""

import re
from collections.abc import Mapping, Sequence

import yaml

from parity_eval.discovery import Discovered

_SHOWN = 100


def suggest_yaml(found: Sequence[Discovered]) -> str:
    r"""Return the `tasks:` block of a configuration, with what is known of each task as comments.

    Kinds are guesses from answers that will be tested, so they stay comments: a run makes its own
    guess from requests that it does not certify on.

    Args:
        found: The tasks.

    Example:
        >>> suggest_yaml([])
        'tasks: {}\n'
    """
    if not found:
        return "tasks: {}\n"
    return "tasks:\n" + "\n".join(_task(task) for task in found)


def _task(task: Discovered) -> str:
    about = [
        f"{task.n:,} requests ({task.share:.1%}): {task.why}",
        f"kind, if you don't set it: {task.kind} ({task.why_kind})",
        f"for example {', '.join(task.examples)}",
        *(f"could be parted further by {split}" for split in task.splits),
    ]
    lines = [f"  # {_line(text)}\n" for text in about]
    return f"{''.join(lines)}  {_quoted(task.name)}: {{match: {_mapping(task.match)}}}\n"


def _mapping(match: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{_quoted(key)}: {_quoted(glob)}" for key, glob in match.items()) + "}"


def _quoted(text: str) -> str:
    """Return a text as YAML that any reader takes for just this text."""
    # Words may mean something else, as no and null do, and so may numbers.
    if re.fullmatch(r"[A-Za-z][A-Za-z._-]*[A-Za-z]", text) and yaml.safe_load(text) == text:
        return text
    dumped: str = yaml.dump(
        text, default_style='"', allow_unicode=True, width=float("inf"), Dumper=yaml.SafeDumper
    )
    # What acts unseen, such as a sign that turns text round, must not hide what is pasted.
    return "".join(
        char if char.isprintable() else f"\\U{ord(char):08X}" for char in dumped.rstrip("\n")
    )


def _line(text: str) -> str:
    """Return a text that cannot leave its comment."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return shown if len(shown) <= _SHOWN * 3 else shown[: _SHOWN * 3] + "..."

"""Short, readable names for tasks, from the texts that they are known by."""

import re
from collections.abc import Iterable

_WORDS = 4
_LENGTH = 40
_OWN_LENGTH = 80
_DULL = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by can do does each exactly following for from given here i if in "
        "into is it its me my no not of on one only or our please she that the their them then "
        "this to us use using was we what which will with would you your must should below above "
        "based task instruction instructions assistant helpful ai bot der die das ein eine und "
        "ist sie bitte",
    )
)
"""Words that tell no task from another."""


def own_or_unique(own: str, texts: Iterable[str], taken: set[str]) -> str:
    """Return the name that a log gives, where one can print it and it is free; else a new one."""
    if own and own.isprintable() and len(own) <= _OWN_LENGTH and own not in taken:
        taken.add(own)
        return own
    return unique(texts, taken)


def unique(texts: Iterable[str], taken: set[str]) -> str:
    """Return a name that no other task has, and take it.

    Args:
        texts: What it may be made from, best first.
        taken: Names that are gone.

    Example:
        >>> unique(["You are a banking assistant. Be brief."], {"other"})
        'banking'
    """
    slugs = [found for text in texts if (found := slug(text))] or ["task"]
    name = next((found for found in slugs if found not in taken), None)
    if name is None:
        n = 2
        while f"{slugs[0]}-{n}" in taken:
            n += 1
        name = f"{slugs[0]}-{n}"
    taken.add(name)
    return name


def slug(text: str) -> str:
    """Return the telling words of a text in small letters; empty where it has no words."""
    text = re.sub(r"([a-z])([A-Z])", r"\1 \2", text).casefold()
    role = re.match(r"\s*you are (?:an? |the )?([^.,:;\n]+)", text)
    for part in (role[1] if role else text, text):
        words = re.findall(r"[^\W_]+", part)
        found = [word for word in words if word not in _DULL and not word.isdigit()]
        if found:
            return "-".join(found[:_WORDS])[:_LENGTH].strip("-")
    return "-".join(re.findall(r"[^\W_]+", text)[:_WORDS])[:_LENGTH].strip("-")

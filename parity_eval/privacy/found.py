"""What a detector says: where in a text something stands that others must not see."""

from typing import NamedTuple


class Found(NamedTuple):
    """A part of a text."""

    start: int
    end: int
    """0-based, exclusive."""
    kind: str
    """What it is: lower-case letters, and `-` between words."""
    value: str
    """What makes it the same as another: spelt in the same way wherever it stands."""
    is_guessable: bool = False
    """Whether there are so few such values, or so weak ones, that somebody could try them all."""


def apart(found: list[Found]) -> list[Found]:
    """Return parts that do not overlap, in order: of those that do, the one that begins first."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
        elif one.end > kept[-1].end:
            # What two detectors see in part is hidden whole.
            kept[-1] = kept[-1]._replace(end=one.end, value=kept[-1].value + one.value)
    return kept

"""The values that the text modules hand over: a prompt and what a right answer to it is."""

from collections.abc import Callable
from dataclasses import dataclass

from tidebox.draw import Draw

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A right answer that is one label."""

    right: str
    """The label."""
    wrong: tuple[str, ...]
    """Labels that a weaker model might give instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """A right answer that is a JSON object."""

    right: Json
    """The object."""
    wrong: tuple[Json, ...]
    """Objects that satisfy the schema and misread the invoice in one place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One thing that a text has to say."""

    right: tuple[str, ...]
    """Ways to say it."""
    wrong: tuple[str, ...]
    """The same with a wrong fact; empty where the point states none."""
    is_essential: bool
    """Whether an answer without this point is worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prose:
    """A right answer in free text: all its points, each in any wording."""

    points: tuple[Point, ...]
    """What has to be said, in order."""
    joint: str
    """What stands between two points."""


Content = Label | Invoice | Prose


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request of a task, before it is dressed as a log line."""

    prompt: str
    """The user message."""
    content: Content
    """What a right answer is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """How the requests of one task are written."""

    task: str
    """Name of the task."""
    prefix: str
    """Start of its request ids."""
    kind: str
    """Kind of task."""
    system: str
    """The system message."""
    temperature: float
    """Sampling temperature that the product asks for."""
    max_tokens: int
    """Longest answer that the product asks for."""
    response_format: Json | None
    """The format that the request itself asks for."""
    write: Callable[[Draw, str], Case]
    """Writes one case for a shop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A template of prose cases: the parts of a request and the points of its answer.

    Both are texts over slots: names in braces. Each is given in several wordings.
    """

    slots: dict[str, tuple[str, ...]]
    """Values of each slot of this scene; any of them may be misread in a wrong answer."""
    parts: tuple[tuple[str, ...], ...]
    """Parts of the request, in order."""
    points: tuple[tuple[str, ...], ...]
    """Points of the answer, in order."""
    optional: tuple[int, ...] = ()
    """Positions of points that an answer may leave out without being worse."""


def fill(scene: Scene, common: dict[str, str], draw: Draw) -> tuple[list[str], tuple[Point, ...]]:
    """Draw the slots of a scene and write its request and its answer.

    Args:
        scene: The template.
        common: Slots drawn elsewhere (customer, product, order number).
        draw: Where the draws come from.

    Returns:
        The parts of the request, and the points of a right answer.
    """
    slots = common | {name: draw.pick(values) for name, values in scene.slots.items()}
    parts = [draw.pick(wordings).format(**slots) for wordings in scene.parts]
    points = tuple(
        Point(
            right=tuple(wording.format(**slots) for wording in wordings),
            wrong=_with_wrong_fact(scene, slots, wordings, draw),
            is_essential=position not in scene.optional,
        )
        for position, wordings in enumerate(scene.points)
    )
    return parts, points


def _with_wrong_fact(
    scene: Scene, slots: dict[str, str], wordings: tuple[str, ...], draw: Draw
) -> tuple[str, ...]:
    stated = [name for name in scene.slots if all(f"{{{name}}}" in each for each in wordings)]
    if not stated:
        return ()
    name = draw.pick(stated)
    others = [value for value in scene.slots[name] if value != slots[name]]
    misread = slots | {name: draw.pick(others)}
    return tuple(wording.format(**misread) for wording in wordings)

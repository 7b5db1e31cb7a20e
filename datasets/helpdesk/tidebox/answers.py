"""What a model answers when it is right, and when it is wrong."""

import json
from dataclasses import dataclass
from typing import Literal, assert_never

from tidebox.cases import Content, Invoice, Json, Label, Prose
from tidebox.draw import Draw

Flaw = Literal["wrong", "missing_point", "refusal", "empty", "cut_off", "broken"]

REFUSALS = (
    "I'm sorry, but I can't help with that.",
    "I am not able to assist with this request.",
    "I can't answer that. Please contact the shop directly.",
)

TRAILERS = (
    "\nLet me know if you need anything else!",
    "\n\nNote: the total includes delivery and tax.",
    "\nI hope this helps.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer of a model."""

    text: str
    """What it wrote."""
    flaw: Flaw | None = None
    """What is wrong with it; None where it is right."""

    @property
    def finish_reason(self) -> str:
        """Why the model stopped."""
        return "length" if self.flaw == "cut_off" else "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """The habits of one model."""

    label_styles: tuple[tuple[str, float], ...]
    """How it writes a label, with weights."""
    json_styles: tuple[tuple[str, float], ...]
    """How it lays out JSON, with weights."""
    label_flaws: tuple[tuple[Flaw, float], ...]
    """How its labels go wrong, with weights."""
    json_flaws: tuple[tuple[Flaw, float], ...]
    """How its JSON goes wrong, with weights."""
    prose_flaws: tuple[tuple[Flaw, float], ...]
    """How its texts go wrong, with weights."""


MANNERS: dict[str, Manner] = {
    "atlas-large": Manner(
        label_styles=(("plain", 1.0),),
        json_styles=(("plain", 1.0),),
        label_flaws=(("wrong", 1.0),),
        json_flaws=(("wrong", 1.0),),
        prose_flaws=(("wrong", 1.0),),
    ),
    "atlas-mini": Manner(
        label_styles=(("plain", 0.94), ("full_stop", 0.04), ("capital", 0.02)),
        json_styles=(("plain", 0.4), ("fenced", 0.25), ("indented", 0.15), ("reordered", 0.2)),
        label_flaws=(("wrong", 1.0),),
        json_flaws=(("wrong", 1.0),),
        prose_flaws=(
            ("wrong", 0.45), ("missing_point", 0.45), ("refusal", 0.03), ("empty", 0.02),
            ("cut_off", 0.05),
        ),
    ),
    "birch-7b": Manner(
        label_styles=(("plain", 0.8), ("full_stop", 0.12), ("capital", 0.05), ("spaced", 0.03)),
        json_styles=(("compact", 0.7), ("indented", 0.3)),
        label_flaws=(("wrong", 0.92), ("refusal", 0.05), ("empty", 0.03)),
        json_flaws=(("broken", 0.85), ("cut_off", 0.15)),
        prose_flaws=(
            ("wrong", 0.5), ("missing_point", 0.25), ("refusal", 0.15), ("empty", 0.02),
            ("cut_off", 0.08),
        ),
    ),
    "swift-lite": Manner(
        label_styles=(("plain", 0.86), ("capital", 0.08), ("upper", 0.04), ("spaced", 0.02)),
        json_styles=(("plain", 0.3), ("reordered", 0.4), ("indented", 0.3)),
        label_flaws=(("wrong", 0.97), ("empty", 0.03)),
        json_flaws=(("wrong", 1.0),),
        prose_flaws=(
            ("wrong", 0.35), ("missing_point", 0.4), ("refusal", 0.05), ("empty", 0.05),
            ("cut_off", 0.15),
        ),
    ),
}  # fmt: skip


def right_answer(content: Content, manner: Manner, draw: Draw) -> Answer:
    """Write a right answer in a model's manner.

    Args:
        content: What a right answer is.
        manner: The model's habits.
        draw: Where the draws come from.

    Returns:
        An answer without a flaw.
    """
    match content:
        case Label():
            return Answer(text=_style_label(content.right, draw.weighted(manner.label_styles)))
        case Invoice():
            return Answer(text=_style_json(content.right, draw.weighted(manner.json_styles)))
        case Prose():
            return Answer(text=_say(content, draw))
        case _:
            assert_never(content)


def wrong_answer(content: Content, manner: Manner, draw: Draw) -> Answer:
    """Write a wrong answer in a model's manner.

    Args:
        content: What a right answer is.
        manner: The model's habits.
        draw: Where the draws come from.

    Returns:
        An answer with a flaw, never at parity with a right one.
    """
    match content:
        case Label():
            return _wrong_label(content, manner, draw)
        case Invoice():
            return _wrong_json(content, manner, draw)
        case Prose():
            return _wrong_prose(content, manner, draw)
        case _:
            assert_never(content)


def _wrong_label(content: Label, manner: Manner, draw: Draw) -> Answer:
    flaw = draw.weighted(manner.label_flaws)
    if flaw == "wrong":
        style = draw.weighted(manner.label_styles)
        return Answer(text=_style_label(draw.pick(content.wrong), style), flaw=flaw)
    return Answer(text=draw.pick(REFUSALS) if flaw == "refusal" else "", flaw=flaw)


def _wrong_json(content: Invoice, manner: Manner, draw: Draw) -> Answer:
    flaw = draw.weighted(manner.json_flaws)
    style = draw.weighted(manner.json_styles)
    if flaw == "wrong":
        return Answer(text=_style_json(draw.pick(content.wrong), style), flaw=flaw)
    text = _style_json(content.right, style)
    if flaw == "cut_off":
        return Answer(text=_cut(text, draw), flaw=flaw)
    return Answer(text=_broken(content.right, text, style, draw), flaw=flaw)


def _wrong_prose(content: Prose, manner: Manner, draw: Draw) -> Answer:
    flaw = draw.weighted(manner.prose_flaws)
    match flaw:
        case "wrong":
            stated = [at for at, point in enumerate(content.points) if point.wrong]
            return Answer(text=_say(content, draw, misread=draw.pick(stated)), flaw=flaw)
        case "missing_point":
            needed = [at for at, point in enumerate(content.points) if point.is_essential]
            return Answer(text=_say(content, draw, skipped=draw.pick(needed)), flaw=flaw)
        case "cut_off":
            return Answer(text=_cut(_say(content, draw), draw), flaw=flaw)
        case _:
            return Answer(text=draw.pick(REFUSALS) if flaw == "refusal" else "", flaw=flaw)


def _say(
    content: Prose, draw: Draw, *, misread: int | None = None, skipped: int | None = None
) -> str:
    said = [
        draw.pick(point.wrong if at == misread else point.right)
        for at, point in enumerate(content.points)
        if at != skipped
    ]
    return content.joint.join(said)


def _cut(text: str, draw: Draw) -> str:
    """Cut a text between a third and three quarters of its length."""
    return text[: len(text) * draw.number(33, 75) // 100]


def _style_label(label: str, style: str) -> str:
    match style:
        case "full_stop":
            return f"{label}."
        case "capital":
            return label.capitalize()
        case "upper":
            return label.upper()
        case "spaced":
            return f" {label}\n"
        case _:
            return label


def _style_json(value: Json, style: str) -> str:
    match style:
        case "fenced":
            return f"```json\n{json.dumps(value, indent=2)}\n```"
        case "indented":
            return json.dumps(value, indent=2)
        case "compact":
            return json.dumps(value, separators=(",", ":"))
        case "reordered":
            return json.dumps(value, sort_keys=True)
        case _:
            return json.dumps(value)


def _broken(right: Json, text: str, style: str, draw: Draw) -> str:
    """Break the JSON itself or the schema that the request asked for."""
    missing = draw.pick(("currency", "date", "invoice_number", "total"))
    return draw.pick(
        (
            text + draw.pick(TRAILERS),
            text[:-1],
            _style_json({key: each for key, each in right.items() if key != missing}, style),
            _style_json(right | {"total": f"{right['total']} {right['currency']}"}, style),
        )
    )

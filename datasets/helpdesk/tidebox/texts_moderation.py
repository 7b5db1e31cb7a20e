"""Moderation: a comment for a shop's page, answered with allow or block."""

from tidebox.cases import Case, Label, Writer
from tidebox.draw import Draw
from tidebox.texts_shop import common_slots

BLOCK_RATE = 0.25

ALLOWED = (
    "The {product} is lovely, and it came two days early.",
    "Not what I hoped for: the {product} feels cheap for the price.",
    "Third {product} that I have bought here. The {colour} one is still my favourite.",
    "Delivery by {carrier} was slow, {days} days in all, but the {product} made up for it.",
    "Honestly disappointing. The {product} looked much bigger in the photo.",
    "My neighbour in {city} asked where I got the {product}. I told her.",
    "Does anyone know whether the {product} goes with the {other}?",
    "The {other} is fine, the {product} is not. Two stars.",
    "I was wrong in my first review: the {product} only needed a careful reading of the leaflet.",
    "Bought on {weekday}, arrived within {days} days, used every day since. Well done, {shop}.",
    "The smell of the box was terrible, the {product} itself is good.",
    "Awful service on {weekday}, good service the week after. Make up your mind.",
    "The {colour} is paler than on the screen, still a nice {product}.",
    "I return here every autumn for a {product}. Please never stop making it.",
    "Too expensive now. It used to be worth it; at this price I would rather have a {other}.",
    "A gift for my father, who is hard to please. He uses the {product} all the time.",
    "The {product} broke after {days} days and was replaced without any fuss.",
    "Packaging could be better, the {product} could not.",
    "I would have given five stars if the {product} came in {colour}.",
    "Instructions are missing. It took me an evening to work out the {product}.",
)

BLOCKED = (
    "Whoever packed my {product} is a brainless clown and should be ashamed.",
    "You are all idiots, from the owner of {shop} down to the last one at {carrier}.",
    "Earn {days}00 a week from your sofa! Write to jobs{days}@example.com and ask for {name}.",
    "Forget this {product}, get the same at half price on www.example.com/deal{days} with {code}.",
    "Call me about the {product}: {name}, 555-01{days2}, any evening in {city}.",
    "{name} who works at {shop} lives at {days} Mill Road in {city}, go and complain there.",
    "This {product} cured my arthritis in {days} days, throw your pills away.",
    "Visit www.example.net/{code} for free followers, free vouchers and a free {other}!!!",
    "People from {city} are too stupid to use a {product}, that is all.",
    "I sell used {other} boxes, message {name} at {name}{days}@example.org, cash only.",
    "The {product} heals a cold within {days} hours; doctors do not want you to know.",
    "What kind of moron paints a {product} {colour}? You, apparently, you useless lump.",
)

OPENERS = (
    "", "", "", "Well. ", "Hello all, ", "Update: ", "Short version: ", "After {days} days: ",
    "From {city}: ", "Review of my {weekday} order: ", "Hm. ", "Second try: ",
)  # fmt: skip

ENDINGS = (
    "", "", "", " That is all.", " Thanks for reading.", " {name}", " Just saying.",
    " See you in {city}.", " More next {weekday}.", " Sent from my phone.",
)  # fmt: skip


def _write(draw: Draw, shop: str) -> Case:
    is_blocked = draw.happens(BLOCK_RATE)
    text = draw.pick(OPENERS) + draw.pick(BLOCKED if is_blocked else ALLOWED) + draw.pick(ENDINGS)
    slots = common_slots(draw, shop) | {"days2": str(draw.number(10, 99))}
    right, wrong = ("block", "allow") if is_blocked else ("allow", "block")
    return Case(prompt=text.format(**slots), content=Label(right=right, wrong=(wrong,)))


WRITER = Writer(
    task="moderation",
    prefix="mod",
    kind="moderation",
    system=(
        "You check comments before they appear on the page of a small online shop. Block insults, "
        "advertising, links, contact details of people, and health claims. Allow everything else, "
        "harsh criticism included. Answer with allow or block and nothing else."
    ),
    temperature=0.0,
    max_tokens=4,
    response_format=None,
    write=_write,
)

"""Ticket triage: a customer's message, answered with one of eight labels."""

from tidebox.cases import Case, Label, Writer
from tidebox.draw import Draw
from tidebox.texts_shop import common_slots

CORES: dict[str, tuple[str, ...]] = {
    "shipping_delay": (
        "The {product} was due on {weekday} and it still is not here. The order is {order}.",
        "Tracking for {order} has not moved in {days} days. Is the parcel lost at {carrier}?",
        "I ordered a {product} {days} days ago. When will it arrive in {city}?",
        "{carrier} says the parcel left the depot on {weekday}, but nobody has delivered it.",
        "Order {order} was supposed to take two days and we are now at day {days}.",
        (
            "Could you find out where my {product} is? The tracking page has shown the same line "
            "since {weekday}."
        ),
        "I need the {product} by {weekday} and the parcel is still somewhere near {city}.",
    ),
    "wrong_item": (
        "I asked for a {product} and got a {other}.",
        "The {product} in my parcel is {colour}; that is not the colour that I ordered.",
        "You sent me someone else's order. The slip says {order} but the box holds a {other}.",
        "My order {order} came with one {other} too many and no {product} at all.",
        "I think two parcels were swapped: I received a {other} that I never bought.",
        "The box is labelled {product}, but inside is a {other}.",
        "For the second time the {other} came where the {product} should have been.",
    ),
    "damaged_item": (
        "The {product} arrived with a crack along one side.",
        "When I opened the parcel from {carrier}, the {product} was in pieces.",
        "The {colour} {product} from order {order} has a dent and a deep scratch.",
        "Half of the {product} was soaked; the box must have stood in the rain in {city}.",
        "The {product} broke on first use, {days} days after it came.",
        "The corner of the {product} is crushed and the packaging was torn open.",
        "Something leaked in the parcel and the {product} is stained beyond use.",
    ),
    "return_request": (
        "I would like to send the {product} back; it does not suit the room.",
        "How do I return the {product} from order {order}? It has not been used.",
        "The {colour} {product} is too small for us. Please send me a return label.",
        (
            "I changed my mind about the {product} and want to return it within the {days} days "
            "that are left."
        ),
        "My sister already has the same {product}, so I want to give mine back to the shop.",
        "Please tell me which address in {city} I should use to return the {product}.",
        "Can I bring the {product} back although I bought it online on {weekday}?",
    ),
    "refund_status": (
        "I returned the {product} {days} days ago and the money has not come back.",
        "You confirmed the refund for {order} on {weekday}. My bank shows nothing.",
        "How long does a refund take? The {product} reached you {days} days ago.",
        "The refund for {order} is short: you paid back only part of the price.",
        "When will I see the money for the cancelled {product}?",
        "Your last mail said that the refund was on its way. That was {days} days ago.",
        "I was refunded for the {other} but not for the {product}; both went back on {weekday}.",
    ),
    "product_question": (
        "Is the {product} also sold in {colour}?",
        "Can the {product} be used outdoors in winter, and how do I clean it?",
        "What are the exact measurements of the {product}?",
        "Does the {other} fit together with the {product}?",
        "Where is the {product} made, and what is it made of?",
        "Will the {colour} {product} be in stock again before {weekday}?",
        "Is the {product} suitable as a present for a child of {days}?",
    ),
    "discount_code": (
        "The code {code} is refused at checkout although it should be valid until {weekday}.",
        "I forgot to enter {code} when I bought the {product}. Can you still take it off?",
        "Does {code} also work for the {product}, or only for the full price range?",
        "The shop says that {code} was already used, but this is my first order.",
        "I signed up for the newsletter {days} days ago and never received the promised code.",
        "Two codes, {code} and the one on my card: can they be combined for a {product}?",
        "With {code} the basket shows the same price as before.",
    ),
    "account_access": (
        "I cannot log in any more; the reset mail never arrives.",
        "My account is locked after {days} attempts. Please open it again.",
        "I want to change the mail address of my account and the page will not let me.",
        "The login page keeps asking for a code that my old phone used to show.",
        "Please delete my customer account and everything stored with it.",
        "After the update on {weekday} my password is no longer accepted.",
        "I have two accounts under the name {name}; can you merge them?",
    ),
}

CONFUSED: dict[str, tuple[str, ...]] = {
    "shipping_delay": ("refund_status", "wrong_item", "product_question"),
    "wrong_item": ("damaged_item", "return_request", "shipping_delay"),
    "damaged_item": ("wrong_item", "return_request", "refund_status"),
    "return_request": ("refund_status", "product_question", "damaged_item"),
    "refund_status": ("return_request", "shipping_delay", "discount_code"),
    "product_question": ("discount_code", "shipping_delay", "return_request"),
    "discount_code": ("refund_status", "account_access", "product_question"),
    "account_access": ("discount_code", "product_question", "shipping_delay"),
}

OPENERS = (
    "Hello,", "Hi there,", "Good morning,", "Dear team,", "Hello {shop},", "Hi,",
    "Good evening,", "To whom it may concern,", "Hey,", "Dear {shop} team,",
)  # fmt: skip

DETAILS = (
    "It was meant as a birthday present.",
    "I have shopped with you for years.",
    "I already wrote on {weekday} and got no reply.",
    "I can send photos if that helps.",
    "My phone number is in the order.",
    "I live in {city}, in case that matters.",
    "Please do not call; mail is better for me.",
    "The rest of the order was fine.",
    "I am away from {weekday} on.",
    "It is not very urgent, but I would like to know.",
    "",
    "",
)

CLOSERS = (
    "Thanks, {name}", "Best wishes, {name}", "Kind regards, {name}", "Many thanks, {name}",
    "Yours, {name}", "Cheers, {name}", "{name}", "Thank you in advance, {name}",
)  # fmt: skip

LABELS = tuple(CORES)


def _write(draw: Draw, shop: str) -> Case:
    label = draw.pick(LABELS)
    parts = (
        draw.pick(OPENERS),
        draw.pick(CORES[label]),
        draw.pick(DETAILS),
        draw.pick(CLOSERS),
    )
    text = " ".join(part for part in parts if part)
    prompt = text.format(**common_slots(draw, shop))
    return Case(prompt=prompt, content=Label(right=label, wrong=CONFUSED[label]))


WRITER = Writer(
    task="ticket-triage",
    prefix="triage",
    kind="classification",
    system=(
        "You sort the messages that customers send to a small online shop. Answer with exactly "
        f"one of these labels and nothing else: {', '.join(LABELS)}."
    ),
    temperature=0.0,
    max_tokens=8,
    response_format=None,
    write=_write,
)

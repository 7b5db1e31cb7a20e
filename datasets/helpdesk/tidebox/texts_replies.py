"""Reply drafts: a customer's message and the agent's notes, answered with a short mail."""

from tidebox.cases import Case, Prose, Scene, Writer, fill
from tidebox.draw import Draw
from tidebox.texts_shop import common_slots

GREETING = ("Hello {name},", "Hi {name},", "Dear {name},", "Good day {name},")

SIGNATURE = (
    "Best wishes, {agent} from {shop}",
    "Kind regards, {agent}, {shop}",
    "Thank you for your patience, {agent} at {shop}",
    "Warm regards, {agent} ({shop})",
)

SCENES = (
    Scene(
        slots={
            "day": ("Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"),
            "amends": ("5 euros", "7 euros", "10 euros", "12 euros"),
        },
        parts=(
            (
                "Where is my {product}? Order {order} should have been in {city} {days} days ago.",
                "Nobody can tell me where order {order} is. {carrier} has had it for {days} days.",
                "I am getting impatient: the {product} is {days} days late.",
            ),
            (
                "parcel found at {carrier}, arrives {day}; offer voucher of {amends}",
                "{carrier} confirms delivery on {day}; voucher {amends} as an apology",
            ),
        ),
        points=(
            GREETING,
            (
                "I am sorry that order {order} has kept you waiting.",
                "Please excuse the long wait for your {product}.",
                "You should not have had to wait this long, and I apologise.",
            ),
            (
                "{carrier} has found the parcel and will deliver it on {day}.",
                "The parcel is on its way again and should reach you on {day}.",
                "According to {carrier} you will have it on {day}.",
            ),
            (
                "As an apology I have added a voucher of {amends} to your account.",
                "You will find a voucher of {amends} in your account.",
                "Please accept a voucher of {amends} for the trouble.",
            ),
            SIGNATURE,
        ),
        optional=(0, 4),
    ),
    Scene(
        slots={
            "back": ("24.90 euros", "31.50 euros", "18.75 euros", "42.00 euros"),
            "bank": ("two", "three", "five", "seven"),
        },
        parts=(
            (
                "I sent the {product} back {days} days ago. Where is my money?",
                "Order {order} went back to you on {weekday} and I have seen no refund.",
                "Please tell me when I get paid for the {colour} {product} that I returned.",
            ),
            (
                "return booked in; refund {back} released today; bank takes {bank} working days",
                "refund of {back} went out this morning, allow {bank} working days",
            ),
        ),
        points=(
            GREETING,
            (
                "Thank you for sending the {product} back; it has arrived safely.",
                "Your return of the {product} has been booked in.",
                "We have received and checked the {product}.",
            ),
            (
                "I released the refund of {back} today.",
                "Your refund of {back} was paid out today.",
                "Today we sent {back} back to your account.",
            ),
            (
                "Your bank may need {bank} working days to show it.",
                "Please allow {bank} working days until you see it.",
                "It usually shows up within {bank} working days.",
            ),
            SIGNATURE,
        ),
        optional=(0, 4),
    ),
    Scene(
        slots={
            "size": ("one photo", "two photos", "three photos"),
            "sent": ("tomorrow", "on Monday", "on Thursday", "next week"),
        },
        parts=(
            (
                "My {product} came broken. What now?",
                "The {colour} {product} from order {order} has a crack, I am very sad about it.",
                "Opening the parcel from {carrier} I found the {product} in pieces.",
            ),
            (
                "ask for {size}; replacement leaves {sent}; no need to send the broken one back",
                "needs {size} for {carrier}; new one goes out {sent}; keep the damaged one",
            ),
        ),
        points=(
            GREETING,
            (
                "I am sorry that the {product} arrived broken.",
                "What a pity that the {product} did not survive the journey.",
                "A broken {product} is not what you ordered; I apologise.",
            ),
            (
                "Could you send me {size} of the damage for {carrier}?",
                "For the claim with {carrier} I need {size}.",
                "Please reply with {size}, so that we can tell {carrier}.",
            ),
            (
                "A new one leaves our shop {sent}.",
                "We send you a replacement {sent}.",
                "Your replacement goes out {sent}.",
            ),
            (
                "You need not return the broken one.",
                "There is no need to send the damaged one back.",
                "Please just keep or throw away the broken one.",
            ),
            SIGNATURE,
        ),
        optional=(0, 5),
    ),
    Scene(
        slots={
            "pickup": ("Monday", "Tuesday", "Wednesday", "Thursday"),
            "hours": ("9 and 12", "10 and 14", "13 and 17", "16 and 19"),
        },
        parts=(
            (
                "There is a {other} in my box. I ordered a {product}!",
                "You sent the wrong thing: a {other} in place of the {product}, order {order}.",
                "Somebody else must be waiting for this {other}. Where is my {product}?",
            ),
            (
                "{carrier} collects the {other} on {pickup} between {hours}; {product} sent today",
                "right item left today; pick-up of the {other}: {pickup}, between {hours}",
            ),
        ),
        points=(
            GREETING,
            (
                "I am sorry that we packed a {other} by mistake.",
                "That {other} should have gone to someone else; I apologise.",
                "Thank you for telling us about the mix-up with the {other}.",
            ),
            (
                "The {product} left our shop today.",
                "Your {product} is on its way since today.",
                "We have sent the {product} today.",
            ),
            (
                "{carrier} will collect the {other} on {pickup} between {hours}.",
                "On {pickup} between {hours} {carrier} comes for the {other}.",
                "Please hand the {other} to {carrier} on {pickup} between {hours}.",
            ),
            SIGNATURE,
        ),
        optional=(0, 4),
    ),
    Scene(
        slots={
            "stock": ("Monday", "mid-December", "the first week of December", "late November"),
            "hold": ("three days", "a week", "ten days"),
        },
        parts=(
            (
                "Will the {colour} {product} be available again?",
                "The {product} is sold out. When do you get new ones?",
                "I have been watching the {colour} {product} for {days} days, still sold out?",
            ),
            (
                "back in stock from {stock}; can hold one for {hold}",
                "next delivery: {stock}. Offer to put one aside for {hold}",
            ),
        ),
        points=(
            GREETING,
            (
                "Thank you for asking about the {product}.",
                "It is good to hear that you like the {product}.",
                "I am glad that you want a {product}.",
            ),
            (
                "We expect new ones from {stock}.",
                "It will be in stock again from {stock}.",
                "The next delivery comes in from {stock}.",
            ),
            (
                "If you like, I put one aside for you for {hold}.",
                "I can hold one for you for {hold}.",
                "Shall I reserve one for {hold}?",
            ),
            SIGNATURE,
        ),
        optional=(0, 1, 4),
    ),
    Scene(
        slots={
            "until": ("30 November", "5 December", "12 December", "31 December"),
            "least": ("20 euros", "25 euros", "35 euros", "50 euros"),
        },
        parts=(
            (
                "Your code {code} does not work for the {product}.",
                "{code} is refused at checkout. What am I doing wrong?",
                "I wanted to use {code} for a {product} and a {other}; the price stays the same.",
            ),
            (
                "{code} needs a basket of {least}; valid until {until}",
                "code {code}: minimum {least}, runs out on {until}",
            ),
        ),
        points=(
            GREETING,
            (
                "Thank you for writing about the code {code}.",
                "I have looked into the code {code}.",
                "Let me explain why {code} was refused.",
            ),
            (
                "It works for baskets of {least} or more.",
                "The basket has to reach {least} before it counts.",
                "The code needs an order of at least {least}.",
            ),
            (
                "You can use it until {until}.",
                "It stays valid until {until}.",
                "The code runs out on {until}, so there is still time.",
            ),
            SIGNATURE,
        ),
        optional=(0, 1, 4),
    ),
    Scene(
        slots={
            "link": ("one hour", "two hours", "24 hours"),
            "tries": ("three", "five", "six"),
        },
        parts=(
            (
                "I cannot get into my account, it says locked.",
                "After {weekday} my password is wrong and now the account is blocked.",
                "Please unlock my account, I need to see order {order}.",
            ),
            (
                "unlocked by hand; new reset link valid {link}; locks after {tries} wrong tries",
                "account open again; reset link works for {link}; limit is {tries} attempts",
            ),
        ),
        points=(
            GREETING,
            (
                "Your account is open again.",
                "I have unlocked your account.",
                "The account is no longer blocked.",
            ),
            (
                "The reset link that you just received works for {link}.",
                "Please use the new reset link within {link}.",
                "A fresh reset link is in your mailbox and stays valid for {link}.",
            ),
            (
                "After {tries} wrong passwords the account locks itself.",
                "For your safety it is blocked after {tries} wrong attempts.",
                "The lock is automatic after {tries} failed tries.",
            ),
            SIGNATURE,
        ),
        optional=(0, 4),
    ),
    Scene(
        slots={
            "care": ("cold water", "a damp cloth", "mild soap", "a soft brush"),
            "avoid": ("the dishwasher", "direct sun", "bleach", "hot water"),
        },
        parts=(
            (
                "How do I clean the {product}?",
                "There is a stain on my {colour} {product}. What may I use?",
                "I do not want to ruin the {product}. How should it be cleaned?",
            ),
            (
                "clean with {care}; keep away from {avoid}",
                "use {care}, never {avoid}",
            ),
        ),
        points=(
            GREETING,
            (
                "That is a good question about the {product}.",
                "Thank you for taking care of your {product}.",
                "Happy to help with the {product}.",
            ),
            (
                "Clean it with {care}.",
                "The best thing to use is {care}.",
                "All it needs is {care}.",
            ),
            (
                "Please keep it away from {avoid}.",
                "What it does not like is {avoid}.",
                "Avoid {avoid}, which would harm it.",
            ),
            SIGNATURE,
        ),
        optional=(0, 1, 4),
    ),
    Scene(
        slots={
            "fee": ("no charge", "a charge of 2 euros", "a charge of 4.90 euros"),
            "by": ("noon today", "6 pm today", "tomorrow morning", "Thursday noon"),
        },
        parts=(
            (
                "I moved to {city}. Can you send order {order} to the new address?",
                "Please change the address of my {product} order, I typed the wrong street.",
                "Is it too late to have the {product} sent to my office in {city}?",
            ),
            (
                "possible until {by}; {fee}; need street and postcode",
                "address change: {fee}, customer must reply by {by} with street and postcode",
            ),
        ),
        points=(
            GREETING,
            (
                "Yes, we can still change the address.",
                "The address can still be changed.",
                "It is not too late for a new address.",
            ),
            (
                "Please send me street and postcode by {by}.",
                "I need street and postcode from you by {by}.",
                "Reply with street and postcode by {by} and I will enter them.",
            ),
            (
                "There is {fee} for this.",
                "For the change there is {fee}.",
                "Regarding the cost, there is {fee}.",
            ),
            SIGNATURE,
        ),
        optional=(0, 4),
    ),
)


def _write(draw: Draw, shop: str) -> Case:
    scene = draw.pick(SCENES)
    common = common_slots(draw, shop)
    (message, notes), points = fill(scene, common, draw)
    prompt = f"{common['name']}: {message}\nNotes: {notes}\nSign as: {common['agent']}, {shop}"
    return Case(prompt=prompt, content=Prose(points=points, joint="\n"))


WRITER = Writer(
    task="reply-drafts",
    prefix="reply",
    kind="support_reply",
    system=(
        "Draft a friendly reply to the customer of an online shop. Use everything in the notes, "
        "promise nothing else, and keep it under 90 words."
    ),
    temperature=0.4,
    max_tokens=220,
    response_format=None,
    write=_write,
)

"""Knowledge-base answers: a question and two passages, answered in two sentences."""

from tidebox.cases import Case, Prose, Scene, Writer, fill
from tidebox.draw import Draw
from tidebox.texts_shop import common_slots

SCENES = (
    Scene(
        slots={
            "window": ("14", "21", "30", "45", "60"),
            "label": ("free", "3.90 euros", "4.50 euros", "5.20 euros"),
        },
        parts=(
            (
                (
                    "Returns at {shop}: unused goods can be sent back within {window} days of "
                    "delivery. The price of a return label is: {label}. Personalised goods are "
                    "excluded."
                ),
                (
                    "Sending goods back to {shop}. You have {window} days from delivery, as long "
                    "as the goods are unused. Return label: {label}. We do not take back engraved "
                    "items."
                ),
            ),
            (
                "How long do I have to return a {product}, and what does the label cost?",
                "Until when can the {product} go back, and who pays for the label?",
                "What is the deadline for returning a {product} and the price of the label?",
            ),
        ),
        points=(
            (
                "You can return the unused {product} within {window} days of delivery.",
                "The {product} can go back for {window} days after delivery if it is unused.",
                "Returns of unused goods, such as the {product}, are accepted for {window} days.",
            ),
            (
                "Price of the return label: {label}.",
                "For the label, {shop} lists this price: {label}.",
                "The return label is listed as: {label}.",
            ),
        ),
    ),
    Scene(
        slots={
            "term": ("one to two", "two to three", "three to five", "four to six"),
            "cutoff": ("11 am", "noon", "2 pm", "4 pm"),
        },
        parts=(
            (
                (
                    "Delivery. Orders placed before {cutoff} leave {shop} the same working day. "
                    "{carrier} then needs {term} working days to {city}."
                ),
                (
                    "How we ship: to {city} it takes {carrier} {term} working days. Parcels leave "
                    "on the day of the order if it reaches {shop} before {cutoff}."
                ),
            ),
            (
                "When does my {product} leave if I order today, and how long until {city}?",
                (
                    "By what time must I order a {product} for same-day dispatch to {city}, and "
                    "when is it there?"
                ),
                "How fast is delivery of a {product} to {city}, and what is the cut-off time?",
            ),
        ),
        points=(
            (
                "Orders placed before {cutoff} are sent the same working day.",
                "If you order before {cutoff} on a working day, the parcel leaves that day.",
                "The cut-off for same-day dispatch is {cutoff}.",
            ),
            (
                "Delivery to {city} then takes {term} working days.",
                "Allow {term} working days for the way to {city}.",
                "{carrier} needs {term} working days to {city}.",
            ),
        ),
    ),
    Scene(
        slots={
            "wrap": ("2.50", "3.00", "3.80", "4.20"),
            "signs": ("120", "160", "200", "250"),
        },
        parts=(
            (
                (
                    "{shop} wraps presents in recycled paper for {wrap} euros each. A card with "
                    "up to {signs} characters can be added at checkout."
                ),
                (
                    "Gift service: for {wrap} euros per item we wrap it, and you may write a card "
                    "of at most {signs} characters. Choose it in the basket of {shop}."
                ),
            ),
            (
                "What does it cost to have the {product} wrapped, and how long may the card be?",
                "Can the {product} come as a present? Price, and how much text fits on the card?",
                "I want the {colour} {product} gift-wrapped with a card. What are price and limit?",
            ),
        ),
        points=(
            (
                "Gift wrapping costs {wrap} euros per item.",
                "Having the {product} wrapped is {wrap} euros.",
                "{shop} charges {wrap} euros for wrapping.",
            ),
            (
                "The card may have up to {signs} characters.",
                "There is room for {signs} characters on the card.",
                "Keep the text of the card to {signs} characters or fewer.",
            ),
        ),
    ),
    Scene(
        slots={
            "years": ("two", "three", "five", "ten"),
            "proof": ("the order number", "the invoice", "a photo of the label"),
        },
        parts=(
            (
                (
                    "Guarantee. {shop} repairs or replaces every {product} for {years} years. "
                    "Please have {proof} ready. Scratches from normal use are not covered."
                ),
                (
                    "For {years} years we stand behind each {product}. To claim, {shop} needs "
                    "{proof}. Wear is not a fault."
                ),
            ),
            (
                "How long is the guarantee on the {product}, and what do I need to claim?",
                "My {product} has a fault. For how long am I covered and what must I show?",
                "Guarantee on a {colour} {product}: how many years, and which proof?",
            ),
        ),
        points=(
            (
                "The guarantee on the {product} runs for {years} years.",
                "You are covered for {years} years.",
                "{shop} repairs or replaces the {product} for {years} years.",
            ),
            (
                "To make a claim you need {proof}.",
                "Please have {proof} ready when you claim.",
                "What the shop asks for is {proof}.",
            ),
        ),
    ),
    Scene(
        slots={
            "grace": ("30 minutes", "one hour", "two hours", "four hours"),
            "fee": ("no fee", "a fee of 1 euro", "a fee of 2 euros", "a fee of 5 euros"),
        },
        parts=(
            (
                (
                    "An order at {shop} can be changed for {grace} after it was placed. Changing "
                    "it carries {fee}. After that it is being packed."
                ),
                (
                    "Changes: you have {grace} to swap or remove items, with {fee}. Then the "
                    "parcel for {city} is packed at {shop}."
                ),
            ),
            (
                (
                    "Can I still swap the {product} in my order for a {other}, and does it cost "
                    "anything?"
                ),
                "How long can I change an order with a {product}, and is there a fee?",
                "I picked the wrong {product}. What time do I have to change it, at what cost?",
            ),
        ),
        points=(
            (
                "An order can be changed for {grace} after it was placed.",
                "You have {grace} from placing the order to change it.",
                "Changes are possible during the first {grace}.",
            ),
            (
                "The change carries {fee}.",
                "For changing an order there is {fee}.",
                "Expect {fee} for the change.",
            ),
        ),
    ),
    Scene(
        slots={
            "points": ("one point", "two points", "three points", "five points"),
            "expiry": ("six", "twelve", "eighteen", "twenty-four"),
        },
        parts=(
            (
                (
                    "The {shop} club gives {points} for each euro spent. Points expire after "
                    "{expiry} months without an order."
                ),
                (
                    "Club members collect {points} per euro at {shop}. After {expiry} months "
                    "without any order the account is set back to zero."
                ),
            ),
            (
                "How many points do I get per euro for a {product}, and when do they expire?",
                "I bought a {product}. What does that earn me per euro, and for how long?",
                "Club points for the {colour} {product}: what rate, and how long do they last?",
            ),
        ),
        points=(
            (
                "You collect {points} for every euro.",
                "Each euro spent earns {points}.",
                "The club gives {points} per euro.",
            ),
            (
                "They expire after {expiry} months without an order.",
                "Without any order for {expiry} months the points are lost.",
                "Points last until there has been no order for {expiry} months.",
            ),
        ),
    ),
    Scene(
        slots={
            "kept": ("five", "seven", "ten", "fourteen"),
            "paper": ("the pick-up code", "an identity card", "the order mail"),
        },
        parts=(
            (
                (
                    "Pick-up in {city}: {shop} keeps your parcel for {kept} days at the counter. "
                    "Please bring {paper}."
                ),
                (
                    "You can collect orders in {city}. Bring {paper}. After {kept} days {shop} "
                    "puts the goods back on the shelf."
                ),
            ),
            (
                "How long is my {product} kept for pick-up in {city}, and what do I bring?",
                "What do I need to collect the {product} in {city}, and by when?",
                "Collecting a {colour} {product} in {city}: how many days, and which papers?",
            ),
        ),
        points=(
            (
                "Your order is kept for {kept} days.",
                "You have {kept} days to collect it.",
                "The shop in {city} holds the parcel for {kept} days.",
            ),
            (
                "Please bring {paper}.",
                "All you need is {paper}.",
                "At the counter you are asked for {paper}.",
            ),
        ),
    ),
    Scene(
        slots={
            "valid": ("12", "18", "24", "36"),
            "least": ("no minimum", "a minimum of 15 euros", "a minimum of 25 euros"),
        },
        parts=(
            (
                (
                    "Gift cards of {shop} are valid for {valid} months from purchase. There is "
                    "{least} for the order that they pay for."
                ),
                (
                    "A gift card from {shop} has {least} for the basket and runs out {valid} "
                    "months after it was bought."
                ),
            ),
            (
                "How long is a gift card valid, and is there a minimum order for a {product}?",
                "Can I pay for a {product} with a gift card from last year? Is there a minimum?",
                "When does my gift card run out, and must the basket reach some amount?",
            ),
        ),
        points=(
            (
                "Gift cards are valid for {valid} months from purchase.",
                "A gift card runs out {valid} months after it was bought.",
                "You can use the card during {valid} months.",
            ),
            (
                "There is {least} for the order.",
                "For the basket there is {least}.",
                "Concerning the amount, there is {least}.",
            ),
        ),
    ),
    Scene(
        slots={
            "notice": ("two", "three", "five", "seven"),
            "pause": ("one month", "two months", "three months", "six months"),
        },
        parts=(
            (
                (
                    "Subscriptions at {shop} can be paused up to {notice} days before the next "
                    "parcel. The longest pause is {pause}."
                ),
                (
                    "You may pause a subscription for {pause} at most. Tell {shop} at least "
                    "{notice} days before the next delivery."
                ),
            ),
            (
                "How do I pause my {product} subscription: how early, and for how long?",
                "I am away. By when must I pause the {product}, and what is the longest pause?",
                "Pausing the {product} delivery to {city}: what notice, and what limit?",
            ),
        ),
        points=(
            (
                "Pause at least {notice} days before the next parcel.",
                "The shop needs {notice} days' notice before the next parcel.",
                "You can pause until {notice} days before the next delivery.",
            ),
            (
                "A pause can last {pause} at most.",
                "The longest pause is {pause}.",
                "After {pause} at the latest the parcels start again.",
            ),
        ),
    ),
    Scene(
        slots={
            "limit": ("100", "150", "200", "300"),
            "pay_days": ("10", "14", "21", "30"),
        },
        parts=(
            (
                (
                    "Paying by invoice is offered by {shop} for orders up to {limit} euros. The "
                    "amount is due {pay_days} days after dispatch."
                ),
                (
                    "Invoice: due within {pay_days} days of dispatch, for baskets of no more than "
                    "{limit} euros. Cards work for any amount at {shop}."
                ),
            ),
            (
                "Up to what amount can I buy a {product} on invoice, and when must I pay?",
                "Is an invoice possible for a {product} and a {other}? What limit and due date?",
                "I prefer to pay for the {product} later. What are the limit and the term?",
            ),
        ),
        points=(
            (
                "Invoices are offered for orders up to {limit} euros.",
                "You can pay by invoice if the order is {limit} euros or less.",
                "The limit for paying by invoice is {limit} euros.",
            ),
            (
                "The amount is due {pay_days} days after dispatch.",
                "You have {pay_days} days from dispatch to pay.",
                "Payment is expected within {pay_days} days of dispatch.",
            ),
        ),
    ),
    Scene(
        slots={
            "report": ("three", "five", "seven", "ten"),
            "photos": ("one photo", "two photos", "three photos"),
        },
        parts=(
            (
                (
                    "Damage in transit: tell {shop} within {report} days and attach {photos} of "
                    "goods and box. {carrier} collects the parcel."
                ),
                (
                    "If {carrier} damaged your parcel, write to {shop} with {photos}. This has to "
                    "happen within {report} days after delivery."
                ),
            ),
            (
                "My {product} arrived broken. By when do I report it, and what do I send?",
                "What is the deadline for reporting a damaged {product}, and are photos needed?",
                "The {colour} {product} is cracked. How many days and photos does the shop want?",
            ),
        ),
        points=(
            (
                "Report the damage within {report} days of delivery.",
                "You have {report} days after delivery to tell the shop.",
                "The damage must be reported no later than {report} days after delivery.",
            ),
            (
                "Attach {photos} of the goods and the box.",
                "Please send {photos} along.",
                "The shop asks for {photos}.",
            ),
        ),
    ),
    Scene(
        slots={
            "opens": ("8 am", "9 am", "10 am"),
            "reply": ("4 hours", "12 hours", "one working day", "two working days"),
        },
        parts=(
            (
                (
                    "Reaching us: the phone of {shop} is staffed from {opens} on working days. "
                    "Mails are answered within {reply}."
                ),
                (
                    "{shop} answers mail within {reply}. You can call on working days; the line "
                    "opens at {opens}."
                ),
            ),
            (
                "When can I call about my {product}, and how fast do you answer mails?",
                "From what time is the phone staffed, and how long does a reply by mail take?",
                "I have a question about order {order}. Phone hours, and time for a mail?",
            ),
        ),
        points=(
            (
                "The phone is staffed from {opens} on working days.",
                "You can call from {opens}, Monday to Friday.",
                "On working days the line opens at {opens}.",
            ),
            (
                "Mails are answered within {reply}.",
                "A reply by mail takes no longer than {reply}.",
                "Expect an answer to your mail within {reply}.",
            ),
        ),
    ),
)


def _write(draw: Draw, shop: str) -> Case:
    scene, distractor = draw.several(SCENES, 2)
    common = common_slots(draw, shop)
    (passage, question), points = fill(scene, common, draw)
    (other, _), _ = fill(distractor, common, draw)
    first, second = draw.pick(((passage, other), (other, passage)))
    prompt = f"[1] {first}\n[2] {second}\n\nQuestion: {question}"
    return Case(prompt=prompt, content=Prose(points=points, joint=" "))


WRITER = Writer(
    task="kb-answers",
    prefix="kb",
    kind="rag_answer",
    system=(
        "Answer the customer's question in at most two sentences, from the passages only. Give "
        "every figure that was asked for."
    ),
    temperature=0.2,
    max_tokens=160,
    response_format=None,
    write=_write,
)

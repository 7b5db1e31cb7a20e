"""Call summaries: the transcript of a phone call, answered with three short sentences."""

from tidebox.cases import Case, Prose, Scene, Writer, fill
from tidebox.draw import Draw
from tidebox.texts_shop import common_slots

HELLO = (
    "Agent: {shop}, this is {agent}. How can I help?\nCaller: Hello, {name} here.",
    "Agent: Good morning, {agent} at {shop}.\nCaller: Hi, my name is {name}.",
    "Agent: Thank you for calling {shop}, {agent} speaking.\nCaller: {name}, good day.",
    "Agent: {shop}, {agent}, hello.\nCaller: Oh hello, it is {name}.",
)

BYE = (
    "Caller: Great, thank you. Goodbye.",
    "Caller: That sounds fair. Thanks a lot.",
    "Caller: Fine with me. Have a nice day.",
    "Caller: Good, then I will wait for your mail.",
)

SCENES = (
    Scene(
        slots={
            "found": ("Lyon", "Hanover", "Turin", "Antwerp", "Leipzig"),
            "eta": ("Wednesday", "Thursday", "Friday", "next Monday"),
        },
        parts=(
            HELLO,
            (
                "Caller: My {product}, order {order}, is {days} days late.",
                "Caller: I am still waiting for a {product}. The number is {order}.",
            ),
            (
                "Agent: One moment. I see it, {carrier} sent it to {found} by mistake.",
                "Agent: Let me look. It went to the depot in {found}, that was wrong.",
            ),
            (
                "Agent: They promise to deliver it on {eta}. I will check and mail you then.",
                "Agent: It is on the road again, expected on {eta}. I will follow it for you.",
            ),
            BYE,
        ),
        points=(
            (
                "{name} called about the late {product} of order {order}.",
                "The caller, {name}, asked where order {order} with a {product} is.",
                "{name} is still waiting for a {product} (order {order}).",
            ),
            (
                "The parcel had been sent to {found} by mistake.",
                "{carrier} had misrouted it to {found}.",
                "It was found at the depot in {found}.",
            ),
            (
                "It should arrive on {eta}; {agent} will follow up.",
                "New delivery date is {eta}, and {agent} keeps an eye on it.",
                "{agent} promised delivery on {eta} and will check.",
            ),
        ),
    ),
    Scene(
        slots={
            "share": ("10 percent", "15 percent", "20 percent", "25 percent"),
            "form": ("bank transfer", "store credit", "credit card refund"),
        },
        parts=(
            HELLO,
            (
                "Caller: The {colour} {product} has a scratch. I would keep it for less money.",
                "Caller: There is a mark on my {product} from {order}. Must I send it back?",
            ),
            (
                "Agent: No need. Could we give you {share} of the price back?",
                "Agent: I can offer {share} off, and you keep it.",
            ),
            (
                "Caller: Yes, by {form} please.\nAgent: Done, you get a mail today.",
                "Caller: Agreed, if it comes as {form}.\nAgent: I note {form}, no problem.",
            ),
            BYE,
        ),
        points=(
            (
                "{name} reported a scratch on the {product}.",
                "The {product} of {name} arrived with a mark.",
                "{name} called because the {product} is scratched.",
            ),
            (
                "They agreed on {share} off; the goods stay with the customer.",
                "{agent} granted {share} of the price, and nothing has to be returned.",
                "The customer keeps it and gets {share} back.",
            ),
            (
                "The money comes as {form}.",
                "Payment method: {form}.",
                "It will be paid as {form}.",
            ),
        ),
    ),
    Scene(
        slots={
            "pieces": ("12", "20", "36", "50", "80"),
            "quote": ("tomorrow", "on Tuesday", "by Friday", "within an hour"),
        },
        parts=(
            HELLO,
            (
                "Caller: We would like the {product} as a present for our staff in {city}.",
                "Caller: Do you sell the {product} in larger numbers? It is for an office.",
            ),
            (
                "Agent: Surely. How many do you need?\nCaller: About {pieces}, in {colour}.",
                "Agent: Yes. What number?\nCaller: Let us say {pieces}, all {colour}.",
            ),
            (
                "Agent: I will send you an offer {quote}.",
                "Agent: For {pieces} I must ask the boss. You get a price {quote}.",
            ),
            BYE,
        ),
        points=(
            (
                "{name} wants the {product} in bulk for an office.",
                "A company order: {name} asked for the {product} as a staff present.",
                "{name} called about a larger order of the {product}.",
            ),
            (
                "They need {pieces} pieces in {colour}.",
                "The number is {pieces}, colour {colour}.",
                "Wanted are {pieces} of them, all {colour}.",
            ),
            (
                "{agent} sends an offer {quote}.",
                "An offer from {agent} follows {quote}.",
                "Next step: {agent} mails a price {quote}.",
            ),
        ),
    ),
    Scene(
        slots={
            "reason": ("too many parcels", "a move abroad", "the price", "a long holiday"),
            "ends": ("30 November", "31 December", "15 January", "1 February"),
        },
        parts=(
            HELLO,
            (
                "Caller: I want to end my {product} subscription.",
                "Caller: It is about the monthly {product}. Please cancel it.",
            ),
            (
                "Agent: May I ask why?\nCaller: The reason is {reason}, nothing else.",
                "Agent: Pity. Is something wrong?\nCaller: No, it is {reason}.",
            ),
            (
                "Agent: I see. It then ends on {ends}, and you get a confirmation.",
                "Agent: Understood. The last day is {ends}. I confirm that in writing.",
            ),
            BYE,
        ),
        points=(
            (
                "{name} cancelled the {product} subscription.",
                "The caller {name} asked to end the monthly {product}.",
                "{name} no longer wants the {product} subscription.",
            ),
            (
                "Reason given: {reason}.",
                "The cause is {reason}.",
                "As reason the customer named {reason}.",
            ),
            (
                "It ends on {ends}; {agent} confirms in writing.",
                "{agent} will confirm the end on {ends} by mail.",
                "The last day is {ends}, to be confirmed by {agent}.",
            ),
        ),
    ),
    Scene(
        slots={
            "old": ("Garden Road 4", "Mill Lane 12", "Station Street 8", "Church Hill 3"),
            "slot": ("in the morning", "after 5 pm", "around noon", "on Saturday"),
        },
        parts=(
            HELLO,
            (
                "Caller: I gave the wrong address for {order}, I have moved.",
                "Caller: Can you change where the {product} goes? I live elsewhere now.",
            ),
            (
                "Agent: Of course. What is the right one?\nCaller: {old}, in {city}.",
                "Agent: Tell me, please.\nCaller: It should go to {old}, {city}.",
            ),
            (
                "Agent: Changed. Any wish for the time?\nCaller: Best {slot}.",
                "Agent: I have it. When are you in?\nCaller: {slot}, if possible.",
            ),
            BYE,
        ),
        points=(
            (
                "{name} asked for another delivery address.",
                "Address change for the order of {name}.",
                "{name} has moved and wants the parcel elsewhere.",
            ),
            (
                "New address: {old}, {city}.",
                "The parcel goes to {old} in {city} now.",
                "{agent} changed it to {old}, {city}.",
            ),
            (
                "Delivery is wanted {slot}.",
                "Best time: {slot}.",
                "The customer would like it {slot}.",
            ),
        ),
    ),
    Scene(
        slots={
            "fault": ("a loose screw", "a missing part", "a wrong manual", "a torn seam"),
            "fix": ("a spare part", "a repair", "a new one", "a full refund"),
        },
        parts=(
            HELLO,
            (
                "Caller: I cannot use the {product} that I bought on {weekday}.",
                "Caller: Something is wrong with my new {product}, order {order}.",
            ),
            (
                "Agent: What do you see?\nCaller: I think it is {fault}.",
                "Agent: Can you describe it?\nCaller: Well, it has {fault}.",
            ),
            (
                "Agent: I am sorry. You get {fix}, and it costs you nothing.",
                "Agent: Then I arrange {fix} today, free of charge.",
            ),
            BYE,
        ),
        points=(
            (
                "{name} has trouble with a new {product}.",
                "The new {product} of {name} is faulty.",
                "{name} called about a faulty {product}.",
            ),
            (
                "The problem is {fault}.",
                "What is wrong: {fault}.",
                "According to the customer it has {fault}.",
            ),
            (
                "{agent} arranges {fix} at no cost.",
                "The customer gets {fix} free of charge.",
                "Agreed: {fix}, without any cost.",
            ),
        ),
    ),
    Scene(
        slots={
            "twice": ("19.80", "27.50", "34.90", "46.00"),
            "back": ("today", "tomorrow", "within three days", "by the end of the week"),
        },
        parts=(
            HELLO,
            (
                "Caller: My card was charged two times for the {product}.",
                "Caller: I paid for order {order} and my bank shows it double.",
            ),
            (
                "Agent: Let me see. Yes, {twice} euros were booked twice.",
                "Agent: Right, there are two payments of {twice} euros each.",
            ),
            (
                "Agent: I send the second one back {back}.",
                "Agent: You get one of them back {back}, sorry for that.",
            ),
            BYE,
        ),
        points=(
            (
                "{name} was charged twice for the {product}.",
                "Double payment reported by {name}, a {product}.",
                "{name} called about a payment for a {product} that was booked twice.",
            ),
            (
                "The amount is {twice} euros.",
                "It concerns {twice} euros.",
                "Each payment was {twice} euros.",
            ),
            (
                "{agent} returns the second payment {back}.",
                "The surplus is paid back {back}.",
                "Refund of the second payment: {back}.",
            ),
        ),
    ),
)


def _write(draw: Draw, shop: str) -> Case:
    scene = draw.pick(SCENES)
    turns, points = fill(scene, common_slots(draw, shop), draw)
    return Case(prompt="\n".join(turns), content=Prose(points=points, joint=" "))


WRITER = Writer(
    task="call-summaries",
    prefix="call",
    kind="summarization",
    system=(
        "Summarise the phone call for the shop's inbox in three short sentences: who called about "
        "what, what came out, and what happens next."
    ),
    temperature=0.2,
    max_tokens=160,
    response_format=None,
    write=_write,
)

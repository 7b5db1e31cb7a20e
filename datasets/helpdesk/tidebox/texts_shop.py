"""The small world that all texts share: shops, their goods, and the people who write."""

from tidebox.draw import Draw

GOODS: dict[str, tuple[str, ...]] = {
    "candles": (
        "beeswax candle", "cedar candle", "tealight set", "wick trimmer",
        "travel candle", "candle snuffer", "fig candle", "pillar candle",
    ),
    "tea": (
        "oolong tin", "teapot", "mint tea bag box", "tea strainer",
        "Earl Grey refill", "chai sampler", "matcha whisk", "tea advent box",
    ),
    "stationery": (
        "dotted notebook", "fountain pen", "desk planner", "washi tape set",
        "letter paper pad", "brass ruler", "ink bottle", "birthday card pack",
    ),
    "bicycles": (
        "bell", "pannier bag", "chain guard", "saddle cover",
        "front light", "child seat adapter", "puncture kit", "handlebar grip set",
    ),
    "plants": (
        "fern in a pot", "olive tree", "hanging planter", "herb seed kit",
        "watering can", "cactus trio", "monstera cutting", "terracotta saucer",
    ),
    "ceramics": (
        "espresso cup set", "salad bowl", "butter dish", "glazed vase",
        "soap dish", "breakfast plate", "mug with handle", "sugar pot",
    ),
    "pets": (
        "dog harness", "cat tunnel", "rabbit hay box", "feeding mat",
        "chew rope", "parrot swing", "pet blanket", "slow feeder bowl",
    ),
    "knitwear": (
        "merino scarf", "cable cardigan", "baby blanket", "wool hat",
        "mitten pair", "lambswool vest", "sock bundle", "mohair throw",
    ),
    "coffee": (
        "filter roast bag", "hand grinder", "pour-over stand", "espresso sampler",
        "milk jug", "paper filter pack", "cold brew bottle", "decaf subscription box",
    ),
    "soap": (
        "lavender soap bar", "shaving brush", "bath salt jar", "shampoo bar",
        "soap gift box", "lip balm trio", "hand cream", "loofah sponge",
    ),
    "prints": (
        "city map print", "oak frame", "botanical poster", "postcard set",
        "wall calendar", "lino print", "photo book", "linen canvas",
    ),
    "toys": (
        "wooden train", "stacking tower", "doll's house lamp", "puzzle of Europe",
        "marble run", "finger puppet set", "kite", "building block crate",
    ),
}  # fmt: skip

SHOPS: dict[str, str] = {
    "Harbour Lane Candles": "candles",
    "Wick and Willow": "candles",
    "Low Tide Lights": "candles",
    "The Steeping Room": "tea",
    "Kettle and Quill": "tea",
    "Second Flush": "tea",
    "Margin Notes": "stationery",
    "Blotter and Bone": "stationery",
    "Paper Heron": "stationery",
    "Spoke Street": "bicycles",
    "Two Gears": "bicycles",
    "Hill and Hub": "bicycles",
    "Fern Hollow": "plants",
    "The Potting Bench": "plants",
    "Greenhouse Nine": "plants",
    "Kiln Cottage": "ceramics",
    "Saltglaze": "ceramics",
    "Wheel and Slip": "ceramics",
    "Muddy Paws Supply": "pets",
    "Burrow and Bark": "pets",
    "Tail End": "pets",
    "Moorland Knits": "knitwear",
    "Purl Harbour": "knitwear",
    "North Loom": "knitwear",
    "Slow Pour": "coffee",
    "Morning Ledger Coffee": "coffee",
    "Crema Yard": "coffee",
    "Tallow and Thyme": "soap",
    "Bubble Mill": "soap",
    "Clean Slate Soap": "soap",
    "Frame of Mind": "prints",
    "Ink and Oak": "prints",
    "Corner Press": "prints",
    "Tin Drum Toys": "toys",
    "Attic Play": "toys",
    "Little Orbit": "toys",
}

SHOP_NAMES = tuple(SHOPS)

CUSTOMERS = (
    "Ada", "Bruno", "Carla", "Dev", "Elif", "Farid", "Greta", "Hamish", "Ines", "Jonas",
    "Kofi", "Lena", "Mateo", "Nadia", "Oscar", "Priya", "Quentin", "Rosa", "Stefan", "Tova",
    "Umar", "Vera", "Wanda", "Xenia", "Yusuf", "Zoe", "Aoife", "Bjorn", "Chiara", "Dmitri",
    "Esther", "Fiona", "Gabor", "Hana", "Ivo", "Julia", "Karim", "Lucia", "Milan", "Noor",
)  # fmt: skip

AGENTS = ("Sam", "Robin", "Kim", "Alex", "Jo", "Toni", "Casey", "Morgan")

CARRIERS = ("Gullpost", "Parcel Otter", "Nine Post", "Swiftcrate", "Harrier Express")

CITIES = (
    "Leeds", "Utrecht", "Graz", "Porto", "Cork", "Ghent", "Malmo", "Bologna",
    "Lyon", "Bremen", "Bristol", "Girona", "Aarhus", "Basel", "Dundee", "Nantes",
)  # fmt: skip

COLOURS = ("blue", "green", "grey", "red", "natural", "black", "white", "yellow")

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


def common_slots(draw: Draw, shop: str) -> dict[str, str]:
    """Draw the slots that any text about an order may use.

    Args:
        draw: Where the draws come from.
        shop: The shop that the text is about.

    Returns:
        Slot names with their values.
    """
    product, other = draw.several(GOODS[SHOPS[shop]], 2)
    return {
        "shop": shop,
        "product": product,
        "other": other,
        "name": draw.pick(CUSTOMERS),
        "agent": draw.pick(AGENTS),
        "order": f"{draw.pick('ABCDEFGHKLMNPRSTVW')}{draw.number(10000, 99999)}",
        "carrier": draw.pick(CARRIERS),
        "city": draw.pick(CITIES),
        "colour": draw.pick(COLOURS),
        "weekday": draw.pick(WEEKDAYS),
        "days": str(draw.number(3, 19)),
        "code": f"{draw.pick(('TIDE', 'HELLO', 'AUTUMN', 'THANKS', 'GIFT'))}{draw.number(5, 30)}",
    }

"""Invoice extraction: the text of a supplier's invoice, answered with a JSON object."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from tidebox.cases import Case, Invoice, Json, Writer
from tidebox.draw import Draw

SCHEMA: Json = {
    "type": "object",
    "properties": {
        "vendor": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "city": {"type": "string"}},
            "required": ["name", "city"],
            "additionalProperties": False,
        },
        "invoice_number": {"type": "string"},
        "date": {"type": "string", "pattern": "^\\d{4}-\\d{2}-\\d{2}$"},
        "currency": {"type": "string", "enum": ["EUR", "GBP", "USD", "CHF"]},
        "line_items": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "description": {"type": "string"},
                    "quantity": {"type": "integer", "minimum": 1},
                    "unit_price": {"type": "number"},
                },
                "required": ["description", "quantity", "unit_price"],
                "additionalProperties": False,
            },
        },
        "total": {"type": "number"},
    },
    "required": ["vendor", "invoice_number", "date", "currency", "line_items", "total"],
    "additionalProperties": False,
}

VENDORS = (
    ("Northgate Packaging", "Leeds", "GBP"),
    ("Otter Print Works", "Bristol", "GBP"),
    ("Dundee Cardboard", "Dundee", "GBP"),
    ("Fenland Labels", "Norwich", "GBP"),
    ("Hansen Emballage", "Aarhus", "EUR"),
    ("Kartonage Brandt", "Bremen", "EUR"),
    ("Papeterie du Quai", "Nantes", "EUR"),
    ("Studio Lindqvist", "Malmo", "EUR"),
    ("Rossi Imballaggi", "Bologna", "EUR"),
    ("Costa Verde Grafica", "Porto", "EUR"),
    ("Delta Tape Supply", "Utrecht", "EUR"),
    ("Alpenblick Logistik", "Graz", "EUR"),
    ("Rheinufer Lager", "Basel", "CHF"),
    ("Helvetia Etiketten", "Bern", "CHF"),
    ("Copper Canyon Crates", "Tucson", "USD"),
    ("Bayside Shipping Goods", "Portland", "USD"),
    ("Maple Street Ink", "Madison", "USD"),
    ("Prairie Paper", "Omaha", "USD"),
)

GOODS = (
    ("Kraft mailer, 100 pieces", 1890), ("Tissue paper, white", 745),
    ("Thank-you cards, 250 pieces", 2310), ("Paper tape, 50 m", 465),
    ("Padded envelope A5", 35), ("Shipping carton M", 118),
    ("Shipping carton L", 164), ("Thermal labels, roll", 990),
    ("Logo stamp", 2750), ("Ribbon, cotton, 25 m", 620),
    ("Wood wool, 5 kg", 1480), ("Glass jar, 200 ml", 92),
    ("Product photo, per image", 1250), ("Warehouse shelf, monthly", 8900),
    ("Leaflet print, 500 pieces", 5640), ("Pallet, used", 1130),
    ("Address list cleaning", 4200), ("Courier pick-up", 1575),
    ("Ink cartridge, black", 2199), ("Gift box, square", 285),
)  # fmt: skip

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip

SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$", "CHF": "CHF "}

NUMBER_STYLES = (
    "INV-{year}-{number:04d}",
    "{number:05d}/{short}",
    "R{number:06d}",
    "{short}-{number}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of an invoice."""

    description: str
    """What was bought."""
    quantity: int
    """How many."""
    unit_cents: int
    """Price of one, in cents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """One invoice."""

    vendor: str
    """Who sent it."""
    city: str
    """Where the vendor sits."""
    number: str
    """Invoice number."""
    day: date
    """Invoice date."""
    currency: str
    """Three-letter code."""
    lines: tuple[Line, ...]
    """What was bought."""
    postage_cents: int
    """Delivery charge, in cents; 0 for none."""
    tax_percent: int
    """Tax on everything; 0 for none."""

    @property
    def net_cents(self) -> int:
        """Sum of the lines and the postage."""
        return sum(line.quantity * line.unit_cents for line in self.lines) + self.postage_cents

    @property
    def tax_cents(self) -> int:
        """Tax, rounded down to a cent."""
        return self.net_cents * self.tax_percent // 100

    @property
    def total_cents(self) -> int:
        """What has to be paid."""
        return self.net_cents + self.tax_cents


def _write(draw: Draw, shop: str) -> Case:
    bill = _bill(draw)
    layout = draw.pick((_as_table, _as_letter, _as_receipt))
    text = layout(bill, shop, _written_date(draw, bill.day))
    right = _as_json(bill)
    return Case(prompt=text, content=Invoice(right=right, wrong=_misread(draw, bill, right)))


def _bill(draw: Draw) -> Bill:
    vendor, city, currency = draw.pick(VENDORS)
    day = date(2026, 7, 1) + timedelta(days=draw.number(0, 136))
    number = draw.pick(NUMBER_STYLES).format(
        year=day.year, short=day.year % 100, number=draw.number(12, 9800)
    )
    goods = draw.several(GOODS, draw.weighted(((1, 0.2), (2, 0.4), (3, 0.3), (4, 0.1))))
    lines = tuple(
        Line(
            description=description,
            quantity=draw.number(1, 24),
            unit_cents=cents + draw.number(-9, 19),
        )
        for description, cents in goods
    )
    return Bill(
        vendor=vendor,
        city=city,
        number=number,
        day=day,
        currency=currency,
        lines=lines,
        postage_cents=draw.pick((0, 490, 790, 1250)),
        tax_percent=draw.pick((0, 0, 8, 19, 20)),
    )


def _written_date(draw: Draw, day: date) -> str:
    month = MONTHS[day.month - 1]
    return draw.pick(
        (
            day.isoformat(),
            f"{day.day} {month} {day.year}",
            f"{month} {day.day}, {day.year}",
            f"{day.day:02d}.{day.month:02d}.{day.year}",
        )
    )


def _money(currency: str, cents: int) -> str:
    return f"{SYMBOLS[currency]}{cents // 100}.{cents % 100:02d}"


def _as_table(bill: Bill, shop: str, day: str) -> str:
    rows = [f"{bill.vendor}, {bill.city}", f"INVOICE {bill.number}", f"Date: {day}"]
    rows += [f"Bill to: {shop}", "Qty | Item | Unit | Amount"]
    for line in bill.lines:
        unit = _money(bill.currency, line.unit_cents)
        amount = _money(bill.currency, line.quantity * line.unit_cents)
        rows.append(f"{line.quantity} | {line.description} | {unit} | {amount}")
    rows += _sums(bill)
    return "\n".join(rows)


def _as_letter(bill: Bill, shop: str, day: str) -> str:
    goods = "; ".join(
        f"{line.quantity} x {line.description} at {_money(bill.currency, line.unit_cents)}"
        for line in bill.lines
    )
    return (
        f"Dear {shop}, thank you for your order. We charge as follows: {goods}. "
        f"{'. '.join(_sums(bill))} ({bill.currency}). Invoice no. {bill.number} of {day}. "
        f"Payable within 14 days. {bill.vendor}, {bill.city}"
    )


def _as_receipt(bill: Bill, shop: str, day: str) -> str:
    rows = [f"*** {bill.vendor} ***", f"{bill.city} / {day}", f"Receipt and invoice {bill.number}"]
    for line in bill.lines:
        rows.append(line.description)
        rows.append(f"   {line.quantity} @ {_money(bill.currency, line.unit_cents)}")
    rows += _sums(bill)
    rows.append(f"Customer {shop}. All prices in {bill.currency}.")
    return "\n".join(rows)


def _sums(bill: Bill) -> list[str]:
    rows = []
    if bill.postage_cents:
        rows.append(f"Delivery {_money(bill.currency, bill.postage_cents)}")
    if bill.tax_percent:
        rows.append(f"Net {_money(bill.currency, bill.net_cents)}")
        rows.append(f"Tax {bill.tax_percent}% {_money(bill.currency, bill.tax_cents)}")
    rows.append(f"Total {_money(bill.currency, bill.total_cents)}")
    return rows


def _as_json(bill: Bill) -> Json:
    return {
        "vendor": {"name": bill.vendor, "city": bill.city},
        "invoice_number": bill.number,
        "date": bill.day.isoformat(),
        "currency": bill.currency,
        "line_items": _lines(bill.lines),
        "total": bill.total_cents / 100,
    }


def _lines(lines: tuple[Line, ...]) -> list[Json]:
    return [
        {
            "description": line.description,
            "quantity": line.quantity,
            "unit_price": line.unit_cents / 100,
        }
        for line in lines
    ]


def _misread(draw: Draw, bill: Bill, right: Json) -> tuple[Json, ...]:
    """List readings of an invoice that are wrong in one place."""
    first, rest = bill.lines[0], bill.lines[1:]
    city = draw.pick([city for _, city, _ in VENDORS if city != bill.city])
    return (
        right | {"line_items": _lines((replace(first, quantity=first.quantity + 1), *rest))},
        right | {"line_items": _lines((replace(first, unit_cents=first.unit_cents + 90), *rest))},
        right | {"line_items": _lines((*bill.lines, replace(first, description="Delivery")))},
        right | {"date": _misread_day(bill.day).isoformat()},
        right | {"invoice_number": bill.number[:-1] + str((int(bill.number[-1]) + 3) % 10)},
        right | {"vendor": {"name": bill.vendor, "city": city}},
        right | {"total": (bill.total_cents + 900) / 100},
        right | {"total": (bill.total_cents + draw.number(1, 8) * 10) / 100},
    )


def _misread_day(day: date) -> date:
    if day.day <= 12 and day.day != day.month:
        return date(day.year, day.day, day.month)
    return day + timedelta(days=1)


WRITER = Writer(
    task="invoice-extraction",
    prefix="inv",
    kind="extraction",
    system="Read the invoice and return its data as JSON. Dates as YYYY-MM-DD, amounts as numbers.",
    temperature=0.0,
    max_tokens=400,
    response_format={
        "type": "json_schema",
        "json_schema": {"name": "invoice", "strict": True, "schema": SCHEMA},
    },
    write=_write,
)

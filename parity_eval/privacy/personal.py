"""Personal data in a text: what has a form of its own, and a check where there is one.

Names, postal addresses and birthdays have none; whoever needs them hidden names a detector.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping

from parity_eval.privacy.found import Found

_EMAIL = re.compile(
    r"(?<![\w.%+-])[A-Za-z0-9][\w.%+'-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.)+[A-Za-z]{2,24}"
    r"(?![\w-])",
    re.ASCII,
)
_PHONE = re.compile(
    r"(?<![\w.+/-])(?<!\d )(?:"
    r"\+(?!\d+\.\d+(?![.\d]))[1-9]\d{0,2}[ ./-]?(?:\(\d{1,4}\)[ ./-]?)?\d{1,4}(?:[ ./-]?\d{2,4})"
    r"{1,4}"  # international
    r"|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}([.-])\d{3}\1\d{4}"  # North American
    r"|0[1-9]\d{1,3}[ /-]\d{3,4}[ -]?\d{3,5}"  # with a code of a town
    r")(?![\w-]|\.\d| \d\d)"
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?![a-z])")
_IBAN_COUNTRIES: Mapping[int, str] = {
    15: "NO",
    16: "BE",
    18: "DK FI FO GL NL",
    19: "MK SI",
    20: "AT BA EE KZ LT LU XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "PT",
    26: "IS TR",
    27: "FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU",
    31: "MT SC",
    32: "LC",
}
"""By the length of their numbers."""
_IBAN_LENGTHS = {country: n for n, names in _IBAN_COUNTRIES.items() for country in names.split()}
_CARD = re.compile(r"(?<![\w.-])[2-6](?:[ -]?\d){12,18}(?![\w-]|\.\d)")
_MAKER = re.compile(
    r"4\d{15}(?:\d{3})?|(?:5[1-5]|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d+"
    r"|3[47]\d{13}|6(?:011|5\d\d|4[4-9]\d)\d{12,15}|3(?:0[0-5]|[689]\d)\d{11,16}|35\d{14}"
)
_MAKER_LENGTHS = (14, 15, 16, 19)
_IPV4 = re.compile(
    r"(?<![\w.§-])(?<!§ )(?<!oid:)(?<!ection )(?<!ersion )\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)"
)
_IPV6 = re.compile(r"(?<![\w:.])[23][0-9A-Fa-f]{3}:(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{0,4}"
                   r"(?![\w:])")  # fmt: skip
_SOCIAL = re.compile(r"(?<![\w.-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])")
_DIGITS = 8, 15
"""How many a telephone number has."""


def find_personal(text: str, kinds: frozenset[str]) -> Iterator[Found]:
    """Yield the personal data of a text.

    Args:
        text: Any text.
        kinds: What to look for, of `KINDS`.
    """
    for kind, (detect, characters) in _DETECTORS.items():
        if kind in kinds and any(character in text for character in characters):
            yield from detect(text)


def _emails(text: str) -> Iterator[Found]:
    for match in _EMAIL.finditer(text):
        # `git@host:path` is an address of a repository.
        if not match[0].lower().startswith("git@"):
            yield Found(*match.span(), "email", match[0].lower(), is_guessable=True)


def _phones(text: str) -> Iterator[Found]:
    for match in _PHONE.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if _DIGITS[0] <= len(digits) <= _DIGITS[1]:
            plus = "+" if match[0].startswith("+") else ""
            yield Found(*match.span(), "phone", plus + digits, is_guessable=True)


def _ibans(text: str) -> Iterator[Found]:
    for match in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(match[0][:2], 0)
        end = match.start()
        value = ""
        while end < match.end() and len(value) < length:
            value += text[end].strip()
            end += 1
        if length and len(value) == length and not text[end : end + 1].isalnum() and _mod97(value):
            yield Found(match.start(), end, "iban", value, is_guessable=True)


def _mod97(iban: str) -> bool:
    moved = iban[4:] + iban[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def _cards(text: str) -> Iterator[Found]:
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if len(digits) in _MAKER_LENGTHS and _MAKER.fullmatch(digits) and _luhn(digits):
            yield Found(*match.span(), "card", digits, is_guessable=True)


def _luhn(digits: str) -> bool:
    doubled = [int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits))]
    return len(set(digits)) > 1 and sum(d - 9 * (d > 9) for d in doubled) % 10 == 0  # noqa: PLR2004


def _addresses(text: str) -> Iterator[Found]:
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            try:
                address = ipaddress.ip_address(match[0])
            except ValueError:
                continue
            # Addresses of one's own network are the same in every house.
            if address.is_global:
                yield Found(*match.span(), "ip", str(address), is_guessable=True)


def _social(text: str) -> Iterator[Found]:
    for match in _SOCIAL.finditer(text):
        yield Found(*match.span(), "ssn", match[0], is_guessable=True)


_NUMBERS = "0123456789"
_DETECTORS: Mapping[str, tuple[Callable[[str], Iterator[Found]], str]] = {
    "email": (_emails, "@"),
    "iban": (_ibans, _NUMBERS),
    "card": (_cards, _NUMBERS),
    "ssn": (_social, "-"),
    "phone": (_phones, _NUMBERS),
    "ip": (_addresses, ".:"),
}
"""How to look for each kind, and characters of which a text that has any has one."""

KINDS = tuple(_DETECTORS)

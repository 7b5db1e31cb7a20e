"""Figures as people read them: numbers, intervals, foreign text, and the geometry of charts.

Every report and the terminal format through here, so that one value looks the same everywhere.
A bound is rounded away from the claim it supports: lower bounds down, upper bounds up.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Literal, TypeAlias

from parity_eval.records import CERTAIN, Decision, Estimand, Status
from parity_eval.summary import RunSummary

Rounding: TypeAlias = Literal["near", "down", "up"]

UNKNOWN = "unknown"
_MODES = {"near": ROUND_HALF_EVEN, "down": ROUND_FLOOR, "up": ROUND_CEILING}
_SHARE_PLACES = 2  # of a percentage: four decimals of the share
_PLAIN_E = (-3, 4)  # powers of ten between which an e-value is written without an exponent
STATUSES = (
    Status.CERTIFIED,
    Status.OPEN,
    Status.INCONCLUSIVE,
    Status.FUTILE,
    Status.REJECTED,
    Status.NOT_MEASURABLE,
)
"""Decisions in the order of lists: what can move first, then what may still move."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_E_TOLERANCE = 1e-9  # the one with which evidence is compared with its threshold


# Numbers


def percent(
    share: float | None, *, rounding: Rounding = "near", places: int = _SHARE_PLACES
) -> str:
    """Write a share as a percentage.

    A share that is not 0 or 1 is never shown as 0% or 100% by rounding to the nearest.

    Example:
        >>> percent(0.93149, rounding="down"), percent(0.999999)
        ('93.14%', '99.99%')
    """
    if share is None:
        return UNKNOWN
    value = _rounded(share, rounding, places)
    step = Decimal(1).scaleb(-places)
    if rounding == "near" and 0 < share < 1:
        value = min(max(value, step), 100 - step)
    return f"{value:,.{places}f}%"


def points(difference: float | None, *, rounding: Rounding = "near") -> str:
    """Write a difference of two shares in signed percentage points.

    Example:
        >>> points(-0.0123)
        '-1.23 pp'
    """
    if difference is None:
        return UNKNOWN
    value = _rounded(difference, rounding, _SHARE_PLACES)
    return f"{value:+.2f} pp" if value else "0.00 pp"


def share_saved(share: float | None) -> str:
    """Write what a switch saves as a share of the baseline's cost; negative where it costs more.

    Example:
        >>> share_saved(0.7149)
        '71.5%'
    """
    return percent(share, places=1)


def coefficient(value: float, *, rounding: Rounding = "near") -> str:
    """Write a coefficient, such as kappa, with two decimals.

    Example:
        >>> coefficient(0.4955), coefficient(0.8442, rounding="up")
        ('0.50', '0.85')
    """
    return f"{Decimal(repr(value)).quantize(Decimal('0.01'), _MODES[rounding]) + 0:.2f}"


def usd(amount: float | None) -> str:
    """Write dollars: to the cent, and below ten cents with up to three digits that count.

    Example:
        >>> usd(1234.5), usd(0.001234)
        ('$1,234.50', '$0.00123')
    """
    if amount is None:
        return UNKNOWN
    sign, size = ("-" if amount < 0 else ""), abs(amount)
    if size == 0 or size >= 0.1:  # noqa: PLR2004 - ten cents
        return f"{sign}${size:,.2f}"
    if size < 1e-6:  # noqa: PLR2004 - a dollar per million requests
        return f"{sign}<$0.000001"
    digits = f"{size:.{min(2 - math.floor(math.log10(size)), 8)}f}".rstrip("0")
    return f"{sign}${digits:0<4}"


def count(number: int | None) -> str:
    """Write a count with its thousands apart."""
    return UNKNOWN if number is None else f"{number:,}"


def masked(places: Mapping[str, int]) -> str:
    """Return what was hidden, by what it is.

    Example:
        >>> masked({"email": 1204, "openai-key": 1})
        'email 1,204, openai-key 1'
    """
    return ", ".join(f"{kind} {count(n)}" for kind, n in sorted(places.items()))


def counted(number: int, noun: str, plural: str = "") -> str:
    """Write a count with its noun.

    Example:
        >>> counted(1, "request"), counted(1200, "reply", "replies")
        ('1 request', '1,200 replies')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def e_value(log_e: float) -> str:
    """Write an e-value, given its natural logarithm, rounded down.

    Evidence and its threshold are written alike: what reaches the threshold never looks smaller.

    Example:
        >>> e_value(math.log(123456)), e_value(math.log(60))
        ('1.2e+05', '60')
    """
    if abs(log_e) >= CERTAIN:
        return "certain" if log_e > 0 else "0"
    power = (log_e + _E_TOLERANCE) / math.log(10)
    exponent = math.floor(power)
    is_plain = _PLAIN_E[0] <= exponent < _PLAIN_E[1]
    step = Decimal("0.01") if is_plain else Decimal("0.1")
    mantissa = Decimal(repr(10 ** (power - exponent))).quantize(step, ROUND_FLOOR)
    if is_plain:
        return f"{mantissa.scaleb(exponent).normalize():f}"
    return f"{mantissa}e{exponent:+03d}"


def p_value(p: float) -> str:
    """Write a p-value with two digits, rounded up.

    Example:
        >>> p_value(0.00123)
        '0.0013'
    """
    if p <= 0:
        return "0"
    places = 1 - math.floor(math.log10(p))
    value = Decimal(repr(p)).quantize(Decimal(1).scaleb(-places), ROUND_CEILING)
    return f"{float(value):.1e}" if p < 1e-4 else f"{value.normalize():f}"  # noqa: PLR2004


def duration(seconds: float) -> str:
    """Write a duration in its two largest units.

    Example:
        >>> duration(3725)
        '1 h 2 min'
    """
    if seconds < 9.95:  # noqa: PLR2004 - rounds to 10
        return f"{seconds:.1f} s"
    rest, parts = round(seconds), []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        number, rest = divmod(rest, size)
        parts.append((number, unit))
    first = next(index for index, (number, _) in enumerate(parts) if number)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number)


def span(first: str | None, last: str | None) -> str:
    """Write the time between two ISO 8601 timestamps, with its days.

    Example:
        >>> span("2026-03-01T08:00:00Z", "2026-03-31T08:00:00Z")
        '1 Mar 2026 to 31 Mar 2026 (30 days)'
    """
    start, end = _moment(first), _moment(last)
    if start is None or end is None:
        return "which the log does not date"
    days = max((end - start).total_seconds() / 86_400, 0.0)
    length = counted(round(days), "day") if days >= 1 else "less than a day"
    return f"{_day(start)} to {_day(end)} ({length})"


def _rounded(share: float, rounding: Rounding, places: int) -> Decimal:
    # repr() is the shortest decimal that is this float: 0.9314 stays 93.14 when rounded down.
    hundredfold = Decimal(repr(share)).scaleb(2)
    return hundredfold.quantize(Decimal(1).scaleb(-places), _MODES[rounding])


def _moment(timestamp: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(timestamp or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _day(moment: datetime) -> str:
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


# Decisions, and what an estimand measures


def status_name(status: Status) -> str:
    """Write a decision as a word of DESIGN.md."""
    return status.value.replace("_", " ")


def status_rank(status: Status) -> int:
    """Return the place of a decision in lists."""
    return STATUSES.index(status)


def is_difference(estimand: Estimand) -> bool:
    """Whether the estimand is a difference of two rates rather than a rate."""
    return estimand.low < 0


def measure_name(estimand: Estimand) -> str:
    """Name what the estimand measures, for axes and columns."""
    return {
        "parity": "parity rate",
        "noise_floor": "difference from the noise floor",
        "quality": "difference in quality",
        "preference": "judge preference",
    }[estimand.name]


def measure(estimand: Estimand, value: float | None, *, rounding: Rounding = "near") -> str:
    """Write a value of the estimand: a percentage, or signed percentage points."""
    if is_difference(estimand):
        return points(value, rounding=rounding)
    return percent(value, rounding=rounding)


def axis_label(estimand: Estimand, value: float) -> str:
    """Write a round value beside an axis, without the decimals that it does not need."""
    number = f"{100 * value:{'+' if is_difference(estimand) else ''}.4g}"
    return "0" if float(number) == 0 else number


def bar(estimand: Estimand) -> str:
    """Write the value that a certificate has to refute."""
    return measure(estimand, estimand.null)


def interval(estimand: Estimand, low: float, high: float) -> str:
    """Write a confidence sequence, rounded outward."""
    lower = measure(estimand, low, rounding="down").removesuffix(" pp")
    return f"{lower} to {measure(estimand, high, rounding='up')}"


def result(estimand: Estimand, decision: Decision) -> str:
    """Write a mean with its confidence sequence and n; there is no shorter form of it.

    Example: `96.60% (93.14% to 98.21%), n = 412`.
    """
    if decision.mean is None:
        return "nothing measured, n = 0"
    mean = measure(estimand, decision.mean)
    bounds = interval(estimand, decision.low, decision.high)
    return f"{mean} ({bounds}), n = {count(decision.n)}"


def saving(summary: RunSummary) -> str:
    """Say what the routes of a run save over the span of its log, as far as prices are known."""
    routes = [arm for task in summary.tasks for arm in task.arms if arm.is_route]
    saved, whole = summary.saving_usd_in_log, summary.baseline_usd_in_log
    if not routes:
        return "Nothing moves, so nothing is saved."
    if saved is None:
        return "The saving is unknown: no route has a known price on both models."
    effect = f"{'saves' if saved >= 0 else 'costs'} an estimated {usd(abs(saved))}"
    more = "" if saved >= 0 else " more"
    of = ""
    if whole and saved >= 0:
        of = f" of the {usd(whole)} ({share_saved(saved / whole)}) that all tasks cost now"
    n_unknown = sum(arm.money.saving_usd_in_log is None for arm in routes)
    unknown = f" {counted(n_unknown, 'route')} without a known price not counted." * bool(n_unknown)
    return (
        f"Moving {counted(len(routes), 'task')} {effect}{more}{of} over the log's span, "
        f"{span(summary.first_timestamp, summary.last_timestamp)}.{unknown}"
    )


# Text that models, logs and users wrote


_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls but tab and newline
    "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # invisible, or turns the text round
    "\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f]"  # not characters; tags
)


_CUT_SLACK = 30  # no shorter than the statement that would replace it


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A text that may have been cut."""

    text: str
    n_left_out: int
    """Characters left out at the end."""


def visible(text: str) -> str:
    r"""Return the text with every character shown that would act unseen.

    Control characters (ANSI escapes, NUL), bidirectional overrides, invisible characters, line
    separators and lone surrogates become names.

    Example:
        >>> visible("a\x1b[31mb")
        'a␛[31mb'
    """
    return _UNSEEN.sub(_named, text.replace("\r\n", "\n"))


def cut(text: str, limit: int) -> Cut:
    """Return at most `limit` characters of the text, visible, and how many were left out."""
    return Cut(text=visible(text[:limit]), n_left_out=max(len(text) - limit, 0))


def one_line(text: str, limit: int = 200) -> str:
    """Return the text on one line, visible, and cut with a statement where it is much too long."""
    is_short = len(text) <= limit + _CUT_SLACK
    short = cut(text, len(text) if is_short else limit)
    line = " ".join(short.text.split())
    return line if is_short else f"{line} [{counted(short.n_left_out, 'character')} left out]"


def _named(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:  # noqa: PLR2004 - C0
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"  # noqa: PLR2004 - DEL


# Geometry of charts, in the units of an SVG view box


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Where values lie along an axis."""

    low: float
    """Value at `start`."""
    high: float
    """Value at `stop`."""
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """Return the place of a value, also of one beyond the axis, by its length at most."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + min(max(share, -1.0), 2.0) * (self.stop - self.start)

    def within(self, value: float) -> float:
        """Return the place of a value; one beyond the axis is placed at its end."""
        return self(min(max(value, self.low), self.high))


def ticks(low: float, high: float, most: int = 5) -> tuple[float, ...]:
    """Return at most `most` round values within [low, high], 1, 2 or 5 times a power of ten apart.

    Example:
        >>> ticks(0, 412)
        (0.0, 100.0, 200.0, 300.0, 400.0)
    """
    if not low < high:
        return (low,)
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    for factor in (1, 2, 5, 10, 20):
        step = power * factor
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            break
    return tuple(round(index * step, 12) for index in range(first, last + 1))


def line_path(places: Iterable[tuple[float, float]]) -> str:
    """Return the SVG path through some places."""
    return "M" + "L".join(f"{_short(x)},{_short(y)}" for x, y in places)


def band_path(xs: Sequence[float], lower: Sequence[float], upper: Sequence[float]) -> str:
    """Return the closed SVG path between two lines."""
    forth = list(zip(xs, upper, strict=True))
    back = list(zip(xs, lower, strict=True))[::-1]
    return line_path(forth + back) + "Z"


def _short(place: float) -> str:
    return f"{place:.1f}".removesuffix(".0")

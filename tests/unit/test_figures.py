import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from summaries import (
    ATTACKS,
    NOISE_FLOOR,
    PARITY,
    PREFERENCE,
    QUALITY,
    believable,
    empty,
    with_savings,
)

from parity_eval import figures
from parity_eval.figures import Rounding, Scale
from parity_eval.records import Estimand, Status

SHARES = st.floats(min_value=0, max_value=1, allow_nan=False)
LOG_ES = st.floats(min_value=-1e4, max_value=1e4, allow_nan=False)


@pytest.mark.parametrize(
    ("share", "rounding", "text"),
    [
        (0.93149, "down", "93.14%"),
        (0.93141, "up", "93.15%"),
        (0.9314, "down", "93.14%"),  # not a hair less because of binary fractions
        (0.9314, "up", "93.14%"),
        (0.29, "down", "29.00%"),
        (0.93145, "near", "93.14%"),
        (0.93146, "near", "93.15%"),
        (1.0, "near", "100.00%"),
        (0.0, "near", "0.00%"),
        (0.999999, "near", "99.99%"),  # not all
        (0.000001, "near", "0.01%"),  # not none
        (0.999999, "up", "100.00%"),
        (0.000001, "down", "0.00%"),
        (-0.12, "near", "-12.00%"),
        (None, "near", "unknown"),
    ],
)
def test_percent(share: float | None, rounding: Rounding, text: str) -> None:
    assert figures.percent(share, rounding=rounding) == text


@pytest.mark.parametrize(
    ("difference", "rounding", "text"),
    [
        (-0.0123, "near", "-1.23 pp"),
        (0.012, "near", "+1.20 pp"),
        (0.0, "near", "0.00 pp"),
        (-0.00001, "near", "0.00 pp"),
        (-0.01231, "down", "-1.24 pp"),
        (-0.01239, "up", "-1.23 pp"),
        (0.01239, "down", "+1.23 pp"),
        (-1.0, "down", "-100.00 pp"),
        (None, "near", "unknown"),
    ],
)
def test_points(difference: float | None, rounding: Rounding, text: str) -> None:
    assert figures.points(difference, rounding=rounding) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.7149, "71.5%"), (-0.2, "-20.0%"), (0.9999, "99.9%"), (None, "unknown")]
)
def test_share_saved(share: float | None, text: str) -> None:
    assert figures.share_saved(share) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "$0.00"),
        (0.5, "$0.50"),
        (5.124, "$5.12"),
        (1234567.891, "$1,234,567.89"),
        (0.0999, "$0.0999"),
        (0.05, "$0.05"),
        (0.00123456, "$0.00123"),
        (0.000002, "$0.000002"),
        (0.0000001, "<$0.000001"),
        (-3.2, "-$3.20"),
        (-0.0432, "-$0.0432"),
        (None, "unknown"),
    ],
)
def test_usd(amount: float | None, text: str) -> None:
    assert figures.usd(amount) == text


@pytest.mark.parametrize(
    ("e", "text"),
    [
        (1, "1"),
        (20, "20"),
        (60, "60"),
        (59.96, "59.9"),  # never up to the threshold
        (3.419, "3.41"),
        (0.0345, "0.0345"),
        (9999.6, "9990"),
        (12345, "1.2e+04"),
        (129999, "1.2e+05"),
        (0.00012, "1.2e-04"),
    ],
)
def test_e_value(e: float, text: str) -> None:
    assert figures.e_value(math.log(e)) == text


@pytest.mark.parametrize(
    ("value", "low", "near", "high"),
    [
        (0.4955, "0.49", "0.50", "0.50"),
        (-0.1234, "-0.13", "-0.12", "-0.12"),
        (-0.001, "-0.01", "0.00", "0.00"),
        (1.0, "1.00", "1.00", "1.00"),
    ],
)
def test_coefficient(value: float, low: str, near: str, high: str) -> None:
    assert figures.coefficient(value, rounding="down") == low
    assert figures.coefficient(value) == near
    assert figures.coefficient(value, rounding="up") == high


def test_e_values_beyond_all_floats() -> None:
    assert figures.e_value(1000 * math.log(10)) == "1.0e+1000"
    assert figures.e_value(-1000 * math.log(10)) == "1.0e-1000"
    assert figures.e_value(math.inf) == figures.e_value(1e6) == "certain"
    assert figures.e_value(-math.inf) == "0"


@given(LOG_ES, LOG_ES)
def test_what_reaches_the_threshold_never_looks_smaller(one: float, other: float) -> None:
    evidence, needed = max(one, other), min(one, other)
    assert _log(figures.e_value(evidence)) >= _log(figures.e_value(needed)) - 1e-12


def _log(text: str) -> float:
    number, _, power = text.partition("e")
    return math.log(float(number)) + int(power or 0) * math.log(10)


@pytest.mark.parametrize(
    ("p", "text"),
    [(1.0, "1"), (0.05, "0.05"), (0.01234, "0.013"), (0.0000123, "1.3e-05"), (0.0, "0")],
)
def test_p_value(p: float, text: str) -> None:
    assert figures.p_value(p) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (999, "999"), (1234567, "1,234,567"), (None, "unknown")]
)
def test_count(number: int | None, text: str) -> None:
    assert figures.count(number) == text


def test_counted() -> None:
    assert figures.counted(1, "request") == "1 request"
    assert figures.counted(0, "request") == "0 requests"
    assert figures.counted(1200, "reply", "replies") == "1,200 replies"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (0.8, "0.8 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (3725, "1 h 2 min"),
        (90_000, "1 d 1 h"),
        (86_400 + 59, "1 d"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert figures.duration(seconds) == text


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (
            "2026-03-01T08:00:00Z",
            "2026-03-31T08:00:00+00:00",
            "1 Mar 2026 to 31 Mar 2026 (30 days)",
        ),
        ("2026-03-01T08:00:00", "2026-03-02T09:00:00Z", "1 Mar 2026 to 2 Mar 2026 (1 day)"),
        (
            "2026-03-01T08:00:00Z",
            "2026-03-01T09:00:00Z",
            "1 Mar 2026 to 1 Mar 2026 (less than a day)",
        ),
        (None, "2026-03-01T09:00:00Z", "which the log does not date"),
        ("yesterday", "2026-03-01T09:00:00Z", "which the log does not date"),
    ],
)
def test_span(first: str | None, last: str | None, text: str) -> None:
    assert figures.span(first, last) == text


@pytest.mark.parametrize(
    ("estimand", "bar", "name"),
    [
        (PARITY, "90.00%", "parity rate"),
        (PREFERENCE, "45.00%", "judge preference"),
        (QUALITY, "-5.00 pp", "difference in quality"),
        (NOISE_FLOOR, "-3.00 pp", "difference from the noise floor"),
    ],
)
def test_the_bar_has_the_unit_of_its_estimand(estimand: Estimand, bar: str, name: str) -> None:
    assert figures.bar(estimand) == bar
    assert figures.measure_name(estimand) == name
    assert figures.is_difference(estimand) is bar.endswith(" pp")


def test_an_interval_is_rounded_outward() -> None:
    assert figures.interval(PARITY, 0.93149, 0.96421) == "93.14% to 96.43%"
    assert figures.interval(QUALITY, -0.07358, 0.01001) == "-7.36 to +1.01 pp"


@given(SHARES, SHARES)
def test_a_printed_interval_holds_the_interval(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    printed = [
        float(part.rstrip("%")) / 100 for part in figures.interval(PARITY, low, high).split(" to ")
    ]
    assert printed[0] <= low + 1e-12
    assert high - 1e-12 <= printed[1]


def test_a_result_has_its_confidence_sequence_and_n() -> None:
    arms = [arm for task in believable().tasks for arm in task.arms]
    assert figures.result(PARITY, arms[0].decision) == "96.35% (90.00% to 98.93%), n = 192"
    assert figures.result(QUALITY, arms[4].decision) == "-3.94 pp (-7.36 to -1.01 pp), n = 940"
    assert figures.result(NOISE_FLOOR, arms[6].decision) == "nothing measured, n = 0"


@pytest.mark.parametrize(
    ("estimand", "value", "text"),
    [
        (PARITY, 0.9, "90"),
        (PARITY, 0.975, "97.5"),
        (PARITY, 1.0, "100"),
        (QUALITY, 0.05, "+5"),
        (QUALITY, -0.025, "-2.5"),
        (QUALITY, 0.0, "0"),
    ],
)
def test_axis_label(estimand: Estimand, value: float, text: str) -> None:
    assert figures.axis_label(estimand, value) == text


def test_every_decision_has_a_name_and_a_place() -> None:
    assert {figures.status_name(status) for status in Status} == {
        "certified",
        "rejected",
        "futile",
        "inconclusive",
        "open",
        "not measurable",
    }
    assert sorted(figures.status_rank(status) for status in Status) == list(range(len(Status)))
    assert figures.status_rank(Status.CERTIFIED) == 0


@pytest.mark.parametrize(
    ("saved", "whole", "words"),
    [
        (8.25, 33.0, "saves an estimated $8.25 of the $33.00 (25.0%) that all tasks cost now"),
        (8.25, None, "saves an estimated $8.25"),
        (-2.0, 33.0, "costs an estimated $2.00 more"),
    ],
)
def test_saving(saved: float, whole: float | None, words: str) -> None:
    span = "over the log's span, 1 Oct 2026 to 31 Oct 2026 (31 days)."
    said = figures.saving(with_savings(believable(), saved, whole))
    assert said == f"Moving 1 task {words} {span}"


def test_an_unknown_saving_is_said() -> None:
    said = figures.saving(with_savings(believable(), None, None))
    assert said == "The saving is unknown: no route has a known price on both models."


def test_saving_without_a_route() -> None:
    assert figures.saving(empty()) == "Nothing moves, so nothing is saved."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "plain, äöü, 漢字, \U0001f469\u200d\U0001f4bb",
            "plain, äöü, 漢字, \U0001f469\u200d\U0001f4bb",
        ),
        ("a\tb\nc\r\nd", "a\tb\nc\nd"),
        ("a\rb", "a␍b"),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("nul\x00", "nul␀"),
        ("\x7f\x9b", "␡⟨U+009B⟩"),
        ("a\u2028b\u2029", "a⟨U+2028⟩b⟨U+2029⟩"),
        ("\u202egnp.exe\u202c\u2066\u2069", "⟨U+202E⟩gnp.exe⟨U+202C⟩⟨U+2066⟩⟨U+2069⟩"),
        ("\u200b\ufeff\U000e0041", "⟨U+200B⟩⟨U+FEFF⟩⟨U+E0041⟩"),
        ("\ud800", "⟨U+D800⟩"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert figures.visible(text) == shown


@given(st.text(alphabet=st.characters(codec=None), max_size=200))
def test_visible_text_can_be_written_and_turns_nothing_round(text: str) -> None:
    shown = figures.visible(text)
    shown.encode()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]", shown)
    assert figures.visible(shown) == shown


def test_cut_says_how_much_is_left_out() -> None:
    short = figures.cut("abcdef", 4)
    assert (short.text, short.n_left_out) == ("abcd", 2)
    assert figures.cut("abc", 4).n_left_out == 0


def test_one_line() -> None:
    assert figures.one_line("a\n b\t c") == "a b c"
    assert figures.one_line("x" * 1000, 10) == "x" * 10 + " [990 characters left out]"
    # What is cut would be no longer than the statement.
    assert figures.one_line("x" * 40, 10) == "x" * 40
    assert all("\n" not in figures.one_line(attack) for attack in ATTACKS)


def test_scale() -> None:
    scale = Scale(low=0.5, high=1.0, start=100, stop=0)
    assert [scale(value) for value in (0.5, 0.75, 1.0, 1.5)] == [100, 50, 0, -100]
    assert [scale(value) for value in (math.inf, -math.inf, -9.0)] == [-100, 200, 200]
    assert [scale.within(value) for value in (0.0, 0.75, 1.5)] == [100, 50, 0]


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0, 412, (0, 100, 200, 300, 400)),
        (0.87, 1, (0.9, 0.95, 1.0)),
        (-0.031, 0.02, (-0.02, 0.0, 0.02)),
        (0, 1, (0, 0.5, 1)),
        (3, 3, (3,)),
    ],
)
def test_ticks(low: float, high: float, found: tuple[float, ...]) -> None:
    assert figures.ticks(low, high) == pytest.approx(found)


@given(st.floats(-1e3, 1e3), st.floats(1e-6, 1e3))
def test_ticks_are_few_rising_and_inside(low: float, width: float) -> None:
    found = figures.ticks(low, low + width)
    assert len(found) <= 5
    assert list(found) == sorted(set(found))
    assert all(low - 1e-6 * width <= tick <= low + width * (1 + 1e-6) for tick in found)


def test_paths() -> None:
    assert figures.line_path([(0, 1.04), (2.25, 3)]) == "M0,1L2.2,3"
    assert figures.band_path([0, 1], [5, 6], [2, 3]) == "M0,2L1,3L1,6L0,5Z"

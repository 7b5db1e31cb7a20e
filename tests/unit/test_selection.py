from collections.abc import Mapping
from dataclasses import replace

import pytest
from makers import entry

from parity_eval.selection import Selection

LINE = replace(
    entry("a", metadata={"env": "prod", "tags": ["eu", "vip"]}), timestamp="2026-03-01T12:00:00Z"
)


def test_all_lines_count_by_default() -> None:
    assert Selection().why_not(LINE) is None
    assert Selection().why_not(replace(LINE, timestamp=None)) is None


@pytest.mark.parametrize(
    ("since", "until", "why"),
    [
        ("2026-03-01T12:00:00Z", None, None),
        ("2026-03-01T12:00:01Z", None, "before 2026-03-01T12:00:01Z (log.since)"),
        (None, "2026-03-01T12:00:01Z", None),
        (None, "2026-03-01T12:00:00Z", "not before 2026-03-01T12:00:00Z (log.until)"),
        ("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", None),
    ],
)
def test_a_span_has_its_first_second_and_not_its_last(
    since: str | None, until: str | None, why: str | None
) -> None:
    assert Selection(since=since, until=until).why_not(LINE) == why


def test_what_has_no_time_is_in_no_span() -> None:
    found = Selection(since="2020-01-01T00:00:00Z").why_not(replace(LINE, timestamp=None))
    assert found == "no time, where `log.since` or `log.until` is set"


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ({"metadata.env": "prod"}, None),
        ({"metadata.env": "p*", "tag": "vip"}, None),
        ({"metadata.env": "Prod"}, "metadata.env is not Prod (log.where)"),
        ({"metadata.env": "p*", "tag": "us"}, "tag is not us (log.where)"),
        ({"metadata.nothing": "*"}, "metadata.nothing is not * (log.where)"),
        ({"model": "big"}, None),
    ],
)
def test_every_field_has_to_fit(where: Mapping[str, str], why: str | None) -> None:
    assert Selection(where=where).why_not(LINE) == why

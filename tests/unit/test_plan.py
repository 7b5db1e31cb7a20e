import pytest

from parity_eval.workflows.plan import span_days


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        ("2026-03-01T08:00:00Z", "2026-03-31T08:00:00Z", 30.0),
        ("2026-03-01T00:00:00+00:00", "2026-03-02T12:00:00", 1.5),
        ("2026-03-01T08:00:00Z", "2026-03-02T08:00:00Z", 1.0),
        ("2026-03-01T08:00:00Z", "2026-03-02T07:59:59Z", None),
        ("2026-03-01T08:00:00Z", "yesterday", None),
        (None, None, None),
    ],
)
def test_days_between_timestamps(first: str | None, last: str | None, days: float | None) -> None:
    assert span_days(first, last) == days

import hashlib

import pytest
from makers import cut_off, entry

from parity_eval.intake import content_digest
from parity_eval.records import Finish, LogEntry, Response, TaskName
from parity_eval.sampling import Sample, calibration_size, distinct, draw, seeded_key, unusable

TRIAGE = TaskName("triage")


def drawn(
    rows: list[LogEntry], *, seed: int = 1, n_calibration: int = 0, needs_answer: bool = True
) -> Sample:
    return draw(
        TRIAGE,
        distinct(rows, content_digest),
        seed=seed,
        n_calibration=n_calibration,
        needs_answer=needs_answer,
    )


def ids(sample: Sample) -> list[str]:
    return [unit.request.id for unit in sample.units]


def test_the_order_is_that_of_the_seeded_hash() -> None:
    # First eight hex digits of sha256("1\\0triage\\0" + id).
    assert [seeded_key(1, "triage", i)[:8] for i in "abc"] == ["d5cd2d2f", "ab11176a", "221ceeb5"]
    sample = drawn([entry(i) for i in "abc"])
    assert ids(sample) == ["c", "b", "a"]
    assert sample.order_hash == hashlib.sha256(b"c\nb\na").hexdigest()


def test_seed_and_task_make_another_order() -> None:
    assert seeded_key(1, "triage", "a") != seeded_key(2, "triage", "a")
    assert seeded_key(1, "triage", "a") != seeded_key(1, "other", "a")


def test_equal_requests_are_one_unit_with_a_weight() -> None:
    rows = [entry("b", "x", answer="no"), entry("a", "x", answer="yes"), entry("c", "y")]
    sample = drawn(rows)
    units = {str(unit.request.id): unit for unit in sample.units}
    assert sorted(units) == ["a", "c"]  # the smallest id stands for its group
    assert (units["a"].weight, units["a"].baseline.text) == (2, "yes")
    assert units["c"].weight == 1
    assert sample.n_lines == 3


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (None, "no baseline answer"),
        (cut_off(), "baseline answer cut off"),
        (Response(text="", finish=Finish.INVALID), "baseline call failed"),
        (Response(text="", finish=Finish.REJECTED), "baseline call failed"),
        (Response(text=""), "baseline answer empty"),
        (Response(text="", finish=Finish.REFUSED), None),
        (Response(text="I can't.", finish=Finish.REFUSED), None),
        (Response(text="yes"), None),
    ],
)
def test_what_cannot_be_compared_with(response: Response | None, why: str | None) -> None:
    assert unusable(response) == why


def test_unusable_answers_are_excluded_and_counted_in_lines() -> None:
    rows = [
        entry("a", "x", answer=None),
        entry("b", "x"),
        entry("c", answer=cut_off()),
        entry("d"),
    ]
    sample = drawn(rows)
    assert ids(sample) == ["d"]
    assert sample.excluded == {"no baseline answer": 2, "baseline answer cut off": 1}
    assert (sample.n_lines, sample.excluded_units) == (4, 2)


def test_a_replayed_baseline_needs_no_logged_answer() -> None:
    sample = drawn([entry("a", answer=None)], needs_answer=False)
    assert ids(sample) == ["a"]
    assert sample.excluded == {}


def test_calibration_is_never_certified_on() -> None:
    rows = [entry(str(i), f"text {i // 2}") for i in range(40)]
    sample = drawn(rows, n_calibration=5)
    aside = {e.request.id for e in sample.calibration}
    assert len(sample.calibration) == 10  # five requests, each twice in the log
    assert len(sample.units) == 15
    assert not aside & set(ids(sample))
    assert sample.excluded == {"set aside for calibration": 10}
    assert sample.excluded_units == 0


@pytest.mark.parametrize(("n", "size"), [(0, 0), (9, 0), (10, 1), (499, 49), (500, 50), (9999, 50)])
def test_calibration_size(n: int, size: int) -> None:
    assert calibration_size(n) == size


def test_nothing() -> None:
    sample = drawn([])
    assert (sample.units, sample.n_lines, sample.excluded) == ((), 0, {})
    assert sample.order_hash == hashlib.sha256(b"").hexdigest()

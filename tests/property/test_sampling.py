"""The seeded order depends on the requests alone."""

from collections import Counter
from dataclasses import replace
from typing import TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st
from makers import entry

from parity_eval.intake import content_digest
from parity_eval.records import TaskName
from parity_eval.sampling import Sample, distinct, draw

FEW = settings(max_examples=40, deadline=None)
TEXTS = st.lists(st.integers(0, 9), max_size=30)
Sessions: TypeAlias = tuple[str | None, ...]
SESSIONS: st.SearchStrategy[Sessions] = st.tuples(*[st.sampled_from(["a", "b", "c", None])] * 10)


def drawn(
    texts: list[tuple[int, int]], seed: int, n_calibration: int, sessions: Sessions = ()
) -> Sample:
    rows = [
        replace(
            # Every seventh line has no answer that could be compared with.
            entry(f"id{i:03}", f"text {text}", answer="yes" if not sessions or i % 7 else None),
            session=sessions[text] if sessions else None,
        )
        for i, text in texts
    ]
    return draw(
        TaskName("t"),
        distinct(rows, content_digest),
        seed=seed,
        n_calibration=n_calibration,
        needs_answer=True,
        cluster=(lambda e: e.session) if sessions else None,
    )


@FEW
@given(TEXTS, st.integers(0, 99), st.integers(0, 3), st.randoms(use_true_random=False))
def test_the_order_of_the_log_does_not_matter(
    texts: list[int], seed: int, n_calibration: int, random: object
) -> None:
    rows = list(enumerate(texts))
    shuffled = rows.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    before, after = drawn(rows, seed, n_calibration), drawn(shuffled, seed, n_calibration)
    assert before.units == after.units
    assert before.order_hash == after.order_hash
    assert {e.request.id for e in before.calibration} == {e.request.id for e in after.calibration}


@FEW
@given(TEXTS, st.integers(0, 99), st.integers(0, 3))
def test_every_line_is_somewhere_once(texts: list[int], seed: int, n_calibration: int) -> None:
    sample = drawn(list(enumerate(texts)), seed, n_calibration)
    n_units = sum(unit.weight for unit in sample.units)
    assert n_units + len(sample.calibration) == len(texts)
    assert sum(sample.excluded.values()) == len(sample.calibration)
    digests = [unit.digest for unit in sample.units]
    assert len(set(digests)) == len(digests)


@FEW
@given(TEXTS, st.integers(0, 99))
def test_more_requests_keep_the_order_of_those_that_were_there(texts: list[int], seed: int) -> None:
    rows = list(enumerate(texts))
    whole = [u.request.id for u in drawn(rows, seed, 0).units]
    part = [u.request.id for u in drawn(rows[: len(rows) // 2], seed, 0).units]
    assert part == [request for request in whole if request in part]


@FEW
@given(TEXTS, SESSIONS, st.integers(0, 99), st.integers(0, 5), st.randoms(use_true_random=False))
def test_clusters_are_used_once_and_never_split(
    texts: list[int], sessions: Sessions, seed: int, n_calibration: int, random: object
) -> None:
    rows = list(enumerate(texts))
    sample = drawn(rows, seed, n_calibration, sessions)
    text_of = {f"id{i:03}": text for i, text in rows}
    used = [sessions[text_of[unit.request.id]] or unit.request.id for unit in sample.units]
    aside = {sessions[text_of[e.request.id]] or e.request.id for e in sample.calibration}
    assert len(set(used)) == len(used)
    assert aside.isdisjoint(used)
    lines = Counter(sessions[text] or next(i for i, t in rows if t == text) for text in texts)
    assert sum(u.weight for u in sample.units) <= lines.total()
    assert sum(sample.excluded.values()) + len(sample.units) <= len(texts)
    left = {sessions[text] for i, text in rows if i % 7} - aside - {None}
    assert left <= set(used)
    random.shuffle(rows)  # type: ignore[attr-defined]
    again = drawn(rows, seed, n_calibration, sessions)
    assert (again.units, again.excluded, again.excluded_units) == (
        sample.units,
        sample.excluded,
        sample.excluded_units,
    )


@FEW
@given(TEXTS, SESSIONS, st.integers(0, 99))
def test_more_requests_keep_the_order_of_clusters(
    texts: list[int], sessions: Sessions, seed: int
) -> None:
    rows = list(enumerate(texts))
    text_of = {f"id{i:03}": text for i, text in rows}

    def clusters(of: list[tuple[int, int]]) -> list[str]:
        order = drawn(of, seed, 0, sessions).units
        return [sessions[text_of[unit.request.id]] or f"alone {unit.digest}" for unit in order]

    whole = clusters(rows)
    shared = [name for name in clusters(rows[: len(rows) // 2]) if not name.startswith("alone")]
    assert shared == [name for name in whole if name in shared]

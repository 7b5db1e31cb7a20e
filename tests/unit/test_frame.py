from collections import Counter
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import entry

from parity_eval.frame import Beyond, Framed, TaskFrame
from parity_eval.records import RequestId, TaskName

TRIAGE = TaskName("triage")


def framed(
    lines: list[tuple[str, str]],
    size: int | None,
    *,
    seed: int = 1,
    keep: frozenset[RequestId] = frozenset(),
) -> Framed:
    digests = dict(lines)
    frame = TaskFrame(
        task=TRIAGE, seed=seed, size=size, keep=keep, digest=lambda e: digests[e.request.id]
    )
    for id_, _ in lines:
        frame.add(entry(id_))
    return frame.close()


def groups(found: Framed, lines: list[tuple[str, str]]) -> dict[str, list[str]]:
    digests = dict(lines)
    kept: dict[str, list[str]] = {}
    for one in sorted(found.entries, key=lambda e: e.request.id):
        kept.setdefault(digests[one.request.id], []).append(one.request.id)
    return kept


def beyond(found: Framed) -> Beyond:
    assert found.beyond is not None
    return found.beyond


def test_a_log_that_fits_is_kept_whole() -> None:
    lines = [("b", "x"), ("a", "x"), ("c", "y")]
    for size in (None, 2, 3):
        found = framed(lines, size)
        assert groups(found, lines) == {"x": ["a", "b"], "y": ["c"]}
        assert found.beyond is None


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), unique_by=lambda x: x[0]))
def test_what_is_kept_does_not_depend_on_the_order_of_the_log(pairs: list[tuple[int, int]]) -> None:
    lines = [(str(i), str(d)) for i, d in pairs]
    found = groups(framed(lines, 2), lines)
    assert groups(framed(lines[::-1], 2), lines) == groups(framed(sorted(lines), 2), lines) == found
    assert len(found) == min(2, len({d for _, d in lines}))


def test_all_lines_of_a_kept_request_are_kept() -> None:
    lines = [(f"{d}-{copy}", str(d)) for copy in range(3) for d in range(20)]
    found = framed(lines, 5)
    assert [len(group) for group in groups(found, lines).values()] == [3] * 5
    assert beyond(found).n_lines == 45


def test_every_request_has_the_same_chance_however_often_it_was_asked() -> None:
    lines = [(f"{d}-{copy}", str(d)) for d in range(10) for copy in range(1 + 9 * (d == 0))]
    kept = Counter(d for seed in range(2000) for d in groups(framed(lines, 3, seed=seed), lines))
    # Each is kept with probability .3: five standard deviations of 2,000 draws are .051.
    assert all(abs(kept[str(d)] / 2000 - 0.3) < 0.051 for d in range(10))


def test_clusters_are_kept_whole() -> None:
    for order in permutations(range(4)):
        frame = TaskFrame(
            task=TRIAGE,
            seed=1,
            size=1,
            digest=lambda e: f"d{e.request.id}",
            cluster=lambda e: str(int(e.request.id) % 2),
        )
        for i in order:
            frame.add(entry(str(i)))
        found = {e.request.id for e in frame.close().entries}
        assert found in ({"0", "2"}, {"1", "3"})


def test_the_number_of_requests_is_estimated_from_the_keys() -> None:
    found = framed([(str(i), str(i)) for i in range(20_000)], 1000)
    # The estimate's relative error is about 1 / sqrt(1000).
    assert abs(beyond(found).n_requests / 20_000 - 1) < 0.12
    assert beyond(found).n_lines == 19_000


def test_a_common_request_is_counted_wherever_it_comes() -> None:
    rare = [(f"r{i}", f"r{i}") for i in range(30_000)]
    common = [(f"c{i}", "common") for i in range(400)]
    few = rare[:500] + common[:1]
    seed = next(s for s in range(99) if "common" not in groups(framed(few, 9, seed=s), few))
    for lines in (rare + common, common + rare):
        (heavy,) = beyond(framed(lines, 9, seed=seed)).heavy
        assert heavy.digest == "common"
        assert 400 <= heavy.n_lines <= 400 + len(lines) / 1000


def test_what_was_asked_for_by_name_is_there() -> None:
    lines = [(str(i), str(i)) for i in range(50)]
    for i in range(50):
        found = framed(lines, 3, keep=frozenset({RequestId(str(i))}))
        kept = [e.request.id for e in found.entries]
        assert kept.count(RequestId(str(i))) == 1
        assert len(kept) + beyond(found).n_lines == 50


@pytest.mark.parametrize("n", [99, 100, 101, 199, 200, 201, 1000])
def test_of_many_equal_lines_the_number_is_kept(n: int) -> None:
    found = framed([(f"{i:04}", "x") for i in reversed(range(n))], 2)
    assert found.beyond is None
    assert len(found.entries) == min(n, 100)
    assert sum(one.n_lines for one in found.entries) == n
    assert sorted(e.request.id for e in found.entries) == [f"{i:04}" for i in range(min(n, 100))]

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from makers import cut_off, entry

from parity_eval.intake import content_digest
from parity_eval.records import Finish, LogEntry, RequestId, Response, TaskName
from parity_eval.sampling import (
    Sample,
    calibration_size,
    distinct,
    draw,
    representative,
    seeded_key,
    unusable,
)

TRIAGE = TaskName("triage")


def drawn(
    rows: list[LogEntry],
    *,
    seed: int = 1,
    n_calibration: int = 0,
    needs_answer: bool = True,
    cluster: Callable[[LogEntry], str | None] | None = None,
    keep: frozenset[RequestId] = frozenset(),
    describe: Callable[[LogEntry], tuple[str | None, frozenset[str]]] | None = None,
) -> Sample:
    return draw(
        TRIAGE,
        distinct(rows, content_digest),
        seed=seed,
        n_calibration=n_calibration,
        needs_answer=needs_answer,
        cluster=cluster,
        keep=keep,
        describe=describe,
    )


def talk(session: str | None, *request_ids: str, answer: str | None = "yes") -> list[LogEntry]:
    return [replace(entry(i, answer=answer), session=session) for i in request_ids]


def clustered(
    rows: list[LogEntry],
    *,
    seed: int = 1,
    n_calibration: int = 0,
    keep: frozenset[RequestId] = frozenset(),
) -> Sample:
    return drawn(
        rows, seed=seed, n_calibration=n_calibration, cluster=lambda e: e.session, keep=keep
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
        entry("b", "x", answer=""),
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


class TestRepresentative:
    GROUP = (
        entry("a", "x", answer=None),
        entry("b", "x", answer="no"),
        entry("c", "x", answer="yes"),
    )

    def test_the_first_that_can_be_compared_with(self) -> None:
        assert representative(self.GROUP, needs_answer=True).request.id == "b"
        assert representative(self.GROUP, needs_answer=False).request.id == "a"
        assert representative(self.GROUP[:1], needs_answer=True).request.id == "a"

    def test_stands_for_the_whole_group(self) -> None:
        sample = drawn(list(self.GROUP))
        (unit,) = sample.units
        assert (unit.request.id, unit.baseline.text, unit.weight) == ("b", "no", 3)
        assert (sample.excluded, sample.excluded_units) == ({}, 0)


class TestClusters:
    # First hex digits of sha256("1\\0triage\\0" + text): a d5, b ab, c 22, d 5f, e 18, f 6767,
    # g 676c, and of "cluster\\0s" c7, "cluster\\0t" ce.
    ROWS = (*talk("s", "a", "b", "c"), *talk("t", "d", "e"), *talk(None, "f", "g"))

    def test_one_request_stands_for_each(self) -> None:
        sample = clustered(list(self.ROWS))
        assert ids(sample) == ["f", "g", "c", "e"]
        assert sample.order_hash == hashlib.sha256(b"f\ng\nc\ne").hexdigest()
        assert sample.excluded == {"another request of its cluster stands for it": 3}
        assert (sample.n_lines, sample.excluded_units) == (7, 0)

    def test_lines_of_those_that_are_left_out_are_all_counted(self) -> None:
        rows = [entry("a", "x"), entry("b", "x"), entry("c", "y"), entry("d", "y")]
        sample = clustered([replace(row, session="s") for row in rows])
        (unit,) = sample.units
        assert unit.weight == 4  # it stands for the traffic of its cluster
        assert sample.excluded == {"another request of its cluster stands for it": 2}

    def test_equal_requests_belong_where_their_representative_does(self) -> None:
        rows = [*talk("s", "a"), *talk("t", "b"), *talk("t", "c")]
        same = [replace(row, request=replace(row.request, body={})) for row in rows[:2]]
        sample = clustered([*same, rows[2]])
        assert {unit.request.id: unit.weight for unit in sample.units} == {"a": 2, "c": 1}

    def test_without_any_value_nothing_changes(self) -> None:
        rows = [entry(str(i)) for i in range(40)]
        assert clustered(rows, n_calibration=5) == drawn(rows, n_calibration=5)

    def test_a_cluster_is_none_of_the_requests_that_have_its_name(self) -> None:
        assert len(clustered([*talk("a", "b"), *talk(None, "a")]).units) == 2

    def test_neither_the_place_nor_the_chance_to_be_first_depends_on_size(self) -> None:
        sizes = {"huge": 30, "big": 10, "small": 2, "one": 1}
        rows = [row for s, n in sizes.items() for row in talk(s, *(f"{s} {i}" for i in range(n)))]
        rows += talk(None, "alone")
        n_seeds = 1000
        orders = [[i.split()[0] for i in ids(clustered(rows, seed=s))] for s in range(n_seeds)]
        places = Counter((name, place) for order in orders for place, name in enumerate(order))
        # Five standard deviations of a binomial count with chance 1/5.
        assert len(places) == 25
        assert max(abs(n - n_seeds / 5) for n in places.values()) < 5 * (n_seeds * 0.16) ** 0.5

    def test_every_request_of_a_cluster_is_as_likely_to_stand_for_it(self) -> None:
        rows = talk("s", "a", "b", "c", "d")
        n_seeds = 1000
        chosen = Counter(i for s in range(n_seeds) for i in ids(clustered(rows, seed=s)))
        assert len(chosen) == 4
        spread = (n_seeds * 3 / 16) ** 0.5
        assert max(abs(n - n_seeds / 4) for n in chosen.values()) < 5 * spread

    def test_only_usable_requests_stand_for_a_cluster(self) -> None:
        sample = clustered(
            [*talk("s", "a", "b"), *talk("s", "c", answer=None), *talk("t", "d", "e", answer=None)]
        )
        assert ids(sample) == ["b"]
        assert sample.excluded == {
            "another request of its cluster stands for it": 1,
            "no baseline answer": 3,
        }

    @pytest.mark.parametrize(
        ("n_usable", "n_unusable", "n_clusters", "n_excluded"),
        [(0, 3, 4, 4), (3, 0, 4, 0), (1, 1, 10, 5), (3, 1, 10, 2), (1, 9, 10, 9), (9, 1, 4, 0)],
    )
    def test_unusable_answers_count_by_their_share_of_a_cluster(
        self, n_usable: int, n_unusable: int, n_clusters: int, n_excluded: int
    ) -> None:
        rows: list[LogEntry] = []
        for c in range(n_clusters):
            rows += talk(f"s{c}", *(f"{c} {i}" for i in range(n_usable)))
            rows += talk(f"s{c}", *(f"{c} -{i}" for i in range(n_unusable)), answer=None)
        assert clustered(rows).excluded_units == n_excluded

    def test_calibration_takes_whole_clusters_until_it_has_enough(self) -> None:
        rows = [row for s in range(20) for row in talk(f"s{s}", *(f"{s} {i}" for i in range(4)))]
        for seed in range(20):
            sample = clustered(rows, seed=seed, n_calibration=10)
            aside = {row.session for row in sample.calibration}
            assert len(sample.calibration) == 12
            assert len(aside) == 3
            assert not aside & {f"s{i.split()[0]}" for i in ids(sample)}
            assert len(sample.units) == 17
            assert sample.excluded["set aside for calibration"] == 12

    def test_one_huge_cluster_is_set_aside_whole(self) -> None:
        rows = [*talk("s", *map(str, range(90))), *(talk(None, *(f"x{i}" for i in range(10))))]
        sizes = {len(clustered(rows, seed=s, n_calibration=5).calibration) for s in range(40)}
        assert min(sizes) == 5
        assert 90 <= max(sizes) <= 94


class TestKeep:
    """Requests that are asked for by name; the draw does not know them."""

    ROWS = (*talk("s", "a", "b", "c"), *talk(None, "d", "e", "f"))

    def test_the_draw_is_the_same_with_and_without(self) -> None:
        keep = frozenset({RequestId("a"), RequestId("e")})
        for seed in range(20):
            plain = drawn(list(self.ROWS), seed=seed, n_calibration=2)
            asked = drawn(list(self.ROWS), seed=seed, n_calibration=2, keep=keep)
            assert (asked.units, asked.calibration) == (plain.units, plain.calibration)

    def test_they_are_there_wherever_the_draw_leaves_them(self) -> None:
        keep = frozenset({RequestId("a"), RequestId("b"), RequestId("e")})
        for n_calibration in (0, 9):
            sample = clustered(list(self.ROWS), n_calibration=n_calibration, keep=keep)
            assert set(sample.kept) == keep
            assert [unit.request.id for unit in sample.kept.values()] == list(sample.kept)

    def test_a_duplicate_is_found_by_its_own_id(self) -> None:
        rows = [entry("a", "x"), entry("b", "x"), entry("c")]
        sample = drawn(rows, keep=frozenset({RequestId("b")}))
        assert sample.kept[RequestId("b")].request.id == "a"

    def test_one_without_an_answer_is_not(self) -> None:
        rows = [replace(entry("a"), response=None), entry("b")]
        assert drawn(rows, keep=frozenset({RequestId("a")})).kept == {}


def test_slices_count_what_cannot_be_used() -> None:
    rows = [
        replace(entry(str(i)), response=None if i < 3 else entry("x").response) for i in range(10)
    ]
    sample = draw(
        TaskName("triage"),
        distinct(rows, lambda e: e.request.id),
        seed=1,
        n_calibration=0,
        needs_answer=True,
        describe=lambda e: (None, frozenset({"low"} if int(e.request.id) < 5 else {"high"})),
    )
    assert sample.slices == {"low": (3, 5), "high": (0, 5)}


def test_units_are_described_by_their_representative() -> None:
    rows = [entry("a", "x", answer=None), entry("b", "x"), entry("c")]
    sample = drawn(rows, describe=lambda e: (f"right {e.request.id}", frozenset({e.request.id})))
    found = {str(u.request.id): (u.reference, u.slices) for u in sample.units}
    assert found == {"b": ("right b", frozenset("b")), "c": ("right c", frozenset("c"))}
    assert {(u.reference, u.slices) for u in drawn(rows).units} == {(None, frozenset())}


class TestUnreplayable:
    rows = [entry(f"r{i}") for i in range(8)]  # noqa: RUF012 - read only
    cut = [replace(entry(f"x{i}", answer=None), unreplayable="cut") for i in range(3)]  # noqa: RUF012

    def test_they_are_left_out_and_counted(self) -> None:
        found = drawn([*self.rows, *self.cut])
        assert len(found.units) == 8
        assert found.excluded == {"cannot be replayed: cut": 3}
        assert found.excluded_units == 3

    def test_also_where_the_baseline_is_asked_again(self) -> None:
        found = drawn([*self.rows, *self.cut], needs_answer=False)
        assert found.excluded == {"cannot be replayed: cut": 3}
        assert {unit.request.id for unit in found.units} == {row.request.id for row in self.rows}

    def test_the_order_of_the_others_is_what_it_was(self) -> None:
        assert drawn([*self.cut, *self.rows]).order_hash == drawn(self.rows).order_hash

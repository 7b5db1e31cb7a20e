"""Lines in place of requests, and what is set aside for tuning."""

import hashlib
from collections import Counter
from dataclasses import replace

from makers import cut_off, entry, model

from parity_eval.intake import content_digest
from parity_eval.records import LogEntry, RequestId, TaskName
from parity_eval.replay import call_key
from parity_eval.sampling import CLUSTERED, SET_ASIDE, Sample, distinct, draw, seeded_key
from parity_eval.study import Weight

TRIAGE = TaskName("triage")


def drawn(
    rows: list[LogEntry], *, seed: int = 1, n_calibration: int = 0, weight: Weight = "traffic"
) -> Sample:
    return draw(
        TRIAGE,
        distinct(rows, content_digest),
        seed=seed,
        n_calibration=n_calibration,
        needs_answer=True,
        weight=weight,
    )


ROWS = [entry("b", "x"), entry("a", "x"), entry("c", "x"), entry("d", "y")]


class TestTraffic:
    def test_each_line_is_a_unit_in_an_order_of_its_own(self) -> None:
        sample = drawn(ROWS)
        lines = sorted("abcd", key=lambda line: seeded_key(1, "triage", line))
        asked = {"a": "a", "b": "a", "c": "a", "d": "d"}  # the smallest id stands for its group
        assert [unit.request.id for unit in sample.units] == [asked[line] for line in lines]
        assert sample.order_hash == hashlib.sha256("\n".join(lines).encode()).hexdigest()
        assert drawn(ROWS[::-1]) == sample

    def test_equal_lines_share_one_call(self) -> None:
        units = drawn(ROWS[:3]).units
        assert len({call_key(unit.request, model("small"), 0) for unit in units}) == 1
        assert [(unit.weight, unit.n_equal, unit.n_lines) for unit in units] == [(1, 3, 3)] * 3

    def test_weights_add_up_to_the_lines(self) -> None:
        for weight in ("traffic", "requests"):
            assert sum(unit.weight for unit in drawn(ROWS, weight=weight).units) == 4
        assert {u.request.id: u.n_lines for u in drawn(ROWS, weight="requests").units} == {
            "a": 3,
            "d": 1,
        }

    def test_an_entry_that_stands_for_many_lines_is_as_many_units(self) -> None:
        sample = drawn([replace(entry("a", "x"), n_lines=5), entry("d", "y")])
        assert Counter(unit.request.id for unit in sample.units) == {"a": 5, "d": 1}

    def test_what_cannot_be_used_counts_by_line(self) -> None:
        lost = [entry(i, "z", answer=cut_off()) for i in "ef"]
        assert drawn([*ROWS, *lost]).excluded_units == 2
        assert drawn([*ROWS, *lost], weight="requests").excluded_units == 1

    def test_the_first_line_is_of_a_request_as_often_as_it_was_asked(self) -> None:
        first = Counter(drawn(ROWS, seed=seed).units[0].request.id for seed in range(400))
        # Binomial with p = 3/4: four standard deviations are 35.
        assert 265 <= first[RequestId("a")] <= 335


class TestSetAside:
    TALKS = tuple(
        replace(entry(f"{i:03}", f"text {i}"), session=f"talk {i // 4}" if i < 80 else None)
        for i in range(100)
    )

    def test_sessions_are_on_one_side(self) -> None:
        sample = drawn([*self.TALKS], n_calibration=10, weight="requests")
        aside = {e.session for e in sample.calibration} - {None}
        session = {e.request.id: e.session for e in self.TALKS}
        left = {session[unit.request.id] for unit in sample.units} - {None}
        assert aside
        assert left
        assert not aside & left
        assert 10 <= len(sample.calibration) <= 13
        assert len(sample.units) == 100 - len(sample.calibration)
        assert set(sample.excluded) == {SET_ASIDE}
        assert CLUSTERED not in sample.excluded

    def test_so_are_duplicates_of_other_sessions(self) -> None:
        rows = [
            *self.TALKS,
            *(
                replace(
                    e,
                    request=replace(e.request, id=RequestId(f"{e.request.id}-again")),
                    session="later",
                )
                for e in self.TALKS[:40]
            ),
        ]
        sample = drawn(rows, n_calibration=10, weight="requests")
        aside = {content_digest(e) for e in sample.calibration}
        assert not aside & {unit.digest for unit in sample.units}

    def test_a_session_of_nearly_all_is_no_conversation(self) -> None:
        rows = [replace(e, session="default") for e in self.TALKS]
        sample = drawn(rows, n_calibration=10, weight="requests")
        assert len(sample.calibration) == 10
        alone = drawn([replace(e, session=None) for e in rows], n_calibration=10, weight="requests")
        assert sample.order_hash == alone.order_hash

    def test_without_tuning_sessions_change_nothing(self) -> None:
        alone = [replace(e, session=None) for e in self.TALKS]
        assert drawn([*self.TALKS]).order_hash == drawn(alone).order_hash

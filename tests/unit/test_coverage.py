from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from makers import design, entry, estimand, labels, model, request, study, units

from parity_eval import coverage
from parity_eval.errors import ConfigError, InputError
from parity_eval.records import Capabilities, LogEntry, ModelSpec, RequestId, TaskName
from parity_eval.study import BaselineSpec, MissingRule, RunSpec, Study, TestSpec

ASKED = units(["yes"] * 5)
QUALITY = design(ASKED, estimand("quality", 0.05))
WHOLE = {(unit.request.id, name): 1.0 for unit in ASKED for name in ("big", "small")}


def lacking_in(
    *missing: str, of: str = "small"
) -> Callable[[ModelSpec, Sequence[RequestId]], list[RequestId]]:
    def lacking(spec: ModelSpec, ids: Sequence[RequestId]) -> list[RequestId]:
        return [request for request in ids if spec.name == of and request in missing]

    return lacking


def failing(given: Study, rule: MissingRule = "fail") -> Study:
    return replace(given, run=RunSpec(missing=rule))


class TestRecordings:
    def test_a_complete_one(self) -> None:
        assert coverage.check(study(), [design(ASKED)], None, lacking_in()) == ()

    def test_one_that_lacks_answers_stops_the_run(self) -> None:
        with pytest.raises(InputError) as caught:
            coverage.check(study(), [design(ASKED)], None, lacking_in("r1", "r2", "r3", "r4"))
        assert str(caught.value) == (
            "small.jsonl: the recording of 'small' lacks 4 of 5 answers for task 'triage' "
            "(r1, r2, r3, ...); complete the recording, or set `missing: fail` to count them "
            "against it"
        )

    def test_or_is_noted_where_holes_count(self) -> None:
        (note,) = coverage.check(failing(study()), [design(ASKED)], None, lacking_in("r1"))
        assert note == (
            "small.jsonl: the recording of 'small' lacks 1 of 5 answers for task 'triage' (r1); "
            "they count against it"
        )

    def test_one_of_another_log_is_refused_even_then(self) -> None:
        of_all = lacking_in(*(unit.request.id for unit in ASKED))
        with pytest.raises(InputError, match="its ids are not those of the log: check both files"):
            coverage.check(failing(study()), [design(ASKED)], None, of_all)

    def test_only_what_may_be_used_counts(self) -> None:
        short = study(test=TestSpec(max_samples=2))
        assert coverage.check(short, [design(ASKED)], None, lacking_in("r2", "r3", "r4")) == ()

    def test_a_task_that_is_closed_needs_nothing(self) -> None:
        closed = design(ASKED, why_closed="no judge")
        assert coverage.check(study(), [closed], None, lacking_in("r1")) == ()

    def test_live_models_have_no_recording(self) -> None:
        live = study(model("small", is_live=True))
        assert coverage.check(live, [design(ASKED)], None, lacking_in("r1")) == ()

    def test_second_answers_count_where_they_are_the_bar(self) -> None:
        given = study(baseline=BaselineSpec(spec=model("big", is_live=True), second=model("again")))
        lacking = lacking_in("r1", of="again")
        assert coverage.check(given, [design(ASKED)], None, lacking) == ()
        with pytest.raises(InputError, match="the recording of 'again' lacks 1 of 5"):
            coverage.check(given, [design(ASKED, estimand("noise_floor", 0.05))], None, lacking)

    def test_a_replayed_recorded_baseline_counts(self) -> None:
        given = study(baseline=BaselineSpec(spec=model("big"), source="replay"))
        with pytest.raises(InputError, match="the recording of 'big' lacks 1 of 5"):
            coverage.check(given, [design(ASKED)], None, lacking_in("r1", of="big"))


class TestLabels:
    def check(self, given: Study, *without: tuple[str, str]) -> tuple[str, ...]:
        table = labels({key: value for key, value in WHOLE.items() if key not in without})
        return coverage.check(given, [QUALITY], table, lacking_in())

    def test_complete_ones(self) -> None:
        assert self.check(study()) == ()

    def test_a_model_without_any(self) -> None:
        with pytest.raises(InputError) as caught:
            self.check(study(model("tiny")))
        assert str(caught.value) == (
            "labels.jsonl: no labels for model 'tiny'; it has: big, small. Give the model the "
            "`name` that the table uses"
        )

    def test_a_candidate_that_lacks_some(self) -> None:
        with pytest.raises(InputError) as caught:
            self.check(study(), ("r1", "small"), ("r3", "small"))
        assert str(caught.value) == (
            "labels.jsonl: 2 of 5 requests of task 'triage' have no label for 'small' (first: r1); "
            "complete the labels, or set `missing: fail` to count missing labels against it"
        )

    def test_or_is_noted_where_holes_count(self) -> None:
        (note,) = self.check(failing(study()), ("r1", "small"))
        assert note == (
            "labels.jsonl: 1 of 5 requests of task 'triage' have no label for 'small' (first: r1); "
            "they count against it"
        )

    @pytest.mark.parametrize("rule", ["wait", "fail"])
    def test_the_baseline_may_lack_none(self, rule: MissingRule) -> None:
        with pytest.raises(InputError) as caught:
            self.check(failing(study(), rule), ("r1", "big"))
        assert str(caught.value).endswith(
            "have no label for 'big' (first: r1); label the baseline's answer to every request, "
            "or take these requests out of the log"
        )

    def test_a_live_candidate_cannot_be_labelled_beforehand(self) -> None:
        with pytest.raises(ConfigError) as caught:
            self.check(study(model("small", is_live=True)))
        assert str(caught.value) == (
            "candidate 'small' is live, and a table of labels cannot hold labels for answers that "
            "it has yet to give; use recorded candidates, or another estimand"
        )


def conversations(*sizes: int, field: str = "session", alone: int = 0) -> list[LogEntry]:
    """Make requests of sessions (or users) of these sizes, and some that have none."""
    of = [f"{field} {c}" for c, size in enumerate(sizes) for _ in range(size)]
    rows = [
        replace(entry(f"{field} {i}"), **{field: value})  # type: ignore[arg-type]
        for i, value in enumerate(of)
    ]
    return [*rows, *(entry(f"alone {i}") for i in range(alone))]


class TestClustering:
    def notes(self, *rows: LogEntry, given: Study | None = None) -> tuple[str, ...]:
        return coverage.clustering_notes(given or study(), {TaskName("triage"): rows})

    def test_long_conversations(self) -> None:
        (note,) = self.notes(*conversations(*[5] * 40, alone=20))
        assert note == (
            "task 'triage': 200 of 220 requests share 40 values of 'session'. Requests of one "
            "session tend to fail together, and then the chance of a false certificate can be "
            "several times the stated one. Set `test: {cluster: session}` to let one request "
            "stand for each session, or `target: log` to claim nothing beyond the requests of "
            "this log; `cluster: none` says that they are known to be independent"
        )

    # A request finds itself in a session of (50 * 9 + n) / (150 + n) on average. At 8/3, which is
    # n = 30, the variance is 1.5 times that of single requests.
    @pytest.mark.parametrize(("alone", "is_told"), [(29, True), (30, False), (31, False)])
    def test_the_limit(self, alone: int, *, is_told: bool) -> None:
        assert bool(self.notes(*conversations(*[3] * 50, alone=alone))) is is_told

    def test_one_huge_user_is_enough(self) -> None:
        (note,) = self.notes(*conversations(20, field="user", alone=180))
        assert "20 of 200 requests share 1 value of 'user'" in note
        assert "`test: {cluster: user}`" in note

    def test_each_field_counts(self) -> None:
        rows = [replace(row, user="u") for row in conversations(4, 4)]
        assert [" 'session'" in note for note in self.notes(*rows)] == [True, False]

    def test_equal_requests_count_once(self) -> None:
        rows = conversations(*[2] * 10)
        copies = [
            replace(row, request=replace(row.request, id=RequestId(f"{row.request.id} {i}")))
            for row in rows
            for i in range(5)
        ]
        assert self.notes(*copies) == ()

    def test_nothing_to_tell(self) -> None:
        assert self.notes() == ()
        assert self.notes(*conversations(alone=9)) == ()
        assert self.notes(*conversations(*[1] * 9)) == ()
        assert self.notes(*(replace(row, session="") for row in conversations(9))) == ()

    @pytest.mark.parametrize("test", [TestSpec(cluster="metadata.doc"), TestSpec(target="log")])
    def test_where_it_does_not_matter(self, test: TestSpec) -> None:
        assert self.notes(*conversations(9), given=study(test=test)) == ()

    def test_the_tasks_of_a_field_are_told_together(self) -> None:
        by_task = {TaskName(name): conversations(9) for name in ("b", "a")}
        by_task[TaskName("c")] = conversations(1, 1)
        (note,) = coverage.clustering_notes(study(), by_task)
        assert note.startswith(
            "task 'a': 9 of 9 requests share 1 value of 'session'; "
            "task 'b': 9 of 9 requests share 1 value of 'session'. Requests of one session "
        )


class TestFidelity:
    live = model("small", is_live=True)
    tools = tuple(
        replace(unit, request=request(unit.request.id, tools=[{"type": "function"}]))
        for unit in ASKED[:2]
    )

    def test_nothing_to_tell(self) -> None:
        assert coverage.fidelity_notes(study(self.live), [design(ASKED)]) == ()

    def test_what_a_candidate_cannot_take(self) -> None:
        unable = replace(self.live, capabilities=Capabilities(tools=False))
        of = [design([*self.tools, *ASKED[2:]])]
        (note,) = coverage.fidelity_notes(study(unable, self.live), of)
        assert note.startswith("candidate 'small' cannot take 2 of 5 requests of task 'triage'")

    def test_only_requests_that_may_be_used_count(self) -> None:
        unable = replace(self.live, capabilities=Capabilities(tools=False))
        short = study(unable, test=TestSpec(max_samples=3))
        of = [design([*ASKED[2:], *self.tools])]
        assert coverage.fidelity_notes(short, of) == ()
        assert coverage.fidelity_notes(study(unable), [design(self.tools, why_closed="no")]) == ()

    def test_what_the_log_does_not_hold_whole(self) -> None:
        of = design(ASKED)
        lost = {"cannot be replayed: it is encrypted": 2, "cannot be replayed: b": 1, "other": 4}
        of = replace(of, sample=replace(of.sample, excluded=lost, n_lines=12))
        (note,) = coverage.fidelity_notes(study(self.live), [of])
        assert note == (
            "task 'triage': 3 of 12 log lines cannot be replayed and are left out (b: 1, it is "
            "encrypted: 2)"
        )

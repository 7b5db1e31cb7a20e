"""What `auto` decides, from coverage alone, and which tasks are closed before anything is sent."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from makers import cut_off, entry, labels, model, study

from parity_eval.design import TaskDesign, decide
from parity_eval.errors import ConfigError
from parity_eval.intake import content_digest
from parity_eval.labels import Labels
from parity_eval.records import EstimandName, JsonValue, Kind, LogEntry, TaskName
from parity_eval.rules import Ask
from parity_eval.sampling import distinct
from parity_eval.study import BaselineSpec, JudgeSpec, ScorerSpec, Study, TaskSpec, TestSpec

SPEC = TaskSpec(name=TaskName("triage"), kind=Kind.CLASSIFICATION)
ROWS = [entry(str(i)) for i in range(20)]


def decided(
    rows: Sequence[LogEntry] = ROWS,
    spec: TaskSpec = SPEC,
    given: Study | None = None,
    *,
    table: Labels | None = None,
    has_floor: bool = False,
) -> TaskDesign:
    groups = distinct(rows, content_digest)
    return decide(spec, groups, given or study(), labels=table, has_floor=has_floor)


def labelled(rows: Sequence[LogEntry], *names: str) -> Labels:
    return labels({(row.request.id, name): 1.0 for row in rows for name in names})


class TestAuto:
    def test_full_labels_come_first(self) -> None:
        found = decided(table=labelled(ROWS, "big", "small"), has_floor=True)
        assert (found.estimand.name, found.estimand.margin) == ("quality", 0.05)
        assert found.estimand.why == "auto: labels cover every request and model"
        assert (found.rule, found.scorers, found.why_closed) == (None, (), None)

    def test_then_the_noise_floor(self) -> None:
        found = decided(table=labelled(ROWS[1:], "big", "small"), has_floor=True)
        assert (found.estimand.name, found.estimand.margin) == ("noise_floor", 0.05)
        assert found.rule == Ask("exact")

    def test_then_a_bar_of_095(self) -> None:
        found = decided(table=labelled(ROWS, "big"))
        assert (found.estimand.name, found.estimand.bar) == ("parity", 0.95)
        assert found.estimand.why.startswith("auto: no reference answers, full labels, second")

    def test_a_configured_bar_wins(self) -> None:
        given = study(test=TestSpec(bar=0.9))
        found = decided(given=given, table=labelled(ROWS, "big", "small"), has_floor=True)
        assert (found.estimand.bar, found.estimand.why) == (0.9, "a bar is configured")
        assert decided(spec=replace(SPEC, bar=0.8), given=given).estimand.bar == 0.8

    def test_only_requests_that_can_be_used_need_labels(self) -> None:
        rows = [*ROWS, entry("bad", answer=cut_off())]
        found = decided(rows, table=labelled(ROWS, "big", "small"))
        assert found.estimand.name == "quality"

    def test_a_live_candidate_has_no_labels_yet(self) -> None:
        given = study(model("small", is_live=True))
        found = decided(given=given, table=labelled(ROWS, "big", "small"))
        assert found.estimand.name == "parity"

    def test_scores_are_never_looked_at(self) -> None:
        good, bad = (
            labels({(row.request.id, name): value for row in ROWS for name in ("big", "small")})
            for value in (1.0, 0.0)
        )
        assert decided(table=good) == decided(table=bad)

    def test_an_empty_table_of_requests(self) -> None:
        found = decided([], table=labelled(ROWS, "big", "small"))
        assert found.estimand.name == "parity"
        assert found.why_closed == "no request of the log belongs to it, or none that can be used"


class TestConfigured:
    @pytest.mark.parametrize("name", ["quality", "noise_floor", "preference"])
    def test_a_margin_of_the_task_wins(self, name: EstimandName) -> None:
        spec = replace(SPEC, estimand=name, margin=0.02)
        found = decided(spec=spec, table=labelled(ROWS, "big", "small")).estimand
        assert (found.name, found.margin, found.bar, found.why) == (name, 0.02, None, "configured")

    def test_a_preference_asks_the_judge(self) -> None:
        found = decided(spec=replace(SPEC, estimand="preference"))
        assert found.rule == Ask("judge")
        assert found.scorers == (ScorerSpec(key="judge", scorer="judge"),)

    def test_a_preference_cannot_have_a_margin_of_half(self) -> None:
        with pytest.raises(ConfigError) as caught:
            decided(spec=replace(SPEC, estimand="preference", margin=0.5))
        assert str(caught.value) == (
            "parity.yaml: tasks.triage: margin == 0.5, must be < 0.5 for a preference: 0.5 is a "
            "draw, and no mean preference is below 0"
        )

    def test_a_rule_of_the_task_wins(self) -> None:
        scorers = (ScorerSpec(key="schema", scorer="schema"),)
        found = decided(spec=replace(SPEC, rule=Ask("schema"), scorers=scorers))
        assert (found.rule, found.scorers) == (Ask("schema"), scorers)


class TestKind:
    spec = TaskSpec(name=TaskName("triage"))

    def test_from_the_requests_without_a_calibration_part(self) -> None:
        body: dict[str, JsonValue] = {"response_format": {"type": "json_object"}}
        found = decided([entry(str(i), body=body) for i in range(20)], self.spec)
        assert (found.kind, found.sample.calibration) == (Kind.STRUCTURED, ())

    def test_from_the_answers_of_a_calibration_part(self) -> None:
        rows = [entry(str(i), answer=("spam", "ham")[i % 2]) for i in range(100)]
        found = decided(rows, self.spec)
        assert found.kind is Kind.CLASSIFICATION
        assert len(found.sample.calibration) == 10
        assert len(found.sample.units) == 90

    def test_labels_need_no_kind_and_no_calibration(self) -> None:
        found = decided(ROWS, self.spec, table=labelled(ROWS, "big", "small"))
        assert found.sample.calibration == ()


class TestClosed:
    def test_free_text_without_a_judge(self) -> None:
        spec = replace(SPEC, kind=Kind.GENERATION)
        assert decided(spec=spec).why_closed == (
            "free text needs a judge or labels: similarity alone never certifies"
        )
        judged = replace(study(), judge=JudgeSpec(spec=model("judge", is_live=True)))
        assert decided(spec=spec, given=judged).why_closed is None

    def test_too_many_requests_without_a_usable_answer(self) -> None:
        rows = [
            *ROWS[:17],
            entry("x", answer=None),
            entry("y", "again", answer=cut_off()),
            entry("z", "again", answer=cut_off()),
        ]
        assert decided(rows).why_closed == (
            "2 of 19 requests cannot be used (baseline answer cut off: 2 lines, "
            "no baseline answer: 1 line), more than max_excluded allows (0.05)"
        )

    def test_exactly_max_excluded_is_allowed(self) -> None:
        rows = [*ROWS[:19], entry("x", answer=None)]
        assert decided(rows).why_closed is None

    def test_a_calibration_part_is_no_loss(self) -> None:
        rows = [entry(str(i), answer="spam") for i in range(100)]
        found = decided(rows, TaskSpec(name=TaskName("triage")))
        assert found.sample.excluded == {"set aside for calibration": 10}
        assert found.why_closed is None

    def test_nor_a_reason_for_being_closed(self) -> None:
        rows = [entry(str(i), answer="spam") for i in range(90)]
        rows += [entry(f"x{i}", answer=None) for i in range(10)]
        found = decided(rows, TaskSpec(name=TaskName("triage")))
        assert "set aside for calibration" in found.sample.excluded
        assert found.why_closed is not None
        assert "calibration" not in found.why_closed

    def test_nothing_usable_but_allowed(self) -> None:
        given = study(test=TestSpec(max_excluded=1.0))
        found = decided([entry("x", answer=None)], given=given)
        assert found.why_closed == "no request of the log belongs to it, or none that can be used"

    def test_a_replayed_baseline_needs_no_logged_answer(self) -> None:
        given = study(baseline=BaselineSpec(spec=model("big", is_live=True), source="replay"))
        assert decided([entry("x", answer=None)], given=given).why_closed is None

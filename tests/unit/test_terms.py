"""What a study's terms are, and which requests a candidate has seen under other ones."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from makers import Same, arm, design, estimand, model, request, ruled, study, unit, units

from parity_eval import codec
from parity_eval.design import TaskDesign
from parity_eval.records import (
    Capabilities,
    JsonObject,
    Kind,
    ModelName,
    ModelSpec,
    Price,
    Prompt,
    RequestId,
    TaskName,
    Unit,
)
from parity_eval.rules import Ask
from parity_eval.study import (
    BaselineSpec,
    JudgeSpec,
    LabelSpec,
    PrivacySpec,
    RunSpec,
    Study,
    TaskSpec,
    TestSpec,
)
from parity_eval.terms import Orders, fresh_orders, identities, resolved, study_hash

PRINT = "ab" * 32
LIVE = model("small", (1.0, 2.0), is_live=True)
STUDY = study(LIVE, tasks=[TaskSpec(name=TaskName("triage"))])


def put(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


class TestStudyHash:
    def test_equal_terms_have_equal_hashes(self) -> None:
        assert study_hash(STUDY, PRINT, ()) == study_hash(replace(STUDY), PRINT, ())
        assert len(study_hash(STUDY, PRINT, ())) == 64

    @pytest.mark.parametrize(
        "changed",
        [
            replace(STUDY, test=TestSpec(alpha=0.01)),
            replace(STUDY, test=TestSpec(seed=2)),
            replace(STUDY, test=TestSpec(margin=0.01)),
            replace(STUDY, test=TestSpec(min_n=1)),
            replace(STUDY, test=TestSpec(max_samples=9)),
            replace(STUDY, tasks=(TaskSpec(name=TaskName("triage"), bar=0.9),)),
            replace(STUDY, tasks=(TaskSpec(name=TaskName("triage"), rule=Ask("exact")),)),
            replace(STUDY, candidates=(replace(LIVE, params={"temperature": 0}),)),
            replace(STUDY, candidates=(replace(LIVE, prompt=Prompt(system="Be brief.")),)),
            replace(STUDY, candidates=(replace(LIVE, capabilities=Capabilities(tools=True)),)),
            replace(STUDY, baseline=BaselineSpec(spec=LIVE, source="replay")),
            replace(STUDY, baseline=replace(STUDY.baseline, second=LIVE)),
            replace(STUDY, judge=JudgeSpec(spec=LIVE)),
            replace(STUDY, judge=JudgeSpec(spec=LIVE, rubric="terse")),
        ],
    )
    def test_terms_count(self, changed: Study) -> None:
        assert study_hash(changed, PRINT, ()) != study_hash(STUDY, PRINT, ())

    def test_what_could_not_be_said_before_and_is_not_said_changes_nothing(self) -> None:
        # The digest that the version before privacy, weights and selections gave.
        known = "10da84946d4d10cba20f7645dadfbbcf3dcc9f85d64d01e6bd4b4f717a61c5de"
        assert study_hash(STUDY, PRINT, ()) == known

    @pytest.mark.parametrize(
        "changed",
        [
            replace(STUDY, privacy=PrivacySpec(secrets="keep")),
            replace(STUDY, privacy=PrivacySpec(personal="mask")),
            replace(STUDY, privacy=PrivacySpec(personal="mask", kinds=("email",))),
            replace(STUDY, log=replace(STUDY.log, since="2026-03-01T00:00:00Z")),
            replace(STUDY, log=replace(STUDY.log, until="2026-03-01T00:00:00Z")),
            replace(STUDY, log=replace(STUDY.log, where={"tag": "x"})),
            replace(STUDY, test=TestSpec(weight="traffic")),
        ],
    )
    def test_what_is_hidden_and_chosen_counts(self, changed: Study) -> None:
        hashes = {study_hash(one, PRINT, ()) for one in (STUDY, changed)}
        assert len(hashes) == 2

    def test_the_log_counts(self) -> None:
        assert study_hash(STUDY, "cd" * 32, ()) != study_hash(STUDY, PRINT, ())

    @pytest.mark.parametrize(
        "changed",
        [
            replace(STUDY, run=RunSpec(out="elsewhere", max_cost_usd=1.0, missing="fail")),
            replace(STUDY, origin="other.yaml"),
            replace(STUDY, candidates=(replace(LIVE, price=Price(input=9, output=9)),)),
            replace(STUDY, candidates=(replace(LIVE, api_key_env="KEY"),)),
            replace(STUDY, candidates=(replace(LIVE, listed=Capabilities(tools=True)),)),
            replace(
                STUDY, tasks=(TaskSpec(name=TaskName("triage"), acknowledge=(RequestId("r"),)),)
            ),
        ],
    )
    def test_how_it_is_carried_out_does_not(self, changed: Study) -> None:
        assert study_hash(changed, PRINT, ()) == study_hash(STUDY, PRINT, ())

    def test_files_count_by_content(self, tmp_path: Path) -> None:
        here, there = put(tmp_path / "a.jsonl", "one\n"), put(tmp_path / "b.jsonl", "one\n")
        labels = put(tmp_path / "labels.jsonl", "{}\n")

        def with_files(recording: str, table: str) -> str:
            spec = ModelSpec(name=ModelName("small"), model="recorded", path=recording)
            given = replace(
                STUDY,
                candidates=(spec,),
                judge=JudgeSpec(spec=spec),
                labels=LabelSpec(path=table, values={"ok": 1.0}),
            )
            return study_hash(given, PRINT, ())

        before = with_files(here, labels)
        assert with_files(there, labels) == before
        put(tmp_path / "b.jsonl", "two\n")
        assert with_files(there, labels) != before
        put(tmp_path / "labels.jsonl", "[]\n")
        assert with_files(here, labels) != before


class TestResolved:
    orders = Orders(by_arm={arm(): units("ab")}, to_register={}, notes=())
    ruled = {TaskName("triage"): ruled(Same())}  # noqa: RUF012 - read only

    def test_what_the_terms_came_to(self) -> None:
        found = resolved([design(units("ab"))], self.ruled, self.orders)
        assert codec.builtins(found)["tasks"] == {
            "triage": {
                "kind": "classification",
                "estimand": ["parity", 0.95],
                "rule": {"op": "ask", "scorer": "exact"},
                "scorers": {"exact": ["exact", 1]},
            }
        }

    @pytest.mark.parametrize(
        "other",
        [
            replace(design(units("ab")), kind=Kind.MODERATION),
            design(units("ab"), estimand("parity", 0.9)),
            replace(design(units("ab")), rule=Ask("judge")),
        ],
    )
    def test_another_outcome_shows(self, other: TaskDesign) -> None:
        before = resolved([design(units("ab"))], self.ruled, self.orders)
        assert codec.digest(resolved([other], self.ruled, self.orders)) != codec.digest(before)

    def test_another_order_shows(self) -> None:
        turned = replace(self.orders, by_arm={arm(): units("ab")[::-1]})
        of = [design(units("ab"))]
        assert resolved(of, self.ruled, turned) != resolved(of, self.ruled, self.orders)


class TestIdentities:
    def test_a_live_model_is_what_is_called(self) -> None:
        assert identities(LIVE) == identities(replace(LIVE, name=ModelName("another name")))
        assert identities(LIVE) != identities(replace(LIVE, params={"temperature": 0}))
        assert identities(LIVE) != identities(replace(LIVE, api_base="http://localhost"))
        assert identities(LIVE) != identities(replace(LIVE, prompt=Prompt(system="Be brief.")))

    def test_what_it_is_said_to_take_does_not_make_it_another(self) -> None:
        said = replace(LIVE, capabilities=Capabilities(tools=True))
        assert identities(said) == identities(LIVE)

    def test_a_recording_goes_by_its_name_and_by_its_contents(self, tmp_path: Path) -> None:
        def recording(name: str, text: str) -> ModelSpec:
            path = put(tmp_path / f"{name}{text}.jsonl", text)
            return ModelSpec(name=ModelName(name), model="recorded", path=path)

        one, grown, renamed = recording("a", "x"), recording("a", "xx"), recording("b", "x")
        assert len(set(identities(one)) & set(identities(grown))) == 1
        assert len(set(identities(one)) & set(identities(renamed))) == 1
        assert not set(identities(grown)) & set(identities(renamed))


def _cold(name: str) -> Unit:
    asked = request(name, temperature=0)
    return replace(unit(name), request=asked, digest=codec.digest(asked.body))


class TestFreshOrders:
    of = units("abcdef")
    other = model("other", is_live=True)

    def orders(self, spent: Mapping[str, str]) -> Orders:
        by_identity = {identities(LIVE)[0]: spent}
        return fresh_orders(
            [design(self.of)], [LIVE, self.other], lambda who: by_identity.get(who, {}), 4
        )

    def test_nothing_used_before(self) -> None:
        found = self.orders({})
        assert found.by_arm == {arm(): self.of, arm(candidate="other"): self.of}
        assert found.notes == ()
        # Only what the run may use is taken.
        taken = [unit.digest for unit in self.of[:4]]
        assert found.to_register == {
            identities(LIVE)[0]: taken,
            identities(self.other)[0]: taken,
        }

    @pytest.mark.parametrize(
        "params", [{"drop": ["zzz"]}, {"temperature": 0}, {"drop": ["zzz"], "temperature": 0}]
    )
    def test_settings_that_change_nothing_make_no_other_candidate(self, params: JsonObject) -> None:
        of = tuple(_cold(letter) for letter in "abcd")
        first = fresh_orders([design(of)], [LIVE], lambda _: {}, 2).to_register
        used = {who: dict.fromkeys(digests, "run-a") for who, digests in first.items()}
        renamed = replace(LIVE, params=params)
        found = fresh_orders([design(of)], [renamed], lambda who: used.get(who, {}), 4)
        assert found.by_arm == {arm(): of[2:]}

    def test_two_ways_to_say_the_same_are_one_candidate(self) -> None:
        of = tuple(_cold(letter) for letter in "abcd")
        hot = replace(LIVE, params={"temperature": 1})
        first = fresh_orders([design(of)], [hot], lambda _: {}, 2).to_register
        used = {who: dict.fromkeys(digests, "run-a") for who, digests in first.items()}
        again = replace(LIVE, params={"temperature": 1, "drop": ["zzz"]})
        found = fresh_orders([design(of)], [again], lambda who: used.get(who, {}), 4)
        assert found.by_arm == {arm(): of[2:]}
        # A setting that does change what is sent makes another candidate of it.
        warm = replace(LIVE, params={"temperature": 0.5})
        found = fresh_orders([design(of)], [warm], lambda who: used.get(who, {}), 4)
        assert found.by_arm == {arm(): of}

    def test_what_one_candidate_was_shown_is_refused_to_the_task(self) -> None:
        spent = {self.of[0].digest: "run-b", self.of[2].digest: "run-a", "f" * 64: "run-c"}
        found = self.orders(spent)
        fresh = tuple(self.of[i] for i in (1, 3, 4, 5))
        assert found.by_arm == {arm(): fresh, arm(candidate="other"): fresh}
        note, fresh_note = found.notes
        assert note == (
            "triage/small: 2 of 6 requests were shown to this candidate under other terms "
            "(run-a, run-b) and are refused"
        )
        assert fresh_note == "triage: 4 of 6 requests are fresh"
        assert found.to_register[identities(LIVE)[0]] == [unit.digest for unit in fresh]

    def test_what_a_candidate_cannot_take_is_not_shown_to_it(self) -> None:
        tools = request("a", None, tools=[{"type": "function"}])
        first = replace(self.of[0], request=tools)
        unable = replace(LIVE, listed=Capabilities(tools=False))
        found = fresh_orders([design((first, *self.of[1:]))], [unable], lambda _: {}, 4)
        assert len(found.by_arm[arm()]) == 6
        assert found.to_register[identities(unable)[0]] == [u.digest for u in self.of[1:4]]

    def test_another_name_for_the_task_changes_nothing(self) -> None:
        spent = {identities(LIVE)[0]: {self.of[0].digest: "run-a"}}
        renamed = design(self.of, spec=TaskSpec(name=TaskName("renamed")))
        found = fresh_orders([renamed], [LIVE], lambda who: spent.get(who, {}), 4)
        assert found.by_arm == {arm("renamed"): self.of[1:]}

    def test_all_used(self) -> None:
        found = self.orders({unit.digest: "run-a" for unit in self.of})
        assert set(found.by_arm.values()) == {()}
        assert found.notes[-1] == "triage: 0 of 6 requests are fresh"

"""The routing manifest of one hand-made summary. `BLESS=1` approves what it is now."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from makers import arm, estimand, model, study

from parity_eval import codec, documents, manifest
from parity_eval.errors import InputError
from parity_eval.records import (
    Decision,
    Estimand,
    ModelName,
    ModelSpec,
    Prompt,
    RequestId,
    Status,
    TaskName,
)
from parity_eval.rules import Ask
from parity_eval.study import BaselineSpec, ScorerSpec, TaskSpec
from parity_eval.summary import ArmSummary, Money, RunSummary, TaskSummary

GOLDEN = Path(__file__).parents[1] / "golden" / "manifest.json"
NEWEST = "2026-11-01T09:30:00Z"
STUDY = study(
    replace(model("small", (0.5, 1.5), is_live=True), params={"temperature": 0}),
    ModelSpec(name=ModelName("local"), model="openai/local", api_base="http://localhost:8000/v1"),
    baseline=BaselineSpec(spec=model("big", (10.0, 30.0), is_live=True)),
    tasks=[
        TaskSpec(name=TaskName("triage"), match={"metadata.feature": "triage*"}),
        TaskSpec(name=TaskName("replies [beta]")),
    ],
)


# Mean, bounds, level, log E and p of 94 straight passes, of 10 failures, and of something between.
NUMBERS = {
    Status.CERTIFIED: (1.0, 0.9501, 1.0, 0.025, 3.6969, 0.0248),
    Status.REJECTED: (0.0, 0.0, 0.4256, 0.05, -7.2672, 1.0),
}
BETWEEN = (0.9, 0.8103, 0.9593, 0.025, -6.3415, 0.7224)


def decision(task: str, candidate: str, status: Status, n: int) -> Decision:
    mean, low, high, level, log_e, p_value = NUMBERS.get(status, BETWEEN)
    return Decision(
        arm=arm(task, candidate),
        status=status,
        reason=f"{status.value} after {n} requests",
        n=n,
        mean=mean if n else None,
        low=low if n else 0.0,
        high=high if n else 1.0,
        level=level,
        log_e=log_e if n else 0.0,
        log_e_needed=3.6889,
        p_value=p_value if n else 1.0,
        path=(),
    )


def arm_summary(
    task: str, candidate: str, status: Status, n: int = 94, saving: float | None = 0.95
) -> ArmSummary:
    mean = NUMBERS.get(status, BETWEEN)[0]
    return ArmSummary(
        decision=decision(task, candidate, status, n),
        money=Money(
            baseline_usd_per_1k=None if saving is None else 4.0,
            candidate_usd_per_1k=None if saving is None else round(4.0 * (1 - saving), 6),
            saving_share=saving,
            saving_usd_in_log=None,
        ),
        mean_by_traffic=mean if n else None,
        is_route=False,
        blocked_by=None,
        qualifications=(),
        n_failed=0,
        waste=0,
    )


def task(
    name: str, *arms: ArmSummary, what: Estimand | None = None, why: str | None = None
) -> TaskSummary:
    return TaskSummary(
        name=TaskName(name),
        kind="classification",
        rule="exact",
        estimand=what or estimand(),
        statement="More than 95% of requests of this kind get an answer at parity.",
        n_lines=2000,
        n_units=1500,
        n_certify=1500,
        excluded={},
        order_hash="0f" * 32,
        placebos=(),
        arms=arms,
        why_not_measurable=why,
    )


def run(*tasks: TaskSummary) -> RunSummary:
    return RunSummary(
        version=1,
        tool_version="0.1.0",
        run_id="helpdesk-ab",
        name="helpdesk",
        study_hash="ab" * 32,
        log_path="log.jsonl",
        log_fingerprint="cd" * 32,
        n_lines=2000,
        n_rejects=0,
        rejects=(),
        n_unassigned=0,
        first_timestamp=None,
        last_timestamp=NEWEST,
        baseline=ModelName("big"),
        baseline_model="vendor/big",
        candidates={},
        judge=None,
        seed=1,
        alpha=0.05,
        beta=0.1,
        family="fdr",
        family_statement="Of the certificates, an expected share of at most 5% is false.",
        n_tasks=len(tasks),
        n_arms=sum(len(t.arms) for t in tasks),
        state="complete",
        why_incomplete=None,
        tasks=tasks,
        ledger=(),
        spent_usd=0.0,
        max_cost_usd=None,
        saving_usd_in_log=None,
        baseline_usd_in_log=None,
    )


CHOSEN = replace(
    arm_summary("triage", "small", Status.CERTIFIED),
    is_route=True,
    qualifications=("as judged by J, not calibrated by human labels",),
)
BLOCKED = replace(
    arm_summary("replies [beta]", "small", Status.CERTIFIED), blocked_by=RequestId("req-7")
)
SUMMARY = run(
    task("triage", CHOSEN, arm_summary("triage", "local", Status.REJECTED, 10, None)),
    task("replies [beta]", BLOCKED, what=estimand("preference", 0.05)),
    task(
        "safety",
        arm_summary("safety", "small", Status.NOT_MEASURABLE, 0, None),
        why="always giving the baseline's commonest answer is not clearly below the bar",
    ),
)


def built(summary: RunSummary = SUMMARY, newest: str | None = NEWEST) -> dict[str, Any]:
    document = manifest.build(summary, STUDY, newest)
    documents.check(document, "manifest.v1.json", "the manifest")
    return document


def routes(*tasks: TaskSummary) -> list[Any]:
    found: list[Any] = built(run(*tasks))["routes"]
    return found


def test_it_is_as_last_approved() -> None:
    text = codec.pretty(built())
    if os.environ.get("BLESS"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_it_is_byte_stable() -> None:
    assert codec.encode(built()) == codec.encode(built())


def test_nothing_in_it_says_when_it_was_written() -> None:
    document = built()
    assert (document["newest_response"], document["valid_until"]) == (
        "2026-11-01T09:30:00Z",
        "2027-01-30T09:30:00Z",  # 90 days later
    )


@pytest.mark.parametrize(
    ("newest", "stamp", "until"),
    [
        (None, None, None),
        ("soon", None, None),
        ("2026-11-01T09:30:00+02:00", "2026-11-01T07:30:00Z", "2027-01-30T07:30:00Z"),
        ("2026-11-01 09:30:00", "2026-11-01T09:30:00Z", "2027-01-30T09:30:00Z"),
        ("9999-12-31T00:00:00Z", None, None),
    ],
)
def test_until_when_it_holds(newest: str | None, stamp: str | None, until: str | None) -> None:
    document = built(newest=newest)
    assert (document["newest_response"], document["valid_until"]) == (stamp, until)


def test_the_rule_hash_is_that_of_the_rule_and_its_settings() -> None:
    def hash_of(spec: TaskSpec) -> str:
        given = replace(STUDY, tasks=(spec,))
        document = manifest.build(run(task("triage", CHOSEN)), given, None)
        found: str = document["routes"][0]["arms"][0]["evidence"]["rule_hash"]
        return found

    plain = TaskSpec(name=TaskName("triage"), rule=Ask("exact"))
    loose = ScorerSpec(key="exact", scorer="exact", settings={"case": False})
    assert hash_of(plain) == hash_of(replace(plain, bar=0.5, match={"task": "t*"}))
    assert hash_of(plain) != hash_of(replace(plain, scorers=(loose,)))
    assert hash_of(plain) != hash_of(replace(plain, schema="{}"))


def test_a_unix_time_in_words() -> None:
    assert manifest.utc(1772357400.9) == "2026-03-01T09:30:00Z"


class TestRoutes:
    def test_a_certified_task_goes_to_its_candidate_and_falls_back(self) -> None:
        (route,) = routes(task("triage", CHOSEN))
        assert route["certified"]
        assert route["model"]["name"] == "small"
        assert route["model"]["params"] == {"temperature": 0}
        assert route["fallback"]["name"] == "big"
        assert route["fallback"]["on"] == ["error", "timeout", "invalid_format", "refusal"]

    def test_a_candidate_brings_its_prompt(self) -> None:
        own = Prompt(append_system="Be brief.")
        told = replace(STUDY, candidates=(replace(STUDY.candidates[0], prompt=own),))
        document = manifest.build(run(task("triage", CHOSEN)), told, NEWEST)
        documents.check(document, "manifest.v1.json", "the manifest")
        (route,) = document["routes"]
        assert route["model"]["prompt"] == {
            "system": None,
            "append_system": "Be brief.",
            "template": None,
        }
        assert route["fallback"]["prompt"] is None

    def test_a_task_without_certificate_stays_and_says_why(self) -> None:
        arms = [
            arm_summary("triage", "small", Status.FUTILE),
            arm_summary("triage", "local", Status.INCONCLUSIVE),
        ]
        (route,) = routes(task("triage", *arms))
        assert not route["certified"]
        assert route["model"]["name"] == "big"
        assert route["why"] == "no certificate (small: futile, local: inconclusive)"
        assert "worse" not in codec.pretty(route)

    def test_a_heavy_failure_is_named(self) -> None:
        (route,) = routes(task("replies [beta]", BLOCKED))
        assert not route["certified"]
        assert route["why"] == (
            "small is certified, but fails on request req-7, which is more than 1% of the "
            "traffic; acknowledge it to route"
        )

    def test_what_saves_nothing_is_no_route(self) -> None:
        dear = arm_summary("triage", "small", Status.CERTIFIED, saving=-0.1)
        (route,) = routes(task("triage", dear))
        assert route["why"] == "small is certified, but saves nothing"
        assert not manifest.may_route(dear)

    def test_an_unmeasurable_task_says_why(self) -> None:
        (route,) = routes(task("triage", why="no judge"))
        assert route["why"] == "not measurable: no judge"

    @pytest.mark.parametrize(
        ("name", "match"),
        [
            ("triage", {"metadata.feature": "triage*"}),
            ("replies [beta]", {"task": "replies [[]beta]"}),
            ("unheard", {"task": "unheard"}),
        ],
    )
    def test_how_a_gateway_recognises_a_task(self, name: str, match: dict[str, str]) -> None:
        (route,) = routes(task(name, why="no judge"))
        assert route["match"] == match

    @pytest.mark.parametrize(
        ("status", "saving", "is_route"),
        [
            (Status.CERTIFIED, 0.5, True),
            (Status.CERTIFIED, None, True),
            (Status.CERTIFIED, 0.0, False),
            (Status.INCONCLUSIVE, 0.5, False),
            (Status.OPEN, 0.5, False),
        ],
    )
    def test_who_may_be_routed_to(
        self, status: Status, saving: float | None, *, is_route: bool
    ) -> None:
        given = arm_summary("triage", "small", status, saving=saving)
        assert manifest.may_route(given) is is_route
        assert not manifest.may_route(replace(given, blocked_by=RequestId("r")))


class TestSchema:
    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (["version"], 2),
            (["tool", "name"], "other"),
            (["study", "alpha"], 1.0),
            (["study", "family"], "none"),
            (["study", "hash"], "AB" * 32),
            (["routes", 0, "certified"], "yes"),
            (["routes", 0, "match"], {"task": 1}),
            (["routes", 0, "arms", 0, "decision"], "passed"),
            (["routes", 0, "arms", 0, "evidence", "level"], 0.0),
            (["routes", 0, "arms", 0, "evidence", "p_value"], 1.5),
            (["routes", 0, "fallback", "on"], ["whenever"]),
            (["routes", 0, "model", "price"], {"input": -1, "output": 1, "cached_input": None}),
            (["surprise"], True),
            (["routes", 0, "arms", 0, "evidence", "surprise"], True),
        ],
    )
    def test_what_is_wrong_is_refused_with_its_place(
        self, path: list[str | int], value: object
    ) -> None:
        document = built()
        inside: Any = document
        for part in path[:-1]:
            inside = inside[part]
        inside[path[-1]] = value
        with pytest.raises(InputError, match=r"^m\.json: \$"):
            documents.check(document, "manifest.v1.json", "m.json")

    @pytest.mark.parametrize("key", ["version", "study", "baseline", "valid_until", "routes"])
    def test_every_part_is_required(self, key: str) -> None:
        document = built()
        del document[key]
        with pytest.raises(InputError, match=f"'{key}' is a required property"):
            documents.check(document, "manifest.v1.json", "m.json")

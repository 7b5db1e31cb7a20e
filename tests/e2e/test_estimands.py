"""What a study can ask for, each through the real command line with a planted truth."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cli
import pytest
import server

HEAD = (
    "version: 1\nname: study\nlog: {path: log.jsonl}\nbaseline: {model: big}\n"
    "candidates: [{model: recorded, path: tape.jsonl}]\n"
)
ARM = "triage/tape"


def write(folder: Path, config: str) -> None:
    (folder / "parity.yaml").write_text(config, encoding="utf-8")


def tape(folder: Path, answers: Sequence[str], **fields: Callable[[int], object]) -> None:
    """Write a recording; further fields of a response are functions of its number."""
    cli.write_lines(
        folder / "tape.jsonl",
        [
            {
                "id": f"t{i:04d}",
                "response": cli.completion(text, "tape"),
                **{name: value(i) for name, value in fields.items()},
            }
            for i, text in enumerate(answers)
        ],
    )


def decided(folder: Path, *flags: str, code: int = 0) -> dict[str, Any]:
    """Run the study and return the decision about its only arm."""
    done = cli.run("run", *flags, cwd=folder)
    assert done.code == code, done.told
    found: dict[str, Any] = cli.decisions(folder / "reports")[ARM]
    return found


def task_of(folder: Path) -> dict[str, Any]:
    (task,) = cli.summary(folder / "reports")["tasks"]
    found: dict[str, Any] = task
    return found


def manifest_of(folder: Path) -> dict[str, Any]:
    path = cli.only_run(folder / "reports") / "manifest.json"
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


class TestReferences:
    """Baseline and candidate are each wrong on a tenth of the requests, never on the same."""

    def logged(self, folder: Path, n: int, wrong: Sequence[int], key: str = "reference") -> None:
        rows = []
        for i in range(n):
            # Equal answers on both sides of a comparison would hide what is compared.
            answer = "wrong" if i % 10 == 0 else cli.label(i)
            rows.append(cli.entry(i, metadata={key: cli.label(i)}, response=cli.completion(answer)))
        cli.write_lines(folder / "log.jsonl", rows)
        tape(folder, ["other" if i in wrong else cli.label(i) for i in range(n)])

    def test_equal_quality_is_certified_although_a_fifth_of_the_answers_differ(
        self, tmp_path: Path
    ) -> None:
        self.logged(tmp_path, 1000, range(5, 1000, 10))
        write(tmp_path, HEAD)
        found = decided(tmp_path, "--margin", "0.1")
        assert found["status"] == "certified"
        assert abs(found["mean"]) < 0.05
        task = task_of(tmp_path)
        assert task["estimand"]["name"] == "quality"
        assert task["estimand"]["why"] == "auto: every request has a reference answer"
        assert task["rule"] == "exact"

    def test_a_worse_one_is_not(self, tmp_path: Path) -> None:
        self.logged(tmp_path, 600, [i for i in range(600) if i % 10 in (1, 2, 3)])
        write(tmp_path, HEAD)
        found = decided(tmp_path)
        assert found["status"] in ("rejected", "futile")
        assert found["mean"] < -0.1

    def test_another_field(self, tmp_path: Path) -> None:
        self.logged(tmp_path, 400, (), key="gold")
        config = "tasks: {triage: {reference: metadata.gold, kind: classification}}\n"
        write(tmp_path, HEAD + config)
        found = decided(tmp_path)
        assert found["status"] == "certified"
        assert 0 < found["mean"] < 0.2  # better than the baseline

    def test_what_has_no_right_answer_is_told_before_anything_is_written(
        self, tmp_path: Path
    ) -> None:
        cli.log(tmp_path)
        cli.recording(tmp_path)
        write(tmp_path, HEAD + "tasks: {triage: {quality: exact, reference: metadata.gold}}\n")
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 2
        assert "tasks.triage.reference: 150 of 150 requests have no single right answer" in done.err
        assert "`metadata.gold`" in done.err
        assert not (tmp_path / "reports").exists()


def test_a_live_candidate_is_rated_by_a_judge(tmp_path: Path) -> None:
    rows = [
        cli.entry(i, metadata={"kind": "support_reply"}, response=cli.completion(f"Reply {i}."))
        for i in range(150)
    ]
    cli.write_lines(tmp_path / "log.jsonl", rows)

    def replies(model: str, item: str) -> str:
        if model == "wise":
            # Placebos give another request's reply; those are worth nothing.
            number = item.split("Ticket ")[1][:4].lstrip("0") or "0"
            is_own = f"Reply {number}." in item or f"Reply to {number}" in item
            return json.dumps({"reason": "as asked", "rating": 5 if is_own else 1})
        return f"Reply to {item.split()[1].rstrip(':').lstrip('0') or '0'}"

    with server.serving(replies) as upstream:
        live = f"api_base: '{upstream.base_url}', price: {{input: 1, output: 1}}"
        write(
            tmp_path,
            "version: 1\nname: study\nlog: {path: log.jsonl}\nbaseline: {model: big}\n"
            f"candidates: [{{name: tape, model: openai/good, {live}}}]\n"
            f"judge: {{name: wise, model: openai/wise, {live}}}\nbudget: {{usd: 1000}}\n"
            "tasks: {triage: {quality: rating}}\n",
        )
        found = decided(tmp_path)
        assert found["status"] == "certified"
        asked = [seen for seen in upstream.seen if seen.model == "wise"]
        assert max(upstream.calls.values()) == 1
    # Each request: both answers, once each, and no pair.
    assert found["n"] * 2 <= len(asked) <= 150 * 2 + 3 * 50
    (arm,) = task_of(tmp_path)["arms"]
    assert "as judged by wise, not calibrated by human labels" in arm["qualifications"]


def test_a_judge_that_cannot_be_read_rejects_nobody(tmp_path: Path) -> None:
    """It judges the placebos well, and says nothing usable of the candidate."""
    rows = [
        cli.entry(i, metadata={"kind": "support_reply"}, response=cli.completion(f"Reply {i}."))
        for i in range(120)
    ]
    cli.write_lines(tmp_path / "log.jsonl", rows)

    def replies(model: str, item: str) -> str:
        if model != "wise":
            return f"Another answer to {item.split()[1].rstrip(':')}"
        if "Another answer" in item:
            return "I would rather not choose."
        own = f"Reply {int(item.split('Ticket ')[1][:4])}."
        is_first = item.index(own) < max(item.rindex("Reply "), item.index(own) + 1)
        return json.dumps({"reason": "as asked", "winner": "first" if is_first else "second"})

    with server.serving(replies) as upstream:
        live = f"api_base: '{upstream.base_url}', price: {{input: 1, output: 1}}"
        write(
            tmp_path,
            "version: 1\nname: study\nlog: {path: log.jsonl}\nbaseline: {model: big}\n"
            f"candidates: [{{name: tape, model: openai/good, {live}}}]\n"
            f"judge: {{name: wise, model: openai/wise, {live}}}\nbudget: {{usd: 1000}}\n"
            "tasks: {triage: {parity: judge, estimand: parity, bar: 0.8}}\n",
        )
        found = decided(tmp_path)
    assert found["status"] in ("futile", "inconclusive")
    (arm,) = task_of(tmp_path)["arms"]
    said = f"{found['n']} pairs that could not be scored counted against the candidate"
    assert said in arm["qualifications"]


class TestTargetLog:
    def test_a_bar_that_only_a_census_can_show(self, tmp_path: Path) -> None:
        cli.log(tmp_path, 60)
        cli.recording(tmp_path, 60)
        config = HEAD + "test: {estimand: parity, bar: 1, target: TARGET}\n"
        config += "tasks: {triage: {kind: classification}}\n"
        write(tmp_path, config.replace("TARGET", "traffic"))
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 2
        assert "parity.yaml:6: test.bar: 1 given, must be < 1" in done.err
        assert "`target: log` can show 1" in done.err
        write(tmp_path, config.replace("TARGET", "log"))
        found = decided(tmp_path)
        assert found["status"] == "certified"
        assert found["low"] == 1.0
        assert task_of(tmp_path)["statement"].startswith(
            "At least 100% of the 60 usable requests of this kind in this log get"
        )
        assert manifest_of(tmp_path)["study"]["target"] == "log"

    def test_one_failure_in_the_log_refutes_it(self, tmp_path: Path) -> None:
        cli.log(tmp_path, 60)
        cli.recording(tmp_path, 60, wrong=[17])
        config = "test: {bar: 1, target: log}\ntasks: {triage: {kind: classification}}\n"
        write(tmp_path, HEAD + config)
        assert decided(tmp_path)["status"] == "rejected"

    def test_it_proves_what_traffic_cannot(self, tmp_path: Path) -> None:
        cli.log(tmp_path, 200)
        cli.recording(tmp_path, 200, wrong=[3, 50, 120])
        tasks = "tasks: {triage: {kind: classification}}\n"
        write(tmp_path, HEAD + "test: {bar: 0.97, target: log}\n" + tasks)
        found = decided(tmp_path)
        assert found["status"] == "certified"
        write(tmp_path, HEAD + "test: {bar: 0.97}\n" + tasks)
        traffic = decided(tmp_path, "--out", "elsewhere")
        assert traffic == found  # the other folder holds the other run
        other = cli.decisions(tmp_path / "elsewhere")[ARM]
        assert other["status"] != "certified"


class TestClusters:
    def sessions(self, folder: Path, n: int = 300, size: int = 5) -> None:
        rows = [cli.entry(i, session=f"s{i // size}") for i in range(n)]
        cli.write_lines(folder / "log.jsonl", rows)

    def test_one_request_stands_for_each_session(self, tmp_path: Path) -> None:
        self.sessions(tmp_path)
        cli.recording(tmp_path, 300)
        config = HEAD + "test: {bar: 0.9, cluster: session}\n"
        write(tmp_path, config + "tasks: {triage: {kind: classification}}\n")
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        assert "tend to fail together" not in done.err
        task = task_of(tmp_path)
        assert task["n_units"] == 60
        assert task["excluded"] == {"another request of its cluster stands for it": 240}
        assert cli.summary(tmp_path / "reports")["unit"] == "one request per session"
        (arm,) = task["arms"]
        assert arm["decision"]["status"] == "certified"
        assert any("each session weighs alike" in text for text in arm["qualifications"])
        assert task["statement"].startswith(
            "More than 90% of requests of this kind, one drawn at random for each session,"
        )
        # Another request of a session that was used is not a fresh one.
        done = cli.run("run", "--seed", "2", cwd=tmp_path)
        assert done.code == 2
        assert "60 of 60 requests were shown to this candidate" in done.err

    def test_clustering_that_nobody_names_is_told(self, tmp_path: Path) -> None:
        self.sessions(tmp_path)
        cli.recording(tmp_path, 300)
        write(tmp_path, HEAD)
        done = cli.run("run", cwd=tmp_path)
        assert "300 of 300 requests share 60 values of 'session'" in done.err
        assert "`test: {cluster: session}`" in done.err

    def test_a_field_that_is_none(self, tmp_path: Path) -> None:
        self.sessions(tmp_path)
        cli.recording(tmp_path, 300)
        write(tmp_path, HEAD + "test: {cluster: sesion}\n")
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 2
        assert "parity.yaml:6: test.cluster: unknown field" in done.err
        assert "session" in done.err


class TestDesigns:
    @pytest.mark.parametrize("design", ["budget", "obrien_fleming", "pocock", "fixed"])
    def test_a_fixed_end(self, tmp_path: Path, design: str) -> None:
        cli.log(tmp_path, 250)
        cli.recording(tmp_path, 250, wrong=[40])
        config = HEAD + f"test: {{bar: 0.95, design: {design}, max_samples: 250}}\n"
        write(tmp_path, config + "tasks: {triage: {kind: classification}}\n")
        found = decided(tmp_path)
        assert found["status"] == "certified"
        assert found["low"] >= 0.95
        assert found["n"] <= 250
        if design == "fixed":
            assert found["n"] == 250
        # More requests than were declared are other terms, and these requests are used up.
        done = cli.run("run", "--max-samples", "300", cwd=tmp_path)
        assert done.code == 2
        assert "were shown to this candidate under other terms" in done.err

    def test_a_design_is_not_chosen_after_looking(self, tmp_path: Path) -> None:
        cli.log(tmp_path, 300)
        cli.recording(tmp_path, 300)
        config = HEAD + "test: {bar: 0.95, design: pocock}\n"
        write(tmp_path, config + "tasks: {triage: {kind: classification}}\n")
        assert decided(tmp_path)["status"] == "certified"
        write(tmp_path, config.replace("pocock", "budget"))
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 2
        assert "under other terms" in done.err

    def test_it_knows_parity_only(self, tmp_path: Path) -> None:
        cli.log(tmp_path)
        cli.recording(tmp_path)
        write(tmp_path, HEAD + "test: {design: fixed, target: log}\n")
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 2
        assert "test.design: designs with a fixed end speak of traffic" in done.err


class TestGates:
    def gated(self, folder: Path, gates: str, extra: str = "") -> None:
        task = f"{{kind: classification, gates: {{{gates}}}{extra}}}"
        write(folder, HEAD + f"test: {{bar: 0.7}}\ntasks:\n  triage: {task}\n")

    def test_calls_that_are_too_slow(self, tmp_path: Path) -> None:
        cli.log(tmp_path, 200)
        answers = [cli.label(i) for i in range(200)]
        self.gated(tmp_path, "quick: {check: speed, seconds: 2, bar: 0.9}")
        tape(tmp_path, answers, latency_s=lambda i: 9.0 if i % 3 == 0 else 1.0)
        found = decided(tmp_path)
        assert found["status"] in ("rejected", "futile")
        assert found["reason"].startswith("gate 'quick': ")
        (gate,) = found["gates"]
        assert gate["mean"] < 0.9
        assert task_of(tmp_path)["gates"] == {
            "quick": "more than 90% of calls take at most 2 seconds"
        }

    def test_calls_that_are_quick_enough(self, tmp_path: Path) -> None:
        cli.log(tmp_path, 200)
        answers = [cli.label(i) for i in range(200)]
        self.gated(tmp_path, "quick: {check: speed, seconds: 2, bar: 0.9}")
        tape(tmp_path, answers, latency_s=lambda _: 2.0)
        found = decided(tmp_path)
        assert found["status"] == "certified"
        (evidence,) = [a["evidence"] for r in manifest_of(tmp_path)["routes"] for a in r["arms"]]
        assert [(g["name"], g["passed"], g["n"]) for g in evidence["gates"]] == [
            ("quick", True, found["n"])
        ]

    def test_a_latency_that_nobody_recorded_is_told_before_anything_is_written(
        self, tmp_path: Path
    ) -> None:
        cli.log(tmp_path, 200)
        cli.recording(tmp_path, 200)
        self.gated(tmp_path, "quick: {check: speed, seconds: 2, bar: 0.9}")
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 2
        assert "200 of 200 recorded answers of 'tape' have no `latency_s`" in done.err
        assert "the gate 'quick' of task 'triage'" in done.err
        assert not (tmp_path / "reports").exists()

    def test_a_slice_of_its_own(self, tmp_path: Path) -> None:
        """All is well but for refunds, a quarter of the requests."""
        cli.log(tmp_path, 400)
        wrong = [i for i in range(400) if cli.label(i) == "refund" and i % 3 == 0]
        cli.recording(tmp_path, 400, wrong=wrong)
        self.gated(tmp_path, "refunds: {check: slice, match: {answer: refund}, bar: 0.9}")
        found = decided(tmp_path)
        assert found["status"] in ("rejected", "futile")
        assert found["reason"].startswith("gate 'refunds': ")
        (gate,) = found["gates"]
        assert gate["n"] < found["n"] / 2

    def test_a_slice_that_no_request_belongs_to(self, tmp_path: Path) -> None:
        cli.log(tmp_path)
        cli.recording(tmp_path)
        self.gated(tmp_path, "german: {check: slice, match: {metadata.language: de}}")
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 2
        assert "tasks.triage.gates.german: no request of the task matches" in done.err

    def test_a_slice_too_small_to_show_anything(self, tmp_path: Path) -> None:
        rows = [cli.entry(i, metadata={"language": "de" if i < 20 else "en"}) for i in range(200)]
        cli.write_lines(tmp_path / "log.jsonl", rows)
        cli.recording(tmp_path, 200)
        self.gated(tmp_path, "german: {check: slice, match: {metadata.language: de}, bar: 0.9}")
        found = decided(tmp_path)
        assert found["status"] == "not_measurable"
        assert found["reason"] == (
            "gate 'german': its 20 requests cannot certify a bar of 0.9 even without a failure; at "
            "most 0.8608 could be"
        )

    def test_answers_out_of_format(self, tmp_path: Path) -> None:
        schema = {"type": "object", "required": ["kind"]}
        form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        rows = []
        for i in range(300):
            row = cli.entry(i, response=cli.completion(json.dumps({"kind": cli.label(i)})))
            row["request"]["response_format"] = form
            rows.append(row)
        cli.write_lines(tmp_path / "log.jsonl", rows)
        good = [json.dumps({"kind": cli.label(i)}) for i in range(300)]
        # Right but for the braces: a rule that reads the words alone would not mind.
        tape(tmp_path, [cli.label(i) if i % 4 == 0 else text for i, text in enumerate(good)])
        self.gated(tmp_path, "valid: {check: format, bar: 0.95}", ", estimand: parity, bar: 0.5")
        found = decided(tmp_path)
        assert found["reason"].startswith("gate 'valid': ")
        assert found["status"] in ("rejected", "futile")

    @pytest.mark.parametrize(("wrong", "status"), [([7], "rejected"), ([8], "certified")])
    def test_a_request_that_must_pass(
        self, tmp_path: Path, wrong: Sequence[int], status: str
    ) -> None:
        cli.log(tmp_path, 200)
        cli.recording(tmp_path, 200, wrong=wrong)
        self.gated(tmp_path, "", ", must_pass: [t0007, t0190]")
        found = decided(tmp_path)
        assert found["status"] == status
        if status == "rejected":
            assert found["reason"] == "falls short on request 't0007', which must pass"
            assert found["n"] == 0

    def test_a_request_that_must_pass_and_is_not_there(self, tmp_path: Path) -> None:
        cli.log(tmp_path)
        cli.recording(tmp_path)
        self.gated(tmp_path, "", ", must_pass: [t9999]")
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 2
        assert "tasks.triage.must_pass: 't9999' is not among the task's usable requests" in done.err

    @pytest.mark.parametrize(
        ("gate", "told"),
        [
            ("x: {check: spead, seconds: 2}", "tasks.triage.gates.x.check"),
            ("x: {check: speed}", "speed needs `seconds`"),
            ("x: {check: speed, seconds: -1}", "tasks.triage.gates.x.seconds"),
            ("x: {check: slice}", "slice needs `match`"),
            ("x: {check: format, seconds: 2}", "a gate that checks format has no 'seconds'"),
            ("x: {check: format, bar: 1}", "1 given, must be > 0 and < 1"),
            ("x: {check: slice, match: {anser: a}}", "tasks.triage.gates.x.match.anser: unknown"),
            ("x: {check: slice, match: {answer: '*'}, margin: 0.1}", "set `bar`"),
        ],
    )
    def test_what_cannot_be_meant(self, tmp_path: Path, gate: str, told: str) -> None:
        cli.log(tmp_path)
        cli.recording(tmp_path)
        self.gated(tmp_path, gate)
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 2, done.told
        assert told in done.err

    def test_a_format_that_nothing_names(self, tmp_path: Path) -> None:
        cli.log(tmp_path)
        cli.recording(tmp_path)
        self.gated(tmp_path, "valid: {check: format, bar: 0.95}")
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 2
        assert "tasks.triage.gates.valid: nothing says what format answers have" in done.err

    def test_a_slice_is_part_of_the_terms(self, tmp_path: Path) -> None:
        """Moving the failures out of a slice once they are known is another study."""
        wrong = [i for i in range(300) if i % 8 == 0]
        rows = [cli.entry(i, metadata={"tier": "vip" if i % 4 == 0 else "x"}) for i in range(300)]
        cli.write_lines(tmp_path / "log.jsonl", rows)
        cli.recording(tmp_path, 300, wrong=wrong)
        self.gated(tmp_path, "vip: {check: slice, match: {metadata.tier: vip}, bar: 0.8}")
        assert decided(tmp_path)["status"] in ("rejected", "futile")
        for i, row in enumerate(rows):
            row["metadata"] = {"tier": "vip" if i % 4 == 0 and i not in wrong else "x"}
        cli.write_lines(tmp_path / "log.jsonl", rows)
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 2
        assert "were shown to this candidate under other terms" in done.err

    def test_a_request_that_must_pass_beside_the_clusters(self, tmp_path: Path) -> None:
        rows = [cli.entry(i, session=f"s{i // 5}") for i in range(300)]
        cli.write_lines(tmp_path / "log.jsonl", rows)
        cli.recording(tmp_path, 300, wrong=[7])
        task = "{kind: classification, must_pass: [t0005, t0006, t0007, t0008, t0009]}"
        write(
            tmp_path,
            HEAD + f"test: {{bar: 0.7, cluster: session}}\ntasks:\n  triage: {task}\n",
        )
        found = decided(tmp_path)
        assert found["reason"] == "falls short on request 't0007', which must pass"

    def test_what_must_pass_has_been_shown(self, tmp_path: Path) -> None:
        cli.log(tmp_path, 100)
        cli.recording(tmp_path, 100, wrong=[0])
        ids = ", ".join(f"t{i:04d}" for i in range(100))
        task = f"{{kind: classification, must_pass: [{ids}]}}"
        config = f"test: {{bar: 0.7, max_samples: 30}}\ntasks:\n  triage: {task}\n"
        write(tmp_path, HEAD + config)
        assert decided(tmp_path)["status"] == "rejected"
        write(tmp_path, HEAD + "tasks: {triage: {kind: classification, bar: 0.6}}\n")
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 2
        assert "100 of 100 requests were shown to this candidate" in done.err


class TestHumanLabels:
    """A recorded judge that calls every other answer as good; humans find a part of them worse."""

    N = 400

    def prepare(self, folder: Path, labels: Mapping[int, int], share: float = 0.25) -> None:
        texts = [f"A long and helpful answer to ticket {i}." for i in range(self.N)]
        rows = [
            cli.entry(i, metadata={"kind": "support_reply"}, response=cli.completion(text))
            for i, text in enumerate(texts)
        ]
        cli.write_lines(folder / "log.jsonl", rows)
        tape(folder, [f"Another answer, which is helpful, to ticket {i}." for i in range(self.N)])
        verdicts = [
            {
                "id": f"t{i:04d}", "judge": "wise", "model_a": "big", "model_b": "tape",
                "shown_first": first, "preference": "tie",
            }
            for i in range(self.N)
            for first in ("model_a", "model_b")
        ]  # fmt: skip
        cli.write_lines(folder / "verdicts.jsonl", verdicts)
        cli.write_lines(
            folder / "human.jsonl",
            [{"id": f"t{i:04d}", "model": "tape", "label": v} for i, v in labels.items()],
        )
        write(
            folder,
            HEAD + "judge: {name: wise, model: recorded, path: verdicts.jsonl, "
            f"labels: {{path: human.jsonl, share: {share}}}}}\n"
            "tasks: {triage: {parity: judge, estimand: parity, bar: 0.8}}\n",
        )

    def test_humans_who_agree(self, tmp_path: Path) -> None:
        self.prepare(tmp_path, dict.fromkeys(range(self.N), 1))
        found = decided(tmp_path)
        assert found["status"] == "certified"
        task = task_of(tmp_path)
        (arm,) = task["arms"]
        assert 0.1 < arm["labels_used"] / found["n"] < 0.45
        assert arm["agreement"]["share"] == 1.0
        assert task["statement"].endswith("at parity with the baseline's, as humans judge it.")
        said = f"judged by wise; {arm['labels_used']} human verdicts corrected it"
        assert said in arm["qualifications"]

    def test_a_judge_that_is_too_kind_certifies_nothing(self, tmp_path: Path) -> None:
        self.prepare(tmp_path, {i: int(i % 2 == 0) for i in range(self.N)})
        found = decided(tmp_path)
        assert found["status"] in ("rejected", "futile")
        (arm,) = task_of(tmp_path)["arms"]
        assert arm["labels_used"] >= 1

    def test_labels_that_are_lacking_are_asked_for_and_nothing_is_lost(
        self, tmp_path: Path
    ) -> None:
        self.prepare(tmp_path, {0: 1})
        found = decided(tmp_path, code=3)
        assert found["status"] == "open"
        assert "no human verdict on this pair" in found["reason"]
        needed = cli.only_run(tmp_path / "reports") / "labels-needed.jsonl"
        rows = [json.loads(line) for line in needed.read_text(encoding="utf-8").splitlines()]
        assert 50 < len(rows) < 150  # a quarter of the requests
        assert {row["model"] for row in rows} == {"tape"}
        # Just those labels are enough to go on, in the same run.
        cli.write_lines(tmp_path / "human.jsonl", [{**row, "label": 1} for row in rows])
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 0, done.told
        assert cli.decisions(tmp_path / "reports")[ARM]["status"] == "certified"

    def test_what_must_pass_is_for_humans_to_say(self, tmp_path: Path) -> None:
        self.prepare(tmp_path, {i: int(i != 3) for i in range(self.N)})
        config = (tmp_path / "parity.yaml").read_text("utf-8")
        config = config.replace("bar: 0.8", "bar: 0.8, must_pass: [t0003]")
        write(tmp_path, config)
        found = decided(tmp_path)
        assert found["reason"] == "falls short on request 't0003', which must pass"

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            (("estimand: parity, bar: 0.8", "estimand: preference"), "do not say which answer is"),
            (("bar: 0.8", "bar: 0.8, gates: {}"), "is 0.5; whether an answer is at parity is 0 or"),
        ],
    )
    def test_verdicts_that_say_something_else(
        self, tmp_path: Path, change: tuple[str, str], told: str
    ) -> None:
        self.prepare(tmp_path, dict.fromkeys(range(self.N), 1))
        config = (tmp_path / "parity.yaml").read_text("utf-8").replace(*change)
        if "preference" in change[1]:
            config = config.replace("parity: judge, ", "")
        else:
            human = tmp_path / "human.jsonl"
            human.write_text(human.read_text("utf-8").replace("1}", "0.5}"), "utf-8")
        write(tmp_path, config)
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 2
        assert told in done.err

    def test_a_fixed_end_takes_all_labels(self, tmp_path: Path) -> None:
        self.prepare(tmp_path, dict.fromkeys(range(self.N), 1))
        write(tmp_path, (tmp_path / "parity.yaml").read_text("utf-8") + "test: {design: fixed}\n")
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 2
        assert "judge.labels.share: must be 1 for a design with a fixed end" in done.err

    def test_a_verdict_is_final_once_it_has_counted(self, tmp_path: Path) -> None:
        self.prepare(tmp_path, dict.fromkeys(range(self.N), 1))
        assert decided(tmp_path)["status"] == "certified"
        human = tmp_path / "human.jsonl"
        text = human.read_text("utf-8")
        human.write_text(text.replace('"label": 1', '"label": 0'), "utf-8")
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 2
        assert "was 1 when it entered the test and is 0 now" in done.err
        human.write_text(text.splitlines()[0] + "\n", "utf-8")
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 2
        assert "was 1 when it entered the test and is not there any more" in done.err

    def test_labels_of_somebody_else(self, tmp_path: Path) -> None:
        self.prepare(tmp_path, dict.fromkeys(range(self.N), 1))
        path = tmp_path / "human.jsonl"
        path.write_text(path.read_text(encoding="utf-8").replace("tape", "tap"), encoding="utf-8")
        done = cli.run("run", cwd=tmp_path)
        assert done.code == 2
        assert "no human verdict on answers of 'tape'; it has: tap" in done.err


def test_second_answers_on_a_part_of_the_requests(tmp_path: Path) -> None:
    cli.log(tmp_path, 500)
    wrong = list(range(0, 500, 40))
    cli.recording(tmp_path, 500, wrong=wrong)
    rows = [
        {"id": f"t{i:04d}", "sample": 1, "response": cli.completion(cli.label(i))}
        for i in range(500)
    ]
    cli.write_lines(tmp_path / "second.jsonl", rows)
    write(
        tmp_path,
        HEAD.replace("{model: big}", "{model: big, second: {model: recorded, path: second.jsonl, "
        "share: 0.25}}")
        + "tasks: {triage: {kind: classification}}\n",
    )  # fmt: skip
    found = decided(tmp_path)
    assert found["status"] == "certified"
    (floor,) = found["gates"]
    assert floor["name"] == "noise floor"
    assert floor["low"] > 0.8
    ledger = cli.summary(tmp_path / "reports")["ledger"]
    (seconds,) = [line["calls"] for line in ledger if line["purpose"] == "noise_floor"]
    assert 0.1 * found["n"] < seconds < 0.6 * 500

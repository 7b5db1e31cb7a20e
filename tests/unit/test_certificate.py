"""Statements in words, exactly as strong as what was refuted."""

import pytest
from makers import estimand

from parity_eval.certificate import (
    NOT_PROMISED,
    Circumstances,
    family_statement,
    gate_statement,
    heavy_failure,
    heavy_positions,
    qualifications,
    statement,
)
from parity_eval.estimands import gate_estimand
from parity_eval.records import EstimandName, PlaceboResult, RequestId
from parity_eval.study import DesignName, FamilyRule, GateSpec, TestSpec


class TestStatement:
    @pytest.mark.parametrize(
        ("name", "value", "words"),
        [
            # Refuted: share <= 0.95.
            (
                "parity",
                0.95,
                (
                    "More than 95% of requests of this kind get an answer at parity with the "
                    "baseline's."
                ),
            ),
            # Refuted: parity <= own parity - 0.05.
            (
                "noise_floor",
                0.05,
                (
                    "The candidate agrees with the baseline's answer less than 5 percentage points "
                    "less often than the baseline agrees with itself."
                ),
            ),
            # Refuted: quality <= the baseline's - 0.025.
            (
                "quality",
                0.025,
                (
                    "On requests of this kind the candidate's mean quality is less than 2.5 "
                    "percentage points below the baseline's."
                ),
            ),
            # Refuted: preference <= 0.475; "above 0.48" would not have been shown.
            (
                "preference",
                0.025,
                (
                    "The judge's mean preference for the candidate's answers over the baseline's "
                    "is above 0.475 (win 1, tie 0.5, loss 0; 0.5 is a draw)."
                ),
            ),
        ],
    )
    def test_of_each_estimand(self, name: EstimandName, value: float, words: str) -> None:
        assert statement(estimand(name, value)) == words

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("parity", "At least 95% of the 71 usable requests of this kind in this log get an"),
            ("noise_floor", "On the 71 usable requests of this kind in this log the candidate"),
            ("quality", "On the 71 usable requests of this kind in this log the candidate's mean"),
        ],
    )
    def test_a_claim_about_the_log_says_so(self, name: EstimandName, words: str) -> None:
        value = 0.95 if name == "parity" else 0.05
        assert statement(estimand(name, value), log_size=71).startswith(words)

    def test_a_preference_about_the_log_says_so(self) -> None:
        found = statement(estimand("preference", 0.05), log_size=71)
        assert found.endswith("over the 71 usable requests of this kind in this log.")

    def test_a_corrected_judge_speaks_for_humans(self) -> None:
        found = statement(estimand("preference", 0.05), is_corrected=True)
        assert found.startswith("Humans' mean preference for the candidate's answers")
        found = statement(estimand("parity", 0.95), is_corrected=True)
        assert found.endswith("at parity with the baseline's, as humans judge it.")

    def test_a_slice_of_the_log_says_how_much_it_is(self) -> None:
        gate = GateSpec(name="g", check="slice", match={"user": "x*"})
        assert gate_statement(gate, estimand("parity", 0.9), log_size=12) == (
            "where user = x*: at least 90% of the 12 usable requests of this kind in this log get "
            "an answer at parity with the baseline's"
        )

    @pytest.mark.parametrize(
        ("gate", "words"),
        [
            (
                GateSpec(name="g", check="format", bar=0.98),
                "more than 98% of answers are in the format that the request or the task demands",
            ),
            (
                GateSpec(name="g", check="speed", seconds=1.5, bar=0.9),
                "more than 90% of calls take at most 1.5 seconds",
            ),
            (
                GateSpec(name="g", check="slice", match={"answer": "toxic"}, bar=0.8),
                (
                    "where answer = toxic: more than 80% of requests of this kind get an answer at "
                    "parity with the baseline's"
                ),
            ),
        ],
    )
    def test_of_each_gate(self, gate: GateSpec, words: str) -> None:
        main = estimand("parity", 0.95)
        assert gate_statement(gate, gate_estimand(gate, main, "x")) == words

    @pytest.mark.parametrize(
        ("bar", "share"), [(0.99999, "99.999%"), (0.955, "95.5%"), (0.07, "7%"), (0.9, "90%")]
    )
    def test_a_bar_is_never_rounded(self, bar: float, share: str) -> None:
        assert statement(estimand("parity", bar)).startswith(f"More than {share} of requests")


class TestFamilyStatement:
    def test_one_arm(self) -> None:
        for family in ("fdr", "fwer"):
            assert family_statement(TestSpec(family=family), 1, 1) == (
                "The chance that the certificate is false is at most 5%, whenever the run is "
                "stopped (1 task, 1 arm)."
            )

    @pytest.mark.parametrize(
        ("family", "words"),
        [
            (
                "fdr",
                (
                    "Of the certificates in the routing table, an expected share of at most 2.5% "
                    "is false, whenever the run is stopped (selected e-BH over 1 task, 3 arms)."
                ),
            ),
            (
                "fwer",
                (
                    "The chance that any certificate is false is at most 2.5%, whenever the run is "
                    "stopped (e-Holm over 1 task, 3 arms)."
                ),
            ),
        ],
    )
    def test_several(self, family: FamilyRule, words: str) -> None:
        assert family_statement(TestSpec(alpha=0.025, family=family), 1, 3) == words

    @pytest.mark.parametrize(
        ("design", "words"),
        [
            ("budget", "exact binomial error spending, a look after every request, fixed end"),
            ("pocock", "group-sequential, Pocock-like spending, 10 looks, fixed end"),
            ("fixed", "one exact binomial test at an end fixed beforehand"),
        ],
    )
    def test_a_design_with_a_fixed_end_promises_nothing_at_other_times(
        self, design: DesignName, words: str
    ) -> None:
        found = family_statement(TestSpec(design=design), 2, 4)
        assert found == (
            f"The chance that any certificate is false is at most 5%: {words}; alpha is split "
            "evenly over the arms (Bonferroni) (2 tasks, 4 arms)."
        )
        assert "whenever" not in found


class TestQualifications:
    def test_nothing_special(self) -> None:
        passed = PlaceboResult(name="empty", n=9, mean=0.0, is_below=True, note="")
        assert qualifications(Circumstances(placebos=(passed,))) == ()

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            (Circumstances(judge="J"), "as judged by J, not calibrated by human labels"),
            (
                Circumstances(masked=1),
                (
                    "in 1 request placeholders stand for secrets or personal data: they were "
                    "replayed as they are now, not as they were asked"
                ),
            ),
            (
                Circumstances(by_traffic=True),
                "a request counts as often as it was asked, and one answer to it stands for all",
            ),
            (
                Circumstances(judge_is_contestant="small"),
                "the judge is itself a contestant (small); it may prefer its own answers",
            ),
            (
                Circumstances(judge_saw_one_order=True),
                (
                    "pairs that the judge saw in one order only were accepted; a preference for a "
                    "place may count"
                ),
            ),
            (
                Circumstances(holes_counted=3),
                "3 missing answers counted against the candidate",
            ),
            (
                Circumstances(dropped_params=("seed", "top_p")),
                "sent without the parameters seed, top_p",
            ),
            (
                Circumstances(has_own_prompt=True),
                "asked with a prompt of its own, without which the certificate does not hold",
            ),
            (
                Circumstances(not_taken=1),
                "cannot take 1 request of the log; those that the test met counted against it",
            ),
            (
                Circumstances(refused=7),
                "7 requests left out: an earlier study had shown them to this candidate",
            ),
            (
                Circumstances(
                    placebos=(
                        PlaceboResult(name="empty", n=9, mean=0.0, is_below=True, note=""),
                        PlaceboResult(name="other", n=0, mean=None, is_below=None, note="none"),
                    )
                ),
                "placebos that could not be asked: other",
            ),
        ],
    )
    def test_each(self, given: Circumstances, words: str) -> None:
        assert qualifications(given) == (words,)

    def test_not_certified_is_not_worse(self) -> None:
        assert "'Not certified' does not mean worse" in NOT_PROMISED[-1]


def test_which_requests_are_heavy() -> None:
    assert heavy_positions([11, 1, 10, 300], 1000) == (0, 3)
    assert heavy_positions([1, 2], 50) == (1,)
    assert heavy_positions([], 0) == ()


class TestHeavyFailure:
    def found(self, *failed: tuple[str, int], of: int = 1000, accepted: str = "") -> str | None:
        return heavy_failure(
            [(RequestId(request), weight) for request, weight in failed],
            of,
            [RequestId(request) for request in accepted.split()],
        )

    def test_more_than_one_percent_of_the_traffic_blocks(self) -> None:
        assert self.found(("a", 11)) == "a"

    def test_exactly_one_percent_does_not(self) -> None:
        assert self.found(("a", 10)) is None

    def test_the_heaviest_is_named(self) -> None:
        assert self.found(("a", 11), ("b", 20), ("c", 3)) == "b"

    def test_until_it_is_acknowledged(self) -> None:
        assert self.found(("a", 11), ("b", 20), accepted="b") == "a"
        assert self.found(("a", 11), ("b", 20), accepted="a b") is None

    def test_a_request_seen_once_is_no_traffic(self) -> None:
        assert self.found(("a", 1), of=50) is None
        assert self.found(("a", 2), of=50) == "a"

    def test_no_failure(self) -> None:
        assert self.found() is None

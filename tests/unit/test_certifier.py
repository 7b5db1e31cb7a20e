"""Decisions per arm, with literal numbers: 78 straight passes certify a bar of 0.95, and so on."""

import time
from dataclasses import replace

import numpy as np
import pytest
from makers import Outcomes, Table, arm, estimand, only, paired, parts, reading, seen

from parity_eval.armtest import ArmPlan
from parity_eval.certifier import Certifier
from parity_eval.observations import of_floor, of_label
from parity_eval.records import (
    FLOOR_GATE,
    Decision,
    Estimand,
    Hole,
    Missing,
    ModelName,
    Observation,
    PassedOver,
    RequestId,
    Served,
    Status,
)
from parity_eval.stats.labels import label_subsample
from parity_eval.stats.noise_floor import floor_subsample, self_agreement_subsample
from parity_eval.stats.routing import RoutingRule
from parity_eval.study import TestSpec

A, B, C = arm("a"), arm("b"), arm("c")
FDR = TestSpec(max_samples=500)
FWER = TestSpec(max_samples=500, family="fwer")
SLOW = Missing(hole=Hole.TIMEOUT, detail="60 s")
PASS, FAIL = 1.0, 0.0


def brief(found: Decision) -> tuple[str, int]:
    return found.status.value, found.n


class TestOneArm:
    @pytest.mark.parametrize(("max_samples", "n"), [(500, 78), (2000, 83)])
    def test_straight_passes_certify(self, max_samples: int, n: int) -> None:
        found = only([PASS] * max_samples, max_samples=max_samples)
        assert brief(found) == ("certified", n)
        assert found.reason == f"the evidence reached what the family rule asks after {n} requests"

    def test_a_certificate_carries_its_evidence(self) -> None:
        found = only([PASS] * 500)
        assert found.mean == 1.0
        assert found.log_e == pytest.approx(3.0248, abs=5e-5)
        assert found.log_e_needed == pytest.approx(2.9957, abs=5e-5)  # log 20
        assert found.p_value == pytest.approx(0.0486, abs=5e-5)
        assert found.low == pytest.approx(0.9504, abs=5e-5)
        assert found.high == 1.0
        assert found.level == 0.05

    @pytest.mark.parametrize(
        ("what", "observation", "n"),
        [
            (estimand("noise_floor", 0.05), paired(1.0, 1.0), 86),
            (estimand("quality", 0.05), seen(0.0), 86),
            (estimand("preference", 0.05), seen(0.5), 42),
        ],
    )
    def test_as_good_as_the_baseline_everywhere(
        self, what: Estimand, observation: object, n: int
    ) -> None:
        found = only([observation] * 500, what)  # type: ignore[list-item]
        assert brief(found) == ("certified", n)

    @pytest.mark.parametrize(
        ("what", "value", "high"),
        [
            (estimand(), 0.0, 0.4256),
            (estimand("quality", 0.05), -1.0, -0.2165),
            (estimand("preference", 0.05), 0.0, 0.3903),
        ],
    )
    def test_nothing_right_is_rejected(self, what: Estimand, value: float, high: float) -> None:
        found = only([value] * 500, what)
        assert brief(found) == ("rejected", 10)
        assert found.reason == "shown to be below the bar after 10 requests"
        assert found.high == pytest.approx(high, abs=5e-5)
        assert found.high < what.null

    def test_no_certificate_before_min_n(self) -> None:
        found = only([PASS] * 100, estimand("parity", 0.5))
        assert brief(found) == ("certified", 30)  # the evidence was there after 5
        assert brief(only([PASS] * 100, estimand("parity", 0.5), min_n=40)) == ("certified", 40)

    def test_a_log_too_short_for_min_n_is_given_up_early(self) -> None:
        found = only([PASS] * 29, estimand("parity", 0.5))
        assert brief(found) == ("futile", 10)
        assert found.reason == "no continuation of this log within max_samples can certify"

    def test_curtailment(self) -> None:
        assert brief(only([PASS] * 9 + [FAIL] + [PASS] * 80)) == ("futile", 10)

    def test_futility_rounds_what_it_refutes_up(self) -> None:
        found = Table({A: ([PASS] * 9 + [FAIL]) * 50}, worth=0.97741).decisions()[A]
        assert brief(found) == ("futile", 50)
        assert found.reason == "a parity rate worth certifying (0.9775 or more) is refuted"

    @pytest.mark.parametrize(
        ("what", "worth", "outcomes", "words"),
        [
            (estimand("quality", 0.05), -0.025, [-1.0, 0.0], "mean difference"),
            (estimand("preference", 0.05), 0.475, [0.5, 0.0], "mean preference"),
        ],
    )
    def test_futility_says_what_it_is_about(
        self, what: Estimand, worth: float, outcomes: list[float], words: str
    ) -> None:
        found = Table({A: outcomes * 50}, what, worth=worth).decisions()[A]
        assert found.status is Status.FUTILE
        assert found.reason == f"a {words} worth certifying ({worth:.4f} or more) is refuted"

    def test_the_end_of_the_log(self) -> None:
        found = only([0.5, 0.4] * 20, estimand("preference", 0.05))
        assert brief(found) == ("inconclusive", 40)
        assert found.reason == "the log used up after 40 requests"

    def test_the_end_of_max_samples(self) -> None:
        found = only([0.5] * 90, estimand("preference", 0.01), max_samples=60)
        assert brief(found) == ("inconclusive", 60)
        assert found.reason == "max_samples used up after 60 requests"

    def test_no_request(self) -> None:
        found = only([])
        assert brief(found) == ("inconclusive", 0)
        assert (found.mean, found.low, found.high, found.log_e, found.p_value, found.path) == (
            None, 0.0, 1.0, 0.0, 1.0, (),
        )  # fmt: skip

    def test_one_request(self) -> None:
        found = only([PASS])
        assert brief(found) == ("inconclusive", 1)
        assert found.reason == (
            "the log used up after 1 request; a certificate takes at least 30 (min_n)"
        )
        assert len(found.path) == 1

    def test_the_path_ends_where_the_test_does_and_stays_short(self) -> None:
        found = only(([PASS] * 30 + [FAIL]) * 16, max_samples=496)
        assert found.n > 100
        assert found.path[-1].n == found.n
        assert len(found.path) <= 200
        assert found.log_e >= found.path[-1].log_e  # of a single arm the best so far counts


class TestNoiseFloor:
    what = estimand("noise_floor", 0.05)

    def test_evidence_is_that_of_the_weakest_part(self) -> None:
        # Nine of ten agree with themselves: that this is more than 80% takes 87 requests, that
        # the candidate is as good takes 40.
        outcomes = ([paired(1.0, 1.0)] * 9 + [paired(1.0, 0.0)]) * 50
        found = only(outcomes, self.what)
        difference = only([seen(o.main.value) for o in outcomes], estimand("quality", 0.05))
        floors = [seen(o.gates[FLOOR_GATE].value) for o in outcomes]
        floor = only(floors, estimand("parity", 0.8))
        assert [brief(d) for d in (difference, floor, found)] == [
            ("certified", 40),
            ("certified", 87),
            ("certified", 87),
        ]
        assert (found.log_e, found.p_value) == (floor.log_e, floor.p_value)

    def test_a_low_floor_certifies_nothing(self) -> None:
        found = only(([paired(1.0, 1.0)] * 3 + [paired(1.0, 0.0)]) * 125, self.what)
        assert brief(found) == ("futile", 296)
        assert found.reason == (
            "the baseline cannot be shown any more to agree with itself on more than 80% "
            "(296 requests)"
        )
        assert found.mean == 0.25
        assert found.low > 0.1
        assert found.log_e < 1
        assert found.p_value > 0.05

    def test_a_floor_that_is_shown_to_be_low_says_so(self) -> None:
        found = only([paired(1.0, 0.0)] * 500, self.what)
        assert brief(found) == ("futile", 10)
        assert found.reason == "the baseline agrees with itself on less than 80% (10 requests)"

    def test_a_floor_that_is_not_shown_to_be_high_certifies_nothing(self) -> None:
        outcomes = (([paired(1.0, 1.0)] * 9 + [paired(1.0, 0.0)]) * 10)[:98]
        other = [paired(0.0, 1.0)] * 500
        found = Table({A: outcomes, B: other}, self.what).decisions()[A]  # log 40 is needed
        assert brief(found) == ("inconclusive", 98)
        assert found.reason == (
            "the log used up after 98 requests; "
            "the baseline is not shown to agree with itself on more than 80%"
        )
        (floor,) = found.gates
        assert (floor.name, floor.n, floor.is_passed) == (FLOOR_GATE, 98, False)
        assert floor.log_e == pytest.approx(3.5137, abs=1e-4)
        assert floor.low < 0.8 < floor.high


class TestGates:
    valid = estimand("parity", 0.9)

    def test_a_certificate_takes_every_gate(self) -> None:
        # A bar of 0.9 takes 41 straight passes, one of 0.95 takes 78.
        good = Table({A: [seen(PASS, valid=PASS)] * 500}, gates={"valid": self.valid})
        assert brief(good.decisions()[A]) == ("certified", 78)
        strict = Table(
            {A: [seen(PASS, valid=PASS)] * 500},
            estimand("parity", 0.9),
            gates={"valid": estimand("parity", 0.95)},
        ).decisions()[A]
        assert brief(strict) == ("certified", 78)
        assert strict.log_e == pytest.approx(3.0248, abs=5e-5)
        (gate,) = strict.gates
        assert (gate.name, gate.n, gate.mean, gate.is_passed) == ("valid", 78, 1.0, True)
        assert gate.low > 0.95

    def test_the_arm_is_rejected_with_its_gate(self) -> None:
        outcomes = [seen(PASS, valid=FAIL)] * 500
        found = Table({A: outcomes}, gates={"valid": self.valid}).decisions()[A]
        assert brief(found) == ("rejected", 10)
        assert found.reason == "gate 'valid': shown to be below its bar after 10 requests"
        (gate,) = found.gates
        assert gate.high < 0.9

    def test_a_gate_sees_the_requests_that_belong_to_it(self) -> None:
        inside, outside = seen(PASS, german=PASS), seen(PASS)
        table = Table({A: [inside, outside] * 250}, gates={"german": self.valid})
        found = table.decisions()[A]
        assert brief(found) == ("certified", 78)
        assert found.gates[0].n == 39

    def test_a_gate_whose_requests_are_used_up_ends_the_arm(self) -> None:
        outcomes = [seen(PASS, german=PASS)] * 29 + [seen(FAIL, german=FAIL)] + [seen(PASS)] * 400
        table = Table({A: outcomes}, estimand("parity", 0.9), gates={"german": self.valid})
        found = table.decisions()[A]
        assert brief(found) == ("inconclusive", 30)
        assert found.reason == (
            "gate 'german': its 30 requests are used up without enough evidence"
        )
        early = [seen(PASS, german=PASS)] * 5 + [seen(FAIL, german=FAIL)] * 3
        early += [seen(PASS, german=PASS)] * 22
        table = Table({A: early}, estimand("parity", 0.5), gates={"german": self.valid})
        assert brief(table.decisions()[A]) == ("futile", 10)
        assert table.decisions()[A].reason == (
            "gate 'german': cannot be passed any more after 10 requests"
        )

    def test_a_gate_that_is_passed_and_used_up_waits_for_the_rest(self) -> None:
        outcomes = [seen(PASS, german=PASS)] * 50 + [seen(PASS)] * 450
        found = Table({A: outcomes}, gates={"german": self.valid}).decisions()[A]
        assert brief(found) == ("certified", 78)
        assert found.gates[0].n == 50

    def test_a_counted_hole_counts_in_the_gates_too(self) -> None:
        hole = seen(PASS, valid=PASS)
        hole = Observation(main=hole.main, gates={"valid": reading(0.0, 1.0)})
        found = Table({A: [hole] * 500}, gates={"valid": self.valid}).decisions()[A]
        assert found.status is Status.FUTILE  # neither passed nor rejected
        assert found.gates[0].log_e < 0

    def test_a_request_that_must_pass_decides_at_once(self) -> None:
        table = Table({A: [PASS] * 500, B: [PASS] * 500})
        table.plans = [replace(table.plans[0], failed_on=RequestId("x")), table.plans[1]]
        found = table.decisions()
        assert brief(found[A]) == ("rejected", 0)
        assert found[A].reason == "falls short on request 'x', which must pass"
        assert brief(found[B]) == ("certified", 94)  # A still counts


class TestTargetLog:
    LOG = TestSpec(max_samples=500, target="log")

    def test_about_the_log_itself_fewer_requests_prove_the_same(self) -> None:
        outcomes = ([PASS] * 39 + [FAIL]) * 5  # 97.5% of 200
        assert only(outcomes).status is not Status.CERTIFIED
        found = only(outcomes, target="log")
        assert brief(found) == ("certified", 111)
        assert found.low >= 0.95

    def test_a_census_is_certain(self) -> None:
        found = only([PASS] * 12, estimand("parity", 0.95), target="log")
        assert brief(found) == ("certified", 12)
        assert (found.low, found.high) == (1.0, 1.0)
        assert found.log_e == 1e6  # infinite, as JSON can say it
        assert found.p_value == 0.0

    def test_a_bar_of_one_takes_a_census(self) -> None:
        perfect = only([PASS] * 40, estimand("parity", 1.0), target="log")
        # 38 of 40 drawn without meeting the one failure there could be: chance 2 / 40.
        assert brief(perfect) == ("certified", 38)
        spoilt = only([PASS] * 20 + [FAIL] + [PASS] * 19, estimand("parity", 1.0), target="log")
        assert spoilt.status is Status.REJECTED

    def test_differences(self) -> None:
        # The worst that is left could still bring the mean of all 200 to -0.05 before that.
        found = only([0.0] * 200, estimand("quality", 0.05), target="log")
        assert found.status is Status.CERTIFIED
        assert found.n < 86  # what traffic takes
        assert found.low >= -0.05


class TestFixedDesigns:
    @pytest.mark.parametrize(
        ("design", "n"), [("budget", 92), ("fixed", 500), ("pocock", 100), ("obrien_fleming", 200)]
    )
    def test_straight_passes(self, design: str, n: int) -> None:
        found = only([PASS] * 500, design=design)
        assert brief(found) == ("certified", n)
        assert found.low >= 0.95
        assert found.p_value == pytest.approx(0.05)

    def test_the_level_is_split_over_the_arms(self) -> None:
        test = replace(FDR, design="fixed")
        # 16 failures of 500 are few enough at 0.05 (exact tail 0.037), not at 0.025.
        outcomes = ([PASS] * 30 + [FAIL]) * 16 + [PASS] * 4
        assert Table({A: outcomes}, test=test).decisions()[A].status is Status.CERTIFIED
        both = Table({A: outcomes, B: [FAIL] * 500}, test=test).decisions()
        assert brief(both[A]) == ("futile", 496)
        assert both[A].low < 0.95

    def test_no_look_between_the_looks(self) -> None:
        certifier = Table({A: [PASS] * 500}, test=replace(FDR, design="fixed")).cut(499)
        (found,) = certifier.certifier().decisions()
        assert found.status is Status.OPEN
        assert found.low < 0.95

    def test_curtailment(self) -> None:
        found = only([FAIL] * 20 + [PASS] * 480, design="fixed")
        assert found.status in (Status.FUTILE, Status.REJECTED)
        assert found.n < 25


class TestDrawnOnly:
    """Second answers or labels that are had for some requests only."""

    def test_all_drawn_is_the_plain_test(self) -> None:
        what = estimand("noise_floor", 0.05)
        pairs = [(1.0, 1.0)] * 20 + [(0.0, 1.0)] + [(1.0, 0.0)] + [(1.0, 1.0)] * 400
        plain = Table({A: [paired(*pair) for pair in pairs]}, what).decisions()[A]
        drawn = [of_floor(*pair, chance=1.0, is_drawn=True) for pair in pairs]
        table = Table({A: [Observation(main=m, gates={FLOOR_GATE: f}) for m, f in drawn]}, what)
        main, floor = table.plans[0].parts
        table.plans[0] = replace(
            table.plans[0],
            parts=(
                replace(main, subsample=floor_subsample(chances=(1.0, 1.0))),
                replace(floor, subsample=self_agreement_subsample(chances=(1.0, 1.0))),
            ),
        )
        found = table.decisions()[A]
        assert brief(found) == brief(plain)
        assert found.low == pytest.approx(plain.low, abs=1e-9)
        assert found.log_e == pytest.approx(plain.log_e, abs=1e-9)

    def test_a_judge_that_is_too_kind_is_corrected(self) -> None:
        # The judge passes everything, humans 60%: nothing may be certified at 0.9.
        rng = np.random.default_rng(5)
        design = label_subsample(chances=(1.0, 0.25, 1.0), prior_means=(0.4, 0.98, 0.98))
        readings = [
            of_label(1, float(rng.random() < 0.6), chance=0.25, is_drawn=drawn, judged=1.0)
            for drawn in (rng.random(500) < 0.25).tolist()
        ]
        table = Table({A: [Observation(main=r) for r in readings]}, estimand("parity", 0.9))
        judged = Table({A: [seen(PASS)] * 500}, estimand("parity", 0.9)).decisions()[A]
        assert judged.status is Status.CERTIFIED
        table.plans[0] = replace(
            table.plans[0],
            parts=(replace(table.plans[0].parts[0], subsample=design),),
        )
        found = table.decisions()[A]
        assert found.status is Status.REJECTED
        assert found.high < 0.9


class TestRules:
    def test_what_each_would_have_certified(self) -> None:
        certifier = Table({A: [PASS] * 500, B: [PASS] * 80, C: [FAIL] * 500}).certifier()
        by_rule = {rule.value: certifier.certified_by(rule) for rule in RoutingRule}
        certified = tuple(d.arm for d in certifier.decisions() if d.status is Status.CERTIFIED)
        assert by_rule["none"] == by_rule["selected_e_bh"] == certified == (A, B)
        # They were frozen with evidence of 30, enough for two of three; e-Holm wants 60 for one.
        assert by_rule["bonferroni"] == by_rule["holm"] == ()


class TestHoles:
    def test_the_test_does_not_step_past_one(self) -> None:
        table = Table({A: [PASS] * 40 + [SLOW] + [PASS] * 400})
        certifier = table.certifier()
        (found,) = certifier.decisions()
        assert brief(found) == ("open", 40)
        assert found.reason == "an answer is missing (timeout): 60 s"
        assert certifier.is_incomplete()
        assert certifier.holes() == {A: SLOW}
        assert certifier.next_needed(8) is None

    def test_the_other_arms_go_on(self) -> None:
        found = Table({A: [PASS] * 40 + [SLOW] + [PASS] * 400, B: [PASS] * 500}).decisions()
        assert brief(found[A]) == ("open", 40)
        assert brief(found[B]) == ("certified", 94)  # log 40: alone in a family of two

    def test_under_fdr_an_arm_that_waits_is_not_certified_by_others(self) -> None:
        waits = [PASS] * 85 + [SLOW] + [PASS] * 414  # log E = 3.3, between log 20 and log 40
        late = [FAIL] + [PASS] * 499
        found = Table({A: waits, B: late}, test=FDR).decisions()
        assert brief(found[A]) == ("open", 85)
        assert found[A].log_e == pytest.approx(3.317, abs=1e-3)
        assert brief(found[B]) == ("certified", 142)

    def test_under_fwer_the_best_so_far_counts(self) -> None:
        waits = [PASS] * 85 + [SLOW] + [PASS] * 414
        table = Table({A: waits, B: [FAIL] + [PASS] * 499}, test=FWER)
        certifier = table.certifier()
        found = {d.arm: d for d in certifier.decisions()}
        assert brief(found[A]) == ("certified", 85)
        assert brief(found[B]) == ("certified", 142)
        assert certifier.holes() == {}
        assert not certifier.is_incomplete()

    def test_a_counted_hole_is_worst_for_a_certificate_and_best_for_a_rejection(self) -> None:
        counted = seen(0.0, kind=1.0)
        found = only([counted] * 500, estimand("preference", 0.05))
        assert brief(found) == ("inconclusive", 500)  # neither certified nor rejected
        assert found.mean == 0.0
        assert (found.low, found.high) == (0.0, 1.0)

    @pytest.mark.parametrize("test", [FDR, FWER])
    def test_a_task_that_waits_for_its_placebos_is_open(self, test: TestSpec) -> None:
        table = Table({A: [PASS] * 500, B: [PASS] * 500}, test=test, holes={A: SLOW})
        certifier = table.certifier()
        found = {d.arm: d for d in certifier.decisions()}
        assert brief(found[A]) == ("open", 0)
        assert brief(found[B]) == ("certified", 94)
        assert certifier.is_incomplete()
        assert certifier.holes() == {A: SLOW}
        assert certifier.waste(A) == 0

    def test_what_is_not_there_yet_leaves_the_arm_open(self) -> None:
        certifier = Table({A: [PASS] * 500}).cut(50).certifier()
        (found,) = certifier.decisions()
        assert brief(found) == ("open", 50)
        assert found.reason == "not finished: 50 of at most 500 requests"
        assert certifier.has_open()
        assert certifier.is_incomplete()


class TestServedModels:
    ENDED = "a was served as m-1 at first and as m-2 from request {} on; an arm tests one model"

    @staticmethod
    def served(*names: str | None, value: float = PASS) -> list[Observation]:
        by = [Served(who=ModelName("a"), model=name, fingerprint=None) for name in names]
        return [replace(seen(value), served=(one,)) for one in by]

    def test_another_model_ends_the_arm_without_a_decision(self) -> None:
        found = only(self.served(*["m-1"] * 40, *["m-2"] * 460))
        assert brief(found) == ("inconclusive", 40)
        assert found.reason == self.ENDED.format(41)

    def test_what_came_from_the_other_model_counts_for_nothing(self) -> None:
        failing = self.served(*["m-2"] * 460, value=FAIL)
        found = only([*self.served(*["m-1"] * 40), *failing])
        assert brief(found) == ("inconclusive", 40)
        assert found.mean == 1.0

    def test_a_certificate_that_was_reached_before_stays(self) -> None:
        assert brief(only(self.served(*["m-1"] * 78, *["m-2"] * 422))) == ("certified", 78)

    def test_a_change_with_the_last_missing_evidence_certifies_nothing(self) -> None:
        found = only(self.served(*["m-1"] * 77, *["m-2"] * 423))
        assert brief(found) == ("inconclusive", 77)

    def test_answers_that_name_no_model_change_nothing(self) -> None:
        names = [None, "m-1", None] * 40
        assert brief(only(self.served(*names, *["m-1"] * 380))) == ("certified", 78)
        found = only(self.served(*names[:30], *["m-2"] * 470))
        assert brief(found) == ("inconclusive", 30)
        assert found.reason == self.ENDED.format(31)

    @pytest.mark.parametrize("test", [FDR, FWER])
    def test_the_other_arms_go_on(self, test: TestSpec) -> None:
        changed = self.served(*["m-1"] * 40, *["m-2"] * 460)
        found = Table({A: changed, B: [PASS] * 500}, test=test).decisions()
        assert found[A].status is Status.INCONCLUSIVE
        assert found[B].status is Status.CERTIFIED

    def test_evidence_from_before_the_change_helps_no_other_arm(self) -> None:
        # Two arms with evidence of 20 each would do; one alone takes 40.
        changed = self.served(*["m-1"] * 85, *["m-2"] * 415)
        other = [*[PASS] * 20, FAIL, *[PASS] * 479]
        elsewhere = arm("c", "other")
        alone = Table({A: [0.0] * 500, elsewhere: other}).decisions()
        found = Table({A: changed, elsewhere: other}).decisions()
        assert brief(found[A]) == ("inconclusive", 85)
        assert brief(found[elsewhere]) == brief(alone[elsewhere])

    def test_the_place_in_the_order_counts_and_not_the_time_of_arrival(self) -> None:
        given = self.served(*["m-1"] * 10, "m-2", *["m-1"] * 489)
        table = Table({A: given}, test=FDR)
        certifier = Certifier(table.plans, FDR)
        for position in [*range(11, 60), *range(10, -1, -1)]:
            certifier.feed(A, position, given[position])
        (found,) = certifier.decisions()
        assert brief(found) == ("inconclusive", 10)
        assert not certifier.has_open()
        assert not certifier.is_incomplete()
        assert certifier.position(A) == 10


class TestPassedOver:
    def test_a_few_are_no_obstacle(self) -> None:
        found = only([PASS] * 40 + [None] * 2 + [PASS] * 400, max_samples=442)
        assert brief(found) == ("certified", 77)

    def test_more_than_max_excluded_certify_nothing(self) -> None:
        found = only(([PASS] * 9 + [None]) * 20)
        assert brief(found) == ("inconclusive", 180)
        assert found.reason == (
            "the log used up after 180 requests; 20 of 200 baseline answers were unusable, more "
            "than max_excluded allows"
        )

    def test_exactly_max_excluded_is_allowed(self) -> None:
        outcomes = ([None] + [PASS] * 19) * 5
        assert brief(only(outcomes, min_n=95, max_excluded=0.05)) == ("certified", 95)
        assert brief(only(outcomes, min_n=95, max_excluded=0.049)) == ("inconclusive", 95)

    def test_too_many_of_a_slice_certify_nothing(self) -> None:
        """Of all requests 4% are passed over; of the slice two in three."""
        lost = PassedOver(slices=frozenset({"vip"}))
        vip: Outcomes = [lost, lost, seen(PASS, vip=PASS)]
        outcomes: Outcomes = [seen(PASS), *vip, *[seen(PASS)] * 46] * 10
        gates = {"vip": estimand("parity", 0.1)}
        found = Table({A: outcomes}, gates=gates).decisions()[A]
        assert brief(found) == ("inconclusive", 480)
        assert found.reason.endswith(
            "20 of 30 baseline answers of gate 'vip' were unusable, more than max_excluded allows"
        )


class TestFamily:
    def test_two_tasks_share_alpha_until_both_are_there(self) -> None:
        both = Table({A: [PASS] * 500, B: [PASS] * 500}).decisions()
        assert [brief(found) for found in both.values()] == [("certified", 78)] * 2
        alone = Table({A: [PASS] * 500, B: [FAIL] * 500}).decisions()
        assert brief(alone[A]) == ("certified", 94)
        assert alone[A].level == pytest.approx(0.025)

    def test_holm_asks_the_first_for_more(self) -> None:
        both = Table({A: [PASS] * 500, B: [PASS] * 500}, test=FWER).decisions()
        assert [brief(found) for found in both.values()] == [("certified", 94)] * 2

    def test_candidates_of_a_task_share_alpha_too(self) -> None:
        rival = arm("a", "other")
        found = Table({A: [PASS] * 500, rival: [FAIL] * 500}).decisions()
        assert brief(found[A]) == ("certified", 94)

    @pytest.mark.parametrize("test", [FDR, FWER])
    def test_an_arm_that_cannot_be_measured_counts(self, test: TestSpec) -> None:
        table = Table({A: [PASS] * 500, B: [PASS] * 500}, test=test, closed={B: "no judge"})
        found = table.decisions()
        assert brief(found[A]) == ("certified", 94)
        assert brief(found[B]) == ("not_measurable", 0)
        assert found[B].reason == "no judge"

    @pytest.mark.parametrize(("test", "n"), [(FDR, 124), (FWER, 142)])
    def test_an_exhausted_arm_is_certified_when_others_are(self, test: TestSpec, n: int) -> None:
        short = [PASS] * 65  # log E = 3.18 at its end: enough for log 20, not for log 40
        before = Table({A: short, B: [FAIL] * 500}, test=test).decisions()
        assert brief(before[A]) == ("inconclusive", 65)
        after = Table({A: short, B: [FAIL] + [PASS] * 499}, test=test).decisions()
        assert brief(after[A]) == ("certified", 65)
        assert brief(after[B]) == ("certified", n)
        assert after[A].low > 0.95

    def test_an_arm_shown_to_be_below_stays_rejected(self) -> None:
        # Certain evidence for at first, and against in the end: under e-Holm the best so far
        # would be enough once B is certified.
        bad = [0.0] * 95 + [-1.0] * 60
        late = [0.0, -1.0] + [0.0] * 400
        found = Table({A: bad, B: late}, estimand("quality", 0.05), test=FWER).decisions()
        assert found[A].status is Status.REJECTED
        assert found[A].high <= -0.05
        assert found[A].low <= found[A].high
        assert found[B].status is Status.CERTIFIED

    def test_an_arm_is_rejected_on_its_own_at_alpha(self) -> None:
        what, bad = estimand("quality", 0.05), [-1.0, 0.0, 0.0] * 100
        alone = Table({A: bad}, what).decisions()[A]
        assert alone.status is Status.REJECTED
        assert alone.high < -0.05
        many = Table({A: bad} | {arm(f"t{i}"): bad for i in range(9)}, what).decisions()[A]
        assert (many.n, many.level, many.high) == (alone.n, 0.05, alone.high)
        assert many.log_e_needed == pytest.approx(5.2983, abs=5e-5)  # log 200

    def test_bound_and_late_decision_agree_under_fwer(self) -> None:
        # log E peaks at 3.4 after 95 and has fallen when the log ends.
        peaked = [0.0] * 95 + [-1.0] * 5
        found = Table(
            {A: peaked, B: [-1.0] + [0.0] * 499}, estimand("quality", 0.05), test=FWER
        ).decisions()
        assert brief(found[A]) == ("certified", 100)
        assert found[A].log_e > found[A].path[-1].log_e
        assert found[A].low >= -0.05
        assert found[A].path[-1].low >= -0.05
        without_path = {
            d.arm: d
            for d in Table(
                {A: peaked, B: [-1.0] + [0.0] * 499}, estimand("quality", 0.05), test=FWER
            )
            .certifier()
            .decisions(with_path=False)
        }
        assert without_path[A].low == found[A].low

    def test_a_certified_arm_is_frozen(self) -> None:
        outcomes = {A: [PASS] * 94 + [FAIL] * 406, B: [FAIL] * 200 + [PASS] * 300}
        found = Table(outcomes, estimand("parity", 0.3)).decisions()
        assert found[A].status is Status.CERTIFIED
        assert found[A].mean == 1.0

    def test_decisions_are_sorted_by_arm(self) -> None:
        found = Table({C: [PASS], A: [PASS], B: [PASS]}).certifier().decisions()
        assert [d.arm for d in found] == [A, B, C]


class TestAsking:
    def test_arms_advance_together(self) -> None:
        certifier = Certifier(Table({A: [PASS] * 9, B: [PASS] * 9}).plans, FDR)
        asked = [certifier.next_needed(2) for _ in range(5)]
        assert asked == [(A, 0), (B, 0), (A, 1), (B, 1), None]
        certifier.feed(A, 0, seen(PASS))
        assert certifier.next_needed(2) is None  # B's first is not here
        certifier.feed(B, 0, seen(PASS))
        assert certifier.next_needed(2) == (A, 2)

    def test_nothing_beyond_the_log(self) -> None:
        certifier = Certifier(Table({A: [PASS] * 2}).plans, FDR)
        assert [certifier.next_needed(8) for _ in range(3)] == [(A, 0), (A, 1), None]

    def test_nothing_for_an_arm_that_cannot_be_measured(self) -> None:
        certifier = Certifier(Table({A: [PASS] * 2}, closed={A: "no"}).plans, FDR)
        assert certifier.next_needed(8) is None
        assert not certifier.has_open()
        assert not certifier.is_incomplete()

    def test_waste_is_what_came_and_was_not_needed(self) -> None:
        certifier = Table({A: [PASS] * 500}).certifier(lookahead=20)
        assert certifier.position(A) == 78
        assert certifier.waste(A) == 19
        assert Table({A: [PASS] * 500}).certifier(lookahead=1).waste(A) == 0

    def test_the_first_observation_of_a_position_is_final(self) -> None:
        certifier = Certifier(Table({A: [PASS] * 9, B: [PASS] * 9}).plans, FDR)
        certifier.feed(A, 0, seen(FAIL))
        certifier.feed(A, 0, seen(PASS))
        certifier.feed(B, 0, seen(PASS))
        certifier.feed(A, 0, seen(PASS))
        means = [d.mean for d in certifier.decisions()]
        assert means == [FAIL, PASS]


def test_a_wide_table_is_fast() -> None:
    plans = [
        ArmPlan(
            arm=arm(f"t{i}", f"c{j}"),
            parts=parts(estimand("quality", 0.05), [0.0] * 1000, TestSpec(), gates={}),
            price_rank=j,
        )
        for i in range(50)
        for j in range(5)
    ]
    certifier = Certifier(plans, TestSpec())
    began = time.process_time()
    n = 0
    while n < 5000:
        needed = certifier.next_needed(8)
        assert needed is not None
        certifier.feed(*needed, seen(0.0 if n % 3 else -1.0))
        n += 1
    # 250,000 observations in well under a minute are 0.2 ms each; slow machines get four times it.
    assert time.process_time() - began < 5000 * 0.8e-3

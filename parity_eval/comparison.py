"""Two answers to one request to what the test of an arm reads: the estimands and the gates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from parity_eval import observations, parity
from parity_eval.asking import Asking
from parity_eval.design import TaskDesign
from parity_eval.judging import TIE, settled_score
from parity_eval.labels import Labels
from parity_eval.parity import Ruled
from parity_eval.records import (
    FLOOR_GATE,
    Answer,
    Arm,
    Finish,
    Hole,
    Missing,
    ModelName,
    ModelSpec,
    Reading,
    RequestId,
    Response,
    Served,
    TaskName,
    Unit,
    Unscored,
    Verdict,
)
from parity_eval.study import GateSpec, Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request of one arm with the answers to it."""

    arm: Arm
    position: int
    unit: Unit
    spec: ModelSpec
    baseline: Response
    candidate: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a case came to."""

    reading: Reading
    is_failure: bool
    verdict: Verdict | None = None
    is_hole: bool = False
    is_unread: bool = False
    """Whether no scorer could make anything of it: against the candidate where it could be
    certified, and for it where it could be rejected."""
    floor: Reading | None = None
    """The noise floor's own reading, where it is the bar."""
    judged: tuple[float, float] | None = None
    """What judge and human said, on the simple random part of the judged pairs."""
    is_labelled: bool = False
    """Whether a human's verdict entered."""
    gates: Mapping[str, Reading] = field(default_factory=dict)
    """By name, the gates that the request says something about."""
    served: tuple[Served, ...] = ()
    """What gave the answers that it rests on beside the pair's and those of `verdict`."""


@dataclass(slots=True, kw_only=True)
class Comparison:
    """What verdicts of the study rest on, beside the answers."""

    study: Study
    designs: Mapping[TaskName, TaskDesign]
    asking: Asking
    formats: Mapping[TaskName, Ruled]
    """The check of the format gate, for tasks that have one."""
    labels: Labels | None
    judge_labels: Labels | None
    """Human verdicts on judged pairs, by request and candidate."""
    unlabelled: dict[Arm, set[RequestId]] = field(default_factory=dict)
    """Pairs that wait for a human's verdict."""

    def needed_labels(self, arm: Arm, units: Sequence[Unit]) -> list[Unit]:
        """Return the pairs of an arm that a human has to look at before its test goes on.

        Those that it waits for, and those further on that are drawn whatever the judge says of
        them; what the judge fails is added as it comes.

        Args:
            arm: The arm.
            units: Requests that its test has yet to use, in order.
        """
        waiting = self.unlabelled.get(arm, set())
        judge = self.study.judge
        if not waiting or judge is None or self.judge_labels is None:
            return []
        name, known = arm.candidate, self.judge_labels
        return [
            unit
            for unit in units
            if unit.request.id in waiting
            or (
                self._coin(arm, unit.request.id) < judge.label_share
                and known.get(unit.request.id, name) is None
            )
        ]

    async def find(self, case: Case) -> Found | Missing:
        """Return what a case comes to.

        Returns:
            `Missing` where an answer, a label or a latency that it takes could not be had.
        """
        match self.designs[case.arm.task].estimand.name:
            case "quality":
                found = await self._find_quality(case)
            case "noise_floor":
                found = await self._find_floor(case)
            case _:
                found = await self._find_parity(case)
        if isinstance(found, Missing):
            return found
        gates = await self._gates(case, found)
        return gates if isinstance(gates, Missing) else replace(found, gates=gates)

    async def _find_parity(self, case: Case) -> Found | Missing:
        verdict = await self._verdict(case)
        if isinstance(verdict, Missing):
            return verdict
        own = verdict.value if verdict else None
        design = self.designs[case.arm.task]
        if design.is_corrected:
            return self._corrected(case, verdict)
        is_unread = verdict is not None and _is_unreadable(verdict)
        return Found(
            reading=observations.of_values(design.estimand, None if is_unread else own, None),
            is_failure=observations.falls_short(design.estimand.name, own, None),
            verdict=verdict,
            is_hole=own is None,
            is_unread=is_unread,
        )

    def _corrected(self, case: Case, verdict: Verdict | None) -> Found | Missing:
        """Let a human's verdict stand in for the judge's, where one is drawn."""
        design = self.designs[case.arm.task]
        estimand, subsample = design.estimand, design.subsample
        last = len(subsample.chances) - 1 if subsample else 0
        if verdict is None:
            reading = observations.worst(estimand, group=last)
            return Found(reading=reading, is_failure=True, is_hole=True)
        if _is_unreadable(verdict):
            reading = observations.worst(estimand, group=last)
            return Found(reading=reading, is_failure=True, verdict=verdict, is_unread=True)
        if not self._was_judged(case, verdict):
            reading = observations.of_label(
                last, verdict.value, chance=1.0, is_drawn=True, judged=verdict.value
            )
            is_failure = observations.falls_short(estimand.name, verdict.value, None)
            return Found(reading=reading, is_failure=is_failure, verdict=verdict)
        group = observations.judged_group(estimand.name, verdict.value)
        chance = subsample.chances[group] if subsample else 1.0
        toss = self._coin(case.arm, case.unit.request.id)
        label = self._human(case)
        is_drawn = toss < chance
        # Where no failure is allowed, a human has the last word on every request.
        is_needed = is_drawn or case.unit.request.id in self.designs[case.arm.task].sample.kept
        if is_needed and label is None:
            # Somebody has yet to give it: no hole to be counted, but one to wait for.
            self.unlabelled.setdefault(case.arm, set()).add(case.unit.request.id)
            return Missing(hole=Hole.NO_VERDICT, detail="no human verdict on this pair")
        own = label if is_needed and label is not None else verdict.value
        is_common = toss < min(subsample.chances) if subsample else True
        judged = None
        if is_common and label is not None:
            judged = observations.agreed(estimand.name, verdict, label)
        return Found(
            reading=observations.of_label(
                group, label, chance=chance, is_drawn=is_drawn, judged=verdict.value
            ),
            is_failure=observations.falls_short(estimand.name, own, None),
            verdict=verdict,
            judged=judged,
            is_labelled=is_needed and label is not None,
        )

    async def _find_floor(self, case: Case) -> Found | Missing:
        verdict = await self._verdict(case)
        if isinstance(verdict, Missing):
            return verdict
        own = verdict.value if verdict else None
        design = self.designs[case.arm.task]
        chance = 1.0
        if design.subsample is not None:
            chance = design.subsample.chances[int(own or 0)]
        is_drawn = chance == 1 or self._coin(case.arm, case.unit.request.id) < chance
        second = None
        served: tuple[Served, ...] = ()
        if is_drawn:
            floor = await self.asking.floor(case.arm.task, case.unit, case.baseline)
            if isinstance(floor, Missing):
                if not self.asking.counts(floor):
                    return floor
            else:
                served = floor.served
                if floor.at_parity or not any(isinstance(s, Unscored) for s in floor.scores):
                    # What the judge cannot read must not make the floor look low.
                    second = floor.value
        is_unread = verdict is not None and _is_unreadable(verdict)
        reading, own_floor = observations.of_floor(
            None if is_unread else own, second, chance=chance, is_drawn=is_drawn
        )
        return Found(
            reading=reading,
            is_failure=observations.falls_short("noise_floor", own, None),
            verdict=verdict,
            is_hole=own is None,
            is_unread=is_unread,
            floor=own_floor,
            served=served,
        )

    async def _find_quality(self, case: Case) -> Found | Missing:
        if case.arm.task in self.asking.ruled:
            return await self._find_rated(case)
        request = case.unit.request.id
        other = self._quality(request, self.study.baseline.spec.name)
        own = None
        if isinstance(case.candidate, Response):
            own = 0.0
            if not is_no_answer(case.candidate):
                own = self._quality(request, case.spec.name)
            if own is None and self.study.run.missing == "wait":
                return Missing(hole=Hole.NOT_RECORDED, detail="no label for this response")
        return self._of_qualities(case, own, other, None)

    async def _find_rated(self, case: Case) -> Found | Missing:
        """Hold both answers against the right one, or have each rated by itself."""
        task = case.arm.task
        base = await self.asking.rated_baseline(task, case.unit, case.baseline)
        if isinstance(base, Missing) and not self.asking.counts(base):
            return base
        rated: Verdict | Missing | None = None
        if isinstance(case.candidate, Response):
            rated = await self.asking.rate(task, case.unit, case.candidate, case.spec.name)
            if isinstance(rated, Missing) and not self.asking.counts(rated):
                return rated
        own = other = None
        if isinstance(rated, Verdict):
            own = parity.quality(self.asking.ruled[task], rated)
        if isinstance(base, Verdict):
            other = parity.quality(self.asking.ruled[task], base)
        found = self._of_qualities(case, own, other, rated if isinstance(rated, Verdict) else None)
        is_unread = own is None and isinstance(rated, Verdict)
        return replace(
            found,
            is_hole=found.is_hole and not is_unread,
            is_unread=is_unread,
            served=base.served if isinstance(base, Verdict) else (),
        )

    def _of_qualities(
        self, case: Case, own: float | None, other: float | None, verdict: Verdict | None
    ) -> Found:
        estimand = self.designs[case.arm.task].estimand
        return Found(
            reading=observations.of_values(estimand, own, other),
            is_failure=observations.falls_short("quality", own, other),
            verdict=verdict,
            is_hole=own is None,
        )

    async def _gates(self, case: Case, found: Found) -> dict[str, Reading] | Missing:
        """Return what the request says about the task's gates."""
        readings: dict[str, Reading] = {}
        if found.floor is not None:
            readings[FLOOR_GATE] = found.floor
        for gate in self.designs[case.arm.task].spec.gates:
            if gate.check == "slice":
                if gate.name in case.unit.slices:
                    readings[gate.name] = found.reading
                continue
            value = None
            if isinstance(case.candidate, Response):
                is_met = await self._is_met(gate, case, case.candidate)
                if isinstance(is_met, Missing):
                    return is_met
                value = None if is_met is None else float(is_met)
            readings[gate.name] = observations.of_gate(value)
        return readings

    async def _is_met(
        self, gate: GateSpec, case: Case, candidate: Response
    ) -> bool | Missing | None:
        """Whether an answer is what a gate wants; None: unknown, and the study counts that."""
        if gate.check == "speed":
            if candidate.latency_s is None and is_no_answer(candidate):
                return False
            if candidate.latency_s is None:
                hole = Missing(hole=Hole.NOT_RECORDED, detail="no latency of this answer is known")
                return None if self.asking.counts(hole) else hole
            return candidate.latency_s <= (gate.seconds or 0.0)
        task = case.arm.task
        pair = self.asking.pair(case.unit, case.baseline, candidate, case.spec.name)
        verdict = await self.asking.verdict(pair, task, self.formats[task])
        if isinstance(verdict, Missing):
            return None if self.asking.counts(verdict) else verdict
        if all(isinstance(score, Unscored) for score in verdict.scores):
            # No format applies: any whole answer will do.
            return candidate.finish in (Finish.STOP, Finish.TOOL_CALLS) and bool(
                candidate.text or candidate.tool_calls
            )
        return verdict.at_parity

    async def _verdict(self, case: Case) -> Verdict | Missing | None:
        """Return the verdict; None where it is missing and the study counts that."""
        if isinstance(case.candidate, Missing):
            return None
        task = case.arm.task
        pair = self.asking.pair(case.unit, case.baseline, case.candidate, case.spec.name)
        verdict = await self.asking.verdict(pair, task)
        if isinstance(verdict, Missing):
            return None if self.asking.counts(verdict) else verdict
        if self.designs[task].estimand.name == "preference":
            return parity.preference(verdict)
        return verdict

    def _was_judged(self, case: Case, verdict: Verdict) -> bool:
        """Whether the verdict rests on the judge's opinion, and not on what is plain anyway."""
        keys = {s.key for s in self.designs[case.arm.task].scorers if s.scorer == "judge"}
        is_asked = any(score.scorer in keys for score in verdict.scores)
        if not is_asked or not isinstance(case.candidate, Response):
            return False
        pair = self.asking.pair(case.unit, case.baseline, case.candidate, case.spec.name)
        return settled_score("judge", pair) is None

    def _coin(self, arm: Arm, request: RequestId) -> float:
        return observations.coin(self.study.test.seed, arm, request)

    def _human(self, case: Case) -> float | None:
        if self.judge_labels is None:
            return None
        found = self.judge_labels.get(case.unit.request.id, case.spec.name)
        is_parity = self.designs[case.arm.task].estimand.name == "parity"
        if found is not None and is_parity and self.judge_labels.is_preference:
            # At parity is what does not lose, for humans as for the judge.
            return float(found >= TIE)
        return found

    def _quality(self, request: RequestId, model: ModelName) -> float | None:
        return self.labels.get(request, model) if self.labels else None


def _is_unreadable(verdict: Verdict) -> bool:
    """Whether the pair is not at parity for want of a readable score only."""
    return not verdict.at_parity and any(isinstance(score, Unscored) for score in verdict.scores)


def is_no_answer(response: Response) -> bool:
    """Whether an endpoint gave an error instead of an answer, for what the prompt says."""
    failed = response.finish in (Finish.REFUSED, Finish.REJECTED, Finish.INVALID)
    return failed and not response.text and not response.tool_calls

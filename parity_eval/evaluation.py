"""One request of one arm, from the call to what the test observes.

Replay and scoring meet here and nowhere else.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from parity_eval import codec, observations
from parity_eval.answers import rendered
from parity_eval.asking import Asking
from parity_eval.certificate import is_heavy
from parity_eval.comparison import Case, Comparison, Found
from parity_eval.design import TaskDesign
from parity_eval.errors import InputError
from parity_eval.outcomes import meaning_of
from parity_eval.prices import cost_usd
from parity_eval.records import (
    FLOOR_GATE,
    Answer,
    Arm,
    Hole,
    Missing,
    ModelName,
    ModelSpec,
    Observation,
    PassedOver,
    Purpose,
    RequestId,
    Response,
    Served,
    TaskName,
    Unit,
    Verdict,
)
from parity_eval.replay import call_key
from parity_eval.sampling import unusable
from parity_eval.study import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a report keeps of one observation."""

    request: RequestId
    weight: int
    value: float
    is_failure: bool
    is_hole: bool
    baseline_usd: float | None
    candidate_usd: float | None
    judged: tuple[float, float] | None = None
    """What judge and human said of the pair, where it is of the simple random part of those that
    the judge was asked about."""
    is_labelled: bool = False
    """Whether a human's verdict entered the test."""
    is_unread: bool = False
    """Whether no scorer could make anything of the pair."""


@dataclass(slots=True, kw_only=True)
class Evaluation:
    """A run's moving parts."""

    study: Study
    designs: Mapping[TaskName, TaskDesign]
    asking: Asking
    orders: Mapping[Arm, tuple[Unit, ...]]
    """The requests of each arm in its order."""
    comparison: Comparison
    append: Callable[[dict[str, object]], None]
    outcomes: dict[tuple[Arm, int], Outcome] = field(default_factory=dict)
    requests: set[tuple[TaskName, RequestId]] = field(default_factory=set)
    """Those that stand in the journal."""
    verdicts: dict[tuple[Arm, int], float] = field(default_factory=dict)
    """Values of the verdicts that stand in the journal."""
    final: dict[tuple[Arm, int], float] = field(default_factory=dict)
    """Those of a human, which have counted."""
    gone: dict[RequestId, str] = field(default_factory=dict)
    """Requests that turned out not to be whole any more, and why."""

    def remember(self, record: Mapping[str, object]) -> None:
        """Take in one record of an earlier process' journal."""
        if record["kind"] == "request":
            self.requests.add((TaskName(str(record["task"])), RequestId(str(record["id"]))))
        elif record["kind"] == "verdict":
            arm = Arm(
                task=TaskName(str(record["task"])), candidate=ModelName(str(record["candidate"]))
            )
            mark = (arm, int(str(record["position"])))
            self.verdicts[mark] = float(str(record["value"]))
            if record.get("is_labelled"):
                self.final[mark] = self.verdicts[mark]

    def notes(self) -> Iterator[str]:
        """Yield what a user should know of the requests that were passed over."""
        if self.gone:
            (request, why), n = next(iter(self.gone.items())), len(self.gone)
            what = "1 request refers" if n == 1 else f"{n} requests refer"
            yield (
                f"{what} to something that can no longer be fetched: passed over; the "
                f"first is {request!r}: {why}"
            )

    def used(self, arm: Arm, n_positions: int) -> list[Outcome]:
        """Return the outcomes of an arm that entered its test, in order."""
        found = (self.outcomes.get((arm, i)) for i in range(n_positions))
        return [outcome for outcome in found if outcome is not None]

    def beyond(self, arm: Arm, n_positions: int) -> list[Outcome]:
        """Return the outcomes of an arm's heavy requests that its test did not get to."""
        order = self.orders[arm]
        total = self.designs[arm.task].sample.n_lines_of(order)
        found = [
            (self.outcomes.get((arm, i)), order[i].n_lines) for i in range(n_positions, len(order))
        ]
        return [
            outcome for outcome, weight in found if outcome is not None and is_heavy(weight, total)
        ]

    def needed_labels(self, arm: Arm, position: int) -> list[Unit]:
        """Return the pairs of an arm that a human has to look at before its test goes on.

        Args:
            arm: The arm.
            position: Requests of its order that are used up.
        """
        order = self.orders[arm][position : self.study.test.max_samples]
        kept = self.designs[arm.task].sample.kept.values()
        beside = [unit for unit in kept if unit.request.id not in {u.request.id for u in order}]
        return self.comparison.needed_labels(arm, [*beside, *order])

    def answer_text(self, arm: Arm, unit: Unit) -> str | None:
        """Return the candidate's answer to a request; None where it has not been asked for."""
        found = self.asking.replay.known(call_key(unit.request, self._spec(arm.candidate), 0))
        return None if found is None else rendered(found)

    async def observe(self, arm: Arm, position: int) -> Observation | Missing | PassedOver:
        """Get one observation of an arm.

        Args:
            arm: The arm.
            position: 0-based place in its order; -1, -2, ... are the requests that must pass.

        Returns:
            The observation; `Missing` where it could not be had; `PassedOver` where the baseline's
            own fresh answer is unusable.
        """
        unit = self._unit(arm, position)
        spec = self._spec(arm.candidate)
        baseline = await self.asking.baseline(unit, arm.task)
        if isinstance(baseline, Missing):
            return self._unless_gone(arm, position, baseline)
        if unusable(baseline):
            return self._passed_over(arm, position)
        self._note_request(unit, arm.task, baseline)
        call = self.asking.call(unit.request, spec, Purpose.CANDIDATE, arm.task)
        candidate = await self.asking.replay.answer(call)
        if isinstance(candidate, Missing) and (
            _is_unreplayable(candidate) or not self.asking.counts(candidate)
        ):
            return self._unless_gone(arm, position, candidate)
        case = Case(
            arm=arm,
            position=position,
            unit=unit,
            spec=spec,
            baseline=baseline,
            candidate=candidate,
        )
        found = await self.comparison.find(case)
        if isinstance(found, Missing):
            self._check_final(case, None)
            return found
        return self._settle(case, found, call.key)

    async def must_pass(self, arm: Arm) -> RequestId | Missing | None:
        """Ask for the requests that must pass.

        Returns:
            The first that the candidate falls short on, if any; `Missing` where that cannot be
            known yet.
        """
        wanted = list(self.designs[arm.task].sample.kept)
        found = await asyncio.gather(*(self.observe(arm, -1 - i) for i in range(len(wanted))))
        for i, request in enumerate(wanted):
            seen = self.outcomes.get((arm, -1 - i))
            if seen is not None and seen.is_failure:
                return request
        holes = [item for item in found if isinstance(item, Missing)]
        if any(isinstance(item, PassedOver) for item in found):
            detail = "the baseline's fresh answer to a request that must pass is unusable"
            holes.append(Missing(hole=Hole.NOT_RECORDED, detail=detail))
        return holes[0] if holes else None

    def rater(
        self, task: TaskName
    ) -> Callable[[Unit, Response, ModelName], Awaitable[Verdict | Missing]] | None:
        """Return what scores one response by itself; None where nobody needs it."""
        if self.designs[task].estimand.name != "quality" or task not in self.asking.ruled:
            return None
        return lambda unit, response, name: self.asking.rate(
            task, unit, response, name, Purpose.PLACEBO
        )

    def floor(self, task: TaskName) -> Callable[[Unit], Awaitable[Verdict | Missing]] | None:
        """Return what says whether the baseline agrees with itself; None where nobody needs it."""
        if self.designs[task].estimand.name != "noise_floor":
            return None
        return lambda unit: self.asking.floor(task, unit, unit.baseline)

    async def answered(self, task: TaskName, most: int) -> tuple[Unit, ...] | Missing:
        """Return requests of a task with the baseline's usable answers, fresh ones where replayed.

        Args:
            task: The task.
            most: Most requests; the arms use the same answers later.
        """
        units = self.designs[task].sample.units[:most]
        found = await asyncio.gather(*(self.asking.baseline(unit, task) for unit in units))
        for answer in found:
            if isinstance(answer, Missing) and not (
                _is_unreplayable(answer) or self.asking.counts(answer)
            ):
                return answer
        return tuple(
            replace(unit, baseline=answer)
            for unit, answer in zip(units, found, strict=True)
            if isinstance(answer, Response) and not unusable(answer)
        )

    def _unless_gone(
        self, arm: Arm, position: int, missing: Missing
    ) -> Observation | Missing | PassedOver:
        """Return a hole, unless it is one that stays: what the request refers to is gone."""
        if not _is_unreplayable(missing):
            return missing
        self.gone[self._unit(arm, position).request.id] = missing.detail
        return self._passed_over(arm, position)

    def _passed_over(self, arm: Arm, position: int) -> Observation | PassedOver:
        """Return what a request is worth whose baseline answer turned out to be unusable.

        Nothing; but where the number of requests is part of the claim none may be left out, and it
        counts against the candidate.
        """
        test = self.study.test
        design, unit = self.designs[arm.task], self._unit(arm, position)
        if test.target == "traffic" and test.design == "sequential":
            return PassedOver(slices=unit.slices)
        self.outcomes[arm, position] = Outcome(
            request=unit.request.id,
            weight=unit.weight,
            value=design.estimand.low,
            is_failure=True,
            is_hole=True,
            baseline_usd=None,
            candidate_usd=None,
        )
        main = observations.worst(design.estimand, group=None)
        names = {gate.name for gate in design.spec.gates if gate.check != "slice"}
        if design.estimand.name == "noise_floor":
            names |= {FLOOR_GATE}
        gates = {name: observations.of_gate(None) for name in names}
        return Observation(main=main, gates=gates | dict.fromkeys(unit.slices, main))

    def _check_final(self, case: Case, value: float | None) -> None:
        """Refuse a human verdict that is not what it was when it counted."""
        mark = (case.arm, case.position)
        before = self.final.get(mark)
        if before is None and value is not None:
            self.final[mark] = value
        elif before is not None and before != value:
            now = "is not there any more" if value is None else f"is {value:g} now"
            raise InputError(
                f"the human verdict on {case.unit.request.id!r} ({case.arm}) was {before:g} when "
                f"it entered the test and {now}; a verdict is final once it has counted: take the "
                "change back"
            )

    def _unit(self, arm: Arm, position: int) -> Unit:
        if position >= 0:
            return self.orders[arm][position]
        return list(self.designs[arm.task].sample.kept.values())[-1 - position]

    def _spec(self, name: ModelName) -> ModelSpec:
        return next(spec for spec in self.study.candidates if spec.name == name)

    def _settle(self, case: Case, found: Found, key: str) -> Observation:
        usage = case.candidate.usage if isinstance(case.candidate, Response) else None
        outcome = Outcome(
            request=case.unit.request.id,
            weight=case.unit.weight,
            value=found.reading.value,
            is_failure=found.is_failure,
            is_hole=found.is_hole,
            baseline_usd=cost_usd(case.baseline.usage, self.study.baseline.spec.price),
            candidate_usd=cost_usd(usage, case.spec.price),
            judged=found.judged,
            is_labelled=found.is_labelled,
            is_unread=found.is_unread,
        )
        self.outcomes[case.arm, case.position] = outcome
        observation = Observation(
            main=found.reading, gates=found.gates, served=self._served(case, found)
        )
        self._note_verdict(case, observation, outcome, found.verdict, key)
        return observation

    def _served(self, case: Case, found: Found) -> tuple[Served, ...]:
        """Return what gave the answers that a verdict rests on."""
        base = self.study.baseline
        is_fresh = base.source == "replay"
        return (
            *self.asking.served(case.spec, case.candidate),
            *(self.asking.served(base.spec, case.baseline) if is_fresh else ()),
            *(found.verdict.served if found.verdict else ()),
            *found.served,
        )

    def _note_request(self, unit: Unit, task: TaskName, baseline: Response) -> None:
        mark = (task, unit.request.id)
        if mark in self.requests:
            return
        self.requests.add(mark)
        self.append(
            {
                "kind": "request",
                "task": task,
                "id": unit.request.id,
                "weight": unit.weight,
                "body": unit.request.body,
                "baseline": codec.sparse(baseline),
            }
        )

    def _note_verdict(
        self,
        case: Case,
        observation: Observation,
        outcome: Outcome,
        verdict: Verdict | None,
        key: str,
    ) -> None:
        mark = (case.arm, case.position)
        was_final = not outcome.is_labelled or mark in self.final
        if outcome.is_labelled:
            self._check_final(case, outcome.value)
        # A hole that was counted and is filled now has another verdict: the last one holds.
        if was_final and self.verdicts.get(mark) == observation.main.value:
            return
        self.verdicts[mark] = observation.main.value
        self.append(
            {
                "kind": "verdict",
                "task": case.arm.task,
                "candidate": case.arm.candidate,
                "position": case.position,
                "request": case.unit.request.id,
                "key": key,
                "value": observation.main.value,
                "value_if_kind": observation.main.value_if_kind,
                "measured": observation.main.measured,
                "gates": {name: gate.value for name, gate in observation.gates.items()},
                "is_failure": outcome.is_failure,
                "is_labelled": outcome.is_labelled,
                "reason": verdict.reason if verdict else _reason(outcome),
                "scores": verdict.scores if verdict else (),
            }
        )


def _is_unreplayable(answer: Answer) -> bool:
    """Whether a request turned out to be none any more; no answer can have a part in that."""
    return isinstance(answer, Missing) and meaning_of(answer).is_requests


def _reason(outcome: Outcome) -> str:
    if outcome.is_hole:
        return "missing; counted against the candidate"
    if outcome.value < 0:
        return "labelled worse than the baseline's answer"
    return "labelled as good" if outcome.value == 0 else "labelled better"

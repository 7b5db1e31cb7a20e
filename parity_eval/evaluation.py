"""One request of one arm, from the call to what the test observes; and the loop over all of them.

Replay, scoring and certifying meet here and nowhere else.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from parity_eval import parity
from parity_eval.certificate import is_heavy
from parity_eval.certifier import Certifier
from parity_eval.design import TaskDesign
from parity_eval.labels import Labels
from parity_eval.parity import Ruled
from parity_eval.prices import cost_usd
from parity_eval.records import (
    Answer,
    Arm,
    Call,
    Finish,
    Hole,
    Missing,
    ModelName,
    ModelSpec,
    Observation,
    Pair,
    Purpose,
    Request,
    RequestId,
    Response,
    TaskName,
    Unit,
    Unscored,
    Verdict,
)
from parity_eval.replay import Replay, call_key
from parity_eval.sampling import unusable
from parity_eval.study import Study

# The run was stopped, not the provider: whatever the study says about holes, this is none.
_OUR_DOING = frozenset({Hole.BUDGET, Hole.INTERRUPTED})


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One request of one arm with the answers to it."""

    arm: Arm
    position: int
    unit: Unit
    spec: ModelSpec
    baseline: Response
    candidate: Answer


@dataclass(slots=True, kw_only=True)
class Evaluation:
    """A run's moving parts."""

    study: Study
    designs: Mapping[TaskName, TaskDesign]
    ruled: Mapping[TaskName, Ruled]
    orders: Mapping[Arm, tuple[Unit, ...]]
    """The requests of each arm in its order."""
    labels: Labels | None
    replay: Replay
    append: Callable[[dict[str, object]], None]
    outcomes: dict[tuple[Arm, int], Outcome] = field(default_factory=dict)
    journaled: dict[tuple[str, ...], float] = field(default_factory=dict)
    """Requests, and verdicts with their values, that stand in the journal."""
    _floors: dict[tuple[TaskName, RequestId], asyncio.Future[Verdict | Missing]] = field(
        default_factory=dict
    )

    def remember(self, record: Mapping[str, object]) -> None:
        """Take in one record of an earlier process' journal."""
        if record["kind"] == "request":
            self.journaled["request", str(record["task"]), str(record["id"])] = 0.0
        elif record["kind"] == "verdict":
            arm = (str(record["task"]), str(record["candidate"]))
            mark = ("verdict", *arm, str(record["position"]))
            self.journaled[mark] = float(str(record["value"]))

    def used(self, arm: Arm, n_positions: int) -> list[Outcome]:
        """Return the outcomes of an arm that entered its test, in order."""
        found = (self.outcomes.get((arm, i)) for i in range(n_positions))
        return [outcome for outcome in found if outcome is not None]

    def beyond(self, arm: Arm, n_positions: int) -> list[Outcome]:
        """Return the outcomes of an arm's heavy requests that its test did not get to."""
        order = self.orders[arm]
        total = sum(unit.weight for unit in order)
        found = [
            (self.outcomes.get((arm, i)), order[i].weight) for i in range(n_positions, len(order))
        ]
        return [
            outcome for outcome, weight in found if outcome is not None and is_heavy(weight, total)
        ]

    async def observe(self, arm: Arm, position: int) -> Observation | Missing | None:
        """Get one observation of an arm.

        Returns:
            The observation; `Missing` where it could not be had; None where the baseline's own
            fresh answer is unusable.
        """
        unit = self.orders[arm][position]
        spec = self._spec(arm.candidate)
        baseline = await self._baseline(unit, arm.task)
        if isinstance(baseline, Missing):
            return baseline
        if unusable(baseline):
            return None
        self._note_request(unit, arm.task, baseline)
        candidate = await self.ask(unit.request, spec, Purpose.CANDIDATE, arm.task)
        if isinstance(candidate, Missing) and not self._counts(candidate):
            return candidate
        return await self._compare(
            _Case(
                arm=arm,
                position=position,
                unit=unit,
                spec=spec,
                baseline=baseline,
                candidate=candidate,
            )
        )

    def floor(self, task: TaskName) -> Callable[[Unit], Awaitable[Verdict | Missing]] | None:
        """Return what says whether the baseline agrees with itself; None where nobody needs it."""
        if self.designs[task].estimand.name != "noise_floor":
            return None
        return lambda unit: self._floor(task, unit, unit.baseline)

    async def answered(self, task: TaskName, most: int) -> tuple[Unit, ...] | Missing:
        """Return requests of a task with the baseline's usable answers, fresh ones where replayed.

        Args:
            task: The task.
            most: Most requests; the arms use the same answers later.
        """
        units = self.designs[task].sample.units[:most]
        found = await asyncio.gather(*(self._baseline(unit, task) for unit in units))
        for answer in found:
            if isinstance(answer, Missing) and not self._counts(answer):
                return answer
        return tuple(
            replace(unit, baseline=answer)
            for unit, answer in zip(units, found, strict=True)
            if isinstance(answer, Response) and not unusable(answer)
        )

    async def ask(
        self, request: Request, spec: ModelSpec, purpose: Purpose, task: TaskName, sample: int = 0
    ) -> Answer:
        """Get one answer through the ledger."""
        return await self.replay.answer(
            Call(
                key=call_key(request, spec, sample),
                request=request,
                spec=spec,
                purpose=purpose,
                task=task,
                sample=sample,
            )
        )

    def judge(self, task: TaskName, purpose: Purpose) -> Callable[[Request], Awaitable[Answer]]:
        """Return what asks the judge of the study a question, on a task's account."""

        async def ask(question: Request) -> Answer:
            if self.study.judge is None:
                return Missing(hole=Hole.UNKNOWN_MODEL, detail="the study names no judge")
            return await self.ask(question, self.study.judge.spec, purpose, task)

        return ask

    async def _compare(self, case: _Case) -> Observation | Missing:
        task = case.arm.task
        estimand = self.designs[task].estimand.name
        if estimand == "quality":
            return self._compare_labels(case)
        verdict = await self._verdict(case)
        if isinstance(verdict, Missing):
            return verdict
        own = verdict.value if verdict else None
        other = None
        if estimand == "noise_floor":
            floor = await self._floor(task, case.unit, case.baseline)
            if isinstance(floor, Missing):
                if not self._counts(floor):
                    return floor
            elif floor.at_parity or not any(isinstance(s, Unscored) for s in floor.scores):
                # What the judge cannot read must not make the floor look low.
                other = floor.value
        return self._settle(case, verdict, own, other)

    def _compare_labels(self, case: _Case) -> Observation | Missing:
        request = case.unit.request.id
        other = self._quality(request, self.study.baseline.spec.name)
        own = None
        if isinstance(case.candidate, Response):
            own = 0.0
            if not is_no_answer(case.candidate):
                own = self._quality(request, case.spec.name)
            if own is None and self.study.run.missing == "wait":
                return Missing(hole=Hole.NOT_RECORDED, detail="no label for this response")
        return self._settle(case, None, own, other)

    async def _verdict(self, case: _Case) -> Verdict | Missing | None:
        """Return the verdict; None where it is missing and the study counts that."""
        if isinstance(case.candidate, Missing):
            return None
        task = case.arm.task
        pair = self._pair(case.unit, case.baseline, case.candidate, case.spec.name)
        verdict = await parity.judge_pair(pair, self.ruled[task], self.judge(task, Purpose.JUDGE))
        if isinstance(verdict, Missing):
            return None if self._counts(verdict) else verdict
        if self.designs[task].estimand.name == "preference":
            return parity.preference(verdict)
        return verdict

    async def _floor(self, task: TaskName, unit: Unit, baseline: Response) -> Verdict | Missing:
        """Return whether the baseline agrees with its own second answer; once per request."""
        key = (task, unit.request.id)
        if key not in self._floors:
            future: asyncio.Future[Verdict | Missing] = asyncio.ensure_future(
                self._ask_floor(task, unit, baseline)
            )
            self._floors[key] = future
        return await asyncio.shield(self._floors[key])

    async def _ask_floor(self, task: TaskName, unit: Unit, baseline: Response) -> Verdict | Missing:
        second = self.study.baseline.second
        if second is None:
            return Missing(hole=Hole.NOT_RECORDED, detail="the baseline has no second answers")
        answer = await self.ask(unit.request, second, Purpose.NOISE_FLOOR, task, sample=1)
        if isinstance(answer, Missing):
            return answer
        pair = self._pair(unit, baseline, answer, second.name)
        return await parity.judge_pair(
            pair, self.ruled[task], self.judge(task, Purpose.NOISE_FLOOR)
        )

    async def _baseline(self, unit: Unit, task: TaskName) -> Answer:
        if self.study.baseline.source == "logged":
            return unit.baseline
        return await self.ask(unit.request, self.study.baseline.spec, Purpose.BASELINE, task)

    def _quality(self, request: RequestId, model: ModelName) -> float | None:
        return self.labels.get(request, model) if self.labels else None

    def _pair(self, unit: Unit, baseline: Response, other: Response, name: ModelName) -> Pair:
        return Pair(
            request=unit.request,
            baseline=baseline,
            candidate=other,
            baseline_name=self.study.baseline.spec.name,
            candidate_name=name,
        )

    def _counts(self, missing: Missing) -> bool:
        """Whether the study counts this hole against the candidate instead of waiting for it."""
        return self.study.run.missing == "fail" and missing.hole not in _OUR_DOING

    def _spec(self, name: ModelName) -> ModelSpec:
        return next(spec for spec in self.study.candidates if spec.name == name)

    def _settle(
        self, case: _Case, verdict: Verdict | None, own: float | None, other: float | None
    ) -> Observation:
        estimand = self.designs[case.arm.task].estimand
        observation = parity.observe(estimand, own, other)
        draw = {"preference": 0.5, "quality": other or 0.0}.get(estimand.name, 1.0)
        usage = case.candidate.usage if isinstance(case.candidate, Response) else None
        outcome = Outcome(
            request=case.unit.request.id,
            weight=case.unit.weight,
            value=observation.value,
            is_failure=own is None or own < draw,
            is_hole=own is None,
            baseline_usd=cost_usd(case.baseline.usage, self.study.baseline.spec.price),
            candidate_usd=cost_usd(usage, case.spec.price),
        )
        self.outcomes[case.arm, case.position] = outcome
        self._note_verdict(case, observation, outcome, verdict)
        return observation

    def _note_request(self, unit: Unit, task: TaskName, baseline: Response) -> None:
        mark = ("request", task, unit.request.id)
        if mark in self.journaled:
            return
        self.journaled[mark] = 0.0
        self.append(
            {
                "kind": "request",
                "task": task,
                "id": unit.request.id,
                "weight": unit.weight,
                "body": unit.request.body,
                "baseline": baseline,
            }
        )

    def _note_verdict(
        self, case: _Case, observation: Observation, outcome: Outcome, verdict: Verdict | None
    ) -> None:
        mark = ("verdict", case.arm.task, case.arm.candidate, str(case.position))
        # A hole that was counted and is filled now has another verdict: the last one holds.
        if self.journaled.get(mark) == observation.value:
            return
        self.journaled[mark] = observation.value
        self.append(
            {
                "kind": "verdict",
                "task": case.arm.task,
                "candidate": case.arm.candidate,
                "position": case.position,
                "request": case.unit.request.id,
                "key": call_key(case.unit.request, case.spec, 0),
                "value": observation.value,
                "value_if_kind": observation.value_if_kind,
                "floor": observation.floor,
                "is_failure": outcome.is_failure,
                "reason": verdict.reason if verdict else _reason(observation, outcome),
                "scores": verdict.scores if verdict else (),
            }
        )


async def certify(
    evaluation: Evaluation,
    certifier: Certifier,
    *,
    concurrency: int,
    should_stop: Callable[[], bool],
) -> None:
    """Get observations until every arm is decided, or nothing more can be had.

    Args:
        evaluation: Gets observations.
        certifier: Says which ones are needed.
        concurrency: Observations on their way at the same time.
        should_stop: Asked before each; True ends the run once what is on its way has arrived.
    """
    lookahead = max(8, -(-2 * concurrency // max(1, len(certifier.arms))))
    wake = asyncio.Event()
    busy = 0
    errors: list[Exception] = []

    async def work() -> None:
        while not should_stop() and not errors:
            needed = certifier.next_needed(lookahead)
            if needed is not None:
                await one(*needed)
            elif not certifier.has_open() or busy == 0:
                break
            else:
                wake.clear()
                await wake.wait()
        wake.set()

    async def one(arm: Arm, position: int) -> None:
        nonlocal busy
        busy += 1
        try:
            certifier.feed(arm, position, await evaluation.observe(arm, position))
        except Exception as error:  # noqa: BLE001 - what others have on its way must still arrive
            errors.append(error)
        finally:
            busy -= 1
            wake.set()

    await asyncio.gather(*(work() for _ in range(concurrency)))
    if errors:
        raise errors[0]


def is_no_answer(response: Response) -> bool:
    """Whether an endpoint gave an error instead of an answer, for what the prompt says."""
    failed = response.finish in (Finish.REFUSED, Finish.REJECTED, Finish.INVALID)
    return failed and not response.text and not response.tool_calls


def _reason(observation: Observation, outcome: Outcome) -> str:
    if outcome.is_hole:
        return "missing; counted against the candidate"
    if observation.value < 0:
        return "labelled worse than the baseline's answer"
    return "labelled as good" if observation.value == 0 else "labelled better"

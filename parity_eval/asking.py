"""Answers and verdicts that a run needs, each asked for once and through the ledger."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace

from parity_eval import parity
from parity_eval.outcomes import is_of_request
from parity_eval.parity import Ruled
from parity_eval.records import (
    Answer,
    Call,
    Hole,
    Missing,
    ModelName,
    ModelSpec,
    Pair,
    Purpose,
    Request,
    RequestId,
    Response,
    Served,
    TaskName,
    Unit,
    Verdict,
)
from parity_eval.replay import Replay, call_key
from parity_eval.study import Study


@dataclass(slots=True, kw_only=True)
class Asking:
    """Who is asked, and what is shared between the candidates of a task."""

    study: Study
    ruled: Mapping[TaskName, Ruled]
    """The rule of each task, with its scorers."""
    replay: Replay
    _shared: dict[tuple[str, TaskName, RequestId], asyncio.Future[Verdict | Missing]] = field(
        default_factory=dict
    )

    async def ask(
        self, request: Request, spec: ModelSpec, purpose: Purpose, task: TaskName, sample: int = 0
    ) -> Answer:
        """Get one answer through the ledger."""
        return await self.replay.answer(self.call(request, spec, purpose, task, sample))

    def call(
        self, request: Request, spec: ModelSpec, purpose: Purpose, task: TaskName, sample: int = 0
    ) -> Call:
        """Return what `ask` asks for."""
        has_other_price = spec.name in self.study.run.batch.prices
        return Call(
            key=call_key(request, spec, sample),
            request=request,
            spec=self.study.billed(spec) if has_other_price else spec,
            purpose=purpose,
            task=task,
            sample=sample,
        )

    def judge(
        self, task: TaskName, purpose: Purpose, heard: list[Served] | None = None
    ) -> Callable[[Request], Awaitable[Answer]]:
        """Return what asks the judge of the study a question, on a task's account.

        Args:
            task: The task.
            purpose: What for.
            heard: Is told what gave each answer.
        """

        async def ask(question: Request) -> Answer:
            if self.study.judge is None:
                return Missing(hole=Hole.UNKNOWN_MODEL, detail="the study names no judge")
            answer = await self.ask(question, self.study.judge.spec, purpose, task)
            if heard is not None:
                heard.extend(self.served(self.study.judge.spec, answer))
            return answer

        return ask

    def served(self, spec: ModelSpec, answer: Answer) -> tuple[Served, ...]:
        """Return what gave an answer; nothing where a recording may hold several models' by right.

        Args:
            spec: Who was asked.
            answer: What came back.
        """
        is_mixed = spec.is_recorded and self.study.run.recordings == "whole"
        if is_mixed or isinstance(answer, Missing):
            return ()
        if answer.model_served is None and answer.fingerprint is None:
            return ()
        found = Served(who=spec.name, model=answer.model_served, fingerprint=answer.fingerprint)
        return (found,)

    async def baseline(self, unit: Unit, task: TaskName) -> Answer:
        """Return the baseline's answer: the logged one, or a fresh one where it is replayed."""
        if self.study.baseline.source == "logged":
            return unit.baseline
        return await self.ask(unit.request, self.study.baseline.spec, Purpose.BASELINE, task)

    def pair(self, unit: Unit, baseline: Response, other: Response, name: ModelName) -> Pair:
        """Put the baseline's answer beside another."""
        return Pair(
            request=unit.request,
            baseline=baseline,
            candidate=other,
            baseline_name=self.study.baseline.spec.name,
            candidate_name=name,
        )

    def counts(self, missing: Missing) -> bool:
        """Whether the study counts this hole against the candidate instead of waiting for it."""
        return self.study.run.missing == "fail" and is_of_request(missing)

    async def verdict(
        self, pair: Pair, task: TaskName, rule: Ruled | None = None
    ) -> Verdict | Missing:
        """Hold a pair against the rule of a task, or against another."""
        return await self._judged(pair, rule or self.ruled[task], task, Purpose.JUDGE)

    async def rate(
        self,
        task: TaskName,
        unit: Unit,
        response: Response,
        name: ModelName,
        purpose: Purpose = Purpose.JUDGE,
    ) -> Verdict | Missing:
        """Score one response by itself: against the right answer where there is one."""
        right = Response(text=unit.reference or "")
        pair = Pair(
            request=unit.request,
            baseline=right,
            candidate=response,
            baseline_name=ModelName("reference"),
            candidate_name=name,
        )
        return await self._judged(pair, self.ruled[task], task, purpose)

    async def rated_baseline(
        self, task: TaskName, unit: Unit, baseline: Response
    ) -> Verdict | Missing:
        """Return how the baseline's answer is rated; once per request."""
        name = self.study.baseline.spec.name
        return await self._once(
            ("quality", task, unit.request.id), lambda: self.rate(task, unit, baseline, name)
        )

    async def floor(self, task: TaskName, unit: Unit, baseline: Response) -> Verdict | Missing:
        """Return whether the baseline agrees with its own second answer; once per request."""
        return await self._once(
            ("floor", task, unit.request.id), lambda: self._ask_floor(task, unit, baseline)
        )

    async def _ask_floor(self, task: TaskName, unit: Unit, baseline: Response) -> Verdict | Missing:
        second = self.study.baseline.second
        if second is None:
            return Missing(hole=Hole.NOT_RECORDED, detail="the baseline has no second answers")
        answer = await self.ask(unit.request, second, Purpose.NOISE_FLOOR, task, sample=1)
        if isinstance(answer, Missing):
            return answer
        pair = self.pair(unit, baseline, answer, second.name)
        found = await self._judged(pair, self.ruled[task], task, Purpose.NOISE_FLOOR)
        if isinstance(found, Missing):
            return found
        return replace(found, served=(*self.served(second, answer), *found.served))

    async def _judged(
        self, pair: Pair, ruled: Ruled, task: TaskName, purpose: Purpose
    ) -> Verdict | Missing:
        heard: list[Served] = []
        found = await parity.judge_pair(pair, ruled, self.judge(task, purpose, heard))
        if isinstance(found, Missing) or not heard:
            return found
        return replace(found, served=tuple(heard))

    async def _once(
        self,
        key: tuple[str, TaskName, RequestId],
        ask: Callable[[], Coroutine[object, object, Verdict | Missing]],
    ) -> Verdict | Missing:
        """Share one verdict among the candidates of a task."""
        if key not in self._shared:
            self._shared[key] = asyncio.ensure_future(ask())
        return await asyncio.shield(self._shared[key])

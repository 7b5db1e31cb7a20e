"""Answers that cannot be right, to see whether an estimand measures anything (DESIGN.md, rule 6).

Run before the first candidate call. A placebo that is not clearly below the bar makes the task
not measurable.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from parity_eval import parity
from parity_eval.armtest import FLOOR_BAR
from parity_eval.design import TaskDesign
from parity_eval.labels import Labels
from parity_eval.parity import Ruled
from parity_eval.records import (
    Answer,
    Hole,
    Missing,
    ModelName,
    Pair,
    PlaceboResult,
    Request,
    Response,
    Score,
    Unit,
    Unscored,
    Verdict,
)
from parity_eval.stats.kernel import TIE, log_e_path, mirror_kernel

ITSELF = "itself"
"""Not a placebo but its counterpart: the baseline's answer held against itself."""

_MOST_CONTROLS = 200
_BATCH = 10
_HIGHEST_BAR = 0.99


async def run(  # noqa: PLR0913 - everything that an estimand may need
    design: TaskDesign,
    ruled: Ruled | None,
    *,
    baseline: ModelName,
    labels: Labels | None,
    alpha: float,
    ask: Callable[[Request], Awaitable[Answer]],
    floor: Callable[[Unit], Awaitable[Verdict | Missing]] | None = None,
    rate: Callable[[Unit, Response, ModelName], Awaitable[Verdict | Missing]] | None = None,
) -> tuple[PlaceboResult, ...] | Missing:
    """Hold every placebo against the bar of a task.

    Verdicts are asked for in the seeded order, and only until a placebo is shown to be below.

    Args:
        design: The task.
        ruled: Its parity rule; None where labels are the estimand.
        baseline: The baseline's name in tables of labels and verdicts.
        labels: Table of labels, if there is one.
        alpha: Level at which a placebo must be shown to be below the bar.
        ask: Asks the judge.
        floor: Says whether the baseline agrees with itself on a request, where the noise floor is
            the bar; None: a placebo is held against the lowest floor that can certify.
        rate: Scores one response by itself, where a quality is certified that is not labelled.

    Returns:
        What each placebo did; `Missing` where an answer that could not be had leaves it unknown.
    """
    if not design.sample.units:
        return ()
    units = design.sample.units
    if ruled is None:
        known = [
            (unit, quality)
            for unit in units
            if labels and (quality := labels.get(unit.request.id, baseline)) is not None
        ]
        labelled, qualities = [unit for unit, _ in known], [quality for _, quality in known]
        return tuple(
            _by_labels(name, design, labelled, qualities, alpha) for name in parity.PLACEBOS
        )
    trial = _Trial(
        design=design,
        ruled=ruled,
        baseline=baseline,
        alpha=alpha,
        ask=ask,
        floor=floor,
        rate=rate,
    )
    if design.estimand.name != "quality":
        control = await trial.control(units[:_MOST_CONTROLS])
        if control is not None:
            return (control,)
    results: list[PlaceboResult] = []
    n_unread = 0
    for name in parity.PLACEBOS:
        result = await trial.result(name, units)
        if isinstance(result, Missing):
            return result
        results.append(result)
        n_unread += len(trial.unread)
    if n_unread and n_unread == sum(result.n for result in results):
        # What can score none of them tells no good answer from a bad one either.
        return tuple(replace(result, is_below=False) for result in results)
    return tuple(results)


def why_not_measurable(results: Sequence[PlaceboResult]) -> str | None:
    """Say which placebo passes, if one does."""
    words = {
        "empty": "an empty answer",
        "other": "the baseline's answer to another request",
        "commonest": "always giving the baseline's commonest answer",
    }
    for result in results:
        if result.name == ITSELF:
            return f"the baseline's own answers do not pass the parity rule: {result.note}"
        if result.is_below is False:
            mean = (
                "" if result.mean is None else f" (mean {result.mean:.3f} on {result.n} requests)"
            )
            note = f"; {result.note}" if result.note else ""
            return f"{words[result.name]} is not clearly below the bar{mean}{note}"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """A rule put to the test on one task."""

    design: TaskDesign
    ruled: Ruled
    baseline: ModelName
    alpha: float
    ask: Callable[[Request], Awaitable[Answer]]
    floor: Callable[[Unit], Awaitable[Verdict | Missing]] | None
    rate: Callable[[Unit, Response, ModelName], Awaitable[Verdict | Missing]] | None
    unread: list[str] = field(default_factory=list)
    """Why pairs of the placebo at hand could not be scored."""

    async def control(self, units: Sequence[Unit]) -> PlaceboResult | None:
        """Return a result where the rule fails the baseline's own answers: then it fails all."""
        pairs = [self._pair(ITSELF, unit, unit.baseline) for unit in units]
        verdicts = await asyncio.gather(
            *(parity.judge_pair(pair, self.ruled, _nobody) for pair in pairs)
        )
        failed = [v for v in verdicts if isinstance(v, Verdict) and self._fails_cheaply(v)]
        null = self.design.estimand.null
        bar = null if self.design.estimand.name == "parity" else FLOOR_BAR
        if len(failed) <= (1 - bar) * len(units):
            return None
        passed = 1 - len(failed) / len(units)
        note = f"{len(failed)} of {len(units)} fail, the first because: {failed[0].reason}"
        return PlaceboResult(
            name=ITSELF, n=len(units), mean=passed, is_below=passed < bar, note=note
        )

    def _fails_cheaply(self, verdict: Verdict) -> bool:
        """Whether a scorer that asks no one keeps an answer from being at parity with itself."""
        cheap = [s for s in verdict.scores if self.ruled.scorers[s.scorer].cost <= 1]
        return not verdict.at_parity and not all(isinstance(s, Score) and s.passed for s in cheap)

    async def result(self, name: str, units: Sequence[Unit]) -> PlaceboResult | Missing:
        """Ask until the placebo is shown to be below, or there is no one left to ask."""
        answers = parity.placebo_answers(name, units)
        pairs = [self._pair(name, *both) for both in zip(units, answers, strict=True)]
        cases = list(zip(units, pairs, strict=True))
        if any(scorer.cost > 1 for scorer in self.ruled.scorers.values()):
            cases = cases[: parity.MOST_JUDGED]
        values: list[float] = []
        holes: list[Missing] = []
        self.unread.clear()
        for start in range(0, len(cases), _BATCH):
            batch = cases[start : start + _BATCH]
            for value, hole in await asyncio.gather(*(self._value(*case) for case in batch)):
                values.append(value)
                holes += [hole] if hole else []
            if _is_below(values, self.design, self.alpha):
                break
        result = _result(name, self.design, values, self.alpha)
        if self.unread:
            note = f"{len(self.unread)} of {len(values)} could not be scored: {self.unread[0]}"
            result = replace(result, note=note)
        return self._doubted(result, holes) if holes and not result.is_below else result

    def _doubted(self, result: PlaceboResult, holes: Sequence[Missing]) -> PlaceboResult | Missing:
        lacking = [hole for hole in holes if hole.hole is Hole.NOT_RECORDED]
        if len(lacking) == len(holes):
            return _unasked(result.name, f"not recorded on {len(holes)} of {result.n} requests")
        hole = next(hole for hole in holes if hole.hole is not Hole.NOT_RECORDED)
        detail = f"whether the placebo {result.name!r} passes is not known: {hole.detail}"
        return replace(hole, detail=detail)

    async def _value(self, unit: Unit, pair: Pair) -> tuple[float, Missing | None]:
        """Return what the placebo scores on a request; the best possible where that is missing."""
        if self.rate is not None and self.design.estimand.name == "quality":
            return await self._difference(unit, pair)
        hole = None
        value = 1.0
        verdict = await parity.judge_pair(pair, self.ruled, self.ask)
        self._note(verdict)
        if isinstance(verdict, Missing):
            hole = verdict
        elif self.design.estimand.name == "preference":
            value = parity.preference(verdict).value
        else:
            value = verdict.value
        if self.design.estimand.name != "noise_floor":
            return value, hole
        if self.floor is None:
            return value - FLOOR_BAR, hole
        own = await self.floor(unit)
        return (value, own) if isinstance(own, Missing) else (value - own.value, hole)

    def _note(self, verdict: Verdict | Missing) -> None:
        """Remember why a pair could not be scored."""
        if isinstance(verdict, Verdict) and not verdict.at_parity:
            reasons = (s.reason for s in verdict.scores if isinstance(s, Unscored))
            self.unread.extend(list(reasons)[:1])

    async def _difference(self, unit: Unit, pair: Pair) -> tuple[float, Missing | None]:
        """Return the placebo's quality minus the baseline's."""
        qualities: list[float] = []
        for response, name in (
            (pair.candidate, pair.candidate_name),
            (unit.baseline, self.baseline),
        ):
            verdict = await self.rate(unit, response, name) if self.rate else None
            if not isinstance(verdict, Verdict):
                return 1.0, verdict
            self._note(verdict)
            qualities.append(parity.quality(self.ruled, verdict) or 0.0)
        return qualities[0] - qualities[1], None

    def _pair(self, name: str, unit: Unit, answer: Response) -> Pair:
        return Pair(
            request=unit.request,
            baseline=unit.baseline,
            candidate=answer,
            baseline_name=self.baseline,
            candidate_name=ModelName(f"placebo:{name}"),
        )


async def _nobody(question: Request) -> Answer:
    return Missing(hole=Hole.NOT_RECORDED, detail=f"nobody is asked {question.id}")


def _by_labels(
    name: str, design: TaskDesign, units: Sequence[Unit], quality: Sequence[float], alpha: float
) -> PlaceboResult:
    answers = parity.placebo_answers(name, units)
    best = parity.placebo_qualities(answers, units, quality)
    return _result(name, design, [b - q for b, q in zip(best, quality, strict=True)], alpha)


def _result(name: str, design: TaskDesign, values: Sequence[float], alpha: float) -> PlaceboResult:
    if not values:
        return _unasked(name, "nothing to hold it against")
    return PlaceboResult(
        name=name,
        n=len(values),
        mean=sum(values) / len(values),
        is_below=_is_below(values, design, alpha),
        note="",
    )


def _is_below(values: Sequence[float], design: TaskDesign, alpha: float) -> bool:
    estimand = design.estimand
    # Where all requests of a log must be at parity, a placebo has to be below more than a few.
    null = min(estimand.null, _HIGHEST_BAR)
    kernel = mirror_kernel(null, alpha=alpha, n_max=None, lower=estimand.low)
    return float(log_e_path(kernel, values).max()) >= -math.log(alpha) - TIE


def _unasked(name: str, why: str) -> PlaceboResult:
    return PlaceboResult(name=name, n=0, mean=None, is_below=None, note=why)

"""The test of one arm: its own estimand and its gates, one observation after the other.

A certificate takes every part (intersection-union): the arm's evidence is that of its weakest
part, which is an e-value for "some part is not good enough".
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from parity_eval.records import (
    CERTAIN,
    FLOOR_GATE,
    Arm,
    Decision,
    Estimand,
    GateDecision,
    Missing,
    Observation,
    PassedOver,
    PathPoint,
    Reading,
    RequestId,
    Status,
)
from parity_eval.served import Witness
from parity_eval.stats.bounds import bound
from parity_eval.stats.control_variate import Subsample, SubsampleState
from parity_eval.stats.finite_log import mean_log_design, parity_log_design
from parity_eval.stats.finite_mean import FiniteMean
from parity_eval.stats.fixed_designs import fixed_arm_design, named_design
from parity_eval.stats.state import TIE, EProcess
from parity_eval.stats.stopping import (
    ArmDesign,
    ArmState,
    Stop,
    Terms,
    mean_design,
    parity_design,
)
from parity_eval.study import TestSpec

FLOOR_BAR = 0.80
"""A noise floor below this measures noise; see DESIGN.md, section 3, rule 6."""

_PATH_POINTS, _FEW_POINTS = 60, 12
_NEGATIVE = {
    Stop.BELOW_BAR: Status.REJECTED,
    Stop.FUTILE: Status.FUTILE,
    Stop.CURTAILED: Status.FUTILE,
    Stop.EXHAUSTED: Status.INCONCLUSIVE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PartPlan:
    """The terms of one part of an arm's test."""

    name: str = ""
    """Name of the gate; empty for the task's own estimand."""
    estimand: Estimand
    size: int
    """Requests of the log that it speaks of."""
    n_max: int
    """Most of them that it may use."""
    worth: float | None = None
    """Smallest mean worth certifying, for futility; None: no such rule."""
    subsample: Subsample | None = None
    """How second answers or human labels are drawn; None: all of them are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmPlan:
    """The terms of one arm."""

    arm: Arm
    parts: tuple[PartPlan, ...]
    """The task's own estimand, then its gates."""
    price_rank: int
    """0 for the cheapest candidate of the task."""
    why_closed: str | None = None
    """Why the arm can't be measured; it then never asks for anything, but counts in the family."""
    failed_on: RequestId | None = None
    """A request that must pass and did not; the arm asks for nothing more."""
    hole: Missing | None = None
    """What stands in the way of beginning."""

    @property
    def n_max(self) -> int:
        """Most requests that the arm may use."""
        return self.parts[0].n_max


@dataclass(slots=True, kw_only=True)
class _Part:
    plan: PartPlan
    state: ArmState
    memory: SubsampleState | None
    values: list[float] = field(default_factory=list)
    kind_values: list[float] = field(default_factory=list)
    limits: list[tuple[float, float]] = field(default_factory=list)
    log_path: list[float] = field(default_factory=list)
    skipped: int = 0

    @property
    def certify(self) -> EProcess:
        return self.state.certify

    @property
    def is_costly(self) -> bool:
        """Whether a bound takes all values and not only their counts."""
        return self.memory is not None or isinstance(self.certify.test, FiniteMean)

    @property
    def mean(self) -> float | None:
        return self.mean_of(len(self.values)) if self.values else None

    def mean_of(self, n: int) -> float:
        """Return the mean of the first n values; terms of drawn ones may end beside the range."""
        test = self.certify.test
        return min(max(math.fsum(self.values[:n]) / n, test.lower), test.upper)

    def consume(self, reading: Reading) -> None:
        measured = reading.measured
        value, kind, limits = reading.value, reading.value_if_kind, None
        if self.memory is not None and measured is not None:
            term, self.memory = self.memory.update(measured.group, measured.value)
            value, limits = term.value, (term.lower, term.upper)
            kind = min(value + measured.slack, term.upper)
            self.limits.append(limits)
        self.state = self.state.update(value, generous=kind, limits=limits)
        self.values.append(value)
        self.kind_values.append(kind)
        self.log_path.append(self.certify.log_e)

    def log_e(self, *, running: bool) -> float:
        return self.certify.max_log_e if running else self.certify.log_e


class ArmTest:
    """What is known about one arm, and whether it goes on.

    Args:
        plan: Terms of the arm.
        test: Levels, budget and guards.
        n_rivals: Candidates of the arm's task.
        n_arms: Arms of the family.
    """

    def __init__(self, plan: ArmPlan, test: TestSpec, *, n_rivals: int, n_arms: int) -> None:
        self.plan = plan
        self.hole = plan.hole
        self.is_certified = False
        self.position = 0
        """Requests of the order that are used up."""
        self._test = test
        # Of a single arm the best evidence so far is as good as the evidence now (Ville).
        self.is_running = test.family == "fwer" or n_arms == 1
        # The most lenient threshold that the family's rule can come to for this arm.
        share = n_rivals if test.family == "fdr" and test.design == "sequential" else 1
        self._least = math.log(share / test.alpha)
        self._fixed_level = None if test.design == "sequential" else test.alpha / n_arms
        self._parts = [
            _Part(
                plan=part,
                state=_design(part, test, self._least, self._fixed_level).start(),
                memory=part.subsample.start() if part.subsample else None,
            )
            for part in plan.parts
        ]
        self._witness = Witness()
        self._why_ended: str | None = None
        self._stopped: tuple[Stop, _Part] | None = None
        self._shown: tuple[object, PathPoint] | None = None

    @property
    def n(self) -> int:
        """Observations used."""
        return len(self._parts[0].values)

    @property
    def is_waiting(self) -> bool:
        """Whether a missing answer keeps the arm from going on."""
        return self.hole is not None and not self.is_certified

    @property
    def is_open(self) -> bool:
        """Whether another observation could decide something."""
        return (
            self._stopped is None
            and not self.is_certified
            and self.hole is None
            and self._why_ended is None
            and not self.plan.why_closed
            and self.plan.failed_on is None
            and self.position < self.plan.n_max
        )

    def consume(self, observation: Observation | PassedOver | Missing | None) -> None:
        """Take the next observation; None: the request is passed over, and belongs to no slice."""
        if isinstance(observation, Missing):
            self.hole = observation
            return
        if isinstance(observation, Observation):
            change = self._witness.see(observation.served)
            if change is not None:
                request = self.position + 1
                self._why_ended = f"{change} from request {request} on; an arm tests one model"
                return
        self.position += 1
        if observation is None or isinstance(observation, PassedOver):
            names = frozenset[str]() if observation is None else observation.slices
            for part in self._parts:
                part.skipped += part is self._parts[0] or part.plan.name in names
            return
        main, *gates = self._parts
        main.consume(observation.main)
        for gate in gates:
            reading = observation.gates.get(gate.plan.name)
            if reading is not None:
                gate.consume(reading)

    def check(self) -> None:
        """Stop where no certificate is in reach any more."""
        if not self.is_certified and self.hole is None:
            found = ((stop, part) for part in self._parts if (stop := self._negative(part)))
            self._stopped = next(found, None)

    def evidence(self, *, running: bool) -> float:
        """Return the log e-value with which the arm enters a family's rule.

        Minus infinity where a guard forbids a certificate. Under e-BH that is also an arm that
        waits: the time at which an answer goes missing may depend on that answer, so that the
        e-value there need not have a mean of at most 1; a running maximum needs no such care
        (Ville).

        Args:
            running: Whether the best evidence so far counts (e-Holm), or the evidence now (e-BH).
        """
        is_barred = (
            self.n < self._min_n
            or self._is_thinned
            or (self._stopped is not None and self._stopped[0] is Stop.BELOW_BAR)
            or self.plan.why_closed is not None
            or self.plan.failed_on is not None
            or self._why_ended is not None
            or (self.hole is not None and not running)
        )
        return -math.inf if is_barred else self._log_e(running=running)

    def decision(self, *, level: float, with_path: bool) -> Decision:
        """Say where the arm stands.

        Args:
            level: Error level that the family's rule gives the arm.
            with_path: Whether to compute the path of the confidence sequence too.
        """
        status, reason = self._status(-math.log(level))
        # Bound and decision use one level and one time. An arm is rejected on its own, at alpha
        # and on the evidence now, whatever the family's rule for certificates is.
        is_rejected = status is Status.REJECTED
        bounds_level = self._test.alpha if is_rejected else level
        running = self.is_running and not is_rejected
        path: tuple[PathPoint, ...] = ()
        if self.n and with_path:
            path = self._path(level=bounds_level, running=running)
        last = path[-1] if path else self._last_point(level=bounds_level, running=running)
        main = self._parts[0]
        return Decision(
            arm=self.plan.arm,
            status=status,
            reason=reason,
            n=self.n,
            mean=last.mean if last else None,
            low=last.low if last else main.certify.test.lower,
            high=last.high if last else main.certify.test.upper,
            level=bounds_level,
            log_e=_finite(self._log_e(running=self.is_running)),
            log_e_needed=-math.log(level),
            p_value=max(part.certify.p_value for part in self._parts),
            path=path,
            failed_on=self.plan.failed_on,
            gates=tuple(
                self._gate(part, level=bounds_level, needed=-math.log(level), running=running)
                for part in self._parts[1:]
            )
            if with_path
            else (),
        )

    def _log_e(self, *, running: bool) -> float:
        """Return the evidence of all that a certificate claims: the weakest part's."""
        return min(part.log_e(running=running) for part in self._parts)

    @property
    def _min_n(self) -> int:
        return self._parts[0].state.design.terms.min_n

    @property
    def _is_thinned(self) -> bool:
        """Whether too many requests, of all or of a slice, were passed over for a certificate."""
        return any(map(self._is_thin, self._parts))

    def _is_thin(self, part: _Part) -> bool:
        return part.skipped > self._test.max_excluded * (part.skipped + len(part.values))

    def _negative(self, part: _Part) -> Stop | None:
        stop = part.state.negative()
        if stop is Stop.EXHAUSTED and part is not self._parts[0]:
            # What the gate has must do until the end; only too little of it stops the arm.
            is_enough = part.log_e(running=self.is_running) >= self._least - TIE
            return None if is_enough else stop
        return stop

    def _status(self, needed: float) -> tuple[Status, str]:
        plan = self.plan
        if plan.why_closed:
            return Status.NOT_MEASURABLE, plan.why_closed
        if plan.failed_on is not None:
            return Status.REJECTED, f"falls short on request {plan.failed_on!r}, which must pass"
        return self._tested_status(needed)

    def _tested_status(self, needed: float) -> tuple[Status, str]:
        if self.is_certified:
            reason = f"the evidence reached what the family rule asks after {_requests(self.n)}"
            return Status.CERTIFIED, reason
        if self._why_ended is not None:
            return Status.INCONCLUSIVE, self._why_ended
        if self.hole is not None:
            return Status.OPEN, f"an answer is missing ({self.hole.hole}): {self.hole.detail}"
        if self._stopped is not None:
            return self._why_stopped(*self._stopped, needed)
        if self.position >= self.plan.n_max:
            return Status.INCONCLUSIVE, self._why_inconclusive(needed)
        return Status.OPEN, f"not finished: {self.n} of at most {_requests(self.plan.n_max)}"

    def _why_stopped(self, stop: Stop, part: _Part, needed: float) -> tuple[Status, str]:
        if part is not self._parts[0]:
            return _gate_status(stop, part)
        if stop is Stop.EXHAUSTED:
            return Status.INCONCLUSIVE, self._why_inconclusive(needed)
        if stop is Stop.BELOW_BAR:
            return Status.REJECTED, f"shown to be below the bar after {_requests(self.n)}"
        return Status.FUTILE, self._why_futile(stop)

    def _why_futile(self, stop: Stop) -> str:
        main = self.plan.parts[0]
        if stop is Stop.CURTAILED or main.worth is None:
            return "no continuation of this log within max_samples can certify"
        what = {"parity": "parity rate", "preference": "mean preference"}
        rounded_up = math.ceil(main.worth * 1e4 - 1e-9) / 1e4
        return (
            f"a {what.get(main.estimand.name, 'mean difference')} worth certifying "
            f"({rounded_up:.4f} or more) is refuted"
        )

    def _why_inconclusive(self, needed: float) -> str:
        what = "max_samples" if self.plan.n_max == self._test.max_samples else "the log"
        text = f"{what} used up after {_requests(self.n)}"
        if self._is_thinned:
            part = next(part for part in self._parts if self._is_thin(part))
            where = f" of gate {part.plan.name!r}" if part.plan.name else ""
            return (
                f"{text}; {part.skipped} of {part.skipped + len(part.values)} baseline answers"
                f"{where} were unusable, more than max_excluded allows"
            )
        if self.n < self._min_n:
            return f"{text}; a certificate takes at least {self._min_n} (min_n)"
        main, *gates = self._parts
        if main.log_e(running=self.is_running) >= needed - TIE:
            short = [g for g in gates if g.log_e(running=self.is_running) < needed - TIE]
            return f"{text}; {' and '.join(_gate_words(gate) for gate in short)}" if short else text
        return text

    def _gate(self, part: _Part, *, level: float, needed: float, running: bool) -> GateDecision:
        low, high = part.certify.test.lower, part.certify.test.upper
        if part.values:
            ends = [len(part.values)]
            if running:
                ends.insert(0, _best(part))
            for n in ends:
                now_low, now_high = self._bounds(part, n, level)
                low, high = (
                    (max(low, now_low), min(high, now_high)) if running else (now_low, now_high)
                )
        log_e = part.log_e(running=self.is_running)
        return GateDecision(
            name=part.plan.name,
            null=part.plan.estimand.null,
            n=len(part.values),
            mean=part.mean,
            low=low,
            high=high,
            log_e=_finite(log_e),
            is_passed=log_e >= needed - TIE,
        )

    def _last_point(self, *, level: float, running: bool) -> PathPoint | None:
        main = self._parts[0]
        if not self.n:
            return None
        # Costly bounds are shown a little late while the run is on; its end takes the path.
        made_from = (self.n // 20 if main.is_costly else self.n, level, running)
        if self._shown is None or self._shown[0] != made_from:
            points = self._points([self.n], level=level, running=running)
            self._shown = made_from, points[-1]
        return self._shown[1]

    def _path(self, *, level: float, running: bool) -> tuple[PathPoint, ...]:
        main = self._parts[0]
        n_points = _FEW_POINTS if main.is_costly else _PATH_POINTS
        return self._points(_checkpoints(self.n, n_points), level=level, running=running)

    def _points(self, ends: Iterable[int], *, level: float, running: bool) -> tuple[PathPoint, ...]:
        """Return the confidence sequence after some numbers of observations.

        Under e-BH a decision rests on the evidence at the time, so the bound does too; under
        e-Holm both take the best so far, and the time of the best is one of the points.
        """
        main = self._parts[0]
        found: list[PathPoint] = []
        low, high = main.certify.test.lower, main.certify.test.upper
        for n in sorted({*ends, _best(main)} if running else set(ends)):
            now_low, now_high = self._bounds(main, n, level)
            low, high = (max(low, now_low), min(high, now_high)) if running else (now_low, now_high)
            log_e = _finite(main.log_path[n - 1])
            mean = main.mean_of(n)
            found.append(PathPoint(n=n, mean=mean, low=low, high=high, log_e=log_e))
        return tuple(found)

    def _bounds(self, part: _Part, n: int, level: float) -> tuple[float, float]:
        """Return the lower and upper bound after a part's first n observations."""
        certify, below = part.certify.test, part.state.below.test
        if part.memory is not None:
            lows, highs = zip(*part.limits[:n], strict=True)
            low = bound(certify, part.values[:n], alpha=level, limits=lows)
            high = bound(below, part.kind_values[:n], alpha=level, limits=highs)
        elif isinstance(certify, FiniteMean):
            low = bound(certify, part.values[:n], alpha=level)
            high = bound(below, part.kind_values[:n], alpha=level)
        else:
            own = level if self._fixed_level is None else self._fixed_level
            low = bound(certify, *_counts(part.values[:n]), alpha=own)
            high = bound(below, *_counts(part.kind_values[:n]), alpha=level)
        # Bisection ends a hair beside the null that it has just refuted.
        is_refuted = part.log_path[n - 1] >= -math.log(level) - TIE
        return (max(low, part.plan.estimand.null) if is_refuted else low), high


def _design(part: PartPlan, test: TestSpec, least: float, fixed_level: float | None) -> ArmDesign:
    estimand, n_max = part.estimand, max(1, part.n_max)
    is_main = not part.name
    # A census is no small sample: about this log it says all there is.
    min_n = min(test.min_n, n_max) if test.target == "log" else test.min_n
    terms = Terms(n_max=n_max, alpha=test.alpha, beta=test.beta, min_n=min_n if is_main else 1)
    worth = part.worth
    if fixed_level is not None:
        bar = estimand.null
        design = named_design(test.design, bar, alpha=fixed_level, n_max=n_max, looks=test.looks)
        return fixed_arm_design(terms, design)
    if test.target == "log":
        size = max(1, part.size)
        if estimand.name == "parity":
            return parity_log_design(
                estimand.null, terms, size=size, worth=worth, least_log_threshold=least
            )
        return mean_log_design(estimand.null, terms, size=size, worth=worth, lower=estimand.low)
    if estimand.name == "parity" and part.subsample is None:
        return parity_design(estimand.null, terms, worth=worth, least_log_threshold=least)
    return mean_design(estimand.null, terms, worth=worth, lower=estimand.low)


def _gate_status(stop: Stop, part: _Part) -> tuple[Status, str]:
    status = _NEGATIVE[stop]
    seen = _requests(len(part.values))
    if part.plan.name == FLOOR_GATE:
        # It says something of the baseline and nothing of the candidate.
        is_low = stop is Stop.BELOW_BAR
        said = f"agrees with itself on less than {FLOOR_BAR:.0%}"
        if not is_low:
            said = f"cannot be shown any more to agree with itself on more than {FLOOR_BAR:.0%}"
        return Status.FUTILE, f"the baseline {said} ({seen})"
    said = {
        Stop.BELOW_BAR: f"shown to be below its bar after {seen}",
        Stop.EXHAUSTED: f"its {seen} are used up without enough evidence",
    }.get(stop, f"cannot be passed any more after {seen}")
    return status, f"gate {part.plan.name!r}: {said}"


def _gate_words(part: _Part) -> str:
    if part.plan.name == FLOOR_GATE:
        return f"the baseline is not shown to agree with itself on more than {FLOOR_BAR:.0%}"
    return f"the gate {part.plan.name!r} is not shown to be passed"


def _best(part: _Part) -> int:
    """Return after how many observations a part's evidence was greatest."""
    return max(range(len(part.values)), key=part.log_path.__getitem__) + 1


def _counts(values: Sequence[float]) -> tuple[list[float], list[int]]:
    counts = Counter(values)
    return list(counts), list(counts.values())


def _finite(log_e: float) -> float:
    return max(-CERTAIN, min(log_e, CERTAIN))


def _requests(n: int) -> str:
    return f"{n} request{'s' * (n != 1)}"


def _checkpoints(n: int, n_points: int) -> list[int]:
    step = max(1.0, n / n_points)
    return sorted({round(step * (i + 1)) for i in range(min(n, n_points))} | {n})

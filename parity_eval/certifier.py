"""Observations in the seeded order to a decision per arm; names the next ones that are needed.

All arms advance in lockstep: the t-th observation of every open arm enters before the (t+1)-th of
any. So decisions depend on the observations only, never on the order in which answers arrive, nor
on how many calls are in flight.
"""

import math
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from parity_eval.records import Arm, Decision, Estimand, Missing, Observation, PathPoint, Status
from parity_eval.stats.bounds import bound
from parity_eval.stats.kernel import TIE, certify_kernel
from parity_eval.stats.routing import RoutingRule, RoutingTable, route
from parity_eval.stats.state import KernelState, start
from parity_eval.stats.stopping import ArmState, Stop, Terms, mean_design, parity_design
from parity_eval.study import TestSpec

FLOOR_BAR = 0.80
"""A noise floor below this measures noise; see DESIGN.md, section 3, rule 6."""

_PATH_POINTS = 60
_LOWEST_LOG_E = -1e6
_RULES = {"fdr": RoutingRule.SELECTED_E_BH, "fwer": RoutingRule.HOLM}
_NEGATIVE = {
    Stop.BELOW_BAR: Status.REJECTED,
    Stop.FUTILE: Status.FUTILE,
    Stop.CURTAILED: Status.FUTILE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmPlan:
    """The terms of one arm."""

    arm: Arm
    estimand: Estimand
    n_available: int
    """Requests that the arm may use."""
    worth: float | None
    """Smallest mean worth certifying, for futility; None: no such rule."""
    price_rank: int
    """0 for the cheapest candidate of the task."""
    why_closed: str | None = None
    """Why the arm can't be measured; it then never asks for anything, but counts in the family."""
    hole: Missing | None = None
    """What stands in the way of knowing whether it can be measured."""


@dataclass(slots=True, kw_only=True)
class _Track:
    plan: ArmPlan
    n_max: int
    max_excluded: float
    state: ArmState
    floor: KernelState | None
    buffer: dict[int, Observation | Missing | None] = field(default_factory=dict)
    values: list[float] = field(default_factory=list)
    kind_values: list[float] = field(default_factory=list)
    log_path: list[float] = field(default_factory=list)
    requested: int = 0
    position: int = 0
    skipped: int = 0
    fed: int = 0
    stop: Stop | None = None
    is_certified: bool = False
    hole: Missing | None = None
    shown: tuple[object, PathPoint] | None = None
    """Last point of the path that was computed, and from what."""

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def is_thinned(self) -> bool:
        """Whether too many requests were passed over for a certificate."""
        return self.skipped > self.max_excluded * self.position

    @property
    def is_waiting(self) -> bool:
        """Whether a missing answer keeps the arm from going on."""
        return self.hole is not None and not self.is_certified

    @property
    def is_open(self) -> bool:
        return (
            self.stop is None
            and not self.is_certified
            and self.hole is None
            and not self.plan.why_closed
            and self.position < self.n_max
        )


class Certifier:
    """Runs the test of every arm of a study.

    Args:
        plans: All arms, those that can't be measured too.
        test: Levels, budget and guards.
    """

    def __init__(self, plans: Sequence[ArmPlan], test: TestSpec) -> None:
        self._test = test
        self._tracks = {plan.arm: _track(plan, plans, test) for plan in plans}
        self._tasks: dict[str, list[_Track]] = {}
        for track in sorted(
            self._tracks.values(), key=lambda t: (t.plan.arm.task, t.plan.price_rank)
        ):
            self._tasks.setdefault(track.plan.arm.task, []).append(track)
        self._turn = 0  # the position of every open arm
        self._open = [track for track in self._tracks.values() if track.is_open]
        self._lacking = len(self._open)  # open arms whose next observation is not here yet
        self._queue = deque(self._open)  # the open arm that is furthest behind comes first

    @property
    def arms(self) -> tuple[Arm, ...]:
        """All arms."""
        return tuple(self._tracks)

    def next_needed(self, lookahead: int) -> tuple[Arm, int] | None:
        """Name the observation to get next: the earliest that no one was sent for.

        Args:
            lookahead: Most observations that an arm may be ahead of what it has consumed; what
                lies beyond a decision is paid for and not needed.

        Returns:
            Arm and 0-based position in its order; None where all that is needed is on its way.
        """
        while self._queue:
            track = self._queue[0]
            if not track.is_open or track.requested >= track.n_max:
                self._queue.popleft()
            elif track.requested >= self._turn + lookahead:
                return None
            else:
                self._queue.rotate(-1)
                track.requested += 1
                return track.plan.arm, track.requested - 1
        return None

    def feed(self, arm: Arm, position: int, observation: Observation | Missing | None) -> None:
        """Take one observation, in any order; the test sees it when its turn has come.

        Args:
            arm: Arm that it belongs to.
            position: 0-based position in the arm's order. The first observation of a position is
                final.
            observation: What was observed; `Missing` keeps the arm from going on; None: the
                baseline's own answer turned out to be unusable, and the request is passed over.
        """
        track = self._tracks[arm]
        if position < track.position or position in track.buffer:
            return
        track.fed += 1
        track.buffer[position] = observation
        if track.is_open and position == self._turn:
            self._lacking -= 1
            self._advance()

    def has_open(self) -> bool:
        """Return whether any arm could still go on."""
        return bool(self._open)

    def is_incomplete(self) -> bool:
        """Return whether an arm stopped at a hole or was not finished."""
        return any(t.is_waiting or t.is_open for t in self._tracks.values())

    def holes(self) -> dict[Arm, Missing]:
        """Return the arms that wait for an answer, with what stands in the way."""
        return {arm: t.hole for arm, t in self._tracks.items() if t.hole and t.is_waiting}

    def position(self, arm: Arm) -> int:
        """Return how many requests of an arm's order are used up."""
        return self._tracks[arm].position

    def waste(self, arm: Arm) -> int:
        """Return how many observations were had and not needed."""
        track = self._tracks[arm]
        return max(0, track.fed - track.position - (track.hole is not None))

    def decisions(self, *, with_path: bool = True) -> tuple[Decision, ...]:
        """Say where every arm stands.

        Args:
            with_path: Whether to compute the path of the confidence sequence too.
        """
        levels = self._route().levels
        found = [
            self._decision(track, level=level, with_path=with_path)
            for row, tracks in zip(levels, self._tasks.values(), strict=True)
            for level, track in zip(row, tracks, strict=True)
        ]
        return tuple(sorted(found, key=lambda d: d.arm))

    def _advance(self) -> None:
        """Consume observations as long as every open arm has its next one."""
        while self._open and not self._lacking:
            for track in self._open:
                _consume(track, track.buffer.pop(self._turn))
            self._turn += 1
            self._close()
            self._open = [track for track in self._open if track.is_open]
            self._lacking = sum(self._turn not in track.buffer for track in self._open)

    def _close(self) -> None:
        """Certify and stop what can be, after one more observation of every open arm."""
        # No rule of a family certifies at less than 1 / alpha.
        least = -math.log(self._test.alpha) - TIE
        if any(_evidence(track, self._test) >= least for track in self._open):
            table = self._route()
            for certified, tracks in zip(table.certified, self._tasks.values(), strict=True):
                for j in certified:
                    tracks[j].is_certified = True
        for track in self._open:
            if not track.is_certified and track.hole is None:
                track.stop = track.state.negative()

    def _route(self) -> RoutingTable:
        evidence = [
            [_evidence(track, self._test) for track in tracks] for tracks in self._tasks.values()
        ]
        return route(_RULES[self._test.family], evidence, alpha=self._test.alpha)

    def _decision(self, track: _Track, *, level: float, with_path: bool) -> Decision:
        status, reason = _status(track, self._test, needed=-math.log(level))
        # Bound and decision use one level and one time. An arm is rejected on its own, at alpha
        # and on the evidence now, whatever the family's rule for certificates is.
        is_rejected = status is Status.REJECTED
        bounds_level = self._test.alpha if is_rejected else level
        running = self._test.family == "fwer" and not is_rejected
        path: tuple[PathPoint, ...] = ()
        if track.n and with_path:
            path = _path(track, _checkpoints(track.n), level=bounds_level, running=running)
        last = path[-1] if path else _last_point(track, level=bounds_level, running=running)
        certify = track.state.certify
        parts = (certify,) if track.floor is None else (certify, track.floor)
        return Decision(
            arm=track.plan.arm,
            status=status,
            reason=reason,
            n=track.n,
            mean=last.mean if last else None,
            low=last.low if last else certify.kernel.lower,
            high=last.high if last else certify.kernel.upper,
            level=bounds_level,
            log_e=max(_log_e(track, self._test), _LOWEST_LOG_E),
            log_e_needed=-math.log(level),
            p_value=max(part.p_value for part in parts),
            path=path,
        )


def _track(plan: ArmPlan, plans: Sequence[ArmPlan], test: TestSpec) -> _Track:
    n_max = max(1, min(test.max_samples, plan.n_available))
    terms = Terms(n_max=n_max, alpha=test.alpha, beta=test.beta, min_n=test.min_n)
    n_rivals = sum(other.arm.task == plan.arm.task for other in plans)
    # The most lenient threshold that the family's rule can come to for this arm.
    share = n_rivals if test.family == "fdr" else 1
    estimand = plan.estimand
    if estimand.name == "parity":
        design = parity_design(
            estimand.null,
            terms,
            worth=plan.worth,
            least_log_threshold=math.log(share / test.alpha),
        )
    else:
        design = mean_design(estimand.null, terms, worth=plan.worth, lower=estimand.low)
    floor = None
    if estimand.name == "noise_floor":
        floor = start(certify_kernel(FLOOR_BAR, alpha=test.alpha, n_max=n_max))
    return _Track(
        plan=plan,
        n_max=min(test.max_samples, plan.n_available),
        max_excluded=test.max_excluded,
        hole=plan.hole,
        state=design.start(),
        floor=floor,
    )


def _consume(track: _Track, observation: Observation | Missing | None) -> None:
    if isinstance(observation, Missing):
        track.hole = observation
        return
    track.position += 1
    if observation is None:
        track.skipped += 1
        return
    track.state = track.state.update(observation.value, generous=observation.value_if_kind)
    if track.floor is not None and observation.floor is not None:
        track.floor = track.floor.update(observation.floor)
    track.values.append(observation.value)
    track.kind_values.append(observation.value_if_kind)
    track.log_path.append(track.state.certify.log_e)


def _log_e(track: _Track, test: TestSpec) -> float:
    """Return the evidence of all that a certificate of this arm claims: the weakest part's."""
    parts = (track.state.certify,) if track.floor is None else (track.state.certify, track.floor)
    return min(part.max_log_e if test.family == "fwer" else part.log_e for part in parts)


def _evidence(track: _Track, test: TestSpec) -> float:
    """Return the evidence with which an arm enters the family's rule.

    Minus infinity where a guard forbids a certificate. Under e-BH that is also an arm that waits:
    the time at which an answer goes missing may depend on that answer, so that the e-value there
    need not have a mean of at most 1; a running maximum needs no such care (Ville).
    """
    is_barred = (
        track.n < test.min_n
        or track.is_thinned
        or track.stop is Stop.BELOW_BAR
        or track.plan.why_closed is not None
        or (track.hole is not None and test.family == "fdr")
    )
    return -math.inf if is_barred else _log_e(track, test)


def _status(track: _Track, test: TestSpec, *, needed: float) -> tuple[Status, str]:
    if track.plan.why_closed:
        return Status.NOT_MEASURABLE, track.plan.why_closed
    if track.is_certified:
        reason = f"the evidence reached what the family rule asks after {_requests(track.n)}"
        return Status.CERTIFIED, reason
    if track.hole is not None:
        return Status.OPEN, f"an answer is missing ({track.hole.hole}): {track.hole.detail}"
    if track.stop in _NEGATIVE:
        return _NEGATIVE[track.stop], _why_stopped(track)
    if track.position >= track.n_max:
        return Status.INCONCLUSIVE, _why_inconclusive(track, test, needed)
    return Status.OPEN, f"not finished: {track.n} of at most {_requests(track.n_max)}"


def _why_stopped(track: _Track) -> str:
    worth = track.plan.worth
    if track.stop is Stop.BELOW_BAR:
        return f"shown to be below the bar after {_requests(track.n)}"
    if track.stop is Stop.CURTAILED or worth is None:
        return "no continuation of this log within max_samples can certify"
    what = {"parity": "parity rate", "preference": "mean preference"}
    rounded_up = math.ceil(worth * 1e4 - 1e-9) / 1e4
    return (
        f"a {what.get(track.plan.estimand.name, 'mean difference')} worth certifying "
        f"({rounded_up:.4f} or more) is refuted"
    )


def _why_inconclusive(track: _Track, test: TestSpec, needed: float) -> str:
    what = "max_samples" if track.n_max == test.max_samples else "the log"
    text = f"{what} used up after {_requests(track.n)}"
    if track.is_thinned:
        return (
            f"{text}; {track.skipped} of {track.position} baseline answers were unusable, more "
            "than max_excluded allows"
        )
    if track.n < test.min_n:
        return f"{text}; a certificate takes at least {test.min_n} (min_n)"
    if track.floor is not None and _log_e(track, test) < needed <= track.state.certify.max_log_e:
        return (
            f"{text}; the baseline is not shown to agree with itself on more than {FLOOR_BAR:.0%}"
        )
    return text


def _requests(n: int) -> str:
    return f"{n} request{'s' * (n != 1)}"


def _checkpoints(n: int) -> list[int]:
    step = max(1.0, n / _PATH_POINTS)
    return sorted({round(step * (i + 1)) for i in range(min(n, _PATH_POINTS))} | {n})


def _last_point(track: _Track, *, level: float, running: bool) -> PathPoint | None:
    if not track.n:
        return None
    made_from = (track.n, level, running)
    if track.shown is None or track.shown[0] != made_from:
        track.shown = made_from, _path(track, [track.n], level=level, running=running)[-1]
    return track.shown[1]


def _path(
    track: _Track, points: Sequence[int], *, level: float, running: bool
) -> tuple[PathPoint, ...]:
    """Return the confidence sequence after some numbers of observations.

    Under e-BH a decision rests on the evidence at the time, so the bound does too; under e-Holm
    both take the best so far, and the time of the best is one of the points.
    """
    certify, below = track.state.certify.kernel, track.state.below.kernel
    if running:
        best = max(range(track.n), key=track.log_path.__getitem__) + 1
        points = sorted({*points, best})
    counts, kind_counts = Counter[float](), Counter[float]()
    found: list[PathPoint] = []
    low, high = certify.lower, certify.upper
    before = 0
    for n in points:
        counts.update(track.values[before:n])
        kind_counts.update(track.kind_values[before:n])
        before = n
        now_low = bound(certify, list(counts), list(counts.values()), alpha=level)
        now_high = bound(below, list(kind_counts), list(kind_counts.values()), alpha=level)
        low, high = (max(low, now_low), min(high, now_high)) if running else (now_low, now_high)
        mean = sum(value * times for value, times in counts.items()) / n
        log_e = max(track.log_path[n - 1], _LOWEST_LOG_E)
        found.append(PathPoint(n=n, mean=mean, low=low, high=high, log_e=log_e))
    return tuple(found)

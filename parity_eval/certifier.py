"""Observations in the seeded order to a decision per arm; names the next ones that are needed.

All arms advance in lockstep: the t-th observation of every open arm enters before the (t+1)-th of
any. So decisions depend on the observations only, never on the order in which answers arrive, nor
on how many calls are in flight.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from parity_eval.armtest import ArmPlan, ArmTest
from parity_eval.records import Arm, Decision, Missing, Observation, PassedOver
from parity_eval.stats.routing import RoutingRule, RoutingTable, route
from parity_eval.stats.state import TIE
from parity_eval.study import TestSpec

USED_RULES = {"fdr": RoutingRule.SELECTED_E_BH, "fwer": RoutingRule.HOLM}
"""The rule for many tests by the name that a study gives it."""


@dataclass(slots=True, kw_only=True)
class _Track:
    """An arm with what was got for it and has not entered its test."""

    test: ArmTest
    buffer: dict[int, Observation | PassedOver | Missing | None] = field(default_factory=dict)
    requested: int = 0
    fed: int = 0

    @property
    def n_max(self) -> int:
        return self.test.plan.n_max


class Certifier:
    """Runs the test of every arm of a study.

    Args:
        plans: All arms, those that can't be measured too.
        test: Levels, budget and guards.
    """

    def __init__(self, plans: Sequence[ArmPlan], test: TestSpec) -> None:
        self._test = test
        tasks = [plan.arm.task for plan in plans]
        self._tracks = {
            plan.arm: _Track(
                test=ArmTest(plan, test, n_rivals=tasks.count(plan.arm.task), n_arms=len(plans))
            )
            for plan in plans
        }
        self._tasks: dict[str, list[_Track]] = {}
        for track in sorted(
            self._tracks.values(), key=lambda t: (t.test.plan.arm.task, t.test.plan.price_rank)
        ):
            self._tasks.setdefault(track.test.plan.arm.task, []).append(track)
        self._turn = 0  # the position of every open arm
        self._open = [track for track in self._tracks.values() if track.test.is_open]
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
            if not track.test.is_open or track.requested >= track.n_max:
                self._queue.popleft()
            elif track.requested >= self._turn + lookahead:
                return None
            else:
                self._queue.rotate(-1)
                track.requested += 1
                return track.test.plan.arm, track.requested - 1
        return None

    def feed(
        self, arm: Arm, position: int, observation: Observation | PassedOver | Missing | None
    ) -> None:
        """Take one observation, in any order; the test sees it when its turn has come.

        Args:
            arm: Arm that it belongs to.
            position: 0-based position in the arm's order. The first observation of a position is
                final.
            observation: What was observed; `Missing` keeps the arm from going on; None: the
                baseline's own answer turned out to be unusable, and the request is passed over.
        """
        track = self._tracks[arm]
        if position < track.test.position or position in track.buffer:
            return
        track.fed += 1
        track.buffer[position] = observation
        if track.test.is_open and position == self._turn:
            self._lacking -= 1
            self._advance()

    def has_open(self) -> bool:
        """Return whether any arm could still go on."""
        return bool(self._open)

    def is_incomplete(self) -> bool:
        """Return whether an arm stopped at a hole or was not finished."""
        return any(t.test.is_waiting or t.test.is_open for t in self._tracks.values())

    def holes(self) -> dict[Arm, Missing]:
        """Return the arms that wait for an answer, with what stands in the way."""
        found = ((arm, track.test) for arm, track in self._tracks.items())
        return {arm: test.hole for arm, test in found if test.hole and test.is_waiting}

    def position(self, arm: Arm) -> int:
        """Return how many requests of an arm's order are used up."""
        return self._tracks[arm].test.position

    def waste(self, arm: Arm) -> int:
        """Return how many observations were had and not needed."""
        track = self._tracks[arm]
        return max(0, track.fed - track.test.position - (track.test.hole is not None))

    def decisions(self, *, with_path: bool = True) -> tuple[Decision, ...]:
        """Say where every arm stands.

        Args:
            with_path: Whether to compute the path of the confidence sequence too.
        """
        levels = self._route().levels
        found = [
            track.test.decision(level=level, with_path=with_path)
            for row, tracks in zip(levels, self._tasks.values(), strict=True)
            for level, track in zip(row, tracks, strict=True)
        ]
        return tuple(sorted(found, key=lambda d: d.arm))

    def certified_by(self, rule: RoutingRule) -> tuple[Arm, ...]:
        """Return what a rule would certify with the evidence as it is; decides nothing.

        Args:
            rule: The rule for many tests.
        """
        table = self._table(rule)
        rows = zip(table.certified, self._tasks.values(), strict=True)
        return tuple(tracks[j].test.plan.arm for found, tracks in rows for j in found)

    def _advance(self) -> None:
        """Consume observations as long as every open arm has its next one."""
        while self._open and not self._lacking:
            for track in self._open:
                track.test.consume(track.buffer.pop(self._turn))
            self._turn += 1
            self._close()
            self._open = [track for track in self._open if track.test.is_open]
            self._lacking = sum(self._turn not in track.buffer for track in self._open)

    def _close(self) -> None:
        """Certify and stop what can be, after one more observation of every open arm."""
        # No rule of a family certifies at less than 1 / alpha.
        least = -math.log(self._test.alpha) - TIE
        if any(self._evidence(track) >= least for track in self._open):
            table = self._route()
            for certified, tracks in zip(table.certified, self._tasks.values(), strict=True):
                for j in certified:
                    tracks[j].test.is_certified = True
        for track in self._open:
            track.test.check()

    def _route(self) -> RoutingTable:
        return self._table(USED_RULES[self._test.family])

    def _table(self, rule: RoutingRule) -> RoutingTable:
        # Whatever the rule, of a single arm the best evidence so far counts.
        running = rule is not RoutingRule.SELECTED_E_BH or len(self._tracks) == 1
        rows = [
            [track.test.evidence(running=running) for track in tracks]
            for tracks in self._tasks.values()
        ]
        return route(rule, rows, alpha=self._test.alpha)

    def _evidence(self, track: _Track) -> float:
        return track.test.evidence(running=track.test.is_running)

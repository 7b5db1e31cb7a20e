"""Charts as numbers and paths: the template only writes them down."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from parity_eval import figures
from parity_eval.figures import Scale
from parity_eval.records import CERTAIN, Decision, Estimand, PathPoint
from parity_eval.summary import RunSummary

WIDTH, HEIGHT, EVIDENCE_HEIGHT = 420, 220, 92
"""View boxes of the two charts of an arm; they share the horizontal scale."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 12, 22, 36
_EVIDENCE_TOP, _EVIDENCE_BOTTOM = 20, 8
WHISKER_WIDTH = 120
_TABLE_ROWS = 12
_LEAST_REACH, _MOST_REACH = 0.05, 0.5
_LEAST_SPAN = 0.04
"""No vertical scale spans less: a wiggle of a tenth of a point is not a trend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A mark on an axis."""

    at: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """The path of the confidence sequence of an arm, and of its evidence."""

    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    band: Markup
    mean: Markup
    bar: Tick
    stop: tuple[float, float]
    evidence: Markup
    evidence_one: float
    needed: Tick
    evidence_stop: tuple[float, float]
    log_e: float
    """Evidence for the task's own estimand, which that of the weakest gate may fall short of."""
    has_evidence: bool
    """Whether the design of the run measures any."""
    description: str
    rows: tuple[PathPoint, ...]
    """Some points of the path, as a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whisker:
    """A confidence sequence on a scale that has the bar in its middle."""

    low: float
    high: float
    mean: float


def chart(decision: Decision, estimand: Estimand, *, has_evidence: bool = True) -> Chart | None:
    """Return the charts of an arm; None where nothing was measured."""
    path = decision.path
    if not path:
        return None
    log_e = path[-1].log_e if decision.gates else decision.log_e
    x = Scale(low=0, high=1.04 * path[-1].n, start=_LEFT, stop=WIDTH - _RIGHT)
    y = _rate_scale(decision, estimand)
    e = _evidence_scale(decision)
    xs = [x(point.n) for point in path]
    lows, highs = [y(point.low) for point in path], [y(point.high) for point in path]
    return Chart(
        x_ticks=tuple(Tick(at=x(n), label=figures.count(int(n))) for n in _counts(path[-1].n)),
        y_ticks=tuple(
            Tick(at=y(value), label=figures.axis_label(estimand, value))
            for value in figures.ticks(y.low, y.high)
        ),
        band=Markup(figures.band_path(xs, lows, highs)),  # noqa: S704 - numbers only
        mean=_line((x(point.n), y(point.mean)) for point in path),
        bar=Tick(at=y(estimand.null), label=f"bar {figures.bar(estimand)}"),
        stop=(xs[-1], y.within(path[-1].mean)),
        evidence=_line((x(point.n), e.within(point.log_e)) for point in path),
        evidence_one=e(0.0),
        needed=Tick(
            at=e(decision.log_e_needed), label=f"needed {figures.e_value(decision.log_e_needed)}"
        ),
        evidence_stop=(xs[-1], e.within(path[-1].log_e)),
        log_e=log_e,
        has_evidence=has_evidence,
        description=_description(decision, estimand, log_e if has_evidence else None),
        rows=_some(path),
    )


def reach(summary: RunSummary) -> float:
    """Return how far from the bar the intervals of the decision table are drawn."""
    distances = [
        abs(arm.decision.mean - task.estimand.null)
        for task in summary.tasks
        for arm in task.arms
        if arm.decision.mean is not None
    ]
    return min(max(1.3 * max(distances, default=0.0), _LEAST_REACH), _MOST_REACH)


def whisker(decision: Decision, estimand: Estimand, distance: float) -> Whisker | None:
    """Return the interval of an arm around its bar; None where nothing was measured."""
    if decision.mean is None:
        return None
    null = estimand.null
    x = Scale(low=null - distance, high=null + distance, start=2, stop=WHISKER_WIDTH - 2)
    return Whisker(
        low=x.within(decision.low), high=x.within(decision.high), mean=x.within(decision.mean)
    )


def _line(places: Iterable[tuple[float, float]]) -> Markup:
    # As text it would be cut like any other.
    return Markup(figures.line_path(places))  # noqa: S704 - numbers only


def _rate_scale(decision: Decision, estimand: Estimand) -> Scale:
    # The band starts as wide as the scale allows; what matters is where it ends, beside the bar.
    late = [point.mean for point in decision.path[len(decision.path) // 4 :]]
    last = decision.path[-1]
    shown = (estimand.null, last.low, last.high, *late)
    room = 0.25 * max(max(shown) - min(shown), _LEAST_SPAN)
    return Scale(
        low=max(min(shown) - 2 * room, estimand.low),
        high=min(max(shown) + room, 1.0),
        start=HEIGHT - _BOTTOM,
        stop=_TOP,
    )


def _evidence_scale(decision: Decision) -> Scale:
    needed = decision.log_e_needed
    # What is certain would leave no room for the rest: the line leaves the picture there.
    logs = [0.0, needed, *(p.log_e for p in decision.path if abs(p.log_e) < CERTAIN)]
    return Scale(
        low=max(min(logs), -1.5 * needed) - 0.15 * needed,
        high=max(logs) + 0.15 * needed,
        start=EVIDENCE_HEIGHT - _EVIDENCE_BOTTOM,
        stop=_EVIDENCE_TOP,
    )


def _counts(n: int) -> tuple[float, ...]:
    return tuple(tick for tick in figures.ticks(0, n) if tick == int(tick))


def _some(path: Sequence[PathPoint]) -> tuple[PathPoint, ...]:
    """Return a few points, closer together at the start, with the last."""
    last = len(path) - 1
    share = last ** (1 / max(_TABLE_ROWS - 1, 1)) if last > 1 else 1.0
    places = {0, last, *(min(last, math.floor(share**k)) for k in range(_TABLE_ROWS))}
    return tuple(path[place] for place in sorted(places))


def _description(decision: Decision, estimand: Estimand, log_e: float | None) -> str:
    n = figures.count(decision.n)
    result = figures.result(estimand, decision)
    needed = figures.e_value(decision.log_e_needed)
    evidence = "" if log_e is None else f"; evidence {figures.e_value(log_e)}, needed {needed}"
    return (
        f"The {figures.measure_name(estimand)} over the requests used, with its confidence "
        f"sequence, which narrows until the test stops after {n}: {result}; "
        f"bar {figures.bar(estimand)}{evidence}."
    )

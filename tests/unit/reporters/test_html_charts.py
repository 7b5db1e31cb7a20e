import math
import re
from dataclasses import replace
from itertools import pairwise

import pytest
import summaries
from summaries import PARITY

from parity_eval.records import Decision, PathPoint
from parity_eval.reporters.html.charts import HEIGHT, WIDTH, Chart, chart, reach, whisker


def decision(task: int = 0, arm: int = 0) -> Decision:
    return summaries.believable().tasks[task].arms[arm].decision


def drawn(task: int = 0, arm: int = 0) -> Chart:
    found = chart(decision(task, arm), summaries.believable().tasks[task].estimand)
    assert found is not None
    return found


def places(path: str) -> list[tuple[float, float]]:
    pairs = re.findall(r"(-?[\d.]+),(-?[\d.]+)", path)
    return [(float(x), float(y)) for x, y in pairs]


def test_nothing_measured_is_not_drawn() -> None:
    assert chart(decision(2, 0), PARITY) is None
    assert whisker(decision(2, 0), PARITY, 0.1) is None


def test_the_lines_go_through_every_point_of_the_path() -> None:
    for task, arm in ((0, 0), (0, 2), (1, 1)):
        points = decision(task, arm).path
        found = drawn(task, arm)
        assert len(places(found.mean)) == len(places(found.evidence)) == len(points)
        assert len(places(found.band)) == 2 * len(points)
        assert all(x < later for (x, _), (later, _) in pairwise(places(found.mean)))


def test_where_the_lower_bound_meets_the_bar_the_band_ends_at_the_bar() -> None:
    found = drawn(0, 0)  # certified with a bound of 90.0076%
    points = places(found.band)
    last_upper, last_lower = points[len(points) // 2 - 1], points[len(points) // 2]
    assert last_lower[0] == last_upper[0] == pytest.approx(found.stop[0], abs=0.06)
    assert last_lower[1] == pytest.approx(found.bar.at, abs=0.2)
    assert last_upper[1] < found.stop[1] < last_lower[1]  # up is less


def test_the_end_of_the_path_and_the_bar_are_inside_the_chart() -> None:
    for task in (0, 1):
        for arm in (0, 1, 2):
            found = drawn(task, arm)
            for x, y in (found.stop, (WIDTH / 2, found.bar.at)):
                assert 0 < x < WIDTH
                assert 0 < y < HEIGHT
            assert all(0 < tick.at < HEIGHT for tick in found.y_ticks)
            assert 2 <= len(found.y_ticks) <= 5


def test_evidence_rises_upward_and_certifies_above_its_threshold() -> None:
    found = drawn(0, 0)
    assert found.evidence_stop[1] <= found.needed.at < found.evidence_one
    assert found.needed.label == "needed 59.8"
    rejected = drawn(0, 2)
    assert rejected.evidence_stop[1] > rejected.evidence_one > rejected.needed.at


def test_a_path_of_one_point_and_an_arm_that_never_fails() -> None:
    point = PathPoint(n=1, mean=1.0, low=0.0, high=1.0, log_e=0.1)
    one = replace(decision(), n=1, mean=1.0, low=0.0, high=1.0, path=(point,))
    found = chart(one, PARITY)
    assert found is not None
    assert found.rows == (point,)
    assert len(places(found.mean)) == 1
    assert found.y_ticks


def test_evidence_without_bound_stays_on_the_page() -> None:
    for end in (math.inf, -math.inf):
        points = decision().path
        path = (*points[:-1], replace(points[-1], log_e=end))
        found = chart(replace(decision(), path=path, log_e=end), PARITY)
        assert found is not None
        assert all(-200 < y < 400 for _, y in places(found.evidence))
        assert "inf" not in found.evidence
        assert 0 < found.evidence_stop[1] < 92


def test_the_table_holds_the_first_and_the_last_point() -> None:
    rows = drawn(0, 1).rows
    path = decision(0, 1).path
    assert (rows[0], rows[-1]) == (path[0], path[-1])
    assert len(rows) <= 13
    assert list(rows) == sorted(rows, key=lambda row: row.n)


def test_the_description_tells_what_the_drawing_shows() -> None:
    assert drawn(1, 1).description == (
        "The difference in quality over the requests used, with its confidence sequence, which "
        "narrows until the test stops after 940: -3.94 pp (-7.36 to -1.01 pp), n = 940; "
        "bar -5.00 pp; evidence 0.42, needed 20."
    )


def test_all_whiskers_share_one_scale_around_the_bar() -> None:
    summary = summaries.believable()
    distance = reach(summary)
    assert 0.05 <= distance <= 0.5
    for task in summary.tasks[:2]:
        for arm in task.arms:
            found = whisker(arm.decision, task.estimand, distance)
            assert found is not None
            assert arm.decision.mean is not None
            assert 2 <= found.low <= found.mean <= found.high <= 118
            assert (found.mean > 60) is (arm.decision.mean > task.estimand.null)


def test_the_reach_of_an_empty_run() -> None:
    assert reach(summaries.empty()) == 0.05

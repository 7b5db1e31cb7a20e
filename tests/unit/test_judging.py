import pytest
from answer_pairs import calls, pair, text

from parity_eval.judging import Vote, Winner, score_of, settled_score
from parity_eval.records import Finish, Response


@pytest.mark.parametrize(
    ("baseline", "candidate", "value", "passed", "reason"),
    [
        (text("a"), text(""), 0.0, False, "the candidate's answer is empty"),
        (text(""), text(""), 0.0, False, "the candidate's answer is empty"),
        (text("a"), text("b", Finish.LENGTH), 0.0, False, "the candidate's answer is cut off"),
        (text("a"), text("b", Finish.REFUSED), 0.0, False, "the candidate's answer is a refusal"),
        (
            text("a", Finish.REFUSED),
            text("b", Finish.REFUSED),
            0.5,
            True,
            "both answers are refusals",
        ),
        (text("a\r\nb "), text("a\nb"), 0.5, True, "identical answers: a tie"),
        (text("caf\u00e9"), text("cafe\u0301"), 0.5, True, "identical answers: a tie"),
        (
            calls(("f", '{"a": 1, "b": 2}')),
            calls(("f", '{"b":2,"a":1}')),
            0.5,
            True,
            "identical answers: a tie",
        ),
    ],
)
def test_settles_what_no_judge_need_see(
    baseline: Response,
    candidate: Response,
    value: float,
    passed: bool,  # noqa: FBT001
    reason: str,
) -> None:
    score = settled_score("judge", pair(baseline, candidate))
    assert score is not None
    assert (score.value, score.passed, score.reason) == (value, passed, reason)


@pytest.mark.parametrize(
    ("baseline", "candidate"),
    [
        (text("a"), text("b")),
        (text("A"), text("a")),  # shouting may be the task
        (text("if x:\n  y"), text("if x:\ny")),  # so may indentation
        (text(""), text("b")),
        (text("No.", Finish.REFUSED), text("b")),
        (calls(("f", "{}")), calls(("g", "{}"))),
    ],
)
def test_leaves_the_rest_to_the_judge(baseline: Response, candidate: Response) -> None:
    assert settled_score("judge", pair(baseline, candidate)) is None


@pytest.mark.parametrize(
    ("winner", "is_candidate_first", "points"),
    [
        (Winner.FIRST, True, 1.0),
        (Winner.FIRST, False, 0.0),
        (Winner.SECOND, True, 0.0),
        (Winner.SECOND, False, 1.0),
        (Winner.TIE, True, 0.5),
        (Winner.TIE, False, 0.5),
    ],
)
def test_points(winner: Winner, is_candidate_first: bool, points: float) -> None:  # noqa: FBT001
    assert winner.points(is_candidate_first=is_candidate_first) == points


@pytest.mark.parametrize(
    ("points", "value", "passed", "reason"),
    [
        ((1.0, 1.0), 1.0, True, "the candidate wins in both orders"),
        ((0.5, 0.5), 0.5, True, "the candidate ties in both orders"),
        ((0.0, 0.0), 0.0, False, "the candidate loses in both orders"),
        ((1.0, 0.5), 0.75, True, "the candidate wins when shown second; ties when shown first"),
        ((0.5, 0.0), 0.25, False, "the candidate ties when shown second; loses when shown first"),
        ((1.0, 0.0), 0.5, False, "the candidate wins when shown second; loses when shown first"),
    ],
)
def test_both_orders_count(
    points: tuple[float, float],
    value: float,
    passed: bool,  # noqa: FBT001
    reason: str,
) -> None:
    votes = tuple(
        Vote(points=each, is_candidate_first=place)
        for each, place in zip(points, (False, True), strict=True)
    )
    score = score_of("judge", votes)
    assert (score.value, score.passed, score.reason) == (value, passed, reason)
    assert score_of("judge", votes, "because").reason == f"{reason}: because"


def test_an_order_that_nobody_recorded_is_said() -> None:
    score = score_of("judge", (Vote(points=0.5, is_candidate_first=None),))
    assert score.reason == "the candidate ties in an order that was not recorded"

import pytest

from parity_eval import outcomes
from parity_eval.records import Finish, Hole, Missing, Response, Usage


def test_every_way_to_end_has_a_meaning() -> None:
    assert set(outcomes.MEANINGS) == {*Finish, *Hole}


def test_what_is_the_models_own_word_is_neither_tried_again_nor_free() -> None:
    kept = {how for how, meaning in outcomes.MEANINGS.items() if meaning.is_kept}
    assert kept == {Finish.STOP, Finish.LENGTH, Finish.TOOL_CALLS, Finish.REFUSED}
    for how in kept:
        assert outcomes.MEANINGS[how] == outcomes.Meaning(is_kept=True)


def test_what_ends_every_call_is_not_tried_again() -> None:
    fatal = {how for how, meaning in outcomes.MEANINGS.items() if meaning.is_fatal}
    assert fatal == {Hole.AUTH, Hole.QUOTA, Hole.UNKNOWN_MODEL}
    assert not any(outcomes.MEANINGS[how].is_transient for how in fatal)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Missing(hole=Hole.TIMEOUT, detail="slow"), True),
        (Missing(hole=Hole.NETWORK, detail="no connection"), False),
        (Missing(hole=Hole.NETWORK, detail="reset", may_be_billed=True), True),
        (Missing(hole=Hole.SERVER, detail="down"), False),
        (Missing(hole=Hole.RATE_LIMIT, detail="slow down"), False),
        (Response(text="", finish=Finish.INVALID), True),
        (Response(text="", finish=Finish.REJECTED), False),
        (Response(text="hi"), False),
    ],
)
def test_what_may_be_billed_for_nothing(answer: Response | Missing, *, expected: bool) -> None:
    assert outcomes.may_be_billed(answer) is expected


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (Response(text="hi"), True),
        (Response(text="hi", detail="finish_reason eos_banana"), False),
        (Response(text="", finish=Finish.REFUSED, detail="I can't"), True),
        (Response(text="", finish=Finish.REJECTED), False),
        (Response(text="", finish=Finish.INVALID), False),
    ],
)
def test_only_what_is_understood_is_kept_for_others(response: Response, *, expected: bool) -> None:
    assert outcomes.is_kept(response) is expected


def test_a_rejection_is_free_unless_it_counts_tokens() -> None:
    rejected = Response(text="", finish=Finish.REJECTED)
    counted = Response(
        text="", finish=Finish.REJECTED, usage=Usage(input_tokens=9, output_tokens=0)
    )
    assert outcomes.costs_nothing(rejected)
    assert not outcomes.costs_nothing(counted)
    assert not outcomes.costs_nothing(Response(text="", finish=Finish.REFUSED))

import asyncio

import pytest

from parity_eval.errors import IncompleteError
from parity_eval.providers.fake import Fake
from parity_eval.records import (
    Answer,
    Call,
    Hole,
    Missing,
    ModelName,
    ModelSpec,
    Purpose,
    Request,
    RequestId,
    Response,
    TaskName,
)

BUSY = Missing(hole=Hole.RATE_LIMIT, detail="busy")


def call(id_: str, sample: int = 0) -> Call:
    return Call(
        key=f"{id_}#{sample}",
        request=Request(id=RequestId(id_), body={}),
        spec=ModelSpec(name=ModelName("m"), model="m"),
        purpose=Purpose.CANDIDATE,
        task=TaskName("t"),
        sample=sample,
    )


def asked(fake: Fake, *calls: Call) -> list[Answer]:
    return [asyncio.run(fake.complete(each)) for each in calls]


def test_answers_from_a_table() -> None:
    fake = Fake(answers={"a": "yes", "b": Response(text="no"), "c": BUSY})
    assert asked(fake, call("a"), call("b"), call("c")) == [
        Response(text="yes"),
        Response(text="no"),
        BUSY,
    ]
    assert asked(fake, call("d")) == [Missing(hole=Hole.NOT_RECORDED, detail="no answer to 'd'")]
    assert [each.request.id for each in fake.calls] == ["a", "b", "c", "d"]


def test_answers_from_a_function() -> None:
    fake = Fake(answers=lambda given: f"{given.request.id}:{given.sample}")
    assert asked(fake, call("a", 1)) == [Response(text="a:1")]


def test_fails_by_script_before_it_answers_each_call() -> None:
    fake = Fake(answers={"a": "yes", "b": "b"}, failures={"a": [BUSY, BUSY]})
    found = asked(fake, call("a"), call("b"), call("a", 1), call("a"), call("a"))
    assert found == [BUSY, Response(text="b"), BUSY, BUSY, Response(text="yes")]


def test_check_raises_the_scripted_problem() -> None:
    Fake(answers={}).check()
    with pytest.raises(IncompleteError, match="down"):
        Fake(answers={}, problem=IncompleteError("down")).check()


def test_remembers_that_it_was_closed() -> None:
    fake = Fake(answers={})
    assert not fake.is_closed
    asyncio.run(fake.aclose())
    assert fake.is_closed

"""What the ledger makes of how calls end."""

import virtual_time

from parity_eval.books import cost_bound
from parity_eval.records import (
    Answer,
    Call,
    Finish,
    Hole,
    Missing,
    ModelName,
    ModelSpec,
    Price,
    Purpose,
    Request,
    RequestId,
    Response,
    TaskName,
    Usage,
)
from parity_eval.replay import Replay, ReplaySettings, call_key

SPEC = ModelSpec(
    name=ModelName("cheap"), model="openai/cheap", price=Price(input=1_000_000, output=2_000_000)
)
GOOD = Response(text="yes", usage=Usage(input_tokens=3, output_tokens=1))
LOST = Missing(hole=Hole.NETWORK, detail="reset", may_be_billed=True)
UNSENT = Missing(hole=Hole.NETWORK, detail="no connection")
GONE = Missing(hole=Hole.UNREPLAYABLE, detail="HTTP 400 invalid_image_url: no")


def call(request_id: str = "r1") -> Call:
    request = Request(
        id=RequestId(request_id),
        body={"messages": [{"role": "user", "content": "x"}], "max_tokens": 1},
    )
    return Call(
        key=call_key(request, SPEC, 0),
        request=request,
        spec=SPEC,
        purpose=Purpose.CANDIDATE,
        task=TaskName("triage"),
    )


class Script:
    """Answers in the order given, the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.n_calls = 0

    def check(self) -> None:
        """Nothing can be wrong."""

    async def complete(self, call: Call) -> Answer:
        assert call.key
        self.n_calls += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def replay(script: Script, journal: list[dict[str, object]], **settings: int) -> Replay:
    return Replay(
        {SPEC.name: script},
        journal.append,
        ReplaySettings(**settings),  # type: ignore[arg-type]
        clock=virtual_time.now,
    )


def test_what_was_lost_on_the_way_is_booked_and_what_was_never_sent_is_not() -> None:
    journal: list[dict[str, object]] = []
    books = replay(Script(UNSENT, LOST, LOST, GOOD), journal)
    assert virtual_time.run(books.answer(call())) == GOOD
    assert [record["kind"] for record in journal].count("lost") == 2
    assert books.spent_usd == 2 * cost_bound(call()) + 5.0


def test_the_last_try_may_be_billed_too() -> None:
    books = replay(Script(LOST), [], attempts=1)
    assert virtual_time.run(books.answer(call())) == LOST
    assert books.spent_usd == cost_bound(call())


def test_a_rejection_is_booked_as_free_and_one_that_counts_tokens_as_what_they_cost() -> None:
    rejected = Response(text="", finish=Finish.REJECTED, detail="HTTP 400: too long")
    counted = Response(
        text="", finish=Finish.REJECTED, usage=Usage(input_tokens=3, output_tokens=0)
    )
    books = replay(Script(rejected, counted), [])
    virtual_time.run(books.answer(call("r1")))
    assert books.spent_usd == 0.0
    virtual_time.run(books.answer(call("r2")))
    assert books.spent_usd == 3.0


def test_requests_that_are_gone_say_nothing_of_the_endpoint() -> None:
    script = Script(*[GONE] * 9, GOOD)
    books = replay(script, [], give_up_after=3)

    async def many() -> list[Answer]:
        return [await books.answer(call(f"r{n}")) for n in range(10)]

    assert virtual_time.run(many()) == [GONE] * 9 + [GOOD]
    assert script.n_calls == 10
    assert books.spent_usd == 5.0

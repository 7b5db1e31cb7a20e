import asyncio
from collections.abc import Awaitable, Callable

import pytest

from parity_eval.records import (
    Answer,
    Call,
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
from parity_eval.replay import Replay, ReplaySettings, call_key, cost_bound

SPEC = ModelSpec(
    name=ModelName("cheap"), model="openai/cheap", price=Price(input=1_000_000, output=2_000_000)
)
RECORDED = ModelSpec(name=ModelName("tape"), model="recorded", path="tape.jsonl")
GOOD = Response(text="yes", usage=Usage(input_tokens=3, output_tokens=1))
TASK = TaskName("triage")


def call(request_id: str = "r1", spec: ModelSpec = SPEC, max_tokens: int = 1) -> Call:
    request = Request(
        id=RequestId(request_id),
        body={"messages": [{"role": "user", "content": "x"}], "max_tokens": max_tokens},
    )
    return Call(
        key=call_key(request, spec, 0),
        request=request,
        spec=spec,
        purpose=Purpose.CANDIDATE,
        task=TASK,
    )


class Script:
    """Answers in the order given, the last one for ever; counts the calls."""

    def __init__(self, *answers: Answer, gate: Callable[[], Awaitable[None]] | None = None) -> None:
        self.answers = list(answers)
        self.n_calls = 0
        self.gate = gate

    def check(self) -> None:
        """Nothing can be wrong."""

    async def complete(self, call: Call) -> Answer:
        assert call.key
        self.n_calls += 1
        if self.gate:
            await self.gate()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Journal(list[dict[str, object]]):
    def kinds(self) -> list[object]:
        return [record["kind"] for record in self]


def replay(
    script: Script, journal: Journal, *, waits: list[float] | None = None, **settings: object
) -> Replay:
    async def sleep(seconds: float) -> None:
        if waits is not None:
            waits.append(seconds)

    return Replay(
        {SPEC.name: script, RECORDED.name: script},
        journal.append,
        ReplaySettings(**settings),  # type: ignore[arg-type]
        sleep=sleep,
    )


def test_a_call_is_reserved_before_it_is_sent_and_settled_after() -> None:
    journal = Journal()

    async def gate() -> None:
        assert journal.kinds() == ["reserve"]

    books = replay(Script(GOOD, gate=gate), journal)
    assert asyncio.run(books.answer(call())) == GOOD
    assert journal.kinds() == ["reserve", "answer"]
    assert journal[1]["usd"] == 5.0
    assert books.spent_usd == 5.0


def test_an_answered_call_is_never_sent_again() -> None:
    script, journal = Script(GOOD), Journal()

    async def twice() -> None:
        books = replay(script, journal)
        await books.answer(call())
        await books.answer(call())

    asyncio.run(twice())
    assert script.n_calls == 1


def test_equal_calls_at_the_same_time_share_one_answer() -> None:
    script, journal = Script(GOOD, gate=lambda: asyncio.sleep(0)), Journal()

    async def together() -> list[Answer]:
        books = replay(script, journal)
        return await asyncio.gather(*(books.answer(call()) for _ in range(5)))

    assert asyncio.run(together()) == [GOOD] * 5
    assert script.n_calls == 1


def test_a_resumed_ledger_knows_what_the_journal_holds() -> None:
    script, journal = Script(GOOD), Journal()
    asyncio.run(replay(script, journal).answer(call()))
    resumed = replay(script, Journal())
    for record in journal:
        resumed.remember(record)
    assert asyncio.run(resumed.answer(call())) == GOOD
    assert script.n_calls == 1
    assert resumed.spent_usd == 5.0
    (line,) = resumed.ledger()
    assert (line.calls, line.paid_calls, line.input_tokens, line.usd) == (1, 1, 3, 5.0)


def test_a_reservation_that_was_never_settled_counts_as_spent() -> None:
    books = replay(Script(GOOD), Journal(), max_cost_usd=100.0)
    books.remember({"kind": "reserve", "key": "lost", "usd": 99.0})
    assert books.spent_usd == 99.0
    answer = asyncio.run(books.answer(call()))
    assert isinstance(answer, Missing)
    assert answer.hole is Hole.BUDGET


@pytest.mark.parametrize("hole", [Hole.NETWORK, Hole.RATE_LIMIT, Hole.SERVER, Hole.TIMEOUT])
def test_what_can_be_retried_is_retried(hole: Hole) -> None:
    script, journal = Script(Missing(hole=hole, detail=""), GOOD), Journal()
    waits: list[float] = []
    books = replay(script, journal, waits=waits)
    assert asyncio.run(books.answer(call())) == GOOD
    assert len(waits) == 1
    if hole is Hole.TIMEOUT:
        # The provider may bill what it wrote for nothing: the bound of that try stays spent.
        assert journal.kinds() == ["reserve", "lost", "attempt", "answer"]
        assert books.spent_usd == 5.0 + cost_bound(call())
    else:
        assert journal.kinds() == ["reserve", "attempt", "answer"]
        assert books.spent_usd == 5.0


def test_lost_money_is_still_lost_after_a_resume() -> None:
    journal = Journal()
    asyncio.run(replay(Script(Missing(hole=Hole.TIMEOUT, detail=""), GOOD), journal).answer(call()))
    resumed = replay(Script(GOOD), Journal())
    for record in journal:
        resumed.remember(record)
    assert resumed.spent_usd == 5.0 + cost_bound(call())


def test_an_answer_without_a_count_of_tokens_costs_its_bound() -> None:
    books = replay(Script(Response(text="yes")), Journal())
    asyncio.run(books.answer(call()))
    assert books.spent_usd == cost_bound(call())


def test_a_call_killed_twice_counts_twice() -> None:
    books = replay(Script(GOOD), Journal())
    for _ in range(2):
        books.remember({"kind": "reserve", "key": call().key, "usd": 7.0})
    assert books.spent_usd == 14.0


def test_a_budget_waits_for_money_in_flight_before_it_says_no() -> None:
    journal = Journal()
    limit = 2 * cost_bound(call()) + 1

    async def run() -> list[Answer]:
        books = replay(
            Script(GOOD, gate=lambda: asyncio.sleep(0)), journal, max_cost_usd=limit, concurrency=9
        )
        return await asyncio.gather(*(books.answer(call(f"r{n}")) for n in range(9)))

    # Each costs 5 and reserves 62; what is settled leaves room for all nine.
    assert asyncio.run(run()) == [GOOD] * 9


def test_a_parameter_that_is_dropped_bounds_nothing() -> None:
    spec = ModelSpec(
        name=SPEC.name, model=SPEC.model, price=SPEC.price, params={"drop": ["max_tokens"]}
    )
    assert cost_bound(call(spec=spec)) > 4096 * 2


@pytest.mark.parametrize("hole", [Hole.AUTH, Hole.UNKNOWN_MODEL, Hole.QUOTA])
def test_what_cannot_get_better_is_asked_once_and_stops_the_model(hole: Hole) -> None:
    script, journal = Script(Missing(hole=hole, detail="no")), Journal()

    async def two() -> list[Answer]:
        books = replay(script, journal)
        return [await books.answer(call("r1")), await books.answer(call("r2"))]

    answers = asyncio.run(two())
    assert script.n_calls == 1
    assert [a.hole for a in answers if isinstance(a, Missing)] == [hole, hole]


def test_a_wait_that_the_provider_asks_for_is_kept() -> None:
    waits: list[float] = []
    busy = Missing(hole=Hole.RATE_LIMIT, detail="", retry_after_s=7.0)
    asyncio.run(replay(Script(busy, GOOD), Journal(), waits=waits).answer(call()))
    assert waits[0] >= 7.0


def test_a_call_that_fails_for_good_gives_its_money_back_and_is_tried_again_on_resume() -> None:
    journal = Journal()
    down = Missing(hole=Hole.SERVER, detail="down")
    books = replay(Script(down), journal, attempts=3)
    assert asyncio.run(books.answer(call())) == down
    assert journal.kinds() == ["reserve", "attempt", "attempt", "failed"]
    assert books.spent_usd == 0.0
    resumed = replay(Script(GOOD), Journal())
    for record in journal:
        resumed.remember(record)
    assert asyncio.run(resumed.answer(call())) == GOOD


def test_a_model_that_keeps_failing_is_left_alone() -> None:
    script = Script(Missing(hole=Hole.SERVER, detail="down"))

    async def many() -> None:
        books = replay(script, Journal(), attempts=1, give_up_after=3)
        for n in range(10):
            await books.answer(call(f"r{n}"))

    asyncio.run(many())
    assert script.n_calls == 3


@pytest.mark.parametrize("limit", [0.0, 50.0, 120.0, 1000.0])
def test_settled_and_reserved_dollars_never_exceed_the_budget(limit: float) -> None:
    journal = Journal()
    high: list[float] = []

    async def run() -> None:
        books = replay(
            Script(GOOD, gate=lambda: asyncio.sleep(0)), journal, max_cost_usd=limit, concurrency=4
        )

        async def one(n: int) -> None:
            await books.answer(call(f"r{n}"))
            high.append(books.spent_usd)

        await asyncio.gather(*(one(n) for n in range(40)))

    asyncio.run(run())
    assert max(high) <= limit
    assert journal.kinds().count("reserve") == journal.kinds().count("answer")


def test_the_bound_covers_what_a_call_can_cost() -> None:
    asked = call(max_tokens=10)
    # {"max_tokens":10,"messages":[{"content":"x","role":"user"}]} has 60 bytes, at a dollar each;
    # ten tokens of answer cost two dollars each.
    assert cost_bound(asked) == 60 + 20


def test_recorded_answers_cost_nothing_and_are_still_written_down() -> None:
    journal = Journal()
    books = replay(Script(GOOD), journal, max_cost_usd=0.0)
    assert asyncio.run(books.answer(call(spec=RECORDED))) == GOOD
    assert journal.kinds() == ["answer"]
    assert books.spent_usd == 0.0
    assert books.ledger()[0].paid_calls == 0


@pytest.mark.parametrize(
    "other",
    [
        call("r2"),
        call(max_tokens=2),
        call(spec=ModelSpec(name=SPEC.name, model="openai/other")),
        call(spec=ModelSpec(name=SPEC.name, model="openai/cheap", params={"seed": 1})),
        call(spec=ModelSpec(name=SPEC.name, model="openai/cheap", api_base="http://x")),
    ],
)
def test_the_identity_of_a_call_is_what_is_asked_of_whom(other: Call) -> None:
    assert other.key != call().key


def test_the_identity_of_a_call_is_not_what_the_model_is_called_or_costs() -> None:
    renamed = ModelSpec(name=ModelName("other"), model="openai/cheap")
    assert call(spec=renamed).key == call().key

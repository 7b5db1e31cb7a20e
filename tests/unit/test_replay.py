import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import virtual_time

from parity_eval.books import cost_bound
from parity_eval.records import (
    Answer,
    Call,
    Finish,
    Hole,
    JsonObject,
    Missing,
    ModelName,
    ModelSpec,
    Price,
    Purpose,
    Request,
    RequestId,
    Response,
    ServicePrice,
    TaskName,
    Usage,
)
from parity_eval.replay import Replay, ReplaySettings, call_key
from parity_eval.study import RateLimit

SPEC = ModelSpec(
    name=ModelName("cheap"), model="openai/cheap", price=Price(input=1_000_000, output=2_000_000)
)
OTHER = replace(SPEC, name=ModelName("other"), model="openai/other")
RECORDED = ModelSpec(name=ModelName("tape"), model="recorded", path="tape.jsonl")
GOOD = Response(text="yes", usage=Usage(input_tokens=3, output_tokens=1))
TASK = TaskName("triage")


def call(
    request_id: str = "r1", spec: ModelSpec = SPEC, max_tokens: int = 1, task: TaskName = TASK
) -> Call:
    request = Request(
        id=RequestId(request_id),
        body={"messages": [{"role": "user", "content": "x"}], "max_tokens": max_tokens},
    )
    return Call(
        key=call_key(request, spec, 0),
        request=request,
        spec=spec,
        purpose=Purpose.CANDIDATE,
        task=task,
    )


class Script:
    """Answers in the order given, the last one for ever; counts the calls."""

    def __init__(self, *answers: Answer, gate: Callable[[], Awaitable[None]] | None = None) -> None:
        self.answers = list(answers)
        self.sent_at: list[float] = []
        self.gate = gate

    @property
    def n_calls(self) -> int:
        return len(self.sent_at)

    def check(self) -> None:
        """Nothing can be wrong."""

    async def complete(self, call: Call) -> Answer:
        assert call.key
        self.sent_at.append(virtual_time.now())
        if self.gate:
            await self.gate()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Journal(list[dict[str, object]]):
    def kinds(self) -> list[object]:
        return [record["kind"] for record in self]


def replay(script: Script, journal: Journal, **settings: object) -> Replay:
    return Replay(
        {SPEC.name: script, OTHER.name: script, RECORDED.name: script},
        journal.append,
        ReplaySettings(**settings),  # type: ignore[arg-type]
        clock=virtual_time.now,
    )


def test_a_call_is_reserved_before_it_is_sent_and_settled_after() -> None:
    journal = Journal()

    async def gate() -> None:
        assert journal.kinds() == ["reserve"]

    books = replay(Script(GOOD, gate=gate), journal)
    assert virtual_time.run(books.answer(call())) == GOOD
    assert journal.kinds() == ["reserve", "answer"]
    assert journal[1]["usd"] == 5.0
    assert books.spent_usd == 5.0


def test_an_answered_call_is_never_sent_again() -> None:
    script, journal = Script(GOOD), Journal()

    async def twice() -> None:
        books = replay(script, journal)
        await books.answer(call())
        await books.answer(call())

    virtual_time.run(twice())
    assert script.n_calls == 1


def test_equal_calls_at_the_same_time_share_one_answer() -> None:
    script, journal = Script(GOOD, gate=lambda: asyncio.sleep(0)), Journal()

    async def together() -> list[Answer]:
        books = replay(script, journal)
        return await asyncio.gather(*(books.answer(call()) for _ in range(5)))

    assert virtual_time.run(together()) == [GOOD] * 5
    assert script.n_calls == 1


def test_a_resumed_ledger_knows_what_the_journal_holds() -> None:
    script, journal = Script(GOOD), Journal()
    virtual_time.run(replay(script, journal).answer(call()))
    resumed = replay(script, Journal())
    for record in journal:
        resumed.remember(record)
    assert virtual_time.run(resumed.answer(call())) == GOOD
    assert script.n_calls == 1
    assert resumed.spent_usd == 5.0
    (line,) = resumed.ledger()
    assert (line.calls, line.paid_calls, line.input_tokens, line.usd) == (1, 1, 3, 5.0)


def test_a_reservation_that_was_never_settled_counts_as_spent() -> None:
    books = replay(Script(GOOD), Journal(), max_cost_usd=100.0)
    books.remember({"kind": "reserve", "key": "lost", "usd": 99.0})
    assert books.spent_usd == 99.0
    answer = virtual_time.run(books.answer(call()))
    assert isinstance(answer, Missing)
    assert answer.hole is Hole.BUDGET


@pytest.mark.parametrize("hole", [Hole.NETWORK, Hole.RATE_LIMIT, Hole.SERVER, Hole.TIMEOUT])
def test_what_can_be_retried_is_retried(hole: Hole) -> None:
    script, journal = Script(Missing(hole=hole, detail=""), GOOD), Journal()
    books = replay(script, journal)
    assert virtual_time.run(books.answer(call())) == GOOD
    assert script.sent_at[1] > 0
    assert books.ledger()[0].retries == 1
    if hole is Hole.TIMEOUT:
        # The provider may bill what it wrote for nothing: the bound of that try stays spent.
        assert journal.kinds() == ["reserve", "lost", "attempt", "reserve", "answer"]
        assert books.spent_usd == 5.0 + cost_bound(call())
    else:
        assert journal.kinds() == ["reserve", "attempt", "answer"]
        assert books.spent_usd == 5.0


def test_lost_money_is_still_lost_after_a_resume() -> None:
    journal = Journal()
    virtual_time.run(
        replay(Script(Missing(hole=Hole.TIMEOUT, detail=""), GOOD), journal).answer(call())
    )
    resumed = replay(Script(GOOD), Journal())
    for record in journal:
        resumed.remember(record)
    assert resumed.spent_usd == 5.0 + cost_bound(call())


def test_an_answer_without_a_count_of_tokens_costs_its_bound() -> None:
    books = replay(Script(Response(text="yes")), Journal())
    virtual_time.run(books.answer(call()))
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
    assert virtual_time.run(run()) == [GOOD] * 9


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

    answers = virtual_time.run(two())
    assert script.n_calls == 1
    assert [a.hole for a in answers if isinstance(a, Missing)] == [hole, hole]


def test_a_wait_that_the_provider_asks_for_is_kept() -> None:
    busy = Missing(hole=Hole.RATE_LIMIT, detail="", retry_after_s=7.0)
    script = Script(busy, GOOD)
    assert virtual_time.run(replay(script, Journal()).answer(call())) == GOOD
    assert script.sent_at == [0.0, 7.0]


def test_a_call_that_fails_for_good_gives_its_money_back_and_is_tried_again_on_resume() -> None:
    journal = Journal()
    down = Missing(hole=Hole.SERVER, detail="down")
    books = replay(Script(down), journal, attempts=3)
    assert virtual_time.run(books.answer(call())) == down
    assert journal.kinds() == ["reserve", "attempt", "attempt", "failed"]
    assert books.spent_usd == 0.0
    resumed = replay(Script(GOOD), Journal())
    for record in journal:
        resumed.remember(record)
    assert virtual_time.run(resumed.answer(call())) == GOOD


def test_a_model_that_keeps_failing_is_left_alone() -> None:
    script = Script(Missing(hole=Hole.SERVER, detail="down"))

    async def many() -> None:
        books = replay(script, Journal(), attempts=1, give_up_after=3)
        for n in range(10):
            await books.answer(call(f"r{n}"))

    virtual_time.run(many())
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

    virtual_time.run(run())
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
    assert virtual_time.run(books.answer(call(spec=RECORDED))) == GOOD
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


HTML = Response(text="", finish=Finish.INVALID, detail="<html>")


def test_a_body_that_is_no_completion_is_asked_for_again_and_may_have_been_billed() -> None:
    script, journal = Script(HTML, GOOD), Journal()
    books = replay(script, journal)
    assert virtual_time.run(books.answer(call())) == GOOD
    assert journal.kinds() == ["reserve", "lost", "attempt", "reserve", "answer"]
    assert journal[2]["hole"] == "invalid"
    assert books.spent_usd == 5.0 + cost_bound(call())


def test_what_such_a_body_says_of_its_tokens_is_what_it_cost() -> None:
    counted = replace(HTML, usage=GOOD.usage)
    books = replay(Script(counted, GOOD), Journal())
    virtual_time.run(books.answer(call()))
    assert books.spent_usd == 10.0


def test_a_body_that_stays_so_is_what_the_model_gave() -> None:
    script, journal = Script(HTML), Journal()
    books = replay(script, journal, attempts=3)
    assert virtual_time.run(books.answer(call())) == HTML
    assert script.n_calls == 3
    assert journal.kinds().count("lost") == 2
    assert journal.kinds()[-1] == "answer"
    assert books.spent_usd == 3 * cost_bound(call())


def test_an_endpoint_that_gives_nothing_else_is_left_alone_and_counts_against_nobody() -> None:
    script, journal = Script(HTML), Journal()

    async def many() -> list[Answer]:
        books = replay(script, journal)
        return await asyncio.gather(*(books.answer(call(f"r{n}")) for n in range(30)))

    answers = virtual_time.run(many())
    assert {a.hole for a in answers if isinstance(a, Missing)} == {Hole.SERVER}
    assert all(isinstance(answer, Missing) for answer in answers)
    assert "answer" not in journal.kinds()


def test_a_dead_endpoint_is_probed_and_not_hammered() -> None:
    script = Script(Missing(hole=Hole.SERVER, detail="down"))

    async def many() -> list[Answer]:
        books = replay(script, Journal(), concurrency=16)
        return await asyncio.gather(*(books.answer(call(f"r{n}")) for n in range(200)))

    answers = virtual_time.run(many())
    assert [(a.hole, a.detail) for a in answers if isinstance(a, Missing)] == [
        (Hole.SERVER, "down")
    ] * 200
    # Those in flight when it died, and then one at a time.
    assert script.n_calls <= 16 + 6


def test_an_endpoint_that_comes_back_loses_nothing() -> None:
    class Outage(Script):
        async def complete(self, call: Call) -> Answer:
            self.sent_at.append(virtual_time.now())
            await asyncio.sleep(0.1)
            is_down = 1.0 < virtual_time.now() < 15.0
            return Missing(hole=Hole.SERVER, detail="down") if is_down else GOOD

    script = Outage()

    async def many() -> list[Answer]:
        books = replay(script, Journal(), concurrency=4)
        return await asyncio.gather(*(books.answer(call(f"r{n}")) for n in range(200)))

    assert virtual_time.run(many()) == [GOOD] * 200
    assert script.n_calls <= 200 + 2 * 4 + 5


def test_a_wait_that_is_longer_than_ours_ends_at_once_in_the_providers_words() -> None:
    late = Missing(hole=Hole.RATE_LIMIT, detail="come back at noon", retry_after_s=3600.0)
    script = Script(late)

    async def many() -> tuple[list[Answer], float]:
        books = replay(script, Journal(), concurrency=1, max_wait_s=120.0)
        answers = await asyncio.gather(*(books.answer(call(f"r{n}")) for n in range(3)))
        return answers, virtual_time.now()

    answers, now = virtual_time.run(many())
    assert now == 0.0
    assert script.n_calls == 1
    for answer in answers:
        assert isinstance(answer, Missing)
        assert answer.hole is Hole.RATE_LIMIT
        assert answer.detail.startswith("come back at noon; ")
        assert "replay.max_wait_s, 120 s" in answer.detail


def test_a_call_that_is_refused_again_and_again_ends_too() -> None:
    class OneUnlucky(Script):
        async def complete(self, call: Call) -> Answer:
            self.sent_at.append(virtual_time.now())
            return GOOD if call.request.id != "r0" else Missing(hole=Hole.RATE_LIMIT, detail="no")

    async def many() -> list[Answer]:
        books = replay(OneUnlucky(), Journal(), attempts=2, concurrency=2)
        return await asyncio.gather(*(books.answer(call(f"r{n}")) for n in range(2000)))

    answers = virtual_time.run(many())
    assert [n for n, answer in enumerate(answers) if isinstance(answer, Missing)] == [0]


def test_a_back_off_holds_no_slot_and_no_other_model() -> None:
    late = Missing(hole=Hole.RATE_LIMIT, detail="", retry_after_s=100.0)

    class Two(Script):
        async def complete(self, call: Call) -> Answer:
            self.sent_at.append(virtual_time.now())
            return GOOD if call.spec is OTHER or virtual_time.now() > 50 else late

    async def many() -> float:
        books = replay(Two(), Journal(), concurrency=1)
        slow = asyncio.ensure_future(books.answer(call("slow")))
        await asyncio.gather(*(books.answer(call(f"r{n}", OTHER)) for n in range(20)))
        at = virtual_time.now()
        assert await slow == GOOD
        assert virtual_time.now() == 100.0
        return at

    assert virtual_time.run(many()) == 0.0


def test_winding_down_ends_what_waits_and_keeps_what_is_on_its_way() -> None:
    script, journal = Script(GOOD, gate=lambda: asyncio.sleep(5.0)), Journal()

    async def run() -> tuple[list[Answer], float]:
        books = replay(script, journal, concurrency=2)
        calls = [asyncio.ensure_future(books.answer(call(f"r{n}"))) for n in range(5)]
        await asyncio.sleep(1.0)
        books.wind_down()
        answers = await asyncio.gather(*calls)
        answers.append(await books.answer(call("late")))
        return answers, virtual_time.now()

    answers, now = virtual_time.run(run())
    assert now == 5.0
    assert answers[:2] == [GOOD, GOOD]
    assert [a.hole for a in answers[2:] if isinstance(a, Missing)] == [Hole.INTERRUPTED] * 4
    assert journal.kinds() == ["reserve", "reserve", "answer", "answer"]


@pytest.mark.parametrize("first", [Missing(hole=Hole.SERVER, detail="down"), HTML])
def test_winding_down_ends_a_back_off_at_once(first: Answer) -> None:
    script, journal = Script(first, GOOD), Journal()

    async def run() -> tuple[Answer, float]:
        books = replay(script, journal)
        asked = asyncio.ensure_future(books.answer(call()))
        await asyncio.sleep(1e-9)
        books.wind_down()
        return await asked, virtual_time.now()

    answer, now = virtual_time.run(run())
    assert isinstance(answer, Missing)
    assert answer.hole is Hole.INTERRUPTED
    assert now < 1e-6
    assert journal.kinds()[-1] in ("failed", "attempt")
    assert script.n_calls == 1


def test_winding_down_ends_a_wait_for_money() -> None:
    async def run() -> list[Answer]:
        script = Script(GOOD, gate=lambda: asyncio.sleep(5.0))
        books = replay(script, Journal(), max_cost_usd=cost_bound(call()))
        calls = [asyncio.ensure_future(books.answer(call(f"r{n}"))) for n in range(2)]
        await asyncio.sleep(1.0)
        books.wind_down()
        return await asyncio.gather(*calls)

    first, second = virtual_time.run(run())
    assert first == GOOD
    assert isinstance(second, Missing)
    assert second.hole is Hole.INTERRUPTED


def test_the_limit_of_a_task_ends_that_task_only() -> None:
    other = TaskName("replies")

    async def run() -> list[Answer]:
        books = replay(Script(GOOD), Journal(), task_max_usd={TASK: cost_bound(call()) + 4.0})
        return [
            await books.answer(call(f"{task}{n}", task=task))
            for task in (TASK, other)
            for n in "123"
        ]

    answers = virtual_time.run(run())
    holes = [a.detail if isinstance(a, Missing) else "" for a in answers]
    assert holes == [
        "",
        *["tasks.triage.max_usd of $65.00 does not cover this call"] * 2,
        *[""] * 3,
    ]


def test_what_the_log_says_of_answers_bounds_those_without_a_limit() -> None:
    free = call()
    body = {key: value for key, value in free.request.body.items() if key != "max_tokens"}
    free = replace(free, request=replace(free.request, body=body))
    journal = Journal()
    virtual_time.run(replay(Script(GOOD), journal, output_tokens={TASK: 300}).answer(free))
    assert journal[0]["usd"] == cost_bound(free, 300)
    judged, journal = replace(free, purpose=Purpose.JUDGE), Journal()
    virtual_time.run(replay(Script(GOOD), journal, output_tokens={TASK: 300}).answer(judged))
    assert journal[0]["usd"] == cost_bound(free, 4096)


def test_no_money_for_another_try_is_a_matter_of_the_budget() -> None:
    script, journal = Script(HTML), Journal()
    books = replay(script, journal, max_cost_usd=1.5 * cost_bound(call()))
    answer = virtual_time.run(books.answer(call()))
    assert isinstance(answer, Missing)
    assert answer.hole is Hole.BUDGET
    assert script.n_calls == 1
    assert books.spent_usd == cost_bound(call())


def test_retries_are_counted_and_survive_a_resume() -> None:
    down = Missing(hole=Hole.SERVER, detail="down")
    journal = Journal()
    books = replay(Script(down, down, GOOD), journal)
    virtual_time.run(books.answer(call()))
    resumed = replay(Script(GOOD), Journal())
    for record in journal:
        resumed.remember(record)
    assert resumed.ledger() == books.ledger()
    assert resumed.ledger()[0].retries == 2


def unlimited(request_id: str) -> Call:
    asked = call(request_id)
    body = {key: value for key, value in asked.request.body.items() if key != "max_tokens"}
    return replace(asked, request=replace(asked.request, body=body))


@pytest.mark.parametrize("n_covered", [0, 1, 3, 7, 20])
def test_answers_that_cost_all_that_they_may_never_exceed_the_budget(n_covered: int) -> None:
    # {"max_tokens":1,...} has 59 bytes; a dollar each, and two for the answer.
    script = Script(
        Response(text="yes", usage=Usage(input_tokens=59, output_tokens=1)),
        gate=lambda: asyncio.sleep(1.0),
    )
    high: list[float] = []

    async def run() -> None:
        books = replay(script, Journal(), max_cost_usd=61.0 * n_covered + 30, concurrency=8)

        async def one(n: int) -> None:
            await books.answer(call(f"r{n}"))
            high.append(books.spent_usd)

        await asyncio.gather(*(one(n) for n in range(20)))

    virtual_time.run(run())
    assert script.n_calls == n_covered
    assert max(high) == 61.0 * n_covered


@pytest.mark.parametrize(("ask", "n_out"), [(call, 4), (unlimited, 2)])
def test_an_endpoint_that_breaks_its_bounds_costs_no_more_than_the_calls_that_were_out(
    ask: Callable[[str], Call], n_out: int
) -> None:
    long = Response(text="yes", usage=Usage(input_tokens=59, output_tokens=100_000))
    script = Script(long, gate=lambda: asyncio.sleep(1.0))
    notes: list[str] = []

    async def run() -> list[Answer]:
        books = replay(script, Journal(), max_cost_usd=50_000.0, concurrency=32)
        books.on_note = notes.append
        return await asyncio.gather(*(books.answer(ask(f"r{n}")) for n in range(64)))

    answers = virtual_time.run(run())
    assert script.n_calls == n_out
    assert answers[:n_out] == [long] * n_out
    left = answers[-1]
    assert isinstance(left, Missing)
    assert left.hole is Hole.BUDGET
    assert "such calls cost more than their bounds" in left.detail
    (note,) = notes
    assert "task 'triage'" in note
    assert "cost $200,059.0000" in note


def test_after_a_broken_bound_the_run_goes_on_within_its_budget() -> None:
    long = Response(text="yes", usage=Usage(input_tokens=59, output_tokens=100))
    script = Script(long, gate=lambda: asyncio.sleep(1.0))

    async def run() -> float:
        books = replay(script, journal, max_cost_usd=3000.0, concurrency=32)
        await asyncio.gather(*(books.answer(call(f"r{n}")) for n in range(64)))
        return books.spent_usd

    journal = Journal()

    # Each costs 259 and twice that is reserved.
    assert virtual_time.run(run()) == 259.0 * 10
    assert script.n_calls == 10
    reserved = [record["usd"] for record in journal if record["kind"] == "reserve"]
    assert reserved == [61.0] * 4 + [518.0] * 6


def test_a_call_that_waited_for_its_turn_is_not_sent_once_the_budget_is_gone() -> None:
    long = Response(text="yes", usage=Usage(input_tokens=59, output_tokens=100))
    script = Script(long, gate=lambda: asyncio.sleep(1.0))

    async def run() -> float:
        books = replay(script, Journal(), max_cost_usd=200.0, concurrency=1)
        await asyncio.gather(*(books.answer(call(f"r{n}")) for n in range(3)))
        return books.spent_usd

    assert virtual_time.run(run()) == 259.0
    assert script.n_calls == 1


def test_a_budget_that_an_open_end_uses_up_says_how_to_limit_it() -> None:
    books = replay(Script(GOOD), Journal(), max_cost_usd=100.0)
    answer = virtual_time.run(books.answer(unlimited("r1")))
    assert isinstance(answer, Missing)
    assert "`params: {max_tokens: N}`" in answer.detail


def test_a_budget_that_an_image_uses_up_says_so() -> None:
    seen = call()
    image: JsonObject = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
    message: JsonObject = {"role": "user", "content": [dict(image)]}
    body: JsonObject = {"messages": [dict(message)], "max_tokens": 1}
    seen = replace(seen, request=replace(seen.request, body=body))
    answer = virtual_time.run(replay(Script(GOOD), Journal(), max_cost_usd=100.0).answer(seen))
    assert isinstance(answer, Missing)
    assert "an image may have 50,000 tokens" in answer.detail


def test_what_was_lost_on_the_way_may_have_been_billed() -> None:
    cut = Missing(hole=Hole.NETWORK, detail="cut", may_be_billed=True)
    journal = Journal()
    books = replay(Script(cut, GOOD), journal)
    assert virtual_time.run(books.answer(call())) == GOOD
    assert journal.kinds() == ["reserve", "lost", "attempt", "reserve", "answer"]
    assert books.spent_usd == 5.0 + cost_bound(call())
    (line,) = books.ledger()
    assert (line.usd, line.lost_usd) == (5.0, cost_bound(call()))


@pytest.mark.parametrize("usage", [None, Usage(input_tokens=7, output_tokens=0)])
def test_a_rejection_costs_what_the_endpoint_says_or_nothing(usage: Usage | None) -> None:
    rejected = Response(text="", finish=Finish.REJECTED, usage=usage)
    books = replay(Script(rejected), Journal())
    virtual_time.run(books.answer(call()))
    assert books.spent_usd == (7.0 if usage else 0.0)


def test_a_dearer_service_is_booked_at_its_price() -> None:
    fast = Price(input=3_000_000, output=4_000_000)
    price = replace(SPEC.price or fast, service=(ServicePrice(name="priority", price=fast),))
    spec = replace(SPEC, price=price, params={"service_tier": "priority"})
    books = replay(Script(GOOD), Journal())
    virtual_time.run(books.answer(call(spec=spec)))
    assert books.spent_usd == 3 * 3 + 4


class Gathers(Script):
    """Holds calls like a provider of batches."""

    def __init__(self, sent: set[str]) -> None:
        super().__init__(GOOD)
        self.sent = sent

    def holds(self, key: str) -> bool:
        return key in self.sent

    def was_sent(self, key: str) -> bool:
        return key in self.sent


def test_what_no_batch_ever_held_is_not_spent() -> None:
    journal = Journal()
    record = {"kind": "reserve", "task": TASK, "purpose": "candidate", "usd": 7.0}
    for key, model in (("sent", SPEC), ("unsent", SPEC), ("single", OTHER)):
        journal.append({**record, "key": key, "model": model.name})

    def resumed() -> Replay:
        books = Replay(
            {SPEC.name: Gathers({"sent"}), OTHER.name: Script(GOOD)},
            journal.append,
            ReplaySettings(),
        )
        for known in tuple(journal):
            books.remember(known)
        return books

    books = resumed()
    assert books.spent_usd == 21.0
    books.release_unsent()
    assert books.spent_usd == 14.0
    assert resumed().spent_usd == 14.0
    assert journal.kinds() == ["reserve"] * 3 + ["failed"]


def test_limits_per_minute_hold_across_processes() -> None:
    journal = Journal()
    limits = {SPEC.name: RateLimit(rpm=3)}

    async def ask(script: Script, names: str) -> None:
        books = replay(script, journal, limits=limits)
        for record in tuple(journal):
            books.remember(record)
        await asyncio.gather(*(books.answer(call(name)) for name in names))

    virtual_time.run(ask(Script(GOOD), "ab"))
    later = Script(GOOD)
    virtual_time.run(ask(later, "cde"))
    assert [round(at) for at in later.sent_at] == [0, 60, 60]


def test_without_a_limit_the_journal_holds_no_times() -> None:
    journal = Journal()
    virtual_time.run(replay(Script(GOOD), journal).answer(call()))
    assert "at" not in journal[0]


class Announces(Script):
    pause_s = 0.0

    async def complete(self, call: Call) -> Answer:
        answer = await super().complete(call)
        self.pause_s = 30.0 if self.n_calls == 1 else 0.0
        return answer


def test_an_endpoint_that_says_that_nothing_is_left_is_not_asked() -> None:
    script = Announces(GOOD)

    async def run() -> None:
        books = replay(script, Journal())
        for name in "abc":
            await books.answer(call(name))

    virtual_time.run(run())
    assert script.sent_at == [0.0, 30.0, 30.0]

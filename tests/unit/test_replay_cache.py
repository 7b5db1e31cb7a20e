"""Equal calls share an answer across log ids and runs; each keeps its own row in the journal."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from parity_eval.books import cost_bound
from parity_eval.cache import Cached, content_key
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
RECORDED = ModelSpec(name=ModelName("tape"), model="recorded", path="tape.jsonl")
GOOD = Response(text="yes", usage=Usage(input_tokens=3, output_tokens=1), latency_s=0.5)
KNOWN = Cached(response=replace(GOOD, text="known"), usd=5.0, at=1_700_000_000, run_id="earlier")
DOWN = Missing(hole=Hole.AUTH, detail="no")


def call(request_id: str = "r1", spec: ModelSpec = SPEC, sample: int = 0) -> Call:
    request = Request(
        id=RequestId(request_id),
        body={"messages": [{"role": "user", "content": "x"}], "max_tokens": 1},
    )
    return Call(
        key=call_key(request, spec, sample),
        request=request,
        spec=spec,
        purpose=Purpose.CANDIDATE,
        task=TaskName("triage"),
        sample=sample,
    )


class Shelf(dict[str, Cached]):
    """A cache in memory."""

    def put(self, key: str, response: Response, *, usd: float) -> None:
        self[key] = Cached(response=response, usd=usd, at=7, run_id="this")


class Script:
    def __init__(self, *answers: Answer, gate: Callable[[], Awaitable[None]] | None = None) -> None:
        self.answers, self.n_calls, self.gate = list(answers), 0, gate

    def check(self) -> None:
        """Nothing can be wrong."""

    async def complete(self, call: Call) -> Answer:
        self.n_calls += 1
        if self.gate:
            await self.gate()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Journal(list[dict[str, object]]):
    def kinds(self) -> list[object]:
        return [record["kind"] for record in self]


def replay(script: Script, journal: Journal, shelf: Shelf, **settings: object) -> Replay:
    async def sleep(_: float) -> None:
        await asyncio.sleep(0)

    return Replay(
        {SPEC.name: script, RECORDED.name: script},
        journal.append,
        ReplaySettings(**settings),  # type: ignore[arg-type]
        cache=shelf,
        sleep=sleep,
    )


async def together(books: Replay, *calls: Call) -> list[Answer]:
    return await asyncio.gather(*(books.answer(item) for item in calls))


def test_a_known_answer_is_neither_asked_for_nor_paid() -> None:
    script, journal, shelf = Script(GOOD), Journal(), Shelf({content_key(call()): KNOWN})
    books = replay(script, journal, shelf, max_cost_usd=0.0)
    assert asyncio.run(books.answer(call())) == KNOWN.response
    assert script.n_calls == 0
    assert books.spent_usd == 0.0
    (record,) = journal
    assert record["kind"] == "answer"
    assert (record["key"], record["request"]) == (call().key, "r1")
    assert (record["usd"], record["paid"]) == (0.0, False)
    assert (record["cached_from"], record["at"]) == ("earlier", 1_700_000_000)
    (line,) = books.ledger()
    assert (line.calls, line.paid_calls, line.cached, line.usd) == (1, 0, 1, 0.0)


def test_a_resumed_ledger_knows_which_answers_were_shared() -> None:
    journal, shelf = Journal(), Shelf({content_key(call()): KNOWN})
    books = replay(Script(GOOD), journal, shelf)
    asyncio.run(books.answer(call()))
    script = Script(GOOD)
    resumed = replay(script, Journal(), Shelf())
    for record in journal:
        resumed.remember(record)
    assert resumed.ledger() == books.ledger()
    assert asyncio.run(resumed.answer(call())) == KNOWN.response
    assert script.n_calls == 0


def test_an_answer_is_kept_for_others_once_it_is_in_the_journal() -> None:
    journal = Journal()

    class Late(Shelf):
        def put(self, key: str, response: Response, *, usd: float) -> None:
            assert journal.kinds() == ["reserve", "answer"]
            super().put(key, response, usd=usd)

    shelf = Late()
    asyncio.run(replay(Script(GOOD), journal, shelf).answer(call()))
    found = shelf[content_key(call())]
    assert (found.response, found.usd) == (GOOD, 5.0)


def test_equal_requests_with_ids_of_their_own_are_asked_once() -> None:
    script, journal = Script(GOOD, gate=lambda: asyncio.sleep(0)), Journal()
    books = replay(script, journal, Shelf())
    calls = [call(f"r{n}") for n in range(5)]
    assert asyncio.run(together(books, *calls)) == [GOOD] * 5
    assert script.n_calls == 1
    rows = [record for record in journal if record["kind"] == "answer"]
    assert {record["key"] for record in rows} == {item.key for item in calls}
    assert [record["paid"] for record in rows].count(True) == 1
    assert books.spent_usd == 5.0


def test_a_second_sample_is_an_answer_of_its_own() -> None:
    script, shelf = Script(GOOD), Shelf({content_key(call()): KNOWN})
    assert asyncio.run(replay(script, Journal(), shelf).answer(call(sample=1))) == GOOD
    assert script.n_calls == 1


def test_a_call_that_failed_leaves_the_next_equal_one_to_try() -> None:
    busy = Missing(hole=Hole.BUDGET, detail="odd")
    script = Script(busy, GOOD, gate=lambda: asyncio.sleep(0))
    books = replay(script, Journal(), Shelf())
    assert asyncio.run(together(books, call("r1"), call("r2"))) == [busy, GOOD]


def test_a_known_answer_is_given_even_where_the_model_is_out_of_reach() -> None:
    shelf = Shelf({content_key(call()): KNOWN})
    other = call(spec=replace(SPEC, params={"top_p": 0.5}))
    books = replay(Script(DOWN), Journal(), shelf)
    assert asyncio.run(together(books, other)) == [DOWN]
    assert asyncio.run(together(books, call())) == [KNOWN.response]


def test_recordings_are_not_shared() -> None:
    tape = call(spec=RECORDED)
    script, shelf = Script(GOOD), Shelf({content_key(tape): KNOWN})
    assert asyncio.run(replay(script, Journal(), shelf).answer(tape)) == GOOD
    assert len(shelf) == 1


def test_a_full_disk_leaves_nobody_waiting_for_money() -> None:
    class Full(Shelf):
        def put(self, key: str, response: Response, *, usd: float) -> None:
            raise OSError(28, "No space left on device")

    calls = [call(spec=replace(SPEC, params={"seed": n})) for n in (1, 2)]
    limit = 1.5 * cost_bound(calls[0])  # one call at a time

    async def run() -> list[Answer | BaseException]:
        script = Script(GOOD, gate=lambda: asyncio.sleep(0))
        books = replay(script, Journal(), Full(), max_cost_usd=limit)
        found = asyncio.gather(*(books.answer(c) for c in calls), return_exceptions=True)
        return await asyncio.wait_for(found, timeout=30)

    assert [type(item) for item in asyncio.run(run())] == [OSError, OSError]


def test_what_is_no_answer_is_offered_to_the_cache_and_asked_for_again() -> None:
    # What is kept is the cache's business: see test_cache.py.
    refused = replace(GOOD, finish=Finish.REFUSED)
    shelf = Shelf()
    assert asyncio.run(replay(Script(refused), Journal(), shelf).answer(call())) == refused
    assert shelf[content_key(call())].response == refused


def test_the_newest_answer_is_the_latest_that_a_live_model_gave() -> None:
    journal = Journal()
    books = replay(Script(GOOD), journal, Shelf({content_key(call()): KNOWN}))
    asyncio.run(together(books, call("tape", RECORDED)))
    assert books.newest_at is None
    asyncio.run(together(books, call()))
    assert books.newest_at == KNOWN.at
    asyncio.run(together(books, call(sample=1)))
    stamps = [record["at"] for record in journal if record.get("paid")]
    assert [books.newest_at] == stamps
    again = replay(Script(GOOD), Journal(), Shelf())
    for record in reversed(journal):
        again.remember(record)
    assert again.newest_at == books.newest_at


def hidden(answer: Answer) -> Answer:
    if isinstance(answer, Missing):
        return replace(answer, detail=answer.detail.replace("ann", "[name]"))
    text = answer.text.replace("ann", "[name]")
    return answer if text == answer.text else replace(answer, text=text)


def test_what_is_hidden_is_neither_written_nor_lent_to_others() -> None:
    journal, shelf = Journal(), Shelf()
    books = replay(Script(replace(GOOD, text="ann did")), journal, shelf, mask=hidden)
    answer = asyncio.run(books.answer(call()))
    assert isinstance(answer, Response)
    assert answer.text == "[name] did"
    assert "ann" not in str(journal)
    # Another study may hide less, and would compare a placeholder.
    assert not shelf
    assert books.known(call().key) == answer


def test_an_answer_with_nothing_to_hide_is_lent() -> None:
    shelf = Shelf()
    asyncio.run(replay(Script(GOOD), Journal(), shelf, mask=hidden).answer(call()))
    assert [kept.response for kept in shelf.values()] == [GOOD]


def test_an_answer_of_a_time_when_nothing_was_hidden_is_hidden() -> None:
    old = replace(KNOWN, response=replace(GOOD, text="ann knew"))
    journal, shelf = Journal(), Shelf({content_key(call()): old})
    answer = asyncio.run(replay(Script(GOOD), journal, shelf, mask=hidden).answer(call()))
    assert isinstance(answer, Response)
    assert answer.text == "[name] knew"
    assert "ann" not in str(journal)


def test_recordings_and_what_endpoints_complain_of_are_hidden_too() -> None:
    journal = Journal()
    books = replay(Script(replace(GOOD, text="ann")), journal, Shelf(), mask=hidden)
    answer = asyncio.run(books.answer(call(spec=RECORDED)))
    assert isinstance(answer, Response)
    assert answer.text == "[name]"
    no = Missing(hole=Hole.AUTH, detail="no key of ann")
    asyncio.run(replay(Script(no), journal, Shelf(), mask=hidden).answer(call()))
    assert "no key of [name]" in str(journal)
    assert "ann" not in str(journal)

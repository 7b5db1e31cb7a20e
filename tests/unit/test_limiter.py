import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest
import virtual_time
from hypothesis import given, settings
from hypothesis import strategies as st

from parity_eval.limiter import Limiter, Permit
from parity_eval.limits import Patience
from parity_eval.records import Answer, Hole, Missing, ModelName, Response, Usage
from parity_eval.study import RateLimit

A, B = ModelName("a"), ModelName("b")
GOOD = Response(text="yes")
STOP = Missing(hole=Hole.AUTH, detail="wrong key")


def busy(retry_after_s: float | None = None) -> Missing:
    return Missing(hole=Hole.RATE_LIMIT, detail="busy", retry_after_s=retry_after_s)


def limiter(
    concurrency: int = 4,
    limits: dict[str, RateLimit] | None = None,
    shares: dict[ModelName, str] | None = None,
) -> Limiter:
    return Limiter(concurrency, limits, shares, Patience(), clock=virtual_time.now)


class Calls:
    """Sends calls through a limiter and remembers when, and how many at a time."""

    def __init__(self, held: Limiter, takes_s: float = 1.0) -> None:
        self.held = held
        self.takes_s = takes_s
        self.sent: list[tuple[float, ModelName, int]] = []
        self.in_flight = 0
        self.most = 0

    async def one(
        self, model: ModelName, order: int, answer: Answer = GOOD, tokens: float = 0.0
    ) -> Permit | Missing:
        permit = await self.held.enter(model, tokens, order)
        if isinstance(permit, Missing):
            return permit
        self.sent.append((virtual_time.now(), model, order))
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        await asyncio.sleep(self.takes_s)
        self.in_flight -= 1
        self.held.leave(permit, answer)
        return permit

    def times(self, model: ModelName) -> list[float]:
        return [at for at, who, _ in self.sent if who == model]


@settings(deadline=None)
@given(
    rpm=st.integers(1, 7),
    n=st.integers(1, 40),
    concurrency=st.integers(1, 12),
    takes_s=st.floats(0, 30),
)
def test_never_more_calls_than_the_limit_in_any_minute(
    rpm: int, n: int, concurrency: int, takes_s: float
) -> None:
    async def run() -> Calls:
        calls = Calls(limiter(concurrency, {A: RateLimit(rpm=rpm)}), takes_s)
        await asyncio.gather(*(calls.one(A, i) for i in range(n)))
        return calls

    calls = virtual_time.run(run())
    sent = calls.times(A)
    assert len(sent) == n
    assert calls.most <= concurrency
    assert all(b - a > 60 - 1e-6 for a, b in zip(sent, sent[rpm:], strict=False))


def test_models_of_one_provider_share_its_limit() -> None:
    async def run() -> Calls:
        held = limiter(9, {"openai": RateLimit(rpm=4)}, {A: "openai", B: "openai"})
        calls = Calls(held, 0.0)
        await asyncio.gather(*(calls.one(model, i) for i in range(4) for model in (A, B)))
        return calls

    calls = virtual_time.run(run())
    assert [at for at, _, _ in calls.sent] == [0.0] * 4 + [60.0] * 4
    assert len(calls.times(A)) == len(calls.times(B)) == 4


def test_tokens_are_counted_as_they_come_to() -> None:
    used = Response(text="", usage=Usage(input_tokens=10, output_tokens=0))

    async def run() -> Calls:
        calls = Calls(limiter(9, {A: RateLimit(tpm=100)}))
        for i in range(20):
            await calls.one(A, i, used, tokens=60)
        return calls

    # 10 tokens each as they turn out; 60 must fit before a call is sent.
    assert virtual_time.run(run()).times(A) == [float(i) for i in range(5)] + [
        60.0 + i for i in range(5)
    ] + [120.0 + i for i in range(5)] + [180.0 + i for i in range(5)]


def test_a_model_that_is_paused_does_not_hold_up_another() -> None:
    async def run() -> Calls:
        calls = Calls(limiter(concurrency=2))
        await calls.one(A, 0, busy(50.0))
        await asyncio.gather(*(calls.one(m, i) for m in (A, B) for i in range(1, 5)))
        return calls

    calls = virtual_time.run(run())
    assert calls.times(B) == [1.0, 1.0, 2.0, 2.0]
    assert calls.times(A)[1:] == [51.0, 52.0, 53.0, 53.0]


def test_models_take_turns_where_there_are_few_slots() -> None:
    async def run() -> Calls:
        calls = Calls(limiter(concurrency=1))
        await asyncio.gather(*(calls.one(m, i) for m in (A, B) for i in range(6)))
        return calls

    order = [model for _, model, _ in virtual_time.run(run()).sent]
    assert all(one != two for one, two in pairwise(order[1:-1]))


def test_the_oldest_call_goes_first() -> None:
    async def run() -> Calls:
        calls = Calls(limiter(concurrency=1))
        await asyncio.gather(*(calls.one(A, i) for i in (9, 3, 7, 1)))
        return calls

    assert [order for _, _, order in virtual_time.run(run()).sent] == [9, 1, 3, 7]


def test_all_calls_that_wait_hear_that_a_model_is_stopped() -> None:
    async def run() -> list[Permit | Missing]:
        calls = Calls(limiter(concurrency=1))
        waiting = [asyncio.ensure_future(calls.one(A, i)) for i in range(4)]
        await asyncio.sleep(0.5)
        calls.held.shut(A, STOP)
        calls.held.shut(A, busy())
        heard = await asyncio.gather(*waiting)
        assert virtual_time.now() == 1.0
        return [*heard, await calls.held.enter(A, 0.0, 9)]

    first, *others = virtual_time.run(run())
    assert isinstance(first, Permit)
    assert others == [replace(STOP, is_unsent=True)] * 4


def test_a_stopped_model_leaves_the_others_alone() -> None:
    async def run() -> Calls:
        calls = Calls(limiter(concurrency=1))
        calls.held.shut(A, STOP)
        await calls.one(B, 0)
        return calls

    assert virtual_time.run(run()).times(B) == [0.0]


def test_nothing_is_sent_once_all_are_shut_be_they_known_or_not() -> None:
    async def run() -> tuple[Permit | Missing, Permit | Missing]:
        held = limiter()
        held.counts_tokens(A)
        held.shut_all(STOP)
        return await held.enter(A, 0.0, 0), await held.enter(B, 0.0, 0)

    assert virtual_time.run(run()) == (replace(STOP, is_unsent=True),) * 2


def test_a_rest_ends_when_the_model_is_stopped() -> None:
    async def run() -> float:
        held = limiter()
        resting = asyncio.ensure_future(held.rest(A, 100.0))
        await asyncio.sleep(3.0)
        held.shut(A, STOP)
        await resting
        return virtual_time.now()

    assert virtual_time.run(run()) == 3.0


@pytest.mark.parametrize("when", ["waiting", "granted"])
def test_a_call_that_is_broken_off_leaves_its_place_to_the_next(when: str) -> None:
    async def run() -> Permit | Missing:
        held = limiter(concurrency=1)
        first = await held.enter(A, 0.0, 0)
        assert isinstance(first, Permit)
        second = asyncio.ensure_future(held.enter(A, 0.0, 1))
        third = asyncio.ensure_future(held.enter(A, 0.0, 2))
        await asyncio.sleep(0)
        if when == "granted":
            held.leave(first, GOOD)
        second.cancel()
        if when == "waiting":
            held.leave(first, GOOD)
        return await third

    assert isinstance(virtual_time.run(run()), Permit)


def test_small_calls_do_not_pass_a_large_one_for_ever() -> None:
    limits = {"openai": RateLimit(tpm=1000)}

    async def run() -> Calls:
        calls = Calls(limiter(9, limits, {A: "openai", B: "openai"}), 0.0)

        async def small(i: int) -> None:
            await asyncio.sleep(i)
            await calls.one(A, 10 * i, tokens=50.0)

        async def large() -> None:
            await asyncio.sleep(5.5)
            await calls.one(B, 55, tokens=900.0)

        await asyncio.gather(large(), *(small(i) for i in range(300)))
        return calls

    calls = virtual_time.run(run())
    (at,) = calls.times(B)
    assert at <= 66.0
    assert len(calls.times(A)) == 300


def test_a_model_that_is_paused_reserves_nothing_of_what_it_shares() -> None:
    limits = {"openai": RateLimit(tpm=1000)}

    async def run() -> Calls:
        calls = Calls(limiter(9, limits, {A: "openai", B: "openai"}), 0.0)
        await calls.one(A, 0, tokens=500.0)
        await calls.one(B, 1, busy(300.0), tokens=0.0)
        await asyncio.gather(calls.one(B, 2, tokens=900.0), calls.one(A, 3, tokens=400.0))
        return calls

    assert virtual_time.run(run()).times(A) == [0.0, 0.0]


def test_what_an_earlier_process_sent_counts() -> None:
    async def run() -> Calls:
        calls = Calls(limiter(9, {A: RateLimit(rpm=3)}), 0.0)
        for age_s in (100.0, 50.0, 20.0):
            calls.held.recall(A, 0.0, age_s)
        await asyncio.gather(*(calls.one(A, i) for i in range(3)))
        return calls

    assert virtual_time.run(run()).times(A) == [0.0, 10.0, 40.0]


@pytest.mark.parametrize(("seconds", "until"), [(20.0, 20.0), (86_400.0, 60.0)])
def test_an_endpoint_that_says_that_nothing_is_left_is_left_alone(
    seconds: float, until: float
) -> None:
    async def run() -> Calls:
        calls = Calls(limiter(), 0.0)
        await calls.one(A, 0)
        calls.held.pause(A, seconds)
        await asyncio.gather(calls.one(A, 1), calls.one(B, 2))
        return calls

    calls = virtual_time.run(run())
    assert calls.times(A) == [0.0, until]
    assert calls.times(B) == [0.0]

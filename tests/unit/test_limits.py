import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_eval.limits import Gate, Meter, Patience, Ticket, outcome_of, provider_of
from parity_eval.records import Answer, Finish, Hole, Missing, ModelName, ModelSpec, Response
from parity_eval.study import RateLimit

GOOD = Response(text="yes")
HTML = Response(text="", finish=Finish.INVALID)
DOWN = Missing(hole=Hole.SERVER, detail="down")


def busy(retry_after_s: float | None = None) -> Missing:
    return Missing(hole=Hole.RATE_LIMIT, detail="busy", retry_after_s=retry_after_s)


def gate(ceiling: int = 8, max_wait_s: float = 120.0, probes: int = 6) -> Gate:
    return Gate(ceiling=ceiling, patience=Patience(max_wait_s=max_wait_s, probes=probes))


def one(gate: Gate, answer: Answer, now: float) -> bool:
    return gate.end(gate.send(), answer, now)


def send(gate: Gate, n: int) -> list[Ticket]:
    return [gate.send() for _ in range(n)]


class TestMeter:
    @given(
        rpm=st.integers(1, 5),
        gaps=st.lists(st.floats(0, 40, allow_nan=False), min_size=1, max_size=40),
    )
    def test_never_more_calls_than_its_limit_in_any_minute(
        self, rpm: int, gaps: list[float]
    ) -> None:
        meter, now, sent = Meter(RateLimit(rpm=rpm)), 0.0, list[float]()
        for gap in gaps:
            now += gap
            now += meter.wait_s(now, 0.0)
            meter.take(now, 0.0)
            sent.append(now)
        assert all(b - a > 60 - 1e-9 for a, b in zip(sent, sent[rpm:], strict=False))

    @given(tokens=st.lists(st.floats(1, 150), min_size=1, max_size=30))
    def test_never_more_tokens_than_its_limit_in_any_minute_but_of_one_call(
        self, tokens: list[float]
    ) -> None:
        meter, now, sent = Meter(RateLimit(tpm=100)), 0.0, list[tuple[float, float]]()
        for n in tokens:
            now += meter.wait_s(now, n)
            assert meter.wait_s(now, n) <= 1e-9
            meter.take(now, n)
            sent.append((now, n))
            window = [m for at, m in sent if at > now - 60 + 1e-9]
            assert sum(window) <= 100 + 1e-6 or window == [n]

    def test_what_a_call_came_to_counts_instead_of_what_was_assumed(self) -> None:
        meter = Meter(RateLimit(tpm=100))
        sent = meter.take(0.0, 90.0)
        assert meter.wait_s(1.0, 50.0) == 59.0
        meter.end(sent, 10.0)
        assert meter.wait_s(1.0, 50.0) == 0.0

    def test_a_limit_on_calls_at_a_time_waits_for_one_to_end(self) -> None:
        meter = Meter(RateLimit(concurrency=1))
        sent = meter.take(0.0, 0.0)
        assert meter.wait_s(1e9, 0.0) == math.inf
        meter.end(sent, None)
        assert meter.wait_s(1.0, 0.0) == 0.0


class TestRefusals:
    def test_the_wait_that_is_asked_for_holds_for_the_whole_model(self) -> None:
        calls = gate()
        one(calls, busy(7.0), 1.0)
        assert calls.wait_s(1.0) == 7.0
        assert calls.wait_s(8.0) == 0.0

    def test_the_longest_of_several_counts(self) -> None:
        calls = gate()
        first, second = send(calls, 2)
        calls.end(first, busy(7.0), 0.0)
        calls.end(second, busy(3.0), 0.0)
        assert calls.wait_s(0.0) == 7.0

    def test_where_none_is_asked_for_pauses_get_longer(self) -> None:
        calls, now, pauses = gate(), 0.0, []
        for _ in range(4):
            one(calls, busy(), now)
            pauses.append(calls.wait_s(now))
            now += pauses[-1]
        assert pauses == [0.5, 1.0, 2.0, 4.0]

    def test_refusals_of_one_round_are_one_pause(self) -> None:
        calls = gate()
        for ticket in send(calls, 8):
            calls.end(ticket, busy(), 0.0)
        assert calls.wait_s(0.0) == 0.5

    def test_a_round_of_refusals_halves_what_is_sent_at_a_time(self) -> None:
        calls = gate(ceiling=8)
        for ticket in send(calls, 8):
            calls.end(ticket, busy(1.0), 0.0)
        assert calls.width == 4.0

    def test_it_never_shrinks_below_one_and_grows_back_to_the_ceiling(self) -> None:
        calls, now = gate(ceiling=8, max_wait_s=math.inf), 0.0
        for _ in range(50):
            one(calls, busy(1.0), now)
            now += calls.wait_s(now)
        assert calls.width == 1.0
        for _ in range(150):
            one(calls, GOOD, now)
        assert calls.width == 8.0

    def test_after_a_pause_calls_come_back_little_by_little(self) -> None:
        calls = gate(ceiling=8)
        for ticket in send(calls, 8):
            calls.end(ticket, busy(1.0), 0.0)
        allowed = []
        for _ in range(5):
            tickets = []
            while calls.wait_s(1.0) == 0.0:
                tickets.append(calls.send())
            allowed.append(len(tickets))
            for ticket in tickets:
                calls.end(ticket, GOOD, 1.0)
        assert allowed == [1, 2, 4, 4, 5]

    def test_answers_to_what_was_sent_before_say_nothing_about_the_pause(self) -> None:
        calls = gate(ceiling=8)
        early, late = send(calls, 4), calls.send()
        calls.end(late, busy(9.0), 0.0)
        ramp = calls.ramp
        for ticket in early:
            calls.end(ticket, GOOD, 0.0)
        assert calls.wait_s(0.0) == 9.0
        assert calls.ramp == ramp

    def test_answers_to_what_was_sent_later_end_the_pause(self) -> None:
        calls = gate(ceiling=8)
        first, *later = send(calls, 4)
        calls.end(first, busy(9.0), 0.0)
        calls.end(later[0], GOOD, 0.0)
        assert calls.paused_until == 9.0
        calls.end(later[1], GOOD, 0.5)
        assert calls.wait_s(0.5) == 0.0

    def test_one_in_three_refused_is_a_limit(self) -> None:
        calls = gate(ceiling=8)
        first, second, *later = send(calls, 5)
        calls.end(first, busy(9.0), 0.0)
        calls.end(second, busy(9.0), 0.0)
        for ticket in later:
            calls.end(ticket, GOOD, 0.0)
        assert calls.wait_s(0.0) == 9.0

    def test_they_do_not_once_it_has_run_its_time(self) -> None:
        calls = gate(ceiling=8)
        one(calls, busy(9.0), 0.0)
        width = calls.width
        for _ in range(4):
            one(calls, GOOD, 10.0)
        grown = calls.width
        assert width < grown < width + 0.5
        calls.end(calls.send(), busy(1.0), 10.0)
        assert calls.width == (grown - 0.5) / 2

    def test_a_wait_above_the_limit_uses_up_all_patience_at_once(self) -> None:
        assert one(gate(max_wait_s=120.0), busy(121.0), 0.0)
        assert not one(gate(max_wait_s=120.0), busy(120.0), 0.0)

    def test_patience_ends_where_nothing_is_served_for_so_long(self) -> None:
        calls, now, n = gate(max_wait_s=120.0), 0.0, 0
        while not one(calls, busy(50.0), now):
            now, n = now + calls.wait_s(now), n + 1
        assert n == 2

    def test_an_answer_renews_it(self) -> None:
        calls, now = gate(max_wait_s=60.0), 0.0
        for _ in range(20):
            assert not one(calls, busy(50.0), now)
            now += calls.wait_s(now)
            one(calls, GOOD, now)

    def test_an_overloaded_server_that_names_a_time_refuses(self) -> None:
        calls = gate()
        one(calls, Missing(hole=Hole.SERVER, detail="503", retry_after_s=5.0), 0.0)
        assert calls.wait_s(0.0) == 5.0


class TestFailures:
    @pytest.mark.parametrize("answer", [DOWN, HTML])
    def test_five_in_a_row_pause_the_model(self, answer: Answer) -> None:
        calls = gate()
        for _ in range(4):
            one(calls, answer, 0.0)
        assert calls.wait_s(0.0) == 0.0
        one(calls, answer, 0.0)
        assert calls.wait_s(0.0) == 1.0

    def test_four_and_an_answer_do_not(self) -> None:
        calls = gate()
        for _ in range(5):
            for answer in (DOWN, DOWN, DOWN, DOWN, GOOD):
                one(calls, answer, 0.0)
        assert calls.wait_s(0.0) == 0.0

    def test_then_one_call_finds_out(self) -> None:
        calls = gate()
        for ticket in send(calls, 8):
            calls.end(ticket, DOWN, 0.0)
        assert calls.wait_s(0.0) == 1.0
        probe = calls.send()
        assert calls.wait_s(1.0) == math.inf
        calls.end(probe, DOWN, 1.0)
        assert calls.wait_s(1.0) == 2.0
        one(calls, GOOD, 3.0)
        send(calls, 2)
        assert calls.wait_s(3.0) == math.inf

    def test_the_calls_of_one_round_are_one_pause(self) -> None:
        calls = gate(probes=2)
        assert not any(calls.end(ticket, DOWN, 0.0) for ticket in send(calls, 8))

    def test_so_many_pauses_and_it_is_dead(self) -> None:
        calls, now, n = gate(probes=6), 0.0, 0
        while not one(calls, DOWN, now):
            now, n = now + calls.wait_s(now), n + 1
        assert n == 9
        assert now == 1 + 2 + 4 + 8 + 16

    def test_one_that_has_served_is_tried_as_long_as_one_that_refuses(self) -> None:
        calls, now = gate(max_wait_s=120.0, probes=2), 0.0
        one(calls, GOOD, now)
        while not one(calls, DOWN, now):
            now += calls.wait_s(now)
        assert now == 1 + 2 + 4 + 8 + 16 + 32 + 64

    def test_an_outage_is_counted_from_its_own_beginning(self) -> None:
        calls, now = gate(max_wait_s=120.0, probes=2), 0.0
        for _ in range(20):
            one(calls, GOOD, now)
            for _ in range(7):
                assert not one(calls, DOWN, now)
                now += calls.wait_s(now) + 10.0

    def test_what_a_prompt_causes_says_that_the_endpoint_is_there(self) -> None:
        calls = gate()
        for _ in range(4):
            one(calls, DOWN, 0.0)
        one(calls, Response(text="", finish=Finish.REJECTED), 0.0)
        one(calls, DOWN, 0.0)
        assert calls.wait_s(0.0) == 0.0


def test_a_start_is_gradual() -> None:
    calls = gate(ceiling=64)
    send(calls, 31)
    assert calls.wait_s(0.0) == 0.0
    calls.send()
    assert calls.wait_s(0.0) == math.inf


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (GOOD, "served"),
        (Response(text="", finish=Finish.REFUSED), "served"),
        (HTML, "broken"),
        (busy(), "refused"),
        (Missing(hole=Hole.TIMEOUT, detail=""), "broken"),
        (Missing(hole=Hole.NETWORK, detail=""), "broken"),
        (Missing(hole=Hole.AUTH, detail=""), "other"),
        (Missing(hole=Hole.QUOTA, detail="", retry_after_s=9.0), "other"),
    ],
)
def test_what_an_answer_says_about_its_endpoint(answer: Answer, outcome: str) -> None:
    assert outcome_of(answer) == outcome


@pytest.mark.parametrize(
    ("model", "api_base", "name"),
    [
        ("anthropic/claude", None, "anthropic"),
        ("gpt-4o-mini", None, "openai"),
        ("openai/llama", "http://localhost:8000/v1", "localhost:8000"),
    ],
)
def test_models_of_one_endpoint_share_a_name(model: str, api_base: str | None, name: str) -> None:
    assert provider_of(ModelSpec(name=ModelName("m"), model=model, api_base=api_base)) == name

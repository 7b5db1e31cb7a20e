from dataclasses import replace

import pytest

from parity_eval import codec
from parity_eval.books import (
    Books,
    account_of,
    answers_like_the_log,
    bound_of,
    cost_bound,
    output_bound,
    paid_price,
    tokens_estimate,
)
from parity_eval.records import (
    Call,
    JsonObject,
    LongPrice,
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

SPEC = ModelSpec(
    name=ModelName("cheap"), model="openai/cheap", price=Price(input=1_000_000, output=2_000_000)
)
TRIAGE, REPLIES = TaskName("triage"), TaskName("replies")


def call(key: str = "k", task: TaskName = TRIAGE, **body: object) -> Call:
    content: JsonObject = {"messages": [{"role": "user", "content": "x"}], **body}  # type: ignore[dict-item]
    return Call(
        key=key,
        request=Request(id=RequestId(key), body=content),
        spec=SPEC,
        purpose=Purpose.CANDIDATE,
        task=task,
    )


def priced(price: Price, **body: object) -> Call:
    asked = call()
    content = {**asked.request.body, **body}
    request = replace(asked.request, body=content)  # type: ignore[arg-type]
    return replace(asked, request=request, spec=replace(SPEC, price=price))


def served(price: Price) -> ServicePrice:
    return ServicePrice(name="priority", price=price)


def test_an_answer_is_bounded_by_the_requests_own_limit_first() -> None:
    n_bytes = 44  # {"messages":[{"content":"x","role":"user"}]}
    assert cost_bound(call(), output_tokens=300) == n_bytes + 2 * 300
    assert cost_bound(call()) == n_bytes + 2 * 4096
    assert cost_bound(call(max_tokens=10), output_tokens=300) == n_bytes + 16 + 2 * 10


def test_tokens_of_a_limit_per_minute_are_reckoned_before_the_call() -> None:
    assert tokens_estimate(call()) == 44 / 4 + 256
    assert tokens_estimate(call(max_tokens=10)) == 60 / 4 + 10


@pytest.mark.parametrize(
    ("counts", "bound"),
    [
        ([500] * 99, 4096),
        ([500] * 100, 1000),
        ([7] * 5000, 256),
        ([10] * 999 + [9000], 256),
        ([10] * 998 + [9000] * 2, 18_000),
        ([400] * 99 + [None], 4096),
    ],
)
def test_the_log_says_how_long_answers_are(counts: list[int | None], bound: int) -> None:
    usages = [n if n is None else Usage(input_tokens=1, output_tokens=n) for n in counts]
    assert output_bound(usages) == bound


def test_the_log_says_nothing_about_the_answers_of_a_judge() -> None:
    assert [p for p in Purpose if not answers_like_the_log(p)] == [Purpose.JUDGE, Purpose.PLACEBO]


def test_a_task_has_a_limit_of_its_own() -> None:
    books = Books(max_usd=100.0, task_max_usd={TRIAGE: 10.0})
    books.lose(account_of(call()), 6.0)
    short = books.shortage(call(), 5.0)
    assert short is not None
    assert short.why == "tasks.triage.max_usd of $10.00 does not cover this call"
    assert short.is_final
    assert books.shortage(call(task=REPLIES), 5.0) is None


def test_only_a_tasks_own_calls_can_give_it_money_back() -> None:
    books = Books(task_max_usd={TRIAGE: 10.0})
    books.reserve("other", account_of(call(task=REPLIES)), 50.0)
    books.lose(account_of(call()), 6.0)
    short = books.shortage(call(), 5.0)
    assert short is not None
    assert short.is_final
    books.reserve("own", account_of(call()), 1.0)
    short = books.shortage(call(), 5.0)
    assert short is not None
    assert not short.is_final


def test_what_is_reserved_is_spent_until_it_is_given_back() -> None:
    books = Books(max_usd=10.0)
    books.reserve("k", account_of(call()), 0.1)
    books.reserve("l", account_of(call(task=REPLIES)), 0.2)
    assert books.spent() == pytest.approx(0.3)
    assert books.spent(TRIAGE) == 0.1
    assert books.release("k") == 0.1
    assert books.release("k") == 0.0
    books.release("l")
    assert books.spent() == books.spent(TRIAGE) == books.spent(REPLIES) == 0.0


def test_a_limit_is_kept_across_processes() -> None:
    books = Books(task_max_usd={TRIAGE: 10.0})
    for record in (
        {"kind": "reserve", "key": "a", "task": "triage", "usd": 4.0},
        {"kind": "lost", "key": "a", "task": "triage", "usd": 3.0},
        {"kind": "reserve", "key": "a", "task": "triage", "usd": 4.0},
        {"kind": "reserve", "key": "b", "task": "triage", "usd": 2.0},
        {"kind": "failed", "key": "b", "task": "triage"},
    ):
        books.remember(record)
    assert books.spent(TRIAGE) == 7.0
    assert books.shortage(call(), 3.5) is not None
    assert books.shortage(call(), 3.0) is None


IMAGE = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
EMBEDDED = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 400_000}}
SOUND = {"type": "input_audio", "input_audio": {"data": "A" * 1000, "format": "wav"}}
DOCUMENT = {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}}


def showing(part: dict[str, object]) -> Call:
    return call(messages=[{"role": "user", "content": [part]}], max_tokens=1)


@pytest.mark.parametrize(
    ("part", "least", "most"),
    [
        (IMAGE, 50_000, 50_300),
        (EMBEDDED, 50_000, 50_300),
        (SOUND, 1000, 1300),
        (DOCUMENT, 300_000, 300_300),
        ({"type": "text", "text": "x" * 1000}, 1000, 1300),
    ],
)
def test_what_is_no_text_is_not_bounded_by_its_bytes(
    part: dict[str, object], least: int, most: int
) -> None:
    assert least < cost_bound(showing(part)) < most


@pytest.mark.parametrize(
    ("limits", "n_output"),
    [
        ({"max_tokens": -1}, None),
        ({"max_tokens": 0}, None),
        ({"max_tokens": -100_000, "max_completion_tokens": 7}, 7),
        ({"max_tokens": 8000, "max_completion_tokens": 1}, 8000),
        ({"max_tokens": True}, None),
        ({"max_tokens": "9000"}, None),
        ({"max_tokens": 9.0}, 9),
    ],
)
def test_a_limit_that_is_none_limits_nothing(limits: JsonObject, n_output: int | None) -> None:
    asked = priced(Price(input=1_000_000, output=2_000_000), **limits)
    n_input = len(codec.encode(asked.request.body))
    found = bound_of(asked, 300)
    assert found.usd == n_input + 2 * (n_output or 300)
    assert found.is_unlimited == (n_output is None)


def test_what_a_model_writes_at_most_bounds_an_answer_that_the_request_does_not() -> None:
    price = Price(input=1_000_000, output=2_000_000, most_output=16_384)
    found = bound_of(priced(price), 300)
    assert (found.usd, found.is_unlimited) == (44 + 2 * 16_384, False)
    assert cost_bound(priced(price, max_tokens=10)) == 60 + 2 * 10


def test_a_bound_is_reckoned_at_the_dearest_price_that_may_apply() -> None:
    million = 1_000_000.0
    long = LongPrice(above=50, price=Price(input=3 * million, output=5 * million))
    price = Price(
        input=million, output=2 * million, cache_write=1.25 * million, reasoning=4 * million,
        long=(long,), service=(served(Price(input=7 * million, output=9 * million)),),
    )  # fmt: skip
    assert cost_bound(priced(price, max_tokens=10)) == 60 * 3 + 5 * 10
    assert cost_bound(priced(price), 10) == 44 * 1.25 + 4 * 10
    tier = len(b',"service_tier":"priority"')
    asked = priced(price, max_tokens=10, service_tier="priority")
    assert cost_bound(asked) == (60 + tier) * 7 + 9 * 10


def test_a_request_pays_for_the_service_that_it_asks_for() -> None:
    fast = Price(input=7, output=9)
    price = Price(input=1, output=2, service=(served(fast),))
    assert paid_price(priced(price)) == price
    assert paid_price(priced(price, service_tier="default")) == price
    assert paid_price(priced(price, service_tier="priority")) == fast
    asked = priced(price, service_tier="priority")
    slow = replace(asked, spec=replace(asked.spec, params={"drop": ["service_tier"]}))
    assert paid_price(slow) == price
    own = replace(slow, spec=replace(asked.spec, params={"service_tier": "priority"}))
    assert paid_price(own) == fast


def test_what_is_lost_stands_in_the_ledger() -> None:
    books = Books()
    books.remember(
        {
            "kind": "lost", "key": "a", "purpose": "judge", "task": "triage", "model": "j",
            "usd": 3.0,
        }
    )  # fmt: skip
    books.lose(account_of(call()), 2.0)
    lines = {(line.purpose, line.model): (line.usd, line.lost_usd) for line in books.ledger()}
    assert lines == {("judge", "j"): (0.0, 3.0), ("candidate", "cheap"): (0.0, 2.0)}


def test_a_broken_bound_is_stretched_for_those_on_their_way_too() -> None:
    books = Books(max_usd=1000.0)
    account, other = account_of(call()), account_of(call(task=REPLIES))
    for key in "ab":
        books.reserve(key, account, 10.0)
    books.reserve("c", other, 10.0)
    assert books.close("a", 30.0) == 30.0
    # Twice the largest, as 30 was three times its bound; the other task is another matter.
    assert (books.stretch(account), books.stretch(other)) == (6.0, 1.0)
    assert (books.held("b"), books.held("c")) == (60.0, 10.0)
    assert books.spent() == 70.0
    assert books.close("b", 60.0) == 60.0
    assert books.stretch(account) == 6.0
    assert books.close("c", None) == 10.0


def test_a_broken_bound_is_known_after_a_resume() -> None:
    books = Books()
    account = {"purpose": "candidate", "task": "triage", "model": "cheap"}
    for record in (
        {"kind": "reserve", "key": "a", "usd": 10.0},
        {"kind": "reserve", "key": "b", "usd": 10.0},
        {"kind": "lost", "key": "a", "usd": 30.0},
    ):
        books.remember({**record, **account})
    assert books.stretch(account_of(call())) == 6.0
    assert books.spent() == 30.0 + 60.0


def test_an_answer_from_the_cache_says_nothing_about_a_try_that_was_killed() -> None:
    books = Books()
    books.remember({"kind": "reserve", "key": "a", "task": "triage", "usd": 10.0})
    books.remember({"kind": "answer", "key": "a", "task": "triage", "usd": 0.0, "paid": False})
    assert books.spent() == 10.0


@pytest.mark.parametrize(("is_unlimited", "most"), [(False, (4, 4, 8)), (True, (2, 2, 2))])
def test_few_calls_are_out_that_could_break_their_bounds(
    *, is_unlimited: bool, most: tuple[int, ...]
) -> None:
    books = Books(max_usd=0.9)
    answer = Response(text="", usage=Usage(input_tokens=1, output_tokens=1))

    def n_out() -> int:
        n = 0
        while books.untried(call(), 1.0, is_unlimited=is_unlimited) is None:
            books.reserve(f"{n}", account_of(call()), 1.0)
            n += 1
        for i in range(n):
            books.release(f"{i}")
        return n

    found = []
    for n_more in (0, 1, 3):
        for _ in range(n_more):
            books.enter(account_of(call()), answer, usd=1.0, is_paid=True)
        found.append(n_out())
    assert tuple(found) == most
    assert books.untried(call(task=REPLIES), 1.0, is_unlimited=True) is None


def test_where_the_limit_is_far_away_nobody_waits() -> None:
    books = Books(max_usd=1000.0, task_max_usd={TRIAGE: 505.0})
    for n in range(5):
        assert books.untried(call(), 100.0, is_unlimited=True) is None
        books.reserve(f"{n}", account_of(call()), 1.0)
    # Six calls at their worst would go past the limit of the task, beside what is reserved.
    assert books.untried(call(), 100.0, is_unlimited=True) is not None
    assert books.untried(call(task=REPLIES), 100.0, is_unlimited=True) is None


def test_without_a_limit_no_call_waits_for_others() -> None:
    books = Books()
    for n in range(100):
        books.reserve(f"{n}", account_of(call()), 1.0)
    assert books.untried(call(), 1.0, is_unlimited=True) is None

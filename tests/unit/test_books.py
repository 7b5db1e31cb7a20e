import pytest

from parity_eval.books import Books, answers_like_the_log, cost_bound, output_bound, tokens_estimate
from parity_eval.records import (
    Call,
    JsonObject,
    ModelName,
    ModelSpec,
    Price,
    Purpose,
    Request,
    RequestId,
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
    books.lose(TRIAGE, 6.0)
    short = books.shortage(call(), 5.0)
    assert short is not None
    assert short.why == "tasks.triage.max_usd of $10.00 does not cover this call"
    assert short.is_final
    assert books.shortage(call(task=REPLIES), 5.0) is None


def test_only_a_tasks_own_calls_can_give_it_money_back() -> None:
    books = Books(task_max_usd={TRIAGE: 10.0})
    books.reserve("other", REPLIES, 50.0)
    books.lose(TRIAGE, 6.0)
    short = books.shortage(call(), 5.0)
    assert short is not None
    assert short.is_final
    books.reserve("own", TRIAGE, 1.0)
    short = books.shortage(call(), 5.0)
    assert short is not None
    assert not short.is_final


def test_what_is_reserved_is_spent_until_it_is_given_back() -> None:
    books = Books(max_usd=10.0)
    books.reserve("k", TRIAGE, 0.1)
    books.reserve("l", REPLIES, 0.2)
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

"""The pass over a log: what it counts, in which order, and in how much memory."""

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from makers import entry

from parity_eval import codec, documents, stocktake
from parity_eval.census import Census
from parity_eval.records import LogEntry, Reject, Response, Skipped, Usage
from parity_eval.stocktake import Stocktake

COUNTED = Usage(input_tokens=1000, output_tokens=100)
GPT_4O_USD = 1000 * 2.5e-6 + 100 * 10e-6


def call(i: int, **changes: Any) -> LogEntry:  # noqa: ANN401
    answer = Response(text="yes", usage=COUNTED, model_served="gpt-4o-2024-11-20")
    made = replace(entry(f"r{i:04}", task=f"t{i % 3}"), model="gpt-4o", response=answer, path="a")
    return replace(made, line=i + 1, user=f"u{i % 50}", session=f"s{i % 100}", **changes)


def taken(*items: LogEntry | Skipped | Reject, **settings: object) -> Census:
    made = Stocktake(**settings)  # type: ignore[arg-type]
    made.files.open("a", "canonical", "a log")
    for item in items:
        made.add(item)
    found = made.census(log=["a"], n_files=1)
    documents.check(msgspec.json.decode(codec.encode(found)), "inspect.v1.json", "the census")
    return found


def test_the_order_of_the_rows_plays_no_part() -> None:
    rows = [call(i % 250) for i in range(300)]
    rng = np.random.default_rng(3)
    first = replace(taken(*rows, n_distinct=64), skipped=())
    assert first.is_distinct_estimated
    for _ in range(3):
        mixed = taken(*(rows[i] for i in rng.permutation(len(rows))), n_distinct=64)
        assert replace(mixed, skipped=()) == first


def test_tokens_dollars_and_tasks_add_up() -> None:
    found = taken(*(call(i) for i in range(90)))
    assert found.volume.usd == pytest.approx(90 * GPT_4O_USD)
    assert (found.volume.input_tokens, found.volume.output_tokens) == (90_000, 9_000)
    assert [(task.name, task.volume.n) for task in found.tasks] == [
        ("t0", 30), ("t1", 30), ("t2", 30),
    ]  # fmt: skip
    assert sum(task.volume.usd for task in found.tasks) == pytest.approx(found.volume.usd)
    assert [model.priced_as for model in found.models] == ["gpt-4o-2024-11-20"]
    assert found.top_tasks_share == pytest.approx((1 / 3, 2 / 3, 1))


def test_what_a_gateway_answered_from_its_cache_costs_nothing() -> None:
    found = taken(call(1), call(2, is_cache_hit=True))
    assert (found.n_cache_hits, found.volume.n) == (1, 2)
    assert found.volume.usd == pytest.approx(GPT_4O_USD)


def test_a_logged_cost_stands_apart() -> None:
    found = taken(call(1, cost_usd=9.0), call(2))
    assert (found.volume.logged_usd, found.volume.n_logged_usd) == (9.0, 1)
    assert found.volume.usd == pytest.approx(2 * GPT_4O_USD)


def test_tokens_that_nobody_counted_are_estimated_and_said() -> None:
    found = taken(replace(call(1), response=Response(text="x" * 400)))
    assert (found.volume.n_counted, found.volume.n_estimated) == (0, 1)
    assert found.volume.output_tokens == 100
    assert "usage" in [lack.what for lack in found.lacks]


def test_an_unknown_price_is_unknown_and_not_nothing() -> None:
    strange = replace(call(1), model="in-house", response=Response(text="a", usage=COUNTED))
    found = taken(strange)
    assert found.volume.known_usd is None
    assert found.volume.n_unpriced == 1
    assert "prices" in [lack.what for lack in found.lacks]
    assert found.next_command == "parity-eval inspect a --suggest-tasks"


def test_a_row_that_is_repeated_counts_once_and_a_contradiction_is_a_reject() -> None:
    other = replace(call(1), response=Response(text="no", usage=COUNTED))
    found = taken(call(1), call(1), other)
    assert (found.n_rows, found.n_requests) == (3, 1)
    assert [reason.n for reason in found.skipped] == [1]
    assert [reason.reason for reason in found.rejected] == [
        "duplicate id 'r0001', with other content"
    ]


def test_equal_requests_are_duplicates_and_still_count() -> None:
    rows = [
        replace(call(i), request=replace(call(i).request, body=call(0).request.body))
        for i in range(5)
    ]
    found = taken(*rows, call(7))
    assert (found.n_requests, found.n_distinct, found.most_repeated) == (6, 2, 5)


def test_more_than_there_is_room_for_is_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stocktake, "N_SEARCHED", 100)
    found = taken(
        *(call(i) for i in range(3000)), n_ids=500, n_distinct=500, find=lambda _: {"email": 1}
    )
    # The relative error of 500 kept values is about 4.5%.
    assert found.n_distinct == pytest.approx(3000, rel=0.15)
    assert found.is_distinct_estimated
    assert found.n_searched == 100
    assert len(found.notes) == 2
    # What is counted stays exact.
    assert found.volume.usd == pytest.approx(3000 * GPT_4O_USD)
    assert found.people is not None
    assert (found.people.n_users, found.people.sessions_per_user) == (50, 2.0)


def test_users_who_spend_more_are_told() -> None:
    rows = [replace(call(i), user="big" if i < 50 else f"u{i}") for i in range(59)]
    people = taken(*rows).people
    assert people is not None
    assert people.n_users == 10
    assert people.top_tenth_share == pytest.approx(50 / 59)


def test_why_rows_are_not_used_is_told_with_the_first_place() -> None:
    rows = [Reject(path="b", line=n, reason=f"no JSON at byte {n}") for n in (7, 9)]
    found = taken(call(1), *rows, Skipped(path="b", line=3, reason="an embedding"))
    assert [(reason.n, reason.first) for reason in found.rejected] == [(2, "b:7")]
    assert [(reason.reason, reason.first) for reason in found.skipped] == [("an embedding", "b:3")]


def test_an_empty_pass_is_an_empty_census() -> None:
    found = taken()
    assert (found.n_requests, found.tasks, found.next_command) == (0, (), None)


def test_lone_surrogates_can_be_written() -> None:
    odd = replace(call(1), model="m\ud800", user="\ud800", response=None)
    assert taken(odd).models[0].asked == "m?"


def test_secrets_are_counted_and_masked_where_texts_are_shown() -> None:
    made = Stocktake(find=lambda _: {"key": 2})
    made.add(replace(call(1), request=replace(call(1).request, body={
        "messages": [{"role": "user", "content": "my key is abc"}]
    })))  # fmt: skip
    found = made.census(log=["a"], n_files=1, mask=lambda text: text.replace("abc", "[key]"))
    assert [(one.name, one.n) for one in found.found] == [("key", 2)]
    assert found.tasks[0].example == "my key is [key]"


def test_what_the_log_calls_its_tasks_counts_however_few_there_are() -> None:
    each = taken(*(call(i) for i in range(3)))
    assert (each.tasks_from, [task.name for task in each.tasks]) == ("log", ["t0", "t1", "t2"])
    one = taken(*(replace(call(i), task="only") for i in range(3)))
    assert (one.tasks_from, [task.name for task in one.tasks]) == ("log", ["only"])


def test_without_answers_nothing_is_said_of_them() -> None:
    found = taken(*(replace(call(i), response=None) for i in range(6)))
    assert {task.why_kind for task in found.tasks} == {"no answers to go by"}

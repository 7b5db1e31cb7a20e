import hashlib
from pathlib import Path

import msgspec
import pytest

from parity_eval import plugins
from parity_eval.books import Books
from parity_eval.config import read
from parity_eval.prices import PriceTable, resolve_batch
from parity_eval.records import LongPrice, ModelName, Price, Purpose, TaskName


def table(**entries: dict[str, object]) -> PriceTable:
    raw = msgspec.json.encode({name.replace("__", "/"): entry for name, entry in entries.items()})
    return PriceTable(
        sha256=hashlib.sha256(raw).hexdigest(),
        entries=msgspec.json.decode(raw, type=dict[str, msgspec.Raw]),
    )


NORMAL = {"input_cost_per_token": 2e-6, "output_cost_per_token": 8e-6, "litellm_provider": "openai"}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, Price(input=1.0, output=4.0)),
        (
            {"input_cost_per_token_batches": 1.2e-6, "output_cost_per_token_batches": 5e-6},
            Price(input=1.2, output=5.0),
        ),
        ({"input_cost_per_token_batches": 1.2e-6}, Price(input=1.2, output=4.0)),
        ({"cache_read_input_token_cost": 5e-7}, Price(input=1.0, output=4.0)),
        ({"input_cost_per_token_priority": 4e-6}, Price(input=1.0, output=4.0)),
        (
            {"input_cost_per_token_above_200k_tokens": 4e-6},
            Price(
                input=1.0,
                output=4.0,
                long=(LongPrice(above=200_000, price=Price(input=2.0, output=4.0)),),
            ),
        ),
        (
            {
                "input_cost_per_token_above_200k_tokens": 4e-6,
                "input_cost_per_token_above_200k_tokens_batches": 3e-6,
            },
            Price(
                input=1.0,
                output=4.0,
                long=(LongPrice(above=200_000, price=Price(input=3.0, output=4.0)),),
            ),
        ),
    ],
)
def test_a_batch_costs_what_the_table_says_else_half(
    more: dict[str, object], expected: Price
) -> None:
    assert resolve_batch("m", table(m={**NORMAL, **more})) == expected


def test_a_model_that_the_table_finds_under_another_name_has_that_ones_price() -> None:
    known = table(m={**NORMAL, "input_cost_per_token_batches": 1.5e-6})
    assert resolve_batch("openai/m-2024-07-18", known) == Price(input=1.5, output=4.0)


def test_an_unknown_model_has_no_price() -> None:
    assert resolve_batch("other", table(m=NORMAL)) is None


def test_which_price_a_run_pays_and_which_one_a_route_would(tmp_path: Path) -> None:
    path = tmp_path / "parity.yaml"
    path.write_text(
        "version: 1\nlog: {path: log.jsonl}\nbaseline: {model: openai/gpt-4o}\n"
        "replay: {mode: batch}\n"
        "candidates:\n"
        "  - {name: listed, model: openai/gpt-4o-mini}\n"
        "  - {name: own, model: openai/x, price: {input: 4, output: 6}}\n"
        "  - {name: both, model: openai/y, price: {input: 4, output: 6},"
        " batch_price: {input: 1, output: 3}}\n"
        "  - {name: single, model: openai/z, mode: direct, price: {input: 4, output: 6}}\n",
        encoding="utf-8",
    )
    study = plugins.priced(read(path, {}))
    assert study.run.batch.models == ("listed", "own", "both")
    paid = {spec.name: study.billed(spec).price for spec in study.candidates}
    normal = {spec.name: spec.price for spec in study.candidates}
    listed, own = normal[ModelName("listed")], Price(input=4, output=6)
    assert listed is not None
    assert paid == {
        "listed": Price(
            input=listed.input / 2, output=listed.output / 2, most_output=listed.most_output
        ),
        "own": own,  # nobody has said that it is less
        "both": Price(input=1, output=3),
        "single": own,
    }
    assert set(normal.values()) == {listed, own}


def test_money_for_a_call_that_is_still_in_a_batch_is_not_set_aside_twice() -> None:
    books = Books(max_usd=1.0)
    books.remember({"kind": "reserve", "key": "k", "task": "t", "usd": 0.75})
    assert books.take_over("k") == 0.75
    assert books.spent() == books.spent(TaskName("t")) == 0.75
    assert books.take_over("k") is None
    books.reserve("other", (Purpose.CANDIDATE, TaskName("t"), ModelName("m")), 0.1)
    assert books.release("k") == 0.75
    assert books.spent() == pytest.approx(0.1)

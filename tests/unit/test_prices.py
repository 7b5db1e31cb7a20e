import hashlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from parity_eval import prices
from parity_eval.errors import ConfigError
from parity_eval.prices import PriceTable, cost_usd, quote
from parity_eval.records import Capabilities, LongPrice, Price, ServicePrice, Usage

ENTRIES: dict[str, dict[str, object]] = {
    "gpt-x": {
        "litellm_provider": "openai",
        "input_cost_per_token": 2.5e-06,
        "output_cost_per_token": 1e-05,
        "cache_read_input_token_cost": 1.25e-06,
        "max_input_tokens": 128000,
        "supports_function_calling": True,
        "supports_vision": False,
    },
    "gpt-x-2024-08-06": {
        "litellm_provider": "openai",
        "input_cost_per_token": 5e-06,
        "output_cost_per_token": 1e-05,
    },
    "azure/gpt-x": {
        "litellm_provider": "azure",
        "input_cost_per_token": 3e-06,
        "output_cost_per_token": 1e-05,
        "cache_read_input_token_cost": 0.0,
    },
    "gemini/pro": {
        "litellm_provider": "gemini",
        "input_cost_per_token": 1.25e-06,
        "output_cost_per_token": 1e-05,
        "input_cost_per_token_above_200k_tokens": 2.5e-06,
        "cache_read_input_token_cost": 1e-07,
    },
    "trial": {"litellm_provider": "v", "input_cost_per_token": 0, "output_cost_per_token": 0},
    "half": {"litellm_provider": "v", "input_cost_per_token": 1e-06},
    "sample_spec": {"litellm_provider": "one of ...", "max_input_tokens": "max input tokens"},
}
TABLE = PriceTable(
    sha256="abc", entries={name: msgspec.Raw(json.dumps(e).encode()) for name, e in ENTRIES.items()}
)


@pytest.mark.parametrize(
    ("model", "matched", "price", "is_undated"),
    [
        ("gpt-x", "gpt-x", Price(input=2.5, output=10.0, cached_input=1.25), False),
        ("openai/gpt-x", "gpt-x", Price(input=2.5, output=10.0, cached_input=1.25), False),
        ("azure/gpt-x", "azure/gpt-x", Price(input=3.0, output=10.0, cached_input=0.0), False),
        ("gpt-x-2024-08-06", "gpt-x-2024-08-06", Price(input=5.0, output=10.0), False),
        ("openai/gpt-x-2024-08-06", "gpt-x-2024-08-06", Price(input=5.0, output=10.0), False),
        ("gpt-x-2025-01-01", "gpt-x", Price(input=2.5, output=10.0, cached_input=1.25), True),
        ("openai/gpt-x-20250101", "gpt-x", Price(input=2.5, output=10.0, cached_input=1.25), True),
        ("gpt-x@20250101", "gpt-x", Price(input=2.5, output=10.0, cached_input=1.25), True),
        ("gpt-x-0125", "gpt-x", Price(input=2.5, output=10.0, cached_input=1.25), True),
        ("other/gpt-x", None, None, False),
        ("/gpt-x", None, None, False),
        ("gpt-x-mini", None, None, False),
        ("trial", "trial", None, False),
        ("half", "half", None, False),
        ("sample_spec", None, None, False),
    ],
)
def test_finds_the_price_of_the_model_itself(
    *, model: str, matched: str | None, price: Price | None, is_undated: bool
) -> None:
    found = quote(model, TABLE)
    assert (found.matched, found.price, found.is_undated) == (matched, price, is_undated)
    assert found.table_sha256 == "abc"


@pytest.mark.parametrize(
    ("model", "note"),
    [
        ("gpt-x", None),
        ("gpt-x-2025-01-01", "price of 'gpt-x', the same name without its date"),
        ("gpt-x-2024-08-06", "no price for cached tokens: counted in full"),
        ("gemini/pro", "long prompts cost more than this"),
        ("trial", "litellm's table says 0, which may mean unknown: give the model a `price`"),
        ("half", "litellm's table has no price for it"),
        ("nope", "'nope' is not in litellm's price table"),
    ],
)
def test_says_what_a_reader_must_know(model: str, note: str | None) -> None:
    assert quote(model, TABLE).note == note


def test_says_what_a_model_takes_as_far_as_it_is_known() -> None:
    known = Capabilities(tools=True, vision=False, context=128000)
    assert prices.capabilities("openai/gpt-x-2025-01-01", TABLE) == known
    assert prices.capabilities("half", TABLE) == Capabilities()
    assert prices.capabilities("nope", TABLE) == Capabilities()


def test_reads_what_the_installed_table_says() -> None:
    found = prices.capabilities("gpt-4o-mini")
    assert (found.tools, found.json_schema, found.vision) == (True, True, True)
    assert found.context == 128000


def test_knows_the_context_window() -> None:
    assert quote("gpt-x", TABLE).window == 128000
    assert quote("half", TABLE).window is None


TIERED = Price(
    input=1.0,
    output=2.0,
    long=(LongPrice(above=200_000, price=Price(input=3.0, output=4.0)),),
)


@pytest.mark.parametrize(
    ("usage", "price", "expected"),
    [
        (Usage(input_tokens=1_000_000, output_tokens=0), Price(input=2.5, output=10), 2.5),
        (Usage(input_tokens=0, output_tokens=1_000_000), Price(input=2.5, output=10), 10.0),
        (
            Usage(input_tokens=1_000_000, output_tokens=0, cached_input_tokens=400_000),
            Price(input=2.5, output=10, cached_input=0.5),
            1.7,
        ),
        (
            Usage(input_tokens=1_000_000, output_tokens=0, cached_input_tokens=400_000),
            Price(input=2.5, output=10),
            2.5,
        ),
        (
            Usage(input_tokens=1_000_000, output_tokens=0, cached_input_tokens=1_000_000),
            Price(input=2.5, output=10, cached_input=0.0),
            0.0,
        ),
        (
            Usage(input_tokens=1_000_000, output_tokens=0, cache_write_tokens=400_000),
            Price(input=2.5, output=10, cache_write=5.0),
            3.5,
        ),
        (
            Usage(input_tokens=0, output_tokens=1_000_000, reasoning_tokens=900_000),
            Price(input=2.5, output=10, reasoning=20.0),
            19.0,
        ),
        (Usage(input_tokens=200_000, output_tokens=100_000), TIERED, 0.2 + 0.2),
        (Usage(input_tokens=300_000, output_tokens=100_000), TIERED, 0.9 + 0.4),
        (None, Price(input=1, output=1), None),
        (Usage(input_tokens=1, output_tokens=1), None, None),
    ],
)
def test_counts_what_a_call_cost(
    usage: Usage | None, price: Price | None, expected: float | None
) -> None:
    assert cost_usd(usage, price) == pytest.approx(expected)


def test_reads_every_price_that_a_call_may_be_billed_at() -> None:
    million = {
        "litellm_provider": "v",
        "input_cost_per_token": 1e-6,
        "output_cost_per_token": 2e-6,
        "cache_creation_input_token_cost": 1.25e-6,
        "output_cost_per_reasoning_token": 5e-6,
        "input_cost_per_token_above_200k_tokens": 3e-6,
        "output_cost_per_token_above_128k_tokens": 7e-6,
        "input_cost_per_token_priority": 8e-6,
        "input_cost_per_token_above_200k_tokens_priority": 9e-6,
        "input_cost_per_token_flex": 0.5e-6,
        "max_output_tokens": 4096,
    }
    steps = {
        "litellm_provider": "v",
        "tiered_pricing": [
            {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "range": [0, 256e3]},
            {"input_cost_per_token": 3e-6, "output_cost_per_token": 4e-6, "range": [256e3, 1e6]},
        ],
    }
    known = PriceTable(
        sha256="abc",
        entries={
            name: msgspec.Raw(json.dumps(entry).encode())
            for name, entry in {"m": million, "steps": steps}.items()
        },
    )

    def plain(n_input: float, n_output: float) -> Price:
        return Price(input=n_input, output=n_output, most_output=4096)

    assert quote("m", known).price == Price(
        input=1.0,
        output=2.0,
        cache_write=1.25,
        reasoning=5.0,
        long=(
            LongPrice(above=128_000, price=plain(1.0, 7.0)),
            LongPrice(above=200_000, price=plain(3.0, 2.0)),
        ),
        service=(
            ServicePrice(
                name="priority",
                price=Price(
                    input=8.0,
                    output=2.0,
                    long=(LongPrice(above=200_000, price=plain(9.0, 2.0)),),
                    most_output=4096,
                ),
            ),
        ),
        most_output=4096,
    )
    found = quote("steps", known).price
    assert found == Price(
        input=1.0, output=2.0, long=(LongPrice(above=256_000, price=Price(input=3.0, output=4.0)),)
    )


def test_reads_the_table_of_the_installed_package_without_importing_it() -> None:
    code = (
        "import sys; from parity_eval import prices; q = prices.quote('openai/gpt-4o-mini')\n"
        "assert 'litellm' not in sys.modules; print(q.matched, q.price.input, q.table_sha256)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    matched, price, digest = done.stdout.split()
    spec = importlib.util.find_spec("litellm")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    file = Path(spec.submodule_search_locations[0]) / "model_prices_and_context_window_backup.json"
    assert digest == hashlib.sha256(file.read_bytes()).hexdigest()
    listed = json.loads(file.read_bytes())["gpt-4o-mini"]["input_cost_per_token"]
    assert matched == "gpt-4o-mini"
    assert float(price) == pytest.approx(listed * 1e6)


def test_reads_the_table_once() -> None:
    assert PriceTable.load() is PriceTable.load()
    assert prices.resolve("openai/gpt-4o-mini") == quote("openai/gpt-4o-mini").price
    assert prices.resolve("nobody/knows") is None


@pytest.mark.parametrize("content", [None, b"{"])
def test_says_when_there_is_no_table(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "model_prices_and_context_window_backup.json").write_bytes(content)
    found = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr("importlib.util.find_spec", lambda _: found)
    with pytest.raises(ConfigError, match="install"):
        quote("gpt-x")


def test_says_when_litellm_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="litellm is not installed"):
        quote("gpt-x")

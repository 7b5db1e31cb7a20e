"""What a call costs: litellm's price table, read without importing litellm, and the sums."""

import hashlib
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec

from parity_eval.errors import ConfigError
from parity_eval.records import Capabilities, LongPrice, Price, ServicePrice, Usage

_FILE = "model_prices_and_context_window_backup.json"
_PER_MILLION = 1e6
_DATE = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|\d{8}|\d{4})$")
_COSTS: Final = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cached_input": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
    "reasoning": "output_cost_per_reasoning_token",
}
"""The table's words for the parts of a price; suffixes tell when they hold."""
_DEARER: Final = ("priority", "ultrafast")
"""Service tiers that cost more than the usual one."""
_LONG = re.compile(r"put_cost_per_token_above_(\d+)k_tokens(?:_(\w+))?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The price of a model, and where it comes from."""

    price: Price | None
    """None: unknown. Never 0 in place of unknown."""
    matched: str | None
    """Name in the table; None where no entry matched."""
    is_undated: bool
    """Whether the entry was found only after the date was taken off the name."""
    window: int | None
    """Most input tokens that the model takes; None where unknown."""
    capabilities: Capabilities
    """What the model takes, as far as the table says."""
    table_sha256: str
    """Digest of the table (hex)."""
    note: str | None
    """What a reader of the price must know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """litellm's table; entries are parsed when they are asked for."""

    sha256: str
    entries: Mapping[str, msgspec.Raw]

    @classmethod
    def load(cls) -> "PriceTable":
        """Return the table of the installed litellm package.

        Raises:
            ConfigError: litellm, or the file in it, is not there.
        """
        return _load(_table_path())


class _Entry(msgspec.Struct):
    litellm_provider: str | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    supports_function_calling: bool | None = None
    supports_tool_choice: bool | None = None
    supports_response_schema: bool | None = None
    supports_vision: bool | None = None
    supports_audio_input: bool | None = None
    supports_pdf_input: bool | None = None
    supports_sampling_params: bool | None = None
    tiered_pricing: list[dict[str, Any]] = []
    costs: dict[str, float] = {}
    """Dollars per token, by the table's name for them."""


def resolve(model: str) -> Price | None:
    """Return the table's price of a model, None where it is unknown.

    Args:
        model: Model id as litellm spells it.

    Raises:
        ConfigError: there is no table.
    """
    return quote(model).price


def resolve_batch(model: str, table: PriceTable | None = None) -> Price | None:
    """Return the table's price of a model in a batch, None where the model is unknown.

    Where the table has no price for batches it is half of the ordinary one, which is what the
    vendors with a batch API charge. Tokens from a cache count in full.

    Args:
        model: Model id as litellm spells it.
        table: Table to look in; litellm's own by default.

    Raises:
        ConfigError: there is no table.
    """
    found = quote(model, table)
    if found.price is None or found.matched is None:
        return None
    entry = _entry(found.matched, table or PriceTable.load()) or _Entry()
    half = _half(found.price)
    batches = _rates(entry.costs, half, "_batches")
    long = {tier.above: tier for tier in (*half.long, *_long(entry.costs, batches, "batches"))}
    return replace(
        batches,
        # No price for tokens from a cache holds beyond doubt.
        cached_input=None,
        cache_write=batches.cache_write or half.cache_write,
        reasoning=batches.reasoning or half.reasoning,
        long=tuple(long[above] for above in sorted(long)),
    )


def quote(model: str, table: PriceTable | None = None) -> Quote:
    """Look a model up: by its exact name, without its provider, then without its date.

    An entry that is found without the provider's name must be that provider's own: another
    vendor's model of the same name may cost something else.

    Args:
        model: Model id as litellm spells it.
        table: Table to look in; litellm's own by default.

    Raises:
        ConfigError: there is no table.
    """
    known = table or PriceTable.load()
    for name, is_undated in ((model, False), (_DATE.sub("", model), True)):
        found = _find(name, known)
        if found is not None:
            matched, entry = found
            return Quote(
                price=_price(entry),
                matched=matched,
                is_undated=is_undated,
                window=entry.max_input_tokens,
                capabilities=_capabilities(entry),
                table_sha256=known.sha256,
                note=_note(matched, entry, known, is_undated=is_undated),
            )
    return Quote(
        price=None,
        matched=None,
        is_undated=False,
        window=None,
        capabilities=Capabilities(),
        table_sha256=known.sha256,
        note=f"{model!r} is not in litellm's price table",
    )


def capabilities(model: str, table: PriceTable | None = None) -> Capabilities:
    """Return what the table says that a model takes.

    The table says `true` of what its writers knew, `false` of what they knew to be lacking, and
    nothing of the rest: a field that is not there proves nothing.

    Args:
        model: Model id as litellm spells it.
        table: Table to look in; litellm's own by default.

    Raises:
        ConfigError: there is no table.
    """
    return quote(model, table).capabilities


def cost_usd(usage: Usage | None, price: Price | None) -> float | None:
    """Return what a call cost, None where its tokens or its price are unknown.

    Example:
        >>> cost_usd(Usage(input_tokens=1_000_000, output_tokens=0), Price(input=2.5, output=10))
        2.5
    """
    if usage is None or price is None:
        return None
    price = price.at(usage.input_tokens)
    cached = price.input if price.cached_input is None else price.cached_input
    written = price.input if price.cache_write is None else price.cache_write
    thought = price.output if price.reasoning is None else price.reasoning
    fresh_tokens = usage.input_tokens - usage.cached_input_tokens - usage.cache_write_tokens
    return (
        fresh_tokens * price.input
        + usage.cached_input_tokens * cached
        + usage.cache_write_tokens * written
        + (usage.output_tokens - usage.reasoning_tokens) * price.output
        + usage.reasoning_tokens * thought
    ) / _PER_MILLION


def _table_path() -> Path:
    spec = importlib.util.find_spec("litellm")
    folders = spec.submodule_search_locations if spec is not None else None
    path = Path(next(iter(folders or []), "")) / _FILE
    if not folders or not path.is_file():
        raise ConfigError(
            f"{_FILE} was not found: litellm is not installed, or not whole; install it again, "
            "or give each model a `price`"
        )
    return path


@lru_cache(maxsize=1)
def _load(path: Path) -> PriceTable:
    raw = path.read_bytes()
    try:
        entries = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path.name}: not a price table ({error}); reinstall litellm") from error
    return PriceTable(sha256=hashlib.sha256(raw).hexdigest(), entries=entries)


def _find(model: str, table: PriceTable) -> tuple[str, _Entry] | None:
    entry = _entry(model, table)
    if entry is not None:
        return model, entry
    provider, slash, name = model.partition("/")
    entry = _entry(name, table) if provider and slash else None
    if entry is None or not (entry.litellm_provider or "").startswith(provider):
        return None
    return name, entry


def _entry(name: str, table: PriceTable) -> _Entry | None:
    raw = table.entries.get(name)
    if raw is None:
        return None
    try:
        entry = msgspec.json.decode(raw, type=_Entry)
    except msgspec.ValidationError:  # e.g. the sample entry that explains the table's fields
        return None
    first = entry.tiered_pricing[0] if entry.tiered_pricing else {}
    entry.costs = _numbers({**first, **msgspec.json.decode(raw, type=dict[str, Any])})
    return entry


def _numbers(found: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in found.items()
        if "_cost" in name and isinstance(value, int | float)
    }


def _price(entry: _Entry) -> Price | None:
    """Return an entry's price. A price of 0 in the table is a gap or a trial, not a price."""
    costs = entry.costs
    if not costs.get(_COSTS["input"]) or not costs.get(_COSTS["output"]):
        return None
    usual = _rates(costs, Price(input=0.0, output=0.0), "")
    steps = tuple(
        LongPrice(above=int(step["range"][0]), price=_rates(_numbers(step), usual, ""))
        for step in entry.tiered_pricing[1:]
    )
    usual = replace(usual, most_output=entry.max_output_tokens)
    long = _long(costs, usual, None) or steps
    service = tuple(
        ServicePrice(name=name, price=replace(rates, long=_long(costs, rates, name) or long))
        for name in _DEARER
        if f"{_COSTS['input']}_{name}" in costs
        for rates in (_rates(costs, usual, f"_{name}"),)
    )
    return replace(usual, long=long, service=service)


def _rates(costs: Mapping[str, float], usual: Price, suffix: str) -> Price:
    """Return the prices with a suffix; without one, tokens of a kind cost as much as others."""
    found: dict[str, Any] = {
        part: _per_million(costs[name + suffix])
        for part, name in _COSTS.items()
        if name + suffix in costs
    }
    part = replace(usual, cached_input=None, cache_write=None, reasoning=None, long=(), service=())
    return replace(part, **found)


def _long(costs: Mapping[str, float], usual: Price, service: str | None) -> tuple[LongPrice, ...]:
    """Return what long prompts cost, in a service tier or in the usual one."""
    matches = filter(None, map(_LONG.search, costs))
    steps = sorted({int(match[1]) for match in matches if match[2] == service})
    after = f"_{service}" if service else ""
    return tuple(
        LongPrice(above=k * 1000, price=_rates(costs, usual, f"_above_{k}k_tokens{after}"))
        for k in steps
    )


def _half(price: Price) -> Price:
    """Return half a price; no service tier is faster than a batch."""
    return replace(
        price,
        input=price.input / 2,
        output=price.output / 2,
        cached_input=None,
        cache_write=price.cache_write and price.cache_write / 2,
        reasoning=price.reasoning and price.reasoning / 2,
        long=tuple(replace(tier, price=_half(tier.price)) for tier in price.long),
        service=(),
    )


def _capabilities(entry: _Entry) -> Capabilities:
    return Capabilities(
        tools=entry.supports_function_calling,
        tool_choice=entry.supports_tool_choice,
        json_schema=entry.supports_response_schema,
        vision=entry.supports_vision,
        audio=entry.supports_audio_input,
        files=entry.supports_pdf_input,
        sampling=entry.supports_sampling_params,
        context=entry.max_input_tokens,
    )


def _per_million(per_token: float) -> float:
    return round(per_token * _PER_MILLION, 9)


def _note(matched: str, entry: _Entry, table: PriceTable, *, is_undated: bool) -> str | None:
    notes = []
    if is_undated:
        notes.append(f"price of {matched!r}, the same name without its date")
    if 0 in (entry.costs.get(_COSTS["input"]), entry.costs.get(_COSTS["output"])):
        notes.append("litellm's table says 0, which may mean unknown: give the model a `price`")
    elif _price(entry) is None:
        notes.append("litellm's table has no price for it")
    elif _COSTS["cached_input"] not in entry.costs:
        notes.append("no price for cached tokens: counted in full")
    if re.search(rb'"(tiered_pricing|input_cost_per_token_above_\w+)"', table.entries[matched]):
        notes.append("long prompts cost more than this")
    return "; ".join(notes) or None

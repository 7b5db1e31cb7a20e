"""Token counts, as vendors count them, to counts as OpenAI writes them."""

from parity_eval.records import JsonObject, JsonValue


def usage(
    n_input: int | None,
    n_output: int | None,
    *,
    n_cached: int | None = None,
    n_cache_write: int | None = None,
    n_reasoning: int | None = None,
) -> JsonObject | None:
    """Return a `usage` object; None where nobody counted.

    Args:
        n_input: ALL input tokens, those read from and written to a cache included.
        n_output: All output tokens, reasoning included.
        n_cached: Part of the input that was read from the provider's cache.
        n_cache_write: Part of the input that was written to it.
        n_reasoning: Part of the output.
    """
    if n_input is None or n_output is None:
        return None
    found: dict[str, JsonValue] = {"prompt_tokens": n_input, "completion_tokens": n_output}
    if n_cached is not None or n_cache_write is not None:
        found["prompt_tokens_details"] = {
            "cached_tokens": n_cached or 0,
            "cache_creation_tokens": n_cache_write or 0,
        }
    if n_reasoning is not None:
        found["completion_tokens_details"] = {"reasoning_tokens": n_reasoning}
    return found


def with_cache(n_uncached: int | None, n_read: int | None, n_written: int | None) -> int | None:
    """Return all input tokens where the vendor counts those of the cache apart."""
    return None if n_uncached is None else n_uncached + (n_read or 0) + (n_written or 0)

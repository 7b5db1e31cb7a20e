"""Which batch API a model has."""

from collections.abc import Callable
from typing import Any

from parity_eval.errors import ConfigError
from parity_eval.providers.batch import anthropic, openai
from parity_eval.providers.batch.endpoint import Endpoint
from parity_eval.records import ModelSpec


def endpoint_of(spec: ModelSpec, timeout_s: float, load_litellm: Callable[[], Any]) -> Endpoint:
    """Return the batch API of a model.

    Args:
        spec: The model.
        timeout_s: Most seconds that one request may take.
        load_litellm: Imports litellm, settled.

    Raises:
        ConfigError: no batch API is known for it.
    """
    vendor, slash, _ = spec.model.partition("/")
    if vendor == "anthropic" and slash:
        return anthropic.AnthropicBatches.of(spec, timeout_s, load_litellm)
    is_openai = (vendor == "openai" and slash) or (spec.api_base is not None and not slash)
    # litellm's functions for files and batches leave a connection open with every request.
    if is_openai and spec.transport != "litellm":
        return openai.OpenAIBatches.of(spec, timeout_s)
    raise ConfigError(
        f"model {spec.name!r}: no batch API is known for {spec.model!r}; use `mode: direct`, or "
        "name it as anthropic/MODEL, or as openai/MODEL (with the `api_base` of whoever has "
        "OpenAI's batches), without `transport: litellm`"
    )

"""The least that any client has to do: send every request, read every answer, keep nothing.

python tests/bench/bare.py CLIENT BASE_URL N_CALLS N_PROMPTS CONCURRENCY
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cli


async def loop(call: Callable[[int], Awaitable[object]], n_calls: int, concurrency: int) -> None:
    numbers = iter(range(n_calls))

    async def work() -> None:
        for n in numbers:
            await call(n)

    await asyncio.gather(*(work() for _ in range(concurrency)))


async def by_aiohttp(base_url: str, n_calls: int, n_prompts: int, concurrency: int) -> None:
    import aiohttp  # noqa: PLC0415 - not beside litellm

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def call(n: int) -> None:
            body = cli.entry(n % n_prompts)["request"]
            async with session.post(f"{base_url}/chat/completions", json=body) as answer:
                json.loads(await answer.read())

        await loop(call, n_calls, concurrency)


async def by_litellm(base_url: str, n_calls: int, n_prompts: int, concurrency: int) -> None:
    os.environ |= {"LITELLM_MODE": "PRODUCTION", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    import litellm

    litellm.suppress_debug_info = True

    async def call(n: int) -> None:
        body = cli.entry(n % n_prompts)["request"]
        await litellm.acompletion(
            model="openai/m0",
            messages=body["messages"],
            max_tokens=body["max_tokens"],
            api_base=base_url,
            api_key="none",
            max_retries=0,
            timeout=60,
        )

    await loop(call, n_calls, concurrency)


if __name__ == "__main__":
    client, url, *numbers = sys.argv[1:]
    chosen = {"aiohttp": by_aiohttp, "litellm": by_litellm}[client]
    asyncio.run(chosen(url, *map(int, numbers)))

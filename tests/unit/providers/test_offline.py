import asyncio
from pathlib import Path

import pytest

from parity_eval import plugins
from parity_eval.config import read
from parity_eval.errors import ConfigError
from parity_eval.providers.offline import Offline
from parity_eval.records import Call, ModelName, ModelSpec, Purpose, Request, RequestId, TaskName

SPEC = ModelSpec(name=ModelName("mini"), model="openai/mini")
CALL = Call(
    key="k",
    request=Request(id=RequestId("r1"), body={"messages": []}),
    spec=SPEC,
    purpose=Purpose.CANDIDATE,
    task=TaskName("t"),
)


def test_it_refuses_every_call() -> None:
    provider = Offline(spec=SPEC)
    provider.check()
    with pytest.raises(ConfigError, match="--offline, but 'mini' would be asked"):
        asyncio.run(provider.complete(CALL))
    asyncio.run(provider.aclose())


@pytest.mark.parametrize("transport", ["auto", "direct", "litellm"])
@pytest.mark.parametrize("mode", ["direct", "batch"])
def test_offline_no_live_provider_is_made(tmp_path: Path, transport: str, mode: str) -> None:
    path = tmp_path / "parity.yaml"
    path.write_text(
        "version: 1\nlog: {path: a.jsonl}\nbaseline: {model: big, source: replay}\n"
        f"candidates: [{{model: openai/mini, transport: {transport}}}]\n"
        f"judge: {{model: wise}}\noffline: true\nreplay: {{mode: {mode}}}\n",
        encoding="utf-8",
    )
    made = plugins.models(read(path, {})).providers
    assert {name: type(found) for name, found in made.items()} == dict.fromkeys(
        ("openai/mini", "big", "wise"), Offline
    )

"""What litellm may do to a call on its way into one of Anthropic's batches."""

from copy import deepcopy
from types import SimpleNamespace
from typing import Any

from parity_eval.providers.batch.anthropic import AnthropicBatches
from parity_eval.providers.litellm import load
from parity_eval.records import (
    Call,
    Hole,
    JsonValue,
    Missing,
    ModelName,
    ModelSpec,
    Purpose,
    Request,
    RequestId,
    TaskName,
)

SPEC = ModelSpec(name=ModelName("claude"), model="anthropic/claude-3-5-haiku-20241022")


def call(content: JsonValue) -> Call:
    messages: list[JsonValue] = [{"role": "user", "content": content}]
    return Call(
        key="k",
        request=Request(id=RequestId("r"), body={"messages": messages, "max_tokens": 5}),
        spec=SPEC,
        purpose=Purpose.CANDIDATE,
        task=TaskName("t"),
    )


def test_the_logged_request_stays_as_it_is() -> None:
    def changed(**given: Any) -> dict[str, Any]:  # noqa: ANN401 - litellm's own
        given["messages"][0].clear()
        return {}

    translator = SimpleNamespace(
        get_supported_openai_params=lambda *_: ["messages", "max_tokens"],
        get_optional_params=changed,
        AnthropicConfig=lambda: SimpleNamespace(transform_request=changed),
    )
    asked = call("hi")
    before = deepcopy(asked.request.body)
    assert AnthropicBatches.of(SPEC, 5.0, lambda: translator).refusal(asked) is None
    assert asked.request.body == before


def test_a_picture_that_would_be_fetched_from_here_is_nobodys_failure() -> None:
    picture: JsonValue = {"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/a.png"}}
    refusal = AnthropicBatches.of(SPEC, 5.0, load).refusal(call([picture]))
    assert isinstance(refusal, Missing)
    assert refusal.hole is Hole.UNREPLAYABLE

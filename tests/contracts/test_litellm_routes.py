"""What holds on every route that litellm takes, and not on OpenAI's alone.

A local server stands in for all vendors. Where it answers in OpenAI's words the answers of other
vendors are of no use; what is sent, how often, and what an error is, is the same.
"""

import asyncio
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from typing import Any

import pytest
from server import Reply, Server, serving

from parity_eval import fidelity
from parity_eval.cache import content_key
from parity_eval.outcomes import may_be_billed
from parity_eval.providers.litellm import LiteLLM, load
from parity_eval.providers.openai_compatible import OpenAICompatible
from parity_eval.records import (
    Answer,
    Call,
    Finish,
    Hole,
    JsonValue,
    Missing,
    ModelName,
    ModelSpec,
    Purpose,
    Request,
    RequestId,
    Response,
    TaskName,
)
from parity_eval.replay import call_key

ANTHROPIC = "anthropic/claude-sonnet-4-5"
GEMINI = "gemini/gemini-2.5-flash"
MISTRAL = "mistral/mistral-small-latest"
OPENAI = "openai/gpt-4o"
VENDORS = (ANTHROPIC, GEMINI, MISTRAL, OPENAI)
ROUTES = (
    *VENDORS,
    "groq/llama-3.3-70b-versatile",
    "deepseek/deepseek-chat",
    "cohere/command-r",
    "fireworks_ai/llama-v3p1-8b-instruct",
    "xai/grok-3",
)
KEY = "sk-routes-0123456789"
TIMEOUT_S = 20.0
HELLO: JsonValue = [{"role": "user", "content": "hello"}]
SCHEMA: dict[str, JsonValue] = {
    "type": "object",
    "properties": {
        "a": {"type": "string", "default": "z"},
        "b": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["a"],
    "additionalProperties": False,
}
TURNS: JsonValue = [
    {"role": "system", "content": "s"},
    {
        "role": "user",
        "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}],
    },
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        ],
    },
    {"role": "tool", "tool_call_id": "c", "content": "r"},
]


def tool(**fields: JsonValue) -> dict[str, JsonValue]:
    return {"type": "function", "function": {"name": "f", "description": "d", **fields}}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTES_KEY", KEY)


def spec(model: str, server: Server | str) -> ModelSpec:
    base = server if isinstance(server, str) else server.base_url
    name = ModelName("mini")
    return ModelSpec(name=name, model=model, api_base=base, api_key_env="ROUTES_KEY")


def call(of: ModelSpec, **body: JsonValue) -> Call:
    request = Request(id=RequestId("r"), body={"messages": HELLO, "max_tokens": 5, **body})
    return Call(
        key="k",
        request=request,
        spec=of,
        purpose=Purpose.CANDIDATE,
        task=TaskName("t"),
    )


def ask(asked: Call, timeout_s: float = TIMEOUT_S, kind: type[Any] = LiteLLM) -> Answer:
    async def once() -> Answer:
        provider = kind(spec=asked.spec, timeout_s=timeout_s)
        try:
            answer: Answer = await provider.complete(asked)
            return answer
        finally:
            await provider.aclose()

    return asyncio.run(once())


@pytest.mark.parametrize("model", ROUTES)
def test_the_logged_request_stays_as_it_is(model: str) -> None:
    logged: dict[str, JsonValue] = {
        "messages": TURNS,
        "tools": [tool(parameters=SCHEMA, strict=True)],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
    }
    with serving() as server:
        for parts in (("messages", "tools"), ("messages", "response_format")):
            body = deepcopy({name: logged[name] for name in parts})
            asked = call(spec(model, server), **body)
            before = deepcopy(asked.request.body)
            keys = call_key(asked.request, asked.spec, 0), content_key(asked)
            ask(asked)
            assert asked.request.body == before
            assert keys == (call_key(asked.request, asked.spec, 0), content_key(asked))


@pytest.mark.parametrize("model", VENDORS)
@pytest.mark.parametrize("fault", ["reset", "cut", "server_error"])
def test_a_call_is_sent_once_whatever_becomes_of_it(model: str, fault: Any) -> None:  # noqa: ANN401
    with serving(fault=lambda *_: fault) as server:
        answer = ask(call(spec(model, server)))
        assert len(server.seen) == 1
    assert isinstance(answer, Missing)
    # What broke off was generated, or may have been; an error was not.
    was_lost = fault != "server_error"
    assert answer.hole is (Hole.NETWORK if was_lost else Hole.SERVER)
    assert may_be_billed(answer) is was_lost


@pytest.mark.parametrize("kind", [LiteLLM, OpenAICompatible])
def test_what_came_broken_was_generated(kind: type[Any]) -> None:
    with serving(fault=lambda *_: "truncated") as server:
        answer = ask(call(spec("openai/m", server)), kind=kind)
    assert isinstance(answer, Missing)
    assert (answer.hole, answer.may_be_billed) == (Hole.NETWORK, True)


@pytest.mark.parametrize(
    ("model", "kind"), [(model, LiteLLM) for model in VENDORS] + [("openai/m", OpenAICompatible)]
)
def test_a_body_without_an_end_is_broken_off(
    model: str, kind: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{kind.__module__}.MAX_BODY", 1000)
    with serving(lambda *_: Reply(body=b"x" * 200_000)) as server:
        answer = ask(call(spec(model, server)), kind=kind)
    assert isinstance(answer, Missing)
    assert (answer.hole, answer.may_be_billed) == (Hole.NETWORK, True)
    assert "the body is longer than 1,000 bytes" in answer.detail


@contextmanager
def deaf() -> Iterator[str]:
    """Listen, and accept nobody: to connect there takes for ever."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"


@pytest.mark.parametrize(
    ("model", "kind"), [(model, LiteLLM) for model in VENDORS] + [("openai/m", OpenAICompatible)]
)
def test_without_a_connection_nothing_was_sent_and_nothing_is_billed(
    model: str, kind: type[Any]
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refusing = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        refused = ask(call(spec(model, refusing)), kind=kind)
    with deaf() as hanging:
        hung = ask(call(spec(model, hanging)), timeout_s=0.4, kind=kind)
    for answer in (refused, hung):
        assert isinstance(answer, Missing)
        assert answer.hole is Hole.NETWORK
        assert not may_be_billed(answer)


@pytest.mark.parametrize("model", [ANTHROPIC, GEMINI])
def test_a_request_that_cannot_be_translated_is_rejected_and_not_sent(model: str) -> None:
    broken: JsonValue = [
        {"role": "user", "content": "a"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{bad"}}
            ],
        },
        {"role": "tool", "tool_call_id": "c", "content": "r"},
    ]
    with serving() as server:
        answer = ask(call(spec(model, server), messages=broken, tools=[tool(parameters={})]))
        assert server.seen == []
    assert isinstance(answer, Response)
    assert answer.finish is Finish.REJECTED


@pytest.mark.parametrize(("model", "scheme"), [(ANTHROPIC, "http"), (GEMINI, "https")])
def test_no_picture_of_the_log_is_fetched_from_here(
    model: str, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[object] = []
    load()
    for name in ("safe_get", "async_safe_get"):
        place = f"litellm.litellm_core_utils.prompt_templates.image_handling.{name}"
        monkeypatch.setattr(place, lambda *given, **_: fetched.append(given))
    with serving() as server:
        address = f"{scheme}://{server.base_url.removeprefix('http://')}/a.png?sig=1"
        parts: JsonValue = [{"type": "image_url", "image_url": {"url": address}}]
        content: JsonValue = [{"role": "user", "content": parts}]
        answer = ask(call(spec(model, server), messages=content))
        assert server.seen == []
    assert isinstance(answer, Missing)
    assert answer.hole is Hole.UNREPLAYABLE
    assert "litellm" not in answer.detail
    assert fetched == []


VARIANTS: Mapping[str, Mapping[str, JsonValue]] = {
    "`name` of messages": {"messages": [{"role": "user", "content": "hello", "name": "bob"}]},
    "`strict` of tools": {"tools": [tool(parameters={"type": "object"}, strict=True)]},
    "`response_format: json_object`": {"response_format": {"type": "json_object"}},
    "`parallel_tool_calls: false`": {"parallel_tool_calls": False},
    "`web_search_options`": {"web_search_options": {}},
    "`additionalProperties` of tools": {
        "tools": [tool(parameters={"type": "object", "additionalProperties": False})]
    },
    "seed": {"seed": 7},
    "stop": {"stop": ["s"]},
    "top_p": {"top_p": 0.5},
    "temperature": {"temperature": 0.5},
    "tool_choice": {"tool_choice": "required"},
    "user": {"user": "u-1"},
    "description": {"tools": [tool(parameters={"type": "object"}, description="other")]},
    "response_format: json_schema": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "n", "schema": {"type": "object", "properties": {}}},
        }
    },
    "reasoning_effort": {"reasoning_effort": "low"},
    "presence_penalty": {"presence_penalty": 0.5},
    "logprobs": {"logprobs": True},
}


@pytest.mark.parametrize("model", VENDORS)
def test_what_is_left_out_without_a_word_is_known(model: str) -> None:
    tools: dict[str, JsonValue] = {"tools": [tool(parameters={"type": "object"})]}
    left_out, told = set(), set()
    with serving() as server:
        asked = spec(model, server)

        def posted(extra: Mapping[str, JsonValue]) -> str | None:
            server.seen.clear()
            ask(call(asked, **tools | deepcopy(dict(extra))))
            return json.dumps(server.seen[-1].body, sort_keys=True) if server.seen else None

        plain = posted({})
        for name, extra in VARIANTS.items():
            if posted(extra) == plain:
                left_out.add(name)
            body = {"messages": HELLO, **tools, **extra}
            vendor = model.partition("/")[0]
            told |= set(fidelity.left_out(body, vendor) if vendor != "openai" else ())
    assert left_out == told


def test_a_vendor_without_a_json_mode_fails_what_asks_for_it() -> None:
    request = Request(id=RequestId("r"), body={"response_format": {"type": "json_object"}})
    claude = ModelSpec(name=ModelName("c"), model=ANTHROPIC)
    (why,) = fidelity.lacks(request, claude)
    assert why.startswith("no JSON mode")
    assert fidelity.lacks(request, ModelSpec(name=ModelName("o"), model=OPENAI)) == ()


@pytest.mark.parametrize("model", VENDORS)
def test_no_key_is_told_even_where_what_is_told_is_cut_off(model: str) -> None:
    message = "x" * 485 + f" bad key {KEY}"
    body = {"error": {"message": message, "type": "invalid_request_error"}}
    with serving(lambda *_: Reply(status=400, body=body)) as server:
        answer = ask(call(spec(model, server)))
    assert answer.detail
    assert KEY[:6] not in answer.detail

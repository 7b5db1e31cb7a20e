import asyncio
import socket
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from server import Reply, completion, serving

from parity_eval.errors import ConfigError, IncompleteError
from parity_eval.protocols import Paced
from parity_eval.providers.openai_compatible import OpenAICompatible
from parity_eval.records import (
    Answer,
    Call,
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

if TYPE_CHECKING:
    from collections.abc import Coroutine


def spec(api_base: str | None, model: str = "openai/m", key: str | None = None) -> ModelSpec:
    return ModelSpec(name=ModelName("mini"), model=model, api_base=api_base, api_key_env=key)


def call(item: str = "hello") -> Call:
    messages: list[JsonValue] = [{"role": "user", "content": item}]
    return Call(
        key=item,
        request=Request(id=RequestId(item), body={"messages": messages}),
        spec=spec(None),
        purpose=Purpose.CANDIDATE,
        task=TaskName("t"),
    )


def run(provider: OpenAICompatible, *calls: Call) -> list[Answer]:
    async def ask() -> list[Answer]:
        try:
            return [await provider.complete(each) for each in calls]
        finally:
            await provider.aclose()

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("model", "api_base", "expected"),
    [
        ("openai/llama", "http://x/v1", True),
        ("llama", "http://x/v1", True),
        ("openai/meta/llama", "http://x/v1", True),
        ("anthropic/claude", "http://x/v1", False),
        ("openai/gpt-4o", None, False),
        ("recorded", "http://x/v1", False),
    ],
)
def test_serves_endpoints_that_speak_openais_protocol(
    *, model: str, api_base: str | None, expected: bool
) -> None:
    assert OpenAICompatible.serves(spec(api_base, model)) is expected


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("openai/m", "m"),
        ("m", "m"),
        ("openai/meta/llama", "meta/llama"),
        ("openai/openai/m", "openai/m"),
    ],
)
def test_sends_the_model_id_without_the_prefix(model: str, sent: str) -> None:
    with serving() as server:
        run(OpenAICompatible(spec=spec(server.base_url + "/", model)), call())
        assert [(seen.path, seen.model) for seen in server.seen] == [("/v1/chat/completions", sent)]


def test_keeps_its_connection() -> None:
    with serving() as server:
        provider = OpenAICompatible(spec=spec(server.base_url))
        run(provider, call("a"), call("b"), call("c"))
        run(provider, call("d"))
        ports = [seen.connection for seen in server.seen]
    assert len(set(ports[:3])) == 1
    assert ports[3] != ports[0]


def test_works_in_a_new_loop_after_one_that_ended_without_closing_it() -> None:
    def answer(model: str, item: str) -> Reply:
        body = completion(model, item, {"content": item})
        return Reply(body=body, headers={"Connection": "close"})

    with serving(answer) as server:
        provider = OpenAICompatible(spec=spec(server.base_url))
        first = asyncio.run(provider.complete(call("a")))
        (second,) = run(provider, call("b"))
    assert [getattr(found, "text", None) for found in (first, second)] == ["a", "b"]


def test_hears_that_the_endpoint_has_nothing_left() -> None:
    said = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m2s"}

    def answer(model: str, item: str) -> Reply:
        body = completion(model, item, {"content": item})
        return Reply(body=body, headers=said if item == "last" else {})

    with serving(answer) as server:
        provider = OpenAICompatible(spec=spec(server.base_url))
        assert isinstance(provider, Paced)
        run(provider, call("last"))
        assert provider.pause_s == 62.0
        run(provider, call("first again"))
        assert provider.pause_s == 0.0


def test_closing_an_unused_provider_does_nothing() -> None:
    asyncio.run(OpenAICompatible(spec=spec("http://x")).aclose())


def test_sends_no_key_but_the_named_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    monkeypatch.setenv("MY_KEY", "sk-mine")
    with serving() as server:
        run(OpenAICompatible(spec=spec(server.base_url)), call("a"))
        run(OpenAICompatible(spec=spec(server.base_url, key="MY_KEY")), call("b"))
        sent = [seen.headers.get("Authorization") for seen in server.seen]
    assert sent == [None, "Bearer sk-mine"]


def test_is_openais_own_endpoint_without_an_api_base(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = OpenAICompatible(spec=spec(None))
    assert provider._url == "https://api.openai.com/v1/chat/completions"
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="set the environment variable OPENAI_API_KEY"):
        provider.check()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    provider.check()


def test_follows_no_redirect() -> None:
    def answer(model: str, item: str) -> Reply:
        return Reply(status=307, headers={"Location": f"{server.base_url}/elsewhere"})

    with serving(answer) as server:
        (found,) = run(OpenAICompatible(spec=spec(server.base_url)), call())
        assert server.calls.total() == 1
    assert found == Missing(hole=Hole.SERVER, detail="HTTP 307: (no message)")


def test_measures_from_sending_to_the_last_byte() -> None:
    with serving(latency_s=0.1) as server:
        (found,) = run(OpenAICompatible(spec=spec(server.base_url)), call())
    assert isinstance(found, Response)
    assert found.latency_s is not None
    assert 0.1 <= found.latency_s < 5


def test_gives_up_when_the_time_is_over() -> None:
    with serving(fault=lambda *_: "slow", slow_s=10) as server:
        started = time.perf_counter()
        (found,) = run(OpenAICompatible(spec=spec(server.base_url), timeout_s=0.2), call())
        assert time.perf_counter() - started < 5
    assert found == Missing(hole=Hole.TIMEOUT, detail="timeout: no answer within 0.2 s")


def test_being_cancelled_is_not_a_timeout() -> None:
    async def cancel(asked: "Coroutine[None, None, Answer]") -> None:
        task = asyncio.create_task(asked)
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await provider.aclose()

    with serving(fault=lambda *_: "slow") as server:
        provider = OpenAICompatible(spec=spec(server.base_url))
        asyncio.run(cancel(provider.complete(call())))


def test_a_server_that_is_gone_is_a_hole() -> None:
    with serving() as server:
        base_url = server.base_url
    (found,) = run(OpenAICompatible(spec=spec(base_url)), call())
    assert isinstance(found, Missing)
    assert found.hole is Hole.NETWORK
    assert "Connect" in found.detail


def test_check_finds_a_server_that_is_not_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(IncompleteError, match=f"nothing answers at 127.0.0.1:{port}"):
            OpenAICompatible(spec=spec(f"http://127.0.0.1:{port}/v1")).check()


def test_check_asks_for_nothing() -> None:
    with serving() as server:
        OpenAICompatible(spec=spec(server.base_url)).check()
        assert server.seen == []


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (spec("localhost:8000"), "`api_base` is not an address"),
        (spec("http://x/v1", key="NOT_SET"), "set the environment variable NOT_SET"),
        (replace(spec("http://x/v1"), params={"stream": True}), "params.stream cannot be set"),
        (spec("http://x/v1", key="BROKEN"), "the key in BROKEN holds a character that no key has"),
        (spec("http://u:p@x/v1", key="MY_KEY"), "only one of them can be sent"),
        (spec(None, "mistral/small", key="MY_KEY"), "name the endpoint with `api_base`"),
    ],
)
def test_check_finds_what_would_fail_every_call(
    broken: ModelSpec, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOT_SET", "")
    monkeypatch.setenv("BROKEN", "sk-very-secret\n")
    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    with pytest.raises(ConfigError, match=words):
        OpenAICompatible(spec=broken).check()


def test_goes_through_the_proxy_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving() as proxy:
        for name in ("HTTP_PROXY", "no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", proxy.base_url.removesuffix("/v1"))
        provider = OpenAICompatible(spec=spec("http://far.example/v1"))
        provider.check()
        (found,) = run(provider, call())
        assert [seen.headers["Host"] for seen in proxy.seen] == ["far.example"]
    assert isinstance(found, Response)


def test_never_shows_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    with serving(fault=lambda *_: "auth") as server:
        provider = OpenAICompatible(spec=spec(server.base_url, key="MY_KEY"))
        (found,) = run(provider, call())
        assert "sk-very-secret" in server.seen[0].headers["Authorization"]
    assert "secret" not in repr(found) + repr(provider)
    assert "key read from MY_KEY" in str(found.detail)


def test_never_shows_a_password() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        asked = spec(f"http://user:very-secret@127.0.0.1:{port}/v1")
        (found,) = run(OpenAICompatible(spec=asked), call())
    assert isinstance(found, Missing)
    assert "secret" not in found.detail

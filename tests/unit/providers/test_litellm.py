import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from server import Reply, completion, serving

from parity_eval.errors import ConfigError, IncompleteError
from parity_eval.providers.litellm import LiteLLM
from parity_eval.records import (
    Answer,
    Call,
    Finish,
    Hole,
    JsonObject,
    JsonValue,
    Missing,
    ModelName,
    ModelSpec,
    Purpose,
    Request,
    RequestId,
    Response,
    TaskName,
    ToolCall,
    Usage,
)

if TYPE_CHECKING:
    from server import Server

TOOLS: list[JsonValue] = [
    {
        "type": "function",
        "function": {
            "name": "f",
            "description": "d",
            "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
        },
    }
]
ANTHROPIC = "anthropic/claude-3-haiku-20240307"
GEMINI = "gemini/gemini-2.0-flash"


def spec(
    api_base: str | None,
    model: str = "openai/m",
    key: str | None = None,
    params: JsonObject | None = None,
) -> ModelSpec:
    return ModelSpec(
        name=ModelName("mini"),
        model=model,
        api_base=api_base,
        api_key_env=key,
        params=params or {},
    )


def call(item: str = "hello", **body: JsonValue) -> Call:
    messages: list[JsonValue] = [{"role": "user", "content": item}]
    return Call(
        key=item,
        request=Request(id=RequestId(item), body={"messages": messages, **body}),
        spec=spec(None),
        purpose=Purpose.CANDIDATE,
        task=TaskName("t"),
    )


def run(asked: ModelSpec, *calls: Call, timeout_s: float = 30.0) -> list[Answer]:
    async def ask() -> list[Answer]:
        provider = LiteLLM(spec=asked, timeout_s=timeout_s)
        try:
            return [await provider.complete(each) for each in calls]
        finally:
            await provider.aclose()

    return asyncio.run(ask())


def root(server: "Server") -> str:
    return server.base_url.removesuffix("/v1")


def test_looks_up_no_host_but_the_api_reads_no_env_file_and_prints_nothing(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PLANTED=1\n", encoding="utf-8")
    code = """
import asyncio, json, os, socket, sys
hosts, look_up = [], socket.getaddrinfo
def hooked(host, *args, **kwargs):
    hosts.append(host)
    return look_up(host, *args, **kwargs)
socket.getaddrinfo = hooked
sys.path.insert(0, sys.argv[2])
from test_litellm import call, run, spec
answers = run(spec(sys.argv[1]), call("a"), call("b", temperature=0))
schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
run(spec(sys.argv[1], "anthropic/claude-sonnet-4-5-20250929"), call("c", response_format=schema))
print(json.dumps([hosts, [getattr(a, "text", a) for a in answers], "PLANTED" in os.environ]))
"""

    def answer(model: str, item: str) -> dict[str, Any]:
        body = completion(model, item, {"content": f"{model} says {item}"})
        body["choices"][0]["finish_reason"] = "a word that litellm warns of"
        return body

    with serving(answer) as server:
        done = subprocess.run(
            [
                *(sys.executable, "-W", "error", "-c", code),
                *(server.base_url.replace("127.0.0.1", "localhost"), str(Path(__file__).parent)),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
    assert (done.returncode, done.stderr) == (0, "")
    hosts, texts, planted = json.loads(done.stdout)
    assert set(hosts) == {"localhost"}
    assert texts == ["m says a", "m says b"]
    assert not planted


def test_sends_the_request_as_logged_with_the_models_own_parameters() -> None:
    logged: dict[str, JsonValue] = {
        "tools": TOOLS,
        "tool_choice": "auto",
        "response_format": {"type": "json_object"},
        "seed": 3,
        "user": "u-1",
        "metadata": {"feature": "triage"},
        "temperature": 1,
        "top_k": 5,
        "api_base": "http://127.0.0.1:9/elsewhere",
        "mock_response": "invented",
        "stream": True,
    }
    own: JsonObject = {"temperature": 0, "drop": ["seed"], "min_p": 0.1}
    with serving() as server:
        (answer,) = run(spec(server.base_url, params=own), call("hello", **logged))
        (seen,) = server.seen
    assert isinstance(answer, Response)
    assert answer.text.startswith("m says ")
    assert seen.body == {
        "model": "m",
        "messages": [{"role": "user", "content": "hello"}],
        "tools": TOOLS,
        "tool_choice": "auto",
        "response_format": {"type": "json_object"},
        "user": "u-1",
        "temperature": 0,
        "top_k": 5,
        "min_p": 0.1,
        "api_base": "http://127.0.0.1:9/elsewhere",
        "mock_response": "invented",
    }


@pytest.mark.parametrize("name", ["api_base", "mock_response", "seed", "user_id", "extra_body"])
def test_a_log_cannot_control_litellm(name: str) -> None:
    with serving() as server:
        (answer,) = run(spec(root(server), ANTHROPIC), call("hello", **{name: "x"}))
        assert server.seen == []
    assert answer == Response(
        text="",
        finish=Finish.REJECTED,
        detail=f"unsupported_parameter: {ANTHROPIC}: does not take {name!r} "
        f"(to leave it out: params: {{drop: [{name}]}})",
    )


def test_what_litellm_itself_refuses_is_a_rejection_at_no_cost() -> None:
    with serving() as server:
        (answer,) = run(spec(server.base_url, "openai/gpt-5"), call("hello", temperature=0.2))
        assert server.seen == []
    assert isinstance(answer, Response)
    assert answer.finish is Finish.REJECTED
    assert str(answer.detail).startswith("unsupported_parameter: openai/gpt-5: ")
    assert "temperature" in str(answer.detail)
    assert str(answer.detail).endswith("(to leave it out: params: {drop: [temperature]})")
    assert "litellm" not in str(answer.detail)


ANTHROPIC_OK = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-3-haiku-20240307",
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 5,
        "output_tokens": 2,
        "cache_read_input_tokens": 3,
        "cache_creation_input_tokens": 1,
    },
}
GEMINI_OK = {
    "candidates": [
        {"content": {"parts": [{"text": "hi"}], "role": "model"}, "finishReason": "STOP"}
    ],
    "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7},
    "modelVersion": "gemini-2.0-flash-001",
}
USAGE_9 = Usage(input_tokens=9, output_tokens=2, cached_input_tokens=3, cache_write_tokens=1)


@pytest.mark.parametrize(
    ("model", "body", "expected"),
    [
        (
            ANTHROPIC,
            ANTHROPIC_OK,
            Response(text="hi", usage=USAGE_9, model_served="claude-3-haiku-20240307"),
        ),
        (
            ANTHROPIC,
            {**ANTHROPIC_OK, "stop_reason": "refusal", "content": []},
            Response(
                text="",
                finish=Finish.REFUSED,
                usage=USAGE_9,
                model_served="claude-3-haiku-20240307",
            ),
        ),
        (
            ANTHROPIC,
            {
                **ANTHROPIC_OK,
                "stop_reason": "tool_use",
                "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}],
            },
            Response(
                text="",
                tool_calls=(ToolCall(name="f", arguments='{"a": 1}'),),
                finish=Finish.TOOL_CALLS,
                usage=USAGE_9,
                model_served="claude-3-haiku-20240307",
            ),
        ),
        (
            GEMINI,
            GEMINI_OK,
            Response(
                text="hi",
                usage=Usage(input_tokens=5, output_tokens=2),
                model_served="gemini-2.0-flash",
            ),
        ),
        (
            GEMINI,
            {
                "candidates": [{"finishReason": "SAFETY", "safetyRatings": []}],
                "usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 5},
            },
            Response(
                text="",
                finish=Finish.REFUSED,
                usage=Usage(input_tokens=5, output_tokens=0),
                model_served="gemini-2.0-flash",
            ),
        ),
    ],
)
def test_reads_the_answers_of_other_protocols(
    model: str, body: dict[str, Any], expected: Response
) -> None:
    with serving(lambda *_: Reply(body=body)) as server:
        (answer,) = run(spec(root(server), model), call("hello", tools=TOOLS, max_tokens=9))
    assert isinstance(answer, Response)
    assert answer.latency_s is not None
    assert (answer.text, answer.tool_calls, answer.finish) == (
        expected.text,
        expected.tool_calls,
        expected.finish,
    )
    assert answer.usage == expected.usage
    assert str(answer.model_served).startswith(str(expected.model_served))


def test_reads_the_errors_of_other_protocols_in_their_own_words() -> None:
    lines = (Path(__file__).parent / "error_bodies.jsonl").read_text(encoding="utf-8").split("\n")
    cases = {case["name"]: case for case in map(json.loads, filter(None, lines))}
    told: dict[str, Answer] = {}

    def answer(model: str, item: str) -> Reply:
        name = wanted[0]
        return Reply(
            status=cases[name]["status"], body=cases[name]["body"], headers={"retry-after": "9"}
        )

    wanted = [""]
    with serving(answer) as server:
        for name in cases:
            vendor = name.split()[0]
            if vendor in ("anthropic", "gemini"):
                wanted[0] = name
                model = {"anthropic": ANTHROPIC, "gemini": GEMINI}[vendor]
                (told[name],) = run(spec(root(server), model), call(name))
        assert len(server.seen) == len(told) == 20  # no retry of any of them
    found = {n: a.hole if isinstance(a, Missing) else a.finish for n, a in told.items()}
    assert found == {name: cases[name]["is"] for name in told}
    limited = told["anthropic rate"]
    assert limited == Missing(
        hole=Hole.RATE_LIMIT,
        detail="HTTP 429 rate_limit_error: would exceed your rate limit",
        retry_after_s=9.0,
    )


def test_sends_no_key_but_the_named_one_to_an_endpoint_of_ones_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    monkeypatch.setenv("MY_KEY", "sk-mine")
    with serving() as server:
        run(spec(server.base_url), call("a"))
        run(spec(server.base_url, key="MY_KEY"), call("b"))
        sent = [seen.headers["Authorization"] for seen in server.seen]
    assert sent == ["Bearer no-key", "Bearer sk-mine"]


def test_a_bare_model_at_an_endpoint_of_ones_own_speaks_openais_protocol() -> None:
    with serving() as server:
        run(spec(server.base_url, "llama"), call())
        assert [seen.model for seen in server.seen] == ["llama"]


def test_gives_up_when_the_time_is_over() -> None:
    with serving(fault=lambda *_: "slow", slow_s=10) as server:
        started = time.perf_counter()
        (found,) = run(spec(server.base_url), call(), timeout_s=0.3)
        assert time.perf_counter() - started < 5
        assert server.calls.total() == 1
    assert isinstance(found, Missing)
    assert found.hole is Hole.TIMEOUT


def test_gives_up_where_not_a_byte_comes_for_too_long() -> None:
    async def ask(asked: ModelSpec) -> Answer:
        provider = LiteLLM(spec=asked, timeout_s=20, read_timeout_s=0.3)
        try:
            return await provider.complete(call())
        finally:
            await provider.aclose()

    with serving(fault=lambda *_: "slow", slow_s=10) as server:
        for model in ("openai/m", ANTHROPIC):
            started = time.perf_counter()
            found = asyncio.run(ask(spec(server.base_url, model)))
            assert time.perf_counter() - started < 8
            assert isinstance(found, Missing)
            assert found.hole is Hole.TIMEOUT


@pytest.mark.parametrize("name", ["MY_CREDENTIAL", "VENDOR_APIKEY", "ODDLY_NAMED"])
def test_shows_no_key_whatever_its_variable_is_called(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "sk-very-secret")
    error = {"error": {"message": "echo: sk-very-secret", "type": "invalid_request_error"}}
    with serving(lambda *_: Reply(status=400, body=error)) as server:
        for model in ("openai/m", ANTHROPIC):
            (found,) = run(spec(server.base_url, model, key=name), call())
            assert "echo: ***" in str(found.detail)


def test_content_in_parts_is_read_although_litellm_cannot() -> None:
    with (
        serving(lambda *_: {"content": [{"type": "text", "text": "hi"}]}) as server,
        pytest.warns(UserWarning, match="Pydantic serializer"),
    ):
        (found,) = run(spec(server.base_url), call())
    assert isinstance(found, Response)
    assert (found.text, found.finish) == ("hi", Finish.STOP)


class TestCheck:
    @pytest.fixture(autouse=True)
    def _no_keys(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "ANTHROPIC_API_KEY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("BROKEN", "sk-1\n")

    @pytest.mark.parametrize(
        ("broken", "words"),
        [
            (spec(None, "openai/gpt-4o"), "set the environment variable OPENAI_API_KEY"),
            (spec(None, GEMINI), "set the environment variable G.*_API_KEY or G.*_API_KEY"),
            (spec(None, "openai/gpt-4o", key="MY_KEY"), "environment variable MY_KEY"),
            (spec("http://127.0.0.1:1/v1", key="MY_KEY"), "environment variable MY_KEY"),
            (spec(None, ANTHROPIC, key="BROKEN"), "the key in BROKEN holds a character"),
            (spec(None, "gpt-nobody-knows"), "litellm knows no provider for 'gpt-nobody-knows'"),
            (spec(None, "nobody/knows"), "write it as PROVIDER/MODEL"),
            (spec("localhost:8000"), "`api_base` is not an address"),
            (spec("http://127.0.0.1:1/v1", params={"stream": True}), "params.stream cannot be"),
            (
                spec("http://127.0.0.1:1/v1", params={"mock_response": "x"}),
                "params.mock_response is a setting of litellm",
            ),
            (
                spec("http://127.0.0.1:1/v1", params={"api_base": "http://elsewhere"}),
                "params.api_base is a setting of litellm",
            ),
        ],
    )
    def test_finds_what_would_fail_every_call(self, broken: ModelSpec, words: str) -> None:
        with pytest.raises(ConfigError, match=words):
            LiteLLM(spec=broken).check()

    def test_is_content_with_a_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
        LiteLLM(spec=spec(None, "openai/gpt-4o")).check()
        monkeypatch.setenv("MY_KEY", "sk-1")
        LiteLLM(spec=spec(None, ANTHROPIC, key="MY_KEY")).check()

    def test_leaves_the_credentials_of_clouds_to_the_first_call(self) -> None:
        LiteLLM(spec=spec(None, "bedrock/anthropic.claude-3-haiku-20240307-v1:0")).check()

    def test_finds_a_server_that_is_not_there(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            with pytest.raises(IncompleteError, match=f"nothing answers at 127.0.0.1:{port}"):
                LiteLLM(spec=spec(f"http://127.0.0.1:{port}/v1")).check()

    def test_leaves_an_endpoint_behind_a_proxy_to_the_first_call(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        LiteLLM(spec=spec("http://far.example/v1")).check()

    def test_asks_for_nothing(self) -> None:
        with serving() as server:
            LiteLLM(spec=spec(server.base_url)).check()
            assert server.seen == []

    @pytest.mark.parametrize("name", ["OPENAI_BASE_URL", "OPENAI_API_BASE"])
    def test_lets_no_environment_variable_move_the_endpoint(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
        monkeypatch.setenv(name, "http://u:secret@elsewhere/v1")
        with pytest.raises(ConfigError, match=f"{name} would send its prompts elsewhere") as caught:
            LiteLLM(spec=spec(None, "openai/gpt-4o")).check()
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("found", ["1.82.7", "1.82.8"])
def test_refuses_the_versions_that_steal_credentials_before_it_imports_them(found: str) -> None:
    code = (
        "import sys; from parity_eval.providers import litellm as ours\n"
        f"ours.version = lambda _: {found!r}\n"
        "try: ours._litellm()\n"
        "except Exception as error: print(type(error).__name__, error)\n"
        "assert 'litellm' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.startswith(f"ConfigError litellm {found} steals credentials")


def test_a_developer_is_one_for_openai_and_the_system_for_others() -> None:
    asked: list[JsonValue] = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "hi"},
    ]
    with serving() as server:
        run(spec(server.base_url), call("hi", messages=asked))
        run(spec(server.base_url, "deepseek/m"), call("hi", messages=asked))
        roles = [seen.body["messages"][0]["role"] for seen in server.seen]
    assert roles == ["developer", "system"]

"""What every provider holds to, over all of ours.

The cases are bodies and faults of an endpoint. The transports meet them at a local server, the
recording holds them line by line, the fake is told what they amount to.
"""

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from server import FAULTS, Fault, Reply, Server, completion, serving

from parity_eval.protocols import Provider
from parity_eval.providers.fake import Fake
from parity_eval.providers.litellm import LiteLLM
from parity_eval.providers.openai_compatible import OpenAICompatible
from parity_eval.providers.recorded import Recorded
from parity_eval.records import (
    Answer,
    Call,
    Finish,
    Hole,
    JsonValue,
    Missing,
    ModelName,
    ModelSpec,
    Prompt,
    Purpose,
    Request,
    RequestId,
    Response,
    TaskName,
    ToolCall,
    Usage,
)

KEY = "sk-contract-0123456789"
TRANSPORTS: Mapping[str, type[LiteLLM | OpenAICompatible]] = {
    "litellm": LiteLLM,
    "openai_compatible": OpenAICompatible,
}
PROVIDERS = (*TRANSPORTS, "recorded", "fake")
TIMEOUT_S = 20.0
SLOW_TIMEOUT_S = 0.5
USAGE = Usage(input_tokens=10, output_tokens=2, cached_input_tokens=4)


def body(message: dict[str, Any], finish: str | None = "stop", **top: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    whole = completion("m", "", message)
    whole["choices"][0]["finish_reason"] = finish
    whole["usage"] = {
        "prompt_tokens": 10,
        "completion_tokens": 2,
        "total_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 4},
    }
    return {**whole, **top}


def tool_call(arguments: str) -> dict[str, Any]:
    return {
        "id": "call_1",
        "type": "function",
        "function": {"name": "f", "arguments": arguments},
    }


def response(text: str, finish: Finish = Finish.STOP, **fields: Any) -> Response:  # noqa: ANN401 - of any type
    given = {"usage": USAGE, "model_served": "m-2024-01-01", "fingerprint": "fp_1", **fields}
    return Response(text=text, finish=finish, **given)


WITHOUT_USAGE = {name: value for name, value in body({"content": "hi"}).items() if name != "usage"}
BODIES: Mapping[str, tuple[dict[str, Any], Response]] = {
    "text": (body({"content": "hi"}), response("hi")),
    "unicode": (body({"content": "Grüße 😀\u2028"}), response("Grüße 😀\u2028")),
    "empty text": (body({"content": ""}), response("")),
    "null": (body({"content": None}), response("")),
    "length": (body({"content": "h"}, "length"), response("h", Finish.LENGTH)),
    "filtered": (body({"content": ""}, "content_filter"), response("", Finish.REFUSED)),
    "refusal": (
        body({"content": None, "refusal": "I can't"}),
        response("", Finish.REFUSED, detail="I can't"),
    ),
    "tools": (
        body({"content": None, "tool_calls": [tool_call('{"a": 1}')]}, "tool_calls"),
        response("", Finish.TOOL_CALLS, tool_calls=(ToolCall(name="f", arguments='{"a": 1}'),)),
    ),
    "broken tools": (
        body({"content": "so", "tool_calls": [tool_call("{"), tool_call("")]}, "stop"),
        response(
            "so",
            Finish.TOOL_CALLS,
            tool_calls=(ToolCall(name="f", arguments="{"), ToolCall(name="f", arguments="")),
        ),
    ),
    "function": (
        body({"content": None, "function_call": {"name": "f", "arguments": "{}"}}, "function_call"),
        response("", Finish.TOOL_CALLS, tool_calls=(ToolCall(name="f", arguments="{}"),)),
    ),
    "end_turn": (body({"content": "hi"}, "end_turn"), response("hi")),
    "max_tokens": (body({"content": "h"}, "max_tokens"), response("h", Finish.LENGTH)),
    "odd finish": (
        body({"content": "hi"}, "eos_banana"),
        response("hi", detail="finish_reason eos_banana"),
    ),
    "no finish": (body({"content": "hi"}, None), response("hi")),
    "no usage": (WITHOUT_USAGE, response("hi", usage=None)),
    "other ids": (
        body({"content": "hi"}, id="gen-7", model="other-9", created=-1, system_fingerprint=None),
        response("hi", model_served="other-9", fingerprint=None),
    ),
    "no ids": (
        {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]},
        Response(text="hi"),
    ),
    "two choices": (
        {
            **body({"content": "one"}),
            "choices": [
                *body({"content": "one"})["choices"],
                {"index": 1, "message": {"role": "assistant", "content": "two"}},
            ],
        },
        response("one"),
    ),
    "no choices": (
        body({"content": "hi"}, choices=[]),
        response("", Finish.INVALID, detail="the body is not a chat completion"),
    ),
}
MISSING: Mapping[Fault, Hole] = {
    "auth": Hole.AUTH,
    "unknown_model": Hole.UNKNOWN_MODEL,
    "rate_limit": Hole.RATE_LIMIT,
    "rate_limit_date": Hole.RATE_LIMIT,
    "quota": Hole.QUOTA,
    "server_error": Hole.SERVER,
    "overloaded": Hole.SERVER,
    "cut": Hole.NETWORK,
    "truncated": Hole.NETWORK,
    "reset": Hole.NETWORK,
    "slow": Hole.TIMEOUT,
}
GIVEN: Mapping[Fault, Finish] = {
    "content_filter": Finish.REFUSED,
    "context_length": Finish.REJECTED,
    "html": Finish.INVALID,
    "empty": Finish.INVALID,
    "error_body": Finish.INVALID,
    "null_content": Finish.STOP,
}
UNRECORDED = frozenset({"cut", "reset", "slow", "truncated", "empty", "overloaded"})
"""Faults that have no JSON body: they never get into a recording."""


WHOLE: Mapping[str, Mapping[str, Any]] = {
    "parts": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Grüße 😀"},
                    {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                    {
                        "type": "image_url",
                        "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"},
                    },
                    {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
                    {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0="}},
                ],
            }
        ],
        "seed": 0,
        "temperature": 0,
    },
    "turns": {
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "name": "ann", "content": "4 + 4?"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "add", "arguments": '{"a": 4, "b":4}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "8"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "add",
                    "strict": True,
                    "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
                },
            }
        ],
        "tool_choice": {"type": "function", "function": {"name": "add"}},
        "parallel_tool_calls": False,
        "logprobs": True,
        "top_logprobs": 2,
        "user": "u-1",
    },
    "format": {
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "Say so in JSON."}]},
            {"role": "user", "content": ""},
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "answer",
                "strict": True,
                "schema": {"type": "object", "properties": {"ü": {"enum": [1, 2.0, None]}}},
            },
        },
        "max_completion_tokens": 7,
        "stop": ["\n\n"],
        "presence_penalty": 0.1,
        "frequency_penalty": -0.1,
        "logit_bias": {"50256": -100},
        "top_p": 1e-05,
        "min_p": 0.1,
        "chat_template_kwargs": {"enable_thinking": False},
    },
}
"""Requests in full, as a log may hold them."""


def _files(logged: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for message in logged["messages"]:
        content = message.get("content")
        yield from (p for p in content or () if isinstance(p, dict) and p.get("type") == "file")


@pytest.mark.parametrize("name", list(TRANSPORTS))
@pytest.mark.parametrize("case", list(WHOLE))
def test_a_request_is_sent_as_it_was_logged(name: str, case: str) -> None:
    async def ask(base_url: str) -> None:
        spec = ModelSpec(name=ModelName("mini"), model="openai/m", api_base=base_url)
        provider = TRANSPORTS[name](spec=spec, timeout_s=TIMEOUT_S)
        logged = Request(id=RequestId(case), body={**WHOLE[case], "stream": True, "n": 3})
        answer = await provider.complete(replace(call(case), request=logged, spec=spec))
        await provider.aclose()
        assert isinstance(answer, Response)
        assert answer.text

    with serving() as server:
        asyncio.run(ask(server.base_url))
        (seen,) = server.seen
    sent = {key: value for key, value in seen.body.items() if key not in ("model", "stream")}
    logged = deepcopy(dict(WHOLE[case]))
    for part in _files(logged) if name == "litellm" else ():  # OpenAI takes no file without a name
        part["file"]["filename"] = "my_file.pdf"
    if name == "litellm":  # takes `"content": null` for a message without content
        logged["messages"] = [
            {key: value for key, value in message.items() if value is not None}
            for message in logged["messages"]
        ]
    assert json.dumps(sent, sort_keys=True) == json.dumps(logged, sort_keys=True)
    assert seen.body.get("stream", False) is False


@pytest.mark.parametrize("name", list(TRANSPORTS))
def test_a_candidate_is_told_what_its_own_prompt_says(name: str) -> None:
    async def ask(base_url: str) -> None:
        spec = ModelSpec(
            name=ModelName("mini"),
            model="openai/m",
            api_base=base_url,
            prompt=Prompt(append_system="Be brief.", template="<{text}>"),
            params={"drop": ["seed"], "temperature": 1},
        )
        provider = TRANSPORTS[name](spec=spec, timeout_s=TIMEOUT_S)
        await provider.complete(replace(call("hi"), spec=spec))
        await provider.aclose()

    with serving() as server:
        asyncio.run(ask(server.base_url))
        (seen,) = server.seen
    assert seen.body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "<hi>"},
    ]
    assert seen.body["temperature"] == 1


def call(item: str) -> Call:
    messages: list[JsonValue] = [{"role": "user", "content": item}]
    return Call(
        key=item,
        request=Request(id=RequestId(item), body={"messages": messages, "temperature": 0}),
        spec=ModelSpec(name=ModelName("mini"), model="openai/m"),
        purpose=Purpose.CANDIDATE,
        task=TaskName("t"),
    )


def changed(**top: Any) -> bytes:  # noqa: ANN401 - any JSON
    return json.dumps(body({"content": "hi"}, **top)).encode()


def chosen(choice: Any) -> bytes:  # noqa: ANN401 - any JSON
    return changed(choices=[choice])


def raw_error(**fields: Any) -> bytes:  # noqa: ANN401 - any JSON
    return json.dumps({"error": fields}).encode()


ODD: Mapping[str, tuple[bytes, Finish | Hole]] = {
    "text": (b'"hello"', Finish.INVALID),
    "null": (b"null", Finish.INVALID),
    "number": (b"42", Finish.INVALID),
    "blank": (b"  \n", Finish.INVALID),
    "no list": (b"[]", Finish.INVALID),
    "list of completions": (b"[" + changed() + b"]", Finish.INVALID),
    "nothing in it": (b"{}", Finish.INVALID),
    "no choices": (changed(choices=None), Finish.INVALID),
    "null for a choice": (chosen(None), Finish.INVALID),
    "nothing in the choice": (chosen({}), Finish.INVALID),
    "null for a message": (chosen({"message": None}), Finish.INVALID),
    "text for a message": (chosen({"message": "hi"}), Finish.INVALID),
    "not a chat": (chosen({"text": "hi", "finish_reason": "stop"}), Finish.INVALID),
    "number for a text": (chosen({"message": {"content": 5}}), Finish.INVALID),
    "parts": (chosen({"message": {"content": [{"type": "text", "text": "a"}]}}), Finish.STOP),
    "list for usage": (changed(usage=[]), Finish.STOP),
    "number for a model": (changed(model=7), Finish.STOP),
    "byte order mark": (b"\xef\xbb\xbf" + changed(), Finish.STOP),
    "events": (
        b'data: {"choices": [{"delta": {"content": "hi"}}]}\n\ndata: [DONE]\n',
        Finish.INVALID,
    ),
    "error of text": (b'{"error": "boom"}', Finish.INVALID),
    "error of a limit": (raw_error(message="Rate limit reached", code=429), Hole.RATE_LIMIT),
    "error of the prompt": (
        raw_error(message="no", code="context_length_exceeded"),
        Finish.REJECTED,
    ),
    "error of a quota": (raw_error(message="no", type="insufficient_quota"), Hole.QUOTA),
    "message": (b'{"message": "upstream said no"}', Finish.INVALID),
    "detail": (b'{"detail": "Not Found"}', Finish.INVALID),
    "vLLM's": (b'{"object": "error", "message": "boom", "code": 400}', Finish.REJECTED),
    "half a body": (changed()[:80], Hole.NETWORK),
}
"""What an endpoint may send under status 200."""


def is_json(raw: bytes) -> bool:
    try:
        json.loads(raw.decode())
    except ValueError:
        return False
    return raw != b"null"  # which stands for no answer at all


@pytest.fixture(scope="module")
def oddities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Answer]]:
    async def ask(name: str, base_url: str) -> dict[str, Answer]:
        spec = ModelSpec(name=ModelName("mini"), model="openai/m", api_base=base_url)
        provider = TRANSPORTS[name](spec=spec, timeout_s=TIMEOUT_S)
        try:
            return await ask_all(provider, list(ODD))
        finally:
            await provider.aclose()

    def answer(model: str, item: str) -> Reply:
        return Reply(body=ODD[item][0], headers={"Content-Type": "application/json"})

    found = {}
    for name in TRANSPORTS:
        with serving(answer) as server:
            found[name] = asyncio.run(ask(name, server.base_url))
    path = tmp_path_factory.mktemp("odd") / "recording.jsonl"
    taped = {item: raw for item, (raw, _) in ODD.items() if is_json(raw)}
    lines = [b'{"id": "%s", "response": %s}\n' % (item.encode(), taped[item]) for item in taped]
    path.write_bytes(b"".join(lines))
    tape = Recorded.load(ModelSpec(name=ModelName("mini"), model="recorded", path=str(path)))
    found["recorded"] = asyncio.run(ask_all(tape, list(taped)))
    return found


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize("item", list(ODD))
def test_odd_bodies_are_recorded_as_what_they_are(
    item: str, oddities: dict[str, dict[str, Answer]]
) -> None:
    one, *others = (answers[item] for answers in oddities.values() if item in answers)
    assert len(others) == 1 + is_json(ODD[item][0])
    if isinstance(one, Missing):
        assert one.hole is ODD[item][1]
        assert set(others) == {one}
        return
    assert one.finish is ODD[item][1]
    assert bool(one.text) == (one.finish is Finish.STOP)
    for other in others:
        assert isinstance(other, Response)
        assert replace(other, latency_s=None) == replace(one, latency_s=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a provider made of all cases."""

    answers: dict[str, Answer]
    server: Server | None = None


def from_transport(name: str) -> Outcome:
    def answer(model: str, item: str) -> Reply:
        return Reply(body=BODIES[item][0])

    def fault(model: str, item: str, attempt: int) -> Fault | None:
        return next((known for known in FAULTS if item == f"fault {known}"), None)

    async def ask(spec: ModelSpec) -> dict[str, Answer]:
        kind: type[LiteLLM | OpenAICompatible] = TRANSPORTS[name]
        provider = kind(spec=spec, timeout_s=TIMEOUT_S)
        hasty = kind(spec=spec, timeout_s=SLOW_TIMEOUT_S)
        try:
            found = await ask_all(provider, [item for item in ITEMS if item != "fault slow"])
            return {**found, **await ask_all(hasty, ["fault slow"])}
        finally:
            await provider.aclose()
            await hasty.aclose()

    with serving(answer, fault=fault) as server:
        spec = ModelSpec(
            name=ModelName("mini"),
            model="openai/m",
            api_base=server.base_url,
            api_key_env="CONTRACT_KEY",
        )
        return Outcome(answers=asyncio.run(ask(spec)), server=server)


def from_recording(folder: Path, seen: dict[str, tuple[int, Any]]) -> Outcome:
    path = folder / "recording.jsonl"
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for item, (status, given) in seen.items():
            error = {**given["error"], "status": status} if status != 200 else None
            row = {"id": item, "response": given if error is None else None, "error": error}
            stream.write(json.dumps(row) + "\n")
    provider = Recorded.load(ModelSpec(name=ModelName("mini"), model="recorded", path=str(path)))
    return Outcome(answers=asyncio.run(ask_all(provider, list(seen))))


def from_fake(answers: dict[str, Answer]) -> Outcome:
    return Outcome(answers=asyncio.run(ask_all(Fake(answers=answers), ITEMS)))


async def ask_all(provider: Provider, items: list[str]) -> dict[str, Answer]:
    provider.check()
    return {item: await provider.complete(call(item)) for item in items}


ITEMS = [*BODIES, *(f"fault {fault}" for fault in FAULTS)]


def bodies_sent() -> dict[str, tuple[int, Any]]:
    """Return status and JSON body of every case that has one, as the server sends them."""
    from server import _faulty  # noqa: PLC0415 - what the server would say

    faults: dict[str, tuple[int, Any]] = {
        f"fault {fault}": (reply.status, reply.body)
        for fault in FAULTS
        if fault not in UNRECORDED
        for reply in [_faulty(fault, "m", fault, "")]
    }
    faults["fault html"] = (200, "<html><body>Welcome</body></html>")
    return {**{item: (200, given) for item, (given, _) in BODIES.items()}, **faults}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Outcome]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTRACT_KEY", KEY)
        direct = from_transport("openai_compatible")
        yield {
            "openai_compatible": direct,
            "litellm": from_transport("litellm"),
            "recorded": from_recording(tmp_path_factory.mktemp("recorded"), bodies_sent()),
            "fake": from_fake(direct.answers),
        }


def asked(faults: Iterable[Fault]) -> list[tuple[str, Fault]]:
    """Return every provider with every fault that can reach it."""
    return [
        (provider, fault)
        for provider in PROVIDERS
        for fault in faults
        if provider != "recorded" or fault not in UNRECORDED
    ]


@pytest.mark.parametrize("item", list(BODIES))
@pytest.mark.parametrize("provider", PROVIDERS)
def test_equal_bodies_give_equal_records(
    provider: str, item: str, outcomes: dict[str, Outcome]
) -> None:
    answer = outcomes[provider].answers[item]
    expected = BODIES[item][1]
    assert isinstance(answer, Response)
    if expected.finish is Finish.INVALID:  # shows the body
        assert str(answer.detail).startswith(str(expected.detail))
        answer = replace(answer, detail=expected.detail)
    assert replace(answer, latency_s=None) == expected


@pytest.mark.parametrize(("provider", "fault"), asked(MISSING))
def test_what_could_not_be_had_is_missing(
    provider: str, fault: Fault, outcomes: dict[str, Outcome]
) -> None:
    answer = outcomes[provider].answers[f"fault {fault}"]
    assert isinstance(answer, Missing)
    assert answer.hole is MISSING[fault]
    assert answer.detail


@pytest.mark.parametrize(("provider", "fault"), asked(GIVEN))
def test_what_was_given_is_a_response(
    provider: str, fault: Fault, outcomes: dict[str, Outcome]
) -> None:
    answer = outcomes[provider].answers[f"fault {fault}"]
    assert isinstance(answer, Response)
    assert (answer.finish, answer.text) == (GIVEN[fault], "")
    assert (answer.detail is None) == (fault == "null_content")


def test_every_fault_of_the_server_is_covered() -> None:
    assert set(MISSING) | set(GIVEN) == set(FAULTS)


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in ("cut", "reset")])
def test_both_transports_tell_it_in_the_same_words(
    fault: Fault, outcomes: dict[str, Outcome]
) -> None:
    one, other = (outcomes[name].answers[f"fault {fault}"].detail for name in TRANSPORTS)
    assert one == other


@pytest.mark.parametrize("provider", list(TRANSPORTS))
def test_each_call_is_sent_once(provider: str, outcomes: dict[str, Outcome]) -> None:
    server = outcomes[provider].server
    assert server is not None
    assert server.calls == {("m", item): 1 for item in ITEMS}


def test_both_transports_send_the_same_bodies(outcomes: dict[str, Outcome]) -> None:
    sent = []
    for name in TRANSPORTS:
        server = outcomes[name].server
        assert server is not None
        sent.append({seen.item: (seen.path, seen.body) for seen in server.seen})
    assert sent[0] == sent[1]


@pytest.mark.parametrize("provider", list(TRANSPORTS))
def test_retry_after_is_read_in_both_forms(provider: str, outcomes: dict[str, Outcome]) -> None:
    seconds = outcomes[provider].answers["fault rate_limit"]
    assert isinstance(seconds, Missing)
    assert seconds.retry_after_s == 1.0
    date = outcomes[provider].answers["fault rate_limit_date"]
    assert isinstance(date, Missing)
    assert date.retry_after_s is not None
    assert 0 < date.retry_after_s <= 3
    other = outcomes[provider].answers["fault server_error"]
    assert isinstance(other, Missing)
    assert other.retry_after_s is None


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_answer_shows_the_key(provider: str, outcomes: dict[str, Outcome]) -> None:
    server = outcomes[provider].server
    if server is not None:
        assert {seen.headers["Authorization"] for seen in server.seen} == {f"Bearer {KEY}"}
    assert KEY not in repr(outcomes[provider].answers)


@pytest.mark.parametrize("provider", list(TRANSPORTS))
def test_a_refused_key_is_named(provider: str, outcomes: dict[str, Outcome]) -> None:
    detail = outcomes[provider].answers["fault auth"].detail
    assert detail == (
        "HTTP 401 invalid_api_key: Incorrect API key provided: *** (key read from CONTRACT_KEY)"
    )


@pytest.mark.parametrize("provider", list(TRANSPORTS))
def test_an_unknown_model_is_told_in_the_vendors_words(
    provider: str, outcomes: dict[str, Outcome]
) -> None:
    detail = outcomes[provider].answers["fault unknown_model"].detail
    assert detail == "HTTP 404 model_not_found: The model `m` does not exist"


@pytest.mark.parametrize("provider", list(TRANSPORTS))
def test_latency_is_measured(provider: str, outcomes: dict[str, Outcome]) -> None:
    for answer in outcomes[provider].answers.values():
        if isinstance(answer, Response):
            assert answer.latency_s is not None
            assert 0 < answer.latency_s < TIMEOUT_S

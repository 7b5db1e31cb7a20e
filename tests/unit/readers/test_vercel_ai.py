import pytest
from traces import answer, document, entries, entry, read, span, text, told

from parity_eval.readers import vercel_ai
from parity_eval.readers.vercel_ai import VercelAi
from parity_eval.records import Finish, JsonObject, JsonValue, LogEntry, Skipped, ToolCall

READER = VercelAi()
PROMPT: JsonValue = [
    {"role": "system", "content": "Name the bird."},
    {"role": "user", "content": [{"type": "text", "text": "Small, red breast."}]},
]
MESSAGES: list[JsonValue] = [
    {"role": "system", "content": "Name the bird."},
    {"role": "user", "content": "Small, red breast."},
]
SCHEMA: JsonValue = {"type": "object", "properties": {"name": {"type": "string"}}}
OUTER: dict[str, JsonValue] = {
    "ai.operationId": "ai.generateText",
    "ai.model.id": "big-1",
    "ai.telemetry.functionId": "birds",
    "ai.prompt": text({"messages": PROMPT}),
    "ai.response.text": "robin",
    "ai.usage.inputTokens": 30,
    "ai.usage.outputTokens": 2,
}
INNER: dict[str, JsonValue] = {
    "ai.operationId": "ai.generateText.doGenerate",
    "ai.model.id": "big-1",
    "ai.model.provider": "openai.chat",
    "ai.telemetry.functionId": "birds",
    "ai.prompt.messages": text(PROMPT),
    "ai.response.text": "robin",
    "ai.response.model": "big-1-2026",
    "ai.response.finishReason": "stop",
    "ai.usage.inputTokens": 30,
    "ai.usage.outputTokens": 2,
    "ai.usage.cachedInputTokens": 20,
    "gen_ai.system": "openai.chat",
    "gen_ai.request.model": "big-1",
    "gen_ai.request.temperature": 0.5,
    "gen_ai.usage.input_tokens": 30,
}
OBJECT_OUTER: dict[str, JsonValue] = {
    "ai.operationId": "ai.generateObject",
    "ai.schema": text(SCHEMA),
    "ai.schema.name": "bird",
}
OBJECT_INNER: dict[str, JsonValue] = {
    **{key: value for key, value in INNER.items() if key != "ai.response.text"},
    "ai.operationId": "ai.generateObject.doGenerate",
    "ai.response.object": '{"name":"robin"}',
}


def called(more: JsonObject | None = None, *without: str) -> dict[str, JsonValue]:
    found = {**INNER, **(more or {})}
    return document(span({key: value for key, value in found.items() if key not in without}))


def test_only_the_inner_span_is_the_call() -> None:
    found = read(READER, document(span(OUTER, 1), span(INNER, 2, parent=1)))
    assert [type(one) for one in found] == [Skipped, LogEntry]
    (one,) = entries(READER, document(span(INNER, 2, parent=1), span(OUTER, 1)))
    assert one.request.body == {"temperature": 0.5, "messages": MESSAGES}
    assert (one.model, one.task, one.unreplayable) == ("big-1", "birds", None)
    assert one.metadata == {"service": {"name": "greenhouse"}}
    assert one.response is not None
    assert (one.response.text, one.response.finish) == ("robin", Finish.STOP)
    assert (one.response.model_served, one.response.latency_s) == ("big-1-2026", 1.5)
    assert one.response.usage is not None
    assert one.response.usage.input_tokens == 30
    assert one.response.usage.cached_input_tokens == 20


@pytest.mark.parametrize("operation", ["ai.streamText.doStream", "ai.streamObject.doStream"])
def test_streams_are_calls_too(operation: str) -> None:
    assert answer(READER, called({"ai.operationId": operation})).text == "robin"


@pytest.mark.parametrize("operation", ["ai.embed.doEmbed", "ai.toolCall", "ai.streamText"])
def test_other_spans_are_skipped(operation: str) -> None:
    assert operation in told(READER, called({"ai.operationId": operation}))


def test_names_of_older_versions() -> None:
    more: JsonObject = {
        "ai.usage.promptTokens": 31,
        "ai.usage.completionTokens": 3,
        "ai.settings.maxTokens": 50,
        "ai.settings.stopSequences": ["."],
    }
    without = ("ai.usage.inputTokens", "ai.usage.outputTokens", "ai.usage.cachedInputTokens")
    found = entry(READER, called(more, *without))
    assert (found.request.body["max_tokens"], found.request.body["stop"]) == (50, ["."])
    assert found.response is not None
    assert found.response.usage is not None
    assert (found.response.usage.input_tokens, found.response.usage.output_tokens) == (31, 3)


def test_names_of_newer_versions() -> None:
    more = {"ai.usage.inputTokenDetails.cacheReadTokens": 7}
    usage = answer(READER, called(more, "ai.usage.cachedInputTokens")).usage
    assert usage is not None
    assert (usage.input_tokens, usage.cached_input_tokens) == (30, 7)


def test_tokens_of_a_cache_that_were_counted_apart() -> None:
    usage = answer(READER, called({"ai.usage.cachedInputTokens": 100})).usage
    assert usage is not None
    assert (usage.input_tokens, usage.cached_input_tokens) == (130, 100)


TOOL: JsonValue = {"type": "function", "name": "look", "inputSchema": SCHEMA}


@pytest.mark.parametrize("arguments", ["input", "args"])
def test_a_tool_call(arguments: str) -> None:
    call: JsonValue = {"toolCallId": "c1", "toolName": "look", arguments: '{"name":"robin"}'}
    more: JsonObject = {
        "ai.prompt.tools": [text(TOOL)],
        "ai.prompt.toolChoice": text({"type": "tool", "toolName": "look"}),
        "ai.response.toolCalls": text([call]),
        "ai.response.finishReason": "tool-calls",
    }
    found = entry(READER, called(more, "ai.response.text"))
    assert found.request.body["tools"] == [
        {"type": "function", "function": {"name": "look", "parameters": SCHEMA}}
    ]
    assert found.request.body["tool_choice"] == {"type": "function", "function": {"name": "look"}}
    assert found.response is not None
    assert found.response.finish is Finish.TOOL_CALLS
    assert found.response.tool_calls == (ToolCall(name="look", arguments='{"name":"robin"}'),)
    assert found.unreplayable is None


def test_a_tool_that_its_provider_runs() -> None:
    tool: JsonValue = {"type": "provider-defined", "id": "openai.web_search", "name": "web_search"}
    found = entry(READER, called({"ai.prompt.tools": [text(tool)]}))
    assert "`provider-defined`" in str(found.unreplayable)


@pytest.mark.parametrize(
    "result",
    [{"output": {"type": "json", "value": {"ripe": True}}}, {"result": {"ripe": True}}],
)
def test_a_conversation_with_tools(result: JsonObject) -> None:
    prompt: JsonValue = [
        {"role": "user", "content": [{"type": "text", "text": "Is A-1 ripe?"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "reasoning", "text": "I should look."},
                {"type": "tool-call", "toolCallId": "c1", "toolName": "look", "input": {"a": 1}},
            ],
        },
        {
            "role": "tool",
            "content": [{"type": "tool-result", "toolCallId": "c1", "toolName": "look", **result}],
        },
    ]
    more: JsonObject = {"ai.prompt.messages": text(prompt), "ai.prompt.tools": [text(TOOL)]}
    function: JsonValue = {"name": "look", "arguments": '{"a": 1}'}
    assert entry(READER, called(more)).request.body["messages"] == [
        {"role": "user", "content": "Is A-1 ripe?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": '{"ripe": true}'},
    ]


def test_images() -> None:
    parts: JsonValue = [
        {"type": "file", "mediaType": "image/png", "data": "AA=="},
        {"type": "image", "image": "https://example.com/b.png"},
        {"type": "text", "text": "What is it?"},
    ]
    more = {"ai.prompt.messages": text([{"role": "user", "content": parts}])}
    found = entry(READER, called(more))
    assert found.request.body["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
                {"type": "image_url", "image_url": {"url": "https://example.com/b.png"}},
                {"type": "text", "text": "What is it?"},
            ],
        }
    ]
    other = text([{"role": "user", "content": [{"type": "file", "mediaType": "audio/wav"}]}])
    assert "`file`" in str(entry(READER, called({"ai.prompt.messages": other})).unreplayable)


@pytest.mark.parametrize("inner_first", [True, False])
def test_the_schema_of_an_object_stands_on_the_span_around_it(inner_first: bool) -> None:  # noqa: FBT001
    outer = document(span(OBJECT_OUTER, 1))
    inner = document(span(OBJECT_INNER, 2, parent=1))
    (found,) = entries(READER, *((inner, outer) if inner_first else (outer, inner)))
    assert found.request.body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "bird", "schema": SCHEMA},
    }
    assert found.unreplayable is None
    assert found.response is not None
    assert found.response.text == '{"name":"robin"}'


def test_an_object_without_the_span_around_it() -> None:
    found = entry(READER, document(span(OBJECT_INNER, 2, parent=1)))
    assert "stands on the span around it" in str(found.unreplayable)


def test_an_object_without_a_schema() -> None:
    outer: dict[str, JsonValue] = {
        "ai.operationId": "ai.generateObject",
        "ai.settings.output": "no-schema",
    }
    (found,) = entries(READER, document(span(outer, 1), span(OBJECT_INNER, 2, parent=1)))
    assert found.request.body["response_format"] == {"type": "json_object"}


def test_calls_that_wait_for_their_schema_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vercel_ai, "_KEPT", 2)
    inner = [document(span(OBJECT_INNER, 10 + n, parent=n)) for n in range(1, 6)]
    outer = [document(span(OBJECT_OUTER, n)) for n in range(1, 6)]
    found = entries(READER, *inner, *outer)
    assert len(found) == 5
    assert sum(one.unreplayable is None for one in found) == 2


def test_recording_of_inputs_or_outputs_was_turned_off() -> None:
    found = entry(READER, called({}, "ai.prompt.messages", "ai.response.text"))
    assert "was not turned on" in str(found.unreplayable)
    assert found.response is None


def test_messages_that_a_limit_cut() -> None:
    found = entry(READER, called({"ai.prompt.messages": '[{"role": "us'}))
    assert "they are no whole JSON" in str(found.unreplayable)


def test_what_the_application_told_of_a_call() -> None:
    told_ = {"userId": "u1", "sessionId": "s1", "plan": "free", "task": "sorting"}
    more = {f"ai.telemetry.metadata.{key}": value for key, value in told_.items()}
    found = entry(READER, called(more))
    assert (found.task, found.user, found.session) == ("sorting", "u1", "s1")
    assert found.metadata == {"service": {"name": "greenhouse"}, **told_}


def test_a_failed_call() -> None:
    failed: JsonValue = {"code": "STATUS_CODE_ERROR", "message": "rate limited"}
    found = answer(READER, document(span(INNER) | {"status": failed}))
    assert found.finish is Finish.INVALID
    assert "rate limited" in str(found.detail)


def test_a_filter_of_content() -> None:
    found = answer(READER, called({"ai.response.finishReason": "content-filter"}))
    assert found.finish is Finish.REFUSED


def test_the_format_is_recognised() -> None:
    assert READER.fit(document(span(OUTER, 1), span(INNER, 2, parent=1))).score == 1
    assert READER.fit(document(span({"gen_ai.request.model": "m"}))).score < 1
    assert READER.fit({"a": 1}).score == 0


@pytest.mark.parametrize("name", sorted(INNER.keys() - {"ai.operationId"}))
@pytest.mark.parametrize(
    "odd", [7, True, "", "[]", "{}", "[1]", '[{"content": [3, null]}]', [[]], {}]
)
def test_odd_attributes_never_crash(name: str, odd: JsonValue) -> None:
    assert len(read(READER, called({name: odd}))) == 1

import pytest
from traces import (
    SECOND,
    START,
    TRACE,
    answer,
    document,
    entries,
    entry,
    pairs,
    read,
    record,
    records,
    rows,
    span,
    text,
    told,
)

from parity_eval.logged import spanjoins
from parity_eval.readers.otel_genai import OtelGenai
from parity_eval.records import Finish, JsonObject, JsonValue, LogEntry, Skipped, ToolCall

READER = OtelGenai()
INPUT: JsonValue = [{"role": "user", "parts": [{"type": "text", "content": "Small, red breast."}]}]
OUTPUT: JsonValue = [
    {
        "role": "assistant",
        "parts": [{"type": "text", "content": "robin"}],
        "finish_reason": "stop",
    }
]
SYSTEM: JsonValue = [{"type": "text", "content": "Name the bird."}]
PARAMETERS: JsonValue = {"type": "object", "properties": {"code": {"type": "string"}}}
ASKED: dict[str, JsonValue] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "big-1",
}
CALL: dict[str, JsonValue] = {
    **ASKED,
    "gen_ai.response.model": "big-1-2026",
    "gen_ai.system_instructions": text(SYSTEM),
    "gen_ai.input.messages": text(INPUT),
    "gen_ai.output.messages": text(OUTPUT),
    "gen_ai.usage.input_tokens": 30,
    "gen_ai.usage.output_tokens": 2,
}
MESSAGES: JsonValue = [
    {"role": "system", "content": "Name the bird."},
    {"role": "user", "content": "Small, red breast."},
]
TOLD = (
    record("gen_ai.system.message", {"content": "Name the bird."}),
    record("gen_ai.user.message", {"content": "Small, red breast."}),
)
CHOICE = record(
    "gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"content": "robin"}}
)
NUMBERED: dict[str, JsonValue] = {
    "llm.request.type": "chat",
    "gen_ai.system": "OpenAI",
    "gen_ai.request.model": "big-1",
    "gen_ai.prompt.0.role": "system",
    "gen_ai.prompt.0.content": "Name the bird.",
    "gen_ai.prompt.1.role": "user",
    "gen_ai.prompt.1.content": "Small, red breast.",
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": "robin",
    "gen_ai.completion.0.finish_reason": "stop",
    "gen_ai.usage.prompt_tokens": 30,
    "gen_ai.usage.completion_tokens": 2,
}


def called(more: JsonObject | None = None, without: str = "") -> dict[str, JsonValue]:
    found = {**CALL, **(more or {})}
    found.pop(without, None)
    return document(span(found))


def test_a_call() -> None:
    found = entry(READER, called({"gen_ai.request.temperature": 0.5, "gen_ai.request.seed": 3}))
    assert found.request.id == f"{TRACE}:{1:016x}"
    assert found.request.body == {"temperature": 0.5, "seed": 3, "messages": MESSAGES}
    assert (found.model, found.timestamp) == ("big-1", "2026-03-01T09:30:00Z")
    assert found.response is not None
    assert (found.response.text, found.response.finish) == ("robin", Finish.STOP)
    assert (found.response.model_served, found.response.latency_s) == ("big-1-2026", 1.5)
    assert found.response.usage is not None
    assert (found.response.usage.input_tokens, found.response.usage.output_tokens) == (30, 2)
    assert found.metadata == {"service": {"name": "greenhouse"}}
    assert (found.task, found.unreplayable) == (None, None)


def test_messages_may_be_structured() -> None:
    more = {
        "gen_ai.system_instructions": SYSTEM,
        "gen_ai.input.messages": INPUT,
        "gen_ai.output.messages": OUTPUT,
    }
    assert entry(READER, called(more)) == entry(READER, called())


def test_one_document_per_line_holds_many_calls() -> None:
    found = entries(READER, document(span(CALL, 1), span(CALL, 2)), document(span(CALL, 3)))
    assert [(one.line, one.request.id[-1]) for one in found] == [(1, "1"), (1, "2"), (2, "3")]


def test_cached_tokens_are_part_of_the_input() -> None:
    for name in ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"):
        usage = answer(READER, called({name: 20})).usage
        assert usage is not None
        assert (usage.input_tokens, usage.cached_input_tokens) == (30, 20)


def test_a_tool_call() -> None:
    part: JsonValue = {
        "type": "tool_call",
        "id": "c1",
        "name": "look",
        "arguments": {"code": "A-1"},
    }
    more: JsonObject = {
        "gen_ai.output.messages": text(
            [{"role": "assistant", "parts": [part], "finish_reason": "tool_call"}]
        ),
        "gen_ai.tool.definitions": text(
            [{"type": "function", "name": "look", "parameters": PARAMETERS}]
        ),
    }
    found = entry(READER, called(more))
    assert found.response is not None
    assert found.response.finish is Finish.TOOL_CALLS
    assert found.response.tool_calls == (ToolCall(name="look", arguments='{"code": "A-1"}'),)
    assert found.response.detail is None
    assert found.request.body["tools"] == [
        {"type": "function", "function": {"name": "look", "parameters": PARAMETERS}}
    ]
    assert found.unreplayable is None
    bare = entry(READER, called({**more, "gen_ai.tool.definitions": "[]"}))
    assert bare.unreplayable == "the log left out its tools or its schema"


def test_tools_of_which_only_the_names_were_recorded() -> None:
    more = {"gen_ai.tool.definitions": text([{"type": "function", "name": "look"}])}
    assert "parameters of its tools" in str(entry(READER, called(more)).unreplayable)


def test_a_conversation_with_tools() -> None:
    history: JsonValue = [
        {"role": "user", "parts": [{"type": "text", "content": "Is A-1 ripe?"}]},
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "I should look."},
                {"type": "tool_call", "id": "c1", "name": "look", "arguments": '{"code":"A-1"}'},
            ],
        },
        {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "id": "c1", "response": {"ripe": True}}],
        },
    ]
    more = {"gen_ai.input.messages": text(history)}
    found = entry(READER, called(more, without="gen_ai.system_instructions"))
    function: JsonValue = {"name": "look", "arguments": '{"code":"A-1"}'}
    assert found.request.body["messages"] == [
        {"role": "user", "content": "Is A-1 ripe?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": '{"ripe": true}'},
    ]
    assert found.unreplayable == "the log left out its tools"


def test_an_image() -> None:
    parts: JsonValue = [
        {"type": "text", "content": "What is it?"},
        {"type": "blob", "modality": "image", "mime_type": "image/jpeg", "content": "AA=="},
        {"type": "uri", "modality": "image", "uri": "https://example.com/b.png"},
    ]
    more = {"gen_ai.input.messages": text([{"role": "user", "parts": parts}])}
    found = entry(READER, called(more, without="gen_ai.system_instructions"))
    assert found.request.body["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is it?"},
                {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,AA=="}},
                {"type": "image_url", "image_url": {"url": "https://example.com/b.png"}},
            ],
        }
    ]


def test_a_part_that_others_do_not_take() -> None:
    part: JsonValue = {"type": "file", "modality": "audio", "file_id": "f1"}
    more = {"gen_ai.input.messages": text([{"role": "user", "parts": [part]}])}
    assert "`file`" in str(entry(READER, called(more)).unreplayable)


def test_a_schema() -> None:
    schema: JsonValue = {"type": "object", "title": "bird", "properties": {"name": {}}}
    more = {
        "gen_ai.output.type": "json",
        "gen_ai.request.structured_output_schema": text(schema),
    }
    found = entry(READER, called(more))
    assert found.request.body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "bird", "schema": schema},
    }
    assert found.unreplayable is None


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"gen_ai.output.type": "json"}, "the log left out its schema"),
        (
            {"gen_ai.openai.request.response_format": "json_schema"},
            "the log left out its schema",
        ),
        ({"gen_ai.request.structured_output_schema": '{"type'}, "the log left out its schema"),
        ({"gen_ai.input.messages": '[{"role": "us'}, "they are no whole JSON"),
        ({"gen_ai.tool.definitions": '[{"na'}, "the log cut its tools"),
    ],
)
def test_what_was_not_recorded_whole(more: JsonObject, why: str) -> None:
    assert why in str(entry(READER, called(more)).unreplayable)


def test_json_without_a_schema() -> None:
    found = entry(READER, called({"gen_ai.openai.request.response_format": "json_object"}))
    assert found.request.body["response_format"] == {"type": "json_object"}


def test_recording_of_content_is_opt_in() -> None:
    found = entry(READER, document(span(ASKED)))
    assert "recording what was said was not turned on" in str(found.unreplayable)
    assert (found.model, found.response) == ("big-1", None)


def test_a_failed_span() -> None:
    attributes = {key: value for key, value in CALL.items() if "output" not in key}
    failed: JsonValue = {"code": 2, "message": "Error code: 500"}
    given = document(span({**attributes, "error.type": "ServerError"}) | {"status": failed})
    found = answer(READER, given)
    assert found.finish is Finish.INVALID
    assert "Error code: 500" in str(found.detail)


def test_a_type_of_error_is_a_failure_whatever_the_status() -> None:
    found = answer(READER, called({"error.type": "RateLimit"}))
    assert found.finish is not Finish.STOP
    assert "RateLimit" in str(found.detail)


def test_an_exception_says_why_a_span_failed() -> None:
    thrown = {"exception.type": "Timeout", "exception.message": "took too long"}
    event: JsonValue = {"name": "exception", "attributes": pairs(thrown)}
    given = document(span(CALL) | {"status": {"code": "STATUS_CODE_ERROR"}, "events": [event]})
    assert "took too long" in str(answer(READER, given).detail)


@pytest.mark.parametrize(
    ("more", "task"),
    [
        ({"app.task": "triage", "zoo.task": "other"}, "triage"),
        ({"task": "sorting", "app.task": "triage"}, "sorting"),
        ({"traceloop.association.properties.task": "replies"}, "replies"),
    ],
)
def test_any_attribute_of_the_application_may_name_the_task(more: JsonObject, task: str) -> None:
    assert entry(READER, called(more)).task == task


def test_session_user_and_what_else_the_application_says() -> None:
    more: JsonObject = {
        "gen_ai.conversation.id": "s1",
        "user.id": "u1",
        "app.feature": "search",
        "traceloop.association.properties.plan": "free",
        "server.address": "api.example.com",
    }
    found = entry(READER, called(more))
    assert (found.session, found.user) == ("s1", "u1")
    assert found.metadata == {
        "service": {"name": "greenhouse"},
        "app": {"feature": "search"},
        "plan": "free",
        "user": {"id": "u1"},
    }


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"gen_ai.operation.name": "embeddings"}, "`embeddings`"),
        ({"gen_ai.operation.name": "invoke_agent"}, "`invoke_agent`"),
        ({"gen_ai.operation.name": "execute_tool"}, "`execute_tool`"),
        ({"gen_ai.operation.name": "text_completion"}, "a bare prompt"),
        ({"gen_ai.output.type": "speech"}, "`speech`"),
    ],
)
def test_spans_of_other_kinds_are_skipped(more: JsonObject, reason: str) -> None:
    assert reason in told(READER, called(more))


def test_spans_that_are_no_model_calls_are_skipped() -> None:
    workflow = span({"traceloop.span.kind": "workflow", "gen_ai.request.model": "big-1"})
    assert "`workflow`" in told(READER, document(workflow))
    assert told(READER, document(span({"http.method": "GET"}))) == "a span that is no model call"
    assert told(READER, {"resourceSpans": []}) == "a document without spans"
    assert told(READER, {"resourceMetrics": []}) == "a document without spans"


@pytest.mark.parametrize("outer_first", [True, False])
def test_of_spans_around_one_call_the_innermost_counts(outer_first: bool) -> None:  # noqa: FBT001
    spans = [span(CALL, 1), span(CALL, 2, parent=1)]
    first, second = spans if outer_first else reversed(spans)
    found = read(READER, document(first), document(second))
    assert [one.request.id[-1] for one in found if isinstance(one, LogEntry)] == ["2"]
    assert [one.reason for one in found if isinstance(one, Skipped)] == [
        "a span around a model call"
    ]


def test_a_span_of_an_agent_around_a_call_does_not_hide_it() -> None:
    agent = span({"gen_ai.operation.name": "invoke_agent"}, 1)
    found = read(READER, document(agent, span(CALL, 2, parent=1)))
    assert [type(one) for one in found] == [Skipped, LogEntry]


LOGS = records(*TOLD, CHOICE)
SPAN = document(span({**ASKED, "gen_ai.response.finish_reasons": ["stop"]}))


@pytest.mark.parametrize(
    "documents",
    [
        (SPAN, LOGS),
        (LOGS, SPAN),
        (records(TOLD[0]), SPAN, records(TOLD[1]), records(CHOICE)),
        (records(*TOLD), records(CHOICE), SPAN),
    ],
)
def test_log_records_join_their_span(documents: tuple[JsonValue, ...]) -> None:
    (found,) = read(READER, *documents)
    assert isinstance(found, LogEntry)
    assert found.request.body["messages"] == MESSAGES
    assert found.response is not None
    assert (found.response.text, found.response.latency_s) == ("robin", 1.5)


def test_only_the_records_of_the_same_span_are_its_messages() -> None:
    other = records(record("gen_ai.user.message", {"content": "another"}, number=2))
    found = read(READER, SPAN, other, LOGS)
    assert [type(one) for one in found] == [LogEntry, Skipped]
    assert isinstance(found[0], LogEntry)
    assert found[0].request.body["messages"] == MESSAGES


def test_records_keep_the_order_of_their_times() -> None:
    early, late = (one | {"timeUnixNano": str(START + n)} for n, one in enumerate(TOLD))
    assert entry(READER, records(late, early, CHOICE), SPAN).request.body["messages"] == MESSAGES


def test_a_failed_span_has_records_but_no_choice() -> None:
    failed = span(ASKED) | {"status": {"code": 2, "message": "Error code: 500"}}
    found = entry(READER, records(*TOLD), document(failed))
    assert found.request.body["messages"] == MESSAGES
    assert found.response is not None
    assert found.response.finish is Finish.INVALID


def test_records_without_content_are_no_messages() -> None:
    bare = records(
        record("gen_ai.user.message", {}),
        record("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {}}),
    )
    found = entry(READER, bare, SPAN)
    assert "was not turned on" in str(found.unreplayable)
    assert found.response is None


def test_records_of_tool_calls() -> None:
    calls: JsonValue = [
        {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    ]
    logs = records(
        TOLD[1],
        record("gen_ai.assistant.message", {"tool_calls": calls}),
        record("gen_ai.tool.message", {"id": "c1", "content": "ripe"}),
        CHOICE,
    )
    found = entry(READER, logs, SPAN)
    assert found.request.body["messages"] == [
        {"role": "user", "content": "Small, red breast."},
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "content": "ripe", "tool_call_id": "c1"},
    ]
    assert found.unreplayable == "the log left out its tools"


def test_of_several_choices_the_first_counts() -> None:
    second = record("gen_ai.choice", {"index": 1, "message": {"content": "wren"}})
    found = read(READER, records(*TOLD, second), SPAN, records(CHOICE))
    assert isinstance(found[0], LogEntry)
    assert found[0].response is not None
    assert found[0].response.text == "robin"
    assert len(found) == 1


def test_records_whose_span_is_not_there_are_skipped_with_the_remedy() -> None:
    assert "read them with their spans" in told(READER, LOGS)


def test_records_that_repeat_what_their_span_says() -> None:
    found = read(READER, called(), LOGS)
    assert [type(one) for one in found] == [LogEntry, Skipped, Skipped, Skipped]
    assert isinstance(found[1], Skipped)
    assert found[1].reason == "log records that say what their span says too"


def test_other_log_records_are_skipped() -> None:
    assert "no part of a model call" in told(READER, records(record("app.started", "hello")))


DETAILS = "gen_ai.client.inference.operation.details"


def test_the_event_with_the_details_completes_its_span() -> None:
    details: JsonObject = {
        "gen_ai.input.messages": INPUT,
        "gen_ai.output.messages": OUTPUT,
        "gen_ai.system_instructions": SYSTEM,
    }
    event = record(DETAILS) | {"attributes": pairs(details)}
    found = entry(READER, SPAN, records(event))
    assert found.request.body["messages"] == MESSAGES
    assert found.response is not None
    assert (found.response.text, found.response.latency_s) == ("robin", 1.5)


def test_the_event_with_the_details_is_a_call_where_its_span_was_not_kept() -> None:
    found = entry(READER, records(record(DETAILS) | {"attributes": pairs(CALL)}))
    assert found.request.body["messages"] == MESSAGES
    assert found.timestamp == "2026-03-01T09:30:00Z"
    assert found.response is not None
    assert (found.response.text, found.response.latency_s) == ("robin", None)


def test_what_waits_for_its_other_half_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spanjoins, "_KEPT", 2)
    alone = [document(span(ASKED, n)) for n in range(1, 6)]
    late = [records(*(one | {"spanId": f"{n:016x}"} for one in (*TOLD, CHOICE))) for n in (1, 5)]
    found = entries(READER, *alone, *late)
    assert sorted(one.request.id[-1] for one in found) == ["1", "2", "3", "4", "5"]
    assert [one.request.id[-1] for one in found if one.unreplayable is None] == ["5"]


def test_events_on_the_span_itself() -> None:
    def on_span(name: str, body: JsonValue) -> JsonValue:
        return {"name": name, "attributes": pairs({"gen_ai.event.content": text(body)})}

    events = [
        on_span("gen_ai.user.message", {"role": "user", "content": "Small, red breast."}),
        on_span("gen_ai.choice", {"index": 0, "message": {"content": "robin"}}),
    ]
    found = entry(READER, document(span(ASKED) | {"events": events}))
    assert found.request.body["messages"] == [{"role": "user", "content": "Small, red breast."}]
    assert found.response is not None
    assert found.response.text == "robin"


def test_numbered_attributes() -> None:
    found = entry(READER, document(span(NUMBERED)))
    assert found.request.body == {"messages": MESSAGES}
    assert found.unreplayable is None
    assert found.response is not None
    assert (found.response.text, found.response.finish) == ("robin", Finish.STOP)
    assert found.response.usage is not None
    assert found.response.usage.input_tokens == 30


def test_more_than_nine_numbered_messages_keep_their_order() -> None:
    many: dict[str, JsonValue] = {}
    for n in reversed(range(12)):
        many[f"gen_ai.prompt.{n}.role"] = "user"
        many[f"gen_ai.prompt.{n}.content"] = f"line {n}"
    found = entry(READER, document(span({**ASKED, **many})))
    messages = found.request.body["messages"]
    assert isinstance(messages, list)
    assert [m["content"] for m in messages if isinstance(m, dict)] == [
        f"line {n}" for n in range(12)
    ]


def test_numbered_tools_and_their_calls() -> None:
    attributes = {
        **NUMBERED,
        "gen_ai.completion.0.finish_reason": "tool_calls",
        "gen_ai.completion.0.tool_calls.0.id": "c1",
        "gen_ai.completion.0.tool_calls.0.name": "look",
        "gen_ai.completion.0.tool_calls.0.arguments": '{"code":"A-1"}',
        "llm.request.functions.0.name": "look",
        "llm.request.functions.0.parameters": text(PARAMETERS),
    }
    found = entry(READER, document(span(attributes)))
    assert found.request.body["tools"] == [
        {"type": "function", "function": {"name": "look", "parameters": PARAMETERS}}
    ]
    assert found.response is not None
    assert found.response.tool_calls == (ToolCall(name="look", arguments='{"code":"A-1"}'),)
    without = {key: value for key, value in attributes.items() if "functions" not in key}
    assert "left out its tools" in str(entry(READER, document(span(without))).unreplayable)


@pytest.mark.parametrize(
    "given",
    [
        span({key: value for key, value in NUMBERED.items() if "prompt.0" not in key}),
        span(NUMBERED) | {"droppedAttributesCount": 3},
    ],
)
def test_a_tracer_that_dropped_attributes_dropped_messages(given: JsonValue) -> None:
    assert "the tracer dropped attributes" in str(entry(READER, document(given)).unreplayable)


def test_parts_that_were_written_as_text() -> None:
    parts: JsonValue = [{"type": "text", "text": "What is it?"}]
    more = {"gen_ai.prompt.1.content": text(parts)}
    found = entry(READER, document(span({**NUMBERED, **more})))
    assert found.request.body["messages"] == [
        {"role": "system", "content": "Name the bird."},
        {"role": "user", "content": parts},
    ]


@pytest.mark.parametrize("words", ['["a", "b"]', "[1, 2]", '{"type": "text"}', "[]"])
def test_a_users_own_json_stays_text(words: str) -> None:
    found = entry(READER, document(span({**NUMBERED, "gen_ai.prompt.1.content": words})))
    messages = found.request.body["messages"]
    assert isinstance(messages, list)
    assert messages[1] == {"role": "user", "content": words}
    assert found.unreplayable is None


def test_a_completion_without_messages_is_no_chat() -> None:
    more: JsonObject = {"llm.request.type": "completion"}
    given = document(span({**NUMBERED, **more}) | {"name": "openai.completion"})
    assert "a bare prompt" in told(READER, given)
    chat = document(span({**NUMBERED, **more}) | {"name": "anthropic.chat"})
    assert entry(READER, chat).request.body["messages"] == MESSAGES


def test_a_span_that_never_ended_has_no_latency() -> None:
    found = answer(READER, document(span(CALL) | {"endTimeUnixNano": "0"}))
    assert found.latency_s is None
    backwards = document(span(CALL) | {"endTimeUnixNano": str(START - SECOND)})
    assert answer(READER, backwards).latency_s is None


def test_the_format_is_recognised() -> None:
    assert READER.fit(called()).score == 1
    assert READER.fit(LOGS).score == 1
    assert READER.fit(document(span({"http.method": "GET"}))).score == 1
    assert READER.fit(document(span({"ai.operationId": "ai.generateText"}))).score < 1
    assert READER.fit(document(span({"openinference.span.kind": "LLM"}))).score < 1
    mixed = document(span(CALL), *[span({"openinference.span.kind": "LLM"})] * 2)
    assert READER.fit(mixed).score < 1
    assert READER.fit({"resourceSpans": "x"}).score == 0
    assert READER.fit({"id": 1, "attributes": {}}).score == 0
    assert READER.fit([]).score == 0


def test_spans_of_other_conventions_say_who_reads_them() -> None:
    given = document(span({"ai.operationId": "ai.generateText.doGenerate", **CALL}))
    assert told(READER, given) == "a span of other conventions; `--format vercel_ai` reads those"


def test_a_span_of_the_console_exporter() -> None:
    given: JsonValue = {
        "name": "chat big-1",
        "context": {"trace_id": f"0x{TRACE}", "span_id": "0x00000000000000b1", "trace_state": "[]"},
        "kind": "SpanKind.CLIENT",
        "parent_id": None,
        "start_time": "2026-03-01T09:30:00.000000Z",
        "end_time": "2026-03-01T09:30:01.500000Z",
        "status": {"status_code": "UNSET"},
        "attributes": CALL,
        "events": [],
        "resource": {"attributes": {"service.name": "greenhouse"}},
    }
    found = entry(READER, given)
    assert found.request.id == f"{TRACE}:00000000000000b1"
    assert found.response is not None
    assert found.response.latency_s == 1.5
    assert found.metadata == {"service": {"name": "greenhouse"}}
    assert READER.fit(given).score == 1


@pytest.mark.parametrize(
    "name", ["gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"]
)
@pytest.mark.parametrize(
    "odd", [7, True, "", "[]", "{}", "[1]", '[{"parts": 3}]', '[{"parts": [3, null]}]', [[]], {}]
)
def test_odd_content_never_crashes(name: str, odd: JsonValue) -> None:
    (found,) = read(READER, called({name: odd}))
    assert found.line == 1


def test_rejects_and_odd_rows_pass() -> None:
    found = list(READER.read(rows(3, None, [], "x", {"a": 1})))
    assert len(found) == 5

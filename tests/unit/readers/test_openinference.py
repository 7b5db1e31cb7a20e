import pytest
from traces import TRACE, answer, document, entries, entry, pairs, read, span, text, told

from parity_eval.readers.openinference import OpenInference
from parity_eval.records import Finish, JsonObject, JsonValue, LogEntry, Reject, Skipped, ToolCall

READER = OpenInference()
MESSAGES: list[JsonValue] = [
    {"role": "system", "content": "Name the bird."},
    {"role": "user", "content": "Small, red breast."},
]
TOOL: JsonValue = {
    "type": "function",
    "function": {
        "name": "look",
        "parameters": {"type": "object", "properties": {"code": {"type": "string"}}},
    },
}
CALL: dict[str, JsonValue] = {
    "openinference.span.kind": "LLM",
    "input.mime_type": "application/json",
    "input.value": text({"model": "big-1", "messages": MESSAGES, "top_p": 0.9}),
    "llm.invocation_parameters": text({"model": "big-1", "temperature": 0.5}),
    "llm.model_name": "big-1-2026",
    "llm.token_count.prompt": 30,
    "llm.token_count.completion": 2,
    "llm.token_count.prompt_details.cache_read": 20,
    "output.value": text({"role": "assistant", "content": "robin"}),
    "llm.finish_reason": "stop",
    "session.id": "s1",
    "user.id": "u1",
    "metadata": text({"task": "birds", "plan": "free"}),
    "tag.tags": ["web", "User-Agent: x"],
}
FLAT: dict[str, JsonValue] = {
    "llm.input_messages.0.message.role": "system",
    "llm.input_messages.0.message.content": "Name the bird.",
    "llm.input_messages.1.message.role": "user",
    "llm.input_messages.1.message.content": "Small, red breast.",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": "robin",
}


def called(more: JsonObject | None = None, *without: str) -> dict[str, JsonValue]:
    found = {**CALL, **(more or {})}
    return document(span({key: value for key, value in found.items() if key not in without}))


def flat(more: JsonObject | None = None) -> dict[str, JsonValue]:
    return called({**FLAT, **(more or {})}, "input.value", "output.value")


def test_a_call() -> None:
    found = entry(READER, called())
    assert found.request.id == f"{TRACE}:{1:016x}"
    assert found.request.body == {"temperature": 0.5, "messages": MESSAGES, "top_p": 0.9}
    assert (found.model, found.task, found.session, found.user) == ("big-1", "birds", "s1", "u1")
    assert found.metadata == {
        "service": {"name": "greenhouse"},
        "session": {"id": "s1"},
        "user": {"id": "u1"},
        "task": "birds",
        "plan": "free",
        "tags": ["web"],
    }
    assert found.response is not None
    assert (found.response.text, found.response.finish) == ("robin", Finish.STOP)
    assert (found.response.model_served, found.response.latency_s) == ("big-1-2026", 1.5)
    assert found.response.usage is not None
    assert found.response.usage.input_tokens == 30
    assert found.response.usage.cached_input_tokens == 20
    assert found.unreplayable is None


def test_numbered_messages_where_there_is_no_body() -> None:
    found = entry(READER, flat())
    assert found.request.body == {"temperature": 0.5, "messages": MESSAGES}
    assert found.response is not None
    assert found.response.text == "robin"


def test_numbered_messages_where_the_input_is_what_a_framework_made_of_it() -> None:
    more = {**FLAT, "input.value": text({"messages": [[{"lc": 1, "kwargs": {"content": "x"}}]]})}
    assert entry(READER, called(more)).request.body["messages"] == MESSAGES


def test_numbered_parts_of_a_message() -> None:
    message = "llm.input_messages.1.message"
    contents = f"{message}.contents"
    more = {
        f"{contents}.0.message_content.type": "text",
        f"{contents}.0.message_content.text": "What is it?",
        f"{contents}.1.message_content.type": "image",
        f"{contents}.1.message_content.image.image.url": "https://example.com/b.png",
    }
    given = {key: value for key, value in FLAT.items() if key != f"{message}.content"}
    found = entry(READER, called({**given, **more}, "input.value", "output.value"))
    assert found.request.body["messages"] == [
        MESSAGES[0],
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is it?"},
                {"type": "image_url", "image_url": {"url": "https://example.com/b.png"}},
            ],
        },
    ]


def test_tools_stand_apart_from_the_body() -> None:
    function: JsonValue = {"name": "look", "arguments": "{}"}
    call: JsonValue = {"id": "c", "type": "function", "function": function}
    more: JsonObject = {
        "llm.tools.0.tool.json_schema": text(TOOL),
        "output.value": text({"role": "assistant", "content": None, "tool_calls": [call]}),
    }
    found = entry(READER, called(more))
    assert found.request.body["tools"] == [TOOL]
    assert found.unreplayable is None
    assert found.response is not None
    assert found.response.finish is Finish.TOOL_CALLS
    assert found.response.tool_calls == (ToolCall(name="look", arguments="{}"),)
    without = {"output.value": more["output.value"]}
    assert "left out its tools" in str(entry(READER, called(without)).unreplayable)


def test_a_body_has_its_tools_whole() -> None:
    body: JsonValue = {"model": "big-1", "messages": MESSAGES, "tools": [TOOL]}
    named: JsonObject = {
        "input.value": text(body),
        "llm.tools.0.tool.json_schema": text({"name": "look"}),
    }
    found = entry(READER, called(named))
    assert (found.request.body["tools"], found.unreplayable) == ([TOOL], None)
    bare = entry(READER, called({**named, "input.value": CALL["input.value"]}))
    assert "parameters of its tools" in str(bare.unreplayable)


def test_a_numbered_tool_call() -> None:
    place = "llm.output_messages.0.message.tool_calls.0.tool_call"
    more: JsonObject = {
        f"{place}.id": "c",
        f"{place}.function.name": "look",
        f"{place}.function.arguments": "{}",
    }
    found = answer(READER, flat(more))
    assert found.tool_calls == (ToolCall(name="look", arguments="{}"),)


def test_a_whole_completion_as_output() -> None:
    body: JsonValue = {
        "model": "big-1-b",
        "choices": [{"message": {"content": "wren"}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 31, "completion_tokens": 4},
    }
    found = answer(READER, called({"output.value": text(body)}))
    assert (found.text, found.finish, found.model_served) == ("wren", Finish.LENGTH, "big-1-b")
    assert found.usage is not None
    assert found.usage.input_tokens == 31


def test_chunks_of_a_stream_as_output() -> None:
    chunks: JsonValue = [
        {
            "object": "chat.completion.chunk",
            "model": "big-1-b",
            "choices": [{"index": 0, "delta": {"content": part}, "finish_reason": reason}],
        }
        for part, reason in (("ro", None), ("bin", "stop"))
    ]
    found = answer(READER, called({"output.value": text(chunks)}))
    assert (found.text, found.model_served) == ("robin", "big-1-b")


@pytest.mark.parametrize("key", ["results", "data", "choices", "error"])
def test_an_answer_in_json_is_not_taken_for_a_body(key: str) -> None:
    words = text({key: ["robin"]})
    more = {"output.value": words, "llm.output_messages.0.message.content": words}
    assert answer(READER, called(more)).text == words


def test_an_answer_that_is_json_is_kept_as_it_was_written() -> None:
    words = '{"label":  "robin"}'
    assert answer(READER, called({"output.value": words})).text == words


def test_a_body_of_another_vendor() -> None:
    body: JsonValue = {
        "model": "claude-1",
        "system": "Name the bird.",
        "max_tokens": 10,
        "messages": [{"role": "user", "content": "Small, red breast."}],
    }
    said: JsonValue = {
        "type": "message",
        "role": "assistant",
        "model": "claude-1",
        "content": [{"type": "text", "text": "robin"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "cache_read_input_tokens": 27, "output_tokens": 2},
    }
    found = entry(READER, called({"input.value": text(body), "output.value": text(said)}))
    assert found.request.body["messages"] == MESSAGES
    assert found.response is not None
    assert found.response.text == "robin"
    assert found.response.usage is not None
    assert found.response.usage.input_tokens == 30


def test_a_failed_span_has_the_model_in_its_parameters() -> None:
    given = span({key: value for key, value in CALL.items() if key.startswith(("open", "input"))})
    more = {"llm.invocation_parameters": text({"model": "big-2"}), **FLAT}
    failed: JsonValue = {"code": 2, "message": "Timeout: too slow"}
    flat_only = span({"openinference.span.kind": "LLM", **more}) | {"status": failed}
    found = entry(READER, document(flat_only))
    assert found.model == "big-2"
    assert found.response is not None
    assert found.response.finish is Finish.INVALID
    assert entry(READER, document(given | {"status": failed})).model == "big-1"


def test_text_that_was_hidden() -> None:
    more = {"input.value": "__REDACTED__", "output.value": "__REDACTED__"}
    found = entry(READER, called(more))
    assert found.unreplayable == "the log left its text out"
    assert found.response is None


def test_nothing_was_recorded() -> None:
    found = entry(READER, called({}, "input.value", "output.value"))
    assert "was not turned on" in str(found.unreplayable)
    assert (found.model, found.response) == ("big-1", None)


def test_a_plain_text_as_input() -> None:
    found = entry(READER, called({"input.value": "Which bird?"}))
    assert found.request.body["messages"] == [{"role": "user", "content": "Which bird?"}]


@pytest.mark.parametrize(
    "kind", ["CHAIN", "AGENT", "TOOL", "RETRIEVER", "EMBEDDING", "RERANKER", "GUARDRAIL"]
)
def test_spans_of_other_kinds_are_skipped(kind: str) -> None:
    assert kind in told(READER, called({"openinference.span.kind": kind}))


def test_of_calls_inside_of_calls_the_innermost_counts() -> None:
    found = read(READER, document(span(CALL, 1), span(CALL, 2, parent=1)))
    assert [type(one) for one in found] == [Skipped, LogEntry]


@pytest.mark.parametrize(
    "given",
    [
        span({"openinference.span.kind": "LLM", **FLAT}) | {"droppedAttributesCount": 5},
        span(
            {
                "openinference.span.kind": "LLM",
                **{key: value for key, value in FLAT.items() if "input_messages.0" not in key},
            }
        ),
    ],
)
def test_a_tracer_that_dropped_attributes_dropped_messages(given: JsonValue) -> None:
    assert "the tracer dropped attributes" in str(entry(READER, document(given)).unreplayable)


def test_a_whole_body_does_not_suffer_from_dropped_attributes() -> None:
    given = document(span(CALL) | {"droppedAttributesCount": 5})
    assert entry(READER, given).unreplayable is None


def test_a_schema_in_the_parameters() -> None:
    schema: JsonValue = {"type": "json_schema", "json_schema": {"name": "bird", "schema": {}}}
    parameters = {"llm.invocation_parameters": text({"model": "m", "response_format": schema})}
    assert entry(READER, flat(parameters)).request.body["response_format"] == schema


def test_a_cost() -> None:
    assert entry(READER, called({"llm.cost.total": 0.002})).cost_usd == 0.002


def phoenix(**more: JsonValue) -> dict[str, JsonValue]:
    plain: dict[str, JsonValue] = {
        "id": "U3Bhbjox",
        "name": "ChatCompletion",
        "context": {"trace_id": TRACE, "span_id": "00000000000000b1"},
        "span_kind": "LLM",
        "parent_id": None,
        "start_time": "2026-03-01T09:30:00.000000+00:00",
        "end_time": "2026-03-01T09:30:00.750000+00:00",
        "status_code": "OK",
        "status_message": "",
        "attributes": CALL,
        "events": [],
    }
    return {**plain, **more}


def test_a_span_of_phoenix() -> None:
    found = entry(READER, phoenix())
    assert found.request.id == f"{TRACE}:00000000000000b1"
    assert found.request.body["messages"] == MESSAGES
    assert found.response is not None
    assert found.response.latency_s == 0.75
    assert READER.fit(phoenix()).score == 1


def test_a_span_of_phoenix_whose_attributes_are_nested() -> None:
    lists: JsonValue = {
        "llm": {
            "input_messages": [
                {"message": {"role": "system", "content": "Name the bird."}},
                {"message.role": "user", "message.content": "Small, red breast."},
            ],
            "output_messages": [{"message": {"role": "assistant", "content": "robin"}}],
            "model_name": "big-1",
        }
    }
    found = entry(READER, phoenix(attributes=lists))
    assert found.request.body["messages"] == MESSAGES
    assert found.response is not None
    assert found.response.text == "robin"


def test_a_failed_span_of_phoenix() -> None:
    found = answer(READER, phoenix(status_code="ERROR", status_message="too slow"))
    assert found.finish is Finish.INVALID
    assert "too slow" in str(found.detail)


def test_a_page_of_phoenix() -> None:
    page: JsonValue = {"data": [phoenix(), phoenix(span_kind="CHAIN", attributes={})], "next": None}
    assert READER.fit(page).score == 1
    assert [type(one) for one in read(READER, page)] == [LogEntry, Skipped]


def test_a_row_of_phoenix_data_frame() -> None:
    row: dict[str, JsonValue] = {
        "name": "ChatCompletion",
        "span_kind": "LLM",
        "parent_id": None,
        "start_time": "2026-03-01T09:30:00Z",
        "end_time": "2026-03-01T09:30:01Z",
        "status_code": "OK",
        "context.span_id": "00000000000000b1",
        "context.trace_id": TRACE,
        **{f"attributes.{key}": value for key, value in CALL.items()},
    }
    assert READER.fit(row).score == 1
    assert entry(READER, row).request.body["messages"] == MESSAGES


def test_the_format_is_recognised() -> None:
    assert READER.fit(called()).score == 1
    assert READER.fit(document(span({"gen_ai.request.model": "m"}))).score < 1
    mixed = document(span(CALL), span(CALL), span({"gen_ai.request.model": "m"}))
    assert READER.fit(mixed).score == 1
    assert READER.fit({"context": {"span_id": "1"}, "attributes": {"a": 1}}).score < 1


@pytest.mark.parametrize("name", sorted(CALL.keys() - {"openinference.span.kind"}))
@pytest.mark.parametrize("odd", [7, True, "", "[]", "{}", "[1]", '{"messages": [3]}', "{broken"])
def test_odd_attributes_never_crash(name: str, odd: JsonValue) -> None:
    (found,) = read(READER, called({name: odd}))
    assert isinstance(found, LogEntry | Reject | Skipped)


def test_several_documents_and_structured_lists() -> None:
    told_ = [{**CALL, "metadata": text({"task": name})} for name in "ab"]
    spans = [span({}) | {"attributes": pairs(attributes)} for attributes in told_]
    assert [one.task for one in entries(READER, *(document(one) for one in spans))] == ["a", "b"]

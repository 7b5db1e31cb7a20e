import pytest
from traces import answer, entries, entry, read, rows, text, told

from parity_eval.logged.graded import recordings
from parity_eval.readers.promptfoo import Promptfoo
from parity_eval.records import Finish, JsonObject, JsonValue, Reject, ToolCall
from parity_eval.tasks import field_values

READER = Promptfoo()
BRIEF: JsonValue = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
]
BIG, MINI = "openai:big-1", "openai:mini-1"


def result(provider: str = BIG, **more: JsonValue) -> dict[str, JsonValue]:
    plain: dict[str, JsonValue] = {
        "id": "r1",
        "promptIdx": 0 if provider == BIG else 1,
        "testIdx": 3,
        "promptId": "p",
        "provider": {"id": provider, "label": ""},
        "prompt": {"raw": "Name the bird: small, red breast.", "label": "Name the bird: {{it}}"},
        "vars": {"it": "small, red breast"},
        "testCase": {
            "assert": [{"type": "icontains", "value": "ro"}, {"type": "equals", "value": "robin"}],
            "metadata": {"task": "birds"},
            "description": "an easy one",
        },
        "response": {
            "output": "robin",
            "tokenUsage": {"total": 32, "prompt": 30, "completion": 2},
            "cached": False,
            "finishReason": "stop",
        },
        "score": 1,
        "success": True,
        "namedScores": {"brevity": 0.5},
        "gradingResult": {"pass": True, "score": 1, "reason": "All assertions passed"},
        "latencyMs": 1500,
        "cost": 0.002,
        "failureReason": 0,
    }
    return {**plain, **more}


def document(*results: JsonValue, **config: JsonValue) -> dict[str, JsonValue]:
    return {
        "evalId": "eval-1",
        "results": {
            "version": 3,
            "timestamp": "2026-03-01T09:30:00.000Z",
            "prompts": [],
            "results": list(results),
            "stats": {},
        },
        "config": config,
    }


def test_a_result() -> None:
    found = entry(READER, document(result()))
    assert found.request.body["messages"] == [
        {"role": "user", "content": "Name the bird: small, red breast."}
    ]
    assert (found.model, found.task, found.timestamp) == (BIG, "birds", "2026-03-01T09:30:00Z")
    assert (found.cost_usd, found.is_cache_hit) == (0.002, False)
    assert found.response is not None
    assert (found.response.text, found.response.finish) == ("robin", Finish.STOP)
    assert found.response.latency_s == 1.5
    assert found.response.usage is not None
    assert (found.response.usage.input_tokens, found.response.usage.output_tokens) == (30, 2)
    assert found.metadata["score"] == 1
    assert found.metadata["scores"] == {"score": 1, "brevity": 0.5}
    assert found.metadata["vars"] == {"it": "small, red breast"}
    assert field_values(found, "metadata.target") == ("robin",)


def test_a_line_of_its_jsonl_says_the_same() -> None:
    whole, line = entry(READER, document(result())), entry(READER, result())
    assert whole.request.body == line.request.body
    assert whole.response == line.response


def test_each_provider_has_an_entry_and_all_have_one_case() -> None:
    other = result(MINI, response={"output": "wren"}, score=0)
    found = entries(READER, document(result(), other, result(testIdx=4)))
    assert [one.model for one in found] == [BIG, MINI, BIG]
    assert len({one.request.id for one in found}) == 3
    first, second, third = (one.metadata["case"] for one in found)
    assert first == second != third
    assert [one.line for one in found] == [1, 2, 3]


def test_the_answers_of_the_others_become_recordings() -> None:
    found = entries(
        READER,
        document(
            result(),
            result(MINI, response={"output": "wren"}),
            result(MINI, response={"output": "owl"}, testIdx=9),
        ),
    )
    lines = recordings(found, BIG)
    assert list(lines) == [MINI]
    (line,) = lines[MINI]
    assert line["id"] == found[0].request.id
    body = line["response"]
    assert isinstance(body, dict)
    assert body["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "wren"},
            "finish_reason": "stop",
        }
    ]


@pytest.mark.parametrize(
    "raw",
    [
        text(BRIEF),
        "- role: system\n  content: Be brief.\n- role: user\n  content: Hi\n",
        text({"messages": BRIEF}),
    ],
)
def test_a_prompt_may_be_a_conversation(raw: str) -> None:
    assert entry(READER, result(prompt={"raw": raw})).request.body["messages"] == BRIEF


@pytest.mark.parametrize(
    "raw",
    ['["a"]', "- role: [", "- role: user\n  content: [1]", '{"a": 1}', "[broken", "- role: 3"],
)
def test_any_other_prompt_is_one_text(raw: str) -> None:
    found = entry(READER, result(prompt={"raw": raw}))
    assert found.request.body["messages"] == [{"role": "user", "content": raw}]


def test_parameters_come_from_the_configuration() -> None:
    schema: JsonValue = {"type": "json_schema", "json_schema": {"name": "bird", "schema": {}}}
    config: JsonValue = {"temperature": 0.5, "response_format": schema, "apiKey": "secret"}
    providers: JsonValue = [MINI, {"id": BIG, "config": config}]
    found = entry(READER, document(result(), providers=providers))
    assert found.request.body["temperature"] == 0.5
    assert found.request.body["response_format"] == schema
    assert "apiKey" not in found.request.body
    elsewhere: JsonValue = [{"id": BIG, "config": {"tools": "file://tools.yaml"}}]
    found = entry(READER, document(result(), providers=elsewhere))
    assert "`tools` stands in a file" in str(found.unreplayable)


def test_a_label_tells_two_configurations_of_one_provider_apart() -> None:
    providers: JsonValue = [
        {"id": BIG, "label": "cold", "config": {"temperature": 0}},
        {"id": BIG, "label": "warm", "config": {"temperature": 1}},
    ]
    cold: JsonValue = {**result(), "provider": {"id": BIG, "label": "cold"}}
    found = entry(READER, document(cold, providers=providers))
    assert found.request.body["temperature"] == 0
    assert found.metadata["provider_label"] == "cold"


def test_an_answer_that_was_parsed_is_written_again() -> None:
    found = answer(READER, result(response={"output": {"name": "robin"}}))
    assert found.text == '{"name": "robin"}'


def test_tool_calls() -> None:
    function: JsonValue = {"name": "look", "arguments": "{}"}
    call: JsonValue = {"id": "c", "type": "function", "function": function}
    found = entry(READER, result(response={"output": [call]}))
    assert found.response is not None
    assert found.response.tool_calls == (ToolCall(name="look", arguments="{}"),)
    assert "left out its tools" in str(found.unreplayable)


def test_an_answer_from_its_cache_tells_no_latency() -> None:
    cached: JsonValue = {"output": "robin", "cached": True, "tokenUsage": {"total": 9, "cached": 9}}
    found = entry(READER, result(response=cached, latencyMs=1))
    assert (found.is_cache_hit, found.cost_usd) == (True, None)
    assert found.response is not None
    assert (found.response.latency_s, found.response.usage) == (None, None)


def test_a_failed_assertion_is_no_failed_call() -> None:
    more: JsonObject = {"success": False, "score": 0, "failureReason": 1, "error": "Expected wren"}
    found = entry(READER, {**result(), **more})
    assert found.response is not None
    assert (found.response.text, found.metadata["score"]) == ("robin", 0)


@pytest.mark.parametrize(
    "more",
    [
        {"response": {"error": "API error: 500"}},
        {"response": {"output": "x"}, "error": "API error: 500", "failureReason": 2},
        {"response": None, "error": "API error: 500"},
    ],
)
def test_a_failed_call(more: JsonObject) -> None:
    found = answer(READER, {**result(), **more})
    assert found.finish is Finish.INVALID
    assert "API error: 500" in str(found.detail)


def test_a_refusal() -> None:
    found = answer(READER, result(response={"output": "I cannot.", "isRefusal": True}))
    assert found.finish is Finish.REFUSED


def test_no_answer() -> None:
    assert entry(READER, result(response=None)).response is None


def test_a_target_with_variables_is_none() -> None:
    case: JsonValue = {"assert": [{"type": "equals", "value": "{{expected}}"}]}
    assert "target" not in entry(READER, result(testCase=case)).metadata


def test_rows_that_are_no_results() -> None:
    assert "lacks `provider` or `prompt.raw`" in told(READER, document({"a": 1}))
    (found,) = READER.read(rows(document("x")))
    assert isinstance(found, Reject)
    assert read(READER, document()) == []


def test_the_format_is_recognised() -> None:
    assert READER.fit(document()).score == 1
    assert READER.fit(result()).score == 1
    assert READER.fit({"results": []}).score < 1
    assert READER.fit({"id": "1", "prompt": "x", "provider": "y"}).score < 1


@pytest.mark.parametrize(
    "name", ["provider", "prompt", "vars", "testCase", "response", "score", "latencyMs", "cost"]
)
@pytest.mark.parametrize("odd", [None, 7, True, "x", [], [1], {}, {"raw": 3, "output": []}])
def test_odd_fields_never_crash(name: str, odd: JsonValue) -> None:
    assert len(read(READER, document({**result(), name: odd}))) == 1

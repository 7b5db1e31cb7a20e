from typing import Any

import pytest

from parity_eval.logged import observed
from parity_eval.logged.entries import BadRowError
from parity_eval.records import JsonValue

HI: JsonValue = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    "given",
    [
        "hi",
        HI,
        [HI],
        {"messages": HI},
        {"messages": [HI]},
        {"prompt": "hi"},
        {"prompts": ["hi"]},
        {"role": "user", "content": "hi"},
        '[{"role": "user", "content": "hi"}]',
        '{"messages": [{"role": "user", "content": "hi"}]}',
    ],
)
def test_inputs_in_any_shape(given: JsonValue) -> None:
    assert observed.request(given, {"seed": 1}, "big") == {
        "model": "big",
        "seed": 1,
        "messages": HI,
    }


@pytest.mark.parametrize("given", [None, "", [], {}])
def test_no_input(given: JsonValue) -> None:
    assert observed.request(given, {"seed": 1}, "big") == {"model": "big"}
    assert observed.request(given, {"seed": 1}) is None


def test_what_the_input_says_wins() -> None:
    given: JsonValue = {"messages": HI, "seed": 2, "model": "other", "timeout": 3}
    assert observed.request(given, {"seed": 1, "top_p": 1}, "big") == {
        "model": "other",
        "seed": 2,
        "top_p": 1,
        "messages": HI,
    }


@pytest.mark.parametrize("given", [7, True, [7], [["a"]], {"rows": 1}])
def test_what_is_no_input(given: JsonValue) -> None:
    with pytest.raises(BadRowError, match="its input "):
        observed.request(given, {})


@pytest.mark.parametrize(
    ("given", "params"),
    [
        ([{"type": "function_call_output", "call_id": "c", "output": "x"}], {}),
        (HI, {"instructions": "Be brief."}),
        ("hi", {"max_output_tokens": 5}),
        (HI, {"tools": [{"type": "function", "name": "f", "parameters": {}}]}),
    ],
)
def test_requests_of_the_responses_api(given: JsonValue, params: dict[str, JsonValue]) -> None:
    assert observed.request(given, params) == {**params, "input": given}


def text(given: JsonValue) -> Any:  # noqa: ANN401
    body: Any = observed.answer(given)
    return body["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    "given",
    [
        "yes",
        '"yes"',
        {"role": "assistant", "content": "yes"},
        [{"role": "assistant", "content": "yes"}],
        [{"message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}],
        {"message": {"role": "assistant", "content": "yes"}, "done": True},
        {"messages": [{"role": "user", "content": "hi"}, {"type": "ai", "content": "yes"}]},
        {"generations": [[{"text": "yes"}]]},
        [{"choices": [{"delta": {"content": "y"}}]}, {"choices": [{"delta": {"content": "es"}}]}],
        'data: {"choices": [{"delta": {"content": "yes"}, "finish_reason": "stop"}]}\n\n',
    ],
)
def test_outputs_in_any_shape(given: JsonValue) -> None:
    assert text(given) == "yes"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"label": "a"}, '{"label": "a"}'),
        ('{"label":"a"}', '{"label":"a"}'),
        (["a", "b"], '["a", "b"]'),
        ({"content": "a", "label": "b"}, '{"content": "a", "label": "b"}'),
        ({"error": "none found"}, '{"error": "none found"}'),
        ({"generations": 4, "name": "x"}, None),
        (7, "7"),
    ],
)
def test_answers_in_json(given: JsonValue, said: str | None) -> None:
    if said is None:
        assert observed.answer(given) is None
    else:
        assert text(given) == said


@pytest.mark.parametrize("given", [None, "", [], {}])
def test_no_output(given: JsonValue) -> None:
    assert observed.answer(given) is None


def test_bodies_stay_as_they_are() -> None:
    bodies: list[dict[str, JsonValue]] = [
        {"choices": [], "model": "big"},
        {"error": {"message": "no"}},
        {"type": "message", "content": [{"type": "text", "text": "a"}]},
        {"object": "response", "output": []},
    ]
    assert [observed.answer(body) for body in bodies] == bodies


def test_blocks_of_anthropic() -> None:
    blocks: JsonValue = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}]
    assert observed.answer(blocks) == {"type": "message", "role": "assistant", "content": blocks}


def test_references() -> None:
    def is_reference(value: str) -> bool:
        return value.startswith("ref:")

    assert observed.refers({"a": [{"b": "ref:1"}]}, is_reference)
    assert not observed.refers({"ref:a": ["a ref:1", 7, None]}, is_reference)

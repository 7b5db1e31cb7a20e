import pytest

from parity_eval.logged import settings
from parity_eval.records import JsonValue


@pytest.mark.parametrize(
    ("logged", "read"),
    [
        ({"temperature": "0.50", "max_tokens": "Infinity", "n": "2"}, {"temperature": 0.5, "n": 2}),
        ({"temperature": "NOT_GIVEN", "seed": True, "top_p": None}, {}),
        ({"seed": 12345678901234567890}, {"seed": 12345678901234567890}),
        ({"stop": '["a"]', "tools": "[]", "response_format": ""}, {"stop": ["a"]}),
        ({"stop": "END", "tool_choice": "auto"}, {"stop": "END", "tool_choice": "auto"}),
        ({"model": "m", "provider": "p", "task": "t", "_type": "chat"}, {}),
        ({"logprobs": False}, {"logprobs": False}),
    ],
)
def test_settings(logged: dict[str, JsonValue], read: dict[str, JsonValue]) -> None:
    assert settings.chat_params(logged) == read


def test_arguments_of_a_client() -> None:
    given: dict[str, JsonValue] = {"self": "x", "extra_headers": {}, "model": "m"}
    assert settings.body(given) == {"model": "m"}
    assert settings.body(given | {"extra_body": {"top_k": 3}}) == {"model": "m", "top_k": 3}
    assert settings.body(given | {"extra_body": "x"}) == {"model": "m"}

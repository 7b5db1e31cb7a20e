"""What an endpoint's failure is taken for, and what of it may be told."""

import json

import pytest

from parity_eval import wire
from parity_eval.errors import ConfigError
from parity_eval.limits import provider_of
from parity_eval.records import Answer, Finish, Hole, JsonValue, Missing, ModelName, ModelSpec

KEY = "sk-0123456789abcdef"
BROKEN_OFF = [
    "error",
    "abort",
    "cancelled",
    "incomplete",
    "network_error",
    "insufficient_system_resource",
]


def body(finish: str, **choice: JsonValue) -> JsonValue:
    message: JsonValue = {"role": "assistant", "content": "half of"}
    return {"choices": [{"message": message, "finish_reason": finish, **choice}]}


def read(status: int, document: JsonValue, *secrets: str) -> Answer:
    return wire.read_answer(status, json.dumps(document).encode(), secrets)


def kind(answer: Answer) -> Finish | Hole:
    return answer.hole if isinstance(answer, Missing) else answer.finish


def spec(api_base: str | None = None) -> ModelSpec:
    return ModelSpec(name=ModelName("m"), model="openai/m", api_base=api_base)


@pytest.mark.parametrize("word", BROKEN_OFF)
@pytest.mark.parametrize("spelled", [str.lower, str.upper])
def test_half_an_answer_is_no_answer_and_may_be_billed(word: str, spelled: type[str]) -> None:
    answer = read(200, body(spelled(word)))
    assert answer == Missing(
        hole=Hole.SERVER,
        detail=f"the endpoint broke off: finish_reason {spelled(word)}",
        may_be_billed=True,
    )
    logged = wire.parse_completion(body(word))
    assert (logged.finish, logged.detail) == (Finish.INVALID, f"finish_reason {word}")


def test_the_vendors_own_word_for_it_says_more_than_the_gateways() -> None:
    assert kind(read(200, body("stop", native_finish_reason="error"))) is Hole.SERVER
    assert kind(read(200, body("error", native_finish_reason="stop"))) is Finish.STOP


def test_an_error_in_the_middle_of_an_answer_may_be_billed_and_one_before_it_is_not() -> None:
    error: JsonValue = {"message": "overloaded", "code": 502}
    inside, before = read(200, body("error", error=error)), read(200, {"error": error})
    assert isinstance(inside, Missing)
    assert isinstance(before, Missing)
    assert inside.hole is before.hole is Hole.SERVER
    assert (inside.may_be_billed, before.may_be_billed) == (True, False)


def test_an_answer_that_was_too_long_for_the_model_is_cut_off() -> None:
    assert kind(read(200, body("model_length"))) is Finish.LENGTH


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    "message",
    [
        "1 validation error: input: 'card declined: insufficient funds'",
        "body value: invalid api key question",
        "Invalid value: 'my prompt asks about the safety system of cars'",
        "Invalid value: 'the model x does not exist'",
        "messages.0.content: failed to download the image, the user said",
        '[{"loc": ["body", "messages"], "input": "why is my credit balance is too low?"}]',
        '[{"loc": ["body"], "input": [{"content": "our safety system, too many requests"}]}]',
    ],
)
def test_words_of_the_prompt_are_not_the_endpoints(status: int, message: str) -> None:
    assert kind(wire.classify_error(status, None, None, message)) is Finish.REJECTED


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (400, "Your credit balance is too low to access the Anthropic API.", Hole.QUOTA),
        (400, "API key not valid. Please pass a valid API key.", Hole.AUTH),
        (400, "User location is not supported for the API use.", Hole.AUTH),
        (401, "Unauthorized: the invalid api key was sent", Hole.AUTH),
        (403, "Forbidden: insufficient credits", Hole.QUOTA),
        (400, "Your request was rejected by our safety system.", Finish.REFUSED),
        (400, "Error while downloading https://x/a.png: 403", Hole.UNREPLAYABLE),
        (400, "Failed to download image from URL", Hole.UNREPLAYABLE),
        (400, "Timeout while downloading https://x/a.png", Hole.UNREPLAYABLE),
    ],
)
def test_the_endpoints_own_words_are_believed(
    status: int, message: str, expected: Finish | Hole
) -> None:
    assert kind(wire.classify_error(status, None, None, message)) is expected


def test_a_picture_that_is_gone_is_nobodys_failure_and_one_that_is_broken_is() -> None:
    gone = wire.classify_error(400, "invalid_image_url", "invalid_request_error", "no")
    broken = wire.classify_error(400, "image_parse_error", "invalid_request_error", "no")
    assert (kind(gone), kind(broken)) == (Hole.UNREPLAYABLE, Finish.REJECTED)


@pytest.mark.parametrize("zone", ["+9999999999999", "-9999999999999"])
def test_a_time_zone_that_no_calendar_has_says_nothing(zone: str) -> None:
    headers = {"Retry-After": f"Sat, 1 Jan 2000 00:00:00 {zone}"}
    assert wire.retry_after_s(headers, now_s=0.0) is None


@pytest.mark.parametrize("n", range(470, 500, 3))
def test_a_key_is_taken_out_before_the_text_is_cut(n: int) -> None:
    answer = read(400, {"error": {"message": "x" * n + f" {KEY} {KEY}"}}, KEY)
    assert answer.detail
    assert KEY[:5] not in answer.detail


def test_what_a_model_says_stays_as_it_is() -> None:
    said: JsonValue = {"choices": [{"message": {"content": KEY}, "finish_reason": "odd"}]}
    answer = read(200, said, KEY)
    assert not isinstance(answer, Missing)
    assert (answer.text, answer.detail) == (KEY, "finish_reason odd")


def test_a_password_in_an_address_is_no_name_and_no_ones_business() -> None:
    asked = spec("http://user:p%40ssw0rd@127.0.0.1:9/v1")
    assert provider_of(asked) == "127.0.0.1:9"
    assert set(wire.own_secrets(asked, KEY)) == {KEY, "p%40ssw0rd", "p@ssw0rd"}
    assert wire.own_secrets(spec(), None) == ()


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "apikey",
        "extra_headers",
        "headers",
        "authorization",
        "aws_secret_access_key",
        "aws_access_key_id",
        "aws_session_token",
        "azure_ad_token",
        "client_secret",
        "vertex_credentials",
        "password",
    ],
)
def test_a_gateways_credentials_go_to_nobody(name: str) -> None:
    assert wire.request_body({"messages": [], name: "x"}, spec()) == {"messages": []}


@pytest.mark.parametrize(
    "name",
    ["max_tokens", "max_completion_tokens", "prompt_cache_key", "safety_identifier", "tokens"],
)
def test_what_only_sounds_like_one_is_sent(name: str) -> None:
    assert wire.request_body({name: 1}, spec()) == {name: 1}


@pytest.mark.parametrize(
    ("key", "base", "words"),
    [
        (None, None, "no API key; set the environment variable K"),
        ("", None, "no API key"),
        ("abc\n", None, "the key in K holds a character that no key has"),
        ("a\tb", None, "a character that no key has"),
        ("schlüssel", None, "a character that no key has"),
        ("abc", "http://u:p@localhost/v1", "names a user, and K holds a key"),
        ("abc", "http://[x/v1", "`api_base` is not an address"),
    ],
)
def test_a_key_that_cannot_be_sent_is_refused(
    key: str | None, base: str | None, words: str
) -> None:
    with pytest.raises(ConfigError, match=words.replace("[", r"\[")) as caught:
        wire.check_key(spec(base), "K", key)
    assert not key or key not in str(caught.value)


def test_a_key_that_can_is_not() -> None:
    wire.check_key(spec("http://localhost/v1"), "K", KEY)

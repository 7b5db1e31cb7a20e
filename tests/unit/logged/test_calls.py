import pytest

from parity_eval import wire
from parity_eval.logged import calls
from parity_eval.records import JsonObject, JsonValue

ASKED: JsonValue = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (None, {"choices": []}, None),
        (200, {"error": {"message": "x"}}, None),
        (299.0, None, None),
        (500, None, {"message": "HTTP 500", "code": "500"}),
        (500, {"choices": []}, {"message": "HTTP 500", "code": "500"}),
        (502, "<html>", {"message": "<html>", "code": "502"}),
        (429, '{"error": {"message": "slow"}}', {"message": "slow"}),
        (-3, {}, {"message": "HTTP -3", "code": "-3"}),
    ],
)
def test_failures(status: float | None, body: JsonValue, error: JsonValue) -> None:
    found = calls.failed(status, body)
    assert (None if found is None else found["error"]) == error


def test_a_call_without_a_request() -> None:
    said: JsonValue = {"choices": [{"message": {"content": "yes"}}]}
    nothing: list[JsonValue] = [None, "", {}, {"model": "m"}]
    for asked in nothing:
        found = calls.called(asked, said, missing="left out")
        assert found["unreplayable"] == "left out"
        assert found["response"] == said
    assert "unreplayable" not in calls.called(ASKED, said, missing="left out")


def test_the_count_of_the_body_wins() -> None:
    counted: JsonObject = {"prompt_tokens": 9, "completion_tokens": 9}
    own: JsonValue = {"prompt_tokens": 1, "completion_tokens": 1}
    said: dict[str, JsonValue] = {"choices": [{"message": {"content": "yes"}}]}
    for given, used in ((said, counted), (said | {"usage": own}, own)):
        found = calls.called(ASKED, given, missing="", usage=counted)
        response = found["response"]
        assert isinstance(response, dict)
        assert response["usage"] == used
    failed = calls.called(ASKED, {"error": {"message": "x"}}, missing="", usage=counted)
    assert failed["response"] == {"error": {"message": "x"}}


def test_metadata_with_tags() -> None:
    assert calls.about('{"a": 1}', '["x", "User-Agent: y"]') == {"a": 1, "tags": ["x"]}
    assert calls.about("text", 7) == {}


def test_a_hit_has_no_price() -> None:
    assert calls.measured(cost_usd=1.0, latency_s=2.0, is_cache_hit=True) == {"cache_hit": True}
    assert calls.measured(cost_usd=0.0, latency_s=None) == {"cost_usd": 0.0}


def test_requests_of_google_are_calls_that_cannot_be_sent() -> None:
    asked: JsonValue = {"model": "g", "contents": [{"parts": [{"text": "hi"}]}]}
    found = calls.called(asked, {"candidates": []}, missing="left out")
    assert "`contents`" in str(found["unreplayable"])
    assert found["request"] == asked
    assert found["response"] is None
    failed = calls.called(asked, None, missing="", failure={"error": {"message": "no"}})
    assert failed["response"] == {"error": {"message": "no"}}


@pytest.mark.parametrize(
    "streamed",
    [
        [{"choices": [{"delta": {"content": "y"}}]}, {"choices": [{"delta": {"content": "es"}}]}],
        'data: {"choices": [{"delta": {"content": "yes"}}]}\n\ndata: [DONE]\n\n',
    ],
)
def test_streams_that_a_gateway_kept_in_an_object(streamed: JsonValue) -> None:
    found = calls.called(ASKED, {"streamed_data": streamed}, missing="")
    assert wire.parse_completion(found["response"]).text == "yes"
    joined: JsonValue = {"streamed_data": streamed, "choices": [{"message": {"content": "no"}}]}
    assert calls.called(ASKED, joined, missing="")["response"] == joined

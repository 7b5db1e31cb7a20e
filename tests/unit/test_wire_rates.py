import pytest

from parity_eval.wire import exhausted_s, retry_after_s

NOW = 1_700_000_000.0
REQUESTS = "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"
TOKENS = "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("1h2m3.5s", 3723.5),
        ("17ms", 0.017),
        ("1m2s30ms", 62.03),
        ("1d", 86_400.0),
        ("7", 7.0),
        ("7.66", 7.66),
        ("1700000012", 12.0),
        ("1700000012000", 12.0),
        ("2023-11-14T22:13:32Z", 12.0),
        ("2023-11-14T22:13:32+00:00", 12.0),
        ("2023-11-14T22:13:00Z", 0.0),
        ("2023-11-14T22:13:32", None),
        ("soon", None),
        ("1.2.3s", None),
        ("", None),
    ],
)
def test_reads_when_something_is_left_again(reset: str, seconds: float | None) -> None:
    assert exhausted_s({REQUESTS[0]: "0", REQUESTS[1]: reset}, NOW) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({REQUESTS[0]: "1", REQUESTS[1]: "9s"}, None),
        ({REQUESTS[0]: "0"}, None),
        ({REQUESTS[0]: "0", REQUESTS[1]: "3s", TOKENS[0]: "0", TOKENS[1]: "9s"}, 9.0),
        ({REQUESTS[0]: "0", REQUESTS[1]: "3s", TOKENS[0]: "5", TOKENS[1]: "9s"}, 3.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "3"}, 3.0),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2023-11-14T22:13:30Z",
            },
            10.0,
        ),
    ],
)
def test_only_what_is_used_up_is_waited_for(headers: dict[str, str], seconds: float | None) -> None:
    assert exhausted_s(headers, NOW) == seconds


def test_a_refusal_without_a_time_of_its_own_lasts_until_something_is_left() -> None:
    headers = {REQUESTS[0]: "0", REQUESTS[1]: "3s"}
    assert retry_after_s(headers, NOW) == 3.0
    assert retry_after_s({**headers, "Retry-After": "7"}, NOW) == 7.0

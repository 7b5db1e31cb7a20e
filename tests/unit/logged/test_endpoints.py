import pytest

from parity_eval.logged import endpoints
from parity_eval.logged.entries import NotACallError


@pytest.mark.parametrize(
    "address",
    [
        *(
            "v1/chat/completions",
            "https://x.example/v1/messages",
            "/v1/responses",
            None,
            "",
            "chat",
        ),
        *("https://x.example/v1beta/models/gemini-pro:generateContent", "/v1/embeddings-app/chat"),
        "https://models.example/v1/chat/completions",
        "https://x.example/models/team/name/v1/chat/completions",
    ],
)
def test_calls_of_chat_models(address: str | None) -> None:
    endpoints.refuse_others(address)


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("https://x.example/v1/embeddings?a=b", "embeddings"),
        ("embeddings", "embeddings"),
        ("/v1/images/generations", "images"),
        ("v1/audio/speech/", "audio"),
        ("/v1/moderations", "moderations"),
        ("/v1/files/file-1/content", "files"),
        ("/v1/models", "models"),
    ],
)
def test_calls_of_others(address: str, what: str) -> None:
    with pytest.raises(NotACallError, match=f"^a call of {what}$"):
        endpoints.refuse_others(address)

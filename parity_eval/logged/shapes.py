"""Request and response of one call, whatever API they are of, to chat completions."""

import re

from parity_eval.logged import anthropic, fields, responses
from parity_eval.logged.embedded import decoded
from parity_eval.logged.entries import NotACallError
from parity_eval.logged.streams import joined
from parity_eval.records import JsonObject, JsonValue

_PREFILL = "it opens the answer for the model: the logged one only goes on from there"
_OTHER_KEYS = frozenset({"encoding_format", "dimensions", "voice"})
_OTHER_MODELS = re.compile(r"embed|moderation|rerank|\btts\b|whisper|dall-e", re.IGNORECASE)


def call(request: JsonValue, response: JsonValue) -> tuple[JsonValue, JsonValue]:
    """Return both bodies in the shape of chat completions.

    Args:
        request: Body as logged, or JSON text that holds it: of OpenAI's chat completions or
            Responses API, or Anthropic's Messages API.
        response: Body as logged (None: there is none), JSON text, raw `data:` lines, or a list of
            chunks; also an error body.

    Returns:
        What was asked and what came back. What is of none of these APIs is returned as it is. Of
        several choices the first counts, as everywhere.

    Raises:
        NotACallError: a call of another kind (embeddings, images, speech, ...).
    """
    found = row(request, response)
    return found.get("request"), found.get("response")


def row(request: JsonValue, response: JsonValue) -> dict[str, JsonValue]:
    """Return what `call` does as fields of a canonical row; readers should use this.

    `{"request": ..., "response": ...}`, without `response` where there is none, and with
    `unreplayable` where a part of the request exists at that vendor only (its own tools, a prompt
    or conversation that it keeps) or where the request began the answer for the model.

    Args:
        request: As for `call`.
        response: As for `call`.

    Raises:
        NotACallError: as for `call`.
    """
    asked, given = decoded(request), _whole(response)
    if why := _why_other(asked, given):
        raise NotACallError(why)
    found: dict[str, JsonValue] = {"request": asked, "response": _answer(given)}
    bound = None
    if isinstance(asked, dict) and responses.is_request(asked):
        found["request"], bound = responses.request(asked), responses.why_bound(asked)
    elif isinstance(asked, dict) and (
        anthropic.is_request(asked) or ("messages" in asked and anthropic.is_response(given))
    ):
        found["request"], bound = anthropic.request(asked), anthropic.why_bound(asked)
    elif isinstance(asked, dict):
        bound = responses.why_bound({"tools": asked.get("tools")})
    found["unreplayable"] = bound or _why_begun(found["request"])
    return fields.some(found)


def is_answer(body: JsonValue) -> bool:
    """Whether a body is an answer, or an error, of one of the three APIs."""
    if not isinstance(body, dict):
        return False
    is_chat = isinstance(body.get("choices"), list) or bool(body.get("error"))
    return is_chat or anthropic.is_response(body) or responses.is_response(body)


def _whole(response: JsonValue) -> JsonValue:
    """Return a body in one piece; a text that holds none stays the text that it is."""
    opened = decoded(response)
    return joined(opened)


def _answer(given: JsonValue) -> JsonValue:
    if isinstance(given, dict) and anthropic.is_response(given):
        return anthropic.response(given)
    if isinstance(given, dict) and responses.is_response(given):
        return responses.response(given)
    return given


def _why_begun(request: JsonValue) -> str | None:
    messages = fields.items(request, "messages")
    is_begun = bool(messages) and fields.text(messages[-1], "role") == "assistant"
    return _PREFILL if is_begun else None


def _why_other(asked: JsonValue, given: JsonValue) -> str | None:
    """Say what a call is if it is none of a chat model."""
    answer = given if isinstance(given, dict) else {}
    is_answered = is_answer(answer) and not answer.get("error")
    if not is_answered and any(isinstance(answer.get(key), list) for key in ("data", "results")):
        return "a call of an embedding, image or moderation model"
    if answer.get("object") == "text_completion" or _is_text_prompt(asked):
        return "a call that takes a bare prompt, not messages (text completion, image)"
    is_input = isinstance(asked, dict) and "input" in asked and "messages" not in asked
    if is_input and not is_answered and isinstance(asked, dict) and _is_other(asked):
        return "a call of an embedding, speech or moderation model"
    return None


def _is_text_prompt(asked: JsonValue) -> bool:
    if not isinstance(asked, dict) or "messages" in asked or "input" in asked:
        return False
    return isinstance(asked.get("prompt"), (str, list))


def _is_other(asked: JsonObject) -> bool:
    named = _OTHER_MODELS.search(fields.text(asked, "model") or "")
    return not _OTHER_KEYS.isdisjoint(asked) or named is not None

"""What both of LiteLLM's logs have in common. Neither imports the library."""

from parity_eval import wire
from parity_eval.logged import fields
from parity_eval.logged.embedded import decoded
from parity_eval.logged.entries import BadRowError, NotACallError
from parity_eval.logged.names import own_tags
from parity_eval.records import JsonObject, JsonValue

_CHAT = frozenset(
    {
        *("completion", "acompletion", "responses", "aresponses"),
        *("anthropic_messages", "aanthropic_messages", "pass_through_endpoint"),
        *("llm_passthrough_route", "allm_passthrough_route"),
    }
)
_NOT_SAID = frozenset({"headers", "used_client_oauth_token"})
"""Parts of the caller's metadata that the proxy puts there by itself; headers may hold keys."""
_OWNERS = ("user_api_key_alias", "user_api_key_team_alias")


def refuse_others(call_type: str | None) -> None:
    """Refuse what is no call of a chat model.

    Raises:
        NotACallError: embeddings, images, batches, ...
        BadRowError: Google's own API.
    """
    if call_type is None or call_type in _CHAT:
        return
    if "generate_content" in call_type:
        raise BadRowError(f"`call_type` is {call_type}: bodies of Google's own API are not read")
    raise NotACallError(f"a call of type {call_type}")


def own_metadata(metadata: JsonValue, tags: JsonValue) -> dict[str, JsonValue]:
    """Return what callers said of a request: their metadata, their tags, and whose key it was.

    Args:
        metadata: The row's, which holds callers' words in two places; may be JSON text.
        tags: The row's, may be JSON text; without those that the proxy adds.
    """
    logged = decoded(metadata)
    sent = fields.obj(logged, "requester_metadata")
    found = {name: value for name, value in sent.items() if name not in _NOT_SAID}
    found |= fields.obj(logged, "spend_logs_metadata")
    found |= fields.some({name: fields.text(logged, name) for name in _OWNERS})
    own: list[JsonValue] = [*own_tags(decoded(tags))]
    return {**found, "tags": own} if own else found


def failure(status: str | None, information: JsonValue, text: str | None) -> JsonObject | None:
    """Return the error of a call that failed; None of one that did not.

    Args:
        status: `success` or `failure`.
        information: `error_information`.
        text: The error as one text, where the log has that too.
    """
    if status != "failure":
        return None
    message = fields.text(information, "error_message") or text or "the call failed"
    return {
        "error": fields.some(
            {
                "message": message,
                "code": fields.text(information, "error_code"),
                "type": fields.text(information, "error_class"),
            }
        )
    }


def served(response: JsonValue, *, aliases: tuple[str | None, ...], model: str | None) -> JsonValue:
    """Return the answer with the model that gave it.

    Args:
        response: Chat completion; of a stream it names the alias that was asked for.
        aliases: Names that the proxy has for what stands behind it.
        model: The model behind it.
    """
    if not isinstance(response, dict) or "choices" not in response or model is None:
        return response
    is_alias = response.get("model") in (None, *aliases)
    return {**response, "model": model} if is_alias else response


def whole(response: JsonValue) -> JsonValue:
    """Return an answer; None where the log cut the arguments of its tool calls."""
    for choice in fields.items(response, "choices")[:1]:
        for call in fields.items(choice, "message.tool_calls"):
            if wire.is_cut(fields.text(call, "function.arguments") or ""):
                return None
    return response


def known_cost(cost: float | None) -> float | None:
    """Return a cost; LiteLLM writes 0 where it knows no price, and for calls that failed."""
    return cost or None

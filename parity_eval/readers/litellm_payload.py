"""LiteLLM: the standard logging payload, as its callbacks and buckets receive it."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from parity_eval.logged import calls, fields, litellm, responses
from parity_eval.logged.embedded import decoded
from parity_eval.logged.entries import read_each
from parity_eval.logged.names import task_name
from parity_eval.logged.times import seconds_between
from parity_eval.logged.usage import usage
from parity_eval.records import Fit, JsonObject, JsonValue, LogEntry, Reject, Row, Skipped

_MISSING = "litellm logged no messages"
_NO_PARAMETERS = "litellm logs no parameters, tools or schema of a call that failed or was cached"
_NO_SYSTEM = (
    "litellm leaves a system prompt of content blocks out of this log; its spend logs have it"
)
_CUT_IMAGE = "[base64_data truncated"
_NO_IMAGES = "litellm cut its images"
_RESPONSES_OWN = ("instructions", "text", "max_output_tokens")
_ITEMS = ("function_call", "function_call_output", "reasoning", "input_text", "output_text")


class LiteLLMPayload:
    """Read payloads of all routes of the proxy: chat completions, Responses, Messages.

    The log has the parameters of a call apart from its messages, and none at all of calls that
    failed or were answered from the cache: those are traffic that cannot be sent again.
    """

    name: ClassVar[str] = "litellm_payload"
    title: ClassVar[str] = "LiteLLM logging payload"

    def fit(self, row: JsonValue) -> Fit:
        """Say how well one row fits."""
        return fields.fit(
            row, "model_group", "status_fields|hidden_params", "model_parameters", "call_type"
        )

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        """Yield each call as an entry or a reject."""
        return read_each(rows, _call, self.name)


def _call(row: JsonObject) -> Iterable[JsonObject]:
    route = fields.text(row, "call_type")
    litellm.refuse_others(route)
    call = calls.called(
        _request(row, route),
        row.get("response") or None,
        missing=_MISSING,
        usage=usage(fields.count(row, "prompt_tokens"), fields.count(row, "completion_tokens")),
        failure=litellm.failure(
            fields.text(row, "status"), row.get("error_information"), fields.text(row, "error_str")
        ),
    )
    alias, model = fields.text(row, "model_group"), fields.text(row, "model")
    answer = litellm.served(litellm.whole(call.get("response")), aliases=(alias,), model=model)
    metadata = litellm.own_metadata(row.get("metadata"), row.get("request_tags"))
    why = call.get("unreplayable") or _why(row, call.get("request"), route)
    is_cached = row.get("cache_hit") is True
    return (
        fields.some(
            {
                **call,
                "response": answer,
                "unreplayable": why,
                "id": fields.first_text(row, "id", "litellm_call_id"),
                "timestamp": fields.number(row, "startTime") or fields.text(row, "startTime"),
                "task": task_name(metadata=metadata, tags=_tags(metadata)),
                "user": fields.text(row, "end_user"),
                "session": fields.first_text(row, "session_id", "trace_id"),
                "metadata": metadata,
                **calls.measured(
                    cost_usd=litellm.known_cost(fields.number(row, "response_cost")),
                    latency_s=_latency_s(row),
                    is_cache_hit=is_cached,
                ),
            }
        ),
    )


def _request(row: JsonObject, route: str | None) -> JsonValue:
    """Return the body: parameters and messages stand apart, each in the shape of its own API."""
    logged = row.get("messages")
    messages = decoded(logged)
    parameters = dict(fields.obj(row, "model_parameters"))
    parameters.setdefault("model", row.get("model_group") or row.get("model"))
    if not messages:
        return None
    is_list = isinstance(messages, list) and all(isinstance(m, dict) for m in messages)
    if isinstance(logged, str) and not is_list:
        # The user's own words may look like JSON.
        return {**parameters, "input": logged}
    if route in ("responses", "aresponses") or _is_items(messages):
        return {**parameters, "input": messages}
    if any(name in parameters for name in _RESPONSES_OWN):
        # The proxy asked a Responses endpoint for what came in by another route.
        parameters = responses.request({**parameters, "input": []})
        told = fields.items(parameters, "messages")
        messages = [*told, *messages] if isinstance(messages, list) else messages
    return {**parameters, "messages": messages}


def _is_items(messages: JsonValue) -> bool:
    listed = messages if isinstance(messages, list) else []
    parts = [part for item in listed for part in fields.items(item, "content")]
    return any(fields.get(item, "type") in _ITEMS for item in (*listed, *parts))


def _why(row: JsonObject, request: JsonValue, route: str | None) -> str | None:
    """Say what of the request the log does not have."""
    parameters = fields.obj(row, "model_parameters")
    if not parameters and (row.get("cache_hit") is True or row.get("status") == "failure"):
        return _NO_PARAMETERS
    if _CUT_IMAGE in repr(row.get("messages")):
        return _NO_IMAGES
    is_own_route = route in ("anthropic_messages", "aanthropic_messages")
    if not is_own_route or any(name in parameters for name in _RESPONSES_OWN):
        return None
    messages = fields.items(request, "messages")
    is_told = any(fields.get(m, "role") in ("system", "developer") for m in messages)
    return None if is_told else _NO_SYSTEM


def _tags(metadata: JsonObject) -> list[str]:
    return [tag for tag in fields.items(metadata, "tags") if isinstance(tag, str)]


def _latency_s(row: JsonObject) -> float | None:
    # `response_time` of a stream ends with its first token.
    whole = seconds_between(row.get("startTime"), row.get("endTime"))
    if whole is None and row.get("stream") is not True:
        return fields.number(row, "response_time")
    return whole

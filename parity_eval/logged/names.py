"""What a log calls the task of a request."""

from collections.abc import Iterable

from parity_eval.records import JsonObject, JsonValue

_TASK_TAG = "task:"
# LiteLLM adds what client sent the request to its tags.
_NOT_TAGS = ("User-Agent:",)


def own_tags(tags: JsonValue) -> list[str]:
    """Return the tags that people gave, without those that a gateway adds by itself."""
    given = tags if isinstance(tags, list) else []
    return [tag for tag in given if isinstance(tag, str) and not tag.startswith(_NOT_TAGS)]


def task_name(
    *,
    metadata: JsonObject | None = None,
    tags: Iterable[str] = (),
    prompt: str | None = None,
    span: str | None = None,
) -> str | None:
    """Return the name of the task: the first of several places that has one.

    Args:
        metadata: May name it as `task`.
        tags: May name it as `task:NAME`.
        prompt: Name of the prompt or of the function that asks.
        span: Name of the span or observation; only where people choose it.
    """
    named = (metadata or {}).get("task")
    if isinstance(named, str) and named:
        return named
    tagged = next((tag for tag in tags if tag.startswith(_TASK_TAG) and tag != _TASK_TAG), None)
    if tagged is not None:
        return tagged.removeprefix(_TASK_TAG)
    return prompt or span or None

"""A candidate's own prompt, laid over the messages of a logged request."""

from collections.abc import Sequence

from parity_eval.records import JsonValue, Prompt

PLACEHOLDER = "{text}"
"""Stands for the user's text in a template; everything else in it is taken as it is."""
_SYSTEM = ("system", "developer")


def template_problem(template: str) -> str | None:
    """Say what is wrong with a template; None where nothing is."""
    n = template.count(PLACEHOLDER)
    if n == 1:
        return None
    return f"must hold {PLACEHOLDER}, which stands for the user's text, exactly once, not {n} times"


def prompted(messages: JsonValue, prompt: Prompt) -> JsonValue:
    """Return the messages of a request with a candidate's own prompt.

    Args:
        messages: As logged.
        prompt: What the candidate is told instead. `system` stands in place of all system and
            developer messages that open the conversation, under the role of the first;
            `append_system` is added to the last of them; where there are none, either becomes one.
            Later system messages are part of the conversation, and stay.

    Returns:
        New messages; the same where there is nothing to change. Without a user's text there is
        nothing that a template could wrap: see `has_user_text`.
    """
    if not isinstance(messages, list):
        return messages
    n_opening = next(
        (i for i, message in enumerate(messages) if _role(message) not in _SYSTEM), len(messages)
    )
    opening, rest = messages[:n_opening], messages[n_opening:]
    if prompt.system is not None:
        role = _role(opening[0]) if opening else "system"
        opening = [{"role": role, "content": prompt.system}]
    if prompt.append_system is not None:
        opening = _appended(opening, prompt.append_system)
    if prompt.template is not None:
        rest = _wrapped(rest, prompt.template)
    return [*opening, *rest]


def has_user_text(messages: JsonValue) -> bool:
    """Whether the last user message has a text."""
    found = messages if isinstance(messages, list) else []
    last = next((message for message in reversed(found) if _role(message) == "user"), None)
    content = last.get("content") if isinstance(last, dict) else None
    return isinstance(content, str) or (
        isinstance(content, list) and any(_is_text(part) for part in content)
    )


def _appended(opening: Sequence[JsonValue], text: str) -> list[JsonValue]:
    last = opening[-1] if opening else None
    if not isinstance(last, dict):
        return [{"role": "system", "content": text}]
    content = last.get("content")
    parts: list[JsonValue] = [{"type": "text", "text": text}]
    added: JsonValue = f"{content}\n\n{text}" if content else text
    if isinstance(content, list):
        added = [*content, *parts]
    return [*opening[:-1], {**last, "content": added}]


def _wrapped(messages: Sequence[JsonValue], template: str) -> list[JsonValue]:
    """Wrap the text of the last user message: of several parts, the last that is a text."""
    found = list(messages)
    for i in range(len(found) - 1, -1, -1):
        message = found[i]
        if isinstance(message, dict) and _role(message) == "user":
            content = message.get("content")
            if isinstance(content, str):
                found[i] = {**message, "content": template.replace(PLACEHOLDER, content)}
            elif isinstance(content, list):
                found[i] = {**message, "content": _wrapped_part(content, template)}
            break
    return found


def _wrapped_part(parts: Sequence[JsonValue], template: str) -> list[JsonValue]:
    found = list(parts)
    for i in range(len(found) - 1, -1, -1):
        part = found[i]
        if isinstance(part, dict) and _is_text(part):
            found[i] = {**part, "text": template.replace(PLACEHOLDER, str(part["text"]))}
            break
    return found


def _role(message: JsonValue) -> JsonValue:
    return message.get("role") if isinstance(message, dict) else None


def _is_text(part: JsonValue) -> bool:
    return isinstance(part, dict) and isinstance(part.get("text"), str)

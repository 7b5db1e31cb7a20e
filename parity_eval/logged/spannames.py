"""Names of spans: those that people chose, and those that a library gives to every call."""

import re

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_LIBRARY = re.compile(
    r"\d+|a|acompletion|acreate|ai|anthropic|api|async|atext|azure|bedrock|beta|call|chat|claude"
    r"|client|cohere|completions?|content|converse|create|fireworks|gemini|genai|generate"
    r"|generations?|generative|google|gpt|groq|invoke|language|litellm|llm|messages?|mistral"
    r"|mistralai|models?|object|ollama|open|openai|openrouter|output|parse|predict|provider"
    r"|requests?|responses?|run|sdk|stream|streaming|sync|text|together|v|vertex|xai"
)


def chosen(name: str | None) -> str | None:
    """Return a name of a span where people chose it; None for one that says only what was called.

    Example:
        >>> chosen("triage_step"), chosen("ChatOpenAI"), chosen("openai.chat.completions.create")
        ('triage_step', None, None)
    """
    words = [word.lower() for word in _WORDS.findall(name or "")]
    is_library = all(_LIBRARY.fullmatch(word) for word in words)
    return None if is_library else name

"""Providers: where answers come from. A name table; nothing is imported here."""

PROVIDERS = {
    "litellm": "parity_eval.providers.litellm:LiteLLM",
    "openai_compatible": "parity_eval.providers.openai_compatible:OpenAICompatible",
    "recorded": "parity_eval.providers.recorded:Recorded",
}

"""Providers: where answers come from. A name table; nothing is imported here."""

PROVIDERS = {
    "batch": "parity_eval.providers.batch.provider:BatchProvider",
    "litellm": "parity_eval.providers.litellm:LiteLLM",
    "offline": "parity_eval.providers.offline:Offline",
    "openai_compatible": "parity_eval.providers.openai_compatible:OpenAICompatible",
    "recorded": "parity_eval.providers.recorded:Recorded",
}

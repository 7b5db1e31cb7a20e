"""Exporters by gateway."""

EXPORTERS: dict[str, str] = {"litellm": "parity_eval.exporters.litellm:LiteLLM"}

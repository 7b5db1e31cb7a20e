"""What columns of plain tables are usually called."""

from collections.abc import Mapping

USUAL: Mapping[str, tuple[str, ...]] = {
    "prompt": (
        "prompt",
        "input",
        "question",
        "query",
        "user_prompt",
        "user_message",
        "instruction",
    ),
    "messages": ("messages", "conversation", "chat"),
    "system": ("system", "system_prompt", "system_message"),
    "response": ("response", "output", "answer", "completion", "reply", "generation"),
    "task": ("task", "task_name", "feature", "use_case"),
    "id": ("id", "request_id", "row_id", "uuid"),
    "model": ("model", "model_name"),
    "timestamp": ("timestamp", "time", "created_at", "created", "date", "datetime", "start_time"),
    "user": ("user", "user_id", "customer_id"),
    "session": ("session", "session_id", "conversation_id", "thread_id"),
    "input_tokens": ("input_tokens", "prompt_tokens", "tokens_in"),
    "output_tokens": ("output_tokens", "completion_tokens", "tokens_out"),
    "cached_tokens": ("cached_tokens", "cached_input_tokens"),
    "latency_s": ("latency_s", "latency", "latency_seconds", "duration_s"),
    "latency_ms": ("latency_ms", "duration_ms"),
    "cost_usd": ("cost_usd", "cost", "price_usd"),
    "finish_reason": ("finish_reason", "stop_reason"),
    "tools": ("tools",),
    "tool_choice": ("tool_choice",),
    "response_format": ("response_format",),
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "max_tokens": ("max_tokens",),
    "max_completion_tokens": ("max_completion_tokens",),
    "seed": ("seed",),
    "stop": ("stop",),
    "metadata": ("metadata",),
}
"""What a column may hold, and what it is usually called; the first that is there counts."""

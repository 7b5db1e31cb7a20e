"""What endpoints say and what we make of it: bodies, errors, addresses. All pure."""

from parity_eval.wire.answers import (
    completion_body,
    parse_completion,
    read_answer,
    recorded_error,
    request_body,
)
from parity_eval.wire.endpoints import address, check_params, key_source, missing_key, unreachable
from parity_eval.wire.errors import annotate, classify_error, retry_after_s

__all__ = [
    "address",
    "annotate",
    "check_params",
    "classify_error",
    "completion_body",
    "key_source",
    "missing_key",
    "parse_completion",
    "read_answer",
    "recorded_error",
    "request_body",
    "retry_after_s",
    "unreachable",
]

"""What endpoints say and what we make of it: bodies, errors, addresses. All pure."""

from parity_eval.wire.answers import (
    completion_body,
    parse_completion,
    read_answer,
    read_completion,
    recorded_error,
    request_body,
)
from parity_eval.wire.endpoints import (
    address,
    check_key,
    check_params,
    key_source,
    missing_key,
    own_secrets,
    param_problems,
    unreachable,
)
from parity_eval.wire.errors import (
    annotate,
    classify_error,
    how_to_drop,
    lost,
    refused_parameters,
    retry_after_s,
)
from parity_eval.wire.prompts import has_user_text, template_problem
from parity_eval.wire.rates import exhausted_s
from parity_eval.wire.replayable import is_cut, why_unreadable, why_unreplayable
from parity_eval.wire.text import MAX_BODY, mask

__all__ = [
    "MAX_BODY",
    "address",
    "annotate",
    "check_key",
    "check_params",
    "classify_error",
    "completion_body",
    "exhausted_s",
    "has_user_text",
    "how_to_drop",
    "is_cut",
    "key_source",
    "lost",
    "mask",
    "missing_key",
    "own_secrets",
    "param_problems",
    "parse_completion",
    "read_answer",
    "read_completion",
    "recorded_error",
    "refused_parameters",
    "request_body",
    "retry_after_s",
    "template_problem",
    "unreachable",
    "why_unreadable",
    "why_unreplayable",
]

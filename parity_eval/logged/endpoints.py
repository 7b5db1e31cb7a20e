"""Which calls of a gateway are calls of a chat model, by where they went."""

import re

from parity_eval.logged.entries import NotACallError

_OTHERS = re.compile(
    r"(^|/)(audio|batches|embeddings?|files|fine_tuning|images|models|moderations|rerank"
    r"|realtime|vector_stores|videos)(/[\w./-]*)?$"
)
"""Paths of OpenAI's API, which the gateways copy. With some vendors the model's name stands in the
address, after `models`."""


def refuse_others(address: str | None) -> None:
    """Refuse calls of anything but a model that answers in text.

    Args:
        address: URL or path that was called; None where the log does not say.

    Raises:
        NotACallError: another kind of call.
    """
    path = (address or "").partition("?")[0].rstrip("/")
    found = None if "/models/" in path else _OTHERS.search(path)
    if found is not None:
        raise NotACallError(f"a call of {found[2]}")

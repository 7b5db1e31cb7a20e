"""Asking again where that can help, after a pause that is longer each time and partly by chance."""

from collections.abc import Awaitable, Callable

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, wait_random_exponential

from parity_eval.outcomes import meaning_of
from parity_eval.records import Answer, Hole, Missing

_JITTER = wait_random_exponential(multiplier=0.5, max=60.0)


async def persist(
    ask: Callable[[], Awaitable[Answer]],
    *,
    may_go_on: Callable[[Answer], bool],
    before_pause: Callable[[Answer, int], None],
    pause: Callable[[float], Awaitable[None]],
) -> Answer:
    """Ask until there is an answer, or no more tries.

    Args:
        ask: Asks once.
        may_go_on: Whether there is another try after a transient failure.
        before_pause: Hears of each try that another follows, and its number.
        pause: Waits.

    Returns:
        What the last try gave.
    """
    answer = await ask()
    # Most calls end here, and setting up the rest takes longer than all else that they need.
    if not (meaning_of(answer).is_transient and may_go_on(answer)):
        return answer
    first = [answer]

    async def next_one() -> Answer:
        return first.pop() if first else await ask()

    retrying = AsyncRetrying(
        wait=_pause_s,
        retry=retry_if_result(lambda given: meaning_of(given).is_transient and may_go_on(given)),
        sleep=pause,
        before_sleep=lambda state: before_pause(_result(state), state.attempt_number),
    )
    return await retrying(next_one)


def _pause_s(state: RetryCallState) -> float:
    answer = _result(state)
    asked = answer.retry_after_s if isinstance(answer, Missing) else None
    return asked if asked is not None else _JITTER(state)


def _result(state: RetryCallState) -> Answer:
    if state.outcome is None:
        return Missing(hole=Hole.NETWORK, detail="no attempt was made")
    answer: Answer = state.outcome.result()
    return answer

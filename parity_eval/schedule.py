"""The loop that keeps calls on their way until every arm is decided."""

import asyncio
from collections.abc import Callable

from parity_eval.certifier import Certifier
from parity_eval.evaluation import Evaluation
from parity_eval.records import Arm


async def certify(
    evaluation: Evaluation,
    certifier: Certifier,
    *,
    concurrency: int,
    batch_size: int = 0,
    should_stop: Callable[[], bool],
) -> None:
    """Get observations until every arm is decided, or nothing more can be had.

    Args:
        evaluation: Gets observations.
        certifier: Says which ones are needed.
        concurrency: Calls that can be on their way at the same time.
        batch_size: Observations that one round of an arm should bring at least, where answers come
            in batches: each takes long, however small it is.
        should_stop: Asked before each; True ends the run once what is on its way has arrived.
    """
    lookahead = max(8, -(-2 * concurrency // max(1, len(certifier.arms))), batch_size)
    wake = asyncio.Event()
    busy = 0
    errors: list[Exception] = []

    async def work() -> None:
        while not should_stop() and not errors:
            needed = certifier.next_needed(lookahead)
            if needed is not None:
                await one(*needed)
            elif not certifier.has_open() or busy == 0:
                break
            else:
                wake.clear()
                await wake.wait()
        wake.set()

    async def one(arm: Arm, position: int) -> None:
        nonlocal busy
        busy += 1
        try:
            certifier.feed(arm, position, await evaluation.observe(arm, position))
        except Exception as error:  # noqa: BLE001 - what others have on its way must still arrive
            errors.append(error)
        finally:
            busy -= 1
            wake.set()

    await asyncio.gather(*(work() for _ in range(_n_workers(concurrency, batch_size, certifier))))
    if errors:
        raise errors[0]


def _n_workers(concurrency: int, batch_size: int, certifier: Certifier) -> int:
    # A few more than can be on their way wait to take the place of each that comes back.
    return max(concurrency + concurrency // 4, batch_size * len(certifier.arms))

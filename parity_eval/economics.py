"""What a task costs on each model, from the pairs of a run. Pure arithmetic on token usage."""

from collections.abc import Sequence

from parity_eval.summary import Money

NOTHING_KNOWN = Money(
    baseline_usd_per_1k=None,
    candidate_usd_per_1k=None,
    saving_share=None,
    saving_usd_in_log=None,
)


def compare(costs: Sequence[tuple[float | None, float | None, int]], n_lines: int) -> Money:
    """Compare two models' cost on the same requests.

    Args:
        costs: Dollars of the baseline's and the candidate's response to each request, None where
            tokens or price are unknown; and how many log lines the request stands for.
        n_lines: Log lines of the task, for the saving over the whole log.

    Returns:
        Means over the traffic whose cost is known on both sides; None where there is none.
    """
    known = [(b, c, weight) for b, c, weight in costs if b is not None and c is not None]
    if not known:
        return NOTHING_KNOWN
    total = sum(weight for _, _, weight in known)
    base = sum(b * weight for b, _, weight in known) / total
    cheap = sum(c * weight for _, c, weight in known) / total
    return Money(
        baseline_usd_per_1k=base * 1000,
        candidate_usd_per_1k=cheap * 1000,
        saving_share=1 - cheap / base if base > 0 else None,
        saving_usd_in_log=(base - cheap) * n_lines,
    )

"""What a study will take, before a cent is spent."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from parity_eval.design import TaskDesign
from parity_eval.forecast import Forecast, forecast
from parity_eval.protocols import Listener
from parity_eval.records import Arm
from parity_eval.store import Register
from parity_eval.terms import fresh_orders

if TYPE_CHECKING:
    from parity_eval.workflows.run import Prepared

_SECONDS_PER_DAY = 86_400.0


def plan(prepared: "Prepared", listener: Listener, *, next_command: str) -> Forecast:
    """Forecast a study; sends nothing and writes no file.

    Requests that a candidate has seen under other terms are left out, as a run would.

    Args:
        prepared: The study with its log and designs.
        listener: Is told what is left out.
        next_command: What to type next.

    Raises:
        InputError: the register of the output folder is damaged.
    """
    study, intake = prepared.study, prepared.intake
    return forecast(
        study,
        _fresh(prepared, listener),
        prepared.models.live,
        n_lines=intake.n_lines,
        span_days=span_days(intake.first_timestamp, intake.last_timestamp),
        next_command=next_command,
    )


def span_days(first: str | None, last: str | None) -> float | None:
    """Return the days between two ISO 8601 timestamps.

    Returns:
        None where a timestamp is missing or unreadable, or less than a day lies between them: a few
        hours of traffic say nothing about a month.

    Example:
        >>> span_days("2026-03-01T08:00:00Z", "2026-03-31T08:00:00Z")
        30.0
    """
    try:
        start, end = (datetime.fromisoformat(text or "") for text in (first, last))
    except ValueError:
        return None
    seconds = (_aware(end) - _aware(start)).total_seconds()
    return seconds / _SECONDS_PER_DAY if seconds >= _SECONDS_PER_DAY else None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _fresh(prepared: "Prepared", listener: Listener) -> list[TaskDesign]:
    study = prepared.study
    if not study.run.is_registered:
        return list(prepared.designs)
    used = Register(Path(study.run.out)).used(prepared.study_hash)
    if not used:
        return list(prepared.designs)
    orders = fresh_orders(
        prepared.designs,
        study.candidates,
        lambda candidate: used.get(candidate, {}),
        study.test.max_samples,
    )
    for note in orders.notes:
        listener.on_note(note)
    fresh = []
    for design in prepared.designs:
        units = orders.by_arm[Arm(task=design.spec.name, candidate=study.candidates[0].name)]
        why = design.why_closed
        if not units and design.sample.units:
            why = why or "every request was shown to these candidates under other terms"
        fresh.append(replace(design, sample=replace(design.sample, units=units), why_closed=why))
    return fresh

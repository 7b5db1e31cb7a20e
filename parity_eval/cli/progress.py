"""Progress on stderr: one line per arm, with its confidence sequence and evidence."""

import math
import os
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from parity_eval.records import Decision, Status


def console(*, no_color: bool, stderr: bool = False) -> Console:
    """Return a console that honours `--no-color`, NO_COLOR and pipes."""
    colourless = no_color or bool(os.environ.get("NO_COLOR"))
    return Console(stderr=stderr, no_color=colourless, highlight=False)


class Progress:
    """A listener that draws bars on a terminal and writes notes as lines.

    Args:
        is_quiet: Draw nothing.
        is_verbose: Write a line for each decision as it falls.
        no_color: No colours.
    """

    def __init__(self, *, is_quiet: bool, is_verbose: bool, no_color: bool) -> None:
        self._console = console(no_color=no_color, stderr=True)
        self._is_quiet = is_quiet
        self._is_verbose = is_verbose
        self._told: set[str] = set()
        self._rows: dict[str, TaskID] = {}
        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}", markup=False),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
            refresh_per_second=4,
            disable=is_quiet or not sys.stderr.isatty(),
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def on_start(self, summary: str, arms: Mapping[str, int]) -> None:
        """Draw a bar for each arm."""
        self.on_note(summary)
        width = max(map(len, arms), default=0)
        for arm, most in arms.items():
            self._rows[arm] = self._bars.add_task(arm.ljust(width), total=most, state="")

    def on_progress(self, decision: Decision, spent_usd: float) -> None:
        """Redraw the bar of an arm."""
        row = self._rows.get(str(decision.arm))
        if row is None:
            return
        rate = "" if decision.mean is None else f"{decision.mean:.3f}"
        state = (
            f"{rate} [{decision.low:.3f}, {decision.high:.3f}] "
            f"e={math.exp(min(decision.log_e, 700)):.3g} ${spent_usd:.2f}"
        )
        is_done = decision.status is not Status.OPEN
        if is_done and self._is_verbose and str(decision.arm) not in self._told:
            self._told.add(str(decision.arm))
            self.on_note(f"{decision.arm}: {decision.status.value}: {decision.reason}")
        self._bars.update(
            row,
            completed=decision.n,
            state=f"{state} {decision.status.value}" if is_done else state,
            total=max(decision.n, 1) if is_done else None,
        )

    def on_note(self, text: str) -> None:
        """Write a line."""
        if not self._is_quiet:
            self._console.print(Text(text), soft_wrap=True)

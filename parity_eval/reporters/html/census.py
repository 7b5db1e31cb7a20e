"""What is in a prompt log, as one self-contained page without network, fonts or script."""

from dataclasses import dataclass

from markupsafe import escape

from parity_eval import census_words, figures
from parity_eval.census import Census, TaskCensus
from parity_eval.reporters.html.environment import csp_hash, environment, source
from parity_eval.reporters.html.views import PairText

_MOST_ROWS = 200
"""Rows of any one table."""
_PASTED_LIMIT = 100_000
"""Characters of the configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """One task, with its part of the spend (or of the requests) as the length of a bar."""

    task: TaskCensus
    part: float
    """In [0, 100]."""


def page(census: Census) -> str:
    """Return the page."""
    env = environment()
    env.globals["words"] = census_words
    css = source(env, "report.css") + source(env, "census.css")
    total = sum(task.volume.usd for task in census.tasks)
    whole = total or census.n_requests or 1
    rows = [
        TaskRow(
            task=task, part=round(100 * (task.volume.usd if total else task.volume.n) / whole, 1)
        )
        for task in census.tasks[:_MOST_ROWS]
    ]
    return env.get_template("census.html.j2").render(
        census=census,
        rows=rows,
        n_more_tasks=len(census.tasks) - len(rows),
        models=census.models[:_MOST_ROWS],
        files=census.files[:_MOST_ROWS],
        suggestion=_pasted(census.suggestion),
        css=css,
        css_hash=csp_hash(css),
    )


def _pasted(text: str) -> PairText:
    short = figures.cut(text, _PASTED_LIMIT)
    return PairText(html=escape(short.text), n_left_out=short.n_left_out)

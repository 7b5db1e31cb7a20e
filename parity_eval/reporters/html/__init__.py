"""The report that people sign: one self-contained page without network, fonts or foreign script.

Everything that models, logs and users wrote is hostile. It reaches the page in two ways only: as a
template expression, which is made visible, cut and escaped (`environment`, autoescape), or as the
text of a pair (`views.PairText`): the same with a longer limit. Neither is ever marked safe.
"""

from typing import ClassVar

from parity_eval import findings
from parity_eval.reporters.html.environment import csp_hash, environment, source
from parity_eval.reporters.html.views import task_views
from parity_eval.reporters.html.words import sentence_groups
from parity_eval.summary import PairView, RunSummary


class Html:
    """Writes the whole report as one HTML page."""

    name: ClassVar[str] = "html"
    version: ClassVar[str] = "1"

    def render(self, summary: RunSummary, pairs: tuple[PairView, ...]) -> str:
        """Return the page; failing pairs are shown up to a limit, and what is left out is said."""
        env = environment()
        css, script = source(env, "report.css"), source(env, "report.js")
        return env.get_template("report.html.j2").render(
            run=summary,
            tasks=task_views(summary, pairs),
            groups=sentence_groups(summary),
            ledger=findings.ledger(summary),
            n_moved=sum(arm.is_route for task in summary.tasks for arm in task.arms),
            css=css,
            script=script,
            css_hash=csp_hash(css),
            script_hash=csp_hash(script),
        )

"""The report that people sign: one self-contained page without network, fonts or foreign script.

Everything that models, logs and users wrote is hostile. It reaches the page in two ways only: as a
template expression, which is made visible, cut and escaped (`_finalize`, autoescape), or as the
text of a pair (`views.PairText`): the same with a longer limit. Neither is ever marked safe.
"""

import base64
import hashlib
from typing import ClassVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from parity_eval import figures, findings
from parity_eval.reporters.html.views import task_views
from parity_eval.reporters.html.words import sentence_groups
from parity_eval.summary import PairView, RunSummary

_TEXT_LIMIT = 1_000
"""Characters of any one text outside pairs."""


class Html:
    """Writes the whole report as one HTML page."""

    name: ClassVar[str] = "html"
    version: ClassVar[str] = "1"

    def render(self, summary: RunSummary, pairs: tuple[PairView, ...]) -> str:
        """Return the page; failing pairs are shown up to a limit, and what is left out is said."""
        env = _environment()
        css, script = _source(env, "report.css"), _source(env, "report.js")
        return env.get_template("report.html.j2").render(
            run=summary,
            tasks=task_views(summary, pairs),
            groups=sentence_groups(summary),
            ledger=findings.ledger(summary),
            n_moved=sum(arm.is_route for task in summary.tasks for arm in task.arms),
            css=css,
            script=script,
            css_hash=_csp_hash(css),
            script_hash=_csp_hash(script),
        )


def _environment() -> Environment:
    env = Environment(
        loader=PackageLoader("parity_eval.reporters", "templates"),
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    env.globals["fig"] = figures
    env.globals["find"] = findings
    return env


def _finalize(value: object) -> object:
    """Make every text that a template prints visible and short; autoescape then escapes it."""
    if value is None:
        return figures.UNKNOWN
    if isinstance(value, str) and not isinstance(value, Markup):
        short = figures.cut(value, _TEXT_LIMIT)
        left_out = figures.counted(short.n_left_out, "character")
        return f"{short.text} [{left_out} left out]" if short.n_left_out else short.text
    return value


def _source(env: Environment, name: str) -> Markup:
    # Our own file, and Jinja's loader finds it inside a zipped package too.
    text, _, _ = env.loader.get_source(env, name) if env.loader else ("", None, None)
    return Markup(text)  # noqa: S704


def _csp_hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"

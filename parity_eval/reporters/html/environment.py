"""What every page of ours is made with: templates that escape, our style, and what it is known by.

Everything that models, logs and users wrote is hostile. A template expression is made visible, cut
and escaped (`_finalize`, autoescape); nothing is ever marked safe but our own files.
"""

import base64
import hashlib

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from parity_eval import figures, findings

_TEXT_LIMIT = 1_000
"""Characters of any one text outside pairs."""


def environment() -> Environment:
    """Return the environment that templates are rendered in."""
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


def source(env: Environment, name: str) -> Markup:
    """Return the text of one of our own files."""
    # Our own file, and Jinja's loader finds it inside a zipped package too.
    text, _, _ = env.loader.get_source(env, name) if env.loader else ("", None, None)
    return Markup(text)  # noqa: S704


def csp_hash(text: str) -> str:
    """Return what a content security policy knows a text by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"

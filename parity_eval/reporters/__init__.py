"""Reporters by name: what a run amounts to, as a document."""

REPORTERS: dict[str, str] = {
    "html": "parity_eval.reporters.html:Html",
    "json": "parity_eval.reporters.json:Json",
    "md": "parity_eval.reporters.markdown:Markdown",
}

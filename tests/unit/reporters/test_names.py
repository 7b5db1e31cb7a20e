import subprocess
import sys
from importlib import import_module

import pytest
import summaries

from parity_eval.protocols import Reporter
from parity_eval.reporters import REPORTERS
from parity_eval.reporters.html import Html
from parity_eval.reporters.json import Json
from parity_eval.reporters.markdown import Markdown

BUILT_IN: tuple[type[Reporter], ...] = (Html, Json, Markdown)


@pytest.mark.parametrize("name", REPORTERS)
def test_every_name_leads_to_a_reporter_of_that_name(name: str) -> None:
    module, _, attribute = REPORTERS[name].partition(":")
    reporter = getattr(import_module(module), attribute)()
    assert reporter.name == name
    text = reporter.render(summaries.believable(), summaries.believable_pairs())
    assert text.endswith("\n")
    assert reporter.render(summaries.believable(), summaries.believable_pairs()) == text


def test_the_table_of_names_imports_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules); import parity_eval.reporters; "
        "print(*sorted(set(sys.modules) - before))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["parity_eval", "parity_eval.reporters"]


def test_the_table_is_whole() -> None:
    assert {reporter.name for reporter in BUILT_IN} == set(REPORTERS)

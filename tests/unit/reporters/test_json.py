import json
import math
from dataclasses import replace

import msgspec
import pytest
import summaries

from parity_eval import codec
from parity_eval.errors import ParityError
from parity_eval.reporters.json import Json
from parity_eval.summary import RunSummary


def render(summary: RunSummary) -> str:
    return Json().render(summary, ())


@pytest.mark.parametrize("summary", [summaries.believable(), summaries.empty(), summaries.gated()])
def test_it_reads_back_as_the_same_summary(summary: RunSummary) -> None:
    assert msgspec.json.decode(render(summary), type=RunSummary) == summary


def test_it_is_canonical() -> None:
    text = render(summaries.believable())
    assert text == codec.pretty(summaries.believable())
    keys = list(json.loads(text))
    assert keys == sorted(keys)


def test_it_carries_its_version() -> None:
    assert json.loads(render(summaries.empty()))["version"] == 1


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_cannot_tell_is_refused(number: float) -> None:
    summary = replace(summaries.believable(), spent_usd=number)
    with pytest.raises(ParityError, match="cannot be written as JSON"):
        render(summary)


def test_hostile_text_stays_text() -> None:
    summary, _ = summaries.hostile()
    read = json.loads(render(summary))
    assert read["name"] == summary.name.replace("\ud800", "\ufffd").replace("\udfff", "\ufffd")
    assert len(read["tasks"]) == len(summary.tasks)

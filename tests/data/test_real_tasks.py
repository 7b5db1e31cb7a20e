"""Tasks and kinds of the recorded logs, found with their names hidden.

Needs the folder of public data sets that PARITY_EVAL_DATA names.
"""

import os
from functools import cache
from pathlib import Path

import pytest
from simulations.tasks import KINDS, ONE_TEMPLATE, Log, adjusted_rand, grouped, real_logs

from parity_eval.discovery import discover
from parity_eval.records import Kind

DATA = os.environ.get("PARITY_EVAL_DATA")

pytestmark = pytest.mark.skipif(not DATA, reason="PARITY_EVAL_DATA is not set")


@cache
def logs() -> dict[str, Log]:
    return {log.name: log for log in real_logs(Path(DATA or ""))}


@pytest.mark.parametrize("name", [*KINDS, "helpdesk (synthetic)", "all recorded in one log"])
def test_templates_are_told_apart(name: str) -> None:
    entries = logs()[name].hidden()
    names = grouped(discover(entries), entries)
    assert adjusted_rand(logs()[name].templates, names) >= 0.98


@pytest.mark.parametrize("name", KINDS)
def test_kinds(name: str) -> None:
    (found,) = discover(logs()[name].hidden())
    assert found.kind is KINDS[name]


@pytest.mark.parametrize("name", ONE_TEMPLATE)
def test_what_templates_do_not_tell_is_offered_as_metadata(name: str) -> None:
    (found,) = discover(logs()[name].hidden())
    assert len(found.splits) == 1


def test_kinds_in_one_log() -> None:
    found = discover(logs()["all recorded in one log"].hidden())
    assert [task.kind for task in found] == [
        Kind.MODERATION,
        Kind.STRUCTURED,
        Kind.TOOL_CALL,
        Kind.CLASSIFICATION,
        Kind.SUMMARIZATION,
        Kind.RAG_ANSWER,
        Kind.GENERATION,
    ]
    assert found[-1].name == "other"

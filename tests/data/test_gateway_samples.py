"""What the samples of gateways and tracing tools say, read as files.

Needs the folder of public data sets that PARITY_EVAL_DATA names; the samples are beside it.
"""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from parity_eval import plugins
from parity_eval.readers import READERS
from parity_eval.records import Finish, LogEntry, Row
from parity_eval.rows import read_rows

DATA = os.environ.get("PARITY_EVAL_DATA")
SAMPLES = Path(DATA or "") / ".." / "formats" / "samples"

pytestmark = [
    pytest.mark.skipif(not DATA, reason="PARITY_EVAL_DATA is not set"),
    pytest.mark.skipif(not SAMPLES.is_dir(), reason="there are no samples beside the data"),
]

FORMATS = {
    "langfuse_api_v2_observations.json": "langfuse",
    "langfuse_blob_observations.jsonl": "langfuse",
    "langfuse_ui_export.csv": "langfuse",
    "langsmith_runs.jsonl": "langsmith",
    "helicone.jsonl": "helicone",
    "helicone.csv": "helicone",
    "portkey_logs.jsonl": "portkey",
    "cloudflare_logpush_decrypted.jsonl": "cloudflare",
    "cloudflare_logpush_encrypted.jsonl": "cloudflare",
    "cloudflare_api_logs.json": "cloudflare",
    "openrouter_generations.jsonl": "openrouter",
    "braintrust_logs.jsonl": "braintrust",
    "weave_calls.jsonl": "weave",
    "mlflow_traces.jsonl": "mlflow",
}
TRIAGE, DESK, DRAFT = "ticket-triage", "booking-desk", "reply-draft"
WITH_SCHEMA_TOOL_AND_ERROR = [
    "langfuse_api_v2_observations.json",
    "langfuse_blob_observations.jsonl",
    "langfuse_ui_export.csv",
    "helicone.jsonl",
    "portkey_logs.jsonl",
    "cloudflare_logpush_decrypted.jsonl",
    "braintrust_logs.jsonl",
    "weave_calls.jsonl",
    "mlflow_traces.jsonl",
]


@cache
def entries(name: str) -> list[LogEntry]:
    found = list(plugins.reader(FORMATS[name]).read(read_rows([str(SAMPLES / name)])))
    assert all(isinstance(each, LogEntry) for each in found), found
    return [each for each in found if isinstance(each, LogEntry)]


def facts(each: LogEntry) -> tuple[Any, ...]:
    """Return answer, tool calls, input, cached and output tokens."""
    said = each.response
    assert said is not None
    usage = said.usage
    counts = (usage.input_tokens, usage.cached_input_tokens, usage.output_tokens) if usage else None
    return said.text, [(c.name, c.arguments) for c in said.tool_calls], counts


@pytest.mark.parametrize("name", FORMATS)
def test_one_reader_knows_it(name: str) -> None:
    values = [row.value for row in read_rows([str(SAMPLES / name)]) if isinstance(row, Row)]
    assert values
    fits = {
        reader: [plugins.reader(reader).fit(value) for value in values]
        for reader in READERS
        if reader != "plain"  # takes any table with a prompt and an answer, after all others
    }
    full = {reader: fit[0].needs for reader, fit in fits.items() if all(f.score == 1 for f in fit)}
    assert max(full, key=full.__getitem__) == FORMATS[name]
    assert sorted(full.values())[-2:-1] != [full[FORMATS[name]]]


@pytest.mark.parametrize("name", WITH_SCHEMA_TOOL_AND_ERROR)
def test_a_schema_a_tool_and_an_error(name: str) -> None:
    triage, desk, draft = entries(name)
    assert [each.task for each in (triage, desk, draft)] == [TRIAGE, DESK, DRAFT]
    assert all(str(each.model).startswith("gpt-5.5") for each in (triage, desk, draft))
    assert all(each.unreplayable is None for each in (triage, desk, draft))
    assert all(each.source == FORMATS[name] for each in (triage, desk, draft))
    label = '{"label":"refund","urgency":2}'
    assert facts(triage) == (label, [], (74, 0, 13))
    schema: Any = triage.request.body["response_format"]
    assert schema["json_schema"]["name"] == "triage"
    assert triage.request.body["temperature"] == 0
    assert facts(desk) == ("", [("find_booking", '{"code":"KY-204"}')], (131, 128, 17))
    tools: Any = desk.request.body["tools"]
    assert [tool["function"]["name"] for tool in tools] == ["find_booking"]
    assert draft.response is not None
    assert (draft.response.finish, draft.response.usage) == (Finish.INVALID, None)
    roles = [message["role"] for message in _messages(draft)]
    assert roles == ["system", "user"]


def _messages(each: LogEntry) -> list[Any]:
    found = each.request.body["messages"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    ("name", "costs"),
    [
        *((name, (0.00076, 0.000589, None)) for name in FORMATS if name.startswith("langfuse")),
        *((name, (0.00076, 0.000589, None)) for name in ("helicone.jsonl", "helicone.csv")),
        ("portkey_logs.jsonl", (0.00076, 0.000589, None)),
        ("langsmith_runs.jsonl", (0.00076, 0.00069, None)),
        ("openrouter_generations.jsonl", (0.00076, None, 0.0)),
        ("cloudflare_api_logs.json", (0.00076,)),
        ("cloudflare_logpush_decrypted.jsonl", (None, None, None)),
        ("braintrust_logs.jsonl", (None, None, None)),
        ("weave_calls.jsonl", (None, None, None)),
        ("mlflow_traces.jsonl", (None, None, None)),
    ],
)
def test_costs_in_dollars(name: str, costs: tuple[float | None, ...]) -> None:
    found = tuple(each.cost_usd for each in entries(name))
    assert found == pytest.approx(costs, abs=1e-12)


LATENCIES: Mapping[str, tuple[float | None, ...]] = {
    "langfuse_api_v2_observations.json": (0.812, 0.64, 1.53),
    "langfuse_blob_observations.jsonl": (0.812, 0.64, 1.53),
    "langfuse_ui_export.csv": (0.812, 0.64, 1.53),
    "langsmith_runs.jsonl": (0.812, 0.7, 1.53),
    "helicone.jsonl": (0.812, 0.64, 1.53),
    "portkey_logs.jsonl": (0.812, 0.64, 1.53),
    "cloudflare_logpush_decrypted.jsonl": (None, None, None),
    "openrouter_generations.jsonl": (0.812, None, 0.3),
    "braintrust_logs.jsonl": (0.812, 0.64, 1.53),
    "weave_calls.jsonl": (0.812, 0.812, 0.812),
    "mlflow_traces.jsonl": (0.812, 0.812, 0.812),
}


@pytest.mark.parametrize("name", LATENCIES)
def test_latencies_in_seconds(name: str) -> None:
    found = tuple(each.response.latency_s for each in entries(name) if each.response)
    assert found == pytest.approx(LATENCIES[name], abs=1e-6)


@pytest.mark.parametrize(
    ("name", "users", "sessions"),
    [
        ("langfuse_api_v2_observations.json", ["cust-118"] * 3, ["mail-1"] * 3),
        ("langfuse_blob_observations.jsonl", [None] * 3, [None] * 3),
        ("langfuse_ui_export.csv", ["cust-118"] * 3, [None] * 3),
        ("langsmith_runs.jsonl", ["cust-118", None, None], [None] * 3),
        ("helicone.jsonl", ["cust-118", None, None], ["mail-1"] * 3),
        ("helicone.csv", ["cust-118", None, None], ["mail-1"] * 3),
        ("portkey_logs.jsonl", ["cust-118", None, None], [None] * 3),
        ("openrouter_generations.jsonl", ["cust-118"] * 3, ["mail-1"] * 3),
        ("weave_calls.jsonl", ["cust-118", None, None], ["mail-1"] * 3),
        ("mlflow_traces.jsonl", ["cust-118"] * 3, ["mail-1"] * 3),
    ],
)
def test_users_and_sessions(name: str, users: list[str | None], sessions: list[str | None]) -> None:
    assert [each.user for each in entries(name)] == users
    assert [each.session for each in entries(name)] == sessions


def test_langfuse_says_the_same_in_all_exports() -> None:
    for three in zip(*(entries(name) for name in FORMATS if "langfuse" in name), strict=True):
        assert len({each.request.id for each in three}) == 1
        assert len({each.timestamp for each in three}) == 1
        assert three[0].request == three[1].request == three[2].request
        assert three[0].response == three[1].response == three[2].response


def test_langsmith() -> None:
    wrapped, chained, failed = entries("langsmith_runs.jsonl")
    assert [each.task for each in (wrapped, chained, failed)] == [TRIAGE, TRIAGE, DRAFT]
    assert facts(wrapped) == ('{"label":"refund","urgency":2}', [], (74, 0, 13))
    assert facts(chained) == ('{"label":"other","urgency":1}', [], (66, 0, 12))
    assert [message["role"] for message in _messages(chained)] == ["system", "user"]
    assert "response_format" in wrapped.request.body
    assert failed.response is not None
    assert failed.response.finish is Finish.INVALID


def test_helicone_csv() -> None:
    triage, desk, draft = entries("helicone.csv")
    assert [each.task for each in (triage, desk, draft)] == [TRIAGE, DESK, DRAFT]
    assert triage.response is None
    assert desk.response is None
    assert draft.response is not None
    assert draft.response.finish is Finish.INVALID
    assert "tools" in desk.request.body
    assert "response_format" in triage.request.body


def test_cloudflare() -> None:
    hits = [each.is_cache_hit for each in entries("cloudflare_logpush_decrypted.jsonl")]
    assert hits == [False, True, False]
    sealed = entries("cloudflare_logpush_encrypted.jsonl")
    assert len(sealed) == 3
    assert len({each.unreplayable for each in sealed}) == 1
    assert "private key" in str(sealed[0].unreplayable)
    (listed,) = entries("cloudflare_api_logs.json")
    assert (listed.task, listed.response) == (TRIAGE, None)
    assert "no bodies" in str(listed.unreplayable)


def test_openrouter() -> None:
    triage, draft, failed = entries("openrouter_generations.jsonl")
    assert [each.task for each in (triage, draft, failed)] == [TRIAGE, DRAFT, DRAFT]
    assert facts(triage) == ('{"label":"refund","urgency":2}', [], (74, 0, 13))
    assert facts(draft)[2] == (41, 0, 38)
    assert [each.is_cache_hit for each in (triage, draft, failed)] == [False, True, False]
    assert failed.response is not None
    assert failed.response.finish is Finish.INVALID

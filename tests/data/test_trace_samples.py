"""Traces, one sample of each convention, read as they are.

Needs the folder of samples beside the data sets that PARITY_EVAL_DATA names.
"""

import os
from pathlib import Path

import pytest

from parity_eval.protocols import Reader
from parity_eval.readers.openinference import OpenInference
from parity_eval.readers.otel_genai import OtelGenai
from parity_eval.readers.vercel_ai import VercelAi
from parity_eval.records import Finish, LogEntry, Row, Skipped
from parity_eval.rows import read_rows

DATA = os.environ.get("PARITY_EVAL_DATA")
SAMPLES = Path(DATA or "") / ".." / "formats" / "samples"

pytestmark = pytest.mark.skipif(
    not DATA or not SAMPLES.is_dir(), reason="PARITY_EVAL_DATA is not set, or has no samples"
)


def read(reader: Reader, *names: str) -> list[LogEntry | Skipped]:
    rows = list(read_rows([str(SAMPLES / name) for name in names]))
    assert all(isinstance(row, Row) and reader.fit(row.value).score == 1 for row in rows)
    found = list(reader.read(rows))
    assert all(isinstance(item, LogEntry | Skipped) for item in found)
    return [item for item in found if isinstance(item, LogEntry | Skipped)]


def entries(reader: Reader, *names: str) -> list[LogEntry]:
    return [item for item in read(reader, *names) if isinstance(item, LogEntry)]


@pytest.mark.parametrize(
    ("reader", "name"),
    [(OtelGenai(), "otlp_genai_current.json"), (OpenInference(), "otlp_openinference.json")],
)
def test_three_calls(reader: Reader, name: str) -> None:
    found = entries(reader, name)
    assert [one.task for one in found] == ["ticket-triage", "booking-desk", "reply-draft"]
    assert {one.model for one in found} == {"gpt-5.5"}
    assert [one.timestamp for one in found] == [
        "2026-11-02T09:40:00Z",
        "2026-11-02T09:40:01Z",
        "2026-11-02T09:40:02Z",
    ]
    assert [one.unreplayable for one in found] == [None] * 3
    assert found[0].session == "mail-1"
    assert found[0].metadata["service"] == {"name": "support-mail"}
    answers = [one.response for one in found]
    assert all(answers)
    assert [a.finish for a in answers if a] == [Finish.STOP, Finish.TOOL_CALLS, Finish.INVALID]
    assert [a.latency_s for a in answers if a] == [0.812, 0.64, 1.53]
    assert [a.model_served for a in answers if a] == ["gpt-5.5-2026-04-23"] * 2 + [None]
    usage = [a.usage for a in answers if a and a.usage]
    assert [(u.input_tokens, u.cached_input_tokens, u.output_tokens) for u in usage] == [
        (74, 0, 13),
        (131, 128, 17),
    ]
    assert answers[1] is not None
    assert [call.name for call in answers[1].tool_calls] == ["find_booking"]
    assert len(found[1].request.body["tools"]) == 1  # type: ignore[arg-type]


def test_the_schema_of_the_current_conventions() -> None:
    first = entries(OtelGenai(), "otlp_genai_current.json")[0]
    asked = first.request.body["response_format"]
    assert isinstance(asked, dict)
    assert asked["type"] == "json_schema"
    assert '"urgency"' in str(asked).replace("'", '"')
    assert (first.request.body["temperature"], first.request.body["max_tokens"]) == (0, 60)


@pytest.mark.parametrize("reverse", [True, False])
def test_spans_and_log_records_of_the_older_conventions(reverse: bool) -> None:  # noqa: FBT001
    names = ["otlp_genai_legacy_logs.json", "otlp_genai_legacy_spans.json"]
    (found,) = entries(OtelGenai(), *(reversed(names) if reverse else names))
    messages = found.request.body["messages"]
    assert isinstance(messages, list)
    assert [m["role"] for m in messages if isinstance(m, dict)] == ["system", "user"]
    assert found.unreplayable == "the log left out its schema"
    assert found.response is not None
    assert found.response.text == '{"label":"refund","urgency":2}'
    assert (found.response.latency_s, found.task) == (0.812, None)


def test_either_of_them_alone() -> None:
    (span,) = entries(OtelGenai(), "otlp_genai_legacy_spans.json")
    assert "was not turned on" in str(span.unreplayable)
    (records,) = read(OtelGenai(), "otlp_genai_legacy_logs.json")
    assert isinstance(records, Skipped)


def test_numbered_attributes() -> None:
    (found,) = entries(OtelGenai(), "otlp_openllmetry_legacy.json")
    assert (found.task, found.model, found.unreplayable) == ("ticket-triage", "gpt-5.5", None)
    assert found.response is not None
    assert found.response.text == '{"label":"refund","urgency":2}'
    assert found.response.usage is not None
    assert (found.response.usage.input_tokens, found.response.usage.output_tokens) == (74, 13)


def test_users_and_tags_of_openinference() -> None:
    found = entries(OpenInference(), "otlp_openinference.json")
    assert {(one.user, one.session) for one in found} == {("cust-118", "mail-1")}
    assert [one.metadata["tags"] for one in found] == [["support"]] * 3


def test_a_span_of_phoenix() -> None:
    (found,) = entries(OpenInference(), "phoenix_spans.jsonl")
    (same, *_) = entries(OpenInference(), "otlp_openinference.json")
    assert found.request == same.request
    assert (found.task, found.user, found.model) == ("ticket-triage", "cust-118", "gpt-5.5")
    assert found.response == same.response


def test_the_inner_span_of_vercel() -> None:
    outer, inner = read(VercelAi(), "otlp_vercel_ai.json")
    assert isinstance(outer, Skipped)
    assert isinstance(inner, LogEntry)
    assert (inner.task, inner.model, inner.unreplayable) == ("ticket-triage", "gpt-5.5", None)
    assert inner.response is not None
    assert (inner.response.latency_s, inner.response.text) == (
        0.812,
        '{"label":"refund","urgency":2}',
    )
    assert inner.response.usage is not None
    assert inner.response.usage.input_tokens == 74

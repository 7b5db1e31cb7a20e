"""Facts that can be read from the samples of model vendors' own shapes, and of LiteLLM's logs.

Needs the folder of public data sets that PARITY_EVAL_DATA names, with the samples beside it.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from parity_eval.protocols import Reader
from parity_eval.readers.anthropic_batch import AnthropicBatch
from parity_eval.readers.anthropic_pairs import AnthropicPairs
from parity_eval.readers.litellm_payload import LiteLLMPayload
from parity_eval.readers.litellm_spend import LiteLLMSpend
from parity_eval.readers.openai_batch import OpenAIBatch
from parity_eval.readers.openai_pairs import OpenAIPairs
from parity_eval.readers.openai_stored import OpenAIStored
from parity_eval.records import Finish, LogEntry, Reject
from parity_eval.rows import read_rows

DATA = os.environ.get("PARITY_EVAL_DATA")
SAMPLES = Path(DATA or "").parent / "formats" / "samples"

pytestmark = pytest.mark.skipif(not DATA, reason="PARITY_EVAL_DATA is not set")

TASKS = ["ticket-triage", "booking-desk", "reply-draft"]


def entries(reader: Reader, *names: str) -> list[LogEntry]:
    found = list(reader.read(read_rows([str(SAMPLES / name) for name in names])))
    usable = [item for item in found if isinstance(item, LogEntry)]
    assert usable == found
    return usable


def asked(entry: LogEntry) -> Any:  # noqa: ANN401 - JSON
    return entry.request.body


def schema_of(entry: LogEntry) -> Any:  # noqa: ANN401 - JSON
    return asked(entry)["response_format"]["json_schema"]["schema"]


def roles(entry: LogEntry) -> list[str]:
    return [message["role"] for message in asked(entry)["messages"]]


def tools(entry: LogEntry) -> list[str]:
    return [tool["function"]["name"] for tool in asked(entry)["tools"]]


def tokens(entry: LogEntry) -> tuple[int, int, int] | None:
    usage = entry.response.usage if entry.response else None
    if usage is None:
        return None
    return usage.input_tokens, usage.output_tokens, usage.cached_input_tokens


def latency(entry: LogEntry) -> float | None:
    return entry.response.latency_s if entry.response else None


def calls(entry: LogEntry) -> list[tuple[str, Any]]:
    given = entry.response.tool_calls if entry.response else ()
    return [(call.name, json.loads(call.arguments)) for call in given]


def said(entry: LogEntry) -> str | None:
    return entry.response.text if entry.response else None


def test_openai_pairs() -> None:
    triage, desk, reply = found = entries(OpenAIPairs(), "openai_pairs.jsonl")
    assert [entry.request.id for entry in found] == ["chatcmpl-k1", "chatcmpl-k2", "chatcmpl-k3"]
    assert [entry.task for entry in found] == TASKS
    assert {entry.model for entry in found} == {"gpt-5.5"}
    assert {entry.response.model_served for entry in found if entry.response} == {
        "gpt-5.5-2026-04-23"
    }
    assert [tokens(entry) for entry in found] == [(74, 13, 0), (131, 17, 128), (41, 38, 0)]
    assert [latency(entry) for entry in found] == [0.812, 0.64, 1.53]
    assert [entry.timestamp for entry in found] == [
        "2026-11-02T09:00:00Z",
        "2026-11-02T09:01:00Z",
        "2026-11-02T09:02:00Z",
    ]
    assert [entry.user for entry in found] == ["cust-118", None, None]
    assert [entry.cost_usd for entry in found] == [None, None, None]
    assert schema_of(triage)["required"] == ["label", "urgency"]
    assert json.loads(said(triage) or "") == {"label": "refund", "urgency": 2}
    assert (tools(desk), asked(desk)["tool_choice"]) == (["find_booking"], "auto")
    assert calls(desk) == [("find_booking", {"code": "KY-204"})]
    assert asked(reply)["temperature"] == 0.4
    assert not any(entry.unreplayable for entry in found)


def test_openai_responses_pairs() -> None:
    triage, desk, reply = found = entries(OpenAIPairs(), "openai_responses_pairs.jsonl")
    assert [entry.task for entry in found] == TASKS
    assert [tokens(entry) for entry in found] == [(69, 29, 0), (88, 15, 0), (24, 16, 0)]
    assert [latency(entry) for entry in found] == [0.9, 0.7, 2.1]
    assert [roles(entry) for entry in found] == [
        ["system", "user"],
        ["user"],
        ["developer", "user"],
    ]
    assert schema_of(triage)["properties"]["urgency"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 3,
    }
    assert json.loads(said(triage) or "") == {"label": "account", "urgency": 2}
    assert tools(desk) == ["find_booking"]
    assert calls(desk) == [("find_booking", {"code": "KY-310"})]
    assert asked(desk)["messages"] == [{"role": "user", "content": "Check KY-310 for me"}]
    assert asked(reply)["max_completion_tokens"] == 16
    assert reply.response is not None
    assert reply.response.finish is Finish.LENGTH


def test_openai_batch() -> None:
    names = ("openai_batch_input.jsonl", "openai_batch_output.jsonl")
    for order in (names, tuple(reversed(names))):
        found = entries(OpenAIBatch(), *order)
        by_id = {str(entry.request.id): entry for entry in found}
        triage, desk, reply = (by_id[f"row-{n}"] for n in (1, 2, 3))
        assert [entry.task for entry in (triage, desk, reply)] == TASKS
        assert [tokens(triage), tokens(reply)] == [(74, 13, 0), (41, 38, 0)]
        assert triage.timestamp == "2026-11-02T09:40:00Z"
        assert schema_of(triage)["type"] == "object"
        assert tools(desk) == ["find_booking"]
        assert desk.response is None
        assert desk.metadata["batch_error"] == "batch_expired"
        assert (said(reply) or "").startswith("Dogs are welcome")
        assert {entry.path for entry in found} == {str(SAMPLES / names[0])}
        assert [entry.line for entry in (triage, desk, reply)] == [1, 2, 3]


def test_openai_batch_output_alone() -> None:
    paths = [str(SAMPLES / "openai_batch_output.jsonl")]
    found = list(OpenAIBatch().read(read_rows(paths)))
    assert len(found) == 3
    assert all(isinstance(item, Reject) and "input file" in item.reason for item in found)


def test_openai_stored() -> None:
    triage, desk, reply = found = entries(OpenAIStored(), "openai_stored.jsonl")
    assert [entry.request.id for entry in found] == ["chatcmpl-k1", "chatcmpl-k2", "chatcmpl-k3"]
    assert [entry.task for entry in found] == TASKS
    assert [entry.user for entry in found] == ["cust-118", None, None]
    assert [tokens(entry) for entry in found] == [(74, 13, 0), (131, 17, 128), (41, 38, 0)]
    assert [roles(entry) for entry in found] == [["system", "user"]] * 3
    assert asked(triage).keys() == {"messages", "response_format", "temperature", "user"}
    assert asked(desk).keys() == {"messages", "tools"}
    assert calls(desk) == [("find_booking", {"code": "KY-204"})]
    assert asked(reply)["temperature"] == 0.4


def test_anthropic_pairs() -> None:
    triage, desk, reply = found = entries(AnthropicPairs(), "anthropic_pairs.jsonl")
    assert [entry.request.id for entry in found] == ["msg_01", "msg_02", "msg_03"]
    assert [entry.task for entry in found] == TASKS
    assert {entry.model for entry in found} == {"claude-opus-4-5"}
    assert [entry.user for entry in found] == ["cust-118", None, None]
    assert [tokens(entry) for entry in found] == [(70, 14, 0), (1861, 52, 1840), (38, 61, 0)]
    assert [latency(entry) for entry in found] == [1.1, 1.34, 2.05]
    assert [roles(entry) for entry in found] == [["system", "user"]] * 3
    assert schema_of(triage)["required"] == ["label", "urgency"]
    assert tools(desk) == ["find_booking"]
    assert asked(desk)["messages"][1]["content"] == "Is booking KY-204 still on for Sunday?"
    assert (said(desk), calls(desk)) == (
        "Let me check that booking.",
        [("find_booking", {"code": "KY-204"})],
    )
    assert "thinking" not in asked(reply)
    assert (said(reply) or "").startswith("Dogs are welcome")
    assert not any(entry.unreplayable for entry in found)


def test_anthropic_batch_results_need_their_requests(tmp_path: Path) -> None:
    results = str(SAMPLES / "anthropic_batch_results.jsonl")
    alone = list(AnthropicBatch().read(read_rows([results])))
    assert [type(item) for item in alone] == [Reject] * 3
    params = {"model": "claude-x", "messages": [{"role": "user", "content": "Sort this mail."}]}
    asked_for = [{"custom_id": f"row-{n}", "params": params} for n in (1, 2, 3)]
    requests = tmp_path / "requests.json"
    requests.write_text(json.dumps({"requests": asked_for}), "utf-8")
    found = list(AnthropicBatch().read(read_rows([str(requests), results])))
    first, failed, late = (item for item in found if isinstance(item, LogEntry))
    assert json.loads(said(first) or "") == {"label": "refund", "urgency": 2}
    assert tokens(first) == (70, 14, 0)
    assert failed.response is not None
    assert "max_tokens: must be greater than 0" in str(failed.response.detail)
    assert late.response is None
    assert late.metadata["batch_error"] == "expired"


def test_litellm_payload() -> None:
    triage, desk, reply = found = entries(LiteLLMPayload(), "litellm_standard_logging.jsonl")
    assert [entry.task for entry in found] == TASKS
    assert {entry.model for entry in found} == {"frontier"}
    assert [entry.user for entry in found] == ["cust-118", None, None]
    assert [entry.session for entry in found] == ["tr-k1", "tr-k2", "tr-k3"]
    assert [entry.cost_usd for entry in found] == [0.00076, 0.000589, None]
    assert [latency(entry) for entry in found] == [0.812, 0.64, 1.5]
    assert [tokens(entry) for entry in found] == [(74, 13, 0), (131, 17, 128), None]
    assert triage.metadata["tags"] == ["task:ticket-triage"]
    assert "headers" not in triage.metadata
    assert "tags" not in reply.metadata
    assert schema_of(triage)["type"] == "object"
    assert tools(desk) == ["find_booking"]
    assert calls(desk) == [("find_booking", {"code": "KY-204"})]
    assert [bool(entry.unreplayable) for entry in found] == [False, False, True]
    assert reply.response is not None
    assert "upstream returned 500" in str(reply.response.detail)


def test_litellm_spend_logs() -> None:
    triage, desk, again = found = entries(LiteLLMSpend(), "litellm_spendlogs.csv")
    assert [entry.task for entry in found] == ["ticket-triage", "booking-desk", "ticket-triage"]
    assert {entry.model for entry in found} == {"gpt-5.5"}
    assert [entry.user for entry in found] == ["cust-118", None, "cust-118"]
    assert [entry.session for entry in found] == ["sess-k1", "sess-k2", "sess-.2"]
    assert [entry.cost_usd for entry in found] == [0.00076, 0.000589, None]
    assert [latency(entry) for entry in found] == [0.812, 0.64, None]
    assert [tokens(entry) for entry in found] == [(74, 13, 0), (131, 17, 128), (74, 13, 0)]
    assert [entry.is_cache_hit for entry in found] == [False, False, True]
    assert again.request.id == "chatcmpl-k1_cache_hit1793612700.2"
    assert asked(again) == asked(triage)
    assert triage.metadata["tags"] == ["task:ticket-triage"]
    assert schema_of(triage)["type"] == "object"
    assert tools(desk) == ["find_booking"]
    assert calls(desk) == [("find_booking", {"code": "KY-204"})]
    assert not any(entry.unreplayable for entry in found)

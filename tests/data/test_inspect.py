"""What `inspect` says of real logs and of every vendor's sample, held against the files.

Needs the folder of public data sets that PARITY_EVAL_DATA names, and the samples beside it.
"""

import gzip
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from parity_eval import codec, documents
from parity_eval.census import Census
from parity_eval.errors import InputError
from parity_eval.study import LogSpec
from parity_eval.workflows.inspect import inspect, page

DATA = os.environ.get("PARITY_EVAL_DATA")
SAMPLES = Path(DATA or ".").parent / "formats" / "samples"

pytestmark = pytest.mark.skipif(not DATA, reason="PARITY_EVAL_DATA is not set")

LOGS = (
    "alpacaeval-judged", "banking77-intents", "bfcl-tools", "faithbench-summaries",
    "gsm-json-answers", "llmbar-judge-calibration", "ragtruth-qa-a", "toxicity-moderation",
)  # fmt: skip
ALONE = {
    "anthropic_batch_results.jsonl": "results hold no prompts",
    "openai_batch_output.jsonl": "input file",
    "otlp_genai_legacy_logs.json": "read them with their spans",
}
"""Files that are half of a log."""
# Format, requests, of these replayable, with an answer to compare with, input tokens; by file.
FACTS: dict[str, tuple[str, int, int, int, int]] = {
    "anthropic_pairs.jsonl": ("anthropic_pairs", 3, 3, 3, 1969),
    "braintrust_logs.jsonl": ("braintrust", 3, 3, 2, 205),
    "cloudflare_api_logs.json": ("cloudflare", 1, 0, 0, 0),
    "cloudflare_logpush_decrypted.jsonl": ("cloudflare", 3, 3, 2, 74),
    "cloudflare_logpush_encrypted.jsonl": ("cloudflare", 3, 0, 0, 0),
    "helicone.csv": ("helicone", 3, 3, 0, 0),
    "helicone.jsonl": ("helicone", 3, 3, 2, 205),
    "langfuse_api_v2_observations.json": ("langfuse", 3, 3, 2, 205),
    "langfuse_blob_observations.jsonl": ("langfuse", 3, 3, 2, 205),
    "langfuse_ui_export.csv": ("langfuse", 3, 3, 2, 205),
    "langsmith_runs.jsonl": ("langsmith", 3, 3, 2, 140),
    "litellm_spendlogs.csv": ("litellm_spend", 3, 3, 3, 205),
    "litellm_standard_logging.jsonl": ("litellm_payload", 3, 2, 2, 205),
    "mlflow_traces.jsonl": ("mlflow", 3, 3, 2, 205),
    "openai_batch_input.jsonl": ("openai_batch", 3, 3, 0, 0),
    "openai_pairs.jsonl": ("openai_pairs", 3, 3, 3, 246),
    "openai_responses_pairs.jsonl": ("openai_pairs", 3, 3, 2, 181),
    "openai_stored.jsonl": ("openai_stored", 3, 3, 3, 246),
    "openrouter_generations.jsonl": ("openrouter", 3, 3, 2, 74),
    "otlp_genai_current.json": ("otel_genai", 3, 3, 2, 205),
    "otlp_genai_legacy_spans.json": ("otel_genai", 1, 0, 0, 0),
    "otlp_openinference.json": ("openinference", 3, 3, 2, 205),
    "otlp_openllmetry_legacy.json": ("otel_genai", 1, 1, 1, 74),
    "otlp_vercel_ai.json": ("vercel_ai", 1, 1, 1, 74),
    "phoenix_spans.jsonl": ("openinference", 1, 1, 1, 74),
    "plain.csv": ("plain", 3, 3, 3, 177),
    "plain.parquet": ("plain", 3, 3, 3, 177),
    "portkey_logs.jsonl": ("portkey", 3, 3, 2, 205),
    "weave_calls.jsonl": ("weave", 3, 3, 2, 205),
}  # fmt: skip


def looked_at(*paths: Path) -> Census:
    found = inspect(LogSpec(path=tuple(map(str, paths))), lambda _: None)
    documents.check(json.loads(codec.encode(found)), "inspect.v1.json", "the census")
    assert page(found).startswith("<!doctype html>")
    return found


def test_every_sample_has_its_facts() -> None:
    names = {path.name for path in SAMPLES.iterdir() if path.is_file()}
    assert names == FACTS.keys() | ALONE.keys()


@pytest.mark.parametrize("name", FACTS)
def test_what_is_said_of_a_sample(name: str) -> None:
    found = looked_at(SAMPLES / name)
    (file,) = found.files
    said = (file.format, found.n_requests, found.n_replayable, found.n_answers)
    assert (*said, found.volume.input_tokens) == FACTS[name]
    assert (found.next_command is None) == (not found.n_replayable)
    assert sum(model.volume.n for model in found.models) == found.n_requests
    assert sum(task.volume.n for task in found.tasks) == found.n_requests


@pytest.mark.parametrize("name", ALONE)
def test_half_a_log_is_one_message(name: str) -> None:
    with pytest.raises(InputError, match=ALONE[name]):
        looked_at(SAMPLES / name)


@pytest.mark.parametrize(
    ("names", "facts"),
    [
        (("openai_batch_input.jsonl", "openai_batch_output.jsonl"), (3, 3, 2, 115)),
        # The spans of that time hold no schema, and this answer was given by one.
        (("otlp_genai_legacy_logs.json", "otlp_genai_legacy_spans.json"), (1, 0, 0, 74)),
    ],
)
def test_both_halves_are_a_log(names: tuple[str, str], facts: tuple[int, int, int, int]) -> None:
    found = looked_at(*(SAMPLES / name for name in names))
    said = (found.n_requests, found.n_replayable, found.n_answers, found.volume.input_tokens)
    assert said == facts
    assert found.rejected == ()


@pytest.mark.parametrize("name", LOGS)
def test_what_is_said_of_a_real_log(name: str) -> None:
    path = Path(DATA or "") / name / "log.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    found = looked_at(path)
    assert (found.n_rows, found.n_requests, found.n_replayable) == (len(rows),) * 3
    assert found.skipped == found.rejected == ()
    usages = [row["response"].get("usage") or {} for row in rows]
    assert found.volume.n_counted == sum(bool(usage) for usage in usages)
    if found.volume.n_counted == len(rows):
        assert found.volume.input_tokens == sum(usage["prompt_tokens"] for usage in usages)
        assert found.volume.output_tokens == sum(usage["completion_tokens"] for usage in usages)
    if found.tasks_from == "log":
        sizes = Counter(row["task"] for row in rows)
        assert {task.name: task.volume.n for task in found.tasks} == sizes
    assert sum(task.volume.usd for task in found.tasks) == pytest.approx(found.volume.usd)
    offered = {tool["function"]["name"] for row in rows for tool in row["request"].get("tools", [])}
    assert {tool.name for tool in found.tools} == offered

"""Which format a file is of, by several of its rows."""

import os
from pathlib import Path
from typing import Any

import invented
import pytest

from parity_eval import plugins
from parity_eval.detection import Sample, detect, sample
from parity_eval.errors import InputError
from parity_eval.protocols import Reader
from parity_eval.readers import READERS
from parity_eval.records import LogEntry, Reject, Row
from parity_eval.rows import container, read_rows

ALL: dict[str, Reader] = {name: plugins.reader(name) for name in READERS}
DATA = os.environ.get("PARITY_EVAL_DATA")


def of(*values: Any, path: str = "log", rejects: int = 0) -> Sample:  # noqa: ANN401 - JSON
    rows: list[Row | Reject] = [
        Row(path=path, number=i, value=value) for i, value in enumerate(values, start=1)
    ]
    rows += [Reject(path=path, line=0, reason="not JSON")] * rejects
    return Sample(path=path, container="JSON Lines", rows=tuple(rows))


def found(*samples: Sample) -> dict[str, str]:
    return detect(samples, ALL)


def refusal(*samples: Sample) -> list[str]:
    with pytest.raises(InputError) as caught:
        found(*samples)
    return str(caught.value).splitlines()


def test_there_is_an_invented_row_of_each_format() -> None:
    assert set(invented.ROWS) == set(READERS)


@pytest.mark.parametrize("name", invented.ROWS)
def test_each_format_is_told_from_all_others_and_read(name: str) -> None:
    row = invented.ROWS[name]
    assert found(of(row)) == {"log": name}
    (item,) = ALL[name].read([Row(path="log", number=1, value=row)])
    assert isinstance(item, LogEntry), item
    assert item.unreplayable is None
    assert item.source == name


@pytest.mark.parametrize("name", invented.ROWS)
def test_the_first_row_alone_decides_nothing(name: str) -> None:
    row = invented.ROWS[name]
    assert found(of({"odd": 1}, row, row)) == {"log": name}
    assert found(of([], row)) == {"log": name}


def test_no_more_than_twenty_rows_are_looked_at() -> None:
    taken: list[int] = []

    def rows() -> Any:  # noqa: ANN401 - a generator
        for i in range(100):
            taken.append(i)
            yield Row(path="x", number=i, value={})

    assert len(sample("x", "CSV", rows()).rows) == 20
    assert len(taken) == 20


def test_each_file_has_its_own() -> None:
    pairs, runs = invented.ROWS["openai_pairs"], invented.ROWS["langsmith"]
    assert found(of(pairs, path="a"), of(runs, path="b"), of(path="c")) == {
        "a": "openai_pairs",
        "b": "langsmith",
    }


def test_a_file_without_a_whole_row_goes_with_the_others() -> None:
    pairs = invented.ROWS["openai_pairs"]
    assert found(of(path="a", rejects=2), of(pairs, path="b"))["a"] == "openai_pairs"
    assert found(of(path="a", rejects=2)) == {"a": "canonical"}
    assert found(of()) == {}


def test_the_order_of_the_table_does_not_matter() -> None:
    backwards = dict(reversed(ALL.items()))
    for name, row in invented.ROWS.items():
        assert detect([of(row)], backwards) == {"log": name}


def test_an_unknown_format_says_what_was_seen_and_what_to_do() -> None:
    row = {"zip": 1, "query": "hi", "nested": {"a": 1, "b": 2}, "l": [], "n": None, "t": True}
    told = refusal(of(row, {**row, "n": "later"}, path="dump.csv"))
    assert told[0] == "dump.csv: is of no known format. Seen: JSON Lines with"
    assert told[1:7] == [
        "  zip: number",
        "  query: text",
        "  nested: object with a, b",
        "  l: list",
        "  n: text",
        "  t: boolean",
    ]
    assert told[7] == "Nearest formats, and why it is none of them:"
    assert "plain" in told[8]
    assert "no column is called as a response usually is" in told[8]
    assert len([line for line in told[8:11] if "(" in line]) == 3
    assert told[-3:-1] == ["  log:", "    path: dump.csv"]
    assert told[-1].startswith('    columns: {prompt: "zip", response: "query"}')


def test_what_is_shown_of_hostile_names_is_short_and_printable() -> None:
    told = refusal(of({"a\x1b[2J\n" + "x" * 500: 1, **{f"k{i}": i for i in range(50)}}))
    assert "  ... and 39 more" in told
    assert all(line.isprintable() and len(line) < 200 for line in told)


def test_rows_that_are_no_objects() -> None:
    assert "  (a row): number" in refusal(of(1, 2))


def test_among_many_files_the_unknown_ones_are_named() -> None:
    unknown = [of({"x": 1}, path=f"u{i}") for i in range(7)]
    told = refusal(of(invented.ROWS["canonical"], path="known"), *unknown)
    assert any(
        line.startswith("Of 8 files 7 are of no known format: u0, u1, u2, u3, u4, ...; name those")
        for line in told
    )


SAMPLES = {
    "anthropic_batch_results.jsonl": "anthropic_batch",
    "anthropic_pairs.jsonl": "anthropic_pairs",
    "braintrust_logs.jsonl": "braintrust",
    "cloudflare_api_logs.json": "cloudflare",
    "cloudflare_logpush_decrypted.jsonl": "cloudflare",
    "cloudflare_logpush_encrypted.jsonl": "cloudflare",
    "helicone.csv": "helicone",
    "helicone.jsonl": "helicone",
    "langfuse_api_v2_observations.json": "langfuse",
    "langfuse_blob_observations.jsonl": "langfuse",
    "langfuse_ui_export.csv": "langfuse",
    "langsmith_runs.jsonl": "langsmith",
    "litellm_spendlogs.csv": "litellm_spend",
    "litellm_standard_logging.jsonl": "litellm_payload",
    "mlflow_traces.jsonl": "mlflow",
    "openai_batch_input.jsonl": "openai_batch",
    "openai_batch_output.jsonl": "openai_batch",
    "openai_pairs.jsonl": "openai_pairs",
    "openai_responses_pairs.jsonl": "openai_pairs",
    "openai_stored.jsonl": "openai_stored",
    "openrouter_generations.jsonl": "openrouter",
    "otlp_genai_current.json": "otel_genai",
    "otlp_genai_legacy_logs.json": "otel_genai",
    "otlp_genai_legacy_spans.json": "otel_genai",
    "otlp_openinference.json": "openinference",
    "otlp_openllmetry_legacy.json": "otel_genai",
    "otlp_vercel_ai.json": "vercel_ai",
    "phoenix_spans.jsonl": "openinference",
    "plain.csv": "plain",
    "plain.parquet": "plain",
    "portkey_logs.jsonl": "portkey",
    "weave_calls.jsonl": "weave",
}


@pytest.mark.skipif(not DATA, reason="PARITY_EVAL_DATA is not set")
@pytest.mark.parametrize("name", SAMPLES)
def test_samples_of_exports(name: str) -> None:
    path = str(Path(DATA or "").parent / "formats" / "samples" / name)
    assert found(sample(path, container(path).value, read_rows([path]))) == {path: SAMPLES[name]}

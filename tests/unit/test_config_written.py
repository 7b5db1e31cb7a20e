import os
from pathlib import Path

import pytest

from parity_eval import codec
from parity_eval.config import build, read
from parity_eval.config.written import as_config, as_text
from parity_eval.study import Study
from parity_eval.yaml_lines import load

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*ROOT.glob("examples/*/*.yaml"), ROOT / "datasets/helpdesk/parity.yaml"])

RICH = """\
version: 1
name: all of it
log: {path: logs/*.jsonl, max_rejects: 0.2}
baseline:
  model: openai/big
  source: replay
  params: {temperature: 0, seed: null, drop: [user]}
  price:
    input: 5
    output: 15
    cached_input: 1
    cache_write: 6.5
    reasoning: 20
    most_output: 8000
    long: [{above: 200000, price: {input: 10, output: 30}}]
    service: [{name: priority, price: {input: 7, output: 21, cached_input: 2}}]
  second: {model: openai/big, share: 0.5, api_base: "http://localhost:1/v1"}
candidates:
  - name: no
    model: openai/small
    api_key_env: THE_KEY
    transport: litellm
    prompt: {append_system: "Be brief: yes, #really"}
    capabilities: {tools: false, context: 8192}
  - {name: told, model: openai/small, prompt: {template: "<{text}>"}, capabilities: {tools: false}}
  - {name: "1e3", model: recorded, path: tapes/tiny.jsonl.gz, price: {input: 0, output: 0}}
judge:
  model: vendor/wise
  rubric: "Is it: right? #yes"
  labels: {path: votes.jsonl, values: {good: 1, bad: 0, "no": 0.5}, share: 0.3}
labels: {path: labels.jsonl, column: correct}
test: {alpha: 0.1, beta: 0.000001, margin: 0.03, max_samples: 300, family: fwer, seed: 7}
missing: fail
tasks:
  plain:
  triage:
    match: {metadata.feature: triage, task: "a*"}
    kind: classification
    estimand: parity
    bar: 0.9
    acknowledge: [r-1]
    must_pass: [r-2, "3"]
    schema: {type: object, required: [a], properties: {a: {type: [string, "null"]}}}
    parity:
      any:
        - exact
        - all: [schema, {exact: {numeric_tolerance: 0.01}}, {not: judge}]
        - all: [{embedding: {at_least: 0.9}}, judge]
        - all: [{embedding: {at_least: 0.95}}, {exact: {ignore: [notes]}}]
    gates:
      quick: {check: speed, seconds: 2.5, bar: 0.9}
      german: {check: slice, match: {metadata.lang: de}, margin: 0.1}
      valid: {check: format}
  replies: {quality: rating, reference: metadata.gold, margin: 0.2}
"""


def written(study: Study) -> str:
    plain = codec.builtins(codec.parse(codec.encode(study)))
    return as_text(as_config(plain))


def again(study: Study) -> Study:
    return build(load(written(study), "again"), origin=study.origin, base=Path("/"))


def terms(study: Study) -> dict[str, object]:
    """Return all of a study but how it is carried out."""
    found = codec.builtins(study)
    found["run"] = {key: found["run"][key] for key in ("missing", "recordings")}
    return found


@pytest.fixture(autouse=True)
def _data(monkeypatch: pytest.MonkeyPatch) -> None:
    if "PARITY_EVAL_DATA" not in os.environ:
        monkeypatch.setenv("PARITY_EVAL_DATA", "/data")


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_study_is_read_back_as_it_was(path: Path) -> None:
    study = read(path, {})
    assert terms(again(study)) == terms(study)


def test_everything_that_a_configuration_can_say_is_written(tmp_path: Path) -> None:
    path = tmp_path / "parity.yaml"
    path.write_text(RICH, encoding="utf-8")
    study = read(path, {})
    assert terms(again(study)) == terms(study)
    assert study.baseline.second_share == 0.5


def test_defaults_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "parity.yaml"
    path.write_text(
        "version: 1\nlog: {path: a.jsonl}\nbaseline: {model: big}\ncandidates: [{model: small}]\n",
        encoding="utf-8",
    )
    assert as_config(codec.builtins(read(path, {}))) == {
        "version": 1,
        "name": tmp_path.name,
        "log": {"path": str(tmp_path / "a.jsonl")},
        "baseline": {"name": "big", "model": "big", "source": "logged"},
        "candidates": [{"name": "small", "model": "small"}],
        "test": {},
        "missing": "wait",
        "recordings": "whole",
        "tasks": {},
    }

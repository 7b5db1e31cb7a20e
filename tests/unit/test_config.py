from pathlib import Path

import pytest

from parity_eval.config import read
from parity_eval.config.rule_text import parse_rule
from parity_eval.contestants import bare_model, contestant
from parity_eval.errors import ConfigError
from parity_eval.records import Capabilities, Kind, Price, Prompt
from parity_eval.rules import All, AnyOf, Ask, describe
from parity_eval.study import Study

GOOD = """\
version: 1
log: {path: log.jsonl}
baseline: {model: openai/big}
candidates:
  - {model: openai/small, price: {input: 0.1, output: 0.4}}
  - {model: recorded, path: tapes/tiny.jsonl.gz}
test: {alpha: 0.1, bar: auto, margin: 0.03}
tasks:
  triage: {match: {metadata.feature: triage}, kind: classification}
"""


def load(tmp_path: Path, text: str) -> Study:
    path = tmp_path / "parity.yaml"
    path.write_text(text, encoding="utf-8")
    return read(path, {})


def message(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    return str(caught.value).replace(str(tmp_path / "parity.yaml"), "FILE")


def test_a_good_file_becomes_a_study(tmp_path: Path) -> None:
    study = load(tmp_path, GOOD)
    assert study.test.alpha == 0.1
    assert study.test.bar is None
    assert study.test.margin == 0.03
    assert [spec.name for spec in study.candidates] == ["openai/small", "tiny"]
    assert study.candidates[0].price == Price(input=0.1, output=0.4)
    assert study.candidates[1].path == str(tmp_path / "tapes/tiny.jsonl.gz")
    assert study.tasks[0].kind is Kind.CLASSIFICATION
    assert study.tasks[0].match == {"metadata.feature": "triage"}


OWN = GOOD.replace("price: {input: 0.1, output: 0.4}", "price: {input: 0.1, output: 0.4}, OWN")


def test_a_candidate_may_have_a_prompt_and_say_what_it_takes(tmp_path: Path) -> None:
    own = "prompt: {append_system: Be brief., template: '<{text}>'}, capabilities: {context: 8192}"
    one, other = load(tmp_path, OWN.replace("OWN", own)).candidates
    assert one.prompt == Prompt(append_system="Be brief.", template="<{text}>")
    assert one.capabilities == Capabilities(context=8192)
    assert (other.prompt, other.capabilities) == (None, Capabilities())


def test_the_baseline_with_another_prompt_is_a_candidate(tmp_path: Path) -> None:
    text = GOOD.replace("openai/small, price", "openai/big, name: terse, OWN, price")
    assert load(tmp_path, text.replace("OWN", "prompt: {system: Be brief.}")).candidates[0].prompt
    assert "is the baseline itself" in message(tmp_path, text.replace("OWN, ", ""))


BAD = {
    "empty prompt": (
        OWN.replace("OWN", "prompt: {}"),
        ["FILE:5: candidates.0.prompt: says nothing; set `system`, `append_system` or `template`"],
    ),
    "two system prompts": (
        OWN.replace("OWN", "prompt: {system: a, append_system: b}"),
        ["FILE:5: candidates.0.prompt.append_system: beside `system`"],
    ),
    "template without a place": (
        OWN.replace("OWN", "prompt: {template: 'Be brief.'}"),
        ["FILE:5: candidates.0.prompt.template: must hold {text}, ", "exactly once, not 0 times"],
    ),
    "misspelt prompt": (
        OWN.replace("OWN", "prompt: {sytem: a}"),
        ["FILE:5: candidates.0.prompt.sytem: unknown key; did you mean 'system'?"],
    ),
    "prompt of the baseline": (
        GOOD.replace("{model: openai/big}", "{model: openai/big, prompt: {system: a}}"),
        ["FILE:3: baseline.prompt: unknown key"],
    ),
    "misspelt capability": (
        OWN.replace("OWN", "capabilities: {visoin: true}"),
        ["FILE:5: candidates.0.capabilities.visoin: unknown key; did you mean 'vision'?"],
    ),
    "capabilities of a recording": (
        GOOD.replace("tiny.jsonl.gz}", "tiny.jsonl.gz, capabilities: {tools: true}}"),
        ["FILE:6: candidates.1.capabilities: a recording has answered already"],
    ),
    "tools left out": (
        OWN.replace("OWN", "params: {drop: [seed, tools]}"),
        ["FILE:5: candidates.0.params.drop: names 'tools': without it the request would be"],
    ),
    "parameter of null": (
        OWN.replace("OWN", "params: {seed: null}"),
        ["FILE:5: candidates.0.params.seed: is null; ", "drop: [seed]"],
    ),
    "unknown key": (
        GOOD + "candiates: []\n",
        ["FILE:10: candiates: unknown key; did you mean 'candidates'?"],
    ),
    "unknown key inside": (
        GOOD.replace("kind: classification", "kin: classification"),
        ["FILE:9: tasks.triage.kin: unknown key; did you mean 'kind'?"],
    ),
    "wrong type": (
        GOOD.replace("alpha: 0.1", "alpha: high"),
        ["FILE:7: test.alpha: Input should be a valid number; got 'high'"],
    ),
    "alpha 0": (
        GOOD.replace("alpha: 0.1", "alpha: 0"),
        ["test.alpha: 0 given, must be > 0 and < 1"],
    ),
    "alpha 1": (
        GOOD.replace("alpha: 0.1", "alpha: 1"),
        ["test.alpha: 1 given, must be > 0 and < 1"],
    ),
    "bar above 1": (
        GOOD.replace("bar: auto", "bar: 1.2"),
        ["FILE:7: test.bar: 1.2 given, must be > 0 and < 1"],
    ),
    "bar of 1": (
        GOOD.replace("bar: auto", "bar: 1"),
        [
            "FILE:7: test.bar: 1 given, must be < 1",
            "best bar that can be certified is 0.99",
            "`target: log` can show 1",
        ],
    ),
    "negative margin": (
        GOOD.replace("margin: 0.03", "margin: -0.1"),
        ["test.margin: -0.1 given, must be > 0 and < 1"],
    ),
    "missing key": (GOOD.replace("log: {path: log.jsonl}\n", ""), ["FILE:1: log: is required"]),
    "candidate equals baseline": (
        GOOD.replace("openai/small", "openai/big"),
        ["FILE:5: candidates.0: 'openai/big' is the baseline itself"],
    ),
    "two candidates of one name": (
        GOOD.replace("{model: recorded, path: tapes/tiny.jsonl.gz}", "{model: openai/small}"),
        ["FILE:6: candidates.1: the name 'openai/small' is taken"],
    ),
    "recorded without path": (
        GOOD.replace("{model: recorded, path: tapes/tiny.jsonl.gz}", "{model: recorded}"),
        ["FILE:6: candidates.1.model: a recorded model needs `path`"],
    ),
    "unknown scorer": (
        GOOD.replace("kind: classification", "parity: exakt"),
        ["FILE:9: tasks.triage.parity: unknown scorer 'exakt'; did you mean 'exact'?"],
    ),
    "empty rule": (
        GOOD.replace("kind: classification", "parity: {all: []}"),
        ["tasks.triage.parity: `all` needs a list of rules"],
    ),
    "judge without judge": (
        GOOD.replace("kind: classification", "parity: judge"),
        ["FILE:9: tasks.triage: asks a judge, but the configuration has no `judge`"],
    ),
    "similarity alone": (
        GOOD.replace(
            "kind: classification", "parity: {any: [exact, {embedding: {at_least: 0.9}}]}"
        ),
        ["FILE:9: tasks.triage.parity: similarity alone never certifies"],
    ),
    "noise floor without second answers": (
        GOOD.replace("kind: classification", "estimand: noise_floor"),
        ["tasks.triage.estimand: noise_floor needs second answers"],
    ),
    "schema that is not there": (
        GOOD.replace("kind: classification", "schema: nowhere.json"),
        ["tasks.triage.schema:", "nowhere.json: No such file"],
    ),
    "schema that is not a schema": (
        GOOD.replace("kind: classification", "schema: {type: objekt}"),
        ["FILE:9: tasks.triage.schema:", "objekt"],
    ),
    "unknown match field": (
        GOOD.replace("metadata.feature", "sytem_prompt"),
        ["tasks.triage.match.sytem_prompt: unknown field; did you mean 'system_prompt'?"],
    ),
    "not YAML": ("version: [1\n", ["FILE:2: not YAML"]),
    "a list": ("- 1\n", ["FILE:1: a mapping with the key 'version' was expected"]),
    "duplicate key": (GOOD + "version: 1\n", ["FILE:10: duplicate key 'version'"]),
    "another version": (GOOD.replace("version: 1", "version: 2"), ["FILE:1: version:"]),
    "judge is a contestant": (
        GOOD + "judge: {model: azure/small-2026-01-01}\n",
        ["FILE:10: judge.model: the judge 'azure/small-2026-01-01' is a contestant"],
    ),
    "judge with a candidate's name": (
        GOOD + "judge: {name: tiny, model: openai/wise}\n",
        ["FILE:10: judge: the name 'tiny' is taken"],
    ),
    "unset variable": (
        GOOD.replace("log.jsonl", "'${NO_SUCH_VARIABLE_HERE}/log.jsonl'"),
        ["paths need the environment variable NO_SUCH_VARIABLE_HERE, which is not set"],
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_told_with_line_field_and_remedy(tmp_path: Path, case: str) -> None:
    text, parts = BAD[case]
    told = message(tmp_path, text)
    for part in parts:
        assert part in told


def test_all_mistakes_are_told_together(tmp_path: Path) -> None:
    text = GOOD.replace("alpha: 0.1", "alpha: 2").replace("kind: classification", "kin: x")
    told = message(tmp_path, text)
    assert "test.alpha" in told
    assert "tasks.triage.kin" in told


def test_no_such_file() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: no such file"):
        read(Path("nowhere.yaml"), {})


def test_flags_alone_make_a_study() -> None:
    study = read(
        None,
        {
            ("log", "path"): "/logs/a.jsonl",
            ("baseline", "model"): "openai/big",
            ("test", "alpha"): 0.1,
        },
        candidates=["openai/small", "/tapes/tiny.jsonl"],
        judge="openai/wise",
        tasks=["triage"],
    )
    assert [spec.model for spec in study.candidates] == ["openai/small", "recorded"]
    assert study.judge is not None
    assert study.judge.spec.model == "openai/wise"
    assert study.test.alpha == 0.1
    assert [task.name for task in study.tasks] == ["triage"]


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "parity.yaml"
    path.write_text(GOOD, encoding="utf-8")
    study = read(path, {("test", "alpha"): 0.01}, candidates=["openai/other"])
    assert study.test.alpha == 0.01
    assert study.test.margin == 0.03
    assert [spec.model for spec in study.candidates] == ["openai/other"]


def test_an_unknown_task_flag_names_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "parity.yaml"
    path.write_text(GOOD, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"--task triag: no such task; did you mean 'triage'\?"):
        read(path, {}, tasks=["triag"])


def test_flags_without_a_candidate() -> None:
    with pytest.raises(ConfigError, match="--candidate must be given"):
        read(None, {("log", "path"): "a.jsonl", ("baseline", "model"): "openai/big"})


def test_a_rule_is_read_as_written() -> None:
    rule, scorers = parse_rule(
        {"any": ["exact", {"all": [{"embedding": {"at_least": 0.3}}, "judge"]}]}
    )
    assert rule == AnyOf((Ask("exact"), All((Ask("embedding"), Ask("judge")))))
    assert describe(rule) == "exact, or (embedding and judge)"
    assert [(s.key, s.settings) for s in scorers] == [
        ("exact", {}),
        ("embedding", {"at_least": 0.3}),
        ("judge", {}),
    ]


def test_one_scorer_twice_with_other_settings_has_two_names() -> None:
    rule, scorers = parse_rule(
        {
            "all": [
                "exact",
                {"embedding": {"at_least": 0.3}},
                {"embedding": {"at_least": 0.9}},
                "exact",
            ]
        }
    )
    assert rule == All((Ask("exact"), Ask("embedding"), Ask("embedding-2"), Ask("exact")))
    assert [s.key for s in scorers] == ["exact", "embedding", "embedding-2"]


@pytest.mark.parametrize(
    ("model", "bare"),
    [
        ("gpt-4o", "gpt-4o"),
        ("openai/gpt-4o-2024-08-06", "gpt-4o"),
        ("anthropic/claude-3-5-haiku-20241022", "claude-3-5-haiku"),
        ("Azure/GPT-4o-latest", "gpt-4o"),
    ],
)
def test_aliases_of_a_model_are_told(model: str, bare: str) -> None:
    assert bare_model(model) == bare


def test_a_judge_that_is_the_baseline_under_another_name_is_a_contestant(tmp_path: Path) -> None:
    study = load(tmp_path, GOOD)
    assert contestant(study, "azure/big-2026-02-03") == "openai/big"
    assert contestant(study, "openai/wise") is None

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from makers import entry
from task_logs import HOLD_OUT, SECOND_HOLD_OUT, hidden, words

from parity_eval import config
from parity_eval.discovery import Discovered, discover
from parity_eval.discovery.suggestion import suggest_yaml
from parity_eval.errors import ConfigError
from parity_eval.records import Kind, LogEntry, TaskName
from parity_eval.study import TaskSpec
from parity_eval.tasks import assign

LOGS = {**HOLD_OUT, **SECOND_HOLD_OUT}
HEAD = "version: 1\nlog: {path: a.jsonl}\nbaseline: {model: big}\ncandidates: [{model: small}]\n"

MOODS = Discovered(
    name=TaskName("rate-mood"),
    match={"system_prompt": "Rate the mood*"},
    n=1_200,
    share=0.6,
    n_distinct=900,
    examples=("r1", "r2"),
    template="Rate the mood",
    kind=Kind.CLASSIFICATION,
    why_kind="3 short answers repeat over 900 rows",
    why="the same system prompt",
    splits=("metadata.lang: de 700, en 500",),
)


def loaded(found: tuple[Discovered, ...], folder: Path) -> tuple[TaskSpec, ...]:
    path = folder / "parity.yaml"
    path.write_text(HEAD + suggest_yaml(found), encoding="utf-8")
    return config.read(path, {}).tasks


def test_what_it_looks_like() -> None:
    assert suggest_yaml([MOODS]) == (
        "tasks:\n"
        "  # 1,200 requests (60.0%): the same system prompt\n"
        "  # kind, if you don't set it: classification (3 short answers repeat over 900 rows)\n"
        "  # for example r1, r2\n"
        "  # could be parted further by metadata.lang: de 700, en 500\n"
        '  rate-mood: {match: {system_prompt: "Rate the mood*"}}\n'
    )
    assert suggest_yaml([]) == "tasks: {}\n"


@pytest.mark.parametrize("name", LOGS)
def test_a_configuration_with_it_parts_the_log_alike(name: str, tmp_path: Path) -> None:
    rows = hidden(LOGS[name]())
    found = discover(rows)
    specs = loaded(found, tmp_path)
    direct = [TaskSpec(name=task.name, match=dict(task.match)) for task in found]
    names = [assign(row, specs) for row in rows]
    assert names == [assign(row, direct) for row in rows]
    assert None not in names


ODD = (
    "yes", "null", "3", "1e3", "a: b", "# c", '"', "\\", "{x}", "\n", "\x00", "\x85", "\u2028",
    "\ufeff", "*", "[a]", "é", "字", "😀", "- x", "?", "&a", "!t", "%", "@", " x ",
)  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_anything_can_stand_in_a_rule_a_name_or_an_id(odd: str, tmp_path: Path) -> None:
    name = odd if odd.strip() else "blank"
    task = replace(
        MOODS,
        name=TaskName(name),
        match={"user_prompt": odd},
        examples=(odd,),
        splits=(odd,),
        why=odd,
    )
    (spec,) = loaded((task,), tmp_path)
    assert (spec.name, spec.match) == (name, {"user_prompt": odd})


def test_a_log_full_of_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    texts = [
        f"{odd} {words(rng, 9, 12)} {odd} {words(rng, 9, 12)}: " for odd in (*ODD[::3], "\ud800")
    ]
    rows: list[LogEntry] = [
        entry(f"{i}-{j}", f"{text}{j * 7919}") for i, text in enumerate(texts) for j in range(25)
    ]
    found = discover(rows)
    assert len(found) > 1
    specs = loaded(found, tmp_path)
    assert None not in {assign(row, specs) for row in rows}


def test_the_rest_takes_no_pattern(tmp_path: Path) -> None:
    path = tmp_path / "parity.yaml"
    path.write_text(f"{HEAD}tasks: {{other: {{match: {{rest: a}}}}}}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"tasks\.other\.match\.rest: .* write '\*'"):
        config.read(path, {})


def test_half_a_character_in_the_name_that_a_log_gives(tmp_path: Path) -> None:
    rows = [
        entry(f"{name}{i}", f"question {i}", metadata={"feature": name})
        for name in ("a\ud800", "b")
        for i in range(9)
    ]
    specs = loaded(discover(rows), tmp_path)
    assert [spec.match for spec in specs] == [
        {"metadata.feature": "a?"},
        {"metadata.feature": "b"},
    ]
    assert {assign(row, specs) for row in rows} == {"a", "b"}

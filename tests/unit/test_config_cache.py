from pathlib import Path

import pytest

from parity_eval.config import read
from parity_eval.errors import ConfigError

PLAIN = """\
version: 1
log: {path: log.jsonl}
baseline: {model: openai/big}
candidates: [{model: openai/small}]
"""


def load(tmp_path: Path, text: str) -> tuple[float, bool]:
    path = tmp_path / "parity.yaml"
    path.write_text(text, encoding="utf-8")
    run = read(path, {}).run
    return run.cache_max_age_days, run.reads_cache


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (30, True)),
        ("cache: {max_age: 0.5}\n", (0.5, True)),
        ("cache: {max_age: 7, read: false}\n", (7, False)),
    ],
)
def test_which_answers_of_other_runs_are_used(
    tmp_path: Path, text: str, expected: tuple[float, bool]
) -> None:
    assert load(tmp_path, PLAIN + text) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cache: {max_age: 0}\n", "parity.yaml:5: cache.max_age: Input should be greater than 0"),
        ("cache: {max_age: 30d}\n", "parity.yaml:5: cache.max_age: Input should be a valid number"),
        ("cache: {reed: false}\n", "parity.yaml:5: cache.reed: unknown key; did you mean 'read'?"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, PLAIN + text)
    assert told in str(caught.value)

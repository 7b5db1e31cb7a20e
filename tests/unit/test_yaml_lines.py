import time

import pytest

from parity_eval.errors import ConfigError
from parity_eval.records import JsonValue
from parity_eval.yaml_lines import Document, load


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text, "parity.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("yes", "yes"),
        ("True", "True"),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12:30:00", "12:30:00"),
        ("2026-11-01", "2026-11-01"),
        ("0o17", "0o17"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("017", 17),
        ("-3", -3),
        ("+3", 3),
        ("3.", 3.0),
        (".5", 0.5),
        ("1e-3", 0.001),
        ("1e999", "1e999"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("9" * 5000, "9" * 5000),
        ("\u0663", "\u0663"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("|\n  12\n", "12\n"),
    ],
)
def test_scalars_are_what_they_look_like(text: str, value: JsonValue) -> None:
    data = load(f"key: {text}", "parity.yaml").data
    assert data == {"key": value}
    assert isinstance(data, dict)
    assert type(data["key"]) is type(value)


def test_keys_are_text() -> None:
    assert load("1: a\nNO: b\nnull: c", "x").data == {"1": "a", "NO": "b", "null": "c"}


def test_every_value_has_its_line() -> None:
    document = load("version: 1\nlog:\n  path: a\ncandidates:\n  - model: x\n  - {model: y}\n", "x")
    assert document.line(("log", "path")) == 3
    assert document.line(("candidates", 1, "model")) == 6
    assert document.line(("candidates", 1, "modle")) == 6  # the nearest thing around it
    assert document.line(("nothing",)) == 1
    assert Document(data={}).line(("nothing",)) == 1


def test_a_byte_order_mark_is_no_content() -> None:
    assert load("\ufeffa: 1", "x").data == {"a": 1}


@pytest.mark.parametrize(
    ("text", "data"), [("", None), ("# nothing", None), ("- 1", [1]), ("x", "x")]
)
def test_the_top_may_be_anything(text: str, data: JsonValue) -> None:
    assert load(text, "x").data == data


def test_a_duplicate_key() -> None:
    assert refusal("a: 1\nb: 2\na: 3") == ("parity.yaml:3: duplicate key 'a'; remove one of them")
    assert refusal("x:\n  - {a: 1, a: 2}").startswith("parity.yaml:2: duplicate key 'a'")


def test_a_key_that_is_no_text() -> None:
    assert refusal("? [a, b]\n: 1") == "parity.yaml:1: a key must be plain text"


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: [1,\nb: 2", 2), ("a: 'x", 1), ("a:\n\t- 1", 2), ("a: *x", 1), ("a: 1\n---\nb: 2", 2)],
)
def test_not_yaml(text: str, line: int) -> None:
    said = refusal(text)
    assert ": not YAML: " in said
    assert abs(int(said.split(":")[1]) - line) <= 1


def test_a_control_character() -> None:
    assert refusal("a: \x00").startswith("parity.yaml: not YAML: ")


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!!str", "!mine"])
def test_tags_are_refused(tag: str) -> None:
    said = refusal(f"a: 1\nb: {tag} x")
    assert said.startswith("parity.yaml:2: the tag ")
    assert said.endswith(" means nothing here; remove it")


def test_aliases_are_written_out() -> None:
    document = load("a: &x {b: 1}\nc: *x\nd: [*x, *x]", "x")
    assert document.data == {"a": {"b": 1}, "c": {"b": 1}, "d": [{"b": 1}, {"b": 1}]}


def bomb(width: int, depth: int) -> str:
    lines = [f"a0: &a0 [{', '.join(['x'] * width)}]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]" for i in range(1, depth)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [bomb(9, 12), bomb(2, 60), "a: &x [*x]", "a: &x {b: *x}", "[" * 100_000, "- " * 3000],
)
def test_what_would_never_end_ends_at_once(text: str) -> None:
    began = time.process_time()
    said = refusal(text)
    assert "levels" in said
    assert time.process_time() - began < 5


def test_a_hundred_levels_are_enough() -> None:
    assert load("[" * 100 + "]" * 100, "x").data is not None
    assert refusal("[" * 101 + "]" * 101) == "parity.yaml:1: nested deeper than 100 levels"

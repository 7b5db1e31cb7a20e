from pathlib import Path

import pytest
from makers import write_lines

from parity_eval.errors import InputError
from parity_eval.labels import Labels, load
from parity_eval.records import ModelName, RequestId
from parity_eval.study import LabelSpec

VALUES = {"correct": 1.0, "partly": 0.5, "incorrect": 0.0}


def read(tmp_path: Path, *rows: object, column: str = "label") -> Labels:
    path = write_lines(tmp_path / "labels.jsonl", rows)
    return load(LabelSpec(path=path, values=VALUES, column=column))


def refusal(tmp_path: Path, *rows: object, column: str = "label") -> str:
    with pytest.raises(InputError) as caught:
        read(tmp_path, *rows, column=column)
    return str(caught.value).removeprefix(str(tmp_path) + "/")


def row(label: object, request: object = "1", model: object = "big") -> dict[str, object]:
    return {"id": request, "model": model, "label": label}


@pytest.mark.parametrize(
    ("label", "quality"),
    [("correct", 1.0), ("partly", 0.5), (True, 1.0), (False, 0.0), (0.25, 0.25), (1, 1.0)],
)
def test_a_label_is_a_quality(tmp_path: Path, label: object, quality: float) -> None:
    found = read(tmp_path, row(label, 7))
    assert found.get(RequestId("7"), ModelName("big")) == quality
    assert found.get(RequestId("7"), ModelName("small")) is None
    assert found.models == {"big"}


def test_what_it_covers(tmp_path: Path) -> None:
    found = read(tmp_path, row(1, "1"), row(1, "2"))
    one, two, three = map(RequestId, "123")
    assert found.covers([one, two], ModelName("big"))
    assert not found.covers([one, three], ModelName("big"))
    assert not found.covers([one], ModelName("small"))


def test_the_same_label_twice_is_one(tmp_path: Path) -> None:
    assert len(read(tmp_path, row("correct"), row(1)).quality) == 1


def test_several_files(tmp_path: Path) -> None:
    for name in "ab":
        write_lines(tmp_path / f"{name}.jsonl", [row(1, name)])
    found = load(LabelSpec(path=f"{tmp_path}/*.jsonl"))
    assert sorted(found.quality) == [("a", "big"), ("b", "big")]


def test_two_labels_that_differ(tmp_path: Path) -> None:
    assert refusal(tmp_path, row("correct"), row("incorrect")) == (
        "labels.jsonl:2: a second, different label for id '1', model 'big'; keep one"
    )


def test_a_text_without_a_value(tmp_path: Path) -> None:
    assert refusal(tmp_path, row("correct"), row("Correct", "2")) == (
        "labels.jsonl:2: label 'Correct' has no value; `labels.values` knows: "
        "'correct', 'partly', 'incorrect'"
    )


@pytest.mark.parametrize(
    ("label", "shown"), [(1.5, "1.5"), (-1, "-1"), (None, "None"), ([1], "[1]")]
)
def test_no_label(tmp_path: Path, label: object, shown: str) -> None:
    assert refusal(tmp_path, row(label)) == (
        f"labels.jsonl:1: field 'label' is {shown}; a number in [0, 1], true, false, or a text "
        "that `labels.values` maps was expected (another field? set `labels.column`)"
    )


def test_another_column(tmp_path: Path) -> None:
    found = read(tmp_path, {"id": "1", "model": "big", "verdict": 0.5}, column="verdict")
    assert found.quality == {("1", "big"): 0.5}
    assert "field 'verdict' is None" in refusal(tmp_path, row(1), column="verdict")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("{", "not JSON: "),
        ("[" * 5000 + "]" * 5000, "not JSON: "),
        (b'{"id": "\xff"}', "not JSON: "),
        ("[1]", "an object with `id`, `model` and a label was expected"),
        ({"id": "1", "label": 1}, "an object with `id`, `model` and a label was expected"),
        (row(1, None), "field 'id' is None; a text was expected"),
        (row(1, ""), "field 'id' is ''; a text was expected"),
        (row(1, "1", True), "field 'model' is True; a text was expected"),
    ],
)
def test_a_line_that_is_none(tmp_path: Path, given: object, words: str) -> None:
    assert refusal(tmp_path, given).startswith(f"labels.jsonl:1: {words}")


def test_no_labels(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "labels.jsonl: holds no labels"


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file; a table of labels was expected there"):
        load(LabelSpec(path=str(tmp_path / "labels.jsonl")))

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from answer_pairs import pair

from parity_eval.errors import ConfigError, InputError
from parity_eval.records import ModelName, Score, Unscored
from parity_eval.scorers.recorded_judge import RecordedJudge

PAIR = pair("an answer", "another answer")


def line(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - a line of JSON
    row = {
        "id": "r1",
        "judge": "J",
        "judge_model": "j-1",
        "model_a": "big",
        "model_b": "small",
        "shown_first": "model_a",
        "preference": "tie",
        "score_b": 0.5,
        "raw_completion": {"text": "..."},
    }
    return {**row, **changes}


def table(folder: Path, *rows: dict[str, Any], name: str = "verdicts.jsonl") -> str:
    path = folder / name
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return str(path)


def both(first: str | None, second: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Verdicts with the baseline shown first, then with the candidate shown first."""
    return (
        line(shown_first="model_a", preference=first),
        line(shown_first="model_b", preference=second),
    )


@pytest.mark.parametrize(
    ("preferences", "value", "passed"),
    [
        (("model_b", "model_b"), 1.0, True),
        (("tie", "tie"), 0.5, True),
        (("model_b", "tie"), 0.75, True),
        (("model_a", "model_b"), 0.5, False),
        (("tie", "model_a"), 0.25, False),
        (("model_a", "model_a"), 0.0, False),
    ],
)
def test_reads_both_orders(
    tmp_path: Path,
    preferences: tuple[str, str],
    value: float,
    passed: bool,  # noqa: FBT001
) -> None:
    judge = RecordedJudge.load(table(tmp_path, *both(*preferences)))
    score = judge.score(PAIR, ())
    assert isinstance(score, Score)
    assert (score.value, score.passed) == (value, passed)
    assert judge.questions(PAIR) == ()


def test_either_model_may_be_model_a(tmp_path: Path) -> None:
    swapped = {"model_a": "small", "model_b": "big"}
    path = table(
        tmp_path,
        line(**swapped, shown_first="model_a", preference="model_a"),
        line(shown_first="model_a", preference="model_b"),
    )
    score = RecordedJudge.load(path).score(PAIR, ())
    assert isinstance(score, Score)
    assert (score.value, score.reason) == (1.0, "the candidate wins in both orders")
    reverse = replace(PAIR, baseline_name=ModelName("small"), candidate_name=ModelName("big"))
    score = RecordedJudge.load(path).score(reverse, ())
    assert isinstance(score, Score)
    assert score.value == 0.0


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([line(id="r2")], "not recorded: no verdict of J on small against big for this request"),
        ([line(model_b="other")], "not recorded: no verdict of J on small against big"),
        ([line()], "J judged it in one order only"),
        ([line(shown_first=None), line(shown_first=None)], "J judged it in one order only"),
        (both(None, "tie"), "a verdict of J could not be read"),
    ],
)
def test_says_so_where_there_is_no_verdict(
    tmp_path: Path, rows: list[dict[str, Any]], reason: str
) -> None:
    found = RecordedJudge.load(table(tmp_path, *rows)).score(PAIR, ())
    assert isinstance(found, Unscored)
    assert found.reason.startswith(reason)
    # A verdict that nobody recorded can still be had; one that cannot be read is what it is.
    assert found.is_absent is not reason.endswith("could not be read")


@pytest.mark.parametrize(
    ("rows", "value", "passed", "reason"),
    [
        ([line(preference="model_b")], 1.0, True, "the candidate wins when shown second"),
        ([line(preference="model_a")], 0.0, False, "the candidate loses when shown second"),
        (
            [line(shown_first=None)],
            0.5,
            True,
            "the candidate ties in an order that was not recorded",
        ),
        (list(both("model_b", "tie")), 0.75, True, "the candidate wins when shown second; ties"),
    ],
)
def test_any_order_takes_what_there_is(
    tmp_path: Path,
    rows: list[dict[str, Any]],
    value: float,
    passed: bool,  # noqa: FBT001
    reason: str,
) -> None:
    judge = RecordedJudge.load(table(tmp_path, *rows), orders="any")
    score = judge.score(PAIR, ())
    assert isinstance(score, Score)
    assert (score.value, score.passed) == (value, passed)
    assert score.reason.startswith(reason)
    assert judge.is_one_order is (len(rows) == 1)


def test_both_orders_are_never_called_one(tmp_path: Path) -> None:
    assert not RecordedJudge.load(table(tmp_path, line())).is_one_order


def test_no_verdict_is_looked_up_where_all_is_clear(tmp_path: Path) -> None:
    judge = RecordedJudge.load(table(tmp_path, *both("model_b", "model_b")))
    empty = judge.score(pair("an answer", ""), ())
    same = judge.score(pair("an answer", "an answer"), ())
    assert isinstance(empty, Score)
    assert isinstance(same, Score)
    assert (empty.value, same.value) == (0.0, 0.5)


def test_tells_whose_verdicts_on_whom(tmp_path: Path) -> None:
    path = table(tmp_path, line(), line(model_b="other", judge_model="j-0"), line(id="r2"))
    judge = RecordedJudge.load(path)
    assert judge.judge == "J"
    assert judge.judge_models == ("j-0", "j-1")
    assert judge.models == {"big", "small", "other"}


def test_reads_several_files_plain_and_gzipped_and_the_judge_that_is_named(tmp_path: Path) -> None:
    table(tmp_path, line(), line(judge="K", preference="model_a"), name="a.jsonl")
    table(tmp_path, line(shown_first="model_b"), name="b.jsonl.gz")
    score = RecordedJudge.load(f"{tmp_path}/*.jsonl*", "J").score(PAIR, ())
    assert isinstance(score, Score)
    assert score.value == 0.5


def test_the_same_verdict_twice_is_one(tmp_path: Path) -> None:
    judge = RecordedJudge.load(table(tmp_path, *both("tie", "model_b"), line()))
    score = judge.score(PAIR, ())
    assert isinstance(score, Score)
    assert score.value == 0.75


@pytest.mark.parametrize(
    ("rows", "judge", "message"),
    [
        ([], None, "verdicts.jsonl: holds no verdicts"),
        ([line(), line(judge="K")], None, "holds verdicts of several judges; name one of: J, K"),
        (
            [line(), line(judge="K", preference="model_a")],
            None,
            "holds verdicts of several judges; name one of: J, K",
        ),
        ([line(judge="panel")], "pannel", "no verdicts of 'pannel'; did you mean 'panel'"),
        ([line(), line(model_b="big")], None, "line 2: model_a and model_b are both 'big'"),
        ([line(), line(preference="model_a")], None, "line 2: contradicts an earlier verdict"),
        ([line(), {"id": "r1"}], None, "line 2: Object missing required field `judge`"),
        ([line(preference="b")], None, r"line 1: Invalid enum value 'b' - at `\$.preference`"),
        ([line(shown_first="big")], None, r"line 1: Invalid enum value 'big' - at `\$.shown"),
        ([line(id=7)], None, r"line 1: Expected `str`, got `int` - at `\$.id`"),
    ],
)
def test_refuses_a_table_with_file_and_line(
    tmp_path: Path, rows: list[dict[str, Any]], judge: str | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        RecordedJudge.load(table(tmp_path, *rows), judge)


def test_refuses_what_is_not_json_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_bytes(b'{"id": "r1",\n\xff\n')
    with pytest.raises(InputError, match=r"bad.jsonl, line 1: .*expected a verdict such as"):
        RecordedJudge.load(str(tmp_path / "bad.jsonl"))
    (tmp_path / "bad.jsonl").write_bytes(b'"\xff"\n')
    with pytest.raises(InputError, match=r"bad.jsonl, line 1: "):
        RecordedJudge.load(str(tmp_path / "bad.jsonl"))
    with pytest.raises(InputError, match=r"none.jsonl: no such file; a table of judge verdicts"):
        RecordedJudge.load(str(tmp_path / "none.jsonl"))


def test_refuses_other_orders(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"judge\.orders == 'one'"):
        RecordedJudge.load(table(tmp_path, line()), orders="one")  # type: ignore[arg-type]

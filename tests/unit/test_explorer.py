from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from parity_eval import codec
from parity_eval.explorer import answer_text, pairs, prompt_text
from parity_eval.records import (
    Finish,
    JsonValue,
    ModelName,
    Response,
    Score,
    TaskName,
    ToolCall,
    Unscored,
)
from parity_eval.summary import PairView

ARM = (TaskName("triage"), ModelName("small"))


def row(value: object) -> dict[str, Any]:
    return codec.builtins(value)


def journal(n: int, failing: frozenset[int]) -> Iterator[Mapping[str, Any]]:
    for i in range(n):
        messages = [{"role": "user", "content": f"question {i}"}]
        yield {
            "kind": "request",
            "task": "triage",
            "id": f"r{i}",
            "body": {"messages": messages},
            "baseline": row(Response(text="yes")),
        }
        yield {
            "kind": "verdict",
            "task": "triage",
            "candidate": "small",
            "position": i,
            "request": f"r{i}",
            "key": f"k{i}",
            "value": float(i not in failing),
            "is_failure": i in failing,
            "reason": "compared",
            "scores": [
                row(Score(scorer="exact", value=1.0, passed=True, reason="equal")),
                row(Unscored(scorer="judge", reason="no verdict")),
            ],
        }
        if i != 2:
            yield {"kind": "answer", "key": f"k{i}", "response": row(Response(text=f"answer {i}"))}


def shown(n: int, failing: set[int], used: int, **most: int) -> tuple[PairView, ...]:
    return pairs(lambda: journal(n, frozenset(failing)), {ARM: used}, **most)


def test_failures_come_first_then_a_few_that_passed() -> None:
    found = shown(10, {7, 4}, 10)
    assert [(view.position, view.is_failure) for view in found] == [
        (4, True),
        (7, True),
        (0, False),
        (1, False),
        (2, False),
    ]


def test_only_so_many() -> None:
    found = shown(10, set(range(8)), 10, most_failures=2, most_passes=1)
    assert [view.position for view in found] == [0, 1, 8]


def test_what_did_not_enter_the_test_is_not_shown() -> None:
    assert [view.position for view in shown(10, {1, 5}, 3)] == [1, 0, 2]
    assert pairs(lambda: journal(5, frozenset()), {}) == ()


def test_the_last_verdict_on_a_pair_holds() -> None:
    def twice() -> Iterator[Mapping[str, Any]]:
        yield from journal(1, frozenset({0}))
        yield from journal(1, frozenset())

    assert [view.is_failure for view in pairs(twice, {ARM: 1})] == [False]


def test_a_pair_in_full() -> None:
    view = shown(1, {0}, 1)[0]
    assert (view.task, view.candidate, view.request_id) == ("triage", "small", "r0")
    assert view.prompt == "[user]\nquestion 0"
    assert (view.baseline_text, view.candidate_text) == ("yes", "answer 0")
    assert (view.value, view.is_failure, view.reason) == (0.0, True, "compared")
    assert view.scores == (
        Score(scorer="exact", value=1.0, passed=True, reason="equal"),
        Unscored(scorer="judge", reason="no verdict"),
    )


def test_an_answer_that_could_not_be_had() -> None:
    views = {view.position: view for view in shown(3, {2}, 3)}
    assert views[2].candidate_text == "(no answer could be had)"


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([], ""),
        (None, ""),
        (
            [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}],
            "[system]\na\n\n[user]\nb",
        ),
        (
            [{"role": "user", "content": [{"type": "text", "text": "x"}]}],
            '[user]\n[{"text":"x","type":"text"}]',
        ),
        (
            [{"role": "assistant", "content": None, "tool_calls": [{"id": 1}]}],
            '[assistant]\n[{"id":1}]',
        ),
        ([{"role": "assistant"}], "[assistant]\n"),
        (["?"], ""),
    ],
)
def test_prompt_text(messages: JsonValue, text: str) -> None:
    assert prompt_text({"messages": messages}) == text


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (Response(text="hi"), "hi"),
        (Response(text=""), "(empty; finish: stop)"),
        (
            Response(
                text="so:",
                tool_calls=(ToolCall(name="find", arguments='{"q":1}'),),
                finish=Finish.TOOL_CALLS,
            ),
            'so:\nfind({"q":1})',
        ),
        (
            Response(text="", finish=Finish.REFUSED, detail="content filter"),
            "(refused: content filter)",
        ),
    ],
)
def test_answer_text(response: Response, text: str) -> None:
    assert answer_text(row(response)) == text

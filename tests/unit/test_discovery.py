from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from makers import entry
from task_logs import HARD, HOLD_OUT, SECOND_HOLD_OUT, hidden, prose

from parity_eval.discovery import Discovered, discover, recounted
from parity_eval.discovery.sketch import Sketch
from parity_eval.errors import ConfigError
from parity_eval.records import JsonValue, Kind, LogEntry, TaskName
from parity_eval.study import TaskSpec
from parity_eval.tasks import assign

LOGS = {**HOLD_OUT, **SECOND_HOLD_OUT}
RNG = np.random.default_rng(11)


def assigned(found: Sequence[Discovered], entries: Sequence[LogEntry]) -> list[str | None]:
    specs = [TaskSpec(name=task.name, match=dict(task.match)) for task in found]
    return [assign(one, specs) for one in entries]


def told(count: int, system: str = "", **metadata: JsonValue) -> list[LogEntry]:
    rows = [entry(f"{system}{i}", prose(RNG, 2), metadata=dict(metadata)) for i in range(count)]
    if not system:
        return rows
    first: JsonValue = {"role": "system", "content": system}
    return [
        replace(
            one,
            request=replace(
                one.request,
                body={"messages": [first, *one.request.body["messages"]]},  # type: ignore[misc]
            ),
        )
        for one in rows
    ]


@pytest.mark.parametrize("name", LOGS)
class TestInventedLogs:
    def test_the_parts_are_the_tasks(self, name: str) -> None:
        rows = LOGS[name]()
        found = discover(hidden(rows))
        pairs = Counter(zip((row.task for row in rows), assigned(found, rows), strict=True))
        assert len(pairs) == len({row.task for row in rows}) == len(found)

    def test_rules_give_each_request_to_the_task_that_counts_it(self, name: str) -> None:
        rows = hidden(LOGS[name]())
        found = discover(rows)
        counts = Counter(assigned(found, rows))
        assert {task.name: task.n for task in found} == counts
        assert sum(task.share for task in found) == pytest.approx(1)
        ids = {row.request.id for row in rows}
        assert all(set(task.examples) <= ids and task.examples for task in found)

    def test_the_order_of_the_log_plays_no_part(self, name: str) -> None:
        rows = hidden(LOGS[name]())
        shuffled = [rows[i] for i in np.random.default_rng(5).permutation(len(rows))]
        assert discover(shuffled) == discover(rows)


class TestNamedByTheLog:
    def test_task_names_come_first(self) -> None:
        rows = [
            replace(one, task=name)
            for name in ("mails/de", "mails/en")
            for one in told(10, f"Answer in {name}, whatever it is about.", feature="x")
        ]
        found = discover(rows)
        assert [(task.name, dict(task.match), task.n) for task in found] == [
            ("mails/de", {"task": "mails/de"}, 10),
            ("mails/en", {"task": "mails/en"}, 10),
        ]
        assert found[0].why == "the log's task"

    def test_then_metadata_that_is_known_to_name_tasks(self) -> None:
        rows = [*told(20, "One"), *told(12, "", feature="a*[b]"), *told(30, "", feature="c")]
        found = discover(rows)
        assert [(task.name, dict(task.match), task.n) for task in found] == [
            ("c", {"metadata.feature": "c"}, 30),
            ("a*[b]", {"metadata.feature": "a[*][[]b]"}, 12),
            ("other", {"rest": "*"}, 20),
        ]

    @pytest.mark.parametrize(
        "rows",
        [
            told(20, "", feature="all the same"),
            [*told(10, "", feature="a"), *told(9, "", feature="b"), *told(30)],
            [one for i in range(20) for one in told(1, "", feature=f"f{i}")],
            told(20, "", category="a") + told(20, "", category="b"),
        ],
        ids=["one value", "too few rows", "all different", "another key"],
    )
    def test_what_names_no_tasks(self, rows: list[LogEntry]) -> None:
        (found,) = discover(rows)
        assert (found.name, dict(found.match)) == ("all-requests", {"rest": "*"})


def test_nothing_in_common_is_one_group() -> None:
    (found,) = discover(told(50))
    assert (found.n, found.share, found.kind, found.template) == (
        50, 1.0, Kind.CLASSIFICATION, "",
    )  # fmt: skip
    assert found.why == "its requests have no text in common"
    assert discover([]) == ()


def test_metadata_that_could_part_a_group_is_offered() -> None:
    rows = [
        *told(30, "Rate the mood.", lang="de", n=1),
        *told(20, "Rate the mood.", lang="en", n=2),
    ]
    rows = [replace(r, request=replace(r.request, id=type(r.request.id)(str(i))))
            for i, r in enumerate(rows)]  # fmt: skip
    (found,) = discover(rows)
    assert found.splits == ("metadata.lang: de 30, en 20",)


def test_what_templates_behind_one_prompt_leave() -> None:
    prompt = "You help the people of a small shop. Be kind, be brief, and promise nothing."
    texts = [
        f"{('Summarise this mail:', 'Translate this mail:', '')[i % 3]}\n{prose(RNG, 2)}".strip()
        for i in range(90)
    ]
    asked = [
        entry(
            str(i),
            body={
                "messages": [
                    {"role": "system", "content": prompt},
                    {"role": "user", "content": text},
                ]
            },
        )
        for i, text in enumerate(texts)
    ]
    found = discover(asked)
    assert sorted((task.n, sorted(task.match)) for task in found) == [
        (30, ["rest", "system_prompt"]),
        (30, ["user_prompt"]),
        (30, ["user_prompt"]),
    ]


def test_wordings_that_could_part_a_group_are_offered() -> None:
    (found, _) = discover(hidden(HARD["one prompt, all prose; bare texts"]()))
    (offered,) = found.splits
    assert offered == (
        "words of its system prompt: 'Give the customer advice on what to buy.' 200, "
        "'Explain the delivery terms to the customer.' 200"
    )


def test_tools_part_what_has_nothing_else_in_common() -> None:
    tools: list[list[JsonValue]] = [
        [{"function": {"name": name}} for name in names]
        for names in (("a", "b"), ("b", "c"), ("a", "c"))
    ]
    rows = [
        *(entry(f"t{i}", prose(RNG), body={"tools": tools[i % 3]}) for i in range(30)),
        *(entry(f"u{i}", f"Rate the mood of this message: {prose(RNG)}") for i in range(40)),
        *told(20),
    ]
    found = discover(rows)
    assert [(task.name, dict(task.match), task.n) for task in found] == [
        ("rate-mood-message", {"user_prompt": "Rate the mood of this message:*"}, 40),
        ("tools", {"rest": "*", "tool": "?*"}, 30),
        ("other", {"rest": "*"}, 20),
    ]


def test_a_long_log_is_estimated_and_can_be_counted() -> None:
    rows = [*told(600, "Rate the mood of a message."), *told(300, "Translate the message.")]
    sketch = Sketch(most=200)
    for one in rows:
        sketch.add(one)
    found = discover(sketch)
    assert sum(task.n for task in found) == 900
    assert found[0].n != 600
    assert found[0].n == pytest.approx(600, abs=100)
    exact = recounted(found, rows)
    assert [(task.name, task.n) for task in exact] == [
        (found[0].name, 600),
        (found[1].name, 300),
    ]
    assert exact[1].share == pytest.approx(1 / 3)


def test_counting_tells_of_rules_that_meet() -> None:
    found = discover(told(20, "Rate the mood of a message."))
    twice = [*found, replace(found[0], name=TaskName("again"))]
    with pytest.raises(ConfigError, match="disjoint"):
        recounted(twice, told(1, "Rate the mood of a message."))

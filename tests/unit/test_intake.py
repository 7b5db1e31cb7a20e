"""What a log may hold, and what is said of what it may not."""

import gzip
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from makers import entry, write_lines

from parity_eval.errors import ConfigError, InputError
from parity_eval.intake import Intake, Reading, Source, content_digest, gather
from parity_eval.readers.canonical import Canonical
from parity_eval.records import Fit, JsonValue, LogEntry, Reject, Row, Skipped, TaskName
from parity_eval.study import TaskSpec


def line(i: int | str, text: str = "", **more: JsonValue) -> dict[str, JsonValue]:
    messages: list[JsonValue] = [{"role": "user", "content": text or f"question {i}"}]
    answer: JsonValue = {"choices": [{"message": {"content": "yes"}}]}
    return {"id": str(i), "request": {"messages": messages}, "response": answer, **more}


def read(*paths: str, specs: Sequence[TaskSpec] = (), max_rejects: float = 0.01) -> Intake:
    how = Reading(specs=specs, max_rejects=max_rejects)
    return gather([Source(reader=Canonical(), paths=paths)], how)


def refusal(*paths: str, max_rejects: float = 0.01) -> str:
    with pytest.raises(InputError) as caught:
        read(*paths, max_rejects=max_rejects)
    return str(caught.value)


def test_a_log(tmp_path: Path) -> None:
    rows = [
        line(1, task="a", timestamp="2026-03-02T00:00:00Z"),
        line(2, task="b", timestamp="2026-03-01T23:00:00-05:00"),
        line(3),
    ]
    found = read(write_lines(tmp_path / "log", rows))
    assert {name: len(rows) for name, rows in found.by_task.items()} == {
        "a": 1,
        "b": 1,
        "default": 1,
    }
    assert (found.n_lines, found.n_unassigned, found.rejects) == (3, 0, ())
    assert found.first_timestamp == "2026-03-02T00:00:00Z"
    assert found.last_timestamp == "2026-03-02T04:00:00Z"  # the later one, whatever its zone


def test_only_times_of_lines_that_are_used_count(tmp_path: Path) -> None:
    rows = [
        line(1, task="a", timestamp="2026-03-01T00:00:00Z"),
        line(2, task="b", timestamp="2026-04-01T00:00:00Z"),
    ]
    found = read(write_lines(tmp_path / "log", rows), specs=[TaskSpec(name=TaskName("a"))])
    assert found.last_timestamp == "2026-03-01T00:00:00Z"


def test_no_times(tmp_path: Path) -> None:
    found = read(write_lines(tmp_path / "log", [line(1, timestamp="soon")]))
    assert (found.first_timestamp, found.last_timestamp) == (None, None)


def test_tasks_of_the_study_without_requests_stay(tmp_path: Path) -> None:
    specs = [TaskSpec(name=TaskName(name)) for name in ("a", "z")]
    path = write_lines(tmp_path / "log", [line(1, task="a"), line(2, task="b")])
    found = read(path, specs=specs)
    assert {name: len(rows) for name, rows in found.by_task.items()} == {"a": 1, "z": 0}
    assert found.n_unassigned == 1


def test_two_tasks_may_not_match_one_request(tmp_path: Path) -> None:
    specs = [
        TaskSpec(name=TaskName("a"), match={"task": "x*"}),
        TaskSpec(name=TaskName("b"), match={"task": "*y"}),
    ]
    path = write_lines(tmp_path / "log", [line(7, task="xy")])
    with pytest.raises(ConfigError) as caught:
        read(path, specs=specs)
    assert str(caught.value) == (
        "request '7' (line 1) matches the tasks 'a' and 'b'; make their `match` rules disjoint"
    )


class TestDamage:
    def test_a_share_of_damaged_lines_is_put_aside(self, tmp_path: Path) -> None:
        path = write_lines(tmp_path / "log", [*(line(i) for i in range(99)), "{"])
        found = read(path)
        assert found.n_lines == 100
        assert [(r.path, r.line) for r in found.rejects] == [(path, 100)]
        assert found.rejects[0].reason.startswith("not JSON: ")

    def test_the_limit_is_allowed_and_one_more_is_not(self, tmp_path: Path) -> None:
        path = write_lines(tmp_path / "log", [*(line(i) for i in range(71)), *["{"] * 29])
        # 0.29 * 100 is a little less than 29 in floating point.
        assert len(read(path, max_rejects=0.29).rejects) == 29
        assert "29 of 100 lines (29.0%)" in refusal(path, max_rejects=0.28)

    def test_too_many_stop_the_run_and_show_the_first_five(self, tmp_path: Path) -> None:
        path = write_lines(tmp_path / "log", [line(1), *["{"] * 7])
        said = refusal(path).splitlines()
        assert said[0] == (
            f"{path}: 7 of 8 lines (87.5%) cannot be used, more than `log.max_rejects` allows "
            "(1.0%):"
        )
        assert [part.split(": ")[0] for part in said[1:6]] == [
            f"  {path}:{number}" for number in range(2, 7)
        ]
        assert said[6] == "  ... and 2 more"
        assert said[7] == (
            'Each line must be {"id": ..., "request": {"messages": [...]}, "response": {...}}; '
            "mend the log, or raise `log.max_rejects`"
        )

    def test_nothing_usable_cannot_be_allowed(self, tmp_path: Path) -> None:
        path = write_lines(tmp_path / "log", ["{", "{"])
        said = refusal(path, max_rejects=1.0)
        assert said.startswith(f"{path}: 2 of 2 lines (100.0%) cannot be used:\n")
        assert said.endswith("; mend the log")

    def test_mixed_shapes_are_named(self, tmp_path: Path) -> None:
        path = write_lines(tmp_path / "log", [line(1), {"prompt": "x", "completion": "y"}])
        said = refusal(path)
        assert f"{path}:2: no object `request`; the line has: completion, prompt" in said

    def test_an_id_counts_once(self, tmp_path: Path) -> None:
        path = write_lines(tmp_path / "log", [line(1), line(2), line(1, "another text")])
        found = read(path, max_rejects=0.5)
        assert [r.line for r in found.rejects] == [3]
        assert found.rejects[0].reason == (
            f"duplicate id '1', with other content; first seen at {path}:1"
        )

    def test_an_id_counts_once_over_all_files(self, tmp_path: Path) -> None:
        first = write_lines(tmp_path / "a", [line(1)])
        second = write_lines(tmp_path / "b", [line(1, "another text"), line(2)])
        found = read(first, second, max_rejects=0.5)
        assert [(r.path, r.line) for r in found.rejects] == [(second, 1)]
        assert found.rejects[0].reason == (
            f"duplicate id '1', with other content; first seen at {first}:1"
        )

    def test_a_number_and_its_text_are_one_id(self, tmp_path: Path) -> None:
        path = write_lines(tmp_path / "log", [line("1"), {**line("1", "other"), "id": 1}])
        assert len(read(path, max_rejects=0.5).rejects) == 1

    @pytest.mark.parametrize("data", [b"", b"\n \r\n\t\n"])
    def test_an_empty_file(self, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "log").write_bytes(data)
        assert refusal(str(tmp_path / "log")) == (
            f"{tmp_path}/log: is empty; a prompt log has one JSON object per line"
        )

    def test_several_empty_files(self, tmp_path: Path) -> None:
        paths = [write_lines(tmp_path / name, []) for name in "ab"]
        assert refusal(*paths).startswith(f"2 files ({paths[0]}, ...): is empty; ")

    def test_gzip_cut_short_stops_the_run(self, tmp_path: Path) -> None:
        packed = gzip.compress(b"x" * 100_000)
        (tmp_path / "log.jsonl.gz").write_bytes(packed[:-9])
        assert "cut short" in refusal(str(tmp_path / "log.jsonl.gz"), max_rejects=1.0)

    def test_byte_order_mark_windows_and_line_separators(self, tmp_path: Path) -> None:
        path = tmp_path / "log"
        text = '{"id": "1", "request": {"messages": [{"role": "user", "content": "a\u2028b"}]}}'
        path.write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\r\n\r\n" + text.encode() + b"\r\n")
        found = read(str(path), max_rejects=0.5)
        assert found.n_lines == 2  # the second repeats the first, the blank one is none
        assert sum(found.skipped.values()) == 1

    def test_exports_that_overlap_repeat_rows(self, tmp_path: Path) -> None:
        first = write_lines(tmp_path / "a", [line(1), line(2)])
        second = write_lines(tmp_path / "b", [line(2, timestamp="2026-03-01"), line(3)])
        found = read(first, second)
        assert (found.n_lines, found.rejects) == (4, ())
        assert found.skipped == {"repeats an earlier row, with the same id and content": 1}
        assert found.fingerprint == read(write_lines(tmp_path / "c", map(line, "123"))).fingerprint
        assert list(found.notes()) == [
            "1 of 4 log lines are skipped: repeats an earlier row, with the same id and content"
        ]


class Spans:
    """A reader whose rows with an id are rejects, and no others calls."""

    name: ClassVar[str] = "spans"
    title: ClassVar[str] = "Spans"

    def fit(self, row: JsonValue) -> Fit:
        return Fit(score=1.0, why="")

    def read(self, rows: Iterable[Row | Reject]) -> Iterator[LogEntry | Skipped | Reject]:
        for row in rows:
            assert isinstance(row, Row)
            if isinstance(row.value, dict) and "id" in row.value:
                yield Reject(path=row.path, line=row.number, reason="damaged")
            else:
                yield Skipped(path=row.path, line=row.number, reason="a span of a tool")


class TestNothingToUse:
    def refusal(self, tmp_path: Path, *rows: object) -> str:
        source = Source(reader=Spans(), paths=(write_lines(tmp_path / "log", rows),))
        with pytest.raises(InputError) as caught:
            gather([source], Reading(max_rejects=1.0))
        return str(caught.value)

    def test_no_call_of_a_model(self, tmp_path: Path) -> None:
        assert self.refusal(tmp_path, {"a": 1}, {"a": 2}) == (
            f"{tmp_path}/log: none of 2 lines is a call of a chat model (2 times a span of a "
            "tool); export the model calls themselves"
        )

    def test_what_could_be_one_cannot_be_used(self, tmp_path: Path) -> None:
        assert self.refusal(tmp_path, {"a": 1}, {"id": 2}) == (
            f"{tmp_path}/log: 1 of 2 lines (50.0%) cannot be used:\n"
            f"  {tmp_path}/log:2: damaged\n"
            "Read as Spans (`log.format` says otherwise); mend the log"
        )


class TestTaskFrom:
    def tasks(self, tmp_path: Path, *fields: str) -> dict[TaskName, int]:
        rows = [
            line(1, task="a", metadata={"feature": "x"}),
            line(2, task="b"),
            line(3, metadata={"feature": ""}),
        ]
        found = gather(
            [Source(reader=Canonical(), paths=(write_lines(tmp_path / "log", rows),))],
            Reading(max_rejects=0, task_from=fields),
        )
        return {name: len(rows) for name, rows in found.by_task.items()}

    def test_the_first_field_with_a_value_counts(self, tmp_path: Path) -> None:
        assert self.tasks(tmp_path, "metadata.feature", "task") == {"x": 1, "b": 1, "default": 1}
        assert self.tasks(tmp_path, "task", "metadata.feature") == {"a": 1, "b": 1, "default": 1}

    def test_fields_that_are_not_asked_for_do_not_count(self, tmp_path: Path) -> None:
        assert self.tasks(tmp_path, "metadata.feature") == {"x": 1, "default": 2}

    def test_without_any_the_log_names_it(self, tmp_path: Path) -> None:
        assert self.tasks(tmp_path) == {"a": 1, "b": 1, "default": 1}


def test_rows_are_counted_as_they_are_read(tmp_path: Path) -> None:
    source = Source(reader=Canonical(), paths=(write_lines(tmp_path / "log", map(line, "123")),))
    told: list[int] = []
    assert gather([source], Reading(max_rejects=0), on_row=told.append).formats == {"canonical": 3}
    assert told == [1, 2, 3]


class TestFingerprint:
    rows = (line(1), line(2), line(3))

    def print_of(self, tmp_path: Path, *parts: Sequence[object]) -> str:
        paths = [write_lines(tmp_path / f"{i}.jsonl", rows) for i, rows in enumerate(parts)]
        return read(*paths).fingerprint

    def test_neither_order_nor_files_matter(self, tmp_path: Path) -> None:
        whole = self.print_of(tmp_path, self.rows)
        assert self.print_of(tmp_path, self.rows[::-1]) == whole
        assert self.print_of(tmp_path, self.rows[2:], self.rows[:2]) == whole

    @pytest.mark.parametrize(
        "changed",
        [
            {"id": "9"},
            {"request": {"messages": [{"role": "user", "content": "other"}]}},
            {"response": {"choices": [{"message": {"content": "no"}}]}},
            {"task": "other"},
            {"metadata": {"kind": "moderation"}},
        ],
    )
    def test_what_a_decision_depends_on_matters(
        self, tmp_path: Path, changed: dict[str, object]
    ) -> None:
        other = self.print_of(tmp_path, [{**self.rows[0], **changed}, *self.rows[1:]])
        assert other != self.print_of(tmp_path, self.rows)

    def test_other_metadata_does_not(self, tmp_path: Path) -> None:
        other = self.print_of(
            tmp_path, [{**self.rows[0], "metadata": {"region": "eu"}}, *self.rows[1:]]
        )
        assert other == self.print_of(tmp_path, self.rows)


class TestContentDigest:
    def test_who_asked_and_how_often_is_no_content(self) -> None:
        body: dict[str, JsonValue] = {"user": "u", "n": 2, "store": True, "seed": 7, "metadata": {}}
        assert content_digest(entry("1", "x", body=body)) == content_digest(entry("2", "x"))

    @pytest.mark.parametrize("body", [{"temperature": 0}, {"tools": []}, {"max_tokens": 9}])
    def test_what_was_asked_is(self, body: dict[str, JsonValue]) -> None:
        assert content_digest(entry("1", "x", body=body)) != content_digest(entry("1", "x"))


def test_requests_that_the_log_cut_are_not_taken_for_equal() -> None:
    one, other = entry("a", "x [truncated]"), entry("b", "x [truncated]")
    assert content_digest(one) == content_digest(other)
    cut = [replace(e, unreplayable="cut") for e in (one, other)]
    assert len({content_digest(e) for e in cut}) == 2


def test_what_stood_behind_the_model_is_no_part_of_a_log(tmp_path: Path) -> None:
    answer: dict[str, JsonValue] = {"choices": [{"message": {"content": "yes"}}]}
    one, other = (
        write_lines(tmp_path / name, [line(1, response={**answer, "system_fingerprint": name})])
        for name in ("fp_1", "fp_2")
    )
    assert read(one).fingerprint == read(other).fingerprint
    third = write_lines(tmp_path / "fp_3", [line(1, response={**answer, "model": "other"})])
    assert read(third).fingerprint != read(one).fingerprint

"""Laws of the shared answers: what was put comes back, and what was torn harms nothing else."""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from parity_eval.cache import CacheSettings, SharedAnswers
from parity_eval.frames import drop_torn_line, frame, is_whole, unframe
from parity_eval.outcomes import is_kept
from parity_eval.records import Finish, Response, ToolCall, Usage

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
KEPT = st.sampled_from([Finish.STOP, Finish.LENGTH, Finish.TOOL_CALLS, Finish.REFUSED])
RESPONSES = st.builds(
    Response,
    text=TEXT,
    tool_calls=st.lists(st.builds(ToolCall, name=TEXT, arguments=TEXT), max_size=2).map(tuple),
    finish=KEPT,
    usage=st.none()
    | st.builds(Usage, input_tokens=st.integers(0, 9), output_tokens=st.integers(0, 9)),
    model_served=st.none() | TEXT,
    latency_s=st.none() | st.floats(0, 1e6),
    detail=st.none() | TEXT,
    fingerprint=st.none() | TEXT,
).filter(is_kept)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def key(n: int) -> str:
    return hashlib.sha256(str(n).encode()).hexdigest()


@given(st.dictionaries(TEXT, JSON, max_size=4))
def test_a_record_comes_back_as_it_was_framed(record: dict[str, object]) -> None:
    line = frame(record)
    assert line.count(b"\n") == 1
    assert unframe(line, "x") == record


@given(st.dictionaries(TEXT, JSON, min_size=1, max_size=4), st.data())
def test_a_change_of_a_record_is_noticed(record: dict[str, object], data: st.DataObject) -> None:
    line = bytearray(frame(record))
    place = data.draw(st.integers(0, len(line) - 3))
    line[place] ^= data.draw(st.integers(1, 255))
    assert not is_whole(bytes(line)) or unframe(bytes(line), "x") == record


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), RESPONSES), max_size=6))
def test_the_last_answer_to_a_question_comes_back(given: list[tuple[int, Response]]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "answers.jsonl"
        with SharedAnswers(path, CacheSettings(run_id="one")) as answers:
            for n, response in given:
                answers.put(key(n), response, usd=0.0)
        with SharedAnswers(path, CacheSettings(run_id="two")) as answers:
            found = {n: answers.get(key(n)) for n in range(4)}
    last = dict(given)
    assert {n: item.response for n, item in found.items() if item} == last


@settings(max_examples=60)
@given(st.lists(RESPONSES, min_size=1, max_size=4), st.data())
def test_wherever_a_kill_cuts_the_file_whole_lines_stay(
    given: list[Response], data: st.DataObject
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "answers.jsonl"
        with SharedAnswers(path, CacheSettings(run_id="one")) as answers:
            for n, response in enumerate(given):
                answers.put(key(n), response, usd=0.0)
        whole = path.read_bytes()
        cut = data.draw(st.integers(0, len(whole)))
        path.write_bytes(whole[:cut])
        n_whole = max(0, whole[:cut].count(b"\n") - 1)  # the first line names the format
        with SharedAnswers(path, CacheSettings(run_id="two")) as answers:
            found = [answers.get(key(n)) for n in range(len(given))]
            answers.put(key(99), given[0], usd=0.0)
            assert answers.get(key(99)) is not None
        assert [item is not None for item in found] == [n < n_whole for n in range(len(given))]
        assert all(map(is_whole, path.read_bytes().splitlines(keepends=True)))


@given(st.lists(st.dictionaries(TEXT, JSON, max_size=2), max_size=4), st.data())
def test_a_torn_line_and_nothing_else_is_dropped(
    records: list[dict[str, object]], data: st.DataObject
) -> None:
    lines = [frame(record) for record in records]
    whole = b"".join(lines)
    cut = data.draw(st.integers(0, len(whole)))
    ends = [sum(map(len, lines[: n + 1])) for n in range(len(lines))]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        path.write_bytes(whole[:cut])
        assert drop_torn_line(path) is (cut not in (0, *ends))
        assert path.read_bytes() == b"".join(lines[: sum(end <= cut for end in ends)])

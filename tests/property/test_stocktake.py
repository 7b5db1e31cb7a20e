"""What `inspect` counts adds up, whatever the log."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from makers import entry

from parity_eval.records import LogEntry, Reject, Response, Skipped, Usage
from parity_eval.stocktake import Stocktake

Item = LogEntry | Skipped | Reject


@st.composite
def items(draw: st.DrawFn) -> Item:
    line = draw(st.integers(1, 99))
    what = draw(st.sampled_from(["entry"] * 8 + ["skipped", "reject"]))
    if what == "skipped":
        return Skipped(path="a", line=line, reason="an embedding")
    if what == "reject":
        return Reject(path="a", line=line, reason=f"no JSON at byte {line}")
    n = draw(st.integers(0, 5))
    usage = draw(st.sampled_from([None, Usage(input_tokens=10 * n, output_tokens=n)]))
    text = draw(st.sampled_from(["yes", "no", ""]))
    made = entry(f"r{n}", f"question {n % 4}", task=draw(st.sampled_from([None, "a", "b"])))
    return replace(
        made,
        response=draw(st.sampled_from([None, Response(text=text, usage=usage)])),
        model=draw(st.sampled_from([None, "gpt-4o", "in-house"])),
        user=draw(st.sampled_from([None, "u1", "u2"])),
        timestamp=draw(st.sampled_from([None, "2026-05-04T08:00:00Z"])),
        unreplayable=draw(st.sampled_from([None, None, "the log cut its text"])),
        cost_usd=draw(st.sampled_from([None, 0.5])),
        path="a",
        line=line,
    )


@given(st.lists(items(), min_size=1, max_size=30))
def test_rows_are_accounted_for_and_sums_agree(rows: list[Item]) -> None:
    made = Stocktake()
    for row in rows:
        made.add(row)
    found = made.census(log=["a"], n_files=1)
    skipped = sum(reason.n for reason in found.skipped)
    rejected = sum(reason.n for reason in found.rejected)
    assert found.n_requests + skipped + rejected == found.n_rows == len(rows)
    assert sum(reason.n for reason in found.not_replayable) == found.n_requests - found.n_replayable
    assert sum(reason.n for reason in found.no_answers) == found.n_replayable - found.n_answers
    for parts in (found.models, found.tasks):
        for name in ("n", "n_counted", "n_estimated", "input_tokens", "output_tokens"):
            whole = getattr(found.volume, name)
            assert sum(getattr(part.volume, name) for part in parts) == whole
    assert found.n_distinct <= found.n_requests
    assert all(0 < lack.n <= lack.of for lack in found.lacks)

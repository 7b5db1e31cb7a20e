import numpy as np
from makers import entry, request

from parity_eval.discovery import sketch as sketches
from parity_eval.discovery.sketch import Sketch
from parity_eval.records import JsonValue, LogEntry, Response
from parity_eval.tasks import field_values, schema_name, system_prompt, tool_names, user_prompt


def sketch(entries: list[LogEntry], most: int = 8) -> Sketch:
    made = Sketch(most)
    for one in entries:
        made.add(one)
    return made


ROWS = [entry(f"r{i:03}", f"question {i % 40}") for i in range(200)]


def test_the_order_of_the_log_plays_no_part() -> None:
    rng = np.random.default_rng(1)
    first = sketch(ROWS).requests()
    for _ in range(5):
        assert sketch([ROWS[i] for i in rng.permutation(len(ROWS))]).requests() == first


def test_it_holds_no_more_than_it_may_and_counts_what_it_holds() -> None:
    made = sketch(ROWS)
    assert (made.n, len(made.requests()), made.is_whole) == (200, 8, False)
    assert [count for _, count in made.requests()] == [5] * 8
    whole = sketch(ROWS, most=40)
    assert (len(whole.requests()), whole.is_whole) == (40, True)


def test_the_smallest_id_speaks_for_equal_requests() -> None:
    rows = [entry(name, "hello") for name in ("b", "a", "c")]
    ((kept, count),) = sketch(rows).requests()
    assert (kept.request.id, count) == ("a", 3)


def test_what_the_log_calls_a_request_tells_it_from_others() -> None:
    rows = [entry("a", "hello", task="one"), entry("b", "hello", metadata={"feature": "two"})]
    assert len(sketch([*rows, entry("c", "hello")]).requests()) == 3


def test_only_what_is_looked_at_is_kept() -> None:
    body: dict[str, JsonValue] = {
        "messages": [
            {"role": "system", "content": "Rules"},
            {
                "role": "user",
                "content": [{"type": "text", "text": "Look"}, {"image_url": "x" * 99}],
            },
            {"role": "user", "content": "later"},
        ],
        "response_format": {"type": "json_schema", "json_schema": {"name": "cat", "schema": {}}},
        "tools": [{"function": {"name": "zoom", "parameters": {"type": "object"}}}],
    }
    given = entry(
        "1",
        answer=Response(text="a" * 9_000),
        body=body,
        metadata={"lang": "de", "blob": "x" * 201, "deep": {}, "tags": ["a"], "many": ["a"] * 13},
    )
    ((kept, _),) = sketch([given]).requests()
    slim = kept.request.body
    assert (system_prompt(slim), user_prompt(slim)) == ("Rules", "Look")
    assert (schema_name(slim), tool_names(slim)) == ("cat", ("zoom",))
    assert set(kept.metadata) == {"lang", "tags"}
    assert kept.response is not None
    assert len(kept.response.text) < 4_010
    assert "later" not in str(slim)
    assert "object" not in str(slim)


def test_long_prompts_keep_both_ends() -> None:
    text = "begin " + "x" * 50_000 + " end"
    ((kept, _),) = sketch([entry("1", text)]).requests()
    (short,) = field_values(kept, "user_prompt")
    assert len(short) < 2 * sketches._TEXT + 10
    assert short.startswith("begin")
    assert short.endswith("end")


def test_tools_without_a_name_are_still_tools() -> None:
    given = entry(
        "1", body={"tools": [{"type": "odd"}], "response_format": {"type": "json_object"}}
    )
    ((kept, _),) = sketch([given]).requests()
    assert kept.request.body["tools"] == [{}]
    assert kept.request.body["response_format"] == {
        "type": "json_object",
        "json_schema": {"name": ""},
    }
    assert kept.request.id == request("1").id

import pytest
from makers import seen

from parity_eval import codec
from parity_eval.errors import InputError, ParityError
from parity_eval.records import Finish, Response, ToolCall, Usage


def test_equal_values_give_equal_bytes() -> None:
    assert codec.encode({"b": 1, "a": [1.5, None, "é\u2028"]}) == (
        '{"a":[1.5,null,"é\u2028"],"b":1}'.encode()
    )


def test_numbers_of_any_size() -> None:
    assert codec.encode({"n": 10**30}) == b'{"n":%d}' % 10**30


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_what_json_has_no_word_for_is_refused(bad: float) -> None:
    with pytest.raises(ParityError, match="cannot be written as JSON"):
        codec.encode({"deep": [1, {"down": seen(bad)}]})


def test_a_record_comes_back_as_it_was() -> None:
    given = Response(
        text="no\u0000de",
        tool_calls=(ToolCall(name="find", arguments='{"q": 1}'),),
        finish=Finish.TOOL_CALLS,
        latency_s=0.25,
    )
    assert codec.decode(codec.encode(given), Response, "here") == given


def test_what_is_not_there_is_not_stored() -> None:
    usage = Usage(input_tokens=0, output_tokens=2)
    given = Response(text="", usage=usage, latency_s=0.0)
    stored = codec.sparse(given)
    assert stored == {
        "text": "",
        "finish": "stop",
        "usage": {"input_tokens": 0, "output_tokens": 2},
        "latency_s": 0.0,
    }
    assert codec.decode(codec.encode(stored), Response, "here") == given


@pytest.mark.parametrize("data", [b'{"text": 1}', b"{", b"\xff", b"[" * 5000 + b"]" * 5000])
def test_what_is_not_the_record_names_the_file(data: bytes) -> None:
    with pytest.raises(InputError) as caught:
        codec.decode(data, Response, "run/summary.json")
    assert str(caught.value).startswith("run/summary.json: ")
    assert str(caught.value).endswith("; the file is damaged or of another version")


def test_the_digest_is_of_the_canonical_form() -> None:
    # sha256 of {"a":1,"b":2}
    known = "43258cff783fe7036d8a43033f830adfc60ec037382473548ac742b888292777"
    assert codec.digest({"b": 2, "a": 1}) == known


def test_pretty_is_sorted_and_ends_with_a_newline() -> None:
    assert codec.pretty({"b": [1], "a": {}}) == '{\n  "a": {},\n  "b": [\n    1\n  ]\n}\n'

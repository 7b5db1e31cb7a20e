from traces import entries

from parity_eval.logged.graded import marks, recordings
from parity_eval.readers.canonical import Canonical
from parity_eval.records import JsonValue, LogEntry


def answers(*rows: tuple[str, str, str | None]) -> list[LogEntry]:
    """Return entries of (case, model, answer)."""
    found: list[JsonValue] = []
    for number, (case, model, said) in enumerate(rows):
        body: JsonValue = None if said is None else {"choices": [{"message": {"content": said}}]}
        asked: JsonValue = {"model": model, "messages": [{"role": "user", "content": case}]}
        metadata: JsonValue = {"case": case}
        found.append({"id": number, "request": asked, "response": body, "metadata": metadata})
    return entries(Canonical(), *found)


def test_the_first_score_counts() -> None:
    assert marks({"match": True, "style": "0.25"}, "robin", "c") == {
        "case": "c",
        "score": 1,
        "scores": {"match": 1, "style": 0.25},
        "target": "robin",
    }


def test_what_nobody_said_is_not_there() -> None:
    assert marks({}, None, None) == {}
    assert marks({}, [], None) == {}


def test_recordings_have_the_ids_of_the_baseline() -> None:
    found = answers(
        ("a", "mini", "wren"),
        ("a", "big", "robin"),
        ("b", "big", "owl"),
        ("b", "tiny", "owl"),
        ("c", "mini", "no such case"),
        ("a", "mini", "again"),
        ("b", "mini", None),
    )
    lines = recordings(found, "big")
    assert {model: [line["id"] for line in rows] for model, rows in lines.items()} == {
        "mini": ["1"],
        "tiny": ["2"],
    }
    assert "wren" in str(lines["mini"][0]["response"])


def test_no_baseline_no_recordings() -> None:
    assert recordings(answers(("a", "mini", "wren")), "big") == {}

import pytest
from traces import document, span

from parity_eval.logged import spans
from parity_eval.records import JsonValue


def marked(name: str) -> JsonValue:
    return span({spans.DIALECTS[name][0]: "x"})


def test_documents_without_model_calls_fit_all_and_the_general_conventions_best() -> None:
    plain = document(span({"http.method": "GET"}))
    found = {name: spans.fit(plain, name) for name in spans.DIALECTS}
    assert {fit.score for fit in found.values()} == {1}
    assert max(found, key=lambda name: found[name].needs) == "otel_genai"


@pytest.mark.parametrize("name", sorted(spans.DIALECTS))
def test_of_mixed_spans_the_commonest_conventions_count(name: str) -> None:
    mixed = document(*map(marked, spans.DIALECTS), marked(name))
    best = [other for other in spans.DIALECTS if spans.fit(mixed, other).score == 1]
    assert best == [name]


@pytest.mark.parametrize(
    ("name", "conventional", "task"),
    [
        ("triage_step", None, "triage_step"),
        ("ChatCompletion", None, None),
        ("chat big-opus-4", "chat", None),
        ("sort mail", "chat", "sort mail"),
        (None, None, None),
    ],
)
def test_a_name_of_a_span_is_a_task_where_people_chose_it(
    name: str | None, conventional: str | None, task: str | None
) -> None:
    assert spans.task({"name": name, "attributes": {}}, conventional=conventional) == task


def test_the_places_that_name_a_task_in_their_order() -> None:
    attributes: dict[str, JsonValue] = {
        "zoo": {"task": "z"},
        "app": {"task": "a"},
        "tag": {"tags": ["task:tagged"]},
    }
    given: dict[str, JsonValue] = {"name": "step", "attributes": attributes}
    assert spans.task(given, prompt="p") == "a"
    del attributes["app"], attributes["zoo"]
    assert spans.task(given, prompt="p") == "tagged"
    del attributes["tag"]
    assert spans.task(given, prompt="p") == "p"
    assert spans.task(given) == "step"

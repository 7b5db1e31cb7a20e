import pytest

from parity_eval.stocktake.lacks import Seen, cheaper_than, lacks, next_step, replay_usd


@pytest.mark.parametrize(
    ("model", "smaller"),
    [
        ("gpt-4o-2024-11-20", "gpt-4o-mini"),
        ("openai/gpt-4o", "openai/gpt-4o-mini"),
        ("gpt-4.1-mini", "gpt-4.1-nano"),
        ("claude-opus-4-5", "claude-sonnet-4-5"),
        ("gpt-4-0613", "gpt-4o-mini"),
        ("somebody/unheard-of", None),
    ],
)
def test_a_cheaper_model_of_the_family(model: str, smaller: str | None) -> None:
    assert cheaper_than(model) == smaller


def test_what_is_there_is_not_lacking() -> None:
    assert list(lacks(Seen(n=5, n_replayable=5, n_answered=5), "gpt-4o")) == []
    assert list(lacks(Seen(), None)) == []


def test_answers_that_are_lacking_are_reckoned_at_the_baselines_price() -> None:
    seen = Seen(n=10, n_replayable=10, n_unanswered=10, unanswered_input=1_000_000, mean_output=1e5)
    assert replay_usd(seen, "gpt-4o") == pytest.approx(2.5 + 10)
    assert replay_usd(seen, "unheard-of") is None
    (lack,) = lacks(seen, "unheard-of")
    assert (lack.what, lack.usd) == ("responses", None)
    assert "unknown price" in lack.cost


def test_what_to_type_next_is_one_line_for_a_shell() -> None:
    seen = Seen(n=5, n_replayable=5, n_usable=5)
    command, why = next_step(seen, "gpt-4o", ["my log.jsonl"], ["--format", "plain"])
    assert command == (
        "parity-eval plan --log 'my log.jsonl' --format plain --baseline gpt-4o "
        "--candidate gpt-4o-mini"
    )
    assert "sends nothing" in why
    # `plan` takes one log on its command line, a configuration takes several.
    assert next_step(seen, "gpt-4o", ["a", "b"])[0] == "parity-eval inspect a b --suggest-tasks"
    assert next_step(Seen(n=5), "gpt-4o", ["log"])[0] is None


def test_without_a_usable_answer_the_baseline_is_asked() -> None:
    command, why = next_step(Seen(n=5, n_replayable=5, n_unanswered=4), "gpt-4o", ["log"])
    assert command == "parity-eval inspect log --suggest-tasks"
    assert "source: replay" in why

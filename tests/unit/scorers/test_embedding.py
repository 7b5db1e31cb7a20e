import sys
from time import process_time

import pytest
from answer_pairs import calls, pair, text

from parity_eval.errors import ConfigError
from parity_eval.records import Finish, Response, Score, Unscored
from parity_eval.scorers.embedding import Embedding


def similarity(baseline: str, candidate: str) -> float:
    score = Embedding().score(pair(baseline, candidate), ())
    assert isinstance(score, Score)
    return score.value


@pytest.mark.parametrize(
    ("baseline", "candidate", "value"),
    [
        ("a", "a", 1.0),
        ("a", "A!", 1.0),
        ("a", "b", 0.0),
        # One shared word among a, b, "a b" and a, c, "a c": 1 / (sqrt(3) sqrt(3)).
        ("a b", "a c", 1 / 3),
        # The same words in another order: a and b of a, b and one pair each.
        ("a b", "b a", 2 / 3),
        # A word said twice counts 1 + ln 2 = 1.6931; "a a" is a pair, so norm sqrt(1.6931^2 + 1).
        ("a a", "a", 1.6931472 / (1.6931472**2 + 1) ** 0.5),
        ("退款完成", "退款失败", (2 + 1) / 7),
    ],
)
def test_lexical_cosine(baseline: str, candidate: str, value: float) -> None:
    assert similarity(baseline, candidate) == pytest.approx(value, abs=1e-6)
    assert similarity(candidate, baseline) == similarity(baseline, candidate)


def test_lexical_is_blind_to_meaning() -> None:
    good = "Your request was approved and the refund of 120 dollars will arrive by Friday."
    flipped = "Your request was not approved and the refund of 120 dollars will arrive by Friday."
    reworded = "We have granted it; expect the money back before the weekend."
    assert similarity(good, flipped) > 0.8
    assert similarity(good, reworded) < 0.2


@pytest.mark.parametrize(
    ("at_least", "passed"), [(0.3, True), (1 / 3, True), (0.34, False), ("auto", True), (1, False)]
)
def test_threshold(at_least: float, passed: bool) -> None:  # noqa: FBT001
    score = Embedding(at_least=at_least).score(pair("a b", "a c"), ())
    assert isinstance(score, Score)
    assert score.passed is passed
    assert score.value == pytest.approx(1 / 3)


def test_reason_names_similarity_threshold_and_backend() -> None:
    score = Embedding(at_least=0.5).score(pair("a b", "a c"), ())
    assert score.reason == "similarity 0.333 < 0.5 (lexical)"
    score = Embedding().score(pair("a b", "a c"), ())
    assert score.reason == "similarity 0.333 >= 0.05 (lexical)"


def test_auto_turns_away_what_has_nothing_in_common() -> None:
    score = Embedding().score(pair("Refund it.", "I like trains"), ())
    assert isinstance(score, Score)
    assert not score.passed


@pytest.mark.parametrize(
    ("baseline", "candidate"), [("👍", "👎"), ("yes", "!?"), ("a", "b " * 100_001)]
)
def test_says_so_where_it_cannot_compare(baseline: str, candidate: str) -> None:
    assert isinstance(Embedding().score(pair(baseline, candidate), ()), Unscored)


def test_identical_texts_need_no_words() -> None:
    assert similarity("👍", "👍") == 1.0


@pytest.mark.parametrize(
    ("baseline", "candidate", "passed"),
    [
        (text("a"), text(""), False),
        (text(""), text(""), False),
        (text("a"), text("a", Finish.LENGTH), False),
        (text("a", Finish.REFUSED), text("b", Finish.REFUSED), True),
        (calls(("find", '{"city": "Rome"}')), calls(("find", '{"city": "Roma"}')), True),
    ],
)
def test_answers_that_are_none(baseline: Response, candidate: Response, passed: bool) -> None:  # noqa: FBT001
    score = Embedding().score(pair(baseline, candidate), ())
    assert isinstance(score, Score)
    assert score.passed is passed


def test_long_texts_take_linear_time() -> None:
    started = process_time()
    similarity("word " * 39_999, "other " * 33_000 + "word")
    assert process_time() - started < 2


@pytest.mark.parametrize(
    ("backend", "at_least", "message"),
    [
        ("minilm", "auto", r"embedding.backend == 'minilm', must be 'lexical' or 'st:"),
        (7, "auto", "embedding.backend == 7, must be"),
        ("st:", "auto", "names no model"),
        ("st:@main", "auto", "names no model"),
        ("lexical", 1.2, r"embedding.at_least == 1.2, must be 'auto' or in \[0, 1\]"),
        ("lexical", float("nan"), "embedding.at_least == nan"),
        ("lexical", True, "embedding.at_least == True"),
        ("lexical", "high", "embedding.at_least == 'high'"),
    ],
)
def test_refuses_settings(backend: str, at_least: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Embedding(backend=backend, at_least=at_least)


def test_a_package_that_is_not_installed_shows_before_the_first_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    scorer = Embedding(backend="st:any-model")
    with pytest.raises(ConfigError, match=r"pip install 'parity-eval\[embeddings\]'"):
        scorer.check()
    with pytest.raises(ConfigError):  # and nothing takes its place
        scorer.score(pair("a b", "a c"), ())


def test_the_lexical_backend_has_nothing_to_check() -> None:
    Embedding().check()

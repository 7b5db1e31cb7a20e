import sys
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from types import ModuleType
from typing import ClassVar

import pytest
from answer_pairs import calls, pair, text

from parity_eval.errors import ConfigError
from parity_eval.records import Finish, Response, Score, Unscored
from parity_eval.scorers import embedding
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


class FakeModel:
    """Reads up to four words at once, and sees only which of two words is there."""

    max_seq_length = 4
    loaded: ClassVar[list[tuple[str, str | None, bool]]] = []
    encoded: ClassVar[list[str]] = []

    def __init__(
        self, name: str, *, revision: str | None, device: str, local_files_only: bool
    ) -> None:
        assert device == "cpu"
        if name == "missing":
            raise OSError("no such model")
        self.loaded.append((name, revision, local_files_only))

    @staticmethod
    def tokenizer(text: str, *, truncation: bool, verbose: bool) -> dict[str, list[str]]:
        assert not truncation
        assert not verbose
        return {"input_ids": text.split()}

    def encode(
        self, text: str, *, normalize_embeddings: bool, show_progress_bar: bool
    ) -> list[float]:
        assert normalize_embeddings
        assert not show_progress_bar
        assert len(text.split()) <= self.max_seq_length
        self.encoded.append(text)
        return [float("yes" in text), float("no" in text)]


@pytest.fixture
def fake_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeModel]]:
    module = ModuleType("sentence_transformers")
    module.SentenceTransformer = FakeModel  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)
    FakeModel.loaded.clear()
    FakeModel.encoded.clear()
    embedding._encoder.cache_clear()
    yield FakeModel
    embedding._encoder.cache_clear()


def value(backend: str, baseline: str, candidate: str) -> float:
    score = Embedding(backend=backend).score(pair(baseline, candidate), ())
    assert isinstance(score, Score)
    return score.value


@pytest.mark.parametrize(
    ("backend", "loaded"),
    [
        ("st:org/model", ("org/model", None, False)),
        ("st:org/model@abc123", ("org/model", "abc123", False)),
    ],
)
def test_loads_a_named_model_once(
    fake_library: type[FakeModel], backend: str, loaded: tuple[str, str | None, bool]
) -> None:
    Embedding(backend=backend).check()
    assert value(backend, "yes a", "yes b") == 1.0
    assert fake_library.loaded == [loaded]


def test_reads_a_folder_from_disk_alone(fake_library: type[FakeModel], tmp_path: Path) -> None:
    folder = tmp_path / "model@home"
    folder.mkdir()
    Embedding(backend=f"st:{folder}").check()
    assert fake_library.loaded == [(str(folder), None, True)]


@pytest.mark.usefixtures("fake_library")
def test_a_model_that_cannot_be_loaded_is_an_error() -> None:
    with pytest.raises(ConfigError, match="'st:missing' cannot be loaded: no such model"):
        Embedding(backend="st:missing").check()


def test_encodes_each_text_once(fake_library: type[FakeModel]) -> None:
    value("st:m", "yes", "no")
    value("st:m", "yes", "maybe no")
    assert fake_library.encoded == ["yes", "no", "maybe no"]


def test_forgets_the_oldest_texts(
    fake_library: type[FakeModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "_CACHED_TEXTS", 2)
    for candidate in ("no", "no no", "no"):
        value("st:m", "yes", candidate)
    assert fake_library.encoded == ["yes", "no", "no no", "yes", "no"]


@pytest.mark.parametrize(
    ("candidate", "chunks", "cosine"),
    [
        ("yes b c d", ["yes b c d"], 1.0),
        # Two halves, cut at a space: the mean of "yes" and "no" lies between them.
        ("yes b c no e f", ["yes b c", " no e f"], 0.5**0.5),
        ("yes b c d no e f g", ["yes b c d", " no e f g"], 0.5**0.5),
        ("yes b longlonglonglong d e", ["yes b longlonglonglong", " d e"], 1.0),
        ("a b c d e f g longlonglonglonglonglonglong", None, 0.0),
        ("neither of them", ["neither of them"], 0.0),
    ],
)
def test_reads_long_texts_in_chunks(
    fake_library: type[FakeModel], candidate: str, chunks: list[str] | None, cosine: float
) -> None:
    assert value("st:m", "yes", candidate) == pytest.approx(cosine)
    if chunks is not None:
        assert fake_library.encoded == ["yes", *chunks]
    assert "".join(fake_library.encoded) == f"yes{candidate}"


def test_cuts_a_text_without_spaces_in_the_middle(
    fake_library: type[FakeModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        fake_library, "tokenizer", staticmethod(lambda text, **_: {"input_ids": list(text)})
    )
    value("st:m", "yes", "abcdefghi")
    assert fake_library.encoded == ["yes", "abcd", "ef", "ghi"]


@pytest.mark.parametrize(("n_words", "is_scored"), [(4 * 64, True), (4 * 64 + 1, False)])
def test_gives_up_on_more_chunks_than_sixty_four(
    fake_library: type[FakeModel],
    n_words: int,
    is_scored: bool,  # noqa: FBT001
) -> None:
    long = " ".join(["word"] * n_words)
    found = Embedding(backend="st:m").score(pair("yes", long), ())
    assert isinstance(found, Score) is is_scored
    assert len(fake_library.encoded) <= 65


def test_a_model_that_reads_any_length_gets_the_whole(
    fake_library: type[FakeModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_library, "max_seq_length", None)
    monkeypatch.setattr(fake_library, "encode", lambda *_, **__: [1.0, 0.0])
    assert value("st:m", "yes", "word " * 50) == 1.0


@pytest.mark.usefixtures("fake_library")
def test_auto_of_a_model_is_its_own() -> None:
    assert Embedding(backend="st:m").threshold == 0.20
    assert Embedding().threshold == 0.05

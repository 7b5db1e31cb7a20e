"""Embedding similarity of two answers: a cheap filter for what is obviously different.

Similarity never certifies alone. It is blind to what decides whether two answers are as good: a
"not", a digit, "approved" for "denied" leave it near 1 (see the tests with real weights).
"""

import math
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from parity_eval.answers import rendered, settled_comparison, shown
from parity_eval.errors import ConfigError
from parity_eval.records import Pair, Request, Response, Score, Unscored
from parity_eval.wire.text import SPACELESS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer

AUTO_LEXICAL = 0.05
"""Measured on recorded answers to the same request, where the candidate's was judged at least as
good (open-ended answers), faithful (summaries, passages) or correct (JSON): 98.8% to 100% of these
pairs lie above, and 1 to 9% of answers to different requests lie below. A higher threshold turns
away good answers in other words: 0.10 already loses 2.5% of the open-ended ones."""
AUTO_SENTENCE_TRANSFORMERS = 0.20
"""Measured for all-MiniLM-L6-v2 on the same pairs: 98.8% to 100% lie above, and 82 to 90% of
answers to different requests lie below (none in JSON, where all look alike). Models whose unrelated
texts score higher need a threshold of their own: with this one they let all pass, which is safe."""

MAX_CHARS = 200_000
"""Longer answers are not compared."""
MAX_CHUNKS = 64
"""Answers of more chunks (each as long as the model reads at once) are not compared."""

_LEXICAL = "lexical"
_SENTENCE_TRANSFORMERS = "st:"
_CACHED_TEXTS = 20_000
_INSTALL = (
    "install a CPU build of torch, then `pip install 'parity-eval[embeddings]'`, "
    "or set `backend: lexical`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """Passes a pair whose answers' cosine similarity reaches a threshold.

    Tool calls are compared as text. Texts without a word, or too long, are `Unscored`.
    """

    backend: str = _LEXICAL
    """`lexical` (hashed words and pairs of words, nothing to install), or
    `st:NAME_OR_PATH[@REVISION]`, a sentence-transformers model."""
    at_least: float | Literal["auto"] = "auto"
    """Threshold in [0, 1]; `auto`: the documented default of the backend."""
    name: str = "embedding"
    cost: int = 1

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        is_model = str(self.backend).startswith(_SENTENCE_TRANSFORMERS)
        if not is_model and self.backend != _LEXICAL:
            raise ConfigError(
                f"embedding.backend == {self.backend!r}, "
                "must be 'lexical' or 'st:NAME_OR_PATH[@REVISION]'"
            )
        if is_model and not _model_name(self.backend)[0]:
            raise ConfigError("embedding.backend == 'st:' names no model")
        at_least = self.at_least
        is_number = isinstance(at_least, (int, float)) and not isinstance(at_least, bool)
        if at_least != "auto" and not (is_number and 0 <= at_least <= 1):
            raise ConfigError(f"embedding.at_least == {at_least!r}, must be 'auto' or in [0, 1]")

    @property
    def threshold(self) -> float:
        """The similarity that passes."""
        if self.at_least != "auto":
            return self.at_least
        return AUTO_LEXICAL if self.backend == _LEXICAL else AUTO_SENTENCE_TRANSFORMERS

    def check(self) -> None:
        """Load the model, so that what is missing shows before the first paid call.

        Raises:
            ConfigError: The package or the model is not there; says how to get it.
        """
        if self.backend != _LEXICAL:
            _encoder(self.backend)

    def questions(self, pair: Pair) -> tuple[Request, ...]:  # noqa: ARG002 - asks nobody
        """Return nothing: this scorer needs no judge."""
        return ()

    def score(self, pair: Pair, answers: tuple[Response, ...]) -> Score | Unscored:  # noqa: ARG002
        """Compare the two answers.

        Raises:
            ConfigError: The backend cannot be used; `check` finds that beforehand.
        """
        found = settled_comparison(pair)
        if found is not None:
            value = float(found.is_same)
            return Score(scorer=self.name, value=value, passed=found.is_same, reason=found.reason)
        similarity = self._similarity(rendered(pair.baseline), rendered(pair.candidate))
        if isinstance(similarity, str):
            return Unscored(scorer=self.name, reason=similarity)
        value = min(1.0, max(0.0, similarity))
        relation = ">=" if value >= self.threshold else "<"
        return Score(
            scorer=self.name,
            value=value,
            passed=value >= self.threshold,
            reason=f"similarity {value:.3f} {relation} {self.threshold:g} ({self.backend})",
        )

    def _similarity(self, baseline: str, candidate: str) -> float | str:
        """Return the cosine, or why there is none."""
        if baseline == candidate:
            return 1.0
        if max(len(baseline), len(candidate)) > MAX_CHARS:
            return f"an answer is longer than {MAX_CHARS:,} characters"
        if self.backend == _LEXICAL:
            return _lexical_similarity(baseline, candidate)
        return _encoder(self.backend).similarity(baseline, candidate)


# Scripts without spaces are read character by character.
_WORD = re.compile(rf"[{SPACELESS}]|[^\W{SPACELESS}]+")


def _lexical_similarity(left: str, right: str) -> float | str:
    one, other = _lexical(left), _lexical(right)
    if not one or not other:
        return "an answer holds no words to compare"
    if len(one) > len(other):
        one, other = other, one
    # Summed exactly: the result must not depend on the order of a hash table.
    return math.fsum(weight * other.get(feature, 0.0) for feature, weight in one.items())


def _lexical(text: str) -> Mapping[int, float]:
    """Return hashed words and pairs of neighbouring words with weights of unit length."""
    words = [
        word.encode("utf-8", "surrogatepass")
        for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    ]
    counts = Counter(map(zlib.crc32, words))
    counts.update(zlib.crc32(b" ".join(pair)) for pair in pairwise(words))
    weights = {feature: 1.0 + math.log(count) for feature, count in counts.items()}
    norm = math.sqrt(math.fsum(weight * weight for weight in weights.values()))
    return {feature: weight / norm for feature, weight in weights.items()}


def _model_name(backend: str) -> tuple[str, str | None]:
    """Return the name or path of a model, and its revision."""
    named = backend.removeprefix(_SENTENCE_TRANSFORMERS)
    if Path(named).exists():  # a path may hold an @
        return named, None
    name, _, revision = named.partition("@")
    return name, revision or None


class _Encoder:
    """A sentence-transformers model and the vectors of the texts it has seen."""

    def __init__(self, model: "SentenceTransformer") -> None:
        self._model = model
        self._vectors: dict[str, NDArray[np.float64] | None] = {}

    def similarity(self, left: str, right: str) -> float | str:
        one, other = self._vector(left), self._vector(right)
        if one is None or other is None:
            return f"an answer is longer than {MAX_CHUNKS} times what the model reads at once"
        return float(one @ other)

    def _vector(self, text: str) -> "NDArray[np.float64] | None":
        if text not in self._vectors:
            if len(self._vectors) >= _CACHED_TEXTS:
                del self._vectors[next(iter(self._vectors))]
            self._vectors[text] = self._encoded(text)
        return self._vectors[text]

    def _encoded(self, text: str) -> "NDArray[np.float64] | None":
        """Return the unit mean of the chunks' vectors; None where there are too many.

        Chunks are encoded one by one: a vector must not depend on what else is in its batch.
        """
        import numpy as np  # noqa: PLC0415 - the lexical backend needs none

        chunks = self._chunks(text.encode("utf-8", "replace").decode())
        if chunks is None:
            return None
        vectors = [
            self._model.encode(chunk, normalize_embeddings=True, show_progress_bar=False)
            for chunk in chunks
        ]
        mean: NDArray[np.float64] = np.mean(np.asarray(vectors, dtype=np.float64), axis=0)
        norm = float(np.linalg.norm(mean))
        return mean / norm if norm > 0 else mean

    def _chunks(self, text: str) -> list[str] | None:
        """Split a text into what the model reads at once: it would drop the rest in silence."""
        limit = self._model.max_seq_length
        done: list[str] = []
        waiting = [text]
        while waiting and len(done) + len(waiting) <= MAX_CHUNKS:
            part = waiting.pop()
            middle = _middle(part)
            if limit is None or middle is None or self._length(part) <= limit:
                done.append(part)
            else:
                waiting.extend((part[middle:], part[:middle]))
        return None if waiting else done

    def _length(self, text: str) -> int:
        tokens = self._model.tokenizer(text, truncation=False, verbose=False)["input_ids"]
        return len(tokens)


def _middle(text: str) -> int | None:
    """Return the place next to the middle at which a text can be cut; None where there is none."""
    half = len(text) // 2
    space = text.find(" ", half)
    if space < 0:
        space = text.rfind(" ", 1, half)
    if space > 0:
        return space
    return half or None


@lru_cache(maxsize=4)
def _encoder(backend: str) -> _Encoder:
    """Load a model once, whichever task asks for it first."""
    name, revision = _model_name(backend)
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise ConfigError(
            f"embedding backend {shown(backend)} needs sentence-transformers, which cannot be "
            f"imported ({error}); {_INSTALL}"
        ) from error
    try:
        # A folder is read from disk alone, without asking a hub for anything newer.
        model = SentenceTransformer(
            name, revision=revision, device="cpu", local_files_only=Path(name).is_dir()
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"embedding backend {shown(backend)} cannot be loaded: {error}; name a folder that "
            "holds the model, or a model of the hub where the network allows"
        ) from error
    return _Encoder(model)

import asyncio
from collections.abc import Sequence

import pytest
from makers import Asking, FromTable, Same, nobody, request, ruled, units

from parity_eval import parity
from parity_eval.parity import Ruled, default_rule, judge_pair, placebo_answers
from parity_eval.records import (
    Answer,
    Hole,
    Kind,
    Missing,
    ModelName,
    Pair,
    Request,
    Response,
    Score,
    Unscored,
    Verdict,
)
from parity_eval.rules import All, AnyOf, Ask, describe


def pair(candidate: str, baseline: str = "yes") -> Pair:
    return Pair(
        request=request("r1"),
        baseline=Response(text=baseline),
        candidate=Response(text=candidate),
        baseline_name=ModelName("big"),
        candidate_name=ModelName("small"),
    )


class TestDefaultRule:
    @pytest.mark.parametrize(
        ("kind", "words"),
        [
            (Kind.CLASSIFICATION, "exact"),
            (Kind.MODERATION, "exact"),
            (Kind.EXTRACTION, "schema and exact"),
            (Kind.STRUCTURED, "schema and exact"),
            (Kind.TOOL_CALL, "schema and exact"),
            (Kind.SUMMARIZATION, "exact, or (embedding and judge)"),
            (Kind.ENRICHMENT, "exact, or (embedding and judge)"),
        ],
    )
    def test_of_each_kind(self, kind: Kind, words: str) -> None:
        found = default_rule(kind, has_judge=True)
        assert found is not None
        rule, names = found
        assert describe(rule) == words
        assert all(name in words for name in names)

    @pytest.mark.parametrize("kind", list(Kind))
    def test_similarity_alone_never_decides(self, kind: Kind) -> None:
        found = default_rule(kind, has_judge=False)
        assert found is None or "embedding" not in found[1]
        if kind in (Kind.GENERATION, Kind.SUPPORT_REPLY, Kind.RAG_ANSWER):
            assert found is None


class TestJudgePair:
    asking = Ruled(
        rule=AnyOf((Ask("exact"), Ask("judge"))), scorers={"exact": Same(), "judge": Asking()}
    )

    def judged(self, given: Pair, answer: Answer | None) -> Verdict | Missing:
        asked: list[str] = []

        async def ask(question: Request) -> Answer:
            asked.append(question.id)
            assert answer is not None
            return answer

        found = asyncio.run(judge_pair(given, self.asking, ask))
        assert bool(asked) == (answer is not None)
        return found

    def test_no_judge_where_the_cheap_scorer_decides(self) -> None:
        found = self.judged(pair("yes"), None)
        assert isinstance(found, Verdict)
        assert found.at_parity

    @pytest.mark.parametrize(
        ("answer", "at_parity"), [("win", True), ("tie", True), ("loss", False)]
    )
    def test_the_judge_decides_what_is_open(self, answer: str, *, at_parity: bool) -> None:
        found = self.judged(pair("yep"), Response(text=answer))
        assert isinstance(found, Verdict)
        assert found.at_parity is at_parity

    def test_a_judge_that_cannot_be_reached_is_missing(self) -> None:
        hole = Missing(hole=Hole.TIMEOUT, detail="60 s")
        assert self.judged(pair("yep"), hole) == hole

    def test_what_the_judge_cannot_judge_is_not_at_parity(self) -> None:
        found = self.judged(pair("yep"), Response(text="hm"))
        assert isinstance(found, Verdict)
        assert not found.at_parity
        assert Unscored(scorer="judge", reason="no verdict") in found.scores

    def test_what_no_table_holds_is_missing(self) -> None:
        found = asyncio.run(judge_pair(pair("yep"), ruled(FromTable()), nobody))
        assert found == Missing(hole=Hole.NOT_RECORDED, detail="not recorded")

    def test_scores_carry_the_name_in_the_rule(self) -> None:
        given = Ruled(rule=All((Ask("strict"),)), scorers={"strict": Same()})
        found = asyncio.run(judge_pair(pair("yes"), given, nobody))
        assert isinstance(found, Verdict)
        assert [score.scorer for score in found.scores] == ["strict"]


class TestPreference:
    def verdict(self, *scores: Score | Unscored) -> Verdict:
        return Verdict(at_parity=True, value=1.0, reason="", scores=scores)

    @pytest.mark.parametrize("value", [0.0, 0.25, 0.5, 1.0])
    def test_the_value_is_the_mean_preference(self, value: float) -> None:
        score = Score(scorer="judge", value=value, passed=True, reason="")
        assert parity.preference(self.verdict(score)).value == value

    def test_what_cannot_be_judged_counts_as_lost(self) -> None:
        unscored = Unscored(scorer="judge", reason="no verdict")
        assert parity.preference(self.verdict(unscored)).value == 0.0


class TestPlacebos:
    def texts(self, name: str, answers: Sequence[str]) -> list[str]:
        return [response.text for response in placebo_answers(name, units(answers))]

    def test_empty(self) -> None:
        assert self.texts("empty", "ab") == ["", ""]

    @pytest.mark.parametrize(
        ("answers", "others"),
        [
            ("ab", "ba"),
            ("aab", "bba"),
            ("abcab", "bcaba"),
            ("abbb", "baaa"),
            ("baab", "abba"),  # the last goes round: its neighbour at the start is equal
            ("aaa", "aaa"),
            ("a", "a"),
            ("", ""),
        ],
    )
    def test_other_is_the_next_answer_that_differs(self, answers: str, others: str) -> None:
        assert self.texts("other", answers) == list(others)

    def test_commonest(self) -> None:
        assert self.texts("commonest", "abcb") == ["b"] * 4
        assert self.texts("commonest", "ab") == ["a", "a"]  # the first among equals
        assert self.texts("commonest", "") == []


class TestPlaceboQualities:
    def best(self, name: str, answers: str, qualities: Sequence[float]) -> list[float]:
        of = units(answers)
        return parity.placebo_qualities(placebo_answers(name, of), of, qualities)

    def test_an_empty_answer_is_wrong(self) -> None:
        assert self.best("empty", "ab", [1.0, 0.0]) == [0.0, 0.0]

    def test_the_same_answer_is_as_good(self) -> None:
        assert self.best("commonest", "aa", [1.0, 0.25]) == [1.0, 0.25]

    def test_another_label_may_be_right_where_the_baseline_is_wrong(self) -> None:
        assert self.best("other", "aabb", [1.0, 0.0, 0.5, 0.0]) == [0.0, 1.0, 0.5, 1.0]

    def test_what_belongs_to_few_other_requests_is_wrong(self) -> None:
        texts = [f"text {i}" for i in range(30)]
        of = units(texts)
        assert parity.placebo_qualities(placebo_answers("other", of), of, [0.0] * 30) == [0.0] * 30

    def test_a_label_is_what_more_than_a_twentieth_of_the_requests_get(self) -> None:
        of = units([*(f"text {i}" for i in range(38)), "spam", "spam"])
        spam = [of[-1].baseline] * 40
        assert sum(parity.placebo_qualities(spam, of, [0.0] * 40)) == 0.0  # 2 of 40
        of = of[1:]
        assert sum(parity.placebo_qualities(spam[1:], of, [0.0] * 39)) == 37.0  # 2 of 39

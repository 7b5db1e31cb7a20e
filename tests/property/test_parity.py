"""Laws of placebos."""

from hypothesis import given, settings
from hypothesis import strategies as st
from makers import units

from parity_eval.parity import PLACEBOS, placebo_answers, placebo_qualities

FEW = settings(max_examples=60, deadline=None)
QUALITY = st.sampled_from([0.0, 0.25, 0.5, 1.0])
ANSWERS = st.lists(st.sampled_from("abc"), max_size=12)


@FEW
@given(ANSWERS)
def test_another_answer_differs_wherever_one_can(answers: list[str]) -> None:
    of = units(answers)
    others = [response.text for response in placebo_answers("other", of)]
    if len(set(answers)) > 1:
        for i, (own, other) in enumerate(zip(answers, others, strict=True)):
            after = [*answers[i + 1 :], *answers[: i + 1]]
            assert other == next(text for text in after if text != own)
    else:
        assert others == answers


@FEW
@given(st.sampled_from(PLACEBOS), st.lists(st.tuples(st.sampled_from("ab"), QUALITY), max_size=12))
def test_a_placebo_is_never_better_than_perfect(name: str, rows: list[tuple[str, float]]) -> None:
    of = units([answer for answer, _ in rows])
    best = placebo_qualities(placebo_answers(name, of), of, [quality for _, quality in rows])
    assert len(best) == len(rows)
    assert all(0 <= quality <= 1 for quality in best)

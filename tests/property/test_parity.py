"""Laws of observations and placebos."""

from hypothesis import given, settings
from hypothesis import strategies as st
from makers import estimand, units

from parity_eval.parity import PLACEBOS, observe, placebo_answers, placebo_qualities
from parity_eval.records import EstimandName

FEW = settings(max_examples=60, deadline=None)
NAMES: st.SearchStrategy[EstimandName] = st.sampled_from(
    ["parity", "noise_floor", "quality", "preference"]
)
QUALITY = st.sampled_from([0.0, 0.25, 0.5, 1.0])
MAYBE = st.none() | QUALITY
ANSWERS = st.lists(st.sampled_from("abc"), max_size=12)


@FEW
@given(NAMES, MAYBE, QUALITY)
def test_observations_stay_in_range_and_kindness_never_hurts(
    name: EstimandName, candidate: float | None, baseline: float
) -> None:
    what = estimand(name, 0.05)
    seen = observe(what, candidate, baseline)
    assert what.low <= seen.value <= seen.value_if_kind <= 1.0
    if candidate is not None:
        assert seen.value == seen.value_if_kind


@FEW
@given(NAMES, MAYBE, MAYBE, QUALITY, QUALITY)
def test_no_answer_is_better_for_a_certificate_than_a_missing_one(
    name: EstimandName,
    candidate: float | None,
    baseline: float | None,
    any_candidate: float,
    any_baseline: float,
) -> None:
    what = estimand(name, 0.05)
    worst = observe(what, candidate, baseline)
    given_one = observe(
        what,
        any_candidate if candidate is None else candidate,
        any_baseline if baseline is None else baseline,
    )
    assert worst.value <= given_one.value
    assert worst.value_if_kind >= given_one.value_if_kind


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

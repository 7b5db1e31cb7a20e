"""Laws of observations."""

from hypothesis import given, settings
from hypothesis import strategies as st
from makers import arm, estimand

from parity_eval.observations import coin, falls_short, of_floor, of_label, of_values
from parity_eval.records import EstimandName, RequestId
from parity_eval.stats.labels import label_subsample
from parity_eval.stats.noise_floor import floor_subsample, self_agreement_subsample

FEW = settings(max_examples=60, deadline=None)
NAMES: st.SearchStrategy[EstimandName] = st.sampled_from(
    ["parity", "noise_floor", "quality", "preference"]
)
QUALITY = st.sampled_from([0.0, 0.25, 0.5, 1.0])
MAYBE = st.none() | QUALITY
YES_NO = st.sampled_from([0.0, 1.0])
SHARES = st.sampled_from([0.1, 0.25, 0.5, 1.0])


@FEW
@given(NAMES, MAYBE, QUALITY)
def test_observations_stay_in_range_and_kindness_never_hurts(
    name: EstimandName, candidate: float | None, baseline: float
) -> None:
    what = estimand(name, 0.05)
    seen = of_values(what, candidate, baseline)
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
    worst = of_values(what, candidate, baseline)
    given_one = of_values(
        what,
        any_candidate if candidate is None else candidate,
        any_baseline if baseline is None else baseline,
    )
    assert worst.value <= given_one.value
    assert worst.value_if_kind >= given_one.value_if_kind


@FEW
@given(YES_NO | st.none(), YES_NO | st.none(), SHARES, st.lists(st.tuples(YES_NO, YES_NO)))
def test_what_is_unknown_of_the_floor_is_worst_once_and_best_once(
    candidate: float | None, second: float | None, share: float, before: list[tuple[float, float]]
) -> None:
    """Whatever the missing answers were, the two terms enclose the term they would have made."""
    chances = (1.0, share)
    difference = floor_subsample(chances=chances).start()
    floor = self_agreement_subsample(chances=chances).start()
    for own, agrees in before:
        _, difference = difference.update(int(own), agrees)
        _, floor = floor.update(int(own), agrees)
    chance = chances[int(candidate or 0)]
    main, own_floor = of_floor(candidate, second, chance=chance, is_drawn=True)
    assert main.measured is not None
    assert own_floor.measured is not None
    term, _ = difference.update(main.measured.group, main.measured.value)
    low, _ = floor.update(own_floor.measured.group, own_floor.measured.value)
    # Only answers that fall into the same class could have been drawn with the same chance.
    for agrees in [0.0, 1.0] if second is None else [second]:
        truth, _ = difference.update(main.measured.group, agrees)
        assert term.value <= truth.value + 1e-12
        assert truth.value <= term.value + main.measured.slack + 1e-12
        of_floor_alone, _ = floor.update(own_floor.measured.group, agrees)
        assert low.value <= of_floor_alone.value + 1e-12
        assert of_floor_alone.value <= low.value + own_floor.measured.slack + 1e-12
    assert term.value + main.measured.slack <= term.upper + 1e-12
    assert low.value + own_floor.measured.slack <= low.upper + 1e-12


@FEW
@given(st.sampled_from([0, 1, 2]), MAYBE, SHARES)
def test_a_missing_label_leaves_the_term_between_its_ends(
    group: int, label: float | None, share: float
) -> None:
    chances = (1.0, share, 1.0)
    state = label_subsample(chances=chances, prior_means=(0.4, 0.98, 0.98)).start()
    found = of_label(group, label, chance=chances[group], is_drawn=True, judged=1.0)
    assert found.measured is not None
    term, _ = state.update(group, found.measured.value)
    for truth in [0.0, 0.3, 1.0] if label is None else [label]:
        known, _ = state.update(group, truth)
        assert term.value <= known.value + 1e-12
        assert known.value <= term.value + found.measured.slack + 1e-12
    assert term.value + found.measured.slack <= term.upper + 1e-12


@FEW
@given(st.integers(0, 2**31), st.text(min_size=1, max_size=5))
def test_a_coin_depends_on_names_only(seed: int, name: str) -> None:
    toss = coin(seed, arm("t", "c"), RequestId(name))
    assert 0 <= toss < 1
    assert toss == coin(seed, arm("t", "c"), RequestId(name))
    assert toss != coin(seed, arm("t", "d"), RequestId(name))


def test_coins_are_fair() -> None:
    tosses = [coin(1, arm(), RequestId(str(i))) for i in range(20_000)]
    for share in (0.1, 0.25, 0.5):
        found = sum(toss < share for toss in tosses) / len(tosses)
        # Four standard errors; the seed is fixed.
        assert abs(found - share) < 4 * (share * (1 - share) / len(tosses)) ** 0.5


@FEW
@given(NAMES, QUALITY, QUALITY)
def test_a_better_answer_never_falls_short_where_a_worse_one_does_not(
    name: EstimandName, own: float, other: float
) -> None:
    better = min(1.0, own + 0.25)
    assert falls_short(name, own, other) or not falls_short(name, better, other)
    assert falls_short(name, None, other)

import numpy as np
import pytest

from parity_eval.smallest import Smallest, key_of


def kept(keys: list[int], most: int) -> Smallest[int]:
    made: Smallest[int] = Smallest(most)
    for key in keys:
        if made.admits(key):
            made.values[key] = made.values.get(key, 0) + 1
    return made


KEYS = [key_of(str(i % 1000)) for i in range(4000)]


def test_all_is_kept_where_there_is_room() -> None:
    made = kept(KEYS, 1000)
    assert (made.is_whole, made.n_distinct, made.share) == (True, 1000, 1.0)
    assert set(made.values.values()) == {4}


@pytest.mark.parametrize("seed", range(3))
def test_the_smallest_are_kept_whole_in_whatever_order(seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(KEYS))
    made = kept([KEYS[i] for i in order], 100)
    assert made.values == dict.fromkeys(sorted(set(KEYS))[:100], 4)
    assert not made.is_whole


def test_the_estimate_of_distinct_keys_is_unbiased() -> None:
    found = [
        kept([key_of(f"{trial}-{i}") for i in range(2000)], 50).n_distinct for trial in range(200)
    ]
    # One estimate has a relative error of 1/sqrt(48), their mean one of 1%.
    assert np.mean(found) == pytest.approx(2000, rel=0.04)


def test_surrogates_have_a_place_too() -> None:
    assert key_of("\ud800") != key_of("?")

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from parity_eval.records import ModelName, Served
from parity_eval.served import Witness

BIG, JUDGE = ModelName("big"), ModelName("judge")


def by(fingerprint: str | None, who: ModelName = BIG) -> Served:
    return Served(who=who, model="m-1", fingerprint=fingerprint)


def first_change(prints: Sequence[str | None]) -> int | None:
    witness = Witness()
    return next((i for i, name in enumerate(prints) if witness.see([by(name)])), None)


class TestModels:
    def test_one_model_is_no_change(self) -> None:
        witness = Witness()
        assert all(witness.see([by(None)]) is None for _ in range(300))

    def test_another_model_is_told_with_both_names(self) -> None:
        witness = Witness()
        witness.see([by(None)])
        now = Served(who=BIG, model="m-2", fingerprint=None)
        assert witness.see([now]) == "big was served as m-1 at first and as m-2"

    def test_every_role_is_watched_by_itself(self) -> None:
        witness = Witness()
        judge = Served(who=JUDGE, model="j-1", fingerprint=None)
        assert witness.see([by(None), judge]) is None
        assert witness.see([by(None), judge]) is None
        other = Served(who=JUDGE, model="j-2", fingerprint=None)
        assert witness.see([by(None), other]) == "judge was served as j-1 at first and as j-2"

    def test_an_endpoint_that_does_not_say_has_not_changed(self) -> None:
        witness = Witness()
        for model in ("m-1", None, "m-1"):
            assert witness.see([Served(who=BIG, model=model, fingerprint=None)]) is None


class TestFingerprints:
    @given(st.lists(st.sampled_from(["a", "b", "c", None]), max_size=300), st.integers(0, 2))
    def test_replicas_may_take_turns(self, turns: list[str | None], kept: int) -> None:
        # Whatever comes after: one of the first is back in every fifty.
        prints = ["abc"[kept], *turns]
        assert first_change([name for p in prints for name in (p, "abc"[kept])]) is None

    def test_a_new_system_for_good_is_a_change_after_fifty_answers(self) -> None:
        assert first_change(["a"] * 70 + ["b"] * 49) is None
        assert first_change(["a"] * 70 + ["b"] * 60) == 70 + 49

    def test_an_old_replica_that_is_still_there_is_no_change(self) -> None:
        late = (["b"] * 30 + ["a"]) * 20
        assert first_change(["a"] * 60 + late) is None

    def test_answers_without_one_say_nothing(self) -> None:
        assert first_change(["a"] * 50 + [None] * 500) is None
        assert first_change([None] * 500 + ["a"] * 50 + [None, "b"] * 50) == 500 + 50 + 99

    def test_what_differs_from_answer_to_answer_names_no_system(self) -> None:
        assert first_change([str(i) for i in range(500)]) is None

    def test_the_change_names_both_sides(self) -> None:
        witness = Witness()
        told = [witness.see([by(name)]) for name in ["a", "b"] * 30 + ["x"] * 50]
        assert told[-1] == "big was served by a, b at first and by x"

from collections.abc import Sequence

import numpy as np
import pytest
from task_logs import prose, words

from parity_eval.discovery.templates import Document, Group, groups

RNG = np.random.default_rng(7)
VOICE = (
    "You work for a small shop. Be kind, be brief, never promise a date that you do not know, and "
    "never speak of other shops. Amounts are written with their currency, names as given."
)


def doc(user: str, system: str = "", *, schema: str = "", tool: str = "", nature: str = "text",
        ) -> Document:  # fmt: skip
    return Document(texts=(system, user, schema, tool), nature=nature)


def free(n: int, system: str = "", nature: str = "text") -> list[Document]:
    return [doc(prose(RNG, 2), system, nature=nature) for _ in range(n)]


def sizes(found: Sequence[Group]) -> list[int]:
    return [len(group.members) for group in found]


class TestWhatIsATemplate:
    def test_a_system_prompt(self) -> None:
        rows = [*free(30, "Rate the mood of a message."), *free(20, "Be brief."), *free(50)]
        found = groups(rows, least=5)
        assert sizes(found) == [30, 20]
        assert found[0].members == tuple(range(30))
        assert found[1].constants == (("Be brief.",), (), (), ())

    def test_one_with_values_filled_in(self) -> None:
        rows = [
            *(doc(prose(RNG), f"Today is {i} May. Write a recap for {words(RNG, 1, 2)}. Be brief.")
              for i in range(30)),
            *free(40),
        ]  # fmt: skip
        (found,) = groups(rows, least=5)
        assert found.members == tuple(range(30))
        assert found.constants[0] == ("Today is", "May. Write a recap for", ". Be brief.")

    def test_a_user_message_with_its_data_anywhere(self) -> None:
        rows = [
            *(doc(f"{prose(RNG)}\n---\nTranslate the text above to plain English, please.")
              for _ in range(40)),
            *(doc(f"Ticket: {words(RNG, 2, 9)}\nWho should see this ticket? Answer in one word.")
              for _ in range(30)),
            *free(30),
        ]  # fmt: skip
        assert sizes(groups(rows, least=5)) == [40, 30]

    def test_a_schema_behind_one_prompt(self) -> None:
        system = "You read documents and return what they say."
        rows = [doc(prose(RNG), system, schema=name) for name in ("invoice", "order") * 20]
        found = groups(rows, least=5)
        assert sizes(found) == [20, 20]
        assert {group.constants[2] for group in found} == {("invoice",), ("order",)}

    def test_user_templates_behind_one_prompt(self) -> None:
        rows = [
            *(doc(f"Summarise this mail:\n{prose(RNG)}", VOICE) for _ in range(30)),
            *(doc(f"Write a reply to this mail:\n{prose(RNG)}", VOICE) for _ in range(30)),
            *free(40, VOICE),
        ]
        found = groups(rows, least=5)
        assert sizes(found) == [40, 30, 30]
        assert len(found[0].frame) == 100

    def test_a_part_of_a_long_prompt_whose_answers_are_of_another_sort(self) -> None:
        part = "Say which of our teams has to see this."
        rows = [*free(30, f"{VOICE}\n{part}", "short"), *free(50, f"{VOICE}\nHelp the customer.")]
        assert sizes(groups(rows, least=5)) == [50, 30]

    def test_an_ending_of_messages_whose_answers_are_of_another_sort(self) -> None:
        ending = "This came through the order form of our shop."
        rows = [
            *(doc(f"{prose(RNG)}\n{ending}", VOICE, nature="JSON") for _ in range(30)),
            *free(50, VOICE),
        ]
        assert sizes(groups(rows, least=5)) == [50, 30]
        alike = [Document(texts=row.texts, nature="text") for row in rows]
        assert sizes(groups(alike, least=5)) == [80]

    def test_tools_only_where_nothing_else_is_said(self) -> None:
        bare = [doc(prose(RNG), tool=name) for name in ("search", "book") * 20]
        assert sizes(groups(bare, least=5)) == [20, 20]
        told = [doc(prose(RNG), VOICE, tool=name) for name in ("search", "book") * 20]
        assert sizes(groups(told, least=5)) == [40]


class TestWhatIsNone:
    def test_what_people_type(self) -> None:
        openings = ("How do I", "What is the", "Can you please tell me")
        rows = [doc(f"{openings[i % 3]} {words(RNG, 4, 12)}?") for i in range(200)]
        assert groups(rows, least=5) == ()

    def test_values_with_many_words(self) -> None:
        blocks = [prose(RNG, 2) for _ in range(6)]
        rows = [doc(prose(RNG), f"{VOICE}\nCustomer: {blocks[i % 6]}") for i in range(120)]
        assert sizes(groups(rows, least=5)) == [120]

    def test_an_edited_prompt(self) -> None:
        edited = VOICE.replace("be brief, never promise a date", "write two lines, name no day")
        (found,) = groups([*free(40, VOICE), *free(40, edited)], least=5)
        assert len(found.members) == 80
        # Nobody can tell a new wording from a feature of its own, so it is said.
        assert found.variants == (
            (", be brief, never promise a date that", 40),
            (", write two lines, name no day that", 40),
        )

    def test_a_small_edit_is_not_worth_a_word(self) -> None:
        (found,) = groups([*free(40, VOICE), *free(40, VOICE.replace("kind", "nice"))], least=5)
        assert (len(found.members), found.variants) == (80, ())

    def test_documents_that_come_again(self) -> None:
        documents = [prose(RNG, 8) for _ in range(5)]
        rows = [
            doc(f"Answer from the text below.\n{documents[i % 5]}\nQuestion: {words(RNG, 4, 9)}?")
            for i in range(100)
        ]
        assert sizes(groups(rows, least=5)) == [100]

    @pytest.mark.parametrize("size", [3, 1])
    def test_many_passages_that_come_again(self, size: int) -> None:
        passages = [prose(RNG, 6) for _ in range(60)]
        rows = [
            doc("\n".join(passages[i] for i in RNG.choice(60, size)) + f" {words(RNG, 3, 9)}?")
            for _ in range(1500)
        ]
        assert groups(rows, least=8) == ()

    @pytest.mark.parametrize("form", ["{}", "{}\nAnswer in two sentences."])
    def test_passages_in_the_system_prompt(self, form: str) -> None:
        passages = [prose(RNG, 8) for _ in range(30)]
        system = "Answer from these passages.\n" + form
        rows = [doc(words(RNG, 4, 9), system.format(passages[i % 30])) for i in range(600)]
        assert sizes(groups(rows, least=5)) == [600]

    def test_few_passages_within_the_system_prompt(self) -> None:
        passages = [prose(RNG, 8) for _ in range(4)]
        rows = [
            doc(words(RNG, 4, 9), f"Use this.\n{passages[i % 4]}\nAnswer in two sentences.")
            for i in range(120)
        ]
        assert sizes(groups(rows, least=5)) == [120]

    def test_greetings_in_what_a_prompt_is_about(self) -> None:
        hellos = ("Good morning, this is the shop on the corner.", "Hello, Robin is speaking here.")
        rows = [doc(f"{hellos[i % 2]}\n{prose(RNG)}", VOICE) for i in range(100)]
        assert sizes(groups(rows, least=5)) == [100]

    def test_too_few(self) -> None:
        rows = [*free(4, "Rate the mood of a message."), *free(60)]
        assert groups(rows, least=5) == ()
        assert groups([], least=5) == ()
        assert groups(free(1), least=1) != ()


def test_the_order_plays_no_part() -> None:
    rows = [*free(30, VOICE), *free(20, "Rate the mood of a message."), *free(30)]
    first = groups(rows, least=5)
    order = np.random.default_rng(3).permutation(len(rows))
    again = groups([rows[i] for i in order], least=5)
    assert [group.constants for group in again] == [group.constants for group in first]
    back = [tuple(sorted(int(order[i]) for i in group.members)) for group in again]
    assert back == [group.members for group in first]


@pytest.mark.parametrize("text", ["", "\n", "\ud800", "a\x00b", "???", "[*] {}", "字" * 5_000])
def test_odd_texts(text: str) -> None:
    rows = [doc(text, text) for _ in range(10)]
    assert sum(sizes(groups(rows, least=5))) in (0, 10)

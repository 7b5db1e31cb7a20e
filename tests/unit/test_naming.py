import pytest

from parity_eval.discovery.naming import own_or_unique, slug, unique


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("You are a content moderator. Decide what to do.", "content-moderator"),
        ("You are an assistant. Translate to German.", "translate-german"),
        ("Summarise the call for the shop's inbox in three", "summarise-call-shop-s"),
        ("InvoiceFields", "invoice-fields"),
        ("extract_line_items", "extract-line-items"),
        ("Is it?", "is-it"),
        ("商品の説明", "商品の説明"),
        (" ... ", ""),
        ("x" * 90, "x" * 40),
    ],
)
def test_a_slug_has_the_telling_words(text: str, name: str) -> None:
    assert slug(text) == name


def test_no_name_comes_twice() -> None:
    taken: set[str] = set()
    found = [unique(["Rate it", "Sort mails"], taken) for _ in range(4)]
    assert found == ["rate", "sort-mails", "rate-2", "rate-3"]
    assert unique(["..."], taken) == "task"


def test_the_name_of_the_log_is_kept_where_it_can_be() -> None:
    taken = {"other"}
    assert own_or_unique("tools/simple", ["tools/simple"], taken) == "tools/simple"
    assert own_or_unique("tools/simple", ["tools/simple"], taken) == "tools-simple"
    assert own_or_unique("a\nb", ["a\nb"], taken) == "b"
    assert own_or_unique("x" * 81, ["long"], taken) == "long"
    assert own_or_unique("other", ["other"], taken) == "other-2"

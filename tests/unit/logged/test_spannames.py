import pytest

from parity_eval.logged import spannames


@pytest.mark.parametrize(
    "name",
    [
        *("ChatOpenAI", "AzureChatOpenAI", "openai.chat.completions.create", "Chat Completion"),
        *("OpenAI-generation", "litellm-acompletion", "anthropic.messages.create", "", None, "42"),
        *("AsyncCompletions", "ChatAnthropic", "Completions", "generate_content"),
    ],
)
def test_names_that_libraries_give(name: str | None) -> None:
    assert spannames.chosen(name) is None


@pytest.mark.parametrize("name", ["triage_step", "Write reply", "ChatSupport", "rag-answer"])
def test_names_that_people_chose(name: str) -> None:
    assert spannames.chosen(name) == name

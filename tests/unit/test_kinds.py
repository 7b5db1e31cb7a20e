from dataclasses import replace

import pytest
from makers import entry

from parity_eval.kinds import is_free_text, kind_from_answers, kind_from_requests, nature
from parity_eval.records import Finish, JsonValue, Kind, LogEntry, Response, ToolCall

FREE = (Kind.GENERATION, "answers are free text")
UNKNOWN = (Kind.GENERATION, "no answers to go by")


def answered(*answers: str | Response | None, asked: str | None = None) -> list[LogEntry]:
    return [entry(str(i), asked, answer=answer) for i, answer in enumerate(answers)]


def call(text: str = "") -> Response:
    return Response(
        text=text,
        tool_calls=(ToolCall(name="search", arguments="{}"),),
        finish=Finish.TOOL_CALLS,
    )


class TestKindFromRequests:
    def test_the_log_says_so(self) -> None:
        rows = [entry("1", metadata={"kind": "moderation"}), entry("2")]
        assert kind_from_requests(rows) == (Kind.MODERATION, "the log's metadata.kind")

    def test_a_tie_does_not_depend_on_the_order(self) -> None:
        rows = [entry("1", metadata={"kind": k}) for k in ("moderation", "extraction")]
        assert kind_from_requests(rows) == kind_from_requests(rows[::-1])

    @pytest.mark.parametrize("kind", ["poetry", ["moderation"], {"a": 1}, 3, None])
    def test_what_is_no_kind_says_nothing(self, kind: JsonValue) -> None:
        assert kind_from_requests([entry("1", metadata={"kind": kind})]) is None

    def test_tools(self) -> None:
        tools: list[JsonValue] = [{"type": "function"}]
        rows = [entry("1", body={"tools": tools}), entry("2", body={"tools": tools})]
        assert kind_from_requests(rows) == (Kind.TOOL_CALL, "every request has tools")
        assert kind_from_requests([*rows, entry("3")]) is None

    def test_requests_that_the_log_cut_do_not_tell(self) -> None:
        tools = entry("1", body={"tools": [{"type": "function"}]})
        cut = replace(entry("2"), unreplayable="the log cut its text")
        assert kind_from_requests([tools, cut]) == (Kind.TOOL_CALL, "every request has tools")
        assert kind_from_requests([cut]) is None

    @pytest.mark.parametrize("form", ["json_schema", "json_object"])
    def test_json(self, form: str) -> None:
        rows = [entry("1", body={"response_format": {"type": form}})]
        assert kind_from_requests(rows) == (Kind.STRUCTURED, "every request asks for JSON")

    def test_nothing(self) -> None:
        assert kind_from_requests([]) is None

    def test_what_is_read_from_a_document_is_extraction(self) -> None:
        body: dict[str, JsonValue] = {"response_format": {"type": "json_object"}}
        rows = [entry(str(i), "Extract the total: 3", body=body) for i in range(9)]
        why = "every request asks for JSON; 9 of 9 requests speak of extraction"
        assert kind_from_requests(rows) == (Kind.EXTRACTION, why)
        other = [entry("9", "Rate it", body=body), entry("10", "Rate it", body=body)]
        assert kind_from_requests([*rows, *other]) == (
            Kind.STRUCTURED,
            "every request asks for JSON",
        )


class TestKindFromAnswers:
    @pytest.mark.parametrize(
        ("answers", "why"),
        [
            (["spam ", "ham", "spam", "ham"], "2 short answers repeat over 4 rows"),
            ([f"intent_{i}" for i in range(60)], "60 answers of at most 3 words"),
            (["spam"] * 19 + ["x" * 61], "1 short answers repeat over 19 rows"),
            (["It is a dog.", "That looks like a cat."], "2 short answers, too few to see"),
        ],
    )
    def test_short_answers_are_compared_strictly(self, answers: list[str], why: str) -> None:
        kind, told = kind_from_answers(answered(*answers))
        assert kind is Kind.CLASSIFICATION
        assert told.startswith(why)

    def test_labels_that_the_request_lists(self) -> None:
        labels = [f"label number {i} of many" for i in range(30)]
        rows = answered(*labels, asked="One of: " + "; ".join(labels))
        assert kind_from_answers(rows) == (
            Kind.CLASSIFICATION,
            "30 of 30 short answers stand in their own requests",
        )

    @pytest.mark.parametrize(
        "answers",
        [
            ["x" * 61] * 4,
            [f"A title of {i} words" for i in range(20)],
            ["spam"] * 17
            + ["I am not sure whether this is spam, to be honest. It may well be."] * 3,
            ["短い商品の説明をここに三行で書いておきますね"] * 20,
        ],
    )
    def test_all_else_is_free_text(self, answers: list[str | None]) -> None:
        assert kind_from_answers(answered(*answers)) == FREE

    def test_answers_that_did_not_end_say_nothing(self) -> None:
        assert kind_from_answers([]) == UNKNOWN
        assert kind_from_answers(answered(None, None, " ")) == UNKNOWN
        cut = Response(text="spam", finish=Finish.LENGTH)
        assert kind_from_answers(answered(cut, cut, cut, cut)) == UNKNOWN

    def test_json_and_calls(self) -> None:
        found = kind_from_answers(answered(*['```json\n{"a": 1}\n```'] * 9, "Sorry, no."))
        assert found == (Kind.STRUCTURED, "9 of 10 answers are JSON")
        assert kind_from_answers(answered(*["[1]"] * 8, "No", "no"))[0] is not Kind.STRUCTURED
        assert kind_from_answers(answered(*[call()] * 9, "Which day?")) == (
            Kind.TOOL_CALL,
            "9 of 10 answers call a tool",
        )

    @pytest.mark.parametrize(
        ("asked", "answer", "kind"),
        [
            ("Summarise the call: hello", "x " * 60, Kind.SUMMARIZATION),
            ("Answer the question from the passages", "x " * 60, Kind.RAG_ANSWER),
            ("Reply to the customer", "x " * 60, Kind.SUPPORT_REPLY),
            ("Give five keywords for the shop", "x " * 60, Kind.ENRICHMENT),
            ("Is the comment toxic?", "no", Kind.MODERATION),
            ("Summarise the call: hello", "no", Kind.CLASSIFICATION),
            ("Is the comment toxic? Say why.", "x " * 60, Kind.GENERATION),
        ],
    )
    def test_words_refine_what_the_answers_show(self, asked: str, answer: str, kind: Kind) -> None:
        assert kind_from_answers(answered(*[answer] * 5, asked=asked))[0] is kind

    def test_words_of_some_requests_say_nothing(self) -> None:
        rows = answered(*["x " * 60] * 8, asked="Summarise") + answered(*["x " * 60] * 2)
        assert kind_from_answers(rows) == FREE


@pytest.mark.parametrize(
    ("answer", "sort"),
    [
        (None, ""),
        (Response(text="yes"), "short"),
        (Response(text="x" * 61), "text"),
        (Response(text=" ```\n[1]```"), "JSON"),
        (call("Let me see"), "tool call"),
    ],
)
def test_sorts_of_answers(answer: Response | None, sort: str) -> None:
    assert nature(answer) == sort


def test_free_text() -> None:
    assert is_free_text(Kind.SUPPORT_REPLY)
    assert not is_free_text(Kind.CLASSIFICATION)

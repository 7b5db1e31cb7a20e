from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import model, request

from parity_eval import fidelity
from parity_eval.records import (
    Answer,
    Call,
    Capabilities,
    Finish,
    Hole,
    JsonValue,
    Missing,
    ModelName,
    ModelSpec,
    Prompt,
    Purpose,
    Response,
    TaskName,
)
from parity_eval.wire import classify_error

LIVE = model("small", is_live=True)
TOOL: JsonValue = {"type": "function", "function": {"name": "f", "parameters": {}}}
SCHEMA: JsonValue = {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}
TASK = TaskName("triage")


def able(**known: Any) -> ModelSpec:  # noqa: ANN401 - capabilities
    return replace(LIVE, capabilities=Capabilities(**known))


def part(kind: str) -> JsonValue:
    return [{"role": "user", "content": [{"type": "text", "text": "see"}, {"type": kind}]}]


def turn(**fields: JsonValue) -> JsonValue:
    return [{"role": "user", "content": "hi"}, {"role": "assistant", "content": None, **fields}]


class TestLacks:
    @pytest.mark.parametrize(
        ("body", "capability", "words"),
        [
            ({"tools": [TOOL]}, "tools", "no tool support"),
            ({"functions": [{"name": "f"}]}, "tools", "no tool support"),
            ({"messages": turn(tool_calls=[{"id": "1"}])}, "tools", "no tool support"),
            ({"messages": [{"role": "tool", "content": "4"}]}, "tools", "no tool support"),
            (
                {"tools": [TOOL], "tool_choice": "required"},
                "tool_choice",
                "cannot be told which tool to call",
            ),
            (
                {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}},
                "tool_choice",
                "cannot be told which tool to call",
            ),
            ({"response_format": SCHEMA}, "json_schema", "no JSON Schema for answers"),
            ({"messages": part("image_url")}, "vision", "takes no images"),
            ({"messages": part("input_audio")}, "audio", "takes no sound"),
            ({"messages": part("file")}, "files", "takes no documents"),
        ],
    )
    def test_what_a_request_needs_and_the_candidate_cannot(
        self, body: dict[str, JsonValue], capability: str, words: str
    ) -> None:
        asked = request("r", None, **body)
        assert fidelity.lacks(asked, able(**{capability: False})) == (words,)
        assert fidelity.lacks(asked, able(**{capability: True})) == ()
        assert fidelity.lacks(asked, LIVE) == ()

    @pytest.mark.parametrize(
        "body",
        [
            {"tools": []},
            {"tools": [TOOL], "tool_choice": "auto"},
            {"tools": [TOOL], "tool_choice": "none"},
            {"response_format": {"type": "json_object"}},
            {"messages": part("text")},
        ],
    )
    def test_what_a_request_does_not_need(self, body: dict[str, JsonValue]) -> None:
        spec = able(tool_choice=False, json_schema=False, vision=False, audio=False, files=False)
        assert fidelity.lacks(request("r", None, **body), spec) == ()

    def test_an_empty_list_of_tools_needs_none(self) -> None:
        assert fidelity.lacks(request("r", tools=[]), able(tools=False)) == ()

    def test_everything_that_is_lacking_is_named(self) -> None:
        asked = request("r", tools=[TOOL], response_format=SCHEMA)
        found = fidelity.lacks(asked, able(tools=False, json_schema=False))
        assert found == ("no tool support", "no JSON Schema for answers")

    def test_the_configuration_wins_over_the_table(self) -> None:
        listed = replace(LIVE, listed=Capabilities(tools=False, vision=False, context=10))
        asked = request("r", tools=[TOOL])
        assert fidelity.lacks(asked, listed) == ("no tool support",)
        assert fidelity.lacks(asked, replace(listed, capabilities=Capabilities(tools=True))) == ()
        assert fidelity.known(replace(listed, capabilities=Capabilities(tools=True))) == (
            Capabilities(tools=True, vision=False, context=10)
        )

    def test_the_candidates_own_parameters_count(self) -> None:
        own = replace(able(json_schema=False), params={"response_format": {"type": "json_object"}})
        assert fidelity.lacks(request("r", response_format=SCHEMA), own) == ()

    def test_a_template_needs_a_text_of_the_user(self) -> None:
        spec = replace(LIVE, prompt=Prompt(template="<{text}>"))
        silent = request("r", messages=[{"role": "system", "content": "go on"}])
        assert fidelity.lacks(silent, spec) == ("no text of a user for its template",)
        assert fidelity.lacks(request("r"), spec) == ()


class TestSampling:
    spec = able(sampling=False)

    @pytest.mark.parametrize(
        ("body", "named"),
        [
            ({"temperature": 0, "top_p": 0.9}, "temperature, top_p"),
            ({"temperature": 0.7}, "temperature"),
            ({"top_k": 5, "temperature": 1}, "top_k"),
        ],
    )
    def test_parameters_that_the_candidate_rejects(
        self, body: dict[str, JsonValue], named: str
    ) -> None:
        asked = request("r", None, **body)
        (found,) = fidelity.lacks(asked, self.spec)
        assert found.startswith(f"takes no {named} (to leave ")
        assert found.endswith(f"params: {{drop: [{named}]}})")
        drop: list[JsonValue] = [*named.split(", ")]
        dropping = replace(self.spec, params={"drop": drop})
        assert fidelity.lacks(asked, dropping) == ()

    @pytest.mark.parametrize("body", [{}, {"temperature": 1}, {"temperature": 1.0, "seed": 3}])
    def test_parameters_that_it_takes(self, body: dict[str, JsonValue]) -> None:
        assert fidelity.lacks(request("r", None, **body), self.spec) == ()

    def test_the_note_says_how_to_go_on(self) -> None:
        found = fidelity.shortfall(self.spec, TASK, [request("r", temperature=0)])
        assert "(takes no temperature (to leave it out: params: {drop: [temperature]}))" in str(
            found
        )


class TestContext:
    def test_only_what_is_certainly_too_long_counts(self) -> None:
        prose = "It is a truth universally acknowledged, that a single man in possession. " * 100
        # 1,400 tokens or so: not certain to be more than 1,000, certain to be more than 800.
        assert fidelity.lacks(request("r", prose), able(context=1000)) == ()
        (words,) = fidelity.lacks(request("r", prose), able(context=800))
        assert words == "longer than its context of 800 tokens (at least 875)"

    @pytest.mark.parametrize("text", [" " * 100_000, "=" * 100_000, "a" * 50_000 + "\n" * 50_000])
    def test_long_runs_of_one_character_are_few_tokens(self, text: str) -> None:
        assert fidelity.lacks(request("r", text), able(context=100)) == ()

    def test_pictures_count_nothing(self) -> None:
        url: JsonValue = {"url": "data:image/png;base64," + "ab" * 9999}
        parts: list[JsonValue] = [{"type": "image_url", "image_url": url}]
        message: JsonValue = {"role": "user", "content": parts}
        asked = request("r", messages=[message])
        assert fidelity.lacks(asked, able(context=100)) == ()

    def test_tools_arguments_and_parts_count(self) -> None:
        words = " ".join(f"word{i}" for i in range(400))
        for body in (
            {"tools": [{"type": "function", "function": {"name": "f", "description": words}}]},
            {"messages": [{"role": "user", "content": [{"type": "text", "text": words}]}]},
            {"messages": turn(tool_calls=[{"function": {"name": "f", "arguments": words}}])},
        ):
            assert fidelity.lacks(request("r", **body), able(context=100))

    def test_the_prompt_of_the_candidate_counts(self) -> None:
        words = " ".join(f"word{i}" for i in range(400))
        spec = replace(able(context=100), prompt=Prompt(system=words))
        assert fidelity.lacks(request("r"), spec)

    @given(st.text(max_size=300), st.integers(1, 60))
    def test_the_estimate_never_exceeds_one_token_in_eight_characters(
        self, text: str, context: int
    ) -> None:
        found = fidelity.lacks(request("r", text or "x"), able(context=context))
        assert not (found and len(text) <= 8 * context)


class TestRefusal:
    def call(self, spec: ModelSpec) -> Call:
        return Call(
            key="k",
            request=request("r", tools=[TOOL]),
            spec=spec,
            purpose=Purpose.CANDIDATE,
            task=TASK,
        )

    def test_it_is_an_answer_that_fails_and_says_why(self) -> None:
        assert fidelity.refusal(self.call(able(tools=False))) == Response(
            text="", finish=Finish.REJECTED, detail="not sent to small: no tool support"
        )

    def test_what_can_be_sent_is_sent(self) -> None:
        assert fidelity.refusal(self.call(LIVE)) is None


class TestShortfall:
    asked = [request("a", tools=[TOOL]), request("b"), request("c", tools=[TOOL])]  # noqa: RUF012

    def test_counts_by_reason(self) -> None:
        found = fidelity.shortfall(able(tools=False), TASK, self.asked)
        assert str(found) == (
            "candidate 'small' cannot take 2 of 3 requests of task 'triage' (no tool support); "
            "they count against it, at no cost"
        )

    def test_says_that_the_table_can_be_overridden(self) -> None:
        spec = replace(LIVE, listed=Capabilities(tools=False, json_schema=False))
        asked = [*self.asked, request("d", tools=[TOOL], response_format=SCHEMA)]
        assert str(fidelity.shortfall(spec, TASK, asked)) == (
            "candidate 'small' cannot take 3 of 4 requests of task 'triage' (no tool support, "
            "no JSON Schema for answers: 1); they count against it, at no cost (litellm's table "
            "says so; the candidate's `capabilities` override it)"
        )

    def test_requests_of_many_lengths_have_one_reason(self) -> None:
        long = [request(f"r{n}", " ".join(f"w{i}" for i in range(n))) for n in (900, 1000)]
        found = fidelity.shortfall(able(context=100), TASK, long)
        assert found is not None
        assert found.reasons == {"longer than its context of 100 tokens": 2}

    def test_nothing_to_tell(self) -> None:
        assert fidelity.shortfall(LIVE, TASK, self.asked) is None
        assert fidelity.shortfall(able(tools=True), TASK, self.asked) is None

    def test_a_recording_has_answered(self) -> None:
        tape = replace(model("tape"), capabilities=Capabilities(tools=False))
        assert fidelity.shortfall(tape, TASK, self.asked) is None


class TestOmission:
    asked = [  # noqa: RUF012
        request("a", tools=[{"type": "function", "function": {"name": "f", "strict": True}}]),
        request("b", messages=[{"role": "user", "name": "ann", "content": "hi"}]),
        request("c", tools=[TOOL]),
    ]

    @pytest.mark.parametrize(
        ("model_id", "changes"),
        [
            ("anthropic/claude-sonnet-4-5", {}),
            ("anthropic/claude-sonnet-4-5", {"api_base": "http://x/v1"}),
            ("claude-sonnet-4-5", {}),
            ("vertex_ai/claude-sonnet-4-5", {}),
        ],
    )
    def test_counts_what_a_vendor_has_no_word_for(
        self, model_id: str, changes: dict[str, str]
    ) -> None:
        spec = replace(LIVE, model=model_id, **changes)  # type: ignore[arg-type]
        assert str(fidelity.omission(spec, TASK, self.asked)) == (
            "candidate 'small' is asked some of the 3 requests of task 'triage' without a part "
            "that its API has no word for (`strict` of tools: 1, `name` of messages: 1)"
        )

    @pytest.mark.parametrize(
        ("model_id", "changes"),
        [
            ("openai/gpt-4o", {}),
            ("claude-sonnet-4-5", {"api_base": "http://x/v1"}),
            ("openrouter/anthropic/claude-sonnet-4-5", {}),
            ("anthropic/claude-sonnet-4-5", {"transport": "direct"}),
            ("recorded", {}),
        ],
    )
    def test_openais_own_words_say_everything(self, model_id: str, changes: dict[str, str]) -> None:
        spec = replace(LIVE, model=model_id, **changes)  # type: ignore[arg-type]
        assert fidelity.omission(spec, TASK, self.asked) is None

    def test_a_json_mode_can_be_left_out_on_purpose(self) -> None:
        asked = request("a", response_format={"type": "json_object"})
        claude = replace(LIVE, model="anthropic/claude-sonnet-4-5")
        (why,) = fidelity.lacks(asked, claude)
        assert why.startswith("no JSON mode; capabilities: {json_mode: true}")
        sent = replace(claude, capabilities=Capabilities(json_mode=True))
        assert fidelity.lacks(asked, sent) == ()
        assert "`response_format: json_object`: 1" in str(fidelity.omission(sent, TASK, [asked]))


class TestRefusals:
    seed = classify_error(400, None, None, "Unsupported parameter: 'seed'")
    user = classify_error(400, None, None, "Unsupported parameter: 'user'")
    long = classify_error(400, "context_length_exceeded", None, "too long")
    good = Response(text="yes")
    gone = Missing(hole=Hole.NETWORK, detail="reset")

    def heard(self, *answers: Answer) -> list[Missing | None]:
        refusals = fidelity.Refusals()
        return [refusals.hear(ModelName("small"), answer) for answer in answers]

    def test_the_fifth_in_a_row_stops_the_model(self) -> None:
        *before, fifth = self.heard(*[self.seed] * 5)
        assert before == [None] * 4
        assert fifth is not None
        assert fifth.hole is Hole.UNSUPPORTED
        assert "params: {drop: [seed]}" in fifth.detail
        assert fifth.detail.startswith("5 calls in a row failed for the same parameter: ")

    def test_a_hole_breaks_no_row(self) -> None:
        assert self.heard(*[self.seed] * 4, self.gone, self.seed)[-1] is not None

    @pytest.mark.parametrize("other", ["good", "user", "long"])
    def test_any_other_answer_does(self, other: str) -> None:
        found = self.heard(*[self.seed] * 4, getattr(self, other), *[self.seed] * 4)
        assert found == [None] * 9

    def test_models_are_heard_apart(self) -> None:
        refusals = fidelity.Refusals()
        found = [
            refusals.hear(ModelName(name), self.seed) for _ in range(4) for name in ("one", "two")
        ]
        assert found == [None] * 8

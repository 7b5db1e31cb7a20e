"""What replay makes of calls that need not be sent, and of parameters that are refused."""

import asyncio
from dataclasses import replace

from makers import model, request, study

from parity_eval.asking import Asking
from parity_eval.providers.fake import Fake
from parity_eval.records import (
    Answer,
    Call,
    Capabilities,
    Finish,
    Hole,
    JsonValue,
    Missing,
    ModelSpec,
    Prompt,
    Purpose,
    Response,
    TaskName,
)
from parity_eval.replay import Replay, ReplaySettings, call_key
from parity_eval.wire import classify_error

TOOLS: JsonValue = [{"type": "function", "function": {"name": "f"}}]
LIVE = model("small", (1.0, 2.0), is_live=True)
UNABLE = replace(LIVE, capabilities=Capabilities(tools=False))
REFUSED = classify_error(400, None, None, "Unsupported parameter: 'seed'")


def call(request_id: str, spec: ModelSpec, **body: JsonValue) -> Call:
    asked = request(request_id, None, **body)
    return Call(
        key=call_key(asked, spec, 0),
        request=asked,
        spec=spec,
        purpose=Purpose.CANDIDATE,
        task=TaskName("triage"),
    )


def answers(
    fake: Fake, journal: list[dict[str, object]], calls: list[Call], usd: float | None = None
) -> list[Answer]:
    replay = Replay({LIVE.name: fake}, journal.append, ReplaySettings(max_cost_usd=usd))

    async def ask() -> list[Answer]:
        return [await replay.answer(each) for each in calls]

    return asyncio.run(ask())


def test_a_call_that_the_candidate_cannot_take_is_never_sent() -> None:
    fake, journal = Fake(answers={}), list[dict[str, object]]()
    (found,) = answers(fake, journal, [call("r", UNABLE, tools=TOOLS)], usd=0.0)
    assert isinstance(found, Response)
    assert found.finish is Finish.REJECTED
    assert fake.calls == []
    (record,) = journal
    assert (record["kind"], record["usd"], record["paid"]) == ("answer", 0.0, False)


def test_a_resumed_run_knows_it() -> None:
    journal = list[dict[str, object]]()
    asked = call("r", UNABLE, tools=TOOLS)
    answers(Fake(answers={}), journal, [asked])
    replay = Replay({LIVE.name: Fake(answers={})}, journal.append, ReplaySettings())
    replay.remember(journal[0])
    before = len(journal)
    assert isinstance(asyncio.run(replay.answer(asked)), Response)
    assert len(journal) == before
    assert replay.spent_usd == 0.0


def test_five_rejections_for_one_parameter_stop_the_model() -> None:
    fake, journal = Fake(answers=lambda _: REFUSED), list[dict[str, object]]()
    found = answers(fake, journal, [call(f"r{i}", LIVE, seed=1) for i in range(9)])
    assert [isinstance(each, Response) for each in found] == [True] * 5 + [False] * 4
    last = found[-1]
    assert isinstance(last, Missing)
    assert last.hole is Hole.UNSUPPORTED
    assert len(fake.calls) == 5


def test_a_parameter_that_is_known_to_be_rejected_stops_the_model_before_any_call() -> None:
    spec = replace(LIVE, listed=Capabilities(sampling=False))
    fake, journal = Fake(answers={}), list[dict[str, object]]()
    found = answers(fake, journal, [call(f"r{i}", spec, temperature=0) for i in range(9)])
    assert [isinstance(each, Response) for each in found] == [True] * 4 + [False] * 5
    last = found[-1]
    assert isinstance(last, Missing)
    assert last.hole is Hole.UNSUPPORTED
    assert "params: {drop: [temperature]}" in last.detail
    assert fake.calls == []
    assert sum(float(str(record["usd"])) for record in journal) == 0.0


def test_a_line_that_the_configuration_lacks_is_never_held_against_the_candidate() -> None:
    given = study(LIVE)
    asking = Asking(
        study=replace(given, run=replace(given.run, missing="fail")),
        ruled={},
        replay=Replay({}, list[dict[str, object]]().append, ReplaySettings()),
    )
    assert not asking.counts(Missing(hole=Hole.UNSUPPORTED, detail="seed"))
    assert asking.counts(Missing(hole=Hole.SERVER, detail="busy"))


def test_an_answer_in_between_starts_the_count_anew() -> None:
    def answer(asked: Call) -> Answer:
        return Response(text="yes") if asked.request.id == "r4" else REFUSED

    fake, journal = Fake(answers=answer), list[dict[str, object]]()
    found = answers(fake, journal, [call(f"r{i}", LIVE) for i in range(9)])
    assert all(isinstance(each, Response) for each in found)


def test_a_prompt_is_part_of_a_calls_identity() -> None:
    own = replace(LIVE, prompt=Prompt(system="Be brief."))
    other = replace(LIVE, prompt=Prompt(append_system="Be brief."))
    assert len({call("r", spec).key for spec in (LIVE, own, other)}) == 3

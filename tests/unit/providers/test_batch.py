import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import batch_server
import pytest
from batch_server import serving
from server import default_answer

from parity_eval.batches import BATCHES, Batch, BatchLog
from parity_eval.errors import ConfigError, ParityError
from parity_eval.providers.batch.anthropic import AnthropicBatches
from parity_eval.providers.batch.endpoint import FailedError, Row, Search, Status, read_rows
from parity_eval.providers.batch.endpoints import endpoint_of
from parity_eval.providers.batch.openai import OpenAIBatches
from parity_eval.providers.batch.provider import BatchProvider
from parity_eval.providers.litellm import load
from parity_eval.records import (
    Answer,
    Call,
    Finish,
    Hole,
    JsonValue,
    Missing,
    ModelName,
    ModelSpec,
    Purpose,
    Request,
    RequestId,
    Response,
    TaskName,
)


def spec(api_base: str, model: str = "openai/m", key: str | None = None) -> ModelSpec:
    return ModelSpec(name=ModelName("mini"), model=model, api_base=api_base, api_key_env=key)


def call(item: str, of: ModelSpec) -> Call:
    messages: list[JsonValue] = [{"role": "user", "content": item}]
    return Call(
        key=f"key-of-{item}",
        request=Request(id=RequestId(item), body={"messages": messages, "max_tokens": 5}),
        spec=of,
        purpose=Purpose.CANDIDATE,
        task=TaskName("t"),
    )


Naming: TypeAlias = Callable[[batch_server.Server], ModelSpec]


class Naps:
    """A sleep that takes no time and remembers how long it should have been."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        await asyncio.sleep(0)


def provider(
    server: batch_server.Server,
    log: BatchLog | None = None,
    **changes: Any,  # noqa: ANN401 - its fields
) -> BatchProvider:
    known = changes.pop("spec", spec(server.base_url))
    return BatchProvider(
        spec=known,
        endpoint=endpoint_of(known, 30.0, load),
        sleep=changes.pop("sleep", Naps()),
        clock=lambda: 1_700_000_000.0,
        log=log or BatchLog(),
        **changes,
    )


async def ask(asked: BatchProvider, items: Sequence[str]) -> dict[str, Answer]:
    try:
        found = await asyncio.gather(*(asked.complete(call(item, asked.spec)) for item in items))
    finally:
        await asked.aclose()
    return dict(zip(items, found, strict=True))


def texts(found: dict[str, Answer]) -> dict[str, str]:
    assert all(isinstance(answer, Response) for answer in found.values()), found
    return {item: answer.text for item, answer in found.items() if isinstance(answer, Response)}


def expected(items: Sequence[str]) -> dict[str, str]:
    return {item: default_answer("m", item) for item in items}


def test_calls_go_together_and_each_gets_its_own_answer() -> None:
    items = [f"item {i}" for i in range(20)]
    with serving() as server:
        found = asyncio.run(ask(provider(server), items))
        assert texts(found) == expected(items)
        assert server.asked["POST /batches"] == 1
        (batch,) = server.batches.values()
    first = found["item 0"]
    assert isinstance(first, Response)
    assert first.usage is not None
    assert first.latency_s is None
    assert batch.calls["key-of-item 0"] == {
        "model": "m", "messages": [{"role": "user", "content": "item 0"}], "max_tokens": 5,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("model", "api_base", "transport", "expected"),
    [
        ("openai/m", None, "auto", OpenAIBatches),
        ("openai/m", "http://x/v1", "auto", OpenAIBatches),
        ("m", "http://x/v1", "auto", OpenAIBatches),
        ("openai/m", "http://x/v1", "litellm", None),
        ("azure/m", None, "auto", None),
        ("anthropic/m", None, "auto", AnthropicBatches),
        ("anthropic/m", "http://x/v1", "auto", AnthropicBatches),
        ("groq/m", None, "auto", None),
        ("gpt-4o", None, "auto", None),
    ],
)
def test_which_batch_api_a_model_has(
    model: str,
    api_base: str | None,
    transport: Literal["auto", "litellm"],
    expected: type | None,
) -> None:
    known = replace(spec("", model), api_base=api_base, transport=transport)
    if expected is not None:
        assert isinstance(endpoint_of(known, 1.0, load), expected)
        return
    with pytest.raises(ConfigError, match="no batch API is known"):
        endpoint_of(known, 1.0, load)


def openai(server: batch_server.Server) -> ModelSpec:
    return spec(server.base_url)


def anthropic(server: batch_server.Server) -> ModelSpec:
    return spec(server.base_url, "anthropic/claude-3-5-haiku-20241022")


@pytest.mark.parametrize("of", [openai, anthropic])
def test_every_batch_api_gives_the_same(of: Naming, tmp_path: Path) -> None:
    fates: dict[str, batch_server.Fate] = {
        "fine": "answered", "long": "error", "late": "expired", "gone": "lost",
    }  # fmt: skip
    with serving(fate=lambda item, _attempt: fates[item]) as server:
        known = of(server)
        found = asyncio.run(ask(provider(server, BatchLog.load(tmp_path), spec=known), list(fates)))
        sent = known.model.partition("/")[2]
        fine, long = found["fine"], found["long"]
        assert isinstance(fine, Response)
        assert isinstance(long, Response)
        assert fine.text == default_answer(sent, "fine")
        assert fine.usage is not None
        assert fine.usage.output_tokens > 0
        assert (fine.finish, long.finish) == (Finish.STOP, Finish.REJECTED)
        assert {a.hole for a in found.values() if isinstance(a, Missing)} == {Hole.SERVER}
        assert len(server.batches) == 1
        # The next process finds the batch although its name was not noted.
        without_the_last_record(tmp_path / BATCHES)
        again = provider(server, BatchLog.load(tmp_path), spec=known)
        assert asyncio.run(ask(again, ["fine"])) == {"fine": fine}
        assert len(server.batches) == 1


@pytest.mark.parametrize("of", [openai, anthropic])
def test_every_batch_api_waits_out_trouble_and_sends_once(of: Naming) -> None:
    naps = Naps()

    def shaky(what: str, attempt: int) -> batch_server.Trouble | None:
        if what.startswith("POST") and attempt == 1:
            return "rate_limit"
        if what.startswith("POST") and what.endswith("batches"):
            return "made_then_500"
        return "server_error" if attempt <= 2 else None

    with serving(trouble=shaky) as server:
        known = of(server)
        found = asyncio.run(ask(provider(server, spec=known, sleep=naps), ["a", "b"]))
        assert all(isinstance(answer, Response) for answer in found.values()), found
        assert len(server.batches) == 1
    assert 7.0 in naps.taken


def test_anthropic_is_asked_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-mine")
    with serving() as server:
        known = replace(anthropic(server), api_key_env="MY_KEY")
        asked = provider(server, spec=known)
        asked.check()
        body: dict[str, JsonValue] = {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "hello"},
            ],
            "stop": ["END"],
        }
        fine = call("hello", known)
        fine = replace(fine, request=replace(fine.request, body=body))
        odd = replace(fine, key="odd", request=replace(fine.request, body={**body, "seed": 1}))

        async def both() -> list[Answer]:
            try:
                return [*await asyncio.gather(asked.complete(fine), asked.complete(odd))]
            finally:
                await asked.aclose()

        given, refused = asyncio.run(both())
        ((key, params),) = next(iter(server.batches.values())).calls.items()
        sent = server.headers[0]
    assert isinstance(given, Response)
    assert isinstance(refused, Response)
    assert refused.finish is Finish.REJECTED
    assert "'seed'" in str(refused.detail)
    assert key == "key-of-hello"
    assert params["system"] == [{"type": "text", "text": "Be brief."}]
    assert params["stop_sequences"] == ["END"]
    assert params["max_tokens"] > 0
    assert (sent["x-api-key"], sent["anthropic-version"]) == ("sk-mine", "2023-06-01")
    assert "Authorization" not in sent


def test_another_batch_of_the_same_size_is_not_taken_for_ours(tmp_path: Path) -> None:
    with serving() as server:
        known = anthropic(server)
        log = BatchLog.load(tmp_path)
        asyncio.run(ask(provider(server, log, spec=known), ["a", "b"]))
        asyncio.run(ask(provider(server, spec=known), ["c", "d"]))
        without_the_last_record(tmp_path / BATCHES)
        found = asyncio.run(ask(provider(server, BatchLog.load(tmp_path), spec=known), ["a"]))
        assert isinstance(found["a"], Response)
        assert len(server.batches) == 2


def test_a_full_batch_does_not_wait_and_the_rest_goes_when_nothing_is_added() -> None:
    items = [f"item {i}" for i in range(25)]
    with serving() as server:
        found = asyncio.run(ask(provider(server, size=10), items))
        assert texts(found) == expected(items)
        assert sorted(len(batch.calls) for batch in server.batches.values()) == [5, 10, 10]


def test_equal_calls_make_equal_files() -> None:
    files = []
    for order in (1, -1):
        with serving() as server:
            asyncio.run(ask(provider(server), ["a", "b", "c"][::order]))
            files.append(server.files["file-1"])
    assert files[0] == files[1]


def test_it_is_asked_every_so_often_how_far_it_is() -> None:
    naps = Naps()
    with serving() as server:
        asyncio.run(ask(provider(server, sleep=naps, poll_s=45.0), ["a"]))
        assert server.asked["GET /batches/ID"] == 4
    assert naps.taken == [10.0, 45.0, 45.0, 45.0]


def test_what_became_of_each_call_is_told_apart() -> None:
    fates: dict[str, batch_server.Fate] = {
        "fine": "answered", "long": "error", "late": "expired", "gone": "lost", "two": "twice",
        "page": "html",
    }  # fmt: skip
    with serving(fate=lambda item, _attempt: fates[item]) as server:
        found = asyncio.run(ask(provider(server), list(fates)))
    assert texts({item: found[item] for item in ("fine", "two")}) == expected(["fine", "two"])
    assert isinstance(found["long"], Response)
    assert found["long"].finish is Finish.REJECTED
    holes = {item: a for item, a in found.items() if isinstance(a, Missing)}
    assert {item: hole.hole for item, hole in holes.items()} == dict.fromkeys(
        ("late", "gone", "page"), Hole.SERVER
    )
    assert "batch_expired" in holes["late"].detail
    assert "batch_1 ended (completed) without this answer" in holes["gone"].detail


def test_a_call_that_got_nothing_may_go_into_another_batch() -> None:
    with serving(
        ending=lambda number: "expired" if number == 0 else "completed",
        fate=lambda item, attempt: "expired" if (item, attempt) == ("b", 1) else "answered",
    ) as server:

        async def twice() -> tuple[dict[str, Answer], Answer]:
            asked = provider(server)
            found = await asyncio.gather(*(asked.complete(call(i, asked.spec)) for i in "ab"))
            assert not asked.holds("key-of-b")
            again = await asked.complete(call("b", asked.spec))
            await asked.aclose()
            return dict(zip("ab", found, strict=True)), again

        found, again = asyncio.run(twice())
        assert isinstance(found["b"], Missing)
        assert texts({"a": found["a"], "b": again}) == expected(["a", "b"])
        assert server.items == {("m", "a"): 1, ("m", "b"): 2}


def test_a_batch_that_fails_as_a_whole_blames_no_answer() -> None:
    with serving(ending=lambda _number: "failed") as server:
        found = asyncio.run(ask(provider(server), ["a", "b"]))
    assert all(isinstance(answer, Missing) for answer in found.values())
    assert {str(answer.detail) for answer in found.values()} == {
        "invalid_json_line: the batch failed: Line 1 is not JSON (line 1 of the batch)"
    }


def test_waits_as_long_as_the_endpoint_asks_and_sends_once() -> None:
    naps = Naps()

    def busy(what: str, attempt: int) -> batch_server.Trouble | None:
        return "rate_limit" if what == "POST /batches" and attempt <= 2 else None

    with serving(trouble=busy) as server:
        found = asyncio.run(ask(provider(server, sleep=naps, poll_s=5.0), ["a"]))
        assert texts(found) == expected(["a"])
        assert len(server.batches) == 1
        assert server.asked["GET /batches"] == 0  # a refusal leaves no doubt
    assert naps.taken.count(7.0) == 2


def test_a_batch_that_was_made_although_the_endpoint_said_500_is_not_made_again() -> None:
    def odd(what: str, attempt: int) -> batch_server.Trouble | None:
        return "made_then_500" if what == "POST /batches" else None

    with serving(trouble=odd) as server:
        found = asyncio.run(ask(provider(server), ["a", "b"]))
        assert texts(found) == expected(["a", "b"])
        assert len(server.batches) == 1


def test_trouble_while_polling_and_collecting_is_waited_out() -> None:
    def shaky(what: str, attempt: int) -> batch_server.Trouble | None:
        watched = ("GET /batches/ID", "GET /files/ID/content", "POST /files")
        return "server_error" if what in watched and attempt <= 3 else None

    with serving(trouble=shaky) as server:
        found = asyncio.run(ask(provider(server), ["a"]))
        assert texts(found) == expected(["a"])
        assert len(server.batches) == 1


def test_an_endpoint_without_batches_stops_at_once_with_its_words() -> None:
    with serving(trouble=lambda _what, _attempt: "refused") as server:
        found = asyncio.run(ask(provider(server), ["a"]))
        assert server.asked == {"POST /files": 1}
    assert isinstance(found["a"], Missing)
    assert found["a"].hole is Hole.UNSUPPORTED
    assert "This model has no batch API" in found["a"].detail


def test_the_key_is_sent_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server:
        asked = provider(server, spec=spec(server.base_url, key="MY_KEY"))
        with pytest.raises(ConfigError, match="MY_KEY"):
            asked.check()
        monkeypatch.setenv("MY_KEY", "sk-very-secret")
        asked.check()
        asyncio.run(ask(asked, ["a"]))
        assert {h.get("Authorization") for h in server.headers} == {"Bearer sk-very-secret"}
    assert "secret" not in repr(asked)


class Stopping(Naps):
    """A sleep during which the user stops the run."""

    def __init__(self, stop_at: int) -> None:
        super().__init__()
        self.stop_at = stop_at
        self.asked: BatchProvider | None = None
        self.pending: tuple[str, ...] | None = None

    async def __call__(self, seconds: float) -> None:
        if len(self.taken) == self.stop_at and self.asked is not None:
            self.pending = self.asked.interrupt()
        await super().__call__(seconds)


def stopped(
    server: batch_server.Server, log: BatchLog, items: Sequence[str], stop_at: int
) -> tuple[list[Answer], tuple[str, ...] | None]:
    """Ask, and stop at a sleep: the first is for quiet, the others are for the batch to end."""
    naps = Stopping(stop_at)
    naps.asked = provider(server, log, sleep=naps)
    found = asyncio.run(ask(naps.asked, items))
    return list(found.values()), naps.pending


@pytest.mark.parametrize(("stop_at", "pending"), [(0, ()), (1, ("batch_1",)), (3, ("batch_1",))])
def test_a_batch_of_a_process_that_stopped_is_collected_by_the_next(
    tmp_path: Path, stop_at: int, pending: tuple[str, ...]
) -> None:
    items = ["a", "b", "c"]
    with serving() as server:
        found, told = stopped(server, BatchLog.load(tmp_path), items, stop_at)
        assert {a.hole for a in found if isinstance(a, Missing)} == {Hole.INTERRUPTED}
        assert told == pending
        assert all(name in str(answer.detail) for name in pending for answer in found)
        second = provider(server, BatchLog.load(tmp_path))
        assert second.holds("key-of-a") is bool(pending)
        assert texts(asyncio.run(ask(second, [*items, "d"]))) == expected([*items, "d"])
        assert server.items == {("m", item): 1 for item in [*items, "d"]}


def test_answers_that_nobody_asked_for_yet_are_kept_for_who_does(tmp_path: Path) -> None:
    with serving() as server:
        asyncio.run(ask(provider(server, BatchLog.load(tmp_path)), ["a", "b"]))

        async def one_after_the_other() -> list[Answer]:
            asked = provider(server, BatchLog.load(tmp_path))
            found = [await asked.complete(call(item, asked.spec)) for item in "ab"]
            await asked.aclose()
            return found

        found = asyncio.run(one_after_the_other())
        assert texts(dict(zip("ab", found, strict=True))) == expected(["a", "b"])
        assert server.asked["POST /batches"] == 1
        assert server.asked["GET /files/ID/content"] == 2


def without_the_last_record(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    assert b'"submitted"' in lines[-1]
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][:20])


def test_a_batch_that_was_sent_and_not_noted_is_found(tmp_path: Path) -> None:
    with serving() as server:
        asyncio.run(ask(provider(server, BatchLog.load(tmp_path)), ["a", "b"]))
        without_the_last_record(tmp_path / BATCHES)
        others = [ask(provider(server), [f"other {i}"]) for i in range(3)]
        for other in others:
            asyncio.run(other)
        found = asyncio.run(ask(provider(server, BatchLog.load(tmp_path)), ["a", "b"]))
        assert texts(found) == expected(["a", "b"])
        assert server.items[("m", "a")] == 1
        assert server.asked["GET /batches"] == 2  # it was on the second page


def test_a_batch_that_was_meant_and_never_sent_is_sent(tmp_path: Path) -> None:
    def busy(what: str, attempt: int) -> batch_server.Trouble | None:
        return "server_error" if what == "POST /batches" and attempt <= 8 else None

    with serving(trouble=busy) as server:
        found = asyncio.run(ask(provider(server, BatchLog.load(tmp_path)), ["a", "b"]))
        assert all(isinstance(answer, Missing) for answer in found.values())
        second = provider(server, BatchLog.load(tmp_path))
        assert second.holds("key-of-a")  # it may have been sent
        assert texts(asyncio.run(ask(second, ["a", "b"]))) == expected(["a", "b"])
        assert len(server.batches) == 1


def test_where_nobody_can_tell_whether_a_batch_was_sent_the_user_is_told(tmp_path: Path) -> None:
    with serving() as server:
        asyncio.run(ask(provider(server, BatchLog.load(tmp_path)), ["a"]))
    without_the_last_record(tmp_path / BATCHES)
    with serving(trouble=lambda what, _attempt: "absent" if what == "GET /batches" else None) as it:
        found = asyncio.run(ask(provider(it, BatchLog.load(tmp_path)), ["a"]))
        assert not it.batches
    assert isinstance(found["a"], Missing)
    assert found["a"].hole is Hole.UNKNOWN_MODEL
    assert f"remove its line from {BATCHES} to send it" in found["a"].detail


def test_a_message_that_cannot_be_read_is_an_invalid_answer() -> None:
    with serving() as server:
        known = anthropic(server)
        row = {"custom_id": "k", "result": {"type": "succeeded", "message": {"content": 7}}}
        found = endpoint_of(known, 1.0, load).answer(call("a", known), row)
    assert isinstance(found, Response)
    assert found.finish is Finish.INVALID


def test_results_that_broke_off_are_fetched_again() -> None:
    with serving(trouble=lambda what, n: "cut" if "content" in what and n == 1 else None) as server:
        found = asyncio.run(ask(provider(server), ["a", "b"]))
        assert texts(found) == expected(["a", "b"])
        assert server.asked["GET /files/ID/content"] == 2


def test_a_batch_that_the_endpoint_has_forgotten_can_be_sent_again(tmp_path: Path) -> None:
    with serving() as server:
        stopped(server, BatchLog.load(tmp_path), ["a"], 1)
        server.batches.clear()

        async def twice() -> list[Answer]:
            asked = provider(server, BatchLog.load(tmp_path))
            found = [await asked.complete(call("a", asked.spec)) for _ in range(2)]
            await asked.aclose()
            return found

        gone, again = asyncio.run(twice())
        assert isinstance(gone, Missing)
        assert "batch batch_1 is gone" in gone.detail
        assert texts({"a": again}) == expected(["a"])


def test_after_an_interruption_nothing_is_sent(tmp_path: Path) -> None:
    with serving() as server:
        asked = provider(server)
        assert asked.interrupt() == ()
        found = asyncio.run(ask(asked, ["a"]))
        assert found == {"a": Missing(hole=Hole.INTERRUPTED, detail="stopped; not sent")}
        assert server.asked == {}


def test_a_defect_reaches_whoever_asked() -> None:
    with serving() as server:
        asked = provider(server)
        fine = call("a", asked.spec)
        broken = replace(fine, request=replace(fine.request, body={"temperature": float("nan")}))
        with pytest.raises(ParityError, match="nan cannot be written"):
            asyncio.run(asyncio.wait_for(asked.complete(broken), 10))


@pytest.mark.parametrize("where", ["GET /batches", "GET /batches/ID", "GET /files/ID/content"])
def test_a_batch_is_not_given_up_for_one_404(where: str, tmp_path: Path) -> None:
    def shaky(what: str, attempt: int) -> batch_server.Trouble | None:
        if attempt == 1 and what == "POST /batches":
            return "made_then_500"
        return "absent" if (what, attempt) == (where, 1) else None

    with serving(trouble=shaky) as server:
        found = asyncio.run(ask(provider(server, BatchLog.load(tmp_path)), ["a", "b"]))
        assert texts(found) == expected(["a", "b"])
        assert len(server.batches) == 1


def test_a_batch_that_is_gone_may_have_been_billed(tmp_path: Path) -> None:
    with serving(trouble=lambda what, _: "absent" if what == "GET /batches/ID" else None) as server:
        asked = provider(server, BatchLog.load(tmp_path))
        found = asyncio.run(ask(asked, ["a"]))
        assert isinstance(found["a"], Missing)
        assert found["a"].may_be_billed
        assert server.asked["GET /batches/ID"] == 5
    again = provider(server, BatchLog.load(tmp_path))
    assert not again.holds("key-of-a")
    assert again.was_sent("key-of-a")
    assert not again.was_sent("key-of-b")


def test_half_an_emoji_in_one_answer_loses_none(tmp_path: Path) -> None:
    with serving(answer=lambda _, item: "half \ud83d" if item == "b" else "whole") as server:
        found = asyncio.run(ask(provider(server, BatchLog.load(tmp_path)), ["a", "b", "c"]))
    assert all(isinstance(answer, Response) for answer in found.values())
    assert texts(found)["a"] == "whole"
    assert texts(found)["b"].startswith("half ")


def test_a_line_that_can_never_be_read_lacks_and_may_have_been_billed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = OpenAIBatches.results

    async def spoilt(self: OpenAIBatches, batch_id: str, status: Status) -> list[Row]:
        found = [row for row in await whole(self, batch_id, status) if row]
        assert read_rows(b'{"custom_id":"key-of-b","respo\n') == [{}]
        return [row for row in found if row["custom_id"] != "key-of-b"] + [{}]

    monkeypatch.setattr(OpenAIBatches, "results", spoilt)
    with serving() as server:
        found = asyncio.run(ask(provider(server), ["a", "b"]))
    assert isinstance(found["a"], Response)
    assert isinstance(found["b"], Missing)
    assert found["b"].may_be_billed


def test_a_batch_that_is_listed_late_is_not_sent_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    find, looks = OpenAIBatches.find, list[str]()

    async def late(self: OpenAIBatches, batch: Batch, known: Collection[str]) -> Search:
        looks.append(batch.name)
        return Search() if len(looks) < 3 else await find(self, batch, known)

    monkeypatch.setattr(OpenAIBatches, "find", late)

    def shaky(what: str, attempt: int) -> batch_server.Trouble | None:
        return "made_then_500" if (what, attempt) == ("POST /batches", 1) else None

    with serving(trouble=shaky) as server:
        found = asyncio.run(ask(provider(server), ["a", "b"]))
        assert texts(found) == expected(["a", "b"])
        assert len(server.batches) == 1
        assert len(looks) == 3
        named = [sent["Idempotency-Key"] for sent in server.headers if "Idempotency-Key" in sent]
        assert named == looks[:1]


def test_a_batch_of_another_arm_is_not_taken_for_ours(tmp_path: Path) -> None:
    """Two arms that were killed before the endpoint had named their batches, of the same size."""
    with serving() as server:
        arms = [
            replace(anthropic(server), name=ModelName(name), model=f"anthropic/claude-{name}")
            for name in ("one", "two")
        ]
        log = BatchLog.load(tmp_path)

        def call_of(arm: ModelSpec, item: str) -> Call:
            return replace(call(item, arm), key=f"{arm.name}-{item}")

        async def both(log: BatchLog) -> list[Answer]:
            asked = [provider(server, log, spec=arm) for arm in arms]
            found = await asyncio.gather(
                *(it.complete(call_of(it.spec, item)) for it in asked for item in "ab")
            )
            for it in asked:
                await it.aclose()
            return found

        asyncio.run(both(log))
        path = tmp_path / BATCHES
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(line for line in lines if b'"submitted"' not in line))
        for batch in server.batches.values():
            batch.n_polls = 0
        found = asyncio.run(both(BatchLog.load(tmp_path)))
        assert all(isinstance(answer, Response) for answer in found), found
        assert len(server.batches) == 2


def test_the_page_of_a_proxy_is_no_file_of_results() -> None:
    for page in (b"<html>\n<body>Bad gateway</body>\n", b'"later"\n', b"[]\n"):
        with pytest.raises(FailedError, match="not the JSON of a batch endpoint"):
            read_rows(page)

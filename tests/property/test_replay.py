"""Whatever endpoints do, a ledger stays a ledger."""

import asyncio
import math
from collections import Counter
from dataclasses import dataclass, field

import virtual_time
from hypothesis import given, settings
from hypothesis import strategies as st

from parity_eval.books import cost_bound
from parity_eval.records import (
    Answer,
    Call,
    Finish,
    Hole,
    JsonValue,
    Missing,
    ModelName,
    ModelSpec,
    Price,
    Purpose,
    Request,
    RequestId,
    Response,
    TaskName,
    Usage,
)
from parity_eval.replay import Replay, ReplaySettings, call_key
from parity_eval.study import RateLimit

PRICE = Price(input=1_000_000, output=2_000_000)
MODELS = tuple(
    ModelSpec(name=ModelName(name), model=f"openai/{name}", price=PRICE) for name in ("a", "b")
)
TASKS = (TaskName("triage"), TaskName("replies"))
USAGE = Usage(input_tokens=3, output_tokens=1)
GOOD = Response(text="yes", usage=USAGE)


def counted(n_output: int, finish: Finish = Finish.STOP) -> Response:
    """An answer as long as an endpoint likes, whatever the request allows."""
    return Response(text="", finish=finish, usage=Usage(input_tokens=3, output_tokens=n_output))


outcomes = st.one_of(
    st.sampled_from(
        [
            *[GOOD] * 6,
            Response(text="yes"),
            Response(text="", finish=Finish.REJECTED, usage=USAGE),
            Response(text="", finish=Finish.INVALID),
            Response(text="", finish=Finish.INVALID, usage=USAGE),
            *(Missing(hole=hole, detail="") for hole in (Hole.SERVER, Hole.NETWORK, Hole.TIMEOUT)),
            Missing(hole=Hole.QUOTA, detail=""),
            Missing(hole=Hole.NETWORK, detail="", may_be_billed=True),
        ]
    ),
    st.builds(
        counted,
        st.sampled_from([40, 100, 1000, 100_000]),
        st.sampled_from([Finish.STOP, Finish.STOP, Finish.INVALID]),
    ),
    st.builds(
        Missing,
        hole=st.just(Hole.RATE_LIMIT),
        detail=st.just(""),
        retry_after_s=st.sampled_from([None, 0.0, 1.0, 30.0, 1000.0]),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What endpoints do, and what is allowed."""

    answers: tuple[tuple[Answer, float], ...]
    """In the order of the calls sent, over and over: what comes, and after how many seconds."""
    n_calls: int
    settings: ReplaySettings
    stopped_after_s: float | None
    """When the run is wound down."""


@st.composite
def worlds(draw: st.DrawFn) -> World:
    bound = cost_bound(calls(1)[0])
    cap = st.one_of(st.none(), st.floats(0, 12).map(lambda n: n * bound))
    task_cap = draw(cap)
    rpm = draw(st.one_of(st.none(), st.integers(1, 9)))
    return World(
        answers=tuple(
            draw(st.lists(st.tuples(outcomes, st.sampled_from([0.0, 0.1, 7.0])), min_size=1))
        ),
        n_calls=draw(st.integers(1, 30)),
        settings=ReplaySettings(
            concurrency=draw(st.integers(1, 8)),
            attempts=draw(st.integers(1, 4)),
            max_cost_usd=draw(cap),
            task_max_usd={} if task_cap is None else {TASKS[0]: task_cap},
            limits={} if rpm is None else {MODELS[0].name: RateLimit(rpm=rpm)},
        ),
        stopped_after_s=draw(st.one_of(st.none(), st.none(), st.floats(0, 60))),
    )


@dataclass(slots=True)
class Endpoint:
    """Answers as the world has it; knows what was sent and when."""

    world: World
    sent: list[tuple[ModelName, float]] = field(default_factory=list)
    in_flight: Counter[ModelName] = field(default_factory=Counter)

    def check(self) -> None:
        """Nothing can be wrong."""

    async def complete(self, call: Call) -> Answer:
        answer, seconds = self.world.answers[len(self.sent) % len(self.world.answers)]
        self.sent.append((call.spec.name, virtual_time.now()))
        self.in_flight[call.spec.name] += 1
        assert self.in_flight.total() <= self.world.settings.concurrency
        await asyncio.sleep(seconds)
        self.in_flight[call.spec.name] -= 1
        return answer


@dataclass(slots=True)
class Auditor:
    """Keeps books of its own from the journal, and objects."""

    settings: ReplaySettings
    journal: list[dict[str, object]] = field(default_factory=list)
    held: dict[str, tuple[tuple[object, object], float]] = field(default_factory=dict)
    gone: Counter[object] = field(default_factory=Counter)
    dearest: dict[object, float] = field(default_factory=dict)
    """By model and task, the most that a call cost which broke its bound."""
    answered: Counter[object] = field(default_factory=Counter)

    def append(self, record: dict[str, object]) -> None:
        self.journal.append(record)
        key, task = str(record["key"]), record["task"]
        usd = float(str(record.get("usd", 0.0)))
        kind = (record["model"], task)
        if record["kind"] == "reserve":
            assert key not in self.held, "a call is on its way twice"
            self.held[key] = (kind, usd)
            self.check_sent(kind)
        elif record["kind"] in ("lost", "answer"):
            if usd > self.held.pop(key)[1] + 1e-6:
                self.dearest[kind] = max(usd, self.dearest.get(kind, 0.0))
            self.gone[task] += usd  # type: ignore[assignment]
            self.answered[kind] += record["kind"] == "answer"
        elif record["kind"] == "failed":
            self.held.pop(key, None)

    def check_sent(self, kind: tuple[object, object]) -> None:
        """Nothing is sent that limits do not cover, as far as one can know by then."""
        limits: dict[str | None, float | None] = dict(self.settings.task_max_usd.items())
        limits[None] = self.settings.max_cost_usd
        caps = {task: cap for task, cap in limits.items() if cap is not None}
        if any(task in caps for task in (None, kind[1])):
            n_out = sum(other == kind for other, _ in self.held.values())
            assert n_out <= max(4, 2 * self.answered[kind])
        for task in (None, str(kind[1])):
            assert self.spent(task) <= caps.get(task, math.inf) * (1 + 1e-6)

    def spent(self, task: str | None = None) -> float:
        """Return what is gone, and what those on their way may cost like the dearest before."""
        gone = self.gone.values() if task is None else [self.gone[task]]
        held = [
            max(usd, 2 * self.dearest.get(kind, 0.0))
            for kind, usd in self.held.values()
            if task in (None, kind[1])
        ]
        return sum(gone) + sum(held)


def calls(n: int) -> list[Call]:
    made = []
    for i in range(n):
        content: JsonValue = {"role": "user", "content": f"item {i:03}"}
        request = Request(id=RequestId(f"r{i}"), body={"messages": [content], "max_tokens": 1})
        spec = MODELS[i % 2]
        made.append(
            Call(
                key=call_key(request, spec, 0),
                request=request,
                spec=spec,
                purpose=Purpose.CANDIDATE,
                task=TASKS[i // 2 % 2],
            )
        )
    return made


def play(world: World) -> tuple[list[Answer], Endpoint, Auditor, Replay]:
    auditor, endpoint = Auditor(world.settings), Endpoint(world)
    replay = Replay(
        {spec.name: endpoint for spec in MODELS},
        auditor.append,
        world.settings,
        clock=virtual_time.now,
    )

    async def run() -> list[Answer]:
        asked = [asyncio.ensure_future(replay.answer(call)) for call in calls(world.n_calls)]
        if world.stopped_after_s is not None:
            await asyncio.sleep(world.stopped_after_s)
            replay.wind_down()
        return await asyncio.gather(*asked)

    # A deadlock is an error of the loop: nothing is left that could ever happen.
    return virtual_time.run(run()), endpoint, auditor, replay


@settings(deadline=None, max_examples=300)
@given(world=worlds())
def test_a_ledger_stays_a_ledger(world: World) -> None:
    answers, endpoint, auditor, replay = play(world)
    kinds: dict[object, Counter[object]] = {}
    for record in auditor.journal:
        kinds.setdefault(record["key"], Counter())[record["kind"]] += 1
    for call, answer in zip(calls(world.n_calls), answers, strict=True):
        seen = kinds.get(call.key, Counter())
        assert seen["answer"] == isinstance(answer, Response)
        assert seen["answer"] + seen["failed"] == (seen["reserve"] > 0)
        assert seen["attempt"] <= world.settings.attempts * 6 - 2
    assert not auditor.held
    n = Counter(record["kind"] for record in auditor.journal)
    # Each that was sent has a record; of those that failed some were not sent again.
    assert 0 <= len(endpoint.sent) - n["attempt"] - n["answer"] <= n["failed"]
    assert abs(replay.spent_usd - auditor.spent()) < 1e-6


@settings(deadline=None, max_examples=100)
@given(world=worlds())
def test_a_limit_per_minute_holds_whatever_else_happens(world: World) -> None:
    _, endpoint, _, _ = play(world)
    for name, limit in world.settings.limits.items():
        times = [at for model, at in endpoint.sent if model == name]
        rpm = limit.rpm or 0
        assert all(b - a > 60 - 1e-6 for a, b in zip(times, times[rpm:], strict=False))


@settings(deadline=None, max_examples=100)
@given(world=worlds())
def test_a_resumed_ledger_is_the_same(world: World) -> None:
    _, _, auditor, replay = play(world)
    resumed = Replay({}, auditor.append, world.settings)
    for record in tuple(auditor.journal):
        resumed.remember(record)
    assert resumed.ledger() == replay.ledger()
    assert abs(resumed.spent_usd - replay.spent_usd) < 1e-6

"""Small builders of records, so that a test shows only what it is about."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from parity_eval import codec
from parity_eval.armtest import FLOOR_BAR, ArmPlan, PartPlan
from parity_eval.certifier import Certifier
from parity_eval.design import TaskDesign
from parity_eval.labels import Labels
from parity_eval.parity import Ruled
from parity_eval.records import (
    FLOOR_GATE,
    Answer,
    Arm,
    Decision,
    Estimand,
    EstimandName,
    Finish,
    JsonObject,
    JsonValue,
    Kind,
    LogEntry,
    Missing,
    ModelName,
    ModelSpec,
    Observation,
    Pair,
    PassedOver,
    Price,
    Reading,
    Request,
    RequestId,
    Response,
    Score,
    Status,
    TaskName,
    Unit,
    Unscored,
)
from parity_eval.rules import Ask
from parity_eval.sampling import Sample
from parity_eval.study import (
    BaselineSpec,
    LogSpec,
    RunSpec,
    Study,
    TaskSpec,
    TestSpec,
)

Outcomes = Sequence[float | Observation | PassedOver | Missing | None]


def request(request_id: str, text: str | None = None, **body: JsonValue) -> Request:
    messages: list[JsonValue] = [{"role": "user", "content": text or f"question {request_id}"}]
    return Request(id=RequestId(request_id), body={"messages": messages} | body)


def entry(
    request_id: str,
    text: str | None = None,
    *,
    answer: str | Response | None = "yes",
    task: str | None = None,
    metadata: JsonObject | None = None,
    body: Mapping[str, JsonValue] | None = None,
) -> LogEntry:
    return LogEntry(
        request=request(request_id, text, **(body or {})),
        response=Response(text=answer) if isinstance(answer, str) else answer,
        model="big",
        task=task,
        timestamp=None,
        user=None,
        session=None,
        metadata=metadata or {},
        line=1,
    )


def unit(request_id: str, answer: str | Response = "yes", *, weight: int = 1) -> Unit:
    asked = request(request_id)
    return Unit(
        request=asked,
        baseline=Response(text=answer) if isinstance(answer, str) else answer,
        weight=weight,
        digest=codec.digest(asked.body),
    )


def units(answers: Iterable[str]) -> tuple[Unit, ...]:
    return tuple(unit(f"r{i}", answer) for i, answer in enumerate(answers))


def cut_off(text: str = "ye") -> Response:
    return Response(text=text, finish=Finish.LENGTH)


def estimand(name: EstimandName = "parity", value: float = 0.95) -> Estimand:
    """Make an estimand; `value` is the bar of parity, and the margin of all others."""
    is_parity = name == "parity"
    return Estimand(
        name=name,
        bar=value if is_parity else None,
        margin=None if is_parity else value,
        why="configured",
    )


def model(
    name: str, price: tuple[float, float] | None = None, *, is_live: bool = False
) -> ModelSpec:
    return ModelSpec(
        name=ModelName(name),
        model=f"vendor/{name}" if is_live else "recorded",
        path=None if is_live else f"{name}.jsonl",
        price=Price(input=price[0], output=price[1]) if price else None,
    )


def study(
    *candidates: ModelSpec,
    test: TestSpec | None = None,
    tasks: Sequence[TaskSpec] = (),
    baseline: BaselineSpec | None = None,
) -> Study:
    return Study(
        name="helpdesk",
        origin="parity.yaml",
        log=LogSpec(path="log.jsonl"),
        baseline=baseline or BaselineSpec(spec=model("big", (10.0, 30.0), is_live=True)),
        candidates=candidates or (model("small"),),
        judge=None,
        labels=None,
        test=test or TestSpec(),
        tasks=tuple(tasks),
        run=RunSpec(),
    )


def sample(of: Sequence[Unit], *, excluded: Mapping[str, int] | None = None) -> Sample:
    return Sample(
        task=TaskName("triage"),
        units=tuple(of),
        calibration=(),
        n_lines=sum(u.weight for u in of) + sum((excluded or {}).values()),
        excluded=dict(excluded or {}),
        excluded_units=sum((excluded or {}).values()),
        order_hash="0" * 64,
    )


def design(
    of: Sequence[Unit],
    what: Estimand | None = None,
    *,
    spec: TaskSpec | None = None,
    why_closed: str | None = None,
) -> TaskDesign:
    chosen = what or estimand()
    return TaskDesign(
        spec=spec or TaskSpec(name=TaskName("triage")),
        kind=Kind.CLASSIFICATION,
        why_kind="configured",
        estimand=chosen,
        rule=None if chosen.name == "quality" else Ask("exact"),
        scorers=(),
        sample=sample(of),
        why_closed=why_closed,
    )


def labels(quality: Mapping[tuple[str, str], float]) -> Labels:
    return Labels(path="labels.jsonl", quality=dict(quality))


class Same:
    """A scorer that passes equal texts."""

    def __init__(self, name: str = "exact", cost: int = 0) -> None:
        self.name = name
        self.cost = cost

    def questions(self, pair: Pair) -> tuple[Request, ...]:
        return ()

    def score(self, pair: Pair, answers: tuple[Response, ...]) -> Score | Unscored:
        is_same = pair.baseline.text == pair.candidate.text
        return Score(scorer=self.name, value=float(is_same), passed=is_same, reason="compared")


class Asking(Same):
    """A judge whose answer (`win`, `tie` or `loss`) is the score; anything else is no verdict."""

    def __init__(self) -> None:
        super().__init__("judge", cost=2)

    def questions(self, pair: Pair) -> tuple[Request, ...]:
        return (request(f"judge {pair.request.id}", pair.candidate.text or "(nothing)"),)

    def score(self, pair: Pair, answers: tuple[Response, ...]) -> Score | Unscored:
        value = {"win": 1.0, "tie": 0.5, "loss": 0.0}.get(answers[0].text)
        if value is None:
            return Unscored(scorer=self.name, reason="no verdict")
        return Score(scorer=self.name, value=value, passed=value >= 0.5, reason="judged")


class FromTable(Same):
    """A table of verdicts without any on placebos."""

    def __init__(self) -> None:
        super().__init__("judge")

    def score(self, pair: Pair, answers: tuple[Response, ...]) -> Score | Unscored:
        return Unscored(scorer=self.name, reason="not recorded", is_absent=True)


def ruled(scorer: Same) -> Ruled:
    return Ruled(rule=Ask(scorer.name), scorers={scorer.name: scorer})


async def nobody(question: Request) -> Answer:
    raise AssertionError(f"no judge was to be asked: {question.id}")


def arm(task: str = "triage", candidate: str = "small") -> Arm:
    return Arm(task=TaskName(task), candidate=ModelName(candidate))


def reading(value: float, kind: float | None = None) -> Reading:
    return Reading(value=value, value_if_kind=value if kind is None else kind)


def seen(
    value: float, *, kind: float | None = None, floor: float | None = None, **gates: float
) -> Observation:
    named = {name: reading(passed) for name, passed in gates.items()}
    if floor is not None:
        named[FLOOR_GATE] = reading(floor)
    return Observation(main=reading(value, kind), gates=named)


def paired(candidate: float, floor: float) -> Observation:
    """Return an observation against the noise floor."""
    return seen(candidate - floor, floor=floor)


def parts(
    what: Estimand,
    given: Outcomes,
    test: TestSpec,
    *,
    worth: float | None = None,
    gates: Mapping[str, Estimand],
) -> tuple[PartPlan, ...]:
    """Return the parts of an arm with these outcomes; the noise floor has its gate."""
    n_max = min(test.max_samples, len(given))
    if what.name == "noise_floor":
        gates = {FLOOR_GATE: estimand("parity", FLOOR_BAR), **gates}

    def n_in(name: str) -> int:
        """Count the requests that a gate is about; all where nothing says otherwise."""
        known = [o for o in given[:n_max] if isinstance(o, Observation)]
        return n_max if name == FLOOR_GATE else sum(name in o.gates for o in known)

    return (
        PartPlan(estimand=what, size=len(given), n_max=n_max, worth=worth),
        *(
            PartPlan(name=name, estimand=own, size=n_in(name), n_max=n_in(name))
            for name, own in gates.items()
        ),
    )


class Table:
    """The outcomes of every arm, and the terms under which they are tested."""

    def __init__(
        self,
        outcomes: Mapping[Arm, Outcomes],
        what: Estimand | None = None,
        *,
        test: TestSpec | None = None,
        worth: float | None = None,
        closed: Mapping[Arm, str] | None = None,
        holes: Mapping[Arm, Missing] | None = None,
        gates: Mapping[str, Estimand] | None = None,
    ) -> None:
        self.outcomes = outcomes
        self.test = test or TestSpec(max_samples=500)
        self.plans = [
            ArmPlan(
                arm=arm,
                parts=parts(what or estimand(), given, self.test, worth=worth, gates=gates or {}),
                price_rank=rank,
                why_closed=(closed or {}).get(arm),
                hole=(holes or {}).get(arm),
            )
            for rank, (arm, given) in enumerate(outcomes.items())
        ]

    def certifier(self, *, lookahead: int = 8, shuffle: int | None = None) -> Certifier:
        """Feed everything that is asked for; in the order asked, or shuffled by a seed."""
        certifier = Certifier(self.plans, self.test)
        pick = np.random.default_rng(shuffle)
        on_the_way: list[tuple[Arm, int]] = []
        while True:
            while (needed := certifier.next_needed(lookahead)) is not None:
                on_the_way.append(needed)
            if not on_the_way:
                return certifier
            at = 0 if shuffle is None else int(pick.integers(len(on_the_way)))
            arm, position = on_the_way.pop(at)
            if position < len(self.outcomes[arm]):
                certifier.feed(arm, position, self._observation(arm, position))

    def decisions(self, *, lookahead: int = 8, shuffle: int | None = None) -> dict[Arm, Decision]:
        found = self.certifier(lookahead=lookahead, shuffle=shuffle).decisions()
        return {decision.arm: decision for decision in found}

    def certified(self) -> set[Arm]:
        found = self.certifier().decisions(with_path=False)
        return {decision.arm for decision in found if decision.status is Status.CERTIFIED}

    def cut(self, n: int) -> "Table":
        """Return the same table when only the first observations of each arm are there yet."""
        table = Table(self.outcomes, test=self.test)
        table.plans = self.plans
        table.outcomes = {arm: given[:n] for arm, given in self.outcomes.items()}
        return table

    def _observation(self, arm: Arm, position: int) -> Observation | PassedOver | Missing | None:
        given = self.outcomes[arm][position]
        return seen(given) if isinstance(given, float) else given


def only(outcomes: Outcomes, what: Estimand | None = None, **terms: object) -> Decision:
    """Return the decision about a single arm of its own."""
    test = replace(TestSpec(max_samples=500), **terms)  # type: ignore[arg-type]
    return Table({arm(): outcomes}, what, test=test).decisions()[arm()]


def write_lines(path: Path, rows: Iterable[object]) -> str:
    """Write JSON Lines; text and bytes go in as they are."""

    def line(row: object) -> bytes:
        if isinstance(row, bytes):
            return row
        return row.encode() if isinstance(row, str) else codec.encode(row)

    path.write_bytes(b"".join(line(row) + b"\n" for row in rows))
    return str(path)

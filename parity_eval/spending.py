"""What a task's part of a run will cost, and what its candidates would save, from the log alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from parity_eval import codec
from parity_eval.design import TaskDesign
from parity_eval.outlook import DISCORDANT, Outlook
from parity_eval.parity import MOST_JUDGED, PLACEBOS
from parity_eval.planning import questions_each, worst_case_usd
from parity_eval.prices import cost_usd
from parity_eval.records import ModelName, ModelSpec, Price, Unit, Usage
from parity_eval.study import BaselineSpec, Study

DAYS_PER_MONTH = 365.25 / 12

_CHARS_PER_TOKEN = 4
_UNKNOWN_OUTPUT = 250
_JUDGE_INSTRUCTIONS = 600
_JUDGE_OUTPUT = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Usd:
    """Dollars that a part of a run costs."""

    expected: float
    """If every candidate is as its task's first truth says."""
    worst: float
    """If every arm uses all that it may, at the price bounds that a budget reserves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateForecast:
    """The money side of one arm."""

    candidate: ModelName
    usd: Usd
    """Its answers."""
    judge_usd: float
    """Expected cost of judging its pairs."""
    saving_usd_per_1k: float | None
    """Saved on 1,000 requests, at the baseline's tokens; negative where it costs more; None where
    a price is unknown."""
    saving_usd_per_month: float | None
    """The same at the log's volume; None where the log does not tell it."""
    payback_days: float | None
    """After how many days of such savings its part of the run is paid; None: unknown or never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """The money side of one task."""

    candidates: tuple[CandidateForecast, ...]
    baseline: Usd
    """Answers of a replayed baseline, and second answers."""
    judge: Usd
    """All questions to a judge, those about placebos too."""
    estimated_tokens: float
    """Share of the requests whose tokens nobody counted, so that they were taken from lengths."""


def spending(
    study: Study,
    design: TaskDesign,
    live: Mapping[ModelName, ModelSpec],
    first: Outlook | None,
    per_month: float | None,
) -> Spending:
    """Reckon what a task costs and what its candidates save.

    Args:
        study: The study, with prices.
        design: The task, with the requests that may be used.
        live: Models that are paid for.
        first: How every candidate is assumed to fare; None: the task is not tested.
        per_month: Requests per month; None where the log does not tell.
    """
    bill = _Bill(
        study=study,
        design=design,
        live=live,
        n=first.expected_n if first else 0.0,
        n_shared=_shared(first, len(study.candidates)),
        tokens=_tokens(design.sample.units),
    )
    baseline = bill.baseline()
    worst = bill.worst_of_candidates()
    shared = (baseline.expected + bill.shared_questions()) / max(len(study.candidates), 1)
    return Spending(
        candidates=tuple(
            _candidate(
                bill,
                spec,
                Usd(expected=bill.n * bill.answer(spec), worst=worst[spec.name]),
                shared=shared,
                per_month=per_month,
            )
            for spec in study.candidates
        ),
        baseline=baseline,
        judge=bill.judge(),
        estimated_tokens=bill.tokens.estimated,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tokens:
    """Tokens of the task's requests and the baseline's answers."""

    input: float
    output: float
    """Means over the requests."""
    lines: tuple[tuple[int, Usage], ...]
    """By distinct request how many log lines it stands for, and their tokens, for savings."""
    n_lines: int
    estimated: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bill:
    """Everything that a task's costs depend on."""

    study: Study
    design: TaskDesign
    live: Mapping[ModelName, ModelSpec]
    n: float
    """Expected pairs of an arm."""
    n_shared: float
    """Expected answers that all arms of the task share."""
    tokens: _Tokens

    def baseline(self) -> Usd:
        base = self.study.baseline
        asked = [(base.spec, 1.0)] if base.source == "replay" else []
        if base.second is not None and self.design.estimand.name == "noise_floor":
            asked.append((base.second, self.second_share))
        alone = replace(self.study, candidates=(), judge=None)
        return Usd(
            expected=sum(self.n_shared * share * self.answer(spec) for spec, share in asked),
            worst=sum(self.worst(spec, alone) for spec, _ in asked),
        )

    @property
    def second_share(self) -> float:
        """Share of the pairs that a second answer is had for; none without a noise floor."""
        if self.design.estimand.name != "noise_floor":
            return 0.0
        drawn = self.design.subsample
        differs, agrees = (1.0, 1.0) if drawn is None else drawn.chances
        return DISCORDANT * differs + (1 - DISCORDANT) * agrees

    def judge(self) -> Usd:
        judge = self._live_judge()
        if judge is None:
            return Usd(expected=0.0, worst=0.0)
        pairs = len(self.study.candidates) * self.questions(self.n)
        return Usd(
            expected=pairs + self.shared_questions(),
            worst=self.worst(judge, self.study),
        )

    def worst_of_candidates(self) -> dict[ModelName, float]:
        """Return the bound on what each candidate's answers cost.

        A bound is bytes and tokens times a price, and the slow part is to count them: candidates
        with the same parameters and prompt share that, where the price is the same for all tokens.
        """
        counted: dict[bytes, tuple[float, float]] = {}
        found = {}
        for spec in self.study.candidates:
            if spec.price is None or spec.name not in self.live:
                found[spec.name] = 0.0
                continue
            price = self.live[spec.name].price or spec.price
            if price.long or price.service or price.cache_write or price.reasoning:
                found[spec.name] = self._bound_of_candidate(spec, price)
                continue
            params = codec.encode([spec.params, spec.prompt, price.most_output])
            if params not in counted:
                each = Price(input=1.0, output=0.0, most_output=price.most_output)
                counted[params] = (
                    self._bound_of_candidate(spec, each),
                    self._bound_of_candidate(spec, replace(each, input=0.0, output=1.0)),
                )
            n_input, n_output = counted[params]
            found[spec.name] = n_input * price.input + n_output * price.output
        return found

    def questions(self, n_pairs: float) -> float:
        """Return the dollars for what a judge is asked about some answers."""
        judge = self._live_judge()
        if judge is None:
            return 0.0
        n_input = self.tokens.input + 2 * self.tokens.output + _JUDGE_INSTRUCTIONS
        n_questions = n_pairs * questions_each(self.design)
        return n_questions * _usd(n_input, _JUDGE_OUTPUT, judge.price)

    def shared_questions(self) -> float:
        """Return the dollars for judging placebos and second answers."""
        if not self.n:
            return 0.0
        n_placebos = len(PLACEBOS) * min(MOST_JUDGED, len(self.design.sample.units))
        # The baseline's own answers are rated once for all candidates.
        share = 1.0 if self.design.estimand.name == "quality" else self.second_share
        return self.questions(n_placebos + self.n_shared * share)

    def answer(self, spec: ModelSpec) -> float:
        """Return the mean dollars of an answer; nothing for a recorded one."""
        if spec.name not in self.live:
            return 0.0
        return _usd(self.tokens.input, self.tokens.output, self.live[spec.name].price)

    def worst(self, spec: ModelSpec, study: Study) -> float:
        """Return the bound on what one model's answers cost; nothing for recorded ones."""
        if spec.name not in self.live or not self.n:
            return 0.0
        return worst_case_usd(study, [self.design], {spec.name: spec})

    def per_line(self, price: Price | None) -> float | None:
        """Return the mean dollars of a log line; None where the price is unknown."""
        if price is None:
            return None
        costs = (weight * (cost_usd(usage, price) or 0.0) for weight, usage in self.tokens.lines)
        return sum(costs) / max(self.tokens.n_lines, 1)

    def _bound_of_candidate(self, spec: ModelSpec, price: Price) -> float:
        priced = replace(spec, price=price)
        logged = BaselineSpec(spec=self.study.baseline.spec)
        return self.worst(
            priced, replace(self.study, candidates=(priced,), judge=None, baseline=logged)
        )

    def _live_judge(self) -> ModelSpec | None:
        judge = self.study.judge
        is_live = judge is not None and judge.spec.name in self.live and questions_each(self.design)
        return judge.spec if judge is not None and is_live else None


def _shared(first: Outlook | None, n_candidates: int) -> float:
    """Return how many answers the arms of a task share: as many as the last of them needs."""
    if first is None:
        return 0.0
    return float(first.n_90) if n_candidates > 1 else first.expected_n


def _candidate(
    bill: _Bill, spec: ModelSpec, usd: Usd, *, shared: float, per_month: float | None
) -> CandidateForecast:
    judged = bill.questions(bill.n)
    before, after = bill.per_line(bill.study.baseline.spec.price), bill.per_line(spec.price)
    saving = None if before is None or after is None else before - after
    monthly = None if saving is None or per_month is None else saving * per_month
    cost = usd.expected + judged + shared
    return CandidateForecast(
        candidate=spec.name,
        usd=usd,
        judge_usd=judged,
        saving_usd_per_1k=None if saving is None else saving * 1000,
        saving_usd_per_month=monthly,
        payback_days=_payback(cost, saving, per_month) if bill.n else None,
    )


def _payback(cost: float, saving: float | None, per_month: float | None) -> float | None:
    """Return the days after which a cost is saved; what costs nothing is paid at once."""
    if saving is None or saving <= 0:
        return None
    if cost == 0:
        return 0.0
    return None if not per_month else cost / (saving * per_month) * DAYS_PER_MONTH


def _tokens(units: Sequence[Unit]) -> _Tokens:
    known = [unit.baseline.usage or _estimate(unit) for unit in units]
    weights = [unit.weight for unit in units]
    n = max(len(units), 1)
    return _Tokens(
        input=sum(usage.input_tokens for usage in known) / n,
        output=sum(usage.output_tokens for usage in known) / n,
        lines=tuple(zip(weights, known, strict=True)),
        n_lines=sum(weights),
        estimated=sum(unit.baseline.usage is None for unit in units) / n,
    )


def _estimate(unit: Unit) -> Usage:
    """Return the tokens of a request and its answer by their lengths."""
    answer = unit.baseline
    n_output = len(answer.text) + sum(len(call.arguments) for call in answer.tool_calls)
    return Usage(
        input_tokens=ceil(len(codec.encode(unit.request.body).decode()) / _CHARS_PER_TOKEN),
        output_tokens=ceil(n_output / _CHARS_PER_TOKEN) or _UNKNOWN_OUTPUT,
    )


def _usd(n_input: float, n_output: float, price: Price | None) -> float:
    return 0.0 if price is None else (n_input * price.input + n_output * price.output) / 1e6

"""Names to objects: the only place that knows where implementations live."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import msgspec

from parity_eval import prices
from parity_eval.batches import BatchLog
from parity_eval.design import TaskDesign
from parity_eval.errors import ConfigError, UsageError, nearest
from parity_eval.exporters import EXPORTERS
from parity_eval.kinds import is_free_text, kind_from_requests
from parity_eval.parity import Ruled
from parity_eval.protocols import Exporter, Provider, Reader, Reporter, Scorer
from parity_eval.providers import PROVIDERS
from parity_eval.readers import READERS
from parity_eval.records import LogEntry, ModelName, ModelSpec, RequestId
from parity_eval.reporters import REPORTERS
from parity_eval.rules import Ask
from parity_eval.scorers import SCORERS
from parity_eval.study import ScorerSpec, Study, TaskSpec

_FAMILIES: Mapping[str, Mapping[str, str]] = {
    "exporter": EXPORTERS,
    "provider": PROVIDERS,
    "reader": READERS,
    "reporter": REPORTERS,
    "scorer": SCORERS,
}

_FILE_S = 600.0
"""Seconds that a file with the requests of a batch may take at least."""


def find(family: str, name: str) -> Any:  # noqa: ANN401 - a class of the family's protocol
    """Import the class behind a name.

    Args:
        family: exporter, provider, reader, reporter or scorer.
        name: Name in that family's table.

    Raises:
        UsageError: an unknown name; the nearest known one is in the message.
    """
    table = _FAMILIES[family]
    if name not in table:
        raise UsageError(f"unknown {family} {name!r}; {nearest(name, table)}")
    module, _, attribute = table[name].partition(":")
    return getattr(import_module(module), attribute)


def reader(name: str, *, columns: Mapping[str, str | tuple[str, ...]] | None = None) -> Reader:
    """Return the reader of a format; `columns` are those of a plain table."""
    kind = find("reader", name)
    found: Reader = kind(columns=columns) if columns else kind()
    return found


def reporter(name: str) -> Reporter:
    """Return the reporter of a format."""
    found: Reporter = find("reporter", name)()
    return found


def exporter(name: str) -> Exporter:
    """Return the exporter for a gateway."""
    found: Exporter = find("exporter", name)()
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The models of a study: who answers for each."""

    study: Study
    providers: Mapping[ModelName, Provider]
    recorded_judge: Any
    """Table of recorded verdicts; None where the judge is live, or there is none."""

    @property
    def live(self) -> dict[ModelName, ModelSpec]:
        """Models that are paid for."""
        return {
            spec.name: spec
            for spec in map(self.study.billed, _specs(self.study))
            if spec.name in self.providers and not spec.is_recorded
        }

    def check(self) -> None:
        """Find what would fail every call, before the first one.

        Raises:
            ConfigError: a missing key or package.
            IncompleteError: an endpoint that does not answer.
        """
        for provider in self.providers.values():
            provider.check()

    def attach(self, log: BatchLog, on_note: Callable[[str], None]) -> None:
        """Tell those that ask in batches where to note them."""
        for provider in self._batched():
            provider.log, provider.on_note = log, on_note

    def interrupt(self) -> tuple[str, ...]:
        """Stop waiting for batches; return those that can be collected later."""
        return tuple(name for provider in self._batched() for name in provider.interrupt())

    def _batched(self) -> list[Any]:
        names = self.study.run.batch.models
        return [
            provider
            for name, provider in self.providers.items()
            if name in names and hasattr(provider, "interrupt")
        ]

    async def aclose(self) -> None:
        """Let go of connections."""
        for provider in self.providers.values():
            close = getattr(provider, "aclose", None)
            if close is not None:
                await close()

    def lacking(self, spec: ModelSpec, requests: Sequence[RequestId]) -> list[RequestId]:
        """Return the requests that a recording has no answer for."""
        provider: Any = self.providers[spec.name]
        sample = int(spec is self.study.baseline.second)
        found: list[RequestId] = provider.lacking(requests, sample)
        return found

    def lacking_latency(self, spec: ModelSpec, requests: Sequence[RequestId]) -> list[RequestId]:
        """Return the requests whose recorded answer does not say how long it took."""
        provider: Any = self.providers[spec.name]
        found: list[RequestId] = provider.lacking_latency(requests)
        return found

    def has_second_answers(
        self, requests: Sequence[RequestId], spec: TaskSpec, entries: Iterable[LogEntry]
    ) -> bool:
        """Whether the baseline's agreement with itself can be had on these requests."""
        second = self.study.baseline.second
        if second is None:
            return False
        if self.study.run.recordings == "partial":
            # The run that was recorded had them wherever it needed them.
            return True
        if second.is_recorded and self.lacking(second, requests):
            return False
        if self.recorded_judge is None or not _asks_judge(spec, entries):
            return True
        return second.name in self.recorded_judge.models

    def judge_models(self) -> tuple[str, ...]:
        """Return the model ids behind the judge."""
        if self.study.judge is None:
            return ()
        if self.recorded_judge is not None:
            return tuple(self.recorded_judge.judge_models)
        return (self.study.judge.spec.model,)


def models(study: Study) -> Models:
    """Make the providers of a study.

    Raises:
        InputError: a recording or a table of verdicts that cannot be used.
    """
    judge = study.judge
    table = None
    if judge is not None and judge.spec.is_recorded:
        table = find("scorer", "recorded_judge").load(
            judge.spec.path, judge.spec.name, orders=judge.orders
        )
        if study.run.recordings == "partial":
            # Asked last, as a model would be: no more than that was recorded.
            table = replace(table, cost=2)
    return Models(
        study=study,
        providers={
            spec.name: provider(spec, study)
            for spec in _specs(study)
            if not (judge is not None and spec is judge.spec and spec.is_recorded)
        },
        recorded_judge=table,
    )


def provider(spec: ModelSpec, study: Study) -> Provider:
    """Make the provider of one model."""
    if spec.is_recorded:
        found: Provider = find("provider", "recorded").load(spec)
        return found
    if study.run.offline:
        stand_in: Provider = find("provider", "offline")(spec=spec)
        return stand_in
    if spec.name in study.run.batch.models:
        return _batch_provider(spec, study)
    direct = find("provider", "openai_compatible")
    is_direct = spec.transport == "direct" or (spec.transport == "auto" and direct.serves(spec))
    run = study.run
    if is_direct:
        asked: Provider = direct(
            spec=spec, timeout_s=run.timeout_s, read_timeout_s=run.read_timeout_s
        )
        return asked
    made: Provider = find("provider", "litellm")(
        spec=spec, timeout_s=run.timeout_s, read_timeout_s=run.read_timeout_s
    )
    return made


def _batch_provider(spec: ModelSpec, study: Study) -> Provider:
    module = import_module("parity_eval.providers.batch.endpoints")
    load_litellm = import_module("parity_eval.providers.litellm").load
    made: Provider = find("provider", "batch")(
        spec=spec,
        endpoint=module.endpoint_of(spec, max(study.run.timeout_s, _FILE_S), load_litellm),
        size=study.run.batch.size,
        poll_s=study.run.batch.poll_s,
    )
    return made


def scorers(design: TaskDesign, study: Study, known: Models) -> dict[str, Scorer]:
    """Make the scorers that a task's rule names.

    Raises:
        ConfigError: a setting that a scorer does not have, or a package that is missing.
    """
    where = f"{study.origin}: tasks.{design.spec.name}.parity"
    found: dict[str, Scorer] = {}
    for spec in design.scorers:
        settings = dict(spec.settings)
        if spec.scorer == "schema" and design.spec.schema is not None:
            settings.setdefault("schema", msgspec.json.decode(design.spec.schema))
        if spec.scorer in ("judge", "rating"):
            settings.setdefault("kind", design.kind)
            if study.judge is not None and study.judge.rubric is not None:
                settings.setdefault("rubric", study.judge.rubric)
            if spec.scorer == "judge" and known.recorded_judge is not None:
                found[spec.key] = known.recorded_judge
                continue
        found[spec.key] = _scorer(spec, settings, where)
    return found


def format_check(design: TaskDesign) -> Ruled:
    """Make the check of a task's format gate: the schema of the task, or of each request."""
    settings = {} if design.spec.schema is None else {"schema": design.spec.schema}
    spec = ScorerSpec(key="schema", scorer="schema", settings=settings)
    own = next((s for s in design.scorers if s.scorer == "schema"), spec)
    made = _scorer(spec, {**settings, **own.settings}, f"tasks.{design.spec.name}.gates")
    return Ruled(rule=Ask(scorer="schema"), scorers={"schema": made})


def _scorer(spec: ScorerSpec, settings: dict[str, Any], where: str) -> Scorer:
    kind = find("scorer", spec.scorer)
    own = {"name", "cost"}
    known = [
        field.name for field in dataclasses.fields(kind) if field.init and field.name not in own
    ]
    for name in settings:
        if name not in known:
            raise ConfigError(
                f"{where}.{spec.scorer}: unknown setting {name!r}; {nearest(name, known)}"
            )
    try:
        made: Scorer = kind(**settings)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}.{spec.scorer}: {error}") from error
    check = getattr(made, "check", None)
    if check is not None:
        check()
    return made


def priced(study: Study) -> Study:
    """Return a study with what is known of its models: prices, and what candidates take.

    Raises:
        ConfigError: a live model without a price.
    """
    base = study.baseline
    second = base.second
    judge = study.judge
    done = replace(
        study,
        baseline=replace(
            base, spec=_priced(base.spec), second=None if second is None else _priced(second)
        ),
        candidates=tuple(_listed(_priced(spec)) for spec in study.candidates),
        judge=None if judge is None else replace(judge, spec=_priced(judge.spec)),
    )
    batch = study.run.batch
    batch_prices = {
        spec.name: found
        for spec in study.candidates
        if spec.name in batch.models and spec.price is None
        if (found := prices.resolve_batch(spec.model)) is not None
    }
    known = replace(batch, prices={**batch_prices, **batch.prices})
    done = replace(done, run=replace(done.run, batch=known))
    for spec in _specs(done):
        is_asked = spec is not done.baseline.spec or done.baseline.source == "replay"
        if is_asked and not spec.is_recorded and spec.price is None:
            raise ConfigError(
                f"{study.origin}: no price is known for {spec.model!r}; give "
                "`price: {input: ..., output: ...}` in US dollars per million tokens (0 if free)"
            )
    return done


def _priced(spec: ModelSpec) -> ModelSpec:
    if spec.price is not None or spec.is_recorded:
        return spec
    return replace(spec, price=prices.resolve(spec.model))


def _listed(spec: ModelSpec) -> ModelSpec:
    """Look up what a model takes; an endpoint of one's own may serve anything under its name."""
    if spec.is_recorded or spec.api_base is not None:
        return spec
    try:
        return replace(spec, listed=prices.capabilities(spec.model))
    except ConfigError:  # no table: whoever needs a price from it has been told
        return spec


def _specs(study: Study) -> list[ModelSpec]:
    """Return every model that a study may ask."""
    found = list(study.candidates)
    if study.baseline.source == "replay":
        found.append(study.baseline.spec)
    if study.baseline.second is not None:
        found.append(study.baseline.second)
    if study.judge is not None:
        found.append(study.judge.spec)
    return found


def _asks_judge(spec: TaskSpec, entries: Iterable[LogEntry]) -> bool:
    if spec.rule is not None:
        return any(scorer.scorer == "judge" for scorer in spec.scorers)
    kind = spec.kind or (kind_from_requests(entries) or (None,))[0]
    return kind is None or is_free_text(kind)

"""One pass over a prompt log to its census, in memory that does not grow with the log.

What there are few of is counted exactly: rows, tokens, dollars, models, named tasks. Of what there
may be very many (ids, distinct requests, users) a random part is kept once there are more than fit,
and the census says that its figure is an estimate. No figure depends on the order of the rows, but
for rows that contradict each other under one id: there the first one counts, as it does in a run.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from glob import escape
from typing import Literal

from parity_eval import __version__, tasks
from parity_eval.census import VERSION, Census, ModelCensus, TaskCensus
from parity_eval.discovery import Discovered, discover
from parity_eval.discovery.sketch import NAMING_FIELDS, SAMPLE, Sketch
from parity_eval.discovery.suggestion import suggest_yaml
from parity_eval.intake import content_digest
from parity_eval.records import LogEntry, Reject, Skipped
from parity_eval.sampling import unusable
from parity_eval.smallest import Smallest, key_of
from parity_eval.stocktake import bills
from parity_eval.stocktake.bills import Bill, Sum
from parity_eval.stocktake.lacks import Seen, lacks, next_step
from parity_eval.stocktake.tallies import Crowd, Files, Names, Reasons, clean, named
from parity_eval.study import TaskSpec

N_IDS = 500_000
N_DISTINCT = 200_000
N_SEARCHED = 20_000
_MOST_MODELS = 500
_MOST_NAMED = 5_000
_EXAMPLE = 300
_OTHERS = "(others)"
_REPEATS = "repeats an earlier row, with the same id and content"
_OWN_ID = re.compile(r"[0-9a-f]{20}-\d+")
"""Ids that readers make for rows without one."""

_NOTHING = Counter[str]()

Finder = Callable[[LogEntry], Mapping[str, int]]
Masker = Callable[[str], str]


@dataclass(slots=True, kw_only=True)
class Stocktake:
    """Looks at the rows of a log, one at a time and in any order.

    Args:
        find: Returns the secrets and personal data of a request and its answer, by what they are;
            None: they are not looked for.
        n_ids: Ids among which repeats are looked for.
        n_distinct: Distinct requests that are counted exactly.
    """

    find: Finder | None = None
    n_ids: int = N_IDS
    n_distinct: int = N_DISTINCT
    files: Files = field(default_factory=Files)
    n_rows: int = 0
    _total: Sum = field(default_factory=Sum)
    _seen: Seen = field(default_factory=Seen)
    _n_cache_hits: int = 0
    _first: str | None = None
    _last: str | None = None
    _ids: Smallest[int] = field(init=False)
    _n_repeats: int = 0
    _distinct: Smallest[int] = field(init=False)
    _searched: Smallest[tuple[int, Counter[str]]] = field(init=False)
    _models: dict[tuple[str | None, str | None], Sum] = field(default_factory=dict)
    _baselines: Counter[str] = field(default_factory=Counter)
    _named: dict[tuple[str, str], Sum] = field(default_factory=dict)
    _sketch: Sketch = field(default_factory=Sketch)
    _sketched: Smallest[Sum] = field(init=False)
    _crowd: Crowd = field(default_factory=Crowd)
    _schemas: Names = field(default_factory=Names)
    _tools: Names = field(default_factory=Names)
    _skipped: Reasons = field(default_factory=Reasons)
    _rejected: Reasons = field(default_factory=Reasons)
    _stuck: Reasons = field(default_factory=Reasons)
    _unfit: Reasons = field(default_factory=Reasons)

    def __post_init__(self) -> None:
        self._ids = Smallest(self.n_ids)
        self._distinct = Smallest(self.n_distinct)
        self._searched = Smallest(N_SEARCHED)
        self._sketched = Smallest(SAMPLE, bits=256)

    def add(self, item: LogEntry | Skipped | Reject) -> None:
        """Look at one row."""
        self.n_rows += 1
        if isinstance(item, Skipped):
            self._skip(item.reason, item.path, item.line)
        elif isinstance(item, Reject):
            self._reject(item.reason, item.path, item.line)
        else:
            digest = content_digest(item)
            known = self._known(item, digest)
            if known == "repeats":
                self._skip(_REPEATS, item.path, item.line)
            elif known == "contradicts":
                reason = f"duplicate id {item.request.id!r}, with other content"
                self._reject(reason, item.path, item.line)
            else:
                self._count(item, digest)

    def _skip(self, reason: str, path: str, line: int) -> None:
        self._skipped.add(reason, path, line)
        self.files.at(path).n_skipped += 1

    def _reject(self, reason: str, path: str, line: int) -> None:
        self._rejected.add(reason, path, line)
        self.files.at(path).n_rejected += 1

    def _known(self, entry: LogEntry, digest: str) -> Literal["new", "repeats", "contradicts"]:
        """Say whether an earlier row has the same id; of very many ids only some are looked at."""
        key = key_of(entry.request.id)
        if not self._ids.admits(key):
            return "new"
        answer = entry.response
        calls = [(call.name, call.arguments) for call in answer.tool_calls] if answer else None
        said = key_of(f"{digest}{calls!r}{answer.text if answer else None!r}")
        if key not in self._ids.values:
            self._ids.values[key] = said
            return "new"
        self._n_repeats += 1
        return "repeats" if self._ids.values[key] == said else "contradicts"

    def _count(self, entry: LogEntry, digest: str) -> None:
        self.files.at(entry.path).n_requests += 1
        bill = bills.bill(entry)
        self._total.add(bill)
        self._count_models(entry, bill)
        for name in _own_names(entry):
            if name in self._named or len(self._named) < _MOST_NAMED:
                self._named.setdefault(name, Sum()).add(bill)
        key = int(self._sketch.add(entry), 16)
        if self._sketched.admits(key):
            self._sketched.values.setdefault(key, Sum()).add(bill)
        self._count_content(entry, key_of(digest))
        self._crowd.add(entry, bill.usd or 0.0)
        self._note(entry, bill)

    def _count_models(self, entry: LogEntry, bill: Bill) -> None:
        served = entry.response.model_served if entry.response else None
        names = (entry.model, served)
        if names not in self._models and len(self._models) >= _MOST_MODELS:
            names = (_OTHERS, None)
        self._models.setdefault(names, Sum()).add(bill)
        name = entry.model or served
        if (
            name
            and entry.unreplayable is None
            and (name in self._baselines or len(self._baselines) < _MOST_MODELS)
        ):
            self._baselines[name] += 1

    def _count_content(self, entry: LogEntry, key: int) -> None:
        if self._distinct.admits(key):
            self._distinct.values[key] = self._distinct.values.get(key, 0) + 1
        if self.find is not None and self._searched.admits(key):
            n, found = self._searched.values.get(key, (0, _NOTHING))
            more = self.find(entry)
            self._searched.values[key] = (n + 1, found + Counter(more) if more else found)

    def _note(self, entry: LogEntry, bill: Bill) -> None:
        """Count what the request has, and what it lacks."""
        seen, body, answer = self._seen, entry.request.body, entry.response
        seen.n += 1
        seen.n_without_id += _OWN_ID.fullmatch(entry.request.id) is not None
        seen.n_without_time += entry.timestamp is None
        seen.n_without_user += not entry.user
        seen.n_without_session += not entry.session
        seen.n_without_model += not (entry.model or (answer and answer.model_served))
        seen.n_answered += bill.usage is not None
        seen.n_estimated += bill.is_estimated
        seen.n_unpriced += bill.usage is not None and bill.usd is None
        self._n_cache_hits += entry.is_cache_hit
        if entry.timestamp:
            self._first = min(self._first or entry.timestamp, entry.timestamp)
            self._last = max(self._last or entry.timestamp, entry.timestamp)
        self._schemas.add(_schema(entry))
        self._tools.add(tasks.tool_names(body))
        if entry.unreplayable is not None:
            self._stuck.add(entry.unreplayable, entry.path, entry.line)
            return
        seen.n_replayable += 1
        why = unusable(answer)
        if why is None:
            seen.n_usable += 1
        else:
            self._unfit.add(why, entry.path, entry.line)
        if answer is None:
            seen.n_unanswered += 1
            seen.unanswered_input += bills.input_estimate(body)

    def census(
        self,
        *,
        log: Sequence[str],
        options: Sequence[str] = (),
        n_files: int,
        n_empty_files: int = 0,
        mask: Masker = lambda text: text,
        hide: Masker = lambda text: text,
    ) -> Census:
        """Return what was found.

        Args:
            log: Files, folders, globs or addresses, as they were given.
            options: How it was looked at, as words of a command line.
            n_files: Files of the log.
            n_empty_files: Files that hold no row.
            mask: Hides secrets and personal data in a text that is shown.
            hide: Hides secrets only, in rules that have to find the same requests again.
        """
        seen, total = self._seen, self._total
        n_with_tokens = total.n_counted + total.n_estimated
        seen.mean_output = total.output_tokens / n_with_tokens if n_with_tokens else None
        ranked = sorted(self._baselines, key=lambda name: (-self._baselines[name], name))
        baseline = clean(ranked[0]) if ranked else None
        found = discover(self._sketch)
        next_command, why_next = next_step(seen, baseline, log, options)
        searched = self._searched.values.values()
        return Census(
            version=VERSION,
            tool_version=__version__,
            log_path=clean(", ".join(log)),
            n_files=n_files,
            n_empty_files=n_empty_files,
            files=self.files.listed(),
            n_rows=self.n_rows,
            n_requests=total.n,
            first_timestamp=self._first,
            last_timestamp=self._last,
            n_distinct=min(total.n, self._distinct.n_distinct),
            is_distinct_estimated=not self._distinct.is_whole,
            most_repeated=max(self._distinct.values.values(), default=0),
            n_replayable=seen.n_replayable,
            not_replayable=self._stuck.listed(),
            n_answers=seen.n_usable,
            no_answers=self._unfit.listed(),
            n_cache_hits=self._n_cache_hits,
            volume=total.volume(),
            models=tuple(self._model_list()),
            tasks=tuple(self._task_list(found, mask, hide)),
            tasks_from=_origin(found),
            suggestion=hide(suggest_yaml(found)),
            people=self._crowd.people(),
            schemas=self._schemas.listed(),
            tools=self._tools.listed(),
            found=named(sum((counts for _, counts in searched), Counter[str]())),
            n_searched=sum(n for n, _ in searched),
            lacks=tuple(lacks(seen, baseline)),
            skipped=self._skipped.listed(),
            rejected=self._rejected.listed(),
            notes=tuple(self._notes()),
            next_command=next_command,
            why_next=why_next,
        )

    def _model_list(self) -> Iterator[ModelCensus]:
        found = sorted(self._models.items(), key=lambda one: (-one[1].usd, -one[1].n, str(one[0])))
        for (asked, served), total in found:
            quote = bills.quote(asked, served)
            yield ModelCensus(
                asked=asked and clean(asked),
                served=served and clean(served),
                priced_as=quote.matched if quote.price else None,
                note=clean(quote.note) if quote.note and (asked or served) else None,
                volume=total.volume(),
            )

    def _task_list(
        self, found: Sequence[Discovered], mask: Masker, hide: Masker
    ) -> Iterator[TaskCensus]:
        """Give the tasks with their volume: counted where the log names them or fits the sketch."""
        specs = [TaskSpec(name=task.name, match=dict(task.match)) for task in found]
        sums = {task.name: Sum() for task in found}
        texts: dict[str, str] = {}
        examples = {task.examples[0] for task in found if task.examples}
        # Sketch and sums keep the same requests, those with the smallest digests.
        sketched = [self._sketched.values[key] for key in sorted(self._sketched.values)]
        for (entry, _), own in zip(self._sketch.requests(), sketched, strict=True):
            name = tasks.assign(entry, specs)
            if name is not None:
                sums[name] = sums[name].plus(own)
            if entry.request.id in examples:
                texts[entry.request.id] = _said(entry)
        n_sketched = sum(total.n for total in sums.values())
        scale = self._total.n / n_sketched if n_sketched else 1.0
        by_name = self._by_name(found)
        for task in found:
            counted = by_name.get(task.name)
            volume = counted.volume() if counted else sums[task.name].volume(scale)
            text = texts.get(task.examples[0], "") if task.examples else ""
            yield TaskCensus(
                name=task.name,
                match={name: hide(glob) for name, glob in task.match.items()},
                why=task.why,
                kind=task.kind,
                why_kind=task.why_kind,
                volume=volume,
                is_estimated=counted is None and not self._sketch.is_whole,
                example=clean(mask(text)[:_EXAMPLE]),
                template=clean(mask(task.template)[:_EXAMPLE]),
            )

    def _by_name(self, found: Sequence[Discovered]) -> dict[str, Sum]:
        """Return the exact volumes of tasks that the log names; empty where it does not."""
        counted = {(name, escape(value)): own for (name, value), own in self._named.items()}
        sums: dict[str, Sum] = {}
        rest = [task for task in found if tasks.REST in task.match]
        for task in found:
            if task in rest:
                continue
            ((name, value),) = task.match.items() if len(task.match) == 1 else (("", ""),)
            if (name, value) not in counted:
                return {}
            sums[task.name] = counted[name, value]
        left = self._total
        for own in sums.values():
            left = left.plus(own, sign=-1)
        if len(rest) == 1:
            sums[rest[0].name] = left
        return sums if sums and len(rest) <= 1 else {}

    def _notes(self) -> Iterator[str]:
        if not self._ids.is_whole:
            more = round(self._n_repeats * (1 / self._ids.share - 1))
            yield (
                f"repeated ids are looked for among {self.n_ids:,} ids only; up to about {more:,} "
                "more rows repeat one and are counted"
            )
        if not self._searched.is_whole:
            n = sum(n for n, _ in self._searched.values.values())
            yield f"secrets and personal data were looked for in {n:,} requests, drawn at random"
        if len(self._named) >= _MOST_NAMED:
            yield f"the log has more than {_MOST_NAMED:,} task names: their sizes are estimated"


def _own_names(entry: LogEntry) -> Iterator[tuple[str, str]]:
    """Give the fields by which the log itself may name a task, with their values."""
    for name in NAMING_FIELDS:
        if name == "task" or name.partition(".")[2] in entry.metadata:
            values = tasks.field_values(entry, name)
            if len(values) == 1 and values[0]:
                yield name, values[0]


def _origin(found: Sequence[Discovered]) -> Literal["log", "templates", "nothing"]:
    named_by = {name for task in found for name in task.match} - {tasks.REST}
    if not named_by:
        return "nothing"
    return "log" if named_by <= set(NAMING_FIELDS) else "templates"


def _schema(entry: LogEntry) -> tuple[str, ...]:
    wanted = entry.request.body.get("response_format")
    if not isinstance(wanted, dict):
        return ()
    if wanted.get("type") == "json_object":
        return ("(any JSON object)",)
    return (
        (tasks.schema_name(entry.request.body) or "(without a name)",)
        if wanted.get("type") == "json_schema"
        else ()
    )


def _said(entry: LogEntry) -> str:
    body = entry.request.body
    return tasks.user_prompt(body) or tasks.system_prompt(body)

"""File and flags to a frozen Study; every mistake is told at once, with file, line and remedy."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import msgspec
from pydantic import ValidationError

from parity_eval import wire, yaml_lines
from parity_eval.config.contradictions import NOT_STRATIFIED, contradictions
from parity_eval.config.rule_text import parse_rule
from parity_eval.config.shape import (
    MATCH_FIELDS,
    VERSION,
    BaselinePart,
    CandidatePart,
    FilePart,
    GatePart,
    JudgePart,
    LabelsPart,
    LogPart,
    ModelPart,
    PrivacyPart,
    PromptPart,
    TaskPart,
    TestPart,
    is_field,
    siblings,
)
from parity_eval.errors import ConfigError, InputError, nearest
from parity_eval.logged.columns import USUAL
from parity_eval.logged.times import utc_time
from parity_eval.privacy.personal import KINDS
from parity_eval.readers import READERS
from parity_eval.records import (
    FLOOR_GATE,
    Capabilities,
    EstimandName,
    JsonValue,
    ModelName,
    ModelSpec,
    Price,
    Prompt,
    RequestId,
    TaskName,
)
from parity_eval.rules import Rule
from parity_eval.study import (
    BaselineSpec,
    BatchSpec,
    GateSpec,
    JudgeSpec,
    LabelSpec,
    LogSpec,
    PrivacySpec,
    RateLimit,
    RunSpec,
    ScorerSpec,
    Study,
    TaskSpec,
    TestSpec,
)


def read(
    path: Path | None,
    settings: Mapping[tuple[str, ...], JsonValue],
    *,
    candidates: Sequence[str] = (),
    judge: str | None = None,
    tasks: Sequence[str] = (),
) -> Study:
    """Read a study from a file, from flags, or from a file with flags laid over it.

    Args:
        path: Configuration; None: flags alone.
        settings: Place in the configuration to value; they win over the file.
        candidates: Models or recordings; they replace the file's.
        judge: Model or table of recorded verdicts; replaces the file's.
        tasks: Names of the only tasks to evaluate.

    Raises:
        ConfigError: everything that is wrong, together.
    """
    document = load_file(str(path)) if path else yaml_lines.Document(data={"version": VERSION})
    data = document.data if isinstance(document.data, dict) else {}
    for place, value in settings.items():
        _lay(data, place, value)
    if candidates:
        data["candidates"] = [_named_on_command_line(text) for text in candidates]
    if judge:
        data["judge"] = _named_on_command_line(judge)
    if tasks:
        _keep_tasks(data, tasks)
    if path is None:
        _require_flags(data)
    return build(
        document,
        origin="flags" if path is None else str(path),
        base=Path.cwd() if path is None else path.absolute().parent,
    )


def _lay(data: dict[str, JsonValue], place: tuple[str, ...], value: JsonValue) -> None:
    for part in place[:-1]:
        inner = data.setdefault(part, {})
        if not isinstance(inner, dict):
            return  # the validation tells what is wrong there
        data = inner
    data[place[-1]] = value


def _named_on_command_line(text: str) -> dict[str, JsonValue]:
    if text.endswith((".jsonl", ".jsonl.gz")):
        return {"model": "recorded", "path": str(Path(text).expanduser().absolute())}
    return {"model": text}


def _keep_tasks(data: dict[str, JsonValue], wanted: Sequence[str]) -> None:
    known = data.get("tasks")
    if not isinstance(known, dict) or not known:
        data["tasks"] = {name: {} for name in wanted}
        return
    for name in wanted:
        if name not in known:
            raise ConfigError(f"--task {name}: no such task; {nearest(name, known)}")
    data["tasks"] = {name: known[name] for name in wanted}


def _require_flags(data: dict[str, JsonValue]) -> None:
    lacking = [flag for flag in ("baseline", "candidates") if flag not in data]
    if lacking:
        names = " and ".join("--" + name.removesuffix("s") for name in lacking)
        raise ConfigError(f"--log alone is not enough: {names} must be given too, or a file")


def load_file(path: str) -> yaml_lines.Document:
    """Read a configuration file.

    Raises:
        ConfigError: no such file, not UTF-8, or not YAML.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: no such file; name a configuration, or use --log, --baseline and --candidate"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    document = yaml_lines.load(text, path)
    if not isinstance(document.data, dict):
        raise ConfigError(f"{path}:1: a mapping with the key 'version' was expected")
    return document


def build(document: yaml_lines.Document, *, origin: str, base: Path) -> Study:
    """Turn a configuration into a Study.

    Args:
        document: Configuration; flags are already laid over it.
        origin: File name for messages, or `flags`.
        base: Folder that relative paths start from.

    Raises:
        ConfigError: everything that is wrong, together.
    """
    try:
        parsed = FilePart.model_validate(document.data)
    except ValidationError as error:
        raise ConfigError(_all_errors(error, document, origin)) from error
    builder = _Builder(document, origin, base)
    study = builder.study(parsed)
    builder.problems += [
        (path, text) for path, text in contradictions(study) if (path, text) not in builder.problems
    ]
    if builder.problems:
        lines = [f"{_where(document, origin, path)}: {text}" for path, text in builder.problems]
        raise ConfigError("\n".join(lines))
    return study


def _where(document: yaml_lines.Document, origin: str, path: yaml_lines.Path) -> str:
    dotted = ".".join(str(part) for part in path) or "the file"
    return (
        f"{origin}: {dotted}"
        if not document.lines
        else (f"{origin}:{document.line(path)}: {dotted}")
    )


def _all_errors(error: ValidationError, document: yaml_lines.Document, origin: str) -> str:
    lines = []
    for problem in error.errors(include_url=False):
        path = tuple(
            part for part in problem["loc"] if part in _keys(document.data, problem["loc"])
        )
        path = path or tuple(problem["loc"][:1])
        where = _where(document, origin, tuple(problem["loc"]) if path == () else path)
        if problem["type"] == "extra_forbidden":
            key = str(problem["loc"][-1])
            hint = nearest(key, siblings(problem["loc"]))
            lines.append(f"{where}: unknown key; {hint}")
        elif problem["type"] == "missing":
            full = _where(document, origin, tuple(problem["loc"]))
            lines.append(f"{full}: is required")
        else:
            text = re.sub(r" or instance of \w+", "", problem["msg"].removeprefix("Value error, "))
            text = text.replace("a valid dictionary", "a mapping")
            lines.append(f"{where}: {text}; got {problem['input']!r}"[:400])
    return "\n".join(dict.fromkeys(lines))


def _keys(data: JsonValue, path: tuple[int | str, ...]) -> set[str | int]:
    """Return the parts of a pydantic location that are keys of the document, not type names."""
    found: set[str | int] = set()
    for part in path:
        if isinstance(data, dict) and part in data:
            data = data[str(part)]
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            continue
        found.add(part)
    return found


class _Builder:
    """Turns validated parts into records and collects what pydantic cannot see."""

    def __init__(self, document: yaml_lines.Document, origin: str, base: Path) -> None:
        self.document = document
        self.origin = origin
        self.base = base
        self.problems: list[tuple[yaml_lines.Path, str]] = []

    def study(self, parsed: FilePart) -> Study:
        test = parsed.test
        return Study(
            name=self._name(parsed.name),
            origin=self.origin,
            log=self._log(parsed.log),
            baseline=self._baseline(parsed.baseline),
            candidates=tuple(
                self._candidate(part, ("candidates", i)) for i, part in enumerate(parsed.candidates)
            ),
            judge=self._judge(parsed.judge),
            labels=self._labels(parsed.labels),
            test=TestSpec(
                alpha=test.alpha, beta=test.beta, bar=test.bar, margin=test.margin,
                estimand=test.estimand, max_samples=test.max_samples, min_n=test.min_n,
                family=test.family, seed=test.seed, max_excluded=test.max_excluded,
                target=test.target, cluster=test.cluster, design=test.design, looks=test.looks,
                weight=self._weight(test),
            ),
            tasks=tuple(
                self._task(name, task or TaskPart(), test.estimand)
                for name, task in parsed.tasks.items()
            ),
            run=RunSpec(
                out=self._path(parsed.out) if parsed.out else "reports",
                max_cost_usd=parsed.budget.usd, offline=parsed.offline,
                concurrency=parsed.replay.concurrency, timeout_s=parsed.replay.timeout_s,
                read_timeout_s=parsed.replay.read_timeout_s,
                max_wait_s=parsed.replay.max_wait_s,
                limits={
                    name: RateLimit(**part.model_dump())
                    for name, part in parsed.replay.limits.items()
                },
                task_max_usd={
                    TaskName(name): task.max_usd
                    for name, task in parsed.tasks.items()
                    if task is not None and task.max_usd is not None
                },
                cache_max_age_days=parsed.cache.max_age, reads_cache=parsed.cache.read,
                missing=parsed.missing, recordings=parsed.recordings,
                batch=self._batch(parsed),
            ),
            privacy=self._privacy(parsed.privacy),
        )  # fmt: skip

    def _weight(self, test: TestPart) -> Literal["requests", "traffic"]:
        if test.stratify is not None:
            self.problems.append((("test", "stratify"), NOT_STRATIFIED))
        return test.weight

    def _privacy(self, part: PrivacyPart) -> PrivacySpec:
        for i, kind in enumerate(part.kinds):
            if kind not in KINDS:
                text = f"nothing is known of {kind!r}; {nearest(kind, KINDS)}, or name a `detector`"
                self.problems.append((("privacy", "kinds", i), text))
        if part.kinds and part.personal == "keep":
            text = "personal data is kept; set `personal: mask`, or remove it"
            self.problems.append((("privacy", "kinds"), text))
        if part.detector is not None and not re.fullmatch(r"[\w.]+:\w+", part.detector):
            text = f"{part.detector!r} given, must be `module:function`"
            self.problems.append((("privacy", "detector"), text))
        return PrivacySpec(
            secrets=part.secrets,
            personal=part.personal,
            kinds=tuple(dict.fromkeys(part.kinds)),
            detector=part.detector,
        )

    def _name(self, given: str | None) -> str:
        """Return the study's name, which also begins the name of its run folder."""
        if given is None:
            return _slug(Path(self.origin).resolve().parent.name, self.origin)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,79}", given):
            self.problems.append(
                (("name",), "at most 80 letters, digits, spaces, '.', '_' and '-', please")
            )
        return given

    def _path(self, text: str) -> str:
        """Return a path of the file as one that works from here; `$NAME` is taken from outside."""
        expanded = os.path.expandvars(text)
        if unset := re.search(r"\$\{?(\w+)\}?", expanded):
            name = unset.group(1)
            problem = f"paths need the environment variable {name}, which is not set"
            if ((), problem) not in self.problems:
                self.problems.append(((), problem))
        return expanded if "://" in text else str(self.base / Path(expanded).expanduser())

    def _log(self, part: LogPart) -> LogSpec:
        if part.format not in ("auto", *READERS):
            text = (
                f"no format is called {part.format!r}; {nearest(part.format, ['auto', *READERS])}"
            )
            self.problems.append((("log", "format"), text))
        if part.columns and part.format not in ("auto", "plain"):
            text = f"only plain tables have columns to name, not {part.format!r}; remove one"
            self.problems.append((("log", "columns"), text))
        for what, column in part.columns.items():
            if what not in USUAL:
                text = f"nothing of a request is called {what!r}; {nearest(what, USUAL)}"
                self.problems.append((("log", "columns", what), text))
            elif isinstance(column, list) and what != "metadata":
                text = "one column, please; only `metadata` may have several"
                self.problems.append((("log", "columns", what), text))
        self._fields(part.task_from, ("log", "task_from"))
        paths = [part.path] if isinstance(part.path, str) else part.path
        if not paths:
            self.problems.append((("log", "path"), "names no file"))
        found = tuple(map(self._path, paths))
        return LogSpec(
            path=found[0] if len(found) == 1 else found,
            max_rejects=part.max_rejects,
            format="plain" if part.columns else part.format,
            columns={
                what: column if isinstance(column, str) else tuple(column)
                for what, column in part.columns.items()
            },
            task_from=tuple(part.task_from),
            **self._selection(part),
        )

    def _selection(self, part: LogPart) -> dict[str, Any]:
        """Return which lines count, with times as the log's entries have them."""
        self._fields(part.where, ("log", "where"))
        times: dict[str, str | None] = {}
        for name in ("since", "until"):
            given: str | None = getattr(part, name)
            times[name] = None if given is None else utc_time(given)
            if given is not None and times[name] is None:
                text = f"{given!r} given, must be a date or a time, such as 2026-03-01 or "
                text += "2026-03-01T09:30:00Z"
                self.problems.append((("log", name), text))
        since, until = times["since"], times["until"]
        if since is not None and until is not None and since >= until:
            text = f"{until} is not after `since` ({since}); no line could count"
            self.problems.append((("log", "until"), text))
        return {**times, "where": part.where}

    def _model(self, model: ModelPart, path: yaml_lines.Path) -> ModelSpec:
        if model.model == "recorded" and not model.path:
            self.problems.append(((*path, "model"), "a recorded model needs `path`, its recording"))
        if model.model != "recorded" and model.path:
            self.problems.append(
                ((*path, "path"), "only `model: recorded` reads a file; remove `path`, or say so")
            )
        stem = Path(model.path or "").name.split(".jsonl")[0]
        name = model.name or (stem if model.model == "recorded" else model.model)
        return ModelSpec(
            name=ModelName(name or "unnamed"),
            model=model.model,
            path=self._path(model.path) if model.path else None,
            api_base=model.api_base,
            api_key_env=model.api_key_env,
            params=model.params,
            price=msgspec.convert(model.price.model_dump(), Price) if model.price else None,
            transport=model.transport,
        )

    def _candidate(self, part: CandidatePart, path: yaml_lines.Path) -> ModelSpec:
        """Return a candidate; what its requests could not be sent with is told."""
        spec = self._model(part, path)
        if not spec.is_recorded:
            self.problems += [
                ((*path, "params", name), text) for name, text in wire.param_problems(spec.params)
            ]
        elif part.capabilities is not None:
            text = "a recording has answered already, whatever its model takes; remove it"
            self.problems.append(((*path, "capabilities"), text))
        return replace(
            spec,
            prompt=self._prompt(part.prompt, (*path, "prompt")),
            capabilities=Capabilities(
                **(part.capabilities.model_dump() if part.capabilities else {})
            ),
        )

    def _batch(self, parsed: FilePart) -> BatchSpec:
        """Return which candidates are asked in batches; what a batch cannot tell is told."""
        asked = [
            part
            for i, part in enumerate(parsed.candidates)
            if self._is_batched(part, parsed.replay.mode, ("candidates", i))
        ]
        for name, task in parsed.tasks.items():
            for gate, check in (task.gates if task else {}).items():
                if asked and check.check == "speed":
                    text = "answers in batches do not tell how fast a model is; use `mode: direct`"
                    self.problems.append((("tasks", name, "gates", gate, "check"), text))
        prices = {part.name or part.model: part.batch_price or part.price for part in asked}
        return BatchSpec(
            models=tuple(ModelName(name) for name in prices),
            size=parsed.replay.batch_size,
            poll_s=parsed.replay.poll_s,
            prices={
                ModelName(name): msgspec.convert(price.model_dump(), Price)
                for name, price in prices.items()
                if price is not None
            },
        )

    def _is_batched(self, part: CandidatePart, mode: str, path: yaml_lines.Path) -> bool:
        if part.model == "recorded":
            for key in ("mode", "batch_price"):
                if getattr(part, key) is not None:
                    text = "a recording has answered already; remove it"
                    self.problems.append(((*path, key), text))
            return False
        is_batched = (part.mode or mode) == "batch"
        if part.batch_price is not None and not is_batched:
            text = "the candidate is not asked in batches; set `mode: batch`, or remove it"
            self.problems.append(((*path, "batch_price"), text))
        return is_batched

    def _prompt(self, part: PromptPart | None, path: yaml_lines.Path) -> Prompt | None:
        if part is None:
            return None
        prompt = Prompt(**part.model_dump())
        if prompt == Prompt():
            text = "says nothing; set `system`, `append_system` or `template`, or remove it"
            self.problems.append((path, text))
        if prompt.system is not None and prompt.append_system is not None:
            text = "beside `system`, which stands in place of the log's; keep one of the two"
            self.problems.append(((*path, "append_system"), text))
        problem = None if prompt.template is None else wire.template_problem(prompt.template)
        if problem is not None:
            self.problems.append(((*path, "template"), problem))
        return prompt

    def _baseline(self, part: BaselinePart) -> BaselineSpec:
        if part.model == "recorded" and part.source == "logged" and not part.path:
            part = part.model_copy(update={"path": "-"})
        return BaselineSpec(
            spec=self._model(part, ("baseline",)),
            source="replay" if part.model == "recorded" else part.source,
            second=self._second(part),
            second_share=part.second.share if part.second else None,
        )

    def _second(self, part: BaselinePart) -> ModelSpec | None:
        if part.second is None:
            return None
        second = self._model(part.second, ("baseline", "second"))
        if part.second.name or second.is_recorded:
            return second
        # Usually the same model as the baseline: it needs a name of its own.
        return replace(second, name=ModelName(f"{second.name} (second)"))

    def _judge(self, part: JudgePart | None) -> JudgeSpec | None:
        if part is None:
            return None
        return JudgeSpec(
            spec=self._model(part, ("judge",)),
            rubric=part.rubric,
            orders=part.orders,
            allow_self_preference=part.allow_self_preference,
            labels=self._labels(part.labels, ("judge", "labels")),
            label_share=part.labels.share if part.labels else 1.0,
        )

    def _labels(
        self, part: LabelsPart | None, path: yaml_lines.Path = ("labels",)
    ) -> LabelSpec | None:
        if part is None:
            return None
        for text, value in part.values.items():
            if not 0 <= value <= 1:
                self.problems.append(
                    ((*path, "values", text), f"{value} given, must be >= 0 and <= 1")
                )
        return LabelSpec(path=self._path(part.path), values=part.values, column=part.column)

    def _task(
        self, name: str, task: TaskPart, estimand: EstimandName | Literal["auto"]
    ) -> TaskSpec:
        path = ("tasks", name)
        if not name.strip():
            self.problems.append((path, "a task needs a name"))
        self._fields(task.match, (*path, "match"), known=(*MATCH_FIELDS, "rest"))
        if task.match.get("rest", "*") != "*":
            problem = "takes what no other task matches, whatever it is; write '*'"
            self.problems.append(((*path, "match", "rest"), problem))
        if task.reference is not None:
            self._fields([task.reference], (*path, "reference"), known=())
        named = task.estimand or estimand
        if task.quality is not None:
            if task.parity is not None:
                self.problems.append(((*path, "quality"), "beside `parity`; keep one of the two"))
            if task.estimand not in (None, "auto", "quality"):
                self.problems.append(((*path, "quality"), f"beside `estimand: {task.estimand}`"))
            named = "quality"
        key = "parity" if task.quality is None else "quality"
        rule, scorers = self._rule(getattr(task, key), (*path, key))
        return TaskSpec(
            name=TaskName(name), match=task.match, kind=task.kind,
            estimand=named,
            bar=task.bar, margin=task.margin, rule=rule, scorers=scorers,
            schema=self._schema(task.schema_, (*path, "schema")),
            acknowledge=tuple(RequestId(item) for item in task.acknowledge),
            gates=tuple(
                self._gate(gate, part, (*path, "gates", gate)) for gate, part in task.gates.items()
            ),
            must_pass=tuple(RequestId(item) for item in task.must_pass),
            reference=task.reference,
        )  # fmt: skip

    def _gate(self, name: str, part: GatePart, path: yaml_lines.Path) -> GateSpec:
        """Return a gate; what does not belong to its check is told rather than ignored."""
        if not name.strip():
            self.problems.append((path, "a gate needs a name"))
        if name == FLOOR_GATE:
            self.problems.append((path, "the name is taken; give the gate another"))
        self._fields(part.match, (*path, "match"), known=(*MATCH_FIELDS, "answer"))
        takes = {
            "format": {"bar"}, "speed": {"bar", "seconds"}, "slice": {"bar", "margin", "match"},
        }[part.check]  # fmt: skip
        given = {key for key in ("bar", "margin", "seconds", "match") if getattr(part, key)}
        for key in sorted(given - takes):
            self.problems.append(((*path, key), f"a gate that checks {part.check} has no {key!r}"))
        for key in sorted({"seconds", "match"} & takes - given):
            self.problems.append(((*path, "check"), f"{part.check} needs `{key}`"))
        return GateSpec(
            name=name,
            check=part.check,
            bar=part.bar,
            margin=part.margin,
            seconds=part.seconds,
            match=part.match,
        )

    def _fields(
        self,
        fields: Iterable[str],
        path: yaml_lines.Path,
        *,
        known: Sequence[str] = MATCH_FIELDS,
    ) -> None:
        """Tell of fields that no log entry has."""
        for key in fields:
            if not is_field(key, known=known):
                hint = nearest(key, (*known, "metadata.KEY"))
                self.problems.append(((*path, key), f"unknown field; {hint}"))

    def _rule(
        self, given: JsonValue, path: yaml_lines.Path
    ) -> tuple[Rule | None, tuple[ScorerSpec, ...]]:
        try:
            return (None, ()) if given is None else parse_rule(given)
        except ValueError as error:
            self.problems.append((path, str(error)))
            return None, ()

    def _schema(self, given: str | dict[str, Any] | None, path: yaml_lines.Path) -> str | None:
        from parity_eval import codec  # noqa: PLC0415 - keeps msgspec off the import path of help
        from parity_eval.scorers.schema import check_schema  # noqa: PLC0415 - jsonschema is slow

        if given is None:
            return None
        where = "the schema"
        try:
            if isinstance(given, str):
                where = self._path(given)
                given = codec.decode(Path(where).read_bytes(), dict[str, Any], where)
            check_schema(given, where)
        except OSError as error:
            self.problems.append((path, f"{where}: {error.strerror}; name a JSON Schema file"))
        except InputError as error:
            self.problems.append((path, str(error)))
        else:
            return codec.encode(given).decode()
        return None


def _slug(folder: str, origin: str) -> str:
    return re.sub(r"[^a-zA-Z0-9._-]+", "-", folder).strip("-") if origin != "flags" else "study"

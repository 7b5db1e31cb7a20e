"""File and flags to a frozen Study; every mistake is told at once, with file, line and remedy."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from parity_eval import yaml_lines
from parity_eval.errors import ConfigError, InputError, nearest
from parity_eval.records import (
    EstimandName,
    JsonValue,
    Kind,
    ModelName,
    ModelSpec,
    Price,
    RequestId,
    Score,
    TaskName,
)
from parity_eval.rules import All, AnyOf, Ask, Decided, Not, Rule, evaluate, names
from parity_eval.scorers import SCORERS
from parity_eval.study import (
    BaselineSpec,
    JudgeSpec,
    LabelSpec,
    LogSpec,
    RunSpec,
    ScorerSpec,
    Study,
    TaskSpec,
    TestSpec,
)

VERSION = 1
MATCH_FIELDS = ("task", "model", "user", "session", "tag", "system_prompt")


def _open_unit(value: object) -> object:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not 0 < value < 1:
        raise ValueError(f"{value} given, must be > 0 and < 1")
    return value


def _bar(value: object) -> object:
    if value == "auto":
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 1:
        raise ValueError(
            f"{value} given, must be < 1: no number of answers proves a rate of 1. With 300 "
            "answers all at parity the best bar that can be certified is 0.99 (alpha ** (1 / 300))"
        )
    return _open_unit(value)


_Fraction = Annotated[float, BeforeValidator(_open_unit)]
_Bar = Annotated[float | None, BeforeValidator(_bar)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Price(_Part):
    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached_input: float | None = Field(default=None, ge=0)


class _Model(_Part):
    model: str = Field(min_length=1)
    name: str | None = Field(default=None, min_length=1)
    path: str | None = None
    api_base: str | None = None
    api_key_env: str | None = None
    params: dict[str, Any] = {}
    price: _Price | None = None
    transport: Literal["auto", "litellm", "direct"] = "auto"


class _Baseline(_Model):
    source: Literal["logged", "replay"] = "logged"
    second: _Model | None = None


class _Judge(_Model):
    rubric: str | None = None
    orders: Literal["both", "any"] = "both"
    allow_self_preference: bool = False


class _Labels(_Part):
    path: str
    values: dict[str, float] = {}
    column: str = "label"


class _Log(_Part):
    path: str
    format: Literal["auto", "canonical"] = "auto"
    max_rejects: float = Field(default=0.01, ge=0, le=1)


class _Test(_Part):
    alpha: _Fraction = 0.05
    beta: _Fraction = 0.1
    bar: _Bar = None
    margin: _Fraction = 0.05
    estimand: EstimandName | Literal["auto"] = "auto"
    max_samples: int = Field(default=2000, ge=1)
    min_n: int = Field(default=30, ge=1)
    family: Literal["fdr", "fwer"] = "fdr"
    seed: int = Field(default=1, ge=0)
    max_excluded: float = Field(default=0.05, ge=0, le=1)


class _Task(_Part):
    match: dict[str, str] = {}
    kind: Kind | None = Field(default=None, strict=False)
    estimand: EstimandName | Literal["auto"] | None = None
    bar: _Bar = None
    margin: _Fraction | None = None
    parity: Any = None
    schema_: str | dict[str, Any] | None = Field(default=None, alias="schema")
    acknowledge: list[str] = []


class _Budget(_Part):
    usd: float | None = Field(default=None, ge=0)


class _Replay(_Part):
    concurrency: int = Field(default=32, ge=1, le=1024)
    timeout_s: float = Field(default=120.0, gt=0)


class _File(_Part):
    version: Literal[1]
    name: str | None = None
    log: _Log
    baseline: _Baseline
    candidates: list[_Model] = Field(min_length=1)
    judge: _Judge | None = None
    labels: _Labels | None = None
    test: _Test = _Test()
    budget: _Budget = _Budget()
    replay: _Replay = _Replay()
    missing: Literal["wait", "fail"] = "wait"
    out: str | None = None
    offline: bool = False
    tasks: dict[str, _Task] = {}


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
        parsed = _File.model_validate(document.data)
    except ValidationError as error:
        raise ConfigError(_all_errors(error, document, origin)) from error
    builder = _Builder(document, origin, base)
    study = builder.study(parsed)
    builder.problems += [
        (path, text)
        for path, text in _contradictions(study)
        if (path, text) not in builder.problems
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
            hint = nearest(key, _siblings(problem["loc"]))
            lines.append(f"{where}: unknown key; {hint}")
        elif problem["type"] == "missing":
            full = _where(document, origin, tuple(problem["loc"]))
            lines.append(f"{full}: is required")
        else:
            text = problem["msg"].removeprefix("Value error, ")
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


def _siblings(path: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = _File
    named: dict[str, type[BaseModel]] = {
        "log": _Log, "baseline": _Baseline, "candidates": _Model, "judge": _Judge,
        "labels": _Labels, "test": _Test, "budget": _Budget, "replay": _Replay, "tasks": _Task,
        "second": _Model, "price": _Price,
    }  # fmt: skip
    for part in path[:-1]:
        model = named.get(str(part), model)
    return [info.alias or key for key, info in model.model_fields.items()]


class _Builder:
    """Turns validated parts into records and collects what pydantic cannot see."""

    def __init__(self, document: yaml_lines.Document, origin: str, base: Path) -> None:
        self.document = document
        self.origin = origin
        self.base = base
        self.problems: list[tuple[yaml_lines.Path, str]] = []

    def study(self, parsed: _File) -> Study:
        test = parsed.test
        return Study(
            name=parsed.name or _slug(Path(self.origin).resolve().parent.name, self.origin),
            origin=self.origin,
            log=LogSpec(path=self._path(parsed.log.path), max_rejects=parsed.log.max_rejects),
            baseline=self._baseline(parsed.baseline),
            candidates=tuple(
                self._model(model, ("candidates", i)) for i, model in enumerate(parsed.candidates)
            ),
            judge=self._judge(parsed.judge),
            labels=self._labels(parsed.labels),
            test=TestSpec(
                alpha=test.alpha, beta=test.beta, bar=test.bar, margin=test.margin,
                estimand=test.estimand, max_samples=test.max_samples, min_n=test.min_n,
                family=test.family, seed=test.seed, max_excluded=test.max_excluded,
            ),
            tasks=tuple(
                self._task(name, task, test.estimand) for name, task in parsed.tasks.items()
            ),
            run=RunSpec(
                out=self._path(parsed.out) if parsed.out else "reports",
                max_cost_usd=parsed.budget.usd, offline=parsed.offline,
                concurrency=parsed.replay.concurrency, timeout_s=parsed.replay.timeout_s,
                missing=parsed.missing,
            ),
        )  # fmt: skip

    def _path(self, text: str) -> str:
        """Return a path of the file as one that works from here; `$NAME` is taken from outside."""
        expanded = os.path.expandvars(text)
        if unset := re.search(r"\$\{?(\w+)\}?", expanded):
            name = unset.group(1)
            problem = f"paths need the environment variable {name}, which is not set"
            if ((), problem) not in self.problems:
                self.problems.append(((), problem))
        return expanded if "://" in text else str(self.base / Path(expanded).expanduser())

    def _model(self, model: _Model, path: yaml_lines.Path) -> ModelSpec:
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
            price=Price(**model.price.model_dump()) if model.price else None,
            transport=model.transport,
        )

    def _baseline(self, part: _Baseline) -> BaselineSpec:
        if part.model == "recorded" and part.source == "logged" and not part.path:
            part = part.model_copy(update={"path": "-"})
        return BaselineSpec(
            spec=self._model(part, ("baseline",)),
            source="replay" if part.model == "recorded" else part.source,
            second=self._model(part.second, ("baseline", "second")) if part.second else None,
        )

    def _judge(self, part: _Judge | None) -> JudgeSpec | None:
        if part is None:
            return None
        return JudgeSpec(
            spec=self._model(part, ("judge",)),
            rubric=part.rubric,
            orders=part.orders,
            allow_self_preference=part.allow_self_preference,
        )

    def _labels(self, part: _Labels | None) -> LabelSpec | None:
        if part is None:
            return None
        for text, value in part.values.items():
            if not 0 <= value <= 1:
                self.problems.append(
                    (("labels", "values", text), f"{value} given, must be >= 0 and <= 1")
                )
        return LabelSpec(path=self._path(part.path), values=part.values, column=part.column)

    def _task(self, name: str, task: _Task, estimand: EstimandName | Literal["auto"]) -> TaskSpec:
        path = ("tasks", name)
        for key in task.match:
            if key not in MATCH_FIELDS and not key.startswith("metadata."):
                hint = nearest(key, (*MATCH_FIELDS, "metadata.KEY"))
                self.problems.append(((*path, "match", key), f"unknown field; {hint}"))
        rule: Rule | None = None
        scorers: tuple[ScorerSpec, ...] = ()
        if task.parity is not None:
            try:
                rule, scorers = parse_rule(task.parity)
            except ValueError as error:
                self.problems.append(((*path, "parity"), str(error)))
        return TaskSpec(
            name=TaskName(name), match=task.match, kind=task.kind,
            estimand=task.estimand or estimand,
            bar=task.bar, margin=task.margin, rule=rule, scorers=scorers,
            schema=self._schema(task.schema_, (*path, "schema")),
            acknowledge=tuple(RequestId(item) for item in task.acknowledge),
        )  # fmt: skip

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


def parse_rule(given: Any) -> tuple[Rule, tuple[ScorerSpec, ...]]:  # noqa: ANN401 - YAML
    """Read a parity rule.

    Args:
        given: A scorer's name, `{all: [...]}`, `{any: [...]}`, `{not: ...}`, or a scorer's name
            with its settings.

    Returns:
        The rule and the scorers that it names.

    Raises:
        ValueError: not a rule, or an unknown scorer.
    """
    scorers: dict[str, ScorerSpec] = {}
    rule = _rule(given, scorers)
    return rule, tuple(scorers.values())


def _rule(given: Any, scorers: dict[str, ScorerSpec]) -> Rule:  # noqa: ANN401 - YAML
    if isinstance(given, str):
        return _leaf(given, {}, scorers)
    if not isinstance(given, dict) or len(given) != 1:
        raise ValueError(f"a scorer's name or one of all, any, not was expected; got {given!r}")
    word, inside = next(iter(given.items()))
    if word in ("all", "any"):
        if not isinstance(inside, list) or not inside:
            raise ValueError(f"`{word}` needs a list of rules")
        parts = tuple(_rule(item, scorers) for item in inside)
        return All(rules=parts) if word == "all" else AnyOf(rules=parts)
    if word == "not":
        return Not(rule=_rule(inside, scorers))
    if not isinstance(inside, dict):
        raise ValueError(f"settings of {word!r} must be a mapping")  # noqa: TRY004
    return _leaf(word, inside, scorers)


def _leaf(name: str, settings: dict[str, Any], scorers: dict[str, ScorerSpec]) -> Rule:
    # Whether a judge is live or recorded is said once, under `judge`.
    known = [scorer for scorer in SCORERS if scorer != "recorded_judge"]
    if name not in known:
        raise ValueError(f"unknown scorer {name!r}; {nearest(name, known)}")
    same = [s for s in scorers.values() if s.scorer == name and s.settings == settings]
    if same:
        return Ask(scorer=same[0].key)
    used = sum(s.scorer == name for s in scorers.values())
    key = name if not used else f"{name}-{used + 1}"
    scorers[key] = ScorerSpec(key=key, scorer=name, settings=settings)
    return Ask(scorer=key)


def _contradictions(study: Study) -> list[tuple[yaml_lines.Path, str]]:
    return [
        *_name_problems(study),
        *_judge_problems(study),
        *(problem for task in study.tasks for problem in _task_problems(study, task)),
    ]


def _name_problems(study: Study) -> list[tuple[yaml_lines.Path, str]]:
    problems: list[tuple[yaml_lines.Path, str]] = []
    seen: dict[str, int] = {}
    base = study.baseline.spec
    for i, spec in enumerate(study.candidates):
        if spec.name in seen:
            problems.append(
                (
                    ("candidates", i),
                    f"the name {spec.name!r} is taken; give this one another `name`",
                )
            )
        seen[spec.name] = i
        is_same = (spec.model, spec.path, spec.api_base, dict(spec.params)) == (
            base.model, base.path, base.api_base, dict(base.params),
        )  # fmt: skip
        if is_same or spec.name == base.name:
            problems.append(
                (
                    ("candidates", i),
                    (
                        f"{spec.name!r} is the baseline itself; a candidate must differ in model, "
                        "parameters or endpoint, and have a name of its own"
                    ),
                )
            )
    return problems


def bare_model(model: str) -> str:
    """Return a model id without provider prefix and date, for telling aliases of one model.

    Example:
        >>> bare_model("openai/gpt-4o-2024-08-06")
        'gpt-4o'
    """
    last = model.rsplit("/", 1)[-1].lower()
    return re.sub(r"[-@](\d{4}-\d{2}-\d{2}|\d{8}|latest)$", "", last)


def contestant(study: Study, judge_model: str) -> str | None:
    """Return the baseline's or candidate's name that a judge model is, if it is one."""
    for spec in (study.baseline.spec, *study.candidates):
        if bare_model(judge_model) in (bare_model(spec.model), bare_model(spec.name)):
            return spec.name
    return None


def self_preference_message(judge_model: str, name: str) -> str:
    """Say why a judge is refused."""
    return (
        f"the judge {judge_model!r} is a contestant ({name!r}); name another judge, or set "
        "`judge.allow_self_preference: true` (every certificate will say so)"
    )


def _judge_problems(study: Study) -> list[tuple[yaml_lines.Path, str]]:
    judge = study.judge
    if judge is None or judge.allow_self_preference or judge.spec.is_recorded:
        return []
    name = contestant(study, judge.spec.model)
    if name is None:
        return []
    return [(("judge", "model"), self_preference_message(judge.spec.model, name))]


def _task_problems(study: Study, task: TaskSpec) -> list[tuple[yaml_lines.Path, str]]:
    path = ("tasks", task.name)
    problems: list[tuple[yaml_lines.Path, str]] = []
    needs_judge = task.rule is not None and "judge" in {s.scorer for s in task.scorers}
    if (needs_judge or task.estimand == "preference") and study.judge is None:
        problems.append((path, "asks a judge, but the configuration has no `judge`"))
    if task.estimand == "quality" and study.labels is None:
        problems.append(((*path, "estimand"), "quality needs `labels`, and there are none"))
    if task.estimand == "noise_floor" and study.baseline.second is None:
        problems.append(
            (
                (*path, "estimand"),
                "noise_floor needs second answers of the baseline: set `baseline.second`",
            )
        )
    if task.estimand not in ("parity", "auto") and task.bar is not None:
        problems.append(((*path, "bar"), f"{task.estimand} takes a margin, not a bar"))
    if task.rule is not None and _similarity_alone(task):
        problems.append(
            (
                (*path, "parity"),
                (
                    "similarity alone never certifies: a changed number or a 'not' hardly moves "
                    "it; put it beside another scorer with `all`"
                ),
            )
        )
    return problems


def _similarity_alone(task: TaskSpec) -> bool:
    if task.rule is None:
        return False
    similar = {s.key for s in task.scorers if s.scorer == "embedding"}
    scores = {
        key: Score(scorer=key, value=float(key in similar), passed=key in similar, reason="")
        for key in names(task.rule)
    }
    outcome = evaluate(task.rule, scores)
    return bool(similar) and isinstance(outcome, Decided) and outcome.at_parity


def _slug(folder: str, origin: str) -> str:
    return re.sub(r"[^a-zA-Z0-9._-]+", "-", folder).strip("-") if origin != "flags" else "study"


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

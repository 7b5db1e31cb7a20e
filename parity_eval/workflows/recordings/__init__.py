"""A run to recordings: what everybody answered, and a study that replays it without a network."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from parity_eval import codec, prompt_log
from parity_eval.config import build
from parity_eval.config.written import as_config, as_text
from parity_eval.design import TaskDesign
from parity_eval.errors import InputError, UsageError
from parity_eval.lines import expand, read_lines
from parity_eval.places import find
from parity_eval.privacy import Masker
from parity_eval.records import ModelName, ModelSpec, Request, RequestId, Response, Row
from parity_eval.replay import call_key
from parity_eval.rows import read_rows
from parity_eval.store import Register, read_journal, write_atomically
from parity_eval.study import Study
from parity_eval.terms import identities
from parity_eval.wire import completion_body
from parity_eval.workflows.recordings.files import Files
from parity_eval.workflows.recordings.verdicts import Answers, no_verdict, verdicts, why_live
from parity_eval.yaml_lines import Document

if TYPE_CHECKING:
    from parity_eval.workflows.run import Prepared

CONFIG = "parity.yaml"

_NOT_ASKED = {"message": "the run that was recorded did not ask for it", "type": "network"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What was written, and what its reader should know."""

    files: tuple[Path, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tape:
    """One file of the export."""

    name: str
    """Path below the target folder."""
    spec: ModelSpec
    sample: int = 0


def study_of(folder: Path) -> Study:
    """Return the study of a run, as its journal holds it.

    Raises:
        InputError: not a run folder, or a damaged journal.
    """
    plain = _journaled(folder)["study"]
    return build(Document(data=as_config(plain)), origin=str(folder), base=Path("/"))


def export(
    folder: Path, prepared: "Prepared", target: Path, *, with_log: bool, force: bool
) -> Recorded:
    """Write a run's answers and verdicts as recordings, with a study that replays them.

    Run on the written folder, that study comes to the same decisions on the same evidence.

    Args:
        folder: Run folder.
        prepared: The run's study (`study_of`) with its log and designs.
        target: Folder for the files.
        with_log: Whether the log is copied; else the study names it where it is.
        force: Whether existing files may be replaced.

    Raises:
        UsageError: a file is in the way.
        InputError: the log, or another file of the study, is no longer what the run used.
    """
    journaled = _journaled(folder)
    if journaled["study_hash"] != prepared.study_hash:
        raise InputError(
            f"{folder}: the log, a recording or a table that this run used has changed since; "
            "put back what it was, or run again"
        )
    study = prepared.study
    tapes = _tapes(study, prepared.designs)
    judge = _judge_file(prepared)
    earlier = _earlier(folder, prepared) if journaled["study"]["run"]["is_registered"] else {}
    config = _config(journaled["study"], prepared, tapes, judge, with_log=with_log)
    sources = _copies(study, tapes, judge, with_log=with_log)
    names = [*(tape.name for tape in tapes), *([judge] if judge else []), *sources]
    files = tuple(target / name for name in (CONFIG, *dict.fromkeys(names)))
    for path in files:
        if path.exists() and not force:
            raise UsageError(f"{path}: exists; --force replaces it")
    with Files(target) as written:
        for name, lines in sources.items():
            written.write(name, lines)
        answers = _write_answers(folder, prepared, tapes, written)
        if judge is not None and judge not in sources:
            rows = (codec.encode(row) for row in verdicts(prepared, answers))
            written.write(judge, rows, otherwise=codec.encode(no_verdict(study)))
    write_atomically(target / CONFIG, _text(config, journaled["run_id"]))
    if earlier:
        out = target / config["out"]
        out.mkdir(parents=True, exist_ok=True)
        Register(out).add(study_hash="", run_id="an earlier run", used=earlier)
    return Recorded(files=files, notes=tuple(_notes(prepared, judge, with_log=with_log)))


def _journaled(folder: Path) -> dict[str, Any]:
    for record in read_journal(folder):
        if record["kind"] == "study":
            return record
    raise InputError(f"{folder}: its journal names no study; run it again to go on")


def _tapes(study: Study, designs: Iterable[TaskDesign]) -> tuple[_Tape, ...]:
    """Return a file for every model whose answers the study needs, the judge's apart."""
    specs = [(spec, 0) for spec in study.candidates]
    base = study.baseline
    if base.source == "replay":
        specs.append((base.spec, 0))
    if base.second is not None and any(d.estimand.name == "noise_floor" for d in designs):
        specs.append((base.second, 1))
    taken: set[str] = set()
    return tuple(
        _Tape(name=f"recordings/{_file_name(spec.name, taken)}", spec=spec, sample=sample)
        for spec, sample in specs
    )


def _file_name(model: str, taken: set[str]) -> str:
    """Return a name that any file system takes, and that no other model has."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", model).strip("-.")[:80] or "model"
    name, n = stem, 1
    while name.lower() in taken:
        n += 1
        name = f"{stem}-{n}"
    taken.add(name.lower())
    return f"{name}.jsonl.gz"


def _judge_file(prepared: "Prepared") -> str | None:
    """Return where the judge's verdicts go; None: nobody judges, or not by comparing."""
    judge = prepared.study.judge
    if judge is None or (not judge.spec.is_recorded and why_live(prepared)):
        return None
    return f"judgments/{_file_name(judge.spec.name, set())}"


def _config(
    plain: Mapping[str, Any],
    prepared: "Prepared",
    tapes: tuple[_Tape, ...],
    judge: str | None,
    *,
    with_log: bool,
) -> dict[str, Any]:
    """Return the study with recorded models in place of live ones."""
    study = prepared.study
    config = as_config(plain)
    by_model = {(tape.spec.name, tape.sample): tape.name for tape in tapes}
    if with_log:
        config["log"]["path"] = "log.jsonl.gz"
        # What was hidden is not there any more; nobody needs the key.
        for name in ("personal", "kinds", "detector"):
            config.get("privacy", {}).pop(name, None)
    config["candidates"] = [
        _taped(part, by_model[ModelName(part["name"]), 0]) for part in config["candidates"]
    ]
    base = config["baseline"]
    second = base.pop("second", None)
    if study.baseline.source == "replay":
        base = _taped(base, by_model[study.baseline.spec.name, 0])
    # Nobody asks it anything: where it could be reached is nobody's business.
    base = {key: base[key] for key in ("name", "model", "path", "params", "price") if key in base}
    config["baseline"] = {**base, "source": study.baseline.source}
    if study.baseline.second is not None and (study.baseline.second.name, 1) in by_model:
        taped = _taped(second, by_model[study.baseline.second.name, 1])
        config["baseline"]["second"] = {**taped, "share": _second_share(prepared.designs)}
    if study.judge is not None and judge is not None:
        kept = ("rubric", "orders", "allow_self_preference", "labels")
        own = {key: config["judge"][key] for key in kept if key in config["judge"]}
        config["judge"] = {**_taped(config["judge"], judge), **own}
    if study.labels is not None:
        config["labels"]["path"] = "labels/labels.jsonl.gz"
    if study.judge is not None and study.judge.labels is not None:
        config["judge"]["labels"]["path"] = "labels/judge.jsonl.gz"
    is_partial = bool(prepared.models.live) or study.run.recordings == "partial"
    config["recordings"] = "partial" if is_partial else "whole"
    config["offline"] = judge is not None or study.judge is None
    return {**config, "out": "reports"}


def _taped(part: Mapping[str, Any], path: str) -> dict[str, Any]:
    kept = {key: part[key] for key in ("name", "price") if key in part}
    return {**kept, "model": "recorded", "path": path}


def _second_share(designs: Iterable[TaskDesign]) -> float:
    """Return the chance of a second answer that the run had settled on."""
    drawn = next(design for design in designs if design.estimand.name == "noise_floor").subsample
    return 1.0 if drawn is None else min(drawn.chances)


def _text(config: Mapping[str, Any], run_id: str) -> str:
    return (
        f"# Replays run {run_id} from recordings: the same decisions, without a network.\n"
        f"# parity-eval run {CONFIG}\n{as_text(config)}"
    )


def _copies(
    study: Study, tapes: Iterable[_Tape], judge: str | None, *, with_log: bool
) -> dict[str, Iterator[bytes]]:
    """Return what is taken over as it is, by name: recordings, tables, and the log if wanted."""
    found = {tape.name: _lines(tape.spec.path) for tape in tapes if tape.spec.path is not None}
    if judge is not None and study.judge is not None and study.judge.spec.path is not None:
        found[judge] = _of_judge(study.judge.spec)
    if study.labels is not None:
        found["labels/labels.jsonl.gz"] = _lines(study.labels.path)
    if study.judge is not None and study.judge.labels is not None:
        found["labels/judge.jsonl.gz"] = _lines(study.judge.labels.path)
    if with_log:
        found["log.jsonl.gz"] = _log(study.log.paths)
    masker = prompt_log.masker(study)
    if masker.is_idle:
        return found
    return {name: map(partial(_masked, masker), lines) for name, lines in found.items()}


def _masked(masker: Masker, line: bytes) -> bytes:
    """Return a line without what the run has hidden; most stay as they are."""
    try:
        row = codec.parse(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return masker.text(line.decode(errors="replace")).encode()  # whoever reads it rejects it
    masked = masker.row(row)
    return line if masked == row else codec.encode(masked)


def _log(names: Sequence[str]) -> Iterator[bytes]:
    """Yield the rows of a log as lines, whatever kept them."""
    for row in read_rows(find(names).files):
        if isinstance(row, Row):
            yield codec.encode(row.value)


def _lines(pattern: str) -> Iterator[bytes]:
    for path in expand(pattern, "a file of the study"):
        for _, line in read_lines(path):
            yield line


class _Judged(msgspec.Struct):
    judge: str


def _of_judge(spec: ModelSpec) -> Iterator[bytes]:
    for line in _lines(spec.path or ""):
        if msgspec.json.decode(line, type=_Judged).judge == spec.name:
            yield line


def _write_answers(
    folder: Path, prepared: "Prepared", tapes: Iterable[_Tape], written: Files
) -> Answers:
    """Write what live models answered; keep it where a live judge was asked about it."""
    study = prepared.study
    live = {(t.spec.name, t.sample): t for t in tapes if not t.spec.is_recorded}
    twins = _twins(live.values())
    judge = study.judge.spec.name if study.judge and not study.judge.spec.is_recorded else None
    given: dict[tuple[ModelName, RequestId, int], Response] = {}
    said: dict[str, Response] = {}
    silent = dict(live)
    for record in read_journal(folder):
        if record["kind"] != "answer":
            continue
        model, request = ModelName(record["model"]), RequestId(record["request"])
        sample = int(record["sample"])
        heard = twins.get((model, sample), [])
        response = msgspec.convert(record["response"], Response)
        if model == judge:
            said[request] = response
        for tape in heard:
            if judge is not None:
                given[tape.spec.name, request, sample] = response
            silent.pop((tape.spec.name, sample), None)
            written.add(tape.name, _row(request, tape, response))
    for tape in silent.values():
        # A recording must not be empty, and this one was never asked.
        first = next((u.request.id for d in prepared.designs for u in d.sample.units), "none")
        row = {"id": first, "response": None, "error": _NOT_ASKED}
        written.add(tape.name, codec.encode({**row, "sample": tape.sample}))
    return Answers(given=given, said=said)


def _twins(tapes: Iterable[_Tape]) -> dict[tuple[ModelName, int], list[_Tape]]:
    """Return, by model and sample, the files that hold its answers.

    Of one model under two names each answer is asked for once, for both.
    """
    by_identity: dict[tuple[str, int], list[_Tape]] = {}
    for tape in tapes:
        named = Request(id=RequestId(""), body={})
        by_identity.setdefault((call_key(named, tape.spec, 0), tape.sample), []).append(tape)
    return {
        (tape.spec.name, tape.sample): group for group in by_identity.values() for tape in group
    }


def _row(request: RequestId, tape: _Tape, response: Response) -> bytes:
    row: dict[str, Any] = {"id": request, "response": completion_body(response, tape.spec.model)}
    return codec.encode({**row, "sample": tape.sample} if tape.sample else row)


def _earlier(folder: Path, prepared: "Prepared") -> dict[str, list[str]]:
    """Return the requests that were refused to the run, by what its candidates are called now.

    Another output folder has another register, and the order of the requests would be another.
    """
    used = Register(folder.parent).used(prepared.study_hash)
    units = [unit for design in prepared.designs for unit in design.sample.units]
    of_log = {digest for unit in units for digest in (unit.digest, *unit.kin)}
    found = {
        codec.digest([spec.name]): sorted(
            of_log & set().union(*(used.get(name, {}) for name in identities(spec)))
        )
        for spec in prepared.study.candidates
    }
    return {identity: digests for identity, digests in found.items() if digests}


def _notes(prepared: "Prepared", judge: str | None, *, with_log: bool) -> Iterator[str]:
    if not with_log:
        yield f"the log stays where it is: {prepared.study.log.shown} (--with-log copies it)"
    why = why_live(prepared)
    if prepared.study.judge is not None and judge is None:
        yield f"the judge is asked anew: {why}"

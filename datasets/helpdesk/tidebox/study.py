"""The configuration that goes with the log."""

from tidebox.cases import Writer
from tidebox.plan import (
    ALPHA,
    ATLAS_LARGE,
    BAR,
    BASELINE,
    CANDIDATES,
    JUDGE,
    JUDGED_KINDS,
    MARGIN,
    MAX_SAMPLES,
    NOISE_FLOOR_TASKS,
    SECOND,
    WRITERS,
    Model,
)


def describe_study() -> str:
    """Write `parity.yaml`.

    Returns:
        The text of the file; paths in it are relative to the file.
    """
    lines = [
        "# The study of the embedded demo. The log is synthetic: see README.md.",
        "version: 1",
        "name: helpdesk",
        "log: {path: log.jsonl.gz}",
        "baseline:",
        f"  model: {BASELINE}",
        f"  price: {_price(ATLAS_LARGE)}  # USD per million tokens",
        f"  second: {{model: recorded, path: recordings/{SECOND}.jsonl.gz}}",
        "candidates:",
        *(_candidate(model) for model in CANDIDATES),
        f'judge: {{name: {JUDGE}, model: recorded, path: "judgments/*.jsonl.gz"}}',
        (
            f"test: {{alpha: {ALPHA}, bar: {BAR}, margin: {MARGIN}, "
            f"max_samples: {MAX_SAMPLES}, seed: 1, cluster: none}}"
        ),
        "tasks:",
        *(_task(writer) for writer in WRITERS),
    ]
    return "\n".join(lines) + "\n"


def _price(model: Model) -> str:
    return f"{{input: {model.input_usd}, output: {model.output_usd}}}"


def _candidate(model: Model) -> str:
    path = f"recordings/{model.name}.jsonl.gz"
    return f"  - {{name: {model.name}, model: recorded, path: {path}, price: {_price(model)}}}"


def _task(writer: Writer) -> str:
    terms = f"match: {{task: {writer.task}}}, kind: {writer.kind}, "
    if writer.task in NOISE_FLOOR_TASKS:
        terms += "estimand: noise_floor"
    elif writer.kind in JUDGED_KINDS:
        terms += "estimand: parity, parity: {any: [exact, judge]}"
    else:
        terms += "estimand: parity, parity: {all: [schema, exact]}"
    return f"  {writer.task}: {{{terms}}}"

"""Write the embedded demo log of the fictitious product Tidebox.

    python datasets/helpdesk/generate.py [--out DIR] [--seed N] [--requests N]
        [--plant TASK.CANDIDATE=RATE ...] [--floor TASK=RATE ...]

The files depend on the arguments alone: the same arguments give the same bytes.
"""

import argparse
import gzip
import io
import json
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from tidebox.answers import Answer
from tidebox.cases import Json
from tidebox.draw import stream
from tidebox.log import Request, log_line, recording_line, replay, write_requests
from tidebox.plan import (
    ATLAS_LARGE,
    BASELINE,
    CANDIDATES,
    FLOORS,
    JUDGE,
    JUDGED_KINDS,
    RATES,
    SECOND,
    WRITERS,
    Model,
    Plan,
)
from tidebox.study import describe_study
from tidebox.truth import Realised, describe_truth
from tidebox.verdicts import placebo_verdicts, verdicts

HERE = Path(__file__).resolve().parent

RECORDED: tuple[tuple[str, Model], ...] = (
    (SECOND, ATLAS_LARGE),
    *((model.name, model) for model in CANDIDATES),
)
"""Name of each recording, and the model that it records."""

Replies = dict[str, list[tuple[Request, Answer]]]
"""Requests with their answers, by recording."""


def main(arguments: list[str] | None = None) -> None:
    """Read the arguments and write the files.

    Args:
        arguments: Command line; that of the process by default.
    """
    options = _parser().parse_args(arguments)
    plan = Plan(seed=options.seed, requests=options.requests)
    for task, candidate, rate in options.plant:
        plan = plan.with_rate(task, candidate, rate)
    for task, rate in options.floor:
        plan = plan.with_floor(task, rate)
    files = build(plan)
    for name, content in files.items():
        path = options.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        print(f"{len(content):>9,} bytes  {path}")


def build(plan: Plan) -> dict[str, bytes]:
    """Build every file of the data set.

    Args:
        plan: What is planted.

    Returns:
        File contents by their path in the folder.
    """
    requests = [request for writer in WRITERS for request in write_requests(plan, writer)]
    replies = _replay_all(plan, requests)
    lines = sorted((log_line(plan, each) for each in requests), key=_by_time)
    files = {"log.jsonl.gz": pack(lines)}
    for name, model in RECORDED:
        files[f"recordings/{name}.jsonl.gz"] = pack(
            recording_line(plan, request, model, answer, name) for request, answer in replies[name]
        )
    files[f"judgments/{JUDGE}.jsonl.gz"] = pack(_verdicts(plan, replies))
    files[f"judgments/{JUDGE}.placebos.jsonl.gz"] = pack(_placebo_verdicts(requests))
    truth = describe_truth(plan, _realised(plan, replies))
    files["truth.json"] = (json.dumps(truth, indent=2) + "\n").encode()
    files["parity.yaml"] = describe_study().encode()
    return files


def pack(lines: Iterable[Json]) -> bytes:
    """Write JSON Lines and compress them, with no time and no name in the header.

    Args:
        lines: One value per line.

    Returns:
        A gzip file.
    """
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        for line in lines:
            text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
            file.write(text.encode() + b"\n")
    return buffer.getvalue()


def _replay_all(plan: Plan, requests: list[Request]) -> Replies:
    replies: Replies = {name: [] for name, _ in RECORDED}
    for writer in WRITERS:
        own = [request for request in requests if request.writer is writer]
        for name in replies:
            answers = replay(plan, writer, own, name)
            replies[name] += zip(own, answers, strict=True)
    return replies


def _verdicts(plan: Plan, replies: Replies) -> Iterable[Json]:
    for model in CANDIDATES:
        for request, answer in replies[model.name]:
            if request.writer.kind in JUDGED_KINDS:
                draw = stream(plan.seed, request.writer.task, JUDGE, model.name, request.id)
                yield from verdicts(request.id, model.name, (request.answer, answer), draw)


def _placebo_verdicts(requests: list[Request]) -> Iterable[Json]:
    for request in requests:
        if request.writer.kind in JUDGED_KINDS:
            yield from placebo_verdicts(request.id)


def _realised(plan: Plan, replies: Replies) -> Realised:
    right: dict[tuple[str, str], int] = {}
    for name, pairs in replies.items():
        for request, answer in pairs:
            arm = (request.writer.task, name)
            right[arm] = right.get(arm, 0) + (answer.flaw is None)
    return {arm: count / plan.requests for arm, count in right.items()}


def _by_time(line: Json) -> tuple[str, str]:
    return str(line["timestamp"]), str(line["id"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=f"Write the demo log of {BASELINE} on Tidebox.")
    parser.add_argument("--out", type=Path, default=HERE, metavar="DIR")
    parser.add_argument("--seed", type=int, default=Plan().seed, metavar="N")
    parser.add_argument("--requests", type=_count, default=Plan().requests, metavar="N")
    parser.add_argument(
        "--plant",
        type=_plant,
        nargs="+",
        action="extend",
        default=[],
        metavar="TASK.CANDIDATE=RATE",
        help="parity rate of one arm",
    )
    parser.add_argument(
        "--floor",
        type=_floor,
        nargs="+",
        action="extend",
        default=[],
        metavar="TASK=RATE",
        help="rate at which the baseline repeats itself",
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 9999:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 9999")
    return int(text)


def _plant(text: str) -> tuple[str, str, float]:
    arm, rate = _split(text, "=", "TASK.CANDIDATE=RATE")
    task, candidate = _split(arm, ".", "TASK.CANDIDATE=RATE")
    _check_known(task, list(RATES), "task")
    _check_known(candidate, list(RATES[task]), "candidate")
    return task, candidate, _rate(rate)


def _floor(text: str) -> tuple[str, float]:
    task, rate = _split(text, "=", "TASK=RATE")
    _check_known(task, list(FLOORS), "task with a floor")
    return task, _rate(rate)


def _split(text: str, mark: str, shape: str) -> tuple[str, str]:
    left, found, right = text.partition(mark)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} does not look like {shape}")
    return left, right


def _check_known(name: str, known: list[str], what: str) -> None:
    if name not in known:
        near = get_close_matches(name, known, n=1, cutoff=0.0)
        raise argparse.ArgumentTypeError(f"unknown {what} {name!r}; did you mean {near[0]!r}?")


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not 0.0 <= rate <= 1.0:
        raise argparse.ArgumentTypeError(f"rate == {text}, must be from 0 to 1")
    return rate


if __name__ == "__main__":
    main()

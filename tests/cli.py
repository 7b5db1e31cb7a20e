"""The real command line in a process of its own, and small logs for it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LABELS = ("refund", "delivery", "invoice", "account")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def told(self) -> str:
        return self.out + self.err


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "parity_eval", *arguments]


def environment(**changes: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")}
    return {**kept, "PYTHONIOENCODING": "utf-8", "COLUMNS": "80", **changes}


def program(arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> Done:
    done = subprocess.run(
        list(arguments),
        cwd=cwd,
        env=environment(**(env or {})),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return Done(code=done.returncode, out=done.stdout, err=done.stderr)


def run(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Done:
    return program(command(*arguments), cwd=cwd, env=env)


def item(n: int) -> str:
    return f"Ticket {n:04d}: where is it?"


def label(n: int) -> str:
    return LABELS[n * 7 % 4]


def completion(text: str, model: str = "big", finish: str = "stop") -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "object": "chat.completion",
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 2, "total_tokens": 22},
    }


def entry(n: int, **changes: object) -> dict[str, Any]:
    body = {
        "model": "big",
        "messages": [
            {"role": "system", "content": f"Answer with one of: {', '.join(LABELS)}."},
            {"role": "user", "content": item(n)},
        ],
        "max_tokens": 5,
    }
    line = {
        "id": f"t{n:04d}",
        "task": "triage",
        "timestamp": f"2026-10-{1 + n % 28:02d}T12:00:00Z",
        "request": body,
        "response": completion(label(n)),
    }
    return {**line, **changes}


def write_lines(path: Path, rows: Sequence[object]) -> Path:
    text = "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    return path


def log(folder: Path, n: int = 150) -> Path:
    return write_lines(folder / "log.jsonl", [entry(i) for i in range(n)])


def recording(folder: Path, n: int = 150, wrong: Sequence[int] = (), name: str = "tape") -> Path:
    rows = [
        {"id": f"t{i:04d}", "response": completion("nonsense" if i in wrong else label(i), name)}
        for i in range(n)
    ]
    return write_lines(folder / f"{name}.jsonl", rows)


def only_run(out: Path) -> Path:
    (folder,) = [path.parent for path in out.glob("*/journal.jsonl")]
    return folder


def summary(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((only_run(out) / "summary.json").read_bytes())
    return found


def decisions(out: Path) -> dict[str, dict[str, Any]]:
    return {
        f"{arm['decision']['arm']['task']}/{arm['decision']['arm']['candidate']}": arm["decision"]
        for task in summary(out)["tasks"]
        for arm in task["arms"]
    }

"""Answers from a recording: a file of responses, one JSON line per request."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import msgspec

from parity_eval.errors import ConfigError, InputError
from parity_eval.lines import read_lines
from parity_eval.records import Answer, Call, Hole, Missing, ModelSpec, RequestId, Response
from parity_eval.wire import read_answer, recorded_error

_SHOWN_PROBLEMS = 5
_NULL = b"null"
_OK = 200


class _Row(msgspec.Struct):
    id: str | int
    response: msgspec.Raw = msgspec.Raw(_NULL)
    error: msgspec.Raw = msgspec.Raw(_NULL)
    sample: int | None = None
    latency_s: float | None = None


_ROWS = msgspec.json.Decoder(_Row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Look answers up in a recording.

    Lines are kept as they are and read when they are asked for.
    """

    path: str
    """The recording; for messages."""
    lines: Mapping[tuple[RequestId, int], bytes]
    """Lines by request and sample."""
    has_samples: bool
    """Whether any line names its sample. If none does, a line answers for every sample."""

    @classmethod
    def load(cls, spec: ModelSpec) -> "Recorded":
        r"""Read the recording of a model.

        Args:
            spec: A model with a `path` to lines `{"id", "response", "sample"?, "latency_s"?}`, or
                `"response": null` with an `"error"`; `.jsonl` or `.jsonl.gz`.

        Raises:
            ConfigError: no path.
            InputError: a file that cannot be used; with line, field and remedy.
        """
        if spec.path is None:
            raise ConfigError(f"model {spec.name!r} is recorded: name its file with `path`")
        lines: dict[tuple[RequestId, int], bytes] = {}
        seen_at: dict[tuple[RequestId, int], int] = {}
        problems = []
        has_samples = False
        for number, line in read_lines(spec.path):
            row = _row(line)
            if isinstance(row, str):
                problems.append(f"line {number}: {row}")
                continue
            key = RequestId(str(row.id)), row.sample or 0
            if key in seen_at:
                problems.append(_duplicate(key, number, seen_at[key]))
                continue
            lines[key], seen_at[key] = line, number
            has_samples = has_samples or row.sample is not None
        if problems:
            raise InputError(_tell(spec.path, problems))
        if not lines:
            raise InputError(f"{spec.path}: is empty; a recording has one line per request")
        return cls(path=spec.path, lines=lines, has_samples=has_samples)

    def check(self) -> None:
        """Do nothing: a recording that could be loaded can be read."""

    async def complete(self, call: Call) -> Answer:
        """Return the recorded answer, or a hole where there is none."""
        line = self.lines.get((call.request.id, call.sample if self.has_samples else 0))
        if line is None:
            which = f", sample {call.sample}" if call.sample else ""
            return Missing(
                hole=Hole.NOT_RECORDED,
                detail=f"{self.path} has no answer to {call.request.id!r}{which}",
            )
        row = _ROWS.decode(line)
        if bytes(row.response) == _NULL:
            answer = recorded_error(json.loads(bytes(row.error)))
        else:
            answer = read_answer(_OK, bytes(row.response))
        if isinstance(answer, Response) and row.latency_s is not None:
            return replace(answer, latency_s=row.latency_s)
        return answer

    def lacking(self, requests: Iterable[RequestId], sample: int = 0) -> list[RequestId]:
        """Return the requests that the recording has no answer to, in the order given."""
        index = sample if self.has_samples else 0
        return [request for request in requests if (request, index) not in self.lines]

    def lacking_latency(self, requests: Iterable[RequestId]) -> list[RequestId]:
        """Return the requests whose recorded answer does not say how long it took."""

        def is_timed(line: bytes) -> bool:
            row = _ROWS.decode(line)
            if row.latency_s is not None or bytes(row.response) == _NULL:
                return True
            answer = read_answer(_OK, bytes(row.response))
            return isinstance(answer, Response) and answer.latency_s is not None

        lines = ((request, self.lines.get((request, 0))) for request in requests)
        return [request for request, line in lines if line is not None and not is_timed(line)]

    async def aclose(self) -> None:
        """Do nothing: the file is closed."""


def _row(line: bytes) -> _Row | str:
    """Read a line; text says what is wrong with it."""
    try:
        row = _ROWS.decode(line)
    except msgspec.ValidationError as error:
        return f"{error}; a line is {{'id', 'response', 'sample'?, 'latency_s'?}}"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return f"not JSON ({error})"
    problems = {
        "`id` is empty": row.id == "",
        f"sample == {row.sample}, must be >= 0": (row.sample or 0) < 0,
        f"latency_s == {row.latency_s}, must be >= 0": (row.latency_s or 0) < 0,
        "neither a `response` nor an `error`; leave the line out if there was no answer": (
            bytes(row.response) == bytes(row.error) == _NULL
        ),
    }
    return next((text for text, is_so in problems.items() if is_so), row)


def _duplicate(key: tuple[RequestId, int], number: int, first: int) -> str:
    request, sample = key
    return (
        f"line {number}: id {request!r}, sample {sample}, is on line {first} already; "
        'mark a second answer with `"sample": 1`'
    )


def _tell(path: str, problems: list[str]) -> str:
    if len(problems) == 1:
        return f"{path}, {problems[0]}"
    shown = "".join(f"\n  {problem}" for problem in problems[:_SHOWN_PROBLEMS])
    rest = len(problems) - _SHOWN_PROBLEMS
    more = f"\n  and {rest} more" if rest > 0 else ""
    return f"{path}: {len(problems)} lines cannot be used{shown}{more}"

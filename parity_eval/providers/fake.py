"""A provider for tests: answers from a function or a table, failures by script."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from parity_eval.errors import ParityError
from parity_eval.records import Answer, Call, Hole, Missing, Response

Given: TypeAlias = Answer | str
"""An answer; text stands for a plain response."""


@dataclass(slots=True, kw_only=True)
class Fake:
    """Answer without a network, and remember who was asked what.

    Example:
        >>> busy = Missing(hole=Hole.SERVER, detail="busy")
        >>> fake = Fake(answers={"r1": "yes"}, failures={"r1": [busy]})
    """

    answers: Callable[[Call], Given] | Mapping[str, Given]
    """What to answer: a function of the call, or a table by request id."""
    failures: Mapping[str, Sequence[Answer]] = field(default_factory=dict)
    """By request id: what the first calls get, one after the other."""
    problem: ParityError | None = None
    """What `check` raises."""
    calls: list[Call] = field(default_factory=list)
    """Every call so far, in order."""
    is_closed: bool = False
    """Whether `aclose` was called."""
    _attempts: Counter[str] = field(default_factory=Counter, init=False, repr=False)

    def check(self) -> None:
        """Raise the scripted problem, if there is one."""
        if self.problem is not None:
            raise self.problem

    async def complete(self, call: Call) -> Answer:
        """Return the next scripted failure, or else the answer."""
        attempt = self._attempts[call.key]
        self._attempts[call.key] += 1
        self.calls.append(call)
        script = self.failures.get(call.request.id, ())
        if attempt < len(script):
            return script[attempt]
        if callable(self.answers):
            given = self.answers(call)
        elif call.request.id in self.answers:
            given = self.answers[call.request.id]
        else:
            given = Missing(hole=Hole.NOT_RECORDED, detail=f"no answer to {call.request.id!r}")
        return Response(text=given) if isinstance(given, str) else given

    async def aclose(self) -> None:
        """Remember that nobody needs it any more."""
        self.is_closed = True

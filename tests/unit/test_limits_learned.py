"""Endpoints with a limit that nobody told us: it is found, and little is sent in vain."""

import asyncio
from dataclasses import dataclass, field

import pytest
import virtual_time

from parity_eval.limiter import Limiter, Permit
from parity_eval.limits import Patience
from parity_eval.records import Answer, Hole, Missing, ModelName, Response

MODEL = ModelName("m")
GOOD = Response(text="yes")
LATENCY_S = 0.3


def busy(retry_after_s: float | None) -> Missing:
    return Missing(hole=Hole.RATE_LIMIT, detail="busy", retry_after_s=retry_after_s)


@dataclass(slots=True, kw_only=True)
class Windows:
    """So many calls in each window of so many seconds."""

    most: int
    seconds: float
    tells: bool
    counts: dict[int, int] = field(default_factory=dict)

    @property
    def per_s(self) -> float:
        return self.most / self.seconds

    def take(self) -> Answer:
        now = virtual_time.now()
        window = int(now // self.seconds)
        self.counts[window] = self.counts.get(window, 0) + 1
        if self.counts[window] <= self.most:
            return GOOD
        return busy((window + 1) * self.seconds - now if self.tells else None)


@dataclass(slots=True, kw_only=True)
class Bucket:
    """A token bucket that is full at first."""

    per_s: float
    burst: float
    tells: bool
    level: float = 0.0
    at: float = -1e9

    def take(self) -> Answer:
        now = virtual_time.now()
        self.level = min(self.burst, self.level + (now - self.at) * self.per_s)
        self.at = now
        if self.level < 1:
            return busy(1.0 if self.tells else None)
        self.level -= 1
        return GOOD


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize(
    ("kind", "in_vain", "used"),
    [("windows", 0.2, 0.9), ("bucket", 0.25, 0.85), ("slow bucket", 0.75, 0.65)],
)
def test_a_limit_is_found(kind: str, in_vain: float, used: float, *, tells: bool) -> None:
    endpoints: dict[str, Windows | Bucket] = {
        "windows": Windows(most=60, seconds=10.0, tells=tells),
        "bucket": Bucket(per_s=10.0, burst=10.0, tells=tells),
        "slow bucket": Bucket(per_s=2.0, burst=2.0, tells=tells),
    }
    endpoint = endpoints[kind]
    n, n_sent = 1000, 0

    async def run() -> float:
        limiter = Limiter(32, patience=Patience(), clock=virtual_time.now)

        async def call(order: int) -> None:
            nonlocal n_sent
            answer: Answer | None = None
            while answer is not GOOD:
                permit = await limiter.enter(MODEL, 0.0, order)
                assert isinstance(permit, Permit)
                n_sent += 1
                await asyncio.sleep(LATENCY_S / 2)
                answer = endpoint.take()
                await asyncio.sleep(LATENCY_S / 2)
                assert not limiter.leave(permit, answer)

        await asyncio.gather(*(call(i) for i in range(n)))
        return virtual_time.now()

    seconds = virtual_time.run(run())
    assert n_sent <= (1 + in_vain) * n
    assert n / seconds >= used * endpoint.per_s

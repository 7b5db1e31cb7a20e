"""A chat-completions endpoint that costs next to nothing, in a process of its own.

    python tests/bench/upstream.py LATENCY_S

Prints its address and serves until it is killed. `GET /stats` says how many calls came, and when
the first and the last of them did. It reads no more of a request than its length and its ticket,
so that what is measured is the client.
"""

import asyncio
import json
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cli

N_ANSWERS = 10_000
WRONG_EVERY = 100

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_TICKET = re.compile(rb"Ticket (\d+):")


def packed(document: object) -> bytes:
    body = json.dumps(document).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n".encode() + body


class Endpoint:
    def __init__(self, latency_s: float) -> None:
        self.latency_s = latency_s
        self.n_calls = 0
        self.first = self.last = 0.0
        self.answers = [
            packed(cli.completion("nonsense" if n % WRONG_EVERY == 0 else cli.label(n), "served"))
            for n in range(N_ANSWERS)
        ]

    def stats(self) -> dict[str, float]:
        return {"calls": self.n_calls, "first": self.first, "last": self.last}

    def answer(self, body: bytes) -> bytes:
        self.last = time.time()
        self.first = self.first or self.last
        self.n_calls += 1
        found = _TICKET.search(body)
        return self.answers[int(found[1]) if found else 0]


class Connection(asyncio.Protocol):
    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.waiting = bytearray()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport if isinstance(transport, asyncio.Transport) else None

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        while (end := self.waiting.find(b"\r\n\r\n") + 4) > 3:
            length = _LENGTH.search(self.waiting, 0, end)
            size = end + (int(length[1]) if length else 0)
            if len(self.waiting) < size:
                return
            request = bytes(self.waiting[:size])
            del self.waiting[:size]
            self.reply(request)

    def reply(self, request: bytes) -> None:
        if request.startswith(b"GET"):
            self.write(packed(self.endpoint.stats()))
            return
        answer = self.endpoint.answer(request)
        if self.endpoint.latency_s:
            asyncio.get_running_loop().call_later(self.endpoint.latency_s, self.write, answer)
        else:
            self.write(answer)

    def write(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)


async def serve(latency_s: float) -> None:
    endpoint = Endpoint(latency_s)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(endpoint), "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))

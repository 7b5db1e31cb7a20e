"""An OpenAI-compatible server on loopback: it answers by rule and fails by script.

    with serving() as server:
        ...  # server.base_url, server.calls, server.seen

Run as a program it serves until it is killed, and writes its address to stdout.
"""

import asyncio
import hashlib
import json
import socket
import struct
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal, TypeAlias, get_args

from aiohttp import web

Fault: TypeAlias = Literal[
    "auth",
    "unknown_model",
    "rate_limit",
    "rate_limit_date",
    "quota",
    "content_filter",
    "context_length",
    "server_error",
    "overloaded",
    "truncated",
    "cut",
    "html",
    "empty",
    "error_body",
    "null_content",
    "reset",
    "slow",
]
FAULTS: tuple[Fault, ...] = get_args(Fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer in full."""

    status: int = 200
    body: Any = b""
    """Bytes as they are, or a JSON document."""
    headers: Mapping[str, str] = field(default_factory=dict)


Answering: TypeAlias = Callable[[str, str], "str | dict[str, Any] | Reply"]
"""(model, item) -> text, fields of a message, a whole body (with `choices`), or a reply."""
Failing: TypeAlias = Callable[[str, str, int], Fault | None]
"""(model, item, attempt from 1) -> what goes wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request that arrived."""

    path: str
    model: str
    item: str
    """Text of the last user message."""
    attempt: int
    """1 for the first request of this model and item."""
    fault: Fault | None
    headers: Mapping[str, str]
    body: dict[str, Any]
    connection: int
    """Port of the other end: equal for requests on one connection."""


@dataclass(slots=True, kw_only=True)
class Server:
    """What a test sees of the server."""

    answer: Answering
    fault: Failing
    latency_s: float = 0.0
    slow_s: float = 30.0
    base_url: str = ""
    seen: list[Seen] = field(default_factory=list)
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Requests by (model, item)."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        model, item = body.get("model", ""), item_of(body)
        self.calls[model, item] += 1
        attempt = self.calls[model, item]
        fault = self.fault(model, item, attempt)
        self.seen.append(
            Seen(
                path=request.path,
                model=model,
                item=item,
                attempt=attempt,
                fault=fault,
                headers=dict(request.headers),
                body=body,
                connection=request.transport.get_extra_info("peername")[1]
                if request.transport
                else 0,
            )
        )
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        if fault in ("reset", "cut"):
            return await _break_off(request, fault)
        if fault == "slow":
            await asyncio.sleep(self.slow_s)
        if fault is not None and fault != "slow":
            return _sent(_faulty(fault, model, item, request.headers.get("Authorization", "")))
        return _sent(_reply(self.answer(model, item), model, item))


def default_answer(model: str, item: str) -> str:
    """Answer every prompt in its own way, the same each time."""
    return f"{model} says {hashlib.sha256(item.encode()).hexdigest()[:12]}"


def no_fault(model: str, item: str, attempt: int) -> Fault | None:
    return None


def sometimes(shares: Mapping[Fault, float]) -> Failing:
    """Fail a given share of first attempts, chosen by hash: the same ones in every run."""

    def fault(model: str, item: str, attempt: int) -> Fault | None:
        if attempt > 1:
            return None
        draw = int(hashlib.sha256(f"{model}|{item}".encode()).hexdigest()[:12], 16) / 16**12
        for name, share in shares.items():
            draw -= share
            if draw < 0:
                return name
        return None

    return fault


@contextmanager
def serving(
    answer: Answering = default_answer,
    *,
    fault: Failing = no_fault,
    latency_s: float = 0.0,
    slow_s: float = 30.0,
) -> Iterator[Server]:
    """Serve in a thread; `slow_s` is how long the fault `slow` takes."""
    server = Server(answer=answer, fault=fault, latency_s=latency_s, slow_s=slow_s)
    ready, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(
        target=loop.run_until_complete, args=(_serve(server, ready, stop),), daemon=True
    )
    thread.start()
    try:
        if not ready.wait(timeout=10):
            message = "the test server did not start"
            raise RuntimeError(message)
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=10)
        loop.close()


async def _serve(server: Server, ready: threading.Event, stop: asyncio.Event) -> None:
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_post("/{path:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.base_url = f"http://{host}:{port}/v1"
    ready.set()
    await stop.wait()
    await _settle()  # a server that closes while it accepts a connection leaks the socket
    await runner.cleanup()
    waiting = asyncio.all_tasks() - {asyncio.current_task()}  # slow answers that nobody awaits
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await _settle()  # sockets of transports that were closed


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def item_of(body: Mapping[str, Any]) -> str:
    """Return the text of the last user message."""
    for message in reversed(body.get("messages", [])):
        if message.get("role") == "user":
            content = message["content"]
            if isinstance(content, str):
                return content
            return "".join(part.get("text", "") for part in content)
    return ""


def completion(model: str, item: str, message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a chat completion as OpenAI writes it."""
    said = str(message.get("content") or "")
    n_input, n_output = 8 + len(item) // 4, 1 + len(said) // 4
    is_calling = bool(message.get("tool_calls"))
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": f"{model}-2024-01-01",
        "system_fingerprint": "fp_1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": None, "refusal": None, **message},
                "logprobs": None,
                "finish_reason": "tool_calls" if is_calling else "stop",
            }
        ],
        "usage": {
            "prompt_tokens": n_input,
            "completion_tokens": n_output,
            "total_tokens": n_input + n_output,
            "prompt_tokens_details": {"cached_tokens": 4},
        },
    }


def _reply(answer: str | dict[str, Any] | Reply, model: str, item: str) -> Reply:
    if isinstance(answer, Reply):
        return answer
    if isinstance(answer, str):
        answer = {"content": answer}
    return Reply(body=answer if "choices" in answer else completion(model, item, answer))


def _sent(reply: Reply) -> web.Response:
    if isinstance(reply.body, bytes):
        return web.Response(status=reply.status, body=reply.body, headers=reply.headers)
    return web.json_response(reply.body, status=reply.status, headers=reply.headers)


def _error(
    status: int, message: str, kind: str | None = None, code: str | None = None, **headers: str
) -> Reply:
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, body=body, headers=names)


def _faulty(fault: Fault, model: str, item: str, authorization: str) -> Reply:
    key = authorization.removeprefix("Bearer ")
    soon = format_datetime(datetime.now(tz=UTC) + timedelta(seconds=3), usegmt=True)
    whole = json.dumps(completion(model, item, {"content": default_answer(model, item)})).encode()
    limit = ("Rate limit reached for requests", "requests", "rate_limit_exceeded")
    html = {"Content-Type": "text/html"}
    as_json = {"Content-Type": "application/json"}
    replies: dict[Fault, Reply] = {
        "auth": _error(
            401, f"Incorrect API key provided: {key}", "invalid_request_error", "invalid_api_key"
        ),
        "unknown_model": _error(
            404, f"The model `{model}` does not exist", "invalid_request_error", "model_not_found"
        ),
        "rate_limit": _error(429, *limit, retry_after="1"),
        "rate_limit_date": _error(429, *limit, retry_after=soon),
        "quota": _error(
            429, "You exceeded your current quota", "insufficient_quota", "insufficient_quota"
        ),
        "content_filter": _error(
            400,
            "The response was filtered by our content management policy",
            None,
            "content_filter",
        ),
        "context_length": _error(
            400,
            "This model's maximum context length is 10 tokens",
            "invalid_request_error",
            "context_length_exceeded",
        ),
        "server_error": _error(500, "The server had an error", "server_error"),
        "overloaded": Reply(status=503, body=b"<html>503 try again later</html>", headers=html),
        "truncated": Reply(body=whole[: len(whole) // 2], headers=as_json),
        "html": Reply(body=b"<html><body>Welcome</body></html>", headers=html),
        "empty": Reply(body=b"", headers=as_json),
        "error_body": Reply(body={"error": {"message": "Something odd happened", "type": None}}),
        "null_content": Reply(body=completion(model, item, {"content": None})),
    }
    return replies[fault]


async def _break_off(request: web.Request, fault: Fault) -> web.StreamResponse:
    """Reset the connection, at once or in the middle of a body."""
    response = web.StreamResponse(
        headers={"Content-Type": "application/json", "Content-Length": "500"}
    )
    transport = request.transport
    if transport is None:
        return response
    if fault == "cut":
        await response.prepare(request)
        await response.write(b'{"id": "chatcmpl-1", "object": "chat')
        transport.close()
        return response
    sock: socket.socket = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    return response


if __name__ == "__main__":
    with serving(latency_s=float(sys.argv[1]) if len(sys.argv) > 1 else 0.0) as running:
        sys.stdout.write(running.base_url + "\n")
        sys.stdout.flush()
        threading.Event().wait()

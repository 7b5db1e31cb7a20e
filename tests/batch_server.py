"""Batch endpoints on loopback, as OpenAI and as Anthropic have them; they fail by script.

with serving() as server:
    ...  # server.base_url, server.batches, server.asked
"""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from aiohttp import web
from server import completion, default_answer, item_of

Fate: TypeAlias = Literal["answered", "error", "expired", "lost", "twice", "html"]
"""What becomes of one call of a batch."""
Ending: TypeAlias = Literal["completed", "expired", "failed"]
Trouble: TypeAlias = Literal[
    "rate_limit", "made_then_500", "server_error", "refused", "absent", "cut"
]
"""What goes wrong with one HTTP request."""

_STAGES = ("validating", "in_progress", "in_progress", "finalizing")


@dataclass(slots=True, kw_only=True)
class Batch:
    """One batch that was created."""

    id: str
    calls: dict[str, dict[str, Any]]
    """Bodies of the requests by custom id, in the order sent."""
    metadata: Mapping[str, str]
    ending: Ending
    created_at: int
    n_polls: int = 0


@dataclass(slots=True, kw_only=True)
class Server:
    """What a test sees of the server, and how it scripts it."""

    answer: Callable[[str, str], str] = default_answer
    """(model, item) -> text."""
    fate: Callable[[str, int], Fate] = lambda _item, _attempt: "answered"
    """(item, attempt from 1) -> what becomes of the call."""
    ending: Callable[[int], Ending] = lambda _number: "completed"
    """Number of the batch, from 0 -> how it ends."""
    trouble: Callable[[str, int], Trouble | None] = lambda _what, _attempt: None
    """(`METHOD /path`, attempt from 1) -> what goes wrong."""
    clock: Callable[[], float] = time.time
    latency_s: float = 0.0
    slow_create_s: float = 0.0
    """How long the answer takes that names a batch; it is made at once."""
    is_stuck: bool = False
    """Whether batches stay in progress."""
    base_url: str = ""
    batches: dict[str, Batch] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    """Requests by `METHOD /path`, ids left out."""
    items: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Calls by (model, item), over all batches."""
    headers: list[Mapping[str, str]] = field(default_factory=list)
    created: threading.Event = field(default_factory=threading.Event)
    """Set once a batch was created."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        parts = request.path.removeprefix("/v1").strip("/").split("/")
        is_id = [any(c.isdigit() for c in part) for part in parts]
        shape = "/".join("ID" if i else part for part, i in zip(parts, is_id, strict=True))
        what = f"{request.method} /{shape}"
        self.asked[what] += 1
        self.headers.append(dict(request.headers))
        trouble = self.trouble(what, self.asked[what])
        if trouble not in (None, "made_then_500", "cut"):
            return _troubled(trouble)
        named = next((part for part, i in zip(parts, is_id, strict=True) if i), "")
        found = await self._answer(what, named, request)
        if what.startswith("POST") and what.endswith("/batches"):
            await asyncio.sleep(self.slow_create_s)
        await asyncio.sleep(self.latency_s)
        if trouble == "made_then_500":
            return _troubled("server_error")
        if isinstance(found, bytes):
            return web.Response(body=found[: len(found) // 2] if trouble == "cut" else found)
        if found is None:
            body = {"error": {"message": f"No such thing: {request.path}", "code": None}}
            return web.json_response(body, status=404)
        return web.json_response(found)

    async def _answer(
        self, what: str, named: str, request: web.Request
    ) -> dict[str, Any] | bytes | None:
        """Return what a request gets; None: there is no such thing."""
        if what == "POST /files":
            return await self._upload(request)
        if what.startswith("POST"):
            body = await request.json()
            is_openai = what == "POST /batches"
            return self._create_openai(body) if is_openai else self._create_anthropic(body)
        if what == "GET /files/ID/content":
            return self.files.get(named)
        if named:
            return self._one(what, named)
        if what == "GET /batches":
            return self._page(request)
        for batch in self.batches.values():  # time goes by, whether or not they are asked for
            batch.n_polls += not self.is_stuck
        rows = [self._anthropic(batch) for batch in reversed(self.batches.values())]
        return {"data": rows, "has_more": False, "last_id": None}

    def _one(self, what: str, named: str) -> dict[str, Any] | bytes | None:
        batch = self.batches.get(named)
        if batch is None:
            return None
        if what == "GET /messages/batches/ID/results":
            return self._anthropic_results(batch)
        batch.n_polls += not self.is_stuck
        return self._openai(batch) if what == "GET /batches/ID" else self._anthropic(batch)

    async def _upload(self, request: web.Request) -> dict[str, Any]:
        form = await request.post()
        assert form["purpose"] == "batch"
        upload = form["file"]
        assert isinstance(upload, web.FileField)
        name = f"file-{len(self.files) + 1}"
        self.files[name] = upload.file.read()
        return {
            "id": name,
            "object": "file",
            "purpose": "batch",
            "bytes": len(self.files[name]),
            "created_at": int(self.clock()),
            "filename": "batch.jsonl",
            "status": "processed",
        }

    def _create_openai(self, body: dict[str, Any]) -> dict[str, Any]:
        assert (body["endpoint"], body["completion_window"]) == ("/v1/chat/completions", "24h")
        rows = [json.loads(line) for line in self.files[body["input_file_id"]].splitlines()]
        calls = {row["custom_id"]: row["body"] for row in rows}
        return self._openai(self._create(calls, body.get("metadata") or {}))

    def _create_anthropic(self, body: dict[str, Any]) -> dict[str, Any]:
        calls = {row["custom_id"]: row["params"] for row in body["requests"]}
        return self._anthropic(self._create(calls, {}))

    def _create(self, calls: dict[str, dict[str, Any]], metadata: Mapping[str, str]) -> Batch:
        number = len(self.batches)
        batch = Batch(
            id=f"batch_{number + 1}",
            calls=calls,
            metadata=metadata,
            ending=self.ending(number),
            created_at=int(self.clock()),
        )
        self.batches[batch.id] = batch
        if batch.ending != "failed":
            self.items.update((body["model"], item_of(body)) for body in calls.values())
        self.created.set()
        return batch

    def _word(self, batch: Batch) -> str:
        is_over = batch.n_polls >= len(_STAGES)
        return batch.ending if is_over else _STAGES[batch.n_polls]

    def _page(self, request: web.Request) -> dict[str, Any]:
        newest = list(reversed(self.batches.values()))
        after = request.query.get("after")
        if after is not None:
            newest = newest[[batch.id for batch in newest].index(after) + 1 :]
        shown = newest[:2]  # small pages: most callers forget the second
        rows = [self._openai(batch) for batch in shown]
        return {"object": "list", "data": rows, "has_more": len(newest) > len(shown)}

    def _openai(self, batch: Batch) -> dict[str, Any]:
        word = self._word(batch)
        body: dict[str, Any] = {
            "id": batch.id,
            "object": "batch",
            "status": word,
            "metadata": dict(batch.metadata),
            "created_at": batch.created_at,
            "completion_window": "24h",
            "endpoint": "/v1/chat/completions",
            "input_file_id": "file-0",
            "output_file_id": None,
            "error_file_id": None,
        }
        if word == "failed":
            error = {"code": "invalid_json_line", "message": "Line 1 is not JSON", "line": 1}
            body["errors"] = {"object": "list", "data": [error]}
        elif word == batch.ending:
            good, bad = self._openai_results(batch)
            for key, lines in (("output_file_id", good), ("error_file_id", bad)):
                if lines:
                    name = f"file-{batch.id}-{key}"
                    self.files[name] = "".join(json.dumps(line) + "\n" for line in lines).encode()
                    body[key] = name
        return body

    def _openai_results(self, batch: Batch) -> tuple[list[Any], list[Any]]:
        """Return lines of results in another order than the calls, and lines of errors."""
        good: list[Any] = [_line("somebody-elses", 200, {"choices": []})]
        bad = []
        for key, body in _shuffled(batch.calls):
            item = item_of(body)
            text = self.answer(body["model"], item)
            whole = completion(body["model"], item, {"content": text})
            match self._fate(batch, body):
                case "answered":
                    good.append(_line(key, 200, whole))
                case "twice":
                    good += [_line(key, 200, whole)] * 2
                case "html":
                    good.append(_line(key, 502, "<html>Bad gateway</html>"))
                case "error":
                    error = {"message": "too long", "code": "context_length_exceeded"}
                    bad.append(_line(key, 400, {"error": error}))
                case "expired":
                    expired = {"code": "batch_expired", "message": "This request expired"}
                    bad.append({"custom_id": key, "response": None, "error": expired})
                case "lost":
                    pass
        return good, bad

    def _anthropic(self, batch: Batch) -> dict[str, Any]:
        is_over = batch.n_polls >= len(_STAGES)
        counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
        counts["succeeded" if is_over else "processing"] = len(batch.calls)
        return {
            "id": batch.id,
            "type": "message_batch",
            "processing_status": "ended" if is_over else "in_progress",
            "request_counts": counts,
            "created_at": datetime.fromtimestamp(batch.created_at, tz=UTC).isoformat(),
            "results_url": f"{self.base_url}/messages/batches/{batch.id}/results"
            if is_over
            else None,
        }

    def _anthropic_results(self, batch: Batch) -> bytes:
        lines = []
        for key, body in _shuffled(batch.calls):
            text = self.answer(body["model"], item_of(body))
            message = {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": f"{body['model']}-20250101",
                "content": [{"type": "text", "text": text}],
                "stop_reason": "end_turn",
                "stop_sequence": None,
                "usage": {"input_tokens": 20, "output_tokens": 3},
            }
            too_long = {"type": "invalid_request_error", "message": "prompt is too long"}
            results: dict[Fate, dict[str, Any]] = {
                "answered": {"type": "succeeded", "message": message},
                "error": {"type": "errored", "error": {"type": "error", "error": too_long}},
                "expired": {"type": "expired"},
            }
            result = results.get(self._fate(batch, body))
            if result is not None:
                lines.append({"custom_id": key, "result": result})
        return "".join(json.dumps(line) + "\n" for line in lines).encode()

    def _fate(self, batch: Batch, body: dict[str, Any]) -> Fate:
        """Return what became of a call; its attempt is the number of batches that held it."""
        item = item_of(body)
        held = [
            other.id
            for other in self.batches.values()
            if other.ending != "failed"
            and any(
                (sent["model"], item_of(sent)) == (body["model"], item)
                for sent in other.calls.values()
            )
        ]
        return self.fate(item, held.index(batch.id) + 1)


def _shuffled(calls: Mapping[str, dict[str, Any]]) -> Sequence[tuple[str, dict[str, Any]]]:
    return sorted(calls.items(), key=lambda pair: pair[0][::-1], reverse=True)


def _line(key: str, status: int, body: object) -> dict[str, Any]:
    response = {"status_code": status, "request_id": "r", "body": body}
    return {"id": "batch_req_1", "custom_id": key, "response": response, "error": None}


def _troubled(trouble: Trouble) -> web.Response:
    status, message, headers = {
        "rate_limit": (429, "Rate limit reached", {"Retry-After": "7"}),
        "server_error": (500, "The server had an error", {}),
        "refused": (400, "This model has no batch API", {}),
        "absent": (404, "Not found", {}),
    }[trouble]
    kind = "invalid_request_error" if trouble == "refused" else None
    body = {"error": {"message": message, "type": kind, "code": None}}
    return web.json_response(body, status=status, headers=headers)


@contextmanager
def serving(**script: Any) -> Iterator[Server]:  # noqa: ANN401 - its fields
    """Serve in a thread; `script` sets fields of the server."""
    server = Server(**script)
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
    app.router.add_route("*", "/{path:.*}", server.handle)
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
    await _settle()


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)

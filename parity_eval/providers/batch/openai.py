"""Batches as OpenAI has them: a file of requests, a batch over it, files of results."""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from parity_eval import codec
from parity_eval.batches import Batch
from parity_eval.providers.batch.endpoint import (
    Http,
    Row,
    Search,
    Status,
    as_missing,
    read_id,
    read_object,
    read_rows,
)
from parity_eval.records import Answer, Call, Hole, Missing, ModelSpec
from parity_eval.wire import classify_error, read_answer, request_body

PREFIX: Final = "openai/"
_BASE: Final = "https://api.openai.com/v1"
_KEY: Final = "OPENAI_API_KEY"
URL: Final = "/v1/chat/completions"
_OVER: Final = frozenset({"completed", "failed", "expired", "cancelled"})
PAGE: Final = 100
_SLACK_S: Final = 3600
"""How far the endpoint's clock may be behind ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIBatches:
    """The batch API of OpenAI and of what is compatible with it.

    The key comes from the environment variable that the spec names; without `api_base` the
    endpoint is OpenAI's own and the variable is `OPENAI_API_KEY`.
    """

    spec: ModelSpec
    """The model."""
    http: Http
    """Where it is."""

    @classmethod
    def of(cls, spec: ModelSpec, timeout_s: float) -> "OpenAIBatches":
        """Return the batch API of a model."""
        default = _KEY if spec.api_base is None else None
        http = Http(
            spec=spec,
            base=spec.api_base or _BASE,
            key_env=spec.api_key_env or default,
            timeout_s=timeout_s,
        )
        return cls(spec=spec, http=http)

    def check(self) -> None:
        """Find what would fail every batch, before the first one."""
        self.http.check()

    def refusal(self, call: Call) -> Answer | None:  # noqa: ARG002 - any call can be written down
        """Refuse nothing."""
        return None

    async def prepare(self, calls: Sequence[Call]) -> str:
        """Send the file of requests, and return its id."""
        import aiohttp  # noqa: PLC0415 - heavy

        form = aiohttp.FormData()
        form.add_field("purpose", "batch")
        form.add_field(
            "file",
            request_lines(calls, self.spec.model.removeprefix(PREFIX)),
            filename="batch.jsonl",
            content_type="application/jsonl",
        )
        return read_id(await self.http.ask("POST", "/files", data=form))

    async def create(self, batch: Batch, prepared: str) -> str:
        """Send a batch, and return the endpoint's name for it."""
        body = {
            "input_file_id": prepared,
            "endpoint": URL,
            "completion_window": "24h",
            "metadata": {"parity_eval": batch.name},
        }
        once = {"Idempotency-Key": batch.name}
        return read_id(await self.http.ask("POST", "/batches", json=body, headers=once))

    async def find(self, batch: Batch, known: Collection[str]) -> Search:  # noqa: ARG002 - names tell
        """Look for our name among the endpoint's batches, newest first."""

        async def page(after: str | None) -> Mapping[str, Any]:
            more = {} if after is None else {"after": after}
            raw = await self.http.ask("GET", "/batches", params={"limit": str(PAGE), **more})
            return read_object(raw)

        return Search(id=await find_named(batch, page))

    async def status(self, batch_id: str) -> Status:
        """Say how far a batch is."""
        return read_status(read_object(await self.http.ask("GET", f"/batches/{batch_id}")))

    async def results(self, batch_id: str, status: Status) -> list[Row]:  # noqa: ARG002 - the files say
        """Return what stands in the files of results and of errors."""
        found: list[Row] = []
        for file in status.files:
            found += read_rows(await self.http.ask("GET", f"/files/{file}/content"))
        return found

    def answer(self, call: Call, row: Row) -> Answer:  # noqa: ARG002 - the row says it all
        """Read what a batch gave for a call."""
        return read_row(row)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.http.aclose()


async def find_named(
    batch: Batch, page: Callable[[str | None], Awaitable[Mapping[str, Any]]]
) -> str | None:
    """Return the id of the batch that carries our name; None: there is none.

    Args:
        batch: The batch.
        page: Returns a page of batches, newest first: those after an id, or the first ones.
    """
    after = None
    while True:
        found = await page(after)
        rows = [row for row in found.get("data") or [] if isinstance(row, dict)]
        for row in rows:
            if (row.get("metadata") or {}).get("parity_eval") == batch.name:
                return str(row["id"])
        is_older = bool(rows) and (rows[-1].get("created_at") or 0) < batch.at - _SLACK_S
        if not rows or is_older or not found.get("has_more"):
            return None
        after = str(rows[-1]["id"])


def request_lines(calls: Sequence[Call], model: str) -> bytes:
    """Return a file of requests: the same bytes for the same calls.

    Args:
        calls: What is asked.
        model: Model id as the endpoint spells it.
    """
    return b"".join(
        codec.encode(
            {
                "custom_id": call.key,
                "method": "POST",
                "url": URL,
                "body": {"model": model, **request_body(call.request.body, call.spec)},
            }
        )
        + b"\n"
        for call in calls
    )


def read_status(body: Mapping[str, Any]) -> Status:
    """Return what a batch object says.

    A batch that expired or was cancelled has the results that were ready by then.
    """
    word = str(body.get("status"))
    files = (body.get("output_file_id"), body.get("error_file_id"))
    return Status(
        word=word,
        is_over=word in _OVER,
        failure=_failure(body) if word == "failed" else None,
        files=tuple(str(file) for file in files if file),
    )


def _failure(body: Mapping[str, Any]) -> Missing:
    """Return why a batch failed as a whole; whose fault it is among its calls is not told."""
    data = (body.get("errors") or {}).get("data") or [{}]
    first = data[0] if isinstance(data[0], dict) else {}
    line = f" (line {first['line']} of the batch)" if first.get("line") else ""
    message = str(first.get("message") or "the endpoint does not say why")
    code = first.get("code")
    found = classify_error(None, code and str(code), None, f"the batch failed: {message}{line}")
    return as_missing(found)


def read_row(row: Row) -> Answer:
    """Return the answer that a line of results, or of errors, holds."""
    response = row.get("response")
    if isinstance(response, dict) and response.get("body") is not None:
        status = response.get("status_code")
        return read_answer(
            status if isinstance(status, int) else 200, json.dumps(response["body"]).encode()
        )
    error = row.get("error")
    fields = error if isinstance(error, dict) else {"message": str(error or "no response")}
    code = str(fields.get("code") or "") or None
    message = str(fields.get("message") or code or "no response")
    if code in ("batch_expired", "batch_cancelled"):
        return Missing(hole=Hole.SERVER, detail=f"{code}: {message}")
    return classify_error(None, code, None, message)

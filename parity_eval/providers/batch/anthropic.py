"""Batches as Anthropic has them: requests in one body, results as lines.

litellm translates between the chat completions of the log and Anthropic's messages, as it does for
single calls; the batch itself goes over our own connections.
"""

import copy
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from parity_eval.batches import Batch
from parity_eval.errors import ConfigError
from parity_eval.providers.batch.endpoint import (
    Http,
    Row,
    Search,
    Status,
    read_id,
    read_object,
    read_rows,
)
from parity_eval.records import Answer, Call, Hole, Missing, ModelSpec
from parity_eval.wire import classify_error, parse_completion, read_answer, request_body

PREFIX: Final = "anthropic/"
_BASE: Final = "https://api.anthropic.com/v1"
_KEY: Final = "ANTHROPIC_API_KEY"
_VERSION: Final = "2023-06-01"
_PATH: Final = "/messages/batches"
_BAD_REQUEST: Final = 400
_SERVER_ERROR: Final = 500
_SLACK_S: Final = 3600
"""How far the endpoint's clock may be behind ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Translated:
    """A request in Anthropic's words, and what is needed to translate the answer back."""

    params: dict[str, Any]
    is_json_mode: bool
    tool_names: Mapping[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnthropicBatches:
    """Anthropic's batch API.

    The key comes from the environment variable that the spec names; without `api_base` the
    endpoint is Anthropic's own and the variable is `ANTHROPIC_API_KEY`.
    """

    spec: ModelSpec
    """The model."""
    http: Http
    """Where it is."""
    load_litellm: Callable[[], Any]
    """Imports litellm, settled."""

    @classmethod
    def of(
        cls, spec: ModelSpec, timeout_s: float, load_litellm: Callable[[], Any]
    ) -> "AnthropicBatches":
        """Return the batch API of a model."""
        http = Http(
            spec=spec,
            base=spec.api_base or _BASE,
            key_env=spec.api_key_env or (_KEY if spec.api_base is None else None),
            key_header=("x-api-key", ""),
            headers={"anthropic-version": _VERSION},
            timeout_s=timeout_s,
        )
        return cls(spec=spec, http=http, load_litellm=load_litellm)

    def check(self) -> None:
        """Find what would fail every batch, before the first one.

        Raises:
            ConfigError: a missing key, or no litellm.
            IncompleteError: nothing answers at `api_base`.
        """
        self.load_litellm()
        self.http.check()

    def refusal(self, call: Call) -> Answer | None:
        """Refuse what Anthropic's messages have no word for."""
        try:
            self._translated(call)
        except ConfigError:
            raise
        except Exception as error:  # noqa: BLE001 - litellm's errors have no common class
            said = str(error).split("To drop")[0].strip()
            return classify_error(None, "unsupported_parameter", None, f"{self.spec.model}: {said}")
        return None

    async def prepare(self, calls: Sequence[Call]) -> list[dict[str, Any]]:
        """Translate the calls."""
        return [{"custom_id": call.key, "params": self._translated(call).params} for call in calls]

    async def create(self, batch: Batch, prepared: list[dict[str, Any]]) -> str:
        """Send a batch, and return the endpoint's name for it."""
        body = msgspec.json.encode({"requests": prepared})
        headers = {"Content-Type": "application/json", "Idempotency-Key": batch.name}
        return read_id(await self.http.ask("POST", _PATH, data=body, headers=headers))

    async def find(self, batch: Batch, known: Collection[str]) -> Search:
        """Look for a batch of the same size and time, and at the calls that it answered.

        Anthropic's batches carry no name, and say which calls they hold only once they are over:
        to wait for another's costs less than to pay twice.
        """
        after: dict[str, str] = {}
        is_open = False
        while True:
            raw = await self.http.ask("GET", _PATH, params={"limit": "100", **after})
            page = read_object(raw)
            rows = [row for row in page.get("data") or [] if isinstance(row, dict)]
            for row in rows:
                if str(row.get("id")) in known or not _may_be(row, batch):
                    continue
                if row.get("processing_status") != "ended":
                    is_open = True
                elif await self._held(row, batch):
                    return Search(id=str(row["id"]))
            is_older = bool(rows) and _created_at(rows[-1]) < batch.at - _SLACK_S
            if not rows or is_older or not page.get("has_more"):
                break
            after = {"after_id": str(rows[-1]["id"])}
        return Search(is_open=is_open)

    async def status(self, batch_id: str) -> Status:
        """Say how far a batch is."""
        body = read_object(await self.http.ask("GET", f"{_PATH}/{batch_id}"))
        word = str(body.get("processing_status"))
        return Status(word=word, is_over=word == "ended")

    async def results(self, batch_id: str, status: Status) -> list[Row]:  # noqa: ARG002 - one place
        """Return the lines of results."""
        return read_rows(await self.http.ask("GET", f"{_PATH}/{batch_id}/results"))

    def answer(self, call: Call, row: Row) -> Answer:
        """Read what a batch gave for a call."""
        result = row.get("result") or {}
        kind = result.get("type")
        if kind == "succeeded":
            message = result["message"]
            try:
                return parse_completion(self._completion(call, message))
            except Exception:  # noqa: BLE001 - whatever litellm cannot read is no message
                return parse_completion(message)
        if kind == "errored":
            error = msgspec.json.encode(result.get("error"))
            is_the_calls = b'"invalid_request_error"' in error
            return read_answer(_BAD_REQUEST if is_the_calls else _SERVER_ERROR, error)
        return Missing(hole=Hole.SERVER, detail=f"batch result: {kind or 'none'}")

    async def aclose(self) -> None:
        """Close the connections."""
        await self.http.aclose()

    async def _held(self, row: Row, batch: Batch) -> bool:
        """Whether a batch that is over answered any of our calls."""
        found = read_rows(await self.http.ask("GET", f"{_PATH}/{row['id']}/results"))
        return not {str(line.get("custom_id")) for line in found}.isdisjoint(batch.keys)

    def _translated(self, call: Call) -> _Translated:
        litellm = self.load_litellm()
        model = self.spec.model.removeprefix(PREFIX)
        # litellm changes what it translates; the log must stay as it is.
        body = copy.deepcopy(request_body(call.request.body, call.spec))
        messages = body.pop("messages", [])
        known = set(litellm.get_supported_openai_params(model, "anthropic")) | {"top_k"}
        if unknown := sorted(body.keys() - known):
            message = f"does not take {', '.join(map(repr, unknown))}"
            raise ValueError(message)
        options = litellm.get_optional_params(
            model=model, custom_llm_provider="anthropic", messages=messages, **body
        )
        is_json_mode = bool(options.pop("json_mode", False))
        context: dict[str, Any] = {}
        with _quietly():
            params = litellm.AnthropicConfig().transform_request(
                model=model,
                messages=messages,
                optional_params=options,
                litellm_params=context,
                headers={},
            )
        names = next((value for value in context.values() if isinstance(value, dict)), None)
        return _Translated(params=params, is_json_mode=is_json_mode, tool_names=names)

    def _completion(self, call: Call, message: dict[str, Any]) -> dict[str, Any]:
        """Return the chat completion that a message is."""
        import httpx  # noqa: PLC0415 - heavy

        litellm, sent = self.load_litellm(), self._translated(call)
        with _quietly():
            completion = litellm.AnthropicConfig().transform_parsed_response(
                completion_response=message,
                raw_response=httpx.Response(200, json=message),
                model_response=litellm.ModelResponse(),
                json_mode=sent.is_json_mode,
                tool_name_reverse_map=sent.tool_names,
            )
            found: dict[str, Any] = completion.model_dump()
        return found


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep warnings about litellm's own types from the user, who can do nothing about them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _may_be(row: Row, batch: Batch) -> bool:
    counts = row.get("request_counts") or {}
    n_calls = sum(value for value in counts.values() if isinstance(value, int))
    return n_calls == len(batch.keys) and _created_at(row) >= batch.at - _SLACK_S


def _created_at(row: Row) -> float:
    try:
        return datetime.fromisoformat(str(row.get("created_at"))).timestamp()
    except ValueError:
        return 0.0

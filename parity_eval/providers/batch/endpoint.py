"""What a batch endpoint can do, and how one is talked to."""

import asyncio
import json
import os
import socket
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec

from parity_eval.batches import Batch
from parity_eval.records import Answer, Call, Hole, Missing, ModelSpec
from parity_eval.wire import (
    address,
    annotate,
    classify_error,
    key_source,
    missing_key,
    own_secrets,
    read_answer,
    retry_after_s,
    unreachable,
)

if TYPE_CHECKING:
    from aiohttp import ClientSession

_CONNECT_S: Final = 10.0
_OK: Final = 2  # of 2xx
_SERVER_ERROR: Final = 500
_GONE: Final = frozenset({404, 410})
_UNSURE: Final = frozenset({408})


class FailedError(Exception):
    """A request to the endpoint that gave nothing."""

    def __init__(self, missing: Missing, *, status: int | None = None) -> None:
        super().__init__(missing.detail)
        self.missing = missing
        self.status = status

    @property
    def is_ambiguous(self) -> bool:
        """Whether the endpoint may have done all the same what it was asked for."""
        return self.status is None or self.status >= _SERVER_ERROR or self.status in _UNSURE

    @property
    def is_gone(self) -> bool:
        """Whether the endpoint does not know what was asked for."""
        return self.status in _GONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How far a batch is."""

    word: str
    """The endpoint's word for it."""
    is_over: bool
    """Whether nothing more will come."""
    failure: Missing | None = None
    """Why it failed as a whole."""
    files: tuple[str, ...] = ()
    """Where the results are."""


Row: TypeAlias = Mapping[str, Any]
"""One line of results; `custom_id` says which call it belongs to. Empty: it cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What looking for a batch came to."""

    id: str | None = None
    """The endpoint's name for it."""
    is_open: bool = False
    """Whether a batch that may be it does not yet say which calls it holds."""


class Endpoint(Protocol):
    """A batch API. Every method raises `FailedError` where it gets nothing."""

    def check(self) -> None:
        """Find what would fail every batch, before the first one."""
        ...

    def refusal(self, call: Call) -> Answer | None:
        """Return the answer to a call that cannot be put into a batch; None: it can."""
        ...

    async def prepare(self, calls: Sequence[Call]) -> object:
        """Get ready what `create` needs; costs nothing and may be done again."""
        ...

    async def create(self, batch: Batch, prepared: Any) -> str:  # noqa: ANN401 - its own
        """Send a batch, and return the endpoint's name for it."""
        ...

    async def find(self, batch: Batch, known: Collection[str]) -> Search:
        """Look for a batch that may have been sent.

        Args:
            batch: The batch.
            known: Names of the run's other batches.
        """
        ...

    async def status(self, batch_id: str) -> Status:
        """Say how far a batch is."""
        ...

    async def results(self, batch_id: str, status: Status) -> list[Row]:
        """Return what a batch gave, in any order."""
        ...

    def answer(self, call: Call, row: Row) -> Answer:
        """Read what a batch gave for a call."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


@dataclass(slots=True, kw_only=True)
class Http:
    """Requests to one model's batch endpoint."""

    spec: ModelSpec
    """The model."""
    base: str
    """Address that paths are added to."""
    key_env: str | None
    """Environment variable that holds the key."""
    key_header: tuple[str, str] = ("Authorization", "Bearer ")
    """Name of the header that carries the key, and what stands before the key."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of every request."""
    timeout_s: float = 120.0
    """Most seconds that one request may take."""
    _session: "ClientSession | None" = field(default=None, init=False, repr=False)
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False, repr=False)

    def check(self) -> None:
        """Find a key that is not set and an endpoint that is not there.

        Raises:
            ConfigError: a missing key, or an `api_base` that is not an address.
            IncompleteError: nothing answers at `api_base`.
        """
        if self.key_env is not None and not os.environ.get(self.key_env):
            raise missing_key(self.spec, [self.key_env])
        if self.spec.api_base is None:
            return
        check_address(self.spec)

    async def ask(self, method: str, path: str, **body: Any) -> bytes:  # noqa: ANN401 - aiohttp's
        """Send one request and return the body of the answer.

        Args:
            method: HTTP method.
            path: What is added to the base; an address of its own is taken as it is.
            body: `json`, `data`, `params` or `headers`, as aiohttp takes them.

        Raises:
            FailedError: no answer, or one that says no.
        """
        import aiohttp  # noqa: PLC0415 - heavy

        try:
            async with asyncio.timeout(self.timeout_s):
                return await self._ask(method, path, body)
        except TimeoutError as error:
            found = classify_error(None, "timeout", None, f"no answer within {self.timeout_s:g} s")
            raise FailedError(as_missing(found)) from error
        except (aiohttp.ClientError, OSError) as error:
            found = classify_error(None, "network", None, f"{type(error).__name__}: {error}")
            raise FailedError(as_missing(found)) from error

    async def aclose(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _ask(self, method: str, path: str, body: dict[str, Any]) -> bytes:
        key = os.environ.get(self.key_env) if self.key_env else None
        secrets = own_secrets(self.spec, key)
        name, before = self.key_header
        headers = {"User-Agent": "parity-eval", **self.headers, **body.pop("headers", {})}
        # An address that the endpoint gave gets the key only where it is the endpoint's own.
        url = path if "://" in path else self.base.rstrip("/") + path
        if key and urlsplit(url).netloc == urlsplit(self.base).netloc:
            headers[name] = before + key
        async with self._open().request(
            method, url, headers=headers, allow_redirects=False, proxy=_proxy(self.base), **body
        ) as received:
            raw = await received.read()
            if received.status // 100 == _OK:
                return raw
            answer = annotate(
                read_answer(received.status, raw, secrets),
                secrets=secrets,
                key_source=key_source(self.key_env),
                retry_after=retry_after_s(received.headers, time.time()),
            )
            raise FailedError(as_missing(answer), status=received.status)

    def _open(self) -> "ClientSession":
        import aiohttp  # noqa: PLC0415 - heavy

        loop = asyncio.get_running_loop()
        if self._session is not None and self._loop is not loop:
            self._session.detach()  # its loop is over: nobody can close it any more
            self._session = None
        if self._session is None:
            self._loop = loop
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        return self._session


def check_address(spec: ModelSpec) -> None:
    """Find an `api_base` that is not there; what a proxy stands before cannot be tried.

    Raises:
        ConfigError: it is not an address.
        IncompleteError: nothing answers there.
    """
    host, port = address(spec)
    if _proxy(spec.api_base or "") is not None:
        return
    try:
        socket.create_connection((host, port), timeout=_CONNECT_S).close()
    except OSError as error:
        raise unreachable(spec, error) from error


def read_object(raw: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        FailedError: it is none: a page of a proxy, or a body that broke off.
    """
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        said = raw[:200].decode("utf-8", "replace")
        found = classify_error(None, "network", None, f"not the JSON of a batch endpoint: {said}")
        raise FailedError(as_missing(found)) from error


def read_rows(raw: bytes) -> list[Row]:
    """Read a file of results; a row that cannot be read is an empty one.

    Raises:
        FailedError: a line is no row at all: the page of a proxy came in place of the file.
    """
    return [_row(line) for line in raw.split(b"\n") if line.strip()]


def _row(line: bytes) -> Row:
    try:
        found = json.loads(line)  # takes NaN and half a surrogate pair, as endpoints write them
    except (ValueError, RecursionError):
        found = {} if line.lstrip().startswith(b"{") else None
    return found if isinstance(found, dict) else read_object(line)


def read_id(raw: bytes) -> str:
    """Return the id of what was created."""
    found = read_object(raw).get("id")
    if not isinstance(found, str) or not found:
        detail = "the endpoint took the batch and did not name it"
        raise FailedError(Missing(hole=Hole.SERVER, detail=detail))
    return found


def as_missing(answer: Answer) -> Missing:
    """Return what a request about a whole batch came to, as what it is to each of its calls.

    What timed out is no call that may be billed for nothing: a batch that was made is collected.
    """
    if not isinstance(answer, Missing):
        why = answer.detail or "the endpoint refused the batch"
        return Missing(hole=Hole.UNSUPPORTED, detail=why)
    is_timeout = answer.hole is Hole.TIMEOUT
    return replace(answer, hole=Hole.NETWORK) if is_timeout else answer


def _proxy(url: str) -> str | None:
    """Return the proxy that the environment names for an address."""
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    return None if not proxy or proxy_bypass(parts.hostname or "") else proxy

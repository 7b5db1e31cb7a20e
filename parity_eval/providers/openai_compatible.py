"""Answers from any OpenAI-compatible endpoint, over one pool of kept connections."""

import asyncio
import os
import socket
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec

from parity_eval.errors import ConfigError
from parity_eval.records import Answer, Call, ModelSpec, Response
from parity_eval.wire import (
    MAX_BODY,
    address,
    annotate,
    check_key,
    check_params,
    classify_error,
    exhausted_s,
    key_source,
    lost,
    mask,
    own_secrets,
    read_answer,
    request_body,
    retry_after_s,
    unreachable,
)

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

_PREFIX: Final = "openai/"
_OPENAI_BASE: Final = "https://api.openai.com/v1"
_OPENAI_KEY: Final = "OPENAI_API_KEY"
_CONNECT_S: Final = 10.0


@dataclass(slots=True, kw_only=True)
class OpenAICompatible:
    """Ask an endpoint that speaks OpenAI's chat-completions protocol.

    The key comes from the environment variable that the spec names, and from nowhere else; without
    `api_base` the endpoint is OpenAI's own and the variable is `OPENAI_API_KEY`.
    """

    spec: ModelSpec
    """The model."""
    timeout_s: float = 600.0
    """Most seconds that one call may take, from connecting to the last byte."""
    read_timeout_s: float | None = None
    """Most seconds without a byte of the answer; None: only `timeout_s` counts."""
    pause_s: float = field(default=0.0, init=False)
    """Seconds for which the endpoint said in its last answer that it takes no more calls."""
    _session: "ClientSession | None" = field(default=None, init=False, repr=False)
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False, repr=False)
    _proxy: str | None = field(default=None, init=False, repr=False)

    @staticmethod
    def serves(spec: ModelSpec) -> bool:
        """Whether a model is one for this transport: an endpoint of its own, OpenAI's protocol."""
        return spec.api_base is not None and not spec.is_recorded and _is_openai(spec)

    def check(self) -> None:
        """Find what would fail every call: a key that is not set, an endpoint that is not there.

        Raises:
            ConfigError: a missing key, or an `api_base` that is not an address.
            IncompleteError: nothing answers at `api_base`.
        """
        check_params(self.spec)
        name = self._key_env
        if self.spec.api_base is None and not _is_openai(self.spec):
            raise ConfigError(
                f"model {self.spec.name!r}: transport: direct asks OpenAI's own endpoint, which "
                f"has no {self.spec.model!r}; name the endpoint with `api_base`, or the model as "
                "openai/MODEL"
            )
        if name is not None:
            check_key(self.spec, name, os.environ.get(name))
        if self.spec.api_base is None:
            return
        host, port = address(self.spec)
        if _proxy(self._url) is not None:
            return
        try:
            socket.create_connection((host, port), timeout=_CONNECT_S).close()
        except OSError as error:
            raise unreachable(self.spec, error) from error

    async def complete(self, call: Call) -> Answer:
        """Ask once."""
        import aiohttp  # noqa: PLC0415 - heavy

        started = time.perf_counter()
        try:
            async with asyncio.timeout(self.timeout_s):
                answer = await self._ask(call)
        except aiohttp.SocketTimeoutError:
            said = f"not a byte of an answer for {self.read_timeout_s:g} s"
            return classify_error(None, "timeout", None, said)
        except aiohttp.ConnectionTimeoutError:
            said = f"no connection within {self._connect_s:g} s"
            return classify_error(None, "network", None, said)
        except TimeoutError:
            return classify_error(None, "timeout", None, f"no answer within {self.timeout_s:g} s")
        except (aiohttp.ClientError, OSError) as error:
            unsent = (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError)
            said = mask(f"{type(error).__name__}: {error}", own_secrets(self.spec, None))
            answer = classify_error(None, "network", None, said)
            return answer if isinstance(error, unsent) else lost(answer)
        if isinstance(answer, Response):
            return replace(answer, latency_s=time.perf_counter() - started)
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _ask(self, call: Call) -> Answer:
        body = request_body(call.request.body, self.spec)
        headers = {"Content-Type": "application/json", "User-Agent": "parity-eval"}
        name = self._key_env
        key = os.environ.get(name) if name is not None else None
        if key:
            headers["Authorization"] = f"Bearer {key}"
        secrets = own_secrets(self.spec, key)
        session = self._open()
        async with session.post(
            self._url,
            data=msgspec.json.encode({"model": self.spec.model.removeprefix(_PREFIX), **body}),
            headers=headers,
            allow_redirects=False,
            proxy=self._proxy,
        ) as received:
            answer = read_answer(received.status, await _body(received), secrets)
            self.pause_s = exhausted_s(received.headers, time.time()) or 0.0
            if answer.detail is None:
                return answer
            return annotate(
                answer,
                secrets=secrets,
                key_source=key_source(name),
                retry_after=retry_after_s(received.headers, time.time()),
            )

    def _open(self) -> "ClientSession":
        """Return the session of the running loop."""
        import aiohttp  # noqa: PLC0415 - heavy

        loop = asyncio.get_running_loop()
        if self._session is not None and self._loop is not loop:
            self._session.detach()  # its loop is over: nobody can close it any more
            self._session = None
        if self._session is None:
            self._loop, self._proxy = loop, _proxy(self._url)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=self._connect_s, sock_read=self.read_timeout_s
                ),
            )
        return self._session

    @property
    def _connect_s(self) -> float:
        # Before `timeout_s` is over, so that it is known that nothing was sent.
        return min(_CONNECT_S, self.timeout_s / 2)

    @property
    def _url(self) -> str:
        return (self.spec.api_base or _OPENAI_BASE).rstrip("/") + "/chat/completions"

    @property
    def _key_env(self) -> str | None:
        default = _OPENAI_KEY if self.spec.api_base is None else None
        return self.spec.api_key_env or default


async def _body(received: "ClientResponse") -> bytes:
    """Read a body, unless it has no end."""
    import aiohttp  # noqa: PLC0415 - heavy

    parts: list[bytes] = []
    n = 0
    async for part in received.content.iter_any():
        parts.append(part)
        n += len(part)
        if n > MAX_BODY:
            received.close()
            message = f"the body is longer than {MAX_BODY:,} bytes"
            raise aiohttp.ClientPayloadError(message)
    return b"".join(parts)


def _is_openai(spec: ModelSpec) -> bool:
    return spec.model.startswith(_PREFIX) or "/" not in spec.model


def _proxy(url: str) -> str | None:
    """Return the proxy that the environment names for an address."""
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    return None if not proxy or proxy_bypass(parts.hostname or "") else proxy

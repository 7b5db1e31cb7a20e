"""Answers from any provider that litellm knows.

litellm is imported with the first use, under settings that keep it from reading `.env` files,
from fetching tables, from retrying, and from changing or leaving out what is to be sent.
"""

import ast
import asyncio
import copy
import inspect
import json
import logging
import os
import re
import socket
import sys
import time
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from parity_eval.errors import ConfigError
from parity_eval.records import Answer, Call, JsonValue, ModelSpec, Response
from parity_eval.wire import (
    MAX_BODY,
    address,
    annotate,
    check_key,
    check_params,
    classify_error,
    key_source,
    lost,
    mask,
    missing_key,
    own_secrets,
    read_answer,
    read_completion,
    request_body,
    retry_after_s,
    unreachable,
)

_ENVIRONMENT: Final = {
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    # What a log refers to is fetched by nobody but the endpoint, which is the one that is tested.
    "MAX_IMAGE_URL_DOWNLOAD_SIZE_MB": "0",
}
_STOLE_CREDENTIALS: Final = frozenset({"1.82.7", "1.82.8"})  # PYSEC-2026-2
_CONNECT_S: Final = 10.0
_NO_KEY: Final = "no-key"  # keeps litellm from sending another vendor's key to an `api_base`
_INVENTED_STATUS: Final = 422  # litellm's word for an error body under status 200
_OK: Final = 200
_SERVER: Final = 500
_OF_THE_REQUEST: Final = (ValueError, TypeError, LookupError, AttributeError)
"""What litellm stumbles over in a request that it cannot translate, before it sends anything."""


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_CHAT_PARAMS: Final = _names(
    "audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens"
    " max_tokens modalities parallel_tool_calls prediction presence_penalty prompt_cache_key"
    " reasoning_effort response_format safety_identifier seed service_tier stop temperature"
    " thinking tool_choice tools top_logprobs top_p user verbosity web_search_options"
)
"""What a logged request may hand to litellm as an argument, besides `_ALWAYS`. Anything else could
be one of litellm's own controls: a log must not be able to set an address, a key or a callback."""
_ALWAYS: Final = _names("messages top_k")
_PUBLIC: Final = _names(
    "openai anthropic gemini mistral groq deepseek together_ai openrouter xai cohere"
)
"""Providers that have one address, which the environment must not change behind our back."""
_CLOUDS: Final = ("azure", "bedrock", "vertex_ai", "sagemaker")
"""Providers whose credentials may come from a profile or a role: only a call can tell."""
_EXCHANGE: ContextVar["_Exchange | None"] = ContextVar("_EXCHANGE", default=None)
"""The call that is under way in this context."""
_HAVE_DEVELOPERS: Final = ("litellm.llms.openai.", "litellm.llms.azure.")
"""Modules of litellm for providers that know the role `developer`."""


@dataclass(slots=True)
class _Exchange:
    """One call on its way: how long it may take, and what came under status 200."""

    timeout: Any
    """The `httpx.Timeout` of the call."""
    openai: list[bytes] = field(default_factory=list)
    """Bodies that OpenAI's client received."""
    other: list[bytes] = field(default_factory=list)
    """Bodies that litellm's own client received, in the words of other vendors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Route:
    """What litellm knows of a model."""

    model: str
    provider: str
    supported: frozenset[str]
    """Chat parameters that litellm passes on to this model."""
    takes_extras: bool
    """Whether further parameters can be sent as they are (an OpenAI-compatible body)."""


@dataclass(slots=True, kw_only=True)
class LiteLLM:
    """Ask a model through litellm, once per call.

    The key is read from the environment variable that the spec names, else from the one that
    litellm expects for the provider. An endpoint of one's own (`api_base`) gets no key but a named
    one.
    """

    spec: ModelSpec
    """The model."""
    timeout_s: float = 600.0
    """Most seconds that one call may take, from connecting to the last byte."""
    read_timeout_s: float | None = None
    """Most seconds without a byte of the answer; None: only `timeout_s` counts."""
    _known: _Route | None = field(default=None, init=False, repr=False)

    def check(self) -> None:
        """Find what would fail every call: the package, the model's name, a key, an endpoint.

        Raises:
            ConfigError: a version of litellm that must not run, an unknown provider, a parameter
                that cannot be set, a missing key.
            IncompleteError: nothing answers at `api_base`.
        """
        check_params(self.spec)
        route = self._route()
        refused = [name for name in _own_params(self.spec) if name in _controls()]
        if refused:
            raise ConfigError(
                f"model {self.spec.name!r}: params.{refused[0]} is a setting of litellm, not a "
                "parameter of the model"
            )
        self._check_key(route)
        if self.spec.api_base is None:
            self._check_redirect(route)
            return
        host, port = address(self.spec)
        if getproxies().get(urlsplit(self.spec.api_base).scheme) and not proxy_bypass(host):
            return
        try:
            socket.create_connection((host, port), timeout=_CONNECT_S).close()
        except OSError as error:
            raise unreachable(self.spec, error) from error

    async def complete(self, call: Call) -> Answer:
        """Ask once.

        Raises:
            ConfigError: a package that this provider needs is missing.
        """
        body = request_body(call.request.body, self.spec)
        refused = self._refused(body)
        if refused:
            said = f"does not take {', '.join(map(repr, refused))}"
            return self._unsupported(said, refused)
        started = time.perf_counter()
        with _receiving(self._timeout()) as received:
            answer, headers = await self._ask(body, received)
        answer = self._annotated(answer, headers)
        if isinstance(answer, Response):
            return replace(answer, latency_s=time.perf_counter() - started)
        return answer

    async def _ask(
        self, body: Mapping[str, JsonValue], received: _Exchange
    ) -> tuple[Answer, Mapping[str, str]]:
        """Return an answer as it was received, else as litellm tells it; with its headers.

        Args:
            body: What is sent.
            received: Where the call's bodies under status 200 are found once it is over.
        """
        litellm = _litellm()
        import openai  # noqa: PLC0415 - heavy; litellm's errors are its errors

        try:
            async with asyncio.timeout(self.timeout_s):
                completion = await litellm.acompletion(**self._arguments(body))
        except TimeoutError:
            said = f"no answer within {self.timeout_s:g} s"
            return classify_error(None, "timeout", None, said), {}
        except ImportError as error:
            raise ConfigError(
                f"model {self.spec.name!r}: {self.spec.model} needs a package: {error}"
            ) from error
        except openai.OpenAIError as error:
            if not received.openai:
                return self._failure(error, body, received)
        else:
            if not received.openai:
                return read_completion(completion.model_dump()), {}
        return self._read(_OK, received.openai[-1]), {}

    async def aclose(self) -> None:
        """Close litellm's connections, those of other models too."""
        if "litellm" not in sys.modules:
            return
        from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER
        from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients

        await GLOBAL_LOGGING_WORKER.clear_queue()
        await close_litellm_async_clients()

    def _route(self) -> _Route:
        if self._known is None:
            self._known = _find_route(self.spec)
        return self._known

    def _arguments(self, body: Mapping[str, JsonValue]) -> dict[str, Any]:
        """Return the arguments of litellm's call, which it may change as it likes."""
        known = self._known_names()
        own = copy.deepcopy(dict(body))
        arguments = {name: value for name, value in own.items() if name in known}
        extras = {name: value for name, value in own.items() if name not in known}
        return {
            **arguments,
            **({"extra_body": extras} if extras else {}),
            "model": _spelled(self.spec),
            "api_base": self.spec.api_base,
            "api_key": self._key() or (_NO_KEY if self.spec.api_base else None),
            "timeout": self._timeout(),
            "max_retries": 0,
            "num_retries": 0,
            "stream": False,
            "drop_params": False,
            # With tools, litellm otherwise imports its gateway for tool servers, and fails
            # where the package `mcp` is not installed.
            "_skip_mcp_handler": True,
        }

    def _timeout(self) -> Any:  # noqa: ANN401 - httpx.Timeout, imported late
        import httpx  # noqa: PLC0415 - heavy

        # Without a connection nothing was sent: that must be known before the time is over.
        connect_s = min(_CONNECT_S, self.timeout_s / 2)
        read_s = self.read_timeout_s or self.timeout_s
        return httpx.Timeout(self.timeout_s, connect=connect_s, read=read_s)

    def _refused(self, body: Mapping[str, JsonValue]) -> list[str]:
        """Return the parameters of a request that cannot be handed to this model."""
        if self._route().takes_extras:
            return []
        return sorted(body.keys() - self._known_names())

    def _known_names(self) -> frozenset[str]:
        """Return what goes to litellm as an argument; the rest is extra, or refused."""
        route = self._route()
        if route.takes_extras:
            return route.supported | {"messages"}
        return route.supported | _ALWAYS | _own_params(self.spec)

    def _unsupported(self, what: str, names: Sequence[str]) -> Answer:
        said = f"{self.spec.model}: {what}"
        return classify_error(None, "unsupported_parameter", None, said, ", ".join(names))

    def _failure(
        self, error: Exception, sent: Mapping[str, JsonValue], received: _Exchange
    ) -> tuple[Answer, Mapping[str, str]]:
        """Find out what went wrong: from the endpoint's own words, wherever litellm keeps them."""
        import httpx  # noqa: PLC0415 - heavy

        litellm = _litellm()
        chain = tuple(_chain(error))
        for cause in chain:
            if isinstance(cause, httpx.HTTPStatusError):
                said_no = cause.response
                return self._read(said_no.status_code, _content(said_no)), said_no.headers
        if isinstance(error, litellm.UnsupportedParamsError):
            said = str(error).removeprefix("litellm.UnsupportedParamsError: ")
            said = said.split("To drop")[0]
            names = [name for name in sorted(sent) if re.search(rf"\b{name}\b", said)]
            return self._unsupported(said, names), {}
        answer = self._underway(error, chain)
        return answer or self._unread(error, chain, received), {}

    def _underway(self, error: Exception, chain: tuple[BaseException, ...]) -> Answer | None:
        """Return what became of a call that broke on the way; None where that is not it."""
        import httpx  # noqa: PLC0415 - heavy

        root = chain[-1]
        said = self._masked(f"{type(root).__name__}: {root}")
        if _is_unconnected(chain):
            return classify_error(None, "network", None, said)
        if isinstance(error, _litellm().Timeout):
            return classify_error(None, "timeout", None, self._masked(_first_line(root)))
        if any(isinstance(cause, httpx.TransportError) for cause in chain):
            return lost(classify_error(None, "network", None, said))
        return None

    def _unread(
        self, error: Exception, chain: tuple[BaseException, ...], received: _Exchange
    ) -> Answer:
        """Return what became of a call that litellm could not send, or not read the answer to."""
        said = self._masked(_first_line(error))
        if any(isinstance(cause, _litellm().ImageFetchError) for cause in chain):
            said = f"{self.spec.model} takes no address of an image, and nobody else may fetch it"
            return classify_error(None, "invalid_image_url", None, said)
        status = getattr(error, "status_code", None)
        if received.other and (unreadable := _unreadable_body(chain)) is not None:
            return self._read(_OK, unreadable)
        is_untranslated = isinstance(chain[-1], _OF_THE_REQUEST) and (status or _SERVER) >= _SERVER
        if is_untranslated and not received.other:
            said = f"{self.spec.model}: litellm cannot translate the request: {said}"
            return classify_error(None, "invalid_request_error", None, said)
        answer = classify_error(status, None, type(error).__name__, said)
        return lost(answer) if received.other else answer

    def _read(self, status: int, raw: bytes) -> Answer:
        return read_answer(status, raw, self._secrets())

    def _masked(self, text: str) -> str:
        return mask(text, self._secrets())

    def _secrets(self) -> tuple[str, ...]:
        return (*own_secrets(self.spec, self._key()), *_secrets())

    def _annotated(self, answer: Answer, headers: Mapping[str, str]) -> Answer:
        return annotate(
            answer,
            secrets=self._secrets() if answer.detail else (),
            key_source=key_source(self._key_env()),
            retry_after=retry_after_s(headers, time.time()),
        )

    def _key(self) -> str | None:
        name = self.spec.api_key_env
        return os.environ.get(name) if name else None

    def _key_env(self) -> str | None:
        """Return the variable that the key comes from, as far as we know it."""
        if self.spec.api_key_env or self.spec.api_base:
            return self.spec.api_key_env
        return f"{self._route().provider.upper()}_API_KEY"

    def _check_key(self, route: _Route) -> None:
        name = self.spec.api_key_env
        if name is not None:
            check_key(self.spec, name, os.environ.get(name))
            return
        if self.spec.api_base is not None or route.provider.startswith(_CLOUDS):
            return
        usual = self._key_env()
        if usual is not None and not os.environ.get(usual, "unset").strip():
            # Set and empty is how a build presents a secret that it does not have.
            raise missing_key(self.spec, [usual])
        found = _litellm().validate_environment(_spelled(self.spec))
        names = [key for key in found["missing_keys"] if key.endswith("_API_KEY")]
        if names and not found["keys_in_environment"]:
            raise missing_key(self.spec, names)

    def _check_redirect(self, route: _Route) -> None:
        if route.provider not in _PUBLIC:
            return
        for ending in ("_API_BASE", "_BASE_URL"):
            name = f"{route.provider.upper()}{ending}"
            if os.environ.get(name):
                raise ConfigError(
                    f"model {self.spec.name!r}: the environment variable {name} would send its "
                    "prompts elsewhere; unset it, or write that address as `api_base`"
                )


def _check_version() -> None:
    """Refuse versions of litellm that steal credentials, without importing them.

    Raises:
        ConfigError: such a version, or none.
    """
    try:
        found = version("litellm")
    except PackageNotFoundError as error:
        raise ConfigError("litellm is not installed: pip install 'litellm>=1.83,<2'") from error
    if found in _STOLE_CREDENTIALS:
        raise ConfigError(
            f"litellm {found} steals credentials (PYSEC-2026-2): uninstall it, change every key "
            "that was in its environment, and install 1.83.0 or later"
        )


def load() -> Any:  # noqa: ANN401 - the module, which is untyped
    """Import litellm, settled as it is for single calls; for those that ask in batches.

    Raises:
        ConfigError: a version of litellm that must not run, or none.
    """
    return _litellm()


@contextmanager
def _receiving(timeout: Any) -> Iterator[_Exchange]:  # noqa: ANN401 - httpx.Timeout
    """Collect what is received under status 200 in this context."""
    received = _Exchange(timeout=timeout)
    token = _EXCHANGE.set(received)
    try:
        yield received
    finally:
        _EXCHANGE.reset(token)


@cache
def _litellm() -> Any:  # noqa: ANN401 - the module, which is untyped
    """Import litellm and settle how it behaves."""
    _check_version()
    os.environ.update(_ENVIRONMENT)
    import litellm

    litellm.disable_hf_tokenizer_download = True
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.drop_params = False
    litellm.modify_params = False
    # Of answers that are not as OpenAI's; we read them ourselves.
    warnings.filterwarnings("ignore", message="Pydantic serializer warnings", category=UserWarning)
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    _keep_developer_messages()
    _keep_bodies()
    _send_once()
    _end_bodies()
    return litellm


def _keep_developer_messages() -> None:
    """Send OpenAI and Azure the role `developer`, which litellm would turn into `system`.

    Of all others it is taken away, as it must be: they have no such role.
    """
    from litellm.llms.base_llm.chat.transformation import BaseConfig

    base: Any = BaseConfig
    translate = base.translate_developer_role_to_system_role

    def kept(config: object, messages: list[Any]) -> Any:  # noqa: ANN401 - litellm's messages
        if type(config).__module__.startswith(_HAVE_DEVELOPERS):
            return messages
        return translate(config, messages=messages)

    base.translate_developer_role_to_system_role = kept


def _keep_bodies() -> None:
    """Note what OpenAI's client receives: litellm rewrites it, or takes it for a server's error."""
    try:
        from openai._legacy_response import LegacyAPIResponse  # noqa: PLC0415 - heavy
    except ImportError:  # of another version: litellm's own reading will do
        return
    raw: Any = LegacyAPIResponse
    parse = raw.parse

    def parsed(response: Any, **options: Any) -> Any:  # noqa: ANN401 - as OpenAI's client has it
        seen = _EXCHANGE.get()
        if seen is not None:
            seen.openai.append(response.http_response.content)
        return parse(response, **options)

    raw.parse = parsed


def _send_once() -> None:
    """Keep litellm's own client from sending again what broke off, and note what it receives."""
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

    handler: Any = AsyncHTTPHandler
    post = handler.post

    async def again(*_: object, **__: object) -> None:
        raise  # noqa: PLE0704 - what the first try ended with: this is called while it is handled

    async def posted(self: object, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - httpx's
        seen = _EXCHANGE.get()
        if seen is None:
            return await post(self, *args, **options)
        # litellm makes one number of it for most vendors, and that is the time to connect too.
        response = await post(self, *args, **options | {"timeout": seen.timeout})
        seen.other.append(_content(response))
        return response

    handler.single_connection_post_request = again
    handler.post = posted


def _end_bodies() -> None:
    """Break off a body that has no end."""
    import httpx  # noqa: PLC0415 - heavy
    from litellm.llms.custom_httpx.aiohttp_transport import AiohttpResponseStream

    stream: Any = AiohttpResponseStream
    read = stream.__aiter__

    async def bounded(self: object) -> AsyncIterator[bytes]:
        n = 0
        async for part in read(self):
            n += len(part)
            if n > MAX_BODY:
                message = f"the body is longer than {MAX_BODY:,} bytes"
                raise httpx.ReadError(message)
            yield part

    stream.__aiter__ = bounded


@cache
def _controls() -> frozenset[str]:
    """Return the arguments by which litellm itself is controlled."""
    from litellm.types.utils import all_litellm_params

    arguments = inspect.signature(_litellm().acompletion).parameters
    return frozenset({*all_litellm_params, *arguments}) - _CHAT_PARAMS


def _find_route(spec: ModelSpec) -> _Route:
    litellm = _litellm()
    try:
        model, provider, _, _ = litellm.get_llm_provider(_spelled(spec))
    except litellm.BadRequestError as error:
        raise ConfigError(
            f"model {spec.name!r}: litellm knows no provider for {spec.model!r}; "
            "write it as PROVIDER/MODEL, e.g. openai/gpt-4o-mini"
        ) from error
    supported = litellm.get_supported_openai_params(model, provider) or ()
    compatible = {"openai", "azure", *litellm.openai_compatible_providers}
    if provider in compatible:
        import openai.resources  # noqa: F401, PLC0415 - a second that would count as latency
    return _Route(
        model=model,
        provider=provider,
        supported=frozenset(supported) & _CHAT_PARAMS,
        takes_extras=provider in compatible,
    )


def _spelled(spec: ModelSpec) -> str:
    """Return the model id for litellm: one without a provider, at an own endpoint, is OpenAI's."""
    is_bare = spec.api_base is not None and "/" not in spec.model
    return f"openai/{spec.model}" if is_bare else spec.model


def _own_params(spec: ModelSpec) -> frozenset[str]:
    """Return the parameters that the configuration sets."""
    return frozenset(spec.params) - {"drop"}


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from, outermost first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _is_unconnected(chain: tuple[BaseException, ...]) -> bool:
    """Whether a call failed before there was a connection, so that nothing was sent."""
    import aiohttp  # noqa: PLC0415 - heavy
    import httpx  # noqa: PLC0415 - heavy

    before = (
        aiohttp.ClientConnectorError,
        aiohttp.ClientHttpProxyError,
        aiohttp.ConnectionTimeoutError,
        httpx.ConnectTimeout,
        httpx.PoolTimeout,
        httpx.ProxyError,
        httpx.UnsupportedProtocol,
    )
    if any(isinstance(cause, before) for cause in chain):
        return True
    # litellm says `ConnectError` of every error that aiohttp has of a socket.
    return any(isinstance(cause, httpx.ConnectError) for cause in chain) and not any(
        isinstance(cause, aiohttp.ClientError) for cause in chain
    )


def _content(received: Any) -> bytes:  # noqa: ANN401 - httpx.Response, imported late
    import httpx  # noqa: PLC0415 - heavy

    try:
        content: bytes = received.content
    except httpx.ResponseNotRead:
        return b""
    return content


def _unreadable_body(chain: tuple[BaseException, ...]) -> bytes | None:
    """Return the body under status 200 that litellm could not read, None where that is not it."""
    for cause in chain:
        if isinstance(cause, json.JSONDecodeError):
            return cause.doc.encode("utf-8", "replace")
        if type(cause) is Exception and hasattr(cause, "message"):
            status = getattr(cause, "status_code", None)
            code = None if status == _INVENTED_STATUS else status
            return json.dumps({"error": {"message": str(cause.message), "code": code}}).encode()
        quoted = re.search(r"Empty or invalid response.*? Received: (.*)\. Check the", str(cause))
        if quoted is not None:
            return _unquoted(quoted[1])
        if "Invalid response object" in str(cause):
            return _first_line(chain[-1]).encode("utf-8", "replace")
    return None


def _unquoted(text: str) -> bytes:
    """Return a value that litellm wrote with `repr` as the body it was."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError):
        value = text
    return (value if isinstance(value, str) else json.dumps(value, default=str)).encode()


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _secrets() -> tuple[str, ...]:
    """Return every key in the environment: any of them may be echoed by an endpoint."""
    endings = ("KEY", "_TOKEN", "_SECRET", "_PASSWORD", "_CREDENTIAL", "_CREDENTIALS")
    return tuple(value for name, value in os.environ.items() if value and name.endswith(endings))

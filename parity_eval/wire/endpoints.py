"""Where a model is, and what to say when it is not there. Providers do the asking."""

from urllib.parse import unquote, urlsplit

from parity_eval.errors import ConfigError, IncompleteError
from parity_eval.records import JsonObject, ModelSpec
from parity_eval.wire.answers import OURS
from parity_eval.wire.errors import ASKED_FOR

_PORTS = {"http": 80, "https": 443}
_FIXED = frozenset({"tools", "functions"})
"""What a model's own parameters must not replace, for the answers would be of other tools."""


def address(spec: ModelSpec) -> tuple[str, int]:
    """Return host and port of a model's `api_base`.

    Raises:
        ConfigError: not an http(s) address. The address is not repeated: it may hold a password.

    Example:
        >>> from parity_eval.records import ModelName
        >>> address(ModelSpec(name=ModelName("m"), model="m", api_base="http://localhost/v1"))
        ('localhost', 80)
    """
    try:
        parts = urlsplit(spec.api_base or "")
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in _PORTS or not host:
        raise ConfigError(
            f"model {spec.name!r}: `api_base` is not an address such as http://localhost:8000/v1"
        )
    return host, port or _PORTS[parts.scheme]


def unreachable(spec: ModelSpec, reason: OSError) -> IncompleteError:
    """Return the error for an endpoint that nobody answers at."""
    host, port = address(spec)
    return IncompleteError(
        f"model {spec.name!r}: nothing answers at {host}:{port} ({reason.strerror or reason}); "
        "start the server, or correct `api_base`, then run the same command again"
    )


def missing_key(spec: ModelSpec, names: list[str]) -> ConfigError:
    """Return the error for an API key that is not in the environment."""
    return ConfigError(
        f"model {spec.name!r}: no API key; set the environment variable {' or '.join(names)}"
    )


def check_key(spec: ModelSpec, name: str, key: str | None) -> None:
    """Refuse a key that cannot be sent.

    Args:
        spec: The model.
        name: Environment variable that holds the key.
        key: What it holds.

    Raises:
        ConfigError: none, one with a character that no key has, or one beside a password.
    """
    if not key:
        raise missing_key(spec, [name])
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(
            f"model {spec.name!r}: the key in {name} holds a character that no key has, such as a "
            "line break; set the variable again"
        )
    if spec.api_base is None:
        return
    address(spec)
    if urlsplit(spec.api_base).username is not None:
        raise ConfigError(
            f"model {spec.name!r}: `api_base` names a user, and {name} holds a key; only one of "
            "them can be sent"
        )


def own_secrets(spec: ModelSpec, key: str | None) -> tuple[str, ...]:
    """Return what nobody may see of how a model is reached: its key, and a password."""
    password = urlsplit(spec.api_base or "").password
    return tuple(filter(None, (key, password, unquote(password or ""))))


def key_source(name: str | None) -> str:
    """Say where an API key came from, for the message that it was refused."""
    return f"key read from {name}" if name else "no key sent: `api_key_env` names none"


def check_params(spec: ModelSpec) -> None:
    """Refuse parameters that a model cannot have.

    Raises:
        ConfigError: what `param_problems` finds.
    """
    for name, text in param_problems(spec.params):
        raise ConfigError(f"model {spec.name!r}: params.{name} {text}")


def param_problems(params: JsonObject) -> list[tuple[str, str]]:
    """Return the parameters that a model cannot have, and what is wrong with each.

    Args:
        params: Parameters that replace those of the logged request, and `drop`.
    """
    drop = params.get("drop", [])
    if not isinstance(drop, list) or not all(isinstance(name, str) for name in drop):
        return [("drop", "must be a list of parameter names, e.g. [seed]")]
    whole = "without it the request would be another one; a candidate that cannot take it fails it"
    return [
        *(("drop", f"names {name!r}: {whole}") for name in drop if name in ASKED_FOR),
        *((name, "cannot be set; leave it out") for name in sorted((OURS | _FIXED) & set(params))),
        *(
            (name, f"is null; to send requests without it, name it: drop: [{name}]")
            for name in sorted(params.keys() - OURS - _FIXED - {"drop"})
            if params[name] is None
        ),
    ]

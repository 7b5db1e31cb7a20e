"""What an error is: an answer that the model gave, or one that could not be had."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import TypeAlias

from parity_eval.records import Answer, Finish, Hole, JsonValue, Missing, Response
from parity_eval.wire.rates import exhausted_s
from parity_eval.wire.text import dumps, mask, shorten

Kind: TypeAlias = Finish | Hole
"""A `Finish` counts as an answer, a `Hole` is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFields:
    """What an error body says."""

    code: str | None
    """The error's own code, as the vendor spells it."""
    type_: str | None
    """The error's type."""
    message: str
    """The vendor's words."""
    param: str | None = None
    """The part of the request that it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """A reason for which calls fail, and how to recognise it."""

    kind: Kind
    names: frozenset[str] = frozenset()
    """Error codes and types, in lower case."""
    words: re.Pattern[str] | None = None
    """Words of the message. Not believed from status 500 on: broken servers echo requests."""
    needs_both: bool = False


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


# Names and words of OpenAI, Azure, Anthropic, Google, Mistral, Groq, OpenRouter, DeepSeek,
# DashScope, vLLM and Ollama. The first rule that fits wins.
_SPECIFIC = (
    _Rule(
        kind=Finish.LENGTH,
        words=_words(r"could not finish the message because max_tokens or model output limit"),
    ),
    # Google's limits per minute and per day share one message; only the quota id differs.
    _Rule(
        kind=Hole.QUOTA,
        names=_names("resource_exhausted"),
        words=_words(r"per_?day"),
        needs_both=True,
    ),
    _Rule(kind=Hole.RATE_LIMIT, names=_names("resource_exhausted")),
    _Rule(
        kind=Hole.QUOTA,
        names=_names(
            "insufficient_quota billing_hard_limit_reached billing_not_active"
            " insufficient_balance insufficient_credits arrearage"
        ),
        words=_words(
            r"credit balance is too low|insufficient (balance|credits?|funds)"
            r"|reached your specified api usage limits|billing (hard )?limit"
            r"|exceeded your current (usage )?quota|check your plan and billing"
        ),
    ),
    _Rule(
        kind=Hole.UNREPLAYABLE,
        names=_names("invalid_image_url imagefetcherror"),
        words=_words(
            r"(error|timeout|failed|failure|unable|could not|cannot)\b.{0,20}"
            r"\b(download|fetch|retriev)\w*.{0,40}(image|file|media|url|https?:)"
            r"|image url download is disabled"
        ),
    ),
    _Rule(
        kind=Finish.REFUSED,
        names=_names(
            "content_filter content_policy_violation responsibleaipolicyviolation"
            " moderation_blocked invalid_prompt data_inspection_failed datainspectionfailed"
        ),
        words=_words(
            r"content management policy|content filtering policy|content exists risk"
            r"|violat\w+ (of )?our usage polic|safety system|requires moderation"
            r"|finish_?reason\W{1,5}(safety|recitation|prohibited_content|blocklist|spii)"
            r"|block_?reason\W{1,5}[a-z]"
        ),
    ),
    _Rule(
        kind=Finish.REJECTED,
        names=_names(
            "context_length_exceeded string_above_max_length request_too_large"
            " unsupported_parameter unsupported_value unknown_parameter unrecognized_parameter"
            " tool_use_failed json_validate_failed"
        ),
        words=_words(
            r"maximum context length|prompt is too long|input token count|context limit"
            r"|exceeds? the (model's |available )?context|maximum number of tokens"
            r"|unsupported (parameter|value)|does not support|no endpoints found that support"
            r"|invalid json payload received|extra inputs are not permitted"
            r"|unrecognized (request )?(argument|parameter)|unknown parameter"
        ),
    ),
    _Rule(
        kind=Hole.UNKNOWN_MODEL,
        names=_names(
            "model_not_found invalid_model model_decommissioned deploymentnotfound"
            " not_found_error notfounderror not_found"
        ),
        words=_words(
            r"\bmodel\b.{0,100}(does not exist|not found|decommissioned)"
            r"|not a valid model|invalid model (name|id)|unknown model|no endpoints found"
        ),
    ),
    _Rule(
        kind=Hole.AUTH,
        names=_names(
            "invalid_api_key authentication_error permission_error permission_denied"
            " unauthenticated account_deactivated unsupported_country_region_territory"
        ),
        words=_words(
            r"api key not valid|(incorrect|invalid|no|missing) (x-)?api[ -]key"
            r"|location is not supported"
        ),
    ),
)
_GENERAL = (
    _Rule(
        kind=Hole.RATE_LIMIT,
        names=_names(
            "rate_limit_exceeded rate_limit_error ratelimitreached too_many_requests"
            " throttlingexception"
        ),
        words=_words(r"rate[ _-]?limit|too many requests|service tier capacity exceeded"),
    ),
    _Rule(
        kind=Hole.TIMEOUT,
        names=_names("timeout timeout_error request_timeout deadline_exceeded"),
        words=_words(r"\btimed? ?out\b"),
    ),
    _Rule(
        kind=Hole.SERVER,
        names=_names(
            "overloaded_error engine_overloaded server_error internal_server_error"
            " internalservererror api_error internal unavailable serviceunavailableexception"
        ),
        words=_words(r"internal (server )?error|overloaded|temporarily unavailable"),
    ),
    _Rule(
        kind=Hole.NETWORK,
        names=_names("network"),
        words=_words(
            r"connection (error|reset|refused|aborted|closed)|(server|peer) (disconnected|closed)"
        ),
    ),
    _Rule(
        kind=Finish.REJECTED,
        names=_names("invalid_request_error badrequesterror invalid_argument"),
    ),
)
_BY_STATUS: Mapping[int, Kind] = {
    **dict.fromkeys((401, 403), Hole.AUTH),
    402: Hole.QUOTA,
    **dict.fromkeys((404, 405, 410), Hole.UNKNOWN_MODEL),
    **dict.fromkeys((408, 504, 524), Hole.TIMEOUT),
    429: Hole.RATE_LIMIT,
    **dict.fromkeys((446, 451), Finish.REFUSED),
    **dict.fromkeys((400, 413, 414, 415, 422, 431), Finish.REJECTED),
}
ASKED_FOR = frozenset({"messages", "tools", "functions", "response_format", "model"})
"""Parts of a request without which it would be another one."""
_PARAMETER_NAMES = _names(
    "unsupported_parameter unsupported_value unknown_parameter unrecognized_parameter"
)
_PARAMETER = _words(
    r"unsupported (?:parameter|value)|unrecognized (?:request )?(?:argument|parameter)"
    r"|unknown (?:parameter|name)|extra inputs are not permitted"
)
"""What says that an endpoint does not know, or not take, a parameter."""
_PARAMETER_NAMED = _words(
    r"(?:unsupported (?:parameter|value)|unrecognized (?:request )?(?:argument|parameter)"
    r"s?(?: supplied)?|unknown (?:parameter|name)):? [\"'`]?(\w+)"
    r"|\"loc\": \[\"body\", \"(\w+)\"\]"
)
_NO_NAME = "NAME"
_REMEDY = re.compile(r"params: \{drop: \[([\w, ]+)\]\}\)$")
_FORBIDDEN = 403
_SERVER_ERROR = 500
_ECHOING = frozenset({400, 413, 422})
_ECHO = re.compile(
    r"(?<!\w)'[^'\n]*'(?!\w)|\"input(_value)?\": ?(\"(?:[^\"\\]|\\.)*\"|[\[{].*)", re.DOTALL
)
"""What an endpoint repeats of the request that it will not take."""
_BY_THEIR_OPENING = frozenset({Hole.QUOTA, Hole.AUTH, Hole.UNREPLAYABLE})
"""What a message says of at its beginning only: further on it repeats the request."""
_OPENS = re.compile(r"\W*(\w+ ){0,6}")
"""What may stand before the words that tell it."""


def classify_error(
    status: int | None, code: str | None, type_: str | None, message: str, param: str | None = None
) -> Response | Missing:
    """Say what an error is: an answer that the model gave, or one that could not be had.

    What the request itself causes (a content filter, a context that is too long, a part that the
    endpoint does not take) is a response, and counts. Everything else is missing.

    Args:
        status: HTTP status; None where there was none.
        code: The error's own code, as the vendor spells it.
        type_: The error's type.
        message: What the vendor said; may hold JSON.
        param: The part of the request that the error is about; several parameters apart by commas.

    Returns:
        The response or the hole, with the vendor's words in `detail`.

    Example:
        >>> classify_error(429, "insufficient_quota", None, "You exceeded your quota").hole
        <Hole.QUOTA: 'quota'>
    """
    fields = ErrorFields(code=code, type_=type_, message=message, param=param)
    return as_answer(recognise(status, fields) or Hole.SERVER, status, fields)


def recognise(status: int | None, fields: ErrorFields) -> Kind | None:
    """Return what an error is, None where neither its words nor its status are known.

    The specific names and words of vendors come first, then the status (a code that is a number
    stands in for one that is not there), then general names and words.
    """
    if status is None and fields.code is not None and re.fullmatch(r"[1-5]\d\d", fields.code):
        status = int(fields.code)
    return (
        _match(_SPECIFIC, status, fields)
        or _by_status(status, fields.message)
        or _match(_GENERAL, status, fields)
    )


def as_answer(kind: Kind, status: int | None, fields: ErrorFields) -> Response | Missing:
    """Build the record of an error, with its status, name and words in `detail`."""
    name = fields.code or fields.type_
    head = " ".join(filter(None, [f"HTTP {status}" if status else "", name]))
    detail = shorten(": ".join(filter(None, [head, fields.message.strip() or "(no message)"])))
    if isinstance(kind, Hole):
        return Missing(hole=kind, detail=detail)
    if kind is Finish.REJECTED:
        detail += _remedy(fields)
    return Response(text="", finish=kind, detail=detail)


def lost(answer: Response | Missing) -> Response | Missing:
    """Say of an answer that could not be had that it may have been generated."""
    return replace(answer, may_be_billed=True) if isinstance(answer, Missing) else answer


def refused_parameters(answer: Answer) -> str | None:
    """Return the parameters for which an endpoint rejected a request, as `drop` would list them.

    Args:
        answer: Any answer.

    Returns:
        None where it was rejected for another reason or not at all, and where it cannot be told
        which parameters it was.

    Example:
        >>> refused_parameters(classify_error(400, None, None, "Unsupported parameter: 'seed'"))
        'seed'
    """
    if not isinstance(answer, Response) or answer.finish is not Finish.REJECTED:
        return None
    found = _REMEDY.search(answer.detail or "")
    return found[1] if found is not None and found[1] != _NO_NAME else None


def annotate(
    answer: Answer, *, secrets: Iterable[str], key_source: str, retry_after: float | None
) -> Answer:
    """Add to an answer what its reader needs, and take out what nobody may see.

    Args:
        answer: Any answer.
        secrets: API keys, which an endpoint may have echoed.
        key_source: Where the key came from; said where it was refused.
        retry_after: Seconds that the endpoint asked us to wait.
    """
    detail = answer.detail
    if detail:
        detail = mask(detail, secrets)
    if isinstance(answer, Response):
        return answer if detail == answer.detail else replace(answer, detail=detail)
    if answer.hole is Hole.AUTH:
        detail = f"{detail} ({key_source})"
    return replace(answer, detail=detail or "", retry_after_s=retry_after)


def retry_after_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """Return how many seconds an endpoint asks us to wait.

    Args:
        headers: Response headers; names in any case.
        now_s: Current time, in seconds since 1970, to read a date against.

    Returns:
        Seconds, at least 0; None where the headers do not say.

    Example:
        >>> retry_after_s({"Retry-After": "7"}, now_s=0.0)
        7.0
    """
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        if re.fullmatch(r"\d{1,9}(\.\d*)?", lower.get(name, "")):
            return float(lower[name]) * unit_s
    try:
        return max(0.0, parsedate_to_datetime(lower["retry-after"]).timestamp() - now_s)
    except (KeyError, ValueError, OverflowError):  # such as a zone that no calendar has
        return exhausted_s(lower, now_s)


def how_to_drop(listed: str) -> str:
    """Say how parameters are left out, as `refused_parameters` finds it again.

    Args:
        listed: Names of parameters, apart by commas.
    """
    what = "a parameter" if listed == _NO_NAME else "it" if "," not in listed else "them"
    return f" (to leave {what} out: params: {{drop: [{listed}]}})"


def error_object(body: JsonValue) -> Mapping[str, JsonValue] | None:
    """Find the error in a body: OpenAI's form, Google's, vLLM's, FastAPI's, or plain text."""
    if isinstance(body, list) and body:
        body = body[0]
    if not isinstance(body, dict):
        return None
    choices = body.get("choices")
    if isinstance(choices, list) and choices:  # a gateway may lose a single choice half-way
        error = choices[0].get("error") if isinstance(choices[0], dict) else None
        return error if isinstance(error, dict) else None
    error = body.get("error")
    if isinstance(error, dict):
        return error
    if isinstance(error, str) and error:
        return {"message": error}
    if isinstance(body.get("message"), str):
        return body
    detail = body.get("detail")
    return {"message": detail if isinstance(detail, str) else dumps(detail)} if detail else None


def error_fields(error: Mapping[str, JsonValue]) -> ErrorFields:
    """Read code, type and message of an error object, wherever its vendor puts them."""
    inner = error.get("innererror")
    codes = (error.get("code"), inner.get("code") if isinstance(inner, dict) else None)
    types = (error.get("type"), error.get("status"))
    message = error.get("message")
    text = message if isinstance(message, str) else "" if message is None else dumps(message)
    details = error.get("details")
    if isinstance(details, list):
        found = re.findall(r'"(?:reason|quotaId)": "(\w[\w-]*)', dumps(details))
        text = " ".join([text, *(f"[{word}]" for word in found)])
    return ErrorFields(
        code=next((str(c) for c in codes if isinstance(c, str | int) and c), None),
        type_=next((t for t in types if isinstance(t, str) and t), None),
        message=text,
        param=param if isinstance(param := error.get("param"), str) and param else None,
    )


def _remedy(fields: ErrorFields) -> str:
    """Say how to leave a parameter out, where that is what a request was rejected for."""
    names = {name.lower() for name in (fields.code, fields.type_) if name}
    if _PARAMETER_NAMES.isdisjoint(names) and not _PARAMETER.search(fields.message):
        return ""
    found = _PARAMETER_NAMED.search(fields.message)
    said = next(filter(None, found.groups()), None) if found else None
    # Of `tools[0].strict` the part that could be left out is `tools`.
    named = re.match(r"\w+(, \w+)*", fields.param or said or _NO_NAME)
    listed = named[0] if named else _NO_NAME
    return "" if not ASKED_FOR.isdisjoint(listed.split(", ")) else how_to_drop(listed)


def _match(rules: tuple[_Rule, ...], status: int | None, fields: ErrorFields) -> Kind | None:
    names = {name.lower() for name in (fields.code, fields.type_) if name}
    is_readable = status is None or status < _SERVER_ERROR
    said = _ECHO.sub("", fields.message) if status in _ECHOING else fields.message
    for rule in rules:
        named = not rule.names.isdisjoint(names)
        found = rule.words.search(said) if is_readable and rule.words is not None else None
        worded = found is not None and (
            status not in _ECHOING
            or rule.kind not in _BY_THEIR_OPENING
            or _OPENS.fullmatch(said[: found.start()]) is not None
        )
        if (named and worded) if rule.needs_both else (named or worded):
            return rule.kind
    return None


def _by_status(status: int | None, message: str) -> Kind | None:
    if status is None:
        return None
    kind = _BY_STATUS.get(status, Hole.SERVER)
    is_page = message.lstrip().startswith("<")
    if is_page and (kind is Finish.REJECTED or status == _FORBIDDEN):
        return Hole.SERVER  # a proxy's own page: the request never got to the model
    return kind

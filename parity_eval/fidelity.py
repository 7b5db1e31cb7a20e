"""What a candidate cannot take of a request, known before anything is sent.

A request that lacks what it needs is failed at no cost. Only what is certain counts: of what
nobody knows, the endpoint tells by itself, and a request that it rejects is not billed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache

from parity_eval import codec
from parity_eval.records import (
    Answer,
    Call,
    Capabilities,
    Finish,
    Hole,
    JsonObject,
    JsonValue,
    Missing,
    ModelName,
    ModelSpec,
    Request,
    Response,
    TaskName,
)
from parity_eval.wire import has_user_text, how_to_drop, refused_parameters, request_body

_CHARACTERS_PER_TOKEN = 8
"""Above what any tokenizer makes of prose, code or tables once runs of one character are taken out:
English comes to 4 or 5, long German words to 6."""
_RUN = re.compile(r"(.)\1+", re.DOTALL)
_IMAGES = frozenset({"image", "image_url", "input_image"})
_SOUNDS = frozenset({"audio", "audio_url", "input_audio"})
_DOCUMENTS = frozenset({"document", "file", "input_file"})
_IN_A_ROW = 5
_NOTHING_KNOWN = Capabilities()
_NO_JSON_MODE = "no JSON mode; capabilities: {json_mode: true} asks it all the same"
_NAMED = frozenset({"user", "assistant", "system", "developer"})
_VENDORS = frozenset({"anthropic", "gemini", "mistral"})
"""Whose own words litellm translates a request into, and leaves out what they have none for."""


def known(spec: ModelSpec) -> Capabilities:
    """Return what a model takes: what the configuration says, else what the price table says."""
    return _laid_over(spec.listed, spec.capabilities, _vendor(spec))


@lru_cache
def _laid_over(listed: Capabilities, configured: Capabilities, vendor: str | None) -> Capabilities:
    if vendor == "anthropic":
        listed = replace(listed, json_mode=False)
    said = {
        field.name: value
        for field in fields(Capabilities)
        if (value := getattr(configured, field.name)) is not None
    }
    return replace(listed, **said)


def lacks(request: Request, spec: ModelSpec) -> tuple[str, ...]:
    """Name what a request needs and a model is known not to take.

    Args:
        request: As logged.
        spec: The model; its parameters and its prompt are laid over the request first. A recorded
            one has answered already.

    Returns:
        Empty where nothing is known to stand in the way.
    """
    can = known(spec)
    if spec.is_recorded or (can == _NOTHING_KNOWN and spec.prompt is None):
        return ()
    body = request_body(request.body, spec)
    found = [what for what in _needs(body, can) if what]
    unwanted = _unwanted(body, can)
    if unwanted:
        # With the remedy: these are for the configuration to leave out.
        found.append(f"takes no {unwanted}{how_to_drop(unwanted)}")
    if spec.prompt is not None and spec.prompt.template and not has_user_text(body.get("messages")):
        found.append("no text of a user for its template")
    return tuple(found)


def refusal(call: Call) -> Response | None:
    """Return the answer to a call that need not be sent; None where it must be.

    The candidate fails the request, as it would if its endpoint rejected it, but at no cost.
    """
    found = lacks(call.request, call.spec)
    if not found:
        return None
    detail = f"not sent to {call.spec.name}: {'; '.join(found)}"
    return Response(text="", finish=Finish.REJECTED, detail=detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """The requests of a task that a candidate cannot take."""

    candidate: ModelName
    task: TaskName
    n: int
    n_requests: int
    reasons: Mapping[str, int]
    """Requests by what they lack, the commonest first."""
    is_listed: bool
    """Whether the price table alone says so of some."""

    def __str__(self) -> str:
        why = ", ".join(
            reason if n == self.n else f"{reason}: {n:,}" for reason, n in self.reasons.items()
        )
        source = ""
        if self.is_listed:
            source = " (litellm's table says so; the candidate's `capabilities` override it)"
        return (
            f"candidate {self.candidate!r} cannot take {self.n:,} of {self.n_requests:,} requests "
            f"of task {self.task!r} ({why}); they count against it, at no cost{source}"
        )


def shortfall(spec: ModelSpec, task: TaskName, requests: Sequence[Request]) -> Shortfall | None:
    """Count the requests of a task that a candidate cannot take.

    Args:
        spec: The candidate.
        task: The task.
        requests: Its requests.

    Returns:
        None where there are none.
    """
    counts: dict[str, int] = {}
    n = 0
    is_listed = False
    unlisted = replace(spec, listed=_NOTHING_KNOWN)
    for request in requests:
        found = lacks(request, spec)
        n += bool(found)
        is_listed = is_listed or (bool(found) and found != lacks(request, unlisted))
        for what in found:
            # A request's own number of tokens would make a reason of its own of each.
            reason = what.split(" (at least")[0]
            counts[reason] = counts.get(reason, 0) + 1
    if not n:
        return None
    ordered = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    return Shortfall(
        candidate=spec.name,
        task=task,
        n=n,
        n_requests=len(requests),
        reasons=ordered,
        is_listed=is_listed,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Omission:
    """Parts of a task's requests that a candidate is never sent."""

    candidate: ModelName
    task: TaskName
    n_requests: int
    parts: Mapping[str, int]
    """Requests by what they are asked without."""

    def __str__(self) -> str:
        told = ", ".join(f"{what}: {n:,}" for what, n in self.parts.items())
        return (
            f"candidate {self.candidate!r} is asked some of the {self.n_requests:,} requests of "
            f"task {self.task!r} without a part that its API has no word for ({told})"
        )


def omission(spec: ModelSpec, task: TaskName, requests: Sequence[Request]) -> Omission | None:
    """Count what is left out of a task's requests on the way to a candidate, without a word.

    Args:
        spec: The candidate.
        task: The task.
        requests: Its requests.

    Returns:
        None where nothing is.
    """
    vendor = _vendor(spec)
    if vendor is None:
        return None
    parts: dict[str, int] = {}
    for request in requests:
        for what in left_out(request_body(request.body, spec), vendor):
            parts[what] = parts.get(what, 0) + 1
    if not parts:
        return None
    return Omission(candidate=spec.name, task=task, n_requests=len(requests), parts=parts)


def left_out(body: JsonObject, vendor: str) -> tuple[str, ...]:
    """Name the parts of a body that litellm does not pass on to a vendor.

    Args:
        body: What is handed to litellm.
        vendor: `anthropic`, `gemini` or `mistral`.
    """
    tools = _list(body.get("tools"))
    functions = [tool.get("function") for tool in tools if isinstance(tool, dict)]
    is_strict = any(isinstance(f, dict) and f.get("strict") for f in functions)
    is_named = any(
        isinstance(message, dict) and message.get("name") and message.get("role") in _NAMED
        for message in _list(body.get("messages"))
    )
    is_gemini = vendor == "gemini"
    wanted = body.get("response_format")
    is_json = isinstance(wanted, dict) and wanted.get("type") == "json_object"
    found = {
        "`name` of messages": is_named,
        "`strict` of tools": is_strict and vendor in ("anthropic", "gemini"),
        "`response_format: json_object`": is_json and vendor == "anthropic",
        "`parallel_tool_calls: false`": is_gemini and body.get("parallel_tool_calls") is False,
        "`web_search_options`": is_gemini and bool(tools) and "web_search_options" in body,
        "`additionalProperties` of tools": is_gemini and "'additionalProperties'" in repr(tools),
    }
    return tuple(what for what, is_so in found.items() if is_so)


class Refusals:
    """Notices where an endpoint rejects call after call for one and the same parameter.

    That is no property of the prompts but a line that the configuration lacks, and every further
    call would be wasted.
    """

    def __init__(self) -> None:
        self._last: dict[ModelName, tuple[str, int]] = {}

    def hear(self, model: ModelName, answer: Answer) -> Missing | None:
        """Take in the next answer of a model.

        Returns:
            Why the model is to be left alone: the fifth rejection in a row, of answers that were
            had, for the same parameter.
        """
        if isinstance(answer, Missing):
            return None
        named = refused_parameters(answer)
        if named is None:
            self._last.pop(model, None)
            return None
        before, n = self._last.get(model, (named, 0))
        self._last[model] = (named, n + 1 if before == named else 1)
        if self._last[model][1] < _IN_A_ROW:
            return None
        return Missing(
            hole=Hole.UNSUPPORTED,
            detail=(
                f"{_IN_A_ROW} calls in a row failed for the same parameter: {answer.detail}. Add "
                "that to the candidate; with other parameters it is another one, to which every "
                "request is still fresh"
            ),
        )


@lru_cache
def _vendor_of(model: str) -> str | None:
    provider, slash, name = model.rpartition("/")
    known = (vendor for vendor in _VENDORS if provider.partition("/")[0] == vendor)
    if (vendor := next(known, None)) is not None:
        return vendor
    is_hosted = not slash or provider.startswith("vertex_ai")
    families = {"claude": "anthropic", "gemini": "gemini"}
    found = (vendor for family, vendor in families.items() if name.startswith(family))
    return next(found, None) if is_hosted else None


def _vendor(spec: ModelSpec) -> str | None:
    """Return the vendor whose words litellm puts requests to a model into; None: OpenAI's."""
    is_bare = "/" not in spec.model and spec.api_base is not None
    if spec.is_recorded or spec.transport == "direct" or is_bare:
        return None
    return _vendor_of(spec.model)


def _needs(body: JsonObject, can: Capabilities) -> Iterator[str | None]:
    messages = [m for m in _list(body.get("messages")) if isinstance(m, dict)]
    kinds = {
        part.get("type")
        for message in messages
        for part in _list(message.get("content"))
        if isinstance(part, dict)
    }
    has_tools = bool(body.get("tools") or body.get("functions")) or any(
        message.get("tool_calls") or message.get("role") in ("tool", "function")
        for message in messages
    )
    yield "no tool support" if can.tools is False and has_tools else None
    is_forced = body.get("tool_choice") not in (None, "auto", "none")
    yield "cannot be told which tool to call" if can.tool_choice is False and is_forced else None
    wanted = body.get("response_format")
    has_schema = isinstance(wanted, dict) and wanted.get("type") == "json_schema"
    yield "no JSON Schema for answers" if can.json_schema is False and has_schema else None
    is_json = isinstance(wanted, dict) and wanted.get("type") == "json_object"
    yield _NO_JSON_MODE if can.json_mode is False and is_json else None
    yield "takes no images" if can.vision is False and kinds & _IMAGES else None
    yield "takes no sound" if can.audio is False and kinds & _SOUNDS else None
    yield "takes no documents" if can.files is False and kinds & _DOCUMENTS else None
    yield _overflow(body, messages, can.context)


def _unwanted(body: JsonObject, can: Capabilities) -> str:
    """Name the parameters that a model is known to reject, apart by commas."""
    if can.sampling is not False:
        return ""
    names = [name for name in ("top_p", "top_k") if name in body]
    return ", ".join(["temperature"] * (body.get("temperature", 1) != 1) + names)


def _overflow(
    body: JsonObject, messages: Sequence[dict[str, JsonValue]], context: int | None
) -> str | None:
    """Say that a request is certainly longer than a model's context; pictures count nothing."""
    if context is None:
        return None
    texts = [text for message in messages for text in _texts(message)]
    tools = body.get("tools")
    if tools:
        texts.append(codec.encode(tools).decode())
    if sum(map(len, texts)) <= context * _CHARACTERS_PER_TOKEN:
        return None
    n_least = sum(len(_RUN.sub(r"\1", text)) for text in texts) // _CHARACTERS_PER_TOKEN
    if n_least <= context:
        return None
    return f"longer than its context of {context:,} tokens (at least {n_least:,})"


def _texts(message: Mapping[str, JsonValue]) -> Iterator[str]:
    content = message.get("content")
    if isinstance(content, str):
        yield content
    for part in _list(content):
        if isinstance(part, dict) and isinstance(text := part.get("text"), str):
            yield text
    for call in _list(message.get("tool_calls")):
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(text := function.get("arguments"), str):
            yield text


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []

"""JSON Schema check of a candidate's answer, by a configured schema or the request's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from parity_eval.answers import (
    Document,
    NotJson,
    clipped,
    looks_like_json,
    parse_arguments,
    parse_json,
    settled,
    without_fence,
)
from parity_eval.errors import ConfigError
from parity_eval.records import (
    JsonObject,
    JsonValue,
    Pair,
    Request,
    Response,
    Score,
    ToolCall,
    Unscored,
)
from parity_eval.validation import Fits, Undecided, Violates, check_document, check_schema

__all__ = ["Schema", "check_schema"]

Strictness = Literal["fenced", "strict"]

_ANY_OBJECT: JsonObject = {"type": "object"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """Passes a candidate's answer that meets the schema which applies to it.

    - Tool calls: each calls a tool that the request offers, with arguments that meet the tool's
      `parameters`. No call passes only where the baseline makes none either.
    - Text: the configured schema, else that of the request's `response_format`; where there is
      neither and the baseline answers in JSON, the candidate must answer in JSON too.
    - Where no schema applies, or the schema is itself broken, the pair is `Unscored`.
    """

    schema: JsonObject | bool | str | None = None
    """The schema, or its JSON text; None: that of the request."""
    strictness: Strictness = "fenced"
    """`fenced` strips one code fence around the whole answer, `strict` takes the text as it is."""
    name: str = "schema"
    cost: int = 0

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.strictness not in get_args(Strictness):
            raise ConfigError(
                f"schema.strictness == {self.strictness!r}, must be 'fenced' or 'strict'"
            )
        if self.schema is not None and not isinstance(self.schema, (Mapping, bool, str)):
            raise ConfigError(f"schema.schema == {self.schema!r}, must be a JSON Schema")

    def check(self) -> None:
        """Refuse a configured schema that is not a schema.

        Raises:
            InputError: Says where and why.
        """
        if self.schema is not None:
            check_schema(_value(self.schema), "the configured schema")

    def questions(self, pair: Pair) -> tuple[Request, ...]:  # noqa: ARG002 - asks nobody
        """Return nothing: this scorer needs no judge."""
        return ()

    def score(self, pair: Pair, answers: tuple[Response, ...]) -> Score | Unscored:  # noqa: ARG002
        """Check the candidate's answer."""
        found = settled(pair)
        if found is not None:
            return self._scored(found.reason, passed=found.is_same)
        if pair.candidate.tool_calls:
            return self._calls(pair)
        if self.schema is not None:
            return self._text(pair.candidate.text, _value(self.schema), "the configured schema")
        body = pair.request.body
        asked = _response_schema(body)
        if asked is not None:
            return self._text(pair.candidate.text, asked, "the request's response_format")
        if _tools(body):
            return self._no_call(pair)
        return self._like_baseline(pair)

    def _calls(self, pair: Pair) -> Score | Unscored:
        tools = _tools(pair.request.body)
        if not tools:
            if pair.baseline.tool_calls:
                return self._unscored("the request, as logged, offers no tools to check calls by")
            return self._scored("calls a tool, the request offers none", passed=False)
        for call in pair.candidate.tool_calls:
            failure = self._call(call, tools)
            if failure is not None:
                return failure
        names = ", ".join(call.name for call in pair.candidate.tool_calls)
        return self._scored(f"calls {clipped(names, 80)} as the tools allow", passed=True)

    def _call(self, call: ToolCall, tools: Mapping[str, JsonObject]) -> Score | Unscored | None:
        """Return what is wrong with a call; None where it is well."""
        name = clipped(call.name, 40)
        tool = tools.get(call.name)
        if tool is None:
            known = clipped(", ".join(sorted(tools)), 80)
            return self._scored(f"calls {name}; the request offers {known}", passed=False)
        arguments = parse_arguments(call)
        if isinstance(arguments, NotJson):
            return self._scored(f"{name}: arguments are not JSON: {arguments.reason}", passed=False)
        if not isinstance(arguments.value, dict):
            return self._scored(f"{name}: arguments are not a JSON object", passed=False)
        match check_document(_parameters(tool), arguments.value):
            case Fits():
                return None
            case Violates(reason):
                return self._scored(f"{name}: {reason}", passed=False)
            case Undecided(reason):
                return self._unscored(f"the parameters of {name}: {reason}")

    def _text(self, text: str, schema: JsonValue, what: str) -> Score | Unscored:
        inner, was_fenced = without_fence(text) if self.strictness == "fenced" else (text, False)
        note = "; a code fence was stripped" if was_fenced else ""
        parsed = parse_json(inner)
        if isinstance(parsed, NotJson):
            return self._scored(f"not JSON: {parsed.reason}{note}", passed=False)
        match check_document(schema, parsed.value):
            case Fits():
                return self._scored(f"fits {what}{note}", passed=True)
            case Violates(reason):
                return self._scored(f"{reason}{note}", passed=False)
            case Undecided(reason):
                return self._unscored(f"{what}: {reason}")

    def _no_call(self, pair: Pair) -> Score:
        if pair.baseline.tool_calls:
            name = clipped(pair.baseline.tool_calls[0].name, 40)
            return self._scored(f"no tool call, the baseline calls {name}", passed=False)
        return self._scored("no tool call, as the baseline makes none", passed=True)

    def _like_baseline(self, pair: Pair) -> Score | Unscored:
        """Without a schema, hold the candidate to the kind of document that the baseline gives."""
        inner, _ = without_fence(pair.baseline.text)
        baseline = parse_json(inner) if looks_like_json(inner) else None
        if not isinstance(baseline, Document):
            return self._unscored("no schema: neither the configuration nor the request has one")
        is_object = isinstance(baseline.value, dict)
        wanted: JsonValue = {"type": "object" if is_object else "array"}
        return self._text(pair.candidate.text, wanted, "JSON as the baseline's; no schema is known")

    def _scored(self, reason: str, *, passed: bool) -> Score:
        return Score(scorer=self.name, value=float(passed), passed=passed, reason=reason)

    def _unscored(self, reason: str) -> Unscored:
        return Unscored(scorer=self.name, reason=reason)


def _value(schema: JsonObject | bool | str) -> JsonValue:  # noqa: FBT001 - a schema may be a bool
    if not isinstance(schema, str):
        return schema if isinstance(schema, bool) else dict(schema)
    parsed = parse_json(schema)
    # What is not JSON is no schema either, and is reported as such when it is used as one.
    return parsed.value if isinstance(parsed, Document) else schema


def _response_schema(body: JsonObject) -> JsonValue:
    """Return the schema that a request asks its answer to meet; None where it asks for none."""
    wanted = body.get("response_format")
    if not isinstance(wanted, dict):
        return None
    if wanted.get("type") == "json_object":
        return dict(_ANY_OBJECT)
    named = wanted.get("json_schema")
    return named.get("schema") if isinstance(named, dict) else None


def _tools(body: JsonObject) -> dict[str, JsonObject]:
    """Return the functions that a request offers, by name."""
    offered = body.get("tools")
    functions = [
        tool.get("function", tool)
        for tool in (offered if isinstance(offered, list) else [])
        if isinstance(tool, dict)
    ]
    # The older form of the same API.
    older = body.get("functions")
    functions.extend(older if isinstance(older, list) else [])
    return {
        name: function
        for function in functions
        if isinstance(function, dict) and isinstance(name := function.get("name"), str)
    }


def _parameters(tool: JsonObject) -> JsonValue:
    """Return the schema of a tool's arguments; a tool without one takes any object."""
    parameters = tool.get("parameters")
    return dict(_ANY_OBJECT) if parameters is None else parameters

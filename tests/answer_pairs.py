"""Pairs of answers for the tests of scorers."""

from parity_eval.records import (
    Finish,
    JsonObject,
    ModelName,
    Pair,
    Request,
    RequestId,
    Response,
    ToolCall,
)

BASELINE = ModelName("big")
CANDIDATE = ModelName("small")


def text(value: str, finish: Finish = Finish.STOP) -> Response:
    return Response(text=value, finish=finish)


def calls(*named: tuple[str, str], beside: str = "") -> Response:
    made = tuple(ToolCall(name=name, arguments=arguments) for name, arguments in named)
    return Response(text=beside, tool_calls=made, finish=Finish.TOOL_CALLS)


def pair(
    baseline: Response | str, candidate: Response | str, body: JsonObject | None = None
) -> Pair:
    return Pair(
        request=Request(id=RequestId("r1"), body=body or {"messages": []}),
        baseline=text(baseline) if isinstance(baseline, str) else baseline,
        candidate=text(candidate) if isinstance(candidate, str) else candidate,
        baseline_name=BASELINE,
        candidate_name=CANDIDATE,
    )

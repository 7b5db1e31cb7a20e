"""The log and the recordings: requests, answers, usage, latency, timestamps."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tidebox.answers import MANNERS, Answer, right_answer, wrong_answer
from tidebox.cases import Case, Json, Writer
from tidebox.draw import Draw, shares, stream
from tidebox.plan import ATLAS_LARGE, BASELINE, SECOND, Model, Plan
from tidebox.texts_shop import SHOP_NAMES

FIRST_DAY = datetime(2026, 10, 19, tzinfo=UTC)
WEEKS = 4
DAY_WEIGHTS = (1.3, 1.2, 1.1, 1.05, 1.0, 0.5, 0.4)
HOUR_WEIGHTS = (
    0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.5, 1.0, 1.8, 2.4, 2.6, 2.4,
    1.8, 2.0, 2.3, 2.2, 1.9, 1.5, 1.3, 1.4, 1.3, 0.9, 0.5, 0.2,
)  # fmt: skip

CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One logged call."""

    id: str
    """Id in every file."""
    writer: Writer
    """The task that it belongs to."""
    shop: str
    """The shop that sent it."""
    case: Case
    """What was asked, and what is right."""
    answer: Answer
    """The baseline's answer."""

    @property
    def body(self) -> Json:
        """The chat-completions body."""
        body: Json = {
            "model": BASELINE,
            "messages": [
                {"role": "system", "content": self.writer.system},
                {"role": "user", "content": self.case.prompt},
            ],
            "temperature": self.writer.temperature,
            "max_tokens": self.writer.max_tokens,
        }
        if self.writer.response_format is not None:
            body["response_format"] = self.writer.response_format
        return body

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the two messages."""
        return tokens(self.writer.system + self.case.prompt)


def tokens(text: str) -> int:
    """Count tokens by the rule of this data set: one per four characters, rounded up.

    Args:
        text: A prompt or an answer.

    Returns:
        The number of tokens; 0 for an empty text.
    """
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def write_requests(plan: Plan, writer: Writer) -> list[Request]:
    """Write the requests of one task, all different, with the baseline's answers.

    Args:
        plan: What is planted.
        writer: The task.

    Returns:
        The requests in the order of their ids.
    """
    draw = stream(plan.seed, writer.task, "cases")
    seen: set[str] = set()
    requests: list[Request] = []
    while len(requests) < plan.requests:
        shop = draw.pick(SHOP_NAMES)
        case = writer.write(draw, shop)
        if case.prompt in seen:
            continue
        seen.add(case.prompt)
        name = f"{writer.prefix}-{len(requests) + 1:04d}"
        own = stream(plan.seed, writer.task, BASELINE, name)
        answer = right_answer(case.content, MANNERS[BASELINE], own)
        requests.append(Request(id=name, writer=writer, shop=shop, case=case, answer=answer))
    return requests


def replay(plan: Plan, writer: Writer, requests: list[Request], model: str) -> list[Answer]:
    """Let a model answer the requests of one task, right at its planted rate.

    Which answers are right depends on seed, task, model and rate alone; a higher rate only turns
    wrong answers into right ones.

    Args:
        plan: What is planted.
        writer: The task.
        requests: Its requests.
        model: Name of a candidate, or of the baseline's second sample.

    Returns:
        One answer per request.
    """
    manner = MANNERS[BASELINE if model == SECOND else model]
    rate = planted_rate(plan, writer.task, model)
    answers = []
    luck = shares(plan.seed, len(requests), writer.task, model, "parity")
    for request, share in zip(requests, luck, strict=True):
        draw = stream(plan.seed, writer.task, model, request.id)
        write = right_answer if share < rate else wrong_answer
        answers.append(write(request.case.content, manner, draw))
    return answers


def planted_rate(plan: Plan, task: str, model: str) -> float:
    """Look up the planted rate of a candidate or of the baseline's second sample.

    Args:
        plan: What is planted.
        task: Name of the task.
        model: Name of the model.

    Returns:
        The rate, in [0, 1].
    """
    if model == SECOND:
        return plan.floors.get(task, 1.0)
    return plan.rates[task][model]


def log_line(plan: Plan, request: Request) -> Json:
    """Dress a request as a line of the log.

    Args:
        plan: What is planted.
        request: The request.

    Returns:
        The line.
    """
    draw = stream(plan.seed, request.writer.task, "meta", request.id)
    return {
        "id": request.id,
        "task": request.writer.task,
        "timestamp": _timestamp(draw).isoformat().replace("+00:00", "Z"),
        "user": request.shop.lower().replace(" ", "-"),
        "session": f"s{draw.number(0, 16**8 - 1):08x}",
        "request": request.body,
        "response": _completion(BASELINE, request, request.answer),
        "latency_s": _latency(ATLAS_LARGE, request.answer, draw),
        "metadata": {"kind": request.writer.kind, "shop": request.shop},
    }


def recording_line(plan: Plan, request: Request, model: Model, answer: Answer, file: str) -> Json:
    """Dress an answer as a line of a recording.

    Args:
        plan: What is planted.
        request: The request.
        model: The model that answered.
        answer: Its answer.
        file: Name of the recording.

    Returns:
        The line.
    """
    draw = stream(plan.seed, request.writer.task, "latency", file, request.id)
    return {
        "id": request.id,
        "response": _completion(model.name, request, answer),
        "latency_s": _latency(model, answer, draw),
    }


def _completion(name: str, request: Request, answer: Answer) -> Json:
    spent = tokens(answer.text)
    return {
        "object": "chat.completion",
        "model": name,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": answer.text},
                "finish_reason": answer.finish_reason,
            }
        ],
        "usage": {
            "prompt_tokens": request.prompt_tokens,
            "completion_tokens": spent,
            "total_tokens": request.prompt_tokens + spent,
        },
    }


def _latency(model: Model, answer: Answer, draw: Draw) -> float:
    seconds = model.start_s + tokens(answer.text) / model.tokens_per_s
    return round(seconds * (0.8 + 0.5 * draw.share()), 2)


def _timestamp(draw: Draw) -> datetime:
    week = draw.number(0, WEEKS - 1)
    day = draw.weighted(tuple(enumerate(DAY_WEIGHTS)))
    hour = draw.weighted(tuple(enumerate(HOUR_WEIGHTS)))
    second = draw.number(0, 3599)
    return FIRST_DAY + timedelta(weeks=week, days=day, hours=hour, seconds=second)

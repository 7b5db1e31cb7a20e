"""Tables of labels: a human's (or another system's) verdict on a response or a pair."""

from dataclasses import dataclass

import msgspec

from parity_eval import codec
from parity_eval.errors import InputError
from parity_eval.lines import expand, read_lines
from parity_eval.records import JsonValue, ModelName, RequestId
from parity_eval.study import LabelSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Quality in [0, 1] by request and model."""

    path: str
    quality: dict[tuple[str, str], float]
    is_preference: bool = False
    """Whether the values say how a pair with the baseline came out: win 1, tie 0.5, loss 0."""

    @property
    def models(self) -> frozenset[str]:
        """Names of the models that have labels."""
        return frozenset(model for _, model in self.quality)

    def get(self, request: RequestId, model: ModelName) -> float | None:
        """Return the quality of a model's response to a request; None where nobody labelled it."""
        return self.quality.get((request, model))

    def covers(self, requests: list[RequestId], model: ModelName) -> bool:
        """Return whether every request has a label for a model."""
        return all((request, model) in self.quality for request in requests)


def load(spec: LabelSpec) -> Labels:
    """Read a table of labels: lines `{"id", "model", "label"}`.

    Raises:
        InputError: names file, line and what to do.
    """
    quality: dict[tuple[str, str], float] = {}
    for path in expand(spec.path, "a table of labels"):
        for number, line in read_lines(path):
            where = f"{path}:{number}"
            row = _row(line, where)
            key = (str(row["id"]), str(row["model"]))
            value = _quality(row.get(spec.column), spec, where)
            _keep(quality, key, value, where)
    if not quality:
        raise InputError(f"{spec.path}: holds no labels")
    return Labels(path=spec.path, quality=quality)


def load_verdicts(spec: LabelSpec, baseline: ModelName) -> Labels:
    """Read human verdicts on pairs with the baseline.

    Lines are `{"id", "model", "label"}`, the label saying whether the model's answer is at parity
    (or how it fares), or `{"id", "model_a", "model_b", "label"}`, the label naming the better one:
    `model_a`, `model_b` or `tie`.

    Args:
        spec: Where they are.
        baseline: Name of the baseline; pairs without it are passed over.

    Raises:
        InputError: names file, line and what to do.
    """
    quality: dict[tuple[str, str], float] = {}
    for path in expand(spec.path, "a table of human verdicts"):
        for number, line in read_lines(path):
            where = f"{path}:{number}"
            row = _object(line, where)
            if "model_a" not in row:
                return load(spec)
            names = (str(row["model_a"]), str(row.get("model_b")))
            if baseline in names:
                model = names[1 - names.index(baseline)]
                value = _points(row.get(spec.column), ("model_a", "model_b")[names.index(baseline)])
                if value is None:
                    raise InputError(
                        f"{where}: field {spec.column!r} is {row.get(spec.column)!r}; 'model_a', "
                        "'model_b' or 'tie' was expected (another field? set `column`)"
                    )
                _keep(quality, (str(row["id"]), model), value, where)
    if not quality:
        raise InputError(f"{spec.path}: holds no verdict on a pair with the baseline {baseline!r}")
    return Labels(path=spec.path, quality=quality, is_preference=True)


def _points(label: JsonValue, lost: str) -> float | None:
    """Return the points of the answer that is not the baseline's."""
    if label not in ("model_a", "model_b", "tie"):
        return None
    return 0.5 if label == "tie" else float(label != lost)


def _keep(
    quality: dict[tuple[str, str], float], key: tuple[str, str], value: float, where: str
) -> None:
    if quality.setdefault(key, value) != value:
        raise InputError(
            f"{where}: a second, different label for id {key[0]!r}, model {key[1]!r}; keep one"
        )


def _object(line: bytes, where: str) -> dict[str, JsonValue]:
    try:
        row = codec.parse(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{where}: not JSON: {error}") from error
    if not isinstance(row, dict) or "id" not in row:
        raise InputError(f"{where}: an object with `id`, `model` and a label was expected")
    return row


def _row(line: bytes, where: str) -> dict[str, JsonValue]:
    row = _object(line, where)
    if "model" not in row:
        raise InputError(f"{where}: an object with `id`, `model` and a label was expected")
    for name in ("id", "model"):
        value = row[name]
        if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
            raise InputError(f"{where}: field {name!r} is {value!r}; a text was expected")
    return row


def _quality(label: JsonValue, spec: LabelSpec, where: str) -> float:
    if isinstance(label, str):
        if label in spec.values:
            return spec.values[label]
        known = ", ".join(map(repr, spec.values)) or "none"
        raise InputError(f"{where}: label {label!r} has no value; `labels.values` knows: {known}")
    if isinstance(label, (bool, int, float)) and 0 <= label <= 1:
        return float(label)
    raise InputError(
        f"{where}: field {spec.column!r} is {label!r}; a number in [0, 1], true, false, or a text "
        "that `labels.values` maps was expected (another field? set `labels.column`)"
    )

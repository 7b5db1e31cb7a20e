"""Tables of labels: a human's (or another system's) verdict on a response, by id and model."""

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
            if quality.setdefault(key, value) != value:
                raise InputError(
                    f"{where}: a second, different label for id {key[0]!r}, model {key[1]!r}; "
                    "keep one"
                )
    if not quality:
        raise InputError(f"{spec.path}: holds no labels")
    return Labels(path=spec.path, quality=quality)


def _row(line: bytes, where: str) -> dict[str, JsonValue]:
    try:
        row = codec.parse(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{where}: not JSON: {error}") from error
    if not isinstance(row, dict) or not {"id", "model"} <= row.keys():
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

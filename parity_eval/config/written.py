"""The way back: a study, as its journal holds it, to the configuration that describes it."""

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from parity_eval.config.shape import (
    VERSION,
    CandidatePart,
    GatePart,
    JudgeLabelsPart,
    JudgePart,
    LabelsPart,
    LogPart,
    ModelPart,
    Part,
    PrivacyPart,
    SecondPart,
    TaskPart,
    TestPart,
)

_AS_GIVEN = frozenset({"params", "match", "values", "where"})
"""Keys whose values are the user's own, nulls included."""
_APART = frozenset({"gates", "labels", "second"})
"""Keys that a study and a configuration spell in different ways."""


def as_config(study: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration that a study was made from; what it left out is left out again.

    What says how a run is carried out (budget, concurrency, output folder) is not part of it.

    Args:
        study: A study as plain JSON; its paths are kept as they are.

    Returns:
        A configuration that `config.build` reads as the same study.
    """
    run = study["run"]
    found: dict[str, Any] = {
        "version": VERSION,
        "name": study["name"],
        "log": _given(study["log"], LogPart),
        "baseline": _baseline(study["baseline"]),
        "candidates": [_given(spec, CandidatePart) for spec in study["candidates"]],
    }
    if study["judge"]:
        found["judge"] = _judge(study["judge"])
    if study["labels"]:
        found["labels"] = _given(study["labels"], LabelsPart)
    found["test"] = _given(study["test"], TestPart)
    if privacy := _given(study.get("privacy", {}), PrivacyPart):
        found["privacy"] = privacy
    found["missing"] = run["missing"]
    found["recordings"] = run["recordings"]
    found["tasks"] = {task["name"]: _task(task) for task in study["tasks"]}
    return found


def as_text(config: Mapping[str, Any]) -> str:
    """Return a configuration as YAML that this program reads back as it was."""
    return yaml.dump(dict(config), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """Quotes every text that could be taken for a number: our reader knows more of them."""


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if re.match(r"[-+.]*\d", text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _quoted)


def _given(plain: Mapping[str, Any], part: type[Part]) -> dict[str, Any]:
    """Return the values that a part of a configuration knows and that are not its defaults."""
    found = {}
    for key, info in part.model_fields.items():
        if key in plain and key not in _APART:
            value = list(plain[key]) if isinstance(plain[key], tuple) else plain[key]
            default = info.get_default(call_default_factory=True, validated_data={})
            given = value if key in _AS_GIVEN else _without_nulls(value)
            if key == "price":
                given = _price(value)
            if value != default and given != {}:
                found[key] = given
    return found


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(value, dict):
        return value
    return {key: item for key, item in value.items() if item is not None}


def _price(price: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a price without what it does not say, in the prices within it too."""
    if isinstance(price, dict):
        return {key: _price(item) for key, item in price.items() if item not in (None, [])}
    return [_price(item) for item in price] if isinstance(price, list) else price


def _baseline(baseline: Mapping[str, Any]) -> dict[str, Any]:
    found = {**_given(baseline["spec"], ModelPart), "source": baseline["source"]}
    if baseline["second"]:
        found["second"] = _given(baseline["second"], SecondPart)
        if baseline["second_share"] is not None:
            found["second"]["share"] = baseline["second_share"]
    return found


def _judge(judge: Mapping[str, Any]) -> dict[str, Any]:
    found = {**_given(judge["spec"], ModelPart), **_given(judge, JudgePart)}
    if judge["labels"]:
        share = {"share": judge["label_share"]}
        found["labels"] = {**_given(judge["labels"], JudgeLabelsPart), **share}
    return found


def _task(task: Mapping[str, Any]) -> dict[str, Any]:
    found = _given(task, TaskPart)
    if task["schema"]:
        found["schema"] = json.loads(task["schema"])
    if task["rule"]:
        scorers = {scorer["key"]: scorer for scorer in task["scorers"]}
        found["parity"] = _rule(task["rule"], scorers)
    if task["gates"]:
        found["gates"] = {gate["name"]: _given(gate, GatePart) for gate in task["gates"]}
    return found


def _rule(rule: Mapping[str, Any], scorers: Mapping[str, Mapping[str, Any]]) -> Any:  # noqa: ANN401 - YAML
    match rule["op"]:
        case "ask":
            scorer = scorers[rule["scorer"]]
            settings = scorer["settings"]
            return {scorer["scorer"]: settings} if settings else scorer["scorer"]
        case "not":
            return {"not": _rule(rule["rule"], scorers)}
        case both:
            return {both: [_rule(part, scorers) for part in rule["rules"]]}
